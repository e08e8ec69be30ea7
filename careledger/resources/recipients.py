"""Whom a directive names: a person, an organisation, a role somewhere; as parties, in signed words, in scope words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from careledger.codes import DataClass, Purpose, Role
from careledger.values import ZERO_ADDRESS, Address, PartyRef, RoleRef

__all__ = ["RoleRef", "named", "parse_scope", "party_of", "words_of"]


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
