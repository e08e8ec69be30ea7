"""The kill campaign's own process: forks each case, kills it at a step, forks its restart, and looks at what is left.

    python campaign.py URL SUITE FOLDER MODE

MODE is answer, refuse, receive or anchor. Prints one JSON object: how many steps, cases and mismatches there were.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from careledger import steps
from careledger.chain.connection import Connection
from careledger.chain.rpc import Rpc
from careledger.chain.signers import KeySigner
from careledger.chain.suite import Suite
from careledger.client import CareLedger
from careledger.codes import DataClass, Purpose
from careledger.custodian import Custodian
from careledger.errors import CareLedgerError, NotFound
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.resources.access_requests import SignedRequest
from careledger.resources.answers import Answer
from careledger.storage import Store
from careledger.values import PartyRef

LABS, PLAIN = {DataClass.LABS}, b"content of the record"


class Case:
    """A custodian and a patient who asks for its own record, each with an account and a home of their own."""

    def __init__(self, url: str, suite: Suite, root: Path, mode: str) -> None:
        self.url, self.suite, self.root, self.mode = url, suite, root, mode
        self.keeper, self.reader = KeySigner(secrets.token_bytes(32)), KeySigner(secrets.token_bytes(32))
        self.openers = {name: from_seed(new_seed()) for name in ("keeper", "reader")}
        self.party, self.ana = (PartyRef("person", each.address) for each in (self.keeper, self.reader))
        self.receipt: str | None = None
        Rpc(url).request("anvil_setBalance", [self.keeper.address, hex(10**20)])
        self.requests = self.within("keeper", self.prepared)
        self.answer: Answer | None = self.within("keeper", self.answered) if mode == "receive" else None

    def within(self, who: str, work: Callable[[CareLedger], object]):  # type: ignore[no-untyped-def]
        signer: KeySigner = getattr(self, who)
        opener: SeedOpener = self.openers[who]
        home = self.root / who
        care = CareLedger(
            Connection(Rpc(self.url)), self.suite, signer=signer, opener=opener, home=home,
            store=Store(self.root / "store"), poll=0.02,
        )  # fmt: skip
        with care:
            return work(care)

    def prepared(self, care: CareLedger) -> list[SignedRequest]:
        """A record, a named receipt key, and signed requests: the patient's own, or a stranger's."""
        record = care.records.seal(PLAIN, author=self.party, about=self.ana, classes=LABS).value  # type: ignore[union-attr]
        care.records.name_receipt_key(self.party, signer=self.keeper.address)
        purpose = Purpose.HMARKT if self.mode == "refuse" else Purpose.PATRQT
        who = self.keeper if self.mode == "refuse" else self.reader
        opener = self.openers["reader"]
        return [
            care.records.request(
                record.id, custodian=self.party, purpose=purpose, actor=PartyRef("person", who.address), signer=who,
                opener=opener,
            )
            for _ in range(2)
        ]  # fmt: skip

    def answered(self, care: CareLedger) -> Answer:
        return Custodian(care, self.party).answer(self.requests[0])

    def work(self, care: CareLedger) -> None:
        if self.mode in ("answer", "refuse"):
            answer = self.answered(care)
            (self.root / "answer").write_text(json.dumps(answer.to_json()))
        elif self.mode == "receive":
            assert self.answer is not None
            care.records.receive(self.answer, self.requests[0])
        else:
            custodian = Custodian(care, self.party)
            for request in self.requests:
                custodian.answer(request)
            custodian.anchor()

    def in_child(self, *, crash_at: int = 0, count_file: str = "") -> int:
        """Fork, work, and return the exit status: 0, or minus the signal."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                steps.arm(crash_at=crash_at, count_file=count_file)
                self.within("reader" if self.mode == "receive" else "keeper", self.work)
                code = 0
            except BaseException as error:
                print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def faults(self, *, finished: bool) -> list[str]:
        """What is wrong: after a kill only what must never be; after the restart anything."""
        if self.mode == "receive":
            return list(self.within("reader", lambda care: self._reader_faults(care, finished)))
        return list(self.within("keeper", lambda care: self._keeper_faults(care, finished)))

    def _keeper_faults(self, care: CareLedger, finished: bool) -> list[str]:
        custodian, found = Custodian(care, self.party), []
        last, released = custodian.book.last, (self.root / "answer").exists()
        if released and (not last or custodian.book.receipt(1) is None):
            found.append("an answer without a durable entry and receipt")
        receipt = custodian.book.receipt(1)
        if receipt is not None:
            shown = receipt[1].hex()
            if self.receipt not in (None, shown):
                found.append("another receipt than before")
            self.receipt = shown
        anchored = int(care.records.log_of(self.party)["lastEntry"])
        if anchored > last:
            found.append("anchored what is not in the book")
        if finished:
            expected = (2, 2) if self.mode == "anchor" else (1, 0)
            if (last, anchored) != expected:
                found.append(f"{last} entries, {anchored} anchored; expected {expected}")
            found += [
                f"entry {e.entry} is not proved"
                for e in custodian.book.all()
                if anchored and not _proved(custodian, e.entry)
            ]
            if self.mode != "anchor":
                body = care.records.read_answer(json.loads((self.root / "answer").read_text())).open(
                    self.openers["reader"]
                )
                if (body.parcel is None) is (self.mode == "answer"):
                    found.append("no parcel, or one too many")
        return found

    def _reader_faults(self, care: CareLedger, finished: bool) -> list[str]:
        record, kept = self.requests[0].terms.record, care.records.receipts()
        try:
            here = care.records.read(record) == PLAIN
        except NotFound:
            here = False
        except CareLedgerError as error:
            return [f"taken in and not readable: {type(error).__name__}: {error.message}"]
        if here and not kept:
            return ["a record without a receipt"]
        return [] if not finished or (here and len(kept) == 1) else [f"here {here}, {len(kept)} receipts"]


def _proved(custodian: Custodian, entry: int) -> bool:
    proof = custodian.prove(entry)
    path = [bytes.fromhex(node[2:]) for node in proof.path]
    leaf = custodian.book.leaves(entry, entry)[0]
    return custodian.care.records.is_logged(custodian.party, part=proof.part, entry=entry, leaf=leaf, path=path)


def main() -> None:
    url, directory, folder, mode = sys.argv[1:5]
    suite = Suite.read(Connection(Rpc(url)), directory)
    root = Path(folder)
    count_file = root / "steps"
    clean = Case(url, suite, root / "clean", mode)
    assert clean.in_child(count_file=str(count_file)) == 0
    assert clean.faults(finished=True) == [], clean.faults(finished=True)
    total = len(count_file.read_text().splitlines())
    mismatches = 0
    for step in range(1, total + 1):
        case = Case(url, suite, root / f"c{step}", mode)
        assert case.in_child(crash_at=step) == -signal.SIGKILL
        wrong = case.faults(finished=False)
        restarted = case.in_child()
        wrong += case.faults(finished=True)
        if restarted or wrong:
            mismatches += 1
            print(f"killed at step {step}: exit {restarted}, {wrong}", file=sys.stderr)
    print(json.dumps({"steps": total, "cases": total, "mismatches": mismatches}))


if __name__ == "__main__":
    main()
