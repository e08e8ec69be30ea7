"""decide: limits, emergencies, the patterns of IHE Privacy Consent on FHIR, and constant cost.

decide
  given a limited grant
    when not opened or opened wrongly
      it denies
  given a grant limited to an author
    when another is asked for
      it denies
  given a grant limited to a period
    when asked at its borders
      it holds inside
  given a grant limited from a day on
    when no end is asked
      it holds
  given a limited grant to the person
    when opened for it
      it holds in any capacity
  given a limited grant that denies
    when not opened
      it still denies
  given an emergency
    when asked for emergency treatment
      it allows but for what is excluded (H10)
    when its window is over
      it denies by itself (C12)
    when asked for another purpose
      it denies (C13)
    when the wrong one asks
      it denies (C12)
    when the person is denied by name
      it denies
  given the pattern deny all but break glass
    when asked
      it only the emergency opens
  given the pattern normal and break glass to restricted
    when asked
      it each opens its own
  given the pattern by author
    when asked
      it only that authors records open
  given the pattern by data class
    when asked
      it only those classes open
  given the pattern by time
    when asked
      it opens in its window and for its period
  given ten thousand grants
    when one is asked or revoked
      it gas stays constant (C10)
"""

import pytest

from careledger.chain.abi import encode
from careledger.codes import Purpose
from careledger.values import keccak
from tests.chainkit import START, ZERO
from tests.words import (
    HIV,
    KNOWN,
    LABS,
    LIMITED,
    NOTES,
    ORDINARY,
    SENSITIVE,
    SWISS,
    YEAR,
    Basis,
    EmergencyReason,
    Reason,
    Role,
    Rule,
    digest,
    organisation,
    person,
    request,
    role,
    terms,
)  # fmt: skip

ETREAT, HRESCH = Purpose.ETREAT, Purpose.HRESCH
TYPE = keccak(b"ConsentReceipt(address author,uint40 dataFrom,uint40 dataUntil,bytes32 document)")
DOCUMENT = digest("the rest of the receipt, salted")


def limits(author=ZERO, since=0, until=0):
    """Limits and the receipt that commits to them."""
    said = {"author": getattr(author, "address", author), "dataFrom": since, "dataUntil": until, "document": DOCUMENT}
    values = [TYPE, said["author"], since, until, bytes.fromhex(DOCUMENT[2:])]
    return said, "0x" + keccak(encode(["bytes32", "address", "uint40", "uint40", "bytes32"], values)).hex()


def reason(world, *args, **kwargs):
    found = world.decide(request(*args, **kwargs))
    return Reason(found["reason"]), found["grantedClasses"]


@pytest.fixture
def house(clinic):
    return organisation(clinic)


@pytest.fixture
def opened(world, patient, practitioner, clinic):
    """An emergency of the practitioner for the patient is open."""
    world.emergencies.openEmergency(
        patient, practitioner, clinic, SWISS, EmergencyReason.Unconscious, sender=practitioner
    )


# LIMITS


def limited(world, patient, to, **said):
    opening, receipt = limits(**said)
    world.consents.grant(terms(patient, to, flags=LIMITED, receipt=receipt), sender=patient)
    return opening


def test_decide__given_a_limited_grant__when_not_opened_or_opened_wrongly__denies(world, patient, practitioner, house):
    opening = limited(world, patient, house, author=world.hospital)
    asked = {"author": world.hospital}
    assert reason(world, patient, practitioner, house, **asked) == (Reason.LimitsNotOpened, 0)
    for change in ({"author": ZERO}, {"dataFrom": 1}, {"dataUntil": 9}, {"document": digest("other")}):
        wrong = {**opening, **change}
        assert reason(world, patient, practitioner, house, capacity_limits=wrong, **asked) == (
            Reason.LimitsNotOpened,
            0,
        )
    assert reason(world, patient, practitioner, house, person_limits=opening, **asked) == (Reason.LimitsNotOpened, 0)


def test_decide__given_a_grant_limited_to_an_author__when_another_is_asked_for__denies(
    world, patient, practitioner, house
):
    opening = limited(world, patient, house, author=world.hospital)
    for author, expected in (
        (world.hospital, Reason.Directive),
        (world.clinic, Reason.OutsideLimits),
        (ZERO, Reason.OutsideLimits),
    ):
        found = reason(world, patient, practitioner, house, capacity_limits=opening, author=author)
        assert found[0] == expected


@pytest.mark.parametrize(
    "since, until, inside",
    [
        (100, 200, True), (99, 200, False), (100, 201, False), (150, 151, True), (0, 150, False), (150, 0, False),
        (0, 0, False),
    ],
)  # fmt: skip
def test_decide__given_a_grant_limited_to_a_period__when_asked_at_its_borders__holds_inside(
    world, patient, practitioner, house, since, until, inside
):
    opening = limited(world, patient, house, since=100, until=200)
    found = reason(world, patient, practitioner, house, capacity_limits=opening, since=since, until=until)
    assert found[0] == (Reason.Directive if inside else Reason.OutsideLimits)


def test_decide__given_a_grant_limited_from_a_day_on__when_no_end_is_asked__holds(world, patient, practitioner, house):
    opening = limited(world, patient, house, since=100)
    assert reason(world, patient, practitioner, house, capacity_limits=opening, since=100)[0] == Reason.Directive


def test_decide__given_a_limited_grant_to_the_person__when_opened_for_it__holds_in_any_capacity(
    world, patient, practitioner, house
):
    opening = limited(world, patient, person(practitioner), author=world.hospital)
    asked = {"author": world.hospital, "person_limits": opening}
    assert reason(world, patient, practitioner, house, **asked)[0] == Reason.Directive
    assert reason(world, patient, practitioner, **asked)[0] == Reason.Directive
    asked["capacity_limits"] = asked.pop("person_limits")
    assert reason(world, patient, practitioner, **asked)[0] == Reason.LimitsNotOpened


def test_decide__given_a_limited_grant_that_denies__when_not_opened__still_denies(world, patient, practitioner, house):
    limited(world, patient, person(practitioner), author=world.hospital)
    world.consents.grant(terms(patient, house, permits=KNOWN, denies=0), sender=patient)
    assert reason(world, patient, practitioner, house, classes=HIV)[0] == Reason.DeniedToPerson


# EMERGENCY


def test_H10_decide__given_an_emergency__when_asked_for_emergency_treatment__allows_but_for_what_is_excluded(
    world, patient, practitioner, house, opened
):
    for capacity in (house, role(Role.Practitioner)):
        found = world.decide(request(patient, practitioner, capacity, purpose=ETREAT, classes=KNOWN))
        assert (found["reason"], found["basis"], found["grantedClasses"]) == (
            Reason.BreakGlass,
            Basis.BreakGlass,
            KNOWN,
        )
    world.consents.deny(patient, KNOWN, HIV, sender=patient)
    assert reason(world, patient, practitioner, house, purpose=ETREAT) == (Reason.BreakGlass, LABS)
    both = reason(world, patient, practitioner, house, purpose=ETREAT, classes=LABS | HIV)
    assert both == (Reason.EmergencyDenial, LABS)


def test_C12_decide__given_an_emergency__when_its_window_is_over__denies_by_itself(
    world, patient, practitioner, house, opened
):
    world.warp(START + 8 * 3600 - 1)
    assert reason(world, patient, practitioner, house, purpose=ETREAT)[0] == Reason.BreakGlass
    world.warp(START + 8 * 3600)
    assert reason(world, patient, practitioner, house, purpose=ETREAT)[0] == Reason.NotGranted


@pytest.mark.parametrize("purpose", [p for p in Purpose if p != ETREAT])
def test_C13_decide__given_an_emergency__when_asked_for_another_purpose__denies(
    world, patient, practitioner, house, opened, purpose
):
    assert reason(world, patient, practitioner, house, purpose=purpose)[0] == Reason.NotGranted


def test_C12_decide__given_an_emergency__when_the_wrong_one_asks__denies(
    world, patient, practitioner, clinic, house, opened, stranger
):
    assert reason(world, patient, clinic, house, purpose=ETREAT)[0] == Reason.NotGranted
    assert reason(world, stranger, practitioner, house, purpose=ETREAT)[0] == Reason.NotGranted
    assert reason(world, patient, practitioner, purpose=ETREAT)[0] == Reason.NotGranted  # no accredited capacity
    assert reason(world, patient, stranger, house, purpose=ETREAT)[0] == Reason.CapacityNotHeld


def test_decide__given_an_emergency__when_the_person_is_denied_by_name__denies(
    world, patient, practitioner, house, opened
):
    world.consents.grant(terms(patient, person(practitioner), ETREAT, permits=0, denies=HIV), sender=patient)
    assert reason(world, patient, practitioner, house, purpose=ETREAT, classes=HIV) == (Reason.DeniedToPerson, 0)
    both = reason(world, patient, practitioner, house, purpose=ETREAT, classes=HIV | LABS)
    assert both == (Reason.DeniedToPerson, LABS)
    assert reason(world, patient, practitioner, house, purpose=ETREAT) == (Reason.BreakGlass, LABS)


# IHE PRIVACY CONSENT ON FHIR


def policy(world, rule, purpose=Purpose.TREAT, classes=ORDINARY):
    who = world.custodian
    world.consents.statePolicy(
        who, Role.Custodian, SWISS, purpose, rule, classes, 1 << Role.Provider, digest("law"), sender=who
    )
    return who


def open_glass(world, patient, practitioner, clinic):
    world.emergencies.openEmergency(
        patient, practitioner, clinic, SWISS, EmergencyReason.ThreatToLife, sender=practitioner
    )


def test_decide__given_the_pattern_deny_all_but_break_glass__when_asked__only_the_emergency_opens(
    world, patient, practitioner, clinic, house
):
    custodian = policy(world, Rule.PermitUnlessDenied)
    world.consents.deny(patient, KNOWN, 0, sender=patient)
    for classes in (LABS, NOTES, HIV, KNOWN):
        found = reason(world, patient, practitioner, house, custodian=custodian, classes=classes)
        assert found == (Reason.StandingDenial, 0)
    open_glass(world, patient, practitioner, clinic)
    assert reason(world, patient, practitioner, house, purpose=ETREAT, classes=KNOWN) == (Reason.BreakGlass, KNOWN)
    assert reason(world, patient, practitioner, house, custodian=custodian)[0] == Reason.StandingDenial


def test_decide__given_the_pattern_normal_and_break_glass_to_restricted__when_asked__each_opens_its_own(
    world, patient, practitioner, clinic, house
):
    custodian = policy(world, Rule.PermitUnlessDenied)
    world.consents.deny(patient, SENSITIVE, 0, sender=patient)
    assert reason(world, patient, practitioner, house, custodian=custodian, classes=ORDINARY)[0] == Reason.BasePolicy
    assert reason(world, patient, practitioner, house, custodian=custodian, classes=HIV)[0] == Reason.StandingDenial
    open_glass(world, patient, practitioner, clinic)
    assert reason(world, patient, practitioner, house, purpose=ETREAT, classes=KNOWN)[0] == Reason.BreakGlass


def test_decide__given_the_pattern_by_author__when_asked__only_that_authors_records_open(
    world, patient, practitioner, house
):
    opening = limited(world, patient, house, author=world.hospital)
    by_hospital = reason(world, patient, practitioner, house, capacity_limits=opening, author=world.hospital)
    by_insurer = reason(world, patient, practitioner, house, capacity_limits=opening, author=world.insurer)
    assert by_hospital == (Reason.Directive, LABS)
    assert by_insurer == (Reason.OutsideLimits, 0)


def test_decide__given_the_pattern_by_data_class__when_asked__only_those_classes_open(
    world, patient, practitioner, house
):
    custodian = policy(world, Rule.PermitUnlessDenied)
    world.consents.grant(terms(patient, house, permits=LABS | HIV, denies=NOTES), sender=patient)
    assert reason(world, patient, practitioner, house, custodian=custodian, classes=LABS | HIV)[0] == Reason.Directive
    found = reason(world, patient, practitioner, house, custodian=custodian, classes=LABS | NOTES)
    assert found == (Reason.DeniedToCapacity, LABS)


def test_decide__given_the_pattern_by_time__when_asked__opens_in_its_window_and_for_its_period(
    world, patient, practitioner, house
):
    opening, receipt = limits(since=START - YEAR, until=START)
    said = terms(patient, house, HRESCH, flags=LIMITED, receipt=receipt, starts=START + 10, ends=START + 20)
    world.consents.grant(said, sender=patient)
    asked = {"purpose": HRESCH, "capacity_limits": opening, "since": START - 100, "until": START}
    for time, expected in (
        (9, Reason.NotYetValid),
        (10, Reason.Directive),
        (19, Reason.Directive),
        (20, Reason.Expired),
    ):
        world.warp(START + time)
        assert reason(world, patient, practitioner, house, **asked)[0] == expected
    world.warp(START + 15)
    assert reason(world, patient, practitioner, house, **{**asked, "until": START + 1})[0] == Reason.OutsideLimits


# NO LOOPS


def test_C10_decide__given_ten_thousand_grants__when_one_is_asked_or_revoked__gas_stays_constant(
    world, patient, practitioner, house
):
    engine, consents = world.engine, world.consents
    said = terms(patient, house)
    consents.grant(said, sender=patient)
    question = consents.data("decide", request(patient, practitioner, house))
    asked = [engine.send(world.relayer.address, consents.address, question)[2] for _ in range(2)][1]
    revoke = consents.data("revoke", patient, said["scope"], 1)
    before = engine.snapshot()
    engine.send(patient.address, consents.address, revoke)
    engine.revert(before)
    before = engine.snapshot()
    cost = engine.send(patient.address, consents.address, revoke)[2]
    engine.revert(before)
    template = consents.data("grant", terms(patient, person("0x" + "77" * 20)))
    mark = bytes.fromhex("77" * 20)
    for number in range(10_000):
        engine.send(patient.address, consents.address, template.replace(mark, (number + 1).to_bytes(20, "big")))
    assert engine.send(world.relayer.address, consents.address, question)[2] == asked
    assert engine.send(patient.address, consents.address, revoke)[2] == cost
