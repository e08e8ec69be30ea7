"""The sealed file: one SQLite table of rows that say nothing to whoever lacks the organisation's opener.

A row's place is a keyed tag (HMAC-SHA-256) of what it is about, its content AES-256-GCM under the directory's data key
with the place as associated data, padded to 256 bytes. The data key is random and wrapped (HPKE) for each opener. The
head seals a sum over all rows and lines of the history (an additive multiset hash of HMACs), so that a row that was
taken out, or put back as it was before, is noticed when the file is opened. An older copy of the whole file is not.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import secrets
import sqlite3
import tempfile
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
_MODULUS: Final = 1 << 256
_CORRUPT: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_SCHEMA: Final = (
    "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1), file_id BLOB NOT NULL, wraps BLOB NOT NULL, "
    "sealed BLOB NOT NULL)",
    "CREATE TABLE rows (place BLOB PRIMARY KEY, sealed BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE history (number INTEGER PRIMARY KEY, sealed BLOB NOT NULL)",
)


class _Keys:
    """The data key and what follows from it; ``file_id`` is 32 random bytes in the clear."""

    def __init__(self, data: Secret, file_id: bytes) -> None:
        self.data, self.file_id = data, file_id
        self.tags, self._whole = self._derive(b"tags"), self._derive(b"whole")
        self._aead = AESGCM(self._derive(b"seal").reveal())

    def _derive(self, what: bytes) -> Secret:
        kdf = HKDF(algorithm=SHA256(), length=32, salt=self.file_id, info=b"careledger/directory/v1/" + what)
        return Secret(kdf.derive(self.data.reveal()), "directory key")

    def seal(self, place: bytes, data: Any) -> bytes:
        text = json.dumps(data, separators=(",", ":"))
        nonce = secrets.token_bytes(12)
        return nonce + self._aead.encrypt(nonce, (text + " " * (-len(text) % _PAD)).encode(), self._bound(place))

    def open(self, place: bytes, sealed: bytes) -> Any:
        try:
            return json.loads(self._aead.decrypt(sealed[:12], sealed[12:], self._bound(place)))
        except (InvalidTag, ValueError, TypeError):
            raise _damaged() from None

    def weight(self, place: bytes, sealed: bytes) -> int:
        """Return what a row adds to the sum over all of them."""
        data = len(place).to_bytes(2, "big") + place + sealed
        return int.from_bytes(hmac.digest(self._whole.reveal(), data, hashlib.sha256), "big")

    def _bound(self, place: bytes) -> bytes:
        return b"careledger/directory/v1" + self.file_id + place


def _head(wraps: bytes) -> bytes:
    """Return the place of the head, which binds the wraps beside it."""
    return b"head" + hashlib.sha256(wraps).digest()


def _line(number: int) -> bytes:
    """Return the place of a line of the history."""
    return b"history" + number.to_bytes(8, "big")


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
        place = tag(self._keys.tags, *parts)
        row = self._db.execute("SELECT sealed FROM rows WHERE place = ?", (place,)).fetchone()
        return None if row is None else self._keys.open(place, row[0])["is"]

    def put(self, *parts: str, content: Any) -> None:
        """Write a row; one that is there is replaced."""
        self.delete(*parts)
        place = tag(self._keys.tags, *parts)
        sealed = self._keys.seal(place, {"of": parts, "is": content})
        self._db.execute("INSERT INTO rows VALUES (?, ?)", (place, sealed))
        self._add(self._keys.weight(place, sealed))
        step("directory.row")

    def delete(self, *parts: str) -> None:
        """Take a row out, if it is there."""
        place = tag(self._keys.tags, *parts)
        row = self._db.execute("DELETE FROM rows WHERE place = ? RETURNING sealed", (place,)).fetchone()
        if row is not None:
            self._add(-self._keys.weight(place, row[0]))

    def note(self, content: Any) -> None:
        """Add a line to the history; none is ever changed or taken out."""
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM history").fetchone()
        sealed = self._keys.seal(_line(last + 1), content)
        self._db.execute("INSERT INTO history VALUES (?, ?)", (last + 1, sealed))
        self._add(self._keys.weight(_line(last + 1), sealed))
        step("directory.line")

    def about(self, first: str) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Yield parts and content of every row whose parts begin with a word."""
        for place, sealed in self._db.execute("SELECT place, sealed FROM rows ORDER BY place"):
            found = self._keys.open(place, sealed)
            if found["of"][0] == first:
                yield tuple(found["of"]), found["is"]

    def history(self) -> Iterator[tuple[int, Any]]:
        """Yield number and content of every line, oldest first."""
        for number, sealed in self._db.execute("SELECT number, sealed FROM history ORDER BY number"):
            yield number, self._keys.open(_line(number), sealed)

    def change_head(self, **changes: Any) -> None:
        """Change members of the head; with other openers the data key is wrapped anew."""
        self.head = {**self.head, **changes}
        self.head_changed = True
        if "openers" in changes:
            self._wraps = b""

    def _add(self, weight: int) -> None:
        self.change_head(sum=f"{(int(self.head['sum'], 16) + weight) % _MODULUS:064x}")

    # AS A WHOLE

    def check(self) -> None:
        """Compare the sum over everything with the head's.

        Raises:
            SealedDamaged: Something was taken out, put in, or put back.
        """
        try:
            total = sum(self._keys.weight(place, sealed) for place, sealed in self._everything())
        except (TypeError, OverflowError):  # a changed byte can make a number or a text of what was bytes
            raise _damaged() from None
        if f"{total % _MODULUS:064x}" != self.head["sum"]:
            raise _damaged()

    def renew(self) -> None:
        """Seal everything anew under a fresh data key; the old keys' tags stay known for the history."""
        old, new = self._keys, _Keys(new_key(), self._keys.file_id)
        rows = list(self._db.execute("SELECT place, sealed FROM rows"))
        lines = list(self._db.execute("SELECT number, sealed FROM history"))
        self._db.execute("DELETE FROM rows")
        self._db.execute("DELETE FROM history")
        self._keys = new
        self.change_head(
            sum="0", openers=self.head["openers"], tagKeys=[*self.head["tagKeys"], to_base64url(old.tags.reveal())]
        )
        for place, sealed in rows:
            found = old.open(place, sealed)
            self.put(*found["of"], content=found["is"])
        for number, sealed in lines:
            again = new.seal(_line(number), old.open(_line(number), sealed))
            self._db.execute("INSERT INTO history VALUES (?, ?)", (number, again))
            self._add(new.weight(_line(number), again))

    def write_head(self) -> None:
        """Put the head in place, with the data key wrapped for the openers it names."""
        if not self._wraps:
            wraps = Wraps(self._keys.file_id)
            for each in openers_of(self.head):
                wraps = wraps.add(self._keys.data, each)
            self._wraps = wraps.to_json().encode()
        sealed = self._keys.seal(_head(self._wraps), self.head)
        row = (self._keys.file_id, self._wraps, sealed)
        self._db.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?)", row)

    def _everything(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self._db.execute("SELECT place, sealed FROM rows")
        for number, sealed in self._db.execute("SELECT number, sealed FROM history"):
            yield _line(number), sealed


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
        with tempfile.TemporaryDirectory(prefix=".careledger-", dir=self.path.parent) as folder:
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
        rows = Rows(db, keys, keys.open(_head(wraps), sealed), wraps)
        if {key: rows.head.get(key) for key in self._belongs} != self._belongs:
            raise SealedDamaged(
                "this file is the directory of another organisation, suite or chain",
                fix="Put the right file in its place.",
            )
        if not self._checked:
            rows.check()
            self._checked = True
        return rows

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
