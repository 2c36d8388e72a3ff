"""Read the text of a file that a user brings, whatever its compression and encoding."""

import codecs
import gzip
import io
import logging
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa

from paintassay.core.errors import InputError
from paintassay.core.sizes import WorkSize

log = logging.getLogger(__name__)

BYTES_PER_PIECE: WorkSize = 2**20
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# What damaged compression and unknown encodings raise.
TEXT_FAULTS = (UnicodeError, gzip.BadGzipFile, zlib.error, EOFError)


class Utf8Text(io.RawIOBase):
    r"""The text of a file as UTF-8 with ``\n`` at the end of each line.

    Its encoding is UTF-8, UTF-16 if the file begins with its mark, else Windows-1252. Only a piece
    of the file is in memory.

    Parameters
    ----------
    file : binary file
        At its beginning.
    where : str
        Its name in messages. It is decompressed if this ends in .gz or .zst.

    Attributes
    ----------
    lines, quotes : int
        How many lines and quotation marks have been read so far.
    """

    def __init__(self, file: BinaryIO, where: str) -> None:
        self.lines = self.quotes = 0
        self._pieces = _decode(_decompress(file, where), where)
        self._rest = memoryview(b"")
        self._ends_in_line = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                # The last line may lack its end.
                self.lines += self._ends_in_line
                self._ends_in_line = False
                return 0
            self.lines += piece.count("\n")
            self.quotes += piece.count('"')
            self._ends_in_line = not piece.endswith("\n") if piece else self._ends_in_line
            self._rest = memoryview(piece.encode())
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def has_ending(where: str, ending: str) -> bool:
    """Tell whether the name of a file ends so, in any case; a URL can have a query after it."""
    name = where.partition("?")[0] if "://" in where else where
    return name.lower().endswith(ending)


def _decompress(file: BinaryIO, where: str) -> BinaryIO:
    if has_ending(where, ".gz"):
        return gzip.GzipFile(fileobj=file)
    if has_ending(where, ".zst"):
        return pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")
    return file


def _read_piece(file: BinaryIO) -> bytes:
    try:
        return file.read(BYTES_PER_PIECE)
    except OSError as error:
        # Arrow says in this way that Zstandard is damaged; an error of the disk has a number.
        if error.errno is None and type(error) is OSError:
            raise EOFError(str(error)) from error
        raise


def _decode(file: BinaryIO, where: str) -> Iterator[str]:
    """Decode a file piece by piece."""
    data = _read_piece(file)
    marked = data.startswith(codecs.BOM_UTF8)
    if data.startswith(UTF_16):
        log.info("%s: encoded in UTF-16", where)
        decoder, marked = codecs.getincrementaldecoder("utf-16")(), True
    else:
        decoder = codecs.getincrementaldecoder("utf-8-sig")()
    newlines = io.IncrementalNewlineDecoder(None, translate=True)
    plain = True
    while data:
        before, _ = decoder.getstate()
        try:
            text = decoder.decode(data)
        except UnicodeDecodeError as error:
            # Text that has been handed on as UTF-8 cannot be taken back.
            if marked or not plain:
                raise
            log.info("%s: is not UTF-8 (%s); read as Windows-1252", where, error.reason)
            decoder, marked = codecs.getincrementaldecoder("cp1252")(), True
            text = decoder.decode(before + data)
        plain = plain and text.isascii()
        if "\0" in text:
            raise InputError(
                where, "is no text: it holds a zero byte", "save the table as CSV or Parquet"
            )
        yield newlines.decode(text)
        data = _read_piece(file)
    yield newlines.decode(decoder.decode(b"", final=True), final=True)
