"""The suite on a chain of the test's own, and the few words that tests of the contracts are written in.

Two engines with one face. `Revm` (pyrevm, in this process) is what unit tests run on: 0.1 ms a call, exact revert data
and logs. `Node` (Anvil) is what gas and traces are measured on: each call is a transaction of its own there, cold slots
and all. A contract is `Contract`: views return their value, everything else a `Tx` with its value, events and gas; a
revert is `Reverted` with the error's name and values, which `reverts(name, **values)` demands whole.
"""

from __future__ import annotations

import atexit
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import pyrevm

from careledger.chain.abi import Artifact, Catalogue, artifacts
from careledger.chain.local import LocalChain
from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.values import checksum, keccak

ROOT = Path(__file__).resolve().parent.parent
MOCKS = Catalogue(ROOT / ".build" / "artifacts")
PROBES = os.environ.get("CARELEDGER_PROBES")
"""A folder while coverage is measured: each engine leaves there the addresses it looked at (scripts/probes.py)."""
START = 1_800_000_000
"""The time of the first block."""
CHAIN_ID = 31337
ZERO = "0x" + "00" * 20
NOTHING = "0x" + "00" * 32
_REVERT = re.compile(r"Revert \{ gas_used: (\d+), output: (0x[0-9a-f]*) \}")


@dataclass(frozen=True)
class Log:
    """One log entry as the engine gives it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


class RawRevert(Exception):
    """A call reverted."""

    def __init__(self, data: bytes) -> None:
        super().__init__("0x" + data.hex())
        self.data = data


class Halted(Exception):
    """A call ended without revert data: out of gas, or an invalid instruction."""


@lru_cache(maxsize=1)
def _errors() -> dict[bytes, Any]:
    entries = [entry for artifact in [*artifacts(), *MOCKS] for entry in artifact.errors]
    return {entry.selector: entry for entry in entries}


class Reverted(Exception):
    """A call was refused: the error's name and values; `Panic` with its code, and no name for a bare revert."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        entry = _errors().get(data[:4])
        if entry is not None:
            self.name, self.values = entry.name, entry.decode(data[4:])
        elif data[:4] == bytes.fromhex("4e487b71"):
            self.name, self.values = "Panic", {"code": int.from_bytes(data[4:], "big")}
        else:
            self.name, self.values = "", {"data": data.hex()} if data else {}
        super().__init__(f"{self.name} {self.values}")


class Revm:
    """An EVM in this process."""

    def __init__(self) -> None:
        limit = 10**6 if PROBES else None  # probes make code longer than the chain takes
        cfg = pyrevm.CfgEnv(chain_id=CHAIN_ID, limit_contract_code_size=limit)
        self._evm = pyrevm.EVM(spec_id="PRAGUE", env=pyrevm.Env(cfg=cfg))
        if PROBES:
            atexit.register(self._leave, Path(PROBES) / uuid4().hex)
        self.time, self.block = START, 1
        self.told: list[tuple[Log, int, int]] = []
        """Every log since the chain began, with the time and number of its block; what a revert undoes is gone."""
        self._replaced: list[tuple[str, bytes]] = []
        self._set()

    def _set(self) -> None:
        self._evm.set_block_env(pyrevm.BlockEnv(number=self.block, timestamp=self.time, gas_limit=10**9))

    def _leave(self, path: Path) -> None:
        path.write_text("\n".join(self._evm.db_accounts))

    def warp(self, time: int) -> None:
        """Set the time of the next call."""
        self.time, self.block = time, self.block + 1
        self._set()

    def create(self, sender: str, code: bytes) -> str:
        """Deploy and return the address."""
        address = checksum(self._evm.deploy(sender, code))
        self._tell()
        return address

    def send(self, sender: str, to: str, data: bytes, gas: int = 100_000_000) -> tuple[bytes, list[Log], int]:
        """Call and keep what it did."""
        try:
            output = self._evm.message_call(sender, to, data, gas=gas)
        except RuntimeError as error:
            match = _REVERT.search(str(error))
            if match:
                raise RawRevert(bytes.fromhex(match[2][2:])) from None
            raise Halted(str(error)) from None
        return bytes(output), self._tell(), self._evm.result.gas_used

    def _tell(self) -> list[Log]:
        logs = [
            Log(checksum(i.address), tuple(_raw(t) for t in i.topics), _raw(i.data[1])) for i in self._evm.result.logs
        ]
        self.told += [(log, self.time, self.block) for log in logs]
        return logs

    def call(self, sender: str, to: str, data: bytes) -> bytes:
        """Call and forget what it did."""
        before, told = self._evm.snapshot(), len(self.told)
        try:
            return self.send(sender, to, data)[0]
        finally:
            self._evm.revert(before)
            del self.told[told:]

    def set_code(self, address: str, code: bytes) -> None:
        """Put code at an address, until the next `revert`: the engine's own snapshots do not cover it."""
        self._replaced.append((address, self.code(address)))
        self._evm.insert_account_info(address, pyrevm.AccountInfo(nonce=1, code=code))

    def code(self, address: str) -> bytes:
        """The code at an address."""
        return bytes(self._evm.get_code(address) or b"")

    def storage(self, address: str, slot: int) -> int:
        """A word of storage."""
        return int(self._evm.storage(address, slot) or 0)

    def snapshot(self) -> Any:
        """Remember the state."""
        return self._evm.snapshot(), self.time, self.block, len(self.told)

    def revert(self, snapshot: Any) -> None:
        """Go back to it."""
        state, self.time, self.block, told = snapshot
        self._evm.revert(state)
        del self.told[told:]
        while self._replaced:
            address, code = self._replaced.pop()
            self._evm.insert_account_info(address, pyrevm.AccountInfo(nonce=1 if code else 0, code=code))
        self._set()


def _raw(value: Any) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)


class Node:
    """Anvil: every call a transaction in a block of its own, from accounts it impersonates."""

    def __init__(self, chain: LocalChain) -> None:
        self._rpc = chain.rpc
        self._rpc.request("anvil_autoImpersonateAccount", [True])
        self._funded: set[str] = set()
        self.time = START

    @property
    def block(self) -> int:
        """The newest block."""
        return int(self._rpc.request("eth_blockNumber"), 16)

    def warp(self, time: int) -> None:
        """Set the time of the next transaction."""
        self.time = time

    def _transact(self, fields: dict[str, Any]) -> Any:
        if fields["from"] not in self._funded:
            self._rpc.request("anvil_setBalance", [fields["from"], hex(10**24)])
            self._funded.add(fields["from"])
        self._rpc.request("evm_setNextBlockTimestamp", [self.time])
        self.time += 1
        receipt = self.wait(self._rpc.request("eth_sendTransaction", [{**fields, "gas": hex(25_000_000)}]))
        assert int(receipt["status"], 16) == 1, f"reverted on the node: {fields['data'][:10]}"
        return receipt

    def wait(self, tx: str) -> Any:
        """The receipt of a transaction: mined at once, but told a moment later."""
        for pause in range(200):
            receipt = self._rpc.request("eth_getTransactionReceipt", [tx])
            if receipt is not None:
                return receipt
            sleep(0.001 * pause)
        raise AssertionError(f"{tx} was never mined")

    def create(self, sender: str, code: bytes) -> str:
        """Deploy and return the address."""
        return checksum(self._transact({"from": sender, "data": "0x" + code.hex()})["contractAddress"])

    def send(self, sender: str, to: str, data: bytes, gas: int = 0) -> tuple[bytes, list[Log], int]:
        """Call and keep what it did."""
        output = self.call(sender, to, data)
        receipt = self._transact({"from": sender, "to": to, "data": "0x" + data.hex()})
        logs = [
            Log(checksum(i["address"]), tuple(_raw(t) for t in i["topics"]), _raw(i["data"])) for i in receipt["logs"]
        ]
        return output, logs, int(receipt["gasUsed"], 16)

    def call(self, sender: str, to: str, data: bytes) -> bytes:
        """Call and forget what it did."""
        fields = {"from": sender, "to": to, "data": "0x" + data.hex()}
        return _raw(self._rpc.request("eth_call", [fields, "latest", {}, {"time": hex(self.time)}]))

    def estimate(self, sender: str, to: str, data: bytes) -> int:
        """Gas of a call as the node estimates it."""
        fields = {"from": sender, "to": to, "data": "0x" + data.hex()}
        return int(self._rpc.request("eth_estimateGas", [fields, "latest"]), 16)

    def trace(self, sender: str, to: str, data: bytes) -> Any:
        """The steps of a call, with the time of now."""
        fields = {"from": sender, "to": to, "data": "0x" + data.hex()}
        return self._rpc.request("debug_traceCall", [fields, "latest", {"disableStack": False}])

    def mine(self) -> None:
        """An empty block at the time of now."""
        self._rpc.request("evm_setNextBlockTimestamp", [self.time])
        self._rpc.request("evm_mine", [])
        self.time += 1

    def snapshot(self) -> Any:
        """Remember the state."""
        return self._rpc.request("evm_snapshot"), self.time, set(self._funded)

    def revert(self, snapshot: Any) -> None:
        """Go back to it."""
        name, self.time, self._funded = snapshot
        assert self._rpc.request("evm_revert", [name])


Engine = Revm | Node


@dataclass
class Tx:
    """What a call did."""

    value: Any
    events: list[tuple[str, dict[str, Any]]]
    gas: int
    logs: list[Log] = field(repr=False, default_factory=list)

    def event(self, name: str) -> dict[str, Any]:
        """The arguments of the one event of this name."""
        found = [args for event, args in self.events if event == name]
        assert len(found) == 1, f"{name} happened {len(found)} times among {[event for event, _ in self.events]}"
        return found[0]


class Person:
    """Somebody with a key."""

    def __init__(self, name: str, key: bytes | None = None) -> None:
        self.name = name
        self.signer = Signer.from_key(key or keccak(f"careledger test {name}".encode()))
        self.address = str(self.signer.address)

    def sign(self, data: TypedData) -> bytes:
        """Sign typed data."""
        return self.signer.sign_typed(data)

    def __repr__(self) -> str:
        return self.name


def at(who: Any) -> Any:
    """The address of a person, a contract or an address."""
    return getattr(who, "address", who)


def plain(value: Any) -> Any:
    """Arguments with people and contracts turned into their addresses."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return at(value)


class Memory(dict[Any, Any]):
    """What was encoded and decoded before: the machine asks the same a thousand times, and coding costs most."""

    def of(self, key: Any, make: Callable[[], Any]) -> Any:
        """What was made for this key, or is made now."""
        if key not in self:
            if len(self) >= 20_000:
                self.clear()
            self[key] = make()
        return self[key]


_MEMORY = Memory()


class Contract:
    """One deployed contract: views return values, everything else a `Tx`."""

    def __init__(self, engine: Engine, artifact: Artifact, address: str) -> None:
        self.engine, self.artifact, self.address = engine, artifact, address
        self.name = artifact.name

    def __repr__(self) -> str:
        return self.name

    def data(self, function: str, *args: Any) -> bytes:
        """Calldata of a call."""
        values = plain(args)
        encode = lambda: self.artifact.encode_call(function, *values)  # noqa: E731
        return bytes(_MEMORY.of((self.name, function, repr(values)), encode))

    def domain(self, *, chain_id: int = CHAIN_ID, address: str | None = None) -> Domain:
        """The EIP-712 domain."""
        return Domain(f"CareLedger {self.name}", "1", chain_id, address or self.address)  # type: ignore[arg-type]

    def typed(self, primary: str, fields: str, message: Mapping[str, Any], **domain: Any) -> TypedData:
        """Typed data of this contract; `fields` as in Solidity: "address patient,uint40 deadline"."""
        types = {primary: [tuple(reversed(item.split(" "))) for item in fields.split(",")]}
        return TypedData(self.domain(**domain), types, primary, plain(message))  # type: ignore[arg-type]

    def __getattr__(self, function: str) -> Any:
        if function.startswith("__"):
            raise AttributeError(function)
        abi = self.artifact.function(function)

        def act(*args: Any, sender: Any = None) -> Any:
            who = at(sender) if sender is not None else "0x" + "5e" * 20
            data = self.data(function, *args)
            try:
                if abi["stateMutability"] in ("view", "pure"):
                    output = self.engine.call(who, self.address, data)
                    decode = lambda: self.artifact.decode_output(function, output)  # noqa: E731
                    return deepcopy(_MEMORY.of((self.name, function, output), decode))
                output, logs, gas = self.engine.send(who, self.address, data)
            except RawRevert as revert:
                raise Reverted(revert.data) from None
            value = self.artifact.decode_output(function, output) if abi["outputs"] else None
            return Tx(value, events(logs), gas, logs)

        return act


def events(logs: Sequence[Log]) -> list[tuple[str, dict[str, Any]]]:
    """Decoded events of the suite, in order; an unknown one fails."""
    found = []
    for log in logs:
        entries = artifacts().events.get(log.topics[0]) or MOCKS.events.get(log.topics[0])
        assert entries, f"an event that no artifact knows: {log.topics[0].hex()}"
        found.append((entries[0].name, entries[0].decode(log.topics, log.data)))
    return found


def deploy(engine: Engine, name: str, *args: Any, sender: Any, mock: bool = False) -> Contract:
    """Deploy an artifact."""
    artifact = (MOCKS if mock else artifacts()).load(name)
    return Contract(engine, artifact, engine.create(at(sender), artifact.encode_deploy(*plain(args))))


@contextmanager
def reverts(name: str, **values: Any) -> Iterator[None]:
    """Demand that a call is refused with this error and exactly these values."""
    try:
        yield
    except Reverted as revert:
        assert (revert.name, revert.values) == (name, plain(values))
    else:
        raise AssertionError(f"nothing was refused; {name} was expected")


def text32(text: str) -> bytes:
    """ASCII left-aligned in 32 bytes."""
    return text.encode().ljust(32, b"\0")
