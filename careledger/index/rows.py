"""Checked logs to rows: sorts what was read into the tables, and what no ABI explains into quarantine."""

from __future__ import annotations

from collections.abc import Sequence

from careledger.index.checkpoint import INDEX_BITS
from careledger.index.decode import MAX_DATA, Decoder, Undecodable, decoder, to_args
from careledger.index.node import Header, RawLog
from careledger.index.schema import Schema, Shelf
from careledger.index.sources import Source
from careledger.index.store import Batch
from careledger.values import keccak

KEPT_BYTES = 4_096
"""How much of an unexplained log's data is kept; its size and hash are always kept."""


class Sorter:
    """Knows which decoder serves a log: by contract, first topic and number of topics.

    The number of topics is part of the key because contracts may declare one signature with other ``indexed`` marks.
    """

    def __init__(self, sources: Sequence[Source], schema: Schema) -> None:
        shelves: dict[str, list[tuple[Shelf, Decoder]]] = {}
        for shelf in schema.shelves:
            shelves.setdefault(shelf.spec.contract, []).append((shelf, decoder(shelf)))
        self._known: dict[tuple[str, bytes, int], tuple[Shelf, Decoder]] = {}
        self._contracts = {source.address: source.contract for source in sources}
        for source in sources:
            for shelf, decode in shelves.get(source.contract, ()):
                key = (source.address, shelf.spec.topic, 32 * shelf.spec.topic_count)
                # two events that differ only in which arguments are indexed cannot be told apart: the first stands
                self._known.setdefault(key, (shelf, decode))

    def batch(
        self, logs: Sequence[RawLog], *, first: int, last: int, sources: tuple[str, ...], blocks: list[Header]
    ) -> Batch:
        """Decode logs into a batch; ``blocks`` are the headers to keep."""
        batch = Batch(first, last, sources, blocks=blocks)
        known, typed, counts, rows = self._known, batch.typed, batch.log_counts, batch.logs
        for log in logs:
            number, block_hash, index, tx_hash, tx_index, address, topics, data = log
            place = number << INDEX_BITS | index
            counts[number] = counts.get(number, 0) + 1
            found = known.get((address, topics[:32], len(topics)))
            if found is None or len(data) > MAX_DATA:
                self._quarantine(batch, log, place, self._why(log))
                continue
            shelf, decode = found
            try:
                values = decode(topics[32:], data)
            except Undecodable as why:
                self._quarantine(batch, log, place, f"{shelf.spec.signature}: {why}")
                continue
            spec = shelf.spec
            rows.append(
                (place, number, block_hash, index, tx_hash, tx_index, address, spec.contract, spec.name, topics, data)
            )
            name = shelf.table.name
            if name in typed:
                typed[name].append((place, number, index, *values))
            else:
                typed[name] = [(place, number, index, *values)]
        return batch

    def read(self, address: str, topics: bytes, data: bytes) -> tuple[Shelf, dict[str, object]] | None:
        """Decode a stored log again into arguments; ``None`` when its contract is not among the sources."""
        found = self._known.get((address, topics[:32], len(topics)))
        if found is None:
            return None
        shelf, decode = found
        return shelf, to_args(shelf, decode(topics[32:], data))

    def _why(self, log: RawLog) -> str:
        """Say why a log has no decoder."""
        if len(log.data) > MAX_DATA:
            return f"{len(log.data)} bytes of data, more than the {MAX_DATA} an event may have"
        if not log.topics:
            return "an anonymous log: it has no topic to know it by"
        same = [key[2] for key in self._known if key[:2] == (log.address, log.topics[:32])]
        if same:
            return f"{len(log.topics) // 32} topics where the ABI has {same[0] // 32}: other arguments are indexed"
        return f"no event of {self._contracts.get(log.address, log.address)} has this topic"

    @staticmethod
    def _quarantine(batch: Batch, log: RawLog, place: int, reason: str) -> None:
        """Keep an unexplained log aside."""
        row = (
            place, log.number, log.block_hash, log.log_index, log.tx_hash, log.address, reason, log.topics,
            len(log.data), "0x" + keccak(log.data).hex(), log.data[:KEPT_BYTES],
        )  # fmt: skip
        batch.quarantine.append(row)
