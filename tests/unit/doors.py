"""Every door that opens to a signature, so that one rule can be tried on all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from careledger.values import keccak
from tests.chainkit import Contract, Person, Tx
from tests.words import (
    ConsentReason,
    Meaning,
    RecordStatus,
    Role,
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
from tests.world import (
    AFFILIATION,
    AMENDMENT,
    APPROVAL,
    BATCH,
    CLAIM,
    CREDENTIAL,
    DENIAL,
    GRANT,
    GUARDIANSHIP,
    KEY,
    NO_TERMS,
    RECORD,
    REVOCATION,
    Circle,
    World,
    class_words,
    purpose_words,
    role_word,
    spoken,
)  # fmt: skip

ONE = digest("record one")
NO_BATCH = {"root": "0x" + "00" * 32, "path": []}


@dataclass(frozen=True)
class Door:
    """One signed act of `who`: its type, its message, and how it is carried."""

    contract: Callable[[World], Contract]
    kind: str
    fields: str
    message: Callable[[World, Any, int], dict[str, Any]]
    carry: Callable[[World, Any, int, bytes], Tx]
    replay: tuple[str, Callable[[World, Any], dict[str, Any]]]
    """The refusal that meets the same signature a second time; its values."""
    prepare: Callable[[World, Any], Any] = lambda world, who: None
    epoch: bool = True
    """Whether the message names the epoch."""

    def sign(self, world: World, who: Any, by: Person, deadline: int, **domain: Any) -> bytes:
        """Sign it."""
        return world.sign(
            by, self.contract(world), self.kind, self.fields, self.message(world, who, deadline), **domain
        )


def _grant(world: World, who: Any) -> dict[str, Any]:
    return terms(who, organisation(world.clinic))


def _grant_message(world: World, who: Any, deadline: int) -> dict[str, Any]:
    said = _grant(world, who)
    word = said["word"]
    return {
        "patient": who, **spoken(said["scope"]), "permits": class_words(word & (1 << 64) - 1),
        "denies": class_words(word >> 64 & (1 << 64) - 1), "notBefore": word >> 128 & (1 << 40) - 1,
        "expiresAt": word >> 168 & (1 << 40) - 1, "limited": False, "receipt": said["receipt"], "replaces": 0,
        "epoch": 0, "deadline": deadline,
    }  # fmt: skip


def _scope(world: World) -> str:
    return scope(organisation(world.clinic))


def _circle(who: Any) -> Circle:
    return Circle([who, Person("another guardian")], quorum=2, larger=2, wait=86_400)


def _set_guardians(world: World, who: Any) -> None:
    world.participants.setGuardians(world.patient, NO_TERMS, _circle(who).terms, sender=world.patient)


def _held(world: World, who: Any) -> dict[str, Any]:
    return held_terms(world.steward, who)


def _open_held(world: World, who: Any) -> None:
    world.participants.openHeld(_held(world, who), {"will": 2, "evidence": digest("form")}, sender=world.steward)


def _amendment(who: Any) -> dict[str, Any]:
    return amendment(who, ONE, RecordStatus.Superseded, replacement=digest("record two"))


def _amend_prepare(world: World, who: Any) -> None:
    message = {"author": who, "commitment": ONE, "meaning": 1, "deadline": 1 << 39}
    signature = world.sign(who_signs(who), world.records, "RecordSignature", RECORD, message)
    world.records.anchorSigned(who, 1, ONE, 1 << 39, signature)


def who_signs(who: Any) -> Person:
    """The person behind an account: itself, or a contract wallet's owner."""
    return getattr(who, "owner", who)


def _stale(named: int, now: int, called: str = "expected") -> Callable[[World, Any], dict[str, Any]]:
    return lambda world, who: {"named": named, called: now}


DOORS: dict[str, Door] = {
    "grantSigned": Door(
        lambda w: w.consents, "ConsentGrant", GRANT, _grant_message,
        lambda w, who, d, s: w.consents.grantSigned(s, _grant(w, who), d, sender=w.relayer),
        ("ConsentRegistry_StaleVersion", _stale(1, 2)),
    ),
    "revokeSigned": Door(
        lambda w: w.consents, "ConsentRevocation", REVOCATION,
        lambda w, who, d: {
            "patient": who, **spoken(_scope(w)), "reason": 1, "version": 0, "epoch": 0, "deadline": d,
        },
        lambda w, who, d, s: w.consents.revokeSigned(
            who, _scope(w), ConsentReason.PatientRequest, 0, d, s, sender=w.relayer
        ),
        ("ConsentRegistry_StaleVersion", _stale(0, 1)),
    ),
    "denySigned": Door(
        lambda w: w.consents, "StandingDenial", DENIAL,
        lambda w, who, d: {
            "patient": who, "denied": ["labs", "hiv"], "emergencyDenied": [], "version": 0, "epoch": 0, "deadline": d,
        },
        lambda w, who, d, s: w.consents.denySigned(who, 1 << 7 | 1 << 36, 0, 0, d, s, sender=w.relayer),
        ("ConsentRegistry_StaleVersion", _stale(0, 1)),
    ),
    "appointGuardianSigned": Door(
        lambda w: w.guardians, "Guardianship", GUARDIANSHIP,
        lambda w, who, d: {
            **guardianship(who, w.insurer), "purposes": purpose_words(guardianship(who, w.insurer)["purposes"]),
            "epoch": 0, "deadline": d,
        },
        lambda w, who, d, s: w.guardians.appointGuardianSigned(guardianship(who, w.insurer), d, s, sender=w.relayer),
        ("GuardianRegistry_StaleVersion", _stale(0, 1, "current")),
    ),
    "publishKeySigned": Door(
        lambda w: w.participants, "PublishKey", KEY,
        lambda w, who, d: {
            "subject": who, "suite": 1, "keyHash": "0x" + keccak(b"k" * 32).hex(), "epoch": 1, "deadline": d,
        },
        lambda w, who, d, s: w.participants.publishKeySigned(who, 1, b"k" * 32, d, s, sender=w.relayer),
        ("Module_NotSignedBy", lambda w, who: {"signer": who}), epoch=False,
    ),
    "issueCredential": Door(
        lambda w: w.participants, "CredentialTerms", CREDENTIAL,
        lambda w, who, d: {
            **credential(w.accreditor, who, Role.Pharmacy, deadline=d), "role": role_word(Role.Pharmacy),
        },
        lambda w, who, d, s: w.participants.issueCredential(
            credential(w.accreditor, who, Role.Pharmacy, deadline=d), b"", s, sender=w.accreditor
        ),
        (
            "ParticipantRegistry_CredentialLive",
            lambda w, who: {
                "issuer": w.accreditor, "expiresAt": credential(w.accreditor, who, Role.Pharmacy)["expiresAt"],
            },
        ), epoch=False,
    ),
    "affiliate": Door(
        lambda w: w.participants, "AffiliationTerms", AFFILIATION,
        lambda w, who, d: affiliation(w.hospital, who, deadline=d),
        lambda w, who, d, s: w.participants.affiliate(
            affiliation(w.hospital, who, deadline=d), b"", s, sender=w.hospital
        ),
        (
            "ParticipantRegistry_TermsUsed",
            lambda w, who: {
                "start": affiliation(w.hospital, who)["since"], "mustBeAfter": affiliation(w.hospital, who)["until"],
            },
        ), epoch=False,
    ),
    "claimHeld": Door(
        lambda w: w.participants, "HeldClaim", CLAIM,
        lambda w, who, d: {
            "subject": w.participants.heldAddress(_held(w, who)), "controller": w.insurer, "deadline": d,
        },
        lambda w, who, d, s: w.participants.claimHeld(_held(w, who), w.insurer, d, s, sender=w.relayer),
        ("ParticipantRegistry_NotHeld", lambda w, who: {"subject": w.participants.heldAddress(_held(w, who))}),
        _open_held, epoch=False,
    ),
    "approveRecovery": Door(
        lambda w: w.participants, "RecoveryApproval", APPROVAL,
        lambda w, who, d: {"subject": w.patient, "newController": w.insurer, "recoveries": 0, "deadline": d},
        lambda w, who, d, s: w.participants.approveRecovery(
            w.patient, w.insurer, _circle(who).terms, _circle(who).proof(0), d, s, sender=w.relayer
        ),
        ("ParticipantRegistry_AlreadyDone", lambda w, who: {"step": 0}),
        _set_guardians, epoch=False,
    ),
    "anchorSigned": Door(
        lambda w: w.records, "RecordSignature", RECORD,
        lambda w, who, d: {"author": who, "commitment": ONE, "meaning": 1, "deadline": d},
        lambda w, who, d, s: w.records.anchorSigned(who, Meaning.Authored, ONE, d, s, sender=w.relayer),
        (
            "RecordRegistry_AlreadyAnchored",
            lambda w, who: {
                "id": w.records.recordIdOf(who, ONE),
                "anchoredAt": w.records.recordOf(w.records.recordIdOf(who, ONE))["anchoredAt"],
            },
        ), epoch=False,
    ),
    "anchorBatchSigned": Door(
        lambda w: w.records, "BatchSignature", BATCH,
        lambda w, who, d: {"author": who, "root": ONE, "size": 9, "meaning": 1, "deadline": d},
        lambda w, who, d, s: w.records.anchorBatchSigned(who, ONE, 9, Meaning.Authored, d, s, sender=w.relayer),
        (
            "RecordRegistry_AlreadyAnchored",
            lambda w, who: {
                "id": w.records.batchOf(who, ONE)["batchId"],
                "anchoredAt": w.records.batchOf(who, ONE)["batch"]["anchoredAt"],
            },
        ), epoch=False,
    ),
    "amendSigned": Door(
        lambda w: w.records, "RecordAmendment", AMENDMENT,
        lambda w, who, d: {**_amendment(who), "deadline": d},
        lambda w, who, d, s: w.records.amendSigned(_amendment(who), NO_BATCH, d, s, sender=w.relayer),
        ("RecordRegistry_BadTransition", lambda w, who: {"from": 2, "to": 2}),
        _amend_prepare, epoch=False,
    ),
}  # fmt: skip
