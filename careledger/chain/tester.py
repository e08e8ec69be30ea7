"""A chain inside this process (py-evm through eth-tester), behind the same surface as a node.

Slower than Anvil and without a pool of waiting transactions, but it needs nothing but Python.
"""

from __future__ import annotations

import ast
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from careledger.chain import schema
from careledger.chain.rpc import NodeRefused
from careledger.errors import InputError, NodeMisbehaved
from careledger.values import to_hex

__all__ = ["TesterRpc"]

# Members that stay text or bytes of a fixed size, so that a number in them is not a quantity.
_BLOOM_BYTES = 256
_LENT = 10**18


class TesterRpc:
    """The surface of ``Rpc`` over web3's in-process tester. Safe for threads, one question at a time.

    Args:
        provider: An ``EthereumTesterProvider``; a fresh chain when not given.

    Raises:
        InputError: The tester is not installed.
    """

    __test__ = False  # not a test case, whatever pytest thinks of the name

    def __init__(self, provider: Any = None) -> None:
        try:
            from web3 import EthereumTesterProvider, Web3

            self._provider: Any = provider or EthereumTesterProvider()
        except ImportError:
            raise InputError(
                "the in-process chain is not installed",
                why="It comes as an extra, because it brings an EVM.",
                fix="pip install 'careledger[local]'",
            ) from None
        self.tester: Any = self._provider.ethereum_tester
        web3 = Web3(self._provider)
        web3.middleware_onion.clear()  # only the tester's own layers: answers stay as a node writes them
        self._ask: Callable[[str, Any], Any] = self._provider.request_func(web3, web3.middleware_onion)
        self._lock = threading.RLock()
        self._methods: dict[str, Callable[..., Any]] = {
            "evm_snapshot": lambda: hex(self.tester.take_snapshot()),
            "evm_revert": self._revert,
            "evm_increaseTime": lambda seconds: self._travel(self._now() + _number(seconds)),
            "evm_setNextBlockTimestamp": lambda moment: self._travel(_number(moment)),
            "evm_mine": lambda *_: self._mine(1),
            "evm_setAutomine": self._automine,
            "anvil_reorg": lambda depth, *_: self._reorg(_number(depth)),
            "eth_estimateGas": lambda *params: self._lent("eth_estimateGas", params),
            "eth_call": lambda *params: self._lent("eth_call", params),
        }

    name = "in-process chain"

    def request(self, method: str, params: Sequence[Any] = (), *, deadline: float | None = None) -> Any:
        """Ask one question; errors as with a node."""
        with self._lock:
            own = self._methods.get(method)
            try:
                result = own(*params) if own else self._through(method, params)
            except NodeRefused:
                raise
            except Exception as error:
                raise NodeRefused(method, _as_error(error)) from None
        try:
            schema.check(method, params, result)
        except schema.Misfit as misfit:
            raise NodeMisbehaved(f"the in-process chain's answer to {method} cannot be used: {misfit}") from None
        return result

    def batch(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline: float | None = None
    ) -> list[Any | NodeRefused]:
        """Ask several questions; a refusal stands in its place."""
        answers: list[Any] = []
        for method, params in calls:
            try:
                answers.append(self.request(method, params))
            except NodeRefused as refusal:
                answers.append(refusal)
        return answers

    def before_patient_read(self) -> None:
        """Nothing leaves this process."""

    def close(self) -> None:
        """Nothing is held."""

    def _through(self, method: str, params: Sequence[Any]) -> Any:
        answer = self._ask(method, [self._for_tester(method, item) for item in params])
        if "error" in answer:
            raise NodeRefused(method, answer["error"])
        return _as_node(answer["result"])

    def _for_tester(self, method: str, value: Any) -> Any:
        """Turn a block named by its hash into its number, which is all the tester takes."""
        if not isinstance(value, Mapping):
            return value
        if "blockHash" not in value:
            return dict(value)
        block = self.request("eth_getBlockByHash", [value["blockHash"], False])
        if block is None:
            raise NodeRefused(method, {"code": -32000, "message": "unknown block"})
        if method != "eth_getLogs":
            return block["number"]
        rest = {key: item for key, item in value.items() if key != "blockHash"}
        return {**rest, "fromBlock": block["number"], "toBlock": block["number"]}

    def _lent(self, method: str, params: Sequence[Any]) -> Any:
        """Ask as nodes are asked, which want no ether of an account to say what a call would give or cost."""
        sender, block = params[0].get("from"), params[1] if len(params) > 1 else "latest"
        if sender is None or block != "latest" or int(self.request("eth_getBalance", [sender, "latest"]), 16):
            return self._through(method, params)
        before = self.tester.take_snapshot()
        try:
            # created and destroyed at once, it leaves its ether to the sender, which may be a contract that takes none
            gift = {"data": f"0x73{sender[2:].lower()}ff", "value": hex(_LENT), "gas": hex(200_000)}
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # of the opcode
                self._through("eth_sendTransaction", [{"from": self.request("eth_accounts")[0], **gift}])
            return self._through(method, params)
        finally:
            self.tester.revert_to_snapshot(before)

    # DEVELOPMENT

    def _now(self) -> int:
        return int(self.tester.get_block_by_number("pending")["timestamp"])

    def _travel(self, moment: int) -> str:
        self.tester.time_travel(moment)
        return hex(moment)

    def _mine(self, blocks: int) -> str:
        self.tester.mine_blocks(blocks)
        return "0x0"

    def _automine(self, on: bool) -> bool:
        if on:
            self.tester.enable_auto_mine_transactions()
        else:
            self.tester.disable_auto_mine_transactions()
        return True

    def _reorg(self, depth: int) -> None:
        """Replace the newest blocks by as many empty ones, which are later by a second and so not the same."""
        head = int(self.tester.get_block_by_number("latest")["number"])
        left = self.tester.get_block_by_number(max(0, head - depth))
        self.tester.backend.revert_to_snapshot(bytes.fromhex(str(left["hash"]).removeprefix("0x")))
        self._travel(self._now() + 1)
        self._mine(depth)

    def _revert(self, snapshot: str) -> bool:
        self.tester.revert_to_snapshot(_number(snapshot))
        return True


def _number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value, 16)


def _as_node(value: Any, name: str = "") -> Any:
    """Write an answer as nodes do: quantities and bytes as hex."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return to_hex(value.to_bytes(_BLOOM_BYTES, "big")) if name == "logsBloom" else hex(value)
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, Mapping):
        return {str(key): _as_node(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_node(item) for item in value]
    return None if value == "" and name in ("to", "contractAddress") else value


def _as_error(error: Exception) -> dict[str, Any]:
    """Write an exception of the tester as nodes write refusals, revert data included."""
    seen: BaseException | None = error
    while seen is not None:
        data = seen.args[0] if seen.args else None
        while isinstance(data, Exception):  # eth-tester wraps the EVM's exception in its own
            data = data.args[0] if data.args else None
        if isinstance(data, str) and data[:2] in ("b'", 'b"'):  # of a call it keeps only how the bytes print
            data = ast.literal_eval(data)
        if isinstance(data, bytes):
            return {"code": 3, "message": "execution reverted", "data": to_hex(data)}
        seen = seen.__cause__ or seen.__context__
    text = str(error)
    if text.startswith("Invalid transaction nonce: Expected "):
        expected, got = (int(word) for word in text.replace(",", "").split() if word.isdigit())
        text = f"nonce too {'low' if got < expected else 'high'}: {text}"
    code = 3 if "revert" in text.lower() else -32000
    return {"code": code, "message": text[:500]}
