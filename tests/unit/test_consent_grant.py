"""Granting: by the patient, by its signature, and by a steward or guardian for it.

grant
  given nothing granted
    when the patient calls
      it stores and reports it whole
    when anybody else calls
      it reverts (C1)
  given a grant
    when granted again
      it supersedes in the same slot (H6)
    when another version is named
      it reverts
  given a limited grant
    when granted without limits
      it asks for no receipt
  when the recipient is malformed
    it reverts
  when the purpose is unknown
    it reverts (H6)
  when classes are none or unknown
    it reverts (H6)
  when the window is empty or over
    it reverts (C4)
  when the end overflows its field
    it reverts (C4)
  when it ends in the next second
    it stores (C4)
  when flags are set that no grant has
    it reverts
  when the receipt is missing
    it reverts
  when recipients and purposes differ
    it keeps them apart
  given a new controller
    when the old key calls
      it reverts (K6)
  given the zero address
    when anybody grants for it
      it reverts (C1)
grantSigned
  when anybody carries it
    it stores and reports the same (H9)
  when any purpose is signed in its words
    it stores
  when any class is signed in its words
    it stores
  when any role is signed in its words
    it stores
  given carried and revoked
    when carried again
      it reverts (C2)
  given revoked before it was carried
    when carried
      it reverts (C2)
  when a front runner carries it
    it has the same effect (C14)
  when any term was changed
    it reverts
  when the purpose is unknown
    it reverts whoever vouches (H6)
  given the epoch raised
    when the old signature is carried
      it reverts (K6)
  given a new controller
    when the old key signed
      it reverts (K6)
grantFor
  given a held account
    when its steward calls
      it grants and says who acted
    when will or evidence is missing
      it reverts
    when the scope is malformed
      it reverts
    when a steward grants to its own
      it is limited to treatment and payment
    when a steward grants to others
      it may for any purpose
    when its guardian grants to the steward or itself
      it is limited as well
  given a guardian
    when it calls for its purpose
      it grants and says who acted
    when it calls for another purpose
      it reverts (C9)
    when its time is over or it was ended
      it reverts (C9)
  when the patient or a stranger calls
    it reverts (C1)
  given a steward that works for a house
    when it grants to the house
      it is limited
  given the patient claimed
    when the steward calls
      it reverts
  given a steward with a new key
    when it grants to that key
      it is limited
    when a guardian grants to that key
      it is limited
  given a closed provisional account
    when its guardian grants to the steward
      it is limited as before
  given a house under the stewards key
    when it grants to it
      it is limited
"""

import pytest

from careledger.codes import Purpose
from tests.chainkit import NOTHING, START, ZERO, Person, deploy, reverts
from tests.words import (
    EVIDENCE,
    HIV,
    KNOWN,
    LABS,
    LIMITED,
    NOTES,
    PAPER,
    RECEIPT,
    SWISS,
    YEAR,
    Capacity,
    ConsentReason,
    Role,
    Will,
    digest,
    guardianship,
    h32,
    organisation,
    person,
    recipient,
    role,
    scope,
    terms,
    word,
)  # fmt: skip
from tests.world import LATER

HALF_YEAR = START + YEAR // 2


def granted(world, said):
    """The event of a grant, whole."""
    version = said["word"] >> 216
    return (
        "DirectiveGranted",
        {
            "directiveId": world.directive_id(said["patient"], said["scope"], version), "patient": said["patient"],
            "scope": said["scope"], "word": said["word"], "receipt": said["receipt"],
        },
    )  # fmt: skip


def stored(world, said):
    """The directive as it stands."""
    return world.consents.directiveOf(said["patient"], said["scope"])["directive"]


@pytest.fixture
def said(patient, clinic):
    return terms(patient, organisation(clinic))


@pytest.fixture
def held(world, stranger):
    return world.open_held(stranger)


# GRANT


def test_grant__given_nothing_granted__when_the_patient_calls__stores_and_reports_it_whole(world, patient, said):
    tx = world.consents.grant(said, sender=patient)
    assert tx.events == [granted(world, said)]
    directive = {"permits": 0xFFFF, "denies": 0xFF << 32, "notBefore": START, "expiresAt": START + YEAR}
    assert stored(world, said) == {**directive, "flags": 0, "version": 1}
    assert world.consents.limitsOf(patient, said["scope"]) == NOTHING


def test_C1_grant__given_nothing_granted__when_anybody_else_calls__reverts(world, patient, said):
    for somebody in world.people:
        if somebody is not patient:
            with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=somebody):
                world.consents.grant(said, sender=somebody)
    assert stored(world, said)["version"] == 0


def test_H6_grant__given_a_grant__when_granted_again__supersedes_in_the_same_slot(world, patient, clinic, said):
    world.consents.grant(said, sender=patient)
    again = terms(patient, organisation(clinic), version=2, permits=LABS, denies=NOTES, receipt=digest("second"))
    assert world.consents.grant(again, sender=patient).events == [granted(world, again)]
    assert stored(world, again)["permits"] == LABS
    assert stored(world, again)["version"] == 2


@pytest.mark.parametrize("version", [0, 1, 3, (1 << 40) - 1])
def test_grant__given_a_grant__when_another_version_is_named__reverts(world, patient, clinic, said, version):
    world.consents.grant(said, sender=patient)
    with reverts("ConsentRegistry_StaleVersion", named=version, expected=2):
        world.consents.grant(terms(patient, organisation(clinic), version=version), sender=patient)


def test_grant__given_a_limited_grant__when_granted_without_limits__asks_for_no_receipt(world, patient, clinic):
    limited = terms(patient, organisation(clinic), flags=LIMITED)
    world.consents.grant(limited, sender=patient)
    assert world.consents.limitsOf(patient, limited["scope"]) == RECEIPT
    world.consents.grant(terms(patient, organisation(clinic), version=2), sender=patient)
    assert world.consents.limitsOf(patient, limited["scope"]) == NOTHING


@pytest.mark.parametrize(
    "to",
    [
        0, recipient(0, "0x" + "11" * 20), recipient(4, "0x" + "11" * 20), recipient(1), recipient(2),
        recipient(1, "0x" + "11" * 20, role=1), recipient(2, "0x" + "11" * 20, jurisdiction=1),
        recipient(3, "0x" + "11" * 20, role=1), recipient(3, role=0), recipient(3, role=19),
    ],
)  # fmt: skip
def test_grant__when_the_recipient_is_malformed__reverts(world, patient, to):
    with reverts("ConsentRegistry_BadScope", scope=scope(to)):
        world.consents.grant(terms(patient, to), sender=patient)


@pytest.mark.parametrize("purpose", [24, 255, 1 << 39])
def test_H6_grant__when_the_purpose_is_unknown__reverts(world, patient, clinic, purpose):
    with reverts("ConsentRegistry_BadScope", scope=scope(organisation(clinic), purpose)):
        world.consents.grant(terms(patient, organisation(clinic), purpose), sender=patient)


@pytest.mark.parametrize("permits, denies", [(0, 0), (1 << 16, 0), (0, 1 << 31), (1 << 40, 1), ((1 << 64) - 1, 0)])
def test_H6_grant__when_classes_are_none_or_unknown__reverts(world, patient, clinic, permits, denies):
    with reverts("ConsentRegistry_BadClasses", permits=permits, denies=denies, known=KNOWN):
        world.consents.grant(terms(patient, organisation(clinic), permits=permits, denies=denies), sender=patient)


@pytest.mark.parametrize(
    "starts, ends", [(START, START), (START + 9, START + 8), (START - 9, START - 1), (0, START), (0, 0)]
)
def test_C4_grant__when_the_window_is_empty_or_over__reverts(world, patient, clinic, starts, ends):
    with reverts("ConsentRegistry_BadWindow", notBefore=starts, expiresAt=ends, time=START):
        world.consents.grant(terms(patient, organisation(clinic), starts=starts, ends=ends), sender=patient)


def test_C4_grant__when_the_end_overflows_its_field__reverts(world, patient, clinic):
    said = terms(patient, organisation(clinic), ends=1 << 40)  # runs over into the flags, which no grant may carry
    with reverts("ConsentRegistry_BadWindow", notBefore=START, expiresAt=0, time=START):
        world.consents.grant(said, sender=patient)


def test_C4_grant__when_it_ends_in_the_next_second__stores(world, patient, clinic):
    said = terms(patient, organisation(clinic), starts=0, ends=START + 1)
    assert world.consents.grant(said, sender=patient).events == [granted(world, said)]


@pytest.mark.parametrize("flags", [1, 3, 4, 128])
def test_grant__when_flags_are_set_that_no_grant_has__reverts(world, patient, clinic, flags):
    with reverts("ConsentRegistry_Missing"):
        world.consents.grant(terms(patient, organisation(clinic), flags=flags), sender=patient)


def test_grant__when_the_receipt_is_missing__reverts(world, patient, clinic):
    with reverts("ConsentRegistry_Missing"):
        world.consents.grant(terms(patient, organisation(clinic), receipt=NOTHING), sender=patient)


def test_grant__when_recipients_and_purposes_differ__keeps_them_apart(world, patient, clinic):
    for to in (person(clinic), organisation(clinic), role(Role.Provider), role(Role.Provider, 840006)):
        for purpose in Purpose:
            said = terms(patient, to, purpose)
            assert world.consents.grant(said, sender=patient).events == [granted(world, said)]


def test_K6_grant__given_a_new_controller__when_the_old_key_calls__reverts(world, patient, relayer, said):
    world.participants.changeController(patient, relayer, sender=patient)
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=patient):
        world.consents.grant(said, sender=patient)
    assert world.consents.grant(said, sender=relayer).events == [granted(world, said)]


# GRANT SIGNED


@pytest.mark.parametrize("to", ["person", "organisation", "role", "role-elsewhere"])
def test_H9_grantSigned__when_anybody_carries_it__stores_and_reports_the_same(world, patient, clinic, relayer, to):
    kinds = {"person": person(clinic), "organisation": organisation(clinic)}
    target = kinds.get(to) or role(Role.EthicsCommittee, SWISS if to == "role" else 840006)
    said = terms(patient, target, Purpose.HRESCH, permits=LABS | HIV, denies=NOTES, flags=LIMITED)
    tx = world.consents.grantSigned(world.sign_grant(patient, said), said, LATER, sender=relayer)
    assert tx.events == [granted(world, said)]
    assert world.consents.limitsOf(patient, said["scope"]) == RECEIPT


@pytest.mark.parametrize("purpose", list(Purpose))
def test_grantSigned__when_any_purpose_is_signed_in_its_words__stores(world, patient, clinic, relayer, purpose):
    said = terms(patient, organisation(clinic), purpose)
    world.consents.grantSigned(world.sign_grant(patient, said), said, LATER, sender=relayer)


@pytest.mark.parametrize("bit", [i for i in range(40) if KNOWN >> i & 1])
def test_grantSigned__when_any_class_is_signed_in_its_words__stores(world, patient, clinic, relayer, bit):
    said = terms(patient, organisation(clinic), permits=1 << bit, denies=KNOWN & ~(1 << bit))
    world.consents.grantSigned(world.sign_grant(patient, said), said, LATER, sender=relayer)


@pytest.mark.parametrize("of", list(Role)[1:])
def test_grantSigned__when_any_role_is_signed_in_its_words__stores(world, patient, relayer, of):
    said = terms(patient, role(of))
    world.consents.grantSigned(world.sign_grant(patient, said), said, LATER, sender=relayer)


def test_C2_grantSigned__given_carried_and_revoked__when_carried_again__reverts(world, patient, said, relayer):
    signature = world.sign_grant(patient, said)
    world.consents.grantSigned(signature, said, LATER, sender=relayer)
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=2):
        world.consents.grantSigned(signature, said, LATER, sender=relayer)
    world.consents.revoke(patient, said["scope"], ConsentReason.PatientRequest, sender=patient)
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=3):
        world.consents.grantSigned(signature, said, LATER, sender=relayer)


def test_C2_grantSigned__given_revoked_before_it_was_carried__when_carried__reverts(world, patient, said, relayer):
    signature = world.sign_grant(patient, said)
    world.consents.revoke(patient, said["scope"], ConsentReason.PatientRequest, sender=patient)
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=2):
        world.consents.grantSigned(signature, said, LATER, sender=relayer)


def test_C14_grantSigned__when_a_front_runner_carries_it__has_the_same_effect(world, patient, said, relayer, stranger):
    signature = world.sign_grant(patient, said)
    tx = world.consents.grantSigned(signature, said, LATER, sender=stranger)
    assert tx.events == [granted(world, said)]
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=2):
        world.consents.grantSigned(signature, said, LATER, sender=relayer)


def test_grantSigned__when_any_term_was_changed__reverts(world, patient, hospital, said, relayer):
    signature = world.sign_grant(patient, said)
    changes = [
        {"scope": scope(organisation(hospital))}, {"scope": scope(organisation(world.clinic), Purpose.HRESCH)},
        {"scope": scope(person(world.clinic))}, {"word": word(permits=KNOWN)}, {"word": word(denies=0)},
        {"word": word(starts=START - 1)}, {"word": word(ends=START + YEAR + 1)}, {"word": word(flags=LIMITED)},
        {"receipt": digest("another")},
    ]  # fmt: skip
    for change in changes:
        with reverts("Module_NotSignedBy", signer=patient):
            world.consents.grantSigned(signature, {**said, **change}, LATER, sender=relayer)
    with reverts("Module_NotSignedBy", signer=patient):
        world.consents.grantSigned(signature, said, LATER + 1, sender=relayer)
    with reverts("Module_NotSignedBy", signer=hospital):
        world.consents.grantSigned(signature, {**said, "patient": hospital}, LATER, sender=relayer)


@pytest.mark.parametrize("purpose", [24, 255, 1 << 39])
def test_H6_grantSigned__when_the_purpose_is_unknown__reverts_whoever_vouches(world, patient, clinic, relayer, purpose):
    wallet = deploy(world.engine, "MockWallet", patient, sender=relayer, mock=True)
    wallet.behave(2, ZERO, b"", sender=relayer)  # says yes to anything
    signature = world.sign_grant(patient, terms(patient, organisation(clinic)))
    with reverts("Module_NotSignedBy", signer=patient):
        unknown = terms(patient, organisation(clinic), purpose)
        world.consents.grantSigned(signature, unknown, LATER, sender=relayer)
    with reverts("ConsentRegistry_BadScope", scope=scope(organisation(clinic), purpose)):
        unknown = terms(wallet, organisation(clinic), purpose)
        world.consents.grantSigned(signature, unknown, LATER, sender=relayer)


def test_K6_grantSigned__given_the_epoch_raised__when_the_old_signature_is_carried__reverts(
    world, patient, said, relayer
):
    signature = world.sign_grant(patient, said)
    world.participants.raiseEpoch(patient, sender=patient)
    with reverts("Module_NotSignedBy", signer=patient):
        world.consents.grantSigned(signature, said, LATER, sender=relayer)
    world.consents.grantSigned(world.sign_grant(patient, said, epoch=1), said, LATER, sender=relayer)


def test_K6_grantSigned__given_a_new_controller__when_the_old_key_signed__reverts(
    world, patient, said, relayer, stranger
):
    world.participants.changeController(patient, relayer, sender=patient)
    with reverts("Module_NotSignedBy", signer=relayer):
        world.consents.grantSigned(world.sign_grant(patient, said, epoch=1), said, LATER, sender=stranger)
    world.consents.grantSigned(world.sign_grant(relayer, said, epoch=1), said, LATER, sender=stranger)


# GRANT FOR


def acted(patient, actor, capacity, will=Will.Paper):
    """The event of an act for a patient."""
    values = {"patient": patient, "actor": actor.address, "capacity": capacity, "will": will, "evidence": EVIDENCE}
    return ("ActedFor", values)


def test_grantFor__given_a_held_account__when_its_steward_calls__grants_and_says_who_acted(
    world, held, steward, clinic
):
    said = terms(held, organisation(clinic))
    tx = world.consents.grantFor(said, PAPER, sender=steward)
    assert tx.events == [granted(world, said), acted(held, steward, Capacity.Steward)]


def test_grantFor__given_a_guardian__when_it_calls_for_its_purpose__grants_and_says_who_acted(
    world, patient, stranger, clinic
):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    said = terms(patient, organisation(clinic), Purpose.FAMRQT)
    tx = world.consents.grantFor(said, PAPER, sender=stranger)
    assert tx.events == [granted(world, said), acted(patient.address, stranger, Capacity.Guardian)]


def test_C9_grantFor__given_a_guardian__when_it_calls_for_another_purpose__reverts(world, patient, stranger, clinic):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    for purpose in set(Purpose) - {Purpose.PATRQT, Purpose.FAMRQT}:
        with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=stranger):
            world.consents.grantFor(terms(patient, organisation(clinic), purpose), PAPER, sender=stranger)


def test_C9_grantFor__given_a_guardian__when_its_time_is_over_or_it_was_ended__reverts(
    world, patient, stranger, clinic
):
    of_age = START + 1000
    world.guardians.appointGuardian(guardianship(patient, stranger, until=of_age), sender=patient)
    said = terms(patient, organisation(clinic), Purpose.FAMRQT)
    world.warp(of_age - 1)
    world.consents.grantFor(said, PAPER, sender=stranger)
    world.warp(of_age)
    again = terms(patient, organisation(clinic), Purpose.FAMRQT, version=2)
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=stranger):
        world.consents.grantFor(again, PAPER, sender=stranger)
    world.guardians.appointGuardian(guardianship(patient, stranger, until=of_age + 1000, replaces=1), sender=patient)
    world.guardians.endGuardianship(patient, stranger, sender=patient)
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=stranger):
        world.consents.grantFor(again, PAPER, sender=stranger)


def test_C1_grantFor__when_the_patient_or_a_stranger_calls__reverts(world, patient, said, stranger):
    for somebody in (patient, stranger):
        with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=somebody):
            world.consents.grantFor(said, PAPER, sender=somebody)


@pytest.mark.parametrize(
    "act", [{"will": 0, "evidence": EVIDENCE}, {"will": 1, "evidence": EVIDENCE}, {**PAPER, "evidence": NOTHING}]
)
def test_grantFor__given_a_held_account__when_will_or_evidence_is_missing__reverts(world, held, steward, clinic, act):
    with reverts("ConsentRegistry_Missing"):
        world.consents.grantFor(terms(held, organisation(clinic)), act, sender=steward)


def test_grantFor__given_a_held_account__when_the_scope_is_malformed__reverts(world, held, steward):
    with reverts("ConsentRegistry_BadScope", scope=scope(0)):
        world.consents.grantFor(terms(held, 0), PAPER, sender=steward)


TREATING = {Purpose.TREAT, Purpose.HPAYMT, Purpose.COVERAGE}


@pytest.mark.parametrize("purpose", list(Purpose))
def test_grantFor__given_a_held_account__when_a_steward_grants_to_its_own__is_limited_to_treatment_and_payment(
    world, held, steward, practitioner, purpose
):
    world.affiliate(steward, practitioner)
    own = [organisation(steward), person(steward), person(practitioner), role(Role.ResearchInstitution)]
    for to in own:
        said = terms(held, to, purpose)
        if purpose in TREATING:
            assert world.consents.grantFor(said, PAPER, sender=steward).events[0] == granted(world, said)
        else:
            names = {"steward": steward, "recipient": h32(to), "purpose": purpose}
            with reverts("ConsentRegistry_StewardLimit", **names):
                world.consents.grantFor(said, PAPER, sender=steward)


def test_grantFor__given_a_steward_that_works_for_a_house__when_it_grants_to_the_house__is_limited(
    world, held, steward, hospital
):
    world.affiliate(hospital, steward)
    to = organisation(hospital)
    with reverts("ConsentRegistry_StewardLimit", steward=steward, recipient=h32(to), purpose=Purpose.HRESCH):
        world.consents.grantFor(terms(held, to, Purpose.HRESCH), PAPER, sender=steward)


def test_grantFor__given_a_held_account__when_a_steward_grants_to_others__may_for_any_purpose(
    world, held, steward, hospital
):
    for purpose in Purpose:
        world.consents.grantFor(terms(held, organisation(hospital), purpose), PAPER, sender=steward)


def test_grantFor__given_the_patient_claimed__when_the_steward_calls__reverts(world, held, steward, stranger, clinic):
    from tests.words import held_terms

    world.participants.claimHeld(held_terms(steward, stranger), stranger, 0, b"", sender=stranger)
    with reverts("ConsentRegistry_NotAuthorised", patient=held, caller=steward):
        world.consents.grantFor(terms(held, organisation(clinic)), PAPER, sender=steward)
    world.consents.grant(terms(held, organisation(clinic)), sender=stranger)


def test_C1_grant__given_the_zero_address__when_anybody_grants_for_it__reverts(world, clinic, stranger):
    with reverts("ConsentRegistry_NotAuthorised", patient=ZERO, caller=stranger):
        world.consents.grant(terms(ZERO, organisation(clinic)), sender=stranger)


def test_grantFor__given_a_held_account__when_its_guardian_grants_to_the_steward_or_itself__is_limited_as_well(
    world, held, steward, insurer
):
    said = guardianship(held, insurer, purposes=Purpose.FAMRQT.mask | Purpose.TREAT.mask)
    world.guardians.appointGuardianFor(said, PAPER, sender=steward)
    for to in (organisation(steward), person(insurer)):
        with reverts("ConsentRegistry_StewardLimit", steward=steward, recipient=h32(to), purpose=Purpose.FAMRQT):
            world.consents.grantFor(terms(held, to, Purpose.FAMRQT), PAPER, sender=insurer)
        assert world.consents.grantFor(terms(held, to, Purpose.TREAT), PAPER, sender=insurer).events


def test_grantFor__given_a_steward_with_a_new_key__when_it_grants_to_that_key__is_limited(
    world, held, steward, relayer
):
    world.participants.changeController(steward, relayer, sender=steward)
    to = person(relayer)
    with reverts("ConsentRegistry_StewardLimit", steward=steward, recipient=h32(to), purpose=Purpose.HRESCH):
        world.consents.grantFor(terms(held, to, Purpose.HRESCH), PAPER, sender=relayer)


def test_grantFor__given_a_steward_with_a_new_key__when_a_guardian_grants_to_that_key__is_limited(
    world, held, steward, relayer, insurer
):
    said = guardianship(held, insurer, purposes=Purpose.FAMRQT.mask)
    world.guardians.appointGuardianFor(said, PAPER, sender=steward)
    said = terms(held, person(relayer), Purpose.FAMRQT)
    assert world.consents.grantFor(said, PAPER, sender=insurer).events[0] == granted(world, said)
    world.participants.changeController(steward, relayer, sender=steward)
    names = {"steward": steward, "recipient": h32(person(relayer)), "purpose": Purpose.FAMRQT}
    with reverts("ConsentRegistry_StewardLimit", **names):
        world.consents.grantFor(terms(held, person(relayer), Purpose.FAMRQT, version=2), PAPER, sender=insurer)


def test_grantFor__given_a_closed_provisional_account__when_its_guardian_grants_to_the_steward__is_limited_as_before(
    world, steward, stranger
):
    key = Person("claim key")
    held = world.open_held(key, provisional=True)
    world.guardians.appointGuardianFor(guardianship(held, stranger, purposes=(1 << 24) - 1), PAPER, sender=steward)
    world.participants.closeProvisional(held, digest("link"), PAPER, sender=steward)
    to = organisation(steward)
    with reverts("ConsentRegistry_StewardLimit", steward=steward, recipient=h32(to), purpose=Purpose.HMARKT):
        world.consents.grantFor(terms(held, to, Purpose.HMARKT), PAPER, sender=stranger)


def test_grantFor__given_a_house_under_the_stewards_key__when_it_grants_to_it__is_limited(world, hospital, steward):
    held = world.open_held(Person("claim key"))
    world.participants.changeController(hospital, steward, sender=hospital)
    to = organisation(hospital)
    with reverts("ConsentRegistry_StewardLimit", steward=steward, recipient=h32(to), purpose=Purpose.HMARKT):
        world.consents.grantFor(terms(held, to, Purpose.HMARKT), PAPER, sender=steward)
