"""What is to be sealed: a file, bytes or a stream, read as often as needed without a copy of it in the clear on disk.

A stream that cannot be read twice is kept in memory up to a size, and beyond it in an unnamed file that is itself
sealed under a key which lives in this process only.
"""

from __future__ import annotations

import contextlib
import io
import mimetypes
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

from careledger.codes import DataClass
from careledger.errors import FormatError, InputError, NotFound
from careledger.formats import fhir
from careledger.privacy.commitments import content_hash
from careledger.privacy.sealing import OpeningStream, new_key, seal
from careledger.redact import Secret

__all__ = ["FHIR", "FHIR_LINES", "Content", "Source"]

Source = str | Path | bytes | BinaryIO
"""A path, the bytes themselves, or a binary stream."""

FHIR: Final = "application/fhir+json"
FHIR_LINES: Final = "application/fhir+ndjson"
UNKNOWN: Final = "application/octet-stream"

_IN_MEMORY: Final = 8 << 20
_HEAD: Final = 1 << 16
_SPOOL: Final = b"careledger/spool/v1"


@dataclass(frozen=True)
class Content:
    """Something to be sealed, with what was found out about it. Its ``repr`` shows nothing of it."""

    hash: bytes = field(repr=False)
    """SHA-256 of the exact bytes, 32 bytes."""
    classes: frozenset[DataClass] = field(repr=False)
    media_type: str = field(repr=False)
    _reader: _Reader = field(repr=False)

    @property
    def mask(self) -> int:
        """The classes as a bit set."""
        return sum(item.mask for item in self.classes)

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Read it once more from its start."""
        with self._reader.opened() as stream:
            yield stream

    @classmethod
    @contextlib.contextmanager
    def of(
        cls, source: Source, *, classes: Iterable[DataClass] | None = None, media_type: str | None = None
    ) -> Iterator[Content]:
        """Look at a source: hash it, guess its media type, and find the classes of health data in FHIR.

        Args:
            source: A path, bytes, or a binary stream, read to its end and left open.
            classes: The classes of data in it; found by inspection in FHIR, to be given for anything else.
            media_type: What it is; guessed when not given.

        Raises:
            NotFound: There is no such file.
            InputError: The classes are not given and cannot be found, or it is not something that can be read.
        """
        with contextlib.ExitStack() as stack:
            reader = _Reader.of(source, stack)
            kind = media_type or reader.guess()
            given = None if classes is None else frozenset(DataClass(item) for item in classes)
            found = _inspect(reader, kind) if given is None else given
            if not found:
                raise InputError(
                    "no class of health data is given",
                    why="A record that is of no class would be covered by no consent.",
                    fix="Give classes={DataClass...}.",
                )
            with reader.opened() as stream:
                digest = content_hash(stream)
            yield cls(digest, found, kind, reader)


@dataclass(frozen=True)
class _Reader:
    """Opens a source as often as asked."""

    path: Path | None = None
    data: bytes | None = None
    spool: tuple[BinaryIO, Secret] | None = None

    @classmethod
    def of(cls, source: Source, stack: contextlib.ExitStack) -> _Reader:
        """Take a source of any form."""
        if isinstance(source, (bytes, bytearray, memoryview)):
            return cls(data=bytes(source))
        if isinstance(source, (str, Path)):
            return cls(path=_checked(Path(source)))
        if not callable(getattr(source, "read", None)):
            raise InputError(
                f"{type(source).__name__} is nothing to seal", fix="Give a path, bytes, or a stream opened in binary."
            )
        return cls._spooled(source, stack)

    @classmethod
    def _spooled(cls, source: BinaryIO, stack: contextlib.ExitStack) -> _Reader:
        head = bytearray()
        while len(head) <= _IN_MEMORY:
            piece = source.read(1 << 20)
            if not isinstance(piece, bytes):
                raise InputError("the stream gives text, not bytes", fix="Open it in binary mode.")
            if not piece:
                return cls(data=bytes(head))
            head += piece
        key = new_key()
        spool = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  the stack closes it
        seal(cast(BinaryIO, _Joined(bytes(head), source)), cast(BinaryIO, spool), key, _SPOOL)
        return cls(spool=(cast(BinaryIO, spool), key))

    @contextlib.contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Read from the start."""
        if self.data is not None:
            yield io.BytesIO(self.data)
        elif self.path is not None:
            try:
                stream = self.path.open("rb")
            except OSError as error:
                raise _unreadable(error) from None
            with stream:
                yield stream
        elif self.spool is not None:
            file, key = self.spool
            file.seek(0)
            with io.BufferedReader(OpeningStream(file, key, _SPOOL)) as plain:
                yield cast(BinaryIO, plain)

    def guess(self) -> str:
        """Return the media type by name and first bytes."""
        name = self.path.name.lower() if self.path is not None else ""
        with self.opened() as stream:
            head = stream.read(_HEAD) or b""
        start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
        if start == b"{" and b'"resourceType"' in head:
            return FHIR_LINES if name.endswith((".ndjson", ".jsonl")) else FHIR
        kind, packing = mimetypes.guess_type(name)
        return f"application/{packing}" if packing else kind or UNKNOWN


class _Joined:
    """Some bytes, then the rest of a stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head, self._rest = memoryview(head), rest

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end only."""
        piece = bytes(self._head[:size]) or self._rest.read(size)
        self._head = self._head[len(piece) :]
        return piece


def _inspect(reader: _Reader, kind: str) -> frozenset[DataClass]:
    """Return the classes of data in FHIR, from its types and codes.

    Raises:
        InputError: It is no FHIR, or holds something that cannot be judged.
    """
    found: set[DataClass] = set()
    why = f"It is {kind}; only FHIR says by itself what is in it."
    if kind in (FHIR, FHIR_LINES):
        name = "content.ndjson" if kind == FHIR_LINES else "content.json"
        try:
            with reader.opened() as stream:
                for resource in fhir.read(stream, name=name, validate=False):
                    if not resource.is_readable:
                        raise FormatError(resource.reason)
                    found |= resource.data_classes
        except FormatError as error:
            found, why = set(), f"It could not be read as FHIR: {error.message.rstrip('.')}."
        else:
            why = "Nothing in it is health data of a known class."
    if not found:
        raise InputError(
            "the classes of health data in this content are not known", why=why, fix="Give classes={DataClass...}."
        )
    return frozenset(found)


def _checked(path: Path) -> Path:
    try:
        if path.is_file():
            return path
        if path.exists():
            raise InputError(f"{path.name!r} is not a file", fix="Give a file, or the files of a folder one by one.")
    except (OSError, ValueError):
        pass
    raise NotFound(f"there is no file {path.name!r} at this path", fix="Check the spelling of the path.")


def _unreadable(error: OSError) -> InputError:
    return InputError(f"the content cannot be read: {(error.strerror or type(error).__name__).lower()}")
