"""Named outcomes: people about whom it is known beforehand how things end, so that a test needs no preparation.

A name says what always happens. New domains add theirs here; a name never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from careledger.codes import (
    CredentialStatus,
    DataClass,
    EmergencyReason,
    Purpose,
    Role,
    StatusReason,
    Verdict,
    Will,
)
from careledger.privacy.openers import from_seed, new_seed
from careledger.resources.emergencies import Emergency
from careledger.resources.scope import ORDINARY, SENSITIVE
from careledger.testing.people import JURISDICTION, People, Person
from careledger.values import Receipt

__all__ = ["OUTCOMES", "Outcome"]

DAY: Final = 86_400


@dataclass(frozen=True)
class Outcome:
    """Somebody with a known outcome."""

    name: str
    says: str
    """What always happens, in one sentence."""
    make: Callable[[People], Person]


_found: dict[str, Outcome] = {}


def _outcome(name: str, says: str) -> Callable[[Callable[[People], Person]], Callable[[People], Person]]:
    def declare(make: Callable[[People], Person]) -> Callable[[People], Person]:
        _found[name] = Outcome(name, says, make)
        return make

    return declare


OUTCOMES: Final[Mapping[str, Outcome]] = MappingProxyType(_found)
"""Every named outcome, by its name."""


# PATIENTS


@_outcome("P-NO-KEY", "has no key: the steward holds the account, and the patient signs nothing")
def _no_key(people: People) -> Person:
    held = people.steward.care.held
    card = held.new_card()
    opened = held.open(
        card, will=Will.PAPER, evidence=b"form signed at the desk", steward=people.steward.party,
        jurisdiction=JURISDICTION,
    )  # fmt: skip
    assert isinstance(opened, Receipt)  # noqa: S101 - no dry run was asked for
    return Person("", opened.value.subject, card.signer, from_seed(new_seed()), people._client, held=opened.value)


@_outcome("P-GRANTED", "lets the clinic read all ordinary classes for treatment, for 90 days")
def _granted(people: People) -> Person:
    return _grants(people, people.patient())


@_outcome("P-ONE-CLASS", "lets the clinic read laboratory results for treatment, and nothing else")
def _one_class(people: People) -> Person:
    return _grants(people, people.patient(), classes={DataClass.LABS}, denies=(ORDINARY | SENSITIVE) - {DataClass.LABS})


@_outcome("P-REVOKED", "let the clinic read for treatment, and has ended it")
def _revoked(people: People) -> Person:
    patient = _grants(people, people.patient())
    consents = people.relayer.care.consents
    ending = consents.draft_revocation(patient.party, to=people.clinic.party, purpose=Purpose.TREAT)
    consents.revoke_signed(ending.signed_by(patient.signer))
    return patient


@_outcome("P-LAPSED", "let the clinic read for treatment, for a day that is over; a day and an hour pass meanwhile")
def _lapsed(people: People) -> Person:
    patient = _grants(people, people.patient(), for_days=1)
    people.clock.forward(days=1, hours=1)
    return patient


@_outcome("P-DENY-ALL", "lets the clinic read for treatment, and denies every class to everybody all the same")
def _deny_all(people: People) -> Person:
    return _denies(people, _grants(people, people.patient()), even_in_emergency=())


@_outcome("P-DENY-EMERGENCY", "denies every class to everybody, even in an emergency")
def _deny_emergency(people: People) -> Person:
    return _denies(people, people.patient(), even_in_emergency=ORDINARY | SENSITIVE)


@_outcome("P-EMERGENCY", "is unconscious: the doctor has broken the glass, for eight hours")
def _emergency(people: People) -> Person:
    patient = people.patient()
    _breaks_the_glass(people, people.doctor, people.clinic, patient)
    return patient


@_outcome("P-STALE", "signed a grant to the clinic and then raised the epoch: the signature is dead")
def _stale(people: People) -> Person:
    patient = people.patient()
    people.chain.fund(patient.signer.address)
    patient.care.participants.raise_epoch(patient.party)
    return patient


# PROFESSIONALS


@_outcome("DR-SUSPENDED", "has a suspended credential: it breaks no glass, and acts for the clinic while that keeps it")
def _dr_suspended(people: People) -> Person:
    doctor = _practitioner(people)
    people.board.care.participants.set_credential_status(
        doctor.party, role=Role.PRACTITIONER, jurisdiction=JURISDICTION, status=CredentialStatus.SUSPENDED,
        reason=StatusReason.UNDER_INVESTIGATION,
    )  # fmt: skip
    return doctor


@_outcome("DR-EXPIRED", "has a credential that ran out, and is of the clinic still; two days pass meanwhile")
def _dr_expired(people: People) -> Person:
    doctor = _practitioner(people, for_days=1)
    people.clock.forward(days=2)
    return doctor


@_outcome("DR-ELSEWHERE", "is an accredited practitioner who works for nobody here")
def _dr_elsewhere(people: People) -> Person:
    doctor = people.someone()
    people.accredit(doctor, Role.PRACTITIONER)
    return doctor


@_outcome("DR-MISUSED", "broke the glass without need: the verdict keeps it from another for 90 days")
def _dr_misused(people: People) -> Person:
    doctor, patient = _practitioner(people), people.patient()
    emergency = _breaks_the_glass(people, doctor, people.clinic, patient)
    people.officer.care.emergencies.review(
        emergency, verdict=Verdict.UNJUSTIFIED, evidence=b"no emergency in the chart"
    )
    return doctor


# ORGANISATIONS


@_outcome("O-NO-KEY", "is an accredited provider that has published no encryption key: nothing can be sealed to it")
def _o_no_key(people: People) -> Person:
    house = people.someone("organisation")
    people.accredit(house, Role.PROVIDER)
    return house


@_outcome("O-OVERDUE", "is a provider that missed a review: no more emergencies there; four days pass meanwhile")
def _o_overdue(people: People) -> Person:
    house, officer, doctor = people.someone("organisation"), people.someone(), people.someone()
    people.accredit(house, Role.PROVIDER)
    people.accredit(doctor, Role.PRACTITIONER)
    people.affiliate(house, doctor)
    house.care.emergencies.name_privacy_officer(house.party, officer=officer.party)
    emergency = _breaks_the_glass(people, doctor, house, people.patient())
    people.clock.to(emergency.review_due + DAY)
    people.relayer.care.emergencies.mark_overdue(emergency)
    return house


# WHAT THEY DO


def _grants(people: People, patient: Person, **how: Any) -> Person:
    consents = people.relayer.care.consents
    terms = consents.draft(patient=patient.party, to=people.clinic.party, purpose=Purpose.TREAT, **how)
    consents.grant(terms.signed_by(patient.signer))
    return patient


def _denies(people: People, patient: Person, *, even_in_emergency: frozenset[DataClass] | tuple[()]) -> Person:
    consents = people.relayer.care.consents
    terms = consents.draft_denial(patient.party, classes=ORDINARY | SENSITIVE, even_in_emergency=even_in_emergency)
    consents.deny_signed(terms.signed_by(patient.signer))
    return patient


def _practitioner(people: People, *, for_days: int = 3650) -> Person:
    doctor = people.someone()
    people.accredit(doctor, Role.PRACTITIONER, for_days=for_days)
    people.affiliate(people.clinic, doctor)
    return doctor


def _breaks_the_glass(people: People, doctor: Person, house: Person, patient: Person) -> Emergency:
    receipt = doctor.care.emergencies.open(
        patient.party, practitioner=doctor.party, organisation=house.party, jurisdiction=JURISDICTION,
        reason=EmergencyReason.UNCONSCIOUS,
    )  # fmt: skip
    assert isinstance(receipt, Receipt)  # noqa: S101 - no dry run was asked for
    return receipt.value
