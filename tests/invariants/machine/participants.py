"""Story: who is accredited, who works where, and accounts that a steward holds for people without keys."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chainkit import START
from tests.invariants.machine.base import ADMITTED_UNTIL, Rows, mostly, senders
from tests.invariants.machine.control import Control
from tests.words import EVIDENCE, PAPER, SWISS, YEAR, Capacity, Role, affiliation, credential, digest, held_terms

ROLES = {"clinic": Role.Provider, "hospital": Role.Provider, "practitioner": Role.Practitioner, "steward": Role.Steward}
doctors = st.sampled_from(["clinic", "hospital", "practitioner", "steward"])
houses = st.sampled_from(["clinic", "clinic", "hospital"])
NO_WORK = (0, 0)
works = st.sampled_from([*[("clinic", "practitioner")] * 3, ("hospital", "practitioner"), ("steward", "practitioner"),
                         ("clinic", "steward")])  # fmt: skip
"""Organisation and who works for it; a steward can be either."""


class Participants(Control):
    """Credentials, affiliations and held accounts."""

    def start(self):
        super().start()
        self.credentials = {
            (name, of): {"status": 1, "from": START, "until": START + 2 * YEAR} for name, of in ROLES.items()
        }
        self.affiliations = {("clinic", "practitioner"): (START, START + YEAR)}
        self.held: dict[str, int] = {}
        self.terms: dict[str, dict[str, Any]] = {}
        self.name_held("child", "salt 0", provisional=False)

    # ---- credentials ----

    def admitted(self) -> bool:
        return self.now < ADMITTED_UNTIL

    def active(self, name: str, of: int) -> bool:
        """K-inv8."""
        c = self.credentials.get((name, of))
        return bool(c) and c["status"] == 1 and c["from"] <= self.now < c["until"] and self.admitted()

    def check_active(self, who: str) -> None:
        got = self.w.participants.isActive(self.P[who], ROLES[who], SWISS)
        assert got == self.active(who, ROLES[who]), f"K-inv8: {who}"

    @rule(who=doctors, status=st.sampled_from([0, 1, 1, 1, 2, 2, 3]), right=mostly)
    def credential_status(self, who, status, right):
        c = self.credentials[who, ROLES[who]]
        sender = self.w.accreditor if right else self.P[self.who(who, "right")]
        ok = right and c["status"] in (1, 2) and status not in (0, c["status"])
        call = lambda: self.w.participants.setCredentialStatus(self.P[who], ROLES[who], SWISS, status, 3, sender=sender)
        if self.act(ok, call, "CredentialStatusChanged"):
            c["status"] = status
            if status == 3:
                c["from"] = max(c["from"], self.now)
        self.check_active(who)
        for name in self.held if who == "steward" else ():
            self.check_capacity(name)

    def reinstate(self, *names: str) -> None:
        """See to it that some are accredited and work together, as far as the rules let them."""
        for who in names:
            if self.credentials[who, ROLES[who]]["status"] == 2:
                self.credential_status(who, 1, True)
            elif not self.active(who, ROLES[who]):
                self.issue_again(who, 1)
        if len(names) == 2 and not self.affiliated(*names):
            self.affiliate(names, 1)
        self.pass_time(1)

    @rule(who=doctors, ahead=st.integers(-1, 2))
    def revoke_and_issue(self, who, ahead):
        self.credential_status(who, 3, True)
        self.issue_again(who, ahead)

    @rule(who=doctors, ahead=st.integers(-1, 2))
    def issue_again(self, who, ahead):
        of = ROLES[who]
        c = self.credentials[who, of]
        said = credential(self.w.accreditor, self.P[who], of, notBefore=self.now + ahead, expiresAt=self.now + YEAR,
                          deadline=self.now)  # fmt: skip
        in_place = c["status"] != 3 and self.now < c["until"]
        ok = not in_place and said["notBefore"] > c["from"] and self.admitted()
        signature = self.w.sign_credential(self.P[self.controller(who)], said)
        call = lambda: self.w.participants.issueCredential(said, b"", signature, sender=self.w.accreditor)
        if self.act(ok, call, "CredentialIssued"):
            self.credentials[who, of] = {"status": 1, "from": said["notBefore"], "until": said["expiresAt"]}
        self.check_active(who)

    @rule(who=doctors, longer=st.sampled_from([-1, 0, 1, YEAR, 9 * YEAR]), right=mostly)
    def renew_credential(self, who, longer, right):
        c = self.credentials[who, ROLES[who]]
        until = c["until"] + longer
        ok = right and c["status"] == 1 and self.admitted()
        ok = ok and self.now < c["until"] < until <= self.now + 10 * YEAR
        call = lambda: self.w.participants.renewCredential(
            self.P[who], ROLES[who], SWISS, until, EVIDENCE, sender=self.w.accreditor if right else self.P["stranger"]
        )
        if self.act(ok, call, "CredentialRenewed"):
            c["until"] = until
        self.check_active(who)

    # ---- affiliations ----

    def affiliated(self, house: str, who: str) -> bool:
        since, until = self.affiliations.get((house, who), NO_WORK)
        return since <= self.now < until

    def check_affiliated(self, house: str, who: str) -> None:
        got = self.w.participants.isAffiliated(self.P[house], self.P[who])
        assert got == self.affiliated(house, who), f"K-inv9: {house} and {who}"

    @rule(work=works, ahead=st.integers(0, 2))
    def affiliate(self, work, ahead):
        house, who = work
        said = affiliation(
            self.P[house], self.P[who], since=self.now + ahead, until=self.now + YEAR, deadline=self.now + 1
        )
        _, until = self.affiliations.get(work, NO_WORK)
        ok = until == 0 or (said["since"] > until and self.now >= until)
        signature = self.w.sign_affiliation(self.P[self.controller(who)], said)
        sender = self.P[self.controller(house)]
        call = lambda: self.w.participants.affiliate(said, b"", signature, sender=sender)
        if self.act(ok, call, "AffiliationStarted"):
            self.affiliations[work] = (said["since"], said["until"])
        self.check_affiliated(house, who)

    @rule(work=works, sender=senders)
    def end_affiliation(self, work, sender):
        house, who = work
        sender = self.who(house, sender)
        since, until = self.affiliations.get(work, NO_WORK)
        ok = sender in (self.controller(house), self.controller(who)) and until > self.now
        call = lambda: self.w.participants.endAffiliation(self.P[house], self.P[who], 1, sender=self.P[sender])
        if self.act(ok, call, "AffiliationEnded"):
            self.affiliations[work] = (since, max(since, self.now))
        self.check_affiliated(house, who)

    @rule(work=works, ahead=st.integers(0, 3), late=st.sampled_from([0, 0, 2, YEAR]))
    def work_and_leave(self, work, ahead, late):
        """Agreed on, and left before it began, later, or when it was over; the same terms never count again."""
        self.end_affiliation(work, "right")
        self.affiliate(work, ahead)
        if late:
            self.pass_time(late)
        self.end_affiliation(work, "right")
        self.affiliate(work, 0)

    # ---- held accounts ----

    def name_held(self, name: str, salt: str, *, provisional: bool) -> str:
        """Fix the terms of a held account; their address is its own controller, and nobody has a key of it."""
        said = held_terms(self.w.steward, self.w.stranger, salt=digest(salt), provisional=provisional)
        self.terms[name] = said
        self.P[name] = self.w.participants.heldAddress(said)
        return name

    def capacity_of(self, subject: str, actor: str) -> int:
        """K-inv2: whoever controls the steward acts for an open account, as long as the steward is accredited."""
        if actor == self.controller(subject):
            return int(Capacity.Self)
        steward = self.held.get(subject) == 1 and self.active("steward", Role.Steward)
        return int(Capacity.Steward) if steward and actor == self.controller("steward") else 0

    def check_capacity(self, subject: str) -> None:
        for actor in {"relayer", self.controller("steward")}:
            got = self.w.participants.capacityOf(self.P[subject], self.P[actor])
            assert got == self.capacity_of(subject, actor), f"K-inv2: {actor} for {subject}"

    @rule(step=st.sampled_from(["open", "claim", "close"]), sender=senders)
    def hold_child(self, step, sender):
        self.hold("child", step, sender)

    @rule(salt=st.integers(0, 2), provisional=st.booleans(), step=st.sampled_from(["open", "claim", "close"]))
    def hold_another(self, salt, provisional, step):
        self.hold(self.name_held(f"held {salt} {provisional}", f"s{salt}", provisional=provisional), step, "right")

    def hold(self, name: str, step: str, sender: str) -> None:
        """One step of a held account. Its claim key is the address of somebody with an account, so that a change of
        that account's controller has to count."""
        subject, said, state = self.P[name], self.terms[name], self.held.get(name, 0)
        sender = self.who("stranger" if step == "claim" else "steward", sender)
        if step == "open":
            ok = state == 0 and sender == self.controller("steward") and self.active("steward", Role.Steward)
            call = lambda: self.w.participants.openHeld(said, PAPER, sender=self.P[sender])
            if self.act(ok, call, "HeldAccountOpened"):
                self.held[name] = 1
        elif step == "claim":
            ok = state in (1, 3) and sender == self.controller("stranger")
            call = lambda: self.w.participants.claimHeld(said, self.w.relayer, 2**40 - 1, b"", sender=self.P[sender])
            if self.act(ok, call, "HeldAccountClaimed", "ControllerChanged"):
                self.held[name] = 2
                self.set_controller(name, "relayer", life=True)
        else:
            ok = state == 1 and said["provisional"] and sender == self.controller("steward")
            ok = ok and self.active("steward", Role.Steward)
            call = lambda: self.w.participants.closeProvisional(subject, EVIDENCE, PAPER, sender=self.P[sender])
            if self.act(ok, call, "HeldAccountClosed"):
                self.held[name] = 3
        self.check_capacity(name)

    @rule(salt=st.integers(3, 40), provisional=st.booleans(), last=st.sampled_from(["claim", "close"]))
    def hold_and_release(self, salt, provisional, last):
        name = self.name_held(f"held {salt} {provisional}", f"s{salt}", provisional=provisional)
        for step in ("open", last, "claim", "open"):
            self.hold(name, step, "right")

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (name, of), c in self.credentials.items():
            row = rows["credential", self.w.participants.credentialOf(self.P[name], of, SWISS)["credentialId"]]
            told = (c["status"], c["from"], c["until"])
            assert (row["status"], row["notBefore"], row["expiresAt"]) == told, f"K-inv1: {name}"
        for (house, who), told in self.affiliations.items():
            row = rows["affiliation", self.w.participants.affiliationOf(self.P[house], self.P[who])["affiliationId"]]
            assert (row["since"], row["until"]) == told, f"K-inv9: {house} and {who}"
