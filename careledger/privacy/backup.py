"""Wallet backup: mnemonic, keys, accounts, salts, openings, receipts and duties in one sealed document.

There are three roads back, any of them alone: a password, the keys of recipients one trusts (one's own second device, a
guardian, a steward), or shares, k of n of them. The document shows neither whose it is nor how much is in it: its size
is padded, and recipients are not named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.errors import KeyMaterialError
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.documents import Split, open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import SCRYPT_N, Opener, Recipient
from careledger.privacy.pseudonyms import KnownAccount, Wallet
from careledger.redact import Secret
from careledger.text import read_json

KIND: Final = "backup"
FORMAT: Final = "careledger-backup-v1"
"""Format name inside each document."""


@dataclass(frozen=True)
class Backup:
    """What a wallet needs to be whole again."""

    mnemonic: Secret | None = field(default=None, repr=False)
    """The wallet's words, where it has any."""
    seed: Secret | None = field(default=None, repr=False)
    """Instead of them, the seed they lead to: it gives the same wallet, and serves where the words are not known."""
    keys: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    """Private keys, opener seeds and salts that do not follow from the mnemonic, by a name of one's own."""
    openings: Sequence[RecordOpening] = field(default=(), repr=False)
    """Openings of records: without them the chain's digests prove nothing."""
    receipts: Sequence[str] = field(default=(), repr=False)
    """Consent and access receipts, as their own JSON."""
    accounts: Sequence[KnownAccount] = field(default=(), repr=False)
    """The pseudonyms in use, so that a restored wallet knows where to look."""
    counters: Mapping[str, int] = field(default_factory=dict, repr=False)
    """The next number of a scope that is counted, by provider: encounters are never numbered twice."""
    kit: str | None = field(default=None, repr=False)
    """The recovery kit: which guardians can give which account back."""
    duties: Sequence[str] = field(default=(), repr=False)
    """Guardians' sheets of others, whom this wallet's owner may have to help."""
    papers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Other sealed files of the wallet by name, such as a ceremony under way."""
    made_at: int = field(default=0, repr=False)
    """When, in seconds since 1970; 0 where it was not said."""
    serial: int = field(default=0, repr=False)
    """The how-manieth of this wallet, from 1: tells an older backup from a newer one whatever the clocks said."""

    def wallet(self, *, passphrase: Secret | None = None) -> Wallet:
        """Return the wallet: by its seed where there is one, else by its words.

        Args:
            passphrase: BIP-39's extra word, which is in no backup of the words.

        Raises:
            KeyMaterialError: The backup holds neither.
        """
        if self.seed is not None:
            return Wallet(self.seed)
        if self.mnemonic is None:
            raise KeyMaterialError("this backup holds no wallet", why="It keeps keys and papers only.")
        return Wallet.from_mnemonic(self.mnemonic, passphrase=passphrase)


def seal_backup(
    backup: Backup, *, password: Secret | None = None, recipients: Sequence[Recipient] = (),
    split: Split | None = None, work: int = SCRYPT_N,
) -> str:  # fmt: skip
    """Return a backup as a sealed JSON document.

    Args:
        backup: What to keep.
        password: A road back by something one knows.
        recipients: Roads back by keys; each alone suffices.
        split: A road back by shares.
        work: scrypt's N, a power of two.

    Raises:
        InputError: There would be no road back.
    """
    return seal_document(to_text(backup), KIND, password=password, recipients=recipients, split=split, work=work)


def open_backup(
    text: str, *, password: Secret | None = None, opener: Opener | None = None, shares: Sequence[Secret] = ()
) -> Backup:
    """Open a sealed document by its password, by the key of one of its recipients, or by enough shares.

    Raises:
        FormatError: It is not such a document, or was cut.
        KeyMaterialError: The password or the shares are wrong, or the document has none.
        NotARecipient: The document has no wrap for this key.
        SealedDamaged: It was changed.
    """
    return from_text(open_document(text, KIND, password=password, opener=opener, shares=shares))


def to_text(backup: Backup) -> bytes:
    """Return a backup as bytes, unsealed: to be sealed at once."""
    return json.dumps(
        {
            "accounts": [account.to_json() for account in backup.accounts],
            "counters": dict(backup.counters),
            "duties": list(backup.duties),
            "keys": {name: to_base64url(key.reveal()) for name, key in backup.keys.items()},
            "kit": backup.kit,
            "madeAt": backup.made_at,
            "mnemonic": backup.mnemonic.reveal().decode() if backup.mnemonic else None,
            "papers": dict(backup.papers),
            "openings": [opening.to_json() for opening in backup.openings],
            "receipts": list(backup.receipts),
            "seed": to_base64url(backup.seed.reveal()) if backup.seed else None,
            "serial": backup.serial,
        }
    ).encode()


def from_text(plain: bytes) -> Backup:
    """Read what :func:`to_text` wrote, out of a seal that says it is as it was written."""
    fields: dict[str, Any] = read_json(plain)
    return Backup(
        mnemonic=Secret(fields["mnemonic"].encode(), "mnemonic") if fields["mnemonic"] else None,
        seed=Secret(from_base64url(fields["seed"]), "seed") if fields["seed"] else None,
        keys={name: Secret(from_base64url(key), "key") for name, key in fields["keys"].items()},
        openings=tuple(RecordOpening.from_json(text) for text in fields["openings"]),
        receipts=tuple(fields["receipts"]),
        accounts=tuple(KnownAccount.from_json(account) for account in fields["accounts"]),
        counters=dict(fields["counters"]),
        kit=fields["kit"],
        duties=tuple(fields["duties"]),
        papers=dict(fields["papers"]),
        made_at=fields["madeAt"],
        serial=fields["serial"],
    )
