"""Bringing an index up to its node: final blocks by ranges, the others one by one and by hash."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from careledger import steps
from careledger.errors import NodeError, NodeMisbehaved
from careledger.index import intervals, reorg
from careledger.index.errors import ChainChanged, SourcesChanged
from careledger.index.node import Fetched, Header, Node
from careledger.index.ranges import RangeReader
from careledger.index.rows import Sorter
from careledger.index.schema import SCHEMA_VERSION
from careledger.index.sources import Source
from careledger.index.store import Store

DEFAULT_WINDOW = 128
"""Blocks until one counts as final on chains without a ``finalized`` tag: twice Ethereum's two epochs."""
MAX_TURNS = 1_000
"""Reorganisations followed within one call, after which the node is taken to be playing."""


@dataclass(frozen=True)
class Options:
    """How to read."""

    window: int | None = None
    """Blocks below the head that may still change; ``None`` takes the node's ``finalized`` block, or
    ``DEFAULT_WINDOW`` where there is none."""
    every_header: bool = True
    """Read each final block's header, so that no log can be withheld unnoticed; without it only blocks that the node
    says have logs are checked, which is enough for lists and too little for an audit."""
    trust_shorter: bool = False
    """Follow a node whose chain has become shorter (snapshots of a local chain) instead of waiting for it."""
    attempts: int = 3
    """How often a block near the head is asked for when the node contradicts itself."""
    pause: float = 0.25
    """Seconds before the second of these attempts; doubles."""


class Sync:
    """One index and one node."""

    def __init__(self, node: Node, store: Store, sources: Sequence[Source], sorter: Sorter, options: Options) -> None:
        self._node = node
        self._store = store
        self._sources = sorted(sources, key=lambda source: source.address)
        self._sorter = sorter
        self._options = options
        self._start = min(source.start for source in sources)
        self._settled = False
        self.node_head: int | None = None
        self.sleep: Callable[[float], None] = time.sleep

    def run(self, to: int | None = None) -> bool:
        """Go on until the node's latest block, or block ``to``, is indexed.

        Returns:
            Whether that block was reached; ``False`` when the node is behind.

        Raises:
            NodeError: The node failed; nothing is lost, call again.
            IndexStopped: Going on would make the index wrong.
            StorageError: The database refused.
        """
        if self._settled and self._is_current(to):
            return True
        self._identify()
        for _ in range(MAX_TURNS):
            tip = self._node.need("latest")
            self.node_head = tip.number
            target = tip.number if to is None else min(to, tip.number)
            reorg.settle(self._node, self._store, tip, trust_shorter=self._options.trust_shorter)
            final = self._final(tip)
            self._load(min(target, final))
            if self._follow(target):
                self._finish(final, target)
                self._settled = True
                head = self._store.checkpoint().head_number
                if to is None:
                    return head == tip.number or tip.number < self._start
                return head >= to or to < self._start
        raise NodeMisbehaved("the node changed its chain a thousand times in one round.", fix="Use another node.")

    def _is_current(self, to: int | None) -> bool:
        """Tell by one request that nothing has happened: the same latest block is the same chain."""
        tip, head = self._node.need("latest"), self._store.checkpoint()
        self.node_head = tip.number
        return to is None and (tip.number, tip.hash) == (head.head_number, head.head_hash)

    # WHOSE CHAIN

    def _identify(self) -> None:
        """Compare chain, genesis and ABIs with what the index was built from; note them the first time.

        Raises:
            ChainChanged: Another chain, or the same id restarted from another genesis.
            SourcesChanged: An ABI differs, or the index is of another version.
        """
        said = {"chain_id": str(self._node.chain_id()), "genesis": self._node.need(0).hash}
        prints = {f"abi:{source.address}": source.fingerprint for source in self._sources}
        kept = self._store.meta()
        for name, value in said.items():
            if kept.get(name, value) != value:
                raise ChainChanged(
                    f"the node's {name.replace('_', ' ')} is {value}, and the index was built from {kept[name]}.",
                    why="the settings name another node, or a local chain was restarted.",
                    fix="Use the node of that chain, or index into a new file.",
                )
        changed = [name for name, value in prints.items() if kept.get(name, value) != value]
        if changed or kept.get("schema", SCHEMA_VERSION) != SCHEMA_VERSION:
            raise SourcesChanged(
                f"the index was built with other events ({', '.join(changed) or 'older tables'}).",
                fix="Index into a new file.",
            )
        wanted = {**said, **prints}
        if not wanted.items() <= kept.items():
            steps.step("index.identified")
            self._store.set_meta(wanted)
            steps.step("index.identity_written")

    def _final(self, tip: Header) -> int:
        """Return the last block that counts as final; never lower than before."""
        if self._options.window is not None:
            final = tip.number - self._options.window
        else:
            tagged = self._node.finalized()
            final = tip.number - DEFAULT_WINDOW if tagged is None else min(tagged, tip.number)
        return max(final, self._store.checkpoint().final_number)

    # FINAL BLOCKS, BY RANGE

    def _load(self, last: int) -> None:
        """Read every final block that any source lacks; blocks above them are read anew when a source is added."""
        fetched = self._store.fetched()
        head = self._store.checkpoint().head_number
        missing = intervals.segments({s.address: (s.start, max(last, head)) for s in self._sources}, fetched)
        recent = [segment for segment in missing if segment.last > last and segment.first <= head]
        if recent:
            lowest = min(segment.first for segment in recent) - 1
            keep = max(last, lowest, self._store.checkpoint().final_number)
            for number in range(head, keep, -1):
                below = self._store.header(number - 1)
                self._store.undo(number, below.hash if below else "")
            fetched = self._store.fetched()
        for segment in intervals.segments({s.address: (s.start, last) for s in self._sources}, fetched):
            self._load_segment(segment)

    def _load_segment(self, segment: intervals.Segment) -> None:
        """Read one segment, committing each range as it comes."""
        reader = RangeReader(self._node, every_header=self._options.every_header)
        parent = self._store.header(segment.first - 1)
        for got in reader.read(segment.first, segment.last, segment.keys):
            first = got.headers[0]
            if parent and first.number == parent.number + 1 and first.parent_hash != parent.hash:
                raise NodeMisbehaved(f"block {first.number} does not follow the block before it.", fix="Try again.")
            self._commit_range(got, segment.keys)
            parent = got.headers[-1]

    def _commit_range(self, got: Fetched, keys: tuple[str, ...]) -> None:
        """Commit final blocks: headers with logs, and the last one, which the next range must follow."""
        with_logs = {log.number for log in got.logs}
        moves = got.last > self._store.checkpoint().head_number
        blocks = [h for h in got.headers if h.number in with_logs or (moves and h.number == got.last)]
        batch = self._sorter.batch(got.logs, first=got.first, last=got.last, sources=keys, blocks=blocks)
        batch.head = got.headers[-1] if moves else None
        batch.final = True
        self._store.commit(batch)

    # BLOCKS THAT MAY CHANGE, ONE BY ONE

    def _follow(self, target: int) -> bool:
        """Read blocks up to a target; ``False`` when the chain changed on the way and must be settled first."""
        number = self._store.checkpoint().head_number + 1
        number = number or self._start
        while number <= target:
            header = self._node.header(number)
            if header is None:
                return True  # the node does not have it: never go past
            head = self._store.checkpoint()
            if 0 <= head.head_number == number - 1 and header.parent_hash != head.head_hash:
                return self._is_same(number - 1, head.head_hash)
            if not self._add_block(header):
                return False
            number += 1
        return True

    def _is_same(self, number: int, known: str) -> bool:
        """After a child with another parent: tell a reorganisation (``False``) from a node that contradicts itself."""
        found = self._node.header(number)
        if found is not None and found.hash == known:
            raise NodeMisbehaved(f"block {number + 1} does not follow block {number}.", fix="Try again.")
        return False

    def _add_block(self, header: Header) -> bool:
        """Read and commit one block; ``False`` when it is no longer on the node's chain."""
        keys = tuple(source.address for source in self._sources if source.start <= header.number)
        logs = None
        for attempt in range(self._options.attempts):
            try:
                logs = self._node.logs_of(header, keys)
                break
            except NodeError as error:
                again = self._node.header(header.number)
                if again is None or again.hash != header.hash:
                    return False
                if attempt + 1 == self._options.attempts:
                    raise error
                self.sleep(self._options.pause * 2**attempt)
        assert logs is not None  # noqa: S101 - the loop returns, raises or sets it
        batch = self._sorter.batch(logs, first=header.number, last=header.number, sources=keys, blocks=[header])
        batch.head = header
        self._store.commit(batch)
        return True

    def _finish(self, final: int, target: int) -> None:
        """Mark what has become final, and make the secondary indexes after the first load."""
        head = self._store.checkpoint()
        final = min(final, head.head_number)
        if final > head.final_number:
            self._store.advance_final(final)
        if head.head_number >= target and "indexed" not in self._store.meta():
            self._store.build_indexes()
            steps.step("index.indexes_built")
            self._store.set_meta({"indexed": "yes"})
