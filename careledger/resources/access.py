"""The access log on chain: anchored by parts, owed by signed receipts, and omissions that anyone may report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from careledger.chain.typed import Domain, TypedData
from careledger.codes import OmissionStatus
from careledger.errors import NotFound
from careledger.resources.access_entries import AccessEntry
from careledger.resources.base import Resource, SignedTerms, Terms, address_of
from careledger.values import Address, Bytes32, PartyRef, Prepared, Receipt, Wait, bytes32, from_hex, to_hex

__all__ = ["DEFAULT_INTERVAL", "AccessLogs", "AccessReceipt", "LogPart"]

DEFAULT_INTERVAL: Final = 86_400
"""Seconds an entry waits for its anchor where the custodian never said (``RecordRegistry.DEFAULT_INTERVAL``)."""

RECEIPT_FIELDS: Final = (("custodian", "address"), ("entry", "uint64"), ("leaf", "bytes32"), ("issuedAt", "uint40"))


@dataclass(frozen=True)
class AccessReceipt(Terms):
    """What a custodian signs before it releases anything: AccessReceipt(custodian, entry, leaf, issuedAt)."""

    @classmethod
    def of(cls, domain: Domain, *, custodian: PartyRef, entry: AccessEntry, issued_at: int) -> AccessReceipt:
        """Draft the receipt of an entry."""
        return cls.for_leaf(
            domain, custodian=custodian, entry=entry.entry, leaf=to_hex(entry.leaf), issued_at=issued_at
        )

    @classmethod
    def for_leaf(
        cls, domain: Domain, *, custodian: PartyRef, entry: int, leaf: str, issued_at: int
    ) -> AccessReceipt:  # fmt: skip
        """Draft the receipt of an entry of which only the leaf is known."""
        message = {"custodian": address_of(custodian), "entry": entry, "leaf": bytes32(leaf), "issuedAt": issued_at}
        return cls(TypedData(domain, {"AccessReceipt": RECEIPT_FIELDS}, "AccessReceipt", message))

    @property
    def message(self) -> dict[str, Any]:
        """The receipt as the contract takes it."""
        return dict(self.typed.message)

    @property
    def custodian(self) -> Address:
        """Whose log it is about."""
        return PartyRef("organisation", self.typed.message["custodian"]).address

    @property
    def entry(self) -> int:
        """The number the entry will have in the log."""
        return int(self.typed.message["entry"])

    @property
    def leaf(self) -> bytes:
        """The entry's leaf, 32 bytes."""
        return from_hex(self.typed.message["leaf"])

    @property
    def issued_at(self) -> int:
        """When, in seconds since 1970."""
        return int(self.typed.message["issuedAt"])


@dataclass(frozen=True)
class LogPart:
    """One anchored part of a log."""

    part: int
    root: Bytes32
    first: int
    last: int
    anchored_at: int = 0
    """Time of its block, in seconds since 1970."""

    @property
    def size(self) -> int:
        """How many entries it has."""
        return self.last - self.first + 1


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
            dry_run=dry_run, entry=False, stands=lambda: int(self.log_of(custodian)["intervalSeconds"]) == seconds,
        )  # fmt: skip

    def anchor_log(
        self, custodian: PartyRef, *, root: bytes, first: int, last: int, key: str | None = None,
        wait: Wait = "included", dry_run: bool = False,
    ) -> Receipt[LogPart] | Prepared:  # fmt: skip
        """Anchor the next entries of a custodian's log; ``Custodian.anchor`` does it from its book.

        Args:
            custodian: Whose log it is.
            root: Root of the positional tree over the entries' leaves in order: entry ``first + i`` is leaf i.
            first: Number of the first of them, one more than the last anchored.
            last: Number of the last.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            RecordRegistry_BadEntries: They are not the next ones.
        """
        shown = bytes32(root)
        return self._write(
            "anchorLog", address_of(custodian), shown, first, last,
            value=lambda r: self._part(custodian, r) if r.events else LogPart(0, shown, first, last),
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
            path: Its path in that part, as the custodian proves it.
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

    def _part(self, custodian: PartyRef, receipt: Receipt[None]) -> LogPart:
        """Return the part that a receipt tells of, with the time of its block."""
        return self.log_part(custodian, int(receipt.event("LogAnchored").args["part"]))

    def log_part(self, custodian: PartyRef, part: int) -> LogPart:
        """Return an anchored part of a log.

        Raises:
            NotFound: There is none of this number.
        """
        found = self._read("logPartOf", address_of(custodian), part, about_patient=False)
        if not int(found["last"]):
            raise NotFound(f"there is no part {part} of this log", fix="Parts are counted from 1.")
        return LogPart(part, bytes32(found["root"]), int(found["first"]), int(found["last"]), int(found["anchoredAt"]))

    def is_logged(self, custodian: PartyRef, *, part: int, entry: int, leaf: bytes, path: Sequence[bytes]) -> bool:
        """Whether an entry with this leaf is in an anchored part, by its path."""
        args = address_of(custodian), part, entry, leaf, list(path)
        return bool(self._read("isLogged", *args, about_patient=False))
