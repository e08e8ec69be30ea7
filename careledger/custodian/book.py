"""The custodian's log book: entries in order, sealed and append-only; their receipts; the parts that are anchored.

In the clear are numbers, times, leaves, and tags that group the entries of a request or a pseudonym without naming
it. So anchoring and proving need no opener. Who read what is in the sealed rows alone.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from careledger.codes import Basis, Purpose, Reason
from careledger.errors import InputError, NotFound, SealedDamaged
from careledger.privacy.books import Book
from careledger.privacy.commitments import new_salt
from careledger.privacy.openers import Opener
from careledger.redact import Secret
from careledger.resources.access_entries import AccessEntry, Acting, Subject
from careledger.values import Address, RecordId, checksum, from_hex, to_hex

__all__ = ["Draft", "LogBook", "Plan"]

_SCHEMA: Final = """
CREATE TABLE book (after INTEGER NOT NULL);
INSERT INTO book VALUES ({after});
CREATE TABLE entries (
    entry INTEGER PRIMARY KEY, subject BLOB NOT NULL, own INTEGER NOT NULL, request BLOB NOT NULL,
    attempt INTEGER NOT NULL, at INTEGER NOT NULL, leaf BLOB NOT NULL, sealed BLOB NOT NULL);
CREATE UNIQUE INDEX entries_subject ON entries (subject, own);
CREATE UNIQUE INDEX entries_request ON entries (request, attempt);
CREATE TABLE receipts (entry INTEGER PRIMARY KEY, signer TEXT NOT NULL, signature BLOB NOT NULL);
CREATE TABLE parts (first INTEGER PRIMARY KEY, last INTEGER NOT NULL, root BLOB NOT NULL, key TEXT NOT NULL UNIQUE);
CREATE TRIGGER entries_stay BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, 'entries stay as they are'); END;
CREATE TRIGGER entries_keep BEFORE DELETE ON entries BEGIN SELECT RAISE(ABORT, 'entries are never removed'); END;
CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts stay as they are'); END;
CREATE TRIGGER receipts_keep BEFORE DELETE ON receipts BEGIN SELECT RAISE(ABORT, 'receipts are never removed'); END;
CREATE TRIGGER parts_stay BEFORE UPDATE ON parts BEGIN SELECT RAISE(ABORT, 'parts stay as they are'); END;
CREATE TRIGGER parts_keep BEFORE DELETE ON parts BEGIN SELECT RAISE(ABORT, 'parts are never removed'); END;
"""
_ROW: Final = struct.Struct(">32s20s20s32sBBB?QQ32s32sQ")
"""Record, patient, actor, acting, purpose, basis, reason, allowed, block, at, salt, the subject's salt, own."""
_COLUMNS: Final = "entry, leaf, sealed"


@dataclass(frozen=True)
class Draft:
    """An entry before it has its numbers and salts."""

    request: bytes
    """Digest of the request it answers, 32 bytes."""
    record: RecordId
    patient: Address
    actor: Address
    acting: Acting
    purpose: Purpose
    basis: Basis
    reason: Reason
    allowed: bool
    block: int
    at: int


@dataclass(frozen=True)
class Plan:
    """A part that is anchored, or is about to be under this key."""

    first: int
    last: int
    root: bytes
    key: str
    """Business key of the act that anchors it."""


class LogBook:
    """The book of one custodian's log.

    Args:
        folder: Where it lies.
        log_id: Which log it is, 32 bytes.
        opener: Who opens its rows; anchoring and proving do without.
        after: Number of the last entry that an earlier book held, for a book that is begun here.
    """

    def __init__(self, folder: Path, *, log_id: bytes, opener: Opener | None = None, after: int = 0) -> None:
        self.folder = folder
        self.sealed = Book(folder, book_id=log_id, schema=_SCHEMA.format(after=after), opener=opener)

    # WRITING

    def write(self, *drafts: Draft, again: bool = False) -> list[AccessEntry]:
        """Write entries, all or none, and return them once they are durable; a request written before gets its own.

        Args:
            *drafts: What is to be written, one for each request.
            again: A request that was allowed before is refused now: write a second entry for it, once.
        """
        self.sealed.key  # noqa: B018 - who cannot open the book does not write in it
        found = []
        with self.sealed.db(writes=True) as db:
            last, at = self._last(db)
            for draft in drafts:
                known = self._last_of(db, draft.request)
                if known is not None and not (again and known.allowed):
                    found.append(known)
                    continue
                last, at = last + 1, max(at, draft.at)
                found.append(self._add(db, draft, entry=last, at=at, attempt=0 if known is None else 1))
        return found

    def _add(self, db: sqlite3.Connection, draft: Draft, *, entry: int, at: int, attempt: int) -> AccessEntry:
        key, tag = self.sealed.key, self._subject_tag(draft.patient)
        query = "SELECT coalesce(max(own), 0) + 1 FROM entries WHERE subject = ?"
        (own,) = db.execute(query, (tag,)).fetchone()
        subject = Subject(draft.patient, own, new_salt())
        made = AccessEntry(
            entry, draft.record, draft.actor, draft.acting, draft.purpose, draft.basis, draft.reason, draft.allowed,
            draft.block, at, new_salt(), subject.digest, subject,
        )  # fmt: skip
        request = key.tag(b"request" + draft.request)
        row = (entry, tag, own, request, attempt, at, made.leaf, key.seal(_place(entry), _pack(made)))
        db.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        return made

    def keep_receipt(self, entry: int, signer: Address, signature: bytes) -> tuple[Address, bytes]:
        """Keep an entry's receipt, or return the one that was kept before."""
        with self.sealed.db(writes=True) as db:
            db.execute("INSERT OR IGNORE INTO receipts VALUES (?, ?, ?)", (entry, signer, signature))
        found = self.receipt(entry)
        assert found is not None  # noqa: S101 - it was just kept
        return found

    # READING

    @property
    def after(self) -> int:
        """Number of the last entry that an earlier book held; 0 where this is the first."""
        with self.sealed.db() as db:
            return int(db.execute("SELECT after FROM book").fetchone()[0])

    @property
    def last(self) -> int:
        """Number of the last entry."""
        with self.sealed.db() as db:
            return self._last(db)[0]

    @staticmethod
    def _last(db: sqlite3.Connection) -> tuple[int, int]:
        row = db.execute("SELECT entry, at FROM entries ORDER BY entry DESC LIMIT 1").fetchone()
        return row or (int(db.execute("SELECT after FROM book").fetchone()[0]), 0)

    def at(self, entry: int) -> int | None:
        """Return when an entry was written, in seconds since 1970; None where there is none."""
        with self.sealed.db() as db:
            row = db.execute("SELECT at FROM entries WHERE entry = ?", (entry,)).fetchone()
        return int(row[0]) if row else None

    def entry(self, number: int) -> AccessEntry:
        """Return an entry.

        Raises:
            NotFound: There is none of this number.
            SealedDamaged: Its row was changed.
        """
        with self.sealed.db() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM entries WHERE entry = ?", (number,)).fetchone()  # noqa: S608
        if row is None:
            raise NotFound(f"there is no entry {number} in this log book", fix="Entries are counted from 1.")
        return self._open(row)

    def of_request(self, digest: bytes) -> AccessEntry | None:
        """Return the last entry about a request; None where it was never answered."""
        with self.sealed.db() as db:
            return self._last_of(db, digest)

    def _last_of(self, db: sqlite3.Connection, digest: bytes) -> AccessEntry | None:
        query = f"SELECT {_COLUMNS} FROM entries WHERE request = ? ORDER BY attempt DESC LIMIT 1"  # noqa: S608
        row = db.execute(query, (self.sealed.key.tag(b"request" + digest),)).fetchone()
        return self._open(row) if row else None

    def about(self, patient: Address) -> Iterator[AccessEntry]:
        """Yield the entries about a pseudonym, in the order of its own numbers."""
        query = f"SELECT {_COLUMNS} FROM entries WHERE subject = ? ORDER BY own"  # noqa: S608
        with self.sealed.db() as db:
            rows = db.execute(query, (self._subject_tag(patient),)).fetchall()
        return map(self._open, rows)

    def all(self, *, since: int = 0) -> Iterator[AccessEntry]:
        """Yield every entry in order, or those written from a second on, in seconds since 1970."""
        place = self.after
        if since:
            with self.sealed.db() as db:
                (place,) = db.execute(
                    "SELECT coalesce(max(entry), ?) FROM entries WHERE at < ?", (place, since)
                ).fetchone()
        while True:
            with self.sealed.db() as db:
                query = f"SELECT {_COLUMNS} FROM entries WHERE entry > ? ORDER BY entry LIMIT 10000"  # noqa: S608
                rows = db.execute(query, (place,)).fetchall()
            if not rows:
                return
            yield from map(self._open, rows)
            place = rows[-1][0]

    def receipt(self, entry: int) -> tuple[Address, bytes] | None:
        """Return signer and signature of an entry's receipt; None where none was kept yet."""
        with self.sealed.db() as db:
            row = db.execute("SELECT signer, signature FROM receipts WHERE entry = ?", (entry,)).fetchone()
        return (Address(row[0]), bytes(row[1])) if row else None

    def leaves(self, first: int, last: int) -> list[bytes]:
        """Return the leaves of entries ``first`` to ``last``, both included, as they were written.

        Raises:
            NotFound: One of them is not here.
        """
        with self.sealed.db() as db:
            query = "SELECT leaf FROM entries WHERE entry BETWEEN ? AND ? ORDER BY entry"
            found = [row[0] for row in db.execute(query, (first, last))]
        if len(found) != last - first + 1:
            raise NotFound(
                f"entries {first} to {last} are not all in this log book",
                why="The book is another, or an older state of it was restored.",
                fix="Restore the folder from the last backup.",
            )
        return found

    def _subject_tag(self, patient: Address) -> bytes:
        return self.sealed.key.tag(b"subject" + from_hex(patient))

    def _open(self, row: Sequence[Any]) -> AccessEntry:
        entry = _unpack(row[0], self.sealed.key.open(_place(row[0]), row[2]))
        if entry.leaf != row[1]:
            raise SealedDamaged(
                f"entry {entry.entry} of the log book is not the one whose leaf stands beside it",
                fix="Restore the folder from a backup.",
            )
        return entry

    # PARTS

    def plan(self, plan: Plan) -> Plan:
        """Keep what is about to be anchored, before anything is sent; return what was kept before for this start."""
        with self.sealed.db(writes=True) as db:
            row = (plan.first, plan.last, plan.root, plan.key)
            db.execute("INSERT OR IGNORE INTO parts VALUES (?, ?, ?, ?)", row)
        found = self.plan_from(plan.first)
        if found is None:
            raise InputError("this key anchored another part of the log", fix="Use another key, or none.")
        return found

    def plan_from(self, first: int) -> Plan | None:
        """Return the part that starts with this entry, if it is anchored or planned."""
        return self._plan("first = ?", first)

    def plan_by(self, key: str) -> Plan | None:
        """Return the part that was anchored or planned under a key."""
        return self._plan("key = ?", key)

    def _plan(self, where: str, *values: Any) -> Plan | None:
        query = f"SELECT first, last, root, key FROM parts WHERE {where}"  # noqa: S608
        with self.sealed.db() as db:
            row = db.execute(query, values).fetchone()
        return Plan(*row) if row else None


def _place(entry: int) -> bytes:
    return entry.to_bytes(8, "big")


def _pack(entry: AccessEntry) -> bytes:
    subject = entry.subject
    assert subject is not None  # noqa: S101 - the book writes whole entries only
    return _ROW.pack(
        from_hex(entry.record), from_hex(subject.patient), from_hex(entry.actor), entry.acting.word, entry.purpose,
        entry.basis, entry.reason, entry.allowed, entry.block, entry.at, entry.salt.reveal(), subject.salt.reveal(),
        subject.own,
    )  # fmt: skip


@lru_cache(1 << 14)
def _account(raw: bytes) -> Address:
    """Return an account with its checksum; a log names few of them often."""
    return checksum(to_hex(raw))


def _unpack(number: int, row: bytes) -> AccessEntry:
    record, patient, actor, acting, purpose, basis, reason, allowed, block, at, salt, own_salt, own = _ROW.unpack(row)
    subject = Subject(_account(patient), own, Secret(own_salt, "salt"))
    return AccessEntry(
        number, RecordId(to_hex(record)), _account(actor), Acting.from_word(acting), Purpose(purpose),
        Basis(basis), Reason(reason), allowed, block, at, Secret(salt, "salt"), subject.digest, subject,
    )  # fmt: skip
