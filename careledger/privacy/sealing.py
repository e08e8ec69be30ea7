"""Seals and opens content of any size in a few megabytes of memory, in Tink's documented streaming wire format.

The format is AES256-GCM-HKDF-1MB of Tink (developers.google.com/tink/streaming-aead/aes_gcm_hkdf_streaming), so that
any Tink reads what this writes. Header: one byte with the header's length (40), a salt (32), a nonce prefix (7). The
file's key is HKDF-SHA256(content key, salt, associated data). Ciphertext segments have 1 MiB, the first one less the
header, each ending in its GCM tag. A segment's nonce is prefix ‖ index (4 bytes, big endian) ‖ 1 if last else 0:
cutting, adding, reordering, or moving to another record is refused. No byte leaves before its segment is verified.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from careledger.errors import InputError, SealedDamaged
from careledger.privacy.files import write_whole
from careledger.privacy.padding import MARKER, Unpadder, padded_size
from careledger.privacy.streams import AsideHash, Pieces, Ring, fill, write
from careledger.redact import Secret

KEY_BYTES: Final = 32
"""Size of a content key: AES-256."""
SEGMENT_BYTES: Final = 1 << 20
"""Size of a ciphertext segment, as in Tink's AES256_GCM_HKDF_1MB."""
TAG_BYTES: Final = 16
"""GCM's tag at the end of each segment."""
SALT_BYTES: Final = 32
"""Salt of the file's key, as long as the key."""
PREFIX_BYTES: Final = 7
"""Random start of every nonce in a file; index and last flag fill it up to 12."""
HEADER_BYTES: Final = 1 + SALT_BYTES + PREFIX_BYTES
"""Size of the header, which is also its first byte."""
MAX_SEGMENTS: Final = 1 << 32
"""Segments in one file, 4 PiB: the index has four bytes."""

_PLAIN: Final = SEGMENT_BYTES - TAG_BYTES
_RING: Final = 4
"""Buffers of each kind: one being read, one encrypted, two still being hashed. 8 MiB together."""


def new_key() -> Secret:
    """Return a fresh random content key. One per record, never used for another."""
    return Secret(secrets.token_bytes(KEY_BYTES), "content key")


def record_binding(record_id: bytes, *, version: int = 1) -> bytes:
    """Return associated data that ties sealed content to a record and its version, so that no two can be swapped.

    Args:
        record_id: The record's id, 32 bytes; its commitment where the id is not known yet.
        version: The record's version, counted from 1.
    """
    if len(record_id) != 32 or not 0 <= version < 1 << 64:
        raise InputError("a record binding needs a 32-byte id and a version below 2^64", fix="Give the record's own.")
    return b"careledger/record/v1" + record_id + version.to_bytes(8, "big")


@dataclass(frozen=True)
class SealedInfo:
    """What is known after sealing or opening."""

    content_hash: bytes = field(repr=False)
    """SHA-256 of the plain content; the record's commitment binds it. Not for the chain, and not for logs."""
    plain_size: int = field(repr=False)
    """Size of the plain content in bytes; tells more than the padded size, so it is not shown either."""
    sealed_size: int
    """Size of the sealed file in bytes."""
    sealed_hash: bytes | None = None
    """SHA-256 of the sealed bytes, from which the CID is made; None where it was not asked for."""

    @property
    def cid(self) -> str | None:
        """The sealed file's content id (CIDv1, raw, sha2-256), or None where it was not computed."""
        if self.sealed_hash is None:
            return None
        from careledger.storage import cid_of  # fsspec and multiformats load only where a store is used

        return cid_of(self.sealed_hash)


class _Cipher:
    """AES-256-GCM under the key of one file; knows the header and makes each segment's nonce."""

    __slots__ = ("_aead", "_prefix", "header")

    def __init__(self, key: Secret, associated_data: bytes, header: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise InputError(f"a content key has {KEY_BYTES} bytes, this one has {len(key)}", fix="Take new_key().")
        self.header = header
        self._prefix = header[1 + SALT_BYTES :]
        kdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=header[1 : 1 + SALT_BYTES], info=associated_data)
        self._aead = AESGCM(kdf.derive(key.reveal()))

    def nonce(self, index: int, last: bool) -> bytes:
        """Return the nonce of a segment, 12 bytes; no two segments of a file share one."""
        return self._prefix + index.to_bytes(4, "big") + (b"\1" if last else b"\0")

    def seal(self, index: int, last: bool, plain: memoryview, out: memoryview) -> None:
        """Encrypt one segment into ``out``, which is 16 bytes longer."""
        self._aead.encrypt_into(self.nonce(index, last), plain, None, out)

    def open(self, index: int, last: bool, sealed: memoryview, out: memoryview) -> bool:
        """Decrypt one segment into ``out``, and return whether its tag is right; where not, ``out`` is zeroed."""
        try:
            self._aead.decrypt_into(self.nonce(index, last), sealed, None, out)
        except InvalidTag:
            out[:] = bytes(len(out))
            return False
        return True


def new_header() -> bytes:
    """Return a fresh header, 40 bytes: length, random salt, random nonce prefix."""
    return bytes([HEADER_BYTES]) + secrets.token_bytes(SALT_BYTES + PREFIX_BYTES)


class _Plain:
    """Content followed by its padding, read a full segment at a time; hashes the content alone."""

    def __init__(self, source: BinaryIO, padded: bool, hashed: AsideHash) -> None:
        self._ring = Ring(_RING)
        self._pieces, self._padded, self._hashed = Pieces(source, self._ring), padded, hashed
        self.size = 0
        self._left = 0

    def next(self, length: int) -> memoryview:
        """Return the next piece, ``length`` bytes or fewer at the end."""
        if self._pieces.ended:
            return self._zeros(self._ring.next(min(length, self._left)).view, 0, length)
        slot, done = self._pieces.next(length)
        self.size += done
        slot.keep(self._hashed.update(slot.view[:done]))
        if done == length or not self._padded:
            return slot.view[:done]
        self._left = padded_size(self.size) - self.size - 1
        slot.view[done] = MARKER
        return self._zeros(slot.view, done + 1, length)

    def _zeros(self, view: memoryview, start: int, length: int) -> memoryview:
        """Zero the view from ``start`` on, as far as padding is left, and return it up to there."""
        end = start + min(self._left, length - start)
        view[start:end] = bytes(end - start)
        self._left -= end - start
        return view[:end]


def seal(
    source: BinaryIO,
    sink: BinaryIO,
    key: Secret,
    associated_data: bytes,
    *,
    padded: bool = True,
    with_cid: bool = False,
) -> SealedInfo:
    """Seal a stream: read it to its end and write the sealed form, in about 10 MB of memory whatever its size.

    Args:
        source: Binary stream with the content; left open.
        sink: Binary stream for the sealed bytes; left open, not flushed.
        key: The content key, see :func:`new_key`.
        associated_data: What the file is bound to, see :func:`record_binding`; needed again for opening.
        padded: Hide the exact size (:mod:`careledger.privacy.padding`). False gives what Tink would write.
        with_cid: Also compute the CID of what is written. A store computes it anyway, so default not.

    Returns:
        Hash and size of the content, size of the sealed file, and its CID where asked for.

    Raises:
        InputError: The key has the wrong size, or the content has more than 2^32 segments.

    Example:
        >>> key, sealed, plain = new_key(), io.BytesIO(), io.BytesIO()
        >>> info = seal(io.BytesIO(b"blood pressure 120/80"), sealed, key, b"record 1")
        >>> _ = sealed.seek(0)
        >>> open_(sealed, plain, key, b"record 1").plain_size
        21
    """
    cipher = _Cipher(key, associated_data, new_header())
    sealeds = Ring(_RING)
    with AsideHash() as content, AsideHash(wanted=with_cid) as stored:
        plain = _Plain(source, padded, content)
        stored.update(memoryview(cipher.header))
        write(sink, memoryview(cipher.header))
        size, index, last = HEADER_BYTES, 0, False
        current = plain.next(_PLAIN - HEADER_BYTES)
        while not last:
            if index >= MAX_SEGMENTS:
                raise InputError("the content is larger than 4 PiB", fix="Seal it in parts.")
            following = plain.next(_PLAIN)
            last = not len(following)
            size_now = len(current) + TAG_BYTES
            slot = sealeds.next(size_now)
            out = slot.view[:size_now]
            cipher.seal(index, last, current, out)
            slot.keep(stored.update(out))
            write(sink, out)
            size, index, current = size + len(out), index + 1, following
        return SealedInfo(content.digest(), plain.size, size, stored.digest() if with_cid else None)


class Opening:
    """The verified content of a sealed stream, piece by piece. Iterate once; then :attr:`info` is known.

    Args:
        source: Binary stream with the sealed bytes.
        key: The content key.
        associated_data: What the file was bound to.
        padded: Whether it was sealed with padding.

    Each view yielded is verified, and valid until the next step. The last segment alone shows that nothing was cut off
    the end: who acts before the iteration has ended acts on content that may be incomplete (never on changed content).
    """

    def __init__(self, source: BinaryIO, key: Secret, associated_data: bytes, *, padded: bool = True) -> None:
        self._source, self._key, self._bound, self._padded = source, key, associated_data, padded
        self.info: SealedInfo | None = None

    def __iter__(self) -> Iterator[memoryview]:
        """Yield the content; raises SealedDamaged where the source is damaged or was not sealed so."""
        with AsideHash() as content:
            unpadder, plain_size = Unpadder(), 0
            slot = None
            for slot, segment in self._segments():
                for piece in unpadder.feed(segment) if self._padded else (segment,):
                    plain_size += len(piece)
                    slot.keep(content.update(piece))
                    yield piece
            if self._padded:
                unpadder.finish()
            self.info = SealedInfo(content.digest(), plain_size, self._sealed_size)

    def _segments(self) -> Iterator[tuple[Any, memoryview]]:
        """Yield each segment once its tag was found right, with the buffer it lies in."""
        header = memoryview(bytearray(HEADER_BYTES))
        if fill(self._source, header) != HEADER_BYTES or header[0] != HEADER_BYTES:
            raise SealedDamaged(
                "this is not a sealed file, or its header is damaged",
                why=f"A sealed file starts with a header of {HEADER_BYTES} bytes.",
                fix="Fetch the file again, and check that it is the sealed one.",
            )
        cipher = _Cipher(self._key, self._bound, bytes(header))
        pieces, plains = Pieces(self._source, Ring(3)), Ring(_RING)
        index, last, self._sealed_size = 0, False, HEADER_BYTES
        current = self._next(pieces, SEGMENT_BYTES - HEADER_BYTES)
        while not last:
            following = self._next(pieces, SEGMENT_BYTES)
            last = not len(following)
            self._sealed_size += len(current)
            size = max(0, len(current) - TAG_BYTES)
            slot = plains.next(size)
            out = slot.view[:size]
            if len(current) < TAG_BYTES or index >= MAX_SEGMENTS or not cipher.open(index, last, current, out):
                raise SealedDamaged(
                    f"segment {index} of the sealed file cannot be verified",
                    why="The file was cut or changed, or was sealed under another key or for another record.",
                    fix="Fetch it again; if that does not help, ask its author for a sound copy.",
                )
            yield slot, out
            index, current = index + 1, following

    def _next(self, pieces: Pieces, length: int) -> memoryview:
        if pieces.ended:
            return memoryview(b"")
        slot, size = pieces.next(length)
        return slot.view[:size]


def open_(source: BinaryIO, sink: BinaryIO, key: Secret, associated_data: bytes, *, padded: bool = True) -> SealedInfo:
    """Open a sealed stream into another one, segment by segment, each verified before it is written.

    Args:
        source: Binary stream with the sealed bytes; read to its end, left open.
        sink: Binary stream for the content; left open. On an error it holds verified content that is incomplete.
        key: The content key.
        associated_data: What the file was bound to.
        padded: Whether it was sealed with padding.

    Returns:
        Hash and size of the content, size of the sealed file.

    Raises:
        SealedDamaged: Cut, changed, extended, or sealed under another key or for another record.
    """
    opening = Opening(source, key, associated_data, padded=padded)
    for piece in opening:
        write(sink, piece)
    if opening.info is None:
        raise AssertionError("an iteration that ended has set its info")
    return opening.info


class OpeningStream(io.RawIOBase):
    """A sealed stream to read from like a file, verified segment by segment; raises SealedDamaged from ``read``.

    Only a ``read`` that returns ``b""`` has seen the last segment: read to the end before acting on the whole.
    """

    def __init__(self, source: BinaryIO, key: Secret, associated_data: bytes, *, padded: bool = True) -> None:
        super().__init__()
        self._opening = Opening(source, key, associated_data, padded=padded)
        self._pieces = iter(self._opening)
        self._rest = memoryview(b"")

    @property
    def info(self) -> SealedInfo | None:
        """Hash and sizes; None until the stream was read to its end."""
        return self._opening.info

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read up to ``len(buffer)`` verified bytes; 0 at the verified end."""
        if self.closed:
            raise ValueError("the stream is closed")
        while not len(self._rest):
            try:
                self._rest = next(self._pieces)
            except StopIteration:
                return 0
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(self._rest))
        view[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        """Release the buffers; the source stays open."""
        self._rest = memoryview(b"")
        if not self.closed and isinstance(self._pieces, Iterator):
            getattr(self._pieces, "close", lambda: None)()
        super().close()


def seal_file(
    path: Path, out: Path, key: Secret, associated_data: bytes, *, padded: bool = True, with_cid: bool = False
) -> SealedInfo:
    """Seal a file into another, which appears complete or not at all. Arguments as for :func:`seal`."""
    with path.open("rb", buffering=0) as source:
        return write_whole(
            out,
            lambda sink: seal(cast(BinaryIO, source), sink, key, associated_data, padded=padded, with_cid=with_cid),
        )


def open_file(
    path: Path,
    out: Path,
    key: Secret,
    associated_data: bytes,
    *,
    padded: bool = True,
    expected_hash: bytes | None = None,
) -> SealedInfo:
    """Open a sealed file into another, which appears complete and verified or not at all.

    Args:
        path: The sealed file.
        out: The file to make, readable by its owner only; an older one is replaced at the end.
        key: The content key.
        associated_data: What the file was bound to.
        padded: Whether it was sealed with padding.
        expected_hash: SHA-256 that the record's commitment binds; other content is refused.

    Returns:
        Hash and size of the content, size of the sealed file.

    Raises:
        SealedDamaged: Cut, changed, extended, sealed under another key or for another record, or other content than
            expected. ``out`` is untouched then.
    """

    def work(sink: BinaryIO) -> SealedInfo:
        with path.open("rb", buffering=0) as source:
            info = open_(cast(BinaryIO, source), sink, key, associated_data, padded=padded)
        if expected_hash is not None and not secrets.compare_digest(info.content_hash, expected_hash):
            raise SealedDamaged(
                "the content is sound but not the one committed to",
                why="Its hash differs from the one in the record's opening.",
                fix="Ask the author which version of the record this is.",
            )
        return info

    return write_whole(out, work)
