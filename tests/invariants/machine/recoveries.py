"""Story: a key is lost or stolen, and guardians of an account give it back."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chainkit import NOTHING, Person
from tests.invariants.machine.base import ADMITTED_UNTIL, Rows, mostly, seconds, senders, wards
from tests.invariants.machine.control import Control
from tests.words import DAY, SWISS
from tests.world import NO_TERMS, Circle

WAIT, LAPSE = 3 * DAY, 30 * DAY
CIRCLES = {
    "kin": Circle([Person(f"kin {i}") for i in range(3)], quorum=2, larger=3, wait=WAIT),
    "thieves": Circle([Person(f"thief {i}") for i in range(3)], quorum=1, larger=2, wait=DAY),
}
heirs = st.sampled_from(["hospital", "stranger"])
circles = st.sampled_from(["kin", "kin", "kin", "thieves"])
indices = st.integers(0, 2)


def terms_of(circle: str | None) -> dict[str, Any]:
    return CIRCLES[circle].terms if circle else NO_TERMS


def commitment_of(circle: str | None) -> str:
    return CIRCLES[circle].commitment if circle else NOTHING


class Recoveries(Control):
    """Guardians, their proposals, objections, endorsements, and what is carried out."""

    def start(self):
        super().start()
        self.guarded: dict[str, dict[str, Any]] = {}
        self.proposals: dict[tuple[str, str], dict[str, Any]] = {}
        self.frozen: dict[str, int] = {}

    def in_force(self, subject: str) -> str | None:
        """Which circle may begin a recovery now; a change waits for every recovery that has its quorum."""
        g = self.guarded.get(subject, {"now": None, "next": None, "at": 0})
        return g["next"] if self.now >= max(g["at"], self.frozen.get(subject, 0)) else g["now"]

    def freeze(self, subject: str, ready: int) -> None:
        """Until nobody can carry it out any more; another one never shortens it."""
        self.frozen[subject] = max(self.frozen.get(subject, 0), ready + LAPSE + 1)

    def void(self, subject: str, new: str) -> bool:
        p = self.proposals.get((subject, new))
        stale = p is None or p["recoveries"] != self.recoveries.get(subject, 0)
        return stale or self.now > (p["ready"] or p["begun"]) + LAPSE

    @rule(by=seconds)
    def pass_time(self, by):
        super().pass_time(by)
        self.check_frozen()

    def check_frozen(self) -> None:
        """K-inv5: while a recovery of the subject can still be carried out, claimable credit does not move."""
        for (subject, new), p in self.proposals.items():
            if not self.void(subject, new) and p["ready"] and self.now <= p["ready"] + LAPSE:
                assert self.w.participants.isRecovering(self.P[subject]), f"K-inv5: {subject} to {new} is possible"

    def check_guarded(self, subject: str) -> None:
        got = self.w.participants.guardiansOf(self.P[subject])
        g = self.guarded[subject]
        told = {
            "inForce": commitment_of(self.in_force(subject)),
            "next": commitment_of(g["next"]),
            "inForceAt": g["at"],
        }
        assert got == told, f"K-inv10: {subject}"

    @rule(subject=wards, sender=senders, known=mostly, circle=st.sampled_from(["kin", "kin", "thieves", None]))
    def set_guardians(self, subject, sender, known, circle):
        sender = self.who(subject, sender)
        old = self.in_force(subject)
        named = old if known else "thieves"
        ok = self.controller(subject) == sender and (old is None or named == old)
        call = lambda: self.w.participants.setGuardians(
            self.P[subject], terms_of(named), terms_of(circle), sender=self.P[sender]
        )
        if self.act(ok, call, "GuardiansChanged"):
            wait = CIRCLES[old].terms["waitSeconds"] if old else 0
            self.guarded[subject] = {"now": old, "next": circle, "at": self.now + wait}
            self.check_guarded(subject)

    @rule(subject=wards, new=heirs, index=indices, circle=circles)
    def approve_recovery(self, subject, new, index, circle):
        p, fresh = self.proposals.get((subject, new)), self.void(subject, new)
        if fresh:
            p = {
                "circle": self.in_force(subject),
                "by": set(),
                "begun": self.now,
                "ready": 0,
                "quorum": 0,
                "objected": False,
                "endorsed": False,
                "recoveries": self.recoveries.get(subject, 0),
            }
        of = CIRCLES[circle]
        ok = p["circle"] == circle and index not in p["by"]
        quorum = len(p["by"]) + 1 == of.terms["quorum"]
        names = ["RecoveryApproved", "RecoveryReady"] if quorum else ["RecoveryApproved"]
        call = lambda: self.w.participants.approveRecovery(
            self.P[subject], self.P[new], of.terms, of.proof(index), self.now, b"", sender=of.people[index]
        )
        if self.act(ok, call, *names):
            p["by"].add(index)
            if quorum:
                wait = of.terms["waitSeconds"]
                p["quorum"], p["ready"] = self.now, self.now + wait * (2 if p["objected"] else 1)
                self.freeze(subject, p["ready"])
                self.guarded[subject]["now"] = circle
                self.check_guarded(subject)
            self.proposals[subject, new] = p

    @rule(subject=wards, new=heirs, sender=senders)
    def object_to_recovery(self, subject, new, sender):
        sender = self.who(subject, sender)
        p = self.proposals.get((subject, new))
        ok = self.controller(subject) == sender and not self.void(subject, new) and not p["objected"]
        call = lambda: self.w.participants.objectToRecovery(self.P[subject], self.P[new], sender=self.P[sender])
        if self.act(ok, call, "RecoveryObjected"):
            p["objected"] = True
            if p["ready"]:
                p["ready"] += p["ready"] - p["quorum"]
                self.freeze(subject, p["ready"])

    @rule(subject=wards, new=heirs, who=st.sampled_from(["accreditor", "accreditor", "stranger"]))
    def endorse_recovery(self, subject, new, who):
        p = self.proposals.get((subject, new))
        ok = who == "accreditor" and self.now < ADMITTED_UNTIL and not self.void(subject, new)
        ok = ok and p["objected"] and p["quorum"] != 0 and not p["endorsed"]
        call = lambda: self.w.participants.endorseRecovery(
            self.P[subject], self.P[new], self.w.accreditor, SWISS, sender=self.P[who]
        )
        if self.act(ok, call, "RecoveryEndorsed"):
            p["endorsed"] = True

    @rule(subject=wards, new=heirs, circle=circles)
    def execute_recovery(self, subject, new, circle):
        p = self.proposals.get((subject, new))
        ok = not self.void(subject, new) and p["circle"] == circle and p["ready"] != 0 and self.now >= p["ready"]
        needed = "largerQuorum" if ok and p["objected"] and not p["endorsed"] else "quorum"
        ok = ok and len(p["by"]) >= CIRCLES[circle].terms[needed]
        call = lambda: self.w.participants.executeRecovery(
            self.P[subject], self.P[new], terms_of(circle), sender=self.w.relayer
        )
        if self.act(ok, call, "GuardiansChanged", "ControllerChanged"):
            waits = 2 if p["objected"] else 1
            assert self.now >= p["quorum"] + waits * CIRCLES[circle].terms["waitSeconds"], f"K-inv3: {subject}"
            self.guarded[subject] = {"now": circle, "next": circle, "at": self.now}
            self.frozen[subject] = 0
            self.check_guarded(subject)
            self.set_controller(subject, new, life=True)

    # ---- ways that single draws seldom walk to their end ----

    def guard(self, subject: str) -> str:
        """The circle in force, kin where there was none."""
        if self.in_force(subject) is None:
            self.set_guardians(subject, "right", True, "kin")
        return self.in_force(subject) or "kin"

    def propose(self, subject: str, new: str, *indices: int) -> str:
        """Approvals that are still missing; returns the circle that gave them."""
        for index in indices:
            p = self.proposals.get((subject, new))
            circle = self.guard(subject) if self.void(subject, new) else p["circle"]
            if self.void(subject, new) or index not in p["by"]:
                self.approve_recovery(subject, new, index, circle)
        return circle

    @rule(subject=wards, thief=st.sampled_from(["hospital", "stranger", None]), new=heirs, swap=st.booleans(),
          third=st.booleans())  # fmt: skip
    def rob_and_recover(self, subject, thief, new, swap, third):
        """A thief takes the key, puts in guardians of its own and objects; those of before give the account back."""
        self.guard(subject)
        if thief:
            self.change_controller(subject, thief, "right")
        if swap:
            self.set_guardians(subject, "right", True, "thieves")
        circle = self.propose(subject, new, 0, 1)
        if thief:
            self.object_to_recovery(subject, new, thief)
        if thief and third:
            self.propose(subject, new, 2)
        elif thief:
            self.endorse_recovery(subject, new, "accreditor")
        self.pass_time(CIRCLES[circle].terms["waitSeconds"] * (2 if thief else 1) - 1)
        self.execute_recovery(subject, new, circle)
        self.pass_time(1)
        self.execute_recovery(subject, new, circle)

    @rule(subject=wards, new=heirs, index=indices)
    def lapse_and_begin_anew(self, subject, new, index):
        """Objected, endorsed, never carried out: nothing of it counts for the next proposal."""
        self.propose(subject, new, 0, 1)
        self.object_to_recovery(subject, new, "right")
        self.endorse_recovery(subject, new, "accreditor")
        self.pass_time(2 * WAIT + LAPSE)
        self.pass_time(1)
        self.propose(subject, new, index)
        got = self.w.participants.recoveryOf(self.P[subject], self.P[new])["recovery"]
        fields = {"approvals": 1 << index, "count": 1, "objected": False, "endorsed": False, "begunAt": self.now}
        assert {name: got[name] for name in fields} == fields
        assert got["readyAt"] == self.proposals[subject, new]["ready"]

    @rule(subject=wards, objected=st.booleans(), first=heirs, second=heirs, gap=seconds)
    def recover_twice(self, subject, objected, first, second, gap):
        """Two proposals at once; the freeze has to last for the later of them."""
        for new, object_ in ((first, objected), (second, False)):
            self.propose(subject, new, 0, 1)
            if object_:
                self.object_to_recovery(subject, new, "right")
        self.pass_time(gap)
        self.pass_time(WAIT + LAPSE - gap if gap < LAPSE else 1)  # the last second of the second proposal

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (subject, new), p in self.proposals.items():
            got = self.w.participants.recoveryOf(self.P[subject], self.P[new])
            told = {"readyAt": p["ready"], "quorumAt": p["quorum"], "count": len(p["by"]), "objected": p["objected"]}
            row = rows["recovery", got["recoveryId"]]
            assert {name: row[name] for name in told} == told, f"K-inv11: {subject} to {new}"
