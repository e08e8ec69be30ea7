"""``careledger guardians``: who may act for a patient, for a year at most, and the yearly round of renewing."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from careledger.cli.frame import Frame, verb
from careledger.cli.papers import Parcels, forward_out, parcels_out
from careledger.cli.parameters import Evidence, OnWill, address_of, code_of, stated
from careledger.cli.views import minute
from careledger.codes import Purpose
from careledger.errors import ContractError, Misuse, NotFound
from careledger.text import shown
from careledger.values import Address, PartyRef

app = typer.Typer(no_args_is_help=True)
_MOST_DAYS: Final = 30 * 366


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


@verb(app, "appoint", write=True)
def appoint(
    frame: Frame,
    patient: _Patient,
    guardian: _Guardian,
    purposes: Annotated[
        list[Any], typer.Option("--purpose", parser=code_of(Purpose), metavar="CODE", help="For what; repeatable.")
    ],
    will: OnWill = None,
    evidence: Evidence = None,
    days: Annotated[int, typer.Option(help="For how long at most.", min=1, max=366)] = 365,
    depth: Annotated[int, typer.Option(help="How many delegations it may make below it.", min=0, max=2)] = 0,
    out: Parcels = None,
) -> None:
    """Appoint who may act for a patient: as the patient itself, its steward, or a guardian that delegates.

    Without ether the patient signs a parcel with --out, for a relayer to carry: careledger participants carry.

    Example: careledger guardians appoint 0xA… 0xB… --purpose TREAT --purpose PATRQT --as ana
    """
    on, options = stated(will, evidence), frame.write_options()
    if on and out is not None:
        raise Misuse("what is done on a will is sent by whoever states it", fix="Leave out --out.")
    with frame.client(signs=True, opens=bool(on)) as care:
        terms = care.guardians.draft(
            patient=PartyRef("person", patient), guardian=PartyRef("person", guardian), purposes=purposes,
            for_days=days, depth=depth,
        )  # fmt: skip
        if on:
            frame.done(care.guardians.appoint_for(terms, **on, **options))
        elif out is None:
            frame.done(care.guardians.appoint(terms, **options))
        else:
            from careledger.recovery import Parcel

            signed = terms.signed_by(care.signer)
            packed = Parcel.call(
                care, "GuardianRegistry", "appointGuardianSigned", terms.call, terms.typed.message["deadline"],
                signed.signature, not_before=care.guardians.now(),
            )  # fmt: skip
            frame.answer({"parcels": (files := parcels_out(out, [packed]))}, lines=files)


@verb(app, "end", write=True)
def end(frame: Frame, patient: _Patient, guardian: _Guardian, out: Parcels = None) -> None:
    """End a guardianship and all that was delegated below it: as the patient, its steward, the parent or the guardian.

    Example: careledger guardians end 0xA… 0xB… --as ana
    """
    options = frame.write_options()
    who = {"patient": PartyRef("person", patient), "guardian": PartyRef("person", guardian)}
    with frame.client(signs=True) as care:
        try:
            if out is None:
                frame.done(care.guardians.end(**who, **options))
            else:
                forward_out(frame, care, care.guardians.end(**who, dry_run=True), out)
        except ContractError as error:
            if type(error).__name__ != "GuardianRegistry_Missing":
                raise
            raise NotFound(
                f"{guardian} is no guardian of {patient}", fix=f"See: careledger guardians list {patient}."
            ) from None


@verb(app, "renew", write=True)
def renew(
    frame: Frame,
    patient: _Patient,
    guardian: _Guardian,
    will: OnWill = None,
    evidence: Evidence = None,
    days: Annotated[int, typer.Option(help="For how long at most.", min=1, max=366)] = 366,
) -> None:
    """Renew a guardianship: same purposes, another year at most, never past the majority that was stated.

    Example: careledger guardians renew 0xA… 0xB… --will legal-authority --evidence order.pdf --as hospital
    """
    on, options = stated(will, evidence), frame.write_options()
    with frame.client(signs=True, opens=bool(on)) as care:
        who = {"patient": PartyRef("person", patient), "guardian": PartyRef("person", guardian)}
        frame.done(care.guardians.renew(**who, for_days=days, **on, **options))


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
        today = datetime.fromtimestamp(care.guardians.now(), UTC).date()
        if not today <= found <= today + timedelta(days=_MOST_DAYS):
            raise Misuse(
                f"{found} is no day on which a ward comes of age",
                why="It is past, or 30 years ahead and more.",
                fix="Give the day of its majority, such as 2031-05-17.",
            )
        care.guardians.state_majority(PartyRef("person", patient), found)
    frame.answer({"patient": patient}, lines=[patient])


def _row(item: Any) -> dict[str, Any]:
    return {
        "guardian": item.guardian.address, "may": sorted(purpose.name for purpose in item.holds),
        "until": minute(item.until), "by": item.parent or "patient or steward", "depth": item.depth,
    }  # fmt: skip
