"""``careledger consents``, the verbs about documents: consent receipts and FHIR Consents."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careledger.cli import output
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, code_of
from careledger.cli.terms import write_terms
from careledger.cli.views import minute
from careledger.codes import DataClass, Purpose, Role
from careledger.errors import InputError, Misuse
from careledger.text import shown
from careledger.values import Address, PartyRef, RoleRef, plain

if TYPE_CHECKING:
    from careledger.formats.fhir.consent import ConsentReading
    from careledger.resources.consent_types import ConsentReceipt

__all__ = ["app", "keep", "require_words", "show_receipt"]

app = typer.Typer()
"""Its verbs are those of ``careledger consents``."""

# RECEIPTS


def show_receipt(frame: Frame, file: Path, language: str, html: Path | None) -> None:
    """Answer with what a receipt says: a page of text, HTML in a file, or the record as JSON."""
    require_words(language)
    found = _receipt(frame, file)
    if html is not None:
        page = found.in_html(language).encode()
        if html.exists():
            raise InputError(f"{shown(html.name)} is there already", fix="Give --html another file.")
        from careledger.privacy.files import write_private

        write_private(html, page)
        frame.note(f"The page is in {html}; it shows what was agreed.")
    elif frame.json:
        frame.answer(dict(found.document))
    else:
        output.lines(found.in_words(language).splitlines())


@verb(app, "verify", chain=True)
def verify(
    frame: Frame,
    receipt: Annotated[Path, typer.Argument(help="The receipt, sealed for the profile or open.", show_default=False)],
) -> None:
    """Compare a consent receipt with the chain; exit code 3 where it is not there, or says something else.

    Example: careledger consents verify receipt.json
    """
    found = _receipt(frame, receipt)
    with frame.client() as care:
        standing = found.verify(care)
    frame.answer(standing.to_json())
    if not standing.verified:
        frame.no()


def _receipt(frame: Frame, file: Path) -> ConsentReceipt:
    """Read a receipt; one that is sealed with the profile's key."""
    from careledger.errors import NotARecipient
    from careledger.resources.consent_types import ConsentReceipt

    try:
        return ConsentReceipt.load(file)
    except NotARecipient:
        return ConsentReceipt.load(file, opener=frame.profile.seed_opener())


def require_words(language: str) -> None:
    """Refuse a language that there are no words for."""
    from careledger.resources.glossary import LANGUAGES

    if language not in LANGUAGES:
        raise Misuse(f"there are no words for {shown(language, 20)!r}", fix=f"Use one of: {', '.join(LANGUAGES)}.")


def keep(where: Path, receipt: ConsentReceipt) -> None:
    """Write a receipt, salt included, for its owner's eyes."""
    from careledger.privacy.files import write_private

    if where.exists():
        raise InputError(f"{shown(where.name)} is there already", fix="Give --receipt another file.")
    write_private(where, json.dumps(plain(receipt.to_json()), indent=1).encode())


# FHIR CONSENTS

_VERSIONS: Final = {"R4": "4.0.1", "R5": "5.0.0", "4.0.1": "4.0.1", "5.0.0": "5.0.0"}
_Party = Annotated[
    list[str] | None,
    typer.Option(
        "--party", metavar="NAME=WHO", show_default=False,
        help="Whom a name in the file means: Organization/f001=organisation:0x…, or SYSTEM|VALUE=person:0x…",
    ),
]  # fmt: skip
_Everybody = Annotated[
    list[str] | None,
    typer.Option(
        "--everybody", metavar="WHO", show_default=False,
        help="Whom a permission stands for that names nobody: organisation:0x… or role:pharmacy@756000.",
    ),
]  # fmt: skip
_Purposes = Annotated[
    list[Any] | None,
    typer.Option(
        "--purpose", parser=code_of(Purpose), metavar="CODE", help="What a permission is for that names no purpose."
    ),
]  # fmt: skip
_Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept", metavar="LOCATION", show_default=False,
        help="Leave out what stands there, although more could be read without it; repeatable.",
    ),
]  # fmt: skip


@verb(app, "read", chain=True)
def read(
    frame: Frame,
    file: Annotated[Path, typer.Argument(help="A FHIR Consent or a Bundle, R4 or R5; - is stdin.")],
    patient: Annotated[
        Address | None, typer.Option(parser=address_of, metavar="ADDRESS", help="Whose consent it is.")
    ] = None,
    party: _Party = None,
    everybody: _Everybody = None,
    purpose: _Purposes = None,
    accept: _Accept = None,
    days: Annotated[int, typer.Option(help="How long a permission lasts that names no end.", min=1, max=36500)] = 90,
    terms: Annotated[
        Path | None, typer.Option(help="Draft what the patient has to sign into this new folder.", metavar="FOLDER")
    ] = None,
) -> None:
    """Say what becomes of a FHIR Consent: directives, a standing denial, and all that neither can say.

    Exit code 3 where something that narrows access cannot be said and was not accepted by its location. Without --terms
    no chain is asked.

    Example: careledger consents read consent.json --party Organization/f001=organisation:0xB…
    """
    how: dict[str, Any] = {
        "resolve": _resolver(party or []), "everybody": [_who(text) for text in everybody or []],
        "purposes": purpose or [], "patient": None if patient is None else PartyRef("person", patient),
    }  # fmt: skip
    source = sys.stdin.buffer.read() if str(file) == "-" else file
    if terms is not None:
        _draft(frame, source, terms, days, accept or [], how)
        return
    from careledger.resources.consent_documents import read_document

    readings = read_document(source, **how)
    if frame.json:
        frame.answer([reading.to_json() for reading in readings])
    else:
        for reading in readings:
            output.table(_BECOMES, list(_rows(reading)))
            output.table(_LEFT_OUT, [(u.effect.value, u.location, u.says, u.why) for u in reading.unexpressed])
    known = {name for reading in readings for name in reading.names}
    if unknown := sorted(set(accept or []) - known):
        raise InputError(f"nothing that widens access stands at {shown(unknown[0], 80)}", fix="Name what is listed.")
    if any(reading.not_accepted(accept or []) for reading in readings):
        frame.no()


@verb(app, "export", chain=True)
def export(
    frame: Frame,
    patient: Annotated[Address, typer.Option(parser=address_of, metavar="ADDRESS", help="Whose consents.")],
    file: Annotated[Path | None, typer.Argument(help="A new file; stdout without.", show_default=False)] = None,
    version: Annotated[str, typer.Option(help="R4 or R5.")] = "R5",
    receipt: Annotated[
        list[Path] | None, typer.Option("--receipt", metavar="FILE", help="Receipts of limited directives; repeatable.")
    ] = None,
) -> None:
    """Write a patient's live directives and standing denial as a Bundle of FHIR Consents.

    Example: careledger consents export consents.json --patient 0xA… --version R4
    """
    if version.upper() not in _VERSIONS:
        raise Misuse(f"there is no FHIR version {shown(version, 20)!r} here", fix="Use R4 or R5.")
    receipts = [_receipt(frame, each) for each in receipt or []]
    with frame.client() as care:
        found = care.consents.to_fhir(
            PartyRef("person", patient), version=_VERSIONS[version.upper()], receipts=receipts
        )
    if file is None:
        output.data(found)
        return
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    except FileExistsError:
        raise InputError(f"{shown(file.name)} is there already", fix="Give another file.") from None


def _draft(frame: Frame, source: Any, folder: Path, days: int, accept: list[str], how: dict[str, Any]) -> None:
    """Write the terms of everything that is to be signed, and their receipts."""
    if folder.exists():
        raise InputError(f"{shown(folder.name)} is there already", fix="Give --terms another folder.")
    with frame.client() as care:
        drafts = care.consents.from_fhir(source, accept=accept, for_days=days, **how)
    folder.mkdir(mode=0o700)
    for number, terms in enumerate(drafts.terms, 1):
        write_terms(terms, folder / f"grant-{number}.json")
        keep(folder / f"grant-{number}.receipt", terms.receipt)
        frame.note(f"grant-{number}: {terms.in_words('en')}")
    for number, denial in enumerate(drafts.denials, 1):
        write_terms(denial, folder / f"deny-{number}.json")
    output.lines([path for path in sorted(folder.iterdir()) if path.suffix == ".json"])


# HOW THEY ARE SHOWN

_BECOMES: Final = ("becomes", "who", "for", "permits", "denies", "from", "until", "by")
_LEFT_OUT: Final = ("left out means", "where", "says", "why")


def _rows(reading: ConsentReading) -> Iterator[tuple[str, ...]]:
    """Yield a row for each directive, those that differ in their purpose alone together, then for the rest."""
    alike: dict[tuple[Any, ...], list[Purpose]] = {}
    for draft in reading.drafts:
        key = (draft.to, draft.permits, draft.denies, draft.not_before, draft.expires_at, draft.rules)
        alike.setdefault(key, []).append(draft.purpose)
    for (to, permits, denies, start, end, rules), purposes in alike.items():
        named = "every purpose" if len(purposes) == len(Purpose) else ", ".join(item.word for item in purposes)
        until = minute(end) if end is not None and end < _NO_END else "no end"
        yield "directive", _named(to), named, _words(permits), _words(denies), minute(start), until, ", ".join(rules)
    if reading.standing is not None:
        denied, closed, rules = (
            reading.standing.denied, reading.standing.even_in_emergency, ", ".join(reading.standing.rules)
        )  # fmt: skip
        yield "standing denial", "everybody", "every purpose", "-", _words(denied), "-", "no end", rules
        yield "standing denial", "everybody", "emergencies", "-", _words(closed, "nothing"), "-", "no end", rules
    for item in reading.statements:
        spoken = ", ".join(each.word for each in sorted(item.purposes)) or "every purpose"
        yield "statement", "everybody", spoken, f"{_VERB[item.decision]} {item.words}", "-", "-", "-", item.location


_NO_END: Final = 253_402_300_800
_VERB: Final = {"permit": "permits", "deny": "denies"}


def _words(classes: frozenset[DataClass], nothing: str = "-") -> str:
    """Return classes in one cell: all ordinary ones in two words."""
    ordinary = frozenset(item for item in DataClass if not item.is_sensitive)
    if classes == frozenset(DataClass):
        return "everything"
    rest = classes - ordinary if classes >= ordinary else classes
    return ", ".join([*(["all ordinary"] if rest != classes else []), *(item.word for item in sorted(rest))]) or nothing


def _named(to: PartyRef | RoleRef) -> str:
    return f"{to.kind}:{to.address}" if isinstance(to, PartyRef) else f"role:{to.role.word}@{to.jurisdiction}"


def _who(text: str) -> PartyRef | RoleRef:
    """Read ``organisation:0x…``, ``person:0x…`` or ``role:pharmacy@756000``."""
    kind, _, rest = text.partition(":")
    if kind in ("person", "organisation"):
        return PartyRef(kind, address_of(rest))  # type: ignore[arg-type]
    word, _, jurisdiction = rest.partition("@")
    if kind == "role" and jurisdiction.isascii() and jurisdiction.isdigit() and int(jurisdiction[:12]) < 1 << 32:
        return RoleRef(code_of(Role)(word), int(jurisdiction[:12]))
    raise Misuse("this does not say who", fix="Write organisation:0x…, person:0x… or role:pharmacy@756000.")


def _resolver(texts: list[str]) -> Callable[[str | None, str], PartyRef | RoleRef | None]:
    """Return what finds parties by the names given: literal references, or SYSTEM|VALUE."""
    known: dict[tuple[str | None, str], PartyRef | RoleRef] = {}
    for text in texts:
        name, _, who = text.rpartition("=")
        if not name:
            raise Misuse("this does not say whom a name means", fix="Write Organization/f001=organisation:0x….")
        system, bar, value = name.rpartition("|")
        known[(system if bar else None, value if bar else name)] = _who(who)
    return lambda system, value: known.get((system, value))
