"""A custodian's access log of a million entries: written, anchored, proved and accounted for, beside bare hashing.

    python benchmarks/access_log.py [--quick] [--json] [--entries N]

Entries are written to the sealed book as a custodian writes them, a thousand to a transaction (synchronous=FULL); one
part over all of them is anchored on a local chain; single entries are proved from the tree on disk and checked by the
contract; one patient in a hundred asks for an accounting, which is sealed, opened and checked against the anchors. The
limit beside each is keccak256 over as many blocks as the work cannot do without, hashed in this same run.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sha3 import keccak_256

from careledger import Basis, CareLedger, Custodian, PartyRef, Purpose, Reason, Role, RoleRef
from careledger.custodian.book import Draft
from careledger.privacy.openers import from_seed, new_seed
from careledger.resources.access_entries import Acting
from careledger.values import RecordId, from_hex, to_hex

ENTRIES = 1_000_000
QUICK_ENTRIES = 50_000
PATIENTS = 100
"""Each has one entry in a hundred: 10,000 of a million."""
BATCH = 1_000
PROOFS = 200
TARGETS = {"prove one entry": 2.0, "account for one patient, sealed, opened and checked": 5.0}
"""Seconds that the documents promise at most."""


def main() -> None:
    """Fill a book, anchor it, prove and account, and print the table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ENTRIES} entries instead of {ENTRIES}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--entries", type=int, help="how many entries")
    options = parser.parse_args()
    count = options.entries or (QUICK_ENTRIES if options.quick else ENTRIES)
    with CareLedger.local() as care:
        results = measure(care, count)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _table(results)


def measure(care: CareLedger, count: int) -> list[dict[str, Any]]:
    """Do each thing once, with its limit."""
    hospital = PartyRef("organisation", care.me)
    care = care.as_(opener=from_seed(new_seed()))
    care.records.name_receipt_key(hospital, signer=care.me)
    custodian = Custodian(care, hospital)
    assert care.signer is not None
    patients = [PartyRef("person", care.signer.address), *(_somebody(n) for n in range(1, PATIENTS))]
    results = []

    with _timed(results, "write the entries into the sealed book", count, hashes=2 * count):
        for start in range(0, count, BATCH):
            custodian.book.write(*_drafts(patients, start, min(start + BATCH, count), care.records.now()))
    with _timed(results, "build the tree, keep it, anchor its root", count, hashes=3 * count):
        receipt = custodian.anchor()
    assert receipt is not None
    results[-1]["gas"] = receipt.gas  # type: ignore[union-attr]

    depth = (count - 1).bit_length()
    places = random.Random(7).sample(range(1, count + 1), min(PROOFS, count))
    took = []
    for entry in places:
        started = time.perf_counter()
        proof = custodian.prove(entry)
        took.append(time.perf_counter() - started)
        leaf = custodian.book.leaves(entry, entry)[0]
        path = [from_hex(node) for node in proof.path]
        assert care.records.is_logged(hospital, part=proof.part, entry=entry, leaf=leaf, path=path)
    median = {"seconds": statistics.median(took), "cpu_seconds": None}
    _add(results, "prove one entry", 1, median, hashes=depth + 2, worst=max(took))

    mine = count // PATIENTS
    request = care.records.request_accounting(custodian=hospital, patient=patients[0])
    started = _now()
    document = json.dumps(custodian.accounting(request).to_json())
    between = _now()
    found = care.records.read_accounting(json.loads(document))
    check = care.records.check_accounting(found)
    ended = _now()
    assert check.complete and check.proved == len(found.entries) >= mine, check.problems
    nodes = sum(len(part.nodes) for part in found.parts)
    hashes = 4 * len(found.entries) + nodes + len(found.entries)
    shown, whole = len(found.entries), "account for one patient, sealed, opened and checked"
    _add(results, "  answer: open rows, prove, sign, seal", shown, _took(started, between), hashes=hashes)
    _add(results, "  check: open, recompute, compare with anchors", shown, _took(between, ended), hashes=hashes)
    _add(results, whole, shown, _took(started, ended), hashes=2 * hashes, megabytes=len(document) / 1e6)
    for result in results:
        target = TARGETS.get(result["what"])
        if target is not None:
            result["target_seconds"], result["met"] = target, result.get("worst", result["seconds"]) < target
    size = sum(path.stat().st_size for path in custodian.folder.rglob("*") if path.is_file())
    results[0]["bytes_an_entry"] = size / count
    return results


def _drafts(patients: list[PartyRef], start: int, stop: int, now: int) -> Iterator[Draft]:
    """Yield what a day's requests came to: doctors of a few houses, one refusal in ten."""
    purposes = (Purpose.TREAT, Purpose.HPAYMT, Purpose.HRESCH)
    for number in range(start, stop):
        allowed = number % 10 > 0
        actor = _somebody(1_000 + number % 50)
        house: Any = PartyRef("organisation", _somebody(2_000 + number % 5).address)
        if number % 7 == 0:
            house = RoleRef(Role.RESEARCH_INSTITUTION, 756_000)
        yield Draft(
            os.urandom(32), RecordId(to_hex(os.urandom(32))), patients[number % len(patients)].address, actor.address,
            Acting.of(actor, house, jurisdiction=756_000), purposes[number % 3],
            Basis.DIRECTIVE if allowed else Basis.NONE, Reason.DIRECTIVE if allowed else Reason.NOT_GRANTED, allowed, 1,
            now,
        )  # fmt: skip


def _somebody(number: int) -> PartyRef:
    return PartyRef("person", f"0x{number:040x}")  # type: ignore[arg-type]


@contextmanager
def _timed(results: list[dict[str, Any]], what: str, count: int, *, hashes: int) -> Iterator[None]:
    started = _now()
    yield
    _add(results, what, count, _took(started, _now()), hashes=hashes)


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _took(start: tuple[float, float], end: tuple[float, float]) -> dict[str, float]:
    return {"seconds": end[0] - start[0], "cpu_seconds": end[1] - start[1]}


def _add(
    results: list[dict[str, Any]], what: str, count: int, took: dict[str, Any], *, hashes: int, **more: Any
) -> None:  # fmt: skip
    """Note a result, with the bare hashing it cannot do without, done now."""
    hashing = {"hashes": hashes, "hashing_seconds": _hashing(hashes)}
    results.append({"what": what, "entries": count, **took, **hashing, **more})


def _hashing(count: int) -> float:
    """Return how long keccak256 of so many 64-byte blocks takes; of a small number, from many rounds."""
    digest: Callable[[bytes], Any] = keccak_256
    block, rounds = os.urandom(64), max(1, 20_000 // count)
    started = time.perf_counter()
    for _ in range(rounds * count):
        digest(block).digest()
    return (time.perf_counter() - started) / rounds


def _table(results: list[dict[str, Any]]) -> None:
    """Print the results for people."""
    print(f"{'what':54}{'entries':>10}{'seconds':>10}{'of CPU':>9}{'hashing':>10}{'times':>8}  at most")
    for r in results:
        seconds = r.get("worst", r["seconds"])
        target = "" if "target_seconds" not in r else f"  {r['target_seconds']:.0f} s: {'yes' if r['met'] else 'NO'}"
        print(
            f"{r['what']:54}{r['entries']:>10,}{seconds:>10.4f}{_cpu(r):>9}{r['hashing_seconds']:>10.4f}"
            f"{seconds / r['hashing_seconds']:>8.0f}{target}"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    accounting = next(r for r in results if "megabytes" in r)
    print(
        f"{results[0]['bytes_an_entry']:.0f} bytes an entry on disk, trees included; the accounting has "
        f"{accounting['megabytes']:.1f} MB; anchoring took {results[1]['gas']:,} gas; peak {peak:.0f} MB of memory."
    )
    print(f"'Prove one' is the slowest of {PROOFS}. {os.cpu_count()} cores; compare within one run only.")


def _cpu(result: dict[str, Any]) -> str:
    return "" if result["cpu_seconds"] is None else f"{result['cpu_seconds']:.2f}"


if __name__ == "__main__":
    main()
