"""A patient's own control: asking a custodian who read what, and comparing the answer with the anchors on chain."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from careledger.chain.abi import encode
from careledger.chain.signatures import is_signed_by
from careledger.chain.signers import Signer
from careledger.codes import Purpose
from careledger.errors import NodeMisbehaved, ReceiptRefused
from careledger.privacy.levels import root_of_many
from careledger.privacy.openers import Opener
from careledger.resources.access import DEFAULT_INTERVAL, AccessReceipt, LogPart
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import AHEAD_SECONDS, AccountingRequest, SignedAccountingRequest
from careledger.resources.accountings import ANSWER_FORMAT, Accounting, AccountingAnswer, AccountingCheck, numbers
from careledger.resources.base import SignedTerms
from careledger.resources.receipts import KeptReceipt
from careledger.resources.record_requests import RecordRequests
from careledger.values import PartyRef, bytes32, from_hex, keccak, to_hex

__all__ = ["AnchoredLog", "RecordAccounting"]


@dataclass(frozen=True)
class AnchoredLog:
    """A custodian's log as the chain has it at one block."""

    parts: tuple[LogPart, ...]
    """In order and without gaps."""
    interval: int
    """Seconds an entry waits for its anchor at most."""
    block: int

    def by_part(self, entries: Iterable[AccessEntry]) -> dict[int, dict[int, bytes]]:
        """Return the leaves of those entries that are said to be anchored, by part and number."""
        lasts, found = [part.last for part in self.parts], defaultdict[int, dict[int, bytes]](dict)
        for entry in entries:
            place = bisect_left(lasts, entry.entry)
            if place < len(lasts) and entry.entry >= self.parts[place].first:
                found[self.parts[place].part][entry.entry] = entry.leaf
        return found

    def part(self, number: int) -> LogPart | None:
        """Return a part by its number, counted from 1."""
        return self.parts[number - 1] if 0 < number <= len(self.parts) else None


class RecordAccounting(RecordRequests):
    """Who read what, as the patient asks and checks it."""

    def draft_accounting_request(
        self, *, custodian: PartyRef, patient: PartyRef, requester: PartyRef | None = None,
        purpose: Purpose = Purpose.PATRQT, since: int = 0, opener: Opener | None = None,
    ) -> AccountingRequest:  # fmt: skip
        """Draft a request for an accounting of disclosures. Nothing of it goes on chain.

        Args:
            custodian: Whose log.
            patient: The pseudonym.
            requester: Who asks: the patient itself when not given, else its guardian or steward.
            purpose: For a guardian: the purpose it is appointed for, PATRQT, FAMRQT or PWATRNY.
            since: First second of interest, in seconds since 1970; everything when not given.
            opener: What opens the answer; this client's when not given. Its public key goes with the request.
        """
        key, who = self._opener(opener), requester or patient
        return AccountingRequest.of(
            self.domain, custodian=custodian, patient=patient, requester=who, purpose=purpose, since=since,
            key_hash=key.key_hash, issued_at=self.now(), key=self._unpublished(who, key),
        )  # fmt: skip

    def request_accounting(
        self, *, custodian: PartyRef, patient: PartyRef, signer: Signer | None = None, **how: Any
    ) -> SignedAccountingRequest:
        """Draft and sign a request for an accounting; arguments as for ``draft_accounting_request``.

        Args:
            custodian: Whose log.
            patient: The pseudonym.
            signer: Who signs, as the requester's controller; this client's when not given.
            **how: ``requester``, ``purpose``, ``since``, ``opener``.
        """
        by = signer or self._care.sender.signer
        return self.draft_accounting_request(custodian=custodian, patient=patient, **how).signed_by(by)

    def read_accounting_request(self, data: Any) -> SignedAccountingRequest:
        """Read a request for an accounting from its JSON data.

        Raises:
            FormatError: It is something else.
            InputError: It was signed for another contract or chain.
        """
        return SignedAccountingRequest.from_json(data, self.domain)

    def read_accounting(self, data: Any, *, opener: Opener | None = None) -> Accounting:
        """Read an accounting from its JSON data: as a custodian sealed it, or as it was opened before.

        Raises:
            NotARecipient: It is sealed to another key.
            SealedDamaged: It was changed.
            FormatError: It is something else.
        """
        if isinstance(data, dict) and data.get("format") == ANSWER_FORMAT:
            return AccountingAnswer.from_json(data).open(self._opener(opener), self.domain)
        return Accounting.from_json(data, self.domain)

    def check_accounting(
        self, accounting: Accounting, *, request: SignedAccountingRequest | None = None,
        receipts: Iterable[KeptReceipt | SignedTerms[AccessReceipt]] = (),
    ) -> AccountingCheck:  # fmt: skip
        """Compare an accounting with the chain: every entry at its place in an anchored part, own numbers without gap.

        Needs neither key nor home: an auditor to whom the patient gave the opened document checks the same.

        Args:
            accounting: The accounting.
            request: What it is said to answer: an accounting made before it, or about less, is none. Without, look at
                ``issued_at``: a custodian can hand out again what was true once.
            receipts: Receipts that readers gave the patient, about its records: their entries have to be shown.

        Raises:
            NodeError: The node does not answer, or its events do not lead to the log's head.
            ReceiptRefused: A receipt whose entry is not shown is not signed by an account that the custodian has named.
        """
        log = self.anchored_log(accounting.custodian)
        terms, problems = accounting.statement.terms, list[str]()
        anchored, through = terms.number("anchored"), terms.number("through")
        problems += self._statement_problems(accounting, log)
        problems += _not_what_was_asked(accounting, request)
        missing, sequence = _own_numbers(accounting)
        problems += sequence
        proved = _proved(accounting, log)
        newest, overdue = max((part.last for part in log.parts), default=0), self.now() - log.interval
        late = {e.entry for e in accounting.entries if e.entry > newest and e.at < overdue}
        owed = [e.entry for e in accounting.entries if e.entry <= anchored or e.entry in late]
        unproved = [entry for entry in owed if entry not in proved]
        waiting = [e.entry for e in accounting.entries if e.entry > anchored and e.entry not in late | proved]
        left_out = self._left_out(accounting, receipts)
        if unproved:
            problems.append(f"Not in the anchored log: entries {numbers(unproved)}.")
        if missing:
            problems.append(f"Not shown: numbers {numbers(missing)} of the entries about this pseudonym.")
        if left_out:
            problems.append(f"Not shown, though there is a receipt: entries {numbers(left_out)}.")
        if any(e.entry > through for e in accounting.entries):
            problems.append("Entries are shown that are behind the end of the log as it was stated.")
        at = max((part.anchored_at for part in log.parts if part.last <= anchored), default=0)
        return AccountingCheck(
            len(accounting.entries), len(proved), tuple(waiting), tuple(missing), tuple(unproved), tuple(left_out),
            tuple(problems), anchored, at, terms.number("issuedAt"), log.block,
        )  # fmt: skip

    def anchored_log(self, custodian: PartyRef) -> AnchoredLog:
        """Return every part of a log, from events whose heads lead to the one in storage.

        Raises:
            NodeMisbehaved: They do not: the node leaves out or invents parts.
        """
        listing = self._care.sync().list("RecordRegistry.LogAnchored", where={"custodian": custodian.address})
        standing = self._read("logOf", custodian.address, about_patient=False, block=listing.true_at.number)
        head, parts = bytes(32), []
        for event in listing:
            a = event.args
            root, first, last = bytes32(a["root"]), int(a["first"]), int(a["last"])
            head = keccak(encode(("bytes32", "bytes32", "uint64", "uint64"), (head, from_hex(root), first, last)))
            parts.append(LogPart(int(a["part"]), root, first, last, event.timestamp))
        if to_hex(head) != standing["head"] and (parts or int(standing["anchors"])):
            raise NodeMisbehaved(
                "the events of this log do not lead to its head in storage",
                why="Parts are left out or invented by the node.",
                fix="Ask another node.",
            )
        return AnchoredLog(tuple(parts), int(standing["intervalSeconds"]) or DEFAULT_INTERVAL, listing.true_at.number)

    def _statement_problems(self, accounting: Accounting, log: AnchoredLog) -> list[str]:
        signed, terms = accounting.statement, accounting.statement.terms
        anchored, issued, found = terms.number("anchored"), terms.number("issuedAt"), []
        ours = is_signed_by(self._care.connection, signed.signer, terms.typed.digest, signed.signature)
        if not ours or not self.is_receipt_key(accounting.custodian, signer=signed.signer):
            found.append("The statement is not signed by an account that the custodian has named.")
        if not accounting.is_bound():
            found.append("The statement is about another custodian, pseudonym, period or other entries.")
        if any(e.subject is None or e.subject.patient != accounting.patient.address for e in accounting.entries):
            found.append("Entries about another pseudonym are among them.")
        if terms.number("after"):
            found.append(f"The custodian's book of entries 1 to {terms.number('after')} is lost; they are not shown.")
        if anchored and anchored not in {part.last for part in log.parts}:
            found.append(f"No part of the log ends at entry {anchored}, as the statement says.")
        older = [part.last for part in log.parts if part.anchored_at + AHEAD_SECONDS < issued]
        if older and older[-1] > anchored:
            found.append(f"Entries up to {older[-1]} were anchored before the statement, which knows of {anchored}.")
        if issued > self.now() + AHEAD_SECONDS:
            found.append("The statement is dated ahead of time.")
        return found

    def _left_out(
        self, accounting: Accounting, receipts: Iterable[KeptReceipt | SignedTerms[AccessReceipt]]
    ) -> list[int]:  # fmt: skip
        """Return the entries of receipts that count and are not shown."""
        found, signers = [], dict[str, bool]()
        for signed in _not_shown(accounting, receipts):
            by, digest = signed.signer, signed.terms.typed.digest
            if by not in signers:
                signers[by] = self.is_receipt_key(accounting.custodian, signer=by)
            if not signers[by] or not is_signed_by(self._care.connection, by, digest, signed.signature):
                raise ReceiptRefused(
                    f"a receipt of entry {signed.terms.entry} is not signed by an account that the custodian has named",
                    why="It proves nothing against the custodian: whoever gave it could have made it.",
                    fix="Leave it out, and ask whoever gave it.",
                )
            found.append(signed.terms.entry)
        return sorted(found)


def _own_numbers(accounting: Accounting) -> tuple[list[int], list[str]]:
    """Return which own numbers are missing, and what is wrong with their order."""
    entries = [entry for entry in accounting.entries if entry.subject is not None]
    count = accounting.statement.terms.number("entries")
    own = [entry.own for entry in entries]
    found = []
    start = 1
    if accounting.since and entries and entries[0].own > 1:
        start = entries[0].own
        if entries[0].at >= accounting.since:
            found.append("The first entry shown is not from before the period: earlier ones of it may be missing.")
    elif accounting.since and not entries and count:
        found.append("Nothing is shown, and the last entry before the period neither.")
    if len(set(own)) != len(own) or len({entry.entry for entry in entries}) != len(entries):
        found.append("A number is given twice.")
    if any(a.own >= b.own or a.entry >= b.entry or a.at > b.at for a, b in pairwise(entries)):
        found.append("The entries are not in order of number and time.")
    if own and max(own) > count:
        found.append(f"More entries are shown than the {count} of the statement.")
    return sorted(set(range(start, count + 1)) - set(own)), found


def _proved(accounting: Accounting, log: AnchoredLog) -> set[int]:
    """Return the entries whose leaves lead to the root of their part, together with all others of it."""
    leaves, found = log.by_part(accounting.entries), set[int]()
    for proof in accounting.parts:
        part, shown = log.part(proof.part), leaves.get(proof.part)
        if part is not None and shown:
            places = {number - part.first: leaf for number, leaf in shown.items()}
            if root_of_many(places, proof.nodes, size=part.size) == from_hex(part.root):
                found |= shown.keys()
    return found


def _not_what_was_asked(accounting: Accounting, request: SignedAccountingRequest | None) -> list[str]:
    """Return what is wrong with it as the answer to a request; nothing where none is given."""
    if request is None:
        return []
    asked, found = request.terms, []
    names = asked.custodian.address, asked.patient.address
    if (accounting.custodian.address, accounting.patient.address) != names or accounting.since > asked.since:
        found.append("The request was made to another custodian, or about another pseudonym or a longer period.")
    if accounting.statement.terms.number("issuedAt") + AHEAD_SECONDS < asked.issued_at:
        found.append("The statement is older than the request: what was read in between is not in it.")
    return found


def _not_shown(
    accounting: Accounting, receipts: Iterable[KeptReceipt | SignedTerms[AccessReceipt]]
) -> Iterator[SignedTerms[AccessReceipt]]:  # fmt: skip
    """Yield the receipts whose entries are not shown, or are shown with another leaf.

    Receipts of other custodians, periods and pseudonyms are passed over, and those that are younger than the statement.
    """
    shown = {entry.entry: entry.leaf for entry in accounting.entries}
    through, issued = (accounting.statement.terms.number(name) for name in ("through", "issuedAt"))
    for item in receipts:
        signed = item.receipt if isinstance(item, KeptReceipt) else item
        receipt = signed.terms
        subject = item.entry.subject if isinstance(item, KeptReceipt) else None
        other = subject is not None and subject.patient != accounting.patient.address
        young = receipt.entry > through and receipt.issued_at + AHEAD_SECONDS >= issued
        if other or young or receipt.issued_at < accounting.since or receipt.custodian != accounting.custodian.address:
            continue
        if shown.get(receipt.entry) != receipt.leaf:
            yield signed
