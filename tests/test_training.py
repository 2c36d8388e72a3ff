"""Models learn, however a batch is divided, and a training that was stopped goes on as if not."""

import json
import logging
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn
from train_tiny import CPU, SETTINGS, STEPS, Small, digest, samples_of, stripes, train_tiny, work

from paintassay.core.errors import InputError
from paintassay.metrics.measures import task_auc
from paintassay.models._registry import build_model
from paintassay.training import train
from paintassay.training.batches import epoch_batches
from paintassay.training.predict import predict
from paintassay.training.samples import LabelledSamples
from paintassay.training.settings import Settings
from paintassay.training.state import NAME, TERMINATED, termination_noted

TESTS = Path(__file__).parent
KILLED = -signal.SIGKILL
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def processes():
    """Start `work` in processes of their own; a server that imports once makes them quick."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["train_tiny"])
    paths = [str(TESTS), str(TESTS.parent / "workflow" / "scripts")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))

        def start(folder, world=1, harmed=None, **arguments):
            folder.mkdir(exist_ok=True)
            (folder / "meet").unlink(missing_ok=True)
            running = []
            for rank in range(world):
                more = arguments if harmed in (None, rank) else arguments | {"harm": None}
                process = context.Process(
                    target=work, args=(folder,), kwargs=more | {"rank": rank, "world": world}
                )
                process.start()
                running.append(process)
            for process in running:
                process.join(120)
            for process in running:
                if process.is_alive():
                    process.kill()
            return [process.exitcode for process in running]

        yield start


def outcome(folder, rank=0):
    return json.loads((folder / f"result{rank}.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(processes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert processes(folder) == [0]
    return outcome(folder)


def same(result, expected):
    return all(result[key] == expected[key] for key in ("weights", "history", "best"))


@pytest.mark.parametrize(
    ("harm", "number", "often", "exit_code", "steps_left"),
    [
        ("step", 6, False, KILLED, 2 * STEPS),
        ("step", 6, True, KILLED, 3 * STEPS - 5),
        ("save", 2, False, KILLED, 2 * STEPS),
        ("save", 7, True, KILLED, 3 * STEPS - 5),
        ("terminate", 6, False, TERMINATED, 3 * STEPS - 6),
        ("terminate", 3 * STEPS, False, TERMINATED, 0),
    ],
)
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(
    processes, undisturbed, tmp_path, harm, number, often, exit_code, steps_left
):
    assert processes(tmp_path, harm=harm, number=number, often=often) == [exit_code]
    assert processes(tmp_path) == [0]
    result = outcome(tmp_path)
    assert result["steps"] == steps_left
    assert same(result, undisturbed)
    assert [path.name for path in (tmp_path / "state").iterdir()] == [NAME]


def test_curves_have_no_point_twice(processes, tmp_path):
    board = tmp_path / "board"
    # The second point is written, but its epoch is not saved.
    assert processes(tmp_path, harm="save", number=2, report=board) == [KILLED]
    # TensorBoard reads its files in the order of the second in which they were made.
    time.sleep(1.1)
    assert processes(tmp_path, report=board) == [0]
    points = EventAccumulator(str(board)).Reload()
    for name in ("training_loss", "validation_loss", "validation_auc"):
        values = [row[name] for row in outcome(tmp_path)["history"]]
        curve = [(point.step, point.value) for point in points.Scalars(name)]
        assert curve == [(step, pytest.approx(value)) for step, value in enumerate(values, 1)]


def test_more_epochs_go_on_where_fewer_ended(processes, undisturbed, tmp_path):
    assert processes(tmp_path, epochs=1) == [0]
    assert processes(tmp_path) == [0]
    assert outcome(tmp_path)["steps"] == 2 * STEPS
    assert same(outcome(tmp_path), undisturbed)
    # A state beyond is no help, and must do no harm.
    assert processes(tmp_path, epochs=2) == [0]
    assert outcome(tmp_path)["history"] == undisturbed["history"][:2]


def test_seeds_and_other_settings(processes, undisturbed, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    assert digest(train_tiny(tmp_path)[0]) == undisturbed["weights"]
    assert "starting anew" not in caplog.text
    other, _ = train_tiny(tmp_path, fingerprint="another", seed=8)
    assert "is of other settings, code or data: starting anew" in caplog.text
    assert digest(other) != undisturbed["weights"]
    fresh, _ = train_tiny(tmp_path / "fresh", seed=8)
    assert digest(other) == digest(fresh)


@pytest.mark.parametrize("harm", ["cut off", "empty", "flipped in a weight", "flipped at the end"])
def test_a_damaged_state_is_one_clear_error(tmp_path, harm):
    train_tiny(tmp_path, epochs=1)
    path = tmp_path / "state" / NAME
    content = bytearray(path.read_bytes())
    if harm == "flipped in a weight":
        content[len(content) // 2] ^= 1
    elif harm == "flipped at the end":
        content[-1] ^= 1
    path.write_bytes({"cut off": content[:-1000], "empty": b""}.get(harm, content))
    with pytest.raises(InputError, match="the state of the training is damaged") as caught:
        train_tiny(tmp_path, epochs=1)
    assert caught.value.where == str(path)
    assert "delete it" in caught.value.hint


def weights_of(folder, rank=0):
    return torch.load(folder / f"weights{rank}.pt", weights_only=True)


def close(folder, other, tolerance):
    """Same losses of every epoch and same weights in the end."""
    for row, expected in zip(outcome(folder)["history"], outcome(other)["history"], strict=True):
        assert row["training_loss"] == pytest.approx(expected["training_loss"], rel=tolerance), (
            row,
            expected,
        )
        assert row["validation_loss"] == pytest.approx(expected["validation_loss"], rel=tolerance)
    for name, value in weights_of(folder).items():
        assert torch.allclose(value, weights_of(other)[name], atol=tolerance, rtol=tolerance), name


@pytest.mark.parametrize(
    "settings",
    [
        # 29 samples in batches of 8, 7, 7, 7.
        {},
        # Steps of one sample: the second process has none of its own.
        {"batch_size": 1, "share": 0.2},
        # Shares of 3 and 2 samples in three pieces each.
        {"micro_batch": 1, "batch_size": 5},
    ],
)
def test_two_processes_do_what_one_does(processes, tmp_path, settings):
    one, two = tmp_path / "one", tmp_path / "two"
    assert processes(one, plain=True, **settings | {"micro_batch": None}) == [0]
    assert processes(two, plain=True, world=2, **settings) == [0, 0]
    close(two, one, tolerance=1e-5)
    assert outcome(two, 1)["weights"] == outcome(two)["weights"]


def test_two_processes_stop_together_and_go_on_to_the_same_bits(processes, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert processes(one, world=2) == [0, 0]
    # Only the second gets the signal.
    stopped = processes(two, world=2, harmed=1, harm="terminate", number=6)
    assert stopped == [TERMINATED, TERMINATED]
    assert processes(two, world=2) == [0, 0]
    assert outcome(two, 1)["steps"] == 3 * STEPS - 6
    assert same(outcome(two), outcome(one))
    # Running averages, too, are those of the first.
    assert outcome(one, 1)["weights"] == outcome(one)["weights"]


def test_steps_are_those_of_the_formulas(tmp_path):
    """Logistic regression by numpy: SGD as Sutskever et al. 2013, gradient-norm clip, L2."""
    settings = {"learning_rate": 0.01, "momentum": 0.8, "weight_decay": 0.1, "gradient_norm": 6.0}
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(2 * 32 * 32, 3))
    weights = [value.detach().double().numpy().copy() for value in model.parameters()]
    training = stripes(29, seed=1)
    labels, pixels = training.labels, np.empty((29, 2, 32, 32), np.uint8)
    training.samples.read(np.arange(29), pixels)
    pixels = pixels.astype(np.float64)
    pixels -= pixels.mean((2, 3), keepdims=True)
    pixels /= pixels.std((2, 3), ddof=1, keepdims=True) + 1e-7
    velocities, norms, loss = [0.0, 0.0], [], 0.0
    for batch in epoch_batches(29, 8, SETTINGS["seed"], 1):
        x, y = pixels[batch].reshape(len(batch), -1), labels[batch].astype(np.float64)
        logits = x @ weights[0].T + weights[1]
        loss += np.log1p(np.exp(-y * logits))[y != 0].sum()
        slope = np.where(y != 0, -y / (1 + np.exp(y * logits)), 0) / np.count_nonzero(y)
        gradients = [slope.T @ x, slope.sum(0)]
        norms.append(np.sqrt(sum((gradient**2).sum() for gradient in gradients)))
        shortened = min(settings["gradient_norm"] / norms[-1], 1)
        for place, gradient in enumerate(gradients):
            gradient = shortened * gradient + settings["weight_decay"] * weights[place]
            velocities[place] = settings["momentum"] * velocities[place] + gradient
            weights[place] = weights[place] - settings["learning_rate"] * velocities[place]
    assert min(norms) < settings["gradient_norm"] < max(norms)
    _, history = train_tiny(tmp_path, model, epochs=1, **settings)
    for value, expected in zip(model.parameters(), weights, strict=True):
        assert np.abs(value.detach().numpy() - expected).max() < 1e-6
    expected = loss / np.count_nonzero(labels)
    assert history.epochs[0]["training_loss"] == pytest.approx(expected, rel=1e-6)


class Narrow(Small):
    """A model without much memory: more samples than `most` do not fit."""

    def __init__(self, most):
        super().__init__(plain=True)
        self.most = most

    def forward(self, x):
        if self.training and len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


def test_micro_batches_and_too_little_memory(tmp_path, caplog):
    whole, expected = train_tiny(tmp_path / "1", model=Narrow(8))
    pieces, history = train_tiny(tmp_path / "2", model=Narrow(2), micro_batch=2)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    halved, found = train_tiny(tmp_path / "3", model=Narrow(2))
    assert digest(halved) == digest(pieces) and found.epochs == history.epochs
    assert caplog.text.count("does not suffice for 8 samples at once, going on with 4") == 1
    assert caplog.text.count("going on with 2; to spare the attempt, set models.small.micro") == 1
    for value, other in zip(whole.parameters(), pieces.parameters(), strict=True):
        assert torch.allclose(value, other, atol=1e-5)
    assert losses(history) == pytest.approx(losses(expected), rel=1e-5)
    with pytest.raises(InputError, match="models.small.micro_batch: .* for a single sample"):
        train_tiny(tmp_path / "4", model=Narrow(0))


class Flawed(Narrow):
    """Goes wrong at one call: its loss, or only the gradient, is no number."""

    def __init__(self, at, only_gradient):
        super().__init__(8)
        self.at, self.only_gradient = at, only_gradient

    def forward(self, x):
        logits = super().forward(x)
        self.at -= self.training
        if self.at == 0 and self.training:
            wrong = (0 * logits.sum()).sqrt() if self.only_gradient else torch.nan
            logits = logits + wrong
        return logits


@pytest.mark.parametrize(
    ("at", "only_gradient", "often"),
    [(6, False, False), (2 * STEPS, True, False), (6, True, True)],
)
def test_a_loss_that_is_no_number_ends_the_training(
    tmp_path, monkeypatch, at, only_gradient, often
):
    if often:
        monkeypatch.setattr(train, "CHECK_SECONDS", 0)
        monkeypatch.setattr(train, "SAVE_SECONDS", 0)
    with pytest.raises(InputError, match="epoch 2.* not finite") as caught:
        train_tiny(tmp_path, model=Flawed(at, only_gradient))
    assert "models.small.learning_rate" in caught.value.hint
    state = torch.load(tmp_path / "state" / NAME, weights_only=True)
    assert (len(state["history"]["epochs"]), state["step"]) == (1, 1 if often else 0)
    assert all(value.isfinite().all() for value in state["model"].values())
    with pytest.raises(InputError, match="epoch 1.* not finite"):
        train_tiny(tmp_path / "anew", learning_rate=1e30)
    assert not (tmp_path / "anew" / "state" / NAME).exists() or often


def test_the_first_of_the_best_epochs_is_kept(tmp_path, monkeypatch):
    aucs = iter([0.5, 0.8, 0.8, 0.6])
    monkeypatch.setattr(train, "task_auc", lambda *_: np.array([next(aucs), np.nan]))
    model, history = train_tiny(tmp_path / "4", epochs=4)
    assert history.best["epoch"] == 2
    assert [row["evaluable_tasks"] for row in history.epochs] == [1] * 4
    aucs = iter([0.5, 0.8])
    second, _ = train_tiny(tmp_path / "2", epochs=2)
    assert digest(model) == digest(second)


def test_without_both_classes_the_lowest_loss_decides(tmp_path, caplog):
    settings = Settings(0.05, 0.9, 0.0, batch_size=8, epochs=4)
    model = Small(plain=True)
    pixels = np.zeros((2, 2, 32, 32), np.uint8)
    validation = LabelledSamples(samples_of(pixels), np.ones((2, 3), np.int8))
    process = train.Process(CPU, tmp_path, "f")
    history = train.train(model, stripes(20, seed=1), validation, settings, process)
    assert caplog.text.count("the best epoch is the one with the lowest validation loss") == 1
    lowest = min(row["validation_loss"] for row in history.epochs)
    assert history.chosen_by == "validation_loss"
    assert history.best["validation_loss"] == lowest
    assert {row["validation_auc"] for row in history.epochs} == {None}
    # -log of the probability, by hand.
    with torch.no_grad():
        probability = torch.sigmoid(model.eval()(torch.zeros(1, 2, 32, 32)).double())
    assert lowest == pytest.approx(-float(probability.log().mean()), rel=1e-5)


def losses(history):
    return [row["training_loss"] for row in history.epochs]


@pytest.mark.parametrize(
    ("settings", "layout", "kind", "tolerance"),
    [
        ({"channels_last": True}, torch.channels_last, torch.float32, 1e-5),
        ({"precision": "bfloat16"}, torch.contiguous_format, torch.bfloat16, 0.02),
    ],
)
def test_other_layout_and_precision_give_the_same_within_rounding(
    tmp_path, settings, layout, kind, tolerance
):
    _, expected = train_tiny(tmp_path / "1", Small(plain=True))
    model, seen = Small(plain=True), set()

    def look(module, inputs, output):
        seen.add((inputs[0].is_contiguous(memory_format=layout), output.dtype))

    model[0].register_forward_hook(look)
    _, history = train_tiny(tmp_path / "2", model, **settings)
    assert losses(history) == pytest.approx(losses(expected), rel=tolerance)
    assert seen == {(True, kind)}
    assert {value.dtype for value in model.state_dict().values()} == {torch.float32}


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled(tmp_path, monkeypatch):
    compiled, compile_ = [], torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: compiled.append(model) or compile_(model))
    models = [nn.Sequential(nn.Flatten(), nn.Linear(2 * 32 * 32, 3)) for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    _, expected = train_tiny(tmp_path / "1", models[0])
    assert compiled == []
    _, history = train_tiny(tmp_path / "2", models[1], compile=True)
    assert compiled == models[1:]
    assert losses(history) == pytest.approx(losses(expected), rel=1e-5)


def test_it_learns(tmp_path):
    torch.manual_seed(0)
    model = build_model("gapnet", 2, 3, 32, 32, units=16)
    _, history = train_tiny(tmp_path, model, epochs=8)
    assert history.epochs[-1]["training_loss"] < 0.6 * history.epochs[0]["training_loss"]
    test = stripes(40, seed=3)
    aucs = task_auc(test.labels, predict(model, test.samples, CPU, 8, Settings(**SETTINGS)))
    assert aucs[:2].min() > 0.9 > 0.8 > aucs[2]


def test_the_handler_before_comes_back():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with termination_noted() as noted:
            assert not noted.is_set()
            os.kill(os.getpid(), signal.SIGTERM)
            assert noted.is_set()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)
