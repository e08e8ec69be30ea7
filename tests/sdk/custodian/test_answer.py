"""A signed request, a signed receipt, and only then a parcel, between two houses that share documents alone.

given a request
  when nobody has agreed
    a receipt comes with reason and basis, and nothing else  → test_H8_answer__no_consent__receipt_and_reason_alone
    the pseudonym is not told, nor what is in the record     → test_H8_answer__refusal__tells_no_patient_and_no_class
  when the patient has agreed
    the record opens in the reader's own house               → test_H8_answer__consent__record_opens_in_another_house
  when the custodian's base policy permits
    it is allowed on that basis                              → test_answer__base_policy__allowed_on_that_basis
  when it names classes
    a record that holds others is refused                    → test_H8_answer__record_of_more_classes__refused
  when a directive is limited
    the openings beside the request count                    → test_answer__limited_directive__opened_by_the_request
  each answer leaves one entry, refusals alike               → test_H11_answer__each__leaves_one_entry
  nothing of it goes on chain                                → test_H18_answer__nothing_goes_on_chain
given a repeated request
  it gets the same entry and receipt                         → test_answer__repeated__same_entry_and_receipt
  when its time is over, it gets no parcel any more          → test_answer__repeated_late__receipt_without_parcel
given a request that is none
  nothing is logged                                          → test_answer__request_that_is_none__refused_and_not_logged
given a reader whose account has a new key, or is a contract
  the controller of now signs                                → test_answer__new_controller__signs_from_then_on
  the wallet's code is asked                                 → test_answer__contract_wallet__is_asked
given a revocation
  before the request, in the same block as it is asked       → test_C6_answer__revoked_in_the_block_asked_at__refused
  between decision and release                               → test_C6_answer__revoked_before_release__second_entry
given a custodian that cannot sign receipts
  nothing is released                                        → test_answer__no_receipt__nothing_released
given a patient without a published key
  its own record opens for it                                → test_answer__patient_itself__own_record_opens
given a record that is shredded or not here
  it is not found, and not logged                            → test_H3_answer__shredded_or_unknown__not_found
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from careledger import Basis, DataClass, LegalBasis, Limits, PartyRef, Purpose, Reason, Role, Rule, Signer, errors
from careledger.resources.access_requests import AccessRequest, SignedRequest
from careledger.values import from_hex, to_hex
from tests.chainkit import MOCKS
from tests.sdk.custodian.houses import NOTE, Houses, another_opener
from tests.sdk.resources.town import SWITZERLAND

NOTES = DataClass.NOTES


def test_H8_answer__no_consent__receipt_and_reason_alone(houses: Houses) -> None:
    record = houses.seal(houses.town.patient())
    request = houses.request(record)
    answer = houses.answer(request)
    got = houses.clinic.care.records.receive(answer, request)
    assert (got.allowed, got.because, got.basis, got.record) == (False, Reason.NOT_GRANTED, Basis.NONE, None)
    assert got.receipt.entry.leaf == got.receipt.receipt.terms.leaf
    assert got.receipt.receipt.signer == houses.desk.address
    assert answer.open(houses.clinic.opener).parcel is None
    with pytest.raises(errors.NotFound):
        houses.clinic.care.records.read(record.id)


def test_H8_answer__refusal__tells_no_patient_and_no_class(houses: Houses) -> None:
    patient = houses.town.patient()
    record = houses.seal(patient, classes=[DataClass.SUBSTANCE_USE])
    request = houses.request(record)
    answer = houses.answer(request)
    body = answer.open(houses.clinic.opener)
    assert body.entry.subject is None
    told = json.dumps([answer.to_json(), body.entry.to_json()]).lower()
    assert patient.party.address.lower() not in told and "substance" not in told


def test_H8_answer__consent__record_opens_in_another_house(houses: Houses) -> None:
    patient = houses.town.patient()
    record = houses.seal(patient)
    houses.agree(patient)
    request = houses.request(record)
    got = houses.clinic.care.records.receive(houses.answer(request), request, sealed=houses.carried(record))
    assert (got.allowed, got.because, got.basis) == (True, Reason.DIRECTIVE, Basis.DIRECTIVE)
    assert got.record == record and got.here
    assert got.receipt.entry.patient == patient.party.address
    assert houses.clinic.care.records.read(record.id) == NOTE
    with houses.clinic.care.records.open(
        record.id, as_=houses.town.doctor.party, purpose=Purpose.TREAT, capacity=houses.town.clinic.party,
        jurisdiction=SWITZERLAND,
    ) as stream:  # fmt: skip
        assert stream.decision.allowed
    assert len(houses.hospital.care.records.desk.shelf.load(from_hex(record.id)).wraps) == 1, "the hospital's own"


def test_answer__base_policy__allowed_on_that_basis(houses: Houses) -> None:
    record = houses.seal(houses.town.patient())
    houses.hospital.care.consents.state_policy(
        houses.hospital.party, as_role=Role.PROVIDER, jurisdiction=SWITZERLAND, purpose=Purpose.HPAYMT,
        rule=Rule.PERMIT_UNLESS_DENIED, legal_reference="a law of no country",
    )  # fmt: skip
    got = houses.ask(record, Purpose.HPAYMT)
    assert (got.allowed, got.because, got.basis) == (True, Reason.BASE_POLICY, Basis.BASE_POLICY)


def test_H8_answer__record_of_more_classes__refused(houses: Houses) -> None:
    patient = houses.town.patient()
    houses.agree(patient)
    record = houses.seal(patient, classes=[NOTES, DataClass.LABS])
    got = houses.ask(record, classes=[NOTES])
    assert (got.allowed, got.because, got.basis) == (False, Reason.NONE, Basis.NONE)
    assert houses.ask(record, classes=[NOTES, DataClass.LABS, DataClass.VITALS]).allowed


def test_answer__limited_directive__opened_by_the_request(houses: Houses) -> None:
    patient, hospital = houses.town.patient(), houses.hospital.party
    record = houses.seal(patient)
    terms = houses.town.care.consents.draft(
        patient=patient.party, to=houses.town.clinic.party, purpose=Purpose.TREAT,
        limits=Limits(author=hospital.address),
    )  # fmt: skip
    houses.town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    assert houses.ask(record).because is Reason.LIMITS_NOT_OPENED
    whole = replace(terms.receipt, limits=Limits())
    assert houses.ask(record, receipts=[whole, whole]).because is Reason.LIMITS_NOT_OPENED
    request = houses.request(record, receipts=[terms.receipt, terms.receipt])
    assert to_hex(terms.receipt.salt.reveal())[2:] not in json.dumps(request.to_json())
    assert houses.clinic.care.records.receive(houses.answer(request), request).allowed


def test_H11_answer__each__leaves_one_entry(houses: Houses) -> None:
    patient, book = houses.town.patient(), houses.custodian().book
    record, before = houses.seal(patient), book.last
    refused = houses.ask(record)
    houses.agree(patient)
    allowed = houses.ask(record)
    assert book.last == before + 2
    found = list(book.about(patient.party.address))
    assert [(e.entry, e.own, e.allowed, e.reason) for e in found] == [
        (before + 1, 1, False, Reason.NOT_GRANTED), (before + 2, 2, True, Reason.DIRECTIVE),
    ]  # fmt: skip
    assert [e.leaf for e in found] == [item.receipt.entry.leaf for item in (refused, allowed)]
    assert {(e.record, e.actor, e.acting.capacity, e.purpose) for e in found} == {
        (record.id, houses.town.doctor.party.address, houses.town.clinic.party, Purpose.TREAT)
    }  # fmt: skip


def test_H18_answer__nothing_goes_on_chain(houses: Houses) -> None:
    record, connection = houses.seal(houses.town.patient()), houses.town.care.connection
    before = connection.head().number, connection.nonce(houses.town.doctor.party.address)
    houses.ask(record)
    assert (connection.head().number, connection.nonce(houses.town.doctor.party.address)) == before


# REPEATED


def test_answer__repeated__same_entry_and_receipt(houses: Houses) -> None:
    patient = houses.town.patient()
    record, last = houses.seal(patient), houses.custodian().book.last
    denied = houses.request(record)
    first = houses.answer(denied)
    houses.agree(patient)
    assert houses.answer(denied).receipt == first.receipt, "what was refused stays refused"
    request = houses.request(record)
    answers = [houses.answer(request) for _ in range(3)]
    assert {item.receipt.signature for item in answers} == {answers[0].receipt.signature}
    assert houses.custodian().book.last == last + 2
    for item in answers:
        assert houses.clinic.care.records.receive(item, request).allowed
    assert sum(kept.id == houses_id(answers[0]) for kept in houses.clinic.care.records.receipts()) == 1


def houses_id(answer: Any) -> str:
    return to_hex(answer.receipt.terms.typed.struct_hash)


def test_answer__repeated_late__receipt_without_parcel(houses: Houses) -> None:
    patient = houses.town.patient()
    record = houses.seal(patient)
    houses.agree(patient)
    request = houses.request(record)
    first = houses.answer(request)
    assert houses.town.care.chain is not None
    houses.town.care.chain.increase_time(901)
    late = houses.answer(request)
    got = houses.clinic.care.records.receive(late, request)
    assert (late.receipt, got.allowed, got.record) == (first.receipt, True, None)


# NO REQUEST


def test_answer__request_that_is_none__refused_and_not_logged(houses: Houses) -> None:
    custodian, record = houses.custodian(), houses.seal(houses.town.patient())
    request, last = houses.request(record), custodian.book.last

    def changed(**message: Any) -> SignedRequest:
        typed = replace(request.terms.typed, message={**request.terms.typed.message, **message})
        return AccessRequest(typed).signed_by(houses.clinic.signer)

    def refused(each: SignedRequest, match: str) -> None:
        with pytest.raises(errors.InputError, match=match):
            custodian.answer(each)

    now = request.terms.issued_at
    refused(changed(issuedAt=now - 950), r"signed 9\d\d s ago")
    refused(changed(issuedAt=now + 500), r"\d+ s ahead of time")
    refused(changed(custodian=houses.town.clinic.party.address), "made to 0x")
    refused(changed(keyHash="0x" + "11" * 32), "not the reader's")
    refused(changed(actor=houses.town.clinic.party.address), "not signed by whoever acts for")
    refused(replace(request, signature=request.signature[:-1]), "not signed by whoever acts for")
    refused(request.terms.signed_by(houses.town.stranger.signer), "not signed by whoever acts for")
    with_key = replace(request.terms, key=another_opener().recipient())
    assert custodian.answer(with_key.signed_by(houses.clinic.signer)).receipt, (
        "a key beside a published one is not used"
    )
    own = another_opener()
    typed = replace(request.terms.typed, message={**request.terms.typed.message, "keyHash": to_hex(own.key_hash)})
    house = houses.house(houses.town.stranger, "stranger")
    mine = house.care.records.request(record.id, custodian=houses.hospital.party, purpose=Purpose.TREAT, opener=own)
    assert mine.terms.key is not None and custodian.answer(mine).receipt, "who has published none brings one along"
    houses.town.doctor.care.participants.publish_key(houses.town.doctor.opener, subject=houses.town.doctor.party)
    refused(AccessRequest(typed, own.recipient()).signed_by(houses.clinic.signer), "not the reader's")
    assert custodian.book.last == last + 2


def test_read_request__documents_of_others__refused(houses: Houses) -> None:
    records, record = houses.hospital.care.records, houses.seal(houses.town.patient())
    data = houses.request(record).to_json()
    message, terms = data["terms"]["message"], data["terms"]
    wrong: list[Any] = [
        None, [], {}, {**data, "format": "other"}, {**data, "signature": "0x1"}, {**data, "signer": "me"},
        {**data, "terms": {**terms, "primaryType": "AccessReceipt"}},
        {**data, "terms": {**terms, "message": {**message, "purpose": "NOTHING"}}},
        {**data, "terms": {**terms, "message": {**message, "classes": ["nothing"]}}},
        {**data, "terms": {**terms, "message": {**message, "capacity": "god"}}},
        {**data, "terms": {**terms, "message": {**message, "actor": "0x12"}}},
        {**data, "terms": {**terms, "message": {**message, "issuedAt": -1}}},
        {**data, "key": {"suite": 9}}, {**data, "openings": [{}]},
    ]  # fmt: skip
    for each in wrong:
        with pytest.raises(errors.FormatError):
            records.read_request(each)
    for name, value in (("chainId", 1), ("verifyingContract", houses.hospital.party.address)):
        other = {**data, "terms": {**terms, "domain": {**terms["domain"], name: value}}}
        with pytest.raises(errors.InputError, match="another contract or chain"):
            records.read_request(other)
    assert records.read_request(data).to_json() == data


# WHO SIGNS


def test_answer__new_controller__signs_from_then_on(houses: Houses) -> None:
    patient, town = houses.town.patient(), houses.town
    record, heir = houses.seal(patient), Signer.from_key("0x" + "5a" * 32)
    reader = houses.house(town.stranger, "recovered")
    how: dict[str, Any] = {"custodian": houses.hospital.party, "purpose": Purpose.TREAT}
    before = reader.care.records.request(record.id, **how)
    assert reader.care.participants.change_controller(reader.party, to=heir.address)
    with pytest.raises(errors.InputError, match="not signed by whoever acts for"):
        houses.custodian().answer(before)
    after = reader.care.records.request(record.id, actor=reader.party, signer=heir, **how)
    assert not reader.care.records.receive(houses.answer(after), after).allowed


def test_answer__contract_wallet__is_asked(houses: Houses) -> None:
    town, record = houses.town, houses.seal(houses.town.patient())
    owner, rpc = town.patient(), town.care.connection.rpc  # nobody else sends with this key
    rpc.request("anvil_setBalance", [owner.party.address, hex(10**18)])
    data = MOCKS.load("MockWallet").encode_deploy(owner.party.address)
    tx = {
        "chainId": town.care.connection.chain_id, "nonce": town.care.connection.nonce(owner.party.address),
        "maxPriorityFeePerGas": 10**9, "maxFeePerGas": 10**11, "gas": 3_000_000, "to": None, "value": 0, "data": data,
    }  # fmt: skip
    sent, mined = rpc.request("eth_sendRawTransaction", [to_hex(owner.signer.sign_transaction(tx))]), None
    while mined is None:
        mined = rpc.request("eth_getTransactionReceipt", [sent])
    reader = houses.house(owner, "wallet")
    actor = PartyRef("person", mined["contractAddress"])
    how: dict[str, Any] = {"custodian": houses.hospital.party, "purpose": Purpose.TREAT, "actor": actor}
    request = reader.care.records.request(record.id, **how)
    assert not reader.care.records.receive(houses.answer(request), request).allowed
    forged = request.terms.signed_by(town.stranger.signer)
    with pytest.raises(errors.InputError, match="not signed by whoever acts for"):
        houses.custodian().answer(forged)


def test_answer__patient_itself__own_record_opens(houses: Houses) -> None:
    patient = houses.town.patient()
    record = houses.seal(patient, classes=[DataClass.HIV])
    home = houses.house(patient, f"patient-{patient.party.address}")
    request = home.care.records.request(record.id, custodian=houses.hospital.party, purpose=Purpose.PATRQT)
    got = home.care.records.receive(houses.answer(request), request, sealed=houses.carried(record))
    assert (got.allowed, got.because, got.basis) == (True, Reason.OWN, Basis.OWN)
    assert home.care.records.read(record.id) == NOTE


# REVOKED MEANWHILE


def test_C6_answer__revoked_in_the_block_asked_at__refused(houses: Houses) -> None:
    patient = houses.town.patient()
    record = houses.seal(patient)
    houses.agree(patient)
    before = houses.ask(record)
    request = houses.request(record)
    houses.revoke(patient)  # mined in one block: the head when the request is answered
    head = houses.town.care.connection.head().number
    got = houses.clinic.care.records.receive(houses.answer(request), request)
    assert (before.allowed, before.block) == (True, head - 1)
    assert (got.allowed, got.because, got.block) == (False, Reason.REVOKED, head)


def test_C6_answer__revoked_before_release__second_entry(houses: Houses) -> None:
    patient = houses.town.patient()
    record, last = houses.seal(patient), houses.custodian().book.last
    houses.agree(patient)
    revoked = []

    def slow(digest: bytes) -> bytes:
        if not revoked:
            revoked.append(houses.revoke(patient))
        return houses.desk.sign_hash(digest)

    custodian = houses.custodian(receipts=Signer.from_callable(houses.desk.address, slow))
    request = houses.request(record)
    answer = houses.answer(request, custodian)
    body = answer.open(houses.clinic.opener)
    got = houses.clinic.care.records.receive(answer, request)
    assert body.parcel is None
    assert (got.allowed, got.because, got.receipt.entry.entry) == (False, Reason.REVOKED, last + 2)
    entries = list(custodian.book.about(patient.party.address))
    assert [(e.allowed, e.entry) for e in entries] == [(True, last + 1), (False, last + 2)]
    assert entries[1].block > entries[0].block
    assert houses.answer(request).receipt == answer.receipt


def test_answer__no_receipt__nothing_released(houses: Houses) -> None:
    patient = houses.town.patient()
    record, last = houses.seal(patient), houses.custodian().book.last
    houses.agree(patient)
    request = houses.request(record)
    nobody = houses.custodian(receipts=Signer.from_key("0x" + "77" * 32))
    with pytest.raises(errors.InputError, match="is no receipt key of this custodian"):
        nobody.answer(request)
    assert houses.custodian().book.last == last

    def broken(digest: bytes) -> bytes:
        raise errors.KeyMaterialError("the vault does not answer")

    with pytest.raises(errors.KeyMaterialError):
        houses.custodian(receipts=Signer.from_callable(houses.desk.address, broken)).answer(request)
    assert houses.custodian().book.last == last + 1, "the entry came first"
    assert houses.custodian().book.receipt(last + 1) is None
    got = houses.clinic.care.records.receive(houses.answer(request), request)
    assert (got.allowed, got.receipt.entry.entry) == (True, last + 1)


def test_H3_answer__shredded_or_unknown__not_found(houses: Houses) -> None:
    patient, last = houses.town.patient(), houses.custodian().book.last
    record = houses.seal(patient)
    houses.agree(patient)
    request = houses.request(record)
    first = houses.answer(request)
    houses.hospital.care.records.shred(record.id, basis=LegalBasis.PATIENT_REQUEST)
    again = houses.answer(request)
    assert (again.receipt, again.open(houses.clinic.opener).parcel) == (first.receipt, None)
    with pytest.raises(errors.NotFound, match="was shredded"):
        houses.answer(houses.request(record))
    elsewhere = houses.town.care.as_(houses.town.clinic.signer, opener=houses.town.clinic.opener).records.seal(
        b"of another house", author=houses.town.clinic.party, about=patient.party, classes={NOTES}
    )
    with pytest.raises(errors.NotFound, match="is not kept here"):
        houses.answer(houses.request(elsewhere.value))  # type: ignore[arg-type, union-attr]
    assert houses.custodian().book.last == last + 1
