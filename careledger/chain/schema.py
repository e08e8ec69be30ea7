"""What each JSON-RPC method may answer. An answer of another shape is refused, never passed on."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["READS", "Misfit", "check"]

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}", re.ASCII).fullmatch
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII).fullmatch
_HASH = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII).fullmatch
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII).fullmatch
# Tags every node must be able to answer; any other block may not exist yet, which null says.
_SURE_TAGS = ("latest", "earliest", "pending")

Check = Callable[[Any, Sequence[Any]], None]


class Misfit(ValueError):
    """The answer does not have the shape the method promises."""


def check(method: str, params: Sequence[Any], result: Any) -> None:
    """Compare a result with what its method promises and with what was asked.

    Args:
        method: The JSON-RPC method.
        params: What was asked; a block asked by number must carry that number, a receipt its hash.
        result: The ``result`` member of the answer.

    Raises:
        Misfit: It has another shape, or answers another question.
    """
    _CHECKS.get(method, _anything)(result, params)


def _anything(_result: Any, _params: Sequence[Any]) -> None:
    """Accept what has no rule: methods of development nodes and of other callers."""


def _text(match: Callable[[str], Any], what: str) -> Check:
    def inner(result: Any, _params: Sequence[Any]) -> None:
        if not isinstance(result, str) or not match(result):
            raise Misfit(f"not {what}")

    return inner


_quantity = _text(_QUANTITY, "a quantity")
_data = _text(_DATA, "hex data")
_hash = _text(_HASH, "a hash")
_string = _text(bool, "text")


def _fields(value: Any, rules: Mapping[str, Callable[[str], Any]]) -> None:
    """Check the text members of an object."""
    if not isinstance(value, dict):
        raise Misfit("not an object")
    for name, match in rules.items():
        member = value.get(name)
        if not isinstance(member, str) or not match(member):
            raise Misfit(f"{name} is missing or malformed")


_LOG = {
    "address": _ADDRESS, "data": _DATA, "blockNumber": _QUANTITY, "blockHash": _HASH, "transactionHash": _HASH,
    "logIndex": _QUANTITY,
}  # fmt: skip
_RECEIPT: dict[str, Callable[[str], Any]] = {
    "transactionHash": _HASH, "blockHash": _HASH, "blockNumber": _QUANTITY, "gasUsed": _QUANTITY,
    "status": ("0x0", "0x1").__contains__, "from": _ADDRESS,
}  # fmt: skip
_HEADER = {
    "number": _QUANTITY, "hash": _HASH, "parentHash": _HASH, "timestamp": _QUANTITY, "logsBloom": _DATA,
    "stateRoot": _HASH, "receiptsRoot": _HASH,
}  # fmt: skip
_TRANSACTION = {
    "hash": _HASH, "from": _ADDRESS, "nonce": _QUANTITY, "gas": _QUANTITY, "value": _QUANTITY, "input": _DATA,
}  # fmt: skip


def _log(value: Any) -> None:
    _fields(value, _LOG)
    topics = value.get("topics")
    if not isinstance(topics, list) or len(topics) > 4:
        raise Misfit("topics are missing or too many")
    for topic in topics:
        if not isinstance(topic, str) or not _HASH(topic):
            raise Misfit("a topic is not a hash")


def _logs(result: Any, params: Sequence[Any]) -> None:
    if not isinstance(result, list):
        raise Misfit("not a list of logs")
    wanted = params[0].get("blockHash") if params and isinstance(params[0], Mapping) else None
    for item in result:
        _log(item)
        if wanted is not None and item["blockHash"].lower() != wanted.lower():
            raise Misfit("a log of another block")


def _same(value: Mapping[str, Any], name: str, params: Sequence[Any]) -> None:
    if params and str(value[name]).lower() != str(params[0]).lower():
        raise Misfit(f"{name} is not the one asked for")


def _receipt(value: Any) -> None:
    _fields(value, _RECEIPT)
    logs = value.get("logs")
    if not isinstance(logs, list):
        raise Misfit("logs are missing")
    for item in logs:
        _log(item)
        if item["transactionHash"].lower() != value["transactionHash"].lower():
            raise Misfit("a log of another transaction")


def _receipt_or_null(result: Any, params: Sequence[Any]) -> None:
    if result is not None:
        _receipt(result)
        _same(result, "transactionHash", params)


def _receipts_or_null(result: Any, _params: Sequence[Any]) -> None:
    if result is None:
        return
    if not isinstance(result, list):
        raise Misfit("not a list of receipts")
    for item in result:
        _receipt(item)


def _transaction(value: Any) -> None:
    _fields(value, _TRANSACTION)
    number = value.get("blockNumber")
    if number is not None and (not isinstance(number, str) or not _QUANTITY(number)):
        raise Misfit("blockNumber is malformed")


def _transaction_or_null(result: Any, params: Sequence[Any]) -> None:
    if result is not None:
        _transaction(result)
        _same(result, "hash", params)


def _block(value: Any) -> None:
    _fields(value, _HEADER)
    transactions = value.get("transactions")
    if not isinstance(transactions, list):
        raise Misfit("transactions are missing")
    for item in transactions:
        if isinstance(item, str):
            if not _HASH(item):
                raise Misfit("a transaction is not a hash")
        else:
            _transaction(item)


def _block_by_number(result: Any, params: Sequence[Any]) -> None:
    asked = params[0] if params else None
    if result is None:
        if asked in _SURE_TAGS:
            raise Misfit(f"no block for {asked}")
        return None
    if asked == "pending":  # has no hash yet
        return _fields(result, {"timestamp": _QUANTITY, "parentHash": _HASH})
    _block(result)
    if isinstance(asked, str) and asked.startswith("0x") and int(asked, 16) != int(result["number"], 16):
        raise Misfit("another block than the one asked for")
    return None


def _block_by_hash(result: Any, params: Sequence[Any]) -> None:
    if result is not None:
        _block(result)
        _same(result, "hash", params)


def _fee_history(result: Any, _params: Sequence[Any]) -> None:
    _fields(result, {"oldestBlock": _QUANTITY})
    fees = result.get("baseFeePerGas")
    if not isinstance(fees, list) or not all(isinstance(fee, str) and _QUANTITY(fee) for fee in fees):
        raise Misfit("baseFeePerGas is missing or malformed")


def _addresses(result: Any, _params: Sequence[Any]) -> None:
    if not isinstance(result, list) or not all(isinstance(item, str) and _ADDRESS(item) for item in result):
        raise Misfit("not a list of addresses")


def _syncing(result: Any, _params: Sequence[Any]) -> None:
    if result is not False and not isinstance(result, dict):
        raise Misfit("neither false nor an object")


_READ_CHECKS: dict[str, Check] = {
    "eth_accounts": _addresses,
    "eth_blockNumber": _quantity,
    "eth_call": _data,
    "eth_chainId": _quantity,
    "eth_createAccessList": _anything,
    "eth_estimateGas": _quantity,
    "eth_feeHistory": _fee_history,
    "eth_gasPrice": _quantity,
    "eth_getBalance": _quantity,
    "eth_getBlockByHash": _block_by_hash,
    "eth_getBlockByNumber": _block_by_number,
    "eth_getBlockReceipts": _receipts_or_null,
    "eth_getCode": _data,
    "eth_getLogs": _logs,
    "eth_getProof": _anything,
    "eth_getStorageAt": _data,
    "eth_getTransactionByHash": _transaction_or_null,
    "eth_getTransactionCount": _quantity,
    "eth_getTransactionReceipt": _receipt_or_null,
    "eth_maxPriorityFeePerGas": _quantity,
    "eth_syncing": _syncing,
    "net_version": _string,
    "web3_clientVersion": _string,
}
_CHECKS: dict[str, Check] = {**_READ_CHECKS, "eth_sendRawTransaction": _hash, "eth_sendTransaction": _hash}

READS = frozenset(_READ_CHECKS)
"""Methods that change nothing, and may therefore be asked again and of another node."""
