"""A random machine over the whole suite, beside a second telling of its rules in Python.

Every rule draws an act, valid or not, says from the model alone whether it must be refused and what the state is after
it, and compares both with the contracts. At the end of each run the state is rebuilt from the emitted events and
compared with what every view answers. Quick: some ten thousand acts in half a minute; CARELEDGER_TIER=deep or
CARELEDGER_DEEP=1: twenty-five times as many.
"""

# ruff: noqa: E731

import os
from functools import lru_cache

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from careledger.audit.compare import differences
from careledger.audit.rebuild import Happened, rebuild
from careledger.chain.abi import encode
from careledger.codes import Purpose
from careledger.values import keccak
from tests.chainkit import NOTHING, START, ZERO, Person, Reverted, at, events
from tests.words import (
    DAY,
    EVIDENCE,
    KNOWN,
    PAPER,
    SWISS,
    YEAR,
    affiliation,
    credential,
    digest,
    held_terms,
    organisation,
    person,
    request,
    role,
    scope,
    terms,
)
from tests.world import NO_TERMS, Circle, Role, World, new_world

DEEP = os.environ.get("CARELEDGER_DEEP") or os.environ.get("CARELEDGER_TIER") == "deep"
CLASSES = 0b111 | 1 << 36
masks = st.integers(0, 15).map(lambda n: sum(b for i, b in enumerate((1, 2, 4, 1 << 36)) if n >> i & 1))
seconds = st.sampled_from([1, 3600, 8 * 3600, DAY, 2 * DAY, 3 * DAY, 3 * DAY, 40 * DAY])
PURPOSES = [Purpose.TREAT, Purpose.ETREAT, Purpose.HRESCH, Purpose.PATRQT]
WAIT, LAPSE, WINDOW, REVIEW = 3 * DAY, 30 * DAY, 8 * 3600, 72 * 3600
NAMES = "patient clinic practitioner stranger hospital".split()
people = st.sampled_from(NAMES)
wards = st.sampled_from(["patient", "stranger"])
heirs = st.sampled_from(["hospital", "stranger"])
kin = st.sampled_from(["stranger", "hospital", "clinic"])
mostly = st.sampled_from([True, True, True, True, False])
senders = st.sampled_from([*["right"] * 6, *NAMES])
"""Who sends: mostly whoever controls the subject, so that acts succeed often enough to lead somewhere."""
kinds = st.sampled_from(["person", "house", "role"])
purposes = st.sampled_from(PURPOSES)
officers = st.sampled_from(["officer", "officer", "officer", "practitioner", "stranger"])
houses = st.sampled_from(["clinic", "clinic", "hospital"])
doctors = st.sampled_from(["clinic", "hospital", "practitioner"])


@lru_cache(maxsize=1)
def settled() -> World:
    """The suite with people, and all that happened until then."""
    return new_world()


class Recorder:
    """Keeps every event of a world; the engine is asked through it."""

    def __init__(self, world: World) -> None:
        self.log: list[Happened] = []
        self.world = world
        self.contracts = {c.address: c.name for c in [*world.modules, world.directory]}

    def keep(self, tx) -> list[str]:
        """Remember what a transaction emitted; return the names."""
        for log, (name, args) in zip(tx.logs, tx.events, strict=True):
            engine = self.world.engine
            self.log.append(Happened(self.contracts[log.address], name, args, engine.time, engine.block))
        return [name for name, _ in tx.events]


class SuiteMachine(RuleBasedStateMachine):
    """Acts, a model, and the contracts."""

    @initialize()
    def begin(self):
        self.w = settled()
        self.before = self.w.engine.snapshot()
        self.recorder = Recorder(self.w)
        self.P = {name: getattr(self.w, name) for name in NAMES}
        self.now = START + 10
        self.w.warp(self.now)
        self.controllers: dict[str, str] = {}
        self.epochs: dict[str, int] = {}
        self.recoveries: dict[str, int] = {}
        self.directives: dict[tuple[str, str], dict] = {}
        self.standing: dict[str, dict] = {}
        self.credentials = {
            (n, r): {"status": 1, "from": START, "until": START + 2 * YEAR}
            for n, r in (("clinic", Role.Provider), ("hospital", Role.Provider), ("practitioner", Role.Practitioner))
        }
        self.affiliations = {("clinic", "practitioner"): (START, START + YEAR)}
        self.policies: dict[tuple[str, int], tuple[int, int]] = {}
        self.guardians: dict[tuple[str, str], dict] = {}
        self.officers: dict[str, str] = {"clinic": "officer"}
        self.overdue: dict[str, int] = {}
        self.emergencies: dict[tuple[str, str], list[dict]] = {}
        self.suspended: dict[str, int] = {}
        self.unjustified: dict[str, int] = {}
        self.records: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.logs: dict[str, tuple[int, int, str]] = {}
        self.keys: dict[str, int] = {}
        self.held: dict[str, list] = {}
        self.circle = Circle([Person(f"kin {i}") for i in range(3)], quorum=2, larger=3, wait=WAIT)
        self.kin_set: dict[str, bool] = {}
        self.proposals: dict[tuple[str, str], dict] = {}

    def teardown(self):
        if not hasattr(self, "w"):
            return
        try:
            self.compare_rebuilt()
        finally:
            self.w.engine.revert(self.before)

    # ---- helpers ----

    def controller(self, name: str) -> str:
        return self.controllers.get(name, name)

    def who(self, subject: str, sender: str) -> str:
        return self.controller(subject) if sender == "right" else sender

    def a(self, name: str) -> str:
        return getattr(self.P.get(name) or getattr(self.w, name, None), "address", name)

    def act(self, ok: bool, call, *expected: str) -> bool:
        """Make a call that the model allows or not; the events must be those named."""
        try:
            tx = call()
        except Reverted as revert:
            assert not ok, f"the model allows what was refused: {revert}"
            return False
        assert ok, "the model refuses what was done"
        assert self.recorder.keep(tx) == list(expected)
        return True

    def active(self, name: str, of: int) -> bool:
        c = self.credentials.get((name, of))
        return bool(c) and c["status"] == 1 and c["from"] <= self.now < c["until"] and self.now < START + 5 * YEAR

    def affiliated(self, house: str, who: str) -> bool:
        since, until = self.affiliations.get((house, who), (0, 0))
        return since <= self.now < until

    def check_frozen(self):
        """K-inv5: while a recovery of the subject can still be carried out, claimable credit does not move."""
        for (subject, new), p in self.proposals.items():
            if not self.void(subject, new) and p["ready"] and self.now <= p["ready"] + LAPSE:
                assert self.w.participants.isRecovering(self.P[subject]), f"K-inv5: {subject} to {new} is possible"

    # ---- time ----

    @rule(by=seconds)
    def pass_time(self, by):
        self.now += by
        self.w.warp(self.now)
        self.check_frozen()

    # ---- control ----

    @rule(subject=people, new=people, sender=senders)
    def change_controller(self, subject, new, sender):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender
        call = lambda: self.w.participants.changeController(self.P[subject], self.P[new], sender=self.P[sender])
        if self.act(ok, call, "ControllerChanged"):
            self.controllers[subject] = new
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
        got = self.w.participants.authorityOf(self.P[subject])
        assert [got["controller"], got["epoch"]] == [self.a(self.controller(subject)), self.epochs.get(subject, 0)]

    @rule(subject=people, sender=senders)
    def raise_epoch(self, subject, sender):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender
        if self.act(ok, lambda: self.w.participants.raiseEpoch(self.P[subject], sender=self.P[sender]), "EpochRaised"):
            self.epochs[subject] = self.epochs.get(subject, 0) + 1

    @rule(subject=people, sender=senders, suite=st.sampled_from([1, 2, 3]), size=st.sampled_from([32, 1216, 31]))
    def publish_key(self, subject, sender, suite, size):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender and (suite, size) in ((1, 32), (2, 1216))
        call = lambda: self.w.participants.publishKey(self.P[subject], suite, b"k" * size, sender=self.P[sender])
        if self.act(ok, call, "EncryptionKeyPublished"):
            self.keys[subject] = self.keys.get(subject, 0) + 1
            assert self.w.participants.encryptionKeyOf(self.P[subject])["epoch"] == self.keys[subject]

    # ---- recovery ----

    @rule(subject=wards, sender=senders)
    def set_guardians(self, subject, sender):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender and subject not in self.kin_set
        next_ = self.circle.terms
        call = lambda: self.w.participants.setGuardians(self.P[subject], NO_TERMS, next_, sender=self.P[sender])
        if self.act(ok, call, "GuardiansChanged"):
            self.kin_set[subject] = True

    def void(self, subject, new) -> bool:
        p = self.proposals.get((subject, new))
        stale = p is None or p["recoveries"] != self.recoveries.get(subject, 0)
        return stale or self.now > (p["ready"] or p["begun"]) + LAPSE

    @rule(subject=wards, new=heirs, index=st.integers(0, 2))
    def approve_recovery(self, subject, new, index):
        known = subject in self.kin_set
        fresh = self.void(subject, new)
        p = self.proposals.get((subject, new))
        ok = known and (fresh or (index not in p["by"] and self.now <= p["begun"] + LAPSE))
        names = ["RecoveryApproved"]
        count = 1 if fresh else len(p["by"]) + 1
        if count == 2:
            names.append("RecoveryReady")
        call = lambda: self.w.participants.approveRecovery(
            self.P[subject],
            self.P[new],
            self.circle.terms,
            self.circle.proof(index),
            self.now,
            b"",
            sender=self.circle.people[index],
        )
        if self.act(ok, call, *names):
            if fresh:
                p = {
                    "by": set(),
                    "begun": self.now,
                    "ready": 0,
                    "quorum": 0,
                    "objected": False,
                    "endorsed": False,
                    "recoveries": self.recoveries.get(subject, 0),
                }
            p["by"].add(index)
            if len(p["by"]) == 2:
                p["quorum"], p["ready"] = self.now, self.now + WAIT * (2 if p["objected"] else 1)
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
                p["ready"] = p["quorum"] + 2 * WAIT

    @rule(subject=wards, new=heirs, who=st.sampled_from(["accreditor", "accreditor", "stranger"]))
    def endorse_recovery(self, subject, new, who):
        p = self.proposals.get((subject, new))
        admitted = who == "accreditor" and self.now < START + 5 * YEAR
        ok = admitted and not self.void(subject, new) and not p["endorsed"]
        ok = ok and p["objected"] and p["quorum"] != 0
        call = lambda: self.w.participants.endorseRecovery(
            self.P[subject], self.P[new], self.w.accreditor, SWISS, sender=getattr(self.w, who)
        )
        if self.act(ok, call, "RecoveryEndorsed"):
            p["endorsed"] = True

    @rule(subject=wards, new=heirs)
    def execute_recovery(self, subject, new):
        p = self.proposals.get((subject, new))
        ok = not self.void(subject, new) and p["ready"] != 0 and self.now >= p["ready"]
        ok = ok and len(p["by"]) >= (3 if p["objected"] and not p["endorsed"] else 2)
        call = lambda: self.w.participants.executeRecovery(
            self.P[subject], self.P[new], self.circle.terms, sender=self.w.relayer
        )
        if self.act(ok, call, "GuardiansChanged", "ControllerChanged"):
            assert self.now >= p["quorum"] + WAIT  # K-inv3
            self.controllers[subject] = new
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
            self.recoveries[subject] = self.recoveries.get(subject, 0) + 1

    @rule(subject=wards, new=heirs, index=st.integers(0, 1))
    def recover_whole(self, subject, new, index):
        """The whole way, so that recoveries are often carried out."""
        if subject not in self.kin_set:
            return
        for each in (index, index + 1):
            p = self.proposals.get((subject, new))
            if self.void(subject, new) or each not in p["by"]:
                self.approve_recovery(subject, new, each)
        self.pass_time(WAIT - 1)
        self.execute_recovery(subject, new)
        self.pass_time(1)
        self.execute_recovery(subject, new)

    # ---- credentials ----

    @rule(who=doctors, status=st.integers(0, 3), by=st.booleans())
    def credential_status(self, who, status, by):
        of = Role.Practitioner if who == "practitioner" else Role.Provider
        c = self.credentials[who, of]
        sender = self.w.accreditor if by else self.P[who]
        ok = by and c["status"] in (1, 2) and status not in (0, c["status"])
        call = lambda: self.w.participants.setCredentialStatus(self.P[who], of, SWISS, status, 3, sender=sender)
        if self.act(ok, call, "CredentialStatusChanged"):
            c["status"] = status
            if status == 3:
                c["from"] = max(c["from"], self.now)
        assert self.w.participants.isActive(self.P[who], of, SWISS) == self.active(who, of)

    @rule(who=doctors, ahead=st.integers(-1, 2))
    def issue_again(self, who, ahead):
        of = Role.Practitioner if who == "practitioner" else Role.Provider
        c = self.credentials[who, of]
        said = credential(
            self.w.accreditor,
            self.P[who],
            of,
            notBefore=self.now + ahead,
            expiresAt=self.now + YEAR,
            deadline=self.now + DAY,
        )
        signer = self.controller(who)
        in_place = c["status"] != 3 and self.now < c["until"]
        ok = not in_place and said["notBefore"] > c["from"] and self.now < START + 5 * YEAR
        signature = self.w.sign_credential(self.P[signer], said)
        call = lambda: self.w.participants.issueCredential(said, b"", signature, sender=self.w.accreditor)
        if self.act(ok, call, "CredentialIssued"):
            self.credentials[who, of] = {"status": 1, "from": said["notBefore"], "until": said["expiresAt"]}

    @rule(house=houses, ahead=st.integers(0, 2))
    def affiliate(self, house, ahead):
        said = affiliation(
            self.P[house], self.P["practitioner"], since=self.now + ahead, until=self.now + YEAR, deadline=self.now + 1
        )
        _, until = self.affiliations.get((house, "practitioner"), (0, 0))
        ok = until == 0 or (said["since"] > until and self.now >= until)
        signature = self.w.sign_affiliation(self.P[self.controller("practitioner")], said)
        sender = self.P[self.controller(house)]
        call = lambda: self.w.participants.affiliate(said, b"", signature, sender=sender)
        if self.act(ok, call, "AffiliationStarted"):
            self.affiliations[house, "practitioner"] = (said["since"], said["until"])

    @rule(house=houses, sender=senders)
    def end_affiliation(self, house, sender):
        sender = self.who(house, sender)
        since, until = self.affiliations.get((house, "practitioner"), (0, 0))
        ok = sender in (self.controller(house), self.controller("practitioner")) and until > self.now
        call = lambda: self.w.participants.endAffiliation(
            self.P[house], self.P["practitioner"], 1, sender=self.P[sender]
        )
        if self.act(ok, call, "AffiliationEnded"):
            self.affiliations[house, "practitioner"] = (since, max(since, self.now))
        assert self.w.participants.isAffiliated(self.P[house], self.P["practitioner"]) == self.affiliated(
            house, "practitioner"
        )

    # ---- held accounts ----

    @rule(salt=st.integers(0, 2), provisional=st.booleans(), step=st.sampled_from(["open", "claim", "close"]))
    def held_account(self, salt, provisional, step):
        said = held_terms(self.w.steward, self.w.stranger, salt=digest(f"s{salt}"), provisional=provisional)
        subject = self.w.participants.heldAddress(said)
        state = self.held.get(subject, [0, provisional])
        if step == "open":
            ok = state[0] == 0 and self.now < START + 2 * YEAR
            call = lambda: self.w.participants.openHeld(said, PAPER, sender=self.w.steward)
            if self.act(ok, call, "HeldAccountOpened"):
                self.held[subject] = [1, provisional]
        elif step == "claim":
            # the claim key is a key of its own: whoever controls the account of the same address now
            sender = self.P[self.controller("stranger")]
            call = lambda: self.w.participants.claimHeld(said, self.w.relayer, 2**40 - 1, b"", sender=sender)
            if self.act(state[0] in (1, 3), call, "HeldAccountClaimed", "ControllerChanged"):
                self.held[subject][0] = 2
                assert self.w.participants.controllerOf(subject) == self.w.relayer.address
        else:
            call = lambda: self.w.participants.closeProvisional(subject, EVIDENCE, PAPER, sender=self.w.steward)
            if self.act(state[0] == 1 and provisional, call, "HeldAccountClosed"):
                self.held[subject][0] = 3
        power = self.held.get(subject, [0])[0] == 1 and self.now < START + 2 * YEAR
        assert self.w.participants.capacityOf(subject, self.w.steward) == (2 if power else 0)  # K-inv2

    # ---- consents ----

    def scope_of(self, kind, purpose):
        to = {
            "person": person(self.P["practitioner"]),
            "house": organisation(self.P["clinic"]),
            "role": role(Role.Practitioner),
        }[kind]
        return scope(to, purpose)

    @rule(
        patient=wards,
        sender=people,
        same=mostly,
        kind=kinds,
        purpose=purposes,
        permits=masks,
        denies=masks,
        off=st.sampled_from([0, 0, 0, 0, 0, 0, 1, -1]),
        start=st.integers(-5, 5),
        length=st.sampled_from([YEAR, DAY, 40 * DAY, 1, -1]),
        signed=st.booleans(),
    )
    def grant(self, patient, sender, same, kind, purpose, permits, denies, off, start, length, signed):
        sender = self.controller(patient) if same else sender
        where = self.scope_of(kind, purpose)
        old = self.directives.get((patient, where), {"version": 0})
        version = old["version"] + 1 + off
        if version < 1:
            return
        starts, ends = self.now + start, self.now + start + length
        said = terms(self.P[patient], 0, permits=permits, denies=denies, starts=starts, ends=ends, version=version) | {
            "scope": where
        }
        ok = self.controller(patient) == sender and off == 0 and permits | denies != 0
        ok = ok and ends > starts and ends > self.now
        if signed:
            epoch = self.epochs.get(patient, 0)
            signature = self.w.sign_grant(self.P[sender], said, self.now, epoch=epoch)
            call = lambda: self.w.consents.grantSigned(signature, said, self.now, sender=self.w.relayer)
        else:
            call = lambda: self.w.consents.grant(said, sender=self.P[sender])
        if self.act(ok, call, "DirectiveGranted"):
            self.directives[patient, where] = {
                "permits": permits,
                "denies": denies,
                "notBefore": starts,
                "expiresAt": ends,
                "flags": 0,
                "version": version,
            }
            assert self.w.consents.directiveOf(self.P[patient], where)["directive"] == self.directives[patient, where]
        if ok and signed:  # C-inv2: never twice
            self.act(False, call)

    @rule(patient=wards, sender=people, same=mostly, kind=kinds, purpose=purposes, reason=st.sampled_from([1, 2, 6, 0]))
    def revoke(self, patient, sender, same, kind, purpose, reason):
        sender = self.controller(patient) if same else sender
        where = self.scope_of(kind, purpose)
        ok = self.controller(patient) == sender and reason != 0
        call = lambda: self.w.consents.revoke(self.P[patient], where, reason, sender=self.P[sender])
        if self.act(ok, call, "DirectiveRevoked"):
            nothing = {"permits": 0, "denies": 0, "notBefore": 0, "expiresAt": 0, "flags": 0, "version": 0}
            old = self.directives.get((patient, where), nothing)
            self.directives[patient, where] = {**old, "flags": 1, "version": old["version"] + 1}
            assert self.w.consents.directiveOf(self.P[patient], where)["directive"] == self.directives[patient, where]

    @rule(patient=wards, sender=people, same=mostly, denied=masks, emergency=masks, unknown=st.booleans())
    def deny(self, patient, sender, same, denied, emergency, unknown):
        sender = self.controller(patient) if same else sender
        denied |= (1 << 20) if unknown and denied & 1 else 0
        ok = self.controller(patient) == sender and denied & ~KNOWN == 0
        call = lambda: self.w.consents.deny(self.P[patient], denied, emergency, sender=self.P[sender])
        if self.act(ok, call, "StandingDenialSet"):
            version = self.standing.get(patient, {"version": 0})["version"] + 1
            self.standing[patient] = {"denied": denied, "emergencyDenied": emergency, "version": version}
            assert self.w.consents.standingOf(self.P[patient]) == self.standing[patient]

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
        ok = self.controller(house) == sender and self.active(house, Role.Provider) and of != 0
        call = lambda: self.w.consents.statePolicy(
            self.P[house], Role.Provider, SWISS, purpose, of, classes, roles, EVIDENCE, sender=self.P[sender]
        )
        if self.act(ok, call, "BasePolicyStated"):
            self.policies[house, int(purpose)] = (of, classes, roles)

    @rule(
        patient=st.sampled_from(["patient", "stranger", "practitioner"]),
        actor=st.sampled_from(["practitioner", "practitioner", "clinic", "stranger"]),
        kind=kinds,
        purpose=purposes,
        asked=masks,
        house=st.sampled_from(["clinic", "hospital", None]),
    )
    def decide(self, patient, actor, kind, purpose, asked, house):
        capacity = {
            "person": person(self.P[actor]),
            "house": organisation(self.P["clinic"]),
            "role": role(Role.Practitioner),
        }[kind]
        got = self.w.decide(
            request(
                self.P[patient],
                self.P[actor],
                capacity,
                purpose=purpose,
                classes=asked,
                custodian=self.P[house] if house else ZERO,
            )
        )
        if kind == "person":
            holds = accredited = True
            accredited = False
        elif kind == "house":
            holds = (actor == "clinic" or self.affiliated("clinic", actor)) and self.active("clinic", Role.Provider)
            accredited = holds
        else:
            holds = accredited = self.active(actor, Role.Practitioner)
        own_word = self.directives.get((patient, scope(person(self.P[actor]), purpose)))
        words = [own_word]
        other = self.directives.get((patient, scope(capacity, purpose)))
        standing = self.standing.get(patient, {"denied": 0, "emergencyDenied": 0})

        def live(d):
            return d and not d["flags"] & 1 and d["version"] and d["notBefore"] <= self.now < d["expiresAt"]

        denied = standing["denied"]
        permits = 0
        named = self.directives.get((patient, scope(organisation(self.P[actor]), purpose)))
        if kind == "role" and live(named):
            denied |= named["denies"]
        for d, counts in ((words[0], True), (other, holds)):
            if live(d):
                denied |= d["denies"]
                permits |= d["permits"] & ~d["denies"] if counts else 0
        of, classes, roles = self.policies.get((house, int(purpose)), (0, 0, 0)) if accredited and house else (0, 0, 0)
        if of in (2, 4) and roles >> (Role.Practitioner if kind == "role" else Role.Provider) & 1:
            permits |= classes
        kin = purpose == Purpose.PATRQT and self.is_guardian(patient, actor, purpose)
        pair = self.emergencies.get((patient, actor), [])
        glass = purpose == Purpose.ETREAT and accredited and bool(pair) and self.now < pair[-1]["until"]
        if asked == 0:
            granted = 0
        elif patient == actor:
            granted = asked
        elif glass:
            granted = asked & ~standing["emergencyDenied"] & ~(own_word["denies"] if live(own_word) else 0)
        else:
            granted = asked & ~denied & (asked if kin else permits)
        assert got["grantedClasses"] == granted
        assert got["allowed"] == (asked != 0 and granted == asked)
        assert (got["basis"] == 3) == (glass and asked != 0 and patient != actor)

    # ---- guardians ----

    def ward(self, patient, who):
        return patient, who, self.recoveries.get(patient, 0)

    def is_guardian(self, patient, who, purpose) -> bool:
        below = 0
        for _ in range(3):
            g = self.guardians.get(self.ward(patient, who))
            if not g or self.now >= g["until"] or not g["purposes"] >> int(purpose) & 1 or g["depth"] < below:
                return False
            if g["parent"] is None:
                return True
            below, who = g["depth"] + 1, g["parent"]
        return False

    def alive(self, patient, who) -> bool:
        below = 0
        for _ in range(3):
            g = self.guardians.get(self.ward(patient, who))
            if not g or self.now >= g["until"] or g["depth"] < below:
                return False
            if g["parent"] is None:
                return True
            below, who = g["depth"] + 1, g["parent"]
        return False

    @rule(
        patient=wards,
        who=kin,
        sender=senders,
        own=st.booleans(),
        purposes=st.sampled_from([0, 512, 1024, 1536]),
        length=st.sampled_from([0, DAY, 300 * DAY, 367 * DAY]),
        depth=st.integers(0, 3),
    )
    def appoint(self, patient, who, sender, own, purposes, length, depth):
        sender = self.who(patient, sender) if own else {"right": "hospital"}.get(sender, sender)
        old = self.guardians.get(self.ward(patient, who), {"version": 0, "until": 0, "parent": None})
        until = self.now + length
        said = {
            "patient": self.a(patient),
            "guardian": self.a(who),
            "purposes": purposes,
            "until": until,
            "depth": depth,
            "replaces": old["version"],
        }
        sound = who != patient and purposes != 0 and 0 < length <= 366 * DAY and depth <= 2
        if own:
            ok = self.controller(patient) == sender and sound
            call = lambda: self.w.guardians.appointGuardian(said, sender=self.P[sender])
            names, parent = ["GuardianAppointed"], None
        else:
            g = self.guardians.get(self.ward(patient, sender))
            ok = sound and self.alive(patient, sender) and who != sender and self.controller(sender) == sender
            ok = ok and purposes & ~g["purposes"] == 0 and until <= g["until"] and depth < g["depth"]
            ok = ok and not (old["until"] > self.now and old["parent"] != sender)
            call = lambda: self.w.guardians.appointGuardianFor(said, PAPER, sender=self.P[sender])
            names, parent = ["GuardianAppointed", "ActedFor"], sender
        if self.act(ok, call, *names):
            self.guardians[self.ward(patient, who)] = {
                "parent": parent,
                "purposes": purposes,
                "until": until,
                "depth": depth,
                "version": old["version"] + 1,
            }
        for purpose in (Purpose.PATRQT, Purpose.FAMRQT):
            got = self.w.guardians.isGuardian(self.P[patient], self.P[who], purpose)
            assert got == self.is_guardian(patient, who, purpose)

    @rule(patient=wards, who=kin, sender=people)
    def end_guardian(self, patient, who, sender):
        g = self.guardians.get(self.ward(patient, who))
        ok = (
            bool(g)
            and g["until"] != 0
            and (
                sender == self.controller(patient)
                or (sender in (who, g["parent"]) and self.controller(sender) == sender)
            )
        )
        call = lambda: self.w.guardians.endGuardianship(self.P[patient], self.P[who], sender=self.P[sender])
        if self.act(ok, call, "GuardianshipEnded"):
            g["until"], g["version"] = 0, g["version"] + 1

    # ---- emergencies ----

    @rule(patient=wards, house=houses, sender=people, same=mostly, reason=st.sampled_from([1, 2, 3, 4, 5, 0]))
    def open_emergency(self, patient, house, sender, same, reason):
        who = "practitioner"
        sender = self.controller(who) if same else sender
        pair = self.emergencies.setdefault((patient, who), [])
        ok = self.controller(who) == sender and reason != 0 and patient != who
        ok = ok and self.active(who, Role.Practitioner) and self.affiliated(house, who)
        ok = ok and self.controller(house) != sender
        ok = ok and self.active(house, Role.Provider) and house in self.officers and not self.overdue.get(house)
        ok = ok and self.now >= self.suspended.get(who, 0) and not (pair and self.now < pair[-1]["until"])
        call = lambda: self.w.emergencies.openEmergency(
            self.P[patient], self.P[who], self.P[house], SWISS, reason, sender=self.P[sender]
        )
        if self.act(ok, call, "EmergencyOpened"):
            pair.append({"house": house, "at": self.now, "until": self.now + WINDOW, "verdict": 0, "appealed": False})

    @rule(house=houses, officer=st.sampled_from(["officer", "officer", "officer", "practitioner"]), sender=senders)
    def name_officer(self, house, officer, sender):
        sender = self.who(house, sender)
        ok = self.controller(house) == sender
        call = lambda: self.w.emergencies.namePrivacyOfficer(
            self.P[house], getattr(self.w, officer), sender=self.P[sender]
        )
        if self.act(ok, call, "PrivacyOfficerNamed"):
            self.officers[house] = officer

    @rule(patient=wards, number=st.integers(0, 2))
    def mark_overdue(self, patient, number):
        pair = self.emergencies.get((patient, "practitioner"), [])
        e = pair[number - 1] if 0 < number <= len(pair) else None
        ok = bool(e) and e["verdict"] == 0 and self.now >= e["at"] + REVIEW
        call = lambda: self.w.emergencies.markOverdue(
            self.P[patient], self.P["practitioner"], number, sender=self.w.relayer
        )
        if self.act(ok, call, "EmergencyOverdue"):
            e["verdict"] = 1
            self.overdue[e["house"]] = self.overdue.get(e["house"], 0) + 1

    def judge(self, old, verdict):
        who = "practitioner"
        if old != 3 and verdict == 3:
            self.unjustified[who] = self.unjustified.get(who, 0) + 1
            self.suspended[who] = self.now + 90 * DAY
        elif old == 3 and verdict == 2:
            self.unjustified[who] -= 1
            if self.unjustified[who] == 0:
                self.suspended[who] = 0
        stands = {"unjustified": self.unjustified.get(who, 0), "suspendedUntil": self.suspended.get(who, 0)}
        assert self.w.emergencies.conductOf(self.P[who]) == stands

    @rule(patient=wards, number=st.integers(1, 2), verdict=st.sampled_from([2, 3, 3, 0, 1]), by=officers)
    def review(self, patient, number, verdict, by):
        pair = self.emergencies.get((patient, "practitioner"), [])
        e = pair[number - 1] if number <= len(pair) else None
        ok = bool(e) and e["verdict"] in (0, 1) and verdict in (2, 3)
        if ok:
            officer = self.officers[e["house"]]
            ok = self.controller(officer) == by and officer != "practitioner" and by != self.controller("practitioner")
        sender = getattr(self.w, by)
        call = lambda: self.w.emergencies.reviewEmergency(
            self.P[patient], self.P["practitioner"], number, verdict, EVIDENCE, sender=sender
        )
        if self.act(ok, call, "EmergencyReviewed"):
            old, e["verdict"] = e["verdict"], verdict
            if old == 1:
                self.overdue[e["house"]] -= 1
            self.judge(old, verdict)

    @rule(
        patient=wards,
        number=st.integers(1, 2),
        verdict=st.sampled_from([2, 3, 3, 0, 1]),
        by=st.sampled_from(["accreditor", "accreditor", "stranger"]),
    )
    def appeal(self, patient, number, verdict, by):
        pair = self.emergencies.get((patient, "practitioner"), [])
        e = pair[number - 1] if number <= len(pair) else None
        ok = (
            bool(e)
            and by == "accreditor"
            and self.now < START + 5 * YEAR
            and e["verdict"] in (1, 2, 3)
            and not e["appealed"]
            and verdict in (2, 3)
        )
        call = lambda: self.w.emergencies.settleAppeal(
            self.P[patient],
            self.P["practitioner"],
            number,
            verdict,
            EVIDENCE,
            sender=getattr(self.w, by),
        )
        if self.act(ok, call, "EmergencyAppealed"):
            old, e["verdict"], e["appealed"] = e["verdict"], verdict, True
            if old == 1:
                self.overdue[e["house"]] -= 1
            self.judge(old, verdict)

    # ---- records ----

    @rule(author=wards, sender=people, same=mostly, which=st.integers(0, 2), meaning=st.integers(0, 5))
    def anchor(self, author, sender, same, which, meaning):
        sender = self.controller(author) if same else sender
        commitment = digest(f"r{which}")
        ok = self.controller(author) == sender and meaning != 0 and (author, commitment) not in self.records
        call = lambda: self.w.records.anchor(self.P[author], meaning, commitment, sender=self.P[sender])
        if self.act(ok, call, "RecordAnchored"):
            self.records[author, commitment] = (self.now, 1, 0)

    @rule(
        author=wards,
        sender=people,
        same=mostly,
        which=st.integers(0, 2),
        to=st.integers(0, 4),
        newer=st.sampled_from([-1, -1, 0, 1, 5]),
        basis=st.sampled_from([0, 0, 1, 5]),
    )
    def amend(self, author, sender, same, which, to, newer, basis):
        sender = self.controller(author) if same else sender
        commitment = digest(f"r{which}")
        replacement = NOTHING if newer < 0 else digest(f"r{newer}")
        old = self.records.get((author, commitment))
        ok = self.controller(author) == sender and old is not None
        ok = ok and ((old[1] == 1 and to in (2, 3)) or (old[1] != 4 and to == 4))
        ok = ok and (to == 2) == (newer >= 0) and newer != which and (to == 4) == (basis != 0)
        there = self.records.get((author, replacement))
        ok = ok and (to != 2 or there is None or there[1] == 1)
        names = ["RecordStatusChanged"] if to != 2 or there else ["RecordAnchored", "RecordStatusChanged"]
        said = {
            "author": self.a(author),
            "commitment": commitment,
            "status": to,
            "replacement": replacement,
            "basis": basis,
        }
        proof = {"root": NOTHING, "path": []}
        if self.act(ok, lambda: self.w.records.amend(said, proof, sender=self.P[sender]), *names):
            if to == 2 and not there:
                self.records[author, replacement] = (self.now, 1, 0)
            self.records[author, commitment] = (old[0], to, basis)
        got = self.w.records.recordOf(self.w.records.recordIdOf(self.P[author], commitment))
        assert (got["anchoredAt"], got["status"], got["basis"]) == self.records.get((author, commitment), (0, 0, 0))

    @rule(house=people, sender=people, same=mostly, off=st.sampled_from([0, 0, 0, 1, -1]), many=st.integers(-1, 9))
    def anchor_log(self, house, sender, same, off, many):
        sender = self.controller(house) if same else sender
        last, parts, head = self.logs.get(house, (0, 0, NOTHING))
        first = last + 1 + off
        if first + many < 0:
            return
        root = digest(f"root {first}")
        ok = self.controller(house) == sender and off == 0 and many >= 0
        call = lambda: self.w.records.anchorLog(self.P[house], root, first, first + many, sender=self.P[sender])
        if self.act(ok, call, "LogAnchored"):
            raw = [bytes.fromhex(head[2:]), bytes.fromhex(root[2:]), first, first + many]
            head = "0x" + keccak(encode(["bytes32", "bytes32", "uint64", "uint64"], raw)).hex()
            self.logs[house] = (first + many, parts + 1, head)
        got = self.w.records.logOf(self.P[house])
        assert (got["lastEntry"], got["anchors"], got["head"]) == self.logs.get(house, (0, 0, NOTHING))  # R-inv2

    # ---- ways that single draws seldom walk to their end ----

    @rule(patient=wards, verdict=st.sampled_from([2, 3]), late=st.booleans(), other=st.sampled_from([2, 3, None]))
    def break_glass(self, patient, verdict, late, other):
        self.open_emergency(patient, "clinic", "", True, 1)
        number = len(self.emergencies[patient, "practitioner"])
        if not number:
            return
        if late:
            self.pass_time(REVIEW - 1)
            self.mark_overdue(patient, number)
            self.pass_time(1)
            self.mark_overdue(patient, number)
        self.review(patient, number, verdict, "officer")
        if other:
            self.appeal(patient, number, other, "accreditor")

    @rule(patient=wards, purposes=st.sampled_from([512, 1024, 1536]), depth=st.integers(0, 2), less=st.booleans())
    def delegate(self, patient, purposes, depth, less):
        self.appoint(patient, "hospital", "right", True, 1536, 300 * DAY, depth)
        self.appoint(patient, "clinic", "hospital", False, purposes, 200 * DAY, depth - 1 if depth else 0)
        if depth == 2:
            self.appoint(patient, "practitioner", "clinic", False, purposes, DAY, 0)
        if less:
            self.end_guardian(patient, "hospital", "hospital")
        self.decide(patient, "clinic", "person", Purpose.PATRQT, 1, None)

    @rule(author=wards, which=st.integers(2, 60), newer=st.integers(61, 90), to=st.sampled_from([2, 3, 4]))
    def anchor_and_amend(self, author, which, newer, to):
        self.anchor(author, "", True, which, 1)
        self.amend(author, "", True, which, to, newer if to == 2 else -1, 1 if to == 4 else 0)
        self.amend(author, "", True, which, 4, -1, 1)

    @rule(subject=wards, new=heirs, index=st.integers(0, 2))
    def lapse_and_begin_anew(self, subject, new, index):
        """Objected, endorsed, never carried out: nothing of it counts for the next proposal."""
        self.set_guardians(subject, "right")
        for each in (0, 1):
            p = self.proposals.get((subject, new))
            if self.void(subject, new) or each not in p["by"]:
                self.approve_recovery(subject, new, each)
        self.object_to_recovery(subject, new, "right")
        self.endorse_recovery(subject, new, "accreditor")
        self.pass_time(2 * WAIT + LAPSE)
        self.pass_time(1)
        self.approve_recovery(subject, new, index)
        if subject in self.kin_set:
            got = self.w.participants.recoveryOf(self.P[subject], self.P[new])["recovery"]
            fields = {"approvals": 1 << index, "count": 1, "objected": False, "endorsed": False}
            assert {name: got[name] for name in fields} == fields
            assert (got["begunAt"], got["quorumAt"], got["readyAt"]) == (self.now, 0, 0)

    @rule(subject=wards, objected=st.booleans(), first=heirs, second=heirs, gap=seconds)
    def recover_twice(self, subject, objected, first, second, gap):
        """Two proposals at once; the freeze has to last for the later of them."""
        self.set_guardians(subject, "right")
        for new, object_ in ((first, objected), (second, False)):
            for index in (0, 1):
                p = self.proposals.get((subject, new))
                if self.void(subject, new) or index not in p["by"]:
                    self.approve_recovery(subject, new, index)
            if object_:
                self.object_to_recovery(subject, new, "right")
        self.pass_time(gap)
        self.pass_time(WAIT + LAPSE - gap if gap < LAPSE else 1)  # the last second of the second proposal

    @rule(salt=st.integers(3, 40), provisional=st.booleans(), last=st.sampled_from(["claim", "close"]))
    def hold_and_release(self, salt, provisional, last):
        for step in ("open", last, "claim", "open"):
            self.held_account(salt, provisional, step)

    # ---- E-inv1, and the state from its events ----

    def compare_rebuilt(self):
        for house in ("clinic", "hospital"):
            found = sum(e["verdict"] == 1 and e["house"] == house for p in self.emergencies.values() for e in p)
            assert self.w.emergencies.deskOf(self.P[house])["overdue"] == found  # E-inv1
        rows = rebuild([*history(self.w), *self.recorder.log])
        contracts = {c.name: c for c in [*self.w.modules, self.w.directory]}
        ask = lambda contract, function, *args: getattr(contracts[contract], function)(*args)
        assert differences(rows, ask, time=self.now) == []
        for (patient, where), d in self.directives.items():
            row = rows["directive", self.a(patient), where]
            assert {name: row[name] for name in d} == d
        for (subject, new), p in self.proposals.items():
            got = self.w.participants.recoveryOf(self.P[subject], self.P[new])
            if not self.void(subject, new):
                assert rows["recovery", got["recoveryId"]]["readyAt"] == p["ready"]
        for (name, of), c in self.credentials.items():
            got = self.w.participants.credentialOf(self.P[name], of, SWISS)
            row = rows["credential", got["credentialId"]]
            assert (row["status"], row["notBefore"], row["expiresAt"]) == (c["status"], c["from"], c["until"])
        for (patient, who), pair in self.emergencies.items():
            for number, e in enumerate(pair, 1):
                got = self.w.emergencies.emergencyOf(self.P[patient], self.P[who], number)
                row = rows["emergency", got["emergencyId"]]
                assert (row["openedAt"], row["verdict"], row["appealed"]) == (e["at"], e["verdict"], e["appealed"])


@lru_cache(maxsize=1)
def _history() -> list[Happened]:
    """What settling the world emitted: told again on a world of its own, as the first kept no log."""
    from tests.chainkit import Revm

    kept: list[Happened] = []
    engine = Revm()
    send = engine.send

    def listening(sender, to, data, gas=100_000_000):
        output, logs, used = send(sender, to, data, gas)
        for log, (name, args) in zip(logs, events(logs), strict=True):
            if log.address in names:
                kept.append(Happened(names[log.address], name, args, engine.time, engine.block))
        return output, logs, used

    world = World(engine)
    names = {c.address: c.name for c in [*world.modules, world.directory]}
    engine.send = listening  # type: ignore[method-assign]
    world.settle()
    assert [c.address for c in world.modules] == [c.address for c in settled().modules]
    return kept


def history(world: World) -> list[Happened]:
    """What happened before the machine began."""
    assert at(world.consents) == at(settled().consents)
    return _history()


MUTANT = "CARELEDGER_SCRATCH" in os.environ
"""A mutant has only to be noticed, not explained: no shrinking."""
SuiteMachine.TestCase.settings = settings(
    phases=[Phase.generate] if MUTANT else list(Phase),
    max_examples=2000 if DEEP else 120,
    stateful_step_count=120 if DEEP else 80,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=not DEEP,
    database=None,
)
test_prop_H11_suite_machine = SuiteMachine.TestCase
