"""Story: somebody acts for a patient: guardians, those they delegate to, and the steward of a held account."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from careledger.codes import Purpose
from tests.invariants.machine.base import Rows, people, senders
from tests.invariants.machine.participants import Participants
from tests.words import DAY, PAPER, Capacity

PURPOSES = [Purpose.TREAT, Purpose.ETREAT, Purpose.HRESCH, Purpose.PATRQT]
FAMILY, ALL = 1 << 9 | 1 << 10, 1 << 0 | 1 << 1 | 1 << 6 | 1 << 9
patients = st.sampled_from(["patient", "patient", "stranger", "child"])
kin = st.sampled_from(["stranger", "hospital", "clinic"])
purposes = st.sampled_from(PURPOSES)
spans = st.sampled_from([0, 1 << 9, 1 << 10, FAMILY, ALL, ALL])
"""Sets of purposes of a guardianship."""


class Guardians(Participants):
    """Guardianships, and in what capacity somebody acts."""

    def start(self):
        super().start()
        self.guardianships: dict[tuple[str, str, int], dict[str, Any]] = {}

    def ward(self, patient: str, who: str) -> tuple[str, str, int]:
        """A claim or recovery begins a new life, in which nobody has been appointed yet."""
        return patient, who, self.recoveries.get(patient, 0)

    def holds(self, patient: str, who: str, purposes: int) -> bool:
        """K-inv4: whether a guardian and everybody above it hold all of some purposes now."""
        below = 0
        for _ in range(3):
            g = self.guardianships.get(self.ward(patient, who))
            if not g or self.now >= g["until"] or purposes & ~g["purposes"] or g["depth"] < below:
                return False
            if g["parent"] is None:
                return True
            below, who = g["depth"] + 1, g["parent"]
        return False

    def is_guardian(self, patient: str, who: str, purpose: int) -> bool:
        return self.holds(patient, who, 1 << int(purpose))

    def capacity_for(self, patient: str, who: str, purpose: int) -> int:
        """Whoever acts as a guardian still has its own account in hand."""
        capacity = self.capacity_of(patient, who)
        if capacity or self.controller(who) != who or not self.is_guardian(patient, who, purpose):
            return capacity
        return int(Capacity.Guardian)

    def check_kin(self, patient: str, who: str) -> None:
        for purpose in (Purpose.TREAT, Purpose.FAMRQT):
            got = self.w.guardians.isGuardian(self.P[patient], self.P[who], purpose)
            assert got == self.is_guardian(patient, who, purpose), f"K-inv4: {who} for {patient}"

    def sound_guardianship(self, patient: str, said: dict[str, Any], who: str) -> bool:
        version = self.guardianships.get(self.ward(patient, who), {"version": 0})["version"]
        known = who != patient and said["purposes"] != 0 and said["depth"] <= 2
        return known and self.now < said["until"] <= self.now + 366 * DAY and said["replaces"] == version

    def appointed(self, patient: str, said: dict[str, Any], who: str, parent: str | None) -> None:
        fields = {key: said[key] for key in ("purposes", "until", "depth")}
        self.guardianships[self.ward(patient, who)] = {**fields, "parent": parent, "version": said["replaces"] + 1}

    def is_stewards_own(self, who: str) -> bool:
        """Whether somebody is the steward, is under its key, or works with it."""
        key = self.controller("steward")
        own = who == key or self.controller(who) == key
        return own or self.affiliated("steward", who) or self.affiliated(who, "steward")

    def guardianship(self, patient: str, who: str, purposes: int, length: int, depth: int) -> dict[str, Any]:
        """Terms that follow on the version of now."""
        old = self.guardianships.get(self.ward(patient, who), {"version": 0})
        ends = {"until": self.now + length, "depth": depth, "replaces": old["version"]}
        return {"patient": self.a(patient), "guardian": self.a(who), "purposes": purposes, **ends}

    @rule(
        patient=patients,
        who=kin,
        sender=senders,
        purposes=spans,
        length=st.sampled_from([0, DAY, 300 * DAY, 367 * DAY]),
        depth=st.integers(0, 3),
    )
    def appoint(self, patient, who, sender, purposes, length, depth):
        sender = self.who(patient, sender)
        said = self.guardianship(patient, who, purposes, length, depth)
        ok = self.controller(patient) == sender and self.sound_guardianship(patient, said, who)
        call = lambda: self.w.guardians.appointGuardian(said, sender=self.P[sender])
        if self.act(ok, call, "GuardianAppointed"):
            self.appointed(patient, said, who, None)
        self.check_kin(patient, who)

    @rule(
        patient=patients,
        who=kin,
        sender=st.sampled_from(["hospital", "hospital", "clinic", "steward", "stranger", "practitioner"]),
        purposes=spans,
        length=st.sampled_from([0, DAY, 200 * DAY, 367 * DAY]),
        depth=st.integers(0, 3),
    )
    def appoint_for(self, patient, who, sender, purposes, length, depth):
        """A steward on legal authority, or a guardian that delegates part of what it has."""
        said = self.guardianship(patient, who, purposes, length, depth)
        steward = self.capacity_of(patient, sender) == Capacity.Steward
        ok = self.sound_guardianship(patient, said, who)
        if self.held.get(patient) in (1, 3):
            ok = ok and who != sender and not self.is_stewards_own(who)
        if not steward:
            g = self.guardianships.get(self.ward(patient, sender))
            old = self.guardianships.get(self.ward(patient, who), {"until": 0, "parent": None})
            ok = ok and self.holds(patient, sender, 0) and who != sender and self.controller(sender) == sender
            ok = ok and purposes & ~g["purposes"] == 0 and said["until"] <= g["until"] and depth < g["depth"]
            ok = ok and not (old["until"] > self.now and old["parent"] != sender)
        call = lambda: self.w.guardians.appointGuardianFor(said, PAPER, sender=self.P[sender])
        if self.act(ok, call, "GuardianAppointed", "ActedFor"):
            capacity = Capacity.Steward if steward else Capacity.Guardian
            assert self.last.event("ActedFor")["capacity"] == capacity
            self.appointed(patient, said, who, None if steward else sender)
        self.check_kin(patient, who)

    @rule(patient=patients, who=kin, sender=people)
    def end_guardian(self, patient, who, sender):
        g = self.guardianships.get(self.ward(patient, who))
        own = self.controller(sender) == sender and bool(g) and sender in (who, g["parent"])
        ok = bool(g) and g["until"] != 0 and (own or self.capacity_of(patient, sender) != 0)
        call = lambda: self.w.guardians.endGuardianship(self.P[patient], self.P[who], sender=self.P[sender])
        if self.act(ok, call, "GuardianshipEnded"):
            g["until"], g["version"] = 0, g["version"] + 1
        self.check_kin(patient, who)

    # ---- ways that single draws seldom walk to their end ----

    def delegate(self, patient: str, purposes: int, depth: int) -> None:
        """A guardian, its delegate and the delegate's own, as deep as allowed."""
        if self.capacity_of(patient, "steward") == Capacity.Steward:
            self.appoint_for(patient, "hospital", "steward", ALL | FAMILY, 300 * DAY, depth)
        else:
            self.appoint(patient, "hospital", "right", ALL | FAMILY, 300 * DAY, depth)
        self.appoint_for(patient, "clinic", "hospital", purposes, 200 * DAY, max(depth - 1, 0))
        if depth == 2:
            self.appoint_for(patient, "stranger", "clinic", purposes, DAY, 0)

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (patient, who, life), told in self.guardianships.items():
            row = rows["guardianship", self.a(patient), self.a(who), life]
            fields = ("purposes", "until", "depth", "version")
            assert {name: row[name] for name in fields} == {name: told[name] for name in fields}, f"K-inv4: {who}"
