"""The access log, proofs of its entries, and omissions.

nameReceiptKey
  when the custodian calls
    it is named for ever
  when anybody else calls or none is named
    it reverts
  given the registry retired
    when the custodian calls
      it is named (C11)
reportOmission
  when the key was never named
    it reverts
  given a signed receipt
    when the interval is over
      it anybody reports it (H11)
  given a stated interval
    when reported
      it that one counts
  when the custodian did not sign it
    it reverts
  given one reported or answered
    when reported again
      it reverts
  given the registry retired
    when reported and answered
      it both stay open (C11)
  given the custodians key was changed
    when an old receipt is reported
      it still counts (K6)
stateLogInterval
  when the custodian calls
    it states it
  when out of bounds
    it reverts
  when anybody else calls
    it reverts
anchorLog
  when entries follow on
    it chains the heads (H11)
  when entries do not follow on
    it reverts (H14)
  given a log
    when anchored parts are written over
      it reverts (R3)
  when the root is missing or anybody else calls
    it reverts
  given the registry retired
    when the custodian calls
      it anchors (C11)
  given a thief with the key
    when it would take all numbers
      it reverts and the log goes on
isLogged
  given a log
    when an entry is proved
      it holds only where it stands
    when the part or custodian is another
      it is false
  when a part has any size
    it every entry is proved
answerOmission
  given one reported
    when the entry is proved
      it is answered
    when the proof fails
      it reverts
  given none reported
    when answered
      it reverts
"""

import pytest

from careledger.chain.abi import encode
from careledger.privacy.merkle import PositionalTree
from careledger.values import keccak
from tests.chainkit import NOTHING, START, ZERO, Person, reverts
from tests.words import DAY, digest
from tests.world import ACCESS_RECEIPT

HOUR = 3600
TYPE = keccak(b"AccessReceipt(address custodian,uint64 entry,bytes32 leaf,uint40 issuedAt)")


def leaf(number):
    return keccak(f"log entry {number}".encode())


def part(first, last):
    """The tree over entries first .. last."""
    return PositionalTree([leaf(n) for n in range(first, last + 1)])


def root(tree):
    return "0x" + tree.root.hex()


def anchor(world, tree, first, last, sender=None):
    who = world.custodian
    return world.records.anchorLog(who, root(tree), first, last, sender=sender or who)


def head_after(head, tree, first, last):
    values = [bytes.fromhex(head[2:]), tree.root, first, last]
    return "0x" + keccak(encode(["bytes32", "bytes32", "uint64", "uint64"], values)).hex()


def receipt(world, entry, **changed):
    said = {"custodian": world.custodian.address, "entry": entry, "leaf": "0x" + leaf(entry).hex(), "issuedAt": START}
    return {**said, **changed}


def sign(world, said, by=None, **domain):
    by = by or world.custodian
    return world.sign(by, world.records, "AccessReceipt", ACCESS_RECEIPT, said, **domain)


def receipt_hash(said):
    values = [TYPE, said["custodian"], said["entry"], bytes.fromhex(said["leaf"][2:]), said["issuedAt"]]
    return "0x" + keccak(encode(["bytes32", "address", "uint64", "bytes32", "uint40"], values)).hex()


def report(world, said, sender=None, signature=None, key=None):
    by = sender or world.patient
    signature = sign(world, said) if signature is None else signature
    return world.records.reportOmission(said, key or world.custodian, signature, sender=by)


def answer(world, said, number, path, sender=None):
    return world.records.answerOmission(said, number, path, sender=sender or world.stranger)


@pytest.fixture
def given_log(world):
    """Entries 1 to 5 in part 1, 6 to 8 in part 2."""
    anchor(world, part(1, 5), 1, 5)
    anchor(world, part(6, 8), 6, 8)


@pytest.fixture(autouse=True)
def given_receipt_key(world, custodian):
    """The custodian signs receipts with its own key, and has said so."""
    world.records.nameReceiptKey(custodian, custodian, sender=custodian)


# RECEIPT KEYS


def test_nameReceiptKey__when_the_custodian_calls__is_named_for_ever(world, custodian, stranger):
    assert not world.records.isReceiptKey(custodian, stranger)
    for _ in range(2):
        tx = world.records.nameReceiptKey(custodian, stranger, sender=custodian)
        assert tx.events == [("ReceiptKeyNamed", {"custodian": custodian.address, "key": stranger.address})]
    assert world.records.isReceiptKey(custodian, stranger)
    assert not world.records.isReceiptKey(stranger, stranger)


def test_nameReceiptKey__when_anybody_else_calls_or_none_is_named__reverts(world, custodian, stranger):
    with reverts("RecordRegistry_NotController", subject=custodian, caller=stranger, controller=custodian):
        world.records.nameReceiptKey(custodian, stranger, sender=stranger)
    with reverts("RecordRegistry_Missing"):
        world.records.nameReceiptKey(custodian, ZERO, sender=custodian)


def test_C11_nameReceiptKey__given_the_registry_retired__when_the_custodian_calls__is_named(world, custodian, stranger):
    world.records.retire(sender=world.governor)
    assert world.records.nameReceiptKey(custodian, stranger, sender=custodian).events


def test_reportOmission__when_the_key_was_never_named__reverts(world, custodian, stranger):
    world.warp(START + 2 * DAY)
    said = receipt(world, 1)
    with reverts("RecordRegistry_NotReceiptKey", custodian=custodian, key=stranger):
        report(world, said, signature=sign(world, said, stranger), key=stranger)


# INTERVAL


@pytest.mark.parametrize("seconds", [HOUR, DAY, 7 * DAY])
def test_stateLogInterval__when_the_custodian_calls__states_it(world, custodian, seconds):
    tx = world.records.stateLogInterval(custodian, seconds, sender=custodian)
    values = {"custodian": custodian.address, "oldSeconds": 0, "newSeconds": seconds}
    assert tx.events == [("LogIntervalStated", values)]
    assert world.records.logOf(custodian)["intervalSeconds"] == seconds


@pytest.mark.parametrize("seconds", [0, HOUR - 1, 7 * DAY + 1, (1 << 32) - 1])
def test_stateLogInterval__when_out_of_bounds__reverts(world, custodian, seconds):
    with reverts("RecordRegistry_BadInterval", intervalSeconds=seconds):
        world.records.stateLogInterval(custodian, seconds, sender=custodian)


def test_stateLogInterval__when_anybody_else_calls__reverts(world, custodian, stranger):
    with reverts("RecordRegistry_NotController", subject=custodian, caller=stranger, controller=custodian):
        world.records.stateLogInterval(custodian, DAY, sender=stranger)


# ANCHORING THE LOG


def test_H11_anchorLog__when_entries_follow_on__chains_the_heads(world, custodian):
    head = NOTHING
    for number, (first, last) in enumerate(((1, 5), (6, 6), (7, 1000)), start=1):
        world.warp(START + number)
        tree = part(first, last)
        head = head_after(head, tree, first, last)
        values = {"custodian": custodian.address, "part": number, "root": root(tree), "first": first, "last": last}
        assert anchor(world, tree, first, last).events == [("LogAnchored", {**values, "head": head})]
        stored = {"root": root(tree), "first": first, "last": last, "anchoredAt": START + number}
        assert world.records.logPartOf(custodian, number) == stored
    log = {"lastEntry": 1000, "anchors": 3, "lastAnchorAt": START + 3, "intervalSeconds": 0, "openOmissions": 0}
    assert world.records.logOf(custodian) == {**log, "head": head}


@pytest.mark.parametrize("first, last", [(0, 5), (2, 5), (1, 0), (9, 9)])
def test_H14_anchorLog__when_entries_do_not_follow_on__reverts(world, first, last):
    with reverts("RecordRegistry_BadEntries", first=first, last=last, expectedFirst=1):
        anchor(world, part(1, 5), first, last)


@pytest.mark.parametrize("first, last", [(1, 5), (6, 8), (8, 9), (10, 12), (9, 8)])
def test_R3_anchorLog__given_a_log__when_anchored_parts_are_written_over__reverts(world, given_log, first, last):
    with reverts("RecordRegistry_BadEntries", first=first, last=last, expectedFirst=9):
        anchor(world, part(1, 2), first, last)


def test_anchorLog__when_the_root_is_missing_or_anybody_else_calls__reverts(world, custodian, stranger):
    with reverts("RecordRegistry_Missing"):
        world.records.anchorLog(custodian, NOTHING, 1, 5, sender=custodian)
    with reverts("RecordRegistry_NotController", subject=custodian, caller=stranger, controller=custodian):
        anchor(world, part(1, 5), 1, 5, stranger)


def test_C11_anchorLog__given_the_registry_retired__when_the_custodian_calls__anchors(world, custodian):
    world.records.retire(sender=world.governor)
    assert anchor(world, part(1, 5), 1, 5).events
    assert world.records.stateLogInterval(custodian, DAY, sender=custodian).events


# PROOFS


def test_isLogged__given_a_log__when_an_entry_is_proved__holds_only_where_it_stands(world, custodian, given_log):
    for number, (first, last) in enumerate(((1, 5), (6, 8)), start=1):
        tree = part(first, last)
        for entry in range(first, last + 1):
            path = tree.proof(entry - first)
            for claimed in range(10):
                found = world.records.isLogged(custodian, number, claimed, leaf(entry), path)
                assert found == (claimed == entry)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 100])
def test_isLogged__when_a_part_has_any_size__every_entry_is_proved(world, custodian, size):
    tree = part(1, size)
    anchor(world, tree, 1, size)
    for entry in {1, 2, size // 2, size - 1, size} & set(range(1, size + 1)):
        assert world.records.isLogged(custodian, 1, entry, leaf(entry), tree.proof(entry - 1))
        assert not world.records.isLogged(custodian, 1, entry, leaf(entry), [*tree.proof(entry - 1), bytes(32)])
        assert not world.records.isLogged(custodian, 1, entry, bytes(32), tree.proof(entry - 1))


def test_isLogged__given_a_log__when_the_part_or_custodian_is_another__is_false(world, custodian, hospital, given_log):
    path = part(1, 5).proof(0)
    assert world.records.isLogged(custodian, 1, 1, leaf(1), path)
    assert not world.records.isLogged(custodian, 2, 1, leaf(1), path)
    assert not world.records.isLogged(custodian, 0, 1, leaf(1), path)
    assert not world.records.isLogged(custodian, 3, 1, leaf(1), path)
    assert not world.records.isLogged(hospital, 1, 1, leaf(1), path)


# OMISSIONS


def test_H11_reportOmission__given_a_signed_receipt__when_the_interval_is_over__anybody_reports_it(world, custodian):
    said = receipt(world, 9)
    world.warp(START + DAY)
    with reverts("RecordRegistry_NotDue", dueAt=START + DAY):
        report(world, said)
    world.warp(START + DAY + 1)
    tx = report(world, said)
    values = {"receiptHash": receipt_hash(said), "custodian": custodian.address, "entry": 9, "leaf": said["leaf"]}
    assert tx.events == [("OmissionReported", {**values, "open": 1})]
    assert tx.value == receipt_hash(said)
    stored = {"custodian": custodian.address, "reportedAt": START + DAY + 1, "status": 1}
    assert world.records.omissionOf(receipt_hash(said)) == stored
    assert world.records.logOf(custodian)["openOmissions"] == 1


def test_reportOmission__given_a_stated_interval__when_reported__that_one_counts(world, custodian):
    world.records.stateLogInterval(custodian, HOUR, sender=custodian)
    world.warp(START + HOUR)
    with reverts("RecordRegistry_NotDue", dueAt=START + HOUR):
        report(world, receipt(world, 1))
    world.warp(START + HOUR + 1)
    assert report(world, receipt(world, 1)).events


def test_reportOmission__when_the_custodian_did_not_sign_it__reverts(world, custodian, stranger):
    world.warp(START + 2 * DAY)
    said = receipt(world, 1)
    with reverts("Module_NotSignedBy", signer=custodian):
        report(world, said, signature=sign(world, said, stranger))
    with reverts("Module_NotSignedBy", signer=custodian):
        report(world, {**said, "entry": 2}, signature=sign(world, said))
    with reverts("Module_NotSignedBy", signer=custodian):
        report(world, said, signature=sign(world, said, chain_id=1))


def test_reportOmission__given_one_reported_or_answered__when_reported_again__reverts(world, given_log):
    world.warp(START + 2 * DAY)
    said = receipt(world, 3)
    report(world, said)
    for _ in range(2):
        with reverts("RecordRegistry_OmissionState", receiptHash=receipt_hash(said)):
            report(world, said)
        if world.records.omissionOf(receipt_hash(said))["status"] == 1:
            answer(world, said, 1, part(1, 5).proof(2))


def test_answerOmission__given_one_reported__when_the_entry_is_proved__is_answered(world, custodian, given_log):
    world.warp(START + 2 * DAY)
    said, other = receipt(world, 7), receipt(world, 99)
    report(world, said)
    report(world, other)
    tx = answer(world, said, 2, part(6, 8).proof(1))
    values = {"receiptHash": receipt_hash(said), "custodian": custodian.address, "part": 2, "open": 1}
    assert tx.events == [("OmissionAnswered", values)]
    assert world.records.omissionOf(receipt_hash(said))["status"] == 2
    with reverts("RecordRegistry_OmissionState", receiptHash=receipt_hash(said)):
        answer(world, said, 2, part(6, 8).proof(1))


def test_answerOmission__given_one_reported__when_the_proof_fails__reverts(world, given_log):
    world.warp(START + 2 * DAY)
    said = receipt(world, 7, leaf=digest("what was read in truth"))
    report(world, said)
    for number, path in ((2, part(6, 8).proof(1)), (1, part(1, 5).proof(1)), (3, []), (2, [])):
        expected = {1: root(part(1, 5)), 2: root(part(6, 8))}.get(number, NOTHING)
        with reverts("RecordRegistry_BadProof", root=expected):
            answer(world, said, number, path)


def test_answerOmission__given_none_reported__when_answered__reverts(world, given_log):
    said = receipt(world, 7)
    with reverts("RecordRegistry_OmissionState", receiptHash=receipt_hash(said)):
        answer(world, said, 2, part(6, 8).proof(1))


def test_C11_reportOmission__given_the_registry_retired__when_reported_and_answered__both_stay_open(world, given_log):
    world.records.retire(sender=world.governor)
    world.warp(START + 2 * DAY)
    assert report(world, receipt(world, 7)).events
    assert answer(world, receipt(world, 7), 2, part(6, 8).proof(1)).events


def test_K6_reportOmission__given_the_custodians_key_was_changed__when_an_old_receipt_is_reported__still_counts(
    world, custodian
):
    said = receipt(world, 1)
    signature = sign(world, said)
    world.participants.changeController(custodian, Person("custodian's fresh key"), sender=custodian)
    world.warp(START + 2 * DAY)
    assert report(world, said, signature=signature).events


def test_anchorLog__given_a_thief_with_the_key__when_it_would_take_all_numbers__reverts_and_the_log_goes_on(
    world, custodian, stranger
):
    world.participants.changeController(custodian, stranger, sender=custodian)
    for last in (2**64 - 1, 2**32 + 1):
        with reverts("RecordRegistry_BadEntries", first=1, last=last, expectedFirst=1):
            world.records.anchorLog(custodian, digest("anything"), 1, last, sender=stranger)
    world.records.anchorLog(custodian, digest("anything"), 1, 2**32, sender=stranger)
    world.participants.changeController(custodian, custodian, sender=stranger)
    assert world.records.anchorLog(custodian, digest("mine"), 2**32 + 1, 2**32 + 1, sender=custodian).events
