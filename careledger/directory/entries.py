"""What a directory holds: outside identifiers, the accounts they stand for, and what was changed when and by whom."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from careledger.codes import _Code
from careledger.errors import InputError
from careledger.privacy.openers import Recipient
from careledger.redact import PersonalText
from careledger.values import Address, PartyKind, PartyRef, to_hex

__all__ = ["Change", "Entry", "EntryKind", "IdentityCheck", "OutsideId"]

_URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s]+", re.ASCII)
_MOST: Final = 1000
"""Characters of a system or a value; longer ones are no identifiers."""


class EntryKind(StrEnum):
    """What an entry leads to."""

    PATIENT = "patient"
    """A patient's account towards this organisation."""
    COVERAGE = "coverage"
    """A member's account towards this insurer, one for each plan year."""
    PARTNER = "partner"
    """Another organisation, by its GLN, NPI or register number."""

    @classmethod
    def of(cls, text: EntryKind | str) -> EntryKind:
        """Return a kind by its word.

        Raises:
            InputError: There is none of that word.
        """
        try:
            return cls(text)
        except ValueError:
            raise InputError(
                "this is not a kind of entry", fix=f"Use one of: {', '.join(each.value for each in cls)}."
            ) from None

    @property
    def party_kind(self) -> PartyKind:
        """What its ``PartyRef`` is."""
        return "organisation" if self is EntryKind.PARTNER else "person"


class IdentityCheck(_Code):
    """How the desk made sure whom an identifier belongs to. None of them claims an assurance level of a standard."""

    DOCUMENT_SEEN = 1, "an identity document with a picture was compared with the person"
    ELECTRONIC_ID = 2, "the person authenticated with an electronic identity"
    KNOWN_PERSONALLY = 3, "somebody at the desk has known the person for long"
    VOUCHED_FOR = 4, "a representative or referee whose own identity was checked vouches for the person"
    CONFIRMED_ADDRESS = 5, "a code sent to the address or number on record came back"
    REMOTE_VIDEO = 6, "an identity document was compared in a video call"
    REGISTER_EXTRACT = 7, "an authoritative register names the holder: for organisations"


@dataclass(frozen=True)
class OutsideId:
    """An identifier that others gave: a system (URI), a value in it, and what it is an identifier of."""

    system: str = field(repr=False)
    """URI of the numbering system, compared letter by letter as FHIR does."""
    value: PersonalText = field(repr=False)
    """The identifier in it, without white space around it; compared letter by letter."""
    kind: EntryKind = EntryKind.PATIENT
    plan_year: int = 0
    """For coverage: the plan year; 0 otherwise."""

    @classmethod
    def of(cls, system: str, value: str, *, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0) -> OutsideId:
        """Make an identifier of what a person or a file gave.

        Raises:
            InputError: The system is no URI, the value is empty or not text, or kind and plan year do not fit.
        """
        trimmed = value.strip() if isinstance(value, str) else ""
        if not isinstance(system, str) or len(system) > _MOST or not _URI.fullmatch(system):
            raise InputError(
                "an identifier's system is a URI",
                why="Numbers are only unique within their system, and systems are compared letter by letter.",
                fix="Give it as the files do, such as urn:oid:2.16.840.1.113883.19.5.",
            )
        if not trimmed or len(trimmed) > _MOST or any(unicodedata.category(c) in ("Cc", "Cs") for c in trimmed):
            raise InputError(
                "an identifier's value is empty, too long, or holds control characters",
                fix=f"Give 1 to {_MOST} characters in one line.",
            )
        found = EntryKind.of(kind)
        if (found is EntryKind.COVERAGE) != bool(plan_year) or not 0 <= plan_year < 1 << 16:
            raise InputError(
                "coverage has a plan year, and nothing else has one",
                why="A member has another account in each plan year, so that the years cannot be joined.",
                fix="Give plan_year with kind coverage.",
            )
        return cls(system, PersonalText(trimmed), found, plan_year)

    @property
    def parts(self) -> tuple[str, ...]:
        """What its place in the file is made of."""
        return ("id", self.kind.value, str(self.plan_year), self.system, self.value)

    def sibling(self, system: str, value: str) -> OutsideId:
        """Return another identifier of the same kind and plan year."""
        return OutsideId.of(system, value, kind=self.kind, plan_year=self.plan_year)

    def to_json(self) -> dict[str, Any]:
        """Return every field, the value in the clear: for the desk's own eyes."""
        return {"kind": self.kind.value, "planYear": self.plan_year or None, "system": self.system, "value": self.value}


@dataclass(frozen=True)
class Entry:
    """One identifier and the account it stands for now."""

    id: OutsideId
    party: PartyRef = field(repr=False)
    """The account; its label is what the desk calls the person."""
    recipient: Recipient | None = field(repr=False)
    """The key that records are sealed to for this account; None where none was given."""
    checked: IdentityCheck
    """How identity was checked."""
    since: int
    """Second it was paired or entered in."""
    by: Address
    """The account that acted at the desk."""
    also: tuple[OutsideId, ...] = field(repr=False, default=())
    """Other identifiers of the same person."""
    former: tuple[Address, ...] = field(repr=False, default=())
    """Accounts it stood for before, oldest first."""

    def to_json(self) -> dict[str, Any]:
        """Return every field, identifiers in the clear: for the desk's own eyes."""
        return {
            **self.id.to_json(), "account": self.party.address, "label": self.party.label,
            "keyHash": None if self.recipient is None else to_hex(self.recipient.key_hash),
            "checked": self.checked.word, "since": self.since, "by": self.by,
            "also": [each.to_json() for each in self.also], "former": list(self.former),
        }  # fmt: skip


@dataclass(frozen=True)
class Change:
    """One line of the history."""

    number: int
    """Counted from 1, without gaps."""
    at: int
    """Second it was made in."""
    act: str
    """``paired``, ``paired again``, ``entered``, ``entered again``, ``merged``, ``split``, ``removed``, or of the keys:
    ``shared``, ``unshared``, ``rotated``."""
    by: Address
    """The account that acted."""
    ids: tuple[OutsideId | None, ...] = field(repr=False, default=())
    """The identifiers it was about, the one that was changed first; None for one that was removed since."""
    account: Address | None = field(repr=False, default=None)
    """What the first identifier stands for afterwards."""
    former: Address | None = field(repr=False, default=None)
    """What it stood for before."""
    checked: IdentityCheck | None = None
    key_hash: str | None = None
    """Of acts about keys: which key."""

    def to_json(self) -> dict[str, Any]:
        """Return every field, identifiers in the clear: for the desk's own eyes."""
        return {
            "number": self.number, "at": self.at, "act": self.act, "by": self.by,
            "ids": [None if each is None else each.to_json() for each in self.ids], "account": self.account,
            "former": self.former, "checked": None if self.checked is None else self.checked.word,
            "keyHash": self.key_hash,
        }  # fmt: skip
