"""Who is accredited by whom, who works where, and the keys that records are sealed to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from careledger.chain.typed import TypedData
from careledger.codes import CredentialStatus, Role, StatusReason
from careledger.errors import NotFound
from careledger.privacy.openers import Opener, Recipient, Suite
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.values import (
    ZERO_ADDRESS,
    Address,
    Bytes32,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    bytes32,
    from_hex,
    keccak,
    to_hex,
)  # fmt: skip

__all__ = [
    "Accreditation",
    "Affiliation",
    "AffiliationTerms",
    "Credential",
    "CredentialTerms",
    "Credentials",
    "KeyTerms",
]

DAY: Final = 86_400
OFFER_DAYS: Final = 7
"""How long an offer may be carried to the chain."""

_CREDENTIAL = (
    ("issuer", "address"), ("subject", "address"), ("role", "string"), ("jurisdiction", "uint32"),
    ("notBefore", "uint40"), ("expiresAt", "uint40"), ("evidence", "bytes32"), ("deadline", "uint40"),
)  # fmt: skip
_AFFILIATION = (
    ("organisation", "address"), ("practitioner", "address"), ("since", "uint40"), ("until", "uint40"),
    ("deadline", "uint40"),
)  # fmt: skip
_KEY = (
    ("subject", "address"), ("suite", "uint16"), ("keyHash", "bytes32"), ("epoch", "uint32"), ("deadline", "uint40"),
)  # fmt: skip


@dataclass(frozen=True)
class Accreditation:
    """From when until when an accreditor's credentials for a role and jurisdiction count."""

    issuer: PartyRef
    role: Role
    jurisdiction: int
    since: int
    until: int


@dataclass(frozen=True)
class KeyTerms(Terms):
    """A public key that an account wants published; signed, anyone may carry it."""

    key: bytes


@dataclass(frozen=True)
class CredentialTerms(Terms):
    """What issuer and subject agree on; both sign the same."""

    @property
    def message(self) -> dict[str, Any]:
        """The terms by name; times in seconds."""
        return dict(self.typed.message)

    @property
    def call(self) -> dict[str, Any]:
        """The terms as the contract takes them."""
        role = next(item for item in Role if item.word == self.message["role"])
        return {**self.message, "role": role.value}


@dataclass(frozen=True)
class AffiliationTerms(Terms):
    """What organisation and practitioner agree on; both sign the same."""


@dataclass(frozen=True)
class Credential:
    """A credential as it stands."""

    id: Bytes32
    subject: PartyRef
    role: Role
    jurisdiction: int
    """ISO 3166-1 numeric × 1000 + subdivision."""
    issuer: Address
    not_before: int
    expires_at: int
    status: CredentialStatus
    active: bool
    """Active, in force now, and from an issuer still admitted."""


@dataclass(frozen=True)
class Affiliation:
    """An affiliation as it stands."""

    id: Bytes32
    organisation: PartyRef
    practitioner: PartyRef
    since: int
    until: int


class Credentials(Resource):
    """Credentials, affiliations and encryption keys: the part of the registry that is about firms and professionals."""

    contract = "ParticipantRegistry"

    # ACCREDITORS AND CREDENTIALS

    def admit_accreditor(
        self, issuer: PartyRef, *, role: Role, jurisdiction: int, for_days: int = 3650, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[PartyRef] | Prepared:  # fmt: skip
        """Admit an accreditor for a role in a jurisdiction. Governance.

        Args:
            issuer: A medical board, a ministry, a KYC firm.
            role: What it may accredit as.
            jurisdiction: ISO 3166-1 numeric × 1000 + subdivision (756000 is Switzerland).
            for_days: For how long.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ContractError: Not governance (``AccessManagedUnauthorized``), or an impossible window.
        """
        start = self.now()
        until = start + for_days * DAY

        def stands() -> bool:
            return self.accreditation(issuer, role=role, jurisdiction=jurisdiction).until > until - DAY

        return self._write(
            "admitAccreditor", address_of(issuer), role.value, jurisdiction, start, until, value=lambda _: issuer,
            key=key, wait=wait, dry_run=dry_run, content=[issuer.address, role.name, jurisdiction, for_days],
            base=f"admit/{issuer.address}/{role.name}/{jurisdiction}/{for_days}", stands=stands,
        )  # fmt: skip

    def dismiss_accreditor(
        self, issuer: PartyRef, *, role: Role, jurisdiction: int, until: int, reason: StatusReason,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Accreditation] | Prepared:  # fmt: skip
        """Set the day from which an accreditor's credentials no longer count. Governance.

        Args:
            issuer: The accreditor.
            role: For which role.
            jurisdiction: Where.
            until: First second at which they do not, at least seven days away.
            reason: Why.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ParticipantRegistry_BadWindow: The day is too near, or later than the one before.
        """
        return self._write(
            "dismissAccreditor", address_of(issuer), role.value, jurisdiction, until, reason.value,
            value=lambda _: self.accreditation(issuer, role=role, jurisdiction=jurisdiction), key=key, wait=wait,
            dry_run=dry_run, entry=False,
            stands=lambda: self.accreditation(issuer, role=role, jurisdiction=jurisdiction).until == until,
        )  # fmt: skip

    def accreditation(self, issuer: PartyRef, *, role: Role, jurisdiction: int) -> Accreditation:
        """Return from when until when an accreditor is admitted.

        Raises:
            NotFound: It never was.
        """
        found = self._read("accreditationOf", address_of(issuer), role.value, jurisdiction, about_patient=False)
        if not int(found["until"]):
            raise NotFound(f"{issuer.address} accredits no {role.word} in {jurisdiction}", fix="Ask who does.")
        return Accreditation(issuer, role, jurisdiction, int(found["from"]), int(found["until"]))

    def offer_credential(
        self, subject: PartyRef, *, issuer: PartyRef, role: Role, jurisdiction: int, evidence: bytes | None = None,
        for_days: int = 365, not_before: int | None = None,
    ) -> CredentialTerms:  # fmt: skip
        """Draft the terms of a credential, for both sides to sign.

        Args:
            subject: Who is accredited.
            issuer: The accreditor.
            role: As what.
            jurisdiction: Where.
            evidence: What the issuer examined; only a salted commitment to it goes on chain.
            for_days: For how long.
            not_before: First second of validity; now when not given.
        """
        start = self.now() if not_before is None else not_before
        message = {
            "issuer": address_of(issuer), "subject": address_of(subject), "role": role.word,
            "jurisdiction": jurisdiction, "notBefore": start, "expiresAt": start + for_days * DAY,
            "evidence": self._evidence(evidence), "deadline": self.now() + OFFER_DAYS * DAY,
        }  # fmt: skip
        types = {"CredentialTerms": _CREDENTIAL}
        return CredentialTerms(TypedData(self.domain, types, "CredentialTerms", message))

    def issue_credential(
        self, terms: CredentialTerms, *, issuer: SignedTerms[CredentialTerms] | None = None,
        subject: SignedTerms[CredentialTerms] | None = None, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Issue a credential that both sides agreed to; whoever sends needs no signature.

        Args:
            terms: The terms.
            issuer: The issuer's signature, unless it sends.
            subject: The subject's signature, unless it sends.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            ParticipantRegistry_NotAccreditor: The issuer is not admitted for this role and jurisdiction.
            ParticipantRegistry_CredentialLive: A live credential of another issuer is in place.
        """
        return self._write(
            "issueCredential", terms.call, _signature(issuer), _signature(subject),
            value=lambda r: bytes32(r.event("CredentialIssued").args["credentialId"]), key=key, wait=wait,
            dry_run=dry_run,
        )  # fmt: skip

    def renew_credential(
        self, subject: PartyRef, *, role: Role, jurisdiction: int, for_days: int = 365, evidence: bytes | None = None,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Credential] | Prepared:  # fmt: skip
        """Let an active credential run longer, from its present end. Only its issuer.

        Raises:
            ParticipantRegistry_NotController: The sender does not control its issuer.
        """
        until = self.credential(subject, role=role, jurisdiction=jurisdiction).expires_at + for_days * DAY
        name = key or f"renew-credential/{address_of(subject)}/{role.name}/{jurisdiction}/{until}"
        return self._write(
            "renewCredential", address_of(subject), role.value, jurisdiction, until, self._evidence(evidence),
            value=lambda _: self.credential(subject, role=role, jurisdiction=jurisdiction), key=name, wait=wait,
            dry_run=dry_run, content=[address_of(subject), role.name, jurisdiction, until],
        )  # fmt: skip

    def set_credential_status(
        self, subject: PartyRef, *, role: Role, jurisdiction: int, status: CredentialStatus, reason: StatusReason,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[CredentialStatus] | Prepared:  # fmt: skip
        """Suspend, resume or revoke a credential. Only its issuer; revocation is final."""
        return self._write(
            "setCredentialStatus", address_of(subject), role.value, jurisdiction, status.value, reason.value,
            value=lambda _: status, key=key, wait=wait, dry_run=dry_run, entry=False,
            stands=lambda: self.credential(subject, role=role, jurisdiction=jurisdiction).status is status,
        )  # fmt: skip

    def credential(self, subject: PartyRef, *, role: Role, jurisdiction: int) -> Credential:
        """Return a credential as it stands.

        Raises:
            NotFound: There never was one.
        """
        who = address_of(subject)
        found = self._read("credentialOf", who, role.value, jurisdiction, about_patient=False)
        data = found["credential"]
        if not int(data["status"]):
            raise NotFound(f"{who} has no credential as {role.word} in {jurisdiction}", fix="Ask its accreditor.")
        active = bool(self._read("isActive", who, role.value, jurisdiction, about_patient=False))
        return Credential(
            bytes32(found["credentialId"]), subject, role, jurisdiction, Address(data["issuer"]), data["notBefore"],
            data["expiresAt"], CredentialStatus(int(data["status"])), active,
        )  # fmt: skip

    def is_active(self, subject: PartyRef, *, role: Role, jurisdiction: int) -> bool:
        """Whether a subject holds an active credential, in force now, from an issuer still admitted."""
        return bool(self._read("isActive", address_of(subject), role.value, jurisdiction, about_patient=False))

    def partner_no(self, subject: PartyRef) -> int:
        """Return the short number of a party that has or had a credential; 0 for none."""
        return int(self._read("partnerNoOf", address_of(subject), about_patient=False))

    def partner(self, number: int) -> PartyRef:
        """Return the party with a number.

        Raises:
            NotFound: Nobody has it.
        """
        found = Address(self._read("partnerOf", number, about_patient=False))
        if found == ZERO_ADDRESS:
            raise NotFound(f"nobody has partner number {number}", fix="Numbers are given from 1, in order.")
        return PartyRef("organisation", found)

    # AFFILIATIONS

    def offer_affiliation(
        self, *, organisation: PartyRef, practitioner: PartyRef, for_days: int = 365, since: int | None = None
    ) -> AffiliationTerms:
        """Draft the terms of an affiliation, for both sides to sign."""
        start = self.now() if since is None else since
        message = {
            "organisation": address_of(organisation), "practitioner": address_of(practitioner), "since": start,
            "until": start + for_days * DAY, "deadline": self.now() + OFFER_DAYS * DAY,
        }  # fmt: skip
        types = {"AffiliationTerms": _AFFILIATION}
        return AffiliationTerms(TypedData(self.domain, types, "AffiliationTerms", message))

    def affiliate(
        self, terms: AffiliationTerms, *, organisation: SignedTerms[AffiliationTerms] | None = None,
        practitioner: SignedTerms[AffiliationTerms] | None = None, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Affiliate a practitioner with an organisation; whoever sends needs no signature."""
        return self._write(
            "affiliate", dict(terms.typed.message), _signature(organisation), _signature(practitioner),
            value=lambda r: bytes32(r.event("AffiliationStarted").args["affiliationId"]), key=key, wait=wait,
            dry_run=dry_run,
        )  # fmt: skip

    def end_affiliation(
        self, *, organisation: PartyRef, practitioner: PartyRef, reason: StatusReason = StatusReason.REQUESTED,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """End an affiliation at once. Either side."""
        return self._write(
            "endAffiliation", address_of(organisation), address_of(practitioner), reason.value, value=lambda _: None,
            key=key, wait=wait, dry_run=dry_run, entry=False,
            stands=lambda: not self.is_affiliated(organisation=organisation, practitioner=practitioner),
        )  # fmt: skip

    def is_affiliated(self, *, organisation: PartyRef, practitioner: PartyRef) -> bool:
        """Whether a practitioner is affiliated with an organisation now."""
        pair = address_of(organisation), address_of(practitioner)
        return bool(self._read("isAffiliated", *pair, about_patient=False))

    def affiliation(self, *, organisation: PartyRef, practitioner: PartyRef) -> Affiliation:
        """Return the affiliation of a practitioner with an organisation, also one that is over.

        Raises:
            NotFound: There never was one.
        """
        pair = address_of(organisation), address_of(practitioner)
        found = self._read("affiliationOf", *pair, about_patient=False)
        data = found["affiliation"]
        if not int(data["until"]):
            raise NotFound(f"{pair[1]} was never affiliated with {pair[0]}", fix="Both sides have to agree to it.")
        return Affiliation(
            bytes32(found["affiliationId"]), organisation, practitioner, int(data["since"]), int(data["until"])
        )

    # ENCRYPTION KEYS

    def publish_key(
        self, opener: Opener, *, subject: PartyRef, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Publish the public key that records are sealed to for an account."""
        digest = bytes32(to_hex(keccak(opener.public_key)))
        return self._write(
            "publishKey", address_of(subject), int(opener.suite), opener.public_key, value=lambda _: digest,
            key=key, wait=wait, dry_run=dry_run, base=f"publish-key/{subject.address}/{digest}",
            stands=lambda: self._read("encryptionKeyOf", address_of(subject))["keyHash"] == digest,
        )  # fmt: skip

    def draft_key(self, opener: Opener, *, subject: PartyRef) -> KeyTerms:
        """Draft the publication of a key for the subject's signature, so that somebody else pays the gas."""
        epoch = int(self._read("encryptionKeyOf", address_of(subject))["epoch"]) + 1
        message = {
            "subject": address_of(subject), "suite": int(opener.suite), "keyHash": keccak(opener.public_key),
            "epoch": epoch, "deadline": self.deadline(OFFER_DAYS),
        }  # fmt: skip
        return KeyTerms(TypedData(self.domain, {"PublishKey": _KEY}, "PublishKey", message), opener.public_key)

    def publish_key_signed(
        self, signed: SignedTerms[KeyTerms], *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[Bytes32] | Prepared:
        """Carry a signed publication of a key to the chain.

        Raises:
            Module_NotSignedBy: The signature is not by the subject's controller, or names an epoch that has passed.
        """
        m, public = signed.terms.typed.message, signed.terms.key
        digest = bytes32(to_hex(keccak(public)))
        return self._write(
            "publishKeySigned", m["subject"], m["suite"], public, m["deadline"], signed.signature,
            value=lambda _: digest, key=key, wait=wait, dry_run=dry_run, not_after=m["deadline"],
        )  # fmt: skip

    def encryption_key(self, who: PartyRef) -> Recipient:
        """Return the key to seal to for a party: from its event, checked against the hash in storage.

        Raises:
            NotFound: It has published none.
        """
        stored = self._read("encryptionKeyOf", address_of(who))
        if not int(stored["epoch"]):
            raise NotFound(
                f"{who.address} has published no encryption key",
                why="Without one nothing can be sealed to it.",
                fix="Ask it to publish its key (participants.publish_key).",
            )
        index = self._care.sync()
        event = index.get(
            "ParticipantRegistry.EncryptionKeyPublished", subject=address_of(who), epoch=int(stored["epoch"])
        )
        key = from_hex(event.args["key"])
        if to_hex(keccak(key)) != stored["keyHash"]:
            raise NotFound(f"the key in the log of {who.address} is not the one in storage", fix="Ask another node.")
        return Recipient(key, Suite(int(stored["suite"])), int(stored["epoch"]))


def _signature(signed: SignedTerms[Any] | None) -> bytes:
    return signed.signature if signed else b""
