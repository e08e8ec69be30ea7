"""Who may act for a patient: guardians, for given purposes, for a year at most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from careledger.chain.typed import TypedData
from careledger.codes import Capacity, Purpose, Will
from careledger.errors import InputError, NotFound
from careledger.resources.base import SignedTerms, Terms, address_of
from careledger.resources.calendar import DAY
from careledger.resources.guardian_years import GuardianEntry, GuardianYears, Renewal
from careledger.values import PartyRef, Prepared, Receipt, Wait

__all__ = ["GuardianEntry", "Guardians", "Guardianship", "Renewal"]

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


class Guardians(GuardianYears):
    """Who may act for a patient."""

    def draft(
        self, *, patient: PartyRef, guardian: PartyRef, purposes: Iterable[Purpose], for_days: int = 365,
        depth: int = 0, not_after: int | None = None,
    ) -> Guardianship:  # fmt: skip
        """Draft a guardianship.

        Args:
            patient: For whom.
            guardian: Who acts.
            purposes: For what.
            for_days: For how long at most: it ends with a week, a day or an hour (UTC); 366 at most.
            depth: How many further delegations it may make below it; 2 at most.
            not_after: It ends by this second, in seconds since 1970, such as the end of what a delegate's parent has.

        Raises:
            InputError: It would last beyond the majority that was stated for the patient, or is over before it begins.
        """
        who, chosen = address_of(patient), sorted(frozenset(purposes))
        version = int(self._read("guardianshipOf", who, address_of(guardian))["version"])
        epoch = self._care.participants.epoch(patient)
        call = {
            "patient": who, "guardian": address_of(guardian), "purposes": sum(item.mask for item in chosen),
            "until": self._end(patient, for_days, not_after), "depth": depth, "replaces": version,
        }  # fmt: skip
        message = {
            **call, "purposes": [item.name for item in chosen], "epoch": epoch, "deadline": self.deadline(OFFER_DAYS)
        }  # fmt: skip
        return Guardianship(TypedData(self.domain, {"Guardianship": _TERMS}, "Guardianship", message), call)

    def draft_renewal(self, *, patient: PartyRef, guardian: PartyRef, for_days: int = 366) -> Guardianship:
        """Draft another term of a guardianship with the same purposes and depth, for whoever appointed it to agree to.

        It lasts for 366 days at most, not beyond the stated majority, and for a delegate not beyond its parent.

        Args:
            patient: For whom.
            guardian: Whose guardianship.
            for_days: For how long at most.

        Raises:
            NotFound: There is none, or it was ended.
            InputError: Majority or the parent's end leaves no time, or it would end no later than it does.
        """
        found = self.get(patient, guardian=guardian)
        if found.ended:
            raise NotFound(
                f"the guardianship of {guardian.address} was ended", fix="Appoint anew, if that is what is meant."
            )
        latest = self.latest_end(found)
        terms = self.draft(
            patient=patient, guardian=guardian, purposes=found.purposes, depth=found.depth, not_after=latest,
            for_days=min(for_days, max(1, -(-(latest - self.now()) // DAY))),
        )  # fmt: skip
        if terms.call["until"] <= found.until:
            raise InputError(
                "there is nothing to renew yet",
                why="Another term would end no later than this one: majority, the parent's term, or the year allows "
                "no more.",
                fix="Renew the parent first, or wait until it is nearer to its end.",
            )
        return terms

    def renew(
        self, *, patient: PartyRef, guardian: PartyRef, will: Will | None = None, evidence: bytes | None = None,
        for_days: int = 366, key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Renew a guardianship: same purposes, another year at most, never past the stated majority.

        Args:
            patient: For whom.
            guardian: Whose guardianship.
            will: As steward, or as the guardian who delegated: on what expression of will; the patient itself gives
                none, and signs ``draft_renewal`` instead where it has no ether.
            evidence: What stands behind it, with ``will``.
            for_days: For how long at most.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            InputError: There is no time left to renew it for.
            GuardianRegistry_NotAuthorised: The signer did not appoint it and is not the steward.
        """
        if (will is None) != (evidence is None):
            raise InputError("a will needs its evidence", fix="Give both, or neither as the patient itself.")
        terms = self.draft_renewal(patient=patient, guardian=guardian, for_days=for_days)
        how: dict[str, Any] = {"key": key, "wait": wait, "dry_run": dry_run}
        if will is None or evidence is None:
            return self.appoint(terms, **how)
        return self.appoint_for(terms, will=will, evidence=evidence, **how)

    def appoint(
        self, agreed: SignedTerms[Guardianship] | Guardianship, *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Appoint a guardian: signed terms, which anyone may carry, or bare ones when the patient itself sends."""
        how: dict[str, Any] = {"value": lambda _: None, "key": key, "wait": wait, "dry_run": dry_run}
        if isinstance(agreed, SignedTerms):
            deadline = agreed.terms.typed.message["deadline"]
            how["not_after"] = deadline
            return self._write("appointGuardianSigned", agreed.terms.call, deadline, agreed.signature, **how)
        return self._write("appointGuardian", agreed.call, **how)

    def appoint_for(
        self, terms: Guardianship, *, will: Will, evidence: bytes, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[None] | Prepared:  # fmt: skip
        """Appoint as the patient's steward, or delegate as its guardian."""
        call = terms.call
        name = key or f"appoint-for/{call['patient']}/{call['guardian']}/{call['replaces']}/{call['until']}"
        return self._write(
            "appointGuardianFor", call, self._act(will, evidence, key=name, dry_run=dry_run), value=lambda _: None,
            key=name, wait=wait, dry_run=dry_run, content=call,
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
