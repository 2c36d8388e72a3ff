"""Trained models as files: weights with everything that is needed to use them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from paintassay.core.errors import InputError
from paintassay.core.files import PathLike, atomic_path
from paintassay.models._registry import build_model

KEY = "paintassay"
_AGAIN = "the file is damaged: train the model again, or copy the file again"


@dataclass(frozen=True)
class TrainedModel:
    """What a trained model is and what it comes from: the metadata of its weights.

    Attributes
    ----------
    model : str
        Name of the model.
    options : dict
        Arguments of its ``build``.
    input : {"views", "cells", "features"}
        What a sample is.
    channels : list of str
        Names of the channels, or of the features, in the order of a sample.
    tasks : list of str
        Columns of the label matrix, in the order of the outputs.
    height, width : int or None
        Of a sample in pixels; None for features.
    crop_size : int or None
        Side of the crops around cells; None where samples are no crops.
    standardise : str or None
        As for `training.samples.feature_samples`; None where samples are no features.
    split, replicate : int
        From 1.
    settings : dict
        The fields of `Settings` that decide the result.
    weights : str or None
        SHA-256 of the weights that it started from.
    replace_outputs : bool
        Whether its output layer started anew.
    code : dict
        Digests of the code by name.
    data : str
        Digest of the data set.
    epoch : int
        The epoch whose weights were kept; 0 if there was none.
    """

    model: str
    options: Mapping[str, float]
    input: str
    channels: Sequence[str]
    tasks: Sequence[str]
    height: int | None
    width: int | None
    crop_size: int | None
    standardise: str | None
    split: int
    replicate: int
    settings: Mapping[str, float | str]
    weights: str | None
    replace_outputs: bool
    code: Mapping[str, str]
    data: str
    epoch: int = 0

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: (channels, height, width), or (features,)."""
        if self.height is None or self.width is None:
            return (len(self.channels),)
        return (len(self.channels), self.height, self.width)


FIELDS = [field.name for field in fields(TrainedModel)]


def save_trained(model: torch.nn.Module, trained: TrainedModel, path: PathLike) -> None:
    """Write a model's weights and what they are, as safetensors: the same bytes for the same.

    Parameters
    ----------
    model : torch.nn.Module
        From `models.build_model`.
    trained : TrainedModel
    path : str or Path
        The file's own metadata has `trained` as JSON under "paintassay", and a SHA-256 of it and
        of the weights.
    """
    tensors = {name: value.cpu().contiguous() for name, value in model.state_dict().items()}
    metadata = asdict(trained)
    metadata["sha256"] = _digest_content(metadata, tensors)
    # A single entry: the library writes several in random order.
    text = {KEY: json.dumps(metadata, sort_keys=True)}
    with atomic_path(path) as temporary:
        safetensors.torch.save_file(tensors, temporary, metadata=text)


def load_trained(path: PathLike) -> tuple[torch.nn.Module, TrainedModel]:
    """Rebuild a trained model from its file.

    Parameters
    ----------
    path : str or Path
        As `save_trained` wrote it.

    Returns
    -------
    model : torch.nn.Module
        On the CPU, in evaluation mode.
    trained : TrainedModel
        As given to `save_trained`.

    Raises
    ------
    InputError
        The file cannot be read, is damaged, or is not of this workflow.
    """
    trained, tensors = read_trained(path)
    model = build_model(
        trained.model,
        len(trained.channels),
        len(trained.tasks),
        trained.height,
        trained.width,
        **trained.options,
    )
    model.load_state_dict(tensors)
    return model.eval(), trained


def read_trained(path: PathLike) -> tuple[TrainedModel, dict[str, torch.Tensor]]:
    """Read what a trained model is, and its tensors.

    Parameters
    ----------
    path : str or Path
        As `save_trained` wrote it.

    Returns
    -------
    trained : TrainedModel
        As given to `save_trained`.
    tensors : dict of str to torch.Tensor

    Raises
    ------
    InputError
        As `load_trained`.
    """
    metadata, tensors = _read_file(Path(path))
    if metadata.pop("sha256") != _digest_content(metadata, tensors):
        raise InputError(path, "its content does not fit its checksum", _AGAIN)
    return TrainedModel(**{name: metadata[name] for name in FIELDS}), tensors


def is_trained(path: PathLike) -> bool:
    """Whether a file says that it is a trained model of this workflow."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        # No such file, or another one: who reads it says so.
        return False


def _read_file(path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
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
    missing = [name for name in (*FIELDS, "sha256") if name not in metadata]
    if missing:
        raise InputError(
            path,
            f"does not say how its model is built: {', '.join(missing)} missing",
            "give a weights.safetensors of this workflow",
        )
    return metadata, tensors


def _digest_content(metadata: Mapping[str, object], tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.cpu().numpy().data)
    return digest.hexdigest()
