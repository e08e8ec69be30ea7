"""Asking a custodian for a record, and taking in its answer: the receipt is checked and kept before anything opens."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from careledger.chain.signatures import is_signed_by
from careledger.chain.signers import Signer
from careledger.codes import Basis, DataClass, Purpose, Reason, Role
from careledger.errors import NotFound, ReceiptRefused, SealedDamaged
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.openers import Opener, Recipient
from careledger.privacy.wraps import open_opening
from careledger.resources.access import DEFAULT_INTERVAL
from careledger.resources.access_entries import AccessEntry, Acting
from careledger.resources.access_requests import AHEAD_SECONDS, AccessRequest, SignedRequest
from careledger.resources.answers import Answer, LogProof, Parcel
from careledger.resources.base import address_of
from careledger.resources.consent_types import ConsentReceipt, RoleRef
from careledger.resources.receipts import KeptReceipt, Receipts
from careledger.resources.record_reading import RecordReading
from careledger.resources.record_types import SealedRecord
from careledger.resources.scope import LimitsOpening
from careledger.steps import step
from careledger.storage import PIECE, cid_of
from careledger.values import PartyRef, RecordId, from_hex

__all__ = ["Received", "RecordRequests"]


@dataclass(frozen=True)
class Received:
    """What came of a request, once its receipt was found right and kept."""

    allowed: bool
    because: Reason
    """Why; ``NONE`` with a refusal: the custodian's own, as the record holds more classes than were asked for."""
    basis: Basis
    block: int
    """The block the decision is true at."""
    receipt: KeptReceipt
    record: SealedRecord | None = field(default=None)
    """The record, which opens here now. None of a refusal, or where the parcel is no longer handed out."""
    here: bool = False
    """Whether its sealed bytes are in this store."""

    def to_json(self) -> dict[str, Any]:
        """Return every field; of the receipt its id."""
        return {
            "allowed": self.allowed, "because": self.because.name, "basis": self.basis.name, "block": self.block,
            "entry": self.receipt.entry.entry, "receipt": self.receipt.id,
            "record": self.record and self.record.to_json(), "here": self.here,
        }  # fmt: skip


class RecordRequests(RecordReading):
    """Records of others, asked for by signed requests."""

    # ASKING

    def draft_request(
        self, record: RecordId | str, *, custodian: PartyRef, purpose: Purpose, actor: PartyRef,
        capacity: PartyRef | RoleRef | None = None, organisation_role: Role = Role.PROVIDER, jurisdiction: int = 0,
        classes: Iterable[DataClass] = (), receipts: Iterable[ConsentReceipt] = (), opener: Opener | None = None,
    ) -> AccessRequest:  # fmt: skip
        """Draft a request to a custodian, for a wallet to sign. Nothing of it goes on chain.

        Args:
            record: The record.
            custodian: Who keeps it.
            purpose: What for.
            actor: Who asks.
            capacity: As whom: the person itself (when not given), an organisation, or a role in a jurisdiction.
            organisation_role: For an organisation: what it is accredited as.
            jurisdiction: Where an organisation is accredited.
            classes: What is asked for at most: a record that holds other classes is refused. The whole when not given.
            receipts: Receipts that open limited directives: for the person first, then for the capacity.
            opener: What opens the answer; this client's when not given. Its public key is the one that the actor or
                the organisation has published; of an actor that has published none it goes with the request.
        """
        key = self._opener(opener)
        acting = Acting.of(actor, capacity, organisation_role=organisation_role, jurisdiction=jurisdiction)
        openings = [LimitsOpening.of(item) for item in receipts]
        return AccessRequest.of(
            self.domain, custodian=custodian, record=record, actor=actor, acting=acting, purpose=purpose,
            classes=classes, key_hash=key.key_hash, issued_at=self.now(), key=self._unpublished(actor, key),
            openings=openings,
        )  # fmt: skip

    def request(
        self, record: RecordId | str, *, custodian: PartyRef, purpose: Purpose, actor: PartyRef | None = None,
        signer: Signer | None = None, **how: Any,
    ) -> SignedRequest:  # fmt: skip
        """Draft and sign a request to a custodian.

        Args:
            record: The record.
            custodian: Who keeps it.
            purpose: What for.
            actor: Who asks; the signer's own account when not given.
            signer: Who signs, as the actor's controller; this client's when not given.
            **how: ``capacity``, ``organisation_role``, ``jurisdiction``, ``classes``, ``receipts``, ``opener``: as for
                ``draft_request``.

        Returns:
            The signed request; ``to_json()`` is the document that goes to the custodian.
        """
        by = signer or self._care.sender.signer
        who = actor or PartyRef("person", by.address)
        return self.draft_request(record, custodian=custodian, purpose=purpose, actor=who, **how).signed_by(by)

    def _unpublished(self, actor: PartyRef, opener: Opener) -> Recipient | None:
        """Return the public key where the actor has published none."""
        stored = self._care.participants._read("encryptionKeyOf", address_of(actor))
        return None if int(stored["epoch"]) else Recipient(opener.public_key, opener.suite)

    def read_request(self, data: Any) -> SignedRequest:
        """Read a request from its JSON data; whose signature it is, ``Custodian.answer`` asks the chain.

        Raises:
            FormatError: It is something else.
            InputError: It was signed for another contract or chain.
        """
        return SignedRequest.from_json(data, self.domain)

    def read_answer(self, data: Any) -> Answer:
        """Read an answer from its JSON data; ``receive`` checks it. Errors as for ``read_request``."""
        return Answer.from_json(data, self.domain)

    # TAKING IN

    def receive(
        self, answer: Answer, request: SignedRequest, *, opener: Opener | None = None,
        sealed: str | Path | None = None,
    ) -> Received:  # fmt: skip
        """Check a custodian's answer, keep its receipt, and take in the record, so that ``open`` works here.

        The receipt comes first: signed by an account that the custodian has named, over a leaf that says what was asked
        and answered, at this time. It is kept before the parcel is looked at. Repeatable.

        Args:
            answer: The answer.
            request: The request it answers.
            opener: What opens it; this client's when not given.
            sealed: A file with the record's sealed bytes, where this store does not have them.

        Returns:
            What came of it: ``allowed`` or not, and why.

        Raises:
            ReceiptRefused: The receipt is not right; nothing was kept.
            NotARecipient: The answer is sealed to another key, or was changed.
            SealedDamaged: Answer, parcel or sealed bytes were changed; the receipt is kept if it was right.
            NotFound: The chain has no such record, or it was shredded.
        """
        key = self._opener(opener)
        self._require_receipt_key(answer, request)
        body = answer.open(key)
        kept = KeptReceipt(answer.receipt, body.entry)
        self._require_told(kept, request)
        self._receipts_of(key).keep(kept)
        step("records.receipt-kept")
        entry = body.entry
        record, here = None, False
        if entry.allowed and body.parcel is not None:
            record = self._take_in(body.parcel, entry, key)
            here = self._take_bytes(record, sealed)
        return Received(entry.allowed, entry.reason, entry.basis, entry.block, kept, record, here)

    def _require_receipt_key(self, answer: Answer, request: SignedRequest) -> None:
        terms, receipt = request.terms, answer.receipt
        if answer.request != terms.digest:
            raise _refused("it answers another request", "Give the request it was made for.")
        if receipt.terms.custodian != terms.custodian.address:
            raise _refused("its receipt is another custodian's")
        signed = is_signed_by(self._care.connection, receipt.signer, receipt.terms.typed.digest, receipt.signature)
        if not signed or not self.is_receipt_key(terms.custodian, signer=receipt.signer):
            raise _refused("its receipt is not signed by an account that the custodian has named")

    def _require_told(self, kept: KeptReceipt, request: SignedRequest) -> None:
        """Compare what was told with what was asked, and its leaf with the one that was signed for."""
        terms, receipt, entry = request.terms, kept.receipt.terms, kept.entry
        asked = (terms.record, terms.actor.address, terms.acting.word, terms.purpose)
        if (entry.record, entry.actor, entry.acting.word, entry.purpose) != asked:
            raise _refused("its entry is about something else than was asked")
        if entry.entry != receipt.entry or entry.leaf != receipt.leaf:
            raise _refused("its receipt is for another entry than was told")
        early, late = terms.issued_at - AHEAD_SECONDS, self.now() + AHEAD_SECONDS
        if receipt.issued_at != entry.at or not early <= entry.at <= late:
            raise _refused(
                "its receipt is dated before the request, or ahead of time",
                "A date in the future would put off the day it can be held to; check the clock.",
            )
        if entry.allowed != entry.reason.allows or (entry.allowed and entry.subject is None):
            raise _refused("its entry does not hold together")

    def _take_in(self, parcel: Parcel, entry: AccessEntry, opener: Opener) -> SealedRecord:
        """Compare a parcel with its entry and with the chain, and keep what opens the record."""
        record = parcel.record
        id_bytes = from_hex(record.id)
        if record.id != entry.record or parcel.wraps.record_id != id_bytes:
            raise SealedDamaged("the parcel is another record's", fix="Ask the custodian again.")
        key = parcel.wraps.open(opener)
        opening = open_opening(id_bytes, parcel.opening, key)
        self._require_opening(record, opening, entry)
        if not self.status(record).status:
            raise NotFound(
                f"record {record.id[:10]}… is not anchored as the parcel says", fix="Ask the custodian for its proof."
            )
        return SealedRecord.of(self.desk.take_in(record, key, opening, Recipient(opener.public_key, opener.suite)))

    def _require_opening(self, record: SealedRecord, opening: RecordOpening, entry: AccessEntry) -> None:
        commitment, author = from_hex(record.commitment), record.author.address
        ours = opening.opens(commitment) and opening.author == author and opening.patient == entry.patient
        if not ours or self.desk.record_id(author, commitment) != from_hex(record.id):
            raise SealedDamaged(
                "the parcel's opening is not that of this record and patient",
                why="It opens another commitment, or the log's entry names another patient.",
                fix="Keep the receipt, and ask the custodian again.",
            )

    def _take_bytes(self, record: SealedRecord, sealed: str | Path | None) -> bool:
        """Put sealed bytes into the store if they are this record's; return whether the store has them."""
        if sealed is None:
            return self._care.store.has(record.cid)
        path = Path(sealed)
        try:
            with path.open("rb") as source, self._care.store.writer() as out:
                content, left = hashlib.sha256(), record.sealed_size
                while left >= 0 and (piece := source.read(min(PIECE, left + 1))):  # one more byte is one too many
                    out.write(piece)
                    content.update(piece)
                    left -= len(piece)
                if left >= 0 and cid_of(content.digest()) == record.cid:
                    out.commit()
                    return True
        except FileNotFoundError:
            raise NotFound(f"there is no file {path.name!r} at this path", fix="Check the path.") from None
        raise SealedDamaged(
            "the sealed file is not this record's",
            why="Its size or content id is not the one in the parcel: it was changed, cut or mixed up.",
            fix="Fetch it again.",
        )

    def fetch_sealed(self, record_id: RecordId | str, path: str | Path) -> int:
        """Write a record's sealed bytes to a file, for a reader that cannot reach this store; return their size.

        Without a wrap they are noise; ``receive(sealed=...)`` takes them in.
        """
        return self._care.store.fetch(self.get(record_id).cid, Path(path))

    # RECEIPTS

    def _receipts_of(self, opener: Opener) -> Receipts:
        scope = self._care.connection.scope.replace(":", "-")
        folder = self._care.home / "receipts" / f"{scope}-{self.address[2:12].lower()}"
        return Receipts(folder, self.domain, opener)

    @cached_property
    def _own_receipts(self) -> Receipts:
        return self._receipts_of(self._opener(None))

    def receipts(self) -> list[KeptReceipt]:
        """Return every receipt that is kept here, oldest first."""
        return list(self._own_receipts.list())

    def overdue(self) -> list[KeptReceipt]:
        """Return the receipts whose entry was not proved in its time: ask the custodian for a proof, then report."""
        now, intervals, found = self.now(), dict[str, int](), []
        for kept in self._own_receipts.list(unsettled=True):
            name = kept.custodian.address
            if name not in intervals:
                intervals[name] = int(self.log_of(kept.custodian)["intervalSeconds"]) or DEFAULT_INTERVAL
            if kept.receipt.terms.issued_at + intervals[name] < now:
                found.append(kept)
        return found

    def settle(self, kept: KeptReceipt, proof: LogProof) -> bool:
        """Check a custodian's proof against the chain, and note that the receipt is settled if it is right."""
        receipt = kept.receipt.terms
        found = (proof.custodian.address, proof.entry) == (receipt.custodian, receipt.entry) and self.is_logged(
            proof.custodian, part=proof.part, entry=receipt.entry, leaf=receipt.leaf,
            path=[from_hex(node) for node in proof.path],
        )  # fmt: skip
        if found:
            self._own_receipts.settle(kept)
        return found


def _refused(what: str, fix: str = "Keep the answer, and ask the custodian again.") -> ReceiptRefused:
    return ReceiptRefused(
        f"this answer is refused: {what}", why="Nothing of it was kept, and no parcel was opened.", fix=fix
    )
