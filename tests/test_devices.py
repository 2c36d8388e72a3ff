"""Pixels are standardised as published, and no two jobs get the same GPU."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from paintassay.core.errors import InputError
from paintassay.models._registry import build_model, model_names
from paintassay.training import gpus
from paintassay.training.gpus import autocast, choose_devices, claim_gpus, set_precision
from paintassay.training.outputs import check_outputs, keep_outputs_in_float32
from paintassay.training.standardise import standardise_pixels

SCRIPTS = Path(__file__).parents[1] / "workflow" / "scripts"
CPU = torch.device("cpu")

HOLD = """
import logging, sys
from paintassay.training import gpus
logging.basicConfig(stream=sys.stdout, level="INFO", format="%(message)s")
gpus.WAIT_SECONDS = 0.05
number, folder, names = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
print(*gpus.claim_gpus(names, number, folder), flush=True)
sys.stdin.read()
"""

# Processes that each say what they have, hold it for a moment, and are killed without letting go.
TAKE_TURNS = """
import os, sys, time
from paintassay.training import gpus
gpus.WAIT_SECONDS = 0.02
numbers, folder, names = sys.argv[1].split(","), sys.argv[2], sys.argv[3:]
for number in numbers:
    if os.fork() == 0:
        claimed = gpus.claim_gpus(names, int(number), folder)
        record = os.open(folder + "/record", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for word in "takes", "leaves":
            os.write(record, "".join(f"{word} {name}\\n" for name in claimed).encode())
            time.sleep(0.05)
        os.kill(os.getpid(), 9)
for number in numbers:
    os.wait()
"""


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_standardised_as_published(dtype):
    random = np.random.default_rng(1)
    batch = random.integers(0, 256, (3, 2, 260, 348)).astype(dtype)
    # Brighter and darker views, channels with one bright pixel, and constant ones.
    batch[1] //= 16
    batch[2] = 7
    batch[2, 0, 5, 9] = 255
    given = torch.from_numpy(batch.copy())
    found = standardise_pixels(given)
    assert found.dtype == torch.float32
    assert np.array_equal(given.numpy(), batch)
    exact = batch.astype(np.float64)
    mean = exact.mean(axis=(2, 3), keepdims=True)
    expected = (exact - mean) / (exact.std(axis=(2, 3), ddof=1, keepdims=True) + 1e-7)
    assert np.abs(found.numpy() - expected).max() < 1e-6 * np.abs(expected).max()
    assert np.abs(found.numpy() - expected)[:2].max() < 2e-6
    assert (found[2, 1] == 0).all()


@pytest.mark.parametrize("value", [0.1, 255, 1234.567, 1e6 + 1 / 3])
def test_constant_channels_become_zero(value):
    assert (standardise_pixels(torch.full((1, 1, 520, 696), value)) == 0).all()


def test_layout_and_features_stay():
    batch = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    permuted = batch.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(standardise_pixels(permuted), standardise_pixels(batch), atol=1e-6)
    features = torch.randn(4, 7)
    assert torch.equal(standardise_pixels(features), features)


def test_precision():
    with autocast(CPU, "bfloat16"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    for precision in ("float32", "tf32"):
        with autocast(CPU, precision):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_float32_on_a_gpu_is_float32():
    """PyTorch's own default rounds the factors of convolutions to TF32."""
    backends = torch.backends
    before = backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32
    try:
        for precision in ("tf32", "float32", "tf32", "bfloat16"):
            set_precision(precision)
            allowed = {backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32}
            assert allowed == {precision == "tf32"}
    finally:
        backends.cudnn.allow_tf32, backends.cuda.matmul.allow_tf32 = before


SIZES = {"mcnn": (128, 128), "milnet": (135, 135), "fnn": None}


@pytest.mark.parametrize("name", model_names())
def test_outputs_are_float32_where_layers_are_not(name):
    """Logits of bfloat16 have eight bits, so that many would be equal."""
    torch.manual_seed(1)
    size = SIZES.get(name, (64, 64))
    shape = (40,) if size is None else (5, *size)
    model = build_model(name, shape[0], 60, *(size or (None, None)))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    samples, kinds = torch.randn(4, *shape), set()
    kind = torch.nn.Linear if size is None else torch.nn.Conv2d
    first = next(module for module in model.modules() if isinstance(module, kind))
    first.register_forward_hook(lambda module, inputs, output: kinds.add(output.dtype))
    for _ in range(2):
        keep_outputs_in_float32(model)
    after = model.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(value, after[key]) for key, value in before.items())
    copied = copy.deepcopy(model)
    for training in (True, False):
        copied.train(training)
        with torch.inference_mode(), autocast(CPU, "bfloat16"):
            outputs = check_outputs(copied(samples), name)
        assert len(outputs[0].unique()) > 0.98 * outputs[0].numel()
    assert kinds == {torch.bfloat16}


def test_outputs_that_are_not_float32_are_refused():
    class HeadFirst(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.body = torch.nn.Linear(4, 2), torch.nn.Linear(4, 4)

        def forward(self, x):
            return self.head(self.body(x))

    model = HeadFirst()
    keep_outputs_in_float32(model)
    with autocast(CPU, "bfloat16"):
        outputs = model(torch.ones(3, 4))
    with pytest.raises(InputError, match=r"models.mine: its outputs are bfloat16 and not float32"):
        check_outputs(outputs, "mine")


def test_cpu_needs_no_claim(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_devices("cpu", 2) == choose_devices("auto", 2) == [CPU, CPU]
    with pytest.raises(InputError, match="training.device: is cuda, but PyTorch finds no GPU"):
        choose_devices("cuda", 1)


@pytest.fixture
def two_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda place: SimpleNamespace(uuid=f"u{place}")
    )
    monkeypatch.setattr(gpus, "private_folder", lambda: tmp_path / "locks")
    return tmp_path / "locks"


@pytest.fixture
def process():
    """Start processes; none of them outlives the test."""
    running = []

    def start(code, number, folder, *names):
        environment = os.environ | {"PYTHONPATH": str(SCRIPTS)}
        running.append(
            subprocess.Popen(
                [sys.executable, "-c", code, str(number), str(folder), *names],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_gpus_are_those_that_no_other_process_has(two_gpus, process):
    with pytest.raises(InputError, match="training.devices: is 3, but 2 GPUs are visible"):
        choose_devices("auto", 3)
    other = process(HOLD, 1, two_gpus, "gpu-u0")
    assert other.stdout.readline() == "gpu-u0\n"
    assert choose_devices("auto", 1) == [torch.device("cuda", 1)]
    # Again in this process: the same, and no waiting for itself.
    assert choose_devices("cuda", 1) == [torch.device("cuda", 1)]
    other.kill()
    other.wait()
    assert sorted(choose_devices("cuda", 2), key=str) == [torch.device("cuda", n) for n in (0, 1)]
    assert two_gpus.stat().st_mode & 0o777 == 0o700


def test_all_or_none_and_a_kill_frees(process, tmp_path, caplog, monkeypatch):
    first = process(HOLD, 1, tmp_path, "a", "b")
    assert first.stdout.readline() == "a\n"
    # Wants both, and must not keep the other one while it waits.
    greedy = process(HOLD, 2, tmp_path, "a", "b")
    assert greedy.stdout.readline() == "waiting for 2 of 2 devices; other jobs have the rest\n"
    slept = []

    def wait(seconds):
        slept.append(seconds)
        first.send_signal(signal.SIGKILL)
        first.wait()

    modest = process(HOLD, 1, tmp_path, "b")
    assert modest.stdout.readline() == "b\n"
    monkeypatch.setattr(gpus.time, "sleep", wait)
    caplog.set_level("INFO")
    greedy.kill()
    greedy.wait()
    assert claim_gpus(["a", "b"], 1, tmp_path) == ["a"]
    assert len(slept) == 1 and gpus.WAIT_SECONDS / 2 <= slept[0] <= gpus.WAIT_SECONDS * 1.5
    assert caplog.text.count("waiting for 1 of 2 devices") == 1


def test_many_processes_take_turns(process, tmp_path):
    numbers = [1, 2, 1, 3, 2, 1]
    first = process(TAKE_TURNS, ",".join(map(str, numbers)), tmp_path, "a", "b", "c")
    assert first.wait(120) == 0
    held = set()
    record = (tmp_path / "record").read_text().splitlines()
    for line in record:
        word, name = line.split()
        assert (name in held) == (word == "leaves")
        held ^= {name}
    assert len(record) == 2 * sum(numbers)
