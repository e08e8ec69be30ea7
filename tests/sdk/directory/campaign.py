"""The kill campaign's own process: forks each case, kills it at a step, looks, and forks its restart.

    python campaign.py FOLDER MODE...

Modes are pair, complete, merge, split, remove, share and rotate. Prints one JSON object: for each mode its steps, and
how many of the cases went wrong.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

from careledger import steps
from careledger.chain.signers import KeySigner
from careledger.client import CareLedger
from careledger.directory import Directory
from careledger.errors import CareLedgerError
from careledger.privacy.openers import Suite, from_seed, new_seed
from careledger.privacy.pseudonyms import Wallet
from careledger.values import PartyRef

SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
OTHER = (SYSTEM, "MRN-2")
FIRST = {"system": SYSTEM, "value": "MRN-1"}
ONE, TWO = (PartyRef("person", "0x" + pair * 20) for pair in ("a1", "b2"))  # type: ignore[arg-type]


class Case:
    """One fresh home of an organisation."""

    def __init__(self, town: CareLedger, home: Path, mode: str) -> None:
        self.mode = mode
        self.opener, self.second = (from_seed(new_seed(), suite=Suite.X25519) for _ in range(2))
        self.care = CareLedger(
            town.connection, town.suite, signer=KeySigner(secrets.token_bytes(32)), opener=self.opener, home=home,
            store=town.store,
        )  # fmt: skip
        self.answer: Any = None
        directory = self.directory()
        if mode == "complete":
            offer = directory.pair(**FIRST)
            self.answer = Wallet.create()[0].answer(
                offer, chain_id=offer.chain_id, suite=offer.suite, encryption=Suite.X25519
            )
        elif mode != "pair":
            directory.enter(**FIRST, account=ONE, checked="document-seen")
            directory.enter(system=OTHER[0], value=OTHER[1], account=TWO, checked="document-seen")
        if mode == "split":
            directory.merge(**FIRST, into=OTHER)

    def directory(self) -> Directory:
        """The directory as a new process finds it."""
        return Directory(self.care)

    def work(self) -> None:
        directory = self.directory()
        if self.mode == "pair":
            directory.pair(**FIRST)
        elif self.mode == "complete":
            directory.complete(self.answer, checked="document-seen")
        elif self.mode == "merge":
            directory.merge(**FIRST, into=OTHER)
        elif self.mode == "split":
            directory.split(**FIRST, other=OTHER)
        elif self.mode == "remove":
            directory.remove(**FIRST)
        elif self.mode == "share":
            directory.share(self.second.recipient())
        else:
            directory.rotate()

    def in_child(self, *, crash_at: int = 0, count_file: str = "") -> int:
        """Fork, work, and return the exit status: 0, 1 where it was refused, or minus the signal."""
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                steps.arm(crash_at=crash_at, count_file=count_file)
                self.work()
                code = 0
            except CareLedgerError as error:
                code = 1
                print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
            except BaseException as error:
                print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def state(self) -> list[Any]:
        """What the directory says: the map, the acts, and how many openers it has."""
        directory = self.directory()
        entries = [(str(each.id.value), each.party.address, len(each.also)) for each in directory.list()]
        return [entries, [each.act for each in directory.history()], len(directory.openers())]


def campaign(town: CareLedger, folder: Path, mode: str) -> dict[str, int]:
    """Kill at each step of an act, on a fresh home each time."""
    folder.mkdir()
    count_file = folder / "steps"
    clean = Case(town, folder / "clean", mode)
    before = clean.state()
    assert clean.in_child(count_file=str(count_file)) == 0
    after = clean.state()
    assert mode == "pair" or before != after
    total = len(count_file.read_text().splitlines())
    mismatches = 0
    for step in range(1, total + 1):
        case = Case(town, folder / f"c{step}", mode)
        start = case.state()
        end = after if mode != "complete" else [[("MRN-1", case.answer.account, 0)], *after[1:]]
        assert case.in_child(crash_at=step) == -signal.SIGKILL
        found = case.state()
        wrong = [] if found in (start, end) else [f"{found} is neither {start} nor {end}"]
        done = found == end and end != start
        restarted = case.in_child()
        wrong += [] if restarted == 0 or (done and restarted == 1) else [f"restart ended with {restarted}"]
        if not (mode == "rotate" and done):  # a second rotation is one more
            wrong += [] if case.state() == end else [f"{case.state()} after the restart, not {end}"]
        if wrong:
            mismatches += 1
            print(f"{mode} killed at step {step}: {wrong}", file=sys.stderr)
    return {"steps": total, "mismatches": mismatches}


def main() -> None:
    with CareLedger.local(engine="in-process") as town:
        print(json.dumps({mode: campaign(town, Path(sys.argv[1]) / mode, mode) for mode in sys.argv[2:]}))


if __name__ == "__main__":
    main()
