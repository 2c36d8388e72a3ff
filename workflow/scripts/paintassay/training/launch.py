"""Call a function on several devices, in one process for each, by PyTorch's own launcher."""

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
import types
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import QueueHandler, QueueListener
from multiprocessing.queues import Queue, SimpleQueue

import torch
from torch import distributed
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from paintassay.core.errors import InputError
from paintassay.core.jobs import end_with_parent
from paintassay.training.state import TERMINATED

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def run_on_devices(
    function: Callable[..., None], devices: Sequence[torch.device], *arguments: object
) -> None:
    """Call a function in a process for each device, joined by torch.distributed.

    What the first process logs, and the warnings of the others, appear in the log of this one.

    Parameters
    ----------
    function : callable
        ``function(device, rank, world, *arguments)``, at the top level of a module. On CPU
        tensors, torch.distributed uses gloo, on those of GPUs NCCL.
    devices : list of torch.device
        All of one type.
    *arguments
        What can be pickled.

    Raises
    ------
    InputError
        The one that a process raised.
    SystemExit
        A signal ended this process and was handed on to the others, or a signal ended those.
    RuntimeError
        A process failed otherwise; the message has its traceback.
    """
    context = multiprocessing.get_context("spawn")
    records, errors = context.Queue(), context.SimpleQueue()
    listener = QueueListener(records, _Relay())
    listener.start()
    try:
        with tempfile.TemporaryDirectory() as folder, _signals_restored(), _main_hidden():
            config = LaunchConfig(
                min_nodes=1,
                max_nodes=1,
                nproc_per_node=len(devices),
                run_id=uuid.uuid4().hex,
                rdzv_backend="c10d",
                rdzv_endpoint="localhost:0",
                local_addr="localhost",
                max_restarts=0,
                start_method="spawn",
                logs_specs=DefaultLogsSpecs(log_dir=folder),
            )
            names = [str(device) for device in devices]
            elastic_launch(config, _run_worker)(function, names, records, errors, arguments)
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from error
    except ChildFailedError as error:
        # The first is the cause; the others may only have missed the one that failed.
        first = None if errors.empty() else errors.get()
        if isinstance(first, InputError):
            raise first from error
        rank, failure = error.get_first_failure()
        if failure.exitcode == TERMINATED:
            raise SystemExit(TERMINATED) from error
        how = f"process {rank} of {len(devices)} ended with exit code {failure.exitcode}"
        raise RuntimeError(f"{how}\n{first or failure.message}") from error
    finally:
        listener.stop()


def _run_worker(
    function: Callable[..., None],
    devices: Sequence[str],
    records: Queue,
    errors: SimpleQueue,
    arguments: tuple,
) -> None:
    end_with_parent()
    rank, world = int(os.environ["RANK"]), len(devices)
    root = logging.getLogger()
    root.setLevel(logging.INFO if rank == 0 else logging.WARNING)
    root.addHandler(QueueHandler(records))
    logging.captureWarnings(True)
    device = torch.device(devices[rank])
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend)
    try:
        function(device, rank, world, *arguments)
    except Exception as error:
        errors.put(error if isinstance(error, InputError) else traceback.format_exc()[-8000:])
        raise
    # Not after an error: it would wait for processes that wait for this one.
    distributed.destroy_process_group()


class _Relay(logging.Handler):
    """Logs what another process has logged as if it had been logged here."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = logging.getLogger(record.name)
        if logger.isEnabledFor(record.levelno):
            logger.handle(record)


@contextmanager
def _signals_restored() -> Iterator[None]:
    # The launcher installs handlers and leaves them.
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextmanager
def _main_hidden() -> Iterator[None]:
    # A spawned process first runs the program's own file, and a script that calls us at its top
    # level would so start itself without end.
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
