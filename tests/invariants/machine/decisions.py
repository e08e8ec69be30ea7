"""Story: somebody asks to read. The rule told a second time, with reason, basis and what a question has to open."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from careledger.codes import Purpose
from tests.chainkit import NOTHING, START, ZERO
from tests.invariants.machine.acting import DESCRIBED, Acting
from tests.invariants.machine.base import wards
from tests.invariants.machine.consents import AUTHOR, LIMITS, Wish, masks, wishes
from tests.invariants.machine.emergencies import WHO, WINDOW, Emergencies
from tests.invariants.machine.guardians import PURPOSES, patients
from tests.words import (
    DAY,
    KNOWN,
    NO_LIMITS,
    YEAR,
    Basis,
    Capacity,
    Reason,
    Role,
    Rule,
    organisation,
    person,
    request,
    role,
    scope,
)

QUESTIONS = [
    {"author": ZERO, "since": 0, "until": 0},
    {"author": AUTHOR, "since": START - YEAR, "until": START},
    {"author": AUTHOR, "since": START, "until": START + 1},
    {"author": ZERO, "since": START - YEAR - 1, "until": START},
    {"author": ZERO, "since": START - YEAR, "until": START + 1},
]
"""Who wrote what is asked for, and the period it is about."""
ASKS = {
    "person": ("practitioner", "person"),
    "house": ("practitioner", "house"),
    "role": ("practitioner", "role"),
    "providers": ("practitioner", "house"),
    "hospital": ("hospital", "role"),
    "steward": ("steward", "role"),
}
"""Who asks, and as whom, under a directive of this kind; no other name gets around what it denies."""
ANYBODY = [
    (patient, actor, kind, purpose)
    for patient in ("patient", "stranger", "practitioner", "child")
    for actor in ("practitioner", "clinic", "stranger", "hospital")
    for kind in ("person", "house", "role")
    for purpose in PURPOSES
]
classes = st.sampled_from([1, 1, 2, 2, 4, 1 << 36, 3, 6, 7, 7 | 1 << 36, 0, 1 | 1 << 20])
FAMILY = (Purpose.PATRQT, Purpose.FAMRQT, Purpose.PWATRNY)


class Word(NamedTuple):
    """What one directive says to one question."""

    state: Reason
    """None = live; else why it does not speak."""
    permits: int
    denies: int
    closed: Reason
    """None = its limits are opened and met; else why they stand in the way."""

    @property
    def given(self) -> int:
        return self.permits & ~self.denies if not self.state and not self.closed else 0

    @property
    def refused(self) -> int:
        return self.denies if not self.state else 0


ABSENT = Word(Reason.NotGranted, 0, 0, Reason(0))


class Decisions(Acting, Emergencies):
    """decide, beside a second telling."""

    def opening(self, patient: str, where: str, how: str) -> dict[str, Any]:
        """What the asker shows of the limits: those in the receipt, none, or wider ones."""
        right = self.openings.get((patient, where))
        if how == "none" or right is None:
            return NO_LIMITS
        return (
            right if how == "right" else {**right, "author": ZERO, "dataFrom": 0, "dataUntil": 0, "document": NOTHING}
        )

    def word(self, patient: str, where: str, shown: dict[str, Any], question: dict[str, Any]) -> Word:
        d = self.directives.get((patient, where))
        if d is None:
            return ABSENT
        state = Reason(0)
        if d["flags"] & 1:
            state = Reason.Revoked
        elif self.now < d["notBefore"]:
            state = Reason.NotYetValid
        elif self.now >= d["expiresAt"]:
            state = Reason.Expired
        closed, right = Reason(0), self.openings.get((patient, where))
        if right and shown != right:
            closed = Reason.LimitsNotOpened
        elif right:
            other = right["author"] not in (ZERO, question["author"])
            early = question["since"] < right["dataFrom"]
            late = right["dataUntil"] != 0 and not 0 < question["until"] <= right["dataUntil"]
            closed = Reason.OutsideLimits if other or early or late else closed
        return Word(state, d["permits"], d["denies"], closed)

    def holds_as(self, kind: str, actor: str) -> bool:
        """Whether an actor is what it asks as."""
        if kind == "person":
            return True
        if kind == "role":
            return self.active(actor, Role.Practitioner)
        return (actor == "clinic" or self.affiliated("clinic", actor)) and self.active("clinic", Role.Provider)

    def rule_of(self, house: str | None, kind: str, purpose: int, accredited: bool) -> tuple[Rule, int]:
        """The custodian's base policy, if it speaks of the role in which the actor asks."""
        of, classes, roles = self.policies.get((house, int(purpose)), (0, 0, 0))
        asked_as = Role.Practitioner if kind == "role" else Role.Provider
        spoken = accredited and house is not None and roles >> asked_as & 1
        return (Rule(of), classes) if spoken else (Rule.Unstated, 0)

    def questioner(self, about: str, nth: int) -> tuple[str, str, str, Purpose]:
        """Patient, actor, capacity and purpose of a question: about something that was said, or about anything."""
        said = {
            "directive": [
                (patient, *ASKS[self.kinds[where][0]], self.kinds[where][1]) for patient, where in self.directives
            ],
            "emergency": [(patient, who, "house", Purpose.ETREAT) for patient, who in self.emergencies],
            "guardian": [(patient, who, "person", Purpose.PATRQT) for patient, who, _ in self.guardianships],
            "policy": [("patient", "practitioner", "role", Purpose(purpose)) for _, purpose in self.policies],
        }.get(about, [])
        return said[-1 - nth % len(said)] if said else ANYBODY[nth * 7 % len(ANYBODY)]

    @rule(
        about=st.sampled_from([*["directive"] * 4, "guardian", "guardian", "emergency", "policy", "anything"]),
        nth=st.integers(0, 60),
        asked=classes,
        house=st.sampled_from(["clinic", "hospital", None]),
        shown=st.sampled_from(["right", "right", "right", "none", "wider"]),
        question=st.sampled_from(QUESTIONS),
    )
    def ask(self, about, nth, asked, house, shown, question):
        self.decide(*self.questioner(about, nth), asked, house, shown, question)

    def decide(self, patient: str, actor: str, kind: str, purpose: Purpose, asked: int, house: str | None, shown: str,
               question: dict[str, Any]) -> None:  # fmt: skip
        """Ask, and compare the whole answer."""
        person_scope = scope(person(self.P[actor]), purpose)
        capacities = {
            "person": person(self.P[actor]),
            "house": organisation(self.P["clinic"]),
            "role": role(Role.Practitioner),
        }
        own_scope = scope(capacities[kind], purpose)
        limits = [self.opening(patient, where, shown) for where in (person_scope, own_scope)]
        got = self.w.decide(
            request(
                self.P[patient],
                self.P[actor],
                capacities[kind],
                purpose=purpose,
                classes=asked,
                custodian=self.P[house] if house else ZERO,
                person_limits=limits[0],
                capacity_limits=limits[1],
                **question,
            )
        )
        spoken = self.word(patient, person_scope, limits[0], question)
        acting = self.word(patient, own_scope, limits[1], question) if own_scope != person_scope else spoken
        other = role(Role.Provider) if kind == "house" else organisation(self.P[actor])
        named_scope = scope(other, purpose)
        named = self.word(patient, named_scope, limits[1], question).refused
        if kind == "house":
            named &= ~acting.given
        holds = self.holds_as(kind, actor)
        accredited = holds and kind != "person"
        pair = self.emergencies.get((patient, actor), [])
        glass = purpose == Purpose.ETREAT and accredited and bool(pair) and self.now < pair[-1]["until"]
        kin = purpose in FAMILY and self.is_guardian(patient, actor, purpose)
        by_rule = self.rule_of(house, kind, purpose, accredited)
        if asked & ~KNOWN or asked == 0 or patient == actor or glass:
            told = self.tell_first(patient, actor, asked, glass, spoken)
        else:
            told = self.tell(patient, asked, holds, kin, spoken, acting, named, by_rule)
        reason, basis, granted = told
        found = (Reason(got["reason"]).name, Basis(got["basis"]).name, got["grantedClasses"])
        assert found == (reason.name, basis.name, granted), f"C-inv3: {actor} as {kind} for {patient}"
        assert got["allowed"] == (reason < Reason.NothingAsked) == (asked != 0 and granted == asked)
        rests = self.rests_on(reason, asked, holds, acting, named, person_scope, own_scope, named_scope)
        version = self.directive(patient, rests)["version"] if rests else 0
        assert got["directiveId"] == (self.w.directive_id(self.P[patient], rests, version) if rests else NOTHING)

    def tell_first(self, patient: str, actor: str, asked: int, glass: bool, spoken: Word) -> tuple[Reason, Basis, int]:
        """What is settled before anybody's permission is looked at."""
        if asked == 0:
            return Reason.NothingAsked, Basis(0), 0
        if asked & ~KNOWN:
            return Reason.UnknownClass, Basis(0), 0
        if patient == actor:
            return Reason.Own, Basis.Own, asked
        emergency = self.denial(patient)["emergencyDenied"]
        granted = asked & ~emergency & ~spoken.refused
        if asked & emergency:
            return Reason.EmergencyDenial, Basis.BreakGlass, granted
        return (Reason.BreakGlass if granted == asked else Reason.DeniedToPerson), Basis.BreakGlass, granted

    def tell(self, patient: str, asked: int, holds: bool, kin: bool, spoken: Word, acting: Word, named: int,
             by_rule: tuple[Rule, int]) -> tuple[Reason, Basis, int]:  # fmt: skip
        """Denial beats permission; a guardian needs none; a directive comes before a base policy."""
        of, classes = by_rule
        standing, capacity = self.denial(patient)["denied"], acting.refused | named
        said = spoken.given | (acting.given if holds else 0)
        ruled = classes if of in (Rule.PermitUnlessDenied, Rule.RequiredByLaw) else 0
        free = asked & ~standing & ~spoken.refused & ~capacity
        granted = free if kin else free & (said | ruled)
        if kin:
            basis, allowed = Basis.Guardian, Reason.Guardian
        elif granted & ~said == 0:
            basis, allowed = (Basis.Directive if granted else Basis(0)), Reason.Directive
        elif of == Rule.RequiredByLaw:
            basis, allowed = Basis.Law, Reason.Law
        else:
            basis, allowed = Basis.BasePolicy, Reason.BasePolicy
        if granted == asked:
            return allowed, basis, granted
        main = spoken if acting is ABSENT else acting
        closed = main.closed if asked & main.permits == asked else Reason(0)
        refusals = [
            (asked & standing, Reason.StandingDenial),
            (asked & spoken.refused, Reason.DeniedToPerson),
            (asked & capacity, Reason.DeniedToCapacity),
            (not holds, Reason.CapacityNotHeld),
            (main.state and main is not ABSENT, main.state),
            (closed, closed),
            (of == Rule.BreakGlassOnly, Reason.EmergencyNotOpen),
        ]
        return next((reason for applies, reason in refusals if applies), Reason.NotGranted), basis, granted

    def rests_on(self, reason: Reason, asked: int, holds: bool, acting: Word, named: int, person_scope: str,
                 own_scope: str, named_scope: str) -> str | None:  # fmt: skip
        """Which directive an answer names: the one for the capacity, if it alone permits all that is asked for."""
        if reason == Reason.DeniedToPerson:
            return person_scope
        if reason == Reason.DeniedToCapacity:
            return named_scope if asked & named else own_scope
        if reason == Reason.Directive:
            return own_scope if holds and asked & ~acting.given == 0 else person_scope
        return None

    # ---- ways that single draws seldom walk to their end ----

    @rule(
        patient=st.sampled_from(["patient", "child"]),
        opened=st.sampled_from(LIMITS),
        question=st.sampled_from(QUESTIONS),
    )
    def limit_and_ask(self, patient, opened, question):
        """A limited directive to a house, asked for with its limits opened, left closed, and made wider."""
        self.reinstate("clinic", WHO)
        wish = Wish("house", Purpose.TREAT, 7, 0, 0, YEAR, opened)
        if self.capacity_of(patient, "steward") == Capacity.Steward:
            self.grant_for(patient, "steward", wish, DESCRIBED)
        else:
            self.grant(patient, "right", wish)
        for each in QUESTIONS:
            self.decide(patient, "practitioner", "house", Purpose.TREAT, 2, None, "right", each)
        for shown in ("none", "wider"):
            self.decide(patient, "practitioner", "house", Purpose.TREAT, 2, None, shown, question)

    @rule(patient=wards, kind=st.sampled_from(["house", "role"]), denied=masks, told=masks, asked=classes)
    def break_and_ask(self, patient, kind, denied, told, asked):
        """An emergency opens what is not denied in emergencies or to the person; eight hours later it is over."""
        self.deny(patient, "right", 0, denied, False)
        self.grant(patient, "right", Wish("person", Purpose.ETREAT, 0, told, 0, YEAR))
        self.open_ready(patient, "clinic", True)
        for wait in (WINDOW - 1, 1):
            self.decide(patient, WHO, kind, Purpose.ETREAT, asked, None, "right", QUESTIONS[0])
            self.pass_time(wait)
        self.decide(patient, WHO, kind, Purpose.ETREAT, asked, None, "right", QUESTIONS[0])

    @rule(patient=patients, wish=wishes, of=st.integers(1, 4), policed=masks, asked=classes,
          state=st.sampled_from([None, "before", "after", "revoked"]))  # fmt: skip
    def grant_and_ask(self, patient, wish, of, policed, asked, state):
        """A directive beside a base policy, asked about while it holds, before, after, and when it was taken back."""
        start = 5 if state == "before" else 0
        self.reinstate("clinic", WHO)
        wish = wish._replace(flaw=(0, 0), start=start, length=DAY)
        self.policy("clinic", "right", wish.purpose, of, policed, 1 << Role.Practitioner | 1 << Role.Provider)
        self.grant(patient, "right", wish)
        if state == "after":
            self.pass_time(DAY)
        elif state == "revoked":
            self.revoke(patient, "right", wish.kind, wish.purpose, 1)
        actor, kind = ASKS[wish.kind]
        for house in ("clinic", None):
            self.decide(patient, actor, kind, wish.purpose, asked, house, "right", QUESTIONS[1])
