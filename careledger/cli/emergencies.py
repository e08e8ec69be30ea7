"""``careledger emergencies``: what a privacy officer has to review, and the review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.parameters import address_of, bytes32_of, code_of
from careledger.cli.views import minute
from careledger.codes import Verdict
from careledger.errors import InputError, Misuse, NotFound
from careledger.text import shown
from careledger.values import Address, Bytes32, PartyRef

app = typer.Typer(no_args_is_help=True)
_MOST_EVIDENCE: Final = 64 << 20


@app.callback()
def main() -> None:
    """Breaking the glass: who did, what was read under it, and what is still to be reviewed."""


def _address(name: str, help: str) -> Any:
    return typer.Option(name, parser=address_of, metavar="ADDRESS", help=help, show_default=False)


_Organisation = Annotated[
    Address, typer.Argument(parser=address_of, metavar="ORGANISATION", help="Whose.", show_default=False)
]
_Emergency = Annotated[
    Bytes32, typer.Argument(parser=bytes32_of, metavar="EMERGENCY", help="Its id.", show_default=False)
]


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
    verdict: Annotated[
        Any, typer.Option("--verdict", parser=code_of(Verdict), metavar="VERDICT", help="justified or unjustified.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option("--evidence", help="What was examined; only a salted commitment goes on chain.", metavar="FILE"),
    ] = None,
) -> None:
    """Judge an emergency, as the organisation's privacy officer; prints the verdict.

    Example: careledger emergencies review 0x7c… --verdict justified --evidence review.pdf --as officer
    """
    if verdict not in (Verdict.JUSTIFIED, Verdict.UNJUSTIFIED):
        raise Misuse("a review ends with a verdict", fix="Add --verdict justified or --verdict unjustified.")
    options, seen = frame.write_options(), _evidence(evidence)
    if verdict is Verdict.UNJUSTIFIED:
        frame.confirm("Find it unjustified? The practitioner opens no emergency for 90 days.")
    with frame.client(signs=True) as care:
        found = care.emergencies.find(emergency)
        frame.receipt(care.emergencies.review(found, verdict=verdict, evidence=seen, **options))


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
