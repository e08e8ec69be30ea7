"""What is read from a node, and how far it is believed: every header and log is checked before anything is stored.

A node that lags answers ``eth_getLogs`` with an empty list. So a header's bloom must allow for an empty answer, and
where it does not, all logs of the block must add up to exactly that bloom.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

from careledger.errors import CareLedgerError, NodeError, NodeMisbehaved, NodeUnavailable
from careledger.index import bloom

BATCH = 100
"""Headers asked for in one batch; common public limits begin at 100."""


class ChainRpc(Protocol):
    """Anything that answers JSON-RPC; ``batch(calls)`` is used where it exists."""

    def request(self, method: str, params: list[Any]) -> Any:
        """Return the ``result`` of one call, or raise."""


class Header(NamedTuple):
    """What the index needs of a block header."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    bloom: int | None
    """``None`` where the node gives none; then an empty answer cannot be checked."""


class RawLog(NamedTuple):
    """A log whose form and place have been checked."""

    number: int
    block_hash: str
    log_index: int
    tx_hash: str
    tx_index: int
    address: str
    topics: bytes
    """Joined, 32 bytes each."""
    data: bytes


@dataclass(frozen=True)
class Fetched:
    """Blocks first to last with what they hold, read and checked."""

    first: int
    last: int
    headers: list[Header]
    """In order: every block, or those with logs and the last when only these were asked for."""
    logs: list[RawLog]


class Node:
    """Reads headers and logs through an RPC and refuses what contradicts itself."""

    def __init__(self, rpc: ChainRpc) -> None:
        self._rpc = rpc

    def _ask(self, method: str, params: list[Any]) -> Any:
        """Ask one question; errors of RPCs that are not ours become ours."""
        try:
            return self._rpc.request(method, params)
        except CareLedgerError:
            raise
        except Exception as error:
            raise NodeMisbehaved(f"{method} failed: {type(error).__name__}: {str(error)[:200]}") from error

    def chain_id(self) -> int:
        """Return the chain id."""
        return _quantity(self._ask("eth_chainId", []))

    def header(self, block: int | str) -> Header | None:
        """Return the header of a block by number or tag; ``None`` when the node has no such block."""
        answer = self._ask("eth_getBlockByNumber", [_tag(block), False])
        return None if answer is None else read_header(answer, block)

    def need(self, block: int | str) -> Header:
        """Return a header that must exist."""
        found = self.header(block)
        if found is None:
            raise NodeMisbehaved(
                f"the node has no block {block}, which it must have.",
                why="it may be behind, or one of several nodes behind one address.",
                fix="Try again, or use another node.",
            )
        return found

    def finalized(self) -> int | None:
        """Return the number of the last finalised block; ``None`` where the chain has no such notion."""
        try:
            found = self.header("finalized")
        except NodeUnavailable:
            raise
        except Exception:  # "unknown block tag" comes in any wording and class
            return None
        return found.number if found else None

    def headers(self, numbers: Sequence[int]) -> list[Header]:
        """Return the headers of these blocks, all of which must exist."""
        batch = getattr(self._rpc, "batch", None)
        found: list[Header] = []
        for at in range(0, len(numbers), BATCH):
            part = numbers[at : at + BATCH]
            if batch is None:
                found += [self.need(number) for number in part]
                continue
            answers = batch([("eth_getBlockByNumber", [hex(number), False]) for number in part])
            if len(answers) != len(part):
                raise _bad("a batch was answered with another number of results")
            for number, answer in zip(part, answers, strict=True):
                # a refusal inside a batch is an answer, not raised: asked alone it may be served
                found.append(self.need(number) if isinstance(answer, Exception) else read_header(answer, number))
        return found

    def range(self, first: int, last: int, addresses: Sequence[str], *, every_header: bool) -> Fetched:
        """Read blocks by range, each log checked against its block's header.

        Args:
            first: First block.
            last: Last block; the node must have it.
            addresses: Contracts, lower case.
            every_header: Read the header of each block, so that parents and blooms can be checked; else only of
                blocks with logs and of the last.

        Raises:
            NodeError: The node fails, or contradicts itself.
        """
        query = {"fromBlock": hex(first), "toBlock": hex(last), "address": list(addresses)}
        answer = _list(self._ask("eth_getLogs", [query]))
        if every_header:
            numbers: Sequence[int] = range(first, last + 1)
        else:
            numbers = sorted({_number_of(item) for item in answer} | {last})
            if numbers[0] < first or numbers[-1] > last:
                raise _bad("a log lies outside the range asked for")
        headers = self.headers(numbers)
        if every_header:
            check_chain(headers)
        logs = read_logs(answer, {header.number: header.hash for header in headers}, frozenset(addresses))
        return Fetched(first, last, headers, self._settle(headers, logs, addresses))

    def logs_of(self, header: Header, addresses: Sequence[str]) -> list[RawLog]:
        """Read one block's logs by its hash, so that they are of this block and no other.

        Raises:
            NodeError: The node fails or does not have the block any more.
        """
        return self._settle([header], self._of_block(header, addresses), addresses)

    def _of_block(self, header: Header, addresses: Sequence[str] | None) -> list[RawLog]:
        """Ask for a block's logs by its hash, or by its number where the node knows no hashes here.

        Either way each log must name the header's hash.
        """
        chosen: dict[str, Any] = {} if addresses is None else {"address": list(addresses)}
        places, wanted = {header.number: header.hash}, None if addresses is None else frozenset(addresses)
        try:
            answer = self._ask("eth_getLogs", [{"blockHash": header.hash, **chosen}])
        except NodeUnavailable:
            raise
        except NodeError:
            number = hex(header.number)
            answer = self._ask("eth_getLogs", [{"fromBlock": number, "toBlock": number, **chosen}])
        return read_logs(_list(answer), places, wanted)

    def _settle(self, headers: Sequence[Header], logs: list[RawLog], addresses: Sequence[str]) -> list[RawLog]:
        """Check logs against blooms both ways; where a block's bloom wants more, read that block in full."""
        given: dict[int, set[str]] = {}
        for log in logs:
            given.setdefault(log.number, set()).add(log.address)
        masks = [(address, bloom.mask(bytes.fromhex(address[2:]))) for address in addresses]
        doubted: dict[int, Header] = {}
        for header in headers:
            if header.bloom is None:
                continue
            has = given.get(header.number, ())
            for address, mask in masks:
                if (header.bloom & mask == mask) != (address in has):
                    if address in has:
                        raise _bad(f"block {header.number} has a log that its header's bloom excludes")
                    doubted[header.number] = header
        if not doubted:
            return logs
        kept = [log for log in logs if log.number not in doubted]
        for header in doubted.values():
            kept += self._full(header, frozenset(addresses))
        return sorted(kept, key=lambda log: (log.number, log.log_index))

    def _full(self, header: Header, addresses: frozenset[str]) -> list[RawLog]:
        """Read all logs of a block and return ours, after checking that they add up to the header's bloom."""
        logs = self._of_block(header, None)
        total = bloom.of_logs(
            (bytes.fromhex(log.address[2:]), (log.topics[at : at + 32] for at in range(0, len(log.topics), 32)))
            for log in logs
        )
        if total != header.bloom:
            raise NodeMisbehaved(
                f"the node's logs of block {header.number} do not add up to the bloom in its header.",
                why="a node that lags has the header before it can serve the logs.",
                fix="Try again, or use another node.",
            )
        return [log for log in logs if log.address in addresses]


def check_chain(headers: Sequence[Header]) -> None:
    """Refuse headers that are not each other's parents: answers from both sides of a reorganisation."""
    for parent, child in pairwise(headers):
        if child.parent_hash != parent.hash:
            raise _bad(f"block {child.number} is not the child of block {parent.number} given with it")


def read_header(answer: Any, asked: int | str) -> Header:
    """Check and read a header.

    Raises:
        NodeMisbehaved: It is not a header, or that of another block than asked for.
    """
    if not isinstance(answer, Mapping):
        raise _bad(f"the answer for block {asked} is not a block")
    raw_bloom = answer.get("logsBloom")
    header = Header(
        _quantity(answer.get("number")),
        _hash(answer.get("hash")),
        _hash(answer.get("parentHash")),
        _quantity(answer.get("timestamp")),
        None if raw_bloom is None else _bloom(raw_bloom),
    )
    if isinstance(asked, int) and header.number != asked:
        raise _bad(f"block {asked} was asked for and block {header.number} was given")
    return header


def read_logs(answer: Sequence[Any], places: Mapping[int, str], wanted: frozenset[str] | None) -> list[RawLog]:
    """Check and read logs.

    Args:
        answer: The node's list.
        places: Hash of each block a log may be in.
        wanted: Addresses asked for, lower case; ``None`` for any.

    Returns:
        In order of block and index.

    Raises:
        NodeMisbehaved: Any log is malformed, removed, of another block or contract, or given twice.
    """
    logs = []
    ordered, before = True, (-1, -1)
    for item in answer:
        try:
            log = _log(item)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _bad(f"a log is malformed ({type(error).__name__})") from None
        if places.get(log.number) != log.block_hash:
            raise _bad(f"a log names block {log.number} with another hash than its header has")
        if wanted is not None and log.address not in wanted:
            raise _bad("a log of a contract that was not asked for")
        place = (log.number, log.log_index)
        ordered = ordered and place > before
        before = place
        logs.append(log)
    if not ordered:
        logs.sort(key=lambda log: (log.number, log.log_index))
        if any(a[0] == b[0] and a[2] == b[2] for a, b in pairwise(logs)):
            raise _bad("the same place in a block is given twice")
    return logs


def _log(item: Any) -> RawLog:
    """Read one log; raises the plain errors of Python on anything unexpected."""
    if item.get("removed"):
        raise ValueError("removed")
    topics = [_hex(topic) for topic in item["topics"]]
    for topic in topics:
        if len(topic) != 66:
            raise ValueError("topic")
    data = _hex(item["data"])
    raw = bytes.fromhex("".join([topic[2:] for topic in topics]) + data[2:])
    split = 32 * len(topics)
    if 2 * (len(raw) - split) + 2 != len(data):  # fromhex skips blanks
        raise ValueError("hex")
    return RawLog(
        _quantities(item["blockNumber"]),
        _hashes(item["blockHash"]),
        _quantities(item["logIndex"]),
        _hashes(item["transactionHash"]),
        _quantities(item["transactionIndex"]),
        _addresses(item["address"]),
        raw[:split],
        raw[split:],
    )


def _number_of(item: Any) -> int:
    """Return the block number of a raw log."""
    return _quantity(item.get("blockNumber") if isinstance(item, Mapping) else None)


def _hex(value: Any) -> str:
    """Return bytes or text as text that begins with 0x; content is checked by the caller."""
    text = value if value.__class__ is str else "0x" + bytes.hex(value)
    if text[:2] != "0x":
        raise ValueError("prefix")
    return text


_HEX_NUMBER = re.compile(r"0x[0-9a-fA-F]{1,16}", re.ASCII)
_HEX_HASH = re.compile(r"0x[0-9a-f]{64}", re.ASCII)
_HEX_ADDRESS = re.compile(r"0x[0-9a-f]{40}", re.ASCII)
_HEX_BLOOM = re.compile(r"0x[0-9a-fA-F]{512}", re.ASCII)


def _quantity(value: Any) -> int:
    """Read a number below 2**63, as hex text or, from in-process nodes, as an integer."""
    if isinstance(value, str) and _HEX_NUMBER.fullmatch(value):
        value = int(value, 16)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return value
    raise _bad(f"{str(value)[:40]!r} is not a quantity")


def _hash(value: Any) -> str:
    """Read 32 bytes as lower-case hex."""
    text = value.lower() if isinstance(value, str) else "0x" + value.hex() if isinstance(value, bytes) else ""
    if not _HEX_HASH.fullmatch(text):
        raise _bad(f"{str(value)[:70]!r} is not a hash")
    # HexBytes.hex() of old versions carries 0x itself; such a text fails above rather than being mended here
    return text


def _address(value: Any) -> str:
    """Read an address as lower-case hex."""
    text = value.lower() if isinstance(value, str) else "0x" + value.hex() if isinstance(value, bytes) else ""
    if not _HEX_ADDRESS.fullmatch(text):
        raise _bad(f"{str(value)[:50]!r} is not an address")
    return text


# What repeats from log to log is read once; these raise TypeError on what cannot be a key.
_quantities = lru_cache(maxsize=65_536, typed=True)(_quantity)
_hashes = lru_cache(maxsize=4_096)(_hash)
_addresses = lru_cache(maxsize=4_096)(_address)


def _bloom(value: Any) -> int:
    """Read a bloom as an integer."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << bloom.BITS:
        return value
    text = value if isinstance(value, str) else "0x" + bytes.hex(value) if isinstance(value, bytes) else ""
    if not _HEX_BLOOM.fullmatch(text):
        raise _bad("a header's bloom is malformed")
    return int(text, 16)


def _list(answer: Any) -> list[Any]:
    """Refuse what is not a list; ``null`` in place of an empty list is such a thing."""
    if not isinstance(answer, list):
        raise _bad("the answer to eth_getLogs is not a list")
    return answer


def _tag(block: int | str) -> str:
    """Write a block number or tag as JSON-RPC wants it."""
    return hex(block) if isinstance(block, int) else block


def _bad(what: str) -> NodeMisbehaved:
    """Make the error for an answer that is not as specified."""
    return NodeMisbehaved(f"the node misbehaved: {what}.", fix="Try again, or use another node.")
