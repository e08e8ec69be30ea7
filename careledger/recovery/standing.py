"""Where one account's recovery stands, asked of the chain, and what a thief with the old phone may be about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from careledger.errors import NotFound
from careledger.resources.calendar import DAY
from careledger.resources.guardian_sets import LAPSE_SECONDS, RecoveryState, commitment_of
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Standing", "State", "standing_of"]

State = Literal[
    "unsigned", "gathering", "waiting", "contested", "ready", "done", "overtaken", "lapsed", "guardians changed"
]
"""``gathering``: below the quorum; ``contested``: somebody objected, and the larger quorum is not there yet."""

_DO: dict[State, str] = {
    "unsigned": "Have guardians sign.",
    "gathering": "Have more guardians sign, and their parcels carried.",
    "waiting": "Wait.",
    "contested": "Have the larger quorum sign, or ask an accreditor of stewards to endorse it.",
    "ready": "Have it carried out.",
    "done": "Nothing: the new key controls it.",
    "overtaken": "Another recovery was carried out first: begin anew, if the guardians it left are yours.",
    "lapsed": "Begin anew: it was ready for thirty days, or waited that long for a quorum.",
    "guardians changed": "Nothing can be done with these guardians: others are in force.",
}


@dataclass(frozen=True)
class Standing:
    """One account of a ceremony as it stands; times in seconds since 1970, 0 for none."""

    subject: Address = field(repr=False)
    controller: Address = field(repr=False)
    state: State
    signed: int
    """Approvals that guardians have given."""
    approvals: int
    """Approvals that are on the chain."""
    needed: int
    """How many it takes now."""
    ready_at: int = 0
    """From when on it can be carried out."""
    until: int = 0
    """Until when."""
    warning: str | None = None
    """What somebody else does to this account meanwhile; None where nothing."""

    @property
    def do(self) -> str:
        """What to do now, in a sentence."""
        return _DO[self.state]

    def to_json(self) -> dict[str, Any]:
        """Return every field, and what to do."""
        return {**vars(self), "do": self.do}


def standing_of(
    care: CareLedger, subject: Address, controller: Address, *, recoveries: int, terms: Mapping[str, Any], signed: int
) -> Standing:
    """Return where an account's recovery stands."""
    party, now = PartyRef("person", subject), care.participants.now()
    life = int(care.participants._read("accountOf", subject)["recoveries"])
    try:
        found: RecoveryState | None = care.participants.recovery(party, to=controller)
    except NotFound:
        found = None
    if care.participants.controller_of(party) == controller and life > recoveries:
        return Standing(subject, controller, "done", signed, found.count if found else 0, 0)
    quorum, larger = int(terms["quorum"]), int(terms["largerQuorum"])
    if life != recoveries:
        return Standing(subject, controller, "overtaken", signed, 0, quorum)
    begun = found is not None and found.recoveries == recoveries and bool(found.begun_at)
    lapsed = found is not None and begun and found.is_void(recoveries=life, now=now)
    live = found if begun and not lapsed else None
    warning = _warning(care, party, controller, terms, live, now)
    if live is None:
        fits = care.participants.guardians_of(party).in_force == commitment_of(terms)
        state: State = "lapsed" if lapsed else "unsigned" if signed == 0 else "gathering"
        return Standing(subject, controller, state if fits else "guardians changed", signed, 0, quorum, warning=warning)
    needed = larger if live.objected and not live.endorsed else quorum
    until = (live.ready_at or live.begun_at) + LAPSE_SECONDS
    return Standing(
        subject, controller, _state(live, needed, now), signed, live.count, needed, live.ready_at, until, warning
    )  # fmt: skip


def _state(live: RecoveryState, needed: int, now: int) -> State:
    if not live.ready_at:
        return "gathering"
    if live.count < needed:
        return "contested"
    return "ready" if now >= live.ready_at else "waiting"


def _warning(
    care: CareLedger, party: PartyRef, controller: Address, terms: Mapping[str, Any], live: RecoveryState | None,
    now: int,
) -> str | None:  # fmt: skip
    """Say who else is at work on the account, and what it comes to for this recovery."""
    said = []
    guardians = care.participants.guardians_of(party)
    others = [item for item in care.participants.recoveries(party) if item.to != controller]
    ours = commitment_of(terms)
    if guardians.changing and live is None:
        said.append(
            f"Other guardians are in force from {_time(guardians.in_force_at)} on: one approval has to be there before."
        )
    if live is not None and not live.ready_at and guardians.next != ours:
        # Once the quorum is there, no other set of guardians acts until this recovery is carried out or lapses.
        soonest = max(guardians.in_force_at, now) + DAY  # their shortest wait
        said.append(
            f"Somebody set other guardians, in force from {_time(guardians.in_force_at)} on: without the quorum before "
            f"that, those can carry out a recovery of their own from {_time(soonest)} on, and this one would be void."
        )
    for item in others:
        when = f"ready {_time(item.ready_at)}" if item.ready_at else "without a quorum yet"
        said.append(f"Another recovery of this account is under way, {when}.")
    return " ".join(said) or None


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
