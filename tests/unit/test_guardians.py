"""Guardians, what they delegate, and how it ends.

appointGuardian
  when the patient calls
    it appoints and reports it whole
  when anybody else calls
    it reverts
  when terms reach too far
    it reverts (C7)
  when terms are at their bounds
    it appoints (C7)
  when the guardian is nobody or the patient
    it reverts
  given one
    when another version is named
      it reverts
  given the registry retired
    when called
      it reverts
appointGuardianSigned
  when anybody carries it
    it appoints once
  when any term was changed
    it reverts
appointGuardianFor
  given a held account
    when its steward calls
      it appoints directly
    when will or evidence is missing
      it reverts
    when its steward appoints its own
      it reverts
  given a guardian with depth
    when it delegates
      it the delegate hangs below it (C7)
    when it gives more than it has
      it reverts (C7)
  given a line of three
    when the last delegates
      it reverts (C7)
  given a guardian
    when it delegates to itself
      it reverts (C7)
  given a line
    when a delegate replaces those above or beside it
      it reverts (C7)
  when a stranger or the patient calls
    it reverts (C1)
  given a steward suspended or the account claimed
    when it calls
      it reverts
  given the registry retired
    when called
      it reverts
  given a guardian of a held account
    when it delegates to the steward
      it reverts
  given a claimed account
    when the patient appoints the former steward
      it appoints
endGuardianship
  given a delegate
    when patient guardian or parent calls
      it ends it
  given a held account
    when its steward calls
      it ends it
  when anybody else calls
    it reverts
  given none or one ended
    when called
      it reverts
  given the registry retired
    when called
      it ends it (C11)
isGuardian
  given a line
    when one is ended
      it all below it lose access (C8)
    when the top is appointed anew with less
      it what no longer fits is cut off (C8)
    when the time of the top is over
      it all are (C9)
  given a guardian ended and appointed again
    when its delegates ask
      it hang below it as before (C8)
  given two who would appoint each other
    when asked
      it no circle holds (C7)
  given a claimed account
    when those appointed before ask
      it hold nothing (C9)
capacityFor
  given a guardian whose key was changed
    when either key acts
      it neither does (K6)
"""

import pytest

from careledger.codes import Purpose
from tests.chainkit import NOTHING, START, ZERO, Person, reverts
from tests.words import (
    DAY,
    EVIDENCE,
    PAPER,
    SWISS,
    Capacity,
    CredentialStatus,
    Role,
    StatusReason,
    Will,
    guardianship,
    held_terms,
)  # fmt: skip
from tests.world import LATER

FAMRQT, PATRQT = Purpose.FAMRQT, Purpose.PATRQT
BOTH = FAMRQT.mask | PATRQT.mask
END = START + 300 * DAY


@pytest.fixture
def mother(stranger):
    return stranger


@pytest.fixture
def aunt(relayer):
    return relayer


@pytest.fixture
def friend(insurer):
    return insurer


@pytest.fixture
def held(world, custodian):
    return world.open_held(custodian)


def appoint(world, patient, guardian, sender=None, **changed):
    return world.guardians.appointGuardian(guardianship(patient, guardian, **changed), sender=sender or patient)


def appoint_for(world, patient, guardian, sender, act=PAPER, **changed):
    return world.guardians.appointGuardianFor(guardianship(patient, guardian, **changed), act, sender=sender)


def end(world, patient, guardian, sender):
    return world.guardians.endGuardianship(patient, guardian, sender=sender)


def is_guardian(world, patient, guardian, purpose=FAMRQT):
    return world.guardians.isGuardian(patient, guardian, purpose)


def appointed(patient, guardian, parent=ZERO, *, purposes=BOTH, until=END, depth=0, version=1):
    values = {"patient": getattr(patient, "address", patient), "guardian": guardian.address}
    values |= {"parent": getattr(parent, "address", parent), "purposes": purposes, "until": until}
    return ("GuardianAppointed", {**values, "depth": depth, "version": version})


def acted(patient, actor, capacity):
    values = {"patient": getattr(patient, "address", patient), "actor": actor.address, "capacity": capacity}
    return ("ActedFor", {**values, "will": Will.Paper, "evidence": EVIDENCE})


@pytest.fixture
def given_line(world, patient, mother, aunt, friend):
    """Mother may delegate twice below her, the aunt once, the friend not."""
    appoint(world, patient, mother, depth=2)
    appoint_for(world, patient, aunt, mother, depth=1)
    appoint_for(world, patient, friend, aunt, depth=0)


# APPOINTING


def test_appointGuardian__when_the_patient_calls__appoints_and_reports_it_whole(world, patient, mother):
    assert appoint(world, patient, mother).events == [appointed(patient, mother)]
    stored = {"parent": ZERO, "purposes": BOTH, "until": END, "depth": 0, "version": 1}
    assert world.guardians.guardianshipOf(patient, mother) == stored
    for purpose in Purpose:
        assert is_guardian(world, patient, mother, purpose) == (purpose in (FAMRQT, PATRQT))
        capacity = world.guardians.capacityFor(patient, mother, purpose)
        assert capacity == (Capacity.Guardian if purpose in (FAMRQT, PATRQT) else 0)
    assert world.guardians.capacityFor(patient, patient, PATRQT) == Capacity.Self


def test_appointGuardian__when_anybody_else_calls__reverts(world, patient, mother):
    for somebody in world.people:
        if somebody is not patient:
            with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=somebody):
                appoint(world, patient, mother, somebody)


@pytest.mark.parametrize(
    "change",
    [
        {"purposes": 0}, {"purposes": 1 << 24}, {"purposes": 1 << 31 | 1}, {"until": START}, {"until": 0},
        {"until": START + 366 * DAY + 1}, {"depth": 3}, {"depth": 255},
    ],
)  # fmt: skip
def test_C7_appointGuardian__when_terms_reach_too_far__reverts(world, patient, mother, change):
    said = guardianship(patient, mother, **change)
    values = {name: said[name] for name in ("purposes", "until", "depth")}
    with reverts("GuardianRegistry_BadGuardianship", **values):
        world.guardians.appointGuardian(said, sender=patient)


@pytest.mark.parametrize(
    "change", [{"until": START + 366 * DAY}, {"until": START + 1}, {"depth": 2}, {"purposes": (1 << 24) - 1}]
)
def test_C7_appointGuardian__when_terms_are_at_their_bounds__appoints(world, patient, mother, change):
    assert appoint(world, patient, mother, **change).events == [appointed(patient, mother, **change)]


def test_appointGuardian__when_the_guardian_is_nobody_or_the_patient__reverts(world, patient):
    for guardian in (ZERO, patient):
        with reverts("GuardianRegistry_Missing"):
            appoint(world, patient, guardian)


def test_appointGuardian__given_one__when_another_version_is_named__reverts(world, patient, mother):
    appoint(world, patient, mother)
    for version in (0, 2, 9):
        with reverts("GuardianRegistry_StaleVersion", named=version, current=1):
            appoint(world, patient, mother, replaces=version)
    assert appoint(world, patient, mother, replaces=1, purposes=FAMRQT.mask).events == [
        appointed(patient, mother, purposes=FAMRQT.mask, version=2)
    ]
    assert not is_guardian(world, patient, mother, PATRQT)


def test_appointGuardian__given_the_registry_retired__when_called__reverts(world, patient, mother):
    world.guardians.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.guardians):
        appoint(world, patient, mother)


@pytest.mark.parametrize("purposes", [1, BOTH, (1 << 24) - 1])
def test_appointGuardianSigned__when_anybody_carries_it__appoints_once(world, patient, mother, relayer, purposes):
    said = guardianship(patient, mother, purposes=purposes, depth=1)
    signature = world.sign_guardianship(patient, said)
    tx = world.guardians.appointGuardianSigned(said, LATER, signature, sender=relayer)
    assert tx.events == [appointed(patient, mother, purposes=purposes, depth=1)]
    with reverts("GuardianRegistry_StaleVersion", named=0, current=1):
        world.guardians.appointGuardianSigned(said, LATER, signature, sender=relayer)
    end(world, patient, mother, mother)
    with reverts("GuardianRegistry_StaleVersion", named=0, current=2):
        world.guardians.appointGuardianSigned(said, LATER, signature, sender=relayer)


def test_appointGuardianSigned__when_any_term_was_changed__reverts(world, patient, mother, aunt):
    said = guardianship(patient, mother)
    signature = world.sign_guardianship(patient, said)
    changes = [{"guardian": aunt.address}, {"purposes": 1}, {"until": END + 1}, {"depth": 1}, {"replaces": 1}]
    for change in changes:
        with reverts("Module_NotSignedBy", signer=patient):
            world.guardians.appointGuardianSigned({**said, **change}, LATER, signature, sender=aunt)
    world.participants.raiseEpoch(patient, sender=patient)
    with reverts("Module_NotSignedBy", signer=patient):
        world.guardians.appointGuardianSigned(said, LATER, signature, sender=aunt)


# APPOINTING FOR


def test_appointGuardianFor__given_a_held_account__when_its_steward_calls__appoints_directly(
    world, held, steward, mother
):
    tx = appoint_for(world, held, mother, steward, depth=2)
    assert tx.events == [appointed(held, mother, depth=2), acted(held, steward, Capacity.Steward)]
    assert is_guardian(world, held, mother)


def test_C7_appointGuardianFor__given_a_guardian_with_depth__when_it_delegates__the_delegate_hangs_below_it(
    world, patient, mother, aunt
):
    appoint(world, patient, mother, depth=1)
    tx = appoint_for(world, patient, aunt, mother)
    assert tx.events == [appointed(patient, aunt, mother), acted(patient, mother, Capacity.Guardian)]
    assert is_guardian(world, patient, aunt)


@pytest.mark.parametrize(
    "change", [{"depth": 1}, {"depth": 2}, {"until": END + 1}, {"purposes": BOTH | 1}, {"purposes": 1}]
)
def test_C7_appointGuardianFor__given_a_guardian_with_depth__when_it_gives_more_than_it_has__reverts(
    world, patient, mother, aunt, change
):
    appoint(world, patient, mother, depth=1)
    values = {"purposes": BOTH, "until": END, "depth": 0} | change
    with reverts("GuardianRegistry_BadGuardianship", **values):
        appoint_for(world, patient, aunt, mother, **change)


def test_C7_appointGuardianFor__given_a_line_of_three__when_the_last_delegates__reverts(
    world, patient, friend, practitioner, given_line
):
    with reverts("GuardianRegistry_BadGuardianship", purposes=BOTH, until=END, depth=0):
        appoint_for(world, patient, practitioner, friend)


def test_C7_appointGuardianFor__given_a_guardian__when_it_delegates_to_itself__reverts(world, patient, mother):
    appoint(world, patient, mother, depth=2)
    with reverts("GuardianRegistry_BadGuardianship", purposes=BOTH, until=END, depth=1):
        appoint_for(world, patient, mother, mother, depth=1, replaces=1)


def test_C7_appointGuardianFor__given_a_line__when_a_delegate_replaces_those_above_or_beside_it__reverts(
    world, patient, mother, aunt, friend, given_line
):
    with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=aunt):
        appoint_for(world, patient, mother, aunt, replaces=1)
    with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=mother):
        appoint_for(world, patient, friend, mother, replaces=1)
    assert appoint_for(world, patient, friend, aunt, replaces=1, purposes=FAMRQT.mask).events


def test_C1_appointGuardianFor__when_a_stranger_or_the_patient_calls__reverts(world, patient, mother, aunt):
    for somebody in (aunt, patient, world.steward):
        with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=somebody):
            appoint_for(world, patient, mother, somebody)


@pytest.mark.parametrize(
    "act", [{"will": 0, "evidence": EVIDENCE}, {"will": 1, "evidence": EVIDENCE}, {"will": 2, "evidence": NOTHING}]
)
def test_appointGuardianFor__given_a_held_account__when_will_or_evidence_is_missing__reverts(
    world, held, steward, mother, act
):
    with reverts("GuardianRegistry_Missing"):
        appoint_for(world, held, mother, steward, act)


def test_appointGuardianFor__given_a_steward_suspended_or_the_account_claimed__when_it_calls__reverts(
    world, held, steward, mother, custodian
):
    world.participants.setCredentialStatus(
        steward, Role.Steward, SWISS, CredentialStatus.Suspended, StatusReason.Sanctioned, sender=world.accreditor
    )
    with reverts("GuardianRegistry_NotAuthorised", patient=held, caller=steward):
        appoint_for(world, held, mother, steward)
    world.participants.setCredentialStatus(
        steward, Role.Steward, SWISS, CredentialStatus.Active, StatusReason.Reinstated, sender=world.accreditor
    )
    world.participants.claimHeld(held_terms(steward, custodian), custodian, 0, b"", sender=custodian)
    with reverts("GuardianRegistry_NotAuthorised", patient=held, caller=steward):
        appoint_for(world, held, mother, steward)


def test_appointGuardianFor__given_the_registry_retired__when_called__reverts(world, held, steward, mother):
    world.guardians.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.guardians):
        appoint_for(world, held, mother, steward)


# ENDING


def ended(patient, guardian, by, version):
    values = {"patient": patient.address, "guardian": guardian.address, "endedBy": by.address}
    return [("GuardianshipEnded", {**values, "version": version})]


@pytest.mark.parametrize("who", ["patient", "guardian", "parent"])
def test_endGuardianship__given_a_delegate__when_patient_guardian_or_parent_calls__ends_it(
    world, patient, mother, aunt, who, given_line
):
    by = {"patient": patient, "guardian": aunt, "parent": mother}[who]
    assert end(world, patient, aunt, by).events == ended(patient, aunt, by, 2)
    assert not is_guardian(world, patient, aunt)
    assert is_guardian(world, patient, mother)


def test_endGuardianship__given_a_held_account__when_its_steward_calls__ends_it(world, held, steward, mother):
    appoint_for(world, held, mother, steward)
    assert end(world, held, mother, steward).event("GuardianshipEnded")["endedBy"] == steward.address


def test_endGuardianship__when_anybody_else_calls__reverts(world, patient, mother, friend, practitioner, given_line):
    for by in (friend, practitioner, world.governor, world.steward):
        with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=by):
            end(world, patient, mother, by)


def test_endGuardianship__given_none_or_one_ended__when_called__reverts(world, patient, mother):
    with reverts("GuardianRegistry_Missing"):
        end(world, patient, mother, patient)
    appoint(world, patient, mother)
    end(world, patient, mother, patient)
    with reverts("GuardianRegistry_Missing"):
        end(world, patient, mother, mother)


def test_C11_endGuardianship__given_the_registry_retired__when_called__ends_it(world, patient, mother):
    appoint(world, patient, mother)
    world.guardians.retire(sender=world.governor)
    assert end(world, patient, mother, patient).events


# THE LINE


def test_C8_isGuardian__given_a_line__when_one_is_ended__all_below_it_lose_access(
    world, patient, mother, aunt, friend, given_line
):
    assert all(is_guardian(world, patient, who) for who in (mother, aunt, friend))
    end(world, patient, mother, patient)
    assert not any(is_guardian(world, patient, who) for who in (mother, aunt, friend))
    for who in (aunt, friend):
        with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=who):
            appoint_for(world, patient, world.clinic, who)


def test_C8_isGuardian__given_a_line__when_the_top_is_appointed_anew_with_less__what_no_longer_fits_is_cut_off(
    world, patient, mother, aunt, friend, given_line
):
    appoint(world, patient, mother, replaces=1, depth=1)
    assert [is_guardian(world, patient, who) for who in (mother, aunt, friend)] == [True, False, False]
    appoint(world, patient, mother, replaces=2, depth=2, purposes=PATRQT.mask)
    assert [is_guardian(world, patient, who) for who in (mother, aunt, friend)] == [False, False, False]
    assert [is_guardian(world, patient, who, PATRQT) for who in (mother, aunt, friend)] == [True, True, True]


def test_C9_isGuardian__given_a_line__when_the_time_of_the_top_is_over__all_are(world, patient, mother, aunt):
    appoint(world, patient, mother, depth=1, until=START + 50)
    appoint_for(world, patient, aunt, mother, until=START + 50)
    world.warp(START + 49)
    assert is_guardian(world, patient, mother) and is_guardian(world, patient, aunt)
    world.warp(START + 50)
    assert not is_guardian(world, patient, mother) and not is_guardian(world, patient, aunt)


def test_C8_isGuardian__given_a_guardian_ended_and_appointed_again__when_its_delegates_ask__hang_below_it_as_before(
    world, patient, mother, aunt
):
    appoint(world, patient, mother, depth=1)
    appoint_for(world, patient, aunt, mother)
    end(world, patient, mother, patient)
    appoint(world, patient, mother, depth=1, replaces=2)
    assert is_guardian(world, patient, aunt)


def test_C7_isGuardian__given_two_who_would_appoint_each_other__when_asked__no_circle_holds(
    world, patient, mother, aunt
):
    appoint(world, patient, mother, depth=2)
    appoint_for(world, patient, aunt, mother, depth=1)
    end(world, patient, mother, patient)
    with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=aunt):
        appoint_for(world, patient, mother, aunt, replaces=2)
    assert not is_guardian(world, patient, aunt)


# A NEW LIFE


def test_C9_isGuardian__given_a_claimed_account__when_those_appointed_before_ask__hold_nothing(
    world, held, steward, mother, custodian, patient
):
    appoint_for(world, held, mother, steward, depth=2)
    world.participants.claimHeld(held_terms(steward, custodian), patient, 0, b"", sender=custodian)
    assert not is_guardian(world, held, mother)
    assert world.guardians.guardianshipOf(held, mother)["until"] == 0
    with reverts("GuardianRegistry_NotAuthorised", patient=held, caller=mother):
        appoint_for(world, held, world.insurer, mother)
    assert world.guardians.appointGuardian(guardianship(held, mother), sender=patient).events


def test_K6_capacityFor__given_a_guardian_whose_key_was_changed__when_either_key_acts__neither_does(
    world, patient, mother, aunt
):
    appoint(world, patient, mother, depth=2)
    world.participants.changeController(mother, aunt, sender=mother)
    for who in (mother, aunt):
        assert world.guardians.capacityFor(patient, who, FAMRQT) == 0
        with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=who):
            appoint_for(world, patient, world.insurer, who)
        with reverts("GuardianRegistry_NotAuthorised", patient=patient, caller=who):
            end(world, patient, mother, who)
    assert end(world, patient, mother, patient).events


@pytest.mark.parametrize("own", ["steward", "its key", "its house", "its staff", "under its key"])
def test_appointGuardianFor__given_a_held_account__when_its_steward_appoints_its_own__reverts(
    world, held, steward, hospital, practitioner, stranger, own
):
    if own == "its key":
        world.participants.changeController(steward, stranger, sender=steward)
    if own == "its house":
        world.affiliate(hospital, steward)
    if own == "its staff":
        world.affiliate(steward, practitioner)
    if own == "under its key":
        world.participants.changeController(hospital, steward, sender=hospital)
    guardian = {"steward": steward, "its key": stranger, "its staff": practitioner}.get(own, hospital)
    with reverts("GuardianRegistry_StewardLimit", steward=steward, guardian=guardian):
        world.guardians.appointGuardianFor(
            guardianship(held, guardian), PAPER, sender=stranger if own == "its key" else steward
        )
    assert not world.guardians.isGuardian(held, guardian, Purpose.PATRQT)


def test_appointGuardianFor__given_a_guardian_of_a_held_account__when_it_delegates_to_the_steward__reverts(
    world, held, steward, stranger
):
    world.guardians.appointGuardianFor(guardianship(held, stranger, depth=1), PAPER, sender=steward)
    with reverts("GuardianRegistry_StewardLimit", steward=steward, guardian=steward):
        world.guardians.appointGuardianFor(guardianship(held, steward), PAPER, sender=stranger)


def test_appointGuardianFor__given_a_claimed_account__when_the_patient_appoints_the_former_steward__appoints(
    world, steward, patient
):
    key = Person("claim key")
    held = world.open_held(key)
    world.participants.claimHeld(held_terms(steward, key), patient, LATER, b"", sender=key)
    world.guardians.appointGuardian(guardianship(held, steward), sender=patient)
    assert world.guardians.isGuardian(held, steward, Purpose.PATRQT)
