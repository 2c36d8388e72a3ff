"""Write Parquet files that notice any damage to themselves, and read them.

Each page of such a file has a checksum, and the footer, which Parquet leaves unprotected, has a
SHA-256 of the whole file. Any other program reads these files as well.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from paintassay.core.errors import InputError, PathLike
from paintassay.core.files import atomic_path
from paintassay.core.sizes import WorkSize

AGAIN = "delete it and run the same command again, which makes it anew"
KEY = "checksum"
# The value of this key: found by its beginning, and computed with zeros in place of its digits.
SEAL = b"paintassay-sha256:"
BLANK = b"0" * 64
# The checksum stands near the end of the file; the footer before it grows with the columns.
END_BYTES: WorkSize = 1 << 20
BLOCK_BYTES: WorkSize = 1 << 20


def write_sealed(table: pa.Table, path: PathLike) -> None:
    """Write a table as Parquet, atomically, byte for byte repeatable, with checksums.

    Parameters
    ----------
    table : pyarrow.Table
    path : str or Path
    """
    with atomic_path(path) as temporary:
        with pq.ParquetWriter(
            temporary, table.schema, compression="zstd", write_page_checksum=True
        ) as writer:
            writer.write_table(table)
            writer.add_key_value_metadata({KEY: (SEAL + BLANK).decode()})
        with temporary.open("r+b") as file:
            place = _find_seal(file)
            if place is None:
                raise RuntimeError("the footer of a Parquet file has no place for its checksum")
            digest = _digest_without(file, place)
            file.seek(place)
            file.write(digest)


@contextmanager
def open_sealed(path: PathLike) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, after its checksum was compared; damage becomes an InputError.

    A file without a checksum, of another program, is compared by its pages, if they have some.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    pyarrow.parquet.ParquetFile
        Not read ahead, so that a large file can be read by pieces.

    Raises
    ------
    InputError
        The file is missing, damaged or no Parquet file.
    """
    try:
        with Path(path).open("rb") as file:
            place = _find_seal(file)
            if place is not None:
                file.seek(place)
                if file.read(len(BLANK)) != _digest_without(file, place):
                    raise InputError(
                        path, "is damaged: its content does not fit its checksum", AGAIN
                    )
        with pq.ParquetFile(path, pre_buffer=False, page_checksum_verification=True) as table:
            yield table
    except FileNotFoundError as error:
        raise InputError(path, "does not exist", "run the same command again") from error
    except (pa.ArrowException, OSError) as error:
        # Some of these messages go on for lines.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(path, f"is not a whole Parquet file ({reason})", AGAIN) from error


def _find_seal(file: BinaryIO) -> int | None:
    """Where the digits of the checksum stand in a file; None if it has none."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(size - 8, 0))
    length = int.from_bytes(file.read(4), "little")
    # Not the footer's length alone, as that could be what is damaged.
    start = max(size - max(length + 8, END_BYTES), 0)
    file.seek(start)
    end = file.read()
    place = end.rfind(SEAL)
    return None if place < 0 else start + place + len(SEAL)


def _digest_without(file: BinaryIO, place: int) -> bytes:
    """SHA-256 of a file, as hexadecimal digits, with zeros in place of those at a place."""
    digest = hashlib.sha256()
    file.seek(0)
    left = place
    while left:
        block = file.read(min(left, BLOCK_BYTES))
        if not block:
            break
        digest.update(block)
        left -= len(block)
    digest.update(BLANK)
    file.seek(place + len(BLANK))
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest().encode()
