"""Recoveries that meet an objection, the larger quorum, and an accreditor's word.

objectToRecovery
  given a quorum
    when the controller objects
      it doubles the wait once
  given a proposal without quorum
    when objected
      it the wait will be double
  when anybody else objects
    it reverts
  given no proposal
    when objected
      it reverts
executeRecovery
  given a thief objected
    when the larger quorum or an accreditor stands by
      it prevails
  given one recovery
    when another is made later
      it counts on
endorseRecovery
  given an objection
    when an accreditor of stewards calls
      it adds its word once
  given no objection
    when an accreditor calls
      it reverts
  when somebody speaks for an accreditor
    it reverts
  when anybody else or elsewhere
    it reverts
  given no proposal
    when called
      it reverts
  given no quorum
    when endorsed
      it reverts
approveRecovery
  given a proposal without quorum
    when thirty days passed
      it begins anew
  when the deadline is more than thirty days away
    it reverts
  given an objection in the last second
    when the larger quorum signs
      it prevails
"""

import pytest

from tests.chainkit import START, Person, reverts
from tests.unit.recoveries import LAPSE, WAIT, approve, endorse, execute, object_, recovery_id
from tests.words import CALIFORNIA, DAY, SWISS, RecoveryStep, Role
from tests.world import APPROVAL, NO_TERMS, Circle

# OBJECTING AND ENDORSING


def test_objectToRecovery__given_a_quorum__when_the_controller_objects__doubles_the_wait_once(
    world, patient, fresh, family, given_waiting
):
    world.warp(START + DAY)
    tx = object_(world, patient, fresh, patient)
    values = {"recoveryId": recovery_id(world, patient, fresh), "subject": patient.address}
    assert tx.events == [("RecoveryObjected", {**values, "oldReadyAt": START + WAIT, "newReadyAt": START + 2 * WAIT})]
    with reverts("ParticipantRegistry_AlreadyDone", step=RecoveryStep.Objection):
        object_(world, patient, fresh, patient)
    world.warp(START + 2 * WAIT - 1)
    assert world.participants.isRecovering(patient)


def test_objectToRecovery__given_a_proposal_without_quorum__when_objected__the_wait_will_be_double(
    world, patient, fresh, family, given_guardians
):
    approve(world, patient, fresh, family, 0)
    tx = object_(world, patient, fresh, patient)
    assert tx.event("RecoveryObjected")["newReadyAt"] == 0
    ready = approve(world, patient, fresh, family, 1).event("RecoveryReady")
    assert ready["readyAt"] == START + 2 * WAIT


def test_objectToRecovery__when_anybody_else_objects__reverts(world, patient, fresh, given_waiting):
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=fresh, controller=patient):
        object_(world, patient, fresh, fresh)


def test_objectToRecovery__given_no_proposal__when_objected__reverts(world, patient, fresh):
    with reverts("ParticipantRegistry_NotReady", approvals=0, needed=0, readyAt=0):
        object_(world, patient, fresh, patient)


@pytest.mark.parametrize("remedy", ["larger quorum", "accreditor"])
def test_executeRecovery__given_a_thief_objected__when_the_larger_quorum_or_an_accreditor_stands_by__prevails(
    world, patient, fresh, family, given_waiting, remedy
):
    object_(world, patient, fresh, patient)
    world.warp(START + 2 * WAIT)
    with reverts("ParticipantRegistry_NotReady", approvals=2, needed=3, readyAt=START + 2 * WAIT):
        execute(world, patient, fresh, family)
    if remedy == "accreditor":
        endorse(world, patient, fresh)
    else:
        approve(world, patient, fresh, family, 2, deadline=0)
    world.warp(START + 2 * WAIT - 1)
    if remedy == "accreditor":
        with reverts("ParticipantRegistry_NotReady", approvals=2, needed=2, readyAt=START + 2 * WAIT):
            execute(world, patient, fresh, family)
    world.warp(START + 2 * WAIT)
    assert execute(world, patient, fresh, family).events
    assert world.participants.controllerOf(patient) == fresh.address


def test_endorseRecovery__given_an_objection__when_an_accreditor_of_stewards_calls__adds_its_word_once(
    world, patient, fresh, accreditor, given_waiting
):
    object_(world, patient, fresh, patient)
    tx = endorse(world, patient, fresh)
    values = {"recoveryId": recovery_id(world, patient, fresh), "subject": patient.address}
    assert tx.events == [("RecoveryEndorsed", {**values, "accreditor": accreditor.address})]
    with reverts("ParticipantRegistry_AlreadyDone", step=RecoveryStep.Endorsement):
        endorse(world, patient, fresh)


def test_endorseRecovery__given_no_objection__when_an_accreditor_calls__reverts(world, patient, fresh, given_waiting):
    with reverts("ParticipantRegistry_NotReady", approvals=2, needed=0, readyAt=START + WAIT):
        endorse(world, patient, fresh)


def test_endorseRecovery__when_somebody_speaks_for_an_accreditor__reverts(world, patient, fresh, stranger, accreditor):
    with reverts("ParticipantRegistry_NotController", subject=accreditor, caller=stranger, controller=accreditor):
        world.participants.endorseRecovery(patient, fresh, accreditor, SWISS, sender=stranger)


def test_endorseRecovery__when_anybody_else_or_elsewhere__reverts(
    world, patient, fresh, stranger, accreditor, given_waiting
):
    for who, where in ((stranger, SWISS), (accreditor, CALIFORNIA), (world.governor, SWISS)):
        with reverts("ParticipantRegistry_NotAccreditor", issuer=who, role=Role.Steward, jurisdiction=where):
            endorse(world, patient, fresh, who, where)


def test_endorseRecovery__given_no_proposal__when_called__reverts(world, patient, fresh):
    with reverts("ParticipantRegistry_NotReady", approvals=0, needed=0, readyAt=0):
        endorse(world, patient, fresh)


def test_endorseRecovery__given_no_quorum__when_endorsed__reverts(world, patient, fresh, family, given_guardians):
    approve(world, patient, fresh, family, 0)
    object_(world, patient, fresh, patient)
    with reverts("ParticipantRegistry_NotReady", approvals=1, needed=0, readyAt=0):
        endorse(world, patient, fresh)


def test_approveRecovery__given_a_proposal_without_quorum__when_thirty_days_passed__begins_anew(
    world, patient, fresh, family, others, given_guardians
):
    approve(world, patient, fresh, family, 0, deadline=0)
    world.participants.setGuardians(patient, family.terms, others.terms, sender=patient)
    world.warp(START + LAPSE)
    before = world.engine.snapshot()
    assert approve(world, patient, fresh, family, 1, deadline=0).event("RecoveryReady")
    world.engine.revert(before)
    world.warp(START + LAPSE + 1)
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=others.commitment):
        approve(world, patient, fresh, family, 1, deadline=0)
    assert approve(world, patient, fresh, others, 0, deadline=0).event("RecoveryApproved")["count"] == 1


def test_approveRecovery__when_the_deadline_is_more_than_thirty_days_away__reverts(
    world, patient, fresh, family, given_guardians
):
    late = {"from": 0, "until": START + LAPSE + 1, "latest": START + LAPSE}
    with reverts("ParticipantRegistry_BadWindow", **late):
        approve(world, patient, fresh, family, 0, deadline=START + LAPSE + 1)
    assert approve(world, patient, fresh, family, 0, deadline=START + LAPSE).events


def test_executeRecovery__given_one_recovery__when_another_is_made_later__counts_on(
    world, patient, fresh, stranger, family, given_waiting
):
    world.warp(START + WAIT)
    execute(world, patient, fresh, family)
    for index in (0, 1):
        approve(world, patient, stranger, family, index, deadline=0)
    world.warp(START + 2 * WAIT)
    tx = execute(world, patient, stranger, family)
    assert tx.event("ControllerChanged")["recoveries"] == 2
    assert tx.event("ControllerChanged")["oldController"] == fresh.address


@pytest.mark.parametrize("wait, late", [(31 * DAY, 0), (90 * DAY, 0), (3 * DAY, 29 * DAY)])
def test_approveRecovery__given_an_objection_in_the_last_second__when_the_larger_quorum_signs__prevails(
    world, patient, fresh, relayer, wait, late
):
    people = [Person(f"guardian {number}") for number in range(3)]
    circle = Circle(people, quorum=2, larger=3, wait=wait)
    world.participants.setGuardians(patient, NO_TERMS, circle.terms, sender=patient)

    def carry(index, deadline):
        said = {"subject": patient, "newController": fresh, "recoveries": 0, "deadline": deadline}
        signature = world.sign(people[index], world.participants, "RecoveryApproval", APPROVAL, said)
        return approve(world, patient, fresh, circle, index, deadline=deadline, signature=signature, sender=relayer)

    carry(0, START + LAPSE)
    world.warp(START + late)
    carry(1, START + LAPSE)
    world.warp(START + late + wait - 1)
    object_(world, patient, fresh, patient)
    ready = START + late + 2 * wait
    with reverts("ParticipantRegistry_BadWindow", **{"from": 0, "until": ready + LAPSE + 1, "latest": ready + LAPSE}):
        carry(2, ready + LAPSE + 1)
    assert carry(2, ready + LAPSE).events
    world.warp(ready)
    assert execute(world, patient, fresh, circle).events
