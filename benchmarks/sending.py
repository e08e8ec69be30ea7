"""Transactions a second through the SDK, beside the same node fed with transactions signed beforehand.

    python benchmarks/sending.py [--count 2000] [--json]

Both ways send the same transfers in HTTP batches of 100 to one Anvil that mines at the end, in turn and several times.
The table has the best of each way, the ratio is the median over the rounds, so that other work on the machine weighs on
both. The SDK signs, journals to disk and checks every answer meanwhile. Exit 1 when it reaches less than 60 % of the
bare rate.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import urllib3

from careledger.chain.connection import Connection
from careledger.chain.journal import Journal
from careledger.chain.local import LocalChain
from careledger.chain.sender import Act, Call, Sender
from careledger.errors import CareLedgerError
from careledger.values import to_hex

GOAL = 0.6
BATCH = 100


def presigned(chain: LocalChain, count: int, number: int) -> list[str]:
    """Sign transfers of a development account beforehand."""
    signer, target = chain.signer(number), chain.accounts[9]
    fees, nonce = chain.connection.fees(), chain.connection.nonce(chain.signer(number).address)
    body = {
        "chainId": chain.connection.chain_id, "maxPriorityFeePerGas": fees.priority, "maxFeePerGas": fees.max_fee,
        "gas": 21000, "to": target, "value": 1, "data": b"",
    }  # fmt: skip
    return [to_hex(signer.sign_transaction({**body, "nonce": nonce + at})) for at in range(count)]


def bare(url: str, signed: list[str], batch: int) -> float:
    """Send transactions signed beforehand in batches, and return how many a second the node took."""
    pool = urllib3.PoolManager()
    began = time.perf_counter()
    for at in range(0, len(signed), batch):
        calls = [
            {"jsonrpc": "2.0", "id": number, "method": "eth_sendRawTransaction", "params": [raw]}
            for number, raw in enumerate(signed[at : at + batch])
        ]
        answer = pool.request("POST", url, body=orjson.dumps(calls), headers={"content-type": "application/json"})
        if any("result" not in item for item in orjson.loads(answer.data)):
            raise SystemExit("the node refused a transaction of the bare run")
    return len(signed) / (time.perf_counter() - began)


def sender_of(chain: LocalChain, number: int, folder: Path) -> Sender:
    """Return a sender with a journal of its own."""
    connection = Connection(chain.rpc)
    signer = chain.signer(number)
    path = folder / f"{number}-{time.monotonic_ns()}.sqlite"
    return Sender(connection, signer, Journal(path, scope=connection.scope, sender=signer.address))


def flights(chain: LocalChain, count: int, number: int, folder: Path) -> float:
    """Send acts through ``submit_many`` and return how many a second were signed, journalled and taken."""
    sender, target = sender_of(chain, number, folder), chain.accounts[9]
    acts = [Act(Call(target, value=1, gas=21000), f"act/{at}") for at in range(count)]
    began = time.perf_counter()
    results = sender.submit_many(acts, wait="sent", flight=BATCH, window=None)
    rate = count / (time.perf_counter() - began)
    if any(isinstance(item, CareLedgerError) for item in results):
        raise SystemExit("the node refused a transaction of the SDK's run")
    return rate


def one_by_one(chain: LocalChain, count: int, number: int, folder: Path) -> float:
    """Submit acts in turn, each waited for, and return how many a second."""
    sender, target = sender_of(chain, number, folder), chain.accounts[9]
    began = time.perf_counter()
    for at in range(count):
        sender.submit(Call(target, value=1, gas=21000), key=f"one/{at}")
    return count / (time.perf_counter() - began)


def drained(chain: LocalChain, work: Callable[[], float]) -> float:
    """Run with mining held back, then mine everything."""
    chain.automine(False)
    try:
        return work()
    finally:
        while int(chain.rpc.request("txpool_status")["pending"], 16):
            chain.mine()
        chain.automine(True)


def measure(count: int, rounds: int) -> tuple[dict[str, float], float]:
    """Measure everything on one Anvil; return the best transactions a second of each way, and the median ratio."""
    options = ["--gas-limit", str(21000 * (count + 1)), "--disable-min-priority-fee"]
    best: dict[str, float] = {}
    ratios: list[float] = []

    def note(name: str, rate: float) -> None:
        best[name] = max(best.get(name, 0.0), rate)

    with tempfile.TemporaryDirectory() as folder, LocalChain(engine="anvil", arguments=options) as chain:
        for number in range(rounds):
            for name, batch in (("bare1000", 1000), ("bare100", BATCH)):
                signed = presigned(chain, count, 2 * number)
                rate = drained(chain, lambda s=signed, b=batch: bare(str(chain.url), s, b))
                note(name, rate)
            ours = drained(chain, lambda n=number: flights(chain, count, 2 * n + 1, Path(folder)))
            note("flights", ours)
            ratios.append(ours / rate)
        note("one", one_by_one(chain, min(count, 300), 15, Path(folder)))
    return best, statistics.median(ratios)


def main() -> int:
    """Measure, print a table and the ratio, and say by the exit code whether the goal is met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--count", type=int, default=2000, help="transactions of each run")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each way, in turn")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    rates, ratio = measure(chosen.count, chosen.rounds)
    if chosen.json:
        print(
            json.dumps({**{name: round(rate) for name, rate in rates.items()}, "ratio": round(ratio, 3), "goal": GOAL})
        )
    else:
        print(f"{'way':<62}{'transactions/s':>15}")
        for name, text in (
            ("bare1000", "signed beforehand, HTTP batches of 1,000 (the limit)"),
            ("bare100", "signed beforehand, HTTP batches of 100"),
            ("flights", "careledger submit_many: signed, journalled, checked, by 100"),
            ("one", "careledger submit, one by one, each waited for"),
        ):
            print(f"{text:<62}{rates[name]:>15,.0f}")
        print(f"ratio {ratio:.2f} (submit_many to batches of 100, median of the rounds), goal {GOAL}")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main())
