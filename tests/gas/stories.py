"""What people do, each from a prepared state in a transaction of its own, and what it costs.

A story is a sentence and a function from the world to a `Tx`. People have fixed keys and the chain a fixed time, so a
figure is exact: it changes when a contract changes, and never otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from careledger.chain.local import LocalChain
from careledger.codes import Purpose
from careledger.privacy.merkle import PositionalTree, StandardTree
from careledger.values import keccak
from tests.chainkit import NOTHING, START, Node, Person, Tx
from tests.words import (
    BY_LAW,
    DAY,
    HIV,
    LABS,
    LIMITED,
    PAPER,
    SWISS,
    ConsentReason,
    CredentialStatus,
    EmergencyReason,
    LegalBasis,
    Meaning,
    RecordStatus,
    Role,
    Rule,
    StatusReason,
    Verdict,
    affiliation,
    amendment,
    credential,
    digest,
    guardianship,
    held_terms,
    organisation,
    scope,
    terms,
)  # fmt: skip
from tests.world import ACCESS_RECEIPT, CLAIM, LATER, NO_TERMS, RECORD, Circle, World

ASKED = ConsentReason.PatientRequest
NO_BATCH = {"root": NOTHING, "path": []}
STORIES: dict[str, Callable[[World], Tx]] = {}


@contextmanager
def node_world() -> Iterator[World]:
    """A settled world on Anvil."""
    with LocalChain(engine="anvil", arguments=["--timestamp", str(START - 700)]) as chain:
        node = Node(chain)
        node.warp(START - 600)
        world = World(node).settle()
        node.warp(START + 100)
        yield world


def measure(world: World, sentence: str) -> int:
    """Gas of one story; what it did is undone."""
    before = world.engine.snapshot()
    try:
        return STORIES[sentence](world).gas
    finally:
        world.engine.revert(before)


def story(sentence: str) -> Callable[[Callable[[World], Tx]], Callable[[World], Tx]]:
    """Add a story."""

    def add(function: Callable[[World], Tx]) -> Callable[[World], Tx]:
        assert sentence not in STORIES
        STORIES[sentence] = function
        return function

    return add


def _grant(w: World, **said: Any) -> Tx:
    return w.consents.grant(terms(w.patient, organisation(w.clinic), **said), sender=w.patient)


def _to_clinic(w: World) -> str:
    return scope(organisation(w.clinic))


# CONSENTS


@story("patient grants consent to one clinic")
def _(w: World) -> Tx:
    return _grant(w)


@story("patient grants consent with limits kept in the receipt")
def _(w: World) -> Tx:
    return _grant(w, flags=LIMITED)


@story("patient grants again, superseding the directive before")
def _(w: World) -> Tx:
    _grant(w)
    return _grant(w, version=2)


@story("relayer carries a patient's signed grant")
def _(w: World) -> Tx:
    said = terms(w.patient, organisation(w.clinic))
    return w.consents.grantSigned(w.sign_grant(w.patient, said), said, LATER, sender=w.relayer)


@story("relayer carries a patient's signed grant that supersedes another")
def _(w: World) -> Tx:
    _grant(w)
    said = terms(w.patient, organisation(w.clinic), version=2)
    return w.consents.grantSigned(w.sign_grant(w.patient, said), said, LATER, sender=w.relayer)


@story("relayer carries a signed grant of three classes out of profile")
def _(w: World) -> Tx:
    said = terms(w.patient, organisation(w.clinic), permits=LABS | 1, denies=HIV)
    return w.consents.grantSigned(w.sign_grant(w.patient, said), said, LATER, sender=w.relayer)


@story("patient revokes consent")
def _(w: World) -> Tx:
    _grant(w)
    return w.consents.revoke(w.patient, _to_clinic(w), ASKED, sender=w.patient)


@story("relayer carries a patient's signed revocation")
def _(w: World) -> Tx:
    _grant(w)
    signature = w.sign_revocation(w.patient, w.patient, _to_clinic(w), ASKED, 1)
    return w.consents.revokeSigned(w.patient, _to_clinic(w), ASKED, 1, LATER, signature, sender=w.relayer)


@story("patient denies a class to everybody")
def _(w: World) -> Tx:
    return w.consents.deny(w.patient, HIV, 0, sender=w.patient)


@story("patient changes a standing denial")
def _(w: World) -> Tx:
    w.consents.deny(w.patient, HIV, 0, sender=w.patient)
    return w.consents.deny(w.patient, HIV | LABS, HIV, sender=w.patient)


@story("relayer carries a patient's signed standing denial")
def _(w: World) -> Tx:
    signature = w.sign_denial(w.patient, w.patient, HIV, 0, 0)
    return w.consents.denySigned(w.patient, HIV, 0, 0, LATER, signature, sender=w.relayer)


@story("steward grants for a patient without keys")
def _(w: World) -> Tx:
    held = w.open_held(w.stranger)
    return w.consents.grantFor(terms(held, organisation(w.clinic)), PAPER, sender=w.steward)


@story("custodian states a base policy")
def _(w: World) -> Tx:
    said = (w.custodian, Role.Custodian, SWISS, Purpose.TREAT, Rule.PermitUnlessDenied, 0xFFFF, 4, digest("law"))
    return w.consents.statePolicy(*said, sender=w.custodian)


# RECORDS


@story("author anchors one record")
def _(w: World) -> Tx:
    return w.records.anchor(w.practitioner, Meaning.Authored, digest("record"), sender=w.practitioner)


@story("relayer carries an author's signed record")
def _(w: World) -> Tx:
    message = {"author": w.practitioner, "commitment": digest("record"), "meaning": 1, "deadline": LATER}
    signature = w.sign(w.practitioner, w.records, "RecordSignature", RECORD, message)
    return w.records.anchorSigned(w.practitioner, 1, digest("record"), LATER, signature, sender=w.relayer)


def _thousand() -> StandardTree:
    return StandardTree.of_commitments(keccak(f"record {i}".encode()) for i in range(1000))


@story("author anchors 1,000 records in one batch")
def _(w: World) -> Tx:
    who = w.practitioner
    return w.records.anchorBatch(who, "0x" + _thousand().root.hex(), 1000, Meaning.Authored, sender=who)


@story("author marks one record of a batch of 1,000 as entered in error")
def _(w: World) -> Tx:
    tree, who = _thousand(), w.practitioner
    w.records.anchorBatch(who, "0x" + tree.root.hex(), 1000, Meaning.Authored, sender=who)
    said = amendment(who, "0x" + tree.values[500][0].hex(), RecordStatus.EnteredInError)
    return w.records.amend(said, {"root": tree.root, "path": tree.proof(500)}, sender=who)


@story("author supersedes a record by a newer version")
def _(w: World) -> Tx:
    who = w.practitioner
    w.records.anchor(who, Meaning.Authored, digest("record"), sender=who)
    said = amendment(who, digest("record"), RecordStatus.Superseded, replacement=digest("newer"))
    return w.records.amend(said, NO_BATCH, sender=who)


@story("author states that a record was shredded")
def _(w: World) -> Tx:
    who = w.practitioner
    w.records.anchor(who, Meaning.Authored, digest("record"), sender=who)
    said = amendment(who, digest("record"), RecordStatus.Shredded, basis=LegalBasis.PatientRequest)
    return w.records.amend(said, NO_BATCH, sender=who)


def _log(w: World, first: int, last: int) -> Tx:
    tree = PositionalTree([keccak(f"entry {n}".encode()) for n in range(first, last + 1)])
    return w.records.anchorLog(w.custodian, tree.root, first, last, sender=w.custodian)


@story("custodian anchors its first 100 log entries")
def _(w: World) -> Tx:
    return _log(w, 1, 100)


@story("custodian anchors its next 100 log entries")
def _(w: World) -> Tx:
    _log(w, 1, 100)
    return _log(w, 101, 200)


@story("anybody reports an entry that a custodian left out")
def _(w: World) -> Tx:
    said = {"custodian": w.custodian.address, "entry": 7, "leaf": digest("entry"), "issuedAt": START}
    signature = w.sign(w.custodian, w.records, "AccessReceipt", ACCESS_RECEIPT, said)
    w.records.nameReceiptKey(w.custodian, w.custodian, sender=w.custodian)
    w.warp(START + 2 * DAY)
    return w.records.reportOmission(said, w.custodian, signature, sender=w.patient)


# PARTICIPANTS


@story("accreditor issues a first credential with the subject's signature")
def _(w: World) -> Tx:
    return w.accredit(Person("doctor"), Role.Practitioner)


@story("relayer carries a credential that both sides signed")
def _(w: World) -> Tx:
    doctor = Person("doctor")
    said = credential(w.accreditor, doctor, Role.Practitioner)
    signatures = w.sign_credential(w.accreditor, said), w.sign_credential(doctor, said)
    return w.participants.issueCredential(said, *signatures, sender=w.relayer)


@story("accreditor suspends a credential")
def _(w: World) -> Tx:
    said = (w.practitioner, Role.Practitioner, SWISS, CredentialStatus.Suspended, StatusReason.UnderInvestigation)
    return w.participants.setCredentialStatus(*said, sender=w.accreditor)


@story("hospital affiliates a practitioner with its signature")
def _(w: World) -> Tx:
    said = affiliation(w.hospital, w.practitioner)
    return w.participants.affiliate(said, b"", w.sign_affiliation(w.practitioner, said), sender=w.hospital)


@story("practitioner ends an affiliation")
def _(w: World) -> Tx:
    said = (w.clinic, w.practitioner, StatusReason.Requested)
    return w.participants.endAffiliation(*said, sender=w.practitioner)


@story("patient publishes an X25519 key (32 bytes)")
def _(w: World) -> Tx:
    return w.participants.publishKey(w.patient, 1, b"\x5a" * 32, sender=w.patient)


@story("patient publishes a post-quantum key (1,216 bytes)")
def _(w: World) -> Tx:
    return w.participants.publishKey(w.patient, 2, b"\x5a" * 1216, sender=w.patient)


@story("patient publishes its next post-quantum key")
def _(w: World) -> Tx:
    w.participants.publishKey(w.patient, 2, b"\x5a" * 1216, sender=w.patient)
    return w.participants.publishKey(w.patient, 2, b"\x5b" * 1216, sender=w.patient)


@story("steward opens an account for a patient without keys")
def _(w: World) -> Tx:
    return w.participants.openHeld(held_terms(w.steward, w.stranger), PAPER, sender=w.steward)


@story("steward closes a provisional account")
def _(w: World) -> Tx:
    held = w.open_held(w.stranger, provisional=True)
    return w.participants.closeProvisional(held, digest("link"), BY_LAW, sender=w.steward)


@story("relayer carries a patient's claim of a held account")
def _(w: World) -> Tx:
    held = w.open_held(w.stranger)
    message = {"subject": held, "controller": w.patient, "deadline": LATER}
    signature = w.sign(w.stranger, w.participants, "HeldClaim", CLAIM, message)
    return w.participants.claimHeld(held_terms(w.steward, w.stranger), w.patient, LATER, signature, sender=w.relayer)


@story("patient hands its account to a new key")
def _(w: World) -> Tx:
    return w.participants.changeController(w.patient, w.stranger, sender=w.patient)


def _circle() -> Circle:
    return Circle([Person(f"guardian {i}") for i in range(3)], quorum=2, larger=3, wait=3 * DAY)


def _approve(w: World, index: int) -> Tx:
    circle = _circle()
    said = (w.patient, w.stranger, circle.terms, circle.proof(index), 0, b"")
    return w.participants.approveRecovery(*said, sender=circle.people[index])


def _with_guardians(w: World) -> Tx:
    return w.participants.setGuardians(w.patient, NO_TERMS, _circle().terms, sender=w.patient)


@story("patient sets three guardians for recovery")
def _(w: World) -> Tx:
    return _with_guardians(w)


@story("first guardian approves a recovery")
def _(w: World) -> Tx:
    _with_guardians(w)
    return _approve(w, 0)


@story("second guardian approves a recovery and starts the wait")
def _(w: World) -> Tx:
    _with_guardians(w)
    _approve(w, 0)
    return _approve(w, 1)


@story("anybody carries a recovery out")
def _(w: World) -> Tx:
    _with_guardians(w)
    _approve(w, 0)
    _approve(w, 1)
    w.warp(START + 5 * DAY)
    return w.participants.executeRecovery(w.patient, w.stranger, _circle().terms, sender=w.relayer)


# GUARDIANS AND EMERGENCIES


@story("patient appoints a guardian")
def _(w: World) -> Tx:
    return w.guardians.appointGuardian(guardianship(w.patient, w.stranger), sender=w.patient)


@story("patient ends a guardianship")
def _(w: World) -> Tx:
    w.guardians.appointGuardian(guardianship(w.patient, w.stranger), sender=w.patient)
    return w.guardians.endGuardianship(w.patient, w.stranger, sender=w.patient)


def _open(w: World) -> Tx:
    said = (w.patient, w.practitioner, w.clinic, SWISS, EmergencyReason.Unconscious)
    return w.emergencies.openEmergency(*said, sender=w.practitioner)


@story("practitioner opens emergency access")
def _(w: World) -> Tx:
    return _open(w)


@story("privacy officer finds an emergency justified")
def _(w: World) -> Tx:
    _open(w)
    said = (w.patient, w.practitioner, 1, Verdict.Justified, digest("review"))
    return w.emergencies.reviewEmergency(*said, sender=w.officer)
