"""What a sealed directory costs: opening it, finding in it, and changing it, beside the same table in plain SQLite.

    python benchmarks/directory.py [--entries N] [--json]

Opening a directory includes the check of the sum over all of its rows, which each process makes once. Finding is
measured one by one, as a desk does, and many within one block, as a reader of files does. Ends with 1 where a limit is
missed: opening 20,000 entries within five seconds, finding one by one within 20 ms.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from careledger import CareLedger, PartyRef
from careledger.directory import Directory, IdentityCheck, OutsideId
from careledger.directory.book import Book, Link
from careledger.privacy.openers import from_seed, new_seed
from careledger.values import checksum

MRN: Final = "urn:oid:2.16.840.1.113883.19.5"
ROUNDS: Final = 200
OPEN_SECONDS: Final = 5.0
"""Most that opening may take, for 20,000 entries and in proportion."""
FIND_MS: Final = 20.0


def each(work: Callable[[], Any], rounds: int) -> float:
    """Return the milliseconds that one of many takes."""
    started = time.perf_counter()
    for _ in range(rounds):
        work()
    return (time.perf_counter() - started) / rounds * 1000


def fill(directory: Directory, count: int) -> None:
    """Enter many at once: one act each would be mostly waiting for the disk."""
    recipient = from_seed(new_seed()).recipient()
    directory.enter(
        system=MRN, value="first", account=PartyRef("person", checksum("0x" + "01" * 20)), checked="document-seen"
    )
    with directory._file.acting(directory._opener) as rows:
        book = Book(rows, by=directory.organisation.address, now=int(time.time()))
        for number in range(count - 1):
            account = checksum("0x" + secrets.token_hex(20))
            link = Link(account, recipient, IdentityCheck.DOCUMENT_SEEN, None, "entered", again=False)
            book.link(OutsideId.of(MRN, f"MRN-{number}"), link)


def plain(folder: Path, count: int) -> Callable[[], Any]:
    """Return a look into an unsealed table of the same size, opened anew as ours is."""
    file = folder / "plain.sqlite"
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE map (value TEXT PRIMARY KEY, account TEXT)")
        db.executemany("INSERT INTO map VALUES (?, ?)", ((f"MRN-{n}", secrets.token_hex(20)) for n in range(count)))
    db.close()

    def look() -> None:
        db = sqlite3.connect(file)
        db.execute("SELECT account FROM map WHERE value = ?", ("MRN-7",)).fetchone()
        db.close()

    return look


def measure(count: int) -> dict[str, float]:
    """Return the figures, in milliseconds except for the size."""
    with CareLedger.local(engine="in-process") as town, tempfile.TemporaryDirectory() as folder:
        assert town.chain is not None
        opener = from_seed(new_seed())
        care = CareLedger(
            town.connection, town.suite, signer=town.chain.signer(1), opener=opener, home=Path(folder), store=town.store
        )
        fill(care.directory, count)
        fresh = Directory(care)
        found: dict[str, float] = {"opening, once": each(lambda: fresh.find(system=MRN, value="MRN-7"), 1)}
        found["finding, one by one"] = each(lambda: fresh.find(system=MRN, value="MRN-7"), ROUNDS)
        with fresh.finder() as find:
            found["finding, many in one block"] = each(lambda: find(MRN, "MRN-7"), ROUNDS)
        acts = iter(range(ROUNDS))

        def enter() -> None:
            number = next(acts)
            account = PartyRef("person", checksum(f"0x{number + 1000:040x}"))
            fresh.enter(system=MRN, value=f"new-{number}", account=account, checked="document-seen")

        found["entering"] = each(enter, 50)
        found["listing all"] = each(fresh.list, 1)
        found["plain SQLite, one by one"] = each(plain(Path(folder), count), ROUNDS)
        found["kilobytes an entry"] = fresh._file.path.stat().st_size / count / 1000
        care.close()
        return found


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = measure(given.entries)
    if given.json:
        print(json.dumps({"entries": given.entries, **found}))
    else:
        base = found["plain SQLite, one by one"]
        print(f"{given.entries:,} entries, hybrid keys")
        for name, value in found.items():
            unit, ratio = ("kB", "") if name.startswith("kilo") else ("ms", f"{value / base:10.1f} x plain")
            print(f"{name:30} {value:10.3f} {unit} {ratio}")
    most = OPEN_SECONDS * 1000 * max(1.0, given.entries / 20_000)
    return int(found["opening, once"] > most or found["finding, one by one"] > FIND_MS)


if __name__ == "__main__":
    sys.exit(main())
