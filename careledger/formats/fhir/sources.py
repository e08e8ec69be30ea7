"""Open what a caller named: a file, a folder, a gzip file, a stream; and say in one sentence why one cannot be read."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from careledger.errors import FormatError, NotFound

SUFFIXES = (".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz")
"""What is read of a folder."""
_LINES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"


def expand(path: str | Path) -> Iterator[Path]:
    """Yield a file, or the FHIR files of a folder in order of their names, folders within it included.

    Raises:
        NotFound: There is no such file or folder.
    """
    found = Path(path)
    try:
        if found.is_dir():
            yield from sorted(p for p in found.rglob("*") if p.name.lower().endswith(SUFFIXES) and p.is_file())
        elif found.exists():
            yield found
        else:
            raise NotFound(f"there is no file {str(path)!r}.", fix="Check the spelling of the path.")
    except (OSError, ValueError) as error:
        raise NotFound(f"{str(path)!r} cannot be opened: {_why(error)}.") from error


def is_lines(name: str) -> bool:
    """Whether a name says NDJSON."""
    return name.lower().endswith(_LINES)


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading bytes, unpacked if it is gzip and without a byte-order mark.

    Raises:
        NotFound: It cannot be opened or read.
        FormatError: It is empty, XML, UTF-16, or a damaged gzip file; the last may show only while reading.
    """
    try:
        with path.open("rb") as file:
            yield prepared(file, str(path))
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {_why(error)}.") from error


def prepared(stream: BinaryIO, name: str) -> BinaryIO:
    """Return a stream that begins with JSON, or say what it begins with instead.

    Raises:
        FormatError: It is empty, XML, UTF-16, or does not begin like JSON.
    """
    start = stream.read(2)
    stream = cast(BinaryIO, _Rejoined(start, stream))
    if start == b"\x1f\x8b":
        stream = cast(BinaryIO, _Unpacked(stream, name))
    head = b""
    while len(head.strip()) < 4:
        got = stream.read(4096)
        if not got:
            break
        head = (head + got) if head.strip() else got
    if head.startswith(_UTF16) or head[1:2] == b"\0" or head[:1] == b"\0":
        raise FormatError(f"{name} is not in UTF-8.", why="FHIR JSON is UTF-8.", fix="Convert the file to UTF-8.")
    head = head.removeprefix(_BOM)
    first = head.lstrip()[:1]
    if not first:
        raise FormatError(f"{name} is empty.")
    if first == b"<":
        raise FormatError(f"{name} is XML, which is not read.", fix="Ask its sender for FHIR JSON.")
    if first == b"[":
        fix = "FHIR packs several resources into a Bundle or into NDJSON."
        raise FormatError(f"{name} is a JSON list, not a FHIR resource.", fix=fix)
    if first != b"{":
        raise FormatError(f"{name} is not JSON of a FHIR resource: it does not begin with a brace.")
    return cast(BinaryIO, _Rejoined(head, stream))


class _Unpacked(io.RawIOBase):
    """What a gzip stream holds."""

    def __init__(self, packed: BinaryIO, name: str) -> None:
        self._stream = gzip.GzipFile(fileobj=packed)
        self._name = name

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return bytes, at most ``size``."""
        with self._complaining():
            return self._stream.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """Return bytes up to and with the next line feed, at most ``size``."""
        with self._complaining():
            return self._stream.readline(-1 if size is None else size)

    @contextmanager
    def _complaining(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FormatError(f"{self._name} is a gzip file that was cut off or damaged.") from error


class _Rejoined(io.RawIOBase):
    """A stream with some bytes put back in front of it."""

    def __init__(self, front: bytes, rest: BinaryIO) -> None:
        self._front = front
        self._rest = rest

    def readable(self) -> bool:
        """Say yes."""
        return True

    def read(self, size: int = -1) -> bytes:
        """Return bytes, what was put back first; fewer than asked for only there or at the end."""
        if self._front:
            take = len(self._front) if size < 0 else size
            got, self._front = self._front[:take], self._front[take:]
            return got + (self._rest.read() if size < 0 else b"")
        return self._rest.read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """Return bytes up to and with the next line feed, at most ``size``."""
        limit = -1 if size is None else size
        if not self._front:
            return self._rest.readline(limit)
        cut = self._front.find(b"\n") + 1
        if cut or 0 <= limit <= len(self._front):
            take = min(cut or limit, limit if limit >= 0 else cut)
            return self.read(take)
        front, self._front = self._front, b""
        return front + self._rest.readline(limit - len(front) if limit >= 0 else -1)


def _why(error: Exception) -> str:
    return (getattr(error, "strerror", None) or "it is no readable path").lower()
