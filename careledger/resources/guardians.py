"""Who may act for a patient: guardians, for given purposes, for a year at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from careledger.chain.typed import TypedData
from careledger.codes import Capacity, Purpose, Will
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.resources.calendar import DAY, whole
from careledger.values import PartyRef, Prepared, Receipt, Wait

__all__ = ["Guardians", "Guardianship"]

OFFER_DAYS = 7
"""How long a signed guardianship may be carried to the chain at least."""

_TERMS = (
    ("patient", "address"), ("guardian", "address"), ("purposes", "string[]"), ("until", "uint40"), ("depth", "uint8"),
    ("replaces", "uint16"), ("epoch", "uint32"), ("deadline", "uint40"),
)  # fmt: skip


@dataclass(frozen=True)
class Guardianship(Terms):
    """What a patient is asked to agree to."""

    call: dict[str, Any]
    """The terms as the contract takes them."""


class Guardians(Resource):
    """Who may act for a patient."""

    contract = "GuardianRegistry"

    def draft(
        self, *, patient: PartyRef, guardian: PartyRef, purposes: Iterable[Purpose], for_days: int = 365, depth: int = 0
    ) -> Guardianship:
        """Draft a guardianship.

        Args:
            patient: For whom.
            guardian: Who acts.
            purposes: For what.
            for_days: For how long at most: it ends with a week, a day or an hour (UTC); 366 at most, and never past
                majority.
            depth: How many further delegations it may make below it; 2 at most.
        """
        who, chosen = address_of(patient), sorted(frozenset(purposes))
        version = int(self._read("guardianshipOf", who, address_of(guardian))["version"])
        epoch = self._care.participants.epoch(patient)
        now = self.now()
        call = {
            "patient": who, "guardian": address_of(guardian), "purposes": sum(item.mask for item in chosen),
            "until": whole(now + for_days * DAY, start=now), "depth": depth, "replaces": version,
        }  # fmt: skip
        message = {
            **call, "purposes": [item.name for item in chosen], "epoch": epoch, "deadline": self.deadline(OFFER_DAYS)
        }  # fmt: skip
        return Guardianship(TypedData(self.domain, {"Guardianship": _TERMS}, "Guardianship", message), call)

    def appoint(
        self, agreed: SignedTerms[Guardianship] | Guardianship, *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Appoint a guardian: signed terms, which anyone may carry, or bare ones when the patient itself sends."""
        how: dict[str, Any] = {"value": lambda _: None, "key": key, "wait": wait, "dry_run": dry_run}
        if isinstance(agreed, SignedTerms):
            deadline = agreed.terms.typed.message["deadline"]
            return self._write("appointGuardianSigned", agreed.terms.call, deadline, agreed.signature, **how)
        return self._write("appointGuardian", agreed.call, **how)

    def appoint_for(
        self, terms: Guardianship, *, will: Will, evidence: bytes, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Appoint as the patient's steward, or delegate as its guardian."""
        return self._write(
            "appointGuardianFor", terms.call, self._act(will, evidence), value=lambda _: None, key=key, wait=wait,
            dry_run=dry_run, content=terms.call,
        )  # fmt: skip

    def end(
        self, *, patient: PartyRef, guardian: PartyRef, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """End a guardianship, and all that was delegated below it."""
        version = int(self._read("guardianshipOf", address_of(patient), address_of(guardian))["version"])
        return self._write(
            "endGuardianship", address_of(patient), address_of(guardian), value=lambda _: None,
            key=key or f"end-guardian/{patient.address}/{guardian.address}/{version}", wait=wait, dry_run=dry_run,
            entry=False,
        )  # fmt: skip

    def capacity(self, *, patient: PartyRef, actor: PartyRef, purpose: Purpose) -> Capacity:
        """Return in what capacity an account may act for a patient and purpose now."""
        return Capacity(int(self._read("capacityFor", address_of(patient), address_of(actor), purpose.value)))
