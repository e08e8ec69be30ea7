"""Who is who, and who acts for whom: held accounts, control, recovery of lost keys; credentials besides."""

from __future__ import annotations

from typing import Any

from careledger.chain.signers import Signer
from careledger.chain.typed import TypedData
from careledger.codes import Will
from careledger.errors import NotFound
from careledger.resources.base import SignedTerms, Terms, address_of
from careledger.resources.credentials import OFFER_DAYS, Credentials
from careledger.resources.guardian_sets import NO_GUARDIANS, GuardianSet, GuardiansState, RecoveryState
from careledger.resources.held import HeldAccount
from careledger.values import (
    Address,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    bytes32,
    to_hex,
)  # fmt: skip

__all__ = ["GuardianSet", "HeldAccount", "Participants"]

_APPROVAL = (("subject", "address"), ("newController", "address"), ("recoveries", "uint16"), ("deadline", "uint40"))


class Participants(Credentials):
    """Who is who. Patients hold no credential."""

    def open_held(self, *, will: Will | str, evidence: bytes, **how: Any) -> Receipt[HeldAccount] | Prepared:
        """Open an account for a patient without a key, with a new card in ``value.card``; see ``held.open``."""
        return self._care.held.open(will=will, evidence=evidence, **how)

    # CONTROL AND RECOVERY

    def controller_of(self, subject: PartyRef) -> Address:
        """Who acts for a subject now."""
        return Address(self._read("controllerOf", address_of(subject)))

    def change_controller(
        self, subject: PartyRef, *, to: Address, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[Address] | Prepared:
        """Hand a subject to a new key."""
        return self._write(
            "changeController", address_of(subject), to, value=lambda _: to, key=key, wait=wait, dry_run=dry_run,
            entry=False, stands=lambda: self.controller_of(subject) == to,
        )  # fmt: skip

    def raise_epoch(
        self, subject: PartyRef, *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[int] | Prepared:
        """End every consent, revocation, denial and guardianship signed and not yet carried; return the new epoch."""
        epoch = self.epoch(subject)
        return self._write(
            "raiseEpoch", address_of(subject), value=lambda _: epoch + 1,
            key=key or f"raise-epoch/{address_of(subject)}/{epoch}", wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def epoch(self, subject: PartyRef) -> int:
        """Return the epoch that signatures for a subject have to name now."""
        return int(self._read("authorityOf", address_of(subject))["epoch"])

    def set_guardians(
        self, subject: PartyRef, new: GuardianSet | None, *, current: GuardianSet | None = None,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Set who can give the account back; in force after the wait of the set before it."""
        meant = new.commitment if new else bytes32(to_hex(bytes(32)))
        return self._write(
            "setGuardians", address_of(subject), current.call if current else NO_GUARDIANS,
            new.call if new else NO_GUARDIANS, value=lambda _: None, key=key, wait=wait, dry_run=dry_run, entry=False,
            stands=lambda: self.guardians_of(subject).next == meant,
        )  # fmt: skip

    def sign_recovery(self, subject: PartyRef, *, to: Address, signer: Signer) -> SignedTerms[Terms]:
        """Sign, as a guardian, that a subject gets a new controller."""
        account = self._read("accountOf", address_of(subject))
        message = {
            "subject": address_of(subject), "newController": to, "recoveries": int(account["recoveries"]),
            "deadline": self.deadline(OFFER_DAYS),
        }  # fmt: skip
        types = {"RecoveryApproval": _APPROVAL}
        return Terms(TypedData(self.domain, types, "RecoveryApproval", message)).signed_by(signer)

    def approve_recovery(
        self, signed: SignedTerms[Terms], *, guardians: GuardianSet, index: int, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[int] | Prepared:  # fmt: skip
        """Carry a guardian's approval to the chain; the quorum starts the wait. Returns how many have approved."""
        m = signed.terms.typed.message
        return self._write(
            "approveRecovery", m["subject"], m["newController"], guardians.call, guardians.proof(index), m["deadline"],
            signed.signature, value=lambda r: int(r.event("RecoveryApproved").args["count"]), key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip

    def object_to_recovery(
        self, subject: PartyRef, *, to: Address, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[None] | Prepared:
        """Object, as the controller of now: the wait doubles, and the larger quorum prevails."""
        return self._write(
            "objectToRecovery", address_of(subject), to, value=lambda _: None, key=key, wait=wait, dry_run=dry_run,
            entry=False, stands=lambda: self.recovery(subject, to=to).objected,
        )  # fmt: skip

    def execute_recovery(
        self, subject: PartyRef, *, to: Address, guardians: GuardianSet, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Address] | Prepared:  # fmt: skip
        """Carry a recovery out once its wait is over. Anyone."""
        return self._write(
            "executeRecovery", address_of(subject), to, guardians.call, value=lambda _: to, key=key, wait=wait,
            dry_run=dry_run, entry=False, stands=lambda: self.controller_of(subject) == to,
        )  # fmt: skip

    def endorse_recovery(
        self, subject: PartyRef, *, to: Address, accreditor: PartyRef, jurisdiction: int, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Add an accreditor's word to a quorum that met an objection; as an accreditor of stewards.

        Raises:
            ParticipantRegistry_NotAccreditor: It is not admitted for stewards there.
            ParticipantRegistry_NotReady: There is no quorum yet, or nobody objected.
        """
        return self._write(
            "endorseRecovery", address_of(subject), to, address_of(accreditor), jurisdiction, value=lambda _: None,
            key=key, wait=wait, dry_run=dry_run, entry=False, stands=lambda: self.recovery(subject, to=to).endorsed,
        )  # fmt: skip

    # WHERE IT STANDS

    def recovery(self, subject: PartyRef, *, to: Address) -> RecoveryState:
        """Return a proposal to give a subject a new controller, as it stands.

        Raises:
            NotFound: Nobody has approved one.
        """
        found = self._read("recoveryOf", address_of(subject), to)
        data = found["recovery"]
        if not int(data["begunAt"]):
            raise NotFound(f"nobody has approved {to} for {subject.address}", fix="See participants.recoveries().")
        return RecoveryState(
            bytes32(found["recoveryId"]), subject, to, bytes32(data["guardians"]), int(data["approvals"]),
            int(data["count"]), bool(data["objected"]), bool(data["endorsed"]), int(data["recoveries"]),
            int(data["begunAt"]), int(data["quorumAt"]), int(data["readyAt"]),
        )  # fmt: skip

    def recoveries(self, subject: PartyRef, *, running: bool = True) -> list[RecoveryState]:
        """Return proposals for a subject from the index: who watches its account learns here of one it did not want.

        Args:
            subject: The account.
            running: Only those that can still be carried out.
        """
        where = {"subject": address_of(subject)}
        events = self._care.sync().list("ParticipantRegistry.RecoveryApproved", where=where)
        wanted = dict.fromkeys(Address(event.args["newController"]) for event in events)
        found = [self.recovery(subject, to=to) for to in wanted]
        life, now = int(self._read("accountOf", address_of(subject))["recoveries"]), self.now()
        return [item for item in found if not running or not item.is_void(recoveries=life, now=now)]

    def guardians_of(self, subject: PartyRef) -> GuardiansState:
        """Return the commitments to who can give an account back: in force, and next where a change is waiting."""
        found = self._read("guardiansOf", address_of(subject))
        return GuardiansState(bytes32(found["inForce"]), bytes32(found["next"]), int(found["inForceAt"]))
