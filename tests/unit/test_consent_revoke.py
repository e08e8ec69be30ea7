"""Revoking, standing denials, and what custodians state as base policy.

revoke
  given a grant
    when the patient calls
      it ends it and reports it (H11)
    when anybody else calls
      it reverts (C1)
    when no reason is given
      it reverts
    when a question comes in the same block
      it order decides (C6)
    when called
      it costs no more than granting (H5)
  given nothing granted
    when the patient calls
      it ends what was signed and not carried
  given a revoked grant
    when revoked again
      it raises the version once more
  given a limited grant
    when revoked
      it keeps what it said
  given the registry retired
    when the patient calls
      it ends it (C11)
  when the scope is malformed
    it reverts
revokeSigned
  given a grant
    when anybody carries it
      it ends it
    when any term was changed
      it reverts
  given a newer grant
    when an older version is named
      it reverts
revokeFor
  given a held account
    when its steward calls
      it ends it and says who acted
    when terms are incomplete
      it reverts
  given a guardian
    when it calls
      it ends only for its purposes
  given the registries retired
    when the steward calls
      it ends it (C11)
deny
  when the patient calls
    it denies to everybody and reports old and new (H8)
  when a class is unknown
    it reverts
  when anybody else calls
    it reverts (C1)
  given the registry retired
    when the patient calls
      it denies (C11)
denySigned
  when anybody carries it
    it denies
  given another version
    when carried
      it reverts
  when any term was changed
    it reverts
denyFor
  given a held account
    when the steward adds
      it denies and says who acted
    when incomplete or unknown
      it reverts
  given denials
    when anybody but the patient lifts
      it reverts
  given a guardian
    when it holds the patients own purpose
      it adds
    when it adds nothing
      it reverts and leaves what the patient signed
statePolicy
  when a custodian or provider calls
    it states and reports old and new
  when any other role is named
    it reverts
  when not accredited there
    it reverts
  when somebody else calls
    it reverts
  when terms are incomplete
    it reverts
  given the registry retired
    when stated
      it only closing rules pass (C11)
  given a suspended custodian
    when stated
      it only closing rules pass
"""

import pytest

from careledger.codes import Purpose
from tests.chainkit import NOTHING, PROBES, START, reverts
from tests.words import (  # fmt: skip
    EVIDENCE,
    HIV,
    KNOWN,
    LABS,
    LIMITED,
    NOTES,
    PAPER,
    RECEIPT,
    SENSITIVE,
    SWISS,
    YEAR,
    Capacity,
    ConsentReason,
    CredentialStatus,
    Reason,
    Role,
    Rule,
    StatusReason,
    Will,
    digest,
    guardianship,
    organisation,
    person,
    request,
    role,
    scope,
    terms,
)
from tests.world import LATER

ASKED = ConsentReason.PatientRequest
LAW = digest("SR 810.1 Art. 7")


@pytest.fixture
def said(patient, clinic):
    return terms(patient, organisation(clinic))


@pytest.fixture
def given_grant(world, patient, said):
    world.consents.grant(said, sender=patient)
    return said


@pytest.fixture
def held(world, stranger):
    return world.open_held(stranger)


def revoked(world, patient, at, *, ended, reason=ASKED):
    """The event of a revocation, whole: it names the directive that ended and the version after it."""
    values = {"directiveId": world.directive_id(patient, at, ended), "patient": patient, "scope": at}
    return ("DirectiveRevoked", {**values, "version": ended + 1, "reason": reason})


def acted(patient, actor, capacity):
    values = {
        "patient": patient,
        "actor": actor.address,
        "capacity": capacity,
        "will": Will.Paper,
        "evidence": EVIDENCE,
    }
    return ("ActedFor", values)


def denials(patient, version, old, new, old_emergency=0, new_emergency=0):
    values = {"patient": patient, "version": version, "oldDenied": old, "newDenied": new}
    return (
        "StandingDenialSet",
        {**values, "oldEmergencyDenied": old_emergency, "newEmergencyDenied": new_emergency},
    )


# REVOKE


@pytest.mark.parametrize("reason", list(ConsentReason)[1:])
def test_H11_revoke__given_a_grant__when_the_patient_calls__ends_it_and_reports_it(
    world, patient, clinic, practitioner, given_grant, reason
):
    asked = request(patient, practitioner, organisation(clinic))
    assert world.decide(asked)["allowed"]
    tx = world.consents.revoke(patient, given_grant["scope"], reason, sender=patient)
    assert tx.events == [revoked(world, patient.address, given_grant["scope"], ended=1, reason=reason)]
    directive = world.consents.directiveOf(patient, given_grant["scope"])["directive"]
    kept = {"permits": 0xFFFF, "denies": SENSITIVE, "notBefore": START, "expiresAt": START + YEAR}
    assert directive == {**kept, "flags": 1, "version": 2}
    answer = world.decide(asked)
    assert (answer["allowed"], answer["reason"], answer["grantedClasses"]) == (False, Reason.Revoked, 0)


def test_C1_revoke__given_a_grant__when_anybody_else_calls__reverts(world, patient, given_grant):
    for somebody in world.people:
        if somebody is not patient:
            with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=somebody):
                world.consents.revoke(patient, given_grant["scope"], ASKED, sender=somebody)


def test_revoke__given_a_grant__when_no_reason_is_given__reverts(world, patient, given_grant):
    with reverts("ConsentRegistry_Missing"):
        world.consents.revoke(patient, given_grant["scope"], 0, sender=patient)


def test_revoke__given_nothing_granted__when_the_patient_calls__ends_what_was_signed_and_not_carried(
    world, patient, said
):
    tx = world.consents.revoke(patient, said["scope"], ASKED, sender=patient)
    assert tx.events == [revoked(world, patient.address, said["scope"], ended=0)]
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=2):
        world.consents.grant(said, sender=patient)


def test_revoke__given_a_revoked_grant__when_revoked_again__raises_the_version_once_more(world, patient, given_grant):
    world.consents.revoke(patient, given_grant["scope"], ASKED, sender=patient)
    tx = world.consents.revoke(patient, given_grant["scope"], ASKED, sender=patient)
    assert tx.events == [revoked(world, patient.address, given_grant["scope"], ended=2)]


def test_revoke__given_a_limited_grant__when_revoked__keeps_what_it_said(world, patient, clinic):
    said = terms(patient, organisation(clinic), flags=LIMITED)
    world.consents.grant(said, sender=patient)
    world.consents.revoke(patient, said["scope"], ASKED, sender=patient)
    assert world.consents.limitsOf(patient, said["scope"]) == RECEIPT
    assert world.consents.directiveOf(patient, said["scope"])["directive"]["flags"] == 1 | LIMITED


def test_C6_revoke__given_a_grant__when_a_question_comes_in_the_same_block__order_decides(
    world, patient, clinic, practitioner, given_grant
):
    asked = request(patient, practitioner, organisation(clinic))
    block = world.engine.block
    assert world.decide(asked)["allowed"]
    world.consents.revoke(patient, given_grant["scope"], ASKED, sender=patient)
    assert not world.decide(asked)["allowed"]
    world.consents.grant(terms(patient, organisation(clinic), version=3), sender=patient)
    assert world.decide(asked)["allowed"]
    assert world.engine.block == block


def test_C11_revoke__given_the_registry_retired__when_the_patient_calls__ends_it(world, patient, given_grant):
    for module in world.modules:
        module.retire(sender=world.governor)
    signature = world.sign_revocation(patient, patient, given_grant["scope"], ASKED, 1)
    world.consents.revokeSigned(patient, given_grant["scope"], ASKED, 1, LATER, signature, sender=world.relayer)
    assert world.consents.revoke(patient, given_grant["scope"], ASKED, sender=patient).events


@pytest.mark.skipif(bool(PROBES), reason="probes cost gas")
def test_H5_revoke__given_a_grant__when_called__costs_no_more_than_granting(world, patient, clinic):
    said = terms(patient, organisation(clinic))
    grant = world.consents.grant(said, sender=patient).gas
    again = world.consents.grant(terms(patient, organisation(clinic), version=2), sender=patient).gas
    revoke = world.consents.revoke(patient, said["scope"], ASKED, sender=patient).gas
    assert revoke <= again < grant


# REVOKE SIGNED


@pytest.mark.parametrize("to", ["person", "organisation", "role"])
def test_revokeSigned__given_a_grant__when_anybody_carries_it__ends_it(world, patient, clinic, relayer, to):
    target = {"person": person(clinic), "organisation": organisation(clinic)}.get(to) or role(Role.EthicsCommittee)
    said = terms(patient, target, Purpose.CLINTRCH)
    world.consents.grant(said, sender=patient)
    signature = world.sign_revocation(patient, patient, said["scope"], ASKED, 1)
    tx = world.consents.revokeSigned(patient, said["scope"], ASKED, 1, LATER, signature, sender=relayer)
    assert tx.events == [revoked(world, patient.address, said["scope"], ended=1)]


def test_revokeSigned__given_a_newer_grant__when_an_older_version_is_named__reverts(
    world, patient, clinic, given_grant, relayer
):
    signature = world.sign_revocation(patient, patient, given_grant["scope"], ASKED, 1)
    world.consents.grant(terms(patient, organisation(clinic), version=2), sender=patient)
    with reverts("ConsentRegistry_StaleVersion", named=1, expected=2):
        world.consents.revokeSigned(patient, given_grant["scope"], ASKED, 1, LATER, signature, sender=relayer)


def test_revokeSigned__given_a_grant__when_any_term_was_changed__reverts(
    world, patient, given_grant, relayer, hospital
):
    at = given_grant["scope"]
    signature = world.sign_revocation(patient, patient, at, ASKED, 1)
    with reverts("Module_NotSignedBy", signer=patient):
        world.consents.revokeSigned(patient, at, ConsentReason.Deceased, 1, LATER, signature, sender=relayer)
    with reverts("Module_NotSignedBy", signer=patient):
        world.consents.revokeSigned(patient, at, ASKED, 1, LATER + 1, signature, sender=relayer)
    with reverts("Module_NotSignedBy", signer=patient):
        other = scope(organisation(hospital))
        world.consents.revokeSigned(patient, other, ASKED, 0, LATER, signature, sender=relayer)


# REVOKE FOR


def test_revokeFor__given_a_held_account__when_its_steward_calls__ends_it_and_says_who_acted(
    world, held, steward, clinic
):
    said = terms(held, organisation(clinic))
    world.consents.grantFor(said, PAPER, sender=steward)
    tx = world.consents.revokeFor(held, said["scope"], ASKED, PAPER, sender=steward)
    assert tx.events == [revoked(world, held, said["scope"], ended=1), acted(held, steward, Capacity.Steward)]


def test_revokeFor__given_a_guardian__when_it_calls__ends_only_for_its_purposes(world, patient, clinic, stranger):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    own, other = (terms(patient, organisation(clinic), purpose) for purpose in (Purpose.FAMRQT, Purpose.TREAT))
    world.consents.grant(own, sender=patient)
    world.consents.grant(other, sender=patient)
    tx = world.consents.revokeFor(patient, own["scope"], ConsentReason.GuardianRequest, PAPER, sender=stranger)
    assert tx.events[1] == acted(patient.address, stranger, Capacity.Guardian)
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=stranger):
        world.consents.revokeFor(patient, other["scope"], ConsentReason.GuardianRequest, PAPER, sender=stranger)


def test_revokeFor__given_a_held_account__when_terms_are_incomplete__reverts(world, held, steward, clinic, stranger):
    at = scope(organisation(clinic))
    for act in ({"will": 0, "evidence": EVIDENCE}, {"will": 1, "evidence": EVIDENCE}, {**PAPER, "evidence": NOTHING}):
        with reverts("ConsentRegistry_Missing"):
            world.consents.revokeFor(held, at, ASKED, act, sender=steward)
    with reverts("ConsentRegistry_Missing"):
        world.consents.revokeFor(held, at, 0, PAPER, sender=steward)
    with reverts("ConsentRegistry_BadScope", scope=scope(0)):
        world.consents.revokeFor(held, scope(0), ASKED, PAPER, sender=steward)
    with reverts("ConsentRegistry_NotAuthorised", patient=held, caller=stranger):
        world.consents.revokeFor(held, at, ASKED, PAPER, sender=stranger)


def test_C11_revokeFor__given_the_registries_retired__when_the_steward_calls__ends_it(world, held, steward, clinic):
    said = terms(held, organisation(clinic))
    world.consents.grantFor(said, PAPER, sender=steward)
    for module in world.modules:
        module.retire(sender=world.governor)
    assert world.consents.revokeFor(held, said["scope"], ASKED, PAPER, sender=steward).events


# DENY


def test_H8_deny__when_the_patient_calls__denies_to_everybody_and_reports_old_and_new(world, patient):
    tx = world.consents.deny(patient, NOTES | HIV, HIV, sender=patient)
    assert tx.events == [denials(patient.address, 1, 0, NOTES | HIV, 0, HIV)]
    tx = world.consents.deny(patient, LABS, 0, sender=patient)
    assert tx.events == [denials(patient.address, 2, NOTES | HIV, LABS, HIV, 0)]
    assert world.consents.standingOf(patient) == {"denied": LABS, "emergencyDenied": 0, "version": 2}


@pytest.mark.parametrize("denied, emergency", [(1 << 16, 0), (0, 1 << 63), (1 << 40, 1 << 31)])
def test_deny__when_a_class_is_unknown__reverts(world, patient, denied, emergency):
    with reverts("ConsentRegistry_BadClasses", permits=denied, denies=emergency, known=KNOWN):
        world.consents.deny(patient, denied, emergency, sender=patient)


def test_C1_deny__when_anybody_else_calls__reverts(world, patient):
    for somebody in world.people:
        if somebody is not patient:
            with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=somebody):
                world.consents.deny(patient, LABS, 0, sender=somebody)


def test_C11_deny__given_the_registry_retired__when_the_patient_calls__denies(world, patient):
    world.consents.retire(sender=world.governor)
    assert world.consents.deny(patient, LABS, 0, sender=patient).events == [denials(patient.address, 1, 0, LABS)]


@pytest.mark.parametrize(
    "denied, emergency", [(0, 0), (LABS, HIV), (0xFFFF, SENSITIVE), (SENSITIVE, 0xFFFF), (KNOWN, KNOWN)]
)
def test_denySigned__when_anybody_carries_it__denies(world, patient, relayer, denied, emergency):
    signature = world.sign_denial(patient, patient, denied, emergency, 0)
    tx = world.consents.denySigned(patient, denied, emergency, 0, LATER, signature, sender=relayer)
    assert tx.events == [denials(patient.address, 1, 0, denied, 0, emergency)]


def test_denySigned__given_another_version__when_carried__reverts(world, patient, relayer):
    signature = world.sign_denial(patient, patient, LABS, 0, 0)
    world.consents.deny(patient, LABS, LABS, sender=patient)
    with reverts("ConsentRegistry_StaleVersion", named=0, expected=1):
        world.consents.denySigned(patient, LABS, 0, 0, LATER, signature, sender=relayer)


def test_denySigned__when_any_term_was_changed__reverts(world, patient, relayer):
    signature = world.sign_denial(patient, patient, LABS, HIV, 0)
    for denied, emergency, deadline in ((HIV, LABS, LATER), (LABS, 0, LATER), (LABS, HIV, LATER + 1)):
        with reverts("Module_NotSignedBy", signer=patient):
            world.consents.denySigned(patient, denied, emergency, 0, deadline, signature, sender=relayer)
    with reverts("Module_NotSignedBy", signer=patient):
        foreign = world.sign_denial(relayer, patient, LABS, HIV, 0)
        world.consents.denySigned(patient, LABS, HIV, 0, LATER, foreign, sender=relayer)


def test_denyFor__given_a_held_account__when_the_steward_adds__denies_and_says_who_acted(world, held, steward):
    tx = world.consents.denyFor(held, LABS, HIV, PAPER, sender=steward)
    assert tx.events == [denials(held, 1, 0, LABS, 0, HIV), acted(held, steward, Capacity.Steward)]
    tx = world.consents.denyFor(held, LABS | NOTES, HIV, PAPER, sender=steward)
    assert tx.events[0] == denials(held, 2, LABS, LABS | NOTES, HIV, HIV)


@pytest.mark.parametrize("denied, emergency, lifted", [(0, HIV, LABS), (LABS, 0, HIV), (NOTES, NOTES, LABS | HIV)])
def test_denyFor__given_denials__when_anybody_but_the_patient_lifts__reverts(
    world, held, steward, denied, emergency, lifted
):
    world.consents.denyFor(held, LABS, HIV, PAPER, sender=steward)
    with reverts("ConsentRegistry_OnlyThePatientLifts", lifted=lifted):
        world.consents.denyFor(held, denied, emergency, PAPER, sender=steward)


def test_denyFor__given_a_guardian__when_it_holds_the_patients_own_purpose__adds(world, patient, stranger, relayer):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    world.guardians.appointGuardian(guardianship(patient, relayer, purposes=Purpose.FAMRQT.mask), sender=patient)
    tx = world.consents.denyFor(patient, LABS, 0, PAPER, sender=stranger)
    assert tx.events[1] == acted(patient.address, stranger, Capacity.Guardian)
    with reverts("ConsentRegistry_NotAuthorised", patient=patient, caller=relayer):
        world.consents.denyFor(patient, KNOWN, 0, PAPER, sender=relayer)


def test_denyFor__given_a_held_account__when_incomplete_or_unknown__reverts(world, held, steward):
    with reverts("ConsentRegistry_Missing"):
        world.consents.denyFor(held, LABS, 0, {**PAPER, "evidence": NOTHING}, sender=steward)
    with reverts("ConsentRegistry_BadClasses", permits=1 << 20, denies=0, known=KNOWN):
        world.consents.denyFor(held, 1 << 20, 0, PAPER, sender=steward)


# BASE POLICY


def state(world, who, sender=None, **changed):
    said = {
        "role": Role.Custodian, "jurisdiction": SWISS, "purpose": Purpose.TREAT, "rule": Rule.PermitUnlessDenied,
        "classes": 0xFFFF, "roles": 1 << Role.Provider, "law": LAW, **changed,
    }  # fmt: skip
    return world.consents.statePolicy(who, *said.values(), sender=sender or who)


def test_statePolicy__when_a_custodian_or_provider_calls__states_and_reports_old_and_new(world, custodian, clinic):
    said = {"custodian": custodian.address, "jurisdiction": SWISS, "purpose": Purpose.TREAT, "legalReference": LAW}
    roles = 1 << Role.Provider
    for old, new, classes in ((0, Rule.PermitUnlessDenied, 0xFFFF), (2, Rule.BreakGlassOnly, 0)):
        values = {**said, "oldRule": old, "newRule": new, "classes": classes, "roles": roles}
        assert state(world, custodian, rule=new, classes=classes).events == [("BasePolicyStated", values)]
    policy = world.consents.policyOf(custodian, SWISS, Purpose.TREAT)
    assert policy == {"rule": 3, "classes": 0, "roles": roles, "since": START}
    assert state(world, clinic, role=Role.Provider).events


@pytest.mark.parametrize("of", [r for r in Role if r not in (Role.Custodian, Role.Provider)])
def test_statePolicy__when_any_other_role_is_named__reverts(world, custodian, of):
    with reverts("ConsentRegistry_NotAccredited", account=custodian, role=of, jurisdiction=SWISS):
        state(world, custodian, role=of)


def test_statePolicy__when_not_accredited_there__reverts(world, custodian, insurer):
    with reverts("ConsentRegistry_NotAccredited", account=insurer, role=Role.Custodian, jurisdiction=SWISS):
        state(world, insurer)
    with reverts("ConsentRegistry_NotAccredited", account=custodian, role=Role.Custodian, jurisdiction=840006):
        state(world, custodian, jurisdiction=840006)


def test_statePolicy__when_somebody_else_calls__reverts(world, custodian, stranger):
    with reverts("ConsentRegistry_NotAuthorised", patient=custodian, caller=stranger):
        state(world, custodian, sender=stranger)


def test_statePolicy__when_terms_are_incomplete__reverts(world, custodian):
    with reverts("ConsentRegistry_BadClasses", permits=1 << 17, denies=0, known=KNOWN):
        state(world, custodian, classes=1 << 17)
    with reverts("ConsentRegistry_Missing"):
        state(world, custodian, rule=Rule.Unstated)
    with reverts("ConsentRegistry_Missing"):
        state(world, custodian, law=NOTHING)


def test_C11_statePolicy__given_the_registry_retired__when_stated__only_closing_rules_pass(world, custodian):
    state(world, custodian)
    world.consents.retire(sender=world.governor)
    for rule in (Rule.PermitUnlessDenied, Rule.RequiredByLaw):
        with reverts("Module_Retired", module=world.consents):
            state(world, custodian, rule=rule)
    for rule in (Rule.DenyUnlessGranted, Rule.BreakGlassOnly):
        assert state(world, custodian, rule=rule).events


def test_revoke__when_the_scope_is_malformed__reverts(world, patient):
    for odd in (scope(0), scope(organisation(world.clinic), 24)):
        with reverts("ConsentRegistry_BadScope", scope=odd):
            world.consents.revoke(patient, odd, ASKED, sender=patient)


def test_denyFor__given_a_guardian__when_it_adds_nothing__reverts_and_leaves_what_the_patient_signed(
    world, patient, stranger, relayer
):
    world.guardians.appointGuardian(guardianship(patient, stranger), sender=patient)
    signature = world.sign_denial(patient, patient, LABS, LABS, 0)
    with reverts("ConsentRegistry_Missing"):
        world.consents.denyFor(patient, 0, 0, PAPER, sender=stranger)
    assert world.consents.denySigned(patient, LABS, LABS, 0, LATER, signature, sender=relayer).events


@pytest.mark.parametrize(
    "rule", [Rule.PermitUnlessDenied, Rule.RequiredByLaw, Rule.DenyUnlessGranted, Rule.BreakGlassOnly]
)
def test_statePolicy__given_a_suspended_custodian__when_stated__only_closing_rules_pass(world, custodian, rule):
    suspended = (Role.Custodian, SWISS, CredentialStatus.Suspended, StatusReason.KeyCompromised)
    world.participants.setCredentialStatus(custodian, *suspended, sender=world.accreditor)
    said = (custodian, Role.Custodian, SWISS, Purpose.TREAT, rule, KNOWN, 1 << Role.Provider, EVIDENCE)
    if rule in (Rule.PermitUnlessDenied, Rule.RequiredByLaw):
        with reverts("ConsentRegistry_NotAccredited", account=custodian, role=Role.Custodian, jurisdiction=SWISS):
            world.consents.statePolicy(*said, sender=custodian)
    else:
        assert world.consents.statePolicy(*said, sender=custodian).event("BasePolicyStated")["newRule"] == rule
