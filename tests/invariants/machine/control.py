"""Story: who acts for an account, from which signatures of before no longer count, and with which encryption key."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.invariants.machine.base import KEYS, Machine, people, senders

accounts = st.sampled_from("patient clinic practitioner stranger hospital steward child".split())


class Control(Machine):
    """Controllers, epochs and encryption keys."""

    def start(self):
        super().start()
        self.controllers: dict[str, str] = {}
        self.epochs: dict[str, int] = {}
        self.recoveries: dict[str, int] = {}
        self.keys: dict[str, int] = {}

    def controller(self, name: str) -> str:
        """Who acts for somebody; nobody acts for a held account, which is its own controller without a key."""
        return self.controllers.get(name, name)

    def who(self, subject: str, sender: str) -> str:
        """Who sends for a subject: its controller where that has a key, or whoever was drawn."""
        right = self.controller(subject)
        if sender != "right":
            return sender
        return right if right in KEYS else "steward"

    def set_controller(self, subject: str, new: str, *, life: bool = False) -> None:
        """K-inv6: the epoch rises with every change; with a claim or recovery a new life begins."""
        self.controllers[subject] = new
        self.epochs[subject] = self.epochs.get(subject, 0) + 1
        self.recoveries[subject] = self.recoveries.get(subject, 0) + life
        self.check_authority(subject)

    def check_authority(self, subject: str) -> None:
        got = self.w.participants.authorityOf(self.P[subject])
        told = {"controller": self.a(self.controller(subject)), "epoch": self.epochs.get(subject, 0)}
        assert got == told, f"K-inv6: {subject}"

    @rule(subject=accounts, new=people, sender=senders)
    def change_controller(self, subject, new, sender):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender
        call = lambda: self.w.participants.changeController(self.P[subject], self.P[new], sender=self.P[sender])
        if self.act(ok, call, "ControllerChanged"):
            self.set_controller(subject, new)

    @rule(subject=accounts, sender=senders)
    def raise_epoch(self, subject, sender):
        sender = self.who(subject, sender)
        ok = self.controller(subject) == sender
        if self.act(ok, lambda: self.w.participants.raiseEpoch(self.P[subject], sender=self.P[sender]), "EpochRaised"):
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
            self.check_authority(subject)

    @rule(subject=people, sender=senders, kind=st.sampled_from([(1, 32), (1, 32), (2, 1216), (1, 31), (3, 32)]))
    def publish_key(self, subject, sender, kind):
        (suite, size), sender = kind, self.who(subject, sender)
        ok = self.controller(subject) == sender and kind in ((1, 32), (2, 1216))
        call = lambda: self.w.participants.publishKey(self.P[subject], suite, b"k" * size, sender=self.P[sender])
        if self.act(ok, call, "EncryptionKeyPublished"):
            self.keys[subject] = self.keys.get(subject, 0) + 1
            assert self.w.participants.encryptionKeyOf(self.P[subject])["epoch"] == self.keys[subject]
