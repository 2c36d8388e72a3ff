"""Weights to start from: matched by the names of channels and tasks, or refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch

from paintassay.core.errors import InputError
from paintassay.models._registry import build_model, model_module, model_names
from paintassay.training.initial_weights import InitialWeights, load_initial_weights
from paintassay.training.published import (
    COMMENT_ASSAYS,
    PUBLISHED_CHANNELS,
    THRESHOLD_COLUMNS,
    published_tasks,
)
from paintassay.training.weights import TrainedModel, save_trained

TASKS = ["A|comment", "B|comment", "C|pchembl>=5.5", "D|comment"]
CHANNELS = ["DNA", "RNA", "ER"]
SIZES = {"mcnn": 128, "milnet": 135, "fnn": None}
OTHER_ORDER = [2, 0, 1]


def describe(name, tasks=TASKS, channels=CHANNELS, **changes):
    size = SIZES.get(name, 64)
    trained = TrainedModel(
        model=name,
        options={},
        input=model_module(name).INPUT,
        channels=channels,
        tasks=tasks,
        height=size,
        width=size,
        crop_size=size if name == "sccnn" else None,
        standardise="wells" if name == "fnn" else None,
        split=1,
        replicate=1,
        settings={},
        weights=None,
        replace_outputs=False,
        code={},
        data="",
    )
    return replace(trained, **changes)


def make(trained, seed):
    torch.manual_seed(seed)
    sizes = (len(trained.channels), len(trained.tasks), trained.height, trained.width)
    return build_model(trained.model, *sizes, **trained.options).eval()


def assays_of(tasks, numbers=None):
    assays = pd.DataFrame({"TASK": tasks, "KIND": [task.split("|")[1] for task in tasks]})
    return assays.assign(ASSAY_ID=pd.Series(numbers or [None] * len(tasks), dtype="Int64"))


def load(trained, epochs=0, model=None, **given):
    """Load weights into a fresh model; the model and what was said."""
    model = model or make(trained, 2)
    weights = InitialWeights(**given)
    return model, load_initial_weights(model, trained, weights, assays_of(trained.tasks), epochs)


@pytest.fixture
def file(tmp_path):
    """Save a model with its description, or without."""

    def save(trained, own=True):
        path = tmp_path / f"{trained.model}.safetensors"
        model = make(trained, 1)
        if own:
            save_trained(model, trained, path)
        else:
            safetensors.torch.save_file(model.state_dict(), path)
        return path, model

    return save


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("name", model_names())
def test_channels_and_tasks_are_matched_by_name(file, name, own):
    trained = describe(name)
    path, before = file(trained, own)
    channels = [CHANNELS[place] for place in OTHER_ORDER]
    now = describe(name, TASKS[::-1], channels)
    names = {} if own else {"channels": CHANNELS, "tasks": TASKS}
    after, notes = load(now, path=path, **names)
    samples = torch.randn(2, *trained.sample_shape, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        expected = before(samples)[:, [3, 2, 1, 0]]
        found = after(samples[:, OTHER_ORDER])
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        # The test sees a wrong order, too.
        assert not torch.allclose(after(samples), expected, rtol=1e-4, atol=1e-5)
    kind = "features" if name == "fnn" else "channels"
    assert notes == [
        f"The {what} of the weights were put into the order of the data."
        for what in (kind, "tasks")
    ]
    # In the same order nothing is said.
    assert load(trained, path=path, **names)[1] == []


def test_tasks_that_the_data_lack_are_left_out(file):
    path, before = file(describe("gapnet"))
    after, notes = load(describe("gapnet", [TASKS[2], TASKS[0]]), path=path)
    samples = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(after(samples), before(samples)[:, [2, 0]])
    assert notes == [
        "The tasks of the weights were put into the order of the data, and 2 of them left out."
    ]
    # Each output of MIL-Net is a sum over all tasks.
    path, _ = file(describe("milnet"))
    with pytest.raises(InputError, match="has 2 tasks that the data lack, and classifier.weight"):
        load(describe("milnet", TASKS[:2]), path=path)


WRONG = {
    "other assays of the same number": (
        {"tasks": [*TASKS[:3], "E|comment"]},
        r"compared with its tasks, 1 tasks are missing \(D\|comment\) and 1 tasks are new "
        r"\(E\|comment\)\nHint: set models.gapnet.replace_outputs to true",
    ),
    "a channel that it did not see": (
        {"channels": ["DNA", "RNA", "AGP"]},
        r"1 channels are missing \(ER\) and 1 channels are new \(AGP\)",
    ),
    "options": ({"options": {"dropout": 0.25}}, "was trained with a dropout of 0.0, which is now"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_refused(file, case):
    changes, message = WRONG[case]
    path, _ = file(describe("gapnet"))
    now = describe("gapnet", **changes)
    model = make(now, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(InputError, match=message) as caught:
        load(now, model=model, path=path)
    assert caught.value.where == str(path)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_what_changes_nothing_in_the_tensors_is_refused_too(file):
    cells = describe("sccnn")
    path, _ = file(cells)
    with pytest.raises(InputError, match=r"sccnn.crop_size: 64, which is now 48\nHint: set model"):
        load(replace(cells, crop_size=48, height=48, width=48), path=path)
    # Its tensors have the same names and shapes.
    with pytest.raises(InputError, match=r"is a sccnn and not a gapnet\nHint: name it in models"):
        load(describe("gapnet"), path=path)
    features = describe("fnn")
    path, _ = file(features)
    with pytest.raises(InputError, match="profiles.standardise: wells, which is now features"):
        load(replace(features, standardise="features"), path=path)
    views = describe("resnet")
    path, _ = file(views)
    with pytest.raises(InputError, match="was trained with a window of 7, which is now 1"):
        load(replace(views, options={"window": 1}), path=path)
    _, notes = load(replace(views, options={"window": 1}, split=2), epochs=1, path=path)
    assert "window of 7, which is now 1" in notes[0] and "test part of split 2" in notes[1]


def test_a_damaged_file_of_ours_is_refused(file):
    path, _ = file(describe("gapnet"))
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="its content does not fit its checksum"):
        load(describe("gapnet"), path=path)


def test_a_file_of_others_needs_its_names(file):
    trained = describe("gapnet")
    path, _ = file(trained, own=False)
    cases = {
        "models.gapnet.weights_channels and models.gapnet.weights_tasks": {},
        "file: models.gapnet.weights_tasks$": {"channels": CHANNELS},
        "file: models.gapnet.weights_channels$": {"tasks": TASKS},
    }
    for message, given in cases.items():
        with pytest.raises(InputError, match=f"does not say the order(.|\n)*{message}"):
            load(trained, path=path, **given)
    with pytest.raises(InputError, match=r"axis 0 does not fit 5 tasks"):
        load(trained, path=path, channels=CHANNELS, tasks=[*TASKS, "E|comment"])
    with pytest.raises(InputError, match=r"has two channels with the name DNA"):
        load(trained, path=path, channels=["DNA", "DNA", "ER"], tasks=TASKS)
    # A new output layer has no tasks before.
    load(trained, 1, path=path, channels=CHANNELS, replace_outputs=True)
    with pytest.raises(InputError, match="replace_outputs: is true, but epochs is 0"):
        load(trained, 0, path=path, channels=CHANNELS, replace_outputs=True)


def test_what_a_file_of_ours_says_cannot_be_overruled(file):
    path, _ = file(describe("gapnet"))
    with pytest.raises(InputError, match=r"weights_channels: compared(.|\n)*another order"):
        load(describe("gapnet"), path=path, channels=CHANNELS[::-1])


def test_the_published_gapnet_is_known(tmp_path):
    """Channels after Hofmarcher et al. 2019, tasks by ChEMBL's assay_id."""
    published = describe("gapnet", [f"{number}|x" for number in range(209)], PUBLISHED_CHANNELS)
    before = make(published, 1)
    path = tmp_path / "gapnet.pth.tar"
    state = {f"module.{name}": value for name, value in before.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, path)
    # The 179th comment column and the first one; in the demo's ChEMBL they would have other names.
    tasks, numbers = ["CHEMBL9|comment", "CHEMBL1|comment"], [COMMENT_ASSAYS[-1], COMMENT_ASSAYS[0]]
    now = describe("gapnet", tasks, PUBLISHED_CHANNELS[::-1])
    model, weights = make(now, 2), InitialWeights(path)
    notes = load_initial_weights(model, now, weights, assays_of(tasks, numbers), 0)
    assert "taken for the authors' GapNet" in notes[0] and len(notes) == 3
    samples = torch.randn(2, 5, 64, 64)
    with torch.inference_mode():
        expected = before(samples)[:, [208, 30]]
        torch.testing.assert_close(model(samples.flip(1)), expected, rtol=1e-4, atol=1e-5)
    # A threshold at a published assay is another task, and so is an assay without a number.
    for other, number in (("CHEMBL1|pchembl>=5.5", COMMENT_ASSAYS[0]), ("CHEMBL1|comment", None)):
        now = describe("gapnet", [other], PUBLISHED_CHANNELS)
        with pytest.raises(InputError, match="1 tasks are new .*\nHint: its outputs are found by"):
            load_initial_weights(
                make(now, 2), now, weights, assays_of([other], [number] if number else None), 0
            )


def test_the_published_columns_are_those_of_the_matrix(shared_data):
    column_assays = pd.read_csv(shared_data / "hti-cnn" / "column-assay-index.csv")["ASSAY_ID"]
    assert THRESHOLD_COLUMNS + len(COMMENT_ASSAYS) == len(column_assays) == 209
    assert column_assays[THRESHOLD_COLUMNS:].tolist() == COMMENT_ASSAYS
    assays = assays_of(["X|comment"], [int(column_assays[40])])
    assert np.flatnonzero(np.array(published_tasks(assays)) == "X|comment").tolist() == [40]
