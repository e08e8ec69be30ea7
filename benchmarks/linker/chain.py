"""A chain in this process for a whole region: the SDK's own connection over pyrevm, and the ledger a stranger reads.

Contracts, calldata, signatures and logs are the real ones. Left out is what says nothing about people: the pool of
waiting transactions and the journal of whoever sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyrevm

from careledger import CareLedger, Prepared, Receipt, Signer
from careledger.chain.abi import decode_log
from careledger.chain.calls import Call
from careledger.chain.connection import Connection
from careledger.chain.deploy import deploy
from careledger.chain.reverts import contract_error
from careledger.chain.suite import Suite
from careledger.privacy.openers import Suite as Suites
from careledger.privacy.openers import from_seed, new_seed
from careledger.values import BlockHash, TxHash, checksum, from_hex, keccak, to_hex

__all__ = ["SLOT", "Chain", "Log", "Transaction"]

CHAIN_ID = 31337
_REVERT = re.compile(r"Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}")
SLOT = 12
"""Seconds between blocks."""
NOBODY = "0x" + "5e" * 20
GENESIS = 1_798_761_600
"""Time of block 0: 1 January 2027, 00:00 UTC, a Friday."""


@dataclass(frozen=True)
class Log:
    """One log entry, as a node gives it."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class Transaction:
    """One mined transaction with its logs, as a node gives it."""

    block: int
    time: int
    """Seconds since 1970, of its block."""
    sender: str
    """Who pays the gas."""
    nonce: int
    to: str | None
    value: int
    data: bytes
    logs: tuple[Log, ...] = ()


@dataclass
class _Entry:
    """What a journal would keep of an act."""

    note: Any = None


class _Node:
    """The questions the SDK asks of a node, answered by the engine."""

    name = "region"

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def request(self, method: str, params: Sequence[Any] = (), *, deadline: float | None = None) -> Any:
        """Ask one question."""
        chain = self._chain
        match method:
            case "eth_call":
                asked = params[0]
                return to_hex(chain.call(asked.get("from", NOBODY), asked["to"], from_hex(asked["data"])))
            case "eth_getBlockByNumber":
                return chain.header(0 if params[0] == "0x0" else None)
            case "eth_chainId":
                return hex(CHAIN_ID)
            case "eth_blockNumber":
                return hex(chain.block)
            case "eth_getCode":
                return to_hex(bytes(chain.evm.get_code(params[0]) or b""))
            case "eth_getBalance":
                return hex(10**24)
            case "eth_getTransactionReceipt":
                return {"contractAddress": chain.created[params[0]]}
            case "eth_maxPriorityFeePerGas":
                return "0x1"
        raise NotImplementedError(method)

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline: float | None = None) -> list[Any]:
        """Ask several questions."""
        return [self.request(method, params) for method, params in calls]

    def before_patient_read(self) -> None:
        """Nothing leaves this process."""

    def close(self) -> None:
        """Nothing is held."""


class _Sender:
    """Puts the calls of one account into the next block."""

    def __init__(self, chain: Chain, address: str) -> None:
        self.chain, self.address = chain, address
        self.connection = chain.connection

    def submit(self, call: Call, **_: Any) -> Receipt[None]:
        """Send a call."""
        return self.chain.send(self.address, call)

    def prepare(self, call: Call) -> Prepared:
        """Try a call and take it back."""
        gas = self.chain.estimate(self.address, call)
        return Prepared(gas, 0, {"to": call.to, "value": call.value}, to_hex(call.data))

    def entry(self, key: str) -> _Entry | None:
        """There is no journal."""
        return None


@dataclass
class Chain:
    """The chain: a clock that people live by, blocks every twelve seconds, and everything that was sent."""

    home: Path
    """Where the SDK keeps the salts of evidence."""
    clock: int = GENESIS + SLOT
    """The second it is now."""
    ledger: list[Transaction] = field(default_factory=list)
    created: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.evm = pyrevm.EVM(spec_id="PRAGUE", env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID)))
        self.connection = Connection(_Node(self))
        self._nonces: dict[str, int] = {}
        self._clients: dict[str, CareLedger] = {}
        self._mined = 0
        self._opener = from_seed(new_seed(), suite=Suites.X25519)
        governor = Signer.from_key(keccak(b"region governor"))
        made = deploy(_Sender(self, governor.address), instance="region")  # type: ignore[arg-type]
        self._suite = Suite.read(self.connection, made.directory)
        self.governor = self.client(governor)

    def client(self, signer: Signer) -> CareLedger:
        """Return the SDK as one account uses it."""
        care = self._clients.get(signer.address)
        if care is None:
            store: Any = None  # records are anchored without being kept
            care = CareLedger(
                self.connection, self._suite, signer=signer, opener=self._opener, home=self.home, store=store
            )
            care._sender = _Sender(self, signer.address)  # type: ignore[assignment]
            self._clients[signer.address] = care
        return care

    @property
    def block(self) -> int:
        """The block that what is sent now gets into."""
        return (self.clock - GENESIS) // SLOT + 1

    def header(self, number: int | None) -> dict[str, Any]:
        """Return a header; the newest has the second it is now, as the SDK takes the later of head and own clock."""
        time, at = (GENESIS, 0) if number == 0 else (self.clock, self.block - 1)
        return {
            "number": hex(at), "hash": to_hex(keccak(at.to_bytes(8, "big"))), "parentHash": "0x" + "00" * 32,
            "timestamp": hex(time), "baseFeePerGas": "0x1", "gasLimit": hex(10**9),
        }  # fmt: skip

    def call(self, sender: str, to: str, data: bytes) -> bytes:
        """Call and forget what it did."""
        self._set(self.block)
        before, code = self.evm.snapshot(), self.evm.get_code(sender)
        if code:  # nodes let a contract be the sender of a call; the engine does not (EIP-3607)
            self.evm.insert_account_info(sender, pyrevm.AccountInfo(nonce=1))
        try:
            return self._run(sender, to, data)
        finally:
            self.evm.revert(before)
            if code:
                self.evm.insert_account_info(sender, pyrevm.AccountInfo(nonce=1, code=code))

    def estimate(self, sender: str, call: Call) -> int:
        """Return the gas of a call."""
        self.call(sender, call.to or "", call.data)
        result: Any = self.evm.result
        return int(result.gas_used)

    def send(self, sender: str, call: Call) -> Receipt[None]:
        """Put a call into the next block."""
        block = max(self.block, self._mined)
        self._mined = block
        self._set(block)
        number = self._nonces.get(sender, 0)
        self._nonces[sender] = number + 1
        name = to_hex(keccak(sender.encode() + number.to_bytes(8, "big")))
        logs: tuple[Log, ...] = ()
        if call.to is None:
            self.created[name] = checksum(self.evm.deploy(sender, call.data))
        else:
            self._run(sender, call.to, call.data, value=call.value)
            result: Any = self.evm.result
            logs = tuple(
                Log(checksum(item.address), tuple(map(_raw, item.topics)), _raw(item.data[1])) for item in result.logs
            )
        time = GENESIS + block * SLOT
        self.ledger.append(Transaction(block, time, sender, number, call.to, call.value, call.data, logs))
        events = tuple(
            decode_log({
                "address": log.address, "topics": [to_hex(topic) for topic in log.topics], "data": to_hex(log.data),
                "blockNumber": block, "transactionHash": name, "logIndex": at, "blockHash": name,
            })
            for at, log in enumerate(logs)
        )  # fmt: skip
        return Receipt(None, TxHash(name), block, "included", 0, 0, events, BlockHash(name))

    def _run(self, sender: str, to: str, data: bytes, **how: Any) -> bytes:
        try:
            return bytes(self.evm.message_call(sender, to, data, gas=10**8, **how))
        except RuntimeError as error:
            found = _REVERT.search(str(error))
            raise contract_error(bytes.fromhex(found[1]) if found else b"") from None

    def _set(self, block: int) -> None:
        self.evm.set_block_env(
            pyrevm.BlockEnv(number=block, timestamp=max(self.clock, GENESIS + block * SLOT), gas_limit=10**9)
        )


def _raw(value: Any) -> bytes:
    return bytes.fromhex(value[2:]) if isinstance(value, str) else bytes(value)
