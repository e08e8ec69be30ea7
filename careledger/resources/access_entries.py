"""One entry of an access log: who asked for which record as whom and what for, what came of it, and its salted leaf.

Every leaf carries two numbers: its place in the log, and its place among the entries about one pseudonym. So a patient
who is shown entries 1, 2 and 4 about itself knows that one is missing. Whom an entry is about lies under a salt of its
own: a reader that is refused can check its leaf, and does not learn whose record it asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Final

from careledger.codes import Basis, Purpose, Reason, Role
from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.commitments import domain_tag
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.redact import Secret
from careledger.resources.base import address_of
from careledger.resources.recipients import RoleRef, parse_scope
from careledger.resources.scope import scope_word
from careledger.values import Address, PartyRef, RecordId, bytes32, from_hex, keccak, to_hex

__all__ = ["AccessEntry", "Acting", "Subject"]

ACCESS_DOMAIN: Final = "careledger.access.v1"
"""Domain of the leaves' commitments."""
SUBJECT_DOMAIN: Final = "careledger.access.subject.v1"
"""Domain of the commitments to whom an entry is about."""

_TAGS: Final = {name: domain_tag(name) for name in (ACCESS_DOMAIN, SUBJECT_DOMAIN)}
_ROLE_AT, _JURISDICTION_AT = 192, 160


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


@dataclass(frozen=True)
class Acting:
    """As whom somebody asks: a person itself, an organisation accredited somewhere, or a role."""

    capacity: PartyRef | RoleRef
    role: Role = Role.NONE
    """What an organisation is accredited as."""
    jurisdiction: int = 0
    """Where an organisation is accredited, ISO 3166-1 numeric × 1000 + subdivision."""

    @classmethod
    def of(
        cls, actor: PartyRef, capacity: PartyRef | RoleRef | None = None, *, organisation_role: Role = Role.PROVIDER,
        jurisdiction: int = 0,
    ) -> Acting:  # fmt: skip
        """Make one of what ``consents.decide`` takes; what does not matter for the capacity is left out."""
        acting = capacity or PartyRef("person", address_of(actor))
        if isinstance(acting, PartyRef) and acting.kind == "organisation":
            return cls(acting, organisation_role, jurisdiction)
        return cls(acting)

    @cached_property
    def word(self) -> bytes:
        """``kind << 208 | role << 192 | jurisdiction << 160 | account``, 32 bytes."""
        above = self.role.value << _ROLE_AT | self.jurisdiction << _JURISDICTION_AT
        return _word(int(scope_word(self.capacity, None), 16) | above)

    @classmethod
    def from_word(cls, word: bytes) -> Acting:
        """Read what ``word`` wrote."""
        return _acting_of(word)

    @property
    def how(self) -> dict[str, Any]:
        """The arguments of ``consents.decide`` that say it."""
        if isinstance(self.capacity, RoleRef) or self.capacity.kind == "person":
            return {"capacity": self.capacity}
        return {"capacity": self.capacity, "organisation_role": self.role, "jurisdiction": self.jurisdiction}


@lru_cache(1 << 14)
def _acting_of(word: bytes) -> Acting:
    """Read an acting word; a log names few of them often."""
    capacity, _ = parse_scope(to_hex(word))
    if isinstance(capacity, RoleRef) or capacity.kind == "person":
        return Acting(capacity)
    value = int.from_bytes(word, "big")
    return Acting(capacity, Role(value >> _ROLE_AT & 0xFFFF), value >> _JURISDICTION_AT & 0xFFFFFFFF)


@lru_cache(1 << 14)
def _account(text: str) -> Address:
    """Read an account with its checksum; a log names few of them often."""
    return PartyRef("person", Address(text)).address


@dataclass(frozen=True)
class Subject:
    """Whom an entry is about, and its number among the entries about that pseudonym."""

    patient: Address = field(repr=False)
    own: int = field(repr=False)
    """From 1, without gaps."""
    salt: Secret = field(repr=False)
    """32 bytes, of this entry only."""

    @property
    def digest(self) -> bytes:
        """The salted commitment that the entry's leaf holds, 32 bytes."""
        who = from_hex(self.patient).rjust(32, b"\0")
        return keccak(_TAGS[SUBJECT_DOMAIN] + self.salt.reveal() + who + _word(self.own))


@dataclass(frozen=True)
class AccessEntry:
    """One access, or one refusal of it. Its ``repr`` shows its number only."""

    entry: int
    """Number in the custodian's log, from 1."""
    record: RecordId = field(repr=False)
    actor: Address = field(repr=False)
    acting: Acting = field(repr=False)
    purpose: Purpose = field(repr=False)
    basis: Basis = field(repr=False)
    reason: Reason = field(repr=False)
    """Why; ``NONE`` with a refusal: the custodian's own, as the record holds more than was asked for."""
    allowed: bool = field(repr=False)
    block: int = field(repr=False)
    """The block the decision is true at."""
    at: int = field(repr=False)
    """When, in seconds since 1970."""
    salt: Secret = field(repr=False)
    """32 bytes, of this entry only."""
    about: bytes = field(repr=False)
    """The commitment to the subject, 32 bytes."""
    subject: Subject | None = field(default=None, repr=False)
    """Whom it is about; None where that is not told."""

    @cached_property
    def leaf(self) -> bytes:
        """The salted commitment that is logged, 32 bytes: keccak256 of the ABI encoding of domain, salt and fields."""
        fields = (self.purpose, self.basis, self.reason, self.allowed, self.block, self.at)
        return keccak(
            b"".join((
                _TAGS[ACCESS_DOMAIN], self.salt.reveal(), _word(self.entry), self.about, from_hex(self.record),
                from_hex(self.actor).rjust(32, b"\0"), self.acting.word, *map(_word, fields),
            ))
        )  # fmt: skip

    @property
    def patient(self) -> Address:
        """The pseudonym it is about.

        Raises:
            NotFound: That is not told here.
        """
        return self._told.patient

    @property
    def own(self) -> int:
        """Its number among the entries about the pseudonym; errors as for ``patient``."""
        return self._told.own

    @property
    def _told(self) -> Subject:
        if self.subject is None:
            raise NotFound("whom this entry is about is not told here", fix="Its custodian and its patient know.")
        return self.subject

    @property
    def untold(self) -> AccessEntry:
        """The entry without its subject, whose leaf can be checked all the same."""
        return replace(self, subject=None)

    def to_json(self) -> dict[str, Any]:
        """Return every field with the salts: keep it sealed."""
        told = {} if self.subject is None else {
            "patient": self.subject.patient, "own": self.subject.own,
            "subjectSalt": to_base64url(self.subject.salt.reveal()),
        }  # fmt: skip
        return {
            "entry": self.entry, "record": self.record, "actor": self.actor, "acting": to_hex(self.acting.word),
            "purpose": self.purpose.name, "basis": self.basis.name, "reason": self.reason.name,
            "allowed": self.allowed, "block": self.block, "at": self.at, "salt": to_base64url(self.salt.reveal()),
            "about": to_hex(self.about), **told,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AccessEntry:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else, or its subject is not the one that its leaf holds.
        """
        found = cls._parse(data)
        if found is None or (found.subject is not None and found.subject.digest != found.about):
            raise FormatError("this is no entry of an access log", fix="Ask its custodian for it again.")
        return found

    @classmethod
    def _parse(cls, data: Mapping[str, Any]) -> AccessEntry | None:
        """Return the entry, or None; no error leaves here, so no salt is in a traceback."""
        try:
            subject = None
            if "patient" in data:
                salt = Secret(from_base64url(data["subjectSalt"]), "salt")
                subject = Subject(_account(data["patient"]), _whole(data["own"], 8), salt)
            return cls(
                _whole(data["entry"], 8), RecordId(bytes32(data["record"])), _account(data["actor"]),
                Acting.from_word(from_hex(bytes32(data["acting"]))), Purpose[data["purpose"]], Basis[data["basis"]],
                Reason[data["reason"]], data["allowed"] is True, _whole(data["block"], 8), _whole(data["at"], 5),
                Secret(from_base64url(data["salt"]), "salt"), from_hex(bytes32(data["about"])), subject,
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            return None


def _whole(value: Any, size: int) -> int:
    """Return a whole number of so many bytes; raises ValueError for anything else."""
    if type(value) is not int or not 0 <= value < 1 << 8 * size:
        raise ValueError("range")
    return value
