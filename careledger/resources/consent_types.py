"""What consents are, as callers see them: the terms a patient reads, the receipt it keeps, what stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careledger.codes import DataClass, Purpose, Role
from careledger.privacy.commitments import commit
from careledger.redact import Secret
from careledger.resources.base import Terms
from careledger.resources.scope import Limits, classes_of
from careledger.resources.words import in_words
from careledger.values import ZERO_ADDRESS, Address, DirectiveId, PartyRef, from_hex, to_hex

__all__ = [
    "ConsentReceipt",
    "ConsentTerms",
    "Directive",
    "RoleRef",
    "directive_of",
    "document_of",
    "named",
    "parse_scope",
    "party_of",
    "words_of",
]


@dataclass(frozen=True)
class RoleRef:
    """A recipient that is everybody accredited in a role somewhere ("any research institution in Switzerland")."""

    role: Role
    jurisdiction: int
    """ISO 3166-1 numeric × 1000 + subdivision."""


@dataclass(frozen=True)
class ConsentReceipt:
    """What the patient keeps: the whole agreement and the salt that opens its commitment (ISO/IEC TS 27560 fields).

    On chain is ``commitment`` alone. Keep it sealed: whoever holds it can show what was agreed.
    """

    document: Mapping[str, Any]
    salt: Secret
    limits: Limits

    @property
    def document_commitment(self) -> bytes:
        """The salted commitment to the document."""
        text = json.dumps(self.document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        return commit("careledger.receipt.v1", self.salt, ("bytes", text))

    @property
    def commitment(self) -> bytes:
        """What the event carries: the limits' hash over the document's commitment."""
        return self.limits.opening(self.document_commitment)

    def to_json(self) -> dict[str, Any]:
        """Return every part, salt included: for sealed storage only."""
        return {"document": dict(self.document), "salt": to_hex(self.salt.reveal()), "limits": self.limits.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ConsentReceipt:
        """Read what ``to_json`` wrote."""
        return cls(data["document"], Secret(from_hex(data["salt"]), "salt"), Limits.from_json(data["limits"]))


@dataclass(frozen=True)
class ConsentTerms(Terms):
    """What a patient is asked to agree to."""

    call: Mapping[str, Any]
    """The terms as the contract takes them."""
    receipt: ConsentReceipt
    patient: PartyRef
    to: PartyRef | RoleRef
    purpose: Purpose
    permits: frozenset[DataClass]
    denies: frozenset[DataClass]
    not_before: int
    expires_at: int
    version: int

    def in_words(self, language: str = "en") -> str:
        """Return what the patient reads, in English, German or Chinese (``en``, ``de``, ``zh``).

        Raises:
            InputError: Another language.
        """
        return in_words(self, language)


@dataclass(frozen=True)
class Directive:
    """A directive as it stands."""

    id: DirectiveId
    patient: PartyRef
    to: PartyRef | RoleRef
    purpose: Purpose
    permits: frozenset[DataClass]
    denies: frozenset[DataClass]
    not_before: int
    expires_at: int
    version: int
    revoked: bool
    limited: bool

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        from careledger.values import plain

        data: dict[str, Any] = plain({**vars(self)})
        return data


def directive_of(
    number: DirectiveId, patient: PartyRef, to: PartyRef | RoleRef, purpose: Purpose, current: Mapping[str, int]
) -> Directive:
    """Return a directive from its unpacked word."""
    return Directive(
        number, patient, to, purpose, classes_of(current["permits"]), classes_of(current["denies"]),
        current["notBefore"], current["expiresAt"], current["version"], bool(current["flags"] & 1),
        bool(current["flags"] & 2),
    )  # fmt: skip


def words_of(classes: frozenset[DataClass]) -> list[str]:
    """Return classes as signed data spells them, lowest bit first."""
    return [item.word for item in sorted(classes)]


def named(to: PartyRef | RoleRef) -> dict[str, Any]:
    """Return how the typed data names a recipient."""
    if isinstance(to, RoleRef):
        return {
            "recipientKind": "role", "recipient": ZERO_ADDRESS, "role": to.role.word, "jurisdiction": to.jurisdiction
        }  # fmt: skip
    return {"recipientKind": to.kind, "recipient": to.address, "role": "none", "jurisdiction": 0}


def party_of(message: Mapping[str, Any]) -> PartyRef | RoleRef:
    """Return the recipient that typed data names."""
    if message["recipientKind"] == "role":
        role = next(item for item in Role if item.word == message["role"])
        return RoleRef(role, message["jurisdiction"])
    return PartyRef(message["recipientKind"], message["recipient"])


def parse_scope(scope: str) -> tuple[PartyRef | RoleRef, Purpose]:
    """Return recipient and purpose of a scope word."""
    word = int(scope, 16)
    kind, purpose = word >> 208 & 0xFF, Purpose(word >> 216)
    if kind == 3:
        return RoleRef(Role(word >> 192 & 0xFFFF), word >> 160 & 0xFFFFFFFF), purpose
    account = Address("0x" + (word & (1 << 160) - 1).to_bytes(20, "big").hex())
    return PartyRef("person" if kind == 1 else "organisation", account), purpose


def document_of(
    patient: PartyRef, to: PartyRef | RoleRef, purpose: Purpose, permits: frozenset[DataClass],
    denies: frozenset[DataClass], start: int, end: int, notice: Mapping[str, Any] | None,
) -> dict[str, Any]:  # fmt: skip
    """Return the consent receipt's fields (ISO/IEC TS 27560:2023, clause 6, by the names of the W3C DPV guide)."""
    return {
        "schema_version": "ISO/IEC TS 27560:2023", "pii_principal_id": patient.address, "recipient": named(to),
        "purpose": purpose.name, "pii_information": words_of(permits), "pii_excluded": words_of(denies),
        "valid_from": start, "valid_until": end, "consent_type": "explicit", "withdrawal": "at any time, by signature",
        **(notice or {}),
    }  # fmt: skip
