"""What only a node can show: the storage that a question reads, cold, and a real EIP-7702 designation."""

import pytest
from eth_account import Account

from careledger.codes import Purpose
from careledger.values import keccak
from tests.chainkit import CHAIN_ID, NOTHING, Person, deploy
from tests.unit.doors import DOORS
from tests.words import (
    HIV,
    LIMITED,
    SWISS,
    EmergencyReason,
    Role,
    Rule,
    digest,
    guardianship,
    organisation,
    person,
    request,
    role,
    terms,
)  # fmt: skip
from tests.world import LATER


def reads(world, asked):
    """Slots that a question reads, and its gas without what a transaction costs anyway."""
    world.engine.mine()
    data = world.consents.data("decide", asked)
    found = world.engine.trace(world.relayer.address, world.consents.address, data)
    slots = {(step["stack"][-1]) for step in found["structLogs"] if step["op"] == "SLOAD"}
    calldata = sum(4 if byte == 0 else 16 for byte in data)
    gas = found["gas"] if isinstance(found["gas"], int) else int(found["gas"], 16)
    return len(slots), gas - 21_000 - calldata


def prepare(world):
    """Everything that a question could depend on is there."""
    w, house = world, organisation(world.clinic)
    opening = {"author": w.hospital.address, "dataFrom": 0, "dataUntil": 0, "document": NOTHING}
    for to in (house, person(w.practitioner), role(Role.Practitioner)):
        for purpose in (Purpose.TREAT, Purpose.ETREAT, Purpose.FAMRQT):
            w.consents.grant(terms(w.patient, to, purpose, denies=0), sender=w.patient)
        w.consents.grant(terms(w.patient, to, Purpose.HRESCH, flags=LIMITED), sender=w.patient)
    w.consents.deny(w.patient, HIV, HIV, sender=w.patient)
    said = (w.custodian, Role.Custodian, SWISS, Purpose.TREAT, Rule.PermitUnlessDenied, 0xFFFF, 4, digest("law"))
    w.consents.statePolicy(*said, sender=w.custodian)
    who = (w.patient, w.practitioner, w.clinic, SWISS, EmergencyReason.Unconscious)
    w.emergencies.openEmergency(*who, sender=w.practitioner)
    w.guardians.appointGuardian(guardianship(w.patient, w.stranger, depth=2), sender=w.patient)
    act = {"will": 2, "evidence": digest("form")}
    for parent, child, depth in ((w.stranger, w.insurer, 1), (w.insurer, w.practitioner, 0)):
        said = guardianship(w.patient, child, depth=depth)
        w.guardians.appointGuardianFor(said, act, sender=parent)
    return house, opening


PATHS = {
    "a person": (3, lambda w, house, _: request(w.patient, w.practitioner)),
    "an organisation's practitioner": (7, lambda w, house, _: request(w.patient, w.practitioner, house)),
    "the organisation itself": (6, lambda w, house, _: request(w.patient, w.clinic, house)),
    "a role": (6, lambda w, house, _: request(w.patient, w.practitioner, role(Role.Practitioner))),
    "a limited directive in both": (
        9, lambda w, house, o: request(
            w.patient, w.practitioner, house, purpose=Purpose.HRESCH, person_limits=o, capacity_limits=o
        ),
    ),
    "a base policy": (8, lambda w, house, _: request(w.patient, w.practitioner, house, custodian=w.custodian)),
    "an emergency": (8, lambda w, house, _: request(w.patient, w.practitioner, house, purpose=Purpose.ETREAT)),
    "a guardian": (5, lambda w, house, _: request(w.patient, w.stranger, purpose=Purpose.FAMRQT)),
    "a guardian at the end of a line": (
        11, lambda w, house, _: request(w.patient, w.practitioner, house, purpose=Purpose.FAMRQT),
    ),
    "the patient itself": (2, lambda w, house, _: request(w.patient, w.patient)),
}  # fmt: skip


@pytest.mark.parametrize("path", list(PATHS))
def test_C10_decide__when_every_path_is_asked__reads_no_more_than_the_interface_states(world, gas, path):
    most, ask = PATHS[path]
    slots, used = reads(world, ask(world, *prepare(world)))
    gas(f"a question about {path} (execution alone, cold)", used)
    assert slots == most


def test_C10_decide__given_many_directives__when_asked__reads_as_many_slots_as_before(world):
    house, _ = prepare(world)
    asked = request(world.patient, world.practitioner, house)
    before = reads(world, asked)
    for number in range(1, 51):
        world.consents.grant(terms(world.patient, person(f"0x{number:040x}")), sender=world.patient)
    assert reads(world, asked) == before


@pytest.mark.parametrize("name", ["grantSigned", "anchorSigned", "publishKeySigned"])
def test_K5_signed__given_a_real_designation__when_key_or_code_vouch__both_are_heard(world, name):
    door, session = DOORS[name], Person("session key")
    key = keccak(b"an account with delegated code")
    signer = Person("delegating", key)
    code = deploy(world.engine, "MockWallet", session, sender=world.relayer, mock=True)
    designate(world, key, code.address)
    assert world.engine._rpc.request("eth_getCode", [signer.address, "latest"]) == "0xef0100" + code.address[2:].lower()
    for by in (signer, session):
        before = world.engine.snapshot()
        assert door.carry(world, signer, LATER, door.sign(world, signer, by, LATER)).events
        world.engine.revert(before)


def designate(world, key, code):
    """Send the authorisation in a type 4 transaction (EIP-7702)."""
    rpc, account = world.engine._rpc, Account.from_key(key)
    rpc.request("anvil_setBalance", [account.address, hex(10**20)])
    signed = account.sign_authorization({"chainId": CHAIN_ID, "address": code, "nonce": 1})
    transaction = {
        "type": 4, "chainId": CHAIN_ID, "nonce": 0, "to": account.address, "value": 0, "gas": 200_000,
        "maxFeePerGas": 10**11, "maxPriorityFeePerGas": 1, "authorizationList": [signed],
    }  # fmt: skip
    raw = "0x" + account.sign_transaction(transaction).raw_transaction.hex()
    world.engine.wait(rpc.request("eth_sendRawTransaction", [raw]))
