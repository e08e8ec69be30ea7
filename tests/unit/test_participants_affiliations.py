"""Affiliations and encryption keys.

affiliate
  when both agreed whoever sends
    it affiliates
  when one side has not agreed
    it reverts
  when the window is empty over or too long
    it reverts
  given one ended
    when the same terms are carried again
      it reverts
  given one running
    when another begins before its end
      it reverts
    when the next is carried before its end
      it reverts
  given the registry retired
    when called
      it reverts
endAffiliation
  given one running
    when either side calls
      it ends it at once (C11)
    when a stranger calls or no reason is given
      it reverts
  given none or one over
    when called
      it reverts
isAffiliated
  given one that begins later
    when asked at its borders
      it holds from the first second to the last
affiliationOf
  given one
    when asked in both orders
      it says its days in one
publishKey
  when the controller calls
    it publishes with the next epoch
  when suite and length do not fit
    it reverts (H1)
  when anybody else calls
    it reverts
  given the registry retired
    when called
      it reverts
"""

import pytest

from careledger.values import keccak
from tests.chainkit import START, Person, reverts
from tests.words import DAY, YEAR, StatusReason, affiliation

MAX_TERM = 3650 * DAY


@pytest.fixture
def doctor():
    return Person("doctor")


# AFFILIATIONS


def affiliation_id(world, house, doctor):
    return world.id_of(world.participants, ("address", house), ("address", doctor))


def affiliate(world, terms, sender, house=b"", doctor=b""):
    return world.participants.affiliate(terms, house, doctor, sender=sender)


def test_affiliate__when_both_agreed_whoever_sends__affiliates(world, hospital, doctor, relayer):
    terms = affiliation(hospital, doctor)
    by_house, by_doctor = world.sign_affiliation(hospital, terms), world.sign_affiliation(doctor, terms)
    aid = affiliation_id(world, hospital, doctor)
    said = {"affiliationId": aid, "organisation": hospital.address, "practitioner": doctor.address}
    for sender, signatures in (
        (hospital, (b"", by_doctor)),
        (doctor, (by_house, b"")),
        (relayer, (by_house, by_doctor)),
    ):
        before = world.engine.snapshot()
        tx = affiliate(world, terms, sender, *signatures)
        assert tx.events == [("AffiliationStarted", {**said, "since": START, "until": START + YEAR})]
        assert tx.value == aid
        assert world.participants.isAffiliated(hospital, doctor)
        assert not world.participants.isAffiliated(doctor, hospital)
        world.engine.revert(before)


def test_affiliate__when_one_side_has_not_agreed__reverts(world, hospital, doctor):
    terms = affiliation(hospital, doctor)
    with reverts("ParticipantRegistry_NotController", subject=doctor, caller=hospital, controller=doctor):
        affiliate(world, terms, hospital)
    with reverts("ParticipantRegistry_NotController", subject=hospital, caller=doctor, controller=hospital):
        affiliate(world, terms, doctor)
    with reverts("Module_NotSignedBy", signer=doctor):
        affiliate(world, terms, hospital, b"", world.sign_affiliation(hospital, terms))


@pytest.mark.parametrize("since, until", [(START, START), (0, START), (START, START + MAX_TERM + 1)])
def test_affiliate__when_the_window_is_empty_over_or_too_long__reverts(world, hospital, doctor, since, until):
    with reverts("ParticipantRegistry_BadWindow", **{"from": since, "until": until, "latest": START + MAX_TERM}):
        affiliate(world, affiliation(hospital, doctor, since=since, until=until), hospital)


def test_affiliate__given_one_ended__when_the_same_terms_are_carried_again__reverts(world, hospital, doctor, relayer):
    for since, ends in ((START, START + 5), (START + 1000, START + 1000)):
        before = world.engine.snapshot()
        terms = affiliation(hospital, doctor, since=since)
        signatures = world.sign_affiliation(hospital, terms), world.sign_affiliation(doctor, terms)
        affiliate(world, terms, relayer, *signatures)
        world.warp(START + 5)
        world.participants.endAffiliation(hospital, doctor, StatusReason.Requested, sender=doctor)
        with reverts("ParticipantRegistry_TermsUsed", start=since, mustBeAfter=ends):
            affiliate(world, terms, relayer, *signatures)
        world.engine.revert(before)


def test_affiliate__given_one_running__when_another_begins_before_its_end__reverts(world, clinic, practitioner):
    with reverts("ParticipantRegistry_TermsUsed", start=START + YEAR, mustBeAfter=START + YEAR):
        affiliate(world, affiliation(clinic, practitioner, since=START + YEAR, until=START + 2 * YEAR), clinic)


def test_affiliate__given_one_running__when_the_next_is_carried_before_its_end__reverts(world, clinic, practitioner):
    terms = affiliation(clinic, practitioner, since=START + YEAR + 1, until=START + 2 * YEAR, deadline=START + 2 * YEAR)
    signature = world.sign_affiliation(practitioner, terms)
    with reverts("ParticipantRegistry_TermsUsed", start=START + YEAR + 1, mustBeAfter=START + YEAR):
        affiliate(world, terms, clinic, b"", signature)
    world.warp(START + YEAR)
    assert affiliate(world, terms, clinic, b"", signature).events


def test_affiliate__given_the_registry_retired__when_called__reverts(world, hospital, doctor):
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        affiliate(world, affiliation(hospital, doctor), hospital)


def test_C11_endAffiliation__given_one_running__when_either_side_calls__ends_it_at_once(world, clinic, practitioner):
    world.participants.retire(sender=world.governor)
    for side in (clinic, practitioner):
        before = world.engine.snapshot()
        world.warp(START + 7)
        tx = world.participants.endAffiliation(clinic, practitioner, StatusReason.Requested, sender=side)
        said = {"affiliationId": affiliation_id(world, clinic, practitioner), "endedBy": side.address}
        ends = {"oldUntil": START + YEAR, "newUntil": START + 7, "reason": StatusReason.Requested}
        assert tx.events == [("AffiliationEnded", {**said, **ends})]
        assert not world.participants.isAffiliated(clinic, practitioner)
        world.engine.revert(before)


def test_endAffiliation__given_one_running__when_a_stranger_calls_or_no_reason_is_given__reverts(
    world, clinic, practitioner, stranger
):
    with reverts("ParticipantRegistry_NotController", subject=clinic, caller=stranger, controller=clinic):
        world.participants.endAffiliation(clinic, practitioner, StatusReason.Requested, sender=stranger)
    with reverts("ParticipantRegistry_Missing"):
        world.participants.endAffiliation(clinic, practitioner, 0, sender=clinic)


def test_endAffiliation__given_none_or_one_over__when_called__reverts(world, clinic, hospital, practitioner):
    with reverts("ParticipantRegistry_NotAffiliated", organisation=hospital, practitioner=practitioner):
        world.participants.endAffiliation(hospital, practitioner, StatusReason.Requested, sender=hospital)
    world.warp(START + YEAR)
    with reverts("ParticipantRegistry_NotAffiliated", organisation=clinic, practitioner=practitioner):
        world.participants.endAffiliation(clinic, practitioner, StatusReason.Requested, sender=clinic)


def test_isAffiliated__given_one_that_begins_later__when_asked_at_its_borders__holds_from_the_first_second_to_the_last(
    world, hospital, doctor
):
    world.affiliate(hospital, doctor, since=START + 10, until=START + 20)
    for time, expected in ((9, False), (10, True), (19, True), (20, False)):
        world.warp(START + time)
        assert world.participants.isAffiliated(hospital, doctor) == expected


def test_affiliationOf__given_one__when_asked_in_both_orders__says_its_days_in_one(world, clinic, practitioner):
    found = world.participants.affiliationOf(clinic, practitioner)
    days = {"since": START, "until": START + YEAR}
    assert found == {"affiliationId": affiliation_id(world, clinic, practitioner), "affiliation": days}
    found = world.participants.affiliationOf(practitioner, clinic)
    nothing = {"since": 0, "until": 0}
    assert found == {"affiliationId": affiliation_id(world, practitioner, clinic), "affiliation": nothing}


# ENCRYPTION KEYS


@pytest.mark.parametrize("suite, size", [(1, 32), (2, 1216)])
def test_publishKey__when_the_controller_calls__publishes_with_the_next_epoch(world, patient, suite, size):
    key = bytes([7]) * size
    for epoch in (1, 2):
        tx = world.participants.publishKey(patient, suite, key, sender=patient)
        said = {"subject": patient.address, "epoch": epoch, "suite": suite, "key": "0x" + key.hex()}
        assert tx.events == [("EncryptionKeyPublished", said)]
    stored = {"keyHash": "0x" + keccak(key).hex(), "suite": suite, "epoch": 2}
    assert world.participants.encryptionKeyOf(patient) == stored


@pytest.mark.parametrize(
    "suite, size", [(0, 32), (1, 0), (1, 31), (1, 33), (2, 32), (2, 1215), (2, 1217), (3, 32), (1, 1216)]
)
def test_H1_publishKey__when_suite_and_length_do_not_fit__reverts(world, patient, suite, size):
    with reverts("ParticipantRegistry_BadKey", suite=suite, length=size):
        world.participants.publishKey(patient, suite, bytes(size), sender=patient)


def test_publishKey__when_anybody_else_calls__reverts(world, patient, stranger):
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=stranger, controller=patient):
        world.participants.publishKey(patient, 1, bytes(32), sender=stranger)


def test_publishKey__given_the_registry_retired__when_called__reverts(world, patient):
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        world.participants.publishKey(patient, 1, bytes(32), sender=patient)
