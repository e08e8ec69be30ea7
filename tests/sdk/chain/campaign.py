"""The kill campaign's own process: imports once, forks each case, kills it at a step, forks its restart.

    python campaign.py URL COUNTER JOURNALS MODE [twice]

Prints one JSON object: how many steps, cases and mismatches there were.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from pathlib import Path

from careledger import steps
from careledger.chain.abi import Catalogue
from careledger.chain.connection import Connection
from careledger.chain.journal import Journal
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Act, Call, Sender
from careledger.chain.signers import KeySigner
from careledger.errors import CareLedgerError

COUNTER = Catalogue(Path(__file__).parent / "fixtures").load("Counter")
ACTS = 3


class Case:
    """One fresh account with three acts to do once each."""

    def __init__(self, url: str, counter: str, journal: Path, mode: str) -> None:
        self.url, self.counter, self.journal, self.mode = url, counter, journal, mode
        self.key = secrets.token_bytes(32)
        self.address = KeySigner(self.key).address
        self.ids = [secrets.token_bytes(32) for _ in range(ACTS)]
        Rpc(url).request("anvil_setBalance", [self.address, hex(10**20)])

    def work(self) -> None:
        connection = Connection(Rpc(self.url))
        journal = Journal(self.journal, scope=connection.scope, sender=self.address)
        sender = Sender(connection, KeySigner(self.key), journal, poll=0.02, timeout=20)
        acts = [Act(Call(self.counter, COUNTER.encode_call("act", i), gas=150_000), i.hex()) for i in self.ids]
        if self.mode == "many":
            results = sender.submit_many(acts, flight=2)
            if any(isinstance(item, CareLedgerError) for item in results):
                raise SystemExit(f"failed: {results}")
        else:
            for act in acts:
                sender.submit(act.call, key=act.key, wait="final")

    def in_child(self, *, crash_at: int = 0, count_file: str = "") -> int:
        """Fork, work, and return the exit status: 0, or minus the signal."""
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                steps.arm(crash_at=crash_at, count_file=count_file)
                self.work()
                code = 0
            except BaseException as error:
                print(f"child: {type(error).__name__}: {error}", file=sys.stderr)
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def is_right(self) -> bool:
        """Each act once, and no nonce left over."""
        connection = Connection(Rpc(self.url))
        times = [connection.read(COUNTER, self.counter, "timesOf", i) for i in self.ids]
        return times == [1] * ACTS and connection.nonce(self.address) == ACTS


def main() -> None:
    url, counter, folder, mode = sys.argv[1:5]
    twice = "twice" in sys.argv[5:]
    root = Path(folder)
    count_file = root / "steps"
    clean = Case(url, counter, root / "clean.sqlite", mode)
    assert clean.in_child(count_file=str(count_file)) == 0
    assert clean.is_right()
    total = len(count_file.read_text().splitlines())
    cases = mismatches = 0
    for first in range(1, total + 1):
        for second in range(1, total + 2 - first) if twice else [0]:
            case = Case(url, counter, root / f"{first}-{second}.sqlite", mode)
            assert case.in_child(crash_at=first) == -signal.SIGKILL
            if second:
                case.in_child(crash_at=second)
            restarted = case.in_child()
            cases += 1
            if restarted != 0 or not case.is_right():
                mismatches += 1
                print(f"mismatch: killed at {first}, {second}: exit {restarted}", file=sys.stderr)
    print(json.dumps({"steps": total, "cases": cases, "mismatches": mismatches}))


if __name__ == "__main__":
    main()
