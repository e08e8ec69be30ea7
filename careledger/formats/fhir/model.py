"""What the reader hands out: one resource, what it is, who it is about, and what CareLedger makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from careledger.codes import DataClass
from careledger.redact import PersonalText
from careledger.values import PartyRef

Reading = Literal["R4B model", "R5 model", "structural"]
"""How a resource was read: validated by a model of `fhir.resources`, or by its structure alone."""

UNDECIDED = "4.0.1 or 5.0.0"
"""The version of a resource that is the same in both and is declared nowhere."""


class Becomes(StrEnum):
    """What CareLedger makes of a resource."""

    RECORD = "record"
    """Sealed off chain and anchored."""
    CONSENT = "consent directive"
    """A directive in the consent registry, once the patient has signed it."""
    CREDENTIAL = "credential"
    """A credential or affiliation in the participant registry."""
    PARTICIPANT = "participant"
    """A person to be paired with an account, through the sealed directory; nothing of them goes on chain."""
    ENCOUNTER = "encounter"
    CLAIM = "claim"
    CLAIM_DECISION = "claim decision"
    INVOICE = "invoice"
    PAYMENT = "payment"
    PLAN = "plan"
    COVERAGE = "coverage"
    APPOINTMENT = "appointment"
    TRIAL = "trial"
    TRIAL_PARTICIPANT = "trial participant"
    ACCESS = "access log entry"


@dataclass(frozen=True)
class Identifier:
    """A business identifier of a resource: an MRN, a claim number. For the sealed directory, never for display."""

    system: str | None
    """URI of the numbering system as written."""
    value: PersonalText
    """The identifier within it."""
    use: str | None = None
    """``usual``, ``official``, ``temp``, ``secondary``, ``old``: FHIR's IdentifierUse, as written."""


@dataclass(frozen=True)
class Match:
    """What a directory says of the patient whom a resource is about."""

    party: PartyRef | None = field(repr=False)
    """The patient's account; None where it is not known."""
    reason: str
    """Why it is not known, in words that name nobody; empty where it is."""
    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    """What the file knows a patient by who is not known here: for the person at the desk, who pairs it."""
    name: PersonalText | None = field(default=None, repr=False)
    """That patient's name in the file: for the same eyes only."""


@dataclass(frozen=True)
class Resource:
    """One FHIR resource as it stood in a file."""

    source: str
    """The file, as it was given."""
    pointer: str
    """Where in the document, as a JSON pointer: empty for the outermost, ``/entry/3/resource`` in a Bundle."""
    line: int | None
    """Line in an NDJSON file, from 1; None elsewhere."""
    resource_type: str | None
    """``Patient``, ``Claim`` ...; None where something stands that is no resource: then ``reason`` says what."""
    fhir_version: str | None
    """``4.0.1``, ``5.0.0``, ``3.0.2``, ``4.3.0``, ``4.0.1 or 5.0.0``; None where it fits none of them."""
    subject: str | None = field(repr=False)
    """A reference to whom it is about, as written; None if it is about nobody or does not say."""
    becomes: Becomes | None
    """What CareLedger makes of it; None for nothing."""
    data_classes: frozenset[DataClass]
    """The classes of health data in it."""
    reason: str
    """Why, in one short sentence: which list marked it, or why it becomes nothing."""
    reading: Reading
    """How it was read."""
    raw: bytes = field(repr=False)
    """The exact bytes. Empty for a Bundle, which is not held: its bytes are those of ``span`` in the source."""
    span: tuple[int, int]
    """Offset and length of the bytes in the source, unpacked where it was gzip."""
    id: str | None = field(default=None, repr=False)
    """Logical id. Like ``full_url`` and ``subject`` not shown by ``repr``: some systems make it of the MRN."""
    full_url: str | None = field(default=None, repr=False)
    """``fullUrl`` of its Bundle entry."""
    identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    """Business identifiers."""
    subject_identifiers: tuple[Identifier, ...] = field(default=(), repr=False)
    """Identifiers that the resource itself gives for whom it is about, beside or instead of a reference."""
    is_subject_hidden: bool = False
    """Whether whom it is about is given, but by a name or an identifier only."""
    match: Match | None = None
    """What the directory says of the patient; None where none was asked, or the resource is about no patient."""

    @property
    def is_readable(self) -> bool:
        """Whether a resource was found at this place."""
        return self.resource_type is not None

    @property
    def references(self) -> frozenset[str]:
        """The references by which others in the same document may mean this resource."""
        own = {f"{self.resource_type}/{self.id}"} if self.resource_type and self.id else set()
        return frozenset(own | ({self.full_url} if self.full_url else set()))
