"""Weights from files: the published layout is read, a misfit is explained, nothing is executed."""

import os
import pickle
import re
from collections import OrderedDict

import pytest
import safetensors.torch
import torch

from paintassay.core.errors import InputError
from paintassay.models._registry import build_model
from paintassay.training.authors_weights import load_weights

# Names and shapes in the published GapNet: nine 3 x 3 convolutions and a layer before them, three
# fully connected layers; written out after the authors' description, not taken from our class.
CONVOLUTIONS = {
    "block1.0": (32, 5),
    "block2.0": (64, 32),
    "block2.2": (64, 64),
    "block2.4": (64, 64),
    "block3.0": (128, 64),
    "block3.2": (128, 128),
    "block3.4": (128, 128),
    "block4.0": (256, 128),
    "block4.2": (256, 256),
    "block4.4": (256, 256),
}
OUTPUTS = ["classifier.6.weight", "classifier.6.bias"]


def published_state(tasks=209, units=1024, seed=5):
    shapes = {name: (*shape, 3, 3) for name, shape in CONVOLUTIONS.items()}
    shapes |= {
        "classifier.0": (units, 480),
        "classifier.3": (units, units),
        "classifier.6": (tasks, units),
    }
    generator = torch.Generator().manual_seed(seed)
    state = OrderedDict()
    for name, shape in shapes.items():
        state[f"{name}.weight"] = 0.03 * torch.randn(shape, generator=generator)
        state[f"{name}.bias"] = 0.03 * torch.randn(shape[:1], generator=generator)
    return state


def checkpoint(state):
    """What the authors' training writes: wrapped in DataParallel, beside other entries."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.01, momentum=0.9)
    return {
        "samples_seen": 284035,
        "epoch": 1,
        "model": "models.GAPNet",
        "state_dict": OrderedDict((f"module.{name}", value) for name, value in state.items()),
        "performance": 0.725,
        "optimizer": optimizer.state_dict(),
    }


def save_checkpoint(state, path):
    torch.save(checkpoint(state), path)


def save_old_checkpoint(state, path):
    # The authors' PyTorch of 2018 had no other format.
    torch.save(checkpoint(state), path, _use_new_zipfile_serialization=False)


def small_gapnet(tasks=4, seed=0):
    torch.manual_seed(seed)
    return build_model("gapnet", tasks=tasks, height=64, width=64, units=16).eval()


def small_state(**changes):
    return published_state(**({"tasks": 4, "units": 16} | changes))


def copied_state(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same_state(first, second):
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) for name in first
    )


@pytest.mark.parametrize(
    "save", [save_checkpoint, save_old_checkpoint, torch.save, safetensors.torch.save_file]
)
def test_published_weights_in_each_form(tmp_path, save):
    # Not told apart by the name of the file.
    path = tmp_path / "gapnet.pth.tar"
    state = published_state()
    save(state, path)
    model = build_model("gapnet").eval()
    assert load_weights(model, path) == []
    assert same_state(model.state_dict(), state)


def test_a_model_computes_as_the_one_that_was_saved(tmp_path):
    images = torch.randn(3, 5, 40, 50, generator=torch.Generator().manual_seed(1))
    for name, size in [("gapnet", {"units": 16}), ("densenet", {})]:
        torch.manual_seed(1)
        saved = build_model(name, tasks=3, height=40, width=50, **size)
        # Leaves statistics in the buffers of the batch normalisation.
        saved.train()(images)
        safetensors.torch.save_file(saved.state_dict(), tmp_path / name)
        torch.manual_seed(2)
        model = build_model(name, tasks=3, height=40, width=50, **size)
        load_weights(model, tmp_path / name)
        with torch.inference_mode():
            assert torch.equal(model.eval()(images), saved.eval()(images))


def test_half_precision_is_taken_and_overflow_refused(tmp_path):
    state = small_state()
    safetensors.torch.save_file({n: t.bfloat16() for n, t in state.items()}, tmp_path / "half")
    model = small_gapnet()
    load_weights(model, tmp_path / "half")
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}
    torch.save(
        {name: tensor.double() * 1e300 for name, tensor in state.items()}, tmp_path / "large"
    )
    with pytest.raises(InputError, match="block1.0.weight has values that are not finite"):
        load_weights(model, tmp_path / "large")


def test_other_tasks_need_a_word_and_then_start_anew(tmp_path):
    state = small_state(tasks=9)
    save_checkpoint(state, tmp_path / "weights")
    model = small_gapnet()
    fresh = copied_state(model)
    with pytest.raises(InputError) as caught:
        load_weights(model, tmp_path / "weights")
    assert str(caught.value) == (
        f"{tmp_path}/weights: does not fit gapnet: it has other shapes: "
        "classifier.6.weight (9, 16) instead of (4, 16), classifier.6.bias (9,) instead of (4,)\n"
        "Hint: the weights are for other tasks; with models.gapnet.replace_outputs: true the "
        "output layer starts anew and the rest is taken"
    )
    assert same_state(model.state_dict(), fresh)
    assert load_weights(model, tmp_path / "weights", replace_outputs=True) == OUTPUTS
    expected = state | {name: fresh[name] for name in OUTPUTS}
    assert same_state(model.state_dict(), expected)


@pytest.mark.parametrize("change", [lambda state: state, lambda state: headless(state)])
def test_outputs_start_anew_even_if_they_would_fit_or_are_absent(tmp_path, change):
    state = small_state()
    torch.save(change(state), tmp_path / "weights")
    model = small_gapnet()
    fresh = copied_state(model)
    assert load_weights(model, tmp_path / "weights", replace_outputs=True) == OUTPUTS
    assert same_state(model.state_dict(), state | {name: fresh[name] for name in OUTPUTS})


def headless(state):
    return {name: tensor for name, tensor in state.items() if name not in OUTPUTS}


def test_outputs_of_milnet_are_all_that_belongs_to_a_task(tmp_path):
    # As many tasks as the network has filters somewhere: the shapes alone could mislead.
    torch.save(build_model("milnet", tasks=128).state_dict(), tmp_path / "weights")
    model = build_model("milnet", tasks=64)
    fresh = load_weights(model, tmp_path / "weights", replace_outputs=True)
    places = ("features.22", "classifier")
    expected = {
        "thresholds",
        *(f"{place}.{kind}" for place in places for kind in ("weight", "bias")),
    }
    assert set(fresh) == expected


@pytest.mark.parametrize(
    ("change", "replace_outputs", "message"),
    [
        (
            lambda state: headless(state) | {"fc.weight": torch.ones(2), "fc.bias": torch.ones(1)},
            False,
            "does not fit gapnet: it lacks classifier.6.weight, classifier.6.bias; "
            "it has beside fc.weight, fc.bias\nHint: the weights must come from gapnet",
        ),
        (
            lambda state: small_state(units=8),
            True,
            "does not fit gapnet: it has other shapes: classifier.0.weight (8, 480) instead of "
            "(16, 480), classifier.0.bias (8,) instead of (16,), classifier.3.weight (8, 8) "
            "instead of (16, 16), classifier.3.bias (8,) instead of (16,)\n"
            "Hint: the weights must come",
        ),
        (
            lambda state: state | {"block1.0.weight": torch.ones(32, 6, 3, 3)},
            False,
            "it has other shapes: block1.0.weight (32, 6, 3, 3) instead of (32, 5, 3, 3)\n"
            "Hint: the weights must come from gapnet with the same channels",
        ),
        (
            lambda state: {f"encoder.{name}": tensor for name, tensor in state.items()},
            False,
            "block2.2.weight and 21 more; it has beside encoder.block1.0.weight, ",
        ),
        (lambda state: state | {"block2.0.bias": torch.full((64,), torch.nan)}, False, "block2.0"),
        (lambda state: {"epoch": 3, "weights": state}, False, "no state dictionary: 'epoch' is of"),
        (lambda state: {"state_dict": {}}, False, "holds no state dictionary: it is empty"),
        (lambda state: list(state.values()), False, "no state dictionary: it is of type list"),
    ],
)
def test_a_misfit_is_explained_and_changes_nothing(tmp_path, change, replace_outputs, message):
    torch.save(change(small_state()), tmp_path / "weights")
    model = small_gapnet()
    before = copied_state(model)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_weights(model, tmp_path / "weights", replace_outputs)
    assert len(str(caught.value)) < 700
    assert same_state(model.state_dict(), before)


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("new_format", [True, False])
def test_code_in_a_file_is_not_run(tmp_path, new_format):
    content = {"state_dict": small_state(), "config": Trap(tmp_path / "sprung")}
    torch.save(content, tmp_path / "trap", _use_new_zipfile_serialization=new_format)
    with pytest.raises(
        InputError, match=r"holds \w+.mkdir, which is code .* nothing of it was run"
    ):
        load_weights(small_gapnet(), tmp_path / "trap")
    (tmp_path / "pickled").write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(InputError):
        load_weights(small_gapnet(), tmp_path / "pickled")
    assert not (tmp_path / "sprung").exists()
    # The trap itself works.
    pickle.loads((tmp_path / "pickled").read_bytes())
    assert (tmp_path / "sprung").exists()


def test_a_whole_model_is_not_unpickled(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model")
    with pytest.raises(InputError, match="holds torch.nn.*Linear, which is code") as caught:
        load_weights(small_gapnet(), tmp_path / "model")
    # PyTorch's own message tells people to switch the protection off.
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("save", [torch.save, save_old_checkpoint, safetensors.torch.save_file])
@pytest.mark.parametrize("kept", [0.9, 0.01, 0.0])
def test_a_file_cut_off(tmp_path, save, kept):
    path = tmp_path / "weights"
    save(small_state(), path)
    os.truncate(path, int(path.stat().st_size * kept))
    with pytest.raises(InputError, match="is cut off|damaged.*\nHint: fetch the file again"):
        load_weights(small_gapnet(), path)


def test_no_such_file_folder_and_text(tmp_path):
    with pytest.raises(InputError, match="absent: cannot be read: No such file"):
        load_weights(small_gapnet(), tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        load_weights(small_gapnet(), tmp_path)
    for text in ("<!DOCTYPE html>", "1234567 {}", "version https://git-lfs.github.com/spec/v1\n"):
        (tmp_path / "page").write_text(text)
        with pytest.raises(InputError, match="is neither a PyTorch nor|is a damaged safetensors"):
            load_weights(small_gapnet(), tmp_path / "page")
