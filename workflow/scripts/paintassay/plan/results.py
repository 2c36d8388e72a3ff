"""Keep a results folder to one run at a time, and remember which settings have made it.

Snakemake's own lock, and its records of what made a file, lie in the working folder. Another
working folder with the same results knows nothing of either.
"""

import errno
import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from paintassay.core.checksums import MEMORY, notes_folder
from paintassay.core.errors import REFUSALS, InputError, PathLike
from paintassay.core.files import read_json, write_json
from paintassay.plan.record import describe_inputs

# Keys that decide where and how jobs compute, and not what, as names with a dot.
NOT_COMPARED = (
    "results",
    "training.device",
    "training.devices",
    "training.threads",
    "chembl.webservice.timeout_seconds",
    "chembl.webservice.attempts",
)
# Of each model.
NOT_COMPARED_OF_MODELS = ("micro_batch",)
# Inputs are compared at each start: the smallest, up to so many bytes, by their content.
COMPARED_BYTES = 1 << 26
BUSY = (errno.EACCES, errno.EAGAIN)
# Open as long as the process lives; the kernel ends the lock with it, even if it is killed.
_held: dict[Path, Any] = {}


def lock_results(results: PathLike) -> None:
    """Keep other working folders from running with the same results until this process ends.

    Parameters
    ----------
    results : str or Path

    Raises
    ------
    InputError
        Another run has them. One of this working folder is left to Snakemake's own lock.
    """
    path = _memory(results) / "lock"
    if path in _held:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        if error.errno in REFUSALS:
            # Nothing can be made there, and Snakemake says so.
            return
        raise
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = _parsed(file.read())
        file.close()
        if error.errno in BUSY and holder.get("folder") != str(Path.cwd()):
            raise InputError(
                results,
                "another run is at work on these results, in folder "
                f"{holder.get('folder', '?')} on {holder.get('host', '?')}, process "
                f"{holder.get('process', '?')}, since {holder.get('since', '?')}",
                "wait for its end, or name another folder with the key results",
            ) from error
        # Some network file systems know no locks.
        return
    file.truncate(0)
    json.dump(
        {
            "folder": str(Path.cwd()),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        },
        file,
    )
    file.flush()
    _held[path] = file


def check_settings(
    results: PathLike, config: Mapping[str, Any], has_record: Callable[[str], bool]
) -> None:
    """Make sure that results of other settings are not taken for those of these.

    Parameters
    ----------
    results : str or Path
    config : dict
        The configuration of this run.
    has_record : callable
        Whether Snakemake has a record in this working folder of how a file came about. If it has
        one of every result, it makes anew what other settings change.

    Raises
    ------
    InputError
        Results of other settings are there, of which this folder has no records.
    """
    path = _settings_file(results)
    if not path.is_file():
        return
    made_with = read_json(path)
    differing = [
        key for made in made_with["settings"] for key in _differing(made, compared(config))
    ] + _differing_inputs(made_with["inputs"])
    if not differing:
        return
    folder = notes_folder(results)
    notes = (note for note in sorted(folder.rglob("*")) if note.is_file())
    names = (f"{results}/{note.relative_to(folder).as_posix()}" for note in notes)
    unknown = next((name for name in names if Path(name).exists() and not has_record(name)), None)
    if unknown is not None:
        raise InputError(
            results,
            f"these results were made with other settings, from another working folder: "
            f"{', '.join(dict.fromkeys(differing))}; Snakemake has no record here of what made "
            f"{unknown}, and would take it as it is",
            "name another folder with the key results, or run in the folder that made them; "
            f"{path} has their settings. To accept them as they are, use --touch once",
        )


def remember_settings(
    results: PathLike, config: Mapping[str, Any], inputs: Iterable[str], complete: bool = False
) -> None:
    """Note with which settings, and from which inputs, results are made.

    Parameters
    ----------
    results : str or Path
    config : dict
    inputs : iterable of str
        Files and folders from outside of the results.
    complete : bool
        Whether all results are now those of this configuration. Else earlier ones stay noted
        beside it.
    """
    path = _settings_file(results)
    made_with = [] if complete or not path.is_file() else read_json(path)["settings"]
    settings = compared(config)
    if settings not in made_with:
        made_with = [*made_with, settings]
    described = describe_inputs(set(inputs), COMPARED_BYTES)
    write_json({"settings": made_with, "inputs": described}, path)


def compared(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a configuration that can change a result, as a flat dictionary.

    What may be a password or a token in a URL is left out.
    """
    return {
        name: _without_secrets(value)
        for name, value in _flatten("", config)
        if name not in NOT_COMPARED
        and not (name.startswith("models.") and name.split(".")[-1] in NOT_COMPARED_OF_MODELS)
    }


def _without_secrets(value: Any) -> Any:
    if isinstance(value, str) and "://" in value:
        start, _, place = value.partition("://")
        host, slash, path = place.partition("?")[0].partition("/")
        return f"{start}://{host.rpartition('@')[2]}{slash}{path}"
    return value


def _flatten(prefix: str, block: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in block.items():
        if isinstance(value, Mapping):
            yield from _flatten(f"{prefix}{key}.", value)
        else:
            yield f"{prefix}{key}", value


def _differing(made: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    return [
        f"{key} ({_shown(made.get(key))} there, {_shown(here.get(key))} here)"
        for key in sorted(made.keys() | here.keys())
        if made.get(key) != here.get(key)
    ]


def _differing_inputs(noted: list[dict[str, Any]]) -> list[str]:
    """Inputs that have another content in this working folder, as far as they are there."""
    here = {
        row["path"]: row for row in describe_inputs([row["path"] for row in noted], COMPARED_BYTES)
    }
    return [
        f"the content of {row['path']}"
        for row in noted
        if here[row["path"]]["bytes"] is not None
        and any(
            None not in (row[key], here[row["path"]][key]) and row[key] != here[row["path"]][key]
            for key in ("bytes", "sha256")
        )
    ]


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) < 60 else f"{text[:57]}..."


def _memory(results: PathLike) -> Path:
    return Path(results).absolute() / MEMORY


def _settings_file(results: PathLike) -> Path:
    return _memory(results) / "settings.json"


def _parsed(text: str) -> dict[str, Any]:
    try:
        return json.loads(text)
    except ValueError:
        return {}
