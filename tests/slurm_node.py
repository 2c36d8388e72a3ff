"""A SLURM of one node for the tests: real daemons, everything in a temporary folder."""

import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

# Model of the one GPU of the node, which is there in name only.
GPU_MODEL = "pretended"
PROGRAMS = ["munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "setpriv"]
# Debian keeps daemons where a user's PATH does not look.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
CONF = """
ClusterName=paintassay
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
# A requeued job waits until its credential has expired.
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
# No cgroups, which a container may not have: processes are found by their parents, and memory is
# looked at every second.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill,NoShared
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=1,batch_sched_delay=0
AccountingStorageType=accounting_storage/none
# Finished jobs can be asked for as long as a test runs.
MinJobAge=3600
MailProg=/bin/true
ReturnToService=2
# What the node says it has, whatever the machine has: jobs ask for what the real study needs.
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName={host} Gres=gpu:{gpu_model}:1 NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb}
PartitionName=test Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def missing_programs():
    """Names of the programs of SLURM and munge that are not installed."""
    return [name for name in PROGRAMS if shutil.which(name, path=PATH) is None]


def free_ports(count):
    """Ports of 127.0.0.1 that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def slurm_node(cpus=2, memory_mb=64_000):
    """Run a SLURM of one node, and stop it whatever happens.

    Parameters
    ----------
    cpus, memory_mb
        What the node claims to have; not more than `cpus` jobs run at once.

    Yields
    ------
    dict
        Environment in which `sbatch`, `squeue` and the like speak to this SLURM.

    Raises
    ------
    RuntimeError
        If a daemon ends or the node is not idle within a minute; with the ends of their logs.
    """
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    # munged has a user of its own, which must reach its socket and its key.
    folder.chmod(0o755)
    daemons = []
    try:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SLURM_", "SBATCH_", "SRUN_"))
        }
        conf = write_conf(folder, cpus, memory_mb)
        environment |= {"SLURM_CONF": str(conf), "PATH": f"{write_srun(folder, conf)}:{PATH}"}
        daemons.append(start_munged(folder))
        for command in (["slurmctld", "-D", "-i"], ["slurmd", "-D"]):
            daemons.append(start(folder, command, environment))
        wait_until_idle(folder, environment, daemons)
        try:
            yield environment
        finally:
            # Jobs outlive the daemons.
            subprocess.run(["scancel", f"--user={getpass.getuser()}"], env=environment, check=False)
            wait_for(lambda: not ask(environment, "squeue", "--noheader"), 30)
    finally:
        # The node first, so that it can still say good-bye to the controller.
        for daemon in reversed(daemons):
            stop(daemon)
        shutil.rmtree(folder, ignore_errors=True)


def write_conf(folder, cpus, memory_mb):
    for name in ("state", "spool"):
        (folder / name).mkdir()
    controller_port, node_port = free_ports(2)
    (folder / "gres.conf").write_text(f"Name=gpu Type={GPU_MODEL} File=/dev/null\n")
    conf = folder / "slurm.conf"
    conf.write_text(
        CONF.format(
            host=socket.gethostname().split(".")[0],
            user=getpass.getuser(),
            folder=folder,
            cpus=cpus,
            gpu_model=GPU_MODEL,
            memory_mb=memory_mb,
            controller_port=controller_port,
            node_port=node_port,
        )
    )
    return conf


def write_srun(folder, conf):
    """Folder with an srun that finds its configuration: Snakemake's jobs lose SLURM_CONF."""
    program = folder / "bin" / "srun"
    program.parent.mkdir()
    real = shutil.which("srun", path=PATH)
    program.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {real} "$@"\n')
    program.chmod(0o755)
    return program.parent


def start_munged(folder):
    """Start munged with a key of its own; if this is root, as its own user, as it insists on."""
    own = folder / "munge"
    own.mkdir(mode=0o755)
    key = own / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    user = []
    if os.getuid() == 0:
        account = pwd.getpwnam("munge")
        for path in (own, key):
            os.chown(path, account.pw_uid, account.pw_gid)
        user = [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    options = {"key": "key-file", "socket": "socket", "pid": "pid-file", "seed": "seed-file"}
    arguments = [f"--{option}={own / name}" for name, option in options.items()]
    command = ["munged", "--foreground", *arguments, f"--log-file={own / 'log'}"]
    daemon = start(folder, command, user=user)
    wait_for(lambda: (own / "socket").exists() or daemon.poll() is not None, 20)
    return daemon


def start(folder, command, environment=None, user=()):
    """Start a daemon that ends with this process, even if this process is killed."""
    with (folder / f"{command[0]}.out").open("wb") as output:
        program = shutil.which(command[0], path=PATH)
        return subprocess.Popen(
            ["setpriv", "--pdeathsig=TERM", *user, program, *command[1:]],
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
        )


def ask(environment, *command):
    """What a command of SLURM answers."""
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return run.stdout.strip()


def wait_for(condition, seconds):
    """Whether a condition has come true within a time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def wait_until_idle(folder, environment, daemons):
    def ended():
        return any(daemon.poll() is not None for daemon in daemons)

    def settled():
        return ended() or ask(environment, "sinfo", "--noheader", "--format=%T") == "idle"

    if not wait_for(settled, 60) or ended():
        logs = [*folder.glob("*.log"), *folder.glob("*.out"), folder / "munge" / "log"]
        ends = [f"{path}:\n{path.read_text()[-2000:]}" for path in logs if path.is_file()]
        raise RuntimeError("\n".join(["SLURM did not start", *ends]))


def stop(daemon):
    daemon.terminate()
    try:
        daemon.wait(timeout=20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
