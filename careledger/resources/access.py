"""The access log of a custodian: salted leaves in order, anchored by parts, and receipts that prove an omission.

Every leaf carries two numbers: its place in the log, and its place among the entries about one pseudonym. So
a patient who is shown entries 1, 2 and 4 about itself knows that one is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.codes import Basis, OmissionStatus, Purpose
from careledger.errors import InputError, NotFound
from careledger.privacy.commitments import commit, new_salt
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.merkle import PositionalTree
from careledger.redact import Secret
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.values import Address, Bytes32, PartyRef, Prepared, Receipt, RecordId, Wait, bytes32, from_hex, to_hex

__all__ = ["AccessEntry", "AccessLogBook", "AccessLogs", "AccessReceipt", "LogPart"]

ACCESS_DOMAIN: Final = "careledger.access.v1"
"""Domain of the leaves' commitments."""

_RECEIPT = (("custodian", "address"), ("entry", "uint64"), ("leaf", "bytes32"), ("issuedAt", "uint40"))


@dataclass(frozen=True)
class AccessEntry:
    """One access, or one refusal of it. Its ``repr`` shows its number only."""

    entry: int
    """Number in the custodian's log, from 1."""
    own: int = field(repr=False)
    """Number among the entries about this pseudonym, from 1."""
    record: RecordId = field(repr=False)
    patient: Address = field(repr=False)
    actor: Address = field(repr=False)
    purpose: Purpose = field(repr=False)
    basis: Basis = field(repr=False)
    allowed: bool = field(repr=False)
    at: int = field(repr=False)
    """When, in seconds since 1970."""
    salt: Secret = field(repr=False)
    """32 bytes, of this entry only."""

    @property
    def leaf(self) -> bytes:
        """The salted commitment that is logged, 32 bytes."""
        return commit(
            ACCESS_DOMAIN, self.salt, ("uint64", self.entry), ("uint64", self.own), ("bytes32", from_hex(self.record)),
            ("address", self.patient), ("address", self.actor), ("uint8", self.purpose.value),
            ("uint8", self.basis.value), ("bool", self.allowed), ("uint40", self.at),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return every field with the salt: keep it sealed."""
        return {
            "entry": self.entry, "own": self.own, "record": self.record, "patient": self.patient, "actor": self.actor,
            "purpose": self.purpose.name, "basis": self.basis.name, "allowed": self.allowed, "at": self.at,
            "salt": to_base64url(self.salt.reveal()),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> AccessEntry:
        """Read what ``to_json`` wrote."""
        codes = {"purpose": Purpose[data["purpose"]], "basis": Basis[data["basis"]]}
        return cls(**{**data, **codes, "salt": Secret(from_base64url(data["salt"]), "salt")})


class AccessLogBook:
    """Entries of one custodian's log in order, with their salts; the trees over them and the proofs in those.

    Args:
        custodian: Whose log it is.
        entries: What was written before, in order, without gaps.

    Example:
        >>> book = AccessLogBook(custodian)  # doctest: +SKIP
        >>> entry = book.add(record.id, patient=ana, actor=dr_roe, purpose=Purpose.TREAT, basis=Basis.DIRECTIVE,
        ...                  allowed=True, at=now)  # doctest: +SKIP
    """

    def __init__(self, custodian: PartyRef, entries: Iterable[AccessEntry] = ()) -> None:
        self.custodian = custodian
        self.entries = list(entries)
        self._first = self.entries[0].entry if self.entries else 1
        self._own: dict[Address, int] = {}
        for place, entry in enumerate(self.entries):
            if entry.entry != self._first + place:
                raise InputError(f"entry {self._first + place} of the log is missing", fix="Give all of them in order.")
            self._own[entry.patient] = entry.own

    def add(
        self, record: RecordId, *, patient: PartyRef, actor: PartyRef, purpose: Purpose, basis: Basis, allowed: bool,
        at: int,
    ) -> AccessEntry:  # fmt: skip
        """Write the next entry, with a fresh salt and both numbers."""
        who = address_of(patient)
        self._own[who] = own = self._own.get(who, 0) + 1
        entry = AccessEntry(
            self._first + len(self.entries), own, record, who, address_of(actor), purpose, basis, allowed, at,
            new_salt(),
        )  # fmt: skip
        self.entries.append(entry)
        return entry

    def __getitem__(self, entry: int) -> AccessEntry:
        place = entry - self._first
        if not 0 <= place < len(self.entries):
            raise NotFound(f"there is no entry {entry} in this log book", fix="Entries are counted from 1.")
        return self.entries[place]

    def leaves(self, first: int, last: int) -> list[bytes]:
        """Return the leaves of entries ``first`` to ``last``, both included."""
        return [self[number].leaf for number in range(first, last + 1)]

    def path(self, entry: int, *, first: int, last: int) -> list[bytes]:
        """Return the siblings, from the leaf up, of an entry in the part that spans ``first`` to ``last``."""
        return PositionalTree(self.leaves(first, last)).proof(entry - first)

    def missing_of(self, patient: PartyRef, shown: Iterable[AccessEntry]) -> list[int]:
        """Return which of a pseudonym's own numbers are not among the entries shown, up to the highest known here."""
        who = address_of(patient)
        seen = {entry.own for entry in shown if entry.patient == who}
        return [number for number in range(1, self._own.get(who, 0) + 1) if number not in seen]


@dataclass(frozen=True)
class AccessReceipt(Terms):
    """What a custodian signs before it releases anything: AccessReceipt(custodian, entry, leaf, issuedAt)."""

    @classmethod
    def of(cls, domain: Domain, *, custodian: PartyRef, entry: AccessEntry, issued_at: int) -> AccessReceipt:
        """Draft the receipt of an entry."""
        message = {
            "custodian": address_of(custodian), "entry": entry.entry, "leaf": to_hex(entry.leaf), "issuedAt": issued_at,
        }  # fmt: skip
        return cls(TypedData(domain, {"AccessReceipt": _RECEIPT}, "AccessReceipt", message))

    @property
    def message(self) -> dict[str, Any]:
        """The receipt as the contract takes it."""
        return dict(self.typed.message)


@dataclass(frozen=True)
class LogPart:
    """One anchored part of a log."""

    part: int
    root: Bytes32
    first: int
    last: int
    anchored_at: int = 0


class AccessLogs(Resource):
    """The part of the record registry that custodians write."""

    contract = "RecordRegistry"

    def state_interval(
        self, custodian: PartyRef, *, seconds: int, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[int] | Prepared:  # fmt: skip
        """State how long at most an entry waits for its anchor: an hour to seven days; a day if it is never stated."""
        return self._write(
            "stateLogInterval", address_of(custodian), seconds, value=lambda _: seconds, key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip

    def anchor_log(
        self, custodian: PartyRef, entries: Sequence[AccessEntry | bytes], *, first: int | None = None,
        key: str | None = None, wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[LogPart] | Prepared:  # fmt: skip
        """Anchor the next entries of a custodian's log.

        Args:
            custodian: Whose log it is.
            entries: The entries, or their leaves, in order and without gaps.
            first: Number of the first; needed where leaves are given, and found by the chain when left out.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            RecordRegistry_BadEntries: They are not the next ones.
        """
        who = address_of(custodian)
        if not entries:
            raise InputError("there is nothing to anchor", fix="Give at least one entry.")
        leaves = [entry if isinstance(entry, bytes) else entry.leaf for entry in entries]
        numbers = [entry.entry for entry in entries if isinstance(entry, AccessEntry)]
        if first is None:
            first = numbers[0] if numbers else int(self.log_of(custodian)["lastEntry"]) + 1
        if numbers and numbers != list(range(first, first + len(entries))):
            raise InputError("the entries are not in order without gaps", fix="Give them as the log book has them.")
        root, last = to_hex(PositionalTree(leaves).root), first + len(leaves) - 1
        return self._write(
            "anchorLog", who, root, first, last,
            value=lambda r: LogPart(
                int(r.event("LogAnchored").args["part"]) if r.events else 0, bytes32(root), first, last
            ),
            key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def name_receipt_key(
        self, custodian: PartyRef, *, signer: Address, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Address] | Prepared:  # fmt: skip
        """Name an account the custodian signs receipts with. It is never taken back, so that no receipt is either."""
        return self._write(
            "nameReceiptKey", address_of(custodian), signer, value=lambda _: signer, key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip

    def is_receipt_key(self, custodian: PartyRef, *, signer: Address) -> bool:
        """Whether receipts of this custodian signed by this account count; accept no other."""
        return bool(self._read("isReceiptKey", address_of(custodian), signer, about_patient=False))

    def sign_receipt(
        self, custodian: PartyRef, entry: AccessEntry, *, signer: Signer, issued_at: int | None = None
    ) -> SignedTerms[AccessReceipt]:
        """Sign, as the custodian, that an entry will be in the log; handed out before anything is released.

        The signer's account must have been named by ``name_receipt_key``, or nobody can report the omission.
        """
        at = self._care.participants.now() if issued_at is None else issued_at
        return AccessReceipt.of(self.domain, custodian=custodian, entry=entry, issued_at=at).signed_by(signer)

    def report_omission(
        self, signed: SignedTerms[AccessReceipt], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Report, with a custodian's receipt, that its entry is in no anchor although its time is up. Anyone.

        Raises:
            RecordRegistry_NotDue: The custodian still has time.
            RecordRegistry_NotReceiptKey: The custodian never named the account that signed.
        """
        digest = bytes32(signed.terms.typed.struct_hash)
        return self._write(
            "reportOmission", signed.terms.message, signed.signer, signed.signature, value=lambda _: digest,
            key=key, wait=wait, dry_run=dry_run, entry=False,
        )  # fmt: skip

    def answer_omission(
        self, receipt: AccessReceipt, *, part: int, path: Sequence[bytes], key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[Bytes32] | Prepared:  # fmt: skip
        """Show that the entry is in the log after all. Anyone.

        Args:
            receipt: The receipt that was reported.
            part: Number of the anchored part it is in.
            path: Its path in that part, from the log book.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            RecordRegistry_BadProof: It is not in that part.
        """
        digest = bytes32(receipt.typed.struct_hash)
        return self._write(
            "answerOmission", receipt.message, part, list(path), value=lambda _: digest, key=key, wait=wait,
            dry_run=dry_run, entry=False,
        )  # fmt: skip

    def omission(self, receipt: AccessReceipt) -> OmissionStatus:
        """Return what became of a receipt."""
        found = self._read("omissionOf", receipt.typed.struct_hash, about_patient=False)
        return OmissionStatus(int(found["status"]))

    def log_of(self, custodian: PartyRef) -> dict[str, Any]:
        """Return where a custodian's log stands: lastEntry, anchors, lastAnchorAt, intervalSeconds, openOmissions."""
        found: dict[str, Any] = self._read("logOf", address_of(custodian), about_patient=False)
        return found

    def log_part(self, custodian: PartyRef, part: int) -> LogPart:
        """Return an anchored part of a log.

        Raises:
            NotFound: There is none of this number.
        """
        found = self._read("logPartOf", address_of(custodian), part, about_patient=False)
        if not int(found["last"]):
            raise NotFound(f"there is no part {part} of this log", fix="Parts are counted from 1.")
        return LogPart(part, bytes32(found["root"]), int(found["first"]), int(found["last"]), int(found["anchoredAt"]))

    def is_logged(
        self, custodian: PartyRef, entry: AccessEntry, *, part: int, path: Sequence[bytes] | None = None,
        book: AccessLogBook | None = None,
    ) -> bool:  # fmt: skip
        """Whether an entry is in an anchored part, by its path or by the whole book."""
        if path is None:
            if book is None:
                raise InputError("a path or the log book is needed", fix="Give path=... or book=....")
            span = self.log_part(custodian, part)
            path = book.path(entry.entry, first=span.first, last=span.last)
        args = address_of(custodian), part, entry.entry, entry.leaf, list(path)
        return bool(self._read("isLogged", *args, about_patient=False))
