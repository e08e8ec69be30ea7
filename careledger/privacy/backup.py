"""Wallet backup: mnemonic, keys, openings and receipts in one sealed document that any storage may hold.

There are two roads back, either or both: a password, or the keys of recipients one trusts (one's own second device, a
guardian, a steward). The document shows neither whose it is nor how much is in it: its size is padded.
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from careledger.errors import FormatError, InputError, KeyMaterialError, NotARecipient
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import SCRYPT_N, Opener, Recipient
from careledger.privacy.sealing import new_key, open_, seal
from careledger.privacy.wraps import Wraps
from careledger.redact import Secret

FORMAT: Final = "careledger-backup-v1"
"""Format name inside each document."""


@dataclass(frozen=True)
class Backup:
    """What a wallet needs to be whole again."""

    mnemonic: Secret | None = field(default=None, repr=False)
    """The wallet's words, where it has any."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """Private keys, opener seeds and salts that do not follow from the mnemonic, by a name of one's own."""
    openings: Sequence[RecordOpening] = field(default=(), repr=False)
    """Openings of records: without them the chain's digests prove nothing."""
    receipts: Sequence[str] = field(default=(), repr=False)
    """Consent and access receipts, as their own JSON."""


def seal_backup(
    backup: Backup, *, password: Secret | None = None, recipients: Sequence[Recipient] = (), work: int = SCRYPT_N
) -> str:
    """Return a backup as a sealed JSON document.

    Args:
        backup: What to keep.
        password: A road back by something one knows.
        recipients: Roads back by keys; each alone suffices.
        work: scrypt's N, a power of two.

    Raises:
        InputError: There would be no road back.
    """
    if password is None and not recipients:
        raise InputError("a backup without password or recipient could never be opened", fix="Give at least one.")
    key, name, body = new_key(), secrets.token_bytes(32), io.BytesIO()
    seal(io.BytesIO(_to_text(backup)), body, key, _binding(name))
    wraps = Wraps(name)
    for recipient in recipients:
        wraps = wraps.add(key, recipient)
    lock = None
    if password is not None:
        salt, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        locked = _lock(password, salt, work).encrypt(nonce, key.reveal(), _binding(name))
        lock = {"key": to_base64url(locked), "n": work, "nonce": to_base64url(nonce), "salt": to_base64url(salt)}
    document = {
        "format": FORMAT,
        "password": lock,
        "sealed": to_base64url(body.getvalue()),
        "wraps": json.loads(wraps.to_json()),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def open_backup(text: str, *, password: Secret | None = None, opener: Opener | None = None) -> Backup:
    """Open a sealed document by its password, or by the key of one of its recipients.

    Raises:
        FormatError: It is not such a document, or was cut.
        KeyMaterialError: The password is wrong, or the document has none.
        NotARecipient: The document has no wrap for this key.
        SealedDamaged: It was changed.
    """
    wraps, lock, sealed = _read(text)
    if opener is not None:
        key = wraps.open(opener)
    elif password is not None and lock is not None:
        key = _unlock(lock, password, _binding(wraps.record_id))
    elif password is not None:
        raise KeyMaterialError("this backup was made without a password", fix="Open it with a recipient's key.")
    else:
        raise NotARecipient("neither a password nor a key was given", fix="Give one of them.")
    plain = io.BytesIO()
    open_(io.BytesIO(sealed), plain, key, _binding(wraps.record_id))
    return _from_text(plain)


def _read(text: str) -> tuple[Wraps, dict[str, Any] | None, bytes]:
    try:
        document = json.loads(text)
        if document["format"] == FORMAT:
            wraps = Wraps.from_json(json.dumps(document["wraps"], sort_keys=True, separators=(",", ":")))
            lock = document["password"]
            if lock is not None and not _sane(lock):
                raise ValueError("lock")
            return wraps, lock, from_base64url(document["sealed"])
    except (ValueError, KeyError, TypeError, AttributeError, FormatError):
        pass
    raise FormatError(
        "this is not a wallet backup", why=f"It was cut, or is not of the format {FORMAT}.", fix="Use another copy."
    )


def _sane(lock: dict[str, Any]) -> bool:
    n = lock["n"]
    sizes = [len(from_base64url(lock[name])) for name in ("salt", "nonce", "key")]
    return type(n) is int and 1 << 10 <= n <= 1 << 20 and not n & (n - 1) and sizes == [32, 12, 48]


def _lock(password: Secret, salt: bytes, work: int) -> AESGCM:
    return AESGCM(Scrypt(salt=salt, length=32, n=work, r=8, p=1).derive(password.reveal()))


def _unlock(lock: dict[str, Any], password: Secret, binding: bytes) -> Secret:
    cipher = _lock(password, from_base64url(lock["salt"]), lock["n"])
    try:
        return Secret(
            cipher.decrypt(from_base64url(lock["nonce"]), from_base64url(lock["key"]), binding), "content key"
        )
    except InvalidTag:
        raise KeyMaterialError(
            "the backup does not open",
            why="The password is wrong, or the document was changed.",
            fix="Check the password, or open the backup with a recipient's key.",
        ) from None


def _binding(name: bytes) -> bytes:
    return b"careledger/backup/v1" + name


def _to_text(backup: Backup) -> bytes:
    return json.dumps(
        {
            "keys": {name: to_base64url(key.reveal()) for name, key in backup.keys.items()},
            "mnemonic": backup.mnemonic.reveal().decode() if backup.mnemonic else None,
            "openings": [opening.to_json() for opening in backup.openings],
            "receipts": list(backup.receipts),
        }
    ).encode()


def _from_text(plain: io.BytesIO) -> Backup:
    """Read what :func:`_to_text` wrote; it was authenticated, so it is as it was written."""
    fields = json.loads(plain.getvalue())
    return Backup(
        mnemonic=Secret(fields["mnemonic"].encode(), "mnemonic") if fields["mnemonic"] else None,
        keys={name: Secret(from_base64url(key), "key") for name, key in fields["keys"].items()},
        openings=tuple(RecordOpening.from_json(text) for text in fields["openings"]),
        receipts=tuple(fields["receipts"]),
    )
