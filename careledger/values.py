"""The values every call takes and returns: addresses, money, parties, receipts, decisions, events.

All are frozen, hold no float, and turn into JSON and back (``to_json``, ``from_json``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from importlib import import_module
from typing import Any, Generic, Literal, NewType, NoReturn, TypeVar, cast

from careledger.codes import Role
from careledger.errors import InputError
from careledger.money import Money
from careledger.redact import PersonalText, Secret

try:  # seven times faster on short inputs than the backend eth-hash takes by itself
    from sha3 import keccak_256 as _keccak_256  # type: ignore[import-untyped]
except ImportError:  # pragma: no cover - the dependency is declared; this serves trimmed installations
    _keccak_256 = None

__all__ = [
    "ZERO_ADDRESS",
    "Address",
    "BlockHash",
    "Bytes32",
    "ClaimId",
    "Decision",
    "DirectiveId",
    "EncounterId",
    "Event",
    "InvoiceId",
    "LotId",
    "Money",
    "PartyRef",
    "PoolId",
    "Prepared",
    "Receipt",
    "RecordId",
    "RoleRef",
    "TrialId",
    "TxHash",
    "Wait",
    "address",
    "bytes32",
    "checksum",
    "from_hex",
    "keccak",
    "to_hex",
]  # fmt: skip

T = TypeVar("T")
U = TypeVar("U")

Wait = Literal["sent", "included", "final"]
"""How long a write waits: until a node has it, until a block has it, until no reorganisation can take it away."""

Address = NewType("Address", str)
"""20 bytes as ``0x`` and 40 hex digits, with the EIP-55 checksum."""
Bytes32 = NewType("Bytes32", str)
"""32 bytes as ``0x`` and 64 lower-case hex digits."""
TxHash = NewType("TxHash", str)
BlockHash = NewType("BlockHash", str)
RecordId = NewType("RecordId", str)
DirectiveId = NewType("DirectiveId", str)
EncounterId = NewType("EncounterId", str)
ClaimId = NewType("ClaimId", str)
InvoiceId = NewType("InvoiceId", str)
PoolId = NewType("PoolId", str)
LotId = NewType("LotId", str)
TrialId = NewType("TrialId", str)

ZERO_ADDRESS = Address("0x" + "0" * 40)

_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_BYTES32 = re.compile(r"0x[0-9a-fA-F]{64}", re.ASCII)


def keccak(data: bytes) -> bytes:
    """Return the Keccak-256 digest, the EVM's hash, of some bytes."""
    if _keccak_256 is not None:
        return cast(bytes, _keccak_256(data).digest())
    from eth_hash.auto import keccak as slow

    return slow(data)


def to_hex(data: bytes) -> str:
    """Return bytes as ``0x`` and lower-case hex."""
    return "0x" + data.hex()


def from_hex(text: str) -> bytes:
    """Return the bytes of ``0x…`` hex.

    Raises:
        InputError: It is not an even number of hex digits behind ``0x``.
    """
    try:
        if not text.startswith("0x"):
            raise ValueError
        return bytes.fromhex(text[2:])
    except (ValueError, AttributeError):
        raise InputError("this is not 0x and an even number of hex digits", fix="Give bytes as 0x… hex.") from None


def checksum(lower: str) -> Address:
    """Return an address with its EIP-55 checksum, whatever the case it comes in."""
    digits = lower[2:].lower()
    mask = keccak(digits.encode("ascii")).hex()
    mixed = (c.upper() if m >= "8" else c for c, m in zip(digits, mask, strict=False))
    return Address("0x" + "".join(mixed))


def address(text: str, *, confirm_unchecked: bool = False) -> Address:
    """Read an address that a person or a file gave.

    Args:
        text: ``0x`` and 40 hex digits with an EIP-55 checksum.
        confirm_unchecked: Accept one written wholly in lower or upper case, which has no checksum to catch a slip.

    Returns:
        The address with its checksum.

    Raises:
        InputError: Not an address, a wrong checksum, or none and not confirmed.
    """
    if not isinstance(text, str) or not _ADDRESS.fullmatch(text):
        raise InputError(
            "this is not an address",
            why="An address is 0x and 40 hex digits; names are not looked up, because look-alikes exist.",
            fix="Give the address itself.",
        )
    right = checksum(text)
    if text == right:
        return right
    if text[2:] in (text[2:].lower(), text[2:].upper()):
        if confirm_unchecked:
            return right
        raise InputError(
            f"address {text} carries no checksum",
            why="Written in one case, a slip in it cannot be noticed.",
            fix=f"Compare it with its source and give {right}, or confirm that it may go unchecked.",
        )
    raise InputError(
        f"address {text} has a wrong checksum",
        why="The case of its letters does not fit its digits: at least one character is wrong.",
        fix="Copy it again from its source.",
    )


def bytes32(value: str | bytes) -> Bytes32:
    """Read an id or hash of 32 bytes.

    Raises:
        InputError: It is not 32 bytes.
    """
    if isinstance(value, bytes) and len(value) == 32:
        return Bytes32(to_hex(value))
    if isinstance(value, str) and _BYTES32.fullmatch(value):
        return Bytes32(value.lower())
    raise InputError("this is not 32 bytes", fix="Give 0x and 64 hex digits, or 32 bytes.")


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: bytes as hex, enums by name, tuples as lists, values by ``to_json``."""
    if isinstance(value, Secret):
        raise TypeError("a secret is not written to JSON")
    if hasattr(value, "to_json"):
        return value.to_json()
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=str)
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: plain(getattr(value, item.name)) for item in fields(value)}
    return value


PartyKind = Literal["person", "organisation", "role", "contract"]


@dataclass(frozen=True)
class PartyRef:
    """Someone the ledger can name: a person's pseudonym, an organisation, a role, a contract."""

    kind: PartyKind
    address: Address
    """The subject: the account's first address, which stays when its keys change."""
    label: PersonalText | None = field(default=None, compare=False)
    """What the organisation's own directory calls them. Never sent anywhere, absent from ``repr``."""

    def __post_init__(self) -> None:
        if self.kind not in ("person", "organisation", "role", "contract"):
            raise InputError(f"{self.kind!r} is not a kind of party", fix="Use person, organisation, role or contract.")
        object.__setattr__(self, "address", address(self.address, confirm_unchecked=True))
        if self.label is not None and not isinstance(self.label, PersonalText):
            object.__setattr__(self, "label", PersonalText(self.label))

    def to_json(self) -> dict[str, Any]:
        """Return kind and address; the label stays where it is."""
        return {"kind": self.kind, "address": self.address}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PartyRef:
        """Read what ``to_json`` wrote."""
        return cls(data["kind"], data["address"])


@dataclass(frozen=True)
class RoleRef:
    """A recipient that is everybody accredited in a role somewhere ("any research institution in Switzerland")."""

    role: Role
    jurisdiction: int
    """ISO 3166-1 numeric × 1000 + subdivision."""

    def to_json(self) -> dict[str, Any]:
        """Return role and jurisdiction."""
        return {"role": self.role.name, "jurisdiction": self.jurisdiction}


@dataclass(frozen=True)
class Event:
    """One decoded log entry."""

    name: str
    """As in the ABI, such as ``DirectiveGranted``; empty when no ABI of the suite knows it."""
    contract: Address
    args: Mapping[str, Any]
    """Values by name; bytes as ``0x`` hex, so that they are JSON as they stand."""
    block: int
    tx: TxHash
    index: int
    """Position of the log within its block."""
    block_hash: BlockHash = BlockHash("")
    removed: bool = False
    """True when a reorganisation took it back."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Event:
        """Read what ``to_json`` wrote."""
        return cls(**data)


@dataclass(frozen=True)
class Receipt(Generic[T]):
    """What a write returns."""

    value: T
    """What the call is about: the new id, the directive, the amount."""
    tx: TxHash
    block: int | None
    """None while it is only sent."""
    status: Wait
    """How far it has come: ``sent``, ``included`` or ``final``."""
    gas: int
    """Gas used; 0 while it is only sent."""
    cost_wei: int
    """Gas used times the price paid, in wei."""
    events: tuple[Event, ...] = ()
    block_hash: BlockHash | None = None
    reorgs: int = 0
    """How often a block that held it vanished while this call waited."""
    repeated: bool = False
    """True when the key had been used before for the same content, and this is that first result."""

    @property
    def cost(self) -> Money:
        """The price paid for gas, in ether."""
        return Money.of_minor(self.cost_wei, "ETH")

    def with_value(self, value: U) -> Receipt[U]:
        """Return the same receipt about another value."""
        return cast("Receipt[U]", replace(cast(Any, self), value=value))

    def event(self, name: str) -> Event:
        """Return the one event of this name.

        Raises:
            InputError: There is none, or more than one.
        """
        found = [item for item in self.events if item.name == name]
        if len(found) != 1:
            raise InputError(f"transaction {self.tx} has {len(found)} events {name}, not one", fix="Read .events.")
        return found[0]

    def to_json(self) -> dict[str, Any]:
        """Return every field, the value as JSON knows it."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any], *, value: Callable[[Any], T] | None = None) -> Receipt[T]:
        """Read what ``to_json`` wrote.

        Args:
            data: The JSON object.
            value: Makes the value from its JSON, where it is more than JSON.
        """
        known = dict(data)
        known["events"] = tuple(Event.from_json(item) for item in data["events"])
        known["value"] = value(data["value"]) if value else data["value"]
        return cls(**known)


@dataclass(frozen=True)
class Prepared:
    """A dry run: what would be sent, and what it would cost. Nothing has been signed or stored."""

    gas: int
    cost_wei: int
    """The most it can cost: gas times the highest price offered, in wei, and not the value sent along."""
    transaction: Mapping[str, Any]
    """The unsigned transaction, quantities as integers."""
    calldata: str

    @property
    def cost(self) -> Money:
        """The most it can cost, in ether."""
        return Money.of_minor(self.cost_wei, "ETH")

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Prepared:
        """Read what ``to_json`` wrote."""
        return cls(**data)


@dataclass(frozen=True)
class Decision:
    """The answer to "may this be done?", with its reason. It has no truth value on purpose."""

    allowed: bool
    because: Enum | str
    """The reason as a code."""
    basis: Enum | str
    """What the answer rests on: directive, base policy, break-glass, guardian, law."""
    granted: frozenset[Any] = frozenset()
    denied: frozenset[Any] = frozenset()
    directive_id: DirectiveId | None = None
    block: int | None = None
    """The block the answer is true at."""

    def __bool__(self) -> NoReturn:
        raise TypeError("a Decision is neither true nor false: ask .allowed, and read .because for the reason")

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """Read what ``to_json`` wrote."""
        known = dict(data)
        known["because"] = _code("Reason", data["because"])
        known["basis"] = _code("Basis", data["basis"])
        for name in ("granted", "denied"):
            known[name] = frozenset(_code("DataClass", item) for item in data[name])
        return cls(**known)


def _code(enum: str, name: str) -> Any:
    """Return the member of one of the suite's code lists, or the word itself where it is not one of theirs."""
    try:
        codes = import_module("careledger.codes")
    except ImportError:
        return name
    members = getattr(getattr(codes, enum, None), "__members__", {})
    return members.get(name, name)
