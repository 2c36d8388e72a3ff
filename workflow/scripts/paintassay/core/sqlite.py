"""Find SQLite databases whose last changes are not in them yet."""

from pathlib import Path

from paintassay.core.errors import InputError, PathLike

# https://www.sqlite.org/fileformat.html, sections 3 and 4: the beginning of a journal that is to be
# rolled back, and the length of the header of a write-ahead log, behind which are changes.
_JOURNAL_MAGIC = bytes.fromhex("d9d505f920a163d7")
_WAL_HEADER_BYTES = 32


def immutable_uri(path: PathLike) -> str:
    """URI that opens a SQLite database read-only, without lock files.

    So a read-only folder will do. SQLite then passes over a write-ahead log and a journal beside
    the database, which hold what a program has changed last, or begun to change: without them rows
    are missing or half written, and nothing says so. Such a database is refused.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    str

    Raises
    ------
    InputError
        The file is missing, or such a file with changes lies beside it.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "does not exist")
    # SQLite follows links, and looks beside the file itself.
    for place in dict.fromkeys((path, path.resolve())):
        log, journal = Path(f"{place}-wal"), Path(f"{place}-journal")
        if log.is_file() and log.stat().st_size > _WAL_HEADER_BYTES:
            raise InputError(
                path,
                f"its latest changes are still in {log.name} beside it, and would not be read",
                "close the program that has it open; if none has, let SQLite take them over: "
                f"sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'",
            )
        if journal.is_file():
            with journal.open("rb") as file:
                is_hot = file.read(len(_JOURNAL_MAGIC)) == _JOURNAL_MAGIC
            if is_hot:
                raise InputError(
                    path,
                    f"a program has not finished changing it: {journal.name} lies beside it",
                    "close the program that has it open; if none has, let SQLite undo the change: "
                    f"sqlite3 {path} 'PRAGMA integrity_check'",
                )
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"
