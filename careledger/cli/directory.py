"""``careledger directory``: an organisation's own sealed map from outside identifiers to accounts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.cli.papers import book_of, wallet_of
from careledger.cli.parameters import address_of, bytes32_of, code_of
from careledger.cli.views import minute
from careledger.directory.entries import Change, Entry, EntryKind, IdentityCheck
from careledger.errors import FormatError, InputError, Misuse, NotFound
from careledger.redact import PersonalText
from careledger.text import did_you_mean, shown
from careledger.values import Address, Bytes32, PartyRef, to_hex

if TYPE_CHECKING:
    from careledger.directory import Directory, PairingAnswer, PairingOffer
    from careledger.privacy.pseudonyms import KnownAccount

app = typer.Typer(no_args_is_help=True)
_LONGEST = 8192
"""Bytes of a code or value read from stdin."""


@app.callback()
def main() -> None:
    """Which account an outside identifier stands for: known to this organisation alone, sealed, never on a chain."""


def _kind(text: Any) -> EntryKind:
    words = [each.value for each in EntryKind]
    if str(text) not in words:
        raise Misuse(
            f"{shown(str(text), 60)!r} is not a kind of entry",
            fix=did_you_mean(str(text), words, otherwise=f"Use one of: {', '.join(words)}."),
        )
    return EntryKind(text)


_System = Annotated[str, typer.Option("--system", metavar="URI", help="Of the identifier, as files spell it.")]
_Value = Annotated[
    Any, typer.Option("--value", parser=PersonalText, metavar="TEXT", help="The identifier; - reads it from stdin.")
]
_Kind = Annotated[
    Any, typer.Option("--kind", parser=_kind, metavar="KIND", help="patient, coverage or partner.", show_default=False)
]
_PlanYear = Annotated[int, typer.Option("--plan-year", metavar="YEAR", help="For coverage.", show_default=False)]
_Organisation = Annotated[
    Address | None,
    typer.Option(
        "--organisation", parser=address_of, metavar="ADDRESS", help="Whose directory; the profile's account without."
    ),
]
_Label = Annotated[
    Any, typer.Option("--label", parser=PersonalText, metavar="NAME", help="What the desk calls the person.")
]
_Png = Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Also write the code as a picture.")]
_Qr = Annotated[bool | None, typer.Option("--qr/--no-qr", help="Draw the code on stderr; on a terminal by itself.")]
_Checked = Annotated[
    Any,
    typer.Option(
        "--checked", parser=code_of(IdentityCheck), metavar="HOW",
        help=f"How identity was checked: {', '.join(each.word for each in IdentityCheck)}.",
    ),
]  # fmt: skip


# PAIRING


@verb(app, "pair", chain=True)
def pair(
    frame: Frame,
    system: _System,
    value: _Value,
    name: Annotated[str | None, typer.Option(help="What the organisation calls itself; as before without.")] = None,
    minutes: Annotated[int, typer.Option(help="How long an answer is taken in.", min=1, max=1440)] = 15,
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    label: _Label = None,
    again: Annotated[bool, typer.Option("--again", help="It is paired, and gets a new account.")] = False,
    png: _Png = None,
    qr: _Qr = None,
    organisation: _Organisation = None,
) -> None:
    """Make a code that the person's wallet answers; it says nothing about the person.

    Example: careledger directory pair --system urn:oid:2.16.840.1.113883.19.5 --value MRN-4711 --png code.png
    """
    _require_new(png)
    with _opened(frame, organisation) as directory:
        offer = directory.pair(
            system=system, value=_text(value), kind=_kind(kind), plan_year=plan_year, minutes=minutes, name=name,
            label=label, again=again,
        )  # fmt: skip
    frame.note(f"An answer is taken in until {minute(offer.expires_at)}.")
    facts = {
        "uri": offer.uri, "organisation": offer.organisation, "name": offer.name, "expiresAt": offer.expires_at,
        "chainId": offer.chain_id, "suite": offer.suite,
    }  # fmt: skip
    _show(frame, offer, facts, png=png, qr=qr)


@verb(app, "answer", chain=True)
def answer(
    frame: Frame,
    offer: Annotated[str, typer.Argument(metavar="CODE", help="What was scanned; - is stdin.", show_default=False)],
    small: Annotated[
        bool, typer.Option("--small", help="A small code: an X25519 key, without post-quantum safety.")
    ] = False,
    unaccredited: Annotated[bool, typer.Option("--unaccredited", help="Although nobody vouches for it.")] = False,
    number: Annotated[int, typer.Option(help="Another one gives a fresh account.", min=0)] = 0,
    epoch: Annotated[int, typer.Option(help="Another one gives a fresh key to open with.", min=0)] = 0,
    subject: Annotated[
        Address | None,
        typer.Option(
            parser=address_of, metavar="ADDRESS", help="The older account this wallet has recovered or claimed."
        ),
    ] = None,
    png: _Png = None,
    qr: _Qr = None,
) -> None:
    """Answer a code, as the wallet: checks who asks, and derives the account for this organisation alone.

    Example: careledger directory answer CARELEDGER:OFFER/AEAQ… --as ana
    """
    from careledger.directory.pairing import PairingOffer
    from careledger.privacy.openers import DEFAULT_SUITE, Suite

    _require_new(png)
    wallet = wallet_of(frame)
    found = PairingOffer.from_uri(_text(offer))
    with frame.client() as care:
        given = wallet.answer(
            found, care=care, accredited=not unaccredited, number=number, epoch=epoch,
            subject=None if subject is None else _controlled(frame, subject),
            encryption=Suite.X25519 if small else DEFAULT_SUITE,
        )  # fmt: skip
    who = f"{found.name} ({found.organisation})" if found.name else found.organisation
    frame.note(f"Answers {who}. The desk is to show the same digits: {given.check}.")
    facts = {"uri": given.uri, "organisation": found.organisation, "account": given.account, "check": given.check}
    _show(frame, given, facts, png=png, qr=qr)


def _controlled(frame: Frame, subject: Address) -> KnownAccount | PartyRef:
    """Return an account as the wallet's papers have it, with the key that signs for it; else the account alone."""
    try:
        return book_of(frame).account(subject)
    except NotFound:
        return PartyRef("person", subject)


@verb(app, "complete", chain=True, asks=True)
def complete(
    frame: Frame,
    answer: Annotated[str, typer.Argument(metavar="ANSWER", help="The wallet's; - is stdin.", show_default=False)],
    checked: _Checked,
    check: Annotated[
        str | None, typer.Option("--check", metavar="DIGITS", help="The twenty digits the wallet shows; asks without.")
    ] = None,
    organisation: _Organisation = None,
) -> None:
    """Take in a wallet's answer, once the person's identity is checked; prints the account.

    Example: careledger directory complete CARELEDGER:ANSWER/AEAA… --checked document-seen --check "4860 2817 …"
    """
    from careledger.directory.pairing import PairingAnswer

    given = PairingAnswer.from_uri(_text(answer))
    if check is not None and "".join(check.split()) != given.check.replace(" ", ""):
        raise InputError(
            f"this answer's digits are {given.check}, not those the wallet shows",
            why="Somebody else answered the code, or the digits were misread.",
            fix="Compare again; if they differ, show a new code.",
        )
    if check is None:
        frame.confirm(f"Does the person's wallet show {given.check}?")
    with _opened(frame, organisation) as directory:
        entry = directory.complete(given, checked=checked)
    frame.answer(entry, lines=[entry.party.address])


@verb(app, "enter", chain=True)
def enter(
    frame: Frame,
    system: _System,
    value: _Value,
    account: Annotated[Address, typer.Option(parser=address_of, metavar="ADDRESS", help="The account.")],
    checked: _Checked,
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    label: _Label = None,
    again: Annotated[bool, typer.Option("--again", help="In the place of another account.")] = False,
    organisation: _Organisation = None,
) -> None:
    """Enter an account that no wallet answers for: one held for a patient, or a partner organisation's.

    Example: careledger directory enter --kind partner --system https://www.gs1.org/gln --value 7601001000001
    --account 0xF… --checked register-extract
    """
    with _opened(frame, organisation) as directory:
        entry = directory.enter(
            system=system, value=_text(value), account=PartyRef(_kind(kind).party_kind, account), checked=checked,
            kind=_kind(kind), plan_year=plan_year, label=label, again=again,
        )  # fmt: skip
    frame.answer(entry, lines=[entry.party.address])


# ASKING


@verb(app, "find", chain=True)
def find(
    frame: Frame,
    system: _System,
    value: _Value,
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    organisation: _Organisation = None,
) -> None:
    """Print the account an identifier stands for; exit code 3 where there is none.

    Example: careledger directory find --system urn:oid:2.16.840.1.113883.19.5 --value MRN-4711
    """
    with _opened(frame, organisation) as directory:
        entry = directory.entry(system=system, value=_text(value), kind=_kind(kind), plan_year=plan_year)
    frame.answer(entry, lines=[entry.party.address])


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    kind: Annotated[Any, typer.Option("--kind", parser=_kind, metavar="KIND", help="Only this kind.")] = None,
    organisation: _Organisation = None,
) -> None:
    """List every entry, names and identifiers in the clear: for the desk's own eyes.

    Example: careledger directory list --as hospital
    """
    with _opened(frame, organisation) as directory:
        found = directory.list(kind=kind)
    if frame.json:
        frame.answer(found)
    else:
        frame.table([_row(each) for each in found], columns=_COLUMNS)


@verb(app, "history", chain=True)
def history(
    frame: Frame,
    system: Annotated[str | None, typer.Option("--system", metavar="URI", help="Only about one identifier.")] = None,
    value: Annotated[
        Any, typer.Option("--value", parser=PersonalText, metavar="TEXT", help="With --system; - is stdin.")
    ] = None,
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    organisation: _Organisation = None,
) -> None:
    """List who changed what and when, oldest first; nothing is ever taken out.

    Example: careledger directory history --as hospital
    """
    if (system is None) != (value is None):
        raise Misuse("an identifier is a system and a value", fix="Give --system and --value, or neither.")
    with _opened(frame, organisation) as directory:
        given = None if value is None else _text(value)
        found = directory.history(system=system, value=given, kind=_kind(kind), plan_year=plan_year)
    if frame.json:
        frame.answer(found)
    else:
        frame.table([_line(each) for each in found], columns=_LINE)


# CORRECTING


@verb(app, "merge", chain=True)
def merge(
    frame: Frame,
    system: _System,
    value: _Value,
    into_system: Annotated[str, typer.Option(metavar="URI", help="Of the identifier whose account stays.")],
    into_value: Annotated[Any, typer.Option(parser=PersonalText, metavar="TEXT", help="Of the same.")],
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    organisation: _Organisation = None,
) -> None:
    """Say that two identifiers are one person: the first, paired or not, stands for what the second one stands for.

    Example: careledger directory merge --system urn:oid:1.2.3 --value 807 --into-system urn:oid:1.2.4
    --into-value MRN-4711
    """
    with _opened(frame, organisation) as directory:
        entry = directory.merge(
            system=system, value=_text(value), into=(into_system, _text(into_value)), kind=_kind(kind),
            plan_year=plan_year,
        )  # fmt: skip
    frame.answer(entry, lines=[entry.party.address])


@verb(app, "split", chain=True)
def split(
    frame: Frame,
    system: _System,
    value: _Value,
    from_system: Annotated[str, typer.Option(metavar="URI", help="Of the other identifier.")],
    from_value: Annotated[Any, typer.Option(parser=PersonalText, metavar="TEXT", help="Of the same.")],
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    organisation: _Organisation = None,
) -> None:
    """Say that two identifiers are not one person: takes back the merge; prints what each stands for now.

    Example: careledger directory split --system urn:oid:1.2.3 --value 807 --from-system urn:oid:1.2.4
    --from-value MRN-4711
    """
    with _opened(frame, organisation) as directory:
        found = directory.split(
            system=system, value=_text(value), other=(from_system, _text(from_value)), kind=_kind(kind),
            plan_year=plan_year,
        )  # fmt: skip
    frame.answer(list(found), lines=["not paired" if each is None else each.party.address for each in found])


@verb(app, "remove", chain=True, asks=True)
def remove(
    frame: Frame,
    system: _System,
    value: _Value,
    kind: _Kind = "patient",
    plan_year: _PlanYear = 0,
    organisation: _Organisation = None,
) -> None:
    """Forget an identifier; the history keeps which account it stood for. Asks first.

    Example: careledger directory remove --system urn:oid:2.16.840.1.113883.19.5 --value MRN-4711 --yes
    """
    given = _text(value)
    with _opened(frame, organisation) as directory:
        entry = directory.entry(system=system, value=given, kind=_kind(kind), plan_year=plan_year)
        frame.confirm(f"Forget that this identifier stands for {entry.party.address}?")
        directory.remove(system=system, value=given, kind=_kind(kind), plan_year=plan_year)
    frame.answer(entry, lines=[entry.party.address])


# KEYS


@verb(app, "share", chain=True)
def share(
    frame: Frame,
    with_: Annotated[
        Address, typer.Option("--with", parser=address_of, metavar="ADDRESS", help="Who; it has published a key.")
    ],
    organisation: _Organisation = None,
) -> None:
    """Let one more opener open the directory: another desk's, or the organisation's next one.

    Example: careledger directory share --with 0xC… --as hospital
    """
    with _opened(frame, organisation) as directory:
        key = directory.share(PartyRef("organisation", with_))
    frame.answer({"keyHash": to_hex(key.key_hash)}, lines=[to_hex(key.key_hash)])


@verb(app, "unshare", chain=True, asks=True)
def unshare(
    frame: Frame,
    key: Annotated[Bytes32, typer.Argument(parser=bytes32_of, metavar="KEY", help="Its hash, as share printed it.")],
    organisation: _Organisation = None,
) -> None:
    """Take an opener away and seal everything anew; what it read before is out of reach. Asks first.

    Example: careledger directory unshare 0x3f… --as hospital
    """
    frame.confirm(f"Take the directory away from key {key[:10]}…?")
    with _opened(frame, organisation) as directory:
        directory.unshare(key)
    frame.answer({"keyHash": key}, lines=[key])


@verb(app, "rotate", chain=True)
def rotate(frame: Frame, organisation: _Organisation = None) -> None:
    """Seal everything anew under a fresh key, for the same openers; prints their hashes.

    Example: careledger directory rotate --as hospital
    """
    with _opened(frame, organisation) as directory:
        directory.rotate()
        hashes = [to_hex(each.key_hash) for each in directory.openers()]
    frame.answer(hashes, lines=hashes)


# INTERNAL

_COLUMNS = ("kind", "system", "value", "name", "account", "checked", "since", "former")
_LINE = ("number", "when", "act", "by", "identifiers", "account", "former", "checked")


@contextmanager
def _opened(frame: Frame, organisation: Address | None) -> Iterator[Directory]:
    with frame.client(signs=True, opens=True) as care:
        known: Directory = care.directory
        yield known if organisation is None else known.of(PartyRef("organisation", organisation))


def _text(given: str) -> PersonalText:
    """Return an identifier or a code, or a line of stdin for ``-``: a command line can be read by others."""
    if str(given) != "-":
        return PersonalText(given)
    try:
        return PersonalText(sys.stdin.buffer.readline(_LONGEST).decode("utf-8").rstrip("\r\n"))
    except UnicodeDecodeError:
        raise FormatError("what came on stdin is not text in UTF-8", fix="Give it as one line of UTF-8.") from None


def _require_new(png: Path | None) -> None:
    if png is not None and png.exists():
        raise InputError(f"{shown(png.name)} is there already", fix="Give another file.")


def _show(
    frame: Frame, code: PairingOffer | PairingAnswer, facts: dict[str, Any], *, png: Path | None, qr: bool | None
) -> None:
    """Answer with a code's text, and draw it for whoever holds a phone to it."""
    if png is not None:
        code.png(png)
    terminal = sys.stderr.isatty()
    if qr or (qr is None and terminal):
        lines, columns = code.qr().splitlines(), shutil.get_terminal_size().columns
        if terminal and len(lines[0]) > columns:
            frame.note(f"The code is {len(lines[0])} columns wide and this terminal has {columns}: give --png FILE.")
        else:  # white on black, whatever the terminal's own colours are
            sys.stderr.writelines(f"\x1b[97;40m{line}\x1b[0m\n" if terminal else f"{line}\n" for line in lines)
    if frame.json:
        frame.answer(facts)
    else:
        output.lines([code.uri], limit=len(code.uri))


def _row(entry: Entry) -> dict[str, Any]:
    """Return an entry as the desk reads it."""
    year = f" {entry.id.plan_year}" if entry.id.plan_year else ""
    return {
        "kind": entry.id.kind.value + year, "system": entry.id.system, "value": entry.id.value,
        "name": entry.party.label, "account": entry.party.address, "checked": entry.checked.word,
        "since": minute(entry.since), "former": len(entry.former) or None,
    }  # fmt: skip


def _line(change: Change) -> dict[str, Any]:
    """Return a line of the history as the desk reads it."""
    ids = ["(removed)" if each is None else f"{each.system}|{each.value}" for each in change.ids]
    return {
        "number": change.number, "when": minute(change.at), "act": change.act, "by": change.by,
        "identifiers": ids or ([f"key {change.key_hash[:10]}…"] if change.key_hash else None),
        "account": change.account, "former": change.former,
        "checked": None if change.checked is None else change.checked.word,
    }  # fmt: skip
