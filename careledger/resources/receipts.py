"""Receipts that a reader keeps: who owes which entry to which log, sealed for the reader's own opener."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from careledger.chain.typed import Domain
from careledger.privacy.books import Book
from careledger.privacy.openers import Opener
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import signed_json
from careledger.resources.answers import read_receipt
from careledger.resources.base import SignedTerms
from careledger.values import Bytes32, PartyRef, bytes32, keccak

__all__ = ["KeptReceipt", "Receipts"]

_SCHEMA: Final = """
CREATE TABLE receipts (
    digest BLOB PRIMARY KEY, issued_at INTEGER NOT NULL, settled INTEGER NOT NULL DEFAULT 0, sealed BLOB NOT NULL);
"""


@dataclass(frozen=True)
class KeptReceipt:
    """A custodian's receipt, with the entry it was told."""

    receipt: SignedTerms[AccessReceipt]
    entry: AccessEntry = field(repr=False)
    settled: bool = False
    """Whether the entry was proved to be in the anchored log."""

    @property
    def id(self) -> Bytes32:
        """The receipt's hash, as omissions name it."""
        return bytes32(self.receipt.terms.typed.struct_hash)

    @property
    def custodian(self) -> PartyRef:
        """Whose log owes the entry."""
        return PartyRef("organisation", self.receipt.terms.custodian)

    def to_json(self) -> dict[str, Any]:
        """Return the document with the entry's salt: what its holder reports an omission with."""
        return {"receipt": signed_json(self.receipt), "entry": self.entry.to_json(), "settled": self.settled}


class Receipts:
    """The book of one reader's receipts.

    Args:
        folder: Where it lies.
        domain: What receipts are signed for.
        opener: Who opens it.
    """

    def __init__(self, folder: Path, domain: Domain, opener: Opener) -> None:
        self._domain = domain
        name = keccak(b"careledger/receipts/v1" + domain.separator + opener.key_hash)
        self._book = Book(folder / opener.key_hash.hex()[:16], book_id=name, schema=_SCHEMA, opener=opener)

    def keep(self, kept: KeptReceipt) -> None:
        """Keep a receipt; it is durable when this returns. Repeatable."""
        digest = kept.receipt.terms.typed.struct_hash
        plain = orjson.dumps({"receipt": signed_json(kept.receipt), "entry": kept.entry.to_json()})
        row = (digest, kept.receipt.terms.issued_at, self._book.key.seal(digest, plain))
        with self._book.db(writes=True) as db:
            db.execute("INSERT OR IGNORE INTO receipts (digest, issued_at, sealed) VALUES (?, ?, ?)", row)

    def settle(self, kept: KeptReceipt) -> None:
        """Note that the entry was proved to be in the log."""
        with self._book.db(writes=True) as db:
            db.execute("UPDATE receipts SET settled = 1 WHERE digest = ?", (kept.receipt.terms.typed.struct_hash,))

    def list(self, *, unsettled: bool = False) -> Iterator[KeptReceipt]:
        """Yield what is kept, in the order it came."""
        where = "WHERE settled = 0" if unsettled else ""
        with self._book.db() as db:
            query = f"SELECT digest, settled, sealed FROM receipts {where} ORDER BY rowid"  # noqa: S608
            rows = db.execute(query).fetchall()
        for digest, settled, sealed in rows:
            found = orjson.loads(self._book.key.open(digest, sealed))
            receipt = read_receipt(found["receipt"], self._domain)
            yield KeptReceipt(receipt, AccessEntry.from_json(found["entry"]), bool(settled))
