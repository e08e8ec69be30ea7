"""``careledger keys backup`` and ``restore``: a wallet with its papers, sealed, into any storage and back."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import book_of, home_of, new_folder, read_bytes, write_paper
from careledger.cli.parameters import address_of
from careledger.errors import InputError, KeyMaterialError, Misuse
from careledger.redact import Secret
from careledger.text import shown
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    from careledger.privacy.backup import Backup
    from careledger.privacy.documents import Split
    from careledger.privacy.walletbook import WalletBook

app = typer.Typer()
"""Its verbs are those of ``careledger keys``."""

_Store = Annotated[str, typer.Argument(metavar="STORE", help="A folder, or a URL that fsspec knows (s3://…).")]


@verb(app, "backup", chain=True)
def backup(
    frame: Frame,
    store: _Store,
    shares: Annotated[
        str | None, typer.Option(help="A road back by shares, such as 2/3: any 2 of 3.", metavar="K/N")
    ] = None,
    shares_out: Annotated[
        Path | None, typer.Option(help="A new folder for the shares, one file each.", metavar="FOLDER")
    ] = None,
    recipient: Annotated[
        list[Address] | None,
        typer.Option("--for", parser=address_of, metavar="ADDRESS", help="A road back by the key of an account."),
    ] = None,
    no_password: Annotated[bool, typer.Option("--no-password", help="No road back by a password.")] = False,
    keep: Annotated[int, typer.Option(help="How many of this wallet's backups stay in this store.", min=1)] = 3,
) -> None:
    """Back the profile's wallet up with its papers: words, accounts, counters, receipts, kit, duties; prints its name.

    Sealed, padded, under a name that says nothing. Roads back: a password (asked for, or CARELEDGER_PASSWORD), shares
    (SLIP-39), or the keys of accounts one trusts. Older backups are thinned out once the new one is read back.

    Example: careledger keys backup s3://bucket/ana --shares 2/3 --shares-out shares --as ana
    """
    from careledger import keyring
    from careledger.chain.keyfiles import read_private_file
    from careledger.privacy.backups import save_backup
    from careledger.storage import Store

    place = Store(store)
    place.locate()
    split = _split(shares, shares_out)
    recipients = []
    if recipient:
        with frame.client() as care:
            recipients = [care.participants.encryption_key(PartyRef("person", each)) for each in recipient]
    book = book_of(frame)
    words = Secret(read_private_file(frame.profile.mnemonic).strip(), "mnemonic")
    password = None if no_password else keyring.new_password("the backup")
    _gather(book, home_of(frame))
    if split is not None and shares_out is not None:
        folder = new_folder(shares_out)
        for number, share in enumerate(split.shares, 1):
            write_paper(folder / f"share-{number}.txt", share.reveal() + b"\n")
        frame.note(f"The shares are in {folder}: give each to somebody else, and remove the files.")
    saved = save_backup(book, place, password=password, recipients=recipients, split=split, mnemonic=words, keep=keep)
    frame.answer({"backup": saved.cid, "number": saved.serial, "removed": saved.removed}, lines=[saved.cid])


def _split(shares: str | None, folder: Path | None) -> Split | None:
    """Make the shares that options ask for.

    Raises:
        Misuse: The options do not say how many, or where they go.
    """
    from careledger.privacy.documents import Split

    if (shares is None) != (folder is None):
        raise Misuse("shares go somewhere", fix="Give --shares K/N and --shares-out FOLDER, or neither.")
    if shares is None:
        return None
    threshold, _, count = shares.partition("/")
    if not threshold.isdecimal() or not count.isdecimal():
        raise Misuse(f"{shown(shares, 20)!r} is not K/N", fix="Write it like 2/3.")
    return Split.new(int(threshold), int(count))


def _gather(book: WalletBook, home: Path) -> None:
    """Take into the papers what other commands left beside them: receipts, and ceremonies under way."""
    for file in sorted((home / "receipts").glob("*.json")):
        book.add_receipt(file.read_text("utf-8"))
    for file in sorted((home / "ceremonies").glob("*.ceremony")):
        book.set_paper(f"ceremonies/{file.name}", file.read_text("utf-8"))


@verb(app, "restore")
def restore(
    frame: Frame,
    store: _Store,
    name: Annotated[str, typer.Option(help="The profile it becomes.")],
    cid: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which; the newest that opens without.")] = None,
    share: Annotated[
        list[Path] | None, typer.Option(help="A file with a share, instead of the password; repeatable.")
    ] = None,
    with_key: Annotated[bool, typer.Option("--with-key", help="Open it with the key of --as instead.")] = False,
) -> None:
    """Bring a wallet back on an empty machine, as a profile with its papers; prints the profile and its accounts.

    Where a profile of this name has the same wallet, both are joined; an older backup over newer papers warns.

    Example: careledger keys restore s3://bucket/ana --name ana
    """
    from careledger.chain.keyfiles import find_password
    from careledger.privacy.backups import put_back
    from careledger.privacy.backups import restore as bring_back
    from careledger.privacy.walletbook import WalletBook
    from careledger.storage import Store

    place = Store(store)
    place.locate()
    road: dict[str, Any] = {}
    if share:
        road["shares"] = [Secret(read_bytes(file).strip(), "share") for file in share]
    elif with_key:
        road["opener"] = frame.profile.seed_opener()
    else:
        road["password"] = find_password(None, "Password of the backup: ")
    found = bring_back(place, cid, **road)
    home = frame.settings.home
    words = _words(found.backup, home, name)
    book = WalletBook(home / "wallets", found.wallet)
    found = put_back(book, found)
    _profile(name, words, book, home)
    _spread_out(book.holdings, home)
    if found.warning is not None:
        frame.note(found.warning)
    accounts = [known.subject for known in book.accounts]
    told = {"profile": name, "backup": found.cid, "number": found.backup.serial, "accounts": accounts}
    frame.answer(told, lines=[name, *accounts])


def _words(backup: Backup, home: Path, name: str) -> Path:
    """Put the words in place, unless the same ones are there.

    Raises:
        KeyMaterialError: The backup holds no words.
        InputError: Other words are there under this name.
    """
    from careledger.chain.keyfiles import read_private_file
    from careledger.profiles import check_name

    if backup.mnemonic is None:
        raise KeyMaterialError(
            "this backup holds no words", why="A profile is made of words; this backup has the seed alone.",
            fix="Restore it in Python: careledger.privacy.backups.restore.",
        )  # fmt: skip
    file = home / "keys" / f"{check_name(name)}.words"
    if file.exists():
        if Secret(read_private_file(file).strip(), "mnemonic") != backup.mnemonic:
            raise InputError(f"profile {name} has another wallet", fix="Give another --name.")
        return file
    write_paper(file, backup.mnemonic.reveal() + b"\n")
    return file


def _profile(name: str, words: Path, book: WalletBook, home: Path) -> None:
    """Make the profile, unless it is there; its own account is the first of the papers."""
    from careledger import profiles

    if name in profiles.names(home):
        return
    path = book.accounts[0].scope.path() if book.accounts else profiles.DEFAULT_PATH
    profiles.save(profiles.Profile(name, (profiles.PATIENT,), mnemonic=words, path=path), home)


def _spread_out(holdings: Backup, home: Path) -> None:
    """Put receipts and ceremonies where the other commands look for them; what is there stays."""
    from careledger.privacy.files import write_private

    kept = {file.read_text("utf-8") for file in (home / "receipts").glob("*.json")}
    for text in holdings.receipts:
        if text not in kept:
            write_private(home / "receipts" / f"{hashlib.sha256(text.encode()).hexdigest()}.json", text.encode())
    for name, text in holdings.papers.items():
        folder, _, file = name.partition("/")
        if folder == "ceremonies" and file == Path(file).name and not (home / folder / file).exists():
            write_private(home / folder / file, text.encode())
