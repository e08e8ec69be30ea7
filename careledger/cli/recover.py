"""``careledger participants recover``: the ceremony after a phone was lost, and the objection where it was not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import (
    accounts_of,
    book_of,
    each_out,
    home_of,
    new_folder,
    parcels_out,
    read_text,
    wallet_of,
    write_paper,
)
from careledger.cli.views import minute
from careledger.errors import InputError, Misuse, NotFound, Pending
from careledger.text import shown

if TYPE_CHECKING:
    from careledger.recovery import Ceremony, Kit, Sheet, Standing

recover_app = typer.Typer(no_args_is_help=True)


@recover_app.callback()
def main() -> None:
    """Give all accounts of a lost phone back, each by itself, so that nothing on chain joins them."""


_Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which ceremony, if there are several.")]
_Folder = Annotated[Path, typer.Option("--parcels", help="The folder for parcels.", metavar="FOLDER")]


# ASKING GUARDIANS


@verb(recover_app, "start", chain=True)
def start(
    frame: Frame,
    folder: Annotated[Path, typer.Option("--requests", help="A new folder for the requests.", metavar="FOLDER")],
    kit: Annotated[
        Path | None, typer.Option(help="The kit sealed by a password; from the restored papers without.")
    ] = None,
    sheet: Annotated[
        list[Path] | None, typer.Option(help="Instead: a guardian's sheet, lent to this wallet; repeatable.")
    ] = None,
    spread_hours: Annotated[
        float, typer.Option(help="Over how long each round of acts is spread; 0 is fastest, and joins.", min=0)
    ] = 6,
) -> None:
    """Begin a ceremony on a new phone: writes a sealed request for each guardian, and prints the ceremony's name.

    The profile is the new wallet. Speak with each guardian and read the digits to each other.

    Example: careledger participants recover start --kit kit.json --requests ask --as ana-new
    """
    from careledger.recovery import Ceremony

    wallet = wallet_of(frame)
    with frame.client() as care:
        kept = _kit(frame, kit) if not sheet else None
        sheets = list(kept.sheets(before=True)) if kept is not None else _lent(frame, kit, sheet)
        ceremony = Ceremony.start(_ceremonies(frame), wallet, care, sheets=sheets, spread_hours=spread_hours)
        requests = ceremony.requests(care)
    if kept is not None:
        book_of(frame).set_kit(kept.to_json())
    out = new_folder(folder)
    sealed = [request.sealed_to(sheet.guardian) for request, sheet in zip(requests, ceremony.sheets, strict=True)]
    files = each_out(out, sealed, "request")
    for file, request in zip(files, requests, strict=True):
        frame.note(f"Digits of {Path(file).name}: {request.digits}")
    found = {"ceremony": ceremony.path.stem, "accounts": len(ceremony.accounts), "requests": files}
    frame.answer(found, lines=[ceremony.path.stem, *files])


def _kit(frame: Frame, file: Path | None) -> Kit:
    """Return the kit: from a file sealed by a password, or from the wallet's restored papers.

    Raises:
        InputError: There is none.
    """
    from careledger.chain.keyfiles import find_password
    from careledger.recovery import Kit

    if file is not None:
        return Kit.unsealed(read_text(file), password=find_password(None, f"Password of {file.name}: "))
    text = book_of(frame).holdings.kit
    if text is None:
        raise InputError(
            "there is no kit here",
            why="A new wallet knows nothing of the lost one.",
            fix="Give --kit FILE, or have guardians lend their sheets: recover key, recover lend.",
        )
    return Kit.from_json(text)


def _lent(frame: Frame, kit: Path | None, files: list[Path] | None) -> list[Sheet]:
    """Return the sheets that guardians lent to this wallet."""
    from careledger.privacy.pseudonyms import Scope
    from careledger.recovery import Sheet

    if kit is not None:
        raise Misuse("a ceremony begins from a kit or from sheets", fix="Give --kit or --sheet.")
    opener = wallet_of(frame).opener(Scope.book())
    return [Sheet.unsealed(read_text(file), opener) for file in files or ()]


@verb(recover_app, "key")
def key(
    frame: Frame,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the key goes.")],
) -> None:
    """Write the new wallet's public key, which guardians seal their sheets to where the kit is lost.

    Example: careledger participants recover key my-key.json --as ana-new
    """
    import json

    from careledger.recovery.papers import recipient_to_json
    from careledger.recovery.sitting import book_recipient

    found = book_recipient(wallet_of(frame))
    write_paper(out, json.dumps(recipient_to_json(found)))
    frame.answer({"file": str(out)}, lines=[out])


@verb(recover_app, "lend")
def lend(
    frame: Frame,
    key_file: Annotated[Path, typer.Argument(metavar="KEY", help="What recover key wrote, from the person itself.")],
    folder: Annotated[Path, typer.Option("--out", help="A new folder for the sheets.", metavar="FOLDER")],
) -> None:
    """Lend a guardian's sheets to somebody who lost wallet and kit: sealed to the new wallet's key.

    A sheet names the accounts it is about. Make sure who asks.

    Example: careledger participants recover lend my-key.json --out lent --as ben
    """
    from careledger.cli.papers import opened_fields
    from careledger.errors import FormatError
    from careledger.recovery import Sheet
    from careledger.recovery.papers import recipient_from_json

    try:
        reader = recipient_from_json(opened_fields(read_text(key_file)))
    except (KeyError, ValueError, TypeError):
        raise FormatError("this is no key of a wallet", fix="Have it made by: participants recover key.") from None
    duties = book_of(frame).holdings.duties
    if not duties:
        raise NotFound("this wallet keeps no sheet", fix="Keep it first: participants guardians keep.")
    files = each_out(new_folder(folder), [Sheet.from_json(text).sealed_to(reader) for text in duties], "sheet")
    frame.answer({"sheets": files}, lines=files)


@verb(recover_app, "sign")
def sign(
    frame: Frame,
    request: Annotated[Path, typer.Argument(metavar="FILE", help="The request; - is stdin.")],
    out: Annotated[Path, typer.Option(help="Where the approvals go, sealed for the new wallet.", metavar="FILE")],
    digits: Annotated[
        str | None, typer.Option(help="The digits that the person read to you, by voice.", metavar="DIGITS")
    ] = None,
) -> None:
    """Sign, as a guardian, for all accounts of a request in one sitting; exit code 3 where the digits differ.

    Example: careledger participants recover sign request-1.json --out approvals-1.json --digits "1234 …" --as ben
    """
    from careledger import recovery
    from careledger.privacy.pseudonyms import Scope

    wallet = wallet_of(frame)
    found = recovery.Request.unsealed(read_text(request), wallet.opener(Scope.book()))
    if digits is None:
        frame.note(found.in_words())
        raise Misuse("it is not said which digits the person read to you", fix="Add --digits, once you spoke.")
    if "".join(digits.split()) != "".join(found.digits.split()):
        frame.note("The digits differ: nothing was signed. Somebody else may be asking.")
        frame.no()
    sheets = [recovery.Sheet.from_json(text) for text in book_of(frame).holdings.duties]
    approvals = recovery.sign(wallet, found, sheets=sheets)
    write_paper(out, approvals.sealed_to(found.owner))
    frame.answer({"accounts": len(approvals.approvals), "file": str(out)}, lines=[out])


@verb(recover_app, "add", chain=True)
def add(
    frame: Frame,
    approvals: Annotated[list[Path], typer.Argument(metavar="APPROVALS...", help="What guardians signed.")],
    folder: _Folder,
    name: Annotated[str | None, typer.Option(help="Which ceremony, if there are several.")] = None,
) -> None:
    """Take in what guardians signed, and write a parcel for each account; twice is once.

    Example: careledger participants recover add approvals-1.json --parcels out --as ana-new
    """
    ceremony = _ceremony(frame, name)
    with frame.client() as care:
        parcels = [parcel for file in approvals for parcel in ceremony.add(care, read_text(file))]
    files = parcels_out(folder, parcels)
    frame.answer({"parcels": files}, lines=files)


# HOW IT STANDS


@verb(recover_app, "status", chain=True)
def status(frame: Frame, name: _Name = None) -> None:
    """Show where every account of a ceremony stands, asked of the chain; exit code 3 until all are back.

    Example: careledger participants recover status --as ana-new
    """
    ceremony = _ceremony(frame, name)
    with frame.client() as care:
        found = ceremony.status(care)
        _settle(frame, care, ceremony)
    rows = [
        item.to_json()
        if frame.json
        else {
            "account": item.subject, "state": item.state, "signed": item.signed,
            "on chain": f"{item.approvals}/{item.needed}", "ready": minute(item.ready_at), "do": item.do,
        }
        for item in found
    ]  # fmt: skip
    frame.table(rows, columns=("account", "state", "signed", "on chain", "ready", "do"))
    for item in found:
        if item.warning:
            frame.note(f"{item.subject}: {item.warning}")
    if any(item.state != "done" for item in found):
        frame.no()


def _settle(frame: Frame, care: Any, ceremony: Ceremony) -> None:
    """Write down what is back, so that the wallet's next backup has it."""
    from careledger import recovery

    book = book_of(frame)
    kit = recovery.Kit.from_json(book.holdings.kit) if book.holdings.kit else None
    recovery.settle(book, care, ceremony, kit=kit)


@verb(recover_app, "execute", chain=True)
def execute(frame: Frame, folder: _Folder, name: _Name = None) -> None:
    """Write a parcel for each account whose wait is over; where none is, says what is waited for, exit code 4.

    Example: careledger participants recover execute --parcels out --as ana-new
    """
    ceremony = _ceremony(frame, name)
    with frame.client() as care:
        files = parcels_out(folder, ceremony.executions(care))
        standing = ceremony.status(care)
    frame.answer({"parcels": files}, lines=files)
    left = [item for item in standing if item.state != "done"]
    if not files and left:
        frame.note(_awaited(left))
        raise typer.Exit(Pending.exit_code)
    if not files:
        frame.note("Nothing is left to carry out: every account is back.")


def _awaited(left: Sequence[Standing]) -> str:
    """Say in a sentence why nothing can be carried out now, and from when on it can."""
    what = f"Nothing can be carried out yet of {len(left)} account{'s' if len(left) > 1 else ''}"
    waiting = [item.ready_at for item in left if item.state == "waiting"]
    if waiting:
        return f"{what}: the wait ends at {minute(min(waiting))}."
    first = left[0]
    until = f", until {minute(first.until)}" if first.until else ""
    do = first.do[0].lower() + first.do[1:]
    return f"{what}, with {first.approvals} of {first.needed} approvals on the chain: {do[:-1]}{until}."


@verb(recover_app, "left", chain=True)
def left(
    frame: Frame,
    name: _Name = None,
    lost: Annotated[
        str | None,
        typer.Option("--lost", help="When the phone was lost: what was done since is listed.", metavar="DATE"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--parcels", help="Write the parcels that publish new keys here.", metavar="FOLDER")
    ] = None,
    done: Annotated[
        list[str] | None, typer.Option("--done", help="Tick off: ADDRESS/ID of a line; repeatable.", metavar="LINE")
    ] = None,
) -> None:
    """List what is left to do for every account of a ceremony, until nothing is; exit code 3 while something is.

    Example: careledger participants recover left --lost 2026-11-24 --parcels out --as ana-new
    """
    from careledger import recovery

    ceremony, book = _ceremony(frame, name), book_of(frame)
    for line in done or ():
        subject, _, tick = line.partition("/")
        ceremony.tick(subject, tick)
    with frame.client() as care:
        _settle(frame, care, ceremony)
        kit = recovery.Kit.from_json(book.holdings.kit) if book.holdings.kit else None
        found = recovery.remaining(care, ceremony, lost_at=None if lost is None else _date(lost), kit=kit)
        if folder is not None:
            openers = recovery.openers(care, ceremony.wallet, ceremony.known_accounts(care))
            for file in parcels_out(folder, openers):
                frame.note(f"To be carried: {file}")
    rows = [{"line": f"{item.subject}/{item.id}", **item.to_json()} for item in found]
    frame.table(rows, columns=("line", "do"))
    if found:
        frame.no()


@verb(recover_app, "object", chain=True)
def object_(frame: Frame, folder: _Folder) -> None:
    """Object to every recovery of the wallet's accounts: the phone was not lost. Writes a parcel for each.

    The wait doubles, and then the larger quorum prevails, or the quorum and an accreditor. Prints nothing and ends with
    0 where no recovery is under way; look every few days.

    Example: careledger participants recover object --parcels out --as ana
    """
    from careledger import recovery

    wallet, book = wallet_of(frame), book_of(frame)
    with frame.client() as care:
        found = recovery.objections(care, wallet, accounts_of(book, None, None, None))
    files = parcels_out(folder, found)
    frame.answer({"parcels": files}, lines=files)


# INTERNAL


def _ceremonies(frame: Frame) -> Path:
    return home_of(frame) / "ceremonies"


def _ceremony(frame: Frame, name: str | None) -> Ceremony:
    """Return a ceremony of this wallet by its name, or the only one there is.

    Raises:
        NotFound: There is none.
        Misuse: There are several.
    """
    from careledger.recovery import Ceremony

    folder = _ceremonies(frame)
    names = sorted(path.stem for path in folder.glob("*.ceremony"))
    if name is not None and name not in names:
        raise NotFound(f"there is no ceremony {shown(name, 40)!r}", fix="Begin one: participants recover start.")
    if not names:
        raise NotFound("there is no ceremony here", fix="Begin one: participants recover start.")
    if name is None and len(names) > 1:
        raise Misuse(f"there are {len(names)} ceremonies here", fix=f"Name one of: {', '.join(names)}.")
    return Ceremony(folder / f"{name or names[0]}.ceremony", wallet_of(frame))


def _date(text: str) -> int:
    """Read a day, or a moment in ISO 8601, as seconds since 1970; UTC where no zone is said."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise Misuse(f"{shown(text, 40)!r} is not a date", fix="Write it like 2026-11-24.") from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
