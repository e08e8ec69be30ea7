"""The ledger of a real chain, from its node: blocks with their transactions, and the logs of those that matter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from careledger.chain.rpc import RpcLike
from careledger.values import checksum, from_hex
from linker.chain import Log, Transaction

__all__ = ["ledger_of"]

BATCH = 50
"""Blocks in one request."""


def ledger_of(rpc: RpcLike, contracts: Iterable[str], *, first: int = 0) -> list[Transaction]:
    """Read what went to a suite or sent ether, block by block; for chains that can be read whole.

    Args:
        rpc: The node.
        contracts: The suite's.
        first: Its first block.
    """
    suite: set[str] = {checksum(item) for item in contracts}
    return list(_transactions(rpc, suite, first))


def _transactions(rpc: RpcLike, suite: set[str], first: int) -> Iterator[Transaction]:
    last = int(rpc.request("eth_blockNumber"), 16)
    for start in range(first, last + 1, BATCH):
        numbers = range(start, min(last + 1, start + BATCH))
        blocks: list[Any] = rpc.batch([("eth_getBlockByNumber", [hex(number), True]) for number in numbers])
        for block in blocks:
            chosen = [
                tx for tx in block["transactions"]
                if tx.get("to") and (checksum(tx["to"]) in suite or int(tx["value"], 16))
            ]  # fmt: skip
            receipts: list[Any] = rpc.batch([("eth_getTransactionReceipt", [tx["hash"]]) for tx in chosen])
            for tx, receipt in zip(chosen, receipts, strict=True):
                logs = tuple(
                    Log(checksum(log["address"]), tuple(map(from_hex, log["topics"])), from_hex(log["data"]))
                    for log in receipt["logs"]
                )
                yield Transaction(
                    int(block["number"], 16), int(block["timestamp"], 16), checksum(tx["from"]), int(tx["nonce"], 16),
                    checksum(tx["to"]), int(tx["value"], 16), from_hex(tx["input"] if "input" in tx else tx["data"]),
                    logs,
                )  # fmt: skip
