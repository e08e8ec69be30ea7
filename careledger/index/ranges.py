"""Range reading that fits itself to the node: halves on any failure, grows while answers are small, reads one ahead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from careledger.index.errors import BlockTooLarge
from careledger.index.node import Fetched, Node

FIRST_SIZE = 16
"""Blocks in the first range, before anything is known about how many logs they hold."""
MAX_SIZE = 2_000
"""Blocks in a range at most: what common nodes allow, and 20 batches of headers."""
TARGET_LOGS = 4_000
"""Logs wanted in one range: large enough for fast inserts, some 10 MB of memory; small ranges also suit nodes best."""
PATIENCE = 8
"""Ranges to wait before trying a size again that has failed."""


class RangeReader:
    """Reads a stretch of blocks in ranges of fitting size."""

    def __init__(self, node: Node, *, every_header: bool) -> None:
        self._node = node
        self._every_header = every_header
        self._size = FIRST_SIZE
        self._ceiling = MAX_SIZE
        self._good_in_a_row = 0

    def read(self, first: int, last: int, addresses: Sequence[str]) -> Iterator[Fetched]:
        """Yield consecutive ranges from ``first`` to ``last``; while one is used the next is being read.

        Raises:
            BlockTooLarge: The node refuses even a single block.
            NodeError: It failed in another way on a single block.
        """
        with ThreadPoolExecutor(1, thread_name_prefix="careledger-fetch") as pool:
            ahead: Future[Fetched] | None = pool.submit(self._fetch, first, last, addresses)
            while ahead is not None:
                got = ahead.result()
                more = got.last < last
                ahead = pool.submit(self._fetch, got.last + 1, last, addresses) if more else None
                yield got

    def _fetch(self, first: int, last: int, addresses: Sequence[str]) -> Fetched:
        """Read one range from ``first``, as long as the node gives.

        Limits are worded differently by every provider, so any failure halves the range.
        """
        size = min(self._size, last - first + 1)
        while True:
            try:
                got = self._node.range(first, first + size - 1, addresses, every_header=self._every_header)
            except Exception as error:
                if size == 1:
                    raise _single(first, error) from error
                size = (size + 1) // 2
                self._ceiling, self._size, self._good_in_a_row = size, size, 0
                continue
            self._adapt(len(got.logs), size)
            return got

    def _adapt(self, logs: int, size: int) -> None:
        """Choose the next size from how full this range was, at most doubling."""
        self._good_in_a_row += 1
        if self._good_in_a_row >= PATIENCE:
            self._ceiling, self._good_in_a_row = min(MAX_SIZE, self._ceiling * 2), 0
        fitting = size * TARGET_LOGS // logs if logs else MAX_SIZE
        self._size = max(1, min(fitting, size * 2, self._ceiling))


def _single(number: int, error: Exception) -> Exception:
    """Name the block when a node refuses it alone with a JSON-RPC error; other failures stay what they are."""
    if getattr(error, "node_message", None) is None:
        return error
    return BlockTooLarge(
        f"the node refuses the logs of block {number} alone: {str(error)[:200]}",
        why="no smaller range is left to ask for.",
        fix="Raise the node's limit for eth_getLogs, or use another node.",
    )
