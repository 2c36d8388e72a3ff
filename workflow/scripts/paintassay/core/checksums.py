"""Remember the checksum of every file that a job leaves, and compare it before a job reads it.

Beside the results lies ``.paintassay/checksums/<path of the file>``, a small note for each output
of a job, in the form of ``sha256sum``: ``sha256sum --check`` in the folder of the results reads it
as well. Files without a note, such as those that users bring, are not compared.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from paintassay.core.errors import InputError, PathLike
from paintassay.core.files import sha256, write_text

# What the workflow remembers of a results folder lies in this folder of it.
MEMORY = ".paintassay"
_LINE = re.compile(r"([0-9a-f]{64})  (.+)")


class Noted(NamedTuple):
    """A file with a checksum: where it is, what it should be, and the note that says so."""

    path: Path
    sha256: str
    note: Path


def notes_folder(results: PathLike) -> Path:
    """Folder of the notes of a results folder."""
    return Path(results) / MEMORY / "checksums"


def results_of(log: PathLike, outputs: Collection[PathLike]) -> Path | None:
    """Folder of the results that a job writes to: that in which its log lies in ``logs``.

    Parameters
    ----------
    log : str or Path
        Its log file.
    outputs : collection of str or Path

    Returns
    -------
    Path or None
        None if the log lies elsewhere, or an output outside of that folder.
    """
    paths = [_absolute(path) for path in outputs]
    for folder in _absolute(log).parents:
        if folder.name == "logs" and all(path.is_relative_to(folder.parent) for path in paths):
            return folder.parent
    return None


def remove_notes(results: PathLike, outputs: Iterable[PathLike]) -> None:
    """Forget the checksums of outputs that are to be made anew.

    A job does this first: if it is killed between a new file and its note, no old note blames it.
    """
    for path in outputs:
        _note_of(Path(results), _absolute(path)).unlink(missing_ok=True)


def write_notes(results: PathLike, outputs: Iterable[PathLike]) -> None:
    """Note the checksums of finished outputs; of a folder, those of all files in it."""
    root = _absolute(results)
    for path in map(_absolute, outputs):
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
        else:
            files = [path] if path.is_file() else []
        lines = [f"{sha256(file)}  {file.relative_to(root).as_posix()}\n" for file in files]
        write_text("".join(lines), _note_of(root, path))


def compare_files(paths: Iterable[PathLike]) -> None:
    """Compare files with their notes, as far as they have some.

    Parameters
    ----------
    paths : iterable of str or Path
        Files and folders; of a folder all noted files are compared.

    Raises
    ------
    InputError
        A file is missing, or its content is not what was written; it names the first.
    """
    bad = list(dict.fromkeys(changed for path in paths for changed in _changed(notes_of(path))))
    if bad:
        first, *others = bad
        problem = "its content is not what the job wrote that made it (its checksum is another)"
        if not first.path.is_file():
            problem = "a file that a job wrote is missing"
        if others:
            problem += f"; so it is with {len(others)} more, such as {_shown(others[0].path)}"
        raise InputError(
            _shown(first.path),
            problem,
            f"delete {_shown(_output_of(first))} and run the same command again, which makes it "
            f"anew; if you changed it on purpose, delete its note {_shown(first.note)} instead",
        )


def notes_of(path: PathLike) -> Iterator[Noted]:
    """Find what is noted of a file, or of all files of a folder.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    Noted
        Nothing for a file without a note.

    Raises
    ------
    InputError
        A note is damaged.
    """
    path = _absolute(path)
    for results in path.parents:
        if not notes_folder(results).is_dir():
            continue
        inner = path.relative_to(results)
        # The note may be that of a folder which a job made as a whole.
        for part in (inner, *inner.parents):
            note = _note_of(results, results / part)
            if note.is_file():
                yield from (
                    noted
                    for noted in _read_note(note, results)
                    if noted.path == path or path in noted.path.parents
                )
        return


def all_notes(results: PathLike) -> Iterator[Noted]:
    """All that is noted in a results folder, sorted by note."""
    root = _absolute(results)
    for note in sorted(notes_folder(root).rglob("*")):
        if note.is_file() and not note.name.endswith(".part"):
            yield from _read_note(note, root)


def damaged_files(results: PathLike) -> tuple[list[Path], int]:
    """Read every file of a results folder that has a note.

    Parameters
    ----------
    results : str or Path

    Returns
    -------
    damaged : list of Path
        Files that are missing or not as they were written. A file that was deleted with all of
        its output is no damage: it is made anew when it is needed.
    number : int
        How many files were read.
    """
    noted = [file for file in all_notes(results) if _output_of(file).exists()]
    return [file.path for file in _changed(noted)], len(noted)


def _changed(noted: Iterable[Noted]) -> Iterator[Noted]:
    for file in noted:
        if not file.path.is_file() or sha256(file.path) != file.sha256:
            yield file


def _note_of(results: Path, path: Path) -> Path:
    return notes_folder(results) / path.relative_to(results)


def _output_of(noted: Noted) -> Path:
    """The output, a file or a folder, whose note this is."""
    memory = next(folder for folder in noted.note.parents if folder.name == MEMORY)
    return memory.parent / noted.note.relative_to(memory / "checksums")


def _read_note(note: Path, results: Path) -> Collection[Noted]:
    hint = f"delete {_shown(note)} and the file that it is about, and run the same command again"
    try:
        lines = note.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(_shown(note), "this note of a checksum is damaged", hint) from error
    matches = [_LINE.fullmatch(line) for line in lines]
    # Only a folder can have nothing in it.
    is_empty = not lines and not (results / note.relative_to(notes_folder(results))).is_dir()
    if is_empty or not all(matches):
        raise InputError(_shown(note), "this note of a checksum is damaged", hint)
    return [Noted(results / match[2], match[1], note) for match in matches if match]


def _absolute(path: PathLike) -> Path:
    # Without following links: a results folder may hold links to other disks.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _shown(path: Path) -> str:
    """A path as short as it can be said here."""
    folder = Path.cwd()
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)
