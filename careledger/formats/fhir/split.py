"""Cut FHIR JSON into resources, as the exact bytes of the source, one at a time and without holding the whole.

A JSON parser gives values and forgets where they stood; what is sealed are bytes. So this module finds where values
begin and end, and leaves reading them to the parser.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from careledger.errors import FormatError
from careledger.formats.fhir.strict import MAX_DEPTH, parse, too_deep

CHUNK = 1 << 16
"""Bytes per read. Larger gains nothing, smaller costs."""
MAX_VALUE = 64 << 20
"""The largest resource, in bytes, that is held in memory. A photograph in a Binary fits, a film does not."""

_SPACE = re.compile(rb"[ \t\r\n]*+")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["{}\[\]]', re.DOTALL)
_SCALAR = re.compile(rb"[^\s,:\[\]{}\"]*+")
_QUOTE, _OPEN, _CLOSE = ord('"'), b"{[", b"}]"


@dataclass(frozen=True)
class Slice:
    """Bytes and where they stood."""

    raw: bytes
    """The exact bytes of one JSON value."""
    offset: int
    """Where they begin in the source, in bytes (in the unpacked source, where it was gzip)."""


@dataclass(frozen=True)
class Entry:
    """One entry of a Bundle."""

    index: int
    """Position in ``Bundle.entry``, from 0."""
    resource: Slice | None
    """The resource, if the entry has one."""
    members: dict[str, object]
    """The other members of the entry, parsed: fullUrl, request, response, search."""
    outcome: Slice | None = None
    """``response.outcome``, the one other place where an entry holds a resource."""


@dataclass(frozen=True)
class BundleEnd:
    """What is known of a Bundle when all of it has passed."""

    members: dict[str, object]
    """Members other than entry, parsed."""
    offset: int
    """Where the Bundle begins, in bytes."""
    length: int
    """Bytes from its first brace to its last."""
    entries: int
    """How many entries it has."""


class Scanner:
    """A cursor over a stream of JSON.

    Args:
        stream: Bytes to read, once, from the front.
        name: What messages call the source.

    Raises:
        FormatError: From any method: the bytes are not JSON, end too early, nest too deep or are too large.
    """

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.name = name
        self.pos = 0
        self._stream = stream
        self._buffer = b""
        self._base = 0
        self._ended = False
        self._lines = 1

    # MOVING

    def peek(self) -> int | None:
        """Skip white space and return the next byte, or None at the end."""
        while True:
            found = _SPACE.match(self._buffer, self.pos - self._base)
            self.pos = self._base + (found.end() if found else 0)
            if self.pos < self._base + len(self._buffer):
                return self._buffer[self.pos - self._base]
            if not self._more():
                return None

    def line(self) -> int:
        """Return the number of the line the cursor is on, from 1."""
        return self._lines + self._buffer.count(b"\n", 0, self.pos - self._base)

    def forget(self) -> None:
        """Let go of everything before the cursor."""
        cut = self.pos - self._base
        if cut > CHUNK:
            self._lines += self._buffer.count(b"\n", 0, cut)
            self._buffer = self._buffer[cut:]
            self._base = self.pos

    def value(self) -> Slice:
        """Pass the value under the cursor and return its bytes."""
        self.peek()
        start = self.pos
        self.pos = self._end_of_value(start)
        return Slice(self._buffer[start - self._base : self.pos - self._base], start)

    def members(self) -> Iterator[str]:
        """Yield the key of each member of the object under the cursor, which then stands on the member's value.

        Whoever consumes this passes the value before asking for the next key.
        """
        self._take(b"{")
        if self.peek() == ord("}"):
            self.pos += 1
            return
        seen: set[str] = set()
        while True:
            if self.peek() != _QUOTE:
                raise self._broken("a member name")
            key = parse(self.value().raw, self.name)
            if not isinstance(key, str) or key in seen:
                raise FormatError(
                    f"{self.name} has the member {str(key)[:40]!r} twice in one object.",
                    why="Programs disagree on which of the two counts.",
                )
            seen.add(key)
            self._take(b":")
            self.peek()
            yield key
            if self._take(b",}") == ord("}"):
                return

    def elements(self) -> Iterator[int]:
        """Yield the index of each element of the array under the cursor, which then stands on the element."""
        self._take(b"[")
        if self.peek() == ord("]"):
            self.pos += 1
            return
        index = 0
        while True:
            self.peek()
            yield index
            index += 1
            if self._take(b",]") == ord("]"):
                return

    # FHIR

    def resource_type(self) -> str | None:
        """Look ahead for ``resourceType`` of the object under the cursor, which does not move."""
        start = self.pos
        found = None
        for key in self.members():
            raw = self.value().raw
            if key == "resourceType":
                value = parse(raw, self.name)
                found = value if isinstance(value, str) else None
                break
        self.pos = start
        return found

    def bundle(self) -> Iterator[Entry | BundleEnd]:
        """Pass the Bundle under the cursor, yielding each entry, then its end."""
        start, count = self.pos, 0
        rest: dict[str, object] = {}
        for key in self.members():
            if key != "entry":
                rest[key] = parse(self.value().raw, self.name)
                continue
            if self.peek() != ord("["):
                raise FormatError(f"{self.name} is a Bundle whose entry is not a list.")
            for index in self.elements():
                yield self._entry(index)
                count += 1
                self.forget()
        yield BundleEnd(rest, start, self.pos - start, count)

    def _entry(self, index: int) -> Entry:
        if self.peek() != ord("{"):
            self.value()
            return Entry(index, None, {})
        resource, outcome, rest = None, None, {}
        for key in self.members():
            value = self.value()
            if key == "resource":
                resource = value
                continue
            rest[key] = parse(value.raw, self.name)
            if key == "response":
                outcome = _member(value, "outcome", self.name)
        return Entry(index, resource, rest, outcome)

    # INTERNAL

    def _more(self) -> bool:
        if self._ended:
            return False
        # as much again as is held: a large value is then looked at a bounded number of times
        got = self._stream.read(max(CHUNK, len(self._buffer)))
        self._ended = not got
        self._buffer += got
        return bool(got)

    def _take(self, wanted: bytes) -> int:
        byte = self.peek()
        if byte is None or byte not in wanted:
            raise self._broken(" or ".join(repr(chr(w)) for w in wanted))
        self.pos += 1
        return byte

    def _broken(self, wanted: str) -> FormatError:
        if self.peek() is None:
            return FormatError(f"{self.name} was cut off: it ends after {self.pos:,} bytes, in the middle.")
        return FormatError(f"{self.name} is not JSON: at byte {self.pos:,} stands something else than {wanted}.")

    def _end_of_value(self, start: int) -> int:
        byte = self.peek()
        if byte is None:
            raise self._broken("a value")
        if byte != _QUOTE and byte not in _OPEN:
            return self._end_of_scalar(start)
        depth, at = 0, start
        while True:
            for token in _TOKEN.finditer(self._buffer, at - self._base):
                first = self._buffer[token.start()]
                if first in _OPEN:
                    depth += 1
                    if depth > MAX_DEPTH:
                        raise too_deep(self.name)
                elif first in _CLOSE:
                    depth -= 1
                elif token.end() - token.start() == 1:
                    break  # a string that goes on beyond what was read so far
                at = self._base + token.end()
                if depth == 0:
                    return at
            self._check_size(start)
            if not self._more():
                self.pos = self._base + len(self._buffer)
                raise self._broken("the end of a value")

    def _end_of_scalar(self, start: int) -> int:
        while True:
            found = _SCALAR.match(self._buffer, start - self._base)
            end = self._base + (found.end() if found else 0)
            if end == start:
                raise self._broken("a value")
            self._check_size(start)
            if end < self._base + len(self._buffer) or not self._more():
                return end

    def _check_size(self, start: int) -> None:
        if self._base + len(self._buffer) - start > MAX_VALUE:
            raise FormatError(
                f"{self.name} holds a value of more than {MAX_VALUE >> 20} MiB, at byte {start:,}.",
                why="A resource is read in one piece; a Bundle is read entry by entry if resourceType comes first.",
                fix="Seal such a file whole, or move its attachment out of it.",
            )


def _member(piece: Slice, wanted: str, name: str) -> Slice | None:
    """Return the bytes of one member of an object that is already held."""
    if not piece.raw.startswith(b"{"):
        return None
    inner = Scanner(io.BytesIO(piece.raw), name)
    found = None
    for key in inner.members():
        value = inner.value()
        if key == wanted:
            found = Slice(value.raw, piece.offset + value.offset)
    return found
