"""``careledger guardians``: who may act for a patient, for a year at most, and the yearly round of renewing."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import read_bytes
from careledger.cli.parameters import address_of, code_of
from careledger.cli.views import minute
from careledger.codes import Will
from careledger.errors import Misuse
from careledger.text import shown
from careledger.values import Address, PartyRef

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Guardians act for a patient, for given purposes and a year at most; recovery is: participants guardians."""


_Patient = Annotated[
    Address, typer.Argument(parser=address_of, metavar="PATIENT", help="The pseudonym.", show_default=False)
]
_Guardian = Annotated[
    Address, typer.Argument(parser=address_of, metavar="GUARDIAN", help="The guardian.", show_default=False)
]


@verb(app, "list", chain=True)
def list_(
    frame: Frame,
    patient: _Patient,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over or ended, too.")] = False,
) -> None:
    """List who may act for a patient, delegates included.

    Example: careledger guardians list 0xA…
    """
    with frame.client() as care:
        found = care.guardians.list(PartyRef("person", patient), live=not everything)
    rows = [item.to_json() if frame.json else _row(item) for item in found]
    frame.table(rows, columns=("guardian", "may", "until", "by", "depth"))


@verb(app, "expiring", chain=True)
def expiring(
    frame: Frame,
    within_days: Annotated[int, typer.Option(help="How soon.", min=0)] = 30,
    patient: Annotated[
        Address | None, typer.Option(parser=address_of, metavar="ADDRESS", help="Only of this patient.")
    ] = None,
) -> None:
    """List what ends soon, the soonest first: of all whom the profile holds or is a guardian of; delegates included.

    Example: careledger guardians expiring --within-days 60 --as hospital
    """
    with frame.client(signs=True, opens=True) as care:
        whose = None if patient is None else [PartyRef("person", patient)]
        found = care.guardians.expiring(within_days=within_days, patients=whose)
    if frame.json:
        frame.answer([item.to_json() for item in found])
        return
    rows = [
        {"patient": item.entry.patient.address, **_row(item.entry), "renewed by": item.by, "why not": item.blocked}
        for item in found
    ]
    frame.table(rows, columns=("patient", "guardian", "may", "until", "renewed by", "why not"))


@verb(app, "renew", write=True)
def renew(
    frame: Frame,
    patient: _Patient,
    guardian: _Guardian,
    will: Annotated[
        Any, typer.Option("--will", parser=code_of(Will), metavar="WILL", help="As steward or delegating guardian.")
    ] = None,
    evidence: Annotated[Path | None, typer.Option(help="What stands behind it, with --will.", metavar="FILE")] = None,
    days: Annotated[int, typer.Option(help="For how long at most.", min=1, max=366)] = 366,
) -> None:
    """Renew a guardianship: same purposes, another year at most, never past the majority that was stated.

    Example: careledger guardians renew 0xA… 0xB… --will legal-authority --evidence order.pdf --as hospital
    """
    if (will is None) != (evidence is None):
        raise Misuse("a will has its evidence", fix="Give --will and --evidence, or neither as the patient itself.")
    options = frame.write_options()
    with frame.client(signs=True, opens=will is not None) as care:
        receipt = care.guardians.renew(
            patient=PartyRef("person", patient), guardian=PartyRef("person", guardian), will=will,
            evidence=None if evidence is None else read_bytes(evidence), for_days=days, **options,
        )  # fmt: skip
    from careledger.values import Receipt

    frame.receipt(receipt.with_value(receipt.tx) if isinstance(receipt, Receipt) else receipt)


@verb(app, "majority", chain=True)
def majority(
    frame: Frame,
    patient: _Patient,
    day: Annotated[str, typer.Argument(metavar="DATE", help="The first day of majority, such as 2031-05-17.")],
) -> None:
    """State when a ward comes of age: kept sealed on this machine, on no chain; no term drafted here goes beyond it.

    Example: careledger guardians majority 0xA… 2031-05-17 --as hospital
    """
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise Misuse(f"{shown(day, 40)!r} is not a date", fix="Write it like 2031-05-17.") from None
    with frame.client(opens=True) as care:
        care.guardians.state_majority(PartyRef("person", patient), found)
    frame.answer({"patient": patient}, lines=[patient])


def _row(item: Any) -> dict[str, Any]:
    return {
        "guardian": item.guardian.address, "may": sorted(purpose.name for purpose in item.holds),
        "until": minute(item.until), "by": item.parent or "patient or steward", "depth": item.depth,
    }  # fmt: skip
