"""Which sealed file belongs to which record: a small local list that says nothing about anybody.

Kept are record id, commitment, author, content id, padded size, and how far the record has come. Patient, classes,
media type and true size are in the sealed opening only. Business keys and contents are kept as tags under a random key
of this folder, so that a repetition is recognised and a leaked list gives nothing away; shredding removes the tags too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from careledger.errors import KeyReused, StorageError
from careledger.privacy import private_db
from careledger.privacy.files import private_folder, read_private, write_private
from careledger.privacy.tags import tag
from careledger.redact import Secret

__all__ = ["Catalogue", "Item", "State"]

State = Literal["begun", "ready", "anchored", "shredding", "shredded"]
"""``begun``: being sealed; ``ready``: bytes, wraps and opening are durable; then as the chain has it."""

_COLUMNS: Final = (
    "record_id", "author", "commitment", "version", "state", "cid", "sealed_size", "meaning", "key_tag", "content_tag",
    "keyed", "act", "root", "size", "path", "basis", "author_kind",
)  # fmt: skip
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS records (
    record_id TEXT PRIMARY KEY, author TEXT NOT NULL, commitment TEXT NOT NULL, version INTEGER NOT NULL,
    state TEXT NOT NULL, cid TEXT, sealed_size INTEGER NOT NULL, meaning INTEGER NOT NULL, key_tag TEXT UNIQUE,
    content_tag TEXT, keyed INTEGER NOT NULL, act TEXT, root TEXT, size INTEGER NOT NULL, path TEXT NOT NULL,
    basis INTEGER NOT NULL, author_kind TEXT NOT NULL DEFAULT 'person')
"""
_SINCE: Final = {"author_kind": "TEXT NOT NULL DEFAULT 'person'"}
"""Columns that a list made earlier lacks."""
_FOLDERS: Final = 64
"""Lock files; two records in one of them wait for each other while they are sealed, which is all."""


@dataclass(frozen=True)
class Item:
    """One record of the list."""

    record_id: str
    author: str
    commitment: str
    version: int = 1
    state: State = "begun"
    cid: str | None = None
    """Content id of the sealed bytes; None before they are sealed."""
    sealed_size: int = 0
    """Size of the sealed bytes, which is padded."""
    meaning: int = 1
    key_tag: str | None = None
    content_tag: str | None = None
    keyed: bool = False
    """Whether the caller gave the business key; a derived one follows from the content and goes when it goes."""
    act: str | None = None
    """Key of the anchoring act in the sender's journal; empty where the caller gave it; None before it is sent."""
    root: str | None = None
    """Root of the batch it is anchored by."""
    size: int = 0
    """Size of that batch."""
    path: tuple[str, ...] = ()
    """Proof within that batch."""
    basis: int = 0
    """Legal basis of its shredding."""
    author_kind: str = "person"
    """``person`` or ``organisation``, as whoever sealed it said."""

    @property
    def id_bytes(self) -> bytes:
        """The record id as 32 bytes."""
        return bytes.fromhex(self.record_id[2:])

    @property
    def commitment_bytes(self) -> bytes:
        """The commitment as 32 bytes."""
        return bytes.fromhex(self.commitment[2:])

    @property
    def proof(self) -> dict[str, Any]:
        """The batch proof as the contract takes it; an empty root where the record is anchored by itself."""
        return {"root": self.root or "0x" + "00" * 32, "path": list(self.path)}


class Catalogue:
    """The list, in one SQLite file of a folder; safe for threads, processes, forks and kills.

    Args:
        folder: Where it lies; made with mode 0700.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        private_folder(folder)
        self._file = folder / "catalogue.sqlite"
        private_db.make(self._file)
        with self._db() as db:
            db.execute(_SCHEMA)
            known = {row[1] for row in db.execute("PRAGMA table_info(records)")}
            for name in _SINCE.keys() - known:
                with contextlib.suppress(sqlite3.OperationalError):  # another process was first
                    db.execute(f"ALTER TABLE records ADD COLUMN {name} {_SINCE[name]}")
        self._tag_key: Secret | None = None

    # TAGS

    def tag(self, *parts: str | bytes) -> str:
        """Return what stands for some values: HMAC-SHA-256 under this folder's own random key."""
        return tag(self._key(), *parts).hex()

    def _key(self) -> Secret:
        if self._tag_key is None:
            path = self.folder / "tags.key"
            with self._locked(self.folder / "tags.lock"):
                if not path.exists():
                    write_private(path, secrets.token_bytes(32))
                self._tag_key = Secret(read_private(path), "tag key")
        return self._tag_key

    @contextlib.contextmanager
    def lock(self, tag: str) -> Iterator[None]:
        """Hold a business key against other threads and processes; a killed holder lets go."""
        folder = self.folder / "locks"
        folder.mkdir(exist_ok=True, mode=0o700)
        with self._locked(folder / f"{int(tag[:8], 16) % _FOLDERS:02d}"):
            yield

    @staticmethod
    @contextlib.contextmanager
    def _locked(path: Path) -> Iterator[None]:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # ROWS

    def put(self, *items: Item) -> None:
        """Write items, all or none; a record that is there is replaced.

        Raises:
            KeyReused: The business key stands for another record.
        """
        marks = ",".join("?" * len(_COLUMNS))
        rest = ",".join(f"{name}=excluded.{name}" for name in _COLUMNS[1:])
        query = (
            f"INSERT INTO records ({','.join(_COLUMNS)}) VALUES ({marks}) "  # noqa: S608  names of this module only
            f"ON CONFLICT(record_id) DO UPDATE SET {rest}"
        )
        try:
            with self._db() as db:
                db.executemany(query, [_row(item) for item in items])
        except sqlite3.IntegrityError:
            raise KeyReused(
                "the key stands for another record already", fix="Use another key for another record."
            ) from None

    def change(self, item: Item, **changes: Any) -> Item:
        """Write an item with some members changed, and return it."""
        changed = replace(item, **changes)
        self.put(changed)
        return changed

    def anchored(self, *record_ids: str) -> None:
        """Note that ready records are anchored; a record that has gone further stays as it is."""
        with self._db() as db:
            rows = [(record_id,) for record_id in record_ids]
            db.executemany("UPDATE records SET state = 'anchored' WHERE state = 'ready' AND record_id = ?", rows)

    def get(self, record_id: str) -> Item | None:
        """Return a record's item."""
        return self._one("record_id", record_id)

    def by_key(self, key_tag: str) -> Item | None:
        """Return the item a business key stands for."""
        return self._one("key_tag", key_tag)

    def remove(self, record_id: str) -> None:
        """Forget a record that never came to be."""
        with self._db() as db:
            db.execute("DELETE FROM records WHERE record_id = ?", (record_id,))

    def __iter__(self) -> Iterator[Item]:
        """Yield every item, in no telling order."""
        with self._db() as db:
            rows = db.execute(f"SELECT {','.join(_COLUMNS)} FROM records ORDER BY record_id").fetchall()  # noqa: S608
        return map(_item, rows)

    def _one(self, column: str, value: str) -> Item | None:
        query = f"SELECT {','.join(_COLUMNS)} FROM records WHERE {column} = ?"  # noqa: S608  names of this module only
        with self._db() as db:
            row = db.execute(query, (value,)).fetchone()
        return _item(row) if row else None

    @contextlib.contextmanager
    def _db(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction."""
        with private_db.opened(self._file, refusal=_unusable) as db, db:
            yield db


def _unusable(error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"the list of records cannot be used: {type(error).__name__}",
        why="The file is damaged or cannot be written.",
        fix="Check the folder's rights and free space, or restore it from a backup.",
    )


def _row(item: Item) -> tuple[Any, ...]:
    values = {**item.__dict__, "path": json.dumps(list(item.path)), "keyed": int(item.keyed)}
    return tuple(values[name] for name in _COLUMNS)


def _item(row: tuple[Any, ...]) -> Item:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Item(**{**values, "path": tuple(json.loads(values["path"])), "keyed": bool(values["keyed"])})
