"""Small private files: written whole or not at all, for their owner's eyes, and overwritten when they go.

Overwriting reaches the file as the file system shows it. Drives that move blocks about (SSD) and file systems that
copy on write may keep an old copy until they need the room; what is kept here is therefore never readable without a
key that lies elsewhere, and backups of these folders are to be as short-lived as the law asks for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

from careledger.errors import InputError, KeyMaterialError, NotFound
from careledger.privacy.streams import write
from careledger.text import shown

MAX_BYTES: Final = 64 << 20
"""Larger files are not key material, whatever they say."""


T = TypeVar("T")


def write_whole(out: Path, work: Callable[[BinaryIO], T]) -> T:
    """Run ``work`` on a temporary file (mode 0600) beside ``out``, and rename it there only once all succeeded.

    Args:
        out: The file to make; an older one is replaced at the end, and untouched where ``work`` fails.
        work: Gets the temporary file to write to; what it returns is returned.

    Raises:
        InputError: Something else than a plain file is there.
    """
    if out.exists() and not out.is_file():  # a folder, or a device such as /dev/full, which a file would take away
        raise InputError(f"{shown(out.name)} is there already, and is no plain file", fix="Give another file.")
    part = out.parent / f".careledger-{secrets.token_hex(8)}.part"
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb", buffering=0) as sink:
            result = work(cast(BinaryIO, sink))
            os.fsync(sink.fileno())
        part.replace(out)
        sync_folder(out.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        raise
    return result


def private_folder(folder: Path) -> Path:
    """Make a folder and those above it that are missing, all with mode 0700; return it."""
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def write_private(path: Path, data: bytes) -> None:
    """Put a file in place atomically with mode 0600, and overwrite the one it replaces.

    Args:
        path: Where; the folder is made with mode 0700 if it is missing.
        data: The whole content.
    """
    private_folder(path.parent)
    old = _open_for_overwriting(path)
    try:
        write_whole(path, lambda sink: write(sink, memoryview(data)))
        if old is not None:
            _overwrite(old)
    finally:
        if old is not None:
            os.close(old)


def shred_file(path: Path) -> bool:
    """Overwrite a file with random bytes, then remove it; return whether it was there."""
    handle = _open_for_overwriting(path)
    if handle is None:
        return False
    try:
        _overwrite(handle)
    finally:
        os.close(handle)
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Make names in a folder survive a power cut, where the system can."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _open_for_overwriting(path: Path) -> int | None:
    try:
        return os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error) from error


def _overwrite(handle: int) -> None:
    left, place = os.fstat(handle).st_size, 0
    while left:
        step = min(left, 1 << 20)
        os.pwrite(handle, secrets.token_bytes(step), place)
        left, place = left - step, place + step
    os.fsync(handle)
    os.ftruncate(handle, 0)
    os.fsync(handle)


def read_private(path: Path) -> bytes:
    """Read a file that holds key material, refusing it where others could have read or swapped it (THREATS K8).

    Raises:
        NotFound: There is no such file.
        KeyMaterialError: It is a symbolic link, not a plain file, another user's, readable or writable by others, or
            too large.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError as error:
        raise NotFound(f"there is no key file {path.name}", fix="Check the path.") from error
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        state = os.fstat(handle)
        _check(path.name, state)
        return os.read(handle, state.st_size + 1)
    finally:
        os.close(handle)


def _unusable(path: Path, error: OSError) -> KeyMaterialError:
    if error.errno == errno.ELOOP:
        return KeyMaterialError(
            f"the key file {path.name} is a symbolic link",
            why="A link can be turned to another file between two looks.",
            fix="Give the path of the file itself.",
        )
    return KeyMaterialError(
        f"the key file {path.name} cannot be opened", why=os.strerror(error.errno or 0), fix="Check its permissions."
    )


def _check(name: str, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
        raise KeyMaterialError(f"{name} is not a key file", why="It is not a plain file of a few kilobytes.")
    if state.st_mode & 0o077:
        raise KeyMaterialError(
            f"the key file {name} is open to others (mode {stat.S_IMODE(state.st_mode):04o})",
            why="Whoever can read it can try passwords on it, and whoever can write it can swap the key.",
            fix=f"Run: chmod 600 {name}",
        )
    if state.st_uid not in (os.getuid(), 0):
        raise KeyMaterialError(f"the key file {name} belongs to another user", fix="Copy it into a folder of your own.")
