"""The scenes of the first journey: accredited, sealed, agreed, read and refused, emergency, revoked, shredded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger import errors
from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.codes import (
    DataClass,
    EmergencyReason,
    LegalBasis,
    Purpose,
    RecordStatus,
    Role,
    StatusReason,
    Verdict,
)
from careledger.custodian import Custodian
from careledger.demo import attacks
from careledger.demo.cast import SWITZERLAND, Cast, assemble
from careledger.demo.lost import LostPhone
from careledger.demo.outsider import outsider_view
from careledger.demo.people import AtTheDesk
from careledger.demo.scenes import Scenes, article, sent, words
from careledger.demo.story import Story
from careledger.errors import (
    FormatError,
    NotARecipient,
    NotFound,
    ReceiptRefused,
    SealedDamaged,
    StorageError,
)
from careledger.formats import fhir
from careledger.formats.fhir.audit_event import audit_events, bundle
from careledger.resources.access_requests import SignedRequest
from careledger.resources.answers import Answer
from careledger.resources.record_requests import Received
from careledger.resources.record_types import SealedRecord, ToSeal
from careledger.values import Decision

__all__ = ["Document", "Journey", "play"]


@dataclass(frozen=True)
class Document:
    """One resource of the patient's file, and the record made of it."""

    resource: fhir.Resource
    classes: frozenset[DataClass]
    record: SealedRecord

    @property
    def what(self) -> str:
        """The kind of resource, which is all that is said about it."""
        return self.resource.resource_type or "resource"


def play(
    care: CareLedger, story: Story, *, patient: Path, accounts: Callable[[int], Signer], first_account: int = 1
) -> Journey:
    """Play the whole journey.

    Args:
        care: A fresh suite on a local chain, governed by its signer.
        story: Who is told.
        patient: A FHIR Bundle about one patient.
        accounts: Funded development accounts by number.
        first_account: The first that may be used; seven follow.

    Raises:
        CareLedgerError: The file does not serve, or an attack that had to fail did not.
    """
    journey = Journey(care, story, assemble(care, accounts, start=first_account), patient)
    desk = AtTheDesk(care, story, journey.cast)
    journey.accredit()
    desk.pair()
    journey.seal()
    journey.consent()
    journey.read()
    journey.emergency()
    desk.held()
    desk.unknown()
    journey.revoke()
    journey.shred()
    journey.disclosures()
    LostPhone(care, story, journey.cast).play()
    journey.account()
    return journey


class Journey(Scenes):
    """The scenes, in order; each uses what the one before left."""

    def __init__(self, care: CareLedger, story: Story, cast: Cast, patient: Path) -> None:
        super().__init__(care, story, cast)
        self.patient = patient
        self.documents: list[Document] = []
        self.custodian = Custodian(cast.hospital.care, cast.hospital.party)
        self.audit: dict[str, Any] = {}
        """The patient's accounting, as a Bundle of AuditEvents."""
        self.read_bytes = 0

    # SCENES

    def accredit(self) -> None:
        """A board is admitted; hospital, clinic and doctor are accredited; keys are published."""
        cast, story = self.cast, self.story
        suite = self.care.suite
        story.scene("Accreditation: who is who")
        story.step(
            f"A suite of {len(suite.listings)} contracts stands on chain {suite.chain_id}, release {suite.release}, "
            f"{'unmodified' if suite.unmodified else 'MODIFIED'}."
        )
        admitted = [self._admit(role) for role in (Role.PROVIDER, Role.PRACTITIONER, Role.STEWARD)]
        also = sum(item.gas for item in admitted[1:])
        story.step("Governance admits the medical board as accreditor.", admitted[0], also=also)
        for who, role, name in (
            (cast.hospital, Role.PROVIDER, "hospital"),
            (cast.clinic, Role.PROVIDER, "clinic"),
            (cast.doctor, Role.PRACTITIONER, "doctor"),
            (cast.hospital, Role.STEWARD, "hospital as steward of patients without keys"),
        ):
            story.step(f"The board accredits the {name}; both sign, a relayer carries it.", self._accredit(who, role))
        offer = cast.clinic.care.participants.offer_affiliation(
            organisation=cast.clinic.party, practitioner=cast.doctor.party
        )
        story.step(
            "Clinic and doctor sign that she works there.",
            sent(
                cast.relayer.care.participants.affiliate(
                    offer,
                    organisation=offer.signed_by(cast.clinic.signer),
                    practitioner=offer.signed_by(cast.doctor.signer),
                )
            ),
        )
        named = sent(cast.clinic.care.emergencies.name_privacy_officer(cast.clinic.party, officer=cast.officer.party))
        story.step("The clinic names its privacy officer.", named)
        story.attack(
            "A thief issues itself a doctor's credential.",
            lambda: attacks.accredit_oneself(cast.thief, SWITZERLAND),
            errors.ParticipantRegistry_NotAccreditor,
        )
        keys = [self._publish(who) for who in (cast.hospital, cast.clinic, cast.doctor)]
        story.step(
            "Hospital, clinic and doctor publish their post-quantum keys (ML-KEM-768 + X25519).",
            keys[0],
            also=sum(item.gas for item in keys[1:]),
        )
        hospital = cast.hospital
        story.step(
            "The hospital names the account it signs access receipts with, for ever.",
            sent(hospital.care.records.name_receipt_key(hospital.party, signer=hospital.signer.address)),
        )

    def seal(self) -> None:
        """The patient's file is read, sealed resource by resource, and anchored in one transaction."""
        cast, story = self.cast, self.story
        story.scene("Sealed records: what existed, and who wrote it")
        resources = [item for item in fhir.read(self.patient, validate=False) if item.raw]
        records = [item for item in resources if item.becomes == "record" and item.data_classes]
        if not records:
            raise FormatError(f"{self.patient.name} holds nothing to seal", fix="Give a Bundle about one patient.")
        sensitive = sum(1 for item in records if any(c.is_sensitive for c in item.data_classes))
        story.step(
            f"{self.patient.name} holds {len(resources)} FHIR resources; {len(records)} become records, "
            f"{sensitive} of them with sensitive classes."
        )
        receipt = cast.hospital.care.records.seal_all(
            [ToSeal(item.raw, classes=item.data_classes, media_type="application/fhir+json") for item in records],
            author=cast.hospital.party,
            about=cast.ana.party,
        )
        made = sent(receipt)
        self.documents = [
            Document(item, frozenset(item.data_classes), record)
            for item, record in zip(records, made.value, strict=True)
        ]
        story.step(
            f"The hospital seals each of them and anchors all {len(records)} under one root; "
            f"on chain are 32 bytes, {made.gas // len(records):,} gas a record.",
            made,
        )
        story.attack(
            "A thief claims one of the commitments as its own writing.",
            lambda: attacks.forge_author(cast.thief, cast.hospital.party, self.documents[0].record),
            errors.RecordRegistry_NotController,
        )

    def consent(self) -> None:
        """The patient agrees by signature; somebody else pays the gas."""
        cast, story = self.cast, self.story
        story.scene("Consent: by signature, carried by anyone")
        terms = cast.clinic.care.consents.draft(
            patient=cast.ana.party, to=cast.clinic.party, purpose=Purpose.TREAT, for_days=90
        )
        story.step(f"Ana reads: “{terms.in_words('en')}”")
        signed = terms.signed_by(cast.ana.signer)
        story.attack(
            "A thief adds HIV to what she signed and carries it.",
            lambda: attacks.widen(cast.thief, signed),
            errors.Module_NotSignedBy,
        )
        story.attack(
            "A thief agrees in her name.",
            lambda: cast.thief.care.consents.grant(terms.signed_by(cast.thief.signer), key="in-her-name"),
            errors.Module_NotSignedBy,
        )
        granted = sent(cast.relayer.care.consents.grant(signed))
        story.step("Ana signs; a relayer carries it. Her account holds no ether and never sends.", granted)
        story.attack(
            "The relayer's copy of the signature is carried once more.",
            lambda: cast.thief.care.consents.grant(signed, key="again"),
            errors.ConsentRegistry_StaleVersion,
        )

    def read(self) -> None:
        """The doctor reads what she may and is refused what she may not; both are logged and anchored."""
        cast, story = self.cast, self.story
        story.scene("Reading: what she may, and not what she may not")
        ordinary = self._first(sensitive=False)
        allowed = self._request(ordinary, Purpose.TREAT)
        content = cast.doctor.care.records.read(ordinary.record.id)
        if content != ordinary.resource.raw:
            raise SealedDamaged("what was opened is not what was sealed")
        self.read_bytes = len(content)
        story.step(
            f"Dr Roe signs a request for {article(ordinary.what)}: allowed ({words(allowed.because)}). First comes "
            f"the hospital's receipt, then the key; {len(content):,} bytes open, byte for byte what was sealed."
        )
        hidden = self._first(sensitive=True)
        if hidden is not None:
            refused = self._request(hidden, Purpose.TREAT)
            story.refused(
                f"Dr Roe asks for {article(hidden.what)} with a sensitive class: refused, without a word about whose.",
                words(refused.because),
            )
        research = self._request(ordinary, Purpose.HRESCH)
        story.refused(
            "The same record, asked for research: refused. One consent, one purpose.", words(research.because)
        )
        story.attack(
            "A thief with the store in hand opens the sealed file with its own key.",
            lambda: cast.thief.care.records.read(ordinary.record.id),
            NotARecipient,
        )
        story.attack(
            "A thief swaps the sealed bytes for those of another record.",
            lambda: attacks.swap_ciphertext(cast.hospital, self.documents[0].record, self.documents[-1].record),
            SealedDamaged,
            StorageError,
        )
        story.attack(
            "A thief hands out the hospital's answer under a receipt of its own.",
            lambda: attacks.forge_receipt(cast.thief, cast.doctor, *self._asked(ordinary, Purpose.TREAT)),
            ReceiptRefused,
        )
        self._anchor_log()
        story.attack(
            "The hospital turns a refusal in its log into nothing, after the anchor.",
            lambda: attacks.edit_log(self.custodian),
            errors.InputError,
        )

    def emergency(self) -> None:
        """The glass is broken with a reason, by itself over, and reviewed."""
        cast, story = self.cast, self.story
        story.scene("Break-glass: in an emergency, with a reason, and reviewed")
        denial = cast.clinic.care.consents.draft_denial(
            cast.ana.party, classes=(), even_in_emergency=[DataClass.GENOMICS]
        )
        story.step(
            "Ana signs that genetic data stay closed even in an emergency.",
            sent(cast.relayer.care.consents.deny_signed(denial.signed_by(cast.ana.signer))),
        )
        hidden = self._first(sensitive=True) or self._first(sensitive=False)
        before = self._request(hidden, Purpose.ETREAT)
        story.refused("Dr Roe asks for emergency treatment, without breaking the glass.", words(before.because))
        opened = sent(
            cast.doctor.care.emergencies.open(
                cast.ana.party,
                practitioner=cast.doctor.party,
                organisation=cast.clinic.party,
                jurisdiction=SWITZERLAND,
                reason=EmergencyReason.UNCONSCIOUS,
            )
        )
        hours = (opened.value.until - opened.value.opened_at) // 3600
        story.step(
            f"Dr Roe breaks the glass: unconscious patient. It lasts {hours} hours and everybody sees it.", opened
        )
        within = self._request(hidden, Purpose.ETREAT)
        if cast.doctor.care.records.read(hidden.record.id) != hidden.resource.raw:
            raise SealedDamaged("what was opened is not what was sealed")
        story.step(f"Now the sensitive record opens: {words(within.because)}.")
        genome = self._decide(frozenset({DataClass.GENOMICS}), Purpose.ETREAT)
        story.refused("Genetic data stay closed.", words(genome.because))
        story.attack(
            "Dr Roe reviews her own emergency.",
            lambda: cast.doctor.care.emergencies.review(opened.value, verdict=Verdict.JUSTIFIED, evidence=b"mine"),
            errors.EmergencyRegistry_NotController,
        )
        reviewed = cast.officer.care.emergencies.review(
            opened.value, verdict=Verdict.JUSTIFIED, evidence=b"chart reviewed"
        )
        story.step("The privacy officer reviews it in time: justified.", sent(reviewed))

    def revoke(self) -> None:
        """The patient ends her consent."""
        cast, story = self.cast, self.story
        story.scene("Revocation: at any time")
        ending = cast.clinic.care.consents.draft_revocation(cast.ana.party, to=cast.clinic.party, purpose=Purpose.TREAT)
        story.step(
            "Ana signs the end of her consent; a relayer carries it.",
            sent(cast.relayer.care.consents.revoke_signed(ending.signed_by(cast.ana.signer))),
        )
        refused = self._request(self._first(sensitive=False), Purpose.TREAT)
        story.refused("Dr Roe asks again: refused.", words(refused.because))
        left = cast.relayer.care.participants.end_affiliation
        story.attack(
            "A relayer ends the doctor's affiliation.",
            lambda: left(organisation=cast.clinic.party, practitioner=cast.doctor.party, reason=StatusReason.REQUESTED),
            errors.ParticipantRegistry_NotController,
        )

    def shred(self) -> None:
        """All keys and salts of a record are destroyed, and that is stated."""
        cast, story = self.cast, self.story
        story.scene("Shredding: nobody can open it again")
        victim = self._first(sensitive=True) or self._first(sensitive=False)
        receipt = sent(cast.hospital.care.records.shred(victim.record.id, basis=LegalBasis.PATIENT_REQUEST))
        story.step(
            "At Ana's request the hospital destroys every wrap, the salt and the sealed bytes, and states it.", receipt
        )
        state = cast.hospital.care.records.status(victim.record.id)
        if state.status is not RecordStatus.SHREDDED:
            raise SealedDamaged("the chain does not say that the record was shredded")
        for who, name in ((cast.doctor, "Dr Roe"), (cast.hospital, "Even the hospital")):
            story.attack(
                f"{name} opens the shredded record.",
                lambda who=who: who.care.records.read(victim.record.id),  # type: ignore[misc]
                NotFound,
            )
        story.attack(
            "Somebody who kept the plaintext proves that the anchored commitment is it.",
            lambda: attacks.match_plaintext(victim),
            NotFound,
        )

    def disclosures(self) -> None:
        """The patient asks who read her records, and holds the answer against the anchors."""
        cast, story, records = self.cast, self.story, self.cast.ana.care.records
        story.scene("Accounting: who read my records, and who was refused")
        self._anchor_log()
        request = records.request_accounting(custodian=cast.hospital.party, patient=cast.ana.party)
        opener = cast.ana.opener
        assert opener is not None  # noqa: S101 - the cast gives her one
        answer = self.custodian.accounting(request)
        told = answer.open(opener, records.domain)
        check = records.check_accounting(told)
        if not check.complete:
            raise SealedDamaged("an accounting that was honest does not check")
        denied = sum(1 for entry in told.disclosures if not entry.allowed)
        story.step(
            f"Ana signs a request; the hospital accounts for {check.entries} accesses, {denied} of them refused. Her "
            f"wallet proves {check.proved} of them against the anchors, and that none is missing."
        )
        events = audit_events(
            told.disclosures, custodian=told.custodian, chain_id=self.care.connection.chain_id,
            registry=records.address, version="5.0.0",
        )  # fmt: skip
        self.audit = bundle(list(events))
        story.step(f"She takes them along as {len(self.audit['entry'])} FHIR AuditEvents (R5).")
        story.attack(
            "The hospital leaves out the access in the emergency, and signs for the rest.",
            lambda: attacks.leave_out(self.custodian, told, cast.ana),
            errors.InputError,
        )
        story.attack(
            "A thief asks for her accounting.",
            lambda: self.custodian.accounting(attacks.ask_for_another(cast.thief, cast.hospital.party, cast.ana.party)),
            errors.AccessDenied,
        )

    def account(self) -> None:
        """What is on the chain is told: what a stranger saw, beside what it meant."""
        seen = outsider_view(self.care, self.cast)
        self.story.facts["outsider"] = seen
        entries = list(self.custodian.book.about(self.cast.ana.party.address))
        self.story.facts["patient"] = {
            "records": len(self.documents),
            "accesses": len(entries),
            "denied": sum(1 for entry in entries if not entry.allowed),
        }

    # WHAT SCENES USE

    def _first(self, *, sensitive: bool) -> Document:
        """Return the first document with, or without, a sensitive class; the first at all where there is none."""
        for document in self.documents:
            if any(item.is_sensitive for item in document.classes) is sensitive:
                if sensitive and DataClass.GENOMICS in document.classes:
                    continue
                return document
        return self.documents[0]

    def _decide(self, classes: frozenset[DataClass], purpose: Purpose) -> Decision:
        cast = self.cast
        return cast.hospital.care.consents.decide(
            patient=cast.ana.party,
            actor=cast.doctor.party,
            capacity=cast.clinic.party,
            purpose=purpose,
            classes=classes,
            jurisdiction=SWITZERLAND,
            custodian=cast.hospital.party,
            author=cast.hospital.party,
        )

    def _asked(self, document: Document, purpose: Purpose) -> tuple[Answer, SignedRequest]:
        """Let the doctor sign a request for the clinic, and the hospital answer it."""
        cast = self.cast
        request = cast.doctor.care.records.request(
            document.record.id,
            custodian=cast.hospital.party,
            purpose=purpose,
            capacity=cast.clinic.party,
            jurisdiction=SWITZERLAND,
        )
        return self.custodian.answer(request), request

    def _request(self, document: Document, purpose: Purpose) -> Received:
        """Ask as the doctor, and take in what the hospital answers."""
        return self.cast.doctor.care.records.receive(*self._asked(document, purpose))

    def _anchor_log(self) -> None:
        receipt = self.custodian.anchor()
        if receipt is None:
            return
        made = sent(receipt)
        part = made.value
        entries = [self.custodian.book.entry(number) for number in range(part.first, part.last + 1)]
        refused = sum(1 for entry in entries if not entry.allowed)
        self.story.step(
            f"The hospital anchors entries {part.first} to {part.last} of its access log, {refused} refusals among "
            "them.",
            made,
        )
