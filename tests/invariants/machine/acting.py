"""Story: a steward, a guardian or its delegate speaks for a patient; a stranger, or a steward for itself, does not."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from careledger.codes import Purpose
from tests.chainkit import NOTHING
from tests.invariants.machine.base import NAMES, seldom
from tests.invariants.machine.consents import RECIPIENTS, Consents, Wish, masks, wider, wishes
from tests.invariants.machine.guardians import ALL, patients, purposes
from tests.words import DAY, EVIDENCE, Capacity, Will

actors = st.sampled_from(
    [*["able"] * 8, "self", "self", "steward", "steward", "hospital", "hospital", "clinic", "stranger"]
)
"""Who speaks: mostly somebody who may; the patient itself has doors of its own."""
DESCRIBED = (Will.Paper, EVIDENCE)
UNSAID = [(Will.Signature, EVIDENCE), (Will.Paper, NOTHING), (Will(0), EVIDENCE)]
papers = st.sampled_from([*[DESCRIBED, (Will.Spoken, EVIDENCE), (Will.LegalAuthority, EVIDENCE)] * 3, *UNSAID])
"""How the patient's will was expressed, and the evidence."""
TIES = [
    *[("hospital", None)] * 3, *[("person", ("steward", "practitioner"))] * 3, *[("house", ("clinic", "steward"))] * 3,
    ("steward", None), ("role", None), ("person", None), ("house", None),
]  # fmt: skip
"""Who gets something, and what it has to do with the steward of a held account."""
OWN_PURPOSES = (Purpose.TREAT, Purpose.HPAYMT, Purpose.COVERAGE)
"""What a steward may grant to itself and its own for."""


class Acting(Consents):
    """grantFor, revokeFor and denyFor."""

    def speaker(self, patient: str, who: str, purpose: int) -> str:
        """Who speaks: whoever was drawn, or the first who may."""
        if who != "able":
            return self.who(patient, "right") if who == "self" else who
        return next((name for name in NAMES if self.capacity_for(patient, name, purpose) > Capacity.Self), "steward")

    def may_act(self, patient: str, who: str, purpose: int, paper: tuple[int, str]) -> bool:
        """C-inv10: only a steward or a guardian for this purpose, on evidence of another kind than a signature."""
        will, evidence = paper
        described = will not in (Will(0), Will.Signature) and evidence == EVIDENCE
        return described and self.capacity_for(patient, who, purpose) in (Capacity.Steward, Capacity.Guardian)

    def steward_may(self, patient: str, who: str, kind: str, purpose: int) -> bool:
        """C-inv11: for a held account, nothing to the steward's own but for treatment and payment."""
        if purpose in OWN_PURPOSES or self.held.get(patient) not in (1, 3):
            return True
        to = RECIPIENTS[kind]
        return to is not None and to != who and not self.is_stewards_own(to)

    def check_acted(self, patient: str, who: str, purpose: int) -> None:
        """The act says in what capacity it was done."""
        told = self.last.event("ActedFor")
        capacity = self.capacity_for(patient, who, purpose)
        assert (told["actor"], told["capacity"]) == (self.a(who), capacity), f"C-inv10: {who} for {patient}"

    @rule(patient=patients, who=actors, wish=wishes, paper=papers)
    def grant_for(self, patient, who, wish, paper):
        who = self.speaker(patient, who, wish.purpose)
        said, made, opening = self.worded(patient, wish)
        ok = self.may_act(patient, who, wish.purpose, paper) and self.sound_grant(patient, said["scope"], made)
        ok = ok and self.steward_may(patient, who, wish.kind, wish.purpose)
        act = {"will": int(paper[0]), "evidence": paper[1]}
        call = lambda: self.w.consents.grantFor(said, act, sender=self.P[who])
        if self.act(ok, call, "DirectiveGranted", "ActedFor"):
            self.granted(patient, said["scope"], made, opening)
            self.check_acted(patient, who, wish.purpose)

    @rule(patient=patients, who=actors, kind=wider, purpose=purposes, reason=st.sampled_from([5, 1, 0]), paper=papers)
    def revoke_for(self, patient, who, kind, purpose, reason, paper):
        who, where = self.speaker(patient, who, purpose), self.scope_of(kind, purpose)
        ok = kind != "unknown" and reason != 0 and self.may_act(patient, who, purpose, paper)
        act = {"will": int(paper[0]), "evidence": paper[1]}
        call = lambda: self.w.consents.revokeFor(self.P[patient], where, reason, act, sender=self.P[who])
        if self.act(ok, call, "DirectiveRevoked", "ActedFor"):
            self.revoked(patient, where)
            self.check_acted(patient, who, purpose)

    @rule(patient=patients, who=actors, denied=masks, emergency=masks, more=st.booleans(), paper=papers)
    def deny_for(self, patient, who, denied, emergency, more, paper):
        """C-inv12: who acts for a patient adds to its denials, and lifts none; what adds nothing is refused."""
        who, old = self.speaker(patient, who, Purpose.PATRQT), self.denial(patient)
        if more:
            denied, emergency = denied | old["denied"], emergency | old["emergencyDenied"]
        lifts = old["denied"] & ~denied | old["emergencyDenied"] & ~emergency
        adds = (denied, emergency) != (old["denied"], old["emergencyDenied"])
        ok = self.may_act(patient, who, Purpose.PATRQT, paper) and lifts == 0 and adds
        act = {"will": int(paper[0]), "evidence": paper[1]}
        call = lambda: self.w.consents.denyFor(self.P[patient], denied, emergency, act, sender=self.P[who])
        if self.act(ok, call, "StandingDenialSet", "ActedFor"):
            self.denied(patient, denied, emergency)
            self.check_acted(patient, who, Purpose.PATRQT)

    # ---- ways that single draws seldom walk to their end ----

    @rule(patient=patients, who=st.sampled_from(["steward", "hospital", "clinic"]), depth=st.integers(0, 2),
          span=st.sampled_from([ALL, 1 << 9, 1 << 0 | 1 << 1]), wish=wishes,
          end=st.sampled_from(["line", "claim", "time", None]), paper=papers)  # fmt: skip
    def speak_for(self, patient, who, depth, span, wish, end, paper):
        """Appointed, delegated, spoken for; then the line is cut, or the patient grows up, and nobody speaks on."""
        wish = wish._replace(flaw=(0, 0), length=DAY, permits=wish.permits | 1)
        if patient == "child":
            self.hold_child("open", "right")
        self.delegate(patient, span, depth)
        self.grant_for(patient, who, wish, DESCRIBED)
        self.revoke_for(patient, "clinic", wish.kind, wish.purpose, 5, DESCRIBED)
        if end == "line":
            self.end_guardian(patient, "hospital", "hospital")
        elif end == "claim" and patient == "child":
            self.hold_child("claim", "right")
        elif end == "time":
            self.pass_time(200 * DAY)
        self.revoke_for(patient, who, wish.kind, wish.purpose, 5, paper)
        self.deny_for(patient, who, 1, 0, True, paper)

    @rule(number=st.integers(0, 2), who=st.sampled_from(["steward", "hospital"]), purpose=purposes,
          to=st.sampled_from(TIES), heir=seldom)  # fmt: skip
    def help_oneself(self, number, who, purpose, to, heir):
        """For a held account, to the steward's own, to whoever acts, or to somebody else."""
        kind, tie = to
        self.reinstate("steward")
        child = self.name_held(f"ward {number}", f"ward {number}", provisional=False)
        self.hold(child, "open", "right")
        self.delegate(child, ALL, 1)
        if tie:
            self.affiliate(tie, 1)
            self.pass_time(1)
        if heir:
            self.change_controller("steward", RECIPIENTS[kind] or "hospital", "right")
        who = self.controller(who) if who == "steward" else who
        self.grant_for(child, who, Wish(kind, purpose, 7, 0, 0, DAY), DESCRIBED)

    @rule(patient=patients, denied=masks, emergency=masks, less=masks, which=st.booleans(),
          unsaid=st.sampled_from(UNSAID))  # fmt: skip
    def add_and_lift(self, patient, denied, emergency, less, which, unsaid):
        """What was denied for the patient is not lifted for it; nor is anything said on no will or evidence."""
        self.delegate(patient, ALL, 0)
        self.deny_for(patient, "able", denied, emergency, True, DESCRIBED)
        self.deny_for(patient, "able", denied, emergency, True, unsaid)
        denied, emergency = self.denial(patient)["denied"], self.denial(patient)["emergencyDenied"]
        left = (denied & less, emergency) if which else (denied, emergency & less)
        self.deny_for(patient, "able", *left, False, DESCRIBED)
