"""Opening and sharing what is kept here: verified to the last byte, by those with a wrap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from careledger.codes import LegalBasis, Purpose, Reason, RecordStatus
from careledger.errors import AccessDenied, InputError, NotFound
from careledger.privacy.openers import PUBLIC_BYTES, Opener, Recipient
from careledger.resources.base import address_of
from careledger.resources.catalogue import Item
from careledger.resources.consent_types import ConsentReceipt, RoleRef
from careledger.resources.desk import RecordStream
from careledger.resources.record_acts import RecordActs
from careledger.resources.record_types import Reader, RecordState, SealedRecord
from careledger.values import Address, Decision, PartyRef, RecordId

__all__ = ["RecordReading"]


class RecordReading(RecordActs):
    """Records that are read and shared."""

    # OPENING

    @contextmanager
    def open(
        self, record_id: RecordId | str, *, as_: PartyRef | Opener | None = None, purpose: Purpose | None = None,
        capacity: PartyRef | RoleRef | None = None, jurisdiction: int = 0, custodian: PartyRef | None = None,
        receipts: Iterable[ConsentReceipt] = (),
    ) -> Iterator[RecordStream]:  # fmt: skip
        """Yield a record's content as a stream, verified as it is read.

        Before the first byte comes out, the chain has been asked where the record stands, its commitment has been
        recomputed from its opening, and every sealed byte compared with its content id. The stream says ``media_type``,
        ``classes``, ``state``, and a ``warning`` where the record is superseded or entered in error. With a purpose the
        chain is also asked whether this actor may read all of its classes for it; the stream keeps that ``decision``.

        Args:
            record_id: The record.
            as_: Who reads: a party, whose key is this client's opener; or an opener alone, which asks no decision.
            purpose: What for; mandatory for a party.
            capacity: As whom the party asks, as in ``consents.decide``.
            jurisdiction: Where an organisation is accredited.
            custodian: Whose base policy holds.
            receipts: Receipts that open limited directives.

        Raises:
            AccessDenied: The patient's word, or nobody's, does not let this actor read it for this purpose.
            NotFound: It is not kept here, not anchored, or was shredded.
            NotARecipient: It is not shared with this key.
            SealedDamaged: Bytes, wrap or opening are not those of this record.
            StorageError: The store does not have the bytes, or has others.
        """
        actor = as_ if isinstance(as_, PartyRef) else None
        if (actor is None) != (purpose is None):
            raise InputError(
                "a decision needs both who reads and what for", fix="Give as_=PartyRef and purpose, or neither."
            )
        opener = self._opener(None if isinstance(as_, PartyRef) else as_)
        item, state = self._standing(record_id)
        with self.desk.opened(item, opener) as stream:
            stream.state, stream.warning = state, state.warning
            if actor is not None and purpose is not None:
                stream.decision = self._care.consents.decide(
                    patient=PartyRef("person", Address(stream.opening.patient)), actor=actor, purpose=purpose,
                    classes=stream.classes, capacity=capacity, jurisdiction=jurisdiction, custodian=custodian,
                    author=PartyRef("person", Address(stream.opening.author)), receipts=receipts,
                )  # fmt: skip
                _require(stream.decision)
            yield stream

    def read(self, record_id: RecordId | str, *, as_: PartyRef | Opener | None = None, **how: Any) -> bytes:
        """Return a record's whole content, verified to its end; arguments and errors as for ``open``."""
        with self.open(record_id, as_=as_, **how) as stream:
            return stream.read()

    def fetch(
        self, record_id: RecordId | str, path: str | Path, *, as_: PartyRef | Opener | None = None, **how: Any
    ) -> int:
        """Write a record's content to a file, whole and verified or not at all; return its size. As ``open``."""
        with self.open(record_id, as_=as_, **how) as stream:
            return self.desk.fetch(stream, Path(path))

    def _standing(self, record_id: RecordId | str) -> tuple[Item, RecordState]:
        """Return a record that may be opened, and where it stands; destroy what the chain says is shredded."""
        item = self._item(record_id)
        state = self.status(SealedRecord.of(item))
        if state.status is RecordStatus.SHREDDED:
            self._finish_shredding(item, state.basis)
        if state.status is RecordStatus.SHREDDED or item.state in ("shredding", "shredded"):
            raise NotFound(
                f"record {item.record_id[:10]}… was shredded",
                why=f"Its keys were destroyed, which is final ({state.basis.doc}).",
                fix="There is nothing to open.",
            )
        if state.status is RecordStatus.NONE:
            raise NotFound(
                f"record {item.record_id[:10]}… is not anchored",
                why="It was sealed, and its anchor is not in the chain yet.",
                fix="Repeat the call that sealed it.",
            )
        if item.state == "ready":
            self.desk.catalogue.anchored(item.record_id)
        return item, state

    # SHARING

    def share(self, record_id: RecordId | str, *, with_: Reader, as_: Opener | None = None) -> SealedRecord:
        """Wrap a record's key for one more reader.

        Raises:
            NotARecipient: The record is not shared with the key that is to share it.
            NotFound: The reader has published no key, or the record was shredded.
        """
        item, _ = self._standing(record_id)
        wraps = self.desk.shelf.load(item.id_bytes)
        self.desk.shelf.save(wraps.rewrap(self._opener(as_), self._recipient(with_)))
        return SealedRecord.of(item)

    def unshare(self, record_id: RecordId | str, *, from_: Reader) -> SealedRecord:
        """Destroy a reader's wraps, for its present key and earlier ones. What it read or kept before is out of reach.

        Raises:
            NotFound: There is no wrap for it.
        """
        item = self._item(record_id)
        wraps = self.desk.shelf.load(item.id_bytes)
        theirs = [key for key in wraps.recipients() if key in self._key_hashes(from_)]
        if not theirs:
            raise NotFound(f"record {item.record_id[:10]}… is not shared with this reader", fix="See who it is.")
        for key_hash in theirs:
            wraps = wraps.destroy(key_hash)
        self.desk.shelf.save(wraps)
        return SealedRecord.of(item)

    def rewrap(self, record_id: RecordId | str, *, to: Reader, as_: Opener | None = None) -> SealedRecord:
        """Wrap a record's key for a reader's new key, after a rotation or recovery, and destroy its older wraps."""
        item, _ = self._standing(record_id)
        recipient = self._recipient(to)
        wraps = self.desk.shelf.load(item.id_bytes).rewrap(self._opener(as_), recipient)
        for key_hash in self._key_hashes(to) - {recipient.key_hash}:
            if key_hash in wraps.recipients():
                wraps = wraps.destroy(key_hash)
        self.desk.shelf.save(wraps)
        return SealedRecord.of(item)

    def _key_hashes(self, reader: Reader) -> set[bytes]:
        """Return the hashes of a reader's key, and of all keys its account has ever published."""
        if isinstance(reader, Recipient):
            return {reader.key_hash}
        found = set() if isinstance(reader, PartyRef) else {self._recipient(reader).key_hash}
        who = reader if isinstance(reader, PartyRef) else reader[0]
        index = self._care.sync()
        for event in index.list("ParticipantRegistry.EncryptionKeyPublished", subject=address_of(who)):
            found.add(Recipient(bytes.fromhex(event.args["key"][2:]), event.args["suite"]).key_hash)
        return found

    def _recipient(self, reader: Reader) -> Recipient:
        if isinstance(reader, Recipient):
            return reader
        if isinstance(reader, PartyRef):
            return self._care.participants.encryption_key(reader)
        key = reader[1]
        suite = next((suite for suite, size in PUBLIC_BYTES.items() if size == len(key)), None)
        if suite is None:
            raise InputError(f"a public key has no {len(key)} bytes", fix="Give the key as it was published.")
        return Recipient(key, suite)

    def _finish_shredding(self, item: Item, basis: LegalBasis) -> bool:
        left = item.id_bytes in set(self.desk.shelf) or (item.cid is not None and self._care.store.has(item.cid))
        self.desk.catalogue.change(self.desk.shred(item, basis), state="shredded")
        return left


def _require(decision: Decision) -> None:
    """Refuse what was not allowed, with the reason."""
    if not decision.allowed:
        reason = decision.because
        word = reason.name.lower().replace("_", " ") if isinstance(reason, Reason) else str(reason)
        raise AccessDenied(
            f"not allowed: {word}",
            why="Denied: " + (", ".join(sorted(item.word for item in decision.denied)) or "everything") + ".",
            fix="Ask the patient for consent, or for less.",
            decision=decision,
        )
