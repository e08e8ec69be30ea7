"""``careledger participants carry``: what relayers do with the parcels of others."""

from __future__ import annotations

import functools
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from careledger.cli import output
from careledger.cli.frame import Frame
from careledger.cli.papers import read_text
from careledger.errors import CareLedgerError, InputError, Misuse, Pending

if TYPE_CHECKING:
    from careledger.recovery import Parcel

__all__ = ["carry", "carry_recovery"]


def carry(
    frame: Frame,
    parcels: Annotated[list[Path], typer.Argument(metavar="PARCEL...", help="Parcels of any number of people.")],
    hurry: Annotated[
        bool, typer.Option("--hurry", help="All at once, whatever the times say: faster than a thief, and joined.")
    ] = False,
    pause: Annotated[
        bool, typer.Option("--pause", help="Go on with the next due one after 1 to 15 minutes, at random.")
    ] = False,
) -> None:
    """Carry parcels as a relayer, which pays the gas: one of those that are due, or all with --pause or --hurry.

    A parcel twice acts once. Exit code 4 while some are left, 1 where the contract refused one.

    Example: careledger participants carry out/*.json --as relayer
    """
    from careledger import recovery

    if frame.key is not None:
        raise Misuse("each parcel has a key of its own", fix="Leave out --key.")
    options = frame.write_options()
    found = [recovery.Parcel.from_json(read_text(file)) for file in parcels]
    with frame.client(signs=True) as care:
        now = care.participants.now()
        left = [parcel for parcel in found if not _is_carried(care, parcel)]
        due = [parcel for parcel in left if hurry or parcel.not_before <= now]
        if frame.dry_run:
            wrong = [(parcel, error) for parcel in left if (error := _wrong(care, parcel)) is not None]
            count = len(due) - sum(parcel in due for parcel, _ in wrong)
            frame.note(f"Nothing was sent. {count} of {len(left)} parcels are due.")
            _tell(frame, wrong)
            return
        chosen = due if hurry or pause or not due else [secrets.choice(due)]
        with output.progress("carrying") as told:
            _, refused = recovery.carry_all(care, chosen, wait=options["wait"], hurry=hurry, progress=told)
    carried, waiting = len(chosen) - len(refused), len(left) - len(chosen)
    frame.answer(
        {"carried": carried, "refused": len(refused), "before": len(found) - len(left), "left": waiting},
        lines=[f"carried {carried}, refused {len(refused)}, left {waiting}"],
    )
    _tell(frame, refused)
    if waiting:
        raise typer.Exit(Pending.exit_code)


@functools.wraps(carry)
def carry_recovery(*given: Any, **named: Any) -> None:
    """Do the same under the name that a ceremony's steps have."""
    carry(*given, **named)


carry_recovery.__doc__ = str(carry.__doc__).replace("participants carry", "participants recover carry")


def _wrong(care: Any, parcel: Parcel) -> InputError | None:
    """Return why nobody should carry a parcel here, or None."""
    from careledger.recovery.parcels import check

    try:
        check(care, parcel)
    except InputError as error:
        return error
    return None


def _tell(frame: Frame, refused: Sequence[tuple[Parcel, CareLedgerError]]) -> None:
    """Say which parcels were refused, and end with 1 where there are any."""
    for _, error in refused:
        frame.note(f"A parcel was refused: {output.one_line(error)}")
    if refused:
        raise typer.Exit(1)


def _is_carried(care: Any, parcel: Parcel) -> bool:
    entry = care.sender.entry(parcel.business_key)
    return entry is not None and entry.state in ("included", "final")
