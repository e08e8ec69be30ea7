"""Roles and delays, what governance can and cannot do, and retirement.

restricted
  when the artifacts are read
    it are all in the matrix (G1)
  given a role for each
    when every other role calls
      it reverts (G1)
  when the forwarder speaks for the governor
    it reverts (G1)
retire
  when governance calls
    it can only end new entries and once (G5)
  when the artifacts are read
    it nothing pauses upgrades or seizes (G5)
  given every module retired
    when an entry is called
      it reverts (C11)
    when a patient grants or an author anchors
      it is not stopped (C11)
  given retired registries
    when a question is asked
      it answers as before
governance
  given the governor with every role
    when it acts on a patient
      it cannot (G6)
constructor
  when the artifacts are read
    it there is no initialiser and code is fixed (G3)
setAuthority
  when anybody but the manager calls
    it reverts (G1)
manager
  given a delay on the role
    when called early
      it reverts until it has passed (G4)
    when it is shortened
      it the old delay runs first (G4)
  given one admin
    when it renounces
      it governance is frozen and everything else goes on (K7)
isTrustedForwarder
  when asked
    it is the one given and fixed
"""

import itertools

import pytest

from careledger.chain.coding import type_of
from careledger.codes import Purpose
from careledger.values import keccak
from tests.chainkit import NOTHING, START, ZERO, Contract, Person, RawRevert, Reverted, deploy, reverts, text32
from tests.words import (
    DAY,
    LABS,
    PAPER,
    SWISS,
    ConsentReason,
    EmergencyReason,
    Meaning,
    Role,
    Rule,
    StatusReason,
    affiliation,
    credential,
    digest,
    guardianship,
    held_terms,
    organisation,
    terms,
)  # fmt: skip

RESTRICTED = {
    "ParticipantRegistry.admitAccreditor": lambda w: (w.stranger, Role.Provider, SWISS, START, START + DAY),
    "ParticipantRegistry.dismissAccreditor": lambda w: (
        w.accreditor, Role.Provider, SWISS, START + 8 * DAY, StatusReason.CriteriaNotMet,
    ),
    "ParticipantRegistry.retire": lambda w: (),
    "GuardianRegistry.retire": lambda w: (),
    "EmergencyRegistry.retire": lambda w: (),
    "ConsentRegistry.retire": lambda w: (),
    "RecordRegistry.retire": lambda w: (),
    "SuiteDirectory.list": lambda w: (w.guardians, text32("GuardianRegistry"), 1),
    "SuiteDirectory.succeed": lambda w: (w.consents, w.records),
    "SuiteDirectory.retired": lambda w: (w.consents,),
}  # fmt: skip


def contract_of(world, key):
    names = {c.name: c for c in [*world.modules, world.directory]}
    return names[key.split(".")[0]], key.split(".")[1]


def selector(contract, function):
    item = contract.artifact.function(function)
    return keccak(f"{function}({','.join(type_of(i) for i in item['inputs'])})".encode())[:4]


@pytest.fixture
def given_listed(world):
    for module in (world.consents, world.records):
        world.directory.list(module, text32(module.name), 1, sender=world.governor)


@pytest.fixture
def given_roles(world, given_listed):
    """Each restricted function has a role of its own, held by one person."""
    holders = {}
    for number, key in enumerate(RESTRICTED, start=1):
        contract, function = contract_of(world, key)
        holders[key] = Person(f"role {number}")
        by = world.governor
        world.manager.setTargetFunctionRole(contract, [selector(contract, function)], number, sender=by)
        world.manager.grantRole(number, holders[key], 0, sender=by)
    return holders


def test_G1_restricted__when_the_artifacts_are_read__are_all_in_the_matrix(world):
    """Every function that AccessManaged guards is found by calling all of them as a stranger."""
    found = set()
    for contract in [*world.modules, world.directory]:
        for item in contract.artifact.abi:
            if item["type"] != "function" or item["stateMutability"] in ("view", "pure"):
                continue
            data = selector(contract, item["name"]) + bytes(32 * 40)
            try:
                world.engine.call(world.stranger.address, contract.address, data)
            except RawRevert as refusal:
                if Reverted(refusal.data).name == "AccessManagedUnauthorized" and item["name"] != "setAuthority":
                    found.add(f"{contract.name}.{item['name']}")
    assert found == set(RESTRICTED)


@pytest.mark.parametrize("key", list(RESTRICTED))
def test_G1_restricted__given_a_role_for_each__when_every_other_role_calls__reverts(world, given_roles, key):
    contract, function = contract_of(world, key)
    arguments = RESTRICTED[key](world)
    others = [holder for role, holder in given_roles.items() if role != key]
    for somebody in [*others, *world.people]:
        with reverts("AccessManagedUnauthorized", caller=somebody):
            getattr(contract, function)(*arguments, sender=somebody)
    assert getattr(contract, function)(*arguments, sender=given_roles[key]).events


@pytest.mark.parametrize("key", list(RESTRICTED))
def test_G1_restricted__when_the_forwarder_speaks_for_the_governor__reverts(world, given_listed, key):
    contract, function = contract_of(world, key)
    data = contract.data(function, *RESTRICTED[key](world)) + bytes.fromhex(world.governor.address[2:])
    caller = deploy(world.engine, "MockWallet", world.governor, sender=world.relayer, mock=True)
    world.engine.set_code(world.forwarder.address, world.engine.code(caller.address))  # it says what it was refused
    with reverts("AccessManagedUnauthorized", caller=world.forwarder):
        Contract(world.engine, caller.artifact, world.forwarder.address).act(contract, data, sender=world.relayer)
    assert getattr(contract, function)(*RESTRICTED[key](world), sender=world.governor).events


# NO PAUSE, NO UPGRADE, NO SEIZURE


def test_G5_retire__when_governance_calls__can_only_end_new_entries_and_once(world):
    for module in world.modules:
        assert not module.isRetired()
        assert module.retire(sender=world.governor).events == [("Retired", {"atBlock": world.engine.block})]
        assert module.isRetired()
        with reverts("Module_Retired", module=module):
            module.retire(sender=world.governor)


def test_G5_retire__when_the_artifacts_are_read__nothing_pauses_upgrades_or_seizes(world):
    words = ("pause", "upgrade", "initial", "owner", "withdraw", "transfer", "set_code", "proxy", "migrate")
    for contract in [*world.modules, world.directory]:
        names = [item["name"].lower() for item in contract.artifact.abi if item["type"] == "function"]
        assert not [name for name in names if any(word in name for word in words)]


def test_G6_governance__given_the_governor_with_every_role__when_it_acts_on_a_patient__cannot(
    world, patient, given_listed
):
    by = world.governor
    said = terms(patient, organisation(world.clinic))
    for act in (
        lambda: world.consents.grant(said, sender=by), lambda: world.consents.grantFor(said, PAPER, sender=by),
        lambda: world.consents.revoke(patient, said["scope"], 1, sender=by),
        lambda: world.consents.deny(patient, 0, 0, sender=by),
        lambda: world.consents.denyFor(patient, LABS, 0, PAPER, sender=by),
        lambda: world.guardians.appointGuardian(guardianship(patient, by), sender=by),
        lambda: world.participants.changeController(patient, by, sender=by),
        lambda: world.records.anchor(patient, Meaning.Authored, digest("x"), sender=by),
    ):  # fmt: skip
        with pytest.raises(Reverted) as refusal:
            act()
        assert refusal.value.name.endswith(("NotAuthorised", "NotController"))


def test_G3_constructor__when_the_artifacts_are_read__there_is_no_initialiser_and_code_is_fixed(world):
    for contract in [*world.modules, world.directory]:
        code = world.engine.code(contract.address)
        assert not [item for item in contract.artifact.abi if item.get("name", "").startswith("init")]
        assert b"\xf4" not in _opcodes(code), f"{contract.name} delegates calls"
        assert b"\xff" not in _opcodes(code), f"{contract.name} can destroy itself"


def _opcodes(code):
    """The instructions that can be reached: push data left out, the data after the last one not looked at."""
    found, at = [], 0
    while at < len(code):
        op = code[at]
        if op == 0xFE:  # what follows the code is data
            following = code[at + 1 : at + 2]
            if following not in (b"\x5b",):
                break
        found.append(bytes([op]))
        at += 1 + (op - 0x5F if 0x60 <= op <= 0x7F else 0)
    return found


def test_G1_setAuthority__when_anybody_but_the_manager_calls__reverts(world, stranger):
    for contract in [*world.modules, world.directory]:
        for somebody in (stranger, world.governor):
            with reverts("AccessManagedUnauthorized", caller=somebody):
                contract.setAuthority(somebody, sender=somebody)


# DELAYS


def test_G4_manager__given_a_delay_on_the_role__when_called_early__reverts_until_it_has_passed(world):
    key, delay, role = "ConsentRegistry.retire", 3 * DAY, 7
    contract, function = contract_of(world, key)
    holder = Person("delayed")
    world.manager.setTargetFunctionRole(contract, [selector(contract, function)], role, sender=world.governor)
    world.manager.grantRole(role, holder, delay, sender=world.governor)
    data = contract.data(function)
    operation = world.manager.hashOperation(holder, contract, data)
    with reverts("AccessManagerNotScheduled", operationId=operation):
        contract.retire(sender=holder)
    world.manager.schedule(contract, data, 0, sender=holder)
    world.warp(START + delay - 1)
    with reverts("AccessManagerNotReady", operationId=operation):
        contract.retire(sender=holder)
    world.warp(START + delay)
    assert contract.retire(sender=holder).event("Retired")


def test_G4_manager__given_a_delay_on_the_role__when_it_is_shortened__the_old_delay_runs_first(world):
    delay, role, holder = 3 * DAY, 7, Person("delayed")
    contract = world.consents
    world.manager.setTargetFunctionRole(contract, [selector(contract, "retire")], role, sender=world.governor)
    world.manager.grantRole(role, holder, delay, sender=world.governor)
    world.manager.grantRole(role, holder, 0, sender=world.governor)
    with pytest.raises(Reverted, match="AccessManagerNotScheduled"):
        contract.retire(sender=holder)
    with pytest.raises(Reverted, match="AccessManagerUnauthorizedAccount"):
        world.manager.grantRole(role, holder, 0, sender=holder)
    world.warp(START + delay)
    assert contract.retire(sender=holder).event("Retired")


def test_K7_manager__given_one_admin__when_it_renounces__governance_is_frozen_and_everything_else_goes_on(
    world, patient
):
    world.manager.renounceRole(0, world.governor, sender=world.governor)
    for key in ("ConsentRegistry.retire", "ParticipantRegistry.admitAccreditor"):
        contract, function = contract_of(world, key)
        with reverts("AccessManagedUnauthorized", caller=world.governor):
            getattr(contract, function)(*RESTRICTED[key](world), sender=world.governor)
    said = terms(patient, organisation(world.clinic))
    assert world.consents.grant(said, sender=patient).events
    assert world.consents.revoke(patient, said["scope"], ConsentReason.PatientRequest, sender=patient).events
    assert world.accredit(Person("new"), Role.Pharmacy).events


# RETIREMENT: EVERY ENTRY AND EVERY EXIT


ENTRIES = {
    "ParticipantRegistry.admitAccreditor": RESTRICTED["ParticipantRegistry.admitAccreditor"],
    "ParticipantRegistry.issueCredential": lambda w: (credential(w.accreditor, w.stranger, 1), b"", b""),
    "ParticipantRegistry.renewCredential": lambda w: (w.clinic, Role.Provider, SWISS, START + DAY, NOTHING),
    "ParticipantRegistry.affiliate": lambda w: (affiliation(w.clinic, w.stranger), b"", b""),
    "ParticipantRegistry.publishKey": lambda w: (w.governor, 1, bytes(32)),
    "ParticipantRegistry.openHeld": lambda w: (held_terms(w.steward, w.stranger), PAPER),
    "GuardianRegistry.appointGuardian": lambda w: (guardianship(w.governor, w.stranger),),
    "EmergencyRegistry.openEmergency": lambda w: (
        w.patient, w.practitioner, w.clinic, SWISS, EmergencyReason.Unconscious,
    ),
    "ConsentRegistry.grantFor": lambda w: (terms(w.patient, organisation(w.clinic)), PAPER),
    "ConsentRegistry.statePolicy": lambda w: (
        w.custodian, Role.Custodian, SWISS, Purpose.TREAT, Rule.PermitUnlessDenied, LABS, 4, digest("law"),
    ),
    "RecordRegistry.anchorBatch": lambda w: (w.governor, digest("root"), 3, Meaning.Authored),
}  # fmt: skip


@pytest.mark.parametrize("key", list(ENTRIES))
def test_C11_retire__given_every_module_retired__when_an_entry_is_called__reverts(world, key):
    for module in world.modules:
        module.retire(sender=world.governor)
    contract, function = contract_of(world, key)
    with reverts("Module_Retired", module=contract):
        sender = world.custodian if function == "statePolicy" else world.governor
        getattr(contract, function)(*ENTRIES[key](world), sender=sender)


def test_C11_retire__given_every_module_retired__when_a_patient_grants_or_an_author_anchors__is_not_stopped(
    world, patient, practitioner
):
    for module in world.modules:
        module.retire(sender=world.governor)
    assert world.consents.grant(terms(patient, organisation(world.clinic)), sender=patient).events
    assert world.consents.deny(patient, LABS, 0, sender=patient).events
    assert world.records.anchor(practitioner, Meaning.Authored, digest("x"), sender=practitioner).events


def test_retire__given_retired_registries__when_a_question_is_asked__answers_as_before(world, patient, practitioner):
    from tests.words import request

    house = organisation(world.clinic)
    world.consents.grant(terms(patient, house), sender=patient)
    before = world.decide(request(patient, practitioner, house))
    for module in world.modules:
        module.retire(sender=world.governor)
    assert world.decide(request(patient, practitioner, house)) == before
    assert before["allowed"]


def test_isTrustedForwarder__when_asked__is_the_one_given_and_fixed(world):
    for module, candidate in itertools.product(world.modules, (world.forwarder, world.manager, world.stranger)):
        assert module.isTrustedForwarder(candidate) == (candidate is world.forwarder)
        assert module.trustedForwarder() == world.forwarder.address
        assert module.authority() == world.manager.address != ZERO
