"""What a reader takes in: the receipt first, checked and kept; then the parcel, compared with entry and chain.

given an answer whose receipt is wrong
  it is refused, and nothing is kept or opened            → test_H13_receive__receipt_that_does_not_hold__nothing_kept
given a right receipt
  when the parcel is another's, or lies about the patient
    the receipt is kept, and nothing opens                → test_H12_receive__parcel_that_does_not_fit__nothing_opens
  when the record is not anchored
    it is not taken in                                    → test_receive__not_anchored__not_taken_in
  when a refusal brings a parcel
    it is not looked at                                   → test_receive__refusal_with_a_parcel__not_taken_in
  when the answer was changed on its way
    it is refused                                         → test_H12_receive__flipped_bits__refused
  when it is for another key
    it does not open                                      → test_receive__another_opener__not_a_recipient
given sealed bytes
  when they are another record's, cut or flipped
    they are refused before the store has them            → test_R5_receive__sealed_file_damaged__refused
  when nobody has them
    it says so, and opening fails with a way out          → test_R6_receive__no_bytes_anywhere__said
receiving twice
  changes nothing                                         → test_receive__twice__same_record_one_receipt
given something else sealed in its place
  the error is one sentence                               → test_S7_open__sealed_by_a_hostile_custodian__typed_error
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from careledger import Basis, DataClass, PartyRef, Purpose, Reason, Signer, errors
from careledger.privacy.commitments import new_salt
from careledger.privacy.documents import seal_document
from careledger.privacy.wraps import Wraps
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry, Acting, Subject
from careledger.resources.access_requests import SignedRequest
from careledger.resources.accountings import AccountingAnswer
from careledger.resources.answers import Answer, AnswerBody, Parcel
from careledger.resources.record_types import SealedRecord
from careledger.values import bytes32
from tests.sdk.custodian.houses import NOTE, Houses, another_opener


@pytest.fixture
def asked(houses: Houses) -> tuple[SealedRecord, SignedRequest, Answer]:
    patient = houses.town.patient()
    record = houses.seal(patient)
    houses.agree(patient)
    request = houses.request(record)
    return record, request, houses.answer(request)


def told(
    houses: Houses, asked: Any, change: Callable[[AccessEntry], AccessEntry] = lambda entry: entry, *,
    parcel: Parcel | None = None, signer: Signer | None = None, custodian: PartyRef | None = None,
    issued_at: int | None = None, leaf_of: AccessEntry | None = None,
) -> Answer:  # fmt: skip
    """What a custodian would hand out that signs whatever it likes."""
    _, request, honest = asked
    body = honest.open(houses.clinic.opener)
    entry = change(body.entry)
    receipt = AccessReceipt.of(
        houses.hospital.care.records.domain, custodian=custodian or houses.hospital.party, entry=leaf_of or entry,
        issued_at=entry.at if issued_at is None else issued_at,
    ).signed_by(signer or houses.desk)  # fmt: skip
    reader = houses.clinic.care.participants.encryption_key(houses.town.clinic.party)
    return Answer.of(request.terms.digest, receipt, AnswerBody(entry, parcel or body.parcel), reader=reader)


def about(entry: AccessEntry, patient: str) -> AccessEntry:
    subject = Subject(PartyRef("person", patient).address, 1, new_salt())  # type: ignore[arg-type]
    return replace(entry, about=subject.digest, subject=subject)


def test_H13_receive__receipt_that_does_not_hold__nothing_kept(houses: Houses, asked: Any) -> None:
    records, (record, request, honest) = houses.clinic.care.records, asked
    kept = len(records.receipts())

    def lie(change: Callable[[AccessEntry], AccessEntry] = lambda entry: entry, **how: Any) -> Answer:
        return told(houses, asked, change, **how)

    real, late = honest.open(houses.clinic.opener).entry, honest.receipt.terms.issued_at + 3600
    lies = [
        (replace(lie(), request=secrets.token_bytes(32)), "it answers another request"),
        (lie(custodian=houses.town.clinic.party), "another custodian's"),
        (lie(signer=houses.town.stranger.signer), "not signed by an account that the custodian has named"),
        (replace(lie(), receipt=replace(lie().receipt, signer=houses.hospital.party.address)), "not signed by"),
        (lie(lambda e: replace(e, record="0x" + "12" * 32)), "about something else"),  # type: ignore[arg-type]
        (lie(lambda e: replace(e, purpose=Purpose.HRESCH)), "about something else"),
        (lie(lambda e: replace(e, actor=houses.town.clinic.party.address)), "about something else"),
        (lie(lambda e: replace(e, acting=Acting.of(houses.town.doctor.party))), "about something else"),
        (lie(lambda e: replace(e, entry=e.entry + 1), leaf_of=real), "another entry"),
        (lie(leaf_of=replace(real, allowed=False)), "another entry"),
        (lie(lambda e: replace(e, at=late)), "dated before the request, or ahead of time"),
        (lie(lambda e: replace(e, at=e.at - 3600)), "dated before the request, or ahead of time"),
        (lie(issued_at=late), "dated before the request, or ahead of time"),
        (lie(lambda e: e.untold), "does not hold together"),
        (lie(lambda e: replace(e, allowed=False)), "does not hold together"),
    ]  # fmt: skip
    for answer, match in lies:
        with pytest.raises(errors.ReceiptRefused, match=match):
            records.receive(answer, request)
    assert len(records.receipts()) == kept
    assert records.desk.catalogue.get(record.id) is None
    assert records.receive(lie(), request).allowed, "the helper itself tells the truth"


def test_H12_receive__parcel_that_does_not_fit__nothing_opens(houses: Houses, asked: Any) -> None:
    records, (record, request, honest) = houses.clinic.care.records, asked
    other = houses.town.patient()
    second = houses.seal(other)
    houses.agree(other)
    body = honest.open(houses.clinic.opener)
    parcel = houses.answer(houses.request(second)).open(houses.clinic.opener).parcel
    assert body.parcel is not None and parcel is not None
    stranger = houses.town.stranger.party.address
    mixed = [
        (told(houses, asked, parcel=parcel), errors.SealedDamaged),
        (told(houses, asked, parcel=replace(body.parcel, wraps=parcel.wraps)), errors.SealedDamaged),
        (told(houses, asked, parcel=replace(body.parcel, opening=parcel.opening)), errors.SealedDamaged),
        (
            told(houses, asked, parcel=replace(body.parcel, record=replace(record, commitment=second.commitment))),
            errors.SealedDamaged,
        ),
        (
            told(houses, asked, parcel=replace(body.parcel, record=replace(record, author=houses.town.clinic.party))),
            errors.SealedDamaged,
        ),
        (told(houses, asked, lambda e: about(e, stranger)), errors.SealedDamaged),
    ]
    for answer, error in mixed:
        with pytest.raises(error):
            records.receive(answer, request)
        assert any(kept.receipt == answer.receipt for kept in records.receipts()), "a right receipt is kept"
    assert records.desk.catalogue.get(record.id) is None
    with pytest.raises(errors.NotFound):
        records.read(record.id)


def test_receive__not_anchored__not_taken_in(houses: Houses, asked: Any) -> None:
    records, (_, _, honest) = houses.clinic.care.records, asked
    patient = houses.town.patient()
    hidden = houses.hospital.care.records.prepare(
        b"sealed, never anchored", author=houses.hospital.party, about=patient.party, classes={DataClass.NOTES}
    )
    houses.agree(patient)
    with pytest.raises(errors.NotFound, match="is not anchored"):
        houses.answer(houses.request(hidden))
    desk = houses.hospital.care.records.desk
    item = desk.catalogue.get(hidden.id)
    assert item is not None
    reader = houses.clinic.care.participants.encryption_key(houses.town.clinic.party)
    wraps = Wraps(item.id_bytes).add(desk.key(item, houses.hospital.opener), reader)
    parcel = Parcel(hidden, wraps, desk.shelf.sealed_opening(item.id_bytes))
    asks = houses.request(hidden)
    entry = about(replace(honest.open(houses.clinic.opener).entry, record=hidden.id), patient.party.address)
    receipt = AccessReceipt.of(
        houses.hospital.care.records.domain, custodian=houses.hospital.party, entry=entry, issued_at=entry.at
    ).signed_by(houses.desk)
    answer = Answer.of(asks.terms.digest, receipt, AnswerBody(entry, parcel), reader=reader)
    with pytest.raises(errors.NotFound, match="is not anchored as the parcel says"):
        records.receive(answer, asks)
    assert records.desk.catalogue.get(hidden.id) is None


def test_receive__refusal_with_a_parcel__not_taken_in(houses: Houses, asked: Any) -> None:
    records, (record, request, _) = houses.clinic.care.records, asked
    answer = told(houses, asked, lambda e: replace(e, allowed=False, reason=Reason.REVOKED, basis=Basis.NONE))
    got = records.receive(answer, request)
    assert (got.allowed, got.record) == (False, None)
    assert records.desk.catalogue.get(record.id) is None


def test_H12_receive__flipped_bits__refused(houses: Houses, asked: Any) -> None:
    records, (record, request, honest) = houses.clinic.care.records, asked
    text, tried, idle = json.dumps(honest.to_json()), 0, 0
    for place in range(7, len(text), 211):
        changed = text[:place] + chr(ord(text[place]) ^ 1) + text[place + 1 :]
        tried += 1
        try:
            answer = records.read_answer(json.loads(changed))
            if answer == honest:  # the one part that nobody reads: how EIP-712 spells the domain's own type
                idle += 1
                continue
            records.receive(answer, request)
        except (errors.CareLedgerError, ValueError):
            continue
        raise AssertionError(f"flipped at {place}, and taken in")
    assert tried > 50 and idle < 5
    assert records.desk.catalogue.get(record.id) is None


def test_receive__another_opener__not_a_recipient(houses: Houses, asked: Any) -> None:
    _, request, honest = asked
    with pytest.raises(errors.NotARecipient):
        houses.clinic.care.records.receive(honest, request, opener=another_opener())


def test_R5_receive__sealed_file_damaged__refused(houses: Houses, asked: Any) -> None:
    records, (record, request, answer) = houses.clinic.care.records, asked
    path = houses.carried(record)
    whole = path.read_bytes()
    for bad in (whole[:-1], whole + b"x", bytes([whole[0] ^ 1]) + whole[1:], b""):
        path.write_bytes(bad)
        with pytest.raises(errors.SealedDamaged, match="is not this record's"):
            records.receive(answer, request, sealed=path)
        assert not houses.clinic.care.store.has(record.cid)
    with pytest.raises(errors.SealedDamaged, match="is not this record's"):
        records.receive(answer, request, sealed="/dev/zero")  # which has no end
    with pytest.raises(errors.NotFound, match="there is no file"):
        records.receive(answer, request, sealed=path.with_name("none"))
    path.write_bytes(whole)
    assert records.receive(answer, request, sealed=path).here
    assert records.read(record.id) == NOTE


def test_R6_receive__no_bytes_anywhere__said(houses: Houses, asked: Any) -> None:
    record, request, answer = asked
    got = houses.clinic.care.records.receive(answer, request)
    assert got.record is not None and not got.here
    with pytest.raises(errors.StorageError, match="does not have the sealed bytes") as refusal:
        houses.clinic.care.records.read(record.id)
    assert refusal.value.fix


def test_receive__twice__same_record_one_receipt(houses: Houses, asked: Any) -> None:
    records, (record, request, answer) = houses.clinic.care.records, asked
    path = houses.carried(record)
    first = records.receive(answer, request, sealed=path)
    kept = records.receipts()
    assert records.receive(answer, request, sealed=path) == first
    assert records.receipts() == kept and kept[-1].entry == first.receipt.entry
    assert records.read(record.id) == NOTE
    assert json.dumps(first.to_json()) and "salt" not in json.dumps(first.to_json())


@pytest.mark.parametrize(
    "plain", [b"[]", b"no json", b"{}", b"7", b"[" * 5000], ids=["list", "text", "empty", "number", "deep"]
)
def test_S7_open__sealed_by_a_hostile_custodian__typed_error(houses: Houses, plain: bytes) -> None:
    key, digest = houses.clinic.opener, bytes(32)
    made = AccessReceipt.for_leaf(
        houses.hospital.care.records.domain, custodian=houses.hospital.party, entry=1, leaf=bytes32("0x" + "11" * 32),
        issued_at=1,
    ).signed_by(houses.desk)  # fmt: skip
    answer = Answer(digest, made, seal_document(plain, "access", recipients=[key.recipient()]))
    told = AccountingAnswer(digest, seal_document(plain, "accounting", recipients=[key.recipient()]))
    for opened in (lambda: answer.open(key), lambda: told.open(key, houses.hospital.care.records.domain)):
        with pytest.raises((errors.FormatError, errors.SealedDamaged)):
            opened()
