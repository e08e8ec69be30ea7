"""What nodes, chains, disks and contracts do wrong, and what the index makes of it.

given an index
  when the chain changes below what is final      → test_X3_sync__given_deep_reorg__stops_and_keeps_everything
  when chain id or genesis differ                 → test_X3_sync__given_other_chain__stops
  when the deep reorganisation was a node's error → test_X3_sync__given_right_node_again__goes_on
  when the node lags                              → test_X4_…
  when a transaction is mined again elsewhere     → test_X5_…
  when a log is not what the ABI says             → test_X6_…
  when the disk or the lock refuses               → test_X7_…
  when ranges are refused                         → test_X8_…
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from careledger.errors import CareLedgerError, NodeError, NodeMisbehaved, NodeUnavailable
from careledger.index import (
    BlockTooLarge,
    ChainChanged,
    Index,
    IndexLocked,
    IndexStoreFailed,
    Options,
    ReorgTooDeep,
    SourcesChanged,
    ranges,
)
from careledger.index.decode import MAX_DATA
from tests.sdk.index import index_fakes as fakes
from tests.sdk.index.campaign import WINDOW, built, in_child, open_index
from tests.sdk.index.index_fakes import FakeChain, Log, paid, sources, topic, word

# X3


def test_X3_sync__given_deep_reorg__stops_and_keeps_everything(tmp_path: Path) -> None:
    chain = FakeChain().grow(40)
    path = tmp_path / "index.db"
    with open_index(chain, path) as index:
        index.sync()
        before = index.dump()
        chain.reorg(13)
        with pytest.raises(ReorgTooDeep) as caught:
            index.sync()
        assert "was final" in caught.value.message
        after = index.dump()
        assert {k: v for k, v in after.items() if k != "meta"} == {k: v for k, v in before.items() if k != "meta"}
    with open_index(chain, path, read_only=True) as index:
        assert (index.status().state, index.status().alive) == ("stopped", False)
        assert "was final" in index.status().reason


def test_X3_sync__given_right_node_again__goes_on(tmp_path: Path) -> None:
    chain = FakeChain().grow(40)
    right = list(chain.blocks)
    with open_index(chain, tmp_path / "index.db") as index:
        index.sync()
        chain.reorg(20)
        with pytest.raises(ReorgTooDeep):
            index.sync()
        chain.blocks = right
        assert index.sync().ready
        assert index.dump() == built(chain)


@pytest.mark.parametrize("other", [FakeChain(chain_id=1), FakeChain(salt=9)], ids=["chain id", "genesis"])
def test_X3_sync__given_other_chain__stops(other: FakeChain, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    chain = FakeChain().grow(20)
    with open_index(chain, path) as index:
        index.sync()
        before = index.dump()
    with open_index(other.grow(20), path) as index:
        with pytest.raises(ChainChanged):
            index.sync()
        assert index.status().state == "stopped"
        assert index.dump()["log"] == before["log"]


def test_X3_sync__given_shorter_chain__waits_or_follows() -> None:
    chain = FakeChain().grow(30)
    with open_index(chain, ":memory:") as waits:
        waits.sync()
        chain.cut(5)
        assert not waits.sync().ready
        assert waits.status().head == 30
        chain.grow(7, offset=3, fork=1)
        assert waits.sync().ready
        assert waits.dump() == built(chain)
    chain = FakeChain().grow(30)
    with open_index(chain, ":memory:", Options(window=12, trust_shorter=True)) as follows:
        follows.sync()
        chain.cut(5)
        assert follows.sync().head == 25


def test_sync__given_other_abi__stops(tmp_path: Path) -> None:
    chain = FakeChain().grow(5)
    with open_index(chain, tmp_path / "index.db") as index:
        index.sync()
    changed = [fakes.Source("Ledger", fakes.LEDGER, fakes.ABI[:1]), sources()[1]]
    with Index(chain, changed, str(tmp_path / "index.db")) as index, pytest.raises(SourcesChanged):
        index.sync()


def test_sync__given_contract_added_later__equals_clean_run(tmp_path: Path) -> None:
    chain = FakeChain().grow(40)
    path = str(tmp_path / "index.db")
    with Index(chain, sources()[:1], path, options=WINDOW) as index:
        index.sync(to=33)
    with open_index(chain, path) as index:
        index.sync()
        got, want = index.dump(), built(chain)
        for table in want:
            if table != "fetched":
                assert got[table] == want[table], table


# X4


@pytest.mark.parametrize("by", ["range", "hash", "both"])
def test_X4_sync__given_lagging_node__empty_answer_is_refused(by: str) -> None:
    chain = FakeChain().grow(40)
    want = built(chain)

    def lagging(method: str, params: list[Any], result: Any) -> Any:
        if method != "eth_getLogs" or by == ("range" if "blockHash" in params[0] else "hash"):
            return result
        return [] if by == "both" or "address" in params[0] else result

    chain.fault = lagging
    with open_index(chain, ":memory:") as index:
        if by == "both":
            with pytest.raises(NodeMisbehaved):
                index.sync()
        else:
            index.sync()  # the block's logs in full, without a filter, settle it
            assert index.dump() == want
        chain.fault = None
        index.sync()
        assert index.dump() == want


def test_X4_sync__given_node_without_block__never_goes_past(tmp_path: Path) -> None:
    chain = FakeChain().grow(40)

    def behind(method: str, params: list[Any], result: Any) -> Any:
        missing = method == "eth_getBlockByNumber" and params[0].startswith("0x") and int(params[0], 16) > 35
        return None if missing else result

    chain.fault = behind
    with open_index(chain, tmp_path / "index.db") as index:
        status = index.sync()
        assert (status.head, status.ready) == (35, False)
        chain.fault = None
        assert index.sync().head == 40
        assert index.dump() == built(chain)


# X5


def test_X5_sync__given_transaction_in_another_block__one_row() -> None:
    chain = FakeChain().grow(20)
    chain.mine([paid(777)])
    with open_index(chain, ":memory:") as index:
        index.sync()
        first = index.get("Ledger.Paid", id=777)
        chain.cut(1)
        chain.mine([])
        chain.mine([fakes.granted(1), paid(777)])
        index.sync()
        found = index.list("Ledger.Paid", id=777)
        assert [(e.block, e.index) for e in found] == [(22, 1)]
        assert found[0].tx == first.tx
        assert found[0].block_hash != first.block_hash


# X6

GRANTED = topic("Granted(bytes32,address,uint64,uint40,bool)")
HUGE = Log(fakes.LEDGER, (topic("Noted(uint256,string,uint256[])"), word(1)), b"\1" * 1_000_000)
ODD = {
    "unknown event": fakes.unknown(1),
    "no topic": Log(fakes.LEDGER, (), b"abc"),
    "other indexed": Log(fakes.LEDGER, (topic("Paid(uint256,uint256,int128)"), word(1), word(2)), word(3)),
    "short data": Log(fakes.LEDGER, (topic("Paid(uint256,uint256,int128)"), word(1)), word(3)),
    "cut word": Log(fakes.LEDGER, (topic("Paid(uint256,uint256,int128)"), word(1)), word(3) + b"\0" * 31),
    "long data": Log(fakes.LEDGER, (topic("Paid(uint256,uint256,int128)"), word(1)), word(3) * 3),
    "value too large": Log(fakes.LEDGER, (GRANTED, word(1), word(2)), word(2**64) + word(0) * 2),
    "dirty address": Log(fakes.LEDGER, (GRANTED, word(1), b"\xff" * 32), word(0) * 3),
    "bad text": Log(fakes.LEDGER, (topic("Noted(uint256,string,uint256[])"), word(1)), word(64) + word(2**255)),
    "1 MB": HUGE,
}


@pytest.mark.parametrize("final", [False, True], ids=["by hash", "by range"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_X6_sync__given_odd_log__quarantined_and_goes_on(odd: Log, final: bool) -> None:
    chain = FakeChain().grow(3)
    chain.mine([paid(1), odd, paid(2)])
    chain.grow(20 if final else 2)
    with open_index(chain, ":memory:") as index:
        assert index.sync().ready
        kept = [row for row in index.quarantined() if row["block_number"] == 4]
        assert [(row["log_index"], row["size"]) for row in kept] == [(1, len(odd.data))]
        assert kept[0]["reason"]
        assert len(kept[0]["data"]) <= 4_096 < MAX_DATA
        assert [event.index for event in index.list("Ledger.Paid", block_number=4)] == [0, 2]


# X7


def test_X7_sync__given_full_disk__stops_clean_and_goes_on(tmp_path: Path) -> None:
    chain = FakeChain().grow(30)
    for number in range(60):
        chain.mine([fakes.noted(n, "x" * 900) for n in range(number, number + 20)])
    chain.grow(20)
    path = tmp_path / "index.db"
    with open_index(chain, path, Options(window=200)) as index:
        index.sync(to=30)
        with index._store._engine.connect() as raw:
            pages = raw.exec_driver_sql("PRAGMA page_count").scalar_one()
            raw.exec_driver_sql(f"PRAGMA max_page_count={pages + 60}")
        with pytest.raises(IndexStoreFailed, match="full") as caught:
            index.sync()
        assert caught.value.fix
        assert 30 < index.status().head < 90
    with open_index(chain, path, Options(window=200)) as index:
        assert index.sync().ready
        assert index.dump() == built(chain, Options(window=200))
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_X7_sync__given_file_size_limit__stops_clean(tmp_path: Path) -> None:
    """The system itself refuses to let the file grow."""
    import resource
    import signal

    chain = FakeChain().grow(10)
    for _ in range(20):
        chain.mine([fakes.noted(n, "x" * 900) for n in range(20)])
    path = tmp_path / "index.db"

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        with open_index(chain, path, Options(window=200)) as index:
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
            with pytest.raises(IndexStoreFailed):
                index.sync()

    assert in_child(limited) == 0
    with open_index(chain, path, Options(window=200)) as index:
        index.sync()
        assert index.dump() == built(chain, Options(window=200))


def test_X7_index__given_another_writer__refuses_in_one_sentence(tmp_path: Path) -> None:
    chain = FakeChain().grow(10)
    path = tmp_path / "index.db"
    with open_index(chain, path) as first:
        first.sync()

        def second() -> None:
            with pytest.raises(IndexLocked, match="another process is writing"):
                open_index(chain, path)

        second()  # in the same process, too
        assert in_child(second) == 0
        with open_index(chain, path, read_only=True) as reader:
            assert len(reader.list("Paid")) == len(first.list("Paid"))
    open_index(chain, path).close()


def test_X7_index__given_read_only_database__refuses_to_write(tmp_path: Path) -> None:
    chain = FakeChain().grow(10)
    path = tmp_path / "index.db"
    with open_index(chain, path) as index:
        index.sync()
        before = index.dump()
    chain.grow(3)
    with open_index(chain, path, read_only=True) as index:
        with pytest.raises(IndexStoreFailed, match=r"readonly|read-only"):
            index.sync()
        assert index.dump() == before


@pytest.mark.parametrize("content", [b"not a database at all, only text" * 100, b""], ids=["text", "empty"])
def test_X7_index__given_other_file__says_so(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(content)
    with pytest.raises(IndexStoreFailed):
        open_index(FakeChain(), path, read_only=True)
    with pytest.raises(IndexStoreFailed):
        open_index(FakeChain(), tmp_path / "no" / "such" / "folder.db")


# X8


class Refused(NodeError):
    """As the SDK's own RPC raises a JSON-RPC error."""

    node_message = "any wording at all"


def _limit(blocks: int, error: Callable[[], Exception]) -> Callable[[str, list[Any], Any], Any]:
    def fault(method: str, params: list[Any], result: Any) -> Any:
        if method == "eth_getLogs" and "fromBlock" in params[0]:
            span = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
            if span > blocks:
                raise error()
        return result

    return fault


@pytest.mark.parametrize(
    "error",
    [
        lambda: Refused("query returned more than 10000 results"),
        lambda: NodeUnavailable("no answer within the deadline"),
        lambda: ValueError("Bereich zu groß"),
        lambda: KeyError("result"),
    ],
    ids=["refused", "timeout", "any wording", "any class"],
)
@pytest.mark.parametrize("blocks", [1, 3, 7])
def test_X8_sync__given_range_limit__bisects_to_the_end(blocks: int, error: Callable[[], Exception]) -> None:
    chain = FakeChain().grow(100)
    want = built(chain)
    chain.fault = _limit(blocks, error)
    with open_index(chain, ":memory:") as index:
        index.sync()
        assert index.dump() == want


def test_X8_sync__given_single_block_refused__names_the_block() -> None:
    chain = FakeChain().grow(60)
    chain.fault = _limit(0, lambda: Refused("too many"))
    with open_index(chain, ":memory:") as index:
        with pytest.raises(BlockTooLarge, match="block 0 alone"):
            index.sync()
        assert index.status().state == "waiting"


def test_X8_ranges__given_long_quiet_chain__grow(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = FakeChain()
    for _ in range(2_500):
        chain.mine([])
    with open_index(chain, ":memory:") as index:
        index.sync()
    asked = [params[0] for method, params in chain.calls if method == "eth_getLogs" and "fromBlock" in params[0]]
    assert len(asked) < 12
    assert ranges.MAX_SIZE >= 1_000


# MALFORMED ANSWERS

BROKEN: dict[str, Callable[[dict[str, Any]], Any]] = {
    "null": lambda log: None,
    "text": lambda log: "<html>",
    "removed": lambda log: {**log, "removed": True},
    "other block": lambda log: {**log, "blockHash": "0x" + "9" * 64},
    "other number": lambda log: {**log, "blockNumber": "0x3"},
    "no index": lambda log: {k: v for k, v in log.items() if k != "logIndex"},
    "huge index": lambda log: {**log, "logIndex": hex(2**70)},
    "blank in hex": lambda log: {**log, "data": "0x  " + log["data"][4:]},
    "odd hex": lambda log: {**log, "data": log["data"] + "0"},
    "not hex": lambda log: {**log, "data": "0xzz"},
    "short topic": lambda log: {**log, "topics": [log["topics"][0][:-2], *log["topics"][1:]]},
    "two short topics": lambda log: {**log, "topics": [log["topics"][0] + "00", log["topics"][0][:-2]]},
    "other address": lambda log: {**log, "address": fakes.STRANGER},
    "number for hash": lambda log: {**log, "transactionHash": 5},
    "underscore": lambda log: {**log, "logIndex": "0x1_0"},
    "other topic": lambda log: {**log, "address": fakes.CLINIC},
}


@pytest.mark.parametrize("by", ["range", "hash"])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_X8_sync__given_malformed_log__never_stored(broken: Callable[[dict[str, Any]], Any], by: str) -> None:
    chain = FakeChain()
    for n in range(1, 20):
        chain.mine([paid(n)])
    want = built(chain)

    def fault(method: str, params: list[Any], result: Any) -> Any:
        here = method == "eth_getLogs" and ("blockHash" in params[0]) == (by == "hash")
        return [broken(log) for log in result] if here else result

    chain.fault = fault
    with open_index(chain, ":memory:") as index:
        with pytest.raises(CareLedgerError) as caught:
            index.sync()
        assert isinstance(caught.value, NodeError)
        chain.fault = None
        index.sync()
        assert index.dump() == want


@pytest.mark.parametrize("answer", [None, [], "x", {}, {"number": "0x5"}, -7], ids=str)
@pytest.mark.parametrize("method", ["eth_getBlockByNumber", "eth_getLogs", "eth_chainId"])
def test_X8_sync__given_malformed_answer_once__recovers(method: str, answer: Any) -> None:
    for nth in (1, 4):
        chain = FakeChain()
        for n in range(1, 18):
            chain.mine([paid(n)])
        want, seen = built(chain), [0]

        def fault(name: str, params: list[Any], result: Any, nth: int = nth, seen: list[int] = seen) -> Any:
            seen[0] += name == method
            return answer if name == method and seen[0] == nth else result

        chain.fault = fault
        with open_index(chain, ":memory:") as index:
            for _ in range(2):
                try:
                    index.sync()
                except NodeError:
                    continue
            index.sync()
            assert index.dump() == want


def test_X3_sync__given_null_headers_below_the_head__is_no_deep_reorg() -> None:
    """A failing node once looked like a reorganisation below what is final (found by the random machine)."""
    chain = FakeChain().grow(30)
    with open_index(chain, ":memory:") as index:
        index.sync()
        want = index.dump()
        chain.grow(1)

        def fault(method: str, params: list[Any], result: Any) -> Any:
            old = method == "eth_getBlockByNumber" and params[0].startswith("0x") and 0 < int(params[0], 16) < 31
            return None if old else result

        chain.fault = fault
        with pytest.raises(NodeMisbehaved):
            index.sync()
        assert index.dump() == want
        assert (index.status().state, index.status().undone) == ("waiting", 0)
