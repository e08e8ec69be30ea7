"""The database: the only file with SQL. SQLite by default, PostgreSQL by URL; one transaction for each step forward.

Everything a step changes, its checkpoint included, is committed together, so a process may be killed anywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Index, Select, Table, delete, func, insert, inspect, literal, or_, select, update
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from careledger import steps
from careledger.index.checkpoint import INDEX_SPAN, position
from careledger.index.database import WriterLock, open_database, refusal
from careledger.index.errors import IndexStoreFailed, ReorgTooDeep
from careledger.index.intervals import Interval, union
from careledger.index.node import Header
from careledger.index.schema import SCHEMA_VERSION, Schema, Shelf

Rows = list[tuple[Any, ...]]

ROWS_IN_ONE = (256, 16, 1)
"""Rows in one insert: the driver lets go of the interpreter's lock for each statement, and a thread that computes
keeps it for 5 ms each time, so one row a statement would let reading ahead slow writing down."""


@dataclass(frozen=True)
class Checkpoint:
    """How far the index is."""

    head_number: int = -1
    head_hash: str = ""
    final_number: int = -1
    undone: int = 0
    events: int = 0
    quarantined: int = 0


@dataclass
class Batch:
    """Consecutive blocks ready to be committed together with the checkpoint."""

    first: int
    last: int
    sources: tuple[str, ...]
    """Addresses the blocks were read for."""
    head: Header | None = None
    """The last block, when the index's head moves to it."""
    final: bool = False
    """All blocks are final: headers without logs need not be kept."""
    blocks: list[Header] = field(default_factory=list)
    log_counts: dict[int, int] = field(default_factory=dict)
    logs: Rows = field(default_factory=list)
    quarantine: Rows = field(default_factory=list)
    typed: dict[str, Rows] = field(default_factory=dict)


class Store:
    """One index's database.

    Args:
        url: ``:memory:``, a file path, or an SQLAlchemy URL.
        schema: The tables.
        read_only: Open without writing and without the writer's lock.

    Raises:
        IndexLocked: Another process writes to it.
        IndexStoreFailed: It cannot be opened.
    """

    def __init__(self, url: str, schema: Schema, *, read_only: bool = False) -> None:
        self.schema = schema
        self.lock = threading.RLock()
        self._read_only = read_only
        self._sql: dict[str, tuple[str, list[str] | None]] = {}
        database = open_database(url, read_only=read_only)
        self._engine = database.engine
        self._writer = None if read_only else WriterLock(database)
        try:
            if not read_only:
                with self._transaction() as connection:
                    self._create(connection)
            with self._transaction() as connection:
                names = inspect(connection).get_table_names()
                if not {"meta", "checkpoint"} <= set(names):
                    raise IndexStoreFailed("this is not an index.", fix="Give the file or URL of an index.")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the database and its lock."""
        with self.lock:
            self._engine.dispose()
            if self._writer:
                self._writer.release()

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """One transaction under the lock; what the database refuses becomes one kind of error."""
        with self.lock:
            try:
                with self._engine.begin() as connection:
                    yield connection
            except DBAPIError as error:
                raise refusal(error) from None
            except SQLAlchemyError as error:
                raise IndexStoreFailed(f"the index's database failed ({type(error).__name__}).") from error

    # CREATION AND META

    def _create(self, connection: Connection) -> None:
        """Make missing tables and the first checkpoint."""
        self.schema.metadata.create_all(connection)
        if connection.execute(select(func.count()).select_from(self.schema.checkpoint)).scalar_one() == 0:
            first = Checkpoint()
            connection.execute(insert(self.schema.checkpoint).values(id=0, **vars(first)))
            connection.execute(insert(self.schema.meta).values(name="schema", value=SCHEMA_VERSION))

    def meta(self) -> dict[str, str]:
        """Return every name and value kept about the index."""
        with self._transaction() as connection:
            rows = connection.execute(select(self.schema.meta.c.name, self.schema.meta.c.value)).all()
            return {str(name): str(value) for name, value in rows}

    def set_meta(self, values: Mapping[str, str | None]) -> None:
        """Set names to values; ``None`` removes."""
        table = self.schema.meta
        with self._transaction() as connection:
            connection.execute(delete(table).where(table.c.name.in_(list(values))))
            kept = [{"name": name, "value": value} for name, value in values.items() if value is not None]
            if kept:
                connection.execute(insert(table), kept)

    def checkpoint(self) -> Checkpoint:
        """Return how far the index is."""
        with self._transaction() as connection:
            return self._checkpoint(connection)

    def _checkpoint(self, connection: Connection) -> Checkpoint:
        row = connection.execute(select(self.schema.checkpoint)).one()
        return Checkpoint(*row[1:])

    def fetched(self) -> dict[str, list[Interval]]:
        """Return the ranges of blocks read for each source."""
        table = self.schema.fetched
        found: dict[str, list[Interval]] = {}
        with self._transaction() as connection:
            for source, first, last in connection.execute(select(table.c.source, table.c.first, table.c.last)):
                found.setdefault(source, []).append((first, last))
        return {source: union(ranges) for source, ranges in found.items()}

    def header(self, number: int) -> Header | None:
        """Return a kept header, without its bloom."""
        table = self.schema.block
        with self._transaction() as connection:
            row = connection.execute(
                select(table.c.number, table.c.hash, table.c.parent_hash, table.c.timestamp).where(
                    table.c.number == number
                )
            ).one_or_none()
        return Header(*row, None) if row else None

    # STEPS FORWARD AND BACK

    def commit(self, batch: Batch) -> None:
        """Add blocks and move the checkpoint, in one transaction."""
        steps.step("index.batch_ready")
        with self._transaction() as connection:
            before = self._checkpoint(connection)
            self._add_blocks(connection, batch, before)
            steps.step("index.blocks_written")
            self._many(connection, self.schema.log, batch.logs)
            self._many(connection, self.schema.quarantine, batch.quarantine)
            steps.step("index.logs_written")
            for shelf in self.schema.shelves:
                self._many(connection, shelf.table, batch.typed.get(shelf.table.name, []))
            steps.step("index.events_written")
            self._add_fetched(connection, batch)
            changes: dict[str, Any] = {
                "events": before.events + len(batch.logs),
                "quarantined": before.quarantined + len(batch.quarantine),
            }
            if batch.head:
                changes |= {"head_number": batch.head.number, "head_hash": batch.head.hash}
            if batch.head and batch.final:
                changes |= {"final_number": batch.last}
            connection.execute(update(self.schema.checkpoint).values(**changes))
            steps.step("index.checkpoint_written")
        steps.step("index.batch_committed")

    def _add_blocks(self, connection: Connection, batch: Batch, before: Checkpoint) -> None:
        """Write headers; where a block is known already, only count its further logs."""
        table = self.schema.block
        rows = [
            (header.number, header.hash, header.parent_hash, header.timestamp, batch.log_counts.get(header.number, 0))
            for header in batch.blocks
        ]
        if batch.first <= before.head_number:
            within = select(table.c.number, table.c.hash).where(table.c.number.between(batch.first, batch.last))
            known: dict[int, str] = {row[0]: row[1] for row in connection.execute(within)}
            for number, block_hash, _, _, logs in rows:
                if number in known:
                    if known[number] != block_hash:
                        raise ReorgTooDeep(f"block {number} was read before with another hash, and is final.")
                    more = update(table).where(table.c.number == number).values(logs=table.c.logs + logs)
                    connection.execute(more)
            rows = [row for row in rows if row[0] not in known]
        elif batch.final:
            past = table.c.number >= before.final_number, table.c.number < batch.first, table.c.logs == 0
            connection.execute(delete(table).where(*past))
        self._many(connection, table, rows)

    def _add_fetched(self, connection: Connection, batch: Batch) -> None:
        """Note that the blocks were read: grow the range that ends where the batch begins, or begin one."""
        table = self.schema.fetched
        touching = table.c.last == batch.first - 1, table.c.source.in_(batch.sources)
        grown = set(connection.execute(select(table.c.source).where(*touching)).scalars())
        if grown:
            connection.execute(update(table).where(*touching).values(last=batch.last))
        new = [(source, batch.first, batch.last) for source in batch.sources if source not in grown]
        self._many(connection, table, new)

    def undo(self, number: int, hash_below: str) -> None:
        """Take back the head block, keeping what its consumers must be told, in one transaction.

        Args:
            number: The head's number.
            hash_below: Hash of the block that is the head afterwards; empty when none is kept.
        """
        steps.step("index.undo_ready")
        low, high = position(number, 0), position(number, 0) + INDEX_SPAN
        schema = self.schema
        with self._transaction() as connection:
            before = self._checkpoint(connection)
            serial = before.undone + 1
            events = self._keep_undone(connection, number, serial)
            steps.step("index.undo_kept")
            tables = [schema.log, schema.quarantine, *self._typed_tables(events)]
            gone = {table.name: self._delete_range(connection, table, low, high) for table in tables}
            connection.execute(delete(schema.block).where(schema.block.c.number == number))
            steps.step("index.undo_deleted")
            ranges = schema.fetched
            connection.execute(delete(ranges).where(ranges.c.last == number, ranges.c.first == number))
            connection.execute(update(ranges).where(ranges.c.last == number).values(last=number - 1))
            connection.execute(
                update(schema.checkpoint).values(
                    head_number=number - 1 if hash_below else -1,
                    head_hash=hash_below,
                    undone=serial,
                    events=before.events - gone["log"],
                    quarantined=before.quarantined - gone["quarantine"],
                )
            )
        steps.step("index.undo_committed")

    def _keep_undone(self, connection: Connection, number: int, serial: int) -> set[tuple[str, str]]:
        """Copy a block and its logs aside; return (contract, event) of each kind among them."""
        block, log, schema = self.schema.block, self.schema.log, self.schema
        head = select(literal(serial), block.c.number, block.c.hash, block.c.timestamp).where(block.c.number == number)
        connection.execute(insert(schema.undone_block).from_select(["serial", "number", "hash", "timestamp"], head))
        within = log.c.position.between(position(number, 0), position(number, 0) + INDEX_SPAN - 1)
        body = select(literal(serial), *log.c).where(within)
        names = ["serial", *(column.name for column in log.c)]
        connection.execute(insert(schema.undone_log).from_select(names, body))
        kinds = connection.execute(select(log.c.contract, log.c.event).where(within).distinct()).all()
        return {(contract, event) for contract, event in kinds}

    def _typed_tables(self, events: set[tuple[str, str]]) -> list[Table]:
        """Return the tables of these events; one name may have several."""
        return [shelf.table for shelf in self.schema.shelves if (shelf.spec.contract, shelf.spec.name) in events]

    @staticmethod
    def _delete_range(connection: Connection, table: Table, low: int, high: int) -> int:
        key = table.c.position
        return connection.execute(delete(table).where(key >= low, key < high)).rowcount

    def advance_final(self, number: int) -> None:
        """Mark blocks up to a number as final and forget headers that no longer serve, in one transaction."""
        table = self.schema.block
        with self._transaction() as connection:
            before = self._checkpoint(connection).final_number
            past = table.c.number >= before, table.c.number < number, table.c.logs == 0
            connection.execute(delete(table).where(*past))
            connection.execute(update(self.schema.checkpoint).values(final_number=number))
            steps.step("index.final_written")
        steps.step("index.final_committed")

    def build_indexes(self) -> None:
        """Make the secondary indexes, once the first load is done: building them then is several times cheaper."""
        wanted = [Index("log_tx_hash", self.schema.log.c.tx_hash, _table=self.schema.log)]
        for number, shelf in enumerate(self.schema.shelves):
            for arg, column in zip(shelf.spec.args, shelf.columns, strict=True):
                if arg.indexed:
                    name = f"ix_{number}_{shelf.table.name}"[:40] + f"_{column}"[:20]
                    wanted.append(Index(name, shelf.table.c[column], _table=shelf.table))
        with self._transaction() as connection:
            for index in wanted:
                index.create(connection, checkfirst=True)

    def _many(self, connection: Connection, table: Table, rows: Rows) -> None:
        """Insert rows given in the table's column order, by the driver's own fast path."""
        if not rows:
            return
        sql, names = self._sql.get(table.name) or self._prepare(connection, table)
        if names is not None:
            connection.exec_driver_sql(sql, [dict(zip(names, row, strict=True)) for row in rows])
            return
        head, _, group = sql.rpartition(" VALUES ")
        done = 0
        for size in ROWS_IN_ONE:
            statement = f"{head} VALUES {', '.join([group] * size)}"
            while len(rows) - done >= size:
                connection.exec_driver_sql(statement, tuple(chain.from_iterable(rows[done : done + size])))
                done += size

    def _prepare(self, connection: Connection, table: Table) -> tuple[str, list[str] | None]:
        """Compile a table's insert once; names are needed where the driver takes parameters by name."""
        compiled = insert(table).compile(dialect=connection.dialect)
        names = None if compiled.positional else [column.name for column in table.c]
        self._sql[table.name] = (str(compiled), names)
        return self._sql[table.name]

    # READING

    def logs(self, *, start: int, stop: int, limit: int) -> list[tuple[Any, ...]]:
        """Return decoded logs with positions from ``start`` to below ``stop``, each with its block's time last."""
        log = self.schema.log
        query = self._with_time(log).where(log.c.position >= start, log.c.position < stop)
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(log.c.position).limit(limit))]

    def undone_blocks(self, *, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return (serial, number, timestamp) of undone blocks after a serial, in order."""
        table = self.schema.undone_block
        query = select(table.c.serial, table.c.number, table.c.timestamp).where(table.c.serial > after)
        with self._transaction() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(table.c.serial).limit(limit))]

    def undone_logs(self, serial: int, *, below: int) -> list[tuple[Any, ...]]:
        """Return the logs of an undone block with positions below one, last first."""
        table = self.schema.undone_log
        columns = [table.c[column.name] for column in self.schema.log.c]
        query = select(*columns).where(table.c.serial == serial, table.c.position < below)
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(table.c.position.desc()))]

    def find(
        self, shelf: Shelf, conditions: Iterable[tuple[str, str, Any]], *, stop: int, limit: int | None, newest: bool
    ) -> list[tuple[Any, ...]]:
        """Return logs of one event whose arguments fulfil conditions.

        Args:
            shelf: The event.
            conditions: (column, operator, value); columns of the log are written ``log.address``.
            stop: Positions below this only.
            limit: At most so many; ``None`` for all.
            newest: Last first.

        Returns:
            Rows as ``logs`` gives them.
        """
        log, table = self.schema.log, shelf.table
        query = self._with_time(log).join(table, table.c.position == log.c.position).where(log.c.position < stop)
        for name, operator, value in conditions:
            column = log.c[name[4:]] if name.startswith("log.") else table.c[name]
            query = query.where(_compare(column, operator, value))
        query = query.order_by(log.c.position.desc() if newest else log.c.position)
        with self._transaction() as connection:
            return [tuple(row) for row in connection.execute(query.limit(limit) if limit is not None else query)]

    def quarantined(self, *, limit: int) -> list[dict[str, Any]]:
        """Return quarantined logs, first ones first."""
        table = self.schema.quarantine
        with self._transaction() as connection:
            rows = connection.execute(select(table).order_by(table.c.position).limit(limit)).mappings()
            return [dict(row) for row in rows]

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return every row that is a function of the chain alone, by table, for comparing two indexes."""
        history = {self.schema.undone_block.name, self.schema.undone_log.name}
        with self._transaction() as connection:
            found = {}
            for table in self.schema.metadata.sorted_tables:
                if table.name not in history:
                    columns = [column for column in table.c if column.name != "undone"]
                    rows = connection.execute(select(*columns).order_by(*table.primary_key.columns))
                    found[table.name] = [tuple(row) for row in rows]
            return found

    def _with_time(self, log: Table) -> Select[Any]:
        """Select logs with their block's time."""
        block = self.schema.block
        return select(*log.c, block.c.timestamp).join(block, block.c.number == log.c.block_number)


def _compare(column: Any, operator: str, value: Any) -> Any:
    """Write one condition."""
    if operator == "in":
        return column.in_(list(value))
    if operator == "not":
        return or_(column != value, column.is_(None))
    comparisons: Mapping[str, Any] = {
        "eq": column.__eq__, "lt": column.__lt__, "lte": column.__le__, "gt": column.__gt__, "gte": column.__ge__
    }  # fmt: skip
    return comparisons[operator](value)
