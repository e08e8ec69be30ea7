"""A wallet's own papers on this machine: accounts in use, counters, receipts, openings, kit and duties, sealed.

What a mnemonic does not hold is here. The file is sealed with a key of the wallet, and changes are on disk before a
call returns, so that no number is given twice and no receipt is lost when the process is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeVar

from careledger.errors import InputError, NotFound
from careledger.privacy.backup import Backup, from_text, to_text
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.files import private_folder, read_private, write_private
from careledger.privacy.pseudonyms import KnownAccount, Scope, ScopeKind, Wallet
from careledger.redact import Secret
from careledger.steps import step
from careledger.text import read_json

__all__ = ["Papers", "WalletBook"]

T = TypeVar("T")

KIND: Final = "wallet-book"


@dataclass(frozen=True)
class Papers:
    """What a book holds."""

    holdings: Backup = field(default_factory=Backup)
    """Everything a backup takes along, without the wallet itself."""
    saved: tuple[tuple[int, str], ...] = ()
    """Backups made of it and not removed yet: number and content id, oldest first."""


class WalletBook:
    """The papers of one wallet in a folder; the file's name tells nobody whose it is.

    Safe for several threads and processes with the same wallet.

    Example:
        >>> import tempfile
        >>> wallet, _ = Wallet.create()
        >>> book = WalletBook(Path(tempfile.mkdtemp()), wallet)
        >>> clinic = "0x" + "11" * 20
        >>> book.next_encounter(clinic).number, book.next_encounter(clinic).number
        (0, 1)
    """

    def __init__(self, folder: Path, wallet: Wallet) -> None:
        self.wallet = wallet
        self._opener = wallet.opener(Scope.book())
        self._path = folder / f"{self._opener.key_hash.hex()[:24]}.json"

    # READING

    @property
    def papers(self) -> Papers:
        """What is in it now.

        Raises:
            FormatError: The file was cut.
            SealedDamaged: It was changed.
        """
        try:
            text = read_private(self._path).decode("utf-8", "replace")
        except NotFound:
            return Papers()
        found = read_json(open_document(text, KIND, opener=self._opener))
        return Papers(from_text(found["holdings"].encode()), tuple((int(n), str(cid)) for n, cid in found["saved"]))

    @property
    def holdings(self) -> Backup:
        """What a backup would take along, without the wallet."""
        return self.papers.holdings

    @property
    def accounts(self) -> tuple[KnownAccount, ...]:
        """The accounts in use."""
        return tuple(self.holdings.accounts)

    def account(self, subject: str) -> KnownAccount:
        """Return the account the ledger knows under a subject.

        Raises:
            NotFound: It is not in the book.
        """
        for known in self.accounts:
            if known.subject.lower() == subject.lower():
                return known
        raise NotFound(f"this wallet has no account {subject}", fix="Add it, or restore the newest backup.")

    # CHANGING

    def add(self, *accounts: KnownAccount | Scope) -> tuple[KnownAccount, ...]:
        """Write down accounts; a subject that is there is led to by the newer scope from now on."""
        known = tuple(self.wallet.known(item) if isinstance(item, Scope) else item for item in accounts)
        self._change(lambda old: replace(old, accounts=_joined_accounts(old.accounts, known)))
        return known

    def next_encounter(self, provider: str) -> Scope:
        """Return the scope of the next encounter with a provider: a number that was never given before."""
        given: list[Scope] = []

        def count(old: Backup) -> Backup:
            first = Scope.encounter(provider, number=0)
            name = _counter(first)
            number = old.counters.get(name, 0)
            given.append(Scope.encounter(provider, number=number))
            known = _joined_accounts(old.accounts, (self.wallet.known(given[0]),))
            return replace(old, counters={**old.counters, name: number + 1}, accounts=known)

        self._change(count)
        return given[0]

    def add_receipt(self, receipt: str) -> None:
        """Keep a consent or access receipt, as its own JSON."""
        self._change(lambda old: replace(old, receipts=_joined(old.receipts, (receipt,))))

    def add_opening(self, opening: RecordOpening) -> None:
        """Keep the opening of a record about one of the accounts."""
        self._change(lambda old: replace(old, openings=_joined(old.openings, (opening,))))

    def add_key(self, name: str, key: Secret) -> None:
        """Keep a key, seed or salt that does not follow from the wallet.

        Raises:
            InputError: Another one is kept under this name.
        """

        def keep(old: Backup) -> Backup:
            if old.keys.get(name, key) != key:
                raise InputError("another key is kept under this name", fix="Use another name.")
            return replace(old, keys={**old.keys, name: key})

        self._change(keep)

    def set_kit(self, kit: str) -> None:
        """Keep the recovery kit, in place of the one before."""
        self._change(lambda old: replace(old, kit=kit))

    def add_duty(self, sheet: str) -> None:
        """Keep a guardian's sheet of somebody whom this wallet's owner may have to help."""
        self._change(lambda old: replace(old, duties=_joined(old.duties, (sheet,))))

    def set_paper(self, name: str, text: str) -> None:
        """Keep another sealed file of this wallet under a name, in place of the one before."""
        self._change(lambda old: replace(old, papers={**old.papers, name: text}))

    def take_in(self, backup: Backup) -> None:
        """Add what a backup holds; nothing that is here is lost, and counters only go up."""
        self._change(lambda old: merged(old, backup))

    def _change(self, work: Callable[[Backup], Backup]) -> Papers:
        return self.change(lambda papers: replace(papers, holdings=work(papers.holdings)))

    def change(self, work: Callable[[Papers], Papers]) -> Papers:
        """Replace the papers by what ``work`` makes of them, under the book's lock; on disk before it returns."""
        with self._locked():
            papers = work(self.papers)
            text = json.dumps({"holdings": to_text(papers.holdings).decode(), "saved": papers.saved})
            sealed = seal_document(text.encode(), KIND, recipients=[self._opener.recipient()])
            write_private(self._path, sealed.encode())
            step("walletbook.written")
        return papers

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        private_folder(self._path.parent)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def __repr__(self) -> str:
        return "<wallet book>"


def merged(mine: Backup, other: Backup) -> Backup:
    """Return what both hold; counters are the higher ones; of accounts and kit, those with the higher number win."""
    counters = {
        name: max(mine.counters.get(name, 0), other.counters.get(name, 0))
        for name in sorted({*mine.counters, *other.counters})
    }
    older, newer = sorted((other, mine), key=lambda item: item.serial)
    return replace(
        mine,
        accounts=_joined_accounts(older.accounts, newer.accounts),
        counters=counters,
        duties=_joined(mine.duties, other.duties),
        keys={**other.keys, **mine.keys},
        kit=newer.kit or older.kit,
        openings=_joined(mine.openings, other.openings),
        papers={**older.papers, **newer.papers},
        receipts=_joined(mine.receipts, other.receipts),
        serial=newer.serial,
    )


def _joined(mine: Sequence[T], other: Sequence[T]) -> tuple[T, ...]:
    return (*mine, *(item for item in other if item not in mine))


def _joined_accounts(old: Sequence[KnownAccount], new: Sequence[KnownAccount]) -> tuple[KnownAccount, ...]:
    """Join by subject: the newer scope is the one that signs now."""
    found = {item.subject: item for item in old} | {item.subject: item for item in new}
    return tuple(found.values())


def _counter(scope: Scope) -> str:
    return f"{ScopeKind.ENCOUNTER.value}/0x{scope.party.hex()}"
