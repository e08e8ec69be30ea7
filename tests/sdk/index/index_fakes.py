"""A chain in memory that answers JSON-RPC as a node does, with reorganisations and faults on demand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from eth_abi.abi import encode

from careledger.errors import NodeUnavailable
from careledger.index import Source, bloom
from careledger.values import keccak

LEDGER = "0x" + "a1" * 20
CLINIC = "0x" + "b2" * 20
STRANGER = "0x" + "cc" * 20


def _input(name: str, kind: str, indexed: bool = False) -> dict[str, Any]:
    return {"name": name, "type": kind, "indexed": indexed, "internalType": kind}


def _event(name: str, *inputs: dict[str, Any]) -> dict[str, Any]:
    return {"type": "event", "name": name, "anonymous": False, "inputs": list(inputs)}


ABI = [
    _event("Granted", _input("grantId", "bytes32", True), _input("patient", "address", True),
           _input("classes", "uint64"), _input("expiresAt", "uint40"), _input("open", "bool")),
    _event("Paid", _input("id", "uint256", True), _input("amount", "uint256"), _input("change", "int128")),
    _event("Noted", _input("id", "uint256", True), _input("text", "string"), _input("parts", "uint256[]")),
]  # fmt: skip
CLINIC_ABI = [_event("Paid", _input("id", "uint256", True), _input("amount", "uint256", True))]


def sources(start: int = 0, clinic_start: int | None = None) -> list[Source]:
    """Return the two contracts of the fake chain."""
    return [
        Source("Ledger", LEDGER, ABI, start),
        Source("Clinic", CLINIC, CLINIC_ABI, start if clinic_start is None else clinic_start),
    ]


@dataclass(frozen=True)
class Log:
    """A log before it is in a block."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def topic(signature: str) -> bytes:
    return keccak(signature.encode())


def granted(n: int, patient: int = 7) -> Log:
    data = encode(["uint64", "uint40", "bool"], [n, 1_700_000_000 + n, n % 2 == 0])
    return Log(LEDGER, (topic("Granted(bytes32,address,uint64,uint40,bool)"), word(n), word(patient)), data)


def paid(n: int, amount: int = 5) -> Log:
    return Log(LEDGER, (topic("Paid(uint256,uint256,int128)"), word(n)), encode(["uint256", "int128"], [amount, -n]))


def noted(n: int, text: str = "gr\u00fcn") -> Log:
    data = encode(["string", "uint256[]"], [text, [n, 2**200]])
    return Log(LEDGER, (topic("Noted(uint256,string,uint256[])"), word(n)), data)


def clinic_paid(n: int) -> Log:
    return Log(CLINIC, (topic("Paid(uint256,uint256)"), word(n), word(n * 10)), b"")


def unknown(n: int) -> Log:
    return Log(LEDGER, (topic("Unknown(uint256)"), word(n)), b"")


def foreign(n: int) -> Log:
    return Log(STRANGER, (topic("Foreign(uint256)"), word(n)), word(n))


def mixed(n: int) -> list[Log]:
    """Some logs, different for every n; none for every third."""
    kinds: list[Callable[[int], Log]] = [granted, paid, noted, clinic_paid, unknown, foreign]
    return [] if n % 3 == 0 else [kinds[(n + k) % len(kinds)](n * 10 + k) for k in range(1 + n % 4)]


@dataclass
class Block:
    """A block with its logs, ready for JSON."""

    header: dict[str, Any]
    logs: list[dict[str, Any]]


@dataclass
class FakeChain:
    """A chain and the node that serves it."""

    chain_id: int = 31337
    salt: int = 0
    blocks: list[Block] = field(default_factory=list)
    finalized: int | None = None
    fault: Callable[[str, list[Any], Any], Any] | None = None
    """Sees (method, params, result) and returns another result, or raises."""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    _made: int = 0

    def __post_init__(self) -> None:
        if not self.blocks:
            self.mine([])

    @property
    def head(self) -> int:
        return len(self.blocks) - 1

    def mine(self, logs: list[Log], *, fork: int = 0) -> None:
        """Append a block; ``fork`` makes its hash differ from that of a sibling with the same logs."""
        number = len(self.blocks)
        parent = self.blocks[-1].header["hash"] if self.blocks else "0x" + "0" * 64
        body = b"".join(bytes.fromhex(log.address[2:]) + b"".join(log.topics) + log.data for log in logs)
        seed = f"{self.chain_id}/{self.salt}/{number}/{parent}/{fork}".encode() + body
        block_hash = "0x" + keccak(seed).hex()
        bits = bloom.of_logs((bytes.fromhex(log.address[2:]), log.topics) for log in logs)
        header = {
            "number": hex(number), "hash": block_hash, "parentHash": parent,
            "timestamp": hex(1_700_000_000 + 12 * number),
            "logsBloom": "0x" + bits.to_bytes(256, "big").hex(),
        }  # fmt: skip
        self.blocks.append(Block(header, [self._log(log, header, at) for at, log in enumerate(logs)]))

    @staticmethod
    def _log(log: Log, header: dict[str, Any], at: int) -> dict[str, Any]:
        # the transaction's hash depends on what it does only, so that a re-mined one keeps it
        tx = keccak(b"tx" + b"".join(log.topics) + log.data)
        return {
            "address": log.address, "topics": ["0x" + t.hex() for t in log.topics], "data": "0x" + log.data.hex(),
            "blockNumber": header["number"], "blockHash": header["hash"], "logIndex": hex(at),
            "transactionHash": "0x" + tx.hex(), "transactionIndex": hex(at), "removed": False,
        }  # fmt: skip

    def grow(self, count: int, *, offset: int = 0, fork: int = 0) -> FakeChain:
        """Append blocks with mixed logs."""
        for _ in range(count):
            self.mine(mixed(len(self.blocks) + offset), fork=fork)
        return self

    def cut(self, depth: int) -> FakeChain:
        """Drop the last blocks."""
        del self.blocks[len(self.blocks) - depth :]
        return self

    def reorg(self, depth: int, *, longer: int = 1, offset: int = 1, fork: int = 1) -> FakeChain:
        """Replace the last blocks by others, and some more."""
        return self.cut(depth).grow(depth + longer, offset=offset, fork=fork)

    def request(self, method: str, params: list[Any]) -> Any:
        """Answer as a node does."""
        self.calls.append((method, params))
        result = self._answer(method, params)
        return self.fault(method, params, result) if self.fault else result

    def _answer(self, method: str, params: list[Any]) -> Any:
        if method == "eth_chainId":
            return hex(self.chain_id)
        if method == "eth_getBlockByNumber":
            return self._header(params[0])
        if method == "eth_getLogs":
            return self._logs(params[0])
        raise ValueError(f"method {method} not found")

    def _header(self, tag: str) -> dict[str, Any] | None:
        if tag == "finalized":
            if self.finalized is None:
                raise ValueError("unknown tag")
            return self.blocks[self.finalized].header
        number = self.head if tag == "latest" else int(tag, 16)
        return self.blocks[number].header if number <= self.head else None

    def _logs(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        if "blockHash" in query:
            chosen = [block for block in self.blocks if block.header["hash"] == query["blockHash"]]
            if not chosen:
                raise ValueError("unknown block")
        else:
            chosen = self.blocks[int(query["fromBlock"], 16) : int(query["toBlock"], 16) + 1]
        wanted = query.get("address")
        return [log for block in chosen for log in block.logs if wanted is None or log["address"] in wanted]


def away(_method: str, _params: list[Any], _result: Any) -> Any:
    """A fault: the node is not there."""
    raise NodeUnavailable("no answer within the deadline")
