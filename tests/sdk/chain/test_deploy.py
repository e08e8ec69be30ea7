"""Deploying a suite.

deploy
  given a process killed at a step
    when it is started again
      it completes, with every contract once             → test_Y1_deploy__killed_at_steps__restart_completes
      it completes wherever it was killed (deep)         → test_Y1_deploy__killed_at_every_step__restart_completes
  given another transaction of the deployer in between
    it says that it was replaced, and wires nothing wrong → test_Y2_deploy__nonce_taken__stops_before_wrong_wiring
  given a deployer without enough ether
    it refuses before the first transaction              → test_Y3_deploy__too_little_ether__sends_nothing
  given a node of another chain
    it refuses before the first transaction              → test_Y3_deploy__other_chain__refuses
  given other bytecode than an earlier run had
    it refuses before the first transaction              → test_Y3_deploy__changed_bytecode__refuses
  given an administrator
    the deployer holds no role afterwards                → test_Y4_deploy__administrator__deployer_holds_no_role
  given a chain with the deterministic deployment proxy
    the directory's address is known before             → test_deploy__proxy_there__directory_address_is_known_before
suite
  given a contract whose code differs
    it names it and refuses                              → test_suite__modified_code__is_named
  given genuine code with a foreign forwarder in it
    it is modified all the same                          → test_suite__foreign_forwarder__is_modified
  given no suite at the address
    it says so                                           → test_suite__none_there__says_so
governance
  given the last administrator
    it can renounce, and then nobody governs             → test_K7_renounce__last_admin__freezes_governance
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from careledger import __version__, errors
from careledger.chain import deploy as deploying
from careledger.chain.abi import artifacts
from careledger.chain.calls import Call
from careledger.chain.connection import Connection
from careledger.chain.deploy import deploy
from careledger.chain.journal import Journal
from careledger.chain.local import LocalChain
from careledger.chain.sender import Sender
from careledger.chain.signers import KeySigner
from careledger.chain.suite import Suite, word
from careledger.values import checksum, from_hex, keccak

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def anvil() -> Iterator[LocalChain]:
    with LocalChain(engine="anvil") as chain:
        yield chain


def fresh(chain: LocalChain, folder: Path, *, ether: int = 10**20) -> Sender:
    signer = KeySigner(secrets.token_bytes(32))
    chain.rpc.request("anvil_setBalance", [signer.address, hex(ether)])
    journal = Journal.in_folder(folder, scope=chain.connection.scope, sender=signer.address)
    return Sender(chain.connection, signer, journal, poll=0.02, timeout=20)


def campaign(chain: LocalChain, folder: Path, every: int) -> dict[str, int]:
    program = Path(__file__).with_name("deploying.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(program), str(chain.url), str(folder), str(every)],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, int] = json.loads(done.stdout)
    assert found["mismatches"] == 0, done.stderr[-2000:]
    return found


def test_Y1_deploy__killed_at_steps__restart_completes(anvil: LocalChain, tmp_path: Path) -> None:
    assert campaign(anvil, tmp_path, 11)["cases"] >= 5


@pytest.mark.deep
def test_Y1_deploy__killed_at_every_step__restart_completes(anvil: LocalChain, tmp_path: Path) -> None:
    found = campaign(anvil, tmp_path, 1)
    assert found["cases"] == found["steps"] > 50


def test_Y2_deploy__nonce_taken__stops_before_wrong_wiring(anvil: LocalChain, tmp_path: Path) -> None:
    sender = fresh(anvil, tmp_path)
    second = Journal.in_folder(tmp_path / "b", scope=anvil.connection.scope, sender=sender.address)
    other = Sender(anvil.connection, sender.signer, second)
    taken = []

    def meddle(name: str) -> None:
        if name == "ParticipantRegistry":
            taken.append(other.submit(Call(sender.address, value=1, gas=21_000), key="meddling"))

    with pytest.raises(errors.Replaced) as caught:
        deploy(sender, instance="meddled", progress=meddle)
    assert taken[0].tx in caught.value.message
    manager = sender.connection.rpc.request(
        "eth_getTransactionReceipt", [sender.entry("deploy/meddled/AccessManager").newest.hash]
    )["contractAddress"]
    directory = directory_of("meddled", checksum(manager))
    assert Suite.read(anvil.connection, directory).listings == ()


def test_Y3_deploy__too_little_ether__sends_nothing(anvil: LocalChain, tmp_path: Path) -> None:
    sender = fresh(anvil, tmp_path, ether=10**15)
    with pytest.raises(errors.InsufficientFunds, match="this needs about"):
        deploy(sender)
    assert anvil.connection.nonce(sender.address) == 0


def test_Y3_deploy__other_chain__refuses(anvil: LocalChain) -> None:
    with pytest.raises(errors.WrongChain, match="is on chain 31337, not on 11155111"):
        Connection(anvil.rpc, 11155111)


def test_Y3_deploy__changed_bytecode__refuses(
    anvil: LocalChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = fresh(anvil, tmp_path)
    deploy(sender, instance="changed")
    before = anvil.connection.nonce(sender.address)
    whole = artifacts().load

    class Changed:
        """The catalogue with one byte of one contract changed."""

        def load(self, name: str) -> object:
            found = whole(name)
            return replace(found, bytecode=found.bytecode + b"\0") if name == "ConsentRegistry" else found

    monkeypatch.setattr(deploying, "artifacts", Changed)
    with pytest.raises(errors.KeyReused, match="deploy/changed/ConsentRegistry"):
        deploy(sender, instance="changed")
    assert anvil.connection.nonce(sender.address) == before


def test_Y4_deploy__administrator__deployer_holds_no_role(anvil: LocalChain, tmp_path: Path) -> None:
    sender = fresh(anvil, tmp_path)
    admin = KeySigner(secrets.token_bytes(32)).address
    made = deploy(sender, instance="handed", admin=admin, admin_delay=3600)
    manager, at = artifacts().load("AccessManager"), made.contracts["AccessManager"]
    assert anvil.connection.read(manager, at, "hasRole", 0, sender.address)["isMember"] is False
    given = anvil.connection.read(manager, at, "hasRole", 0, admin)
    assert (given["isMember"], given["executionDelay"]) == (True, 3600)
    call = artifacts().load("ParticipantRegistry").encode_call("retire")
    with pytest.raises(errors.ContractError, match="AccessManagedUnauthorized"):
        sender.submit(Call(made.contracts["ParticipantRegistry"], call), key="retire")


def directory_of(instance: str, manager: str) -> str:
    """Where EIP-1014 puts the directory of an instance."""
    code = artifacts().load("SuiteDirectory").encode_deploy(manager, word(f"CareLedger {instance}"), word(__version__))
    salt = keccak(f"careledger/{instance}".encode())
    proxy = from_hex("0x4e59b44847b379578588920ca78fbf26c0b4956c")
    return checksum("0x" + keccak(b"\xff" + proxy + salt + keccak(code))[12:].hex())


def test_deploy__proxy_there__directory_address_is_known_before(anvil: LocalChain, tmp_path: Path) -> None:
    made = deploy(fresh(anvil, tmp_path), instance="known")
    assert made.directory == directory_of("known", made.contracts["AccessManager"])


def test_suite__modified_code__is_named(anvil: LocalChain, tmp_path: Path) -> None:
    made = deploy(fresh(anvil, tmp_path), instance="modified")
    at = made.contracts["RecordRegistry"]
    anvil.rpc.request("anvil_setCode", [at, "0x6001600101"])
    suite = Suite.read(anvil.connection, made.directory)
    assert suite.modified == ("RecordRegistry",)
    with pytest.raises(errors.SuiteModified, match="RecordRegistry of suite"):
        suite.require()


def test_suite__foreign_forwarder__is_modified(anvil: LocalChain, tmp_path: Path) -> None:
    sender = fresh(anvil, tmp_path)
    made = deploy(sender, instance="foreign")
    assert Suite.read(anvil.connection, made.directory).unmodified
    artifact, thief = artifacts().load("RecordRegistry"), KeySigner(secrets.token_bytes(32)).address
    hostile = artifact.encode_deploy(made.contracts["AccessManager"], thief, made.contracts["ParticipantRegistry"])
    receipt = sender.submit(Call(None, hostile), key="hostile")
    at = anvil.rpc.request("eth_getTransactionReceipt", [receipt.tx])["contractAddress"]
    listed = artifacts().load("SuiteDirectory").encode_call("list", at, word("RecordRegistry"), receipt.block)
    sender.submit(Call(made.directory, listed), key="list-hostile")
    assert Suite.read(anvil.connection, made.directory).modified == ("RecordRegistry",)


def test_suite__none_there__says_so(anvil: LocalChain) -> None:
    with pytest.raises(errors.SuiteError, match="there is no contract at"):
        Suite.read(anvil.connection, "0x" + "12" * 20)


def test_K7_renounce__last_admin__freezes_governance(anvil: LocalChain, tmp_path: Path) -> None:
    sender = fresh(anvil, tmp_path)
    made = deploy(sender, instance="frozen")
    manager = artifacts().load("AccessManager")
    call = manager.encode_call("renounceRole", 0, sender.address)
    sender.submit(Call(made.contracts["AccessManager"], call), key="renounce")
    retire = artifacts().load("ConsentRegistry").encode_call("retire")
    with pytest.raises(errors.ContractError, match="AccessManagedUnauthorized"):
        sender.submit(Call(made.contracts["ConsentRegistry"], retire), key="retire")
    assert (
        anvil.connection.read(artifacts().load("ConsentRegistry"), made.contracts["ConsentRegistry"], "isRetired")
        is False
    )
