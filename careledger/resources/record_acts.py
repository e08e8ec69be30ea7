"""What the record registry says about records, and what authors say to it: anchors, amendments, signed or direct."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

from careledger.chain.calls import Call
from careledger.chain.signers import Signer
from careledger.codes import LegalBasis, Meaning, RecordStatus
from careledger.errors import InputError, NotFound, SealedDamaged
from careledger.privacy.commitments import content_hash
from careledger.privacy.openers import Opener
from careledger.resources.access import AccessLogs
from careledger.resources.base import SignedTerms, address_of
from careledger.resources.catalogue import Item
from careledger.resources.content import Source
from careledger.resources.desk import Desk
from careledger.resources.record_types import (
    AmendmentTerms,
    BatchProof,
    BatchTerms,
    RecordProof,
    RecordState,
    RecordTerms,
    SealedRecord,
    amendment,
    batch_of,
)  # fmt: skip
from careledger.values import (
    Address,
    Bytes32,
    Event,
    PartyRef,
    Prepared,
    Receipt,
    RecordId,
    TxHash,
    Wait,
    bytes32,
    from_hex,
    to_hex,
)  # fmt: skip

__all__ = ["RecordActs"]

DAY = 86_400
SIGNED_DAYS = 7
"""How long a signed anchor or amendment may be carried to the chain."""

RecordLike = (
    RecordId | str | SealedRecord | RecordProof | tuple[PartyRef, Bytes32] | tuple[PartyRef, Bytes32, BatchProof]
)
"""A record by id, as sealed or proved, or by author, commitment and its place in a batch."""


class RecordActs(AccessLogs):
    """Where records stand, and the author's acts on the chain."""

    @cached_property
    def desk(self) -> Desk:
        """Where this home folder's records are sealed, opened and shredded."""
        care = self._care
        scope = f"{care.connection.scope.replace(':', '-')}-{self.address[2:12].lower()}"
        folder = care.home / "records" / scope
        return Desk(folder, care.store, chain_id=care.connection.chain_id, contract=self.address)

    # WHERE RECORDS STAND

    def status(self, record: RecordLike) -> RecordState:
        """Return where a record stands on the chain now.

        Args:
            record: Its id, what ``seal`` returned, a proof, or ``(author, commitment)`` with a batch proof if any.

        Raises:
            NotFound: No such record is known here or in the registry's events.
        """
        author, commitment, batch = self._whose(record)
        found = self._read("statusOf", author, commitment, batch)
        record_id = RecordId(to_hex(self.desk.record_id(author, from_hex(commitment))))
        status = RecordStatus(int(found["_0"] if "_0" in found else found["status"]))
        basis = LegalBasis.NONE
        if status is RecordStatus.SHREDDED:
            basis = LegalBasis(int(self._read("recordOf", record_id)["basis"]))
        return RecordState(record_id, author, Bytes32(commitment), status, int(found["anchoredAt"]), basis, batch)

    def _whose(self, record: RecordLike) -> tuple[Address, str, BatchProof]:
        """Return author, commitment and place in a batch."""
        if isinstance(record, SealedRecord):
            return record.author.address, record.commitment, record.batch
        if isinstance(record, RecordProof):
            return Address(record.opening.author), to_hex(record.opening.commitment), record.batch
        if isinstance(record, tuple):
            batch = record[2] if len(record) > 2 else BatchProof()
            return address_of(record[0]), bytes32(record[1]), batch
        name = bytes32(record)
        item = self.desk.catalogue.get(name)
        if item is not None:
            return Address(item.author), item.commitment, batch_of(item)
        index = self._care.sync()
        for event in ("RecordRegistry.RecordAnchored", "RecordRegistry.RecordStatusChanged"):
            found = index.list(event, recordId=name, limit=1)
            if found:
                return Address(found[0].args["author"]), found[0].args["commitment"], BatchProof()
        raise NotFound(
            f"record {name[:10]}… is known neither here nor in the registry's events",
            why="A record of a batch that was sealed elsewhere is found only by its proof.",
            fix="Check the id, or give author, commitment and proof.",
        )

    def get(self, record_id: RecordId | str) -> SealedRecord:
        """Return a record that is kept here.

        Raises:
            NotFound: It is not kept here.
        """
        return SealedRecord.of(self._item(record_id))

    def _item(self, record_id: RecordId | str) -> Item:
        item = self.desk.catalogue.get(bytes32(record_id))
        if item is None or item.state == "begun":
            raise NotFound(
                f"record {record_id[:10]}… is not kept here",
                why="Its wraps, opening and place in the store are not in this home folder.",
                fix="Check the id, or ask its author or custodian for a copy.",
            )
        return item

    def kept(self) -> Iterator[SealedRecord]:
        """Yield every record that is kept here and readable by somebody."""
        for item in self.desk.catalogue:
            if item.state in ("ready", "anchored"):
                yield SealedRecord.of(item)

    def list(self, *, author: PartyRef | None = None, status: RecordStatus | None = None) -> builtins.list[RecordState]:
        """Return the records that the chain shows, oldest first, as the registry's events tell it.

        Records of a batch appear once they are kept here or their status has changed; a batch itself names none.

        Args:
            author: Only this author's.
            status: Only those that stand so.
        """
        index = self._care.sync()
        where = {"author": address_of(author)} if author else {}
        found: dict[str, RecordState] = {}
        batches = {e.args["root"]: e.timestamp for e in index.list("RecordRegistry.BatchAnchored", where=where)}
        for item in self.desk.catalogue:
            if item.root in batches and (author is None or item.author == author.address):
                found[item.record_id] = RecordState(
                    RecordId(item.record_id), Address(item.author), Bytes32(item.commitment), RecordStatus.CURRENT,
                    batches[item.root], LegalBasis.NONE, batch_of(item),
                )  # fmt: skip
        events = [
            *index.list("RecordRegistry.RecordAnchored", where=where),
            *index.list("RecordRegistry.RecordStatusChanged", where=where),
        ]
        for event in sorted(events, key=lambda e: (e.block, e.index)):
            a = event.args
            known = found.get(a["recordId"])
            found[a["recordId"]] = RecordState(
                RecordId(a["recordId"]), Address(a["author"]), Bytes32(a["commitment"]),
                RecordStatus(int(a.get("newStatus", RecordStatus.CURRENT))),
                known.anchored_at if known else event.timestamp, LegalBasis(int(a.get("basis", 0))),
                known.batch if known else BatchProof(),
            )  # fmt: skip
        kept = [item for item in found.values() if status is None or item.status is status]
        return sorted(kept, key=lambda item: item.anchored_at)

    # PROOF

    def prove(self, record_id: RecordId | str, *, as_: Opener | None = None) -> RecordProof:
        """Return what proves a record to an auditor: its opening and its place in a batch. Hand it out sealed.

        Raises:
            NotARecipient: The record is not shared with this key.
        """
        item = self._item(record_id)
        opening = self.desk.opening(item, self.desk.key(item, self._opener(as_)))
        return RecordProof(RecordId(item.record_id), opening, batch_of(item))

    def verify(self, proof: RecordProof, *, content: Source | None = None) -> RecordState:
        """Check a proof against the chain, and content against the proof; needs neither key nor home folder.

        Raises:
            NotFound: Nothing is anchored that the proof opens.
            SealedDamaged: The content is not the one that was anchored.
        """
        state = self.status(proof)
        if state.status is RecordStatus.NONE or state.id != proof.id:
            raise NotFound("this proof opens nothing that is anchored", fix="Ask for the proof of this very record.")
        if content is not None:
            from pathlib import Path

            given = Path(content) if isinstance(content, str) else content
            if content_hash(given) != proof.opening.content_hash:
                raise SealedDamaged(
                    "the content is not the one that was anchored", why="Its hash is not the one in the opening."
                )
        return state

    def _opener(self, as_: Opener | None) -> Opener:
        opener = as_ or self._care.opener
        if opener is None:
            raise InputError("there is nothing to open with", fix="Give as_=..., or connect with opener=....")
        return opener

    # ANCHORING

    def _anchor(self, item: Item, *, act: str | None, wait: Wait) -> Receipt[SealedRecord]:
        """Anchor a ready record once; of one that is anchored, return the first result."""
        record = SealedRecord.of(item)
        if item.state == "anchored":
            act = act or item.act
            if not act or self._care.sender.entry(act) is None:
                return self._first_result(item)
        name = act or item.act or f"RecordRegistry.anchor/{item.record_id}"
        if item.act is None:
            item = self.desk.catalogue.change(item, act="" if act else name)
        function, args = self._call(item)
        receipt = self._write(
            function, *args, value=lambda _: record, key=name, wait=wait, dry_run=False,
            note={"record": item.record_id, "cid": item.cid}, entry=item.state == "ready",
        )  # fmt: skip
        assert isinstance(receipt, Receipt)  # noqa: S101  no dry run was asked for
        if receipt.block is not None:
            self.desk.catalogue.anchored(item.record_id)
        return receipt

    @staticmethod
    def _call(item: Item) -> tuple[str, tuple[Any, ...]]:
        """Return the call that anchors an item: by itself, or with its batch."""
        if item.root is not None:
            return "anchorBatch", (item.author, item.root, item.size, item.meaning)
        return "anchor", (item.author, item.meaning, item.commitment)

    def _first_result(self, item: Item) -> Receipt[SealedRecord]:
        """Return the receipt of a record that somebody else carried to the chain, from the registry's events."""
        index = self._care.sync()
        if item.root is not None:
            event: Event = index.get("RecordRegistry.BatchAnchored", author=item.author, root=item.root)
        else:
            event = index.get("RecordRegistry.RecordAnchored", recordId=item.record_id)
        return Receipt(
            SealedRecord.of(item), TxHash(event.tx), event.block, "included", 0, 0, (event,), event.block_hash,
            repeated=True,
        )  # fmt: skip

    def _settled(self, item: Item) -> Item:
        """Look whether a ready record has been anchored meanwhile: by a killed call, a relayer, an amendment."""
        if item.state != "ready":
            return item
        for tried in (item, replace(item, root=None, path=(), size=0)):
            found = self._read("statusOf", tried.author, tried.commitment, tried.proof)
            if int(found["_0"] if "_0" in found else found["status"]):
                self.desk.catalogue.anchored(item.record_id)
                return replace(item, state="anchored")
        return item

    def _preview(self, function: str, *args: Any, entry: bool = True) -> Prepared:
        """Say what a call would cost; raises where the contract would refuse it."""
        if entry:
            self._care.require_open(self.contract)
        return self._care.sender.prepare(Call(self.address, self.artifact.encode_call(function, *args)))

    # AMENDING

    def mark_error(
        self, record_id: RecordId | str, *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[RecordState] | Prepared:
        """State that a record was entered in error; it stays readable, with a warning."""
        author, commitment, batch = self._whose(record_id)
        change = amendment(author, commitment, RecordStatus.ENTERED_IN_ERROR)
        if dry_run:
            return self._preview("amend", change, batch, entry=False)
        receipt = self._amend(change, batch, act=key or f"RecordRegistry.error/{record_id}", wait=wait)
        return receipt.with_value(self.status((PartyRef("person", author), Bytes32(commitment), batch)))

    def _amend(self, change: dict[str, Any], proof: Any, *, act: str, wait: Wait) -> Receipt[None]:
        """Send a change of status once."""
        receipt = self._write(
            "amend", change, proof, value=lambda _: None, key=act, wait=wait, dry_run=False, entry=False
        )
        assert isinstance(receipt, Receipt)  # noqa: S101  no dry run was asked for
        return receipt

    # SIGNED ACTS: THE AUTHOR AGREES, ANYONE CARRIES IT

    def sign_anchor(
        self, record: SealedRecord, *, signer: Signer, meaning: Meaning = Meaning.AUTHORED, days: int = SIGNED_DAYS
    ) -> SignedTerms[RecordTerms]:
        """Sign, as the author, what ``prepare`` made; the signature counts for this record, meaning and chain only."""
        terms = RecordTerms.of(
            self.domain, author=record.author.address, commitment=record.commitment, meaning=meaning,
            deadline=self._until(days),
        )  # fmt: skip
        return terms.signed_by(signer)

    def anchor_signed(
        self, signed: SignedTerms[RecordTerms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[RecordId] | Prepared:  # fmt: skip
        """Carry an author's signature to the chain.

        Raises:
            Module_NotSignedBy: The author's controller did not sign this.
            RecordRegistry_AlreadyAnchored: It stands already.
        """
        m = signed.terms.typed.message
        record_id = RecordId(to_hex(self.desk.record_id(m["author"], from_hex(m["commitment"]))))
        return self._write(
            "anchorSigned", m["author"], m["meaning"], m["commitment"], m["deadline"], signed.signature,
            value=lambda _: record_id, key=key, wait=wait, dry_run=dry_run,
        )  # fmt: skip

    def sign_batch(
        self, author: PartyRef, *, root: str, size: int, signer: Signer, meaning: Meaning = Meaning.AUTHORED,
        days: int = SIGNED_DAYS,
    ) -> SignedTerms[BatchTerms]:  # fmt: skip
        """Sign, as the author, the root of a batch."""
        terms = BatchTerms.of(
            self.domain, author=address_of(author), root=bytes32(root), size=size, meaning=meaning,
            deadline=self._until(days),
        )  # fmt: skip
        return terms.signed_by(signer)

    def anchor_batch_signed(
        self, signed: SignedTerms[BatchTerms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Carry an author's signature under a batch to the chain; the receipt is about the batch's id."""
        m = signed.terms.typed.message
        return self._write(
            "anchorBatchSigned", m["author"], m["root"], m["size"], m["meaning"], m["deadline"], signed.signature,
            value=lambda r: bytes32(r.event("BatchAnchored").args["batchId"] if r.events else m["root"]), key=key,
            wait=wait, dry_run=dry_run,
        )  # fmt: skip

    def sign_amendment(
        self, record: RecordLike, *, status: RecordStatus, signer: Signer, basis: LegalBasis = LegalBasis.NONE,
        replacement: SealedRecord | None = None, days: int = SIGNED_DAYS,
    ) -> SignedTerms[AmendmentTerms]:  # fmt: skip
        """Sign, as the author, a change of a record's status."""
        author, commitment, batch = self._whose(record)
        change = amendment(author, commitment, status, basis=basis)
        if replacement is not None:
            change["replacement"] = replacement.commitment
        return AmendmentTerms.of(self.domain, change, proof=batch, deadline=self._until(days)).signed_by(signer)

    def amend_signed(
        self, signed: SignedTerms[AmendmentTerms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[RecordId] | Prepared:  # fmt: skip
        """Carry an author's amendment to the chain. What is shredded so is destroyed here by ``sweep``."""
        m = dict(signed.terms.typed.message)
        deadline = m.pop("deadline")
        record_id = RecordId(to_hex(self.desk.record_id(m["author"], from_hex(m["commitment"]))))
        return self._write(
            "amendSigned", m, signed.terms.proof, deadline, signed.signature, value=lambda _: record_id, key=key,
            wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def _until(self, days: int) -> int:
        return self._care.participants.now() + days * DAY
