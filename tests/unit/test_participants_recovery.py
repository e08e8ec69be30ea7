"""Giving a lost account back: guardians, approvals, the wait, lapse, a thief.

setGuardians
  given none
    when the controller calls
      it is in force at once
  given some
    when changed
      it waits as long as a recovery
    when others are shown as those in force
      it reverts
  given a change waiting
    when changed again
      it replaces it and waits anew
  when terms are impossible
    it reverts
  when terms are at their bounds
    it sets them
  when anybody else calls
    it reverts
approveRecovery
  when guardians approve
    it counts and the quorum starts the wait
  when a guardians signature is carried
    it counts
  given an approval
    when the guardian approves again
      it reverts
  when the proof is not one
    it reverts
  when somebody uses a guardians proof
    it reverts
  when other guardians approve
    it reverts
  given no guardians
    when anybody approves
      it reverts
  when no controller is named
    it reverts
executeRecovery
  given a quorum
    when the wait is over
      it anybody carries it out
    when other terms are shown
      it reverts
  given less than a quorum
    when called
      it reverts
  given it was ready thirty days ago
    when called
      it has lapsed and begins anew
  given two proposals
    when one is carried out
      it the other is void
  given a thief rotated the key
    when the wait is over
      it is carried out all the same (K6)
  given new guardians in force
    when the old ones had begun
      it is theirs to finish
  given the registry retired
    when the whole story is told
      it is carried out (C11)
isRecovering
  given an objection
    when another proposal is ready sooner
      it is not shortened
"""

import pytest

from tests.chainkit import NOTHING, START, ZERO, reverts
from tests.unit.recoveries import LAPSE, WAIT, approve, endorse, execute, object_, recovery, recovery_id
from tests.words import DAY, RecoveryStep, digest, organisation, terms
from tests.world import APPROVAL, LATER, NO_TERMS

# GUARDIANS OF AN ACCOUNT


def test_setGuardians__given_none__when_the_controller_calls__is_in_force_at_once(world, patient, family):
    tx = world.participants.setGuardians(patient, NO_TERMS, family.terms, sender=patient)
    values = {"subject": patient.address, "oldGuardians": NOTHING, "newGuardians": family.commitment}
    assert tx.events == [("GuardiansChanged", {**values, "inForceAt": START})]
    found = world.participants.guardiansOf(patient)
    assert found == {"inForce": family.commitment, "next": family.commitment, "inForceAt": START}


def test_setGuardians__given_some__when_changed__waits_as_long_as_a_recovery(
    world, patient, family, others, given_guardians
):
    tx = world.participants.setGuardians(patient, family.terms, others.terms, sender=patient)
    values = {"subject": patient.address, "oldGuardians": family.commitment, "newGuardians": others.commitment}
    assert tx.events == [("GuardiansChanged", {**values, "inForceAt": START + WAIT})]
    world.warp(START + WAIT - 1)
    assert world.participants.guardiansOf(patient)["inForce"] == family.commitment
    world.warp(START + WAIT)
    assert world.participants.guardiansOf(patient)["inForce"] == others.commitment


def test_setGuardians__given_a_change_waiting__when_changed_again__replaces_it_and_waits_anew(
    world, patient, family, others, given_guardians
):
    world.participants.setGuardians(patient, family.terms, others.terms, sender=patient)
    world.warp(START + DAY)
    world.participants.setGuardians(patient, family.terms, NO_TERMS, sender=patient)
    assert world.participants.guardiansOf(patient) == {
        "inForce": family.commitment, "next": NOTHING, "inForceAt": START + DAY + WAIT,
    }  # fmt: skip
    world.warp(START + DAY + WAIT)
    assert world.participants.guardiansOf(patient)["inForce"] == NOTHING


def test_setGuardians__given_some__when_others_are_shown_as_those_in_force__reverts(
    world, patient, family, others, given_guardians
):
    for wrong in (NO_TERMS, others.terms, {**family.terms, "waitSeconds": DAY}):
        with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=family.commitment):
            world.participants.setGuardians(patient, wrong, others.terms, sender=patient)


@pytest.mark.parametrize(
    "quorum, larger, wait",
    [(0, 1, DAY), (2, 1, DAY), (1, 17, DAY), (1, 1, DAY - 1), (1, 1, 90 * DAY + 1), (1, 1, 0), (255, 255, DAY)],
)
def test_setGuardians__when_terms_are_impossible__reverts(world, patient, quorum, larger, wait):
    said = {"root": digest("root"), "quorum": quorum, "largerQuorum": larger, "waitSeconds": wait}
    with reverts("ParticipantRegistry_BadGuardianTerms", quorum=quorum, largerQuorum=larger, waitSeconds=wait):
        world.participants.setGuardians(patient, NO_TERMS, said, sender=patient)


@pytest.mark.parametrize("quorum, larger, wait", [(1, 1, DAY), (16, 16, 90 * DAY)])
def test_setGuardians__when_terms_are_at_their_bounds__sets_them(world, patient, quorum, larger, wait):
    said = {"root": digest("root"), "quorum": quorum, "largerQuorum": larger, "waitSeconds": wait}
    assert world.participants.setGuardians(patient, NO_TERMS, said, sender=patient).events


def test_setGuardians__when_anybody_else_calls__reverts(world, patient, stranger, family):
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=stranger, controller=patient):
        world.participants.setGuardians(patient, NO_TERMS, family.terms, sender=stranger)


# APPROVING


def test_approveRecovery__when_guardians_approve__counts_and_the_quorum_starts_the_wait(
    world, patient, fresh, family, given_guardians
):
    rid = recovery_id(world, patient, fresh)
    who = {"recoveryId": rid, "subject": patient.address}
    said = {**who, "newController": fresh.address, "guardians": family.commitment}
    assert approve(world, patient, fresh, family, 2).events == [("RecoveryApproved", {**said, "index": 2, "count": 1})]
    assert not world.participants.isRecovering(patient)
    world.warp(START + 50)
    ready = START + 50 + WAIT
    assert approve(world, patient, fresh, family, 0).events == [
        ("RecoveryApproved", {**said, "index": 0, "count": 2}),
        ("RecoveryReady", {**who, "quorumAt": START + 50, "readyAt": ready}),
    ]
    assert recovery(world, patient, fresh) == {
        "guardians": family.commitment, "approvals": 0b101, "count": 2, "objected": False, "endorsed": False,
        "recoveries": 0, "quorumAt": START + 50, "readyAt": ready, "begunAt": START,
    }  # fmt: skip
    assert world.participants.isRecovering(patient)
    world.warp(ready + LAPSE)
    assert world.participants.isRecovering(patient)
    world.warp(ready + LAPSE + 1)
    assert not world.participants.isRecovering(patient)


def test_approveRecovery__when_a_guardians_signature_is_carried__counts(
    world, patient, fresh, family, given_guardians, relayer
):
    message = {"subject": patient, "newController": fresh, "recoveries": 0, "deadline": LATER}
    signature = world.sign(family.people[0], world.participants, "RecoveryApproval", APPROVAL, message)
    with reverts("Module_NotSignedBy", signer=family.people[0]):
        approve(world, patient, relayer, family, 0, signature=signature, sender=relayer)
    assert approve(world, patient, fresh, family, 0, signature=signature, sender=relayer).events


def test_approveRecovery__given_an_approval__when_the_guardian_approves_again__reverts(
    world, patient, fresh, family, given_guardians
):
    approve(world, patient, fresh, family, 0)
    with reverts("ParticipantRegistry_AlreadyDone", step=RecoveryStep.Approval):
        approve(world, patient, fresh, family, 0)


def test_approveRecovery__when_the_proof_is_not_one__reverts(world, patient, fresh, family, given_guardians, stranger):
    good = family.proof(0)
    for wrong in (
        {**good, "index": 1}, {**good, "index": 16}, {**good, "index": 255}, {**good, "salt": b"\7" * 32},
        {**good, "path": good["path"][:-1]}, {**good, "guardian": stranger.address},
    ):  # fmt: skip
        with reverts("ParticipantRegistry_NotAGuardian", guardian=wrong["guardian"], index=wrong["index"]):
            approve(world, patient, fresh, family, 0, proof=wrong, sender=stranger)


def test_approveRecovery__when_somebody_uses_a_guardians_proof__reverts(
    world, patient, fresh, family, given_guardians, stranger
):
    guardian = family.people[0]
    with reverts("ParticipantRegistry_NotController", subject=guardian, caller=stranger, controller=guardian):
        approve(world, patient, fresh, family, 0, sender=stranger)


def test_approveRecovery__when_other_guardians_approve__reverts(world, patient, fresh, family, others, given_guardians):
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=family.commitment):
        approve(world, patient, fresh, others, 0)


def test_approveRecovery__given_no_guardians__when_anybody_approves__reverts(world, patient, fresh, others):
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=NOTHING):
        approve(world, patient, fresh, others, 0)


def test_approveRecovery__when_no_controller_is_named__reverts(world, patient, family, given_guardians):
    with reverts("ParticipantRegistry_Missing"):
        approve(world, patient, ZERO, family, 0)


# CARRYING OUT


def test_executeRecovery__given_a_quorum__when_the_wait_is_over__anybody_carries_it_out(
    world, patient, fresh, family, given_waiting
):
    for time, ready in ((START + WAIT - 1, False), (START + WAIT, True)):
        world.warp(time)
        if not ready:
            with reverts("ParticipantRegistry_NotReady", approvals=2, needed=2, readyAt=START + WAIT):
                execute(world, patient, fresh, family)
    tx = execute(world, patient, fresh, family)
    values = {"subject": patient.address, "oldController": patient.address, "newController": fresh.address}
    kept = {"subject": patient.address, "oldGuardians": family.commitment, "newGuardians": family.commitment}
    assert tx.events == [
        ("GuardiansChanged", {**kept, "inForceAt": START + WAIT}),
        ("ControllerChanged", {**values, "epoch": 1, "recoveries": 1}),
    ]
    assert world.participants.controllerOf(patient) == fresh.address
    assert not world.participants.isRecovering(patient)
    with reverts("ParticipantRegistry_NotReady", approvals=2, needed=2, readyAt=0):
        execute(world, patient, fresh, family)


def test_executeRecovery__given_less_than_a_quorum__when_called__reverts(
    world, patient, fresh, family, given_guardians
):
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=NOTHING):
        execute(world, patient, fresh, family)
    approve(world, patient, fresh, family, 0)
    world.warp(START + 10 * WAIT)
    with reverts("ParticipantRegistry_NotReady", approvals=1, needed=2, readyAt=0):
        execute(world, patient, fresh, family)


def test_executeRecovery__given_a_quorum__when_other_terms_are_shown__reverts(
    world, patient, fresh, family, others, given_waiting
):
    world.warp(START + WAIT)
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=family.commitment):
        execute(world, patient, fresh, others)


def test_executeRecovery__given_it_was_ready_thirty_days_ago__when_called__has_lapsed_and_begins_anew(
    world, patient, fresh, family, given_waiting
):
    last = START + WAIT + LAPSE
    world.warp(last)
    before = world.engine.snapshot()
    assert execute(world, patient, fresh, family).events
    world.engine.revert(before)
    world.warp(last + 1)
    with reverts("ParticipantRegistry_NotReady", approvals=2, needed=2, readyAt=0):
        execute(world, patient, fresh, family)
    with reverts("ParticipantRegistry_NotReady", approvals=0, needed=0, readyAt=0):
        object_(world, patient, fresh, patient)
    assert approve(world, patient, fresh, family, 0, deadline=0).event("RecoveryApproved")["count"] == 1
    assert recovery(world, patient, fresh)["quorumAt"] == 0


def test_executeRecovery__given_two_proposals__when_one_is_carried_out__the_other_is_void(
    world, patient, fresh, stranger, family, given_waiting
):
    approve(world, patient, stranger, family, 1)
    approve(world, patient, stranger, family, 2)
    world.warp(START + WAIT)
    execute(world, patient, fresh, family)
    world.warp(LATER)
    with reverts("ParticipantRegistry_NotReady", approvals=2, needed=2, readyAt=0):
        execute(world, patient, stranger, family)
    message = {"subject": patient, "newController": stranger, "recoveries": 0, "deadline": LATER}
    signature = world.sign(family.people[0], world.participants, "RecoveryApproval", APPROVAL, message)
    with reverts("Module_NotSignedBy", signer=family.people[0]):
        approve(world, patient, stranger, family, 0, signature=signature, deadline=LATER)


def test_K6_executeRecovery__given_a_thief_rotated_the_key__when_the_wait_is_over__is_carried_out_all_the_same(
    world, patient, fresh, family, others, stranger, given_waiting
):
    world.participants.changeController(patient, stranger, sender=patient)
    world.participants.setGuardians(patient, family.terms, others.terms, sender=stranger)
    world.participants.raiseEpoch(patient, sender=stranger)
    world.warp(START + WAIT)
    assert execute(world, patient, fresh, family).events
    assert world.participants.guardiansOf(patient)["next"] == family.commitment
    said = terms(patient, organisation(world.clinic))
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=stranger):
        world.consents.grant(said, sender=stranger)
    assert world.consents.grant(said, sender=fresh).events


def test_executeRecovery__given_new_guardians_in_force__when_the_old_ones_had_begun__is_theirs_to_finish(
    world, patient, fresh, family, others, given_guardians
):
    approve(world, patient, fresh, family, 0)
    world.participants.setGuardians(patient, family.terms, others.terms, sender=patient)
    world.warp(START + WAIT)
    with reverts("ParticipantRegistry_NotTheGuardians", subject=patient, expected=family.commitment):
        approve(world, patient, fresh, others, 0)
    approve(world, patient, fresh, family, 1)
    world.warp(START + 2 * WAIT)
    assert execute(world, patient, fresh, family).events


def test_C11_executeRecovery__given_the_registry_retired__when_the_whole_story_is_told__is_carried_out(
    world, patient, fresh, family
):
    world.participants.retire(sender=world.governor)
    world.participants.setGuardians(patient, NO_TERMS, family.terms, sender=patient)
    approve(world, patient, fresh, family, 0)
    approve(world, patient, fresh, family, 1)
    object_(world, patient, fresh, patient)
    endorse(world, patient, fresh)
    world.warp(START + 2 * WAIT)
    assert execute(world, patient, fresh, family).events


def test_isRecovering__given_an_objection__when_another_proposal_is_ready_sooner__is_not_shortened(
    world, patient, fresh, stranger, family, given_waiting
):
    world.participants.objectToRecovery(patient, fresh, sender=patient)
    until = START + 2 * WAIT + LAPSE + 1
    assert world.participants.accountOf(patient)["recoveringUntil"] == until
    for index in (0, 1):
        approve(world, patient, stranger, family, index)
    assert world.participants.accountOf(patient)["recoveringUntil"] == until
