"""A contract that emits as many events as wanted, compiled and deployed: the ground of the index's measurements."""

from __future__ import annotations

import json
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from careledger.values import keccak

ROOT = Path(__file__).resolve().parent.parent
PER_TRANSACTION = 1_000
"""Events in one transaction: about 3 million gas."""


class Chain(Protocol):
    """Where the contract goes."""

    def request(self, method: str, params: list[Any]) -> Any:
        """Return the result of one call, or raise."""


@cache
def artifact() -> dict[str, Any]:
    """Compile the contract with the repository's own compiler; return its artifact."""
    settings = {
        "optimizer": {"enabled": True, "runs": 200},
        "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
    }
    source = (ROOT / "benchmarks" / "Emitter.sol").read_text()
    request = {"language": "Solidity", "sources": {"Emitter.sol": {"content": source}}, "settings": settings}
    answer = subprocess.run(
        [str(ROOT / "scripts" / "solc"), "--standard-json"], input=json.dumps(request), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    made = json.loads(answer.stdout)["contracts"]["Emitter.sol"]["Emitter"]
    return {"contractName": "Emitter", "abi": made["abi"], "bytecode": "0x" + made["evm"]["bytecode"]["object"]}


def deploy(rpc: Chain) -> str:
    """Deploy the contract from the chain's first account and return its address."""
    sender = rpc.request("eth_accounts", [])[0]
    sent = rpc.request("eth_sendTransaction", [{"from": sender, "data": artifact()["bytecode"], "gas": hex(2_000_000)}])
    return str(_mined(rpc, sent)["contractAddress"])


def emit(rpc: Chain, address: str, start: int, count: int) -> None:
    """Emit events ``start`` to ``start + count - 1``, a thousand in a transaction."""
    sender = rpc.request("eth_accounts", [])[0]
    selector = keccak(b"emitMany(uint256,uint256)")[:4].hex()
    for at in range(start, start + count, PER_TRANSACTION):
        size = min(PER_TRANSACTION, start + count - at)
        data = f"0x{selector}{at:064x}{size:064x}"
        gas = hex(60_000 + 5_000 * size)
        call = {"from": sender, "to": address, "data": data, "gas": gas}
        receipt = _mined(rpc, rpc.request("eth_sendTransaction", [call]))
        assert receipt["status"] == "0x1"


def _mined(rpc: Chain, transaction: str) -> Any:
    """Wait for a receipt: Anvil answers with the hash before the block is there."""
    for _ in range(500):
        receipt = rpc.request("eth_getTransactionReceipt", [transaction])
        if receipt is not None:
            return receipt
        time.sleep(0.005)
    raise TimeoutError(transaction)
