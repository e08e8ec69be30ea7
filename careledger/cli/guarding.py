"""``careledger participants guardians``: who can give a wallet's accounts back when its phone is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import (
    accounts_of,
    book_of,
    each_out,
    new_folder,
    parcels_out,
    read_text,
    wallet_of,
    write_paper,
)  # fmt: skip
from careledger.cli.views import minute
from careledger.errors import InputError
from careledger.values import Address, PartyRef

guarding_app = typer.Typer(no_args_is_help=True)


@guarding_app.callback()
def main() -> None:
    """People who give all accounts of a wallet back when its phone is lost; they can read nothing."""


Custodian = Annotated[
    list[str] | None,
    typer.Option("--custodian", metavar="ADDRESS", help="The account towards a custodian; repeatable."),
]
Coverage = Annotated[
    list[str] | None,
    typer.Option("--coverage", metavar="ADDRESS:YEAR", help="The account towards an insurer; repeatable."),
]
Encounter = Annotated[
    list[str] | None,
    typer.Option("--encounter", metavar="ADDRESS:N", help="The account of an encounter; repeatable."),
]


@verb(guarding_app, "invite", chain=True)
def invite(
    frame: Frame,
    out: Annotated[Path, typer.Argument(metavar="FILE", help="Where the invitation goes.")],
    custodian: Custodian = None,
    coverage: Coverage = None,
    encounter: Encounter = None,
) -> None:
    """Ask one person to be a guardian: of the accounts named, or of all in the wallet's papers. Another one for each.

    The invitation names no account. Compare the digits with the guardian's, by voice.

    Example: careledger participants guardians invite for-ben.json --custodian 0xA… --coverage 0xB…:2026 --as ana
    """
    from careledger import recovery

    book = book_of(frame)
    with frame.client() as care:
        found = recovery.invite(book, care, accounts_of(book, custodian, coverage, encounter))
    write_paper(out, found.to_json())
    frame.note(f"Digits of the invitation: {found.digits}")
    frame.answer({"file": str(out), "digits": found.digits}, lines=[out])


@verb(guarding_app, "answer", chain=True)
def answer(
    frame: Frame,
    invitation: Annotated[Path, typer.Argument(metavar="FILE", help="The invitation; - is stdin.")],
    out: Annotated[Path, typer.Option(help="Where the answer goes, sealed for the owner.", metavar="FILE")],
) -> None:
    """Agree to be a guardian, under an account of one's own for each of theirs.

    Example: careledger participants guardians answer for-ben.json --out from-ben.json --as ben
    """
    from careledger import recovery

    with frame.client() as care:
        found = recovery.Invitation.from_json(read_text(invitation))
        given = recovery.answer(wallet_of(frame), found, care=care)
    write_paper(out, given.sealed_to(found.owner))
    frame.note(f"Digits of the invitation: {found.digits}")
    frame.note(f"Digits of the answer:     {given.digits}")
    frame.answer({"file": str(out), "invitation": found.digits, "answer": given.digits}, lines=[out])


@verb(guarding_app, "set", chain=True)
def set_(
    frame: Frame,
    answers: Annotated[list[Path], typer.Argument(metavar="ANSWER...", help="One from each guardian.")],
    quorum: Annotated[int, typer.Option(help="How many start a recovery.", min=1, max=16)],
    folder: Annotated[Path, typer.Option("--out", help="A new folder for sheets and parcels.", metavar="FOLDER")],
    larger_quorum: Annotated[
        int | None, typer.Option(help="How many prevail over an objection; all without.", min=1, max=16)
    ] = None,
    wait_days: Annotated[int, typer.Option(help="How long a recovery waits; an objection doubles it.", min=1)] = 3,
    spread_hours: Annotated[float, typer.Option(help="Over how long the accounts' acts are spread.", min=0)] = 6,
    kit: Annotated[
        Path | None, typer.Option(help="Write the kit sealed by a password, for a place of its own.", metavar="FILE")
    ] = None,
    custodian: Custodian = None,
    coverage: Coverage = None,
    encounter: Encounter = None,
) -> None:
    """Make a set of guardians for every account, with salts and an order of its own; nothing is sent.

    In this order: compare the digits of each answer; back the wallet up (keys backup), as its papers hold the kit now;
    hand the sheets out; have the parcels carried (participants carry).

    Example: careledger participants guardians set from-*.json --quorum 2 --out guardians --kit kit.json --as ana
    """
    from careledger import keyring, recovery

    book = book_of(frame)
    with frame.client() as care:
        given = [recovery.accept(book, read_text(file)) for file in answers]
        for file, each in zip(answers, given, strict=True):
            frame.note(f"Digits of {file.name}: {each.digits}")
        out = new_folder(folder)
        password = None if kit is None else keyring.new_password(kit.name)
        found = recovery.guard(
            book, care, accounts_of(book, custodian, coverage, encounter), answers=given, quorum=quorum,
            larger_quorum=larger_quorum, wait_days=wait_days, spread_hours=spread_hours,
            labels=[file.stem for file in answers],
        )  # fmt: skip
    if kit is not None:
        write_paper(kit, found.kit.sealed(password=password))
    sheets = each_out(out, found.sheets, "sheet")
    parcels = parcels_out(out, found.parcels)
    frame.note("Back the wallet up before the parcels are carried: without its kit or the sheets nobody can help.")
    frame.answer({"sheets": sheets, "parcels": parcels}, lines=[*sheets, *parcels])


@verb(guarding_app, "keep", chain=False)
def keep(
    frame: Frame,
    sheet: Annotated[Path, typer.Argument(metavar="FILE", help="The sheet that the owner handed out.")],
) -> None:
    """Keep a sheet, as the guardian it is for, in the wallet's papers, so that it is in its backups.

    Example: careledger participants guardians keep sheet-1.json --as ben
    """
    from careledger import recovery

    found = recovery.keep_sheet(book_of(frame), read_text(sheet))
    count = len(found.wards)
    frame.answer({"accounts": count}, lines=[f"kept, for {count} account{'s' if count > 1 else ''}"])


@verb(guarding_app, "show", chain=True)
def show(frame: Frame) -> None:
    """Show each account of the wallet with its guardians, as the chain has them; exit code 3 where one has none.

    Example: careledger participants guardians show --as ana
    """
    from careledger.recovery import Kit

    book = book_of(frame)
    kit = Kit.from_json(book.holdings.kit) if book.holdings.kit else None
    accounts = book.accounts
    if not accounts:
        raise InputError("this wallet has no account yet", fix="Name some: participants guardians invite.")
    with frame.client() as care:
        rows = [_row(care, kit, account) for account in accounts]
    columns = ("account", "guardians", "quorum", "larger", "wait days", "state", "in force")
    frame.table(rows, columns=columns)
    if any(row["state"] == "none" for row in rows):
        frame.no()


def _row(care: Any, kit: Any, account: Any) -> dict[str, Any]:
    state = care.participants.guardians_of(PartyRef("person", Address(account.subject)))
    row = {"account": account.subject, "kind": account.scope.kind.value}
    nobody = int(state.in_force, 16) == 0 and int(state.next, 16) == 0
    if nobody:
        return row | {"state": "none"}
    known = kit.find(account.subject, state.next) if kit is not None else None
    if known is None:
        return row | {"state": "not in the kit", "in force": minute(state.in_force_at)}
    found = known.guardians
    return row | {
        "guardians": len(found.guardians), "quorum": found.quorum, "larger": found.larger_quorum,
        "wait days": found.wait_seconds // 86_400, "state": "waiting" if state.changing else "in force",
        "in force": minute(state.in_force_at),
    }  # fmt: skip
