"""The sealed file: one SQLite table of rows that say nothing to whoever lacks the organisation's opener.

A row's place is a keyed tag (HMAC-SHA-256) of what it is about, its content AES-256-GCM under the directory's data key
with the place as associated data, padded to 256 bytes. Nonce and tag of each row lie in a small table of their own, and
the head seals a sum over that table (an additive multiset hash of keyed BLAKE2b): a row that was taken out, or put back
as it was before, is noticed when the file is opened. An older copy of the whole file is not. The data key is random and
wrapped (HPKE) for each opener.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import secrets
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from careledger.errors import CareLedgerError, FormatError, NotARecipient, SealedDamaged, StorageError
from careledger.privacy import private_db
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.files import sync_folder
from careledger.privacy.openers import Opener, Recipient, Suite
from careledger.privacy.sealing import KEY_BYTES, new_key
from careledger.privacy.tags import tag
from careledger.privacy.wraps import Wraps
from careledger.redact import Secret
from careledger.steps import step

__all__ = ["Rows", "SealedFile"]

Tag = tuple[int, str]
"""What stands for a row's subject in the history: which of the directory's keys, and the tag under it in hex."""

_FORMAT: Final = 1
_APPLICATION: Final = 0x434C4452
"""SQLite's mark of whose file it is: ``CLDR``."""
_PAD: Final = 256
_PART: Final = ".careledger-"
_STALE_SECONDS: Final = 3600
_MODULUS: Final = 1 << 256
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_SCHEMA: Final = (
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), file_id BLOB NOT NULL, wraps BLOB NOT NULL, "
    "sealed BLOB NOT NULL)",
    "CREATE TABLE seals (place BLOB PRIMARY KEY, seal BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE contents (place BLOB PRIMARY KEY, content BLOB NOT NULL)",
)
_SELECT: Final = "SELECT place, seal, content FROM seals LEFT JOIN contents USING (place)"
_LINES_IN_ORDER: Final = "WHERE place BETWEEN ? AND ? AND length(place) < 32 ORDER BY place"
_LAST: Final = f"{_LINES_IN_ORDER} DESC LIMIT 1"
_TAG_BYTES: Final = 32
_SEAL_BYTES: Final = 12 + 16
"""Nonce and tag of AES-GCM."""


class _Keys:
    """The data key and what follows from it; ``file_id`` is 32 random bytes in the clear."""

    def __init__(self, data: Secret, file_id: bytes) -> None:
        self.data, self.file_id = data, file_id
        self.tags, self._whole = self._derive(b"tags"), self._derive(b"whole")
        self._aead = AESGCM(self._derive(b"seal").reveal())

    def _derive(self, what: bytes) -> Secret:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=self.file_id, info=b"careledger/directory/v1/" + what)
        return Secret(kdf.derive(self.data.reveal()), "directory key")

    def seal(self, place: bytes, data: Any) -> tuple[bytes, bytes]:
        """Return seal (nonce and tag) and content."""
        text = json.dumps(data, separators=(",", ":"))
        nonce = secrets.token_bytes(12)
        sealed = self._aead.encrypt(nonce, (text + " " * (-len(text) % _PAD)).encode(), self._bound(place))
        return nonce + sealed[-16:], sealed[:-16]

    def open(self, place: bytes, seal: bytes, content: bytes) -> Any:
        try:
            return json.loads(self._aead.decrypt(seal[:12], content + seal[12:], self._bound(place)))
        except (InvalidTag, ValueError, TypeError):
            raise _damaged() from None

    def weight(self, place: bytes, seal: bytes) -> int:
        """Return what a row adds to the sum over all of them; its content is bound by the tag in its seal."""
        # a seal's size is always the same, so that no two rows run into one
        whole = hashlib.blake2b(place + seal, key=self._whole.reveal(), digest_size=32)
        return int.from_bytes(whole.digest(), "big")

    def _bound(self, place: bytes) -> bytes:
        return b"careledger/directory/v1" + self.file_id + place


def _head(wraps: bytes) -> bytes:
    """Return the place of the head, which binds the wraps beside it."""
    return b"head" + hashlib.sha256(wraps).digest()


_LINES: Final = b"history"


def _line(number: int) -> bytes:
    """Return the place of a line of the history: in order, and shorter than a tag."""
    return _LINES + number.to_bytes(8, "big")


_RANGE: Final = (_line(0), _line((1 << 64) - 1))


class Rows:
    """The rows within one transaction. What is about what is said by ``parts``, such as ``("party", "5f…")``."""

    def __init__(self, db: sqlite3.Connection, keys: _Keys, head: dict[str, Any], wraps: bytes = b"") -> None:
        self._db, self._keys, self.head, self._wraps = db, keys, head, wraps
        self.head_changed = False

    def tags(self, *parts: str) -> list[Tag]:
        """Return the tags of something under every key the directory has had, the newest last."""
        older = [Secret(from_base64url(text), "directory key") for text in self.head["tagKeys"]]
        return [(number, tag(key, *parts).hex()) for number, key in enumerate([*older, self._keys.tags])]

    def get(self, *parts: str) -> Any:
        """Return a row's content, or None."""
        found = self._read(tag(self._keys.tags, *parts))
        return None if found is None else found["is"]

    def put(self, *parts: str, content: Any) -> None:
        """Write a row; one that is there is replaced."""
        self.delete(*parts)
        self._write(tag(self._keys.tags, *parts), {"of": parts, "is": content})
        step("directory.row")

    def delete(self, *parts: str) -> None:
        """Take a row out, if it is there."""
        place = tag(self._keys.tags, *parts)
        row = self._db.execute("SELECT seal FROM seals WHERE place = ?", (place,)).fetchone()
        if row is not None:
            self._db.execute("DELETE FROM seals WHERE place = ?", (place,))
            self._db.execute("DELETE FROM contents WHERE place = ?", (place,))
            self._add(-self._keys.weight(place, row[0]))

    def note(self, content: Any) -> None:
        """Add a line to the history; none is ever changed or taken out."""
        last = self._db.execute(f"{_SELECT} {_LAST}", _RANGE).fetchone()
        self._write(_line(1 if last is None else int.from_bytes(last[0][-8:], "big") + 1), content)
        step("directory.line")

    def about(self, first: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield parts and content of every row whose parts begin with a word."""
        for place, *sealed in self._db.execute(_SELECT):
            if len(place) != _TAG_BYTES:
                continue
            found = self._keys.open(place, *sealed)
            if found["of"][0] == first:
                yield tuple(found["of"]), found["is"]

    def history(self) -> Iterator[tuple[int, Any]]:
        """Yield number and content of every line, oldest first."""
        for place, *sealed in self._db.execute(f"{_SELECT} {_LINES_IN_ORDER}", _RANGE):
            yield int.from_bytes(place[-8:], "big"), self._keys.open(place, *sealed)

    def change_head(self, **changes: Any) -> None:
        """Change members of the head; with other openers the data key is wrapped anew."""
        self.head = {**self.head, **changes}
        self.head_changed = True
        if "openers" in changes:
            self._wraps = b""

    def _read(self, place: bytes) -> Any:
        row = self._db.execute(f"{_SELECT} WHERE place = ?", (place,)).fetchone()
        return None if row is None else self._keys.open(*row)

    def _write(self, place: bytes, data: Any) -> None:
        seal, content = self._keys.seal(place, data)
        self._db.execute("INSERT INTO seals VALUES (?, ?)", (place, seal))
        self._db.execute("INSERT INTO contents VALUES (?, ?)", (place, content))
        self._add(self._keys.weight(place, seal))

    def _add(self, weight: int) -> None:
        self.change_head(sum=f"{(int(self.head['sum'], 16) + weight) % _MODULUS:064x}")

    # AS A WHOLE

    def check(self) -> None:
        """Compare the sum over everything with the head's.

        Raises:
            SealedDamaged: Something was taken out, put in, or put back.
        """
        try:
            total = sum(self._keys.weight(*row) for row in self._db.execute("SELECT place, seal FROM seals"))
        except (TypeError, OverflowError):  # a changed byte can make a number or a text of what was bytes
            raise _damaged() from None
        if f"{total % _MODULUS:064x}" != self.head["sum"]:
            raise _damaged()

    def renew(self) -> None:
        """Seal everything anew under a fresh data key; the old keys' tags stay known for the history."""
        old, new = self._keys.tags.reveal(), _Keys(new_key(), self._keys.file_id)
        every = list(self._db.execute("SELECT place FROM seals"))
        kept = [(place, self._read(place)) for (place,) in every]
        self._db.execute("DELETE FROM seals")
        self._db.execute("DELETE FROM contents")
        self._keys = new
        self.change_head(sum="0", openers=self.head["openers"], tagKeys=[*self.head["tagKeys"], to_base64url(old)])
        for place, content in kept:
            self._write(place if place.startswith(_LINES) else tag(new.tags, *content["of"]), content)
            step("directory.row")

    def write_head(self) -> None:
        """Put the head in place, with the data key wrapped for the openers it names."""
        if not self._wraps:
            wraps = Wraps(self._keys.file_id)
            for each in openers_of(self.head):
                wraps = wraps.add(self._keys.data, each)
            self._wraps = wraps.to_json().encode()
        seal, content = self._keys.seal(_head(self._wraps), self.head)
        row = (self._keys.file_id, self._wraps, seal + content)
        self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", row)


class SealedFile:
    """The file of one directory, safe for threads, processes, forks and kills.

    Args:
        path: Where it lies; its folder is made with mode 0700.
        belongs: Organisation, suite and chain it must be of.
    """

    def __init__(self, path: Path, belongs: Mapping[str, str]) -> None:
        self.path, self._belongs = path, dict(belongs)
        self._known: tuple[bytes, _Keys] | None = None
        self._checked = False

    @property
    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def create(self, recipient: Recipient) -> None:
        """Make an empty directory for an opener, whole or not at all; one that another process made meanwhile stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for stale in self.path.parent.glob(f"{_PART}*"):  # of a process that was killed here
            if time.time() - stale.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(stale, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_PART, dir=self.path.parent) as folder:
            part = Path(folder) / self.path.name
            private_db.make(part)
            with private_db.opened(part, refusal=_refusal) as db:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute(f"PRAGMA application_id={_APPLICATION}")
                db.execute(f"PRAGMA user_version={_FORMAT}")
                with db:
                    for statement in _SCHEMA:
                        db.execute(statement)
                    head = {**self._belongs, "name": "", "openers": [], "tagKeys": [], "sum": f"{0:064x}"}
                    rows = Rows(db, _Keys(new_key(), secrets.token_bytes(32)), head)
                    rows.change_head(openers=[opener_data(recipient)])
                    rows.write_head()
            step("directory.made")
            with contextlib.suppress(FileExistsError):
                self.path.hardlink_to(part)
        sync_folder(self.path.parent)
        step("directory.placed")

    @contextlib.contextmanager
    def reading(self, opener: Opener) -> Iterator[Rows]:
        """Open the file to read: everything in the block is of one moment.

        Raises:
            NotARecipient: It is not sealed for this opener.
            SealedDamaged: It was changed or cut, or is another file.
        """
        with self._opened() as db:
            db.execute("BEGIN")
            yield self._rows(db, opener)

    @contextlib.contextmanager
    def acting(self, opener: Opener) -> Iterator[Rows]:
        """Open the file to change it: everything in the block, or nothing where it raises or is killed.

        Raises:
            NotARecipient: It is not sealed for this opener.
            SealedDamaged: It was changed or cut, or is another file.
        """
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            rows = self._rows(db, opener)
            step("directory.begun")
            yield rows
            if rows.head_changed:
                rows.write_head()
            step("directory.written")
            db.execute("COMMIT")
        step("directory.committed")

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with private_db.opened(self.path, refusal=_refusal) as db:
                db.isolation_level = None  # the driver must not begin by itself: its BEGIN is a deferred one
                yield db
        except sqlite3.IntegrityError:  # no rule of the tables is ever broken by what is written here
            raise _damaged() from None

    def _rows(self, db: sqlite3.Connection, opener: Opener) -> Rows:
        """Return the rows of a file that is this directory's and whole."""
        (application,), (version,) = (
            db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
        )
        if application != _APPLICATION or version > _FORMAT:
            raise (
                _damaged()
                if application != _APPLICATION
                else FormatError(f"this directory is of format {version}, newer than this program's", fix="Upgrade.")
            )
        found = db.execute("SELECT file_id, wraps, sealed FROM head").fetchone()
        if found is None or not all(isinstance(each, bytes) for each in found):
            raise _damaged()
        file_id, wraps, sealed = found
        keys = self._unlock(file_id, wraps, opener)
        rows = Rows(db, keys, keys.open(_head(wraps), sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]), wraps)
        if {key: rows.head.get(key) for key in self._belongs} != self._belongs:
            raise SealedDamaged(
                "this file is the directory of another organisation, suite or chain",
                fix="Put the right file in its place.",
            )
        if not self._checked:
            self._require_length(db)
            rows.check()
            self._checked = True
        return rows

    def _require_length(self, db: sqlite3.Connection) -> None:
        """Refuse a file that was cut where nothing is kept now: SQLite would notice when it comes to use the place."""
        (pages,), (size,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        there, ahead = self.path.stat().st_size, self.path.with_name(self.path.name + "-wal")
        written_ahead = ahead.exists() and ahead.stat().st_size > 0
        if there % size or (there < pages * size and not written_ahead):
            raise _damaged()

    def _unlock(self, file_id: bytes, wraps: bytes, opener: Opener) -> _Keys:
        if self._known is not None and self._known[0] == opener.key_hash + file_id + wraps:
            return self._known[1]
        try:
            document = Wraps.from_json(wraps.decode())
            if document.record_id != file_id:
                raise _damaged()
            key = document.open(opener)
        except NotARecipient:
            raise NotARecipient(
                "the directory does not open with this key",
                why="It is sealed for other openers than this profile's.",
                fix="Use the organisation's opener, or have this one added: careledger directory share.",
            ) from None
        except (FormatError, SealedDamaged, UnicodeDecodeError):
            raise _damaged() from None
        if len(key) != KEY_BYTES:
            raise _damaged()
        keys = _Keys(key, file_id)
        self._known = (opener.key_hash + file_id + wraps, keys)
        return keys


def openers_of(head: Mapping[str, Any]) -> list[Recipient]:
    """Return the keys a directory is sealed for."""
    return [
        Recipient(from_base64url(each["publicKey"]), Suite(each["suite"]), each["epoch"]) for each in head["openers"]
    ]


def opener_data(recipient: Recipient) -> dict[str, Any]:
    """Return a public key as JSON data."""
    return {
        "publicKey": to_base64url(recipient.public_key), "suite": int(recipient.suite), "epoch": recipient.epoch
    }  # fmt: skip


def _damaged() -> SealedDamaged:
    return SealedDamaged(
        "the directory's file was changed or cut, or is another file",
        why="What it says does not fit its seal.",
        fix="Restore it from a backup.",
    )


def _refusal(error: sqlite3.Error) -> CareLedgerError:
    if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF in _CORRUPT or "no such" in str(error):
        return _damaged()
    return StorageError(
        f"the directory's file cannot be used: {type(error).__name__}",
        why="It is locked by another program for long, or cannot be written.",
        fix="Check the folder's rights and free space, and try again.",
    )
