"""Artifacts of the suite, loaded when first asked for: calls coded, answers and events decoded, one table for all.

An artifact is one JSON file ``careledger/artifacts/<Contract>.json`` with ``contractName``, ``abi``, ``bytecode``,
``deployedBytecode``, ``immutableReferences``, ``userdoc``, ``devdoc``, ``sourceHash`` and ``compiler``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from eth_abi.exceptions import DecodingError, EncodingError

from careledger.chain.coding import json_value, selector, to_abi_value, type_of
from careledger.codec import CODEC
from careledger.errors import FormatError, InputError, NodeMisbehaved, NotFound
from careledger.values import Address, BlockHash, Event, TxHash, checksum, from_hex, keccak, to_hex

__all__ = ["Artifact", "Catalogue", "ErrorEntry", "EventEntry", "artifacts", "decode_log", "encode"]

Component = Mapping[str, Any]


def encode(types: Sequence[str], values: Sequence[Any]) -> bytes:
    """Return ``abi.encode`` of values whose types are written as in Solidity, such as ``("bytes32", "uint256")``.

    Raises:
        InputError: A value does not fit its type.
    """
    try:
        return CODEC.encode(list(types), list(values))
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"the values do not fit ({', '.join(types)})", why="One is not of its type, or too large for it.",
            fix="Give values of these types.",
        ) from error  # fmt: skip


@dataclass(frozen=True)
class ErrorEntry:
    """One error of the suite, with what its artifact says about it."""

    name: str
    contract: str
    """The first contract, by name, whose ABI lists it."""
    signature: str
    selector: bytes
    inputs: tuple[Component, ...]
    why: str
    """The error's ``@notice``."""
    fix: str
    """The error's ``@custom:fix``."""
    retry: str
    """The error's ``@custom:retry``: ``never``, ``after <seconds>``, ``mend input``, ``ask <party>``; may be empty."""

    def decode(self, data: bytes) -> dict[str, Any]:
        """Return the arguments by name from revert data behind the selector."""
        return _decode_fields(self.inputs, data)


@dataclass(frozen=True)
class EventEntry:
    """One event of one contract."""

    name: str
    contract: str
    signature: str
    topic: bytes
    inputs: tuple[Component, ...]

    @cached_property
    def indexed(self) -> tuple[Component, ...]:
        """The inputs that are topics."""
        return tuple(item for item in self.inputs if item.get("indexed"))

    @cached_property
    def unindexed(self) -> tuple[Component, ...]:
        """The inputs that are data."""
        return tuple(item for item in self.inputs if not item.get("indexed"))

    def decode(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """Return the arguments by name, in the order the event declares them.

        Raises:
            FormatError: Topics or data are not those of this event.
        """
        if len(topics) != len(self.indexed) + 1:
            raise FormatError(f"{self.signature} has {len(self.indexed)} indexed arguments, not {len(topics) - 1}")
        found: dict[str, Any] = {}
        for item, topic in zip(self.indexed, topics[1:], strict=True):
            kind = type_of(item)
            dynamic = kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("(")
            found[item["name"]] = to_hex(topic) if dynamic else _decode_one(item, topic)
        found.update(_decode_fields(self.unindexed, data))
        return {item["name"]: found[item["name"]] for item in self.inputs}


def _decode_one(item: Component, word: bytes) -> Any:
    return _decode_fields((item,), word)[item["name"] or "_0"]


def _decode_fields(items: Sequence[Component], data: bytes) -> dict[str, Any]:
    """Decode values by their components; nameless ones are called ``_0``, ``_1`` by position."""
    if not items:
        return {}
    try:
        values = CODEC.decode([type_of(item) for item in items], data)
    except (DecodingError, OverflowError, ValueError) as error:
        raise FormatError("the data is not what the ABI says", why="It was cut, or is of another contract.") from error
    return {
        item.get("name") or f"_{at}": json_value(item, value)
        for at, (item, value) in enumerate(zip(items, values, strict=True))
    }


@dataclass(frozen=True)
class Artifact:
    """One compiled contract."""

    name: str
    abi: tuple[Component, ...]
    bytecode: bytes
    deployed_bytecode: bytes
    immutable_references: Mapping[str, Any]
    userdoc: Mapping[str, Any]
    devdoc: Mapping[str, Any]
    source_hash: str
    compiler: Any

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Artifact:
        """Read the JSON of an artifact.

        Raises:
            FormatError: A part is missing, or the bytecode holds an unlinked library.
        """
        try:
            return cls(
                name=data["contractName"], abi=tuple(data["abi"]),
                bytecode=_code(data["bytecode"]), deployed_bytecode=_code(data.get("deployedBytecode", "0x")),
                immutable_references=data.get("immutableReferences") or {}, userdoc=data.get("userdoc") or {},
                devdoc=data.get("devdoc") or {}, source_hash=data.get("sourceHash", ""), compiler=data.get("compiler"),
            )  # fmt: skip
        except (KeyError, TypeError, InputError) as error:
            raise FormatError("this is not an artifact of the suite", why=f"{type(error).__name__}: {error}") from error

    @cached_property
    def functions(self) -> Mapping[str, Component]:
        """Functions by name, and by full signature where one name has several."""
        found: dict[str, Component] = {}
        for item in self.abi:
            if item["type"] == "function":
                found.setdefault(item["name"], item)
                found[_signature(item)] = item
        return found

    @cached_property
    def events(self) -> tuple[EventEntry, ...]:
        """The events this contract can emit."""
        return tuple(
            EventEntry(
                item["name"], self.name, _signature(item), keccak(_signature(item).encode()), tuple(item["inputs"])
            )
            for item in self.abi
            if item["type"] == "event" and not item.get("anonymous")
        )

    @cached_property
    def errors(self) -> tuple[ErrorEntry, ...]:
        """The errors this contract can revert with, as its ABI lists them."""
        return tuple(self._error(item) for item in self.abi if item["type"] == "error")

    def _error(self, item: Component) -> ErrorEntry:
        signature = _signature(item)
        user = (self.userdoc.get("errors", {}).get(signature) or [{}])[0]
        dev = (self.devdoc.get("errors", {}).get(signature) or [{}])[0]
        return ErrorEntry(
            name=item["name"], contract=self.name, signature=signature, selector=selector(signature),
            inputs=tuple(item["inputs"]), why=user.get("notice", ""), fix=dev.get("custom:fix", ""),
            retry=dev.get("custom:retry", ""),
        )  # fmt: skip

    def function(self, name: str) -> Component:
        """Return the ABI of a function by name or signature.

        Raises:
            NotFound: The contract has none of that name.
        """
        try:
            return self.functions[name]
        except KeyError:
            raise NotFound(f"{self.name} has no function {name}") from None

    def selector_of(self, name: str) -> bytes:
        """Return the four bytes that calls of a function begin with."""
        return selector(_signature(self.function(name)))

    def encode_call(self, name: str, *args: Any) -> bytes:
        """Return calldata: the selector and the arguments; structs as mappings, dataclasses or sequences.

        Raises:
            InputError: An argument is missing or does not fit.
        """
        item = self.function(name)
        return selector(_signature(item)) + _encode_inputs(item["inputs"], args, f"{self.name}.{name}")

    def encode_deploy(self, *args: Any) -> bytes:
        """Return the creation code with its constructor arguments."""
        inputs: Sequence[Component] = next((item["inputs"] for item in self.abi if item["type"] == "constructor"), [])
        return self.bytecode + _encode_inputs(inputs, args, f"the constructor of {self.name}")

    def decode_output(self, name: str, data: bytes) -> Any:
        """Return what a function answered: one value as it is, several by name, structs as dicts.

        Raises:
            NodeMisbehaved: The data is not what the function returns (no contract there, or another one).
        """
        outputs = self.function(name)["outputs"]
        try:
            values = _decode_fields(outputs, data)
        except FormatError as error:
            raise NodeMisbehaved(
                f"{self.name}.{name} answered {len(data)} bytes that are not its result",
                why="No such contract is at that address on this chain, or the node is wrong.",
                fix="Check the address and the network.",
            ) from error
        return next(iter(values.values())) if len(outputs) == 1 else values


def _code(text: str) -> bytes:
    """Return bytecode given with or without 0x."""
    return from_hex(text if text.startswith("0x") else "0x" + text)


def _signature(item: Component) -> str:
    return f"{item['name']}({','.join(type_of(entry) for entry in item['inputs'])})"


def _encode_inputs(inputs: Sequence[Component], args: Sequence[Any], where: str) -> bytes:
    if len(inputs) != len(args):
        raise InputError(f"{where} takes {len(inputs)} arguments, not {len(args)}")
    return encode([type_of(item) for item in inputs], [to_abi_value(i, a) for i, a in zip(inputs, args, strict=True)])


class Catalogue:
    """All artifacts of a folder, each loaded when first used.

    Args:
        folder: Where the JSON files lie; the ones shipped with the package when not given.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self._folder = Path(folder) if folder is not None else Path(str(resources.files("careledger") / "artifacts"))
        self._loaded: dict[str, Artifact] = {}

    def names(self) -> list[str]:
        """Return the names of the contracts, sorted."""
        return sorted(path.stem for path in self._folder.glob("*.json") if not path.stem.startswith("_"))

    def __iter__(self) -> Iterator[Artifact]:
        return (self.load(name) for name in self.names())

    def load(self, name: str) -> Artifact:
        """Return the artifact of a contract.

        Raises:
            NotFound: The package holds none of that name.
            FormatError: The file is damaged.
        """
        if name not in self._loaded:
            path = self._folder / f"{name}.json"
            if not name.isidentifier() or not path.is_file():
                raise NotFound(f"there is no artifact of {name}", fix="Build the artifacts, or check the name.")
            try:
                self._loaded[name] = Artifact.from_json(json.loads(path.read_bytes()))
            except ValueError as error:
                raise FormatError(f"the artifact of {name} is not JSON", fix="Build the artifacts again.") from error
        return self._loaded[name]

    @cached_property
    def errors(self) -> Mapping[bytes, ErrorEntry]:
        """Every error of the suite by selector; where several contracts list one, the best documented entry."""
        found: dict[bytes, ErrorEntry] = {}
        for artifact in self:
            for entry in artifact.errors:
                known = found.get(entry.selector)
                if known is None or (not known.why and entry.why):
                    found[entry.selector] = entry
        return found

    @cached_property
    def errors_by_name(self) -> Mapping[str, ErrorEntry]:
        """Every error of the suite by name."""
        return {entry.name: entry for entry in reversed(list(self.errors.values()))}

    @cached_property
    def events(self) -> Mapping[bytes, tuple[EventEntry, ...]]:
        """Every event of the suite by first topic; several where indexing or the declaring contract differs."""
        found: dict[bytes, list[EventEntry]] = {}
        for artifact in self:
            for entry in artifact.events:
                found.setdefault(entry.topic, []).append(entry)
        return {topic: tuple(entries) for topic, entries in found.items()}


@lru_cache(maxsize=1)
def artifacts() -> Catalogue:
    """Return the catalogue shipped with the package."""
    return Catalogue()


def decode_log(log: Mapping[str, Any], *, catalogue: Catalogue | None = None, contract: str | None = None) -> Event:
    """Return a node's log entry as an ``Event``; one the suite does not know keeps its topics and data, nameless.

    Args:
        log: As ``eth_getLogs`` and receipts give it.
        catalogue: Where to look; the package's own when not given.
        contract: The contract's name, where the caller knows it from the address.
    """
    topics = [from_hex(topic) for topic in log["topics"]]
    data = from_hex(log["data"])
    name, args = "", {"topics": list(log["topics"]), "data": log["data"]}
    for entry in (catalogue or artifacts()).events.get(topics[0], ()) if topics else ():
        if contract is not None and entry.contract != contract:
            continue
        try:
            name, args = entry.name, entry.decode(topics, data)
            break
        except FormatError:
            continue
    return Event(
        name=name, contract=Address(checksum(log["address"])), args=args, block=_number(log["blockNumber"]),
        tx=TxHash(log["transactionHash"]), index=_number(log["logIndex"]), block_hash=BlockHash(log["blockHash"]),
        removed=bool(log.get("removed")),
    )  # fmt: skip


def _number(value: int | str) -> int:
    return value if isinstance(value, int) else int(value, 16)
