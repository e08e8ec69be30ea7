"""The journal: what was meant, under which nonce, with which bytes, and what became of it. Written before sending.

One SQLite file, safe for many threads and processes: a nonce and its signed bytes come to be in one immediate
transaction, so that a nonce without bytes never exists, and recovery re-sends stored bytes only.

    signed → sent → included → final
       ↘ failed    no node took it, or it reverted for good: it had no effect, the key may be tried again
       ↘ replaced  another transaction took its nonce
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import sqlalchemy as sa

from careledger.chain.journal_store import (
    INSERT_INTENT,
    INSERT_VARIANT,
    NoncePool,
    intents,
    make_engine,
    make_private,
    meta,
    nonces,
    variants,
)  # fmt: skip
from careledger.errors import KeyReused
from careledger.privacy.files import private_folder
from careledger.redact import PersonalText
from careledger.values import to_hex

__all__ = ["Entry", "Intent", "Journal", "State", "Variant", "content_digest"]

State = Literal["signed", "sent", "included", "final", "failed", "replaced"]
OPEN: tuple[State, ...] = ("signed", "sent", "included")


@dataclass(frozen=True)
class Variant:
    """One signed form of an intent; forms differ in their fees only."""

    hash: str
    raw: bytes
    max_fee: int
    priority: int
    nonce: int


@dataclass(frozen=True)
class Entry:
    """One intent and what became of it."""

    id: int
    key: str
    digest: str
    call: Mapping[str, Any]
    note: Any
    """What the caller wanted kept beside it, as JSON."""
    nonce: int | None
    state: State
    outcome: Any
    """The node's receipt, or why it failed; None before."""
    variants: tuple[Variant, ...] = ()
    """Of the present attempt, oldest first."""
    fresh: bool = False
    """True when this call made it, and no other before."""

    @property
    def newest(self) -> Variant:
        """The form sent last."""
        return self.variants[-1]

    def shown_key(self) -> str:
        """Return the key as an error may show it."""
        return repr(self.key)


@dataclass(frozen=True)
class Intent:
    """What the caller wants done, once."""

    key: str
    digest: str
    call: Mapping[str, Any]
    """``to``, ``value``, ``data``, ``gas`` as JSON."""
    note: Any = None


Sign = Callable[[Mapping[str, Any], int], Variant]
"""From a stored call and a nonce to signed bytes."""


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def content_digest(*parts: Any) -> str:
    """Return the digest by which "the same content" is recognised: SHA-256 over canonical JSON, bytes as hex."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=lambda b: to_hex(bytes(b)))
    return hashlib.sha256(text.encode()).hexdigest()


class Journal:
    """The journal of one sender on one chain, or of several: entries are kept apart by both.

    Args:
        path: The file; made, readable by its owner only, when it does not exist.
        scope: The chain's identity (``Connection.scope``).
        sender: The account.
    """

    def __init__(self, path: str | Path, *, scope: str, sender: str) -> None:
        self.path = Path(path)
        self.scope, self.sender = scope, sender.lower()
        self._lock = threading.RLock()
        self._engine: sa.Engine | None = None
        self._pid = 0
        private_folder(self.path.parent)
        with self._write() as db:
            meta.create_all(db)

    @classmethod
    def in_folder(cls, folder: str | Path, *, scope: str, sender: str) -> Journal:
        """Open the journal of a sender on a chain in a folder, one file for each pair."""
        return cls(Path(folder) / f"{scope.replace(':', '-')}-{sender.lower()}.sqlite", scope=scope, sender=sender)

    # WRITING

    def take(self, wanted: Sequence[Intent], *, chain_nonce: int, sign: Sign) -> list[Entry]:
        """Store intents with a nonce and signed bytes each; those stored before are returned as they are.

        All happens in one transaction under SQLite's write lock, so that threads and processes get nonces in turn.

        Args:
            wanted: What is wanted, in order.
            chain_nonce: The chain's own count, below which no nonce is of use.
            sign: Makes the bytes.

        Returns:
            One entry for each intent; ``fresh`` where it was stored now.

        Raises:
            KeyReused: A key was used before for other content; nothing is stored then.
        """
        with self._lock, self._write() as db:
            known = self._load(db, [item.key for item in wanted])
            entries: list[Entry] = []
            pool = NoncePool(db, self.scope, self.sender, chain_nonce)
            for item in wanted:
                entry = known.get(item.key)
                if entry is not None and entry.digest != item.digest and entry.state != "failed":
                    raise self._reused(item.key)
                if entry is None or entry.state == "failed":
                    nonce = pool.take()
                    entry = self._draft(item, nonce, sign(item.call, nonce), entry)
                    known[item.key] = entry
                entries.append(entry)
            self._insert(db, list({entry.key: entry for entry in entries if entry.fresh}.values()))
            pool.store()
        return entries

    def _reused(self, key: str) -> KeyReused:
        shown = repr(key) if not isinstance(key, PersonalText) else "<personal>"
        return KeyReused(
            f"key {shown} was used before for other content",
            why="A key stands for one act, so that repeating it never acts twice.",
            fix="Use another key for another act, or the same content for the same one.",
        )

    def _draft(self, item: Intent, nonce: int, variant: Variant, before: Entry | None) -> Entry:
        return Entry(
            id=before.id if before else 0, key=item.key, digest=item.digest, call=dict(item.call), note=item.note,
            nonce=nonce, state="signed", outcome=None, variants=(variant,), fresh=True,
        )  # fmt: skip

    def _insert(self, db: sa.Connection, entries: Sequence[Entry]) -> None:
        """Write new and retried intents with their bytes."""
        if not entries:
            return
        now = time.time()
        for old in (entry for entry in entries if entry.id):
            db.execute(sa.delete(intents).where(intents.c.id == old.id))  # its forms go with it: they had no effect
        # Ids are chosen here, under the write lock, so that both tables are filled by two plain statements.
        first = int(db.execute(sa.select(sa.func.coalesce(sa.func.max(intents.c.id), 0))).scalar_one()) + 1
        db.exec_driver_sql(
            INSERT_INTENT,
            [
                (first + at, self.scope, self.sender, str(entry.key), entry.digest, _json(entry.call),
                 _json(entry.note), entry.nonce, entry.state, "null", now, now)
                for at, entry in enumerate(entries)
            ],
        )  # fmt: skip
        db.exec_driver_sql(
            INSERT_VARIANT,
            [
                (first + at, form.nonce, form.hash, form.raw, str(form.max_fee), str(form.priority), False)
                for at, form in enumerate(entry.newest for entry in entries)
            ],
        )

    def add_variant(self, entry: Entry, variant: Variant) -> Entry:
        """Store another signed form of an intent, unless another process was first; return what is stored."""
        with self._lock, self._write() as db:
            stored = self._load(db, [entry.key])[entry.key]
            if len(stored.variants) == len(entry.variants) and stored.state in OPEN:
                db.execute(sa.insert(variants).values(intent=stored.id, doubtful=True, **_variant_row(variant)))
        return self.get(entry.key) or entry

    def mark(
        self,
        hashes: Sequence[str],
        state: State,
        outcomes: Sequence[Any] | None = None,
        *,
        only_from: Sequence[State] = OPEN,
    ) -> None:
        """Set the state of the intents that these transactions belong to, where it is one of ``only_from``."""
        if not hashes:
            return
        values: dict[str, Any] = {"state": state, "updated": time.time()}
        with self._lock, self._write() as db:
            if outcomes is None:
                owners = sa.select(variants.c.intent).where(variants.c.hash.in_(hashes))
                db.execute(sa.update(intents).where(intents.c.id.in_(owners), _in_state(only_from)).values(**values))
                return
            owner = sa.select(variants.c.intent).where(variants.c.hash == sa.bindparam("h")).scalar_subquery()
            query = sa.update(intents).where(intents.c.id == owner, _in_state(only_from))
            rows = [{"h": item, "o": json.dumps(what)} for item, what in zip(hashes, outcomes, strict=True)]
            db.execute(query.values(**values, outcome=sa.bindparam("o")), rows)

    def doubt(self, tx_hash: str) -> bool:
        """Note, before sending it again, that a transaction may be in some node's pool.

        Its nonce is then never given to another intent.

        Returns:
            False when its nonce was given back meanwhile: then it must not be sent.
        """
        with self._lock, self._write() as db:
            done = db.execute(sa.update(variants).where(variants.c.hash == tx_hash).values(doubtful=True))
        return int(done.rowcount) > 0

    def release(self, entry: Entry, reason: str) -> bool:
        """Give back the nonce of an intent that no node ever took.

        Returns:
            False when it may be in a pool somewhere, so that the nonce stays with it.
        """
        with self._lock, self._write() as db:
            stored = self._load(db, [entry.key]).get(entry.key)
            if stored is None or stored.state != "signed" or stored.variants != entry.variants:
                return False
            owner = stored.id
            rows = db.execute(sa.select(variants.c.doubtful).where(variants.c.intent == owner)).all()
            if entry.nonce is None or any(row.doubtful for row in rows):
                return False
            values = {
                "state": "failed",
                "nonce": None,
                "outcome": json.dumps({"refused": reason}),
                "updated": time.time(),
            }
            db.execute(sa.update(intents).where(intents.c.id == owner).values(**values))
            db.execute(sa.delete(variants).where(variants.c.intent == owner))
            NoncePool(db, self.scope, self.sender, 0).give_back(entry.nonce)
        return True

    def forget_from(self, chain_nonce: int) -> int:
        """Forget what a development chain forgot when it was set back: all with this nonce or a later one.

        Returns:
            How many intents were forgotten.
        """
        mine = (intents.c.scope == self.scope) & (intents.c.sender == self.sender)
        with self._lock, self._write() as db:
            gone = db.execute(sa.delete(intents).where(mine & (intents.c.nonce >= chain_nonce))).rowcount
            where = (nonces.c.scope == self.scope) & (nonces.c.sender == self.sender)
            db.execute(sa.update(nonces).where(where).values(next=chain_nonce, free="[]"))
        return int(gone)

    # READING

    def get(self, key: str) -> Entry | None:
        """Return the entry of a key."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of several keys, by key."""
        with self._read() as db:
            return self._load(db, keys)

    def unfinished(self, *, below: int | None = None) -> list[Entry]:
        """Return the entries that are signed, sent or included but not final, by nonce."""
        mine = [intents.c.scope == self.scope, intents.c.sender == self.sender, intents.c.state.in_(OPEN)]
        if below is not None:
            mine.append(intents.c.nonce < below)
        with self._read() as db:
            rows = db.execute(sa.select(intents).where(*mine).order_by(intents.c.nonce)).all()
            return self._entries(db, rows)

    def entries(self, *, limit: int = 1000) -> list[Entry]:
        """Return the newest entries, whatever their state, newest first."""
        mine = [intents.c.scope == self.scope, intents.c.sender == self.sender]
        with self._read() as db:
            rows = db.execute(sa.select(intents).where(*mine).order_by(intents.c.id.desc()).limit(limit)).all()
            return self._entries(db, rows)

    def _load(self, db: sa.Connection, keys: Sequence[str]) -> dict[str, Entry]:
        found: list[Entry] = []
        for at in range(0, len(keys), 500):  # SQLite's limit of variables in one statement is generous, not endless
            part = [str(key) for key in keys[at : at + 500]]
            where = [intents.c.scope == self.scope, intents.c.sender == self.sender, intents.c.key.in_(part)]
            found += self._entries(db, db.execute(sa.select(intents).where(*where)).all())
        return {entry.key: entry for entry in found}

    def _entries(self, db: sa.Connection, rows: Sequence[sa.Row[Any]]) -> list[Entry]:
        forms: dict[int, list[Variant]] = {row.id: [] for row in rows}
        ids = list(forms)
        for at in range(0, len(ids), 500):
            query = sa.select(variants).where(variants.c.intent.in_(ids[at : at + 500])).order_by(variants.c.id)
            for row in db.execute(query):
                forms[row.intent].append(Variant(row.hash, row.raw, int(row.max_fee), int(row.priority), row.nonce))
        return [
            Entry(
                id=row.id, key=row.key, digest=row.digest, call=json.loads(row.call), note=json.loads(row.note),
                nonce=row.nonce, state=row.state, outcome=json.loads(row.outcome), variants=tuple(forms[row.id]),
            )
            for row in rows
        ]  # fmt: skip

    # THE FILE

    def close(self) -> None:
        """Close every connection to the file."""
        with self._lock:
            if self._engine is not None and self._pid == os.getpid():
                self._engine.dispose()
            self._engine = None

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._open().begin() as db:
            yield db

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        with self._open().connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            yield db

    def _open(self) -> sa.Engine:
        """Return the engine of this process; a forked child must not share its parent's connections."""
        with self._lock:
            if self._engine is None or self._pid != os.getpid():
                make_private(self.path)
                self._engine, self._pid = make_engine(self.path), os.getpid()
            return self._engine


def _in_state(states: Sequence[State]) -> sa.ColumnElement[bool]:
    return sa.or_(*(intents.c.state == state for state in states))


def _variant_row(variant: Variant) -> dict[str, Any]:
    return {
        "hash": variant.hash, "raw": variant.raw, "max_fee": str(variant.max_fee), "priority": str(variant.priority),
        "nonce": variant.nonce,
    }  # fmt: skip
