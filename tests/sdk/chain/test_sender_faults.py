"""Exactly once, whatever the node does (S1, S3, S4, S5, S9).

given a node with a fault on one method
  when an act is submitted                → one transaction, or a typed error; calling again ends in exactly one
given a transaction the pool has lost     → the same bytes are sent again
given a nonce used by another program     → Replaced, with the winner's hash
given fees that no longer suffice         → raised by 10 % or more, below the cap, for the same act
given a block that a reorganisation takes → the wait starts again, and the caller is told
"""

from __future__ import annotations

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from careledger.chain import transactions
from careledger.chain.abi import Artifact
from careledger.chain.connection import Connection
from careledger.chain.fees import FeePolicy
from careledger.chain.local import LocalChain
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Act, Call, Sender
from careledger.errors import CareLedgerError, Pending, Replaced
from careledger.values import from_hex, to_hex
from tests.sdk.chain.faults import FAULTS, FaultProxy

METHODS = (
    "eth_estimateGas", "eth_getTransactionCount", "eth_getBlockByNumber", "eth_maxPriorityFeePerGas",
    "eth_sendRawTransaction", "eth_getTransactionReceipt", "eth_getTransactionByHash",
)  # fmt: skip


@pytest.fixture(scope="module")
def proxy(local_chain: LocalChain) -> Iterator[FaultProxy]:
    with FaultProxy(str(local_chain.url), hang=0.5) as running:
        yield running


def _times(connection: Connection, counter: Artifact, at: str, act: bytes) -> int:
    return int(connection.read(counter, at, "timesOf", act))


def _submit_until_done(sender: Sender, call: Call, key: str) -> int:
    """Call again with the same key, as an integrator would; return how many calls it took."""
    for tries in range(1, 6):
        try:
            sender.submit(call, key=key)
            return tries
        except CareLedgerError as error:
            assert error.retry.kind != "never", error
    raise AssertionError("never done")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("fault", FAULTS)
def test_S1_submit__given_fault_on_method__acts_exactly_once(
    fault: str, method: str, proxy: FaultProxy, connection: Connection, counter: Artifact, counter_at: str,
    new_sender: Callable[..., Sender],
) -> None:  # fmt: skip
    proxy.clear()
    sender = new_sender(over=Rpc(proxy.url, timeout=0.25, deadline=3, attempts=4), patience=4)
    act = secrets.token_bytes(32)
    proxy.queue[method] = [fault]
    _submit_until_done(sender, Call(counter_at, counter.encode_call("act", act)), act.hex())
    assert _times(connection, counter, counter_at, act) == 1
    assert connection.nonce(sender.address) == 1
    again = sender.submit(Call(counter_at, counter.encode_call("act", act)), key=act.hex())
    assert again.repeated
    assert again.block is not None
    assert _times(connection, counter, counter_at, act) == 1


@pytest.mark.parametrize("fault", FAULTS)
def test_S1_submit_many__given_fault_on_sending__acts_exactly_once_each(
    fault: str, proxy: FaultProxy, connection: Connection, counter: Artifact, counter_at: str,
    new_sender: Callable[..., Sender],
) -> None:  # fmt: skip
    proxy.clear()
    sender = new_sender(over=Rpc(proxy.url, timeout=0.5, deadline=3, attempts=4), patience=4)
    ids = [secrets.token_bytes(32) for _ in range(12)]
    acts = [Act(Call(counter_at, counter.encode_call("act", i), gas=150_000), i.hex()) for i in ids]
    proxy.queue["eth_sendRawTransaction"] = [fault, "ok", fault]
    for _ in range(5):
        results = sender.submit_many(acts, flight=4)
        if not any(isinstance(item, CareLedgerError) for item in results):
            break
    assert [_times(connection, counter, counter_at, i) for i in ids] == [1] * 12
    assert connection.nonce(sender.address) == 12


@pytest.mark.deep
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("faults", [(a, b) for a in FAULTS for b in FAULTS])
def test_S1_submit__given_two_faults_in_a_row__acts_exactly_once(
    faults: tuple[str, str], method: str, proxy: FaultProxy, connection: Connection, counter: Artifact,
    counter_at: str, new_sender: Callable[..., Sender],
) -> None:  # fmt: skip
    proxy.clear()
    sender = new_sender(over=Rpc(proxy.url, timeout=0.25, deadline=3, attempts=4), patience=4)
    act = secrets.token_bytes(32)
    proxy.queue[method] = list(faults)
    _submit_until_done(sender, Call(counter_at, counter.encode_call("act", act)), act.hex())
    assert _times(connection, counter, counter_at, act) == 1
    assert connection.nonce(sender.address) == 1


@pytest.fixture
def slow_chain() -> Iterator[LocalChain]:
    """An Anvil of its own that mines only when told."""
    with LocalChain(engine="anvil", arguments=["--no-mining"]) as running:
        yield running


@pytest.fixture
def own(slow_chain: LocalChain, new_sender: Callable[..., Sender]) -> Callable[..., Sender]:
    def make(*, finality: int | None = None, number: int = 0, **how: object) -> Sender:
        connection = Connection(slow_chain.rpc, finality=finality)
        return new_sender(over=connection, signer=slow_chain.signer(number), **how)

    return make


def _in_background(work: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    results: list[object] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_S3_wait__given_dropped_transaction__sends_the_same_bytes(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    sender = own()
    call = Call(slow_chain.accounts[1], value=1, gas=21000)
    sent = sender.submit(call, key="a", wait="sent")
    slow_chain.rpc.request("anvil_dropTransaction", [sent.tx])
    assert slow_chain.rpc.request("eth_getTransactionByHash", [sent.tx]) is None
    thread, results = _in_background(lambda: sender.submit(call, key="a"))
    began = time.monotonic()
    while slow_chain.rpc.request("eth_getTransactionByHash", [sent.tx]) is None:
        assert time.monotonic() - began < 10
        time.sleep(0.05)
    slow_chain.mine()
    thread.join(10)
    assert results[0].tx == sent.tx  # type: ignore[attr-defined]
    assert len(sender.entry("a").variants) == 1  # type: ignore[union-attr]


def test_S4_wait__given_nonce_used_by_another_program__reports_the_winner(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    sender = own()
    sent = sender.submit(Call(slow_chain.accounts[1], value=1, gas=21000), key="a", wait="sent")
    slow_chain.rpc.request("anvil_dropTransaction", [sent.tx])
    fees = sender.connection.fees()
    other = {
        "chainId": 31337, "nonce": 0, "maxPriorityFeePerGas": fees.priority * 3, "maxFeePerGas": fees.max_fee * 3,
        "gas": 21000, "to": slow_chain.accounts[2], "value": 9, "data": b"",
    }  # fmt: skip
    winner = slow_chain.rpc.request("eth_sendRawTransaction", [to_hex(sender.signer.sign_transaction(other))])
    slow_chain.mine(3)
    for _ in range(2):  # the second answer comes from the journal
        with pytest.raises(Replaced) as caught:
            sender.submit(Call(slow_chain.accounts[1], value=1, gas=21000), key="a")
        assert caught.value.winner == winner  # type: ignore[attr-defined]
    assert sender.entry("a").state == "replaced"  # type: ignore[union-attr]


def test_S5_wait__given_fee_spike__raises_by_ten_percent_within_cap_for_the_same_act(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    first = own().connection.fees().max_fee
    policy = FeePolicy(cap=first * 2, bump_after=0.1, max_bumps=20)
    sender = own(policy=policy, timeout=6)
    with pytest.raises(Pending):
        sender.submit(Call(slow_chain.accounts[1], value=5, gas=21000), key="a")
    forms = sender.entry("a").variants  # type: ignore[union-attr]
    assert len(forms) >= 3
    for low, high in itertools.pairwise(forms):
        assert high.max_fee * 10 >= low.max_fee * 11
        assert high.priority * 10 >= low.priority * 11
        assert high.max_fee <= policy.cap
    decoded = [transactions.decode(form.raw) for form in forms]
    fees = {"maxFeePerGas", "maxPriorityFeePerGas", "hash"}
    assert len({tuple((k, v) for k, v in tx.items() if k not in fees) for tx in decoded}) == 1
    slow_chain.mine()
    done = sender.submit(Call(slow_chain.accounts[1], value=5, gas=21000), key="a")
    assert done.tx in {form.hash for form in forms}
    assert sender.connection.nonce(sender.address) == 1


def test_S9_wait_final__given_block_taken_back__waits_again_and_tells(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    told: list[tuple[str, int]] = []
    sender = own(finality=4, on_reorg=lambda tx, block: told.append((tx, block)))
    slow_chain.mine(5)
    call = Call(slow_chain.accounts[1], value=1, gas=21000)
    thread, results = _in_background(lambda: sender.submit(call, key="a", wait="final"))
    _wait_for(lambda: sender.entry("a") and sender.entry("a").state == "sent")  # type: ignore[union-attr]
    slow_chain.mine()
    _wait_for(lambda: sender.entry("a").state == "included")  # type: ignore[union-attr]
    before = sender.connection.head().number
    slow_chain.rpc.request("anvil_rollback", [1])
    _wait_for(lambda: told)
    _wait_for(lambda: slow_chain.rpc.request("eth_getTransactionByHash", [told[0][0]]))
    slow_chain.mine(2)
    _wait_for(lambda: sender.entry("a").state == "included")  # type: ignore[union-attr]
    assert not results
    slow_chain.mine(8)
    thread.join(10)
    receipt = results[0]
    assert receipt.status == "final"  # type: ignore[attr-defined]
    assert receipt.reorgs == 1  # type: ignore[attr-defined]
    assert told == [(receipt.tx, before)]  # type: ignore[attr-defined]
    assert sender.connection.nonce(sender.address) == 1


def test_S9_submit_again__given_included_block_taken_back_meanwhile__sends_the_same_bytes(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    sender = own(finality=50)
    call = Call(slow_chain.accounts[1], value=1, gas=21000)
    sender.submit(call, key="a", wait="sent")
    slow_chain.mine()
    first = sender.submit(call, key="a")
    slow_chain.rpc.request("anvil_rollback", [1])
    thread, results = _in_background(lambda: sender.submit(call, key="a"))
    _wait_for(lambda: slow_chain.rpc.request("eth_getTransactionByHash", [first.tx]))
    slow_chain.mine(2)
    thread.join(10)
    assert results[0].tx == first.tx  # type: ignore[attr-defined]
    assert results[0].reorgs == 1  # type: ignore[attr-defined]


def test_recover__given_signed_but_never_sent__sends_lower_nonces_first(
    slow_chain: LocalChain, own: Callable[..., Sender]
) -> None:
    sender = own()
    sent = sender.submit(Call(slow_chain.accounts[1], value=1, gas=21000), key="lost", wait="sent")
    slow_chain.rpc.request("anvil_dropTransaction", [sent.tx])
    thread, results = _in_background(
        lambda: sender.submit(Call(slow_chain.accounts[1], value=2, gas=21000), key="next", timeout=10)
    )
    _wait_for(lambda: slow_chain.rpc.request("eth_getTransactionByHash", [sent.tx]))
    slow_chain.mine()
    thread.join(10)
    assert results[0].block is not None  # type: ignore[attr-defined]
    assert sender.connection.nonce(sender.address) == 2


def _wait_for(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def test_stored_bytes__given_any_entry__are_what_was_sent(
    sender: Sender, connection: Connection, counter: Artifact, counter_at: str
) -> None:
    receipt = sender.submit(Call(counter_at, counter.encode_call("increment", "x")), key="k")
    form = sender.entry("k").newest  # type: ignore[union-attr]
    assert form.hash == receipt.tx
    raw = connection.rpc.request("eth_getTransactionByHash", [receipt.tx])
    assert from_hex(raw["input"]) == transactions.decode(form.raw)["data"]
