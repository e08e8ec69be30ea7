"""Opening and sharing what is kept here: verified to the last byte, by those with a wrap."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from careledger.codes import LegalBasis, RecordStatus
from careledger.errors import InputError, NotFound
from careledger.privacy.openers import PUBLIC_BYTES, Opener, Recipient
from careledger.resources.base import address_of
from careledger.resources.catalogue import Item
from careledger.resources.desk import RecordStream
from careledger.resources.record_acts import RecordActs
from careledger.resources.record_types import Reader, RecordState, SealedRecord
from careledger.values import PartyRef, RecordId

__all__ = ["RecordReading"]


class RecordReading(RecordActs):
    """Records that are read and shared."""

    # OPENING

    @contextmanager
    def open(self, record_id: RecordId | str, *, as_: Opener | None = None) -> Iterator[RecordStream]:
        """Yield a record's content as a stream, verified as it is read.

        Before the first byte comes out, the chain has been asked where the record stands, its commitment has been
        recomputed from its opening, and every sealed byte compared with its content id. The stream says ``media_type``,
        ``classes``, ``state``, and a ``warning`` where the record is superseded or entered in error.

        Raises:
            NotFound: It is not kept here, not anchored, or was shredded.
            NotARecipient: It is not shared with this key.
            SealedDamaged: Bytes, wrap or opening are not those of this record.
            StorageError: The store does not have the bytes, or has others.
        """
        opener = self._opener(as_)
        item, state = self._standing(record_id)
        with self.desk.opened(item, opener) as stream:
            stream.state, stream.warning = state, state.warning
            yield stream

    def read(self, record_id: RecordId | str, *, as_: Opener | None = None) -> bytes:
        """Return a record's whole content, verified to its end; raises as ``open``."""
        with self.open(record_id, as_=as_) as stream:
            return stream.read()

    def fetch(self, record_id: RecordId | str, path: str | Path, *, as_: Opener | None = None) -> int:
        """Write a record's content to a file, whole and verified or not at all; return its size. Raises as ``open``."""
        with self.open(record_id, as_=as_) as stream:
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
