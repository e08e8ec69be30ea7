"""``Index``: one object that reads a chain's events into a database and answers questions about them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from careledger.errors import CareLedgerError, NodeError
from careledger.index import schema, sources
from careledger.index.errors import IndexStopped
from careledger.index.node import ChainRpc, Node
from careledger.index.query import Finality, IndexedEvent, Listing, Query
from careledger.index.rows import Sorter
from careledger.index.sources import Source
from careledger.index.status import State, Status
from careledger.index.store import Store
from careledger.index.sync import Options, Sync

log = logging.getLogger("careledger")


class Index:
    """The events of some contracts, kept in a database that is exact after reorganisations and crashes.

    All methods may be called from several threads; while one thread syncs, others read.

    Args:
        rpc: The node: anything with ``request(method, params)``, and ``batch(calls)`` if it can.
        sources: The contracts to read.
        store_url: ``:memory:``, a file path, or an SQLAlchemy URL such as ``postgresql+psycopg://…``.
        options: How to read.
        read_only: Only ask questions; another process may be writing.

    Raises:
        IndexMisused: The sources contradict each other, or the URL cannot be read.
        IndexLocked: Another process writes to this index.
        IndexStoreFailed: The database cannot be opened.

    Example:
        >>> index = Index(rpc, [Source.from_artifact(artifact, address)])   # doctest: +SKIP
        >>> index.sync().ready                                              # doctest: +SKIP
        True
        >>> for event in index.events(finality="final"): print(event.name)  # doctest: +SKIP
    """

    def __init__(
        self,
        rpc: ChainRpc,
        sources: Sequence[Source],
        store_url: str = ":memory:",
        *,
        options: Options | None = None,
        read_only: bool = False,
    ) -> None:
        _check(sources)
        specs = [spec for source in sources for spec in source.events]
        self._store = Store(store_url, schema.build(specs), read_only=read_only)
        sorter = Sorter(sources, self._store.schema)
        self._query = Query(self._store, sorter)
        self._sync = Sync(Node(rpc), self._store, sources, sorter, options or Options())
        self._syncing = threading.Lock()
        self._reached = False
        self._trouble = ""

    def close(self) -> None:
        """Let go of the database and its lock."""
        self._store.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def sync(self, to: int | None = None) -> Status:
        """Read up to the node's latest block, or block ``to``.

        May be killed at any moment and called again.

        Args:
            to: Last block to read; the node's latest when not given.

        Returns:
            How the index stands; ``ready`` unless the node itself is behind.

        Raises:
            NodeError: The node failed; nothing is lost, call again.
            IndexStopped: Going on would make the index wrong; it stays as it was.
            StorageError: The database refused; nothing half-written is kept.
        """
        with self._syncing:
            self._reached = False
            try:
                self._reached = self._sync.run(to)
            except CareLedgerError as error:
                self._note(error)
                raise
            if self._trouble or "stopped" in self._store.meta():
                self._trouble = ""
                self._store.set_meta({"stopped": None})
        return self.status()

    def follow(self, stop: threading.Event, *, every: float = 2.0) -> None:
        """Sync again and again until ``stop`` is set; failures of the node are waited out.

        Args:
            stop: Set it to end.
            every: Seconds between two rounds.

        Raises:
            IndexStopped: Going on would make the index wrong.
            StorageError: The database refused.
        """
        while not stop.is_set():
            try:
                self.sync()
            except NodeError as error:
                log.warning("the index waits for the node: %s", type(error).__name__)
            stop.wait(every)

    def status(self) -> Status:
        """Tell whether the index is alive, ready, and how far it is."""
        point, meta = self._store.checkpoint(), self._store.meta()
        stopped = meta.get("stopped", "")
        state: State = "loading" if point.head_number >= 0 else "empty"
        if stopped:
            state = "stopped"
        elif self._trouble:
            state = "waiting"
        elif self._reached:
            state = "ready"
        elif self._sync.node_head is not None and self._sync.node_head < point.head_number:
            state = "waiting"
        chain = meta.get("chain_id")
        return Status(
            state, point.head_number, point.head_hash, point.final_number, self._sync.node_head, point.events,
            point.quarantined, point.undone, int(chain) if chain else None, stopped or self._trouble,
        )  # fmt: skip

    def list(
        self,
        event: str,
        *,
        at: int | None = None,
        limit: int | None = None,
        newest_first: bool = False,
        where: Mapping[str, Any] | None = None,
        **filters: Any,
    ) -> Listing:
        """Return the events that fulfil every filter.

        Args:
            event: ``Contract.Event``, or ``Event`` of any contract, or ``Contract`` for all of its events.
            at: As of this block; the index's head when not given.
            limit: At most so many.
            newest_first: Last events first.
            where: Filters whose names are Python keywords or parameters of this method.
            **filters: An argument by the ABI's name or in snake case, or ``address``, ``tx_hash``, ``block_number``;
                with ``__not``, ``__in``, ``__lt``, ``__lte``, ``__gt``, ``__gte`` for other comparisons than equality.

        Returns:
            A list whose ``true_at`` names the block it is complete at.

        Raises:
            IndexMisused: No such event, argument or block, or a value of another type.
        """
        wanted = {**(where or {}), **filters}
        return self._query.find(event, at=at, limit=limit, newest_first=newest_first, where=wanted)

    def get(
        self, event: str, *, at: int | None = None, where: Mapping[str, Any] | None = None, **filters: Any
    ) -> IndexedEvent:
        """Return the last event that fulfils every filter; arguments as for ``list``.

        Raises:
            NotFound: None does.
        """
        return self._query.get(event, at=at, where={**(where or {}), **filters})

    def events(self, *, after: str | None = None, finality: Finality = "included") -> Iterator[IndexedEvent]:
        """Yield events in the order of the chain, and end at the index's head.

        After a reorganisation the events it took back come first, last one first and with ``removed=True``, as far as
        the cursor's holder had seen them; then those of the new chain. Events that came and went between two readings
        are not mentioned. So whoever applies each event and reverses each removed one is always exact.

        Args:
            after: The cursor of the last event handled; ``None`` begins at the first.
            finality: ``included`` or ``final``; with ``final`` nothing is ever reversed.

        Raises:
            IndexMisused: The cursor is not one of this index.
        """
        return self._query.events(after=after, finality=finality)

    def quarantined(self, *, limit: int = 100) -> Sequence[Mapping[str, Any]]:
        """Return logs of these contracts that no ABI explains, each with its reason."""
        return self._store.quarantined(limit=limit)

    def dump(self) -> dict[str, Any]:
        """Return every row that is a function of the chain alone, by table: what two exact indexes have in common."""
        return self._store.dump()

    def _note(self, error: CareLedgerError) -> None:
        """Remember why syncing ended, across restarts where a person has to look."""
        self._trouble = error.message
        if isinstance(error, IndexStopped):
            self._store.set_meta({"stopped": error.message})


def _check(given: Sequence[Source]) -> None:
    """Refuse sources that contradict each other."""
    sources.check(given)
