"""The access log: salted leaves with two numbers, anchored in order; a receipt proves an omission.

given a custodian's log book
  when a part is anchored                          → each entry is proved where it stands, and nowhere else
  when an entry with a receipt is left out         → reported once its time is up, answered by its proof alone
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from careledger.client import CareLedger
from careledger.codes import Basis, OmissionStatus, Purpose
from careledger.errors import ContractError, InputError, NotFound
from careledger.resources.access import AccessEntry, AccessLogBook
from careledger.values import PartyRef, RecordId, to_hex
from tests.sdk.records.conftest import Person

RECORD = RecordId("0x" + "ab" * 32)


def _fill(book: AccessLogBook, patients: list[PartyRef], actor: PartyRef) -> list[AccessEntry]:
    how = {"purpose": Purpose.TREAT, "basis": Basis.DIRECTIVE, "allowed": True, "at": 1_800_000_000}
    return [book.add(RECORD, patient=who, actor=actor, **how) for who in patients]  # type: ignore[arg-type]


def test_log_book__numbers_entries_and_each_patients_own(dr: Person, ana: PartyRef, ben: PartyRef) -> None:
    book = AccessLogBook(dr.ref)
    entries = _fill(book, [ana, ben, ana, ana], dr.ref)
    assert [(e.entry, e.own) for e in entries] == [(1, 1), (2, 1), (3, 2), (4, 3)]
    assert len({e.leaf for e in entries} | {e.salt for e in entries}) == 8
    assert book.missing_of(ana, [entries[0], entries[3]]) == [2]
    assert ana.address not in repr(entries)
    back = AccessLogBook(dr.ref, [AccessEntry.from_json(e.to_json()) for e in entries])
    assert [e.leaf for e in back.entries] == [e.leaf for e in entries]
    assert _fill(back, [ana], dr.ref)[0].own == 4
    with pytest.raises(InputError):
        AccessLogBook(dr.ref, [entries[0], entries[2]])
    with pytest.raises(NotFound):
        book[9]


def test_log_entry__given_same_values__leaves_differ_by_salt(dr: Person, ana: PartyRef) -> None:
    first, second = (_fill(AccessLogBook(dr.ref), [ana], dr.ref)[0] for _ in range(2))
    assert first.leaf != second.leaf


def test_anchor_log__given_parts_in_order__each_entry_is_proved_where_it_stands(
    dr: Person, ana: PartyRef, ben: PartyRef
) -> None:
    records, book = dr.care.records, AccessLogBook(dr.ref)
    entries = _fill(book, [ana, ben, ana, ben, ana], dr.ref)
    first = records.anchor_log(dr.ref, entries[:3]).value
    second = records.anchor_log(dr.ref, [e.leaf for e in entries[3:]]).value
    assert [(p.part, p.first, p.last) for p in (first, second)] == [(1, 1, 3), (2, 4, 5)]
    for entry in entries:
        part = 1 if entry.entry <= 3 else 2
        assert records.is_logged(dr.ref, entry, part=part, book=book)
    path = book.path(1, first=1, last=3)
    assert not records.is_logged(dr.ref, entries[1], part=1, path=path)
    assert records.log_of(dr.ref)["lastEntry"] == 5
    assert records.log_part(dr.ref, 2).root == second.root
    with pytest.raises(NotFound):
        records.log_part(dr.ref, 3)


def test_anchor_log__given_gap_or_repetition__refused(dr: Person, ana: PartyRef) -> None:
    records = dr.care.records
    entries = _fill(AccessLogBook(dr.ref), [ana] * 4, dr.ref)
    records.anchor_log(dr.ref, entries[:2])
    with pytest.raises(ContractError) as refusal:
        records.anchor_log(dr.ref, entries[3:])
    assert type(refusal.value).__name__ == "RecordRegistry_BadEntries"
    with pytest.raises(InputError):
        records.anchor_log(dr.ref, [entries[2], entries[2]])
    with pytest.raises(InputError):
        records.anchor_log(dr.ref, [])
    assert records.anchor_log(dr.ref, entries[:2]).repeated


def test_report_omission__given_entry_left_out__open_until_answered(
    town: CareLedger, dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    patient, book = person("patient").care.records, AccessLogBook(dr.ref)
    entry = _fill(book, [ana], dr.ref)[0]
    dr.care.records.state_interval(dr.ref, seconds=3600)
    desk = person("desk").signer  # an account for receipts alone
    assert not patient.is_receipt_key(dr.ref, signer=desk.address)
    dr.care.records.name_receipt_key(dr.ref, signer=desk.address)
    assert patient.is_receipt_key(dr.ref, signer=desk.address)
    signed = dr.care.records.sign_receipt(dr.ref, entry, signer=desk)
    assert signed.terms.message["leaf"] == to_hex(entry.leaf)
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
    dr.care.records.anchor_log(dr.ref, [entry])
    dr.care.records.answer_omission(signed.terms, part=1, path=book.path(1, first=1, last=1))
    assert patient.omission(signed.terms) is OmissionStatus.ANSWERED
    assert patient.log_of(dr.ref)["openOmissions"] == 0


def test_H15_report_omission__given_receipt_of_another__refused(
    town: CareLedger, dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    mallory = person("mallory")
    entry = _fill(AccessLogBook(dr.ref), [ana], dr.ref)[0]
    forged = mallory.care.records.sign_receipt(dr.ref, entry, signer=mallory.signer)
    assert town.chain is not None
    town.chain.increase_time(90_000)
    with pytest.raises(ContractError) as refusal:
        mallory.care.records.report_omission(forged)
    assert type(refusal.value).__name__ == "RecordRegistry_NotReceiptKey"
    dr.care.records.name_receipt_key(dr.ref, signer=dr.signer.address)
    with pytest.raises(ContractError) as refusal:
        mallory.care.records.report_omission(replace(forged, signer=dr.signer.address))
    assert type(refusal.value).__name__ == "Module_NotSignedBy"
