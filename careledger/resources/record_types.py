"""What records are, as callers see them: sealed, where they stand, their proof, what authors and custodians sign."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.chain.typed import Domain, TypedData
from careledger.codes import DataClass, LegalBasis, Meaning, RecordStatus
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.openers import Recipient
from careledger.resources.base import Terms
from careledger.resources.catalogue import Item
from careledger.resources.content import Source
from careledger.values import Address, Bytes32, PartyRef, RecordId

__all__ = [
    "AmendmentTerms", "BatchProof", "BatchTerms", "Reader", "RecordProof", "RecordState", "RecordTerms", "SealedRecord",
    "ToSeal",
]  # fmt: skip

Reader = PartyRef | Recipient | tuple[PartyRef, bytes]
"""Whom a record is sealed to: a party with a published key, a key, or a party with the key it gave itself."""

NO_WORD: Final = Bytes32("0x" + "00" * 32)

_RECORD = (("author", "address"), ("commitment", "bytes32"), ("meaning", "uint8"), ("deadline", "uint40"))
_BATCH = (
    ("author", "address"), ("root", "bytes32"), ("size", "uint32"), ("meaning", "uint8"), ("deadline", "uint40"),
)  # fmt: skip
_AMENDMENT = (
    ("author", "address"), ("commitment", "bytes32"), ("status", "uint8"), ("replacement", "bytes32"),
    ("basis", "uint8"), ("deadline", "uint40"),
)  # fmt: skip


@dataclass(frozen=True)
class BatchProof:
    """That a record is a leaf of an anchored batch; a zero root for a record anchored by itself."""

    root: Bytes32 = NO_WORD
    path: tuple[Bytes32, ...] = ()
    """Siblings from the leaf up, as OpenZeppelin's ``MerkleProof`` takes them."""

    @property
    def is_empty(self) -> bool:
        """Whether there is no batch."""
        return self.root == NO_WORD

    def to_json(self) -> dict[str, Any]:
        """Return root and path."""
        return {"root": self.root, "path": list(self.path)}


@dataclass(frozen=True)
class SealedRecord:
    """A record that is sealed and kept here. Nothing in it is personal."""

    id: RecordId
    author: PartyRef
    commitment: Bytes32
    cid: str
    """Content id of the sealed bytes."""
    sealed_size: int
    """Size of the sealed bytes, padded."""
    version: int = 1
    batch: BatchProof = field(default_factory=BatchProof)
    """Its place in the batch it is anchored by."""

    @classmethod
    def of(cls, item: Item) -> SealedRecord:
        """Make one from the catalogue's item."""
        author = PartyRef(item.author_kind, Address(item.author))  # type: ignore[arg-type]
        return cls(
            RecordId(item.record_id), author, Bytes32(item.commitment), item.cid or "", item.sealed_size, item.version,
            batch_of(item),
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {**self.__dict__, "author": self.author.to_json(), "batch": self.batch.to_json()}


def batch_of(item: Item) -> BatchProof:
    """Return an item's place in its batch."""
    if item.root is None:
        return BatchProof()
    return BatchProof(Bytes32(item.root), tuple(Bytes32(node) for node in item.path))


@dataclass(frozen=True)
class RecordState:
    """Where a record stands on the chain."""

    id: RecordId
    author: Address
    commitment: Bytes32
    status: RecordStatus
    anchored_at: int
    """Time of the block it was anchored in, in seconds since 1970; 0 where it is not anchored."""
    basis: LegalBasis = LegalBasis.NONE
    """Why it was shredded."""
    batch: BatchProof = field(default_factory=BatchProof)

    @property
    def warning(self) -> str | None:
        """One sentence for whoever reads a record that is no longer current."""
        if self.status is RecordStatus.SUPERSEDED:
            return "A newer version of this record exists."
        if self.status is RecordStatus.ENTERED_IN_ERROR:
            return "Its author says that this record was entered in error."
        return None


@dataclass(frozen=True)
class RecordProof:
    """What an auditor gets of one record: its opening, and its place in a batch. It holds the salt: keep it sealed."""

    id: RecordId
    opening: RecordOpening
    batch: BatchProof = field(default_factory=BatchProof)


@dataclass(frozen=True)
class ToSeal:
    """One of many records to be sealed at once, where it differs from the rest."""

    source: Source = field(repr=False)
    about: PartyRef | None = None
    classes: Iterable[DataClass] | None = None
    media_type: str | None = None
    readers: Iterable[Reader] | None = None


# WHAT IS SIGNED


@dataclass(frozen=True)
class RecordTerms(Terms):
    """An author's signature under one record: RecordSignature(author, commitment, meaning, deadline)."""

    @classmethod
    def of(cls, domain: Domain, *, author: Address, commitment: str, meaning: Meaning, deadline: int) -> RecordTerms:
        """Draft them; ``deadline`` is the last second at which they may be carried to the chain."""
        message = {"author": author, "commitment": commitment, "meaning": meaning.value, "deadline": deadline}
        return cls(TypedData(domain, {"RecordSignature": _RECORD}, "RecordSignature", message))


@dataclass(frozen=True)
class BatchTerms(Terms):
    """An author's signature under a batch: BatchSignature(author, root, size, meaning, deadline)."""

    @classmethod
    def of(
        cls, domain: Domain, *, author: Address, root: str, size: int, meaning: Meaning, deadline: int
    ) -> BatchTerms:
        """Draft them."""
        message = {"author": author, "root": root, "size": size, "meaning": meaning.value, "deadline": deadline}
        return cls(TypedData(domain, {"BatchSignature": _BATCH}, "BatchSignature", message))


@dataclass(frozen=True)
class AmendmentTerms(Terms):
    """An author's signature under a change of status; the proof goes with it and is not signed."""

    proof: BatchProof

    @classmethod
    def of(cls, domain: Domain, amendment: dict[str, Any], *, proof: BatchProof, deadline: int) -> AmendmentTerms:
        """Draft them."""
        message = {**amendment, "deadline": deadline}
        return cls(TypedData(domain, {"RecordAmendment": _AMENDMENT}, "RecordAmendment", message), proof)


def amendment(
    author: Address,
    commitment: str,
    status: RecordStatus,
    *,
    replacement: str = NO_WORD,
    basis: LegalBasis = LegalBasis.NONE,
) -> dict[str, Any]:
    """Return a change of status as the contract takes it."""
    return {
        "author": author, "commitment": commitment, "status": status.value, "replacement": replacement,
        "basis": basis.value,
    }  # fmt: skip
