"""Trained networks as files: weights with everything that is needed to use them."""

import hashlib
import json
from pathlib import Path

import safetensors
import safetensors.torch

from paintassay.core.errors import InputError
from paintassay.core.files import atomic_path
from paintassay.models._registry import build_model

KEY = "paintassay"
NEEDED = (
    "model",
    "options",
    "input",
    "channels",
    "tasks",
    "height",
    "width",
    "crop_size",
    "standardise",
)


def save_trained(model, metadata, path):
    """Write a model's weights and what they are, as safetensors: the same bytes for the same.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`.
    metadata : dict
        JSON-like, with `NEEDED`: model (its name), options (dict), input (views, cells or
        features), channels and tasks (names, in order), height and width of a sample (None for
        features), crop_size (None where samples are no crops), standardise (None where they are no
        features); and anything else worth keeping.
    path : str or Path
        The file's own metadata has all this as JSON under "paintassay", and a SHA-256 of it and of
        the weights.
    """
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = metadata | {"sha256": _digest(metadata, tensors)}
    # A single entry: the library writes several in random order.
    text = {KEY: json.dumps(metadata, sort_keys=True)}
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata=text)


def load_trained(path):
    """Rebuild a trained model from its file.

    Parameters
    ----------
    path : str or Path
        As `save_trained` wrote it.

    Returns
    -------
    model : torch.nn.Module
        On the CPU, in evaluation mode.
    metadata : dict
        As given to `save_trained`.

    Raises
    ------
    InputError
        The file cannot be read, is damaged, or is not of this workflow.
    """
    metadata, tensors = _read(Path(path))
    if metadata.pop("sha256") != _digest(metadata, tensors):
        raise InputError(path, "its content does not fit its checksum", _AGAIN)
    model = build_model(
        metadata["model"],
        len(metadata["channels"]),
        len(metadata["tasks"]),
        metadata["height"],
        metadata["width"],
        **metadata["options"],
    )
    model.load_state_dict(tensors)
    return model.eval(), metadata


_AGAIN = "the file is damaged: train the model again, or copy the file again"


def sample_shape(metadata):
    """Shape of one sample of a trained model: (channels, height, width), or (features,)."""
    size = (metadata["height"], metadata["width"])
    return (len(metadata["channels"]), *(() if metadata["input"] == "features" else size))


def _read(path):
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise InputError(path, f"cannot be read: {error}") from error
    except safetensors.SafetensorError as error:
        raise InputError(path, f"is no whole safetensors file: {error}", _AGAIN) from error
    try:
        metadata = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise InputError(path, f"has metadata that cannot be read: {error}", _AGAIN) from error
    missing = [name for name in (*NEEDED, "sha256") if name not in metadata]
    if missing:
        raise InputError(
            path,
            f"does not say how its model is built: {', '.join(missing)} missing",
            "give a weights.safetensors of this workflow",
        )
    return metadata, tensors


def _digest(metadata, tensors):
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().numpy())
    return digest.hexdigest()
