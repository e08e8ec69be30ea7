"""Consents through the SDK.

draft
  given no classes
    it permits all ordinary ones and denies all sensitive ones       → test_draft__no_classes__takes_the_profile
  it can be read in three languages                                  → test_in_words__names_recipient_purpose_and_end
  when the language is unknown
    it says which there are                                          → test_in_words__unknown_language__says_which
grant
  given signed terms
    when a relayer carries them
      it grants, and the patient needs no ether                      → test_grant__signed__relayer_carries__grants
      when they are carried again
        it returns the first result                                  → test_grant__same_terms_again__returns_the_first
    when a term is changed
      it reverts, naming the signer                                  → test_grant__changed_term__reverts_not_signed
    when they are carried after a revocation
      it reverts, naming both versions                               → test_C2_grant__after_revocation__reverts_stale
  given a dry run
    it says what it costs and sends nothing                          → test_grant__dry_run__sends_nothing
revoke
  it ends the directive at once                                      → test_revoke__signed__ends_it
  when a stranger revokes
    it reverts with why and fix                                      → test_revoke__stranger__reverts_with_remedy
decide
  it has no truth value                                              → test_decide__is_not_a_truth_value
  given limits
    it needs the receipt                                             → test_decide__limits__need_the_receipt
  given a standing denial
    it denies to everybody                                           → test_decide__standing_denial__denies
  given a base policy
    it permits an accredited provider where nothing was said         → test_decide__base_policy__permits
list
  it returns live directives of a patient, at the index's head       → test_list__returns_live_directives
receipt
  it turns into JSON and back, and its commitment is in the event    → test_receipt__json_round_trip
"""

from dataclasses import replace

import pytest

from careledger import (
    Basis,
    ConsentReceipt,
    DataClass,
    Decision,
    Limits,
    Prepared,
    Purpose,
    Reason,
    Role,
    Rule,
    errors,
)
from careledger.resources.scope import ORDINARY, SENSITIVE
from tests.sdk.resources.town import SWITZERLAND, Town, Townsman


def ask(town: Town, patient: Townsman, *classes: DataClass, **more: object) -> Decision:
    return town.care.consents.decide(
        patient=patient.party, actor=town.doctor.party, capacity=town.clinic.party, purpose=Purpose.TREAT,
        classes=classes, jurisdiction=SWITZERLAND, **more,
    )  # fmt: skip


def granted(town: Town, patient: Townsman, **more: object):
    terms = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT, **more)
    return terms, town.relayer.care.consents.grant(terms.signed_by(patient.signer))


def test_draft__no_classes__takes_the_profile(town: Town) -> None:
    terms = town.care.consents.draft(patient=town.patient().party, to=town.clinic.party, purpose=Purpose.TREAT)
    assert (terms.permits, terms.denies, terms.version) == (ORDINARY, SENSITIVE, 1)


@pytest.mark.parametrize("language, purpose", [("en", "treatment"), ("de", "Behandlung"), ("zh", "治疗")])
def test_in_words__names_recipient_purpose_and_end(town: Town, language: str, purpose: str) -> None:
    terms = town.care.consents.draft(patient=town.patient().party, to=town.clinic.party, purpose=Purpose.TREAT)
    words = terms.in_words(language)
    assert purpose in words
    assert town.clinic.party.address in words


def test_in_words__unknown_language__says_which(town: Town) -> None:
    terms = town.care.consents.draft(patient=town.patient().party, to=town.clinic.party, purpose=Purpose.TREAT)
    with pytest.raises(errors.InputError, match="there are no words for 'tlh'") as caught:
        terms.in_words("tlh")
    assert caught.value.fix == "Use one of: en, de, zh."


def test_grant__signed__relayer_carries__grants(town: Town) -> None:
    patient = town.patient()
    terms, receipt = granted(town, patient)
    event = receipt.event("DirectiveGranted")
    assert event.args["patient"] == patient.party.address
    assert event.args["directiveId"] == receipt.value.id
    assert event.args["receipt"] == "0x" + terms.receipt.commitment.hex()
    assert town.care.connection.balance(patient.party.address) == 0
    answer = ask(town, patient, DataClass.LABS)
    assert (answer.allowed, answer.because, answer.basis) == (True, Reason.DIRECTIVE, Basis.DIRECTIVE)
    assert answer.directive_id == receipt.value.id


def test_grant__same_terms_again__returns_the_first(town: Town) -> None:
    patient = town.patient()
    terms, first = granted(town, patient)
    again = town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    assert (again.tx, again.repeated, again.value) == (first.tx, True, first.value)


def test_grant__changed_term__reverts_not_signed(town: Town) -> None:
    patient = town.patient()
    terms = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    signed = terms.signed_by(patient.signer)
    call = {**terms.call, "word": terms.call["word"] | DataClass.HIV.mask}
    with pytest.raises(errors.Module_NotSignedBy) as caught:
        town.relayer.care.consents.grant(replace(signed, terms=replace(terms, call=call)), key="changed")
    assert caught.value.values == {"signer": patient.party.address}


def test_C2_grant__after_revocation__reverts_stale(town: Town) -> None:
    patient = town.patient()
    terms, _ = granted(town, patient)
    ending = town.care.consents.draft_revocation(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.revoke_signed(ending.signed_by(patient.signer))
    with pytest.raises(errors.ConsentRegistry_StaleVersion) as caught:
        town.stranger.care.consents.grant(terms.signed_by(patient.signer))
    assert caught.value.values == {"named": 1, "expected": 3}


def test_grant__dry_run__sends_nothing(town: Town) -> None:
    patient = town.patient()
    terms = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    before = town.care.connection.head().number
    prepared = town.relayer.care.consents.grant(terms.signed_by(patient.signer), dry_run=True)
    assert isinstance(prepared, Prepared)
    assert prepared.gas > 60_000
    assert town.care.connection.head().number == before


def test_revoke__signed__ends_it(town: Town) -> None:
    patient = town.patient()
    _, receipt = granted(town, patient)
    ending = town.care.consents.draft_revocation(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    ended = town.relayer.care.consents.revoke_signed(ending.signed_by(patient.signer))
    assert ended.value == receipt.value.id == ended.event("DirectiveRevoked").args["directiveId"]
    assert ask(town, patient, DataClass.LABS).because is Reason.REVOKED


def test_revoke__stranger__reverts_with_remedy(town: Town) -> None:
    patient = town.patient()
    granted(town, patient)
    with pytest.raises(errors.ConsentRegistry_NotAuthorised) as caught:
        town.stranger.care.consents.revoke(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    assert caught.value.values == {"patient": patient.party.address, "caller": town.stranger.party.address}
    assert "without authority" in caught.value.why
    assert "guardian" in caught.value.fix


def test_decide__is_not_a_truth_value(town: Town) -> None:
    with pytest.raises(TypeError, match=r"ask \.allowed"):
        bool(ask(town, town.patient(), DataClass.LABS))


def test_decide__limits__need_the_receipt(town: Town) -> None:
    patient = town.patient()
    limits = Limits(author=town.hospital.party.address)
    terms, _ = granted(town, patient, limits=limits)
    assert ask(town, patient, DataClass.LABS).because is Reason.LIMITS_NOT_OPENED
    fillers = [ConsentReceipt({}, terms.receipt.salt, Limits()), terms.receipt]
    assert ask(town, patient, DataClass.LABS, receipts=fillers).because is Reason.OUTSIDE_LIMITS
    opened = ask(town, patient, DataClass.LABS, receipts=fillers, author=town.hospital.party)
    assert (opened.allowed, opened.because) == (True, Reason.DIRECTIVE)


def test_decide__standing_denial__denies(town: Town) -> None:
    patient = town.patient()
    granted(town, patient)
    denial = town.care.consents.draft_denial(patient.party, classes={DataClass.LABS})
    town.relayer.care.consents.deny_signed(denial.signed_by(patient.signer))
    answer = ask(town, patient, DataClass.LABS, DataClass.NOTES)
    assert (answer.allowed, answer.because) == (False, Reason.STANDING_DENIAL)
    assert (answer.granted, answer.denied) == ({DataClass.NOTES}, {DataClass.LABS})


def test_decide__base_policy__permits(town: Town) -> None:
    patient = town.patient()
    town.hospital.care.consents.state_policy(
        town.hospital.party, as_role=Role.PROVIDER, jurisdiction=SWITZERLAND, purpose=Purpose.TREAT,
        rule=Rule.PERMIT_UNLESS_DENIED, legal_reference="45 CFR 164.506(c)",
    )  # fmt: skip
    answer = ask(town, patient, DataClass.LABS, custodian=town.hospital.party)
    assert (answer.allowed, answer.because) == (True, Reason.BASE_POLICY)
    assert ask(town, patient, DataClass.LABS).because is Reason.NOT_GRANTED


def test_list__returns_live_directives(town: Town) -> None:
    patient = town.patient()
    _, receipt = granted(town, patient)
    assert [item.id for item in town.care.consents.list(patient=patient.party)] == [receipt.value.id]
    patient_care = town.care.consents.draft_revocation(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.revoke_signed(patient_care.signed_by(patient.signer))
    assert town.care.consents.list(patient=patient.party) == []
    assert [item.revoked for item in town.care.consents.list(patient=patient.party, live=False)] == [True]


def test_receipt__json_round_trip(town: Town) -> None:
    terms = town.care.consents.draft(patient=town.patient().party, to=town.clinic.party, purpose=Purpose.TREAT)
    again = ConsentReceipt.from_json(terms.receipt.to_json())
    assert again.commitment == terms.receipt.commitment
    assert "salt" not in repr(terms.receipt).replace("salt=<salt>", "")
