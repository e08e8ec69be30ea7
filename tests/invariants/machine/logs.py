"""Story: the log of who read what is whole, or somebody with a receipt says that it is not."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, rule

from careledger.chain.abi import encode
from careledger.privacy.merkle import PositionalTree
from careledger.values import from_hex, keccak
from tests.chainkit import NOTHING, ZERO
from tests.invariants.machine.base import Rows, mostly, people, seldom, senders
from tests.invariants.machine.control import Control
from tests.words import DAY, digest
from tests.world import ACCESS_RECEIPT

HOUR = 3600
RECEIPT_TYPE = keccak(b"AccessReceipt(address custodian,uint64 entry,bytes32 leaf,uint40 issuedAt)")
NO_LOG = {"lastEntry": 0, "anchors": 0, "intervalSeconds": 0, "openOmissions": 0, "head": NOTHING}
keepers = st.sampled_from(["clinic", "clinic", "clinic", "hospital"])
signers = st.sampled_from(["clinic", "clinic", "officer", "stranger"])
"""Keys that receipts are signed with: the custodian's own, another that it may name, somebody's."""
receipts = Bundle("receipts")


class Receipt(NamedTuple):
    """What a custodian handed out before it released anything."""

    house: str
    entry: int
    leaf: str
    issued: int
    key: str
    signed: bool
    """Whether the key that it names made the signature."""


@lru_cache(maxsize=4096)
def tree_of(house: str, first: int, last: int, gap: int | None) -> PositionalTree:
    """The tree over entries first .. last; where the gap is, something else was written."""
    entries = range(first, last + 1)
    return PositionalTree([from_hex(digest("nothing") if n == gap else entry_of(house, n)) for n in entries])


def entry_of(house: str, number: int) -> str:
    return digest(f"{house} entry {number}")


class Logs(Control):
    """Intervals, receipt keys, parts of logs, and omissions."""

    def start(self):
        super().start()
        self.logs: dict[str, dict[str, Any]] = {}
        self.parts: dict[str, list[tuple[int, int, int | None]]] = {}
        self.receipt_keys: set[tuple[str, str]] = set()
        self.omissions: dict[Receipt, int] = {}

    def log_of(self, house: str) -> dict[str, Any]:
        return self.logs.setdefault(house, dict(NO_LOG))

    def check_log(self, house: str) -> None:
        """R-inv2, R-inv5."""
        got = self.w.records.logOf(self.P[house])
        told = self.log_of(house)
        assert {name: got[name] for name in told} == told, f"R-inv2: {house}"
        found = sum(state == 1 and receipt.house == house for receipt, state in self.omissions.items())
        assert got["openOmissions"] == found, f"R-inv5: {house}"

    @rule(house=keepers, sender=senders, interval=st.sampled_from([HOUR, HOUR, 7 * DAY, HOUR - 1, 7 * DAY + 1]))
    def state_interval(self, house, sender, interval):
        sender = self.who(house, sender)
        ok = self.controller(house) == sender and HOUR <= interval <= 7 * DAY
        call = lambda: self.w.records.stateLogInterval(self.P[house], interval, sender=self.P[sender])
        if self.act(ok, call, "LogIntervalStated"):
            self.log_of(house)["intervalSeconds"] = interval
            self.check_log(house)

    @rule(house=keepers, sender=senders, key=st.sampled_from(["clinic", "hospital", "officer", None]))
    def name_receipt_key(self, house, sender, key):
        sender = self.who(house, sender)
        ok = self.controller(house) == sender and key is not None
        named = self.P[key] if key else ZERO
        call = lambda: self.w.records.nameReceiptKey(self.P[house], named, sender=self.P[sender])
        if self.act(ok, call, "ReceiptKeyNamed"):
            self.receipt_keys.add((house, key))
        if key:
            got = self.w.records.isReceiptKey(self.P[house], named)
            assert got == ((house, key) in self.receipt_keys), f"R-inv6: {key} of {house}"

    @rule(house=keepers, sender=senders, off=st.sampled_from([0, 0, 0, 0, 1, -1]), many=st.integers(-1, 5),
          gap=st.sampled_from([None, None, 0, 1]))  # fmt: skip
    def anchor_log(self, house, sender, off, many, gap):
        sender, log = self.who(house, sender), self.log_of(house)
        first = log["lastEntry"] + 1 + off
        last = max(first + many, 0)
        missing = None if gap is None else first + gap
        root = "0x" + tree_of(house, first, max(last, first), missing).root.hex()
        ok = self.controller(house) == sender and off == 0 and many >= 0
        call = lambda: self.w.records.anchorLog(self.P[house], root, first, last, sender=self.P[sender])
        if self.act(ok, call, "LogAnchored"):
            raw = [from_hex(log["head"]), from_hex(root), first, last]
            head = "0x" + keccak(encode(["bytes32", "bytes32", "uint64", "uint64"], raw)).hex()
            log.update({"lastEntry": last, "anchors": log["anchors"] + 1, "head": head})
            self.parts.setdefault(house, []).append((first, last, missing))
        self.check_log(house)

    # ---- receipts and omissions ----

    def said(self, r: Receipt) -> dict[str, Any]:
        return {"custodian": self.a(r.house), "entry": r.entry, "leaf": r.leaf, "issuedAt": r.issued}

    def hash_of(self, r: Receipt) -> str:
        words = [RECEIPT_TYPE, self.a(r.house), r.entry, from_hex(r.leaf), r.issued]
        return "0x" + keccak(encode(["bytes32", "address", "uint64", "bytes32", "uint40"], words)).hex()

    @rule(target=receipts, house=keepers, ahead=st.integers(-2, 3), true=mostly, key=signers, signed=mostly)
    def give_receipt(self, house, ahead, true, key, signed):
        """For an entry about where the log is now, of what was read or of something else."""
        entry = max(self.log_of(house)["lastEntry"] + ahead, 0)
        leaf = entry_of(house, entry) if true else digest("something else")
        return Receipt(house, entry, leaf, self.now, key, signed)

    @rule(receipt=receipts, by=people)
    def report(self, receipt, by):
        log = self.log_of(receipt.house)
        signer = self.P[receipt.key] if receipt.signed else self.P["accreditor"]
        ok = receipt not in self.omissions and (receipt.house, receipt.key) in self.receipt_keys and receipt.signed
        ok = ok and self.now > receipt.issued + (log["intervalSeconds"] or DAY)
        signature = self.w.sign(signer, self.w.records, "AccessReceipt", ACCESS_RECEIPT, self.said(receipt))
        call = lambda: self.w.records.reportOmission(
            self.said(receipt), self.P[receipt.key], signature, sender=self.P[by]
        )
        if self.act(ok, call, "OmissionReported"):
            self.omissions[receipt] = 1
            log["openOmissions"] += 1
            self.check_log(receipt.house)

    def proof_of(self, r: Receipt, part: int, flaw: str) -> tuple[list[bytes], bool]:
        """A path in a part, and whether it shows the receipt's entry there."""
        parts = self.parts.get(r.house, [])
        if not 0 < part <= len(parts):
            return [], False
        first, last, gap = parts[part - 1]
        inside = first <= r.entry <= last
        index = r.entry - first if inside else 0
        if flaw == "neighbour":
            index = (index + 1) % (last - first + 1)
        path = tree_of(r.house, first, last, gap).proof(index)
        path = [*path, bytes(32)] if flaw == "longer" else path
        moved = flaw == "longer" or (flaw == "neighbour" and last > first)
        return path, inside and r.entry != gap and r.leaf == entry_of(r.house, r.entry) and not moved

    @rule(receipt=receipts, part=st.integers(0, 3), flaw=st.sampled_from(["none"] * 4 + ["neighbour", "longer"]),
          by=people)  # fmt: skip
    def answer(self, receipt, part, flaw, by):
        path, shown = self.proof_of(receipt, part, flaw)
        got = self.w.records.isLogged(self.P[receipt.house], part, receipt.entry, receipt.leaf, path)
        assert got == shown, f"R-inv4: {receipt} in part {part}"
        ok = self.omissions.get(receipt) == 1 and shown
        call = lambda: self.w.records.answerOmission(self.said(receipt), part, path, sender=self.P[by])
        if self.act(ok, call, "OmissionAnswered"):
            self.omissions[receipt] = 2
            self.log_of(receipt.house)["openOmissions"] -= 1
            self.check_log(receipt.house)

    # ---- ways that single draws seldom walk to their end ----

    @rule(house=keepers, ahead=st.integers(1, 6), true=mostly, gap=st.sampled_from([None, 0, 3]), early=seldom,
          known=mostly)  # fmt: skip
    def omit_and_answer(self, house, ahead, true, gap, early, known):
        """A receipt, no entry, a report; then the entry is anchored, or something else in its place."""
        if known:
            self.name_receipt_key(house, "right", "officer")
        receipt = self.give_receipt(house, ahead, true, "officer", True)
        self.pass_time(self.log_of(house)["intervalSeconds"] or DAY)
        if not early:
            self.report(receipt, "stranger")
            self.pass_time(1)
        self.report(receipt, "patient")
        self.anchor_log(house, "right", 0, 5, gap)
        part = len(self.parts.get(house, []))
        for flaw in ("neighbour", "none", "none"):
            self.answer(receipt, part, flaw, "relayer" if flaw == "none" else "stranger")
        self.report(receipt, "patient")

    def compare(self, rows: Rows) -> None:
        super().compare(rows)
        for receipt, state in self.omissions.items():
            assert rows["omission", self.hash_of(receipt)]["status"] == state, f"R-inv5: {receipt}"
        for house in self.logs:
            self.check_log(house)
