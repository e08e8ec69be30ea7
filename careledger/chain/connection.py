"""One chain through one node: which chain it is, what is final, what gas costs, calls and logs."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from careledger.chain.abi import Artifact, Catalogue, artifacts
from careledger.chain.reverts import contract_error, revert_data
from careledger.chain.rollback import RolledBack
from careledger.chain.rpc import NodeRefused, RpcLike
from careledger.chain.typed import Domain
from careledger.errors import InputError, NodeMisbehaved, WrongChain
from careledger.values import Address, from_hex, to_hex

if TYPE_CHECKING:
    from web3 import Web3

__all__ = ["DEV_CHAINS", "Block", "Connection", "Fees"]

DEV_CHAINS = frozenset({1337, 31337, 131277322940537})
"""Chain ids of Ganache and geth --dev, Anvil and Hardhat, and eth-tester: one node decides, so what is in is final."""

# Blocks until a chain without the "finalized" tag is taken as settled: the depths Ponder found to hold.
_DEPTHS = {1: 65, 137: 200, 42161: 240}
_DEPTH = 30
_FEES_TTL = 1.0  # seconds; a block of most chains lives at least that long
_FINAL_TTL = 0.25  # seconds between two questions for the final block
_EIP712_DOMAIN = {
    "type": "function", "name": "eip712Domain", "inputs": [], "stateMutability": "view",
    "outputs": [
        {"name": "fields", "type": "bytes1"}, {"name": "name", "type": "string"},
        {"name": "version", "type": "string"}, {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"}, {"name": "salt", "type": "bytes32"},
        {"name": "extensions", "type": "uint256[]"},
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Fees:
    """What to offer for gas, in wei per unit."""

    max_fee: int
    priority: int
    base: int
    """The base fee of the block it was computed from."""


@dataclass(frozen=True)
class Block:
    """The header of a block, as far as the SDK needs it."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee: int
    gas_limit: int

    @classmethod
    def from_rpc(cls, data: Mapping[str, Any]) -> Block:
        """Read a node's block object."""
        return cls(
            number=int(data["number"], 16), hash=data["hash"], parent_hash=data["parentHash"],
            timestamp=int(data["timestamp"], 16), base_fee=int(data.get("baseFeePerGas") or "0x0", 16),
            gas_limit=int(data.get("gasLimit") or "0x0", 16),
        )  # fmt: skip


class Connection:
    """A chain, reached through a node.

    Args:
        rpc: The node.
        chain_id: The chain it must be on; whatever it is on, when not given.
        finality: Blocks behind the head that count as final; when not given 0 on development chains, else the chain's
            own ``finalized`` tag, and where it has none a depth known for the chain.
        catalogue: The artifacts errors and events are looked up in; the package's own when not given.

    Raises:
        WrongChain: The node is on another chain.
    """

    def __init__(
        self,
        rpc: RpcLike,
        chain_id: int | None = None,
        *,
        finality: int | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self.rpc = rpc
        self.chain_id = int(rpc.request("eth_chainId"), 16)
        self.require_chain(chain_id)
        self._finality = finality
        self.catalogue = catalogue or artifacts()
        self._fees: tuple[float, Fees] | None = None
        self._final: tuple[float, int] = (0.0, -1)
        self._lock = threading.Lock()
        self.rolled_back = RolledBack()
        """Who is told when a development chain was set back to a snapshot."""

    def require_chain(self, chain_id: int | None) -> None:
        """Refuse another chain than the one that is meant; any is, for None.

        Raises:
            WrongChain: The node is on another chain.
        """
        if chain_id is not None and chain_id != self.chain_id:
            raise WrongChain(
                f"node {self.rpc.name} is on chain {self.chain_id}, not on {chain_id}",
                why="The settings name another network than the node serves.",
                fix="Use a node of the right network.",
            )

    def forget_rolled_back(self) -> None:
        """Forget what a development chain forgot when it was set back, and have everybody who uses this forget it."""
        with self._lock:
            self._fees, self._final = None, (0.0, -1)
        self.rolled_back.tell(self)

    @property
    def is_dev(self) -> bool:
        """Whether this is a chain of one developer's machine."""
        return self.chain_id in DEV_CHAINS

    @cached_property
    def scope(self) -> str:
        """The chain's identity: its id and its first block, since every fresh development chain has the same id."""
        genesis = self.rpc.request("eth_getBlockByNumber", ["0x0", False])
        return f"{self.chain_id}:{genesis['hash'][2:18]}" if genesis else str(self.chain_id)

    @cached_property
    def web3(self) -> Web3:
        """A web3.py instance over the same node, for whoever knows it well."""
        from careledger.chain.web3_provider import make_web3

        return make_web3(self.rpc)

    # BLOCKS

    def block(self, which: int | str = "latest") -> Block | None:
        """Return a block's header by number, tag or hash; None when the node has none."""
        if isinstance(which, str) and len(which) == 66:
            found = self.rpc.request("eth_getBlockByHash", [which, False])
        else:
            found = self.rpc.request("eth_getBlockByNumber", [hex(which) if isinstance(which, int) else which, False])
        return Block.from_rpc(found) if found else None

    def head(self) -> Block:
        """Return the newest block."""
        return Block.from_rpc(self.rpc.request("eth_getBlockByNumber", ["latest", False]))

    @property
    def _depth(self) -> int | None:
        """The depth that counts as final; None to go by the node's tag."""
        return self._finality if self._finality is not None else (0 if self.is_dev else None)

    def final_block(self) -> int:
        """Return the number of the newest block that no reorganisation can take away; -1 for none yet."""
        depth = self._depth
        if depth is None:
            try:
                found = self.rpc.request("eth_getBlockByNumber", ["finalized", False])
                if found is not None:
                    return int(found["number"], 16)
            except NodeRefused:
                pass
            depth = _DEPTHS.get(self.chain_id, _DEPTH)
        return int(self.rpc.request("eth_blockNumber"), 16) - depth

    def is_final(self, number: int) -> bool:
        """Whether a block is final; the newest final block is asked for at most every quarter of a second."""
        if self._depth == 0:
            return True
        with self._lock:
            asked, known = self._final
        if number <= known or time.monotonic() - asked < _FINAL_TTL:
            return number <= known
        found = self.final_block()
        with self._lock:
            self._final = (time.monotonic(), found)
        return number <= found

    # FEES

    def fees(self, *, fresh: bool = False) -> Fees:
        """Return what to offer now: twice the base fee plus the tip the node suggests; kept for a second.

        Raises:
            InputError: The chain has no base fee (EIP-1559).
        """
        with self._lock:
            kept = self._fees
        if kept and not fresh and time.monotonic() - kept[0] < _FEES_TTL:
            return kept[1]
        block, tip = self.rpc.batch([("eth_getBlockByNumber", ["latest", False]), ("eth_maxPriorityFeePerGas", [])])
        if isinstance(block, NodeRefused):
            raise block
        if block.get("baseFeePerGas") is None:
            raise InputError("this chain has no base fee", why="Transactions are sent as EIP-1559 ones only.")
        base = int(block["baseFeePerGas"], 16)
        priority = 10**9 if isinstance(tip, NodeRefused) else int(tip, 16)
        found = Fees(max_fee=2 * base + priority, priority=priority, base=base)
        with self._lock:
            self._fees = (time.monotonic(), found)
        return found

    # CALLS

    def call(
        self,
        to: str,
        data: bytes,
        *,
        block: int | str = "latest",
        sender: str | None = None,
        value: int = 0,
        gas: int | None = None,
        about_patient: bool = False,
    ) -> bytes:
        """Ask a contract without changing anything.

        Args:
            to: The contract.
            data: Calldata.
            block: The block whose state is asked: a number, a tag, or a hash.
            sender: Who asks, for questions that depend on it.
            value: Wei sent along.
            gas: The most it may use; what the node allows when not given.
            about_patient: The answer concerns a patient: public nodes are warned of or refused, as set.

        Raises:
            ContractError: The contract refused.
            NodeError: No usable answer.
        """
        if about_patient:
            self.rpc.before_patient_read()
        tx: dict[str, Any] = {"to": to, "data": to_hex(data)}
        if sender:
            tx["from"] = sender
        if value:
            tx["value"] = hex(value)
        if gas is not None:
            tx["gas"] = hex(gas)
        at: Any = hex(block) if isinstance(block, int) else block
        if isinstance(at, str) and len(at) == 66:
            at = {"blockHash": at}
        try:
            return from_hex(self.rpc.request("eth_call", [tx, at]))
        except NodeRefused as refusal:
            found = revert_data(refusal.error)
            if found is None:
                raise
            raise contract_error(found, catalogue=self.catalogue, message=refusal.node_message) from None

    def read(self, artifact: Artifact, to: str, function: str, *args: Any, **how: Any) -> Any:
        """Call a view by name and return its decoded answer; keywords as for ``call``."""
        return artifact.decode_output(function, self.call(to, artifact.encode_call(function, *args), **how))

    def logs(self, query: Mapping[str, Any], *, about_patient: bool = False) -> list[dict[str, Any]]:
        """Return logs as the node gives them, checked in shape.

        Args:
            query: ``address``, ``topics``, and ``blockHash`` or ``fromBlock`` and ``toBlock`` (integers or tags).
            about_patient: As for ``call``.

        Raises:
            NodeRefused: The range is more than the node gives at once: ask for less.
        """
        if about_patient:
            self.rpc.before_patient_read()
        ready = {key: hex(value) if isinstance(value, int) else value for key, value in query.items()}
        found: list[dict[str, Any]] = self.rpc.request("eth_getLogs", [ready])
        return found

    def code(self, account: str) -> bytes:
        """Return the code at an address; empty where there is none."""
        return from_hex(self.rpc.request("eth_getCode", [account, "latest"]))

    def balance(self, account: str) -> int:
        """Return an account's ether, in wei."""
        return int(self.rpc.request("eth_getBalance", [account, "latest"]), 16)

    def nonce(self, account: str, *, block: str = "latest") -> int:
        """Return how many transactions of an account are in the chain, or with ``pending`` also in the node's pool."""
        return int(self.rpc.request("eth_getTransactionCount", [account, block]), 16)

    def domain(self, contract: Address) -> Domain:
        """Return the EIP-712 domain a contract states (ERC-5267), after making sure that it is this one's.

        Raises:
            NodeMisbehaved: It names another contract or chain, or there is no such function.
        """
        stub = Artifact.from_json({"contractName": "EIP712", "abi": [_EIP712_DOMAIN], "bytecode": "0x"})
        found = Domain.from_answer(self.read(stub, contract, "eip712Domain"))
        if (found.chain_id, found.verifying_contract) != (self.chain_id, contract):
            raise NodeMisbehaved(
                f"contract {contract} states a domain of another contract or chain",
                why="What is signed for it would count elsewhere.",
                fix="Check the address and the network.",
            )
        return found

    def many(self, calls: Sequence[tuple[str, bytes]], *, block: int | str = "latest") -> list[bytes | Exception]:
        """Ask several views in one request; a refusal stands in its place instead of being raised."""
        at = hex(block) if isinstance(block, int) else block
        answers = self.rpc.batch([("eth_call", [{"to": to, "data": to_hex(data)}, at]) for to, data in calls])
        return [self._answer(item) for item in answers]

    def _answer(self, item: Any) -> bytes | Exception:
        if not isinstance(item, NodeRefused):
            return from_hex(item)
        found = revert_data(item.error)
        return item if found is None else contract_error(found, catalogue=self.catalogue, message=item.node_message)
