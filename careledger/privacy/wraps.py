"""Wraps: a record's content key, encrypted once per recipient and kept apart from the content.

Access is added or destroyed here without touching the sealed file. One canonical JSON document per record lists the
wraps; a :class:`Shelf` keeps those documents, and beside each the record's opening (with the commitment's salt), sealed
under the same content key. Shredding destroys both: the sealed content stays noise for ever, and the digest on chain
can no longer be matched, even by someone who holds the plaintext. A recipient's own copy of plaintext or key that was
taken out before is out of reach.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from careledger.errors import FormatError, InputError, NotARecipient, NotFound, SealedDamaged
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.files import private_folder, shred_file, sync_folder, write_private
from careledger.privacy.openers import ENC_BYTES, Opener, Recipient, Suite
from careledger.privacy.sealing import KEY_BYTES, TAG_BYTES, open_, seal
from careledger.redact import Secret
from careledger.text import read_json

FORMAT: Final = "careledger-wraps-v1"
"""Format name inside each document."""


def wrap_info(record_id: bytes, *, suite: Suite, key_hash: bytes, epoch: int) -> bytes:
    """Return HPKE's info: what a wrap is bound to, so that it opens for this record, key, suite and epoch only."""
    return b"careledger/wrap/v1" + suite.to_bytes(2, "big") + epoch.to_bytes(4, "big") + record_id + key_hash


@dataclass(frozen=True)
class Wrap:
    """The content key for one recipient."""

    suite: Suite
    """HPKE suite, explicit, as on chain."""
    key_hash: bytes
    """keccak256 of the recipient's public key."""
    epoch: int
    """The recipient's key epoch."""
    sealed: bytes
    """HPKE's encapsulated key, then the ciphertext: 80 bytes for X25519, 1,168 for the hybrid."""

    def to_data(self) -> dict[str, Any]:
        """Return the wrap as JSON data."""
        return {
            "epoch": self.epoch,
            "keyHash": "0x" + self.key_hash.hex(),
            "sealed": to_base64url(self.sealed),
            "suite": int(self.suite),
        }

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Wrap:
        """Read a wrap from JSON data; raises ValueError, KeyError or TypeError where it is not one."""
        suite, key_hash = Suite(data["suite"]), bytes.fromhex(data["keyHash"].removeprefix("0x"))
        wrap = cls(suite, key_hash, data["epoch"], from_base64url(data["sealed"]))
        size = ENC_BYTES[suite] + KEY_BYTES + TAG_BYTES
        if (
            len(key_hash) != 32
            or len(wrap.sealed) != size
            or type(wrap.epoch) is not int
            or not 0 <= wrap.epoch < 1 << 32
        ):
            raise ValueError("sizes")
        return wrap


@dataclass(frozen=True)
class Wraps:
    """All wraps of one record. Changing it gives a new document; :class:`Shelf` puts it in place."""

    record_id: bytes
    """The record's id, 32 bytes."""
    wraps: tuple[Wrap, ...] = ()
    """Ordered by key hash, one per recipient key."""

    def __post_init__(self) -> None:
        if len(self.record_id) != 32:
            raise InputError("a record id has 32 bytes", fix="Give the id as it is on chain.")

    def add(self, key: Secret, recipient: Recipient) -> Wraps:
        """Wrap the content key for a recipient; an older wrap for the same key is replaced.

        Args:
            key: The content key, 32 bytes.
            recipient: Public key, suite and epoch from the registry.

        Returns:
            The document with the new wrap.

        Raises:
            KeyMaterialError: The public key is not usable.
        """
        if len(key) != KEY_BYTES:
            raise InputError(f"a content key has {KEY_BYTES} bytes, this one has {len(key)}", fix="Take new_key().")
        key_hash = recipient.key_hash
        info = wrap_info(self.record_id, suite=recipient.suite, key_hash=key_hash, epoch=recipient.epoch)
        wrap = Wrap(recipient.suite, key_hash, recipient.epoch, recipient.wrap(key, info))
        others = [w for w in self.wraps if w.key_hash != key_hash]
        return replace(self, wraps=tuple(sorted([*others, wrap], key=lambda w: w.key_hash)))

    def open(self, opener: Opener) -> Secret:
        """Return the content key.

        Raises:
            NotARecipient: There is no wrap for this key.
            SealedDamaged: The wrap was changed, or belongs to another record.
        """
        wrap = self._of(opener.key_hash)
        if wrap is None or wrap.suite != opener.suite:
            raise NotARecipient(
                f"record 0x{self.record_id.hex()[:8]}… is not shared with this key",
                why=f"None of its {len(self.wraps)} wraps is for key 0x{opener.key_hash.hex()[:8]}….",
                fix="Ask the author or custodian to share the record with you.",
            )
        info = wrap_info(self.record_id, suite=wrap.suite, key_hash=wrap.key_hash, epoch=wrap.epoch)
        key = opener.unwrap(wrap.sealed, info)
        if len(key) != KEY_BYTES:
            raise SealedDamaged("the wrap opens to something that is not a content key", fix="Ask its author.")
        return key

    def rewrap(self, opener: Opener, recipient: Recipient) -> Wraps:
        """Open with one key and wrap for another: a new reader, or a recovered or rotated key."""
        return self.add(self.open(opener), recipient)

    def destroy(self, key_hash: bytes) -> Wraps:
        """Return the document without the wrap for this key.

        Raises:
            NotFound: There is none.
        """
        if self._of(key_hash) is None:
            raise NotFound(f"there is no wrap for key 0x{key_hash.hex()[:8]}…", fix="See recipients().")
        return replace(self, wraps=tuple(w for w in self.wraps if w.key_hash != key_hash))

    def recipients(self) -> list[bytes]:
        """Return the key hashes that can open the record."""
        return [w.key_hash for w in self.wraps]

    def _of(self, key_hash: bytes) -> Wrap | None:
        return next((w for w in self.wraps if w.key_hash == key_hash), None)

    def to_json(self) -> str:
        """Return the canonical document: sorted keys, no spaces, wraps ordered by key hash."""
        data = {"format": FORMAT, "recordId": "0x" + self.record_id.hex(), "wraps": [w.to_data() for w in self.wraps]}
        return json.dumps(data, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Wraps:
        """Read a document; anything but the canonical form is refused.

        Raises:
            FormatError: It is not such a document.
        """
        try:
            data = read_json(text)
            wraps = tuple(Wrap.from_data(entry) for entry in data["wraps"])
            document = cls(bytes.fromhex(data["recordId"].removeprefix("0x")), wraps)
            hashes = document.recipients()
            if document.to_json() == text and hashes == sorted(set(hashes)):
                return document
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            pass
        raise FormatError(
            "this is not a wraps document",
            why=f"It was cut or changed, or is not the canonical form of {FORMAT}.",
            fix="Fetch it again, unchanged.",
        )


class Shelf:
    """Keeps wraps and sealed openings, a file each per record; file names come from record ids only.

    A shredded record leaves a tombstone in ``shredded``, a list of record ids without any secret. Keep that file out of
    what a restore overwrites (or write it again from the chain, where shredding is a status): a record with a tombstone
    stays shredded, and a copy that a backup brought back is shredded again on sight (:meth:`sweep`, or any access).

    Args:
        folder: Where the files lie; made with mode 0700.
        tombstones: The list of shredded records; default ``shredded`` in the folder.
    """

    def __init__(self, folder: Path, *, tombstones: Path | None = None) -> None:
        self._folder = folder
        self._tombstones = tombstones or folder / "shredded"
        private_folder(folder)

    def save(self, wraps: Wraps) -> None:
        """Put a document in place, overwriting the older one, so that a destroyed wrap does not linger.

        Raises:
            NotFound: The record was shredded.
        """
        self._refuse_shredded(wraps.record_id)
        write_private(self._path(wraps.record_id, "wraps"), wraps.to_json().encode())

    def load(self, record_id: bytes) -> Wraps:
        """Return a record's wraps.

        Raises:
            NotFound: There are none, or the record was shredded.
            FormatError: The file was changed.
        """
        wraps = Wraps.from_json(self._read(record_id, "wraps").decode("utf-8", "replace"))
        if wraps.record_id != record_id:
            raise FormatError("the wraps on the shelf belong to another record", fix="Restore the shelf from a backup.")
        return wraps

    def save_opening(self, record_id: bytes, opening: RecordOpening, key: Secret) -> None:
        """Keep a record's opening, sealed under its content key: whoever can read the record can prove it."""
        self._refuse_shredded(record_id)
        sealed = io.BytesIO()
        seal(io.BytesIO(opening.to_json().encode()), sealed, key, _opening_binding(record_id))
        write_private(self._path(record_id, "opening"), sealed.getvalue())

    def load_opening(self, record_id: bytes, key: Secret) -> RecordOpening:
        """Return a record's opening.

        Raises:
            NotFound: There is none, or the record was shredded.
            SealedDamaged: The file was changed, or the key is another.
        """
        return open_opening(record_id, self.sealed_opening(record_id), key)

    def sealed_opening(self, record_id: bytes) -> bytes:
        """Return a record's opening as it is kept, sealed under the content key.

        Raises:
            NotFound: There is none, or the record was shredded.
        """
        return self._read(record_id, "opening")

    def shred(self, record_id: bytes) -> None:
        """Destroy every wrap and the salt of a record: tombstone first, then overwrite, then remove. Repeatable."""
        if not self.is_shredded(record_id):
            private_folder(self._tombstones.parent)
            handle = os.open(self._tombstones, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(handle, "a") as out:
                out.write(record_id.hex() + "\n")
                out.flush()
                sync_folder(self._tombstones.parent)
        for kind in ("wraps", "opening"):
            shred_file(self._path(record_id, kind))

    def is_shredded(self, record_id: bytes) -> bool:
        """Return whether the record has a tombstone."""
        return record_id.hex() in set(self._tombstone_lines())

    def sweep(self, also: Iterable[bytes] = ()) -> int:
        """Shred again whatever a restore brought back; run it after every restore.

        Args:
            also: Ids of records that are shredded according to the chain, whose tombstones may be lost.

        Returns:
            How many records had come back.
        """
        found = 0
        for record_id in {*also, *(bytes.fromhex(line) for line in self._tombstone_lines())}:
            found += any(self._path(record_id, kind).exists() for kind in ("wraps", "opening"))
            self.shred(record_id)
        return found

    def __contains__(self, record_id: bytes) -> bool:
        """Whether a record has wraps here."""
        return self._path(record_id, "wraps").exists()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the ids of all records that have wraps here."""
        for path in sorted(self._folder.glob("??/*.wraps")):
            yield bytes.fromhex(path.stem)

    def _tombstone_lines(self) -> list[str]:
        try:
            return self._tombstones.read_text().split()
        except FileNotFoundError:
            return []

    def _refuse_shredded(self, record_id: bytes) -> None:
        if self.is_shredded(record_id):
            self.shred(record_id)
            raise NotFound(
                f"record 0x{record_id.hex()[:8]}… was shredded",
                why="All its wraps and salts were destroyed, which is final.",
                fix="There is nothing to open; seal a new record if the content is to be kept after all.",
            )

    def _read(self, record_id: bytes, kind: str) -> bytes:
        self._refuse_shredded(record_id)
        try:
            return self._path(record_id, kind).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(
                f"there are no {kind} of record 0x{record_id.hex()[:8]}… here", fix="Ask its custodian for them."
            ) from error

    def _path(self, record_id: bytes, kind: str) -> Path:
        if len(record_id) != 32:
            raise InputError("a record id has 32 bytes", fix="Give the id as it is on chain.")
        name = record_id.hex()
        return self._folder / name[:2] / f"{name}.{kind}"


def open_opening(record_id: bytes, sealed: bytes, key: Secret) -> RecordOpening:
    """Open a record's opening, wherever it was kept.

    Raises:
        SealedDamaged: It was changed, or the key is another.
    """
    plain = io.BytesIO()
    open_(io.BytesIO(sealed), plain, key, _opening_binding(record_id))
    return RecordOpening.from_json(plain.getvalue().decode("utf-8", "replace"))


def _opening_binding(record_id: bytes) -> bytes:
    return b"careledger/opening/v1" + record_id
