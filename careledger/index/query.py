"""Questions to an index: lists with filters, single events, and the stream of events with its reversals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from careledger.errors import NotFound
from careledger.index.checkpoint import INDEX_SPAN, Cursor, position, unpack
from careledger.index.decode import to_column
from careledger.index.errors import IndexMisused
from careledger.index.rows import Sorter
from careledger.index.schema import Shelf, storage_kind
from careledger.index.store import Checkpoint, Store
from careledger.values import BlockHash, Event, TxHash, checksum

Finality = Literal["included", "final"]
"""``included``: events as blocks come, with reversals. ``final``: only what nothing can take away any more."""

CHUNK = 500
"""Events read at a time by the stream; between two chunks the index may move on."""
OPERATORS = ("eq", "not", "in", "lt", "lte", "gt", "gte")
LOG_FILTERS = ("address", "tx_hash", "block_number")
"""Columns of the log by which any event can be filtered."""


class BlockRef(NamedTuple):
    """A block an answer is true at."""

    number: int
    hash: str


@dataclass(frozen=True)
class IndexedEvent(Event):
    """An event as the index gives it: decoded, placed, and with the cursor that comes after it."""

    source: str = ""
    """Kind of the contract, such as ``ConsentRegistry``."""
    timestamp: int = 0
    """Of its block, in seconds since 1970."""
    tx_index: int = 0
    final: bool = False
    """Whether its block was final when it was read."""
    cursor: str = ""
    """Hand it to ``events(after=...)`` to go on behind this event."""


class Listing(list[IndexedEvent]):
    """Events that fulfil a filter, and the block at which these are all there are."""

    def __init__(self, events: list[IndexedEvent], true_at: BlockRef) -> None:
        super().__init__(events)
        self.true_at = true_at


class Query:
    """Reads one store."""

    def __init__(self, store: Store, sorter: Sorter) -> None:
        self._store = store
        self._sorter = sorter

    def find(
        self,
        event: str,
        *,
        at: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        where: Mapping[str, Any] | None = None,
    ) -> Listing:
        """Find events; see ``Index.list``."""
        shelves = self._shelves(event)
        conditions = [self._conditions(shelf, where or {}) for shelf in shelves]
        with self._store.lock:
            point = self._store.checkpoint()
            if at is not None and at > point.head_number:
                raise IndexMisused(
                    f"block {at} is not indexed yet; the index is at {point.head_number}.", fix="Call sync() first."
                )
            true_at = BlockRef(point.head_number, point.head_hash) if at is None else self._ref(at)
            stop = position(max(true_at.number, 0), 0) + INDEX_SPAN
            rows = []
            for shelf, chosen in zip(shelves, conditions, strict=True):
                rows += self._store.find(shelf, chosen, stop=stop, limit=limit, newest=newest_first)
        rows.sort(key=lambda row: int(row[0]), reverse=newest_first)
        events = [self._event(row, point) for row in rows[:limit]]
        return Listing([event for event in events if event], true_at)

    def get(self, event: str, *, at: int | None = None, where: Mapping[str, Any] | None = None) -> IndexedEvent:
        """Return the last event that fulfils a filter.

        Raises:
            NotFound: None does.
        """
        found = self.find(event, at=at, limit=1, newest_first=True, where=where)
        if not found:
            raise NotFound(
                f"no {event} with {', '.join(sorted(where or {})) or 'any arguments'} as given, "
                f"up to block {found.true_at.number}.",
                fix="Check the values, or call sync() if it has only just happened.",
            )
        return found[0]

    def events(self, *, after: str | None, finality: Finality) -> Iterator[IndexedEvent]:
        """Yield events in order behind a cursor; see ``Index.events``."""
        if finality not in ("included", "final"):
            raise IndexMisused(f"{finality!r} is no finality.", fix="Use 'included' or 'final'.")
        cursor = Cursor.parse(after) if after is not None else Cursor(undone=self._store.checkpoint().undone)
        while True:
            with self._store.lock:
                chunk = self._reversals(cursor) or self._forward(cursor, finality)
            if not chunk:
                return
            for _, found in chunk:
                if found is not None:
                    yield found
            cursor = chunk[-1][0]

    def _reversals(self, cursor: Cursor) -> list[tuple[Cursor, IndexedEvent | None]]:
        """Return what was taken back since the cursor, of what its holder has seen; last event first."""
        steps: list[tuple[Cursor, IndexedEvent | None]] = []
        point = self._store.checkpoint()
        for serial, number, timestamp in self._store.undone_blocks(after=cursor.undone, limit=CHUNK):
            if number <= cursor.number:
                for row in self._store.undone_logs(serial, below=cursor.position):
                    # between two reversals of one block: it is still to be undone, from this log downwards
                    cursor = Cursor(serial - 1, number, unpack(row[0])[1])
                    found = self._event((*row, timestamp), point, removed=True, cursor=cursor)
                    steps.append((cursor, found))
                cursor = Cursor(serial, number, 0)
            else:
                cursor = Cursor(serial, cursor.number, cursor.next_index)
            steps.append((cursor, None))
        return steps

    def _forward(self, cursor: Cursor, finality: Finality) -> list[tuple[Cursor, IndexedEvent | None]]:
        """Return the next events of the chain as it is now."""
        point = self._store.checkpoint()
        last = point.head_number if finality == "included" else point.final_number
        if last < 0:
            return []
        rows = self._store.logs(start=cursor.position, stop=position(last, 0) + INDEX_SPAN, limit=CHUNK)
        steps: list[tuple[Cursor, IndexedEvent | None]] = []
        for row in rows:
            number, index = unpack(row[0])
            after = Cursor(point.undone, number, index + 1)
            steps.append((after, self._event(row, point, cursor=after)))
        return steps

    def _event(
        self, row: tuple[Any, ...], point: Checkpoint, *, removed: bool = False, cursor: Cursor | None = None
    ) -> IndexedEvent | None:
        """Make an event of a row of the log; ``None`` when its contract is not among the sources now."""
        place, number, block_hash, index, tx_hash, tx_index, address, contract, name, topics, data, timestamp = row
        decoded = self._sorter.read(address, bytes(topics), bytes(data))
        if decoded is None:
            return None
        behind = cursor or Cursor(point.undone, number, unpack(place)[1] + 1)
        return IndexedEvent(
            name, checksum(address), decoded[1], number, TxHash(tx_hash), index, BlockHash(block_hash), removed,
            contract, timestamp, tx_index, number <= point.final_number, str(behind),
        )  # fmt: skip

    def _ref(self, number: int) -> BlockRef:
        """Name a block; its hash is known only while its header is kept."""
        header = self._store.header(number)
        return BlockRef(number, header.hash if header else "")

    def _shelves(self, name: str) -> list[Shelf]:
        """Find events by ``Contract.Event``, ``Event`` or ``Contract``."""
        shelves = self._store.schema.shelves
        contract, dot, event = name.partition(".")
        if dot:
            found = [s for s in shelves if (s.spec.contract, s.spec.name) == (contract, event)]
        else:
            found = [s for s in shelves if name in (s.spec.name, s.spec.contract)]
        if not found:
            known = sorted({f"{s.spec.contract}.{s.spec.name}" for s in shelves})
            raise IndexMisused(f"no event {name!r} is indexed.", fix=f"Known are {', '.join(known)[:600]}.")
        return found

    @staticmethod
    def _conditions(shelf: Shelf, where: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
        """Turn filters into conditions on columns.

        Raises:
            IndexMisused: No such argument or operator, or a value of another type.
        """
        return [_condition(shelf, key, value) for key, value in where.items()]


def _condition(shelf: Shelf, key: str, value: Any) -> tuple[str, str, Any]:
    """Turn one filter ``name`` or ``name__operator`` into a condition."""
    name, split, operator = key.rpartition("__")
    if not split or operator not in OPERATORS:
        name, operator = key, "eq"
    column = shelf.column_of(name)
    if column is None and name in LOG_FILTERS:
        values = [_plain(item) for item in value] if operator == "in" else _plain(value)
        return f"log.{name}", operator, values
    if column is None:
        raise IndexMisused(
            f"{shelf.spec.name} has no argument {name!r}.",
            fix=f"It has {', '.join(arg.name for arg in shelf.spec.args)}; and any event {', '.join(LOG_FILTERS)}.",
        )
    arg = shelf.spec.args[shelf.columns.index(column)]
    if operator not in ("eq", "not", "in") and storage_kind(arg) == "swide":
        raise IndexMisused(f"{name} of type {arg.type} cannot be ordered by the database.", fix="Compare in Python.")
    try:
        return column, operator, [to_column(arg, v) for v in value] if operator == "in" else to_column(arg, value)
    except (ValueError, TypeError) as error:
        raise IndexMisused(f"{name} is of type {arg.type}: {error}.", fix="Give a value of that type.") from None


def _plain(value: Any) -> Any:
    """Lower the case of hex, which the index keeps in lower case."""
    return value.lower() if isinstance(value, str) else getattr(value, "address", value)
