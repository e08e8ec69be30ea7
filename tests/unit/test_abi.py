"""What the ABIs can say: nothing personal, and nothing without a reason.

abi
  when every field is read
    it none is a string (H1)
    it bytes are signatures and the public key alone (H1)
  when every event is read
    it only the encryption key is longer than a word (H1)
    it each name is on the list (H1)
  when every function is read
    it each name is on the list (H1)
  when identifiers are read
    it each is one word (H1)
  when records are read
    it no patient class or place is in the registry of records (H8)
  when records are anchored
    it neither size nor kind is given (R10)
errors
  when an abi is read
    it each error says why and what to do
words
  when hashed again
    it are those that are signed
hash
  when many subsets of classes are signed
    it is what wallets compute
constants
  when asked
    it are those the interfaces promise
ids
  when the same act is done elsewhere
    it differ by chain contract and creator (H2)
"""

import re

import pytest

from careledger.chain.abi import artifacts
from careledger.codes import DataClass, Purpose
from careledger.values import keccak
from tests.chainkit import ROOT, START
from tests.words import ORDINARY, SENSITIVE, Role
from tests.world import role_word

CONTRACTS = [
    "ParticipantRegistry", "GuardianRegistry", "EmergencyRegistry", "ConsentRegistry", "RecordRegistry",
    "SuiteDirectory",
]  # fmt: skip
OPENZEPPELIN = {
    "eip712Domain",
    "setAuthority",
    "isConsumingScheduledOp",
    "EIP712DomainChanged",
    "AuthorityUpdated",
    "StringTooLong",
}

# What may hold more than a word: signatures, the public encryption key, and Merkle paths. Nothing else.
BYTES = {"signature", "issuerSignature", "subjectSignature", "organisationSignature", "practitionerSignature", "key"}
PATHS = {"path"}
TIMES = {"ends"}

# Every name that an event, argument or stored struct of the suite may have, by what it can say about a person.
ACCOUNTS = """
    issuer subject practitioner organisation steward controller oldController newController patient guardian
    parent actor endedBy custodian author reviewer accreditor oldOfficer newOfficer officer at successor
    previousIssuer claimKey account capacity recipient privacyOfficer forwarder manager ended_by
""".split()
CODES = """
    role custodianRole organisationRole jurisdiction status oldStatus newStatus reason capacity will verdict
    oldVerdict newVerdict basis oldRule newRule rule purpose purposes roles denied emergencyDenied oldDenied
    newDenied oldEmergencyDenied newEmergencyDenied classes oldClasses newClasses grantedClasses meaning suite
    allowed provisional flags permits denies objected endorsed appealed word scope kind
""".split()
COUNTS = """
    createdAt begunAt until from since deadline notBefore expiresAt oldExpiresAt newExpiresAt oldUntil newUntil
    inForceAt quorumAt readyAt oldReadyAt newReadyAt openUntil reviewDue openedAt issuedAt anchoredAt
    lastAnchorAt reportedAt suspendedUntil atBlock createdAtBlock listedAtBlock retiredAtBlock recoveringUntil
    version epoch recoveries count number overdue unjustified open size first last part entry entries lastEntry anchors
    suspension ends openOmissions intervalSeconds oldSeconds newSeconds index quorum largerQuorum waitSeconds approvals
    partnerNo depth replaces dataFrom dataUntil successorNumber
""".split()
COMMITMENTS = """
    credentialId affiliationId recoveryId directiveId emergencyId recordId batchId receiptHash evidence link
    salt root oldGuardians newGuardians guardians inForce next head leaf replacement commitment receipt document
    legalReference keyHash codeHash name release suiteName
""".split()
TUPLES = {
    "terms", "act", "current", "next", "proof", "request", "personLimits", "capacityLimits", "amendment", "receipt",
}  # fmt: skip


def leaves(components, inside=""):
    """Every field, structs opened: (name, type, struct name)."""
    for item in components:
        if item["type"].startswith("tuple"):
            yield from leaves(item["components"], item["internalType"])
        else:
            yield item["name"], item["type"], inside


def entries(kinds):
    for name in CONTRACTS:
        for item in artifacts().load(name).abi:
            if item["type"] in kinds and item.get("name") not in OPENZEPPELIN:
                yield name, item


def fields():
    for contract, item in entries(("function", "event", "error", "constructor")):
        for part in ("inputs", "outputs"):
            for name, kind, _ in leaves(item.get(part, [])):
                yield f"{contract}.{item.get('name', 'constructor')}", name, kind


def test_H1_abi__when_every_field_is_read__none_is_a_string():
    assert not [field for field in fields() if "string" in field[2]]


def test_H1_abi__when_every_field_is_read__bytes_are_signatures_and_the_public_key_alone():
    found = {(name, kind) for _, name, kind in fields() if kind == "bytes" or kind.endswith("]")}
    assert found == {(name, "bytes") for name in BYTES} | {(name, "bytes32[]") for name in PATHS} | {
        (name, "uint40[]") for name in TIMES
    }


def test_H1_abi__when_every_event_is_read__only_the_encryption_key_is_longer_than_a_word():
    long = [
        (contract, item["name"], field["name"])
        for contract, item in entries(("event",))
        for field in item["inputs"]
        if field["type"] in ("bytes", "string") or field["type"].endswith("]") or field["type"].startswith("tuple")
    ]
    assert long == [("ParticipantRegistry", "EncryptionKeyPublished", "key")]


def test_H1_abi__when_every_event_is_read__each_name_is_on_the_list():
    allowed = {*ACCOUNTS, *CODES, *COUNTS, *COMMITMENTS, *BYTES}
    found = {field["name"] for _, item in entries(("event",)) for field in item["inputs"]}
    assert not found - allowed


def test_H1_abi__when_every_function_is_read__each_name_is_on_the_list():
    allowed = {*ACCOUNTS, *CODES, *COUNTS, *COMMITMENTS, *BYTES, *PATHS, ""}
    found = {name for _, item in entries(("function",)) for name, _, _ in leaves(item["inputs"])}
    assert not {name for name in found - allowed if name.rstrip("_") not in allowed}


def test_H1_abi__when_identifiers_are_read__each_is_one_word():
    for where, name, kind in fields():
        if where.endswith(".constructor"):
            continue
        if name.endswith(("Id", "Hash")) or name in COMMITMENTS:
            assert kind in ("bytes32", "uint32"), (where, name, kind)


def test_H8_abi__when_records_are_read__no_patient_class_or_place_is_in_the_registry_of_records():
    words = ("patient", "class", "jurisdiction", "purpose", "uri", "url", "mime", "media", "name")
    for item in artifacts().load("RecordRegistry").abi:
        if item["type"] in ("function", "event") and item["name"] not in OPENZEPPELIN:
            for name, _, _ in leaves([*item["inputs"], *item.get("outputs", [])]):
                assert not [word for word in words if word in name.lower()], (item["name"], name)


def test_R10_abi__when_records_are_anchored__neither_size_nor_kind_is_given():
    names = {i["name"]: [n for n, _, _ in leaves(i["inputs"])] for _, i in entries(("function",))}
    assert names["anchor"] == ["author", "meaning", "commitment"]
    assert names["anchorBatch"] == ["author", "root", "size", "meaning"]  # how many records, not how long they are


@pytest.mark.parametrize("name", CONTRACTS)
def test_errors__when_an_abi_is_read__each_error_says_why_and_what_to_do(name):
    for entry in artifacts().load(name).errors:
        if "_" in entry.name:
            assert entry.why, entry.name
            assert entry.fix, entry.name


def test_words__when_hashed_again__are_those_that_are_signed():
    source = (ROOT / "contracts" / "libraries" / "Words.sol").read_text()
    for table, words in (
        ("ORDINARY", [c.word for c in DataClass if ORDINARY & c.mask]),
        ("SENSITIVE", [c.word for c in DataClass if SENSITIVE & c.mask]),
        ("PURPOSE", [p.name for p in Purpose]), ("ROLE", [role_word(r) for r in Role]),
    ):  # fmt: skip
        block = re.search(rf"_{table}_TABLE =(.*?);", source, re.DOTALL)[1]
        assert re.findall(r'hex"(\w{64})"', block) == [keccak(word.encode()).hex() for word in words]
        if table in ("ORDINARY", "SENSITIVE"):
            whole = keccak(b"".join(keccak(word.encode()) for word in words)).hex()
            assert whole in source


def test_hash__when_many_subsets_of_classes_are_signed__is_what_wallets_compute(world, patient, relayer):
    seed = 0xC0FFEE
    for version in range(60):
        seed = int.from_bytes(keccak(seed.to_bytes(32, "big")), "big")
        denied, emergency = seed & (ORDINARY | SENSITIVE), seed >> 64 & (ORDINARY | SENSITIVE)
        signature = world.sign_denial(patient, patient, denied, emergency, version)
        world.consents.denySigned(patient, denied, emergency, version, START + 3600, signature, sender=relayer)


def test_constants__when_asked__are_those_the_interfaces_promise(world):
    assert world.participants.DISMISSAL_NOTICE() == 7 * 86_400
    assert world.guardians.MAX_GUARDIANSHIP() == 366 * 86_400
    assert world.guardians.MAX_DEPTH() == 2
    assert world.emergencies.EMERGENCY_WINDOW() == 8 * 3600
    assert world.emergencies.REVIEW_WINDOW() == 72 * 3600
    assert world.emergencies.SUSPENSION() == 90 * 86_400
    assert world.records.DEFAULT_INTERVAL() == 86_400


def test_H2_ids__when_the_same_act_is_done_elsewhere__differ_by_chain_contract_and_creator(world, patient, stranger):
    one, two = world.records.recordIdOf(patient, b"\1" * 32), world.records.recordIdOf(stranger, b"\1" * 32)
    assert one == world.id_of(world.records, ("address", patient), ("bytes32", "0x" + "01" * 32))
    assert one != two
    assert one != world.id_of(world.consents, ("address", patient), ("bytes32", "0x" + "01" * 32))
