"""Who is who, and who acts for whom: held accounts, control, recovery of lost keys; credentials besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from careledger.chain.signers import Signer
from careledger.chain.typed import TypedData
from careledger.codes import Will
from careledger.errors import InputError
from careledger.privacy.commitments import new_salt
from careledger.privacy.merkle import StandardTree
from careledger.redact import Secret
from careledger.resources.base import SignedTerms, Terms, address_of
from careledger.resources.credentials import DAY, OFFER_DAYS, Credentials
from careledger.resources.held import HeldAccount
from careledger.values import (
    Address,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
)  # fmt: skip

__all__ = ["GuardianSet", "HeldAccount", "Participants"]

_APPROVAL = (("subject", "address"), ("newController", "address"), ("recoveries", "uint16"), ("deadline", "uint40"))


@dataclass(frozen=True)
class GuardianSet:
    """Who can give an account back: guardians under a salted root, named only when they act."""

    guardians: tuple[Address, ...]
    salts: tuple[Secret, ...]
    quorum: int
    larger_quorum: int
    wait_seconds: int

    @classmethod
    def of(
        cls, guardians: Sequence[PartyRef], *, quorum: int, larger_quorum: int | None = None, wait_days: int = 3
    ) -> GuardianSet:
        """Make a set with fresh salts; the larger quorum is everybody when not given."""
        if not 0 < quorum <= (larger_quorum or len(guardians)) <= len(guardians) <= 16:
            raise InputError(
                f"{quorum} of {len(guardians)} guardians is not a quorum", fix="Name 1 to 16 guardians, quorum within."
            )
        salts = tuple(new_salt() for _ in guardians)
        accounts = tuple(address_of(item) for item in guardians)
        return cls(accounts, salts, quorum, larger_quorum or len(guardians), wait_days * DAY)

    @property
    def tree(self) -> StandardTree:
        """The tree over (index, guardian, salt)."""
        rows = [[i, a, s.reveal()] for i, (a, s) in enumerate(zip(self.guardians, self.salts, strict=True))]
        return StandardTree(rows, types=["uint8", "address", "bytes32"])

    @property
    def call(self) -> dict[str, Any]:
        """The terms as the contract takes them."""
        return {
            "root": self.tree.root, "quorum": self.quorum, "largerQuorum": self.larger_quorum,
            "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    def proof(self, index: int) -> dict[str, Any]:
        """The proof that guardian ``index`` is one."""
        return {
            "guardian": self.guardians[index], "index": index, "salt": self.salts[index].reveal(),
            "path": self.tree.proof(index),
        }  # fmt: skip


NO_GUARDIANS = {"root": bytes(32), "quorum": 0, "largerQuorum": 0, "waitSeconds": 0}


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
            entry=False,
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
        return self._write(
            "setGuardians", address_of(subject), current.call if current else NO_GUARDIANS,
            new.call if new else NO_GUARDIANS, value=lambda _: None, key=key, wait=wait, dry_run=dry_run, entry=False,
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
            entry=False,
        )  # fmt: skip

    def execute_recovery(
        self, subject: PartyRef, *, to: Address, guardians: GuardianSet, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Address] | Prepared:  # fmt: skip
        """Carry a recovery out once its wait is over. Anyone."""
        return self._write(
            "executeRecovery", address_of(subject), to, guardians.call, value=lambda _: to, key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip
