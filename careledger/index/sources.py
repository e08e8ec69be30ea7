"""Which contracts are read, at which addresses, from which block, and what their events are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from careledger.index.errors import IndexMisused
from careledger.text import read_json
from careledger.values import address as read_address
from careledger.values import keccak


@dataclass(frozen=True)
class Arg:
    """One argument of an event."""

    name: str
    """As in the ABI; ``arg0``, ``arg1`` … where the ABI has none."""
    type: str
    """Canonical ABI type, tuples written out: ``(uint256,address)[]``."""
    indexed: bool
    abi: Mapping[str, Any]
    """The ABI's own entry, with ``internalType`` and ``components``."""


@dataclass(frozen=True)
class EventSpec:
    """One event of one contract, as its ABI declares it."""

    contract: str
    name: str
    args: tuple[Arg, ...]

    @property
    def signature(self) -> str:
        """The text whose hash is the topic: ``Transfer(address,address,uint256)``."""
        return f"{self.name}({','.join(arg.type for arg in self.args)})"

    @property
    def topic(self) -> bytes:
        """The first topic, 32 bytes."""
        return keccak(self.signature.encode())

    @property
    def topic_count(self) -> int:
        """Number of topics a log of this event has, the first one included."""
        return 1 + sum(arg.indexed for arg in self.args)

    @property
    def shape(self) -> str:
        """Signature with the indexed arguments marked, which is what decoding depends on."""
        return f"{self.name}({','.join(arg.type + '*' * arg.indexed for arg in self.args)})"


@dataclass(frozen=True)
class Source:
    """A contract whose events are read.

    Example:
        >>> abi = [{"type": "event", "name": "Ping", "anonymous": False,
        ...         "inputs": [{"name": "id", "type": "uint256", "indexed": True}]}]
        >>> Source("Pinger", "0x" + "11" * 20, abi).events[0].signature
        'Ping(uint256)'
    """

    contract: str
    """Name of the contract's kind; the prefix of its tables."""
    address: str
    """Kept in lower case."""
    abi: Sequence[Mapping[str, Any]] = field(repr=False)
    start: int = 0
    """First block that may hold its events: the one it was created in."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "address", read_address(self.address, confirm_unchecked=True).lower())
        if self.start < 0:
            raise IndexMisused(f"{self.contract} starts at block {self.start}.", fix="Give the block of its creation.")

    @property
    def events(self) -> tuple[EventSpec, ...]:
        """Every event the ABI declares, except anonymous ones, which carry no name to know them by."""
        return event_specs(self.contract, self.abi)

    @property
    def fingerprint(self) -> str:
        """Hash over the shapes of all events: another one means other tables."""
        return keccak("\n".join(sorted(spec.shape for spec in self.events)).encode()).hex()

    @classmethod
    def from_artifact(cls, artifact: Path | Mapping[str, Any], address: str, *, start: int = 0) -> Source:
        """Make a source from an artifact (``{contractName, abi, ...}``) or the file that holds one."""
        data = read_json(artifact.read_text()) if isinstance(artifact, Path) else artifact
        return cls(str(data["contractName"]), address, data["abi"], start)


def event_specs(contract: str, abi: Iterable[Mapping[str, Any]]) -> tuple[EventSpec, ...]:
    """Read the events of an ABI, each shape once, in order of name and signature."""
    found = {}
    for item in abi:
        if item.get("type") == "event" and not item.get("anonymous"):
            args = tuple(_arg(at, entry) for at, entry in enumerate(item["inputs"]))
            spec = EventSpec(contract, str(item["name"]), args)
            found[spec.shape] = spec
    return tuple(sorted(found.values(), key=lambda spec: (spec.name, spec.shape)))


def check(sources: Sequence[Source]) -> None:
    """Refuse sources that contradict each other.

    Raises:
        IndexMisused: None given, one address twice, or one name for two different sets of events.
    """
    if not sources:
        raise IndexMisused("no contract to index was given.", fix="Give at least one Source.")
    shapes: dict[str, str] = {}
    seen: set[str] = set()
    for source in sources:
        if source.address in seen:
            raise IndexMisused(f"address {source.address} is given twice.", fix="Give each address once.")
        seen.add(source.address)
        if shapes.setdefault(source.contract, source.fingerprint) != source.fingerprint:
            raise IndexMisused(
                f"two contracts named {source.contract} have different events.", fix="Give each kind its own name."
            )


def _arg(at: int, entry: Mapping[str, Any]) -> Arg:
    """Read one input of an event."""
    return Arg(str(entry.get("name") or f"arg{at}"), canonical(entry), bool(entry.get("indexed")), entry)


def canonical(entry: Mapping[str, Any]) -> str:
    """Write an ABI type out in full: tuples by their components, ``uint`` as ``uint256``."""
    kind = str(entry["type"])
    if kind.startswith("tuple"):
        return f"({','.join(canonical(part) for part in entry['components'])}){kind[5:]}"
    base, bracket, rest = kind.partition("[")
    return {"uint": "uint256", "int": "int256"}.get(base, base) + bracket + rest
