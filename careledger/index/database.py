"""Opening the index's database: engine, what each kind of database needs, the lock of its one writer, its refusals."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from careledger.index.errors import IndexLocked, IndexMisused, IndexStoreFailed

BUSY_MS = 5_000
"""How long SQLite waits for a reader that holds the file."""
_LOCK = crc32(b"careledger index") - (1 << 31)
"""First half of the key of PostgreSQL's advisory lock, a signed 32-bit number; the schema is the other half."""


@dataclass(frozen=True)
class Database:
    """An engine, and the file it keeps."""

    engine: Engine
    path: Path | None
    """``None`` in memory and on a server."""


def open_database(url: str, *, read_only: bool) -> Database:
    """Make the engine for ``:memory:``, a file path or an SQLAlchemy URL.

    Raises:
        IndexMisused: The URL cannot be read or its driver is not installed.
    """
    full = url if "://" in url else "sqlite://" if url == ":memory:" else f"sqlite:///{url}"
    try:
        parsed = make_url(full)
        if parsed.get_backend_name() != "sqlite":
            return Database(create_engine(parsed, hide_parameters=True), None)
        name = parsed.database or ":memory:"
        path = None if name == ":memory:" else Path(name).absolute()
        return Database(_sqlite(path, read_only=read_only), path)
    except (SQLAlchemyError, ImportError) as error:
        raise IndexMisused(
            "the index's database cannot be opened by this URL.",
            why=f"{type(error).__name__}: the URL is not one, or its driver is not installed.",
            fix="Give a file path, or a URL such as postgresql+psycopg://… with the driver installed.",
        ) from None


def _sqlite(path: Path | None, *, read_only: bool) -> Engine:
    """Make an engine with one connection: the store's lock takes the place of a pool."""
    target = f"{path.as_uri()}?mode={'ro' if read_only else 'rwc'}" if path else ":memory:"

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(target, uri=path is not None, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say, DDL included
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")  # a commit survives the loss of power
        cursor.execute("PRAGMA cache_size=-16000")  # 16 MB: enough for the upper pages of a large index
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


class WriterLock:
    """Held by the one process that writes; the system lets go of it when the process dies.

    Raises:
        IndexLocked: Another process holds it.
        IndexStoreFailed: The lock's file cannot be written.
    """

    def __init__(self, database: Database) -> None:
        self._file: int | None = None
        self._session: Connection | None = None
        if database.path is not None:
            self._take_file(database.path)
        elif database.engine.dialect.name == "postgresql":
            self._take_session(database.engine)

    def release(self) -> None:
        """Let go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        if self._session is not None:
            self._session.close()
            self._session = None

    def _take_file(self, database: Path) -> None:
        """Lock a file beside the database; the database's own file is SQLite's to lock."""
        path = database.with_name(database.name + ".lock")
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise IndexStoreFailed(
                f"the index's folder cannot be written to ({error.strerror}).", fix="Give a folder that can be."
            ) from None
        try:
            _lock_whole_file(self._file)
        except OSError:
            os.close(self._file)
            self._file = None
            raise _locked() from None

    def _take_session(self, engine: Engine) -> None:
        """Take PostgreSQL's advisory lock of this schema, which lives as long as its connection."""
        try:
            self._session = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            self._session.detach()  # a pool would keep the connection, and with it the lock
            take = text("select pg_try_advisory_lock(:key, hashtext(current_schema()))")
            taken = self._session.execute(take, {"key": _LOCK}).scalar_one()
        except DBAPIError as error:
            raise refusal(error) from None
        if not taken:
            self.release()
            raise _locked()


def _lock_whole_file(file: int) -> None:
    """Lock an open file without waiting; raises ``OSError`` when another process has it."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        return
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _locked() -> IndexLocked:
    """Make the error for a second writer."""
    return IndexLocked(
        "another process is writing to this index.",
        why="two writers on one index would undo each other's work.",
        fix="Stop the other one, give this one its own file, or open the index with read_only=True.",
    )


def refusal(error: DBAPIError) -> IndexStoreFailed:
    """Turn what a database says into what happened and what to do; parameters are never part of it."""
    said = str(error.orig).splitlines()[0] if error.orig else type(error).__name__
    known = {
        "full": "Free some space and start again; the index goes on where it was.",
        "readonly": "Give a file that can be written, or open the index with read_only=True.",
        "locked": "Close the program that holds the database.",
        "not a database": "Give another file; this one is not an index.",
        "malformed": "The file is damaged: index into a new one.",
        "unable to open": "Give a path in a folder that exists and can be written.",
        "i/o error": "Check the disk; the index goes on where it was.",
    }
    fix = next((advice for word, advice in known.items() if word in said.lower()), "Look at the database's own log.")
    return IndexStoreFailed(f"the index's database refused: {said}.", why="nothing half-written was kept.", fix=fix)
