"""Events per second into SQLite: the index, beside what the node can give at most and beside web3.py.

    python benchmarks/indexing.py [--quick] [--json] [--events N]

Every way runs in a process of its own on the same Anvil chain (three shapes of events, 1,000 to a block), so that peak
memory is its own. The index checks every header and bloom, writes each event to two tables, commits with
synchronous=FULL and builds its secondary indexes; all of that is in its time. web3.py runs on a smaller sample, writes
one table for each event and checks nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

EVENTS = 200_000
QUICK_EVENTS = 20_000
PEER_EVENTS = 20_000
"""web3.py takes ten times as long for each event; its rate does not depend on their number."""
BYTES_BLOCKS = 10
"""Blocks in one request of the bytes-only way: the fastest of 10, 100 and all, by measurement."""


def measure_index(url: str, address: str, folder: Path, _count: int) -> dict[str, Any]:
    """Read everything with the index, every check on."""
    from emitter import artifact

    from careledger.chain.rpc import Rpc
    from careledger.index import Index, Options, Source

    source = Source.from_artifact(artifact(), address)
    started = time.perf_counter()
    with Index(Rpc(url), [source], str(folder / "index.db"), options=Options(window=2)) as index:
        events = index.sync().events
    return {"events": events, "seconds": time.perf_counter() - started}


def measure_bytes(url: str, address: str, _folder: Path, _count: int) -> dict[str, Any]:
    """Fetch the answers of eth_getLogs and throw them away: the limit set by the node."""
    head = int(_post(url, "eth_blockNumber", []), 16)
    started = time.perf_counter()
    size = 0
    for first in range(0, head + 1, BYTES_BLOCKS):
        query = {"fromBlock": hex(first), "toBlock": hex(first + BYTES_BLOCKS - 1), "address": address}
        size += len(_raw(url, "eth_getLogs", [query]))
    return {"events": _count, "seconds": time.perf_counter() - started, "megabytes": size / 1e6}


def measure_web3(url: str, address: str, folder: Path, count: int) -> dict[str, Any]:
    """Read with web3.py's contract.events.X.get_logs, ten blocks at a time, into one SQLite table for each event."""
    from emitter import artifact
    from web3 import HTTPProvider, Web3

    web3 = Web3(HTTPProvider(url, request_kwargs={"timeout": 60}))
    contract = web3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact()["abi"])
    started = time.perf_counter()
    database = sqlite3.connect(folder / "web3.db")
    database.execute("pragma journal_mode=wal")
    for event in contract.events:
        names = [item["name"] for item in event.abi["inputs"]]
        columns = ", ".join(f'"{name}"' for name in names)
        database.execute(f"create table {event.event_name} (block, block_hash, idx, tx, {columns})")
    events, first, last = 0, 0, web3.eth.block_number
    while first <= last and events < count:
        for event in contract.events:
            logs = event.get_logs(from_block=first, to_block=min(first + 9, last))
            marks = ", ".join("?" * (4 + len(event.abi["inputs"])))
            rows = [_web3_row(log) for log in logs]
            database.executemany(f"insert into {event.event_name} values ({marks})", rows)  # noqa: S608
            events += len(rows)
        database.commit()
        first += 10
    return {"events": events, "seconds": time.perf_counter() - started}


def _web3_row(log: Any) -> tuple[Any, ...]:
    """Turn web3.py's log into a row."""
    values = (v if isinstance(v, str) else v.hex() if isinstance(v, bytes) else str(v) for v in log["args"].values())
    return (log["blockNumber"], log["blockHash"].hex(), log["logIndex"], log["transactionHash"].hex(), *values)


WAYS: dict[str, tuple[str, Callable[[str, str, Path, int], dict[str, Any]]]] = {
    "bytes": ("raw eth_getLogs, bytes only (limit)", measure_bytes),
    "index": ("careledger index, all checks, into SQLite", measure_index),
    "web3": ("web3.py events.get_logs, into SQLite", measure_web3),
}


def main() -> None:
    """Prepare the chain, run each way in its own process, print the table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_EVENTS} events instead of {EVENTS}")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--events", type=int, help="how many events")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--on", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = options.events or (QUICK_EVENTS if options.quick else EVENTS)
    if options.way:
        _run_one(options.way, *options.on, count)
        return
    results = _run_all(count)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _table(results)


def _run_all(count: int) -> list[dict[str, Any]]:
    """Fill a chain and measure every way on it."""
    from emitter import deploy, emit

    from careledger.chain.anvil import Anvil, find_anvil
    from careledger.chain.rpc import Rpc

    binary = find_anvil()
    if binary is None:
        raise SystemExit("Anvil is not installed; run `make install`.")
    anvil = Anvil(binary, ["--silent"])
    anvil.start()
    try:
        rpc = Rpc(anvil.url)
        address = deploy(rpc)
        emit(rpc, address, 0, count)
        results = []
        for way, (title, _) in WAYS.items():
            size = min(count, PEER_EVENTS) if way == "web3" else count
            command = [sys.executable, __file__, "--way", way, "--on", anvil.url, address, "--events", str(size)]
            answer = subprocess.run(command, capture_output=True, text=True, check=True)
            results.append({"way": title, **json.loads(answer.stdout)})
    finally:
        anvil.stop()
    limit, peer = results[0]["events_per_second"], results[-1]["events_per_second"]
    for result in results:
        result["of_limit"] = result["events_per_second"] / limit
        result["times_web3"] = result["events_per_second"] / peer
    return results


def _run_one(way: str, url: str, address: str, count: int) -> None:
    """Measure one way and print what it took, imports not included."""
    with tempfile.TemporaryDirectory() as folder:
        result = WAYS[way][1](url, address, Path(folder), count)
    assert result["events"] >= min(count, PEER_EVENTS), result
    result["events_per_second"] = result["events"] / result["seconds"]
    result["peak_megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(result))


def _table(results: list[dict[str, Any]]) -> None:
    """Print the results for people."""
    print(f"{'way':44}{'events':>9}{'seconds':>9}{'events/s':>10}{'peak MB':>9}{'of limit':>10}{'x web3.py':>11}")
    for r in results:
        print(
            f"{r['way']:44}{r['events']:>9,}{r['seconds']:>9.2f}{r['events_per_second']:>10,.0f}"
            f"{r['peak_megabytes']:>9.0f}{r['of_limit']:>10.0%}{r['times_web3']:>11.1f}"
        )
    print(f"{os.cpu_count()} cores; compare within one run only.")


def _raw(url: str, method: str, params: list[Any]) -> bytes:
    """Post one call and return the body."""
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return bytes(answer.read())


def _post(url: str, method: str, params: list[Any]) -> Any:
    """Post one call and return its result."""
    return json.loads(_raw(url, method, params))["result"]


if __name__ == "__main__":
    main()
