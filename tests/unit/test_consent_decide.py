"""decide: directives, denials, capacities, base policy, guardians.

decide
  given nothing
    when anybody asks in any capacity
      it denies (H8)
  given a grant
    when no or an unknown class is asked
      it denies
    when the capacity is malformed
      it denies
    when more is asked than permitted
      it denies and says what remains
    when asked at its borders
      it holds from the first second to the last (C5)
  given a grant to a house
    when its people ask
      it allows and names the directive
    when the affiliation ends
      it denies
    when its credential ends
      it denies
    when its accreditor is dismissed
      it denies from that day
    when another role or place is claimed for it
      it denies
  given a grant to a person
    when it asks in any capacity
      it allows
    when somebody else asks as it
      it denies
  given a grant to a role
    when a holder there asks
      it allows
  given two grants
    when the sum covers what is asked
      it allows
  given the patient
    when it asks for its own
      it allows all
  given a grant for one purpose
    when asked for any other
      it denies (C13)
  given a denying grant
    when it expires
      it its denials end with it (C5)
  given a grant of one class
    when every class is asked
      it allows that one alone (H6)
  given a denial to the person
    when it asks in any capacity
      it denies
  given a denial to the capacity
    when the person has a grant
      it denies
  given one directive that permits and denies
    when asked
      it denial wins
  given a standing denial
    when anybody has a grant
      it denies
  given denials everywhere
    when every actor asks in every capacity
      it nobody walks around one
  given a base policy
    when an accredited actor asks there
      it follows the rule
  given a permitting policy
    when a person without capacity asks
      it denies
    when the patient denied
      it denies
  given a policy and a directive
    when both are needed
      it rests on the policy
  given a denying policy
    when the patient granted
      it allows
  given a policy for one role
    when asked in every role
      it speaks for that one alone
  given a denial to a house
    when the house asks as a role
      it denies
  given a guardian
    when it asks for its purposes
      it allows but for denials
    when ended or over
      it denies (C9)
  given a guardian with a treatment purpose
    when it asks for treatment
      it reads nothing
  given a revoked grant
    when only the person had one
      it says revoked
  given a denial to a role
    when a house of it asks as itself
      it denies
    when the patient permits a house by name
      it allows that house
  given a guardian that is a house denied by name
    when it asks as a person
      it denies
"""

import pytest

from careledger.codes import Purpose
from tests.chainkit import START
from tests.words import (  # fmt: skip
    DAY,
    EVIDENCE,
    GENOMICS,
    HIV,
    KNOWN,
    LABS,
    NOTES,
    SWISS,
    YEAR,
    Basis,
    ConsentReason,
    CredentialStatus,
    Reason,
    Role,
    Rule,
    StatusReason,
    digest,
    guardianship,
    organisation,
    person,
    recipient,
    request,
    role,
    scope,
    terms,
)

NONE = "0x" + "00" * 32


def answer(world, *args, **kwargs):
    """Reason, basis and classes of an answer; that it allows agrees with its reason."""
    found = world.decide(request(*args, **kwargs))
    assert found["allowed"] == (found["reason"] < Reason.NothingAsked)
    assert found["grantedClasses"] & ~kwargs.get("classes", LABS) == 0
    return Reason(found["reason"]), Basis(found["basis"]), found["grantedClasses"]


def refused(reason, basis=0, rest=0):
    return reason, Basis(basis), rest


ALLOWED = (Reason.Directive, Basis.Directive, LABS)
NOT_GRANTED = refused(Reason.NotGranted)


@pytest.fixture
def house(clinic):
    return organisation(clinic)


@pytest.fixture
def given_grant(world, patient, house):
    """The clinic may read ordinary classes for treatment."""
    world.consents.grant(terms(patient, house), sender=patient)


# WITH AND WITHOUT A DIRECTIVE


def test_H8_decide__given_nothing__when_anybody_asks_in_any_capacity__denies(world, patient, practitioner, house):
    assert answer(world, patient, practitioner, house) == NOT_GRANTED
    assert answer(world, patient, practitioner) == NOT_GRANTED
    assert answer(world, patient, practitioner, role(Role.Practitioner)) == NOT_GRANTED


@pytest.mark.parametrize("classes", [0, 1 << 16, KNOWN | 1 << 63])
def test_decide__given_a_grant__when_no_or_an_unknown_class_is_asked__denies(
    world, patient, practitioner, house, given_grant, classes
):
    reason = Reason.UnknownClass if classes else Reason.NothingAsked
    assert answer(world, patient, practitioner, house, classes=classes) == refused(reason)


def test_decide__given_a_grant_to_a_house__when_its_people_ask__allows_and_names_the_directive(
    world, patient, practitioner, clinic, house, given_grant
):
    for actor in (practitioner, clinic):
        found = world.decide(request(patient, actor, house))
        assert found == {
            "allowed": True, "reason": Reason.Directive, "basis": Basis.Directive, "grantedClasses": LABS,
            "directiveId": world.directive_id(patient, scope(house), 1),
        }  # fmt: skip


def test_decide__given_a_grant_to_a_person__when_it_asks_in_any_capacity__allows(world, patient, practitioner, house):
    world.consents.grant(terms(patient, person(practitioner)), sender=patient)
    for capacity in (None, house, role(Role.Practitioner)):
        found = world.decide(request(patient, practitioner, capacity))
        assert found["allowed"]
        assert found["directiveId"] == world.directive_id(patient, scope(person(practitioner)), 1)


def test_decide__given_a_grant_to_a_role__when_a_holder_there_asks__allows(world, patient, practitioner, insurer):
    for_role = role(Role.Practitioner)
    world.consents.grant(terms(patient, for_role), sender=patient)
    assert answer(world, patient, practitioner, for_role) == ALLOWED
    assert answer(world, patient, insurer, for_role) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, practitioner, for_role, jurisdiction=840006) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, practitioner, role(Role.Practitioner, 840006)) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, practitioner, role(Role.Insurer)) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, practitioner) == NOT_GRANTED


@pytest.mark.parametrize("kind", range(6))
def test_decide__given_a_grant__when_the_capacity_is_malformed__denies(
    world, patient, practitioner, clinic, kind, given_grant
):
    odd = recipient(kind, clinic, role=1, jurisdiction=SWISS)
    assert answer(world, patient, practitioner, odd) == refused(Reason.CapacityNotHeld)


def test_decide__given_a_grant_to_a_person__when_somebody_else_asks_as_it__denies(
    world, patient, practitioner, stranger
):
    world.consents.grant(terms(patient, person(practitioner)), sender=patient)
    assert answer(world, patient, stranger, person(practitioner)) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, stranger) == NOT_GRANTED


def test_decide__given_a_grant__when_more_is_asked_than_permitted__denies_and_says_what_remains(
    world, patient, practitioner, house, given_grant
):
    asked = LABS | NOTES | HIV
    assert answer(world, patient, practitioner, house, classes=asked) == refused(
        Reason.DeniedToCapacity, Basis.Directive, LABS | NOTES
    )
    world.consents.grant(terms(patient, house, version=2, permits=LABS, denies=0), sender=patient)
    assert answer(world, patient, practitioner, house, classes=asked) == refused(
        Reason.NotGranted, Basis.Directive, LABS
    )


def test_decide__given_two_grants__when_the_sum_covers_what_is_asked__allows(world, patient, practitioner, house):
    world.consents.grant(terms(patient, house, permits=LABS, denies=0), sender=patient)
    world.consents.grant(terms(patient, person(practitioner), permits=NOTES, denies=0), sender=patient)
    assert answer(world, patient, practitioner, house, classes=LABS | NOTES)[0] == Reason.Directive


def test_decide__given_the_patient__when_it_asks_for_its_own__allows_all(world, patient):
    world.consents.deny(patient, KNOWN, KNOWN, sender=patient)
    assert answer(world, patient, patient, classes=KNOWN) == (Reason.Own, Basis.Own, KNOWN)


# PURPOSES AND TIME


@pytest.mark.parametrize("granted", list(Purpose))
def test_C13_decide__given_a_grant_for_one_purpose__when_asked_for_any_other__denies(
    world, patient, practitioner, house, granted
):
    world.consents.grant(terms(patient, house, granted, denies=0), sender=patient)
    for asked in Purpose:
        expected = ALLOWED if asked == granted else NOT_GRANTED
        assert answer(world, patient, practitioner, house, purpose=asked) == expected


def test_C5_decide__given_a_grant__when_asked_at_its_borders__holds_from_the_first_second_to_the_last(
    world, patient, practitioner, house
):
    starts, ends = START + 100, START + 200
    world.consents.grant(terms(patient, house, starts=starts, ends=ends), sender=patient)
    expected = {
        starts - 1: refused(Reason.NotYetValid), starts: ALLOWED, ends - 1: ALLOWED, ends: refused(Reason.Expired),
        ends + YEAR: refused(Reason.Expired),
    }  # fmt: skip
    for time, said in expected.items():
        world.warp(time)
        if time > START + YEAR:
            said = refused(Reason.CapacityNotHeld)  # the affiliation is over as well
        assert answer(world, patient, practitioner, house) == said


def test_C5_decide__given_a_denying_grant__when_it_expires__its_denials_end_with_it(
    world, patient, practitioner, house
):
    world.consents.grant(terms(patient, house), sender=patient)
    said = terms(patient, person(practitioner), permits=0, denies=LABS, ends=START + 50)
    world.consents.grant(said, sender=patient)
    world.warp(START + 49)
    assert answer(world, patient, practitioner, house) == refused(Reason.DeniedToPerson)
    world.warp(START + 50)
    assert answer(world, patient, practitioner, house) == ALLOWED


def test_H6_decide__given_a_grant_of_one_class__when_every_class_is_asked__allows_that_one_alone(
    world, patient, practitioner, house
):
    world.consents.grant(terms(patient, house, permits=HIV, denies=0), sender=patient)
    for bit in range(64):
        reason = answer(world, patient, practitioner, house, classes=1 << bit)[0]
        unknown = not KNOWN >> bit & 1
        assert reason == (
            Reason.Directive if 1 << bit == HIV else Reason.UnknownClass if unknown else Reason.NotGranted
        )


# DENIALS


def test_decide__given_a_denial_to_the_person__when_it_asks_in_any_capacity__denies(
    world, patient, practitioner, clinic, house, given_grant
):
    world.consents.grant(terms(patient, role(Role.Practitioner)), sender=patient)
    world.consents.grant(terms(patient, person(practitioner), permits=NOTES, denies=LABS), sender=patient)
    for capacity in (None, house, role(Role.Practitioner), organisation(world.hospital)):
        assert answer(world, patient, practitioner, capacity)[0] == Reason.DeniedToPerson
    assert answer(world, patient, clinic, house) == ALLOWED


def test_decide__given_a_denial_to_the_capacity__when_the_person_has_a_grant__denies(
    world, patient, practitioner, house
):
    world.consents.grant(terms(patient, person(practitioner)), sender=patient)
    world.consents.grant(terms(patient, house, permits=0, denies=LABS), sender=patient)
    assert answer(world, patient, practitioner, house) == refused(Reason.DeniedToCapacity)
    found = world.decide(request(patient, practitioner, house))
    assert found["directiveId"] == world.directive_id(patient, scope(house), 1)


def test_decide__given_one_directive_that_permits_and_denies__when_asked__denial_wins(
    world, patient, practitioner, house
):
    world.consents.grant(terms(patient, house, permits=KNOWN, denies=LABS), sender=patient)
    assert answer(world, patient, practitioner, house) == refused(Reason.DeniedToCapacity)
    assert answer(world, patient, practitioner, house, classes=NOTES)[0] == Reason.Directive


def test_decide__given_a_standing_denial__when_anybody_has_a_grant__denies(world, patient, practitioner, house):
    world.consents.grant(terms(patient, house), sender=patient)
    world.consents.grant(terms(patient, person(practitioner)), sender=patient)
    world.consents.deny(patient, LABS, 0, sender=patient)
    for capacity in (None, house):
        assert answer(world, patient, practitioner, capacity) == refused(Reason.StandingDenial)
    both = answer(world, patient, practitioner, house, classes=LABS | NOTES)
    assert both == refused(Reason.StandingDenial, Basis.Directive, NOTES)
    world.consents.deny(patient, 0, 0, sender=patient)
    assert answer(world, patient, practitioner, house) == ALLOWED


def test_decide__given_denials_everywhere__when_every_actor_asks_in_every_capacity__nobody_walks_around_one(
    world, patient, practitioner, clinic, house
):
    capacities = [house, organisation(world.hospital), role(Role.Practitioner), role(Role.Provider), None]
    for to in (house, organisation(world.hospital), role(Role.Practitioner), role(Role.Provider)):
        world.consents.grant(terms(patient, to, permits=KNOWN, denies=0), sender=patient)
    world.consents.grant(terms(patient, person(practitioner), permits=KNOWN, denies=HIV | NOTES), sender=patient)
    for capacity in capacities:
        for classes in (HIV, NOTES, HIV | NOTES, HIV | LABS):
            assert answer(world, patient, practitioner, capacity, classes=classes)[0] == Reason.DeniedToPerson


# WHO HOLDS THE CAPACITY


def test_decide__given_a_grant_to_a_house__when_the_affiliation_ends__denies(
    world, patient, practitioner, clinic, house, given_grant
):
    world.participants.endAffiliation(clinic, practitioner, StatusReason.Requested, sender=practitioner)
    assert answer(world, patient, practitioner, house) == refused(Reason.CapacityNotHeld)
    assert answer(world, patient, clinic, house) == ALLOWED


@pytest.mark.parametrize("status", [CredentialStatus.Suspended, CredentialStatus.Revoked])
def test_decide__given_a_grant_to_a_house__when_its_credential_ends__denies(
    world, patient, practitioner, clinic, accreditor, house, given_grant, status
):
    world.participants.setCredentialStatus(
        clinic, Role.Provider, SWISS, status, StatusReason.Sanctioned, sender=accreditor
    )
    for actor in (practitioner, clinic):
        assert answer(world, patient, actor, house) == refused(Reason.CapacityNotHeld)


def test_decide__given_a_grant_to_a_house__when_its_accreditor_is_dismissed__denies_from_that_day(
    world, patient, practitioner, accreditor, house, given_grant
):
    day = START + 8 * DAY
    world.participants.dismissAccreditor(
        accreditor, Role.Provider, SWISS, day, StatusReason.CriteriaNotMet, sender=world.governor
    )
    world.warp(day - 1)
    assert answer(world, patient, practitioner, house) == ALLOWED
    world.warp(day)
    assert answer(world, patient, practitioner, house) == refused(Reason.CapacityNotHeld)


def test_decide__given_a_grant_to_a_house__when_another_role_or_place_is_claimed_for_it__denies(
    world, patient, practitioner, house, given_grant
):
    for of in list(Role)[1:]:
        expected = ALLOWED if of == Role.Provider else refused(Reason.CapacityNotHeld)
        assert answer(world, patient, practitioner, house, as_role=of) == expected
    assert answer(world, patient, practitioner, house, jurisdiction=840006) == refused(Reason.CapacityNotHeld)


# BASE POLICY


LAW = digest("SR 810.1 Art. 7")


def state(world, rule, classes=0xFFFF, purpose=Purpose.TREAT, roles=1 << Role.Provider | 1 << Role.Practitioner):
    who = world.custodian
    said = (who, Role.Custodian, SWISS, purpose, rule, classes, roles, LAW)
    world.consents.statePolicy(*said, sender=who)
    return who


RULES = {
    Rule.DenyUnlessGranted: NOT_GRANTED, Rule.PermitUnlessDenied: (Reason.BasePolicy, Basis.BasePolicy, LABS),
    Rule.BreakGlassOnly: refused(Reason.EmergencyNotOpen), Rule.RequiredByLaw: (Reason.Law, Basis.Law, LABS),
}  # fmt: skip


@pytest.mark.parametrize("rule", list(RULES))
def test_decide__given_a_base_policy__when_an_accredited_actor_asks_there__follows_the_rule(
    world, patient, practitioner, house, rule
):
    custodian = state(world, rule)
    assert answer(world, patient, practitioner, house, custodian=custodian) == RULES[rule]
    assert answer(world, patient, practitioner, role(Role.Practitioner), custodian=custodian) == RULES[rule]
    assert answer(world, patient, practitioner, house) == NOT_GRANTED
    assert answer(world, patient, practitioner, house, custodian=custodian, purpose=Purpose.HRESCH) == NOT_GRANTED
    found = world.decide(request(patient, practitioner, house, custodian=custodian))
    assert found["directiveId"] == NONE


@pytest.mark.parametrize("rule", [Rule.PermitUnlessDenied, Rule.RequiredByLaw])
def test_decide__given_a_permitting_policy__when_a_person_without_capacity_asks__denies(
    world, patient, practitioner, stranger, house, rule
):
    custodian = state(world, rule)
    assert answer(world, patient, practitioner, custodian=custodian) == NOT_GRANTED
    assert answer(world, patient, stranger, house, custodian=custodian) == refused(Reason.CapacityNotHeld)


@pytest.mark.parametrize("rule", [Rule.PermitUnlessDenied, Rule.RequiredByLaw])
def test_decide__given_a_permitting_policy__when_the_patient_denied__denies(world, patient, practitioner, house, rule):
    custodian = state(world, rule)
    world.consents.grant(terms(patient, house, permits=0, denies=LABS), sender=patient)
    assert answer(world, patient, practitioner, house, custodian=custodian) == refused(Reason.DeniedToCapacity)
    world.consents.deny(patient, LABS, 0, sender=patient)
    assert answer(world, patient, practitioner, house, custodian=custodian) == refused(Reason.StandingDenial)


def test_decide__given_a_policy_and_a_directive__when_both_are_needed__rests_on_the_policy(
    world, patient, practitioner, house
):
    custodian = state(world, Rule.PermitUnlessDenied, classes=LABS)
    world.consents.grant(terms(patient, house, permits=GENOMICS, denies=0), sender=patient)
    asked = {"classes": LABS | GENOMICS, "custodian": custodian}
    assert answer(world, patient, practitioner, house, **asked) == (
        Reason.BasePolicy,
        Basis.BasePolicy,
        LABS | GENOMICS,
    )
    assert answer(world, patient, practitioner, house, classes=GENOMICS, custodian=custodian)[1] == Basis.Directive
    assert answer(world, patient, practitioner, house, classes=LABS | HIV, custodian=custodian) == refused(
        Reason.NotGranted, Basis.BasePolicy, LABS
    )


def test_decide__given_a_denying_policy__when_the_patient_granted__allows(
    world, patient, practitioner, house, given_grant
):
    for rule in (Rule.DenyUnlessGranted, Rule.BreakGlassOnly):
        custodian = state(world, rule)
        assert answer(world, patient, practitioner, house, custodian=custodian) == ALLOWED


@pytest.mark.parametrize("of", [Role.Provider, Role.Practitioner, Role.Insurer])
def test_decide__given_a_policy_for_one_role__when_asked_in_every_role__speaks_for_that_one_alone(
    world, patient, practitioner, house, of
):
    custodian = state(world, Rule.PermitUnlessDenied, roles=1 << of)
    by_policy = (Reason.BasePolicy, Basis.BasePolicy, LABS)
    for capacity, held in ((house, Role.Provider), (role(Role.Practitioner), Role.Practitioner)):
        expected = by_policy if of == held else NOT_GRANTED
        assert answer(world, patient, practitioner, capacity, custodian=custodian) == expected


def test_decide__given_a_denial_to_a_house__when_the_house_asks_as_a_role__denies(world, patient, clinic, house):
    world.consents.grant(terms(patient, role(Role.Provider)), sender=patient)
    assert answer(world, patient, clinic, role(Role.Provider)) == ALLOWED
    world.consents.grant(terms(patient, house, permits=0, denies=LABS), sender=patient)
    assert answer(world, patient, clinic, role(Role.Provider)) == refused(Reason.DeniedToCapacity)
    found = world.decide(request(patient, clinic, role(Role.Provider)))
    assert found["directiveId"] == world.directive_id(patient, scope(house), 1)


# GUARDIANS


def test_decide__given_a_guardian__when_it_asks_for_its_purposes__allows_but_for_denials(world, patient, stranger):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    asked = {"purpose": Purpose.FAMRQT, "classes": LABS | HIV}
    assert answer(world, patient, stranger, **asked) == (Reason.Guardian, Basis.Guardian, LABS | HIV)
    assert answer(world, patient, stranger, purpose=Purpose.PWATRNY) == NOT_GRANTED
    assert answer(world, patient, stranger, purpose=Purpose.TREAT) == NOT_GRANTED
    world.consents.deny(patient, HIV, 0, sender=patient)
    assert answer(world, patient, stranger, **asked) == refused(Reason.StandingDenial, Basis.Guardian, LABS)


def test_C9_decide__given_a_guardian__when_ended_or_over__denies(world, patient, stranger):
    world.guardians.appointGuardian(guardianship(patient, stranger, until=START + 10), sender=patient)
    world.warp(START + 9)
    assert answer(world, patient, stranger, purpose=Purpose.FAMRQT)[0] == Reason.Guardian
    world.warp(START + 10)
    assert answer(world, patient, stranger, purpose=Purpose.FAMRQT) == NOT_GRANTED


def test_decide__given_a_guardian_with_a_treatment_purpose__when_it_asks_for_treatment__reads_nothing(
    world, patient, stranger
):
    everything = (1 << 24) - 1
    world.guardians.appointGuardian(guardianship(patient, stranger, purposes=everything), sender=patient)
    for purpose in Purpose:
        family = purpose in (Purpose.PATRQT, Purpose.FAMRQT, Purpose.PWATRNY)
        assert (answer(world, patient, stranger, purpose=purpose)[0] == Reason.Guardian) == family


def test_decide__given_a_revoked_grant__when_only_the_person_had_one__says_revoked(world, patient, practitioner, house):
    world.consents.grant(terms(patient, person(practitioner)), sender=patient)
    world.consents.revoke(patient, scope(person(practitioner)), ConsentReason.PatientRequest, sender=patient)
    assert answer(world, patient, practitioner, house) == refused(Reason.Revoked)
    assert answer(world, patient, practitioner) == refused(Reason.Revoked)


@pytest.mark.parametrize("who", ["house", "staff"])
def test_decide__given_a_denial_to_a_role__when_a_house_of_it_asks_as_itself__denies(
    world, patient, clinic, practitioner, custodian, who
):
    said = (Purpose.TREAT, Rule.PermitUnlessDenied, KNOWN, 1 << Role.Provider, EVIDENCE)
    world.consents.statePolicy(custodian, Role.Custodian, SWISS, *said, sender=custodian)
    actor = clinic if who == "house" else practitioner
    asked = (world, patient, actor, organisation(clinic))
    assert answer(*asked, custodian=custodian)[0] == Reason.BasePolicy
    to = role(Role.Provider)
    world.consents.grant(terms(patient, to, permits=0, denies=LABS), sender=patient)
    assert answer(*asked, custodian=custodian) == refused(Reason.DeniedToCapacity)
    found = world.decide(request(patient, actor, organisation(clinic), custodian=custodian))
    assert found["directiveId"] == world.directive_id(patient, scope(to), 1)


def test_decide__given_a_denial_to_a_role__when_the_patient_permits_a_house_by_name__allows_that_house(
    world, patient, clinic, hospital
):
    world.consents.grant(terms(patient, role(Role.Provider), permits=0, denies=LABS | NOTES), sender=patient)
    world.consents.grant(terms(patient, organisation(clinic), permits=LABS, denies=0), sender=patient)
    assert answer(world, patient, clinic, organisation(clinic))[0] == Reason.Directive
    assert answer(world, patient, clinic, role(Role.Provider)) == refused(Reason.DeniedToCapacity)
    both = answer(world, patient, clinic, organisation(clinic), classes=LABS | NOTES)
    assert both == (Reason.DeniedToCapacity, Basis.Directive, LABS)
    assert answer(world, patient, hospital, organisation(hospital)) == refused(Reason.DeniedToCapacity)


def test_decide__given_a_guardian_that_is_a_house_denied_by_name__when_it_asks_as_a_person__denies(
    world, patient, clinic
):
    world.guardians.appointGuardian(guardianship(patient, clinic), sender=patient)
    asked = {"purpose": Purpose.PATRQT}
    assert answer(world, patient, clinic, **asked)[0] == Reason.Guardian
    world.consents.grant(terms(patient, organisation(clinic), Purpose.PATRQT, permits=0, denies=LABS), sender=patient)
    for capacity in (person(clinic), organisation(clinic)):
        assert answer(world, patient, clinic, capacity, **asked)[0] == Reason.DeniedToCapacity
