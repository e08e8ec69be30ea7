"""What every story of the machine stands on: the world, its clock, its events, and the one way to act in it.

A story is a class of rules beside a second telling of them. It begins its part of the model in `start`, and compares it
with the rows that the events led to in `compare`; both go on to the story below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from careledger.audit.rebuild import Row, RowKey, rebuild
from tests.chainkit import START, Reverted, Tx, at
from tests.invariants.machine.carrier import Carrier
from tests.told import happened, unsaid
from tests.words import DAY
from tests.world import World, new_world

NAMES = "patient clinic practitioner stranger hospital steward".split()
KEYS = [*NAMES, "relayer", "officer", "accreditor"]
"""Who has a key, and so can send."""
ADMITTED_UNTIL = START + 5 * 365 * DAY
"""When the accreditor's own admission ends."""
people = st.sampled_from(NAMES)
wards = st.sampled_from(["patient", "stranger"])
mostly = st.sampled_from([True, True, True, True, False])
seldom = st.sampled_from([False] * 7 + [True])
senders = st.sampled_from([*["right"] * 14, *NAMES])
"""Who sends: mostly whoever controls the subject, so that acts succeed often enough to lead somewhere."""
seconds = st.sampled_from([1, 3600, 8 * 3600, DAY, 2 * DAY, 3 * DAY, 3 * DAY, 40 * DAY])

Rows = Mapping[RowKey, Row]


@lru_cache(maxsize=1)
def settled() -> World:
    """The suite with people."""
    return new_world()


@lru_cache(maxsize=1)
def first_rows() -> Rows:
    """The state of that suite from its events."""
    return rebuild(happened(settled()))


class Machine(RuleBasedStateMachine):
    """Acts, a model, and the contracts."""

    w: World
    now: int

    @initialize(forwarded=st.sampled_from([*[False] * 5, True]))
    def begin(self, forwarded):
        self.w = settled()
        self.before = self.w.engine.snapshot()
        self.carrier = Carrier(self.w, on=forwarded)
        self.since = len(self.w.engine.told)
        self.P: dict[str, Any] = {name: getattr(self.w, name) for name in KEYS}
        self.now = START + 10
        self.w.warp(self.now)
        self.start()

    def start(self) -> None:
        """Begin this story's part of the model."""

    def compare(self, rows: Rows) -> None:
        """Compare this story's part of the model with the state that the events led to."""

    def teardown(self):
        if not hasattr(self, "before"):
            return
        try:
            if sys.exc_info()[0] is None:  # a rule that failed is told as it failed
                rows = rebuild(happened(self.w, self.since), rows=first_rows())
                assert unsaid(self.w, rows) == [], "A-inv1"
                self.compare(rows)
        finally:
            self.carrier.remove()
            self.w.engine.revert(self.before)

    def act(self, ok: bool, call: Callable[[], Tx], *expected: str) -> bool:
        """Make a call that the model allows or not; the events must be those named, a refusal an error of the suite."""
        try:
            tx = call()
        except Reverted as revert:
            assert not ok, f"A-inv2: the model allows what was refused: {revert}"
            assert revert.name not in ("", "Panic"), f"A-inv3: refused without a reason: {revert}"
            return False
        assert ok, "A-inv2: the model refuses what was done"
        assert [name for name, _ in tx.events] == list(expected)
        self.last = tx
        return True

    def a(self, name: str) -> str:
        """The address of somebody."""
        return str(at(self.P[name]))

    @rule(by=seconds)
    def pass_time(self, by):
        self.now += by
        self.w.warp(self.now)
