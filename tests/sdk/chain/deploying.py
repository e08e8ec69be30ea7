"""The deployment campaign's own process: forks each case, kills it at a step, forks its restart, and compares."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
from pathlib import Path

from careledger import steps
from careledger.chain.connection import Connection
from careledger.chain.deploy import ORDER, deploy
from careledger.chain.journal import Journal
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Sender
from careledger.chain.signers import KeySigner
from careledger.chain.suite import Suite
from careledger.values import ZERO_ADDRESS


class Case:
    """One fresh deployer; what it deploys, and whether that is whole and there once."""

    def __init__(self, url: str, folder: Path, name: str) -> None:
        self.url, self.file, self.result = url, folder / f"{name}.sqlite", folder / f"{name}.json"
        self.key = secrets.token_bytes(32)
        self.address = KeySigner(self.key).address
        self.admin = KeySigner(secrets.token_bytes(32)).address
        Rpc(url).request("anvil_setBalance", [self.address, hex(10**20)])

    def work(self) -> None:
        connection = Connection(Rpc(self.url))
        journal = Journal(self.file, scope=connection.scope, sender=self.address)
        sender = Sender(connection, KeySigner(self.key), journal, poll=0.02, timeout=20)
        made = deploy(sender, instance="campaign", admin=self.admin)
        self.result.write_text(json.dumps(made.to_json()))

    def in_child(self, *, crash_at: int = 0, count_file: str = "") -> int:
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
        """Each contract once, unmodified, with no transaction more than a run without a kill has."""
        connection = Connection(Rpc(self.url))
        made = json.loads(self.result.read_text())
        suite = Suite.read(connection, made["suite"])
        transactions = len(ORDER) * 2 - 1 + 2
        return suite.unmodified and len(suite.listings) == len(ORDER) - 1 and (
            connection.nonce(self.address) == transactions and made["suite"] != ZERO_ADDRESS
        )  # fmt: skip


def main() -> None:
    url, folder, every = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    clean = Case(url, folder, "clean")
    count_file = folder / "steps"
    assert clean.in_child(count_file=str(count_file)) == 0
    assert clean.is_right()
    total, cases, mismatches = len(count_file.read_text().splitlines()), 0, 0
    for at in range(1, total + 1, every):
        case = Case(url, folder, str(at))
        killed, again = case.in_child(crash_at=at), case.in_child()
        cases += 1
        if killed != -signal.SIGKILL or again != 0 or not case.is_right():
            mismatches += 1
            print(f"mismatch: killed at {at}: {killed}, then {again}", file=sys.stderr)
    print(json.dumps({"steps": total, "cases": cases, "mismatches": mismatches}))


if __name__ == "__main__":
    main()
