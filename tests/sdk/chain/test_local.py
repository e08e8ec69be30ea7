"""The local chain: the same helpers on both engines, and nothing left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from careledger.chain.anvil import find_anvil
from careledger.chain.connection import Connection
from careledger.chain.journal import Journal
from careledger.chain.local import LocalChain
from careledger.chain.sender import Call, Sender
from careledger.chain.signers import KeySigner
from careledger.errors import InputError, InsufficientFunds, NodeUnavailable, WrongChain

ROOT = Path(__file__).resolve().parents[3]
ENGINES = ["anvil", "in-process"]


@pytest.fixture(scope="module", params=ENGINES)
def either(request: pytest.FixtureRequest) -> object:
    with LocalChain(engine=request.param, accounts=3) as chain:
        yield chain


def _sender(chain: LocalChain, folder: Path, number: int = 0) -> Sender:
    signer = chain.signer(number)
    journal = Journal(folder / f"{number}.sqlite", scope=chain.connection.scope, sender=signer.address)
    return Sender(chain.connection, signer, journal, poll=0.05)


def test_helpers__on_either_engine__do_the_same(either: LocalChain, tmp_path: Path) -> None:
    sender = _sender(either, tmp_path)
    either.on_revert.append(sender.forget_rolled_back)
    snapshot = either.snapshot()
    before = either.connection.balance(either.accounts[1])
    sender.submit(Call(either.accounts[1], value=5), key="a")
    assert either.connection.balance(either.accounts[1]) == before + 5
    either.revert(snapshot)
    assert either.connection.balance(either.accounts[1]) == before
    assert sender.entry("a") is None
    sender.submit(Call(either.accounts[1], value=6), key="a")
    now, head = either.now, either.connection.head().number
    either.increase_time(86_400)
    assert either.now >= now + 86_400
    either.mine(2)
    assert either.connection.head().number >= head + 2
    either.on_revert.clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a port cannot be kept for another program")
def test_start__port_of_its_own__nobody_takes_it_before() -> None:
    if find_anvil() is None:
        pytest.skip("Anvil is not installed")
    chain = LocalChain(engine="anvil")
    port = int(str(chain.url).rpartition(":")[2])
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    with chain:
        assert chain.connection.chain_id == 31_337
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))


def test_prepare__on_either_engine__of_an_account_without_money__says_what_it_would_cost(
    either: LocalChain, tmp_path: Path
) -> None:
    signer = KeySigner(os.urandom(32))
    journal = Journal(tmp_path / "moneyless.sqlite", scope=either.connection.scope, sender=signer.address)
    head = either.connection.head()
    assert Sender(either.connection, signer, journal).prepare(Call(either.accounts[1])).gas >= 21_000
    assert either.connection.call(either.accounts[1], b"", sender=signer.address) == b""
    assert (either.connection.head().hash, either.connection.balance(signer.address)) == (head.hash, 0)


def test_submit__on_either_engine__given_no_money__insufficient_funds_and_nonce_given_back(
    either: LocalChain, tmp_path: Path
) -> None:
    signer = KeySigner(os.urandom(32))
    journal = Journal(tmp_path / "poor.sqlite", scope=either.connection.scope, sender=signer.address)
    sender = Sender(either.connection, signer, journal)
    with pytest.raises(InsufficientFunds):
        sender.submit(Call(either.accounts[1], value=1, gas=21000), key="a")
    assert sender.entry("a").state == "failed"  # type: ignore[union-attr]
    either.fund(signer.address)
    assert sender.submit(Call(either.accounts[1], value=1, gas=21000), key="a").status == "final"
    assert either.connection.nonce(signer.address) == 1


def test_prepare__on_either_engine__costs_and_stores_nothing(either: LocalChain, tmp_path: Path) -> None:
    sender = _sender(either, tmp_path, 2)
    prepared = sender.submit(Call(either.accounts[1], value=1), key="a", dry_run=True)
    assert prepared.gas >= 21000
    assert prepared.transaction["from"] == sender.address
    assert sender.entry("a") is None
    assert either.connection.nonce(sender.address) == 0


def test_connection__given_another_chain_id__wrong_chain(either: LocalChain) -> None:
    with pytest.raises(WrongChain):
        Connection(either.rpc, chain_id=1)


def test_web3__over_the_connection__answers(either: LocalChain) -> None:
    assert either.connection.web3.eth.chain_id == either.connection.chain_id
    assert either.connection.web3.eth.get_balance(either.accounts[0]) > 0


def test_anvil__given_wrong_path_or_option__says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        LocalChain(anvil=tmp_path / "none")
    with pytest.raises(NodeUnavailable):
        LocalChain(engine="anvil", arguments=["--no-such-option"]).start()


def test_auto__given_no_anvil__in_process_with_a_statement(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CARELEDGER_ANVIL", raising=False)
    assert find_anvil() is None
    chain = LocalChain()
    assert chain.engine == "in-process"
    assert "in this process" in chain.statement


_CHILD = """
import sys, threading, time
from careledger.chain.local import LocalChain
chain = LocalChain(engine="anvil")
thread = threading.Thread(target=chain.start); thread.start(); thread.join()  # the starting thread ends
time.sleep(0.3)
print(chain.pid, chain.rpc.request("eth_chainId"), flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_anvil__given_parent_killed__ends_too(how: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert parent.stdout is not None
    pid, chain_id = parent.stdout.readline().split()
    assert chain_id == "0x7a69"
    parent.send_signal(how)
    parent.wait(10)
    end = time.monotonic() + 5
    while _alive(int(pid)):
        assert time.monotonic() < end, "Anvil stayed behind"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
