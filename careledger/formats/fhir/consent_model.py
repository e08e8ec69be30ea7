"""What becomes of a FHIR Consent: drafts of directives, a standing denial, and what neither can say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Final, Literal

from careledger.codes import DataClass, Purpose
from careledger.errors import InputError
from careledger.values import ZERO_ADDRESS, Address, PartyRef, RoleRef, plain

__all__ = [
    "ConsentReading", "DirectiveDraft", "Effect", "Provenance", "StandingDraft", "StatedDenial", "StatedDirective",
    "Statement", "Unexpressed", "without_indices",
]  # fmt: skip

Decision = Literal["permit", "deny"]
_INDEX: Final = re.compile(r"\[\d+\]")


class Effect(StrEnum):
    """What leaving something out does to who may read what."""

    MORE = "more access"
    """More could be read than the consent says: what narrows is left out."""
    LESS = "less access"
    """Less could be read than the consent says: the safe direction."""
    NONE = "no difference"


@dataclass(frozen=True)
class Unexpressed:
    """Something that no directive, standing denial or receipt can say."""

    location: str
    """Where it stands: ``Consent.provision.provision[1].data[0]``."""
    says: str = field(repr=False)
    """What it says, in short."""
    why: str
    """Why it cannot be said, in one sentence."""
    effect: Effect
    rule: str = ""
    """Location of the provision whose drafts alone it concerns; empty where it concerns the whole consent."""

    def to_json(self) -> dict[str, Any]:
        """Return every field; the effect in words."""
        return {item.name: str(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True)
class DirectiveDraft:
    """A directive that a consent asks for, to be signed by the patient."""

    to: PartyRef | RoleRef
    purpose: Purpose
    permits: frozenset[DataClass]
    denies: frozenset[DataClass]
    not_before: int = 0
    """First second of validity, in seconds since 1970; 0 = as soon as it is carried."""
    expires_at: int | None = None
    """First second after it; None where the consent names no end."""
    author: Address = ZERO_ADDRESS
    """The one author whose records it is about; zero for any."""
    data_from: int = 0
    """Records about times from this second on."""
    data_until: int = 0
    """... and before this one; 0 = no end."""
    rules: tuple[str, ...] = field(default=(), compare=False)
    """Locations of the provisions it comes from."""
    blocked_by: tuple[str, ...] = field(default=(), compare=False)
    """Locations of what makes it wider than the consent; each has to be accepted by name."""

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True)
class StandingDraft:
    """What a consent denies to everybody, for every purpose."""

    denied: frozenset[DataClass]
    even_in_emergency: frozenset[DataClass]
    rules: tuple[str, ...] = field(default=(), compare=False)

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True)
class Statement:
    """What a consent says of everybody, as the base policy of a custodian would; no directive says it."""

    location: str
    decision: Decision
    words: str
    """The code or rule in short, such as ``OPTIN``."""
    purposes: frozenset[Purpose] = frozenset()
    """For which purposes; empty for all."""
    classes: frozenset[DataClass] = frozenset(DataClass)

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}


@dataclass(frozen=True)
class Provenance:
    """The directive that a consent says it was made from."""

    chain_id: int
    contract: Address
    directive_id: str
    version: int
    receipt: str = ""
    """The salted commitment to its receipt."""


@dataclass(frozen=True)
class StatedDirective:
    """A directive as it stands, or was agreed: what a Consent is written from."""

    patient: PartyRef
    draft: DirectiveDraft
    """What it says; its end is a time."""
    provenance: Provenance
    is_active: bool = True
    """False where it was revoked, superseded or is over."""
    given: int | None = None
    """When the patient agreed, in seconds since 1970, where that is known."""
    privacy_notice: str | None = None


@dataclass(frozen=True)
class StatedDenial:
    """A standing denial as it stands."""

    patient: PartyRef
    draft: StandingDraft
    provenance: Provenance
    """Its ``directive_id`` is empty: a patient has one standing denial in a contract."""


@dataclass(frozen=True)
class ConsentReading:
    """A FHIR Consent, read: every element of it is in a draft, kept for the receipt, or reported as unexpressed."""

    fhir_version: str
    """``4.0.1`` or ``5.0.0``: in which shape it was read."""
    status: str
    patient: PartyRef | None
    """The pseudonym, where the caller's resolver knows it."""
    drafts: tuple[DirectiveDraft, ...]
    standing: StandingDraft | None
    statements: tuple[Statement, ...]
    unexpressed: tuple[Unexpressed, ...]
    notice: Mapping[str, Any] = field(repr=False)
    """What the receipt keeps, as ``consents.draft(notice=...)`` takes it; what it has no field for is in ``fhir``."""
    provenance: Provenance | None = None
    used: tuple[str, ...] = field(default=(), repr=False)
    """Locations of what went into drafts and statements."""
    kept: tuple[str, ...] = field(default=(), repr=False)
    """Locations of what went into ``notice``."""

    @property
    def widening(self) -> tuple[Unexpressed, ...]:
        """What would let more be read than the consent says if it were left out."""
        return tuple(item for item in self.unexpressed if item.effect is Effect.MORE)

    @property
    def names(self) -> frozenset[str]:
        """The names by which what widens can be accepted: locations, with or without the numbers in brackets."""
        return frozenset(form for item in self.widening for form in (item.location, without_indices(item.location)))

    def not_accepted(self, accept: Iterable[str]) -> tuple[Unexpressed, ...]:
        """Return what would widen access and is not among the names accepted."""
        names = frozenset(accept)
        return tuple(
            item for item in self.widening if item.location not in names and without_indices(item.location) not in names
        )

    def accepted(self, accept: Iterable[str]) -> tuple[DirectiveDraft, ...]:
        """Return the drafts, once everything that would make one of them wider is accepted by name.

        Args:
            accept: Names of what may be left out.

        Raises:
            InputError: Something in the way was not accepted, or nothing stands at a location named.
        """
        names = list(accept)
        if unknown := sorted(set(names) - self.names):
            raise InputError(
                f"nothing that widens access stands at {unknown[0][:80]}", fix="Name the locations as they are listed."
            )
        blocking = {place for draft in self.drafts for place in draft.blocked_by}
        _refuse({item.location for item in self.not_accepted(names)} & blocking)
        return self.drafts

    def require_accepted(self, accept: Iterable[str]) -> None:
        """Refuse while anything that narrows is neither said nor accepted, whether or not a draft comes of the consent.

        Args:
            accept: Names of what may be left out.

        Raises:
            InputError: Something was not accepted: a denial that cannot be said, too.
        """
        _refuse({item.location for item in self.not_accepted(accept)})

    def to_json(self) -> dict[str, Any]:
        """Return what becomes of the consent, codes by name."""
        return {
            "fhirVersion": self.fhir_version,
            "status": self.status,
            "patient": plain(self.patient),
            "directives": [item.to_json() for item in self.drafts],
            "standingDenial": plain(self.standing),
            "statements": [item.to_json() for item in self.statements],
            "unexpressed": [plain(item) for item in self.unexpressed],
            "keptForReceipt": list(self.kept),
            "provenance": plain(self.provenance),
        }


def _refuse(left: Iterable[str]) -> None:
    """Refuse where something is left that narrows."""
    places = sorted(left)
    if places:
        raise InputError(
            f"this consent says {len(places)} thing{'s' if len(places) > 1 else ''} that no directive can say, and "
            f"without which more could be read: {', '.join(places)}",
            why="What narrows a consent is never left out by itself.",
            fix="Accept each by its name, or have the patient say it otherwise.",
        )


def without_indices(location: str) -> str:
    """Return a location without the numbers in brackets."""
    return _INDEX.sub("", location)
