"""The tables: one per event, generated from the ABI, beside the ones every index has. Definitions only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, Text
from sqlalchemy.types import TypeEngine

from careledger.index.sources import Arg, EventSpec

SCHEMA_VERSION = "1"
"""Raised when a stored table changes meaning; an index of another version is built anew."""

NAME_LIMIT = 63
"""PostgreSQL cuts identifiers off after 63 bytes."""

RESERVED = frozenset({"position", "block_number", "log_index"})
"""Columns every typed table has; an argument of such a name gets a trailing underscore."""


@dataclass(frozen=True)
class Shelf:
    """Where one event is kept: its table, and the column of each argument."""

    spec: EventSpec
    table: Table
    columns: tuple[str, ...]
    """One for each argument, in the ABI's order."""

    def column_of(self, name: str) -> str | None:
        """Find an argument's column by the ABI's name or the column's own; ``None`` when there is none."""
        for arg, column in zip(self.spec.args, self.columns, strict=True):
            if name in (arg.name, column):
                return column
        return None


@dataclass(frozen=True)
class Schema:
    """All tables of an index."""

    metadata: MetaData
    meta: Table
    """Key and value: schema version, chain id, genesis hash, sources' fingerprints, why it stopped."""
    checkpoint: Table
    """One row: how far the index is. Written in the transaction of what it counts."""
    fetched: Table
    """Ranges of blocks read, for each source."""
    block: Table
    """Headers: every one that is not final, the last final one, and each that holds an event."""
    log: Table
    """Every decoded log as it came: the generic table."""
    quarantine: Table
    """Logs of our contracts that no ABI explains, and why."""
    undone_block: Table
    """Blocks a reorganisation took back, numbered in the order in which they were undone."""
    undone_log: Table
    """Their events, so that consumers can be told."""
    shelves: tuple[Shelf, ...]


def build(specs: Iterable[EventSpec]) -> Schema:
    """Make the tables for these events; the same events always give the same tables."""
    metadata = MetaData()
    distinct = {(spec.contract, spec.shape): spec for spec in specs}
    ordered = sorted(distinct.values(), key=lambda spec: (spec.contract, spec.name, spec.shape))
    fixed = _fixed(metadata)
    taken = set(metadata.tables)
    return Schema(metadata, *fixed, tuple(_shelf(metadata, taken, spec) for spec in ordered))


def _fixed(metadata: MetaData) -> tuple[Table, Table, Table, Table, Table, Table, Table, Table]:
    """Define the tables that do not depend on any ABI, in the order of ``Schema``'s fields."""
    return (
        Table("meta", metadata, Column("name", String(120), primary_key=True), Column("value", Text, nullable=False)),
        Table(
            "checkpoint",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=False),
            Column("head_number", BigInteger, nullable=False),  # -1 before the first block
            Column("head_hash", String(66), nullable=False),
            Column("final_number", BigInteger, nullable=False),  # -1 while nothing is final
            Column("undone", BigInteger, nullable=False),
            Column("events", BigInteger, nullable=False),
            Column("quarantined", BigInteger, nullable=False),
        ),
        Table(
            "fetched",
            metadata,
            Column("source", String(42), primary_key=True),
            Column("first", BigInteger, primary_key=True, autoincrement=False),
            Column("last", BigInteger, nullable=False),
        ),
        Table(
            "block",
            metadata,
            _key("number"),
            Column("hash", String(66), nullable=False, unique=True),
            Column("parent_hash", String(66), nullable=False),
            Column("timestamp", BigInteger, nullable=False),
            Column("logs", Integer, nullable=False),  # of ours, quarantined ones included
        ),
        Table("log", metadata, _key("position"), *_log_columns()),
        Table(
            "quarantine",
            metadata,
            _key("position"),
            Column("block_number", BigInteger, nullable=False),
            Column("block_hash", String(66), nullable=False),
            Column("log_index", Integer, nullable=False),
            Column("tx_hash", String(66), nullable=False),
            Column("address", String(42), nullable=False),
            Column("reason", Text, nullable=False),
            Column("topics", LargeBinary, nullable=False),
            Column("size", Integer, nullable=False),
            Column("data_hash", String(66), nullable=False),
            Column("data", LargeBinary, nullable=False),  # the beginning only, when it is long
        ),
        Table(
            "undone_block",
            metadata,
            _key("serial"),
            Column("number", BigInteger, nullable=False),
            Column("hash", String(66), nullable=False),
            Column("timestamp", BigInteger, nullable=False),
        ),
        Table(
            "undone_log",
            metadata,
            Column("serial", BigInteger, primary_key=True, autoincrement=False),
            Column("position", BigInteger, primary_key=True, autoincrement=False),
            *_log_columns(),
        ),
    )


def _key(name: str) -> Column[Any]:
    """Define a 64-bit key; SQLite wants its own word for one, to make it the row id itself."""
    return Column(name, BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)


def _log_columns() -> list[Column[Any]]:
    """Columns of a log besides its key. A log is identified by (block hash, log index), never by its transaction."""
    return [
        Column("block_number", BigInteger, nullable=False),
        Column("block_hash", String(66), nullable=False),
        Column("log_index", Integer, nullable=False),
        Column("tx_hash", String(66), nullable=False),
        Column("tx_index", Integer, nullable=False),
        Column("address", String(42), nullable=False),
        Column("contract", String(80), nullable=False),
        Column("event", String(80), nullable=False),
        Column("topics", LargeBinary, nullable=False),  # 32 bytes each, one after another
        Column("data", LargeBinary, nullable=False),
    ]


def _shelf(metadata: MetaData, taken: set[str], spec: EventSpec) -> Shelf:
    """Define the table of one event."""
    name = _unused(f"{snake(spec.contract)}__{snake(spec.name)}", spec, taken)
    columns = column_names(spec.args)
    table = Table(
        name,
        metadata,
        _key("position"),
        Column("block_number", BigInteger, nullable=False),
        Column("log_index", Integer, nullable=False),
        *(Column(column, sql_type(arg), nullable=False) for arg, column in zip(spec.args, columns, strict=True)),
    )
    return Shelf(spec, table, columns)


def sql_type(arg: Arg) -> TypeEngine[Any]:
    """Choose the column type of an argument; ``decode`` makes values to match."""
    kind = storage_kind(arg)
    if kind == "bool":
        return Boolean(create_constraint=False)
    if kind in ("int", "sint"):
        return BigInteger()
    return Text()


def storage_kind(arg: Arg) -> str:
    """Name how a value is stored.

    Returns:
        ``bool``; ``int``, ``sint`` (signed) within 63 bits; ``wide`` (unsigned decimal padded to full width, so that
        text order is number order), ``swide``; ``address``, ``fixed``, ``hash``, ``bytes`` as ``0x`` hex; ``string``;
        ``json`` for arrays and tuples. ``hash`` is what remains of an indexed value of no fixed size.
    """
    kind = arg.type
    if kind.endswith("]") or kind.startswith("("):
        return "hash" if arg.indexed else "json"
    if kind in ("string", "bytes"):
        return "hash" if arg.indexed else kind
    if kind in ("bool", "address"):
        return kind
    if kind.startswith("bytes") or kind == "function":
        return "fixed"
    if kind.startswith("uint"):
        return "int" if int(kind[4:]) < 64 else "wide"
    return "sint" if int(kind[3:]) <= 64 else "swide"


def wide_digits(kind: str) -> int:
    """Return how many decimal digits the largest value of an unsigned type has."""
    return len(str((1 << int(kind[4:])) - 1))


def column_names(args: Iterable[Arg]) -> tuple[str, ...]:
    """Name the columns of arguments: snake case, each once; SQL does not tell upper from lower case."""
    names: list[str] = []
    for arg in args:
        name = snake(arg.name)[: NAME_LIMIT - 4] or "arg"
        while name in RESERVED or name in names:
            name += "_"
        names.append(name)
    return tuple(names)


def snake(name: str) -> str:
    """Turn ``camelCase`` and ``PascalCase`` into ``snake_case``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[^a-z0-9_]", "_", spaced.lower()).strip("_")


def _unused(name: str, spec: EventSpec, taken: set[str]) -> str:
    """Make a table name unique and short enough by a piece of the hash of what it holds."""
    if len(name) > NAME_LIMIT or name in taken:
        mark = spec.topic.hex()[:8] + str(spec.topic_count)
        name = f"{name[: NAME_LIMIT - len(mark) - 1]}_{mark}"
    taken.add(name)
    return name
