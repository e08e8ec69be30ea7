"""Backups in a store: written beside the older ones, read back, and only then are the older ones thinned out.

A backup lies under its content id like any sealed file; the id says nothing, and another one is made each time.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from careledger.errors import CareLedgerError, InputError, NotFound, StorageError
from careledger.privacy.backup import FORMAT, Backup, open_backup, seal_backup
from careledger.privacy.documents import Split
from careledger.privacy.openers import SCRYPT_N, Opener, Recipient
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.privacy.walletbook import Papers, WalletBook
from careledger.redact import Secret
from careledger.steps import step
from careledger.storage import Cid, Store

__all__ = ["Restored", "Saved", "find_backups", "put_back", "restore", "save_backup"]

_START: Final = f'{{"format":"{FORMAT}"'.encode()


@dataclass(frozen=True)
class Saved:
    """A backup that is in the store, read back and whole."""

    cid: Cid
    """Where it is; write it down, or let ``find_backups`` look for it."""
    serial: int
    """The how-manieth of this wallet."""
    removed: int = 0
    """How many older ones were removed for it."""


@dataclass(frozen=True)
class Restored:
    """A wallet that is back."""

    wallet: Wallet
    backup: Backup = field(repr=False)
    cid: Cid | None
    warning: str | None = None
    """What to know, such as that newer papers were here already; None where there is nothing."""


def save_backup(
    book: WalletBook, store: Store, *, password: Secret | None = None, recipients: Sequence[Recipient] = (),
    split: Split | None = None, mnemonic: Secret | None = None, keep: int = 3, work: int = SCRYPT_N,
) -> Saved:  # fmt: skip
    """Save a wallet with its papers into a store.

    Killed at any moment, the older backups are all there; what was written is whole or not there.

    Args:
        book: The wallet's papers.
        store: Where to; any folder or object store.
        password: A road back by something one knows.
        recipients: Roads back by keys.
        split: A road back by shares.
        mnemonic: The words, if they are to be shown again after a restore; the seed is kept in any case.
        keep: How many of this wallet's backups stay in this store, the new one included.
        work: scrypt's N.

    Raises:
        InputError: There would be no road back.
        StorageError: The store refused, or answers other bytes than it was given.
    """
    if keep < 1:
        raise InputError("at least the new backup is kept", fix="Give keep=1 or more.")
    serial = book.change(_counted).holdings.serial
    whole = replace(book.holdings, seed=book.wallet.seed, mnemonic=mnemonic, serial=serial, made_at=int(time.time()))
    text = seal_backup(whole, password=password, recipients=recipients, split=split, work=work).encode()
    step("backup.sealed")
    cid = store.put(io.BytesIO(text))
    step("backup.put")
    if _read(store, cid) != text:
        raise StorageError("the store does not give the backup back as it was written", fix="Use another store.")
    papers = book.change(lambda old: replace(old, saved=(*old.saved, (serial, cid))))
    step("backup.noted")
    spare = [item for item in papers.saved if _is_there(store, item[1])][:-keep]
    for _, old in spare:
        store.delete(old)
    book.change(lambda old: replace(old, saved=tuple(item for item in old.saved if item not in spare)))
    return Saved(cid, serial, len(spare))


def _counted(old: Papers) -> Papers:
    """Count the backup before it is made, so that two never have one number."""
    return replace(old, holdings=replace(old.holdings, serial=old.holdings.serial + 1))


def _is_there(store: Store, cid: str) -> bool:
    """Whether this very store has it: a book's backups may lie in several."""
    return store.has(cid)


def find_backups(
    store: Store, *, password: Secret | None = None, opener: Opener | None = None, shares: Sequence[Secret] = ()
) -> list[tuple[Cid, Backup]]:
    """Return every backup in a store that opens this way, the newest last.

    Each candidate is tried, which for a password takes a third of a second.
    """
    return _search(store, password, opener, shares)[0]


def _search(
    store: Store, password: Secret | None, opener: Opener | None, shares: Sequence[Secret]
) -> tuple[list[tuple[Cid, Backup]], int]:
    """Return what opens, the newest last, and how many backups the store does not give back whole."""
    found: list[tuple[Cid, Backup]] = []
    damaged = 0
    for cid in store.list():
        try:
            if _looks_like_one(store, cid):
                found.append((cid, _fetch(store, cid, password, opener, shares)))
        except StorageError:
            damaged += 1
        except CareLedgerError:
            continue
    return sorted(found, key=lambda item: (item[1].serial, item[1].made_at)), damaged


def restore(
    store: Store, cid: str | None = None, *, password: Secret | None = None, opener: Opener | None = None,
    shares: Sequence[Secret] = (),
) -> Restored:  # fmt: skip
    """Bring a wallet back from a store; ``WalletBook.take_in`` then puts its papers in place.

    Args:
        store: Where the backup is.
        cid: Which; the newest that opens when not given.
        password: The road back, one of these three.
        opener: The key of a recipient.
        shares: Enough shares.

    Raises:
        NotFound: There is no such backup, or none opens this way.
        InputError: Backups of several wallets open this way, and none is named.
        FormatError: It is not a backup, or was cut.
        KeyMaterialError: The password or the shares are wrong.
        NotARecipient: It was not sealed for this key.
        SealedDamaged: It was changed.
        StorageError: The store does not answer, or answers other bytes.
    """
    warning = None
    if cid is None:
        candidates, damaged = _search(store, password, opener, shares)
        if damaged:
            warning = f"{damaged} of the files in this store are damaged: one of them may be a newer backup."
        if not candidates:
            raise NotFound(
                "no backup in this store opens this way",
                why="The password, key or shares are others, or the backup is in another store.",
                fix="Check them, or name the backup by its content id.",
            )
        _require_one_wallet(candidates)
        found, backup = candidates[-1]
    else:
        found, backup = Cid(cid), _fetch(store, cid, password, opener, shares)
    return Restored(backup.wallet(), backup, found, warning)


def _require_one_wallet(candidates: Sequence[tuple[Cid, Backup]]) -> None:
    """Refuse to choose between wallets: whoever knows a recipient's public key can seal a backup for it."""
    newest = {_whose(backup): (cid, backup) for cid, backup in candidates}
    if len(newest) > 1:
        raise InputError(
            f"backups of {len(newest)} different wallets open this way",
            why="A key opens what anybody sealed for it, so that the newest need not be yours.",
            fix=f"Name the one you wrote down: {', '.join(cid for cid, _ in newest.values())}.",
        )


def _whose(backup: Backup) -> str:
    """Return what tells one wallet from another; empty where there is none in it."""
    if backup.seed is None and backup.mnemonic is None:
        return ""
    return backup.wallet().account(Scope.book()).address


def put_back(book: WalletBook, restored: Restored) -> Restored:
    """Put a restored wallet's papers into its book, beside what is there; says so where that was newer.

    Raises:
        InputError: The book is another wallet's.
    """
    if book.wallet.account(Scope.book()) != restored.wallet.account(Scope.book()):
        raise InputError("this book is another wallet's", fix="Give the restored wallet a folder of its own.")
    here, there = book.holdings.serial, restored.backup.serial
    book.take_in(restored.backup)
    if here <= there:
        return restored
    older = f"Backup {there} is older than what was here, as of backup {here}: both were joined, and nothing is gone."
    return replace(restored, warning=" ".join(filter(None, (restored.warning, older))))


def _looks_like_one(store: Store, cid: Cid) -> bool:
    """Look at the first bytes only, as other sealed files may be large."""
    with contextlib.closing(store.stream(cid)) as pieces:  # type: ignore[type-var]
        return b"".join(itertools.islice(pieces, 1)).startswith(_START)


def _fetch(store: Store, cid: str, password: Secret | None, opener: Opener | None, shares: Sequence[Secret]) -> Backup:
    text = _read(store, cid).decode("utf-8", "replace")
    return open_backup(text, password=password, opener=opener, shares=shares)


def _read(store: Store, cid: str) -> bytes:
    with store.get(cid) as file:
        return file.read()
