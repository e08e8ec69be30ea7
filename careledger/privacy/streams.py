"""Streams in full pieces, and SHA-256 aside: content is hashed in a second thread while the next piece is encrypted.

``hashlib`` lets go of the interpreter's lock for large buffers, so on two cores sealing costs no more than its slowest
part. A :class:`Ring` of buffers is reused only when no thread is hashing from them any more.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Final

_INLINE: Final = 2 << 20
"""Bytes hashed at once before a thread is started: for less a thread costs more than it saves."""

SMALL: Final = 1 << 16
"""First read of every source; a Padmé size, so that content below it is padded to no more."""


class AsideHash:
    """A SHA-256 fed in order by one thread of its own; a context manager, so that the thread always ends.

    Args:
        wanted: False hashes nothing.
    """

    def __init__(self, *, wanted: bool = True) -> None:
        self._wanted = wanted
        self._hash = hashlib.sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._seen = 0

    def update(self, view: memoryview) -> Future[None] | None:
        """Hash the view, at once or soon; the caller leaves it unchanged until the future is done."""
        if not self._wanted:
            return None
        self._seen += len(view)
        if self._pool is None:
            if self._seen <= _INLINE:
                self._hash.update(view)
                return None
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="careledger-hash")
        return self._pool.submit(self._hash.update, view)

    def digest(self) -> bytes:
        """Wait for everything given, and return the digest, 32 bytes."""
        self._stop()
        return self._hash.digest()

    def _stop(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def __enter__(self) -> AsideHash:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()


class Slot:
    """One buffer, and what still reads from it."""

    __slots__ = ("_readers", "view")

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))
        self._readers: list[Future[None]] = []

    def keep(self, reader: Future[None] | None) -> None:
        """Note a reader that must be done before the buffer is used again."""
        if reader is not None:
            self._readers.append(reader)

    def wait(self) -> None:
        """Wait until nothing reads from the buffer."""
        for reader in self._readers:
            reader.result()
        self._readers.clear()


class Ring:
    """A few buffers, handed out in turn and made as large as they are needed."""

    def __init__(self, count: int) -> None:
        self._slots: list[Slot | None] = [None] * count
        self._turn = 0

    def next(self, size: int) -> Slot:
        """Return the buffer that was used longest ago, with at least ``size`` bytes, once nothing reads from it."""
        turn = self._turn
        self._turn = (turn + 1) % len(self._slots)
        slot = self._slots[turn]
        if slot is not None:
            slot.wait()
        if slot is None or len(slot.view) < size:
            slot = self._slots[turn] = Slot(size)
        return slot


class Pieces:
    """Reads a source in full pieces; the first one through a small buffer, since most records are small.

    (A fresh buffer of a megabyte costs a millisecond where the system hands out huge pages: fifty small records' time.)
    """

    def __init__(self, source: BinaryIO, ring: Ring) -> None:
        self._source, self._ring = source, ring
        self.started, self.ended = False, False

    def next(self, length: int) -> tuple[Slot, int]:
        """Return a buffer and how many bytes of the source are in it: ``length``, or fewer at the end."""
        size = length if self.started else min(length, SMALL)
        self.started = True
        slot = self._ring.next(size)
        done = fill(self._source, slot.view[:size])
        if done == size < length:
            small, slot = slot, self._ring.next(length)
            slot.view[:done] = small.view[:done]
            done += fill(self._source, slot.view[done:length])
        self.ended = done < length
        return slot, done


def fill(source: BinaryIO, view: memoryview) -> int:
    """Read until the view is full or the source has ended, and return how many bytes there are."""
    readinto = getattr(source, "readinto", None)
    done, size = 0, len(view)
    while done < size:
        if readinto is not None:
            count = readinto(view[done:])
        else:
            piece = source.read(size - done)
            count = len(piece)
            view[done : done + count] = piece
        if not count:
            break
        done += count
    return done


def write(sink: BinaryIO, view: memoryview) -> None:
    """Write all of the view, also to a sink that takes less at a time."""
    while len(view):
        count = sink.write(view)
        if count is None or count == len(view):
            return
        view = view[count:]
