"""What a custodian has: a party, a place for its log book, a key that signs receipts; and what it refuses at once."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from careledger.chain.abi import encode
from careledger.chain.signatures import is_signed_by
from careledger.chain.signers import Signer
from careledger.chain.typed import TypedData
from careledger.client import CareLedger
from careledger.custodian.book import LogBook
from careledger.errors import InputError, StorageError
from careledger.privacy.commitments import domain_tag
from careledger.resources.access_requests import AHEAD_SECONDS, FRESH_SECONDS
from careledger.resources.base import address_of
from careledger.values import PartyRef, keccak

__all__ = ["Keeping"]


class Keeping:
    """A custodian's own things.

    Args:
        care: The suite as the custodian sees it: its opener opens records and book, its signer anchors.
        custodian: Whose log it is.
        receipts: Signs the receipts, with an account the custodian has named; the signer of ``care`` when not given.
        begin_anew: The former book is lost for good: begin one behind what is anchored already.
    """

    def __init__(
        self, care: CareLedger, custodian: PartyRef, *, receipts: Signer | None = None, begin_anew: bool = False
    ) -> None:
        self.care, self.party = care, custodian
        self._receipts, self._begin_anew = receipts or care.signer, begin_anew
        address_of(custodian)

    @property
    def folder(self) -> Path:
        """Where the book and its trees lie."""
        scope = self.care.connection.scope.replace(":", "-")
        names = (self.care.records.address[2:12], self.party.address[2:12])
        return self.care.home / "custodian" / f"{scope}-{'-'.join(names).lower()}"

    @cached_property
    def book(self) -> LogBook:
        """The log book, begun with the first use.

        Raises:
            StorageError: The chain has entries of a book that is not here.
            InputError: There is no book yet, and no opener to begin it with.
        """
        kinds = ("bytes32", "uint256", "address", "address")
        care, after = self.care, 0
        tag = domain_tag("careledger.access-log.v1")
        log_id = keccak(encode(kinds, (tag, care.connection.chain_id, care.records.address, self.party.address)))
        if not (self.folder / "book.sqlite").exists():
            after = int(self._standing["lastEntry"])
            if after and not self._begin_anew:
                raise _other_book(after)
        return LogBook(self.folder, log_id=log_id, opener=care.opener, after=after)

    @property
    def _standing(self) -> dict[str, Any]:
        """Where the log stands on chain."""
        return self.care.records.log_of(self.party)

    def _require_whole(self, standing: dict[str, Any]) -> None:
        """Refuse to go on with a book that lacks entries which the chain has: their numbers would be given twice."""
        if int(standing["lastEntry"]) > self.book.last:
            raise _other_book(int(standing["lastEntry"]))

    def _require_signed(self, subject: PartyRef, data: TypedData, signature: bytes) -> None:
        """Refuse what the subject's controller of now did not sign."""
        controller = self.care.participants.controller_of(subject)
        if not is_signed_by(self.care.connection, controller, data.digest, signature):
            raise InputError(
                f"this {data.primary} is not signed by whoever acts for {subject.address} now",
                why="Another key signed, the document was changed, or the account has a new key since.",
                fix="Sign a new one with the account's key of now.",
            )

    def _is_fresh(self, issued_at: int) -> bool:
        return issued_at + FRESH_SECONDS >= self.care.records.now()

    def _require_fresh(self, issued_at: int) -> None:
        """Refuse a request that is too old, or ahead of time."""
        now = self.care.records.now()
        if not self._is_fresh(issued_at) or issued_at > now + AHEAD_SECONDS:
            age = now - issued_at
            raise InputError(
                f"this request was signed {age} s ago" if age > 0 else f"this request is {-age} s ahead of time",
                why=f"One is taken for {FRESH_SECONDS} s, and {AHEAD_SECONDS} s ahead at most.",
                fix="Sign a new one, and check the clock.",
            )


def _other_book(last: int) -> StorageError:
    return StorageError(
        f"the chain has this custodian's log up to entry {last}, and this book does not",
        why="The log was kept in another folder, or an older state of this one was restored.",
        fix="Use the folder it was kept in, or its last backup; if it is lost for good, begin anew (begin_anew=True).",
    )
