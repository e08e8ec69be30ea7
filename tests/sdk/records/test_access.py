"""The access log on chain, below what a custodian does with its book: leaves, parts, receipts, omissions.

an entry
  its leaf is the documented commitment, and differs by salt alone      → test_leaf__is_the_abi_encoding_of_its_fields
  it goes through JSON, with and without its subject                    → test_entry__through_json__same_leaf
  it is refused where its subject is not the one in its leaf            → test_entry__changed_json__refused
  its repr shows its number only                                        → test_S8_entry__repr__shows_its_number_only
a log
  given parts in order
    each entry is proved where it stands, and nowhere else              → test_anchor_log__given_parts_in_order__…
  given a gap or a repetition
    it is refused, or is the first result                               → test_anchor_log__given_gap_or_repetition__…
a receipt
  given an entry left out
    it is open until answered                                           → test_report_omission__given_entry_left_out__…
  given a key the custodian never named
    it counts for nothing                                               → test_H15_report_omission__given_receipt_of_…
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from careledger.chain.abi import encode
from careledger.client import CareLedger
from careledger.codes import Basis, OmissionStatus, Purpose, Reason, Role
from careledger.errors import ContractError, FormatError, NotFound
from careledger.privacy.commitments import commit, new_salt
from careledger.privacy.merkle import PositionalTree
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry, Acting, Subject
from careledger.resources.consent_types import RoleRef
from careledger.values import PartyRef, RecordId, from_hex, keccak, to_hex
from tests.sdk.records.conftest import Person

RECORD = RecordId("0x" + "ab" * 32)
CLINIC = PartyRef("organisation", "0x" + "c1" * 20)  # type: ignore[arg-type]


def entry(number: int, patient: PartyRef, actor: PartyRef, own: int = 1, **how: object) -> AccessEntry:
    subject = Subject(patient.address, own, new_salt())
    made = AccessEntry(
        number, RECORD, actor.address, Acting.of(actor, CLINIC, jurisdiction=756_000), Purpose.TREAT, Basis.DIRECTIVE,
        Reason.DIRECTIVE, True, 17, 1_800_000_000, new_salt(), subject.digest, subject,
    )  # fmt: skip
    return replace(made, **how)  # type: ignore[arg-type]


def entries(patients: list[PartyRef], actor: PartyRef) -> list[AccessEntry]:
    return [entry(number, who, actor, number) for number, who in enumerate(patients, start=1)]


# ENTRIES


def test_leaf__is_the_abi_encoding_of_its_fields(ana: PartyRef, ben: PartyRef) -> None:
    made = entry(7, ana, ben, 3)
    assert made.subject is not None
    about = commit("careledger.access.subject.v1", made.subject.salt, ("address", ana.address), ("uint64", 3))
    acting = 2 << 208 | Role.PROVIDER << 192 | 756_000 << 160 | int(CLINIC.address, 16)
    assert made.leaf == commit(
        "careledger.access.v1", made.salt, ("uint64", 7), ("bytes32", about), ("bytes32", from_hex(RECORD)),
        ("address", ben.address), ("bytes32", acting.to_bytes(32, "big")), ("uint8", 0), ("uint8", 1), ("uint8", 1),
        ("bool", True), ("uint64", 17), ("uint40", 1_800_000_000),
    )  # fmt: skip
    other = {
        "entry": 8, "record": "0x" + "ac" * 32, "actor": ana.address, "acting": Acting.of(ben),
        "purpose": Purpose.HRESCH, "basis": Basis.LAW, "reason": Reason.LAW, "allowed": False, "block": 18, "at": 1,
        "salt": new_salt(), "about": bytes(32),
    }  # fmt: skip
    leaves = {made.leaf, *(replace(made, **{name: value}).leaf for name, value in other.items())}  # type: ignore[arg-type]
    assert len(leaves) == 1 + len(other)


@pytest.mark.parametrize("capacity", [None, CLINIC, RoleRef(Role.RESEARCH_INSTITUTION, 756_000)])
def test_entry__through_json__same_leaf(
    ana: PartyRef, ben: PartyRef, capacity: PartyRef | RoleRef | None
) -> None:  # fmt: skip
    made = entry(7, ana, ben, 3, acting=Acting.of(ben, capacity, jurisdiction=756_000))
    back = AccessEntry.from_json(made.to_json())
    assert back == made and (back.patient, back.own) == (ana.address, 3)
    assert back.acting.capacity == (capacity or ben)
    untold = AccessEntry.from_json(made.untold.to_json())
    assert untold.leaf == made.leaf and ana.address not in str(made.untold.to_json())
    with pytest.raises(NotFound, match="not told"):
        untold.patient  # noqa: B018


def test_entry__changed_json__refused(ana: PartyRef, ben: PartyRef) -> None:
    data = entry(7, ana, ben).to_json()
    wrong = [
        {**data, "patient": ben.address}, {**data, "own": 2}, {**data, "own": "1"}, {**data, "entry": -1},
        {**data, "purpose": "NOTHING"}, {**data, "salt": "short="}, {**data, "acting": "0x12"}, {},
        {**data, "at": 1 << 40},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(FormatError, match="no entry"):
            AccessEntry.from_json(each)


def test_S8_entry__repr__shows_its_number_only(ana: PartyRef, ben: PartyRef) -> None:
    made = entry(7, ana, ben)
    assert repr(made) == "AccessEntry(entry=7)"
    assert repr(made.subject) == "Subject()"


# THE LOG


def proved(records: object, who: PartyRef, made: AccessEntry, part: int, tree: PositionalTree, place: int) -> bool:
    return records.is_logged(who, part=part, entry=made.entry, leaf=made.leaf, path=tree.proof(place))  # type: ignore[attr-defined,no-any-return]


def test_anchor_log__given_parts_in_order__each_entry_is_proved_where_it_stands(
    dr: Person, ana: PartyRef, ben: PartyRef
) -> None:
    records, made = dr.care.records, entries([ana, ben, ana, ben, ana], dr.ref)
    trees = [PositionalTree([e.leaf for e in made[:3]]), PositionalTree([e.leaf for e in made[3:]])]
    first = records.anchor_log(dr.ref, root=trees[0].root, first=1, last=3).value
    second = records.anchor_log(dr.ref, root=trees[1].root, first=4, last=5).value
    assert [(p.part, p.first, p.last, p.size) for p in (first, second)] == [(1, 1, 3, 3), (2, 4, 5, 2)]
    for e in made:
        part, place = (1, e.entry - 1) if e.entry <= 3 else (2, e.entry - 4)
        assert proved(records, dr.ref, e, part, trees[part - 1], place)
    assert not proved(records, dr.ref, made[1], 1, trees[0], 0)
    assert not proved(records, dr.ref, made[0].untold, 2, trees[0], 0)
    assert not proved(records, dr.ref, replace(made[0], allowed=False), 1, trees[0], 0)
    standing = records.log_of(dr.ref)
    head = keccak(encode(("bytes32", "bytes32", "uint64", "uint64"), (bytes(32), trees[0].root, 1, 3)))
    head = keccak(encode(("bytes32", "bytes32", "uint64", "uint64"), (head, trees[1].root, 4, 5)))
    assert (standing["lastEntry"], standing["head"]) == (5, to_hex(head))
    assert records.log_part(dr.ref, 2).root == second.root
    with pytest.raises(NotFound):
        records.log_part(dr.ref, 3)


def test_anchor_log__given_gap_or_repetition__refused(dr: Person, ana: PartyRef) -> None:
    records, root = dr.care.records, keccak(b"a root")
    records.anchor_log(dr.ref, root=root, first=1, last=2)
    for first, last in ((4, 4), (2, 3), (3, 2)):
        with pytest.raises(ContractError) as refusal:
            records.anchor_log(dr.ref, root=root, first=first, last=last)
        assert type(refusal.value).__name__ == "RecordRegistry_BadEntries"
    assert records.anchor_log(dr.ref, root=root, first=1, last=2).repeated


# RECEIPTS


def receipt(by: Person, custodian: PartyRef, made: AccessEntry) -> AccessReceipt:
    records = by.care.records
    return AccessReceipt.of(records.domain, custodian=custodian, entry=made, issued_at=records.now())


def test_report_omission__given_entry_left_out__open_until_answered(
    town: CareLedger, dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    patient, made = person("patient").care.records, entry(1, ana, dr.ref)
    dr.care.records.state_interval(dr.ref, seconds=3600)
    desk = person("desk").signer  # an account for receipts alone
    assert not patient.is_receipt_key(dr.ref, signer=desk.address)
    dr.care.records.name_receipt_key(dr.ref, signer=desk.address)
    assert patient.is_receipt_key(dr.ref, signer=desk.address)
    signed = receipt(dr, dr.ref, made).signed_by(desk)
    assert (signed.terms.entry, signed.terms.leaf, signed.terms.custodian) == (1, made.leaf, dr.ref.address)
    with pytest.raises(ContractError) as refusal:
        patient.report_omission(signed)
    assert type(refusal.value).__name__ == "RecordRegistry_NotDue"
    assert town.chain is not None
    town.chain.increase_time(3700)
    patient.report_omission(signed)
    assert patient.omission(signed.terms) is OmissionStatus.OPEN
    assert patient.log_of(dr.ref)["openOmissions"] == 1
    with pytest.raises(ContractError):
        dr.care.records.answer_omission(signed.terms, part=1, path=[])
    tree = PositionalTree([made.leaf])
    dr.care.records.anchor_log(dr.ref, root=tree.root, first=1, last=1)
    dr.care.records.answer_omission(signed.terms, part=1, path=tree.proof(0))
    assert patient.omission(signed.terms) is OmissionStatus.ANSWERED
    assert patient.log_of(dr.ref)["openOmissions"] == 0


def test_H15_report_omission__given_receipt_of_another__refused(
    town: CareLedger, dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    mallory = person("mallory")
    forged = receipt(mallory, dr.ref, entry(1, ana, dr.ref)).signed_by(mallory.signer)
    assert town.chain is not None
    town.chain.increase_time(90_000)
    with pytest.raises(ContractError) as refusal:
        mallory.care.records.report_omission(forged)
    assert type(refusal.value).__name__ == "RecordRegistry_NotReceiptKey"
    dr.care.records.name_receipt_key(dr.ref, signer=dr.signer.address)
    with pytest.raises(ContractError) as refusal:
        mallory.care.records.report_omission(replace(forged, signer=dr.signer.address))
    assert type(refusal.value).__name__ == "Module_NotSignedBy"
