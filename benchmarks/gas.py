"""What people's acts cost on chain, beside the least a correct design needs and beside a peer.

    python benchmarks/gas.py [--json]

Ours is measured now: each act in a transaction of its own, from a prepared state, on Anvil (tests/gas/stories.py). The
floor is a contract written only to measure the operation: the fewest storage slots a correct design needs, and one
event. Floors and the figures of EAS (Ethereum Attestation Service) were measured the same way on
2026-11-23: Foundry 1.7.1, solc 0.8.30, cold storage, first use of a slot. What stands between the floor and ours is
named: every addition is a rule that the floor does not keep.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CONTROLLER = "4,700 who acts for the subject now (cold call and read): a lost key can be replaced"
REACH = "the rest: forwarder check, ABI decoding"
RECEIPT = "631 receipt (32 bytes of data) and scope (a topic) in the event"
IDENTIFIER = "375 id of the directive as a topic, and its hash over chain and contract"
TERMS = "scope, classes and window are checked; all terms are in the calldata"


@dataclass(frozen=True)
class Row:
    """One act: our story, the floor, a peer, and what we add to the floor."""

    story: str
    floor: int
    peer: str = ""
    peer_gas: int | None = None
    adds: tuple[str, ...] = ()


ROWS = (
    Row(
        "patient grants consent to one clinic", 47_207, "EAS attest, 96 bytes", 245_343,
        (CONTROLLER, RECEIPT, IDENTIFIER, TERMS, REACH),
    ),
    Row(
        "patient grants again, superseding the directive before", 30_107, "EAS attest, 96 bytes", 245_343,
        (CONTROLLER, RECEIPT, IDENTIFIER, TERMS, REACH),
    ),
    Row(
        "relayer carries a patient's signed grant", 53_115, "EAS attestByDelegation, 32 bytes", 215_992,
        (CONTROLLER, RECEIPT, IDENTIFIER, TERMS, "sixteen terms hashed in words a wallet shows"),
    ),
    Row(
        "relayer carries a patient's signed grant that supersedes another", 35_991, "EAS attestByDelegation, 32 bytes",
        215_992, (CONTROLLER, RECEIPT, IDENTIFIER, TERMS, "sixteen terms hashed in words a wallet shows"),
    ),
    Row(
        "patient revokes consent", 29_841, "EAS revoke", 59_647,
        (CONTROLLER, IDENTIFIER, "512 reason code and version in the event", REACH),
    ),
    Row(
        # Nobody measured this floor: that of revoking, and what a signature added to that of granting.
        "relayer carries a patient's signed revocation", 29_841 + (53_115 - 47_207), "EAS revokeByDelegation", 74_782,
        (CONTROLLER, IDENTIFIER, "eleven terms in calldata and hashed", REACH),
    ),
    Row(
        "author anchors one record", 45_991, "EAS timestamp", 45_864,
        (CONTROLLER, "375 record id as a topic: over chain, contract and author; nobody takes another's commitment",
         "512 commitment and meaning in the event (21 CFR 11.50)", REACH),
    ),
    Row(
        "author anchors 1,000 records in one batch", 45_979, "EAS multiTimestamp of 1,000", 24_579_000,
        (CONTROLLER, "2,100 retirement is asked", "1,262 batch id and root (topics), size and meaning (data)", REACH),
    ),
)  # fmt: skip


def measured() -> list[dict[str, object]]:
    """Measure our side and join the others."""
    ours = ModuleType("tests")  # a package of that name among the installed ones would be found first
    ours.__path__ = [str(ROOT / "tests")]
    sys.modules["tests"] = ours
    from tests.gas.stories import measure, node_world

    with node_world() as world:
        return [{**asdict(row), "ours": measure(world, row.story)} for row in ROWS]


def show(rows: list[dict[str, object]]) -> None:
    """Print the table, and under each act what is added to the floor."""
    print(f"{'act':<66}{'ours':>9}{'floor':>9}{'added':>8}{'peer':>13}  peer's act")
    for row in rows:
        ours, floor, peer = row["ours"], row["floor"], row["peer_gas"]
        assert isinstance(ours, int) and isinstance(floor, int) and isinstance(peer, int)
        print(f"{row['story']:<66}{ours:>9,}{floor:>9,}{ours - floor:>8,}{peer:>13,}  {row['peer']}")
        for added in row["adds"]:  # type: ignore[attr-defined]
            print(f"    + {added}")


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(description="Gas of our acts beside floors and a peer.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    rows = measured()
    if arguments.json:
        print(json.dumps(rows, indent=2))
    else:
        show(rows)


if __name__ == "__main__":
    main()
