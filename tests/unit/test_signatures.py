"""Signatures: every rule tried on every signed door; contract accounts; the forwarder.

signed
  when the signer signed all of it
    it is carried (H9)
  given carried
    when carried again
      it reverts (C2)
  when carried around the deadline
    it holds through its last second
  when signed for another chain or contract
    it reverts (C3)
  when somebody else signed
    it reverts (C1)
  when the signature is malleated
    it is refused (K1)
  given the key was changed
    when the old key signed
      it reverts (K6)
  given the zero address
    when anything recovers to zero
      it reverts (K2)
  given a contract wallet
    when its owner signed
      it is carried (H9)
  given a wallet that said yes
    when it says no later
      it is asked anew (K3)
  given a wallet that reenters
    when asked
      it changes nothing (K4)
  given an account with delegated code
    when key or code vouch
      it both are heard (K5)
  when the sources are read
    it neither origin nor code size is authority (K5)
grantSigned
  given a wallet that burns all gas
    when asked
      it changes nothing (K4)
forwarded
  given a relayer pays
    when a direct door is called
      it acts as the signer (H7)
  when somebody appends an address itself
    it acts only as itself (C1)
domain
  when a contract is asked
    it is what wallets sign
"""

import re

import pytest

from tests.chainkit import ROOT, ZERO, Halted, Person, RawRevert, Reverted, deploy, reverts
from tests.unit.doors import DOORS
from tests.words import LABS, organisation, terms
from tests.world import LATER

N = 0xFFFFFFFF_FFFFFFFF_FFFFFFFF_FFFFFFFE_BAAEDCE6_AF48A03B_BFD25E8C_D0364141
OWNER, NO, YES, BURN, REENTER, SHORT, FAIL = range(7)


@pytest.fixture(params=list(DOORS))
def door(request):
    return DOORS[request.param]


@pytest.fixture
def signer(world):
    """Somebody with a key and nothing else."""
    return Person("signer")


@pytest.fixture
def wallet(world, signer):
    """A contract account whose owner is `signer`."""
    contract = deploy(world.engine, "MockWallet", signer, sender=world.relayer, mock=True)
    contract.owner = signer
    return contract


def prepared(world, door, who):
    door.prepare(world, who)
    return who


def behave(world, wallet, mode, target=ZERO, payload=b""):
    wallet.behave(mode, target, payload, sender=world.relayer)


def refused_as_not_signed(world, door, who, signature, deadline=LATER):
    with reverts("Module_NotSignedBy", signer=who):
        door.carry(world, who, deadline, signature)


# KEYS


def test_H9_signed__when_the_signer_signed_all_of_it__is_carried(world, door, signer):
    prepared(world, door, signer)
    assert door.carry(world, signer, LATER, door.sign(world, signer, signer, LATER)).events


def test_C2_signed__given_carried__when_carried_again__reverts(world, door, signer):
    prepared(world, door, signer)
    signature = door.sign(world, signer, signer, LATER)
    door.carry(world, signer, LATER, signature)
    name, values = door.replay
    with reverts(name, **values(world, signer)):
        door.carry(world, signer, LATER, signature)


@pytest.mark.parametrize("when", [-1, 0, 1])
def test_signed__when_carried_around_the_deadline__holds_through_its_last_second(world, door, signer, when):
    prepared(world, door, signer)
    signature = door.sign(world, signer, signer, LATER)
    world.warp(LATER + when)
    if when > 0:
        with reverts("Module_SignatureExpired", deadline=LATER, time=LATER + 1):
            door.carry(world, signer, LATER, signature)
    else:
        assert door.carry(world, signer, LATER, signature).events


def test_C3_signed__when_signed_for_another_chain_or_contract__reverts(world, door, signer):
    prepared(world, door, signer)
    others = [{"chain_id": 1}, {"address": world.directory.address}, {"address": ZERO}]
    others += [{"address": module.address} for module in world.modules if module is not door.contract(world)]
    for domain in others:
        refused_as_not_signed(world, door, signer, door.sign(world, signer, signer, LATER, **domain))


def test_C1_signed__when_somebody_else_signed__reverts(world, door, signer):
    prepared(world, door, signer)
    for somebody in (world.stranger, world.relayer, world.governor):
        refused_as_not_signed(world, door, signer, door.sign(world, signer, somebody, LATER))


def test_K1_signed__when_the_signature_is_malleated__is_refused(world, door, signer):
    prepared(world, door, signer)
    good = door.sign(world, signer, signer, LATER)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    high = (N - s).to_bytes(32, "big")
    compact = r + ((v - 27) << 255 | s).to_bytes(32, "big")
    for odd in (
        r + high + bytes([55 - v]), r + high + bytes([v]), compact, good[:64] + bytes([v - 27]),
        good[:64] + bytes([55 - v]), good[:64] + b"\x1d", good[:64], good[:63], good + b"\0", bytes(65),
    ):  # fmt: skip
        refused_as_not_signed(world, door, signer, odd)
    assert door.carry(world, signer, LATER, good).events


def test_K6_signed__given_the_key_was_changed__when_the_old_key_signed__reverts(world, door, signer, insurer):
    prepared(world, door, signer)
    signature = door.sign(world, signer, signer, LATER)
    world.participants.changeController(signer, insurer, sender=signer)
    with reverts("Module_NotSignedBy", signer=insurer):
        door.carry(world, signer, LATER, signature)


# Terms of the others without a subject are refused before any signature is looked at.
ZERO_DOORS = [
    name
    for name, door in DOORS.items()
    if door.kind not in ("CredentialTerms", "HeldClaim", "Guardianship", "RecoveryApproval")
]


@pytest.mark.parametrize("name", ZERO_DOORS)
def test_K2_signed__given_the_zero_address__when_anything_recovers_to_zero__reverts(world, name):
    door = DOORS[name]
    for junk in (bytes(65), b"\1" * 64 + b"\x1b", b"\xff" * 65):
        refused_as_not_signed(world, door, ZERO, junk)


# CONTRACT ACCOUNTS (ERC-1271)


def test_H9_signed__given_a_contract_wallet__when_its_owner_signed__is_carried(world, door, wallet, signer):
    prepared(world, door, wallet)
    refused_as_not_signed(world, door, wallet, door.sign(world, wallet, world.stranger, LATER))
    assert door.carry(world, wallet, LATER, door.sign(world, wallet, signer, LATER)).events


def test_K3_signed__given_a_wallet_that_said_yes__when_it_says_no_later__is_asked_anew(world, door, wallet, signer):
    prepared(world, door, wallet)
    signature = door.sign(world, wallet, signer, LATER)
    behave(world, wallet, YES)
    before = world.engine.snapshot()
    assert door.carry(world, wallet, LATER, b"anything").events
    world.engine.revert(before)
    for mode in (NO, SHORT, FAIL):
        behave(world, wallet, mode)
        refused_as_not_signed(world, door, wallet, signature)


def test_K4_signed__given_a_wallet_that_reenters__when_asked__changes_nothing(world, door, wallet, signer):
    prepared(world, door, wallet)
    attack = world.consents.data("deny", wallet, LABS, LABS)  # it could do this by its own call, and not from a view
    behave(world, wallet, REENTER, world.consents, attack)
    refused_as_not_signed(world, door, wallet, door.sign(world, wallet, signer, LATER))
    assert world.consents.standingOf(wallet)["version"] == 0
    wallet.act(world.consents, attack, sender=world.relayer)
    assert world.consents.standingOf(wallet)["version"] == 1


def test_K4_grantSigned__given_a_wallet_that_burns_all_gas__when_asked__changes_nothing(world, wallet, signer):
    behave(world, wallet, BURN)
    said = terms(wallet, organisation(world.clinic))
    data = world.consents.data("grantSigned", b"x" * 65, said, LATER)
    with pytest.raises((Halted, RawRevert)):
        world.engine.send(world.relayer.address, world.consents.address, data, gas=3_000_000)
    assert world.consents.directiveOf(wallet, said["scope"])["directive"]["version"] == 0


def test_K5_signed__given_an_account_with_delegated_code__when_key_or_code_vouch__both_are_heard(world, door, signer):
    session = Person("session key")
    code = deploy(world.engine, "MockWallet", session, sender=world.relayer, mock=True)
    prepared(world, door, signer)
    for by in (signer, session):
        before = world.engine.snapshot()
        world.engine.set_code(signer.address, world.engine.code(code.address))  # tests/gas has a real designation
        refused_as_not_signed(world, door, signer, door.sign(world, signer, world.stranger, LATER))
        assert door.carry(world, signer, LATER, door.sign(world, signer, by, LATER)).events
        world.engine.revert(before)


def test_K5_signed__when_the_sources_are_read__neither_origin_nor_code_size_is_authority():
    found = []
    for path in sorted((ROOT / "contracts").rglob("*.sol")):
        if "mocks" in path.parts:
            continue
        code = re.sub(r"//.*", "", path.read_text())
        found += [(path.name, word) for word in ("tx.origin", "code.length", "extcodesize") if word in code]
    assert found == [("SuiteDirectory.sol", "code.length"), ("Module.sol", "code.length")]


# THE FORWARDER


def forward(world, signer, contract, data, nonce=0):
    fields = "address from,address to,uint256 value,uint256 gas,uint256 nonce,uint48 deadline,bytes data"
    request = {"from": signer.address, "to": contract.address, "value": 0, "gas": 2_000_000}
    typed = {**request, "nonce": nonce, "deadline": LATER, "data": data}
    from careledger.chain.typed import Domain, TypedData

    types = {"ForwardRequest": [tuple(reversed(item.split(" "))) for item in fields.split(",")]}
    domain = Domain("CareLedger Forwarder", "1", 31337, world.forwarder.address)
    signature = signer.sign(TypedData(domain, types, "ForwardRequest", typed))
    said = {**request, "deadline": LATER, "data": data, "signature": signature}
    return world.forwarder.execute(said, sender=world.relayer)


def test_H7_forwarded__given_a_relayer_pays__when_a_direct_door_is_called__acts_as_the_signer(world, patient, clinic):
    said = terms(patient, organisation(clinic))
    tx = forward(world, patient, world.consents, world.consents.data("grant", said))
    assert tx.event("DirectiveGranted")["patient"] == patient.address
    with reverts("ERC2771ForwarderInvalidSigner", **_invalid(world, patient)):
        forward(world, patient, world.consents, world.consents.data("grant", said))


def _invalid(world, patient):
    """The same nonce again: another signer is recovered, whose address nobody can say before."""
    try:
        forward(
            world, patient, world.consents, world.consents.data("grant", terms(patient, organisation(world.clinic)))
        )
    except Reverted as refusal:
        assert refusal.values["from"] == patient.address
        return refusal.values
    raise AssertionError("a forward request served twice")


def test_C1_forwarded__when_somebody_appends_an_address_itself__acts_only_as_itself(world, patient, stranger, clinic):
    data = world.consents.data("grant", terms(patient, organisation(clinic))) + bytes.fromhex(patient.address[2:])
    with pytest.raises(RawRevert) as refusal:
        world.engine.send(stranger.address, world.consents.address, data)
    refused = Reverted(refusal.value.data)
    assert refused.values == {"patient": patient.address, "caller": stranger.address}


def test_domain__when_a_contract_is_asked__is_what_wallets_sign(world):
    for module in world.modules:
        found = module.eip712Domain()
        said = (found["name"], found["version"], found["chainId"], found["verifyingContract"])
        assert said == (f"CareLedger {module.name}", "1", 31337, module.address)
