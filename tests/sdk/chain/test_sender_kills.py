"""Kill -9 at every step of the sender, and restart (X style); many threads and processes with one key (S2, K9).

given a process killed at its n-th step
  when it is started again                → each act is done exactly once, and no nonce is left over
given one key in 50 threads and 4 processes
  when all submit at once                 → contiguous nonces, none lost, none doubled
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from careledger.chain.abi import Artifact
from careledger.chain.connection import Connection
from careledger.chain.journal import Intent, Journal, Variant
from careledger.chain.local import LocalChain
from careledger.chain.sender import Act, Call, Sender
from careledger.errors import CareLedgerError, KeyReused

ROOT = Path(__file__).resolve().parents[3]


def _campaign(chain: LocalChain, counter_at: str, folder: Path, mode: str, *more: str) -> dict[str, int]:
    program = Path(__file__).with_name("campaign.py")
    command = [sys.executable, "-W", "ignore", str(program), str(chain.url), counter_at, str(folder), mode, *more]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, int] = json.loads(done.stdout)
    assert result["mismatches"] == 0, done.stderr[-2000:]
    return result


@pytest.mark.parametrize("mode", ["one", "many"])
def test_S1_kill__given_every_step__restart_acts_exactly_once(
    mode: str, local_chain: LocalChain, counter_at: str, tmp_path: Path
) -> None:
    result = _campaign(local_chain, counter_at, tmp_path, mode)
    assert result["cases"] == result["steps"] >= (12 if mode == "one" else 6)


@pytest.mark.deep
@pytest.mark.parametrize("mode", ["one", "many"])
def test_S1_kill__given_every_step_of_the_recovery_as_well__restart_acts_exactly_once(
    mode: str, local_chain: LocalChain, counter_at: str, tmp_path: Path
) -> None:
    result = _campaign(local_chain, counter_at, tmp_path, mode, "twice")
    assert result["cases"] > result["steps"]


def test_kill__given_the_environment_variable__dies_at_that_step() -> None:
    script = "from careledger.steps import step; step('a'); print('one', flush=True); step('b'); print('two')"
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "CARELEDGER_CRASH_AT": "2", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "one\n")


_PROCESS = """
import sys, threading
from pathlib import Path
from careledger.chain.connection import Connection
from careledger.chain.journal import Journal
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Call, Sender
from careledger.chain.signers import KeySigner
url, target, path, name, threads = sys.argv[1:6]
connection = Connection(Rpc(url))
signer = KeySigner(sys.stdin.readline().strip())
sender = Sender(connection, signer, Journal(path, scope=connection.scope, sender=signer.address), poll=0.1)
failed = []
def work(n):
    try:
        sender.submit(Call(target, value=1, gas=21000), key=f"{name}/{n}")
        sender.submit(Call(target, value=1, gas=21000), key=f"shared/{n}")
    except Exception as error:
        failed.append(error)
all_ = [threading.Thread(target=work, args=(n,)) for n in range(int(threads))]
[t.start() for t in all_]; [t.join() for t in all_]
print(failed)
sys.exit(1 if failed else 0)
"""


def test_S2_K9_submit__given_50_threads_and_4_processes_with_one_key__nonces_are_contiguous(
    local_chain: LocalChain, connection: Connection, new_signer: Callable[..., object], tmp_path: Path
) -> None:
    key, target = secrets.token_bytes(32), local_chain.accounts[3]
    from careledger.chain.signers import KeySigner

    signer = KeySigner(key)
    local_chain.fund(signer.address)
    path = tmp_path / "shared.sqlite"
    counts = (13, 13, 12, 12)  # 50 threads in 4 processes
    command = [sys.executable, "-W", "ignore", "-c", _PROCESS, str(local_chain.url), target, str(path)]
    running = [
        subprocess.Popen(
            [*command, f"p{n}", str(count)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for n, count in enumerate(counts)
    ]  # fmt: skip
    for process in running:
        out, _ = process.communicate(key.hex() + "\n", timeout=120)
        assert process.returncode == 0, out
    journal = Journal(path, scope=connection.scope, sender=signer.address)
    entries = journal.entries()
    acts = sum(counts) + max(counts)  # own keys, and the shared ones once for all
    assert sorted(entry.nonce for entry in entries) == list(range(acts))  # type: ignore[type-var]
    assert connection.nonce(signer.address) == acts
    assert {entry.state for entry in entries} == {"final"}


def test_S2_submit__given_50_threads_in_one_process__nonces_are_contiguous(
    sender: Sender, local_chain: LocalChain
) -> None:
    failed: list[Exception] = []

    def work(number: int) -> None:
        try:
            sender.submit(Call(local_chain.accounts[3], value=1, gas=21000), key=f"t/{number}")
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sorted(entry.nonce for entry in sender.journal.entries()) == list(range(50))  # type: ignore[type-var]
    assert sender.connection.nonce(sender.address) == 50


def test_submit__given_same_key_and_content__returns_first_result(sender: Sender, local_chain: LocalChain) -> None:
    call = Call(local_chain.accounts[3], value=7)
    first = sender.submit(call, key="claim/1", note={"id": "0x12"})
    again = sender.submit(call, key="claim/1")
    assert (again.tx, again.repeated, first.repeated) == (first.tx, True, False)
    assert sender.entry("claim/1").note == {"id": "0x12"}  # type: ignore[union-attr]


def test_submit__given_same_key_and_other_content__raises_key_reused(sender: Sender, local_chain: LocalChain) -> None:
    sender.submit(Call(local_chain.accounts[3], value=7), key="claim/1")
    with pytest.raises(KeyReused):
        sender.submit(Call(local_chain.accounts[3], value=8), key="claim/1")
    results = sender.submit_many([Act(Call(local_chain.accounts[3], value=8, gas=21000), "claim/1")])
    assert isinstance(results[0], KeyReused)


def test_submit__given_content_and_other_calldata__returns_first_result(
    sender: Sender, local_chain: LocalChain
) -> None:
    first = sender.submit(Call(local_chain.accounts[3], data=b"\x01"), key="doc", content={"sha256": "aa"})
    again = sender.submit(Call(local_chain.accounts[3], data=b"\x02"), key="doc", content={"sha256": "aa"})
    assert again.tx == first.tx


def test_submit_many__given_one_refused__others_go_through(sender: Sender, counter: Artifact, counter_at: str) -> None:
    acts = [Act(Call(counter_at, counter.encode_call("refuse", how)), f"r/{how}") for how in (9, 0, 9)]
    results = sender.submit_many([*acts, Act(acts[0].call, "r/last")])
    assert [isinstance(item, CareLedgerError) for item in results] == [False, True, False, False]
    assert sender.connection.nonce(sender.address) == 2  # the third has the first one's key and content


def test_take__given_signer_that_fails__leaves_no_hole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite", scope="1:a", sender="0xAb")

    def sign(call: object, nonce: int) -> Variant:
        if call == {"to": "bad"}:
            raise RuntimeError("the signer is away")
        return Variant(f"0x{nonce:064x}", b"raw", 10, 1, nonce)

    journal.take([Intent("a", "d", {"to": "x"})], chain_nonce=5, sign=sign)
    with pytest.raises(RuntimeError):
        journal.take([Intent("b", "d", {"to": "bad"})], chain_nonce=5, sign=sign)
    assert journal.take([Intent("c", "d", {"to": "x"})], chain_nonce=5, sign=sign)[0].nonce == 6
    assert journal.get("b") is None


def test_release__given_never_sent__nonce_is_given_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite", scope="1:a", sender="0xAb")
    sign = lambda call, nonce: Variant("0x" + secrets.token_hex(32), b"raw", 10, 1, nonce)  # noqa: E731
    first, second = journal.take([Intent(k, "d", {}) for k in "ab"], chain_nonce=0, sign=sign)
    assert journal.release(first, "poor")
    assert not journal.release(first, "poor")
    assert journal.doubt(second.newest.hash)
    assert not journal.release(second, "poor")
    assert not journal.doubt(first.newest.hash)
    assert journal.take([Intent("c", "d", {})], chain_nonce=0, sign=sign)[0].nonce == 0
    assert journal.take([Intent("a", "e", {})], chain_nonce=0, sign=sign)[0].nonce == 2


def test_journal__given_new_file__only_its_owner_reads_it(tmp_path: Path) -> None:
    Journal(tmp_path / "j.sqlite", scope="1:a", sender="0xAb")
    assert (tmp_path / "j.sqlite").stat().st_mode & 0o077 == 0
