"""Sealing and opening, without the chain: bytes into the store, key and salt onto the shelf, and all of it away again.

A record is made in steps, each durable before the next, and the order decides what a kill can leave behind: bytes,
wraps and opening come first, then the record is ``ready``, and only what is ready is ever anchored. What was begun and
not made ready is destroyed when the same call comes again.
"""

from __future__ import annotations

import contextlib
import io
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

from careledger.chain.abi import encode
from careledger.codes import DataClass, LegalBasis, Meaning
from careledger.errors import InputError, KeyReused, NotFound, SealedDamaged, StorageError
from careledger.privacy.commitments import RecordOpening, new_salt
from careledger.privacy.files import write_whole
from careledger.privacy.openers import Opener, Recipient
from careledger.privacy.sealing import OpeningStream, new_key, record_binding, seal
from careledger.privacy.streams import write
from careledger.privacy.wraps import Shelf, Wraps
from careledger.redact import Secret
from careledger.resources.catalogue import Catalogue, Item
from careledger.resources.content import Content
from careledger.resources.record_types import SealedRecord
from careledger.steps import step
from careledger.storage import Store
from careledger.values import Address, PartyRef, keccak, to_hex

__all__ = ["Desk", "RecordStream"]

_PIECE: Final = 1 << 20


class RecordStream(io.RawIOBase):
    """A record's content, verified as it is read. The end is handed out only if the whole is what was committed to.

    Close it, or use it as a context manager.
    """

    def __init__(self, sealed: BinaryIO, key: Secret, item: Item, opening: RecordOpening) -> None:
        super().__init__()
        self.opening = opening
        """What the record's commitment binds: patient, classes, media type. It holds the salt."""
        self.state: Any = None
        """Where the record stands on chain, as ``RecordState``."""
        self.decision: Any = None
        """Why it may be read, where that was asked: a ``Decision``."""
        self.warning: str | None = None
        """Set where the record is superseded or entered in error: one sentence to show to whoever reads it."""
        self._sealed = sealed
        self._plain = OpeningStream(sealed, key, record_binding(item.id_bytes, version=item.version))
        self._ended = False

    @property
    def media_type(self) -> str:
        """What the content is."""
        return self.opening.media_type

    @property
    def classes(self) -> frozenset[DataClass]:
        """The classes of health data in it."""
        return frozenset(item for item in DataClass if self.opening.classes & item.mask)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read verified bytes; 0 at the end, once the whole is known to be what was committed to.

        Raises:
            SealedDamaged: It was changed or cut, or is not what was committed to.
        """
        count = self._plain.readinto(buffer)
        if not count and len(memoryview(buffer)) and not self._ended:
            info = self._plain.info
            if info is None or not secrets.compare_digest(info.content_hash, self.opening.content_hash):
                raise SealedDamaged(
                    "the content is sound but not the one committed to",
                    why="Its hash differs from the one in the record's opening.",
                    fix="Ask the author which version of the record this is.",
                )
            self._ended = True
        return count

    def close(self) -> None:
        """Let go of the sealed bytes."""
        if not self.closed:
            self._plain.close()
            self._sealed.close()
        super().close()


class Desk:
    """Where records are sealed, opened and shredded, for one suite and one home folder.

    Args:
        folder: Where list and shelf lie.
        store: Where the sealed bytes lie.
        chain_id: The chain.
        contract: The record registry.
    """

    def __init__(self, folder: Path, store: Store, *, chain_id: int, contract: Address) -> None:
        self.catalogue = Catalogue(folder)
        self.shelf = Shelf(folder / "shelf", tombstones=folder / "shredded")
        self.store = store
        self._chain_id, self._contract = chain_id, contract

    def record_id(self, author: str, commitment: bytes) -> bytes:
        """Return the id of a record as the contract computes it."""
        kinds = ("uint256", "address", "address", "bytes32")
        return keccak(encode(kinds, (self._chain_id, self._contract, author, commitment)))

    # SEALING

    def tags(
        self, key: str | None, *, by: str, content: Content, about: str, author: str, act: str, rest: str
    ) -> tuple[str, str]:
        """Return the tags of business key and content.

        Without a key, it follows from what makes the act this one: content, author and patient, classes and media type,
        and ``act``, which names the record that is superseded.
        """
        tag, what = self.catalogue.tag, (str(content.mask), content.media_type, act)
        name = tag("key", by, key) if key is not None else tag("content", by, content.hash, author, about, *what)
        return name, tag("whole", content.hash, author, about, *what, rest)

    def find(self, key_tag: str, content_tag: str) -> Item | None:
        """Return the record a business key stands for, if it is ready; destroy what was only begun.

        Raises:
            KeyReused: The key was used for other content.
            StorageError: The record is to be anchored, and its bytes are gone.
        """
        item = self.catalogue.by_key(key_tag)
        if item is not None and item.state == "begun":
            self.discard(item)
            return None
        if item is None:
            return None
        if item.state in ("shredding", "shredded"):
            raise KeyReused(
                "this key was used for a record that has been shredded",
                why="A key stands for one record, also when that record is gone.",
                fix="Use another key if the content is to be kept after all.",
            )
        if item.content_tag != content_tag:
            raise KeyReused(
                "this key was used before for other content, another patient, other classes or other readers",
                why="A key stands for one record, so that repeating a call never seals twice.",
                fix="Use another key for another record, supersede() for a new version, or share() for a new reader.",
            )
        if item.state == "ready":
            self._require_bytes(item)
        return item

    def seal(
        self,
        content: Content,
        *,
        author: PartyRef,
        about: Address,
        meaning: Meaning,
        recipients: Sequence[Recipient],
        key_tag: str,
        content_tag: str,
        keyed: bool,
        version: int = 1,
    ) -> Item:
        """Seal content and make it ready to be anchored. Call it holding the lock of the key.

        Raises:
            StorageError: The store refused; nothing readable is left.
            InputError: The content changed while it was being sealed.
        """
        opening = RecordOpening(new_salt(), author.address, about, content.mask, content.media_type, content.hash)
        commitment, key = opening.commitment, new_key()
        record_id = self.record_id(author.address, commitment)
        item = Item(
            to_hex(record_id), author.address, to_hex(commitment), version=version, meaning=meaning.value,
            key_tag=key_tag, content_tag=content_tag, keyed=keyed, author_kind=author.kind,
        )  # fmt: skip
        self.catalogue.put(item)
        step("records.begun")
        try:
            item = self._seal_bytes(item, content, key)
            wraps = Wraps(record_id)
            for recipient in recipients:
                wraps = wraps.add(key, recipient)
            self.shelf.save(wraps)
            step("records.wrapped")
            self.shelf.save_opening(record_id, opening, key)
            step("records.opening")
            item = self.catalogue.change(item, state="ready")
        except Exception:
            self.discard(self.catalogue.get(item.record_id) or item)
            raise
        step("records.ready")
        return item

    def _seal_bytes(self, item: Item, content: Content, key: Secret) -> Item:
        """Put the sealed bytes into the store; their id is noted before they are there."""
        binding = record_binding(item.id_bytes, version=item.version)
        with content.opened() as source, self.store.writer() as out:
            info = seal(source, cast(BinaryIO, out), key, binding, with_cid=True)
            if info.content_hash != content.hash:
                raise InputError("the content changed while it was being sealed", fix="Call again once it is at rest.")
            item = self.catalogue.change(item, cid=info.cid, sealed_size=info.sealed_size)
            step("records.sealed")
            out.commit()
        step("records.stored")
        return item

    def _require_bytes(self, item: Item) -> None:
        if item.cid is None or not self.store.has(item.cid):
            raise _lost(item)

    # OPENING

    def key(self, item: Item, opener: Opener) -> Secret:
        """Return a record's content key.

        Raises:
            NotARecipient: It is not shared with this key.
            SealedDamaged: The wrap was changed, or belongs to another record.
        """
        return self.shelf.load(item.id_bytes).open(opener)

    def opening(self, item: Item, key: Secret) -> RecordOpening:
        """Return what the record's commitment binds, checked against the commitment and the id.

        Raises:
            SealedDamaged: It is not the opening of this record.
        """
        opening = self.shelf.load_opening(item.id_bytes, key)
        commitment = opening.commitment
        if to_hex(commitment) != item.commitment or self.record_id(item.author, commitment) != item.id_bytes:
            raise SealedDamaged(
                f"the opening kept for record {item.record_id[:10]}… opens another commitment",
                why="It was changed, or belongs to another record.",
                fix="Ask the author for the record's opening.",
            )
        return opening

    @contextlib.contextmanager
    def opened(self, item: Item, opener: Opener) -> Iterator[RecordStream]:
        """Yield a record's content; every sealed byte is compared with the content id before the first comes out.

        Raises:
            StorageError: The store does not have the bytes, or has others.
            SealedDamaged: They were sealed for another record.
        """
        key = self.key(item, opener)
        opening = self.opening(item, key)
        if item.cid is None:
            raise _lost(item)
        try:
            sealed = self.store.get(item.cid)
        except NotFound:
            raise _lost(item) from None
        with RecordStream(sealed, key, item, opening) as stream:
            yield stream

    def fetch(self, stream: RecordStream, path: Path) -> int:
        """Write content to a path, whole and verified or not at all; return its size."""

        def work(sink: BinaryIO) -> int:
            size = 0
            while piece := stream.read(_PIECE):
                write(sink, memoryview(piece))
                size += len(piece)
            return size

        return write_whole(path, work)

    def take_in(self, record: SealedRecord, key: Secret, opening: RecordOpening, reader: Recipient) -> Item:
        """Keep what opens a record that was sealed elsewhere: wrap and opening, then its place in the list. Repeatable.

        Raises:
            NotFound: It was shredded here.
        """
        id_bytes = bytes.fromhex(record.id[2:])
        with self.catalogue.lock(id_bytes.hex()):
            item = self.catalogue.get(record.id)
            wraps = self.shelf.load(id_bytes) if id_bytes in self.shelf else Wraps(id_bytes)
            self.shelf.save(wraps.add(key, reader))
            step("records.wrapped")
            if item is None:
                self.shelf.save_opening(id_bytes, opening, key)
                step("records.opening")
                item = Item(
                    record.id, record.author.address, record.commitment, record.version, "anchored", record.cid,
                    record.sealed_size, root=None if record.batch.is_empty else record.batch.root,
                    path=record.batch.path, author_kind=record.author.kind,
                )  # fmt: skip
                self.catalogue.put(item)
        return item

    # SHREDDING

    def shred(self, item: Item, basis: LegalBasis) -> Item:
        """Destroy wraps, salt, opening and sealed bytes, and forget what would recognise the content. Repeatable."""
        if item.state != "shredded":
            item = self.catalogue.change(item, state="shredding", basis=basis.value)
            step("records.shredding")
        self._destroy(item)
        key_tag = item.key_tag if item.keyed else None
        return self.catalogue.change(item, key_tag=key_tag, content_tag=None)

    def discard(self, item: Item) -> None:
        """Destroy and forget a record that was never anchored. Repeatable."""
        self._destroy(item)
        self.catalogue.remove(item.record_id)

    def _destroy(self, item: Item) -> None:
        self.shelf.shred(item.id_bytes)
        step("records.keys-destroyed")
        if item.cid is not None:
            self.store.delete(item.cid)
        step("records.bytes-deleted")

    def tidy(self) -> int:
        """Destroy what killed calls began and nobody finished; return how many records that were."""
        count = 0
        for item in list(self.catalogue):
            if item.state == "begun" and item.key_tag is not None:
                with self.catalogue.lock(item.key_tag):
                    now = self.catalogue.get(item.record_id)
                    if now is not None and now.state == "begun":
                        self.discard(now)
                        count += 1
        self.store.clean()
        return count


def _lost(item: Item) -> StorageError:
    return StorageError(
        f"the store does not have the sealed bytes of record {item.record_id[:10]}…",
        why="They were deleted or moved, or this is another store.",
        fix="Connect with the store they are in, or ask the author for a copy.",
    )
