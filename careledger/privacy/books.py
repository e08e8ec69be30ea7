"""Books: an SQLite file whose rows are sealed, for whoever has an opener of it. Access logs and receipts lie in them.

A row is AES-256-GCM under the book's key, with a random nonce and bound to book and place: one that was changed, moved
to another place or into another book does not open. The key is random and wrapped with HPKE for each opener, in the
format of records' wraps. What is to be found again without opening rows is kept as a tag, an HMAC under a second key.
"""

from __future__ import annotations

import contextlib
import fcntl
import hmac
import os
import secrets
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from careledger.errors import InputError, KeyMaterialError, NotARecipient, SealedDamaged, StorageError
from careledger.privacy.files import private_folder, read_private, write_private
from careledger.privacy.openers import Opener, Recipient
from careledger.privacy.sealing import new_key
from careledger.privacy.wraps import Wraps
from careledger.redact import Secret

__all__ = ["Book", "BookKey"]

_NONCE: Final = 12
_WAIT: Final = 30.0
"""Seconds a writer waits for another process's transaction."""


class BookKey:
    """What opens the rows of one book and makes its tags."""

    def __init__(self, key: Secret, book_id: bytes) -> None:
        self._book = book_id
        self._rows = AESGCM(_derive(key, b"careledger/book/rows/v1"))
        self._tags = _derive(key, b"careledger/book/tags/v1")

    def seal(self, place: bytes, plain: bytes) -> bytes:
        """Seal a row for its place in the book."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._rows.encrypt(nonce, plain, self._book + place)

    def open(self, place: bytes, sealed: bytes) -> bytes:
        """Return a row.

        Raises:
            SealedDamaged: It was changed, or belongs elsewhere.
        """
        try:
            return self._rows.decrypt(sealed[:_NONCE], sealed[_NONCE:], self._book + place)
        except (InvalidTag, ValueError):
            raise SealedDamaged(
                "a row of the book does not open",
                why="It was changed, or taken from another place or another book.",
                fix="Restore the book from a backup.",
            ) from None

    def tag(self, value: bytes) -> bytes:
        """Return what stands for a value: the first 16 bytes of HMAC-SHA-256."""
        return hmac.digest(self._tags, value, "sha256")[:16]


def _derive(key: Secret, purpose: bytes) -> bytes:
    return HKDFExpand(algorithm=SHA256(), length=32, info=purpose).derive(key.reveal())


class Book:
    """One file of sealed rows in a folder, with its key beside it; safe for threads, processes and kills.

    Args:
        folder: Where it lies; made with mode 0700.
        book_id: What the book is, 32 bytes; the same for the same book wherever it lies.
        schema: Statements that make its tables where they are missing.
        opener: Who opens its rows; without one only what is in the clear can be read.

    Raises:
        NotARecipient: The book is not this opener's.
        StorageError: The file is damaged, or its key is gone.
    """

    def __init__(self, folder: Path, *, book_id: bytes, schema: str, opener: Opener | None = None) -> None:
        self.folder, self._id, self._opener = folder, book_id, opener
        private_folder(folder)
        self._file, self._key_file = folder / "book.sqlite", folder / "book.wraps"
        with self.locked("begin"):
            fresh = not self._file.exists()
            if not fresh and not self._key_file.exists():
                raise StorageError(
                    "the book is there, and what opens it is not",
                    why="The file book.wraps holds its key for each of its openers.",
                    fix="Restore the whole folder from a backup.",
                )
            if fresh:
                self._begin(schema)
        self._key: BookKey | None = None

    def _begin(self, schema: str) -> None:
        """Make the key first, then the tables: a kill between leaves a book that is begun anew."""
        if self._opener is None:
            raise InputError("there is no book yet, and nobody to open it", fix="Connect with opener=....")
        recipient = Recipient(self._opener.public_key, self._opener.suite)
        write_private(self._key_file, Wraps(self._id).add(new_key(), recipient).to_json().encode())
        part = self._file.with_suffix(".part")
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        db = sqlite3.connect(part)
        try:
            db.executescript(schema)
            db.execute("PRAGMA journal_mode=WAL")
        finally:
            db.close()
        part.replace(self._file)

    @property
    def key(self) -> BookKey:
        """What opens the rows.

        Raises:
            InputError: There is no opener.
            NotARecipient: The book is not this opener's.
        """
        if self._key is None:
            if self._opener is None:
                raise InputError("there is nothing to open this book with", fix="Connect with opener=....")
            try:
                self._key = BookKey(self._wraps().open(self._opener), self._id)
            except NotARecipient:
                raise NotARecipient(
                    "this book is not for this key",
                    why=f"It is for {len(self._wraps().wraps)} other(s).",
                    fix="Connect with the opener it was begun with, and admit this one.",
                ) from None
        return self._key

    def admit(self, recipient: Recipient) -> None:
        """Let another key open the book as well, such as the one that follows on this one."""
        if self._opener is None:
            raise InputError("there is nothing to open this book with", fix="Connect with opener=....")
        with self.locked("begin"):
            write_private(self._key_file, self._wraps().rewrap(self._opener, recipient).to_json().encode())

    def _wraps(self) -> Wraps:
        wraps = Wraps.from_json(read_private(self._key_file).decode("utf-8", "replace"))
        if wraps.record_id != self._id:
            raise KeyMaterialError("the key of this book is another book's", fix="Restore the folder from a backup.")
        return wraps

    @contextlib.contextmanager
    def locked(self, what: str) -> Iterator[None]:
        """Hold one kind of work against other threads and processes; a killed holder lets go."""
        handle = os.open(self.folder / f"{what}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def db(self, *, writes: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction: what is written is durable when the block ends without an error.

        Args:
            writes: Take the book's one place for writers before anything is read.

        Raises:
            StorageError: The file is damaged, locked for too long, or cannot be written.
        """
        try:
            with contextlib.closing(sqlite3.connect(self._file, timeout=_WAIT, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous=FULL")
                db.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                try:
                    yield db
                except BaseException:
                    db.execute("ROLLBACK")
                    raise
                db.execute("COMMIT")
        except sqlite3.Error as error:
            raise StorageError(
                f"the book cannot be used: {type(error).__name__}",
                why="The file is damaged, cannot be written, or refuses what would change a row.",
                fix="Check the folder's rights and free space, or restore it from a backup.",
            ) from None
