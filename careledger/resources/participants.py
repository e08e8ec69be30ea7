"""Who is who: accreditors, credentials, affiliations, encryption keys, held accounts, recovery of lost keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from careledger.chain.signers import Signer
from careledger.chain.typed import TypedData
from careledger.codes import CredentialStatus, Role, StatusReason, Will
from careledger.errors import InputError, NotFound
from careledger.privacy.commitments import new_salt
from careledger.privacy.merkle import StandardTree
from careledger.privacy.openers import Opener, Recipient, Suite
from careledger.redact import Secret
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.values import (
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

__all__ = ["Affiliation", "Credential", "CredentialTerms", "GuardianSet", "HeldAccount", "Participants"]

DAY = 86_400
OFFER_DAYS = 7
"""How long an offer may be carried to the chain."""

_CREDENTIAL = (
    ("issuer", "address"), ("subject", "address"), ("role", "string"), ("jurisdiction", "uint32"),
    ("notBefore", "uint40"), ("expiresAt", "uint40"), ("evidence", "bytes32"), ("deadline", "uint40"),
)  # fmt: skip
_AFFILIATION = (
    ("organisation", "address"), ("practitioner", "address"), ("since", "uint40"), ("until", "uint40"),
    ("deadline", "uint40"),
)  # fmt: skip
_APPROVAL = (("subject", "address"), ("newController", "address"), ("recoveries", "uint16"), ("deadline", "uint40"))
_CLAIM = (("subject", "address"), ("controller", "address"), ("deadline", "uint40"))


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


@dataclass(frozen=True)
class HeldAccount:
    """An account held for somebody without a key. Keep it: the patient needs the terms to claim the account."""

    subject: PartyRef
    terms: dict[str, Any]
    """Steward, jurisdiction, claimKey, salt, provisional."""


@dataclass(frozen=True)
class GuardianSet:
    """Who can give an account back: guardians under a salted root, named only when they act."""

    guardians: tuple[Address, ...]
    salts: tuple[Secret, ...]
    quorum: int
    larger_quorum: int
    wait_seconds: int

    @classmethod
    def of(
        cls, guardians: Sequence[PartyRef], *, quorum: int, larger_quorum: int | None = None, wait_days: int = 3
    ) -> GuardianSet:
        """Make a set with fresh salts; the larger quorum is everybody when not given."""
        if not 0 < quorum <= (larger_quorum or len(guardians)) <= len(guardians) <= 16:
            raise InputError(
                f"{quorum} of {len(guardians)} guardians is not a quorum", fix="Name 1 to 16 guardians, quorum within."
            )
        salts = tuple(new_salt() for _ in guardians)
        accounts = tuple(address_of(item) for item in guardians)
        return cls(accounts, salts, quorum, larger_quorum or len(guardians), wait_days * DAY)

    @property
    def tree(self) -> StandardTree:
        """The tree over (index, guardian, salt)."""
        rows = [[i, a, s.reveal()] for i, (a, s) in enumerate(zip(self.guardians, self.salts, strict=True))]
        return StandardTree(rows, types=["uint8", "address", "bytes32"])

    @property
    def call(self) -> dict[str, Any]:
        """The terms as the contract takes them."""
        return {
            "root": self.tree.root, "quorum": self.quorum, "largerQuorum": self.larger_quorum,
            "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    def proof(self, index: int) -> dict[str, Any]:
        """The proof that guardian ``index`` is one."""
        return {
            "guardian": self.guardians[index], "index": index, "salt": self.salts[index].reveal(),
            "path": self.tree.proof(index),
        }  # fmt: skip


NO_GUARDIANS = {"root": bytes(32), "quorum": 0, "largerQuorum": 0, "waitSeconds": 0}


class Participants(Resource):
    """Who is who. Patients hold no credential."""

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
        return self._write(
            "admitAccreditor", address_of(issuer), role.value, jurisdiction, start, start + for_days * DAY,
            value=lambda _: issuer, key=key or f"admit/{issuer.address}/{role.name}/{jurisdiction}", wait=wait,
            dry_run=dry_run, content=[issuer.address, role.name, jurisdiction, for_days],
        )  # fmt: skip

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

    def set_credential_status(
        self, subject: PartyRef, *, role: Role, jurisdiction: int, status: CredentialStatus, reason: StatusReason,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[CredentialStatus] | Prepared:  # fmt: skip
        """Suspend, resume or revoke a credential. Only its issuer; revocation is final."""
        return self._write(
            "setCredentialStatus", address_of(subject), role.value, jurisdiction, status.value, reason.value,
            value=lambda _: status, key=key, wait=wait, dry_run=dry_run, entry=False,
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
        )  # fmt: skip

    def is_affiliated(self, *, organisation: PartyRef, practitioner: PartyRef) -> bool:
        """Whether a practitioner is affiliated with an organisation now."""
        pair = address_of(organisation), address_of(practitioner)
        return bool(self._read("isAffiliated", *pair, about_patient=False))

    # ENCRYPTION KEYS

    def publish_key(
        self, opener: Opener, *, subject: PartyRef, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Publish the public key that records are sealed to for an account."""
        digest = bytes32(to_hex(keccak(opener.public_key)))
        return self._write(
            "publishKey", address_of(subject), int(opener.suite), opener.public_key, value=lambda _: digest,
            key=key or f"publish-key/{subject.address}/{digest}", wait=wait, dry_run=dry_run,
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

    # HELD ACCOUNTS

    def open_held(
        self, *, steward: PartyRef, jurisdiction: int, claim_key: Address, will: Will, evidence: bytes,
        provisional: bool = False, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[HeldAccount] | Prepared:  # fmt: skip
        """Open an account for a patient without a key.

        Args:
            steward: The accredited steward that holds it.
            jurisdiction: Where the steward is accredited.
            claim_key: Address of the key the patient is given on paper or card; it can only claim.
            will: How the patient's will was expressed.
            evidence: The form, recording or order; only a salted commitment goes on chain.
            provisional: True for an unknown emergency patient.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.
        """
        name = key or f"open-held/{claim_key}"
        known = self._care.sender.entry(name)
        terms = (known.note if known else None) or {
            "steward": address_of(steward), "jurisdiction": jurisdiction, "claimKey": claim_key,
            "salt": to_hex(new_salt().reveal()), "provisional": provisional,
        }  # fmt: skip
        subject = PartyRef("person", self._read("heldAddress", terms))
        held = HeldAccount(subject, terms)
        return self._write(
            "openHeld", terms, self._act(will, evidence), value=lambda _: held, key=name, wait=wait, dry_run=dry_run,
            content=[address_of(steward), jurisdiction, claim_key, provisional, will.name, to_hex(keccak(evidence))],
            note=terms,
        )  # fmt: skip

    def sign_claim(self, held: HeldAccount, *, controller: Address, signer: Signer) -> SignedTerms[Terms]:
        """Sign the claim of a held account with its claim key."""
        deadline = self.now() + OFFER_DAYS * DAY
        message = {"subject": held.subject.address, "controller": controller, "deadline": deadline}
        return Terms(TypedData(self.domain, {"HeldClaim": _CLAIM}, "HeldClaim", message)).signed_by(signer)

    def claim_held(
        self, held: HeldAccount, signed: SignedTerms[Terms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[PartyRef] | Prepared:  # fmt: skip
        """The patient takes a held account over; every power of the steward ends."""
        message = signed.terms.typed.message
        return self._write(
            "claimHeld", held.terms, message["controller"], message["deadline"], signed.signature,
            value=lambda _: held.subject, key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    # CONTROL AND RECOVERY

    def controller_of(self, subject: PartyRef) -> Address:
        """Who acts for a subject now."""
        return Address(self._read("controllerOf", address_of(subject)))

    def change_controller(
        self, subject: PartyRef, *, to: Address, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[Address] | Prepared:
        """Hand a subject to a new key."""
        return self._write(
            "changeController", address_of(subject), to, value=lambda _: to, key=key, wait=wait, dry_run=dry_run,
            entry=False,
        )  # fmt: skip

    def set_guardians(
        self, subject: PartyRef, new: GuardianSet | None, *, current: GuardianSet | None = None,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Set who can give the account back; in force after the wait of the set before it."""
        return self._write(
            "setGuardians", address_of(subject), current.call if current else NO_GUARDIANS,
            new.call if new else NO_GUARDIANS, value=lambda _: None, key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def sign_recovery(self, subject: PartyRef, *, to: Address, signer: Signer) -> SignedTerms[Terms]:
        """Sign, as a guardian, that a subject gets a new controller."""
        account = self._read("accountOf", address_of(subject))
        message = {
            "subject": address_of(subject), "newController": to, "recoveries": int(account["recoveries"]),
            "deadline": self.now() + OFFER_DAYS * DAY,
        }  # fmt: skip
        types = {"RecoveryApproval": _APPROVAL}
        return Terms(TypedData(self.domain, types, "RecoveryApproval", message)).signed_by(signer)

    def approve_recovery(
        self, signed: SignedTerms[Terms], *, guardians: GuardianSet, index: int, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[int] | Prepared:  # fmt: skip
        """Carry a guardian's approval to the chain; the quorum starts the wait. Returns how many have approved."""
        m = signed.terms.typed.message
        return self._write(
            "approveRecovery", m["subject"], m["newController"], guardians.call, guardians.proof(index), m["deadline"],
            signed.signature, value=lambda r: int(r.event("RecoveryApproved").args["count"]), key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip

    def object_to_recovery(
        self, subject: PartyRef, *, to: Address, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[None] | Prepared:
        """Object, as the controller of now: the wait doubles, and the larger quorum prevails."""
        return self._write(
            "objectToRecovery", address_of(subject), to, value=lambda _: None, key=key, wait=wait, dry_run=dry_run,
            entry=False,
        )  # fmt: skip

    def execute_recovery(
        self, subject: PartyRef, *, to: Address, guardians: GuardianSet, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Address] | Prepared:  # fmt: skip
        """Carry a recovery out once its wait is over. Anyone."""
        return self._write(
            "executeRecovery", address_of(subject), to, guardians.call, value=lambda _: to, key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip


def _signature(signed: SignedTerms[Any] | None) -> bytes:
    return signed.signature if signed else b""
