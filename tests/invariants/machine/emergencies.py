"""Story: the glass is broken, reviewed or not, judged, appealed."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.invariants.machine.base import ADMITTED_UNTIL, Rows, senders, wards
from tests.invariants.machine.participants import Participants, houses
from tests.words import DAY, EVIDENCE, SWISS, Role

WINDOW, REVIEW, SUSPENSION = 8 * 3600, 72 * 3600, 90 * DAY
WHO = "practitioner"
officers = st.sampled_from(["officer", "officer", "officer", "practitioner", "stranger"])
verdicts = st.sampled_from([2, 3, 3, 0, 1])


class Emergencies(Participants):
    """Openings, reviews, overdue reviews and appeals."""

    def start(self):
        super().start()
        self.officers: dict[str, str] = {"clinic": "officer"}
        self.overdue: dict[str, int] = {}
        self.emergencies: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self.suspended: dict[str, int] = {}

    def emergency(self, patient: str, number: int) -> dict[str, Any] | None:
        pair = self.emergencies.get((patient, WHO), [])
        return pair[number - 1] if 0 < number <= len(pair) else None

    def pending(self, pair: list[dict[str, Any]]) -> set[int]:
        """Reasons that wait for their review: each serves once."""
        return {e["reason"] for e in pair if e["verdict"] in (0, 1)}

    @rule(patient=wards, house=houses, sender=senders, reason=st.sampled_from([1, 2, 3, 4, 5, 0]))
    def open_emergency(self, patient, house, sender, reason):
        sender = self.who(WHO, sender)
        pair = self.emergencies.setdefault((patient, WHO), [])
        ok = self.controller(WHO) == sender and reason != 0
        ok = ok and self.active(WHO, Role.Practitioner) and self.affiliated(house, WHO)
        ok = ok and self.controller(house) != sender
        ok = ok and self.active(house, Role.Provider) and house in self.officers and not self.overdue.get(house)
        ok = ok and self.now >= self.suspended.get(WHO, 0) and not (pair and self.now < pair[-1]["until"])
        ok = ok and reason not in self.pending(pair)
        call = lambda: self.w.emergencies.openEmergency(
            self.P[patient], self.P[WHO], self.P[house], SWISS, reason, sender=self.P[sender]
        )
        if self.act(ok, call, "EmergencyOpened"):
            assert not pair or self.now >= pair[-1]["until"], f"E-inv2: {patient}"
            until = self.now + WINDOW
            pair.append(
                {"house": house, "at": self.now, "until": until, "verdict": 0, "appealed": False, "reason": reason}
            )

    @rule(house=houses, officer=st.sampled_from(["officer", "officer", "officer", "practitioner"]), sender=senders)
    def name_officer(self, house, officer, sender):
        sender = self.who(house, sender)
        ok = self.controller(house) == sender
        call = lambda: self.w.emergencies.namePrivacyOfficer(self.P[house], self.P[officer], sender=self.P[sender])
        if self.act(ok, call, "PrivacyOfficerNamed"):
            self.officers[house] = officer

    @rule(patient=wards, number=st.integers(0, 2))
    def mark_overdue(self, patient, number):
        e = self.emergency(patient, number)
        ok = bool(e) and e["verdict"] == 0 and self.now >= e["at"] + REVIEW
        call = lambda: self.w.emergencies.markOverdue(self.P[patient], self.P[WHO], number, sender=self.w.relayer)
        if self.act(ok, call, "EmergencyOverdue"):
            e["verdict"] = 1
            self.overdue[e["house"]] = self.overdue.get(e["house"], 0) + 1

    def judge(self, e: dict[str, Any], verdict: int) -> None:
        old, e["verdict"] = e["verdict"], verdict
        if old == 1:
            self.overdue[e["house"]] -= 1
        if old != 3:
            e["judged"] = self.now
        ends = [
            each["judged"] + SUSPENSION for pair in self.emergencies.values() for each in pair if each["verdict"] == 3
        ]
        self.suspended[WHO] = max(ends, default=0)
        stands = {"unjustified": len(ends), "suspendedUntil": self.suspended[WHO]}
        assert self.w.emergencies.conductOf(self.P[WHO]) == stands, "E-inv3"

    @rule(patient=wards, number=st.integers(1, 3), verdict=verdicts, by=officers)
    def review(self, patient, number, verdict, by):
        e = self.emergency(patient, number)
        ok = bool(e) and e["verdict"] in (0, 1) and verdict in (2, 3)
        if ok:
            officer = self.officers[e["house"]]
            ok = self.controller(officer) == by and officer != WHO and by != self.controller(WHO)
        call = lambda: self.w.emergencies.reviewEmergency(
            self.P[patient], self.P[WHO], number, verdict, EVIDENCE, sender=self.P[by]
        )
        if self.act(ok, call, "EmergencyReviewed"):
            self.judge(e, verdict)

    @rule(
        patient=wards,
        number=st.integers(1, 3),
        verdict=verdicts,
        by=st.sampled_from(["accreditor", "accreditor", "stranger"]),
    )
    def appeal(self, patient, number, verdict, by):
        e = self.emergency(patient, number)
        ok = bool(e) and by == "accreditor" and self.now < ADMITTED_UNTIL and verdict in (2, 3)
        ok = ok and e["verdict"] in (1, 2, 3) and not e["appealed"]
        ok = ok and by not in (self.controller(WHO), self.controller(self.officers[e["house"]]))
        call = lambda: self.w.emergencies.settleAppeal(
            self.P[patient], self.P[WHO], number, verdict, EVIDENCE, sender=self.P[by]
        )
        if self.act(ok, call, "EmergencyAppealed"):
            e["appealed"] = True
            self.judge(e, verdict)

    # ---- ways that single draws seldom walk to their end ----

    def open_ready(self, patient: str, house: str, wait: bool) -> int:
        """Open one, after seeing to what stands in the way; returns its number, or zero."""
        self.reinstate(house, WHO)
        if self.officers.get(house) != "officer":
            self.name_officer(house, "officer", "right")
        self.pass_time(SUSPENSION if wait and self.now < self.suspended.get(WHO, 0) else WINDOW)
        left = {1, 2, 3, 4, 5} - self.pending(self.emergencies.get((patient, WHO), []))
        self.open_emergency(patient, house, "right", min(left, default=1))
        pair = self.emergencies[patient, WHO]
        return len(pair) if pair and pair[-1]["at"] == self.now else 0

    @rule(patient=wards, house=houses, wait=st.booleans(), verdict=st.sampled_from([2, 3, None]), late=st.booleans(),
          other=st.sampled_from([2, 3, None]))  # fmt: skip
    def break_glass(self, patient, house, wait, verdict, late, other):
        number = self.open_ready(patient, house, wait)
        if not number:
            return
        if late:
            self.pass_time(REVIEW - 1)
            self.mark_overdue(patient, number)
            self.pass_time(1)
            self.mark_overdue(patient, number)
        if verdict:
            self.review(patient, number, verdict, "officer")
        if other:
            self.appeal(patient, number, other, "accreditor")

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (patient, who), pair in self.emergencies.items():
            for number, e in enumerate(pair, 1):
                row = rows[
                    "emergency", self.w.emergencies.emergencyOf(self.P[patient], self.P[who], number)["emergencyId"]
                ]
                told = (e["at"], e["verdict"], e["appealed"])
                assert (row["openedAt"], row["verdict"], row["appealed"]) == told, f"E-inv4: {number} of {patient}"
            waits = self.w.emergencies.emergenciesOf(self.P[patient], self.P[who])["pending"]
            assert waits == sum(1 << reason for reason in self.pending(pair)), f"E-inv5: {patient}"
        for house in ("clinic", "hospital"):
            every = [e for pair in self.emergencies.values() for e in pair]
            found = sum(e["verdict"] == 1 and e["house"] == house for e in every)
            assert self.w.emergencies.deskOf(self.P[house])["overdue"] == found, f"E-inv1: {house}"
