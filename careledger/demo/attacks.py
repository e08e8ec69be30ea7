"""What somebody tries who lacks the key. Each does the real thing, and must fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from careledger.chain.signers import Signer
from careledger.codes import Basis, DataClass, Meaning, Role
from careledger.custodian import Custodian
from careledger.demo.cast import Player
from careledger.errors import InputError, NotFound
from careledger.privacy.commitments import RecordOpening, content_hash, new_salt
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.resources.access_requests import SignedAccountingRequest, SignedRequest
from careledger.resources.accountings import Accounting, AccountingStatement, PartProof
from careledger.resources.answers import Answer
from careledger.resources.base import SignedTerms
from careledger.resources.consent_types import ConsentTerms
from careledger.resources.record_types import SealedRecord
from careledger.values import PartyRef, from_hex

if TYPE_CHECKING:
    from careledger.demo.journey import Document

__all__ = [
    "accredit_oneself",
    "ask_for_another",
    "edit_log",
    "forge_author",
    "forge_receipt",
    "leave_out",
    "match_plaintext",
    "swap_ciphertext",
    "widen",
]


def accredit_oneself(thief: Player, jurisdiction: int) -> None:
    """Issue oneself a credential, as an accreditor of one's own making that nobody admitted."""
    wallet, _ = Wallet.create()
    board = Signer.from_key(wallet.account(Scope.practice()).key)
    offer = thief.care.participants.offer_credential(
        thief.party, issuer=PartyRef("organisation", board.address), role=Role.PRACTITIONER, jurisdiction=jurisdiction,
        evidence=b"a forged diploma",
    )  # fmt: skip
    thief.care.participants.issue_credential(
        offer, issuer=offer.signed_by(board), subject=offer.signed_by(thief.signer)
    )


def forge_author(thief: Player, author: PartyRef, record: SealedRecord) -> None:
    """Anchor a commitment in the name of somebody else."""
    thief.care.records._write(
        "anchor", author.address, Meaning.AUTHORED.value, record.commitment, value=lambda _: None, key=None,
        wait="included", dry_run=False,
    )  # fmt: skip


def widen(thief: Player, signed: SignedTerms[ConsentTerms]) -> None:
    """Carry a signature with one class more than was signed."""
    terms = signed.terms
    call = {**terms.call, "word": terms.call["word"] | DataClass.HIV.mask}
    thief.care.consents.grant(replace(signed, terms=replace(terms, call=call)), key="widened")


def swap_ciphertext(reader: Player, wanted: SealedRecord, other: SealedRecord) -> None:
    """Put another record's sealed bytes where the wanted ones lie, and let the reader open it; then put them back."""
    kept = {path.name: path for path in (reader.care.home / "store").rglob("*") if path.is_file()}
    place, source = kept[wanted.cid], kept[other.cid]
    before = place.read_bytes()
    try:
        place.write_bytes(source.read_bytes())
        reader.care.records.read(wanted.id)
    finally:
        place.write_bytes(before)


def forge_receipt(thief: Player, reader: Player, answer: Answer, request: SignedRequest) -> None:
    """Give the reader an answer whose receipt somebody else signed than the custodian named."""
    reader.care.records.receive(replace(answer, receipt=answer.receipt.terms.signed_by(thief.signer)), request)


def leave_out(custodian: Custodian, told: Accounting, patient: Player) -> None:
    """Account for all but one access, under a statement the custodian signs anew, and let the patient check it."""
    shown = tuple(entry for entry in told.entries if entry.basis is not Basis.BREAK_GLASS)
    message = told.statement.terms.typed.message
    numbers = {name: int(message[name]) for name in ("since", "through", "anchored", "after", "entries")}
    statement = AccountingStatement.of(
        patient.care.records.domain, custodian=told.custodian, patient=told.patient, shown=shown,
        issued_at=int(message["issuedAt"]), **numbers,
    )  # fmt: skip
    log = custodian.care.records.anchored_log(custodian.party)
    places = [(log.part(number), leaves) for number, leaves in log.by_part(shown).items()]
    parts = tuple(PartProof(part.part, tuple(custodian._proof(part, leaves))) for part, leaves in places if part)
    signed = statement.signed_by(custodian.care.sender.signer)
    check = patient.care.records.check_accounting(replace(told, entries=shown, parts=parts, statement=signed))
    if not check.complete:
        raise InputError(
            check.problems[0].rstrip(".").lower(), why="Each entry has a number of her own, and none may be missing."
        )


def ask_for_another(thief: Player, custodian: PartyRef, patient: PartyRef) -> SignedAccountingRequest:
    """Sign a request for somebody else's accounting."""
    return thief.care.records.request_accounting(custodian=custodian, patient=patient, requester=thief.party)


def edit_log(custodian: Custodian) -> None:
    """Turn a refusal into an access that was allowed, and check it against the anchor by the refusal's own proof."""
    refused = next(entry for entry in custodian.book.all() if not entry.allowed)
    edited, proof = replace(refused, allowed=True), custodian.prove(refused)
    path = [from_hex(node) for node in proof.path]
    records, who = custodian.care.records, custodian.party
    if not records.is_logged(who, part=proof.part, entry=edited.entry, leaf=edited.leaf, path=path):
        raise InputError(
            f"entry {edited.entry} of the log is not the one that was anchored",
            why="Its leaf does not lead to the root on chain.",
        )


def match_plaintext(document: Document) -> None:
    """Look for the salt of a destroyed record with its plaintext in hand; there are 2**256 to try."""
    digest = content_hash(document.resource.raw)
    classes = sum(item.mask for item in document.classes)
    wanted = from_hex(document.record.commitment)
    for _ in range(1000):
        opening = RecordOpening(
            new_salt(), document.record.author.address, document.record.author.address, classes,
            "application/fhir+json", digest,
        )  # fmt: skip
        if opening.opens(wanted):
            return
    raise NotFound(
        "none of 1,000 salts fits the commitment, and 2**256 are possible",
        why="The salt was destroyed with the record, so the commitment no longer says anything about it.",
    )
