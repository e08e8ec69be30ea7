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
from careledger.values import (
    Address,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    keccak,
    to_hex,
)  # fmt: skip

__all__ = ["GuardianSet", "HeldAccount", "Participants"]

_APPROVAL = (("subject", "address"), ("newController", "address"), ("recoveries", "uint16"), ("deadline", "uint40"))
_CLAIM = (("subject", "address"), ("controller", "address"), ("deadline", "uint40"))


@dataclass(frozen=True)
class HeldAccount:
    """An account held for somebody without a key. Keep it: the patient needs the terms to claim the account."""

    subject: PartyRef
    terms: dict[str, Any]
    """Steward, jurisdiction, claimKey, salt, provisional."""


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

    # HELD ACCOUNTS

    def open_held(
        self, *, steward: PartyRef, jurisdiction: int, claim_key: Address, will: Will, evidence: bytes,
        provisional: bool = False, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[HeldAccount] | Prepared:  # fmt: skip
        """Open an account for a patient without a key.

        Args:
            steward: The accredited steward that holds it.
            jurisdiction: Where the steward is accredited.
            claim_key: Address of the key the patient is given on paper or card; it can only claim.
            will: How the patient's will was expressed.
            evidence: The form, recording or order; only a salted commitment goes on chain.
            provisional: True for an unknown emergency patient.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.
        """
        name = key or f"open-held/{claim_key}"
        known = self._care.sender.entry(name)
        terms = (known.note if known else None) or {
            "steward": address_of(steward), "jurisdiction": jurisdiction, "claimKey": claim_key,
            "salt": to_hex(new_salt().reveal()), "provisional": provisional,
        }  # fmt: skip
        subject = PartyRef("person", self._read("heldAddress", terms))
        held = HeldAccount(subject, terms)
        return self._write(
            "openHeld", terms, self._act(will, evidence), value=lambda _: held, key=name, wait=wait, dry_run=dry_run,
            content=[address_of(steward), jurisdiction, claim_key, provisional, will.name, to_hex(keccak(evidence))],
            note=terms,
        )  # fmt: skip

    def sign_claim(self, held: HeldAccount, *, controller: Address, signer: Signer) -> SignedTerms[Terms]:
        """Sign the claim of a held account with its claim key."""
        deadline = self.deadline(OFFER_DAYS)
        message = {"subject": held.subject.address, "controller": controller, "deadline": deadline}
        return Terms(TypedData(self.domain, {"HeldClaim": _CLAIM}, "HeldClaim", message)).signed_by(signer)

    def claim_held(
        self, held: HeldAccount, signed: SignedTerms[Terms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[PartyRef] | Prepared:  # fmt: skip
        """The patient takes a held account over; every power of the steward ends."""
        message = signed.terms.typed.message
        return self._write(
            "claimHeld", held.terms, message["controller"], message["deadline"], signed.signature,
            value=lambda _: held.subject, key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

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
