"""Records: sealed off chain, anchored on chain, opened by those they are shared with, shredded for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

from careledger.codes import DataClass, LegalBasis, Meaning, RecordStatus
from careledger.errors import InputError, KeyReused, NotFound
from careledger.privacy.merkle import StandardTree
from careledger.privacy.openers import Recipient
from careledger.privacy.sealing import new_key
from careledger.resources.base import address_of
from careledger.resources.catalogue import Item
from careledger.resources.content import Content, Source
from careledger.resources.record_accounting import RecordAccounting
from careledger.resources.record_types import Reader, RecordState, SealedRecord, ToSeal, amendment
from careledger.steps import step
from careledger.values import PartyRef, Prepared, Receipt, RecordId, Wait, bytes32, to_hex

__all__ = ["Records"]


@dataclass(frozen=True)
class _Job:
    """Everything about one record to be sealed."""

    content: Content
    author: PartyRef
    about: PartyRef
    readers: tuple[Reader, ...]
    meaning: Meaning
    key: str | None
    more: str = ""
    """What else makes it another record."""
    version: int = 1
    allowed: Callable[[], object] | None = None
    """Asks the chain whether it would take the record, before anything is sealed."""


class Records(RecordAccounting):
    """Records of health data: what is in them stays off chain, sealed; what is on chain says nothing about anybody.

    Example:
        >>> rec = care.records.seal("letter.json", author=dr_roe, about=ana, readers=[clinic]).value  # doctest: +SKIP
        >>> care.records.read(rec.id)  # doctest: +SKIP
        b'{"resourceType": ...
    """

    # SEALING

    def seal(
        self, source: Source, *, author: PartyRef, about: PartyRef, classes: Iterable[DataClass] | None = None,
        media_type: str | None = None, readers: Iterable[Reader] = (), meaning: Meaning = Meaning.AUTHORED,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[SealedRecord] | Prepared:  # fmt: skip
        """Seal content, keep it, and anchor it, once.

        Killed at any moment, the same call finishes what was begun; what is anchored always has its bytes.

        Args:
            source: A path, bytes, or a binary stream of any size.
            author: Who wrote it; the signer controls it.
            about: The patient's pseudonym. It is in the commitment, never on chain.
            classes: The classes of health data in it; found by inspection in FHIR, to be given for anything else.
            media_type: What it is; guessed when not given.
            readers: Whom it is sealed to besides the author: parties with a published key, or keys.
            meaning: What the author's signature means.
            key: The act's business key; when not given it follows from content, author, patient, classes and media
                type. Content whose record was shredded or entered in error is sealed anew.
            wait: Until when to wait.
            dry_run: Only say what it would cost; nothing is sealed or kept.

        Raises:
            InputError: The classes are not known, or nobody could open the record.
            KeyReused: The key was used for other content, another patient, other classes or other readers, or for a
                record that is shredded or in error.
            StorageError: The store refused.
        """
        with Content.of(source, classes=classes, media_type=media_type) as content:
            asked = partial(self._preview, "anchor", address_of(author), meaning.value, new_key())
            if dry_run:
                return asked()
            item = self._ready(_Job(content, author, about, tuple(readers), meaning, key, allowed=asked))
        return self._anchor(self._settled(item), act=key, wait=wait)

    def prepare(
        self, source: Source, *, author: PartyRef, about: PartyRef, classes: Iterable[DataClass] | None = None,
        media_type: str | None = None, readers: Iterable[Reader] = (), meaning: Meaning = Meaning.AUTHORED,
        key: str | None = None,
    ) -> SealedRecord:  # fmt: skip
        """Seal and keep content without anchoring it: for ``sign_anchor``, or to be anchored later by ``seal``."""
        with Content.of(source, classes=classes, media_type=media_type) as content:
            return SealedRecord.of(self._ready(_Job(content, author, about, tuple(readers), meaning, key)))

    def seal_all(
        self, sources: Iterable[Source | ToSeal], *, author: PartyRef, about: PartyRef | None = None,
        classes: Iterable[DataClass] | None = None, readers: Iterable[Reader] = (),
        meaning: Meaning = Meaning.AUTHORED, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[tuple[SealedRecord, ...]] | Prepared:  # fmt: skip
        """Seal many records and anchor them in one transaction, by the root of a Merkle tree over their commitments.

        What was anchored before is left out of the batch; so the same call after a kill, or with more files, seals and
        anchors what is missing. The proofs are kept.

        Args:
            sources: Sources, or ``ToSeal`` where one differs from the rest.
            author: Who wrote them.
            about: The patient of those that name none.
            classes: Classes of those that name none.
            readers: Readers of those that name none.
            meaning: What the author's signature means.
            key: Business key of the batch; record i gets ``key/i``.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Returns:
            A receipt about the records, in the order of their sources.
        """
        given = [item if isinstance(item, ToSeal) else ToSeal(item) for item in sources]
        if not given:
            raise InputError("there is nothing to seal", fix="Give at least one source.")
        asked = cache(partial(self._preview, "anchorBatch", address_of(author), new_key(), len(given), meaning.value))
        if dry_run:
            return asked()
        items: list[Item] = []
        for number, one in enumerate(given):
            who = one.about or about
            if who is None:
                raise InputError(f"source {number} is about nobody", fix="Give about=..., or a ToSeal with about=....")
            known = one.classes if one.classes is not None else classes
            with Content.of(one.source, classes=known, media_type=one.media_type) as content:
                to = tuple(readers if one.readers is None else one.readers)
                own_key = None if key is None else f"{key}/{number}"
                job = _Job(content, author, who, to, meaning, own_key, allowed=asked)
                items.append(self._settled(self._ready(job)))
        receipt = self._anchor_batch(items, act=key, wait=wait)
        found = (self.desk.catalogue.get(item.record_id) or item for item in items)
        return receipt.with_value(tuple(SealedRecord.of(item) for item in found))

    def _anchor_batch(self, items: Sequence[Item], *, act: str | None, wait: Wait) -> Receipt[Any]:
        """Anchor the ready ones among some records; when none is left, return the first result of the last."""
        ready = list({item.record_id: item for item in items if item.state == "ready"}.values())
        if not ready:
            return self._anchor(items[-1], act=act, wait=wait)
        tree = StandardTree.of_commitments(item.commitment_bytes for item in ready)
        root = to_hex(tree.root)
        placed = [
            replace(
                item, root=root, size=len(ready), path=tuple(to_hex(node) for node in tree.proof(place)),
                act="" if act else f"RecordRegistry.anchorBatch/{root}",
            )
            for place, item in enumerate(ready)
        ]  # fmt: skip
        self.desk.catalogue.put(*placed)
        step("records.batched")
        receipt = self._anchor(placed[0], act=act, wait=wait)
        if receipt.block is not None:
            self.desk.catalogue.anchored(*(item.record_id for item in placed))
            step("records.anchored")
        return receipt

    def _ready(self, job: _Job) -> Item:
        """Return the record of a job, sealed and kept; sealed now unless it was before."""
        desk = self.desk
        names = sorted(_name(reader) for reader in job.readers)
        author, about = address_of(job.author), address_of(job.about)
        key_tag, content_tag = desk.tags(
            job.key, by=self._care.me, content=job.content, about=about, author=author,
            act=job.more, rest="|".join([*names, job.meaning.name]),
        )  # fmt: skip
        with desk.catalogue.lock(key_tag):
            self._revisit(desk.catalogue.by_key(key_tag))
            found = desk.find(key_tag, content_tag)
            if found is not None:
                return found
            if job.key is not None:
                entry = self._care.sender.entry(job.key)
                if entry is not None and entry.state != "failed":
                    raise KeyReused("this key was used before for another act", fix="Use another key.")
            if job.allowed is not None:
                job.allowed()
            return desk.seal(
                job.content, author=job.author, about=about, meaning=job.meaning, recipients=self._recipients(job),
                key_tag=key_tag, content_tag=content_tag, keyed=job.key is not None, version=job.version,
            )  # fmt: skip

    def _revisit(self, item: Item | None) -> None:
        """See whether a record that was anchored still serves as the result of the call that made it.

        One that has left the chain with its block is to be anchored again; one that is in error or shredded frees the
        key that follows from its content, since whoever seals that content now means a record that holds.

        Raises:
            KeyReused: The caller's own key stands for a record in error.
        """
        if item is None or item.state != "anchored":
            return
        state = self.status(SealedRecord.of(item))
        if state.status is RecordStatus.NONE:
            self.desk.catalogue.change(item, state="ready")
        elif state.status is RecordStatus.SHREDDED:
            self._finish_shredding(item, state.basis)
        elif state.status is RecordStatus.ENTERED_IN_ERROR:
            if item.keyed:
                raise KeyReused(
                    "this key was used for a record that was since entered in error",
                    why="A key stands for one record, also when that record is in error.",
                    fix="Use another key, or none, if the content is to be sealed after all.",
                )
            self.desk.catalogue.change(item, key_tag=None, content_tag=None)

    def _recipients(self, job: _Job) -> list[Recipient]:
        """Return the keys a record is sealed to: the readers' and the author's."""
        found = [self._recipient(reader) for reader in job.readers]
        own = self._care.opener
        if own is not None:
            found.append(Recipient(own.public_key, own.suite))
        else:
            try:
                found.append(self._care.participants.encryption_key(job.author))
            except NotFound:
                if not found:
                    raise InputError(
                        "nobody could ever open this record",
                        why="There are no readers, and the author has neither an opener here nor a published key.",
                        fix="Connect with opener=..., or publish the author's key.",
                    ) from None
        return found

    # AMENDING

    def shred(
        self, record_id: RecordId | str, *, basis: LegalBasis, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[RecordState] | Prepared:  # fmt: skip
        """Destroy a record: every wrap, the salt, the opening, the sealed bytes; then state it on the chain.

        Whether the chain will take it is asked first. Killed in the middle, the same call finishes. What a reader took
        out before is out of reach, and so are copies in stores that keep versions.

        Args:
            record_id: The record.
            basis: On what legal basis.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost; nothing is destroyed.

        Raises:
            RecordRegistry_NotController: The signer does not control the author; nothing is destroyed.
        """
        item = self._settled(self._item(record_id))
        if basis is LegalBasis.NONE:
            raise InputError("shredding needs a legal basis", fix="Use a member of LegalBasis.")
        act = key or f"RecordRegistry.shred/{item.record_id}"
        change = amendment(SealedRecord.of(item).author.address, item.commitment, RecordStatus.SHREDDED, basis=basis)
        entry = self._care.sender.entry(act)
        if dry_run or entry is None or entry.state == "failed":
            prepared = self._preview("amend", change, item.proof, entry=False)
            if dry_run:
                return prepared
        item = self.desk.shred(item, basis)
        receipt = self._amend(change, item.proof, act=act, wait=wait)
        if receipt.block is not None:
            self.desk.catalogue.change(item, state="shredded")
        state = RecordState(
            RecordId(item.record_id), SealedRecord.of(item).author.address, SealedRecord.of(item).commitment,
            RecordStatus.SHREDDED, 0, basis,
        )  # fmt: skip
        return receipt.with_value(self.status(record_id) if receipt.block is not None else state)

    def sweep(self) -> int:
        """Destroy here what the chain says is shredded, after a restore or a relayed amendment; return how many."""
        count = 0
        for item in list(self.desk.catalogue):
            if item.state == "begun":
                continue
            state = self.status(SealedRecord.of(item))
            if state.status is RecordStatus.SHREDDED:
                count += self._finish_shredding(item, state.basis)
        self.desk.shelf.sweep()
        return count

    def supersede(
        self, old: RecordId | str, source: Source, *, about: PartyRef, classes: Iterable[DataClass] | None = None,
        media_type: str | None = None, readers: Iterable[Reader] = (), key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[SealedRecord] | Prepared:  # fmt: skip
        """Seal a newer version and anchor it together with the statement that it takes the old one's place.

        The old version stays readable, and says so by ``warning``. The bytes may be those of a version before: other
        classes are a correction, and so is going back. Arguments as for ``seal``; the author stays.

        Raises:
            RecordRegistry_BadTransition: The old version is not the current one.
        """
        before = self._settled(self._item(old))
        author = SealedRecord.of(before).author
        with Content.of(source, classes=classes, media_type=media_type) as content:
            change = amendment(
                author.address, before.commitment, RecordStatus.SUPERSEDED, replacement=to_hex(new_key().reveal())
            )
            asked = partial(self._preview, "amend", change, before.proof, entry=False)
            if dry_run:
                return asked()
            job = _Job(
                content, author, about, tuple(readers), Meaning.AUTHORED, key, f"supersedes {before.record_id}",
                before.version + 1, asked,
            )  # fmt: skip
            item = self._ready(job)
        act = key or f"RecordRegistry.supersede/{before.record_id}/{item.record_id}"
        if item.act is None:
            item = self.desk.catalogue.change(item, act="" if key else act)
        change = amendment(author.address, before.commitment, RecordStatus.SUPERSEDED, replacement=item.commitment)
        receipt = self._amend(change, before.proof, act=act, wait=wait)
        if receipt.block is not None:
            self.desk.catalogue.anchored(item.record_id)
        return receipt.with_value(SealedRecord.of(item))

    def discard(self, record_id: RecordId | str) -> bool:
        """Destroy a record that was prepared and is not anchored; return whether it was there.

        Raises:
            InputError: It is anchored, or may be on its way: shred it, which the chain is told.
        """
        item = self.desk.catalogue.get(bytes32(record_id))
        if item is None:
            return False
        if item.act is not None or self._settled(item).state != "ready":
            raise InputError(f"record {item.record_id[:10]}… is anchored or on its way to be", fix="Call shred().")
        self.desk.discard(item)
        return True

    def tidy(self) -> int:
        """Destroy what killed calls began and nobody finished; return how many records that were."""
        return self.desk.tidy()


def _name(reader: Reader) -> str:
    """Return what tells a reader from another when a call is repeated."""
    if isinstance(reader, Recipient):
        return to_hex(reader.key_hash)
    return reader.address if isinstance(reader, PartyRef) else address_of(reader[0])
