"""Breaking the glass, reviewing it, missing the review, and the appeal.

namePrivacyOfficer
  when the organisation calls
    it names and reports old and new
  when anybody else calls or nobody is named
    it reverts
openEmergency
  when an accredited practitioner gives a reason
    it opens and logs it (C12, H10)
  given one open
    when opened again
      it reverts until it is over (C12)
  given a reason not reviewed
    when given again
      it reverts until it is (H10)
  given a reason overdue
    when the accreditor settles
      it may be given again (H10)
  when reason or patient is missing or oneself
    it reverts (C12)
  when somebody else opens it
    it reverts (C12)
  when the practitioner is not accredited there
    it reverts (C12)
  when the organisation is not its own or not active
    it reverts (C12)
  when the credential is suspended
    it reverts (C12)
  given the house suspended or revoked
    when its people open
      it reverts (C12)
  given no privacy officer
    when opened
      it reverts (H10)
  given an overdue review
    when opened
      it reverts until it is made up for (H10)
  given the registry retired
    when opened
      it reverts
  given a house of the practitioners own
    when opened for it
      it reverts (C12)
settleAppeal
  given the reason given again
    when the first is appealed
      it still waits (H10)
  given a verdict
    when the accreditor speaks
      it is the last word (H10)
    when the new one is incomplete
      it reverts
  given two unjustified ones
    when one is overturned
      it stays suspended
  given three unjustified ones
    when some are overturned
      it the last that stands suspends
    when all are overturned
      it another suspends anew
  given one served
    when a later one is overturned
      it is suspended no more
  when anybody but its accreditor calls
    it reverts
  given the accreditor was dismissed
    when it calls
      it reverts
  given an overdue one
    when the accreditor speaks
      it is judged and counts down
  given an unreviewed one
    when settled before any verdict
      it reverts
  given a case of its own
    when the accreditor speaks
      it reverts
  given the accreditor is admitted anew later
    when it calls before
      it reverts
reviewEmergency
  given an open one
    when the officer finds it justified
      it nobody is suspended (H10)
    when found unjustified
      it suspends the practitioner (H10)
    when verdict or evidence is missing
      it reverts
  when anybody but the officer judges
    it reverts (H10)
  given the officer is the practitioner
    when it judges
      it reverts (H10)
  given an overdue one
    when reviewed late
      it counts down (H10)
markOverdue
  given an unreviewed one
    when its time is over
      it anybody marks it once (H10)
  given several
    when one is reviewed
      it the rest still suspends
emergency
  when every action is taken in every state
    it only the legal ones pass (H16)
  given the registries retired
    when judged marked and appealed
      it all stay open (C11)
  given the practitioner audited
    when it tries to end or hide it
      it no function does (H10)
  given years pass
    when one patient is treated often
      it each has its number (H10)
emergencyOf
  given one opened
    when another number is asked
      it has its id and nothing else
"""

import pytest

from tests.chainkit import NOTHING, START, ZERO, reverts
from tests.words import (
    CALIFORNIA,
    DAY,
    EVIDENCE,
    SWISS,
    CredentialStatus,
    EmergencyReason,
    EmergencyStep,
    Role,
    StatusReason,
    Verdict,
)  # fmt: skip

WINDOW, REVIEW, SUSPENSION = 8 * 3600, 72 * 3600, 90 * DAY
JUSTIFIED, UNJUSTIFIED = Verdict.Justified, Verdict.Unjustified


def open_(world, sender=None, **changed):
    said = {
        "patient": world.patient, "practitioner": world.practitioner, "organisation": world.clinic,
        "jurisdiction": SWISS, "reason": EmergencyReason.Unconscious, **changed,
    }  # fmt: skip
    return world.emergencies.openEmergency(*said.values(), sender=sender or said["practitioner"])


def review(world, verdict=JUSTIFIED, *, number=1, evidence=EVIDENCE, sender=None):
    who = (world.patient, world.practitioner, number)
    return world.emergencies.reviewEmergency(*who, verdict, evidence, sender=sender or world.officer)


def mark(world, number=1, sender=None):
    return world.emergencies.markOverdue(world.patient, world.practitioner, number, sender=sender or world.stranger)


def settle(world, verdict, *, number=1, evidence=EVIDENCE, sender=None):
    who = (world.patient, world.practitioner, number)
    return world.emergencies.settleAppeal(*who, verdict, evidence, sender=sender or world.accreditor)


def emergency_id(world, number=1):
    parts = (("address", world.patient), ("address", world.practitioner), ("uint16", number))
    return world.id_of(world.emergencies, *parts)


def state(world, number=1):
    return world.emergencies.emergencyOf(world.patient, world.practitioner, number)["emergency"]


@pytest.fixture
def given_open(world):
    open_(world)


@pytest.fixture
def given_overdue(world, given_open):
    world.warp(START + REVIEW)
    mark(world)


@pytest.fixture
def given_three(world):
    """When each of three suspensions ends; all were opened before the first verdict."""
    for number in (1, 2, 3):
        world.warp(START + (number - 1) * WINDOW)
        open_(world, reason=EmergencyReason(number))
    for number in (1, 2, 3):
        world.warp(START + 3 * WINDOW + number)
        review(world, UNJUSTIFIED, number=number)
    return [START + 3 * WINDOW + number + SUSPENSION for number in (1, 2, 3)]


# PRIVACY OFFICER


def test_namePrivacyOfficer__when_the_organisation_calls__names_and_reports_old_and_new(
    world, hospital, officer, stranger
):
    values = {"organisation": hospital.address}
    for old, new in ((ZERO, officer.address), (officer.address, stranger.address)):
        tx = world.emergencies.namePrivacyOfficer(hospital, new, sender=hospital)
        assert tx.events == [("PrivacyOfficerNamed", {**values, "oldOfficer": old, "newOfficer": new})]
    assert world.emergencies.deskOf(hospital) == {"privacyOfficer": stranger.address, "overdue": 0}


def test_namePrivacyOfficer__when_anybody_else_calls_or_nobody_is_named__reverts(world, hospital, officer):
    with reverts("EmergencyRegistry_NotController", subject=hospital, caller=officer, controller=hospital):
        world.emergencies.namePrivacyOfficer(hospital, officer, sender=officer)
    with reverts("EmergencyRegistry_Missing"):
        world.emergencies.namePrivacyOfficer(hospital, ZERO, sender=hospital)


# OPENING


@pytest.mark.parametrize("reason", list(EmergencyReason)[1:])
def test_C12_H10_openEmergency__when_an_accredited_practitioner_gives_a_reason__opens_and_logs_it(world, reason):
    tx = open_(world, reason=reason)
    people = {"patient": world.patient.address, "practitioner": world.practitioner.address}
    values = {"emergencyId": emergency_id(world), **people, "organisation": world.clinic.address}
    values |= {"jurisdiction": SWISS, "reason": reason, "number": 1}
    times = {"until": START + WINDOW, "reviewDue": START + REVIEW}
    assert tx.events == [("EmergencyOpened", {**values, **times})]
    assert tx.value == emergency_id(world)
    stored = {"organisation": world.clinic.address, "openedAt": START, "reason": reason, "verdict": 0}
    found = world.emergencies.emergencyOf(world.patient, world.practitioner, 1)
    assert found["emergency"] == {**stored, "appealed": False, "jurisdiction": SWISS, "suspension": 0}
    assert (found["until"], found["reviewDue"]) == (START + WINDOW, START + REVIEW)
    assert world.emergencies.isOpen(world.patient, world.practitioner)
    count = {"count": 1, "openUntil": START + WINDOW, "pending": 1 << reason}
    assert world.emergencies.emergenciesOf(world.patient, world.practitioner) == count


def test_C12_openEmergency__given_one_open__when_opened_again__reverts_until_it_is_over(world, given_open):
    for time in (START, START + WINDOW - 1):
        world.warp(time)
        assert world.emergencies.isOpen(world.patient, world.practitioner)
        with reverts("EmergencyRegistry_Open", until=START + WINDOW):
            open_(world, reason=EmergencyReason.ThreatToLife)
    world.warp(START + WINDOW)
    assert not world.emergencies.isOpen(world.patient, world.practitioner)
    assert open_(world, reason=EmergencyReason.ThreatToLife).value == emergency_id(world, 2)


def test_H10_openEmergency__given_a_reason_not_reviewed__when_given_again__reverts_until_it_is(world, given_open):
    used = {"reason": EmergencyReason.Unconscious}
    world.warp(START + WINDOW)
    with reverts("EmergencyRegistry_ReasonUsed", **used):
        open_(world)
    open_(world, reason=EmergencyReason.ThreatToLife)
    world.warp(START + 2 * WINDOW)
    for reason in (EmergencyReason.Unconscious, EmergencyReason.ThreatToLife):
        with reverts("EmergencyRegistry_ReasonUsed", reason=reason):
            open_(world, reason=reason)
    pair = world.emergencies.emergenciesOf(world.patient, world.practitioner)
    assert pair["pending"] == 1 << EmergencyReason.Unconscious | 1 << EmergencyReason.ThreatToLife
    review(world)
    assert open_(world).value == emergency_id(world, 3), "reviewed, it may be given again"
    with reverts("EmergencyRegistry_Open", until=START + 3 * WINDOW):
        open_(world, reason=EmergencyReason.ThreatToLife)
    other = world.stranger
    assert open_(world, patient=other).events, "another patient's reasons are another's"


def test_H10_openEmergency__given_a_reason_overdue__when_the_accreditor_settles__may_be_given_again(world, given_open):
    world.warp(START + REVIEW)
    mark(world)
    settle(world, JUSTIFIED)
    assert world.emergencies.emergenciesOf(world.patient, world.practitioner)["pending"] == 0
    assert open_(world).value == emergency_id(world, 2)


def test_H10_settleAppeal__given_the_reason_given_again__when_the_first_is_appealed__still_waits(world, given_open):
    review(world)
    world.warp(START + WINDOW)
    open_(world)
    settle(world, UNJUSTIFIED)
    assert world.emergencies.emergenciesOf(world.patient, world.practitioner)["pending"] == 1 << 1


def test_C12_openEmergency__when_reason_or_patient_is_missing_or_oneself__reverts(world, practitioner):
    for change in ({"reason": 0}, {"patient": ZERO}, {"patient": practitioner}):
        with reverts("EmergencyRegistry_Missing"):
            open_(world, **change)


def test_C12_openEmergency__when_somebody_else_opens_it__reverts(world, practitioner, stranger, clinic):
    for somebody in (stranger, clinic):
        with reverts("EmergencyRegistry_NotController", subject=practitioner, caller=somebody, controller=practitioner):
            open_(world, somebody)


def test_C12_openEmergency__when_the_practitioner_is_not_accredited_there__reverts(world, stranger, practitioner):
    for who, where in ((stranger, SWISS), (practitioner, CALIFORNIA)):
        with reverts("EmergencyRegistry_NotAccredited", account=who, role=Role.Practitioner, jurisdiction=where):
            open_(world, practitioner=who, jurisdiction=where)


def test_C12_openEmergency__when_the_organisation_is_not_its_own_or_not_active__reverts(
    world, hospital, clinic, practitioner
):
    with reverts("EmergencyRegistry_NotAccredited", account=hospital, role=Role.Provider, jurisdiction=SWISS):
        open_(world, organisation=hospital)
    world.participants.endAffiliation(clinic, practitioner, StatusReason.Requested, sender=clinic)
    with reverts("EmergencyRegistry_NotAccredited", account=clinic, role=Role.Provider, jurisdiction=SWISS):
        open_(world)


def test_C12_openEmergency__when_the_credential_is_suspended__reverts(world, practitioner, accreditor):
    world.participants.setCredentialStatus(
        practitioner, Role.Practitioner, SWISS, CredentialStatus.Suspended, StatusReason.Sanctioned, sender=accreditor
    )
    with reverts("EmergencyRegistry_NotAccredited", account=practitioner, role=Role.Practitioner, jurisdiction=SWISS):
        open_(world)


@pytest.mark.parametrize("to", [CredentialStatus.Suspended, CredentialStatus.Revoked])
def test_C12_openEmergency__given_the_house_suspended_or_revoked__when_its_people_open__reverts(
    world, clinic, practitioner, accreditor, to
):
    world.participants.setCredentialStatus(clinic, Role.Provider, SWISS, to, StatusReason.Sanctioned, sender=accreditor)
    assert world.participants.isAffiliated(clinic, practitioner)
    with reverts("EmergencyRegistry_NotAccredited", account=clinic, role=Role.Provider, jurisdiction=SWISS):
        open_(world)


def test_H10_openEmergency__given_no_privacy_officer__when_opened__reverts(world, hospital, practitioner):
    world.affiliate(hospital, practitioner)
    with reverts("EmergencyRegistry_Suspended", who=hospital):
        open_(world, organisation=hospital)


def test_H10_openEmergency__given_an_overdue_review__when_opened__reverts_until_it_is_made_up_for(
    world, clinic, given_overdue
):
    with reverts("EmergencyRegistry_Suspended", who=clinic):
        open_(world)
    review(world)
    assert open_(world).events


def test_openEmergency__given_the_registry_retired__when_opened__reverts(world):
    world.emergencies.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.emergencies):
        open_(world)


# REVIEWING


def conduct(unjustified, suspended):
    return {"unjustified": unjustified, "suspendedUntil": suspended}


def reviewed(world, old, new, suspended, *, name="EmergencyReviewed", by=None):
    who = {"EmergencyReviewed": "reviewer", "EmergencyAppealed": "accreditor"}[name]
    judge = by or (world.officer if who == "reviewer" else world.accreditor)
    values = {"emergencyId": emergency_id(world), who: judge.address, "practitioner": world.practitioner.address}
    change = {"oldVerdict": old, "newVerdict": new, "evidence": EVIDENCE, "suspendedUntil": suspended}
    return [(name, {**values, **change})]


def test_H10_reviewEmergency__given_an_open_one__when_the_officer_finds_it_justified__nobody_is_suspended(
    world, given_open
):
    assert review(world).events == reviewed(world, 0, JUSTIFIED, 0)
    assert state(world)["verdict"] == JUSTIFIED
    assert world.emergencies.conductOf(world.practitioner) == conduct(0, 0)


def test_H10_reviewEmergency__given_an_open_one__when_found_unjustified__suspends_the_practitioner(
    world, practitioner, given_open
):
    until = START + SUSPENSION
    assert review(world, UNJUSTIFIED).events == reviewed(world, 0, UNJUSTIFIED, until)
    assert world.emergencies.conductOf(practitioner) == conduct(1, until)
    world.warp(until - 1)
    with reverts("EmergencyRegistry_Suspended", who=practitioner):
        open_(world)
    world.warp(until)
    assert open_(world).events


def test_H10_reviewEmergency__when_anybody_but_the_officer_judges__reverts(world, officer, given_open):
    for somebody in (world.practitioner, world.clinic, world.patient, world.accreditor, world.governor):
        with reverts("EmergencyRegistry_NotController", subject=officer, caller=somebody, controller=officer):
            review(world, sender=somebody)


def test_H10_reviewEmergency__given_the_officer_is_the_practitioner__when_it_judges__reverts(
    world, clinic, practitioner, stranger, given_open
):
    world.emergencies.namePrivacyOfficer(clinic, practitioner, sender=clinic)
    with reverts("EmergencyRegistry_State", step=EmergencyStep.OwnCase):
        review(world, sender=practitioner)
    world.emergencies.namePrivacyOfficer(clinic, stranger, sender=clinic)
    world.participants.changeController(practitioner, stranger, sender=practitioner)
    with reverts("EmergencyRegistry_State", step=EmergencyStep.OwnCase):
        review(world, sender=stranger)


@pytest.mark.parametrize("verdict, evidence", [(0, EVIDENCE), (1, EVIDENCE), (2, NOTHING), (3, NOTHING)])
def test_reviewEmergency__given_an_open_one__when_verdict_or_evidence_is_missing__reverts(
    world, given_open, verdict, evidence
):
    with reverts("EmergencyRegistry_Missing"):
        review(world, verdict, evidence=evidence)


def test_H10_reviewEmergency__given_an_overdue_one__when_reviewed_late__counts_down(world, clinic, given_overdue):
    assert world.emergencies.deskOf(clinic)["overdue"] == 1
    assert review(world).events == reviewed(world, Verdict.Overdue, JUSTIFIED, 0)
    assert world.emergencies.deskOf(clinic)["overdue"] == 0


# OVERDUE


def test_H10_markOverdue__given_an_unreviewed_one__when_its_time_is_over__anybody_marks_it_once(
    world, clinic, given_open
):
    world.warp(START + REVIEW - 1)
    with reverts("EmergencyRegistry_State", step=EmergencyStep.NotDue):
        mark(world)
    world.warp(START + REVIEW)
    values = {"emergencyId": emergency_id(world), "organisation": clinic.address, "overdue": 1}
    assert mark(world).events == [("EmergencyOverdue", values)]
    with reverts("EmergencyRegistry_State", step=EmergencyStep.AlreadyMarked):
        mark(world)


def test_markOverdue__given_several__when_one_is_reviewed__the_rest_still_suspends(world, clinic, given_open):
    world.warp(START + WINDOW)
    open_(world, reason=EmergencyReason.ThreatToLife)
    world.warp(START + WINDOW + REVIEW)
    assert mark(world, 2).event("EmergencyOverdue")["overdue"] == 1
    assert mark(world, 1).event("EmergencyOverdue")["overdue"] == 2
    review(world)
    with reverts("EmergencyRegistry_Suspended", who=clinic):
        open_(world)
    review(world, number=2)
    assert open_(world).events


# APPEAL


@pytest.mark.parametrize("old", [JUSTIFIED, UNJUSTIFIED])
@pytest.mark.parametrize("new", [JUSTIFIED, UNJUSTIFIED])
def test_H10_settleAppeal__given_a_verdict__when_the_accreditor_speaks__is_the_last_word(world, given_open, old, new):
    review(world, old)
    world.warp(START + 5)
    first, second = START + SUSPENSION, START + 5 + SUSPENSION
    ends = {(2, 2): 0, (2, 3): second, (3, 2): 0, (3, 3): first}[(old, new)]
    assert settle(world, new).events == reviewed(world, old, new, ends, name="EmergencyAppealed")
    assert state(world)["appealed"]
    with reverts("EmergencyRegistry_State", step=EmergencyStep.AlreadyAppealed):
        settle(world, old)
    with reverts("EmergencyRegistry_State", step=EmergencyStep.AlreadyJudged):
        review(world, old)


def test_settleAppeal__given_two_unjustified_ones__when_one_is_overturned__stays_suspended(
    world, practitioner, given_open
):
    world.warp(START + WINDOW)
    open_(world, reason=EmergencyReason.ThreatToLife)
    review(world, UNJUSTIFIED)
    review(world, UNJUSTIFIED, number=2)
    assert world.emergencies.conductOf(practitioner) == conduct(2, START + WINDOW + SUSPENSION)
    settle(world, JUSTIFIED)
    assert world.emergencies.conductOf(practitioner) == conduct(1, START + WINDOW + SUSPENSION)
    settle(world, JUSTIFIED, number=2)
    assert world.emergencies.conductOf(practitioner) == conduct(0, 0)


@pytest.mark.parametrize("overturned, left", [((2,), 3), ((3,), 2), ((2, 3), 1), ((3, 2), 1), ((1, 3), 2), ((1, 2), 3)])
def test_settleAppeal__given_three_unjustified_ones__when_some_are_overturned__the_last_that_stands_suspends(
    world, practitioner, given_three, overturned, left
):
    for number in overturned:
        settle(world, JUSTIFIED, number=number)
    assert world.emergencies.conductOf(practitioner) == conduct(3 - len(overturned), given_three[left - 1])
    stands = [0 if number in overturned else end for number, end in enumerate(given_three, 1)]
    assert world.emergencies.suspensionsOf(practitioner) == stands[:left]
    for number in overturned:
        assert state(world, number)["suspension"] == 0
    assert state(world, left)["suspension"] == left


def test_settleAppeal__given_three_unjustified_ones__when_all_are_overturned__another_suspends_anew(
    world, practitioner, given_three
):
    for number in (2, 1, 3):
        settle(world, JUSTIFIED, number=number)
    assert world.emergencies.conductOf(practitioner) == conduct(0, 0)
    assert world.emergencies.suspensionsOf(practitioner) == []
    world.warp(START + 4 * WINDOW)
    open_(world)
    review(world, UNJUSTIFIED, number=4)
    assert world.emergencies.conductOf(practitioner) == conduct(1, START + 4 * WINDOW + SUSPENSION)
    assert state(world, 4)["suspension"] == 1


def test_settleAppeal__given_one_served__when_a_later_one_is_overturned__is_suspended_no_more(
    world, practitioner, given_open
):
    review(world, UNJUSTIFIED)
    world.warp(START + SUSPENSION)
    open_(world)
    review(world, UNJUSTIFIED, number=2)
    settle(world, JUSTIFIED, number=2)
    assert world.emergencies.conductOf(practitioner) == conduct(1, START + SUSPENSION)
    world.warp(START + SUSPENSION + WINDOW)
    assert open_(world).events


def test_settleAppeal__when_anybody_but_its_accreditor_calls__reverts(world, officer, given_open):
    review(world, UNJUSTIFIED)
    for who in (officer, world.practitioner, world.governor, world.stranger):
        with reverts("EmergencyRegistry_NotAccredited", account=who, role=Role.Provider, jurisdiction=SWISS):
            settle(world, JUSTIFIED, sender=who)


def test_settleAppeal__given_the_accreditor_was_dismissed__when_it_calls__reverts(world, accreditor, given_open):
    review(world, UNJUSTIFIED)
    day = START + 8 * DAY
    said = (accreditor, Role.Provider, SWISS, day, StatusReason.CriteriaNotMet)
    world.participants.dismissAccreditor(*said, sender=world.governor)
    world.warp(day)
    with reverts("EmergencyRegistry_NotAccredited", account=accreditor, role=Role.Provider, jurisdiction=SWISS):
        settle(world, JUSTIFIED)


def test_settleAppeal__given_an_overdue_one__when_the_accreditor_speaks__is_judged_and_counts_down(
    world, clinic, given_overdue
):
    assert settle(world, UNJUSTIFIED).event("EmergencyAppealed")["oldVerdict"] == Verdict.Overdue
    assert world.emergencies.deskOf(clinic)["overdue"] == 0
    assert world.emergencies.conductOf(world.practitioner) == conduct(1, START + REVIEW + SUSPENSION)


def test_settleAppeal__given_an_unreviewed_one__when_settled_before_any_verdict__reverts(world, given_open):
    with reverts("EmergencyRegistry_State", step=EmergencyStep.NotJudged):
        settle(world, JUSTIFIED)


def test_C12_openEmergency__given_a_house_of_the_practitioners_own__when_opened_for_it__reverts(
    world, clinic, practitioner
):
    world.participants.changeController(clinic, practitioner, sender=clinic)
    with reverts("EmergencyRegistry_NotAccredited", account=clinic, role=Role.Provider, jurisdiction=SWISS):
        open_(world)


@pytest.mark.parametrize("verdict, evidence", [(0, EVIDENCE), (1, EVIDENCE), (2, NOTHING)])
def test_settleAppeal__given_a_verdict__when_the_new_one_is_incomplete__reverts(world, given_open, verdict, evidence):
    review(world, UNJUSTIFIED)
    with reverts("EmergencyRegistry_Missing"):
        settle(world, verdict, evidence=evidence)


# EVERY STATE AND ACTION


ACTIONS = {
    "review": review, "mark": mark, "settle": lambda world: settle(world, JUSTIFIED),
}  # fmt: skip
STATES = {
    "none": [], "open": ["open"], "overdue": ["open", "late", "mark"], "judged": ["open", "late", "review"],
    "judged late": ["open", "late", "mark", "review"], "appealed": ["open", "late", "review", "settle"],
}  # fmt: skip
LEGAL = {
    ("open", "review"), ("overdue", "review"), ("overdue", "settle"), ("judged", "settle"), ("judged late", "settle"),
}  # fmt: skip
REFUSED = {
    ("open", "mark"): EmergencyStep.NotDue, ("open", "settle"): EmergencyStep.NotJudged,
    ("overdue", "mark"): EmergencyStep.AlreadyMarked,
    ("judged", "review"): EmergencyStep.AlreadyJudged, ("judged", "mark"): EmergencyStep.AlreadyJudged,
    ("judged late", "review"): EmergencyStep.AlreadyJudged, ("judged late", "mark"): EmergencyStep.AlreadyJudged,
    ("appealed", "review"): EmergencyStep.AlreadyJudged, ("appealed", "mark"): EmergencyStep.AlreadyJudged,
    ("appealed", "settle"): EmergencyStep.AlreadyAppealed,
}  # fmt: skip


@pytest.mark.parametrize("given", list(STATES))
@pytest.mark.parametrize("action", list(ACTIONS))
def test_H16_emergency__when_every_action_is_taken_in_every_state__only_the_legal_ones_pass(world, given, action):
    for step in STATES[given]:
        if step == "late":
            world.warp(START + REVIEW)
        elif step == "open":
            open_(world)
        else:
            ACTIONS[step](world)
    if (given, action) in LEGAL:
        assert ACTIONS[action](world).events
        return
    step = REFUSED.get((given, action), EmergencyStep.NoneSuch)
    with reverts("EmergencyRegistry_State", step=step):
        ACTIONS[action](world)


def test_C11_emergency__given_the_registries_retired__when_judged_marked_and_appealed__all_stay_open(world, given_open):
    for module in world.modules:
        module.retire(sender=world.governor)
    world.warp(START + REVIEW)
    assert mark(world).events
    assert review(world, UNJUSTIFIED).events
    assert settle(world, JUSTIFIED).events
    assert world.emergencies.namePrivacyOfficer(world.clinic, world.stranger, sender=world.clinic).events


def test_H10_emergency__given_the_practitioner_audited__when_it_tries_to_end_or_hide_it__no_function_does(world):
    changing = {
        item["name"] for item in world.emergencies.artifact.abi
        if item["type"] == "function" and item["stateMutability"] not in ("view", "pure")
    }  # fmt: skip
    assert changing == {
        "namePrivacyOfficer", "openEmergency", "reviewEmergency", "markOverdue", "settleAppeal", "retire",
        "setAuthority",
    }  # fmt: skip


def test_H10_emergency__given_years_pass__when_one_patient_is_treated_often__each_has_its_number(world):
    for number in range(1, 6):
        world.warp(START + number * DAY)
        assert open_(world).event("EmergencyOpened")["number"] == number
        review(world, number=number)
    assert world.emergencies.emergenciesOf(world.patient, world.practitioner)["count"] == 5


def test_emergencyOf__given_one_opened__when_another_number_is_asked__has_its_id_and_nothing_else(world, given_open):
    nothing = {
        "organisation": ZERO, "openedAt": 0, "reason": 0, "verdict": 0, "appealed": False, "jurisdiction": 0,
        "suspension": 0,
    }  # fmt: skip
    for number in (0, 2):
        found = world.emergencies.emergencyOf(world.patient, world.practitioner, number)
        times = {"until": 0, "reviewDue": 0}
        assert found == {"emergencyId": emergency_id(world, number), "emergency": nothing, **times}


@pytest.mark.parametrize("how", ["accreditor", "key", "officer"])
def test_settleAppeal__given_a_case_of_its_own__when_the_accreditor_speaks__reverts(
    world, clinic, accreditor, practitioner, how
):
    if how == "officer":
        world.emergencies.namePrivacyOfficer(clinic, accreditor, sender=clinic)
    else:
        world.participants.changeController(practitioner, accreditor, sender=practitioner)
    open_(world, sender=practitioner if how == "officer" else accreditor)
    if how == "key":
        review(world, UNJUSTIFIED)
    else:
        world.warp(START + REVIEW)
        mark(world)
    with reverts("EmergencyRegistry_State", step=EmergencyStep.OwnCase):
        settle(world, JUSTIFIED)


def test_settleAppeal__given_the_accreditor_is_admitted_anew_later__when_it_calls_before__reverts(
    world, accreditor, given_open
):
    review(world, UNJUSTIFIED)
    who, day = (accreditor, Role.Provider, SWISS), START + 8 * DAY
    world.participants.dismissAccreditor(*who, day, StatusReason.CriteriaNotMet, sender=world.governor)
    world.warp(day)
    world.participants.admitAccreditor(*who, day + 30 * DAY, day + 800 * DAY, sender=world.governor)
    with reverts("EmergencyRegistry_NotAccredited", account=accreditor, role=Role.Provider, jurisdiction=SWISS):
        settle(world, JUSTIFIED)
    world.warp(day + 30 * DAY)
    assert settle(world, JUSTIFIED).events
