"""Signed acts: the author agrees, anyone carries it, and a signature counts for exactly what was signed.

given an author's signature under a record, batch or amendment
  when somebody else carries it                              → it stands, with the author's meaning
  when it is moved to another record, meaning, chain, author → refused
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from careledger.chain.typed import TypedData
from careledger.codes import DataClass, LegalBasis, Meaning, RecordStatus
from careledger.errors import ContractError, NotFound
from careledger.privacy.merkle import StandardTree
from careledger.resources.base import SignedTerms
from careledger.values import PartyRef, to_hex
from tests.sdk.records.conftest import Person

LABS = {DataClass.LABS}


def _moved(signed: SignedTerms[Any], **changed: Any) -> SignedTerms[Any]:
    typed = signed.terms.typed
    other = TypedData(typed.domain, typed.types, typed.primary, {**typed.message, **changed})
    return replace(signed, terms=replace(signed.terms, typed=other))


def test_H15_anchor_signed__given_relayer__stands_with_the_authors_meaning(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    relayer = person("relayer")
    record = dr.care.records.prepare(b"letter", author=dr.ref, about=ana, classes=LABS)
    signed = dr.care.records.sign_anchor(record, signer=dr.signer, meaning=Meaning.REVIEWED)
    receipt = relayer.care.records.anchor_signed(signed)
    event = receipt.event("RecordAnchored").args
    assert (receipt.value, event["author"], event["meaning"]) == (record.id, dr.ref.address, Meaning.REVIEWED.value)
    assert dr.care.records.read(record.id) == b"letter"
    again = dr.care.records.seal(b"letter", author=dr.ref, about=ana, classes=LABS)
    assert (again.value, again.tx, again.repeated) == (record, receipt.tx, True)
    assert dr.care.connection.nonce(dr.signer.address) == 0


def test_H15_anchor_signed__given_signature_moved__refused(
    dr: Person, ana: PartyRef, ben: PartyRef, person: Callable[..., Person]
) -> None:
    relayer = person("relayer").care.records
    record = dr.care.records.prepare(b"one", author=dr.ref, about=ana, classes=LABS)
    other = dr.care.records.prepare(b"two", author=dr.ref, about=ana, classes=LABS)
    signed = dr.care.records.sign_anchor(record, signer=dr.signer)
    deadline = signed.terms.typed.message["deadline"]
    for changed in (
        {"commitment": other.commitment}, {"meaning": Meaning.APPROVED.value}, {"author": ben.address},
        {"deadline": deadline + 1},
    ):  # fmt: skip
        with pytest.raises(ContractError) as refusal:
            relayer.anchor_signed(_moved(signed, **changed))
        assert type(refusal.value).__name__ == "Module_NotSignedBy"
    for domain in (
        replace(signed.terms.typed.domain, chain_id=1),
        replace(signed.terms.typed.domain, verifying_contract=dr.care.suite["ConsentRegistry"].address),
    ):
        typed = replace(signed.terms.typed, domain=domain)
        elsewhere = replace(signed, signature=dr.signer.sign_typed(typed))
        with pytest.raises(ContractError):
            relayer.anchor_signed(elsewhere)
    with pytest.raises(ContractError):
        relayer.anchor_signed(replace(signed, signature=person("mallory").signer.sign_typed(signed.terms.typed)))
    assert relayer.anchor_signed(signed).value == record.id
    with pytest.raises(ContractError):
        relayer.anchor_signed(signed, key="twice")


def test_anchor_signed__given_deadline_past__refused(dr: Person, ana: PartyRef, person: Callable[..., Person]) -> None:
    record = dr.care.records.prepare(b"late", author=dr.ref, about=ana, classes=LABS)
    signed = dr.care.records.sign_anchor(record, signer=dr.signer, days=-1)
    with pytest.raises(ContractError) as refusal:
        person("relayer").care.records.anchor_signed(signed)
    assert type(refusal.value).__name__ == "Module_SignatureExpired"


def test_anchor_batch_signed__given_relayer__members_are_proved(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    kept = [dr.care.records.prepare(b"%d" % n, author=dr.ref, about=ana, classes=LABS) for n in range(3)]
    tree = StandardTree.of_commitments(bytes.fromhex(record.commitment[2:]) for record in kept)
    signed = dr.care.records.sign_batch(dr.ref, root=to_hex(tree.root), size=3, signer=dr.signer)
    receipt = person("relayer").care.records.anchor_batch_signed(signed)
    assert receipt.event("BatchAnchored").args["author"] == dr.ref.address
    assert receipt.value == receipt.event("BatchAnchored").args["batchId"]


def test_amend_signed__given_shredding_by_relayer__sweep_destroys_it_here(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    relayer = person("relayer").care.records
    record = dr.care.records.seal_all([b"1", b"2"], author=dr.ref, about=ana, classes=LABS).value[0]
    how = {"status": RecordStatus.SHREDDED, "basis": LegalBasis.PATIENT_REQUEST}
    signed = dr.care.records.sign_amendment(record.id, signer=dr.signer, **how)
    with pytest.raises(ContractError):
        relayer.amend_signed(_moved(signed, basis=LegalBasis.RETENTION_EXPIRED.value))
    assert relayer.amend_signed(signed).value == record.id
    assert dr.care.records.status(record.id).basis is LegalBasis.PATIENT_REQUEST
    assert dr.care.records.sweep() == 1
    with pytest.raises(NotFound, match="shredded"):
        dr.care.records.read(record.id)
    assert [path.name for path in dr.stored()] != [record.cid]
