"""``careledger consents``: what patients permit and deny, and what may be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli import consent_documents as documents
from careledger.cli import policies
from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import Evidence, OnWill, address_of, code_of, jurisdiction_option, stated
from careledger.cli.terms import read_signed, read_terms, recipient, write_signed, write_terms
from careledger.cli.views import directive_row
from careledger.codes import ConsentReason, DataClass, Purpose, Role
from careledger.errors import Misuse
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True)
app.add_typer(policies.app, name="policy", help="What holds where a patient has said nothing: state, show.")


@app.callback()
def main() -> None:
    """What patients permit and deny, to whom and for what. A denial beats a permission."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Patient = Annotated[Address, _address("--patient", "The patient's pseudonym.")]
_To = Annotated[Address | None, _address("--to", "To a person.")]
_ToOrganisation = Annotated[Address | None, _address("--to-organisation", "To an organisation and who works there.")]
_ToRole = Annotated[
    Any,
    typer.Option("--to-role", parser=code_of(Role), metavar="ROLE", help="To all in a role; with --jurisdiction."),
]  # fmt: skip
_Jurisdiction = Annotated[int, jurisdiction_option("ISO 3166-1 number × 1000: 756000 is Switzerland.")]
_Purpose = Annotated[
    Any, typer.Option("--purpose", parser=code_of(Purpose), metavar="CODE", help="For what, such as TREAT.")
]
_OnePurpose = Annotated[
    Any, typer.Option("--purpose", parser=code_of(Purpose), metavar="CODE", help="For what, such as TREAT.")
]
_Classes = Annotated[
    list[Any] | None,
    typer.Option("--class", parser=code_of(DataClass), metavar="CLASS", help="A class, such as labs; repeatable."),
]  # fmt: skip
_Signed = Annotated[
    Path | None, typer.Option("--signed", help="Carry what the patient signed: from consents sign.", metavar="FILE")
]
_Draft = Annotated[bool, typer.Option("--draft", help="Write the terms to be signed to stdout; send nothing.")]
_Reason = Annotated[
    Any, typer.Option("--reason", parser=code_of(ConsentReason), metavar="REASON", help="Why, as a word.")
]


# ASKING


@verb(app, "decide", chain=True)
def decide(
    frame: Frame,
    patient: _Patient,
    actor: Annotated[Address, _address("--actor", "Who wants to read.")],
    purpose: _Purpose,
    classes: _Classes = None,
    as_organisation: Annotated[Address | None, _address("--as-organisation", "Acting for this organisation.")] = None,
    as_role: Annotated[
        Any, typer.Option("--as-role", parser=code_of(Role), metavar="ROLE", help="Acting in this role.")
    ] = None,
    organisation_role: Annotated[
        Any, typer.Option(parser=code_of(Role), metavar="ROLE", help="What the organisation is accredited as.")
    ] = "provider",
    jurisdiction: _Jurisdiction = 0,
    custodian: Annotated[Address | None, _address("--custodian", "Whose base policy holds.")] = None,
    author: Annotated[Address | None, _address("--author", "Who wrote what is asked for.")] = None,
) -> None:
    """Ask whether somebody may read classes of a patient's data; exit code 3 where not.

    Example: careledger consents decide --patient 0xA… --actor 0xB… --purpose TREAT --class labs
    """
    if not classes:
        raise Misuse("it is not said what is to be read", fix="Add --class labs, or more of them.")
    capacity = None
    if as_organisation is not None or as_role is not None:
        names = ("--as-organisation", "--as-role", "neither")
        capacity = recipient(None, as_organisation, as_role, jurisdiction, names=names)
    with frame.client() as care:
        frame.decision(
            care.consents.decide(
                patient=PartyRef("person", patient),
                actor=PartyRef("person", actor),
                purpose=purpose,
                classes=classes,
                capacity=capacity,
                organisation_role=code_of(Role)(organisation_role),
                jurisdiction=jurisdiction,
                custodian=None if custodian is None else PartyRef("organisation", custodian),
                author=None if author is None else PartyRef("person", author),
            )
        )


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    patient: Annotated[Address | None, _address("--patient", "Only of this pseudonym.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are revoked or over, too.")] = False,
) -> None:
    """List directives, each as it stands now; only live ones without --all.

    Example: careledger consents list --all
    """
    with frame.client() as care:
        whose = None if patient is None else PartyRef("person", patient)
        found, now = care.consents.list(patient=whose, live=not everything), care.consents.now()
    rows = [directive_row(item, now) for item in found]
    if frame.json:
        frame.answer([item.to_json() | {"state": row["state"]} for item, row in zip(found, rows, strict=True)])
    else:
        columns = ("id", "patient", "to", "purpose", "permits", "denies", "until", "state")
        frame.table(rows, columns=columns)


@verb(app, "show", chain=True)
def show(
    frame: Frame,
    patient: Annotated[Address | None, _address("--patient", "The patient's pseudonym.")] = None,
    purpose: _OnePurpose = None,
    to: _To = None,
    to_organisation: _ToOrganisation = None,
    to_role: _ToRole = None,
    jurisdiction: _Jurisdiction = 0,
    receipt: Annotated[
        Path | None, typer.Option(help="Read a receipt instead, without asking the chain.", metavar="FILE")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the receipt's page: en, de or zh.")] = "en",
    html: Annotated[
        Path | None, typer.Option("--html", help="Write the receipt's page as HTML to a new file.", metavar="FILE")
    ] = None,
) -> None:
    """Show the directive for a recipient and purpose as it stands, or what a consent receipt says.

    Example: careledger consents show --receipt receipt.json --language de
    """
    if receipt is not None:
        _alone(patient, purpose, to, to_organisation, to_role, what="a receipt", option="--receipt")
        documents.show_receipt(frame, receipt, language, html)
        return
    if patient is None or purpose is None or html is not None:
        raise Misuse("it is not said what to show", fix="Give --patient, --purpose and to whom; or --receipt FILE.")
    whom = recipient(to, to_organisation, to_role, jurisdiction)
    with frame.client() as care:
        found, now = care.consents.get(PartyRef("person", patient), to=whom, purpose=purpose), care.consents.now()
    row = directive_row(found, now)
    frame.answer(found.to_json() | {"state": row["state"]} if frame.json else row)


# AGREEING


@verb(app, "draft", chain=True)
def draft(
    frame: Frame,
    patient: _Patient,
    purpose: _Purpose,
    file: Annotated[Path | None, typer.Argument(help="Where the terms go; stdout without.", show_default=False)] = None,
    to: _To = None,
    to_organisation: _ToOrganisation = None,
    to_role: _ToRole = None,
    jurisdiction: _Jurisdiction = 0,
    classes: _Classes = None,
    deny: Annotated[
        list[Any] | None,
        typer.Option("--deny", parser=code_of(DataClass), metavar="CLASS", help="An exception; repeatable."),
    ] = None,
    days: Annotated[int, typer.Option(help="How long it lasts.", min=1, max=36500)] = 90,
    language: Annotated[str, typer.Option(help="Of the words on stderr: en, de or zh.")] = "en",
    receipt: Annotated[
        Path | None, typer.Option(help="Where the receipt goes; a folder of the home without.", metavar="FILE")
    ] = None,
) -> None:
    """Draft what a patient is asked to agree to: EIP-712 JSON for a wallet on stdout, the words on stderr.

    Without --class all ordinary classes are permitted; without --deny all sensitive ones are excepted. The receipt,
    which opens what the chain will show, is kept in a private file.

    Example: careledger consents draft terms.json --patient 0xA… --to 0xB… --purpose TREAT --class labs
    """
    from careledger.privacy.files import shred_file

    documents.require_words(language)
    whom = recipient(to, to_organisation, to_role, jurisdiction)
    with frame.client() as care:
        terms = care.consents.draft(
            patient=PartyRef("person", patient), to=whom, purpose=purpose, classes=classes or None,
            denies=deny or None, for_days=days, notice={"language": language},
        )  # fmt: skip
        home = care.home
    where = receipt or home / "receipts" / f"{terms.call['receipt'][2:]}.json"
    documents.keep(where, terms.receipt)
    try:
        write_terms(terms, file)
    except BaseException:
        shred_file(where)  # nobody has the terms it belongs to, and the same command can be given again
        raise
    frame.note(terms.in_words(language))
    frame.note(f"The receipt is in {where}; keep it secret.")


@verb(app, "sign", chain=True)
def sign(
    frame: Frame,
    terms: Annotated[Path, typer.Argument(help="What consents draft wrote; - is stdin.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Where it goes; stdout without.", metavar="FILE")] = None,
    language: Annotated[str, typer.Option(help="Of the words on stderr: en, de or zh.")] = "en",
) -> None:
    """Sign drafted terms as the profile; nothing is sent. Anyone may then carry them with --signed.

    Example: careledger consents sign terms.json --as ana --out signed.json
    """
    from careledger.resources.consent_types import ConsentTerms

    with frame.client(signs=True) as care:
        found = read_terms(care, terms)
        if isinstance(found, ConsentTerms):
            frame.note(found.in_words(language))
        else:
            frame.note(json.dumps(found.typed.to_json()["message"]))
        write_signed(found.signed_by(care.signer), out)


@verb(app, "grant", write=True)
def grant(
    frame: Frame,
    terms: Annotated[
        Path | None, typer.Argument(help="Drafted terms, sent by the patient itself.", show_default=False)
    ] = None,
    signed: _Signed = None,
    within_days: Annotated[
        int | None,
        typer.Option(
            "--within-days", help="With --signed: at a moment drawn from so many days; see tx carry.", min=1, max=30
        ),
    ] = None,
    will: OnWill = None,
    evidence: Evidence = None,
) -> None:
    """Put on the chain what a patient agreed to: as the patient itself, or by its signature with --signed.

    As its steward or guardian, drafted terms with --will and --evidence.

    Example: careledger consents grant --signed signed.json --as relayer
    """
    if (terms is None) == (signed is None):
        raise Misuse("there is one thing to grant", fix="Give drafted terms, or --signed FILE.")
    if within_days is not None and signed is None:
        raise Misuse("only what is signed can wait", fix="Add --signed FILE, or leave out --within-days.")
    on, options = stated(will, evidence), frame.write_options()
    if on and terms is None:
        raise Misuse("a signature needs no other will", fix="Leave out --will, or give drafted terms.")
    with frame.client(signs=True, opens=bool(on)) as care:
        if on:
            frame.receipt(care.consents.grant_for(read_terms(care, _file(terms), kind="grant"), **on, **options))
            return
        agreed = read_terms(care, terms, kind="grant") if terms else read_signed(care, _file(signed), kind="grant")
        if within_days is None or frame.dry_run:
            frame.receipt(care.consents.grant(agreed, **options))
            return
        care.at_ease(within_days=within_days).consents.grant(agreed, **options)
        frame.note("It lies in the tray; careledger tx carry sends it once its moment has come.")
        frame.answer({"waiting": len(care.tray.waiting())})


@verb(app, "revoke", write=True)
def revoke(
    frame: Frame,
    patient: Annotated[Address | None, _address("--patient", "The pseudonym; the profile's account without.")] = None,
    purpose: _OnePurpose = None,
    to: _To = None,
    to_organisation: _ToOrganisation = None,
    to_role: _ToRole = None,
    jurisdiction: _Jurisdiction = 0,
    reason: _Reason = "patient-request",
    signed: _Signed = None,
    draft: _Draft = False,
    will: OnWill = None,
    evidence: Evidence = None,
) -> None:
    """End a directive: as the patient itself, by its signature with --signed, or for it with --will and --evidence.

    Example: careledger consents revoke --to 0xB… --purpose TREAT --as ana --key revoke/1
    """
    if signed is not None:
        _alone(draft, patient, purpose, to, to_organisation, to_role, will, evidence)
        options = frame.write_options()
        with frame.client(signs=True) as care:
            frame.receipt(care.consents.revoke_signed(read_signed(care, signed, kind="revoke"), **options))
        return
    if purpose is None:
        raise Misuse("it is not said which directive", fix="Add --purpose, and to whom; or --signed FILE.")
    whom, why = recipient(to, to_organisation, to_role, jurisdiction), code_of(ConsentReason)(reason)
    on = _for_somebody(will, evidence, patient, draft)
    with frame.client(signs=not (draft and patient), opens=bool(on)) as care:
        who = PartyRef("person", patient or care.me)
        care.consents.get(who, to=whom, purpose=purpose)
        if draft:
            write_terms(care.consents.draft_revocation(who, to=whom, purpose=purpose, reason=why), None)
            return
        act = care.consents.revoke_for if on else care.consents.revoke
        frame.receipt(act(who, to=whom, purpose=purpose, reason=why, **on, **frame.write_options()))


@verb(app, "deny", write=True)
def deny(
    frame: Frame,
    classes: _Classes = None,
    even_in_emergency: Annotated[
        list[Any] | None,
        typer.Option(parser=code_of(DataClass), metavar="CLASS", help="Denied even in an emergency; repeatable."),
    ] = None,
    nothing: Annotated[bool, typer.Option("--nothing", help="End the standing denial.")] = False,
    patient: Annotated[Address | None, _address("--patient", "The pseudonym; the profile's account without.")] = None,
    signed: _Signed = None,
    draft: _Draft = False,
    will: OnWill = None,
    evidence: Evidence = None,
) -> None:
    """Deny classes to everybody, replacing what was denied so before; it has no end.

    As steward or guardian, with --will and --evidence, classes are added and none is lifted.

    Example: careledger consents deny --class mental-health --class hiv --as ana
    """
    denied = {"classes": classes or (), "even_in_emergency": even_in_emergency or ()}
    if signed is not None:
        _alone(draft, patient, nothing, classes, even_in_emergency, will, evidence)
        options = frame.write_options()
        with frame.client(signs=True) as care:
            frame.done(care.consents.deny_signed(read_signed(care, signed, kind="deny"), **options))
        return
    if bool(classes or even_in_emergency) == nothing:
        raise Misuse("it is not said what is denied", fix="Give --class or --even-in-emergency, or --nothing.")
    on = _for_somebody(will, evidence, patient, draft)
    if on and nothing:
        raise Misuse("only the patient lifts a standing denial", fix="Leave out --will, as the patient.")
    with frame.client(signs=not (draft and patient), opens=bool(on)) as care:
        who = PartyRef("person", patient or care.me)
        if draft:
            write_terms(care.consents.draft_denial(who, **denied), None)
            return
        act = care.consents.deny_for if on else care.consents.deny
        frame.done(act(who, **denied, **on, **frame.write_options()))


def _for_somebody(will: Any, evidence: Path | None, patient: Address | None, draft: bool) -> dict[str, Any]:
    """Return on what will somebody else's act is done; nothing where it is one's own."""
    on = stated(will, evidence)
    if on and (patient is None or draft):
        raise Misuse("an act for somebody names the patient and is sent at once", fix="Add --patient; no --draft.")
    return on


def _alone(*others: Any, what: str = "a signed file", option: str = "--signed") -> None:
    if any(item is not None and item is not False and item != [] for item in others):
        raise Misuse(f"{what} says everything itself", fix=f"Give {option} FILE alone.")


def _file(path: Path | None) -> Path:
    assert path is not None  # noqa: S101 - checked by the caller
    return path


app.registered_commands += documents.app.registered_commands
