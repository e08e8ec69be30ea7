"""Papers that go from hand to hand as files, and the wallet of whoever runs a command."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careledger.cli.frame import Frame
from careledger.cli.parameters import address_of
from careledger.errors import FormatError, InputError, Misuse, NotFound
from careledger.text import read_json, shown
from careledger.values import PartyRef

if TYPE_CHECKING:
    from careledger.privacy.pseudonyms import KnownAccount, Scope, Wallet
    from careledger.privacy.walletbook import WalletBook
    from careledger.recovery import Parcel

__all__ = [
    "Parcels", "accounts_of", "book_of", "each_out", "forward_out", "home_of", "new_folder", "opened_fields",
    "parcels_out", "read_bytes", "read_text", "scope_of", "wallet_of", "write_paper",
]  # fmt: skip

_MAX_BYTES: Final = 256 << 20

Parcels = Annotated[
    Path | None,
    typer.Option("--out", help="Sign a parcel into this folder for a relayer, and send nothing.", metavar="FOLDER"),
]


# WHOSE


def home_of(frame: Frame) -> Path:
    """Return the data folder of the profile that acts."""
    home: Path = frame.profile.home or frame.settings.home
    return home


def wallet_of(frame: Frame) -> Wallet:
    """Return the profile's wallet.

    Raises:
        InputError: The profile has no words, but a single key.
    """
    found: Wallet = frame.profile.wallet()
    return found


def book_of(frame: Frame) -> WalletBook:
    """Return the papers of the profile's wallet."""
    from careledger.privacy.walletbook import WalletBook

    return WalletBook(home_of(frame) / "wallets", wallet_of(frame))


def scope_of(kind: str, text: str) -> Scope:
    """Read which account is meant: ``0xADDRESS``, with ``:NUMBER`` for a plan year or a count.

    Raises:
        Misuse: It is not written so.
    """
    from careledger.privacy.pseudonyms import Scope

    account, _, number = text.partition(":")
    if number and not number.isdecimal():
        raise Misuse(f"{shown(text, 60)!r} is not an address and a number", fix="Write it like 0xA…:2026.")
    party = address_of(account)
    if kind == "custodian":
        return Scope.custodian(party, number=int(number or 0))
    if not number:
        raise Misuse(f"an account for {kind} has a number", fix="Write it like 0xA…:2026.")
    if kind == "coverage":
        return Scope.coverage(party, plan_year=int(number))
    return Scope.encounter(party, number=int(number))


def accounts_of(
    book: WalletBook, custodians: Sequence[str] | None, coverages: Sequence[str] | None,
    encounters: Sequence[str] | None,
) -> tuple[KnownAccount, ...]:  # fmt: skip
    """Return the accounts that options name, or all of the book where they name none.

    Raises:
        InputError: There is none.
    """
    named = (("custodian", custodians), ("coverage", coverages), ("encounter", encounters))
    scopes = [scope_of(kind, text) for kind, texts in named for text in texts or ()]
    known = book.add(*scopes) if scopes else book.accounts
    if not known:
        raise InputError(
            "this wallet has no account yet", why="Nothing is written in its papers.",
            fix="Name them: --custodian 0xA…, --coverage 0xB…:2026, --encounter 0xC…:0.",
        )  # fmt: skip
    return known


# FILES


def read_bytes(file: Path) -> bytes:
    """Read a file, or stdin for ``-``.

    Raises:
        NotFound: There is no such file.
        FormatError: It is far too large to be a paper.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.") from None
    except OSError as error:
        raise InputError(f"{shown(file.name)} cannot be read", why=error.strerror or "") from None
    if len(data) > _MAX_BYTES:
        raise FormatError(f"{shown(file.name)} is far too large", fix="Give the paper itself.")
    return data


def read_text(file: Path) -> str:
    """Read a paper as text."""
    return read_bytes(file).decode("utf-8", "replace")


def write_paper(file: Path, text: str | bytes) -> None:
    """Write a paper to a new file that only its owner reads.

    Raises:
        InputError: There is a file of that name.
    """
    from careledger.privacy.files import write_private

    if file.exists() or file.is_symlink():
        raise InputError(f"{shown(file.name)} is there already", fix="Give another file.")
    write_private(file.absolute(), text.encode() if isinstance(text, str) else text)


def new_folder(folder: Path) -> Path:
    """Make a folder for papers, empty or not there yet, so that none gets among older ones.

    Raises:
        InputError: Something is in it.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise InputError(f"{shown(folder.name)} is not empty", fix="Give a new folder.")
    return folder


def each_out(folder: Path, texts: Iterable[str], name: str) -> list[str]:
    """Write one paper after the other into a folder; return their paths."""
    found = []
    for number, text in enumerate(texts, 1):
        file = folder / f"{name}-{number}.json"
        write_paper(file, text + "\n")
        found.append(str(file))
    return found


def parcels_out(folder: Path, parcels: Iterable[Parcel]) -> list[str]:
    """Write parcels into a folder, a file each under a random name; return their paths."""
    found = []
    for parcel in parcels:
        file = folder / f"parcel-{parcel.key[:12]}.json"
        if not file.exists():
            write_paper(file, json.dumps(parcel.to_json()) + "\n")
        found.append(str(file))
    return sorted(found)


def forward_out(frame: Frame, care: Any, prepared: Any, folder: Path) -> None:
    """Sign a prepared act as a forward request, and write it as a parcel for a relayer to carry; nothing is sent."""
    from careledger.recovery.parcels import Parcel

    request = care.forwarding.draft(prepared, by=PartyRef("person", care.me))
    packed = Parcel.forward(care, request.signed_by(care.signer), not_before=care.forwarding.now())
    files = parcels_out(folder, [packed])
    frame.answer({"parcels": files}, lines=files)


def opened_fields(text: str) -> dict[str, Any]:
    """Read a JSON object that is no secret."""
    try:
        found = read_json(text)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    raise FormatError("this is not a paper", fix="Give the file as it was written.")
