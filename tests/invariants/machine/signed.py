"""Story: somebody signs, and anybody carries the paper, at once or after whatever has happened since.

A paper knows what was true when it was signed. Whether it succeeds is told when it is carried: signed for this
contract, by the controller of now, in the epoch of now, for the version of now, before its deadline; never twice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from careledger.values import keccak
from tests.chainkit import Person, Tx
from tests.invariants.machine.base import NAMES, people
from tests.invariants.machine.consents import Consents, kinds, masks, wishes
from tests.invariants.machine.guardians import kin, patients, purposes, spans
from tests.words import DAY
from tests.world import DENIAL, GUARDIANSHIP, KEY, class_words, purpose_words

papers = Bundle("papers")
offs = st.sampled_from([*[0] * 10, 1, -1])
"""How far what is signed is from what is in force."""


class Hand(NamedTuple):
    """Who signs, how, and who carries it when."""

    signer: str = "right"
    epoch_off: int = 0
    deadline: int = 40 * DAY
    """Seconds from now; below zero = over already."""
    foreign: bool = False
    """Signed for another chain."""
    by: str = "stranger"
    at_once: bool = True


FLAWED = [Hand(epoch_off=-1), Hand(epoch_off=1), Hand(deadline=-1), Hand(foreign=True), *(Hand(name) for name in NAMES)]
HANDS = [*[Hand(), Hand(deadline=DAY), Hand(deadline=0)] * 8, *FLAWED]
hands = st.sampled_from([h._replace(by=by, at_once=now) for h in HANDS for by in NAMES for now in (True, True, False)])


@dataclass
class Paper:
    """A signed act that is not carried yet, or was."""

    subject: str
    signer: str
    epoch: int | None
    """None = the type names none."""
    deadline: int
    foreign: bool
    carry: Callable[[Person], Tx]
    sound: Callable[[], bool]
    """What the rule demands apart from the signature, told when it is carried."""
    events: Callable[[], list[str]]
    done: Callable[[], None]
    used: bool = False


class Signed(Consents):
    """Papers of patients: grants, revocations, denials, guardianships and encryption keys."""

    def sign(self, subject: str, hand: Hand, *, message: Callable[[int, int], bytes], carry: Callable[..., Tx],
             sound: Callable[[], bool], events: Callable[[], list[str]], done: Callable[[], None],
             epoch: bool = True) -> Paper:  # fmt: skip
        """Sign, and carry at once where the hand says so; `message` signs for an epoch and a deadline."""
        signer = self.who(subject, hand.signer)
        named = max(self.epochs.get(subject, 0) + hand.epoch_off, 0)
        deadline = self.now + hand.deadline
        domain = {"chain_id": 1} if hand.foreign else {}
        signature = message(self.P[signer], named, deadline, domain)
        paper = Paper(
            subject=subject,
            signer=signer,
            epoch=named if epoch else None,
            deadline=deadline,
            foreign=hand.foreign,
            carry=lambda by: carry(signature, deadline, by),
            sound=sound,
            events=events,
            done=done,
        )
        if hand.at_once:
            self.carry(paper, hand.by)
        return paper

    def counts(self, paper: Paper) -> bool:
        """Whether the signature counts now."""
        in_time = not paper.foreign and self.now <= paper.deadline
        own = paper.signer == self.controller(paper.subject)
        return in_time and own and paper.epoch in (None, self.epochs.get(paper.subject, 0))

    @rule(paper=papers, by=people)
    def carry(self, paper, by):
        ok = self.counts(paper) and paper.sound()
        assert not (ok and paper.used), f"C-inv2: a paper of {paper.subject} would count twice"
        call = lambda: paper.carry(self.P[by])
        if self.act(ok, call, *paper.events()):
            paper.used = True
            paper.done()
            self.act(False, call)

    @rule(target=papers, patient=patients, wish=wishes, hand=hands)
    def sign_grant(self, patient, wish, hand):
        said, made, opening = self.worded(patient, wish)
        where, w = said["scope"], self.w.consents
        return self.sign(
            patient,
            hand,
            message=lambda by, epoch, until, to: self.w.sign_grant(by, said, until, epoch=epoch, **to),
            carry=lambda signature, until, by: w.grantSigned(signature, said, until, sender=by),
            sound=lambda: self.sound_grant(patient, where, made),
            events=lambda: ["DirectiveGranted"],
            done=lambda: self.granted(patient, where, made, opening),
        )

    @rule(target=papers, patient=patients, kind=kinds, purpose=purposes, reason=st.sampled_from([1, 1, 1, 0]),
          off=offs, hand=hands)  # fmt: skip
    def sign_revocation(self, patient, kind, purpose, reason, off, hand):
        where, w = self.scope_of(kind, purpose), self.w.consents
        version = max(self.directive(patient, where)["version"] + off, 0)
        return self.sign(
            patient,
            hand,
            message=lambda by, epoch, until, to: self.w.sign_revocation(
                by, self.P[patient], where, reason, version, until, epoch=epoch, **to
            ),
            carry=lambda signature, until, by: w.revokeSigned(
                self.P[patient], where, reason, version, until, signature, sender=by
            ),
            sound=lambda: reason != 0 and self.directive(patient, where)["version"] == version,
            events=lambda: ["DirectiveRevoked"],
            done=lambda: self.revoked(patient, where),
        )

    @rule(target=papers, patient=patients, denied=masks, emergency=masks, off=offs, hand=hands)
    def sign_denial(self, patient, denied, emergency, off, hand):
        version, w = max(self.denial(patient)["version"] + off, 0), self.w.consents
        said = {"patient": self.P[patient], "denied": class_words(denied), "emergencyDenied": class_words(emergency),
                "version": version}  # fmt: skip
        return self.sign(
            patient,
            hand,
            message=lambda by, epoch, until, to: self.w.sign(
                by, w, "StandingDenial", DENIAL, {**said, "epoch": epoch, "deadline": until}, **to
            ),
            carry=lambda signature, until, by: w.denySigned(
                self.P[patient], denied, emergency, version, until, signature, sender=by
            ),
            sound=lambda: self.denial(patient)["version"] == version,
            events=lambda: ["StandingDenialSet"],
            done=lambda: self.denied(patient, denied, emergency),
        )

    @rule(target=papers, patient=patients, who=kin, purposes=spans, length=st.sampled_from([DAY, 300 * DAY]),
          depth=st.integers(0, 2), hand=hands)  # fmt: skip
    def sign_guardianship(self, patient, who, purposes, length, depth, hand):
        said, w = self.guardianship(patient, who, purposes, length, depth), self.w.guardians
        words = {**said, "purposes": purpose_words(purposes)}
        life = self.recoveries.get(patient, 0)
        return self.sign(
            patient,
            hand,
            message=lambda by, epoch, until, to: self.w.sign(
                by, w, "Guardianship", GUARDIANSHIP, {**words, "epoch": epoch, "deadline": until}, **to
            ),
            carry=lambda signature, until, by: w.appointGuardianSigned(said, until, signature, sender=by),
            sound=lambda: self.sound_guardianship(patient, said, who),
            events=lambda: ["GuardianAppointed"],
            done=lambda: self.appointed_in(life, patient, said, who),
        )

    def appointed_in(self, life: int, patient: str, said: dict[str, Any], who: str) -> None:
        """K-inv6: what was signed in a life before names an epoch that is over."""
        assert life == self.recoveries.get(patient, 0), f"K-inv6: {patient} signed in another life"
        self.appointed(patient, said, who, None)

    @rule(target=papers, subject=people, off=offs, hand=hands)
    def sign_key(self, subject, off, hand):
        epoch, w = max(self.keys.get(subject, 0) + 1 + off, 0), self.w.participants
        said = {"subject": self.P[subject], "suite": 1, "keyHash": "0x" + keccak(b"k" * 32).hex(), "epoch": epoch}
        return self.sign(
            subject,
            hand,
            message=lambda by, _, until, to: self.w.sign(by, w, "PublishKey", KEY, {**said, "deadline": until}, **to),
            carry=lambda signature, until, by: w.publishKeySigned(
                self.P[subject], 1, b"k" * 32, until, signature, sender=by
            ),
            sound=lambda: self.keys.get(subject, 0) + 1 == epoch,
            events=lambda: ["EncryptionKeyPublished"],
            done=lambda: self.keys.update({subject: epoch}),
            epoch=False,
        )

    # ---- ways that single draws seldom walk to their end ----

    @rule(patient=patients, wish=wishes, hand=hands, step=st.sampled_from(["revoke", "grant", "epoch", "control"]))
    def sign_and_think_again(self, patient, wish, hand, step):
        """Signed, not carried, and taken back by another act: the paper in the drawer no longer counts."""
        paper = self.sign_grant(patient, wish, hand._replace(at_once=False))
        counted = self.counts(paper) and paper.sound()
        if step == "revoke":
            self.revoke(patient, "right", wish.kind, wish.purpose, 1)
        elif step == "grant":
            self.grant(patient, "right", wish._replace(flaw=(0, 0), length=DAY, permits=1))
        elif step == "epoch":
            self.raise_epoch(patient, "right")
        else:
            self.change_controller(patient, "hospital", "right")
        free = patient != "child" or self.held.get("child") == 2
        assert not (counted and free and self.counts(paper) and paper.sound()), "C-inv2: taken back, and counts"
        self.carry(paper, hand.by)
