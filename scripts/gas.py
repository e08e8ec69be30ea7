"""Compare what the user stories cost with tests/gas/snapshot.json.

    scripts/gas.py --check    after the tests: fail on any sentence that costs more, is missing or is new
    scripts/gas.py --write    take the measured figures for the snapshot

The gas tests record through the fixture `gas` (tests/gas/recorder.py). Cheaper is fine, and reported; the figures are
exact on Anvil, so the tolerance only covers addresses with more or fewer zero bytes.
"""

import argparse
import json
import sys
from pathlib import Path

from toolchain import BUILD, ROOT

SNAPSHOT = ROOT / "tests" / "gas" / "snapshot.json"
MEASURED = BUILD / "gas"
TOLERANCE = 0.005


def measured(folder: Path) -> dict[str, int]:
    """Return what the tests recorded, all workers together."""
    figures: dict[str, int] = {}
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            figures.update(json.loads(line))
    return figures


def compare(old: dict[str, int], new: dict[str, int]) -> list[str]:
    """Return one sentence for each difference that fails the build."""
    failures = []
    for sentence in sorted(old.keys() | new.keys()):
        if sentence not in new:
            failures.append(f"{sentence}: no test measured it")
        elif sentence not in old:
            failures.append(f"{sentence}: {new[sentence]:,} gas, not in the snapshot")
        elif new[sentence] > old[sentence] * (1 + TOLERANCE):
            rise = new[sentence] / old[sentence] - 1
            failures.append(f"{sentence}: {new[sentence]:,} gas, was {old[sentence]:,} (+{rise:.1%})")
        elif new[sentence] < old[sentence] * (1 - TOLERANCE):
            print(f"  cheaper: {sentence}: {new[sentence]:,} gas, was {old[sentence]:,}")
    return failures


def main() -> int:
    """Parse the arguments, compare or write."""
    parser = argparse.ArgumentParser(description="Compare gas with the snapshot.")
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--check", action="store_true")
    choice.add_argument("--write", action="store_true")
    parser.add_argument("--snapshot", type=Path, default=SNAPSHOT)
    parser.add_argument("--measured", type=Path, default=MEASURED)
    arguments = parser.parse_args()
    new = measured(arguments.measured)
    if not new:
        print("Error: no gas was measured; run the tests first.", file=sys.stderr)
        return 1
    if arguments.write:
        arguments.snapshot.write_text(json.dumps(new, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
        print(f"{len(new)} sentences written.")
        return 0
    old = json.loads(arguments.snapshot.read_text()) if arguments.snapshot.is_file() else {}
    failures = compare(old, new)
    for failure in failures:
        print(f"Error: {failure}", file=sys.stderr)
    if failures:
        print("Try:   make it cheaper, or take the figure with scripts/gas.py --write and say why.", file=sys.stderr)
        return 1
    print(f"{len(new)} gas figures are within {TOLERANCE:.1%} of the snapshot.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
