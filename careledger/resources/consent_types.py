"""What consents are, as callers see them: the terms a patient reads, and what stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careledger.codes import DataClass, Purpose, Role, Rule
from careledger.resources.base import Terms
from careledger.resources.consent_receipt import ConsentReceipt, ReceiptStanding
from careledger.resources.recipients import RoleRef, named, parse_scope, party_of, words_of
from careledger.resources.scope import classes_of
from careledger.resources.words import in_words
from careledger.values import DirectiveId, PartyRef

__all__ = [
    "BasePolicy",
    "ConsentReceipt",
    "ConsentTerms",
    "Directive",
    "ReceiptStanding",
    "RoleRef",
    "directive_of",
    "named",
    "parse_scope",
    "party_of",
    "words_of",
]


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


@dataclass(frozen=True)
class BasePolicy:
    """What a custodian states for where a patient has said nothing."""

    rule: Rule
    classes: frozenset[DataClass]
    roles: frozenset[Role]
    """In which roles an actor has to ask for it to speak."""
    since: int
    """When it was stated, in seconds since 1970; 0 where it never was."""


def directive_of(
    number: DirectiveId, patient: PartyRef, to: PartyRef | RoleRef, purpose: Purpose, current: Mapping[str, int]
) -> Directive:
    """Return a directive from its unpacked word."""
    return Directive(
        number, patient, to, purpose, classes_of(current["permits"]), classes_of(current["denies"]),
        current["notBefore"], current["expiresAt"], current["version"], bool(current["flags"] & 1),
        bool(current["flags"] & 2),
    )  # fmt: skip
