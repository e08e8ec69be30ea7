"""A random chain against a naive rebuild: whatever happened, the index holds what a new one would.

Rules: blocks come, the chain reorganises or rolls back and grows, the node fails at some request, lags, refuses wide
ranges, serves bad logs; the index syncs (or fails to), is closed and opened again. Invariant: after a clean sync its
rows equal those of an index built from nothing, and a consumer that reads now and then holds just the chain's events.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from careledger.errors import NodeError, NodeUnavailable
from careledger.index import Index, Options
from tests.sdk.index.campaign import MEMORY_DISK, built, open_index
from tests.sdk.index.index_fakes import FakeChain

OPTIONS = Options(window=10, pause=0.0)


class IndexMachine(RuleBasedStateMachine):
    """One chain, one index, one consumer."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None))
        self.chain = FakeChain().grow(3)
        self.fork = 0
        self.longest = self.chain.head
        self.index = self.opened()
        self.cursor: str | None = None
        self.holds: list[tuple[str, int]] = []

    def opened(self) -> Index:
        return open_index(self.chain, self.folder / "index.db", OPTIONS)

    def teardown(self) -> None:
        self.index.close()
        shutil.rmtree(self.folder)

    @rule(count=st.integers(1, 15))
    def blocks_come(self, count: int) -> None:
        self.chain.grow(count, offset=self.fork)
        self.longest = max(self.longest, self.chain.head)

    @rule(depth=st.integers(1, 9), longer=st.integers(0, 3))
    def chain_reorganises(self, depth: int, longer: int) -> None:
        """Never below what the index may have taken as final: ten blocks under the longest chain so far."""
        depth = min(depth, self.chain.head - max(0, self.longest - 10))
        if depth > 0:
            self.fork += 1
            self.chain.reorg(depth, longer=longer, offset=self.fork, fork=self.fork)
            self.longest = max(self.longest, self.chain.head)

    @rule(nth=st.integers(0, 25), kind=st.sampled_from(["away", "null", "empty", "cut"]))
    def sync_fails(self, nth: int, kind: str) -> None:
        left = [nth]

        def fault(method: str, _params: list[Any], result: Any) -> Any:
            left[0] -= 1
            if left[0] >= 0 or method == "eth_chainId":
                return result
            if kind == "away":
                raise NodeUnavailable("no answer within the deadline")
            if kind == "null":
                return None
            if method == "eth_getLogs":
                return [] if kind == "empty" else [{**log, "data": log["data"] + "0"} for log in result]
            return result

        self.chain.fault = fault
        try:
            self.index.sync()
        except NodeError:
            pass
        finally:
            self.chain.fault = None

    @rule(to=st.integers(0, 60))
    def syncs_in_part(self, to: int) -> None:
        self.index.sync(to=to)

    @rule(limit=st.integers(1, 5))
    def syncs_with_a_limit(self, limit: int) -> None:
        def fault(method: str, params: list[Any], result: Any) -> Any:
            by_range = method == "eth_getLogs" and "fromBlock" in params[0]
            if by_range and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= limit:
                raise ValueError("range too wide")
            return result

        self.chain.fault = fault
        self.index.sync()
        self.chain.fault = None

    @rule()
    def opens_again(self) -> None:
        self.index.close()
        self.index = self.opened()

    @rule(most=st.integers(1, 30))
    def consumer_reads(self, most: int) -> None:
        for event in self.index.events(after=self.cursor):
            if most == 0:
                return
            most -= 1
            place = (event.block_hash, event.index)
            if event.removed:
                assert self.holds.pop() == place
            else:
                self.holds.append(place)
            self.cursor = event.cursor

    @rule()
    def equals_a_naive_rebuild(self) -> None:
        if not self.index.sync().ready:
            return  # the chain is shorter than before: it waits
        if self.chain.head == self.longest:
            # what is final depends on the longest chain ever seen, which a rebuild has not
            assert self.index.dump() == built(self.chain, OPTIONS)
        self.consumer_reads(10_000)
        assert self.holds == [(event.block_hash, event.index) for event in self.index.events()]


TestIndexMachine = IndexMachine.TestCase
TestIndexMachine.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)


@pytest.mark.deep
class TestIndexMachineDeep(IndexMachine.TestCase):  # type: ignore[misc,valid-type,name-defined]
    settings = settings(
        max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
    )
