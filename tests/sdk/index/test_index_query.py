"""Questions to an index: filters, the block an answer is true at, and the stream with its reversals.

given an indexed chain
  when filtered by arguments         → test_list__when_filtered__returns_exactly_those
  when asked as of a block           → test_list__when_as_of_block__leaves_out_later_ones
  when the question is wrong         → test_list__when_question_is_wrong__says_what_there_is
  when nothing fits                  → test_get__when_none__raises_not_found
  when read by several threads       → test_index__when_read_while_syncing__stays_consistent
given a consumer with a cursor
  when blocks are undone             → test_events__given_cursor__when_reorged__reversals_come_first
  when anything happens in between   → test_prop_events__given_any_reorgs_and_stops__consumer_is_exact
  when only final ones are wanted    → test_events__when_final__never_reverses
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger.errors import NotFound
from careledger.index import Index, IndexedEvent, IndexMisused, Options
from careledger.values import checksum
from tests.sdk.index import index_fakes as fakes
from tests.sdk.index.campaign import WINDOW, open_index
from tests.sdk.index.index_fakes import FakeChain, paid


@pytest.fixture(scope="module")
def index() -> Any:
    chain = FakeChain()
    for n in range(1, 21):
        chain.mine([fakes.granted(n, patient=n % 3), paid(n, amount=10**30 * n), fakes.noted(n), fakes.clinic_paid(n)])
    with open_index(chain, ":memory:", Options(window=5)) as opened:
        opened.sync()
        yield opened


PATIENT = "0x" + "0" * 39 + "1"


@pytest.mark.parametrize(
    ("event", "filters", "blocks"),
    [
        ("Granted", {"patient": PATIENT}, [1, 4, 7, 10, 13, 16, 19]),
        ("Granted", {"patient": checksum(PATIENT), "classes__lt": 8}, [1, 4, 7]),
        ("Granted", {"grantId": fakes.word(3)}, [3]),
        ("Granted", {"grant_id": "0x" + fakes.word(3).hex().upper()}, [3]),
        ("Granted", {"open": True, "expires_at__gte": 1_700_000_018}, [18, 20]),
        ("Ledger.Paid", {"amount__gt": 18 * 10**30}, [19, 20]),
        ("Ledger.Paid", {"amount": 2 * 10**30}, [2]),
        ("Ledger.Paid", {"change": -4}, [4]),
        ("Ledger.Paid", {"id__in": [3, 5, 99]}, [3, 5]),
        ("Noted", {"text": "grün", "id__lte": 2}, [1, 2]),
        ("Noted", {"text__not": "grün"}, []),
        ("Paid", {"id": 7}, [7, 7]),
        ("Clinic", {"amount": 70}, [7]),
        ("Granted", {"block_number__in": [4, 5], "address": checksum(fakes.LEDGER)}, [4, 5]),
    ],
)
def test_list__when_filtered__returns_exactly_those(index: Index, event: str, filters: Any, blocks: list[int]) -> None:
    found = index.list(event, **filters)
    assert [item.block for item in found] == blocks
    assert found.true_at == (20, index.status().head_hash)


def test_list__returns_typed_values(index: Index) -> None:
    event = index.get("Noted", id=4)
    assert event.args == {"id": 4, "text": "grün", "parts": [4, 2**200]}
    assert (event.source, event.name, event.contract) == ("Ledger", "Noted", checksum(fakes.LEDGER))
    assert (event.block, event.index, event.timestamp, event.final) == (4, 2, 1_700_000_048, True)
    assert index.get("Granted", grant_id=fakes.word(20)).final is False
    assert IndexedEvent.from_json(event.to_json()) == event


def test_list__when_as_of_block__leaves_out_later_ones(index: Index) -> None:
    found = index.list("Granted", at=6, patient=PATIENT)
    assert ([item.block for item in found], found.true_at.number) == ([1, 4], 6)
    assert [item.block for item in index.list("Paid", limit=3, newest_first=True)] == [20, 20, 19]


@pytest.mark.parametrize(
    ("event", "filters", "says"),
    [
        ("Nothing", {}, "no event"),
        ("Granted", {"nobody": 1}, "no argument"),
        ("Granted", {"classes": "many"}, "of type uint64"),
        ("Granted", {"patient": 5}, "of type address"),
        ("Noted", {"parts": [1]}, "cannot be compared"),
        ("Ledger.Paid", {"change__gt": 1}, "cannot be ordered"),
        ("Granted", {"at": 21}, "not indexed yet"),
    ],
)
def test_list__when_question_is_wrong__says_what_there_is(index: Index, event: str, filters: Any, says: str) -> None:
    with pytest.raises(IndexMisused, match=says) as caught:
        index.list(event, **filters)
    assert caught.value.fix


def test_list__given_hostile_text__is_a_value_and_no_sql(index: Index) -> None:
    assert index.list("Noted", text="' or 1=1 --") == []
    with pytest.raises(IndexMisused):
        index.list("Noted", where={"text) or (1=1": "x"})


def test_get__when_none__raises_not_found(index: Index) -> None:
    with pytest.raises(NotFound, match="up to block 20"):
        index.get("Granted", grant_id=fakes.word(99))


def test_events__given_cursor__when_reorged__reversals_come_first() -> None:
    chain = FakeChain()
    for n in range(1, 6):
        chain.mine([paid(n), paid(n + 100)])
    with open_index(chain, ":memory:") as index:
        index.sync()
        seen = list(index.events())
        assert [event.args["id"] for event in seen] == [1, 101, 2, 102, 3, 103, 4, 104, 5, 105]
        halfway = seen[6].cursor  # behind payment 4, before 104
        chain.cut(2)
        chain.mine([paid(44)])
        chain.mine([])
        chain.mine([paid(66)])
        index.sync()
        told = [(event.args["id"], event.removed) for event in index.events(after=seen[-1].cursor)]
        assert told == [(105, True), (5, True), (104, True), (4, True), (44, False), (66, False)]
        assert [(e.args["id"], e.removed) for e in index.events(after=halfway)] == [(4, True), (44, False), (66, False)]
        assert [e.args["id"] for e in index.events(after=seen[5].cursor)] == [44, 66]
        with pytest.raises(IndexMisused, match="not a cursor"):
            list(index.events(after="12"))


def test_events__when_final__never_reverses() -> None:
    chain = FakeChain().grow(30)
    with open_index(chain, ":memory:") as index:
        index.sync()
        seen = list(index.events(finality="final"))
        assert max(event.block for event in seen) <= 18 == index.status().final
        chain.reorg(10)
        index.sync()
        later = list(index.events(after=seen[-1].cursor, finality="final"))
        assert not any(event.removed for event in later)
        assert all(event.final for event in seen + later)


class Consumer:
    """Applies each event and reverses each removed one, and may stop and start anew at any event."""

    def __init__(self) -> None:
        self.cursor: str | None = None
        self.holds: list[tuple[str, int]] = []

    def read(self, index: Index, most: int) -> None:
        for event in index.events(after=self.cursor):
            if most == 0:
                return
            most -= 1
            place = (event.block_hash, event.index)
            if event.removed:
                assert self.holds.pop() == place, "what was seen last is taken back first"
            else:
                self.holds.append(place)
            self.cursor = event.cursor


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(0, 12), st.integers(0, 12)), max_size=10))
def test_prop_events__given_any_reorgs_and_stops__consumer_is_exact(moves: list[tuple[int, int, int, int]]) -> None:
    chain = FakeChain().grow(14)
    consumers = [Consumer(), Consumer(), Consumer()]
    with open_index(chain, ":memory:") as index:
        index.sync()
        for fork, (depth, longer, first, second) in enumerate(moves):
            consumers[0].read(index, first)
            chain.reorg(depth, longer=longer, offset=fork, fork=fork + 1)
            index.sync()
            consumers[1].read(index, second)
            consumers[2].read(index, -1)
        for consumer in consumers:
            consumer.read(index, -1)
            assert consumer.holds == [(e.block_hash, e.index) for e in index.events()]


def test_index__when_read_while_syncing__stays_consistent() -> None:
    chain = FakeChain().grow(150)
    trouble: list[BaseException] = []
    done = threading.Event()

    def ask(index: Index) -> None:
        try:
            while not done.is_set():
                found = index.list("Granted")
                assert all(event.block <= found.true_at.number for event in found)
                index.status()
        except BaseException as error:
            trouble.append(error)

    with open_index(chain, ":memory:", Options(window=140)) as index:
        readers = [threading.Thread(target=ask, args=(index,)) for _ in range(3)]
        for reader in readers:
            reader.start()
        index.sync()
        done.set()
        for reader in readers:
            reader.join()
        assert not trouble
        assert index.status().ready


def test_follow__given_node_away__waits_and_goes_on() -> None:
    chain = FakeChain().grow(5)
    stop = threading.Event()
    rounds = [0]

    def fault(method: str, params: list[Any], result: Any) -> Any:
        rounds[0] += params[:1] == ["latest"] or method == "eth_chainId"
        if rounds[0] > 3:
            stop.set()
        return fakes.away(method, params, result) if rounds[0] <= 2 else result

    chain.fault = fault
    with open_index(chain, ":memory:", WINDOW) as index:
        index.follow(stop, every=0.0)
        assert index.status().head == 5
