"""Story: a patient says who may read what for what, with which limits, and what nobody may read."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from careledger.chain.abi import encode
from careledger.codes import Purpose
from careledger.values import from_hex, keccak
from tests.chainkit import NOTHING, START, ZERO, Person
from tests.invariants.machine.base import Rows, seldom, senders
from tests.invariants.machine.guardians import Guardians, patients, purposes
from tests.invariants.machine.participants import houses
from tests.words import (
    DAY,
    EVIDENCE,
    KNOWN,
    LIMITED,
    SWISS,
    YEAR,
    Role,
    Rule,
    digest,
    h32,
    organisation,
    person,
    role,
    scope,
)
from tests.words import terms as grant_terms

masks = st.integers(0, 15).map(lambda n: sum(b for i, b in enumerate((1, 2, 4, 1 << 36)) if n >> i & 1))
RECIPIENTS = {
    "person": "practitioner", "house": "clinic", "role": None, "providers": None, "hospital": "hospital",
    "steward": "steward",
}  # fmt: skip
"""Kinds of recipients, and which account each names."""
ROLE_OF = {"role": Role.Practitioner, "providers": Role.Provider}
NO_DIRECTIVE = {"permits": 0, "denies": 0, "notBefore": 0, "expiresAt": 0, "flags": 0, "version": 0}
NOTHING_DENIED = {"denied": 0, "emergencyDenied": 0, "version": 0}
AUTHOR = Person("author").address
LIMITS = [
    {"author": AUTHOR, "dataFrom": 0, "dataUntil": 0},
    {"author": ZERO, "dataFrom": START - YEAR, "dataUntil": START},
    {"author": AUTHOR, "dataFrom": START, "dataUntil": 0},
    {"author": ZERO, "dataFrom": 0, "dataUntil": 0},
]
limits = st.sampled_from([None, None, None, *LIMITS])
RECEIPT_TYPE = keccak(b"ConsentReceipt(address author,uint40 dataFrom,uint40 dataUntil,bytes32 document)")


class Wish(NamedTuple):
    """What somebody grants, with what is wrong about it."""

    kind: str
    purpose: Purpose
    permits: int
    denies: int
    start: int
    length: int
    limits: dict[str, Any] | None = None
    flaw: tuple[int, int] = (0, 0)
    """How far the version named is from the next one; flags that a grant may not set."""


wishes = st.builds(
    Wish,
    kind=st.sampled_from(["person", "person", "house", "house", "role", "role", "providers", "hospital", "steward"]),
    purpose=purposes,
    permits=masks,
    denies=masks,
    start=st.integers(-5, 5),
    length=st.sampled_from([YEAR, YEAR, DAY, 40 * DAY, 1, -1]),
    limits=limits,
    flaw=st.sampled_from([*[(0, 0)] * 16, (1, 0), (-1, 0), (0, 1), (0, 4)]),
)
kinds = st.sampled_from(["person", "house", "role"])
wider = st.sampled_from([*["person", "house", "role"] * 3, "providers", "hospital", "steward", "unknown"])


def receipt_of(said: dict[str, Any]) -> str:
    """The receipt whose opening is these limits."""
    words = [RECEIPT_TYPE, said["author"], said["dataFrom"], said["dataUntil"], from_hex(said["document"])]
    return "0x" + keccak(encode(["bytes32", "address", "uint40", "uint40", "bytes32"], words)).hex()


class Consents(Guardians):
    """Directives, standing denials and base policies, by the patient's own word."""

    def start(self):
        super().start()
        self.directives: dict[tuple[str, str], dict[str, int]] = {}
        self.openings: dict[tuple[str, str], dict[str, Any]] = {}
        """Limits of the directives in force that have some."""
        self.kinds: dict[str, tuple[str, Purpose]] = {}
        """What a scope's word says: kind of recipient and purpose."""
        self.standing: dict[str, dict[str, int]] = {}
        self.policies: dict[tuple[str, int], tuple[int, int, int]] = {}

    def scope_of(self, kind: str, purpose: int) -> str:
        if kind == "unknown":
            return h32(int(purpose) << 216)
        to = RECIPIENTS[kind]
        if to is None:
            where = scope(role(ROLE_OF[kind]), purpose)
        else:
            where = scope(person(self.P[to]) if kind == "person" else organisation(self.P[to]), purpose)
        self.kinds[where] = (kind, purpose)
        return where

    def directive(self, patient: str, where: str) -> dict[str, int]:
        return self.directives.get((patient, where), NO_DIRECTIVE)

    def denial(self, patient: str) -> dict[str, int]:
        return self.standing.get(patient, NOTHING_DENIED)

    # ---- grants: what is said, when it is sound, what comes of it ----

    def worded(self, patient: str, wish: Wish) -> tuple[dict[str, Any], dict[str, int], dict[str, Any] | None]:
        """Terms as they are called with, the directive they make, and the limits in their receipt."""
        where = self.scope_of(wish.kind, wish.purpose)
        off, flags = wish.flaw
        version = max(self.directive(patient, where)["version"] + 1 + off, 1)
        starts = self.now + wish.start
        flags |= LIMITED if wish.limits else 0
        opening = wish.limits and {**wish.limits, "document": digest(f"receipt {where} {version}")}
        receipt = {"receipt": receipt_of(opening)} if opening else {}
        said = grant_terms(self.P[patient], 0, permits=wish.permits, denies=wish.denies, starts=starts,
                           ends=starts + wish.length, flags=flags, version=version, **receipt)  # fmt: skip
        made = {"permits": wish.permits, "denies": wish.denies, "notBefore": starts, "expiresAt": starts + wish.length}
        return {**said, "scope": where}, {**made, "flags": flags, "version": version}, opening

    def sound_grant(self, patient: str, where: str, made: dict[str, int]) -> bool:
        ok = made["version"] == self.directive(patient, where)["version"] + 1 and made["flags"] & ~LIMITED == 0
        named = made["permits"] | made["denies"]
        ok = ok and named != 0 and named & ~KNOWN == 0
        return ok and made["expiresAt"] > made["notBefore"] and made["expiresAt"] > self.now

    def granted(self, patient: str, where: str, made: dict[str, int], opening: dict[str, Any] | None) -> None:
        self.openings.pop((patient, where), None)
        if opening:
            self.openings[patient, where] = opening
        self.check_directive(patient, where, made)

    def check_directive(self, patient: str, where: str, made: dict[str, int]) -> None:
        """C-inv1: the slot is what was said."""
        assert made["version"] == self.directive(patient, where)["version"] + 1, "C-inv1: a version was left out"
        self.directives[patient, where] = made
        assert self.w.consents.directiveOf(self.P[patient], where)["directive"] == made, f"C-inv1: {patient}"

    def revoked(self, patient: str, where: str) -> None:
        """Limits stay with it: what is revoked still shows which receipt it was."""
        old = self.directive(patient, where)
        self.check_directive(patient, where, {**old, "flags": old["flags"] | 1, "version": old["version"] + 1})

    def denied(self, patient: str, denied: int, emergency: int) -> None:
        """C-inv4: what was said last, and how often something was said."""
        version = self.denial(patient)["version"] + 1
        self.standing[patient] = {"denied": denied, "emergencyDenied": emergency, "version": version}
        assert self.w.consents.standingOf(self.P[patient]) == self.standing[patient], f"C-inv4: {patient}"

    # ---- the direct doors ----

    @rule(patient=patients, sender=senders, wish=wishes)
    def grant(self, patient, sender, wish):
        sender = self.who(patient, sender)
        said, made, opening = self.worded(patient, wish)
        ok = self.controller(patient) == sender and self.sound_grant(patient, said["scope"], made)
        if self.act(ok, lambda: self.w.consents.grant(said, sender=self.P[sender]), "DirectiveGranted"):
            self.granted(patient, said["scope"], made, opening)

    @rule(patient=patients, sender=senders, kind=wider, purpose=purposes, reason=st.sampled_from([1, 2, 6, 0]))
    def revoke(self, patient, sender, kind, purpose, reason):
        sender, where = self.who(patient, sender), self.scope_of(kind, purpose)
        ok = self.controller(patient) == sender and reason != 0 and kind != "unknown"
        call = lambda: self.w.consents.revoke(self.P[patient], where, reason, sender=self.P[sender])
        if self.act(ok, call, "DirectiveRevoked"):
            self.revoked(patient, where)

    @rule(patient=patients, sender=senders, denied=masks, emergency=masks, unknown=seldom)
    def deny(self, patient, sender, denied, emergency, unknown):
        sender = self.who(patient, sender)
        denied |= 1 << 20 if unknown else 0
        ok = self.controller(patient) == sender and not unknown
        call = lambda: self.w.consents.deny(self.P[patient], denied, emergency, sender=self.P[sender])
        if self.act(ok, call, "StandingDenialSet"):
            self.denied(patient, denied, emergency)

    @rule(
        house=houses,
        sender=senders,
        purpose=purposes,
        of=st.integers(0, 4),
        classes=masks,
        roles=st.sampled_from([2, 4, 6, 0]),
    )
    def policy(self, house, sender, purpose, of, classes, roles):
        sender = self.who(house, sender)
        opens = of in (Rule.PermitUnlessDenied, Rule.RequiredByLaw)
        ok = self.controller(house) == sender and of != 0 and (self.active(house, Role.Provider) or not opens)
        call = lambda: self.w.consents.statePolicy(
            self.P[house], Role.Provider, SWISS, purpose, of, classes, roles, EVIDENCE, sender=self.P[sender]
        )
        if self.act(ok, call, "BasePolicyStated"):
            self.policies[house, int(purpose)] = (of, classes, roles)

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (patient, where), made in self.directives.items():
            row = rows["directive", self.a(patient), where]
            assert {name: row[name] for name in made} == made
            opening = self.openings.get((patient, where))
            assert row["limits"] == (receipt_of(opening) if opening else NOTHING), f"C-inv9: {patient}"
