"""Story: a relayer pays. What people send arrives through the forwarder as theirs, and nothing else does."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.chainkit import RawRevert, Reverted, Tx, events
from tests.invariants.machine.base import people
from tests.invariants.machine.control import Control

flaws = st.sampled_from(["signer", "nonce", "deadline", "data", "target", "value"])


class Forwarder(Control):
    """Requests that are forged, repeated, changed on the way, or claim to be somebody else's."""

    def forwarded(self, request) -> Tx:
        return self.carrier.execute(request)

    @rule(subject=people, sender=people)
    def forward(self, subject, sender):
        """A request of somebody's own, once; then the same again, which never counts."""
        ok = self.controller(subject) == sender
        data = self.w.participants.data("raiseEpoch", self.P[subject])
        request = self.carrier.request(self.P[sender], self.w.participants, data)
        if self.act(ok, lambda: self.forwarded(request), "EpochRaised"):
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
            self.act(False, lambda: self.forwarded(request))
        self.check_authority(subject)

    @rule(subject=people, thief=people, flaw=flaws)
    def forge(self, subject, thief, flaw):
        """What the victim did not sign as it is, the forwarder does not carry."""
        victim = self.P[self.who(subject, "right")]
        target, data = self.w.participants, self.w.participants.data("raiseEpoch", self.P[subject])
        nonce = self.carrier.nonces[victim.address]
        signed = {
            "signer": {},
            "nonce": {"nonce": nonce + 1},
            "deadline": {"deadline": self.now - 1},
            "data": {"data": self.w.participants.data("raiseEpoch", self.P[thief])},
            "target": {"to": self.w.records.address},
            "value": {"value": 1},
        }[flaw]
        signer = self.P[thief] if flaw == "signer" else victim
        request = self.carrier.request(signer, target, data, {"from": victim.address, **signed})
        request |= {"to": target.address, "data": data, "value": 0}
        ok = flaw == "signer" and thief == victim.name
        ok = ok or (flaw == "data" and thief == subject)
        if self.act(ok, lambda: self.forwarded(request), "EpochRaised"):
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
        self.check_authority(subject)

    @rule(subject=people, thief=people, through=st.booleans())
    def append_somebody(self, subject, thief, through):
        """Whoever appends another's address to its own call acts as itself all the same."""
        controller = self.P[self.who(subject, "right")]
        data = self.w.participants.data("raiseEpoch", self.P[subject]) + bytes.fromhex(controller.address[2:])
        ok = self.controller(subject) == thief
        if through:
            request = self.carrier.request(self.P[thief], self.w.participants, data)
            call = lambda: self.forwarded(request)
        else:
            call = lambda: self.send_raw(thief, data)
        if self.act(ok, call, "EpochRaised"):
            self.epochs[subject] = self.epochs.get(subject, 0) + 1
        self.check_authority(subject)

    def send_raw(self, sender: str, data: bytes) -> Tx:
        try:
            _, logs, gas = self.carrier.engine.send(self.P[sender].address, self.w.participants.address, data)
        except RawRevert as refusal:
            raise Reverted(refusal.data) from None
        return Tx(None, events(logs), gas, logs)
