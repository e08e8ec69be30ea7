"""What a custodian answers: a signed receipt in the clear, and sealed to the reader the entry and perhaps a parcel.

The parcel is everything that opens the record in another house: its place on chain, the content key wrapped for the
reader, and its opening under that key. The sealed bytes travel apart, by their content id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from careledger.chain.typed import Domain
from careledger.errors import FormatError, InputError, SealedDamaged
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import Opener, Recipient
from careledger.privacy.wraps import Wraps
from careledger.resources.access import RECEIPT_FIELDS, AccessReceipt
from careledger.resources.access_entries import AccessEntry
from careledger.resources.access_requests import object_of, read_signed, signed_json
from careledger.resources.base import SignedTerms
from careledger.resources.record_types import BatchProof, SealedRecord
from careledger.values import Bytes32, PartyRef, RecordId, bytes32, from_hex, to_hex

__all__ = ["Answer", "AnswerBody", "LogProof", "Parcel", "read_receipt"]

ANSWER_FORMAT: Final = "careledger-access-answer-v1"
PROOF_FORMAT: Final = "careledger-log-proof-v1"
_KIND: Final = "access"


def read_receipt(data: Mapping[str, Any], domain: Domain) -> SignedTerms[AccessReceipt]:
    """Read a receipt as ``signed_json`` wrote it.

    Raises:
        FormatError: It is something else.
        InputError: It was signed for another contract or chain.
    """
    typed, signature, signer = read_signed(data, domain, name="AccessReceipt", fields=RECEIPT_FIELDS)
    return SignedTerms(AccessReceipt(typed), signature, signer)


@dataclass(frozen=True)
class Parcel:
    """What opens one record for one reader, wherever the reader keeps it."""

    record: SealedRecord
    wraps: Wraps
    """The content key for the reader alone."""
    opening: bytes = field(repr=False)
    """The record's opening, sealed under the content key."""

    def to_json(self) -> dict[str, Any]:
        """Return every part."""
        record = self.record.to_json()
        return {"record": record, "wraps": self.wraps.to_json(), "opening": to_base64url(self.opening)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what ``to_json`` wrote; raises ValueError, KeyError, TypeError or InputError where it is not one."""
        r = data["record"]
        batch = BatchProof(bytes32(r["batch"]["root"]), tuple(bytes32(node) for node in r["batch"]["path"]))
        record = SealedRecord(
            RecordId(bytes32(r["id"])), PartyRef.from_json(r["author"]), bytes32(r["commitment"]), str(r["cid"]),
            int(r["sealed_size"]), int(r["version"]), batch,
        )  # fmt: skip
        return cls(record, Wraps.from_json(data["wraps"]), from_base64url(data["opening"]))


@dataclass(frozen=True)
class AnswerBody:
    """What only the reader sees of an answer."""

    entry: AccessEntry
    """The log's entry; of a refusal without its subject."""
    parcel: Parcel | None = None
    """None of a refusal, and where an allowed request was repeated after its time."""


@dataclass(frozen=True)
class Answer:
    """A custodian's answer to one request."""

    request: bytes
    """Digest of the request, 32 bytes."""
    receipt: SignedTerms[AccessReceipt]
    sealed: str = field(repr=False)
    """The body, sealed to the key that the request names: a document of the kind ``access``."""

    @classmethod
    def of(
        cls, request: bytes, receipt: SignedTerms[AccessReceipt], body: AnswerBody, *, reader: Recipient
    ) -> Self:  # fmt: skip
        """Seal a body to the reader, with what it answers."""
        plain = orjson.dumps({
            "request": to_hex(request), "receipt": to_hex(receipt.terms.typed.struct_hash),
            "entry": body.entry.to_json(), "parcel": body.parcel and body.parcel.to_json(),
        })  # fmt: skip
        return cls(request, receipt, seal_document(plain, _KIND, recipients=[reader]))

    def open(self, opener: Opener) -> AnswerBody:
        """Return what only the reader sees.

        Raises:
            NotARecipient: It is sealed to another key, or was changed.
            SealedDamaged: It was changed, or belongs to another request or receipt.
            FormatError: It is something else.
        """
        found = object_of(open_document(self.sealed, _KIND, opener=opener))
        names = to_hex(self.request), to_hex(self.receipt.terms.typed.struct_hash)
        if (found.get("request"), found.get("receipt")) != names:
            raise SealedDamaged("what is sealed in this answer belongs to another", fix="Ask the custodian again.")
        try:
            parcel = Parcel.from_json(found["parcel"]) if found["parcel"] is not None else None
            return AnswerBody(AccessEntry.from_json(found["entry"]), parcel)
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            raise FormatError("what is sealed in this answer is no answer", fix="Ask the custodian again.") from None

    def to_json(self) -> dict[str, Any]:
        """Return the document: a receipt, and what is sealed."""
        return {
            "format": ANSWER_FORMAT, "request": to_hex(self.request), "receipt": signed_json(self.receipt),
            "answer": orjson.loads(self.sealed),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Any, domain: Domain) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
            InputError: It was signed for another contract or chain.
        """
        try:
            if data["format"] != ANSWER_FORMAT:
                raise KeyError
            request = from_hex(bytes32(data["request"]))
            receipt, sealed = data["receipt"], orjson.dumps(data["answer"], option=orjson.OPT_SORT_KEYS).decode()
        except (KeyError, TypeError, InputError):
            raise FormatError("this is no answer of a custodian", fix="Give the file as it came.") from None
        return cls(request, read_receipt(receipt, domain), sealed)


@dataclass(frozen=True)
class LogProof:
    """That an entry is in an anchored part of a log. It says nothing about the entry but its place."""

    custodian: PartyRef
    entry: int
    part: int
    path: tuple[Bytes32, ...]
    """Siblings from the leaf up."""

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {
            "format": PROOF_FORMAT, "custodian": self.custodian.address, "entry": self.entry, "part": self.part,
            "path": list(self.path),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Any) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            if data["format"] != PROOF_FORMAT:
                raise KeyError
            path = tuple(bytes32(node) for node in data["path"])
            return cls(PartyRef("organisation", data["custodian"]), int(data["entry"]), int(data["part"]), path)
        except (KeyError, TypeError, ValueError, InputError):
            raise FormatError("this is no proof from an access log", fix="Give the file as it came.") from None
