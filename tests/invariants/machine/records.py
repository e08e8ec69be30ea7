"""Story: what was written and when, alone or by the thousand, and what became of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import rule

from careledger.privacy.merkle import StandardTree
from careledger.values import from_hex
from tests.chainkit import NOTHING
from tests.invariants.machine.base import Rows, senders, wards
from tests.invariants.machine.signed import Hand, Signed, hands, papers
from tests.words import amendment as amendment_terms
from tests.words import digest
from tests.world import AMENDMENT, BATCH, RECORD

NO_RECORD = (0, 0, 0)


def commitment(which: int) -> str:
    return NOTHING if which < 0 else digest(f"r{which}")


LEAVES = {"five": range(5), "three": range(3, 6), "one": range(1, 2)}
"""Batches that overlap, so that a record can be in two, and have a slot of its own as well."""
TREES = {name: StandardTree.of_commitments([from_hex(commitment(n)) for n in of]) for name, of in LEAVES.items()}
ROOTS = {name: "0x" + tree.root.hex() for name, tree in TREES.items()}
whiches = st.sampled_from([0, 1, 2, 3, 4, 4])
batches = st.sampled_from(["five", "five", "three", "one"])
proofs = st.sampled_from([*[(None, "right")] * 4, *[("five", "right")] * 4, ("three", "right"), ("one", "right"),
                          ("five", "neighbour"), ("five", "cut"), ("five", "longer"), ("three", "longer")])  # fmt: skip
"""Of which batch a record is said to be a leaf, and what is wrong with the path."""


class Change(NamedTuple):
    """A change of a record's status, as somebody asks for it."""

    which: int
    to: int
    newer: int
    """The replacement; below zero = none."""
    basis: int
    proof: tuple[str | None, str]


changes = st.builds(
    Change,
    which=whiches,
    to=st.integers(0, 4),
    newer=st.sampled_from([-1, -1, 0, 1, 5]),
    basis=st.sampled_from([0, 0, 1, 5]),
    proof=proofs,
)


class Records(Signed):
    """Records, batches and amendments, direct and signed."""

    def start(self):
        super().start()
        self.records: dict[tuple[str, str], tuple[int, int, int]] = {}
        self.batches: dict[tuple[str, str], tuple[int, int]] = {}

    # ---- records of their own ----

    @rule(author=wards, sender=senders, which=whiches, meaning=st.sampled_from([1, 2, 3, 4, 5, 0]))
    def anchor(self, author, sender, which, meaning):
        sender, said = self.who(author, sender), commitment(which)
        ok = self.controller(author) == sender and meaning != 0 and (author, said) not in self.records
        call = lambda: self.w.records.anchor(self.P[author], meaning, said, sender=self.P[sender])
        if self.act(ok, call, "RecordAnchored"):
            self.records[author, said] = (self.now, 1, 0)

    # ---- batches ----

    def sound_batch(self, author: str, batch: str, size: int) -> bool:
        return size != 0 and (author, ROOTS[batch]) not in self.batches

    @rule(author=wards, sender=senders, batch=batches, size=st.sampled_from([5, 5, 1, 0]))
    def anchor_batch(self, author, sender, batch, size):
        sender, root = self.who(author, sender), ROOTS[batch]
        ok = self.controller(author) == sender and self.sound_batch(author, batch, size)
        call = lambda: self.w.records.anchorBatch(self.P[author], root, size, 1, sender=self.P[sender])
        if self.act(ok, call, "BatchAnchored"):
            self.batches[author, root] = (self.now, size)

    def proof(self, which: int, of: tuple[str | None, str]) -> dict[str, Any]:
        """A proof as it is called with."""
        batch, flaw = of
        if batch is None:
            return {"root": NOTHING, "path": []}
        leaves = list(LEAVES[batch])
        index = leaves.index(which) if which in leaves else 0
        path = TREES[batch].proof((index + 1) % len(leaves) if flaw == "neighbour" else index)
        path = path[:-1] if flaw == "cut" else [*path, bytes(32)] if flaw == "longer" else path
        return {"root": ROOTS[batch], "path": path}

    def status_of(self, author: str, which: int, of: tuple[str | None, str]) -> tuple[int, int]:
        """R-inv7: a slot says how a record stands; without one, a true proof of an anchored batch of this author."""
        at, status, _ = self.records.get((author, commitment(which)), NO_RECORD)
        batch, flaw = of
        if status or batch is None or flaw != "right" or which not in LEAVES[batch]:
            return status, at
        anchored, _ = self.batches.get((author, ROOTS[batch]), (0, 0))
        return (1, anchored) if anchored else (0, 0)

    def check_status(self, author: str, which: int, of: tuple[str | None, str]) -> None:
        got = self.w.records.statusOf(self.P[author], commitment(which), self.proof(which, of))
        assert tuple(got.values()) == self.status_of(author, which, of), f"R-inv7: r{which} of {author} by {of}"

    # ---- amendments ----

    def amended(self, author: str, c: Change) -> dict[str, Any]:
        newer = commitment(c.newer)
        return amendment_terms(self.P[author], commitment(c.which), c.to, replacement=newer, basis=c.basis)

    def sound_change(self, author: str, c: Change) -> bool:
        old, _ = self.status_of(author, c.which, c.proof)
        _, there, _ = self.records.get((author, commitment(c.newer)), NO_RECORD)
        ok = (old == 1 and c.to in (2, 3)) or (old in (1, 2, 3) and c.to == 4)  # R-inv1
        ok = ok and (c.to == 2) == (c.newer >= 0) and c.newer != c.which and (c.to == 4) == (c.basis != 0)
        return ok and (c.to != 2 or there in (0, 1))

    def change_events(self, author: str, c: Change) -> list[str]:
        new = c.to == 2 and (author, commitment(c.newer)) not in self.records
        return ["RecordAnchored", "RecordStatusChanged"] if new else ["RecordStatusChanged"]

    def changed(self, author: str, c: Change) -> None:
        """R-inv1: anchoredAt stays, whether it was the record's own or its batch's."""
        _, anchored = self.status_of(author, c.which, c.proof)
        if c.to == 2:
            self.records.setdefault((author, commitment(c.newer)), (self.now, 1, 0))
        self.records[author, commitment(c.which)] = (anchored, c.to, c.basis)
        self.check_record(author, c.which)

    def check_record(self, author: str, which: int) -> None:
        said = commitment(which)
        got = self.w.records.recordOf(self.w.records.recordIdOf(self.P[author], said))
        told = self.records.get((author, said), NO_RECORD)
        assert (got["anchoredAt"], got["status"], got["basis"]) == told, f"R-inv1: r{which} of {author}"

    @rule(author=wards, sender=senders, change=changes)
    def amend(self, author, sender, change):
        sender = self.who(author, sender)
        ok = self.controller(author) == sender and self.sound_change(author, change)
        said, proof = self.amended(author, change), self.proof(change.which, change.proof)
        call = lambda: self.w.records.amend(said, proof, sender=self.P[sender])
        if self.act(ok, call, *self.change_events(author, change)):
            self.changed(author, change)
        self.check_status(author, change.which, change.proof)

    # ---- signed ----

    @rule(target=papers, author=wards, which=whiches, hand=hands)
    def sign_record(self, author, which, hand):
        said = {"author": self.P[author], "commitment": commitment(which), "meaning": 2}
        key = (author, commitment(which))
        return self.sign_one(
            author,
            hand,
            ("RecordSignature", RECORD, said),
            carry=lambda signature, until, by: self.w.records.anchorSigned(
                self.P[author], 2, key[1], until, signature, sender=by
            ),
            sound=lambda: key not in self.records,
            events=lambda: ["RecordAnchored"],
            done=lambda: self.records.update({key: (self.now, 1, 0)}),
        )

    @rule(target=papers, author=wards, batch=batches, size=st.sampled_from([5, 5, 0]), hand=hands)
    def sign_batch(self, author, batch, size, hand):
        said = {"author": self.P[author], "root": ROOTS[batch], "size": size, "meaning": 1}
        return self.sign_one(
            author,
            hand,
            ("BatchSignature", BATCH, said),
            carry=lambda signature, until, by: self.w.records.anchorBatchSigned(
                self.P[author], ROOTS[batch], size, 1, until, signature, sender=by
            ),
            sound=lambda: self.sound_batch(author, batch, size),
            events=lambda: ["BatchAnchored"],
            done=lambda: self.batches.update({(author, ROOTS[batch]): (self.now, size)}),
        )

    @rule(target=papers, author=wards, change=changes, hand=hands)
    def sign_amendment(self, author, change, hand):
        said, proof = self.amended(author, change), self.proof(change.which, change.proof)
        return self.sign_one(
            author,
            hand,
            ("RecordAmendment", AMENDMENT, said),
            carry=lambda signature, until, by: self.w.records.amendSigned(said, proof, until, signature, sender=by),
            sound=lambda: self.sound_change(author, change),
            events=lambda: self.change_events(author, change),
            done=lambda: self.changed(author, change),
        )

    def sign_one(self, author: str, hand: Hand, what: tuple[str, str, dict[str, Any]], **rest: Any) -> Any:
        """Signatures of authors name no epoch: the controller of now is enough."""
        kind, fields, said = what
        w = self.w.records
        sign = lambda by, _, until, to: self.w.sign(by, w, kind, fields, {**said, "deadline": until}, **to)
        return self.sign(author, hand, message=sign, epoch=False, **rest)

    # ---- ways that single draws seldom walk to their end ----

    @rule(author=wards, which=st.integers(10, 60), newer=st.integers(61, 90), to=st.sampled_from([2, 3, 4]))
    def anchor_and_amend(self, author, which, newer, to):
        alone = (None, "right")
        self.anchor(author, "right", which, 1)
        change = Change(which, to, newer if to == 2 else -1, 1 if to == 4 else 0, alone)
        self.amend(author, "right", change)
        self.amend(author, "right", Change(which, 4, -1, 1, alone))

    @rule(author=wards, other=wards, batch=batches, which=whiches, to=st.sampled_from([2, 3, 4]), again=proofs)
    def batch_and_amend(self, author, other, batch, which, to, again):
        """A leaf gets a slot with its first change, and from then on no proof says otherwise; R-inv3 beside it."""
        self.anchor_batch(author, "right", batch, 5)
        change = Change(which, to, 5 if to == 2 else -1, 1 if to == 4 else 0, (batch, "right"))
        if other != author:
            self.amend(other, "right", change)
        self.amend(author, "right", change)
        for proof in (again, (batch, "right"), (None, "right")):
            self.check_status(author, which, proof)
            self.check_status(other, which, proof)
        self.amend(author, "right", Change(which, 4, -1, 1, again))

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for (author, root), (at, size) in self.batches.items():
            assert rows["batch", self.a(author), root] == {"anchoredAt": at, "size": size}, f"R-inv7: {author}"
