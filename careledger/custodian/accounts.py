"""Accounts to patients: everything the log holds about one pseudonym, with proofs, and a signed statement of count."""

from __future__ import annotations

from bisect import bisect_left

from careledger.codes import Capacity, Purpose
from careledger.custodian.anchoring import Anchoring
from careledger.custodian.answering import Answering
from careledger.errors import AccessDenied, InputError, NotFound
from careledger.privacy.openers import Recipient
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import AccountingRequest, SignedAccountingRequest
from careledger.resources.accountings import Accounting, AccountingAnswer, AccountingStatement, PartProof

__all__ = ["Accounts"]

_FAMILY = frozenset({Purpose.PATRQT, Purpose.FAMRQT, Purpose.PWATRNY})
"""Purposes for which a guardian can be appointed to read for a patient."""


class Accounts(Answering, Anchoring):
    """The custodian's accounts to patients, and to those who act for them."""

    def accounting(self, request: SignedAccountingRequest) -> AccountingAnswer:
        """Account for every entry of the log about a pseudonym, refusals and what is not anchored yet included.

        Args:
            request: Signed by the patient's controller of now, by its steward, or by a guardian for the purpose named.

        Returns:
            The accounting, sealed to the key that the request names.

        Raises:
            AccessDenied: The requester may not act for this patient.
            InputError: It is for another custodian, not signed by the requester's controller, too old or ahead of time.
            StorageError: The book is not the one that the chain has entries of.
        """
        terms = request.terms
        if terms.custodian.address != self.party.address:
            raise InputError(f"this request is made to {terms.custodian.address}", fix="Hand it to that custodian.")
        self._require_fresh(terms.issued_at)
        self._require_signed(terms.requester, terms.typed, request.signature)
        self._require_acting(terms)
        reader = self._requesters_key(terms)
        return AccountingAnswer.of(terms.digest, self._accounting(terms), reader=reader)

    def _require_acting(self, terms: AccountingRequest) -> None:
        """Refuse whoever is neither the patient nor acts for it."""
        if terms.requester.address == terms.patient.address:
            return
        guardians = self.care.guardians
        if terms.purpose in _FAMILY:
            capacity = guardians.capacity(patient=terms.patient, actor=terms.requester, purpose=terms.purpose)
            if capacity is not Capacity.NONE:
                return
        raise AccessDenied(
            f"{terms.requester.address} does not act for this patient now",
            why="An accounting goes to the patient, its steward, or a guardian for the purpose named.",
            fix="Have the patient ask itself, or appoint a guardian.",
        )

    def _requesters_key(self, terms: AccountingRequest) -> Recipient:
        """Return the key that the request names: the requester's published one, or the one it brings along."""
        try:
            found = self.care.participants.encryption_key(terms.requester)
        except NotFound:
            found = None
        key = found or terms.key
        if key is None or key.key_hash != terms.key_hash:
            raise InputError(
                "the key that this request names is not the requester's",
                why="It is not the one the requester has published, and no key comes with it where none is published.",
                fix="Name the key that is published now.",
            )
        return key

    def _accounting(self, terms: AccountingRequest) -> Accounting:
        log = self.care.records.anchored_log(self.party)
        anchored, through = max((part.last for part in log.parts), default=0), self.book.last
        if anchored > through:
            self._require_whole(self._standing)
        every = [entry for entry in self.book.about(terms.patient.address) if entry.entry <= through]
        entries = every[_start(every, terms.since) :]
        parts = []
        for number, leaves in log.by_part(entries).items():
            part = log.part(number)
            assert part is not None  # noqa: S101 - by_part names parts of this log
            parts.append(PartProof(number, tuple(self._proof(part, leaves))))
        statement = AccountingStatement.of(
            self.care.records.domain, custodian=self.party, patient=terms.patient, since=terms.since,
            entries=every[-1].own if every else 0, through=through, anchored=anchored, after=self.book.after,
            shown=entries, issued_at=self.care.records.now(),
        )  # fmt: skip
        signed = statement.signed_by(self._receipt_signer)
        return Accounting(self.party, terms.patient, terms.since, tuple(entries), tuple(parts), signed)


def _start(entries: list[AccessEntry], since: int) -> int:
    """Return where the shown ones start: with the last entry before the period, which shows that none is left out."""
    return max(0, bisect_left(entries, since, key=lambda entry: entry.at) - 1) if since else 0
