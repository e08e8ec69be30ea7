"""How directives are written in words of 256 bits: scope (who and for what), the directive itself, its limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from careledger.chain.abi import encode
from careledger.codes import DataClass, Purpose
from careledger.errors import InputError
from careledger.values import ZERO_ADDRESS, Address, PartyRef, RoleRef, address, bytes32, from_hex, keccak, to_hex

if TYPE_CHECKING:
    from careledger.resources.consent_types import ConsentReceipt

__all__ = [
    "ORDINARY",
    "SENSITIVE",
    "ZERO_WORD",
    "Limits",
    "LimitsOpening",
    "classes_of",
    "mask_of",
    "pack_directive",
    "scope_word",
    "unpack_directive",
]

ORDINARY = frozenset(item for item in DataClass if not item.is_sensitive)
SENSITIVE = frozenset(DataClass) - ORDINARY
ZERO_WORD = "0x" + "0" * 64

_RECEIPT_TYPE = keccak(b"ConsentReceipt(address author,uint40 dataFrom,uint40 dataUntil,bytes32 document)")
_FIELDS = (("permits", 0, 64), ("denies", 64, 64), ("notBefore", 128, 40), ("expiresAt", 168, 40), ("flags", 208, 8))
_VERSION = 216


def mask_of(classes: Iterable[DataClass]) -> int:
    """Return classes as a 64-bit set."""
    return sum(item.mask for item in frozenset(classes))


def classes_of(source: int | Iterable[str]) -> frozenset[DataClass]:
    """Return the classes of a 64-bit set, or of their code words.

    Raises:
        InputError: A word is no class.
    """
    if isinstance(source, int):
        return frozenset(item for item in DataClass if source & item.mask)
    words = {item.word: item for item in DataClass}
    try:
        return frozenset(words[word] for word in source)
    except KeyError as error:
        raise InputError(f"{error.args[0]!r} is no data class", fix=f"Use one of: {', '.join(words)}.") from None


def scope_word(to: PartyRef | RoleRef, purpose: Purpose | None) -> str:
    """Return ``purpose << 216 | kind << 208 | role << 192 | jurisdiction << 160 | account``; or without purpose.

    Raises:
        InputError: A contract is no recipient.
    """
    above = 0 if purpose is None else purpose.value << 216
    if isinstance(to, PartyRef):
        kinds = {"person": 1, "organisation": 2}
        if to.kind not in kinds:
            raise InputError(f"a {to.kind} is no recipient", fix="Name a person, an organisation or a role.")
        word = kinds[to.kind] << 208 | int(to.address, 16)
    else:
        word = 3 << 208 | to.role.value << 192 | to.jurisdiction << 160
    return to_hex((above | word).to_bytes(32, "big"))


def pack_directive(permits: int, denies: int, not_before: int, expires_at: int, flags: int, version: int) -> int:
    """Return a directive as it is signed for, stored and reported."""
    return permits | denies << 64 | not_before << 128 | expires_at << 168 | flags << 208 | version << _VERSION


def unpack_directive(word: int) -> dict[str, int]:
    """Return the fields of a directive's word."""
    found = {name: word >> at & (1 << bits) - 1 for name, at, bits in _FIELDS}
    return found | {"version": word >> _VERSION}


@dataclass(frozen=True)
class Limits:
    """An author and a period that a directive is limited to; empty by default."""

    author: Address = ZERO_ADDRESS
    data_from: int = 0
    """Records about times from this second on."""
    data_until: int = 0
    """... and before this one; 0 = no end."""

    @property
    def any(self) -> bool:
        """Whether there is a limit at all."""
        return self != Limits()

    def opening(self, document: bytes) -> bytes:
        """Return the receipt: keccak256 of the limits and the salted commitment to the rest of it."""
        kinds = ("bytes32", "address", "uint40", "uint40", "bytes32")
        return keccak(encode(kinds, (_RECEIPT_TYPE, self.author, self.data_from, self.data_until, document)))

    def call(self, document: bytes) -> dict[str, Any]:
        """Return the opening as the contract takes it in a question."""
        return {
            "author": self.author, "dataFrom": self.data_from, "dataUntil": self.data_until,
            "document": to_hex(document),
        }  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {"author": self.author, "dataFrom": self.data_from, "dataUntil": self.data_until}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        """Read what ``to_json`` wrote.

        Raises:
            InputError, KeyError, TypeError, ValueError: It is something else.
        """
        times = data["dataFrom"], data["dataUntil"]
        if not all(isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 40 for item in times):
            raise ValueError("no time in seconds")
        return cls(address(data["author"], confirm_unchecked=True), *times)


@dataclass(frozen=True)
class LimitsOpening:
    """What a question opens of a receipt: its limits, and the commitment to the rest of it. No salt is in it."""

    limits: Limits
    document_commitment: bytes

    @classmethod
    def of(cls, receipt: ConsentReceipt) -> LimitsOpening:
        """Take it out of a receipt, for a question that others ask."""
        return cls(receipt.limits, receipt.document_commitment)

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {**self.limits.to_json(), "document": to_hex(self.document_commitment)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> LimitsOpening:
        """Read what ``to_json`` wrote."""
        return cls(Limits.from_json(data), from_hex(bytes32(data["document"])))
