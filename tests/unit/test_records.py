"""Anchoring records and batches, and amending them.

anchor
  when the author calls
    it reports who what and what it means (H15)
  given a record
    when anchored again
      it reverts and the first stands (R3)
  when a front runner anchors the same commitment
    it gains nothing (R4)
  when two patients have the same document
    it digests differ by their salt (R1)
  when commitment or meaning is missing
    it reverts
  when anybody else calls
    it reverts
  given a new controller
    when the old key calls or signed
      it reverts (K6)
  given the registry retired
    when the author anchors
      it is anchored (C11)
anchorSigned
  when anybody carries it
    it is the authors (H15)
  when moved to another record meaning or signer
    it reverts (H15)
anchorBatch
  when the author calls
    it anchors all with one root
  when root size or meaning is missing
    it reverts
  given a batch
    when anchored again
      it reverts (R3)
  when anybody else calls or the registry is retired
    it reverts
anchorBatchSigned
  when anybody carries it
    it anchors
amend
  given a record
    when superseded
      it the newer version is anchored and linked (H14)
    when shredded
      it states the legal basis
  given the newer version stands
    when superseded by it
      it is not anchored again
  given the replacement is not current
    when superseded by it
      it reverts
  when replacement or basis do not fit the status
    it reverts
  given nothing anchored
    when called
      it reverts
  when anybody else calls
    it reverts (R3)
  given a batch
    when a leaf is amended with its proof
      it gets a slot with the batchs time
    when the proof is cut or another authors
      it reverts
  when every status is asked from every other
    it only the legal ones pass (H16)
  given the registry retired
    when the author amends
      it stays open (C11)
  given a chain of versions
    when each is superseded
      it all stay readable (H14)
amendSigned
  when anybody carries it
    it amends once
"""

from itertools import pairwise

import pytest

from careledger.privacy.merkle import StandardTree
from tests.chainkit import NOTHING, START, reverts
from tests.words import DAY, LegalBasis, Meaning, RecordStatus, amendment, digest
from tests.world import AMENDMENT, BATCH, LATER, RECORD

AUTHORED = Meaning.Authored
CURRENT, SUPERSEDED, IN_ERROR, SHREDDED = list(RecordStatus)[1:]
ONE, TWO, THREE = digest("record one"), digest("record two"), digest("record three")
NO_BATCH = {"root": NOTHING, "path": []}
ASKED = LegalBasis.PatientRequest


@pytest.fixture
def author(practitioner):
    return practitioner


@pytest.fixture
def given_record(world, author):
    world.records.anchor(author, AUTHORED, ONE, sender=author)


@pytest.fixture
def tree():
    return StandardTree.of_commitments(bytes.fromhex(digest(f"leaf {i}")[2:]) for i in range(10))


@pytest.fixture
def given_batch(world, author, tree):
    world.records.anchorBatch(author, root(tree), 10, AUTHORED, sender=author)


def root(tree):
    return "0x" + tree.root.hex()


def proof(tree, index):
    return {"root": root(tree), "path": tree.proof(index)}


def record_id(world, author, commitment=ONE):
    return world.id_of(world.records, ("address", author), ("bytes32", commitment))


def amend(world, author, commitment, status, *, batch=None, sender=None, **said):
    return world.records.amend(
        amendment(author, commitment, status, **said), batch or NO_BATCH, sender=sender or author
    )


def status(world, author, commitment, batch=None):
    found = world.records.statusOf(author, commitment, batch or NO_BATCH)
    return tuple(found.values())


# ANCHOR


@pytest.mark.parametrize("meaning", list(Meaning)[1:])
def test_H15_anchor__when_the_author_calls__reports_who_what_and_what_it_means(world, author, meaning):
    tx = world.records.anchor(author, meaning, ONE, sender=author)
    rid = record_id(world, author)
    values = {"recordId": rid, "author": author.address, "commitment": ONE, "meaning": meaning}
    assert tx.events == [("RecordAnchored", values)]
    assert world.records.recordIdOf(author, ONE) == rid
    assert world.records.recordOf(rid) == {"anchoredAt": START, "status": CURRENT, "basis": 0}
    assert status(world, author, ONE) == (CURRENT, START)


def test_R3_anchor__given_a_record__when_anchored_again__reverts_and_the_first_stands(world, author, given_record):
    world.warp(START + 9)
    with reverts("RecordRegistry_AlreadyAnchored", id=record_id(world, author), anchoredAt=START):
        world.records.anchor(author, Meaning.Approved, ONE, sender=author)
    for to in (IN_ERROR, SHREDDED):
        amend(world, author, ONE, to, basis=ASKED if to == SHREDDED else 0)
        with reverts("RecordRegistry_AlreadyAnchored", id=record_id(world, author), anchoredAt=START):
            world.records.anchor(author, AUTHORED, ONE, sender=author)


def test_R4_anchor__when_a_front_runner_anchors_the_same_commitment__gains_nothing(world, author, stranger):
    world.records.anchor(stranger, AUTHORED, ONE, sender=stranger)
    assert world.records.anchor(author, AUTHORED, ONE, sender=author).events
    assert record_id(world, author) != record_id(world, stranger)


def test_R1_anchor__when_two_patients_have_the_same_document__digests_differ_by_their_salt(world, author):
    from careledger.privacy.commitments import commit, new_salt

    document = bytes(32)
    found = {"0x" + commit("record", new_salt(), ("bytes32", document)).hex() for _ in range(2)}
    assert len(found) == 2
    for commitment in found:
        world.records.anchor(author, AUTHORED, commitment, sender=author)


def test_anchor__when_commitment_or_meaning_is_missing__reverts(world, author):
    for meaning, commitment in ((AUTHORED, NOTHING), (0, ONE)):
        with reverts("RecordRegistry_Missing"):
            world.records.anchor(author, meaning, commitment, sender=author)


def test_anchor__when_anybody_else_calls__reverts(world, author, stranger):
    with reverts("RecordRegistry_NotController", subject=author, caller=stranger, controller=author):
        world.records.anchor(author, AUTHORED, ONE, sender=stranger)


def test_K6_anchor__given_a_new_controller__when_the_old_key_calls_or_signed__reverts(world, author, relayer):
    signature = sign(world, author, author)
    world.participants.changeController(author, relayer, sender=author)
    with reverts("RecordRegistry_NotController", subject=author, caller=author, controller=relayer):
        world.records.anchor(author, AUTHORED, ONE, sender=author)
    with reverts("Module_NotSignedBy", signer=relayer):
        world.records.anchorSigned(author, AUTHORED, ONE, LATER, signature, sender=author)
    assert world.records.anchor(author, AUTHORED, ONE, sender=relayer).events


def test_C11_anchor__given_the_registry_retired__when_the_author_anchors__is_anchored(world, author):
    world.records.retire(sender=world.governor)
    assert world.records.anchor(author, AUTHORED, ONE, sender=author).events
    assert world.records.anchorSigned(author, AUTHORED, TWO, LATER, sign(world, author, author, TWO)).events


def sign(world, by, author, commitment=ONE, meaning=AUTHORED, **domain):
    message = {"author": author, "commitment": commitment, "meaning": int(meaning), "deadline": LATER}
    return world.sign(by, world.records, "RecordSignature", RECORD, message, **domain)


def test_H15_anchorSigned__when_anybody_carries_it__is_the_authors(world, author, relayer):
    tx = world.records.anchorSigned(author, AUTHORED, ONE, LATER, sign(world, author, author), sender=relayer)
    values = {"recordId": record_id(world, author), "author": author.address, "commitment": ONE}
    assert tx.events == [("RecordAnchored", {**values, "meaning": AUTHORED})]


def test_H15_anchorSigned__when_moved_to_another_record_meaning_or_signer__reverts(world, author, relayer):
    signature = sign(world, author, author)
    for meaning, commitment in ((AUTHORED, TWO), (Meaning.Approved, ONE)):
        with reverts("Module_NotSignedBy", signer=author):
            world.records.anchorSigned(author, meaning, commitment, LATER, signature, sender=relayer)
    with reverts("Module_NotSignedBy", signer=relayer):
        world.records.anchorSigned(relayer, AUTHORED, ONE, LATER, signature, sender=relayer)


# BATCHES


def test_anchorBatch__when_the_author_calls__anchors_all_with_one_root(world, author, tree):
    tx = world.records.anchorBatch(author, root(tree), 10, AUTHORED, sender=author)
    bid = world.id_of(world.records, ("address", author), ("bytes32", root(tree)))
    values = {"batchId": bid, "author": author.address, "root": root(tree), "size": 10, "meaning": AUTHORED}
    assert tx.events == [("BatchAnchored", values)]
    assert tx.value == bid
    assert world.records.batchOf(author, root(tree)) == {"batchId": bid, "batch": {"anchoredAt": START, "size": 10}}
    for index in range(10):
        leaf = "0x" + tree.values[index][0].hex()
        assert status(world, author, leaf, proof(tree, index)) == (CURRENT, START)
        assert status(world, author, leaf) == (0, 0)
        assert status(world, author, ONE, proof(tree, index)) == (0, 0)


def test_anchorBatchSigned__when_anybody_carries_it__anchors(world, author, tree, relayer):
    message = {"author": author, "root": root(tree), "size": 10, "meaning": int(AUTHORED), "deadline": LATER}
    signature = world.sign(author, world.records, "BatchSignature", BATCH, message)
    for size, meaning in ((11, AUTHORED), (10, Meaning.Approved)):
        with reverts("Module_NotSignedBy", signer=author):
            world.records.anchorBatchSigned(author, root(tree), size, meaning, LATER, signature, sender=relayer)
    tx = world.records.anchorBatchSigned(author, root(tree), 10, AUTHORED, LATER, signature, sender=relayer)
    assert tx.event("BatchAnchored")["size"] == 10


@pytest.mark.parametrize("empty", ["root", "size", "meaning"])
def test_anchorBatch__when_root_size_or_meaning_is_missing__reverts(world, author, tree, empty):
    said = {"root": root(tree), "size": 10, "meaning": AUTHORED} | {empty: NOTHING if empty == "root" else 0}
    with reverts("RecordRegistry_Missing"):
        world.records.anchorBatch(author, *said.values(), sender=author)


def test_R3_anchorBatch__given_a_batch__when_anchored_again__reverts(world, author, tree, given_batch):
    bid = world.id_of(world.records, ("address", author), ("bytes32", root(tree)))
    with reverts("RecordRegistry_AlreadyAnchored", id=bid, anchoredAt=START):
        world.records.anchorBatch(author, root(tree), 11, AUTHORED, sender=author)


def test_anchorBatch__when_anybody_else_calls_or_the_registry_is_retired__reverts(world, author, tree, stranger):
    with reverts("RecordRegistry_NotController", subject=author, caller=stranger, controller=author):
        world.records.anchorBatch(author, root(tree), 10, AUTHORED, sender=stranger)
    world.records.retire(sender=world.governor)
    with reverts("Module_Retired", module=world.records):
        world.records.anchorBatch(author, root(tree), 10, AUTHORED, sender=author)


# AMEND


def changed(world, author, commitment, old, new, replacement=NOTHING, basis=0, batch=NOTHING):
    values = {"recordId": record_id(world, author, commitment), "author": author.address, "commitment": commitment}
    change = {"oldStatus": old, "newStatus": new, "replacement": replacement, "basis": basis, "root": batch}
    return ("RecordStatusChanged", {**values, **change})


def test_H14_amend__given_a_record__when_superseded__the_newer_version_is_anchored_and_linked(
    world, author, given_record
):
    world.warp(START + DAY)
    tx = amend(world, author, ONE, SUPERSEDED, replacement=TWO)
    newer = record_id(world, author, TWO)
    anchored = {"recordId": newer, "author": author.address, "commitment": TWO, "meaning": AUTHORED}
    assert tx.events == [("RecordAnchored", anchored), changed(world, author, ONE, CURRENT, SUPERSEDED, newer)]
    assert status(world, author, ONE) == (SUPERSEDED, START)
    assert status(world, author, TWO) == (CURRENT, START + DAY)


def test_amend__given_the_newer_version_stands__when_superseded_by_it__is_not_anchored_again(
    world, author, given_record
):
    world.records.anchor(author, AUTHORED, TWO, sender=author)
    tx = amend(world, author, ONE, SUPERSEDED, replacement=TWO)
    assert tx.events == [changed(world, author, ONE, CURRENT, SUPERSEDED, record_id(world, author, TWO))]


@pytest.mark.parametrize("to", [SUPERSEDED, IN_ERROR, SHREDDED])
def test_amend__given_the_replacement_is_not_current__when_superseded_by_it__reverts(world, author, given_record, to):
    world.records.anchor(author, AUTHORED, TWO, sender=author)
    amend(
        world, author, TWO, to, replacement=THREE if to == SUPERSEDED else NOTHING, basis=ASKED if to == SHREDDED else 0
    )
    with reverts("RecordRegistry_BadTransition", **{"from": to, "to": to}):
        amend(world, author, ONE, SUPERSEDED, replacement=TWO)


def test_amend__when_replacement_or_basis_do_not_fit_the_status__reverts(world, author, given_record):
    for said in (
        {"status": SUPERSEDED}, {"status": SUPERSEDED, "replacement": ONE}, {"status": IN_ERROR, "replacement": TWO},
        {"status": SHREDDED, "basis": ASKED, "replacement": TWO}, {"status": SHREDDED},
        {"status": IN_ERROR, "basis": ASKED}, {"status": SUPERSEDED, "replacement": TWO, "basis": ASKED},
    ):  # fmt: skip
        with reverts("RecordRegistry_Missing"):
            amend(world, author, ONE, **said)


@pytest.mark.parametrize("basis", list(LegalBasis)[1:])
def test_amend__given_a_record__when_shredded__states_the_legal_basis(world, author, given_record, basis):
    tx = amend(world, author, ONE, SHREDDED, basis=basis)
    assert tx.events == [changed(world, author, ONE, CURRENT, SHREDDED, basis=basis)]
    assert world.records.recordOf(record_id(world, author)) == {"anchoredAt": START, "status": SHREDDED, "basis": basis}


def test_amend__given_nothing_anchored__when_called__reverts(world, author, tree, given_batch):
    for batch in (None, proof(tree, 0), {"root": digest("no root"), "path": []}):
        with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, author)):
            amend(world, author, ONE, IN_ERROR, batch=batch)


def test_R3_amend__when_anybody_else_calls__reverts(world, author, given_record, stranger):
    with reverts("RecordRegistry_NotController", subject=author, caller=stranger, controller=author):
        amend(world, author, ONE, IN_ERROR, sender=stranger)
    with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, stranger)):
        amend(world, stranger, ONE, IN_ERROR)


def test_amend__given_a_batch__when_a_leaf_is_amended_with_its_proof__gets_a_slot_with_the_batchs_time(
    world, author, tree, given_batch
):
    leaf = "0x" + tree.values[3][0].hex()
    world.warp(START + DAY)
    tx = amend(world, author, leaf, IN_ERROR, batch=proof(tree, 3))
    assert tx.events == [changed(world, author, leaf, CURRENT, IN_ERROR, batch=root(tree))]
    assert status(world, author, leaf) == (IN_ERROR, START)
    assert status(world, author, leaf, proof(tree, 3)) == (IN_ERROR, START)
    other = "0x" + tree.values[4][0].hex()
    assert status(world, author, other, proof(tree, 4)) == (CURRENT, START)
    tx = amend(world, author, leaf, SHREDDED, basis=ASKED, batch=proof(tree, 3))  # it has a slot: no root is believed
    assert tx.events == [changed(world, author, leaf, IN_ERROR, SHREDDED, basis=ASKED)]


def test_amend__given_a_batch__when_the_proof_is_cut_or_another_authors__reverts(
    world, author, stranger, tree, given_batch
):
    leaf = "0x" + tree.values[3][0].hex()
    short = {"root": root(tree), "path": tree.proof(3)[:-1]}
    with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, author, leaf)):
        amend(world, author, leaf, IN_ERROR, batch=short)
    with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, stranger, leaf)):
        amend(world, stranger, leaf, IN_ERROR, batch=proof(tree, 3))
    inner = {"root": root(tree), "path": []}
    with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, author, root(tree))):
        amend(world, author, root(tree), IN_ERROR, batch=inner)


def test_amendSigned__when_anybody_carries_it__amends_once(world, author, relayer, given_record):
    said = amendment(author, ONE, SUPERSEDED, replacement=TWO)
    signature = world.sign(author, world.records, "RecordAmendment", AMENDMENT, {**said, "deadline": LATER})
    for wrong in ({"replacement": THREE}, {"commitment": TWO}, {"status": IN_ERROR}, {"basis": ASKED}):
        with reverts("Module_NotSignedBy", signer=author):
            world.records.amendSigned({**said, **wrong}, NO_BATCH, LATER, signature, sender=relayer)
    tx = world.records.amendSigned(said, NO_BATCH, LATER, signature, sender=relayer)
    assert tx.events[1] == changed(world, author, ONE, CURRENT, SUPERSEDED, record_id(world, author, TWO))
    with reverts("RecordRegistry_BadTransition", **{"from": SUPERSEDED, "to": SUPERSEDED}):
        world.records.amendSigned(said, NO_BATCH, LATER, signature, sender=relayer)


LEGAL = {(1, 2), (1, 3), (1, 4), (2, 4), (3, 4)}


@pytest.mark.parametrize("old", range(5))
@pytest.mark.parametrize("new", range(5))
def test_H16_amend__when_every_status_is_asked_from_every_other__only_the_legal_ones_pass(world, author, old, new):
    if old:
        world.records.anchor(author, AUTHORED, ONE, sender=author)
    if old > 1:
        amend(
            world,
            author,
            ONE,
            old,
            replacement=TWO if old == SUPERSEDED else NOTHING,
            basis=ASKED if old == SHREDDED else 0,
        )
    said = {"replacement": THREE if new == SUPERSEDED else NOTHING, "basis": ASKED if new == SHREDDED else 0}
    if (old, new) in LEGAL:
        assert amend(world, author, ONE, new, **said).event("RecordStatusChanged")["oldStatus"] == old
        assert status(world, author, ONE) == (new, START)
    elif old == 0:
        with reverts("RecordRegistry_NotAnchored", recordId=record_id(world, author)):
            amend(world, author, ONE, new, **said)
    else:
        with reverts("RecordRegistry_BadTransition", **{"from": old, "to": new}):
            amend(world, author, ONE, new, **said)


def test_C11_amend__given_the_registry_retired__when_the_author_amends__stays_open(world, author, given_record, tree):
    world.records.retire(sender=world.governor)
    assert amend(world, author, ONE, IN_ERROR).events
    assert amend(world, author, ONE, SHREDDED, basis=ASKED).events


def test_H14_amend__given_a_chain_of_versions__when_each_is_superseded__all_stay_readable(world, author, given_record):
    commitments = [ONE, *(digest(f"version {i}") for i in range(2, 6))]
    for older, newer in pairwise(commitments):
        tx = amend(world, author, older, SUPERSEDED, replacement=newer)
        assert tx.event("RecordStatusChanged")["replacement"] == record_id(world, author, newer)
    assert [status(world, author, c)[0] for c in commitments] == [SUPERSEDED] * 4 + [CURRENT]
