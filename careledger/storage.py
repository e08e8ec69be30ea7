"""A content-addressed store for sealed files, on a folder, in memory, or on any object store that fsspec knows.

Names are CIDs: version 1, codec ``raw``, sha2-256, base32 in lower case. A file of any size is one raw block hashed as
a whole, not cut into a DAG, so the CID is the SHA-256 of the file's bytes in other letters, and any tool recomputes it.
(``ipfs add --cid-version=1 --raw-leaves`` gives the same CID for files of one chunk only, 256 KiB by default.)
Nothing a user names reaches a path: paths are made of the CID alone. Only sealed bytes belong here.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import io
import os
import queue
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NewType, TypeVar, cast

import fsspec
from fsspec import available_protocols
from fsspec.implementations.local import LocalFileSystem
from multiformats import CID, multihash

from careledger.errors import CareLedgerError, InputError, Misuse, NotFound, StorageError
from careledger.privacy.files import sync_folder, write_whole
from careledger.privacy.streams import fill, write
from careledger.text import shown

Cid = NewType("Cid", str)
"""A content id: ``bafkrei…``, 59 characters."""

T = TypeVar("T")

PIECE: Final = 1 << 20
"""Bytes moved at once."""
IN_MEMORY: Final = 8 << 20
"""Up to this size a fetched file is verified in memory; a larger one in an unnamed temporary file."""
DEADLINE: Final = 30.0
"""Seconds a store may take to answer, and to fall behind ``MIN_RATE`` in total while it sends."""
MIN_RATE: Final = 64 * 1024
"""Bytes per second below which a store is taken to be stalling."""


def cid_of(digest: bytes) -> Cid:
    """Return the CID of the file with this SHA-256."""
    return Cid(str(CID("base32", 1, "raw", multihash.wrap(digest, "sha2-256"))))


def digest_of(cid: str) -> bytes:
    """Return the SHA-256 in a CID, refusing every other kind and every other spelling of the same one.

    Raises:
        InputError: It is not a version 1, raw, sha2-256, base32 CID.

    Example:
        >>> digest_of(cid_of(bytes(32))) == bytes(32)
        True
    """
    try:
        parsed = CID.decode(cid) if len(cid) == 59 and cid.isascii() else None
        if (
            parsed is not None
            and (parsed.version, parsed.codec.name, parsed.hashfun.name) == (1, "raw", "sha2-256")
            and len(parsed.raw_digest) == 32
            and cid_of(bytes(parsed.raw_digest)) == cid
        ):
            return bytes(parsed.raw_digest)
    except Exception:  # noqa: S110  multiformats raises KeyError, ValueError, IndexError and its own
        pass
    raise InputError(
        "this is not the content id of a sealed file",
        why="Sealed files are named by CIDv1 with codec raw, sha2-256 and lower-case base32 (bafkrei…).",
        fix="Give the id that put() returned.",
    )


class Store:
    """Sealed files by CID.

    Args:
        url: A folder, or a URL that fsspec knows: ``memory://name``, ``s3://bucket/prefix``.
        deadline: Seconds the store may take to answer a call; while reading, the seconds it may fall behind 64 KiB/s.
        **options: Passed to fsspec (credentials, endpoint).

    Example:
        >>> store = Store("memory://doc-example")
        >>> cid = store.put(io.BytesIO(b"sealed bytes"))
        >>> store.get(cid).read()
        b'sealed bytes'
    """

    def __init__(self, url: str | Path, *, deadline: float = DEADLINE, **options: Any) -> None:
        if not deadline > 0:
            raise InputError("a deadline is a positive number of seconds", fix="Leave it out for 30 s.")
        self._url, self._options, self._deadline = str(url), options, deadline

    def locate(self) -> None:
        """Load what speaks to this kind of store, which the first call does otherwise.

        Raises:
            Misuse: There is no such kind of store.
            InputError: It needs a package that is not installed.
            StorageError: It refused, or did not answer in time.
        """
        _ = self._fs

    @cached_property
    def _located(self) -> tuple[Any, str]:
        fs, root = self._ask(_locate, self._url, self._options, what="open")
        return fs, root.rstrip("/")

    @property
    def _fs(self) -> Any:
        return self._located[0]

    @property
    def _root(self) -> str:
        return self._located[1]

    @property
    def _local(self) -> bool:
        return isinstance(self._fs, LocalFileSystem)

    def put(self, source: BinaryIO) -> Cid:
        """Store a stream, whole or not at all; the same bytes twice are stored once.

        Args:
            source: Read to its end, left open.

        Returns:
            The CID, from the bytes as they were written.

        Raises:
            StorageError: The store refused, or did not answer in time.
        """
        with self.writer() as out:
            buffer = memoryview(bytearray(PIECE))
            while count := fill(source, buffer):
                out.write(buffer[:count])
            return out.commit()

    def writer(self) -> Writer:
        """Return a sink that hashes what is written; ``commit()`` puts it in place and returns the CID."""
        return Writer(self)

    def get(self, cid: str) -> BinaryIO:
        """Return the file's bytes to read, all fetched and compared with the CID before the first is handed out.

        Raises:
            NotFound: The store does not have it.
            StorageError: It answered other bytes, or not in time.
        """
        spool = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  handed to the caller, who closes it
        try:
            self._copy(cid, cast(BinaryIO, spool))
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return cast(BinaryIO, spool)

    def fetch(self, cid: str, path: Path) -> int:
        """Write the file to a path, verified and whole or not at all, and return its size.

        Raises:
            NotFound: The store does not have it.
            StorageError: It answered other bytes, or not in time; there is no file then.
        """
        return write_whole(path, lambda sink: self._copy(cid, sink))

    def stream(self, cid: str) -> Iterator[bytes]:
        """Yield the file's bytes as they come; raises StorageError at the end where they were other bytes.

        For readers that verify each piece themselves, as opening a sealed file does. Everyone else takes :meth:`get`.
        """
        expected, hasher = digest_of(cid), hashlib.sha256()
        with _Worker(self._deadline, f"read {cid[:12]}…") as worker:
            source = worker.call(self._open, cid)
            try:
                while piece := worker.call(source.read, PIECE):
                    worker.received(len(piece))
                    hasher.update(piece)
                    yield piece
            finally:
                worker.leave(source.close)
        if hasher.digest() != expected:
            raise StorageError(
                f"the store answered other bytes than were put in under {cid[:12]}…",
                why="Their SHA-256 is not the one in the id: they were changed, cut or mixed up.",
                fix="Fetch the file from another copy, and check the store.",
            )

    def has(self, cid: str) -> bool:
        """Return whether the store has a file under this id; its bytes are verified on reading."""
        digest_of(cid)
        return bool(self._ask(self._fs.exists, self._path(cid), what="look up a file"))

    def delete(self, cid: str) -> bool:
        """Remove a file, and return whether it was there."""
        if not self.has(cid):
            return False
        self._ask(self._fs.rm_file, self._path(cid), what="delete a file")
        return True

    def list(self) -> Iterator[Cid]:
        """Yield the CIDs of all files, in order; whatever else lies in the folder is passed over."""
        for path in sorted(self._ask(self._find, what="list its files")):
            name = str(path).rsplit("/", 1)[-1]
            with contextlib.suppress(InputError):
                digest_of(name)
                yield Cid(name)

    def clean(self, *, older_than: float = 86_400.0) -> int:
        """Remove what interrupted writes left behind, and return how many there were.

        Args:
            older_than: Seconds since the last change; younger ones may still be being written.
        """
        removed = 0
        for path in self._ask(self._find, what="list its files"):
            if str(path).rsplit("/", 1)[-1].startswith(_PART):
                changed = self._changed(path)
                if changed is None or time.time() - changed >= older_than:
                    self._ask(self._fs.rm_file, path, what="delete a file")
                    removed += 1
        return removed

    def _changed(self, path: str) -> float | None:
        try:
            return float(self._ask(self._fs.modified, path, what="date a file").timestamp())
        except (StorageError, AttributeError):
            return None

    def _find(self) -> builtins.list[str]:
        self._fs.invalidate_cache()
        return builtins.list(self._fs.find(self._root)) if self._fs.exists(self._root) else []

    def _copy(self, cid: str, sink: BinaryIO) -> int:
        size = 0
        for piece in self.stream(cid):
            write(sink, memoryview(piece))
            size += len(piece)
        return size

    def _open(self, cid: str) -> Any:
        return self._fs.open(self._path(cid), "rb")

    def _path(self, cid: str) -> str:
        """Return where a file lies: two letters of the id's end spread files over folders."""
        digest_of(cid)
        return f"{self._root}/{cid[-2:]}/{cid}"

    def _place(self, part: str | Path, cid: Cid) -> None:
        """Put a finished temporary file in place under its id."""
        target = self._path(cid)
        if self._local:
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            Path(part).replace(target)
            sync_folder(Path(target).parent)
            return
        staged = f"{self._root}/{_PART}{secrets.token_hex(8)}"
        self._fs.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        self._fs.put_file(str(part), staged)
        self._fs.mv(staged, target)

    def _ask(self, work: Callable[..., T], *args: Any, what: str, size: int = 0) -> T:
        with _Worker(self._deadline + size / MIN_RATE, what) as worker:
            return worker.call(work, *args)


_PART: Final = ".careledger-"


def _locate(url: str, options: dict[str, Any]) -> tuple[Any, str]:
    """Return fsspec's file system for a URL and the path in it; nothing of a URL but its scheme is said."""
    scheme = shown(url.partition("://")[0].rpartition("::")[2], 40)
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(url, **options)
    except ImportError as error:
        missing = (getattr(error.__cause__, "name", None) or error.name or "").partition(".")[0]
        raise InputError(
            f"{scheme} needs the package {missing}" if missing else f"{scheme} needs a package that is not installed",
            why="Stores other than folders have a driver each, and this one's is not installed.",
            fix=f"Run: pip install {missing}" if missing else "See fsspec's list of drivers.",
        ) from None
    except ValueError as error:
        if "://" in url and all(part.partition("://")[0] in available_protocols() for part in url.split("::")):
            raise _refused("open", error) from None
        raise Misuse(
            f"{scheme} is no kind of store known here",
            why="Stores are folders and whatever fsspec knows.",
            fix="Give a folder, or a URL such as s3://bucket/prefix.",
        ) from None
    return found


class Writer(io.RawIOBase):
    """A sink into a store: sealed bytes are hashed as they pass, and appear under their CID on :meth:`commit` only.

    A context manager; left without ``commit()``, nothing is stored.
    """

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store, self._hash, self._size = store, hashlib.sha256(), 0
        folder = Path(store._root) if store._local else Path(tempfile.gettempdir())
        self._part = folder / f"{_PART}{secrets.token_hex(8)}.part"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise _refused("start a file", error) from error
        self._out = os.fdopen(handle, "wb", buffering=0)

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any) -> int:
        """Write and hash all of the bytes."""
        view = memoryview(data).cast("B")
        self._hash.update(view)
        self._size += len(view)
        try:
            write(cast(BinaryIO, self._out), view)
        except OSError as error:
            raise _refused("write a file", error) from error
        return len(view)

    def commit(self) -> Cid:
        """Make the file durable, put it in place, and return its CID."""
        cid = cid_of(self._hash.digest())
        try:
            os.fsync(self._out.fileno())
        except OSError as error:
            raise _refused("write a file", error) from error
        self._out.close()
        self._store._ask(self._store._place, self._part, cid, what="place a file", size=self._size)
        return cid

    def close(self) -> None:
        """Drop what was not committed."""
        if not self.closed:
            self._out.close()
            with contextlib.suppress(OSError):
                self._part.unlink()
        super().close()


def _refused(what: str, error: BaseException) -> StorageError:
    """Return the error for a store that refused, naming the kind of refusal only (messages may hold paths or URLs)."""
    name = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else type(error).__name__
    return StorageError(f"the store could not {what}: {name}", fix="Check its address, its rights and its free space.")


class _Worker:
    """Runs one operation's blocking calls in a daemon thread, so that a dead store costs a deadline, not a hang."""

    def __init__(self, deadline: float, what: str) -> None:
        self._what, self._deadline = what, deadline
        self._until = time.monotonic() + deadline
        self._jobs: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()
        threading.Thread(target=self._run, name="careledger-store", daemon=True).start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            work, args = job
            try:
                self._results.put((work(*args), None))
            except BaseException as error:
                self._results.put((None, error))

    def call(self, work: Callable[..., T], *args: Any) -> T:
        """Run the work and return its result, or raise StorageError at the deadline."""
        self._jobs.put((work, args))
        try:
            result, error = self._results.get(timeout=max(0.0, self._until - time.monotonic()))
        except queue.Empty:
            raise StorageError(
                f"the store did not {self._what} within {self._deadline:g} s",
                why="It is not reachable, or stalls.",
                fix="Try again later, or raise the deadline.",
            ) from None
        if isinstance(error, FileNotFoundError):
            raise NotFound("the store has no such file", fix="Check the id, and which store it was put in.") from error
        if isinstance(error, CareLedgerError):
            raise error
        if error is not None:
            raise _refused(self._what, error) from error
        return cast(T, result)

    def received(self, count: int) -> None:
        """Grant the time that this many bytes may take."""
        self._until += count / MIN_RATE

    def leave(self, work: Callable[[], Any]) -> None:
        """Run the work without waiting for it."""
        self._jobs.put((work, ()))

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._jobs.put(None)
