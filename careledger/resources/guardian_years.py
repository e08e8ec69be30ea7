"""Guardianships as they stand, and the yearly round of renewing them: what ends when, and how far it may go.

The day of majority is not on chain. Whoever appoints states it here, where it is kept sealed, and no term drafted with
this data folder goes beyond it.
"""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from careledger.codes import Capacity, Purpose
from careledger.errors import InputError, NotFound
from careledger.privacy.notes import Notes
from careledger.resources.base import Resource, address_of
from careledger.resources.calendar import DAY, whole
from careledger.values import ZERO_ADDRESS, Address, PartyRef, from_hex, keccak, to_hex

__all__ = ["GuardianEntry", "GuardianYears", "Renewal"]

MOST_DAYS: Final = 366
"""The contract's bound on one term."""
_MAJORITY: Final = b"careledger.majority.v1"

Renewer = Literal["patient", "steward", "parent"]


@dataclass(frozen=True)
class GuardianEntry:
    """A guardianship as it stands."""

    patient: PartyRef
    guardian: PartyRef
    parent: Address | None
    """Who delegated it; None where the patient or its steward appointed."""
    purposes: frozenset[Purpose]
    """As written; ``holds`` is what of it counts now."""
    holds: frozenset[Purpose]
    """What it may act for now, everybody above it included."""
    until: int
    """First second after it; 0 where it was ended."""
    depth: int
    version: int

    @property
    def ended(self) -> bool:
        """Whether somebody ended it."""
        return self.until == 0

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {
            "patient": self.patient.to_json(), "guardian": self.guardian.to_json(), "parent": self.parent,
            "purposes": sorted(item.name for item in self.purposes), "holds": sorted(item.name for item in self.holds),
            "until": self.until, "depth": self.depth, "version": self.version,
        }  # fmt: skip


@dataclass(frozen=True)
class Renewal:
    """One line of the worklist: a guardianship that ends soon, and what can be done about it."""

    entry: GuardianEntry
    by: Renewer
    """Who can renew it: the patient, its steward, or the guardian that delegated it."""
    latest: int
    """The latest end another term may have, in seconds since 1970."""
    blocked: str | None = None
    """Why it cannot be renewed, in a sentence; None where it can."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {"entry": self.entry.to_json(), "by": self.by, "latest": self.latest, "blocked": self.blocked}


class GuardianYears(Resource):
    """Guardianships as they stand, and what has to be renewed."""

    contract = "GuardianRegistry"

    # AS THEY STAND

    def get(self, patient: PartyRef, *, guardian: PartyRef) -> GuardianEntry:
        """Return a guardianship as it stands in the account's present life.

        Raises:
            NotFound: There is none; a claim or recovery of the account ended those before it.
        """
        who, by = address_of(patient), address_of(guardian)
        found = self._read("guardianshipOf", who, by)
        if not int(found["version"]):
            raise NotFound(f"{by} is no guardian of {who}", fix="See guardians.list().")
        mask = int(found["purposes"])
        purposes = frozenset(item for item in Purpose if mask & item.mask)
        holds = frozenset(item for item in purposes if self._read("isGuardian", who, by, item.value))
        parent = Address(found["parent"])
        return GuardianEntry(
            patient, guardian, None if parent == ZERO_ADDRESS else parent, purposes, holds, int(found["until"]),
            int(found["depth"]), int(found["version"]),
        )  # fmt: skip

    def list(self, patient: PartyRef, *, live: bool = True) -> list[GuardianEntry]:
        """Return the guardianships of a patient, delegates included, from the index, each as it stands.

        Args:
            patient: The pseudonym.
            live: Only those that may act for something now.
        """
        where = {"patient": address_of(patient)}
        seen: dict[str, None] = {}
        for event in self._care.sync().list("GuardianRegistry.GuardianAppointed", where=where):
            seen.setdefault(event.args["guardian"])
        return [item for item in self._each(patient, seen) if item.holds or not live]

    def _each(self, patient: PartyRef, guardians: dict[str, None]) -> Iterator[GuardianEntry]:
        for account in guardians:
            try:
                yield self.get(patient, guardian=PartyRef("person", Address(account)))
            except NotFound:
                continue

    # THE YEARLY ROUND

    def expiring(
        self, *, within_days: int = 30, patients: builtins.list[PartyRef] | None = None
    ) -> builtins.list[Renewal]:
        """Return the guardianships that end soon, delegates included, the soonest first: a worklist.

        Args:
            within_days: How soon.
            patients: Of whom; of everybody that the signer holds as a steward or is a guardian of when not given.
        """
        whose = self._my_wards() if patients is None else patients
        soon = self.now() + within_days * DAY
        found = [self._renewal(item) for who in whose for item in self.list(who) if item.until <= soon]
        return sorted(found, key=lambda item: item.entry.until)

    def _my_wards(self) -> builtins.list[PartyRef]:
        me, index = self._care.me, self._care.sync()
        held = index.list("ParticipantRegistry.HeldAccountOpened", where={"steward": me})
        wards = index.list("GuardianRegistry.GuardianAppointed", where={"guardian": me})
        accounts = dict.fromkeys([*(e.args["subject"] for e in held), *(e.args["patient"] for e in wards), me])
        return [PartyRef("person", Address(account)) for account in accounts]

    def _renewal(self, entry: GuardianEntry) -> Renewal:
        latest = self.latest_end(entry)
        blocked = None
        if whole(latest, start=self.now()) <= entry.until:
            blocked = "Another term would end no later: majority, the parent's term, or the year allows no more."
        return Renewal(entry, self._renewer(entry), latest, blocked)

    def _renewer(self, entry: GuardianEntry) -> Renewer:
        if entry.parent is not None:
            return "parent"
        mine = self._care.participants._read("capacityOf", address_of(entry.patient), self._care.me)
        return "steward" if Capacity(int(mine)) is Capacity.STEWARD else "patient"

    def latest_end(self, entry: GuardianEntry) -> int:
        """Return the latest end another term of a guardianship may have: a year, the parent's, or majority."""
        ends = [self.now() + MOST_DAYS * DAY]
        if entry.parent is not None:
            above = self._read("guardianshipOf", address_of(entry.patient), entry.parent)
            ends.append(int(above["until"]))
        majority = self.majority(entry.patient)
        if majority is not None:
            ends.append(_midnight(majority))
        return min(ends)

    # MAJORITY

    def state_majority(self, patient: PartyRef, day: date) -> None:
        """Keep the day on which a ward comes of age, sealed and on this machine only; terms drafted here end before it.

        Args:
            patient: The ward's pseudonym.
            day: The first day of majority.

        Raises:
            InputError: There is no opener to seal it with.
        """
        self._days.put(_name(patient), day.isoformat().encode())

    def majority(self, patient: PartyRef) -> date | None:
        """Return the day of majority that was stated here, or None.

        Raises:
            InputError: One was stated, and there is no opener to read it with.
        """
        name = _name(patient)
        return date.fromisoformat(self._days.get(name).decode()) if name in self._days else None

    @property
    def _days(self) -> Notes:
        return Notes(self._care.home / "majority", self._care.opener)

    def _end(self, patient: PartyRef, for_days: int, not_after: int | None) -> int:
        """Return the end of a term that starts now.

        Raises:
            InputError: It is past majority, or there is no time in it.
        """
        now = self.now()
        wanted = now + for_days * DAY
        majority = self.majority(patient)
        if majority is not None and min(wanted, not_after or wanted) > _midnight(majority):
            raise InputError(
                "this guardianship would outlast the ward's minority",
                why="A guardian's authority ends with the day of majority that was stated for this patient.",
                fix="Ask for fewer days, or take draft_renewal, which ends in time.",
            )
        end = whole(min(wanted, not_after or wanted), start=now)
        if end <= now:
            raise InputError(
                "there is no time left for this guardianship", why="Its ward comes of age, or its parent's term ends."
            )
        return end


def _midnight(day: date) -> int:
    """Return the first second of a day, UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def _name(patient: PartyRef) -> str:
    return to_hex(keccak(_MAJORITY + from_hex(address_of(patient))))
