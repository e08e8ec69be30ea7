"""``careledger emergencies``: the glass is broken, reviewed by the house, and judged last by its accreditor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, bytes32_of, code_of, jurisdiction_option
from careledger.cli.views import minute
from careledger.codes import EmergencyReason, Verdict
from careledger.errors import InputError, Misuse, NotFound
from careledger.text import shown
from careledger.values import Address, Bytes32, PartyRef

app = typer.Typer(no_args_is_help=True)
_MOST_EVIDENCE: Final = 64 << 20


@app.callback()
def main() -> None:
    """Breaking the glass: open an emergency, see what was read under it, review it, judge it last."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Organisation = Annotated[
    Address, typer.Argument(parser=address_of, metavar="ORGANISATION", help="Whose.", show_default=False)
]
_Verdict = Annotated[
    Any, typer.Option("--verdict", parser=code_of(Verdict), metavar="VERDICT", help="justified or unjustified.")
]
_Evidence = Annotated[
    Path | None,
    typer.Option("--evidence", help="What was examined; only a salted commitment goes on chain.", metavar="FILE"),
]
_Emergency = Annotated[
    Bytes32, typer.Argument(parser=bytes32_of, metavar="EMERGENCY", help="Its id.", show_default=False)
]


@verb(app, "name-officer", write=True)
def name_officer(
    frame: Frame,
    officer: Annotated[Address, typer.Argument(parser=address_of, metavar="OFFICER", help="Who reviews from now on.")],
) -> None:
    """Name who reviews the emergencies of the profile's house; without one nobody opens any for it.

    Example: careledger emergencies name-officer 0xD… --as clinic
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        house = PartyRef("organisation", care.me)
        frame.done(care.emergencies.name_privacy_officer(house, officer=PartyRef("person", officer), **options))


@verb(app, "open", write=True)
def open_(
    frame: Frame,
    patient: Annotated[Address, typer.Argument(parser=address_of, metavar="PATIENT", help="Whose records.")],
    organisation: Annotated[
        Address, typer.Option(parser=address_of, metavar="ADDRESS", help="For whom it is opened.", show_default=False)
    ],
    jurisdiction: Annotated[
        int, jurisdiction_option("Where both are accredited: 756000 is Switzerland.", least=1, show_default=False)
    ],
    reason: Annotated[Any, typer.Option("--reason", parser=code_of(EmergencyReason), metavar="REASON", help="Why.")],
) -> None:
    """Open emergency access to a patient's records for eight hours, as the practitioner; prints its id.

    It is public, cannot be closed early, and is reviewed. What the patient closed in emergencies too stays closed.

    Example: careledger emergencies open 0x5a… --organisation 0xB… --jurisdiction 756000
    --reason unconscious --as dr-roe
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        named = {
            "patient": PartyRef("person", patient), "practitioner": PartyRef("person", care.me),
            "organisation": PartyRef("organisation", organisation), "jurisdiction": jurisdiction, "reason": reason,
        }  # fmt: skip
        if frame.asks and (frame.key is None or care.sender.entry(frame.key) is None):
            care.emergencies.open(**named, dry_run=True)  # nobody is asked for what would be refused
        frame.confirm("Break the glass? It is public under your name, and your privacy officer reviews it.")
        frame.receipt(care.emergencies.open(**named, **options))


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    organisation: Annotated[Address | None, _address("--organisation", "Those opened for this house.")] = None,
    patient: Annotated[Address | None, _address("--patient", "Those opened for this account.")] = None,
) -> None:
    """List emergencies, each as it stands: of a house, or about an account of one's own.

    Example: careledger emergencies list --patient 0x5a…
    """
    with frame.client() as care:
        found = care.emergencies.list(
            organisation=PartyRef("organisation", organisation) if organisation else None,
            patient=PartyRef("person", patient) if patient else None,
        )
    if frame.json:
        frame.answer(found)
        return
    rows = [
        {
            "emergency": item.id, "opened": minute(item.opened_at), "practitioner": item.practitioner.address,
            "patient": item.patient.address, "reason": item.reason.word, "verdict": item.verdict.word,
            "appealed": "yes" if item.appealed else "no",
        } for item in found
    ]  # fmt: skip
    frame.table(rows, columns=("emergency", "opened", "practitioner", "patient", "reason", "verdict", "appealed"))


@verb(app, "worklist", chain=True)
def worklist(
    frame: Frame,
    organisation: _Organisation,
    log: Annotated[
        Address | None, _address("--log", "Look for readings in this custodian's log book, kept here.")
    ] = None,
) -> None:
    """List the emergencies still to be reviewed, the most urgent first; exit code 3 where a review is overdue.

    Readings under each come from the receipts kept here, or from a custodian's log book.

    Example: careledger emergencies worklist 0xB… --as officer
    """
    opens = frame.settings["profile"] is not None and frame.profile.opener is not None
    with frame.client(opens=opens) as care:
        house = PartyRef("organisation", organisation)
        found = care.emergencies.worklist(house)
        if log is not None and found:
            from careledger.custodian import Custodian

            book = Custodian(care, PartyRef("organisation", log)).book
            entries = book.all(since=min(item.emergency.opened_at for item in found))
            found = care.emergencies.worklist(house, accesses=entries)
    if frame.json:
        frame.answer(found)
    else:
        rows = [
            {
                "emergency": item.emergency.id, "standing": item.standing, "due": minute(item.emergency.review_due),
                "practitioner": item.emergency.practitioner.address, "patient": item.emergency.patient.address,
                "reason": item.emergency.reason.word, "opened": minute(item.emergency.opened_at),
                "readings": len(item.accesses),
            } for item in found
        ]  # fmt: skip
        columns = ("emergency", "standing", "due", "practitioner", "patient", "reason", "opened", "readings")
        frame.table(rows, columns=columns)
    if any(item.standing == "overdue" for item in found):
        frame.note("Until an overdue review is made up for, nobody opens an emergency for this organisation.")
        frame.no()


@verb(app, "review", write=True)
def review(
    frame: Frame,
    emergency: _Emergency,
    verdict: _Verdict = None,
    evidence: _Evidence = None,
) -> None:
    """Judge an emergency, as the organisation's privacy officer; prints the verdict.

    Example: careledger emergencies review 0x7c… --verdict justified --evidence review.pdf --as officer
    """
    options, seen = _judged(frame, verdict, evidence)
    with frame.client(signs=True) as care:
        found = care.emergencies.find(emergency)
        frame.receipt(care.emergencies.review(found, verdict=verdict, evidence=seen, **options))


@verb(app, "settle", write=True)
def settle(frame: Frame, emergency: _Emergency, verdict: _Verdict = None, evidence: _Evidence = None) -> None:
    """Have the last word on an emergency judged or overdue, as the accreditor of the organisation; once.

    What is overturned suspends the practitioner no longer; suspensions that other emergencies brought stand.

    Example: careledger emergencies settle 0x7c… --verdict justified --evidence appeal.pdf --as accreditor
    """
    options, seen = _judged(frame, verdict, evidence)
    with frame.client(signs=True) as care:
        found = care.emergencies.find(emergency)
        frame.receipt(care.emergencies.settle_appeal(found, verdict=verdict, evidence=seen, **options))


def _judged(frame: Frame, verdict: Any, evidence: Path | None) -> tuple[dict[str, Any], bytes]:
    """Return the options of the write and what was examined, after asking where it suspends somebody."""
    if verdict not in (Verdict.JUSTIFIED, Verdict.UNJUSTIFIED):
        raise Misuse("a review ends with a verdict", fix="Add --verdict justified or --verdict unjustified.")
    options, seen = frame.write_options(), _evidence(evidence)
    if verdict is Verdict.UNJUSTIFIED:
        frame.confirm("Find it unjustified? The practitioner opens no emergency for 90 days.")
    return options, seen


def _evidence(file: Path | None) -> bytes:
    if file is None:
        raise Misuse("a review rests on something", fix="Add --evidence FILE; only a commitment to it goes on chain.")
    if not file.is_file():
        raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.")
    with file.open("rb") as opened:
        data = opened.read(_MOST_EVIDENCE + 1)
    if len(data) > _MOST_EVIDENCE:
        raise InputError("this is more evidence than can be committed to at once", fix="Give 64 MiB at most.")
    return data


@verb(app, "mark-overdue", write=True)
def mark_overdue(frame: Frame, emergency: _Emergency) -> None:
    """State that a review was missed; anyone may. Prints how many the organisation has missed.

    Example: careledger emergencies mark-overdue 0x7c… --as relayer
    """
    options = frame.write_options()
    with frame.client(signs=True) as care:
        found = care.emergencies.find(emergency)
        frame.receipt(care.emergencies.mark_overdue(found, **options))


@verb(app, "conduct", chain=True)
def conduct(
    frame: Frame,
    practitioner: Annotated[Address, typer.Argument(parser=address_of, metavar="PRACTITIONER", help="Whose.")],
) -> None:
    """Show what the verdicts on a practitioner's emergencies come to; exit code 3 while it is suspended.

    Example: careledger emergencies conduct 0xD…
    """
    with frame.client() as care:
        found = care.emergencies.conduct(PartyRef("person", practitioner))
    lines = {
        "unjustified": found.unjustified,
        "suspended": "yes" if found.suspended else "no",
        "suspensions end": ", ".join(minute(end) for end in found.suspensions) or "none stands",
    }
    frame.answer(found if frame.json else lines)
    if found.suspended:
        frame.no()
