"""The kill campaign's own process: forks each case, kills it at a step, forks its restart, and looks at what is left.

    python campaign.py URL SUITE FOLDER MODE

MODE is seal, all, supersede, correct (the same bytes in other classes) or shred. Prints one JSON object: how many
steps, cases and mismatches there were.
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
from careledger.chain.abi import decode_log
from careledger.chain.connection import Connection
from careledger.chain.rpc import Rpc
from careledger.chain.signers import KeySigner
from careledger.chain.suite import Suite
from careledger.client import CareLedger
from careledger.codes import DataClass, LegalBasis, RecordStatus
from careledger.errors import CareLedgerError, NotFound
from careledger.privacy.openers import from_seed, new_seed
from careledger.storage import Store
from careledger.values import PartyRef

LABS = {DataClass.LABS}
PLAIN = [b"first of the records", b"second of them", b"third"]


class Case:
    """One fresh account and home."""

    def __init__(self, url: str, suite: Suite, home: Path, mode: str) -> None:
        self.url, self.suite, self.home, self.mode = url, suite, home, mode
        self.signer, self.opener = KeySigner(secrets.token_bytes(32)), from_seed(new_seed())
        self.dr = PartyRef("person", self.signer.address)
        self.ana = PartyRef("person", "0x" + secrets.token_hex(20))  # type: ignore[arg-type]
        Rpc(url).request("anvil_setBalance", [self.signer.address, hex(10**20)])
        self.old = self.within(self.first)

    def within(self, work: Callable[[CareLedger], str]) -> str:
        care = CareLedger(
            Connection(Rpc(self.url)), self.suite, signer=self.signer, opener=self.opener, home=self.home,
            store=Store(self.home / "store"), poll=0.02,
        )  # fmt: skip
        with care:
            return work(care)

    def first(self, care: CareLedger) -> str:
        """What is there before: a record to supersede or shred."""
        if self.mode not in ("supersede", "correct", "shred"):
            return ""
        key = None if self.mode == "correct" else "old"
        made = care.records.seal(PLAIN[0], author=self.dr, about=self.ana, classes=LABS, key=key)
        return str(made.value.id)  # type: ignore[union-attr]

    def work(self, care: CareLedger) -> str:
        how = {"about": self.ana, "classes": LABS, "key": "k"}
        if self.mode == "seal":
            care.records.seal(PLAIN[0], author=self.dr, **how)  # type: ignore[arg-type]
        elif self.mode == "all":
            care.records.seal_all(PLAIN, author=self.dr, **how)  # type: ignore[arg-type]
        elif self.mode == "supersede":
            care.records.supersede(self.old, PLAIN[1], **how)  # type: ignore[arg-type]
        elif self.mode == "correct":
            care.records.supersede(self.old, PLAIN[0], about=self.ana, classes=LABS | {DataClass.HIV})
        else:
            care.records.shred(self.old, basis=LegalBasis.PATIENT_REQUEST)
        return ""

    def in_child(self, *, crash_at: int = 0, count_file: str = "") -> int:
        """Fork, work, and return the exit status: 0, or minus the signal."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                steps.arm(crash_at=crash_at, count_file=count_file)
                self.within(self.work)
                code = 0
            except BaseException as error:
                print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def faults(self, *, finished: bool) -> list[str]:
        """What is wrong: after a kill only that something anchored has no bytes; after the restart anything."""
        found: list[str] = []

        def look(care: CareLedger) -> str:
            anchored = self.anchored(care)
            for record_id in anchored:
                try:
                    care.records.read(record_id)
                except NotFound as error:
                    if "shredded" not in error.message:
                        found.append(f"anchored and not readable: {error.message}")
                except CareLedgerError as error:
                    found.append(f"anchored and not readable: {type(error).__name__}: {error.message}")
            if finished:
                found.extend(self._left(care, len(anchored)))
            return ""

        self.within(look)
        return found

    def anchored(self, care: CareLedger) -> list[str]:
        """Ids of what this author has anchored, from the node's own logs; a batch must be known here in full."""
        author = "0x" + self.signer.address[2:].lower().rjust(64, "0")
        query = {"address": care.records.address, "fromBlock": "0x0", "toBlock": "latest"}
        found = []
        for log in care.connection.logs({**query, "topics": [None, None, author]}):
            event = decode_log(log)
            if event.name == "RecordAnchored":
                found.append(event.args["recordId"])
            elif event.name == "BatchAnchored":
                members = [item.record_id for item in care.records.desk.catalogue if item.root == event.args["root"]]
                found += members + ["0x" + "00" * 32] * (event.args["size"] - len(members))
        return found

    def _left(self, care: CareLedger, anchored: int) -> list[str]:
        files = [path for path in (self.home / "store").rglob("*") if path.is_file()]
        sealed = [path for path in files if path.name.startswith("bafk")]
        wraps = list(self.home.rglob("*.wraps"))
        expected = {"seal": (1, 1), "all": (3, 3), "supersede": (2, 2), "correct": (2, 2), "shred": (1, 0)}[self.mode]
        wrong = []
        if (anchored, len(sealed), len(wraps)) != (*expected, expected[1]):
            wrong.append(f"{anchored} anchored, {len(sealed)} sealed, {len(wraps)} wraps; expected {expected}")
        items = list(care.records.desk.catalogue)
        if {item.state for item in items} - ({"anchored"} if self.mode != "shred" else {"shredded"}):
            wrong.append(f"states {[item.state for item in items]}")
        if self.mode == "shred" and care.records.status(self.old).status is not RecordStatus.SHREDDED:
            wrong.append("not shredded on chain")
        if care.connection.nonce(self.signer.address) != (1 if self.mode in ("seal", "all") else 2):
            wrong.append("not one transaction for each act")
        return wrong


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
