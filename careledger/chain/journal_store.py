"""The journal's file: its tables, how it is opened, and the pool of nonces within one write transaction."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from careledger.errors import InputError

__all__ = [
    "INSERT_INTENT", "INSERT_VARIANT", "NoncePool", "intents", "make_engine", "make_private", "meta", "nonces",
    "variants",
]  # fmt: skip

_BUSY_SECONDS = 60.0  # to wait for another process with the write lock, which may be waiting for a remote signer

meta = sa.MetaData()
intents = sa.Table(
    "intents", meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("scope", sa.String, nullable=False),
    sa.Column("sender", sa.String, nullable=False),
    sa.Column("key", sa.String, nullable=False),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("call", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False, default="null"),
    sa.Column("nonce", sa.Integer),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("outcome", sa.String, nullable=False, default="null"),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("updated", sa.Float, nullable=False),
    sa.UniqueConstraint("scope", "sender", "key"),
    sa.UniqueConstraint("scope", "sender", "nonce"),
    sa.Index("by_state", "scope", "sender", "state"),
)  # fmt: skip
variants = sa.Table(
    "variants", meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("intent", sa.ForeignKey("intents.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("nonce", sa.Integer, nullable=False),
    sa.Column("hash", sa.String, nullable=False, unique=True),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("max_fee", sa.String, nullable=False),
    sa.Column("priority", sa.String, nullable=False),
    sa.Column("doubtful", sa.Boolean, nullable=False, default=False),
)  # fmt: skip
nonces = sa.Table(
    "nonces", meta,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("sender", sa.String, primary_key=True),
    sa.Column("next", sa.Integer, nullable=False),
    sa.Column("free", sa.String, nullable=False, default="[]"),
)  # fmt: skip


INSERT_INTENT = (
    "INSERT INTO intents (id, scope, sender, key, digest, call, note, nonce, state, outcome, created, updated) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_VARIANT = (
    "INSERT INTO variants (intent, nonce, hash, raw, max_fee, priority, doubtful) VALUES (?, ?, ?, ?, ?, ?, ?)"
)


def make_private(path: Path) -> None:
    """Make the file with permissions for its owner alone: keys of acts may name patients."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise InputError(f"the journal {path.name} cannot be written", why=error.strerror or "") from None


def make_engine(path: Path) -> sa.Engine:
    """Open the file: write-ahead log, every commit on disk, transactions that lock at once."""
    engine = sa.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,  # the values of a failed statement stay out of its message
    )

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin by itself: its BEGIN is a deferred one
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


class NoncePool:
    """The nonces of a sender within one write transaction: those given back first, then the next new one."""

    def __init__(self, db: sa.Connection, scope: str, sender: str, chain_nonce: int) -> None:
        self._db, self._scope, self._sender = db, scope, sender
        where = (nonces.c.scope == scope) & (nonces.c.sender == sender)
        row = db.execute(sa.select(nonces).where(where)).one_or_none()
        self._next = max(row.next if row else 0, chain_nonce)
        self._free = sorted(number for number in (json.loads(row.free) if row else []) if number >= chain_nonce)
        self._exists = row is not None

    def take(self) -> int:
        """Return a nonce for one intent."""
        if self._free:
            return int(self._free.pop(0))
        self._next += 1
        return self._next - 1

    def give_back(self, nonce: int) -> None:
        """Keep a nonce for the next intent."""
        self._free = sorted({*self._free, nonce})
        while self._free and self._free[-1] == self._next - 1:
            self._next = self._free.pop()
        self.store()

    def store(self) -> None:
        """Write the state of the pool."""
        values = {"next": self._next, "free": json.dumps(self._free)}
        if self._exists:
            where = (nonces.c.scope == self._scope) & (nonces.c.sender == self._sender)
            self._db.execute(sa.update(nonces).where(where).values(**values))
        else:
            self._db.execute(sa.insert(nonces).values(scope=self._scope, sender=self._sender, **values))
            self._exists = True
