"""Held accounts, claiming them, and who controls an account.

openHeld
  when an active steward calls
    it opens an account without a key
  when anybody but the steward calls
    it reverts
  when will or evidence is missing
    it reverts
  when the claim key is missing
    it reverts
  when the steward is not active there
    it reverts
  given any account there
    when opened again
      it reverts (H16)
  given the registry retired
    when called
      it reverts
heldAddress
  when any term differs
    it differs
  when computed off chain
    it is the same
capacityOf
  given a held account
    when the steward is not active any more
      it is none
claimHeld
  given a held account
    when the claim key calls
      it every steward power ends
    when anybody carries the claim keys signature
      it is claimed
    when anybody but the claim key calls
      it reverts
    when no controller is named
      it reverts
    when it would control itself
      it reverts
  given none opened
    when called
      it reverts
  given a closed provisional account
    when the patient claims
      it is claimed
  given a claimed account
    when claimed again
      it reverts
  given the registry retired
    when the patient claims
      it is claimed (C11)
  given a dismissed steward
    when the patient claims
      it is claimed
closeProvisional
  given a provisional account
    when its steward calls
      it closes it
    when a stranger calls or terms are incomplete
      it reverts
  given a lasting account
    when its steward calls
      it reverts
  given the registry retired
    when the steward calls
      it closes it (C11)
  given a suspended steward
    when it calls
      it reverts
changeController
  when the controller calls
    it hands over at once (K6)
  given a changed one
    when handed back
      it the subject controls itself
  when nobody is named or a stranger calls
    it reverts
  given the registry retired
    when the controller calls
      it hands over (C11)
raiseEpoch
  when the controller calls
    it ends what was signed (K6)
"""

import pytest

from careledger.values import checksum, keccak
from tests.chainkit import CHAIN_ID, NOTHING, START, ZERO, reverts
from tests.words import (
    BY_LAW,
    CALIFORNIA,
    EVIDENCE,
    PAPER,
    SWISS,
    Capacity,
    CredentialStatus,
    HeldStatus,
    Role,
    StatusReason,
    Will,
    digest,
    held_terms,
    organisation,
    terms,
)  # fmt: skip
from tests.world import CLAIM, LATER

LINK = digest("the real account, salted")


@pytest.fixture
def claim_key(stranger):
    return stranger


@pytest.fixture
def said(steward, claim_key):
    return held_terms(steward, claim_key)


@pytest.fixture
def given_held(world, said, steward):
    return str(world.participants.openHeld(said, PAPER, sender=steward).value)


@pytest.fixture
def given_provisional(world, said, steward):
    return str(world.participants.openHeld({**said, "provisional": True}, BY_LAW, sender=steward).value)


def claim(world, said, controller, deadline=LATER, signature=b"", sender=None):
    return world.participants.claimHeld(said, controller, deadline, signature, sender=sender or world.stranger)


# OPEN


@pytest.mark.parametrize("provisional", [False, True])
@pytest.mark.parametrize("will", list(Will)[1:])
def test_openHeld__when_an_active_steward_calls__opens_an_account_without_a_key(
    world, said, steward, provisional, will
):
    said = {**said, "provisional": provisional}
    tx = world.participants.openHeld(said, {"will": will, "evidence": EVIDENCE}, sender=steward)
    subject = world.participants.heldAddress(said)
    assert tx.value == subject
    values = {"subject": subject, "steward": steward.address, "jurisdiction": SWISS, "provisional": provisional}
    assert tx.events == [("HeldAccountOpened", {**values, "will": will, "evidence": EVIDENCE})]
    assert world.participants.heldOf(subject) == {
        "steward": steward.address, "jurisdiction": SWISS, "openedAt": START, "status": HeldStatus.Open,
        "provisional": provisional,
    }  # fmt: skip
    assert world.participants.capacityOf(subject, steward) == Capacity.Steward
    assert world.participants.controllerOf(subject) == subject


def test_heldAddress__when_any_term_differs__differs(world, said, patient):
    changes = [
        {}, {"steward": patient.address}, {"jurisdiction": CALIFORNIA}, {"claimKey": patient.address},
        {"salt": digest("other")}, {"provisional": True},
    ]  # fmt: skip
    found = {world.participants.heldAddress({**said, **change}) for change in changes}
    assert len(found) == len(changes)


def test_openHeld__when_anybody_but_the_steward_calls__reverts(world, said, steward, patient):
    with reverts("ParticipantRegistry_NotController", subject=steward, caller=patient, controller=steward):
        world.participants.openHeld(said, PAPER, sender=patient)


@pytest.mark.parametrize("act", [{"will": 0, "evidence": EVIDENCE}, {"will": 2, "evidence": NOTHING}])
def test_openHeld__when_will_or_evidence_is_missing__reverts(world, said, steward, act):
    with reverts("ParticipantRegistry_Missing"):
        world.participants.openHeld(said, act, sender=steward)


def test_openHeld__when_the_claim_key_is_missing__reverts(world, said, steward):
    with reverts("ParticipantRegistry_Missing"):
        world.participants.openHeld({**said, "claimKey": ZERO}, PAPER, sender=steward)


def test_openHeld__when_the_steward_is_not_active_there__reverts(world, said, steward, patient, claim_key):
    with reverts("ParticipantRegistry_NotActive", subject=steward, role=Role.Steward, jurisdiction=CALIFORNIA):
        world.participants.openHeld({**said, "jurisdiction": CALIFORNIA}, PAPER, sender=steward)
    with reverts("ParticipantRegistry_NotActive", subject=patient, role=Role.Steward, jurisdiction=SWISS):
        world.participants.openHeld(held_terms(patient, claim_key), PAPER, sender=patient)


def test_H16_openHeld__given_any_account_there__when_opened_again__reverts(world, said, steward, claim_key, given_held):
    with reverts("ParticipantRegistry_AlreadyHeld", subject=given_held):
        world.participants.openHeld(said, PAPER, sender=steward)
    claim(world, said, claim_key)
    with reverts("ParticipantRegistry_AlreadyHeld", subject=given_held):
        world.participants.openHeld(said, PAPER, sender=steward)


def test_openHeld__given_the_registry_retired__when_called__reverts(world, said, steward):
    world.participants.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.participants):
        world.participants.openHeld(said, PAPER, sender=steward)


def test_capacityOf__given_a_held_account__when_the_steward_is_not_active_any_more__is_none(world, steward, given_held):
    world.participants.setCredentialStatus(
        steward, Role.Steward, SWISS, CredentialStatus.Suspended, StatusReason.Sanctioned, sender=world.accreditor
    )
    assert world.participants.capacityOf(given_held, steward) == 0


# CLAIM


def claimed(subject, steward, controller):
    changed = {"subject": subject, "oldController": subject, "newController": controller, "epoch": 1, "recoveries": 1}
    values = {"subject": subject, "steward": steward, "controller": controller}
    return [("HeldAccountClaimed", values), ("ControllerChanged", changed)]


def test_claimHeld__given_a_held_account__when_the_claim_key_calls__every_steward_power_ends(
    world, said, steward, patient, clinic, given_held, claim_key
):
    tx = claim(world, said, patient)
    assert tx.events == claimed(given_held, steward.address, patient.address)
    assert world.participants.heldOf(given_held)["status"] == HeldStatus.Claimed
    assert world.participants.controllerOf(given_held) == patient.address
    assert world.participants.capacityOf(given_held, steward) == 0
    assert world.participants.capacityOf(given_held, patient) == Capacity.Self
    assert world.participants.capacityOf(given_held, claim_key) == 0
    with reverts("ConsentRegistry_NotAuthorised", patient=given_held, caller=steward):
        world.consents.grantFor(terms(given_held, organisation(clinic)), PAPER, sender=steward)
    with reverts("ParticipantRegistry_NotHeld", subject=given_held):
        world.participants.closeProvisional(given_held, LINK, PAPER, sender=steward)


def test_claimHeld__given_a_held_account__when_anybody_carries_the_claim_keys_signature__is_claimed(
    world, said, steward, patient, relayer, given_held, claim_key
):
    message = {"subject": given_held, "controller": patient, "deadline": LATER}
    signature = world.sign(claim_key, world.participants, "HeldClaim", CLAIM, message)
    with reverts("Module_NotSignedBy", signer=claim_key):
        claim(world, said, relayer, signature=signature, sender=relayer)
    tx = claim(world, said, patient, signature=signature, sender=relayer)
    assert tx.events == claimed(given_held, steward.address, patient.address)


def test_claimHeld__given_a_held_account__when_anybody_but_the_claim_key_calls__reverts(
    world, said, patient, steward, given_held, claim_key
):
    for somebody in (patient, steward):
        with reverts("ParticipantRegistry_NotController", subject=claim_key, caller=somebody, controller=claim_key):
            claim(world, said, somebody, sender=somebody)


def test_claimHeld__given_a_held_account__when_no_controller_is_named__reverts(world, said, given_held):
    with reverts("ParticipantRegistry_Missing"):
        claim(world, said, ZERO)


def test_claimHeld__given_none_opened__when_called__reverts(world, said, patient):
    subject = world.participants.heldAddress(said)
    with reverts("ParticipantRegistry_NotHeld", subject=subject):
        claim(world, said, patient)


def test_claimHeld__given_a_closed_provisional_account__when_the_patient_claims__is_claimed(
    world, said, patient, steward, given_provisional
):
    world.participants.closeProvisional(given_provisional, LINK, PAPER, sender=steward)
    tx = claim(world, {**said, "provisional": True}, patient)
    assert tx.events == claimed(given_provisional, steward.address, patient.address)


def test_claimHeld__given_a_held_account__when_it_would_control_itself__reverts(world, said, given_held):
    with reverts("ParticipantRegistry_Missing"):
        claim(world, said, given_held)


def test_claimHeld__given_a_claimed_account__when_claimed_again__reverts(world, said, patient, given_held):
    claim(world, said, patient)
    with reverts("ParticipantRegistry_NotHeld", subject=given_held):
        claim(world, said, patient)


def test_C11_claimHeld__given_the_registry_retired__when_the_patient_claims__is_claimed(
    world, said, patient, given_held
):
    world.participants.retire(sender=world.governor)
    assert claim(world, said, patient).events


def test_claimHeld__given_a_dismissed_steward__when_the_patient_claims__is_claimed(
    world, said, patient, steward, given_held
):
    world.participants.setCredentialStatus(
        steward, Role.Steward, SWISS, CredentialStatus.Revoked, StatusReason.Sanctioned, sender=world.accreditor
    )
    assert claim(world, said, patient).events


# CLOSE PROVISIONAL


def test_closeProvisional__given_a_provisional_account__when_its_steward_calls__closes_it(
    world, steward, given_provisional
):
    tx = world.participants.closeProvisional(given_provisional, LINK, BY_LAW, sender=steward)
    values = {"subject": given_provisional, "steward": steward.address, "link": LINK, "will": 4, "evidence": EVIDENCE}
    assert tx.events == [("HeldAccountClosed", values)]
    assert world.participants.heldOf(given_provisional)["status"] == HeldStatus.Closed
    assert world.participants.capacityOf(given_provisional, steward) == 0
    with reverts("ParticipantRegistry_NotHeld", subject=given_provisional):
        world.participants.closeProvisional(given_provisional, LINK, BY_LAW, sender=steward)


def test_closeProvisional__given_a_lasting_account__when_its_steward_calls__reverts(world, steward, given_held):
    with reverts("ParticipantRegistry_NotHeld", subject=given_held):
        world.participants.closeProvisional(given_held, LINK, PAPER, sender=steward)


def test_closeProvisional__given_a_provisional_account__when_a_stranger_calls_or_terms_are_incomplete__reverts(
    world, steward, stranger, given_provisional
):
    with reverts("ParticipantRegistry_NotController", subject=steward, caller=stranger, controller=steward):
        world.participants.closeProvisional(given_provisional, LINK, PAPER, sender=stranger)
    for act in ({"will": 0, "evidence": EVIDENCE}, {"will": 2, "evidence": NOTHING}):
        with reverts("ParticipantRegistry_Missing"):
            world.participants.closeProvisional(given_provisional, LINK, act, sender=steward)
    with reverts("ParticipantRegistry_Missing"):
        world.participants.closeProvisional(given_provisional, NOTHING, PAPER, sender=steward)


def test_C11_closeProvisional__given_the_registry_retired__when_the_steward_calls__closes_it(
    world, steward, given_provisional
):
    world.participants.retire(sender=world.governor)
    assert world.participants.closeProvisional(given_provisional, LINK, PAPER, sender=steward).events


# CONTROL


def test_K6_changeController__when_the_controller_calls__hands_over_at_once(world, patient, relayer):
    tx = world.participants.changeController(patient, relayer, sender=patient)
    values = {"subject": patient.address, "oldController": patient.address, "newController": relayer.address}
    assert tx.events == [("ControllerChanged", {**values, "epoch": 1, "recoveries": 0})]
    assert world.participants.controllerOf(patient) == relayer.address
    assert world.participants.authorityOf(patient) == {"controller": relayer.address, "epoch": 1}
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=patient, controller=relayer):
        world.participants.changeController(patient, patient, sender=patient)


def test_changeController__given_a_changed_one__when_handed_back__the_subject_controls_itself(world, patient, relayer):
    world.participants.changeController(patient, relayer, sender=patient)
    tx = world.participants.changeController(patient, patient, sender=relayer)
    assert tx.event("ControllerChanged")["newController"] == patient.address
    assert world.participants.accountOf(patient) == {
        "controller": ZERO, "epoch": 2, "recoveries": 0, "recoveringUntil": 0,
    }  # fmt: skip
    assert world.participants.controllerOf(patient) == patient.address


def test_changeController__when_nobody_is_named_or_a_stranger_calls__reverts(world, patient, stranger):
    with reverts("ParticipantRegistry_Missing"):
        world.participants.changeController(patient, ZERO, sender=patient)
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=stranger, controller=patient):
        world.participants.changeController(patient, stranger, sender=stranger)


def test_K6_raiseEpoch__when_the_controller_calls__ends_what_was_signed(world, patient, stranger):
    tx = world.participants.raiseEpoch(patient, sender=patient)
    assert tx.events == [("EpochRaised", {"subject": patient.address, "epoch": 1})]
    assert world.participants.authorityOf(patient)["epoch"] == 1
    with reverts("ParticipantRegistry_NotController", subject=patient, caller=stranger, controller=patient):
        world.participants.raiseEpoch(patient, sender=stranger)


def test_C11_changeController__given_the_registry_retired__when_the_controller_calls__hands_over(
    world, patient, relayer
):
    world.participants.retire(sender=world.governor)
    assert world.participants.raiseEpoch(patient, sender=patient).events
    assert world.participants.changeController(patient, relayer, sender=patient).events


def test_heldAddress__when_computed_off_chain__is_the_same(world, said):
    from careledger.chain.abi import encode

    kind = keccak(
        b"HeldAccount(uint256 chainId,address registry,address steward,uint32 jurisdiction,address claimKey,"
        b"bytes32 salt,"
        b"bool provisional)"
    )
    values = [kind, CHAIN_ID, world.participants.address, said["steward"], SWISS, said["claimKey"]]
    kinds = ["bytes32", "uint256", "address", "address", "uint32", "address", "bytes32", "bool"]
    whole = keccak(encode(kinds, [*values, bytes.fromhex(said["salt"][2:]), False]))
    assert world.participants.heldAddress(said) == checksum("0x" + whole[12:].hex())


def test_closeProvisional__given_a_suspended_steward__when_it_calls__reverts(world, custodian, steward):
    held = world.open_held(custodian, provisional=True)
    suspended = (Role.Steward, SWISS, CredentialStatus.Suspended, StatusReason.UnderInvestigation)
    world.participants.setCredentialStatus(steward, *suspended, sender=world.accreditor)
    with reverts("ParticipantRegistry_NotActive", subject=steward, role=Role.Steward, jurisdiction=SWISS):
        world.participants.closeProvisional(held, digest("link"), PAPER, sender=steward)
