"""A signed request in, a signed receipt out, and only then a parcel: entry durable, receipt, release, in this order.

Each step takes what the one before returns, so that none can be left out: a parcel is made from a receipted entry, a
receipt from a written one. Killed anywhere, the same request gets the same entry and receipt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from careledger.chain.signers import Signer
from careledger.codes import Basis, DataClass, Reason
from careledger.custodian.book import Draft
from careledger.custodian.keeping import Keeping
from careledger.errors import InputError, NotFound
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.openers import Recipient
from careledger.privacy.wraps import Wraps
from careledger.redact import Secret
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import AccessRequest, SignedRequest
from careledger.resources.answers import Answer, AnswerBody, Parcel
from careledger.resources.base import SignedTerms
from careledger.resources.catalogue import Item
from careledger.resources.record_types import SealedRecord
from careledger.resources.scope import classes_of
from careledger.steps import step
from careledger.values import Address, PartyRef

__all__ = ["Answering"]


@dataclass(frozen=True)
class _Kept:
    """A record that is kept here, opened far enough to decide about it."""

    item: Item
    key: Secret
    opening: RecordOpening

    @property
    def classes(self) -> frozenset[DataClass]:
        return classes_of(self.opening.classes)


@dataclass(frozen=True)
class _Receipted:
    """An entry that is durable, with the receipt that owes it to the log. ``_receipted`` alone makes one."""

    entry: AccessEntry
    receipt: SignedTerms[AccessReceipt]


class Answering(Keeping):
    """The custodian's answers to readers."""

    def answer(self, request: SignedRequest) -> Answer:
        """Answer a request: decide, write the entry, sign the receipt, and release if allowed.

        Decided is on the record's own classes, author and patient, from its sealed opening, with the custodian's base
        policy; where the request names classes, a record that holds others is refused. The chain is asked once more
        before the parcel is made: what has become a refusal meanwhile is a second entry, and nothing is released. A
        repeated request gets the same entry and receipt, and within its time the parcel as well.

        Args:
            request: The reader's signed request.

        Returns:
            The answer, of a refusal too: a receipt in the clear, and the rest sealed to the reader.

        Raises:
            InputError: It is for another custodian, not signed by the actor's controller of now, too old or ahead of
                time, or names a key that is not the reader's. None of these is an access, so nothing is logged.
            NotFound: The record is not kept here, or was shredded.
            NotARecipient: The custodian's own opener cannot open the record.
            StorageError: The book is not the one that the chain has entries of.
        """
        terms = request.terms
        self._require_mine(terms)
        self._require_signed(terms.actor, terms.typed, request.signature)
        reader = self._reader(terms)
        entry = self.book.of_request(terms.digest)
        if entry is None:
            self._require_fresh(terms.issued_at)
            self._require_whole(self._standing)
            self._receipt_signer  # noqa: B018 - nothing is written that could not be receipted
            (entry,) = self.book.write(self._decided(terms, self._kept(terms)))
            step("custodian.logged")
        receipted = self._receipted(entry)
        step("custodian.receipted")
        receipted, parcel = self._release(receipted, terms, reader)
        step("custodian.released")
        told = receipted.entry if receipted.entry.allowed else receipted.entry.untold
        return Answer.of(terms.digest, receipted.receipt, AnswerBody(told, parcel), reader=reader)

    # WHO ASKS

    def _require_mine(self, terms: AccessRequest) -> None:
        if terms.custodian.address != self.party.address:
            raise InputError(
                f"this request is made to {terms.custodian.address}", fix="Hand it to that custodian, or ask this one."
            )

    def _reader(self, terms: AccessRequest) -> Recipient:
        """Return the key that the request names, which the actor or its organisation has published.

        Raises:
            InputError: Neither has; or it names a key of its own, although the actor has published one.
        """
        capacity = terms.acting.capacity
        houses = [capacity] if isinstance(capacity, PartyRef) and capacity.kind == "organisation" else []
        published = 0
        for party in (terms.actor, *houses):
            try:
                found = self.care.participants.encryption_key(party)
            except NotFound:
                continue
            if found.key_hash == terms.key_hash:
                return found
            published += party == terms.actor
        if terms.key is not None and not published and terms.key.key_hash == terms.key_hash:
            return terms.key
        raise InputError(
            "the key that this request names is not the reader's",
            why="It is neither the published key of the actor nor of the organisation it acts for.",
            fix="Name the key that is published now, or publish this one.",
        )

    # WHAT IS DECIDED

    def _kept(self, terms: AccessRequest) -> _Kept:
        """Return the record, from its sealed opening; the caller's word counts for nothing."""
        records = self.care.records
        item, _ = records._standing(terms.record)
        key = records.desk.key(item, records._opener(None))
        return _Kept(item, key, records.desk.opening(item, key))

    def _decided(self, terms: AccessRequest, kept: _Kept) -> Draft:
        """Ask the chain, and say what is to be written."""
        opening = kept.opening
        found = self.care.consents.decide(
            patient=PartyRef("person", Address(opening.patient)), actor=terms.actor, purpose=terms.purpose,
            classes=kept.classes, custodian=self.party, author=PartyRef("person", Address(opening.author)),
            receipts=terms.openings, **terms.acting.how,
        )  # fmt: skip
        allowed, basis, reason = found.allowed, cast(Basis, found.basis), cast(Reason, found.because)
        if allowed and terms.classes and not kept.classes <= terms.classes:
            allowed, basis, reason = False, Basis.NONE, Reason.NONE
        return Draft(
            terms.digest, terms.record, Address(opening.patient), terms.actor.address, terms.acting, terms.purpose,
            basis, reason, allowed, found.block or 0, self.care.records.now(),
        )  # fmt: skip

    # RECEIPT, THEN RELEASE

    def _receipted(self, entry: AccessEntry) -> _Receipted:
        """Return a written entry with its receipt: the one that was kept, or one that is signed and kept now."""
        receipt = AccessReceipt.of(self.care.records.domain, custodian=self.party, entry=entry, issued_at=entry.at)
        kept = self.book.receipt(entry.entry)
        if kept is None:
            made = receipt.signed_by(self._receipt_signer)
            kept = self.book.keep_receipt(entry.entry, made.signer, made.signature)
        signer, signature = kept
        return _Receipted(entry, SignedTerms(receipt, signature, signer))

    @property
    def _receipt_signer(self) -> Signer:
        """What signs receipts.

        Raises:
            InputError: There is none, or its account was never named by the custodian.
        """
        signer = self._receipts
        if signer is None:
            raise InputError("there is nobody to sign receipts", fix="Give receipts=..., or connect with signer=....")
        if not self.care.records.is_receipt_key(self.party, signer=signer.address):
            raise InputError(
                f"{signer.address} is no receipt key of this custodian",
                why="Readers accept no receipt that another account signed.",
                fix="Name it once: records.name_receipt_key(custodian, signer=...).",
            )
        return signer

    def _release(
        self, receipted: _Receipted, terms: AccessRequest, reader: Recipient
    ) -> tuple[_Receipted, Parcel | None]:
        """Return the parcel of an allowed entry, after asking the chain once more."""
        if not receipted.entry.allowed or not self._is_fresh(terms.issued_at):
            return receipted, None
        try:
            kept = self._kept(terms)
        except NotFound:
            return receipted, None
        now = self._decided(terms, kept)
        if not now.allowed:
            (entry,) = self.book.write(now, again=True)
            step("custodian.refused")
            return self._receipted(entry), None
        return receipted, self._parcel(receipted, kept, reader)

    def _parcel(self, receipted: _Receipted, kept: _Kept, reader: Recipient) -> Parcel:
        if not receipted.entry.allowed or receipted.entry.record != kept.item.record_id:
            raise InputError("this entry releases nothing", fix="Answer a request that is allowed.")
        item, desk = kept.item, self.care.records.desk
        wraps = Wraps(item.id_bytes).add(kept.key, reader)
        return Parcel(SealedRecord.of(item), wraps, desk.shelf.sealed_opening(item.id_bytes))
