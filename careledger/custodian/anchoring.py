"""The log on chain: parts anchored in order and on time, entries proved, reported omissions answered by proof."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from careledger.codes import OmissionStatus
from careledger.custodian.book import Plan
from careledger.custodian.keeping import Keeping
from careledger.errors import FormatError, NotFound, StorageError
from careledger.privacy.levels import TreeFile, root_of_many
from careledger.privacy.merkle import PositionalTree
from careledger.resources.access import DEFAULT_INTERVAL, AccessReceipt, LogPart
from careledger.resources.access_entries import AccessEntry
from careledger.resources.answers import LogProof
from careledger.steps import step
from careledger.values import Bytes32, Prepared, Receipt, Wait, bytes32, from_hex, to_hex

__all__ = ["Anchoring", "Omission"]


@dataclass(frozen=True)
class Omission:
    """A reported omission, and what this custodian has to say to it."""

    receipt_hash: Bytes32
    entry: int
    leaf: Bytes32
    answered: bool
    why_not: str = ""
    """Why it could not be answered, in one sentence."""


class Anchoring(Keeping):
    """The custodian's log on chain. None of it needs an opener once the book is begun."""

    def anchor(
        self, *, key: str | None = None, wait: Wait = "included", dry_run: bool = False
    ) -> Receipt[LogPart] | Prepared | None:
        """Anchor every entry that is not anchored yet, as one part.

        What is anchored is written down before it is sent: killed in between, the next call finishes that part first,
        under its own key, and then goes on.

        Args:
            key: The act's business key; when not given it follows from the first entry.
            wait: Until when to wait.
            dry_run: Only say what it would cost; nothing is written down.

        Returns:
            The receipt about the part, or None where nothing waits.

        Raises:
            StorageError: The book is not the one that the chain has entries of.
            RecordRegistry_NotController: The signer does not control the custodian.
            KeyReused: The key was used for another act.
        """
        with self.book.sealed.locked("anchor"):
            known = self.book.plan_by(key) if key else None
            if known is not None:
                return self._send(known, wait=wait, dry_run=dry_run)
            receipt = None
            while True:
                standing = self._standing
                self._require_whole(standing)
                first = int(standing["lastEntry"]) + 1
                last = self.book.last
                if last < first:
                    return receipt
                plan = self.book.plan_from(first)
                resumed = plan is not None
                if plan is None:
                    plan = self._planned(first, last, key, dry_run=dry_run)
                receipt = self._send(plan, wait=wait, dry_run=dry_run)
                if dry_run or not resumed or wait == "sent":
                    return receipt

    def _planned(self, first: int, last: int, key: str | None, *, dry_run: bool) -> Plan:
        """Build the tree and write down what is about to be anchored; a dry run only hashes."""
        name, leaves = key or f"anchor-log/{self.party.address}/{first}", self.book.leaves(first, last)
        if dry_run:
            return Plan(first, last, PositionalTree(leaves).root, name)
        root = TreeFile.write(self._tree_path(first, last), leaves)
        step("custodian.tree")
        plan = self.book.plan(Plan(first, last, root, name))
        step("custodian.planned")
        return plan

    def _send(self, plan: Plan, *, wait: Wait, dry_run: bool) -> Receipt[LogPart] | Prepared:
        receipt = self.care.records.anchor_log(
            self.party, root=plan.root, first=plan.first, last=plan.last, key=plan.key, wait=wait, dry_run=dry_run
        )
        step("custodian.anchored")
        return receipt

    def due(self) -> int | None:
        """Return in how many seconds the stated interval is over for the oldest entry not anchored; None for none.

        Negative once it is over: whoever holds the entry's receipt can report it from then on.
        """
        standing = self._standing
        self._require_whole(standing)
        oldest = self.book.at(int(standing["lastEntry"]) + 1)
        if oldest is None:
            return None
        return oldest + (int(standing["intervalSeconds"]) or DEFAULT_INTERVAL) - self.care.records.now()

    # PROOFS

    def prove(self, entry: int | AccessReceipt | AccessEntry) -> LogProof:
        """Prove that an entry is in the anchored log, from the tree on disk; one of millions costs a few dozen reads.

        Args:
            entry: Its number, or what names it. With a receipt or an entry, its leaf must be the one in the book.

        Raises:
            NotFound: It is not anchored yet, or another leaf stands in its place.
            StorageError: The book's leaves are not those that were anchored.
        """
        number = entry if isinstance(entry, int) else entry.entry
        part = self._part_of(number)
        (leaf,) = self.book.leaves(number, number)
        if not isinstance(entry, int) and entry.leaf != leaf:
            raise NotFound(
                f"entry {number} of the log is another one",
                why="Its leaf is not the one that was given.",
                fix="Look who signed the receipt, and from which folder.",
            )
        nodes = self._proof(part, {number: leaf})
        return LogProof(self.party, number, part.part, tuple(bytes32(node) for node in nodes))

    def _proof(self, part: LogPart, leaves: Mapping[int, bytes]) -> list[bytes]:
        """Return the nodes that prove entries of a part together, checked against its root before they go out.

        Raises:
            StorageError: The book's leaves are not those that were anchored.
        """
        places = {number - part.first: leaf for number, leaf in leaves.items()}
        path, root = self._tree_path(part.first, part.last), from_hex(part.root)
        for attempt in range(2):
            if attempt:
                TreeFile.write(path, self.book.leaves(part.first, part.last))
            with contextlib.suppress(NotFound, FormatError):
                nodes = TreeFile(path).proof_of_many(places)
                if root_of_many(places, nodes, size=part.size) == root:
                    return nodes
        raise StorageError(
            f"the leaves of entries {part.first} to {part.last} are not those that were anchored",
            why="The book was changed since, or is another one.",
            fix="Restore the folder from a backup.",
        )

    def _part_of(self, entry: int) -> LogPart:
        """Find the anchored part with an entry: parts follow each other without gaps, so halving finds it."""
        records, standing = self.care.records, self._standing
        if not 1 <= entry <= int(standing["lastEntry"]):
            raise NotFound(f"entry {entry} is not anchored", fix="Anchor the log, then ask again.")
        low, high = 1, int(standing["anchors"])
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if records.log_part(self.party, middle).last < entry else (low, middle)
        return records.log_part(self.party, low)

    def _tree_path(self, first: int, last: int) -> Path:
        return self.folder / "trees" / f"{first:012d}-{last:012d}.tree"

    # OMISSIONS

    def answer_omissions(self, *, wait: Wait = "included") -> list[Omission]:
        """Answer every open omission that the log can answer, anchoring first what waits for it.

        Returns:
            All that were open, answered or not. One that is not answered stays visible on chain: either a receipt key
            signed for an entry that is not in this book, or the book is not the one it was signed from.
        """
        records = self.care.records
        where = {"custodian": self.party.address}
        found = []
        for event in self.care.sync().list("RecordRegistry.OmissionReported", where=where):
            digest, number = bytes32(event.args["receiptHash"]), int(event.args["entry"])
            status = records._read("omissionOf", digest, about_patient=False)["status"]
            if OmissionStatus(int(status)) is OmissionStatus.OPEN:
                leaf = bytes32(event.args["leaf"])
                why_not = self._answer_omission(digest, number, leaf, wait=wait)
                found.append(Omission(digest, number, leaf, not why_not, why_not))
        return found

    def _answer_omission(self, digest: Bytes32, number: int, leaf: Bytes32, *, wait: Wait) -> str:
        """Answer one, or say why not."""
        at = self.book.at(number)
        if at is None:
            return "There is no such entry in this book."
        if to_hex(self.book.leaves(number, number)[0]) != leaf:
            return "Another leaf stands in this place of the book."
        receipt = AccessReceipt.for_leaf(
            self.care.records.domain, custodian=self.party, entry=number, leaf=leaf, issued_at=at
        )
        if bytes32(receipt.typed.struct_hash) != digest:
            return "The receipt names another time than the entry was written at."
        if number > int(self._standing["lastEntry"]):
            self.anchor(wait=wait)
        proof = self.prove(number)
        self.care.records.answer_omission(
            receipt, part=proof.part, path=[from_hex(node) for node in proof.path],
            key=f"answer-omission/{digest}", wait=wait,
        )  # fmt: skip
        return ""
