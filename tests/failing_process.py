"""What goes wrong in one of several processes; imports little, so that they start soon."""

import os
import signal

from torch import distributed

from paintassay.core.errors import InputError


def fail(device, rank, world, how):
    """The second process fails; the first waits for it."""
    if rank == 1 and how == "input":
        raise InputError("table.csv", "has no rows", "add some")
    if rank == 1 and how == "bug":
        raise KeyError("no such thing")
    if rank == 1 and how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    distributed.barrier()
