"""Compare the threat model with the tests: each id of a finished domain has a test that carries it in its name.

    scripts/trace.py           print the counts per domain and fail on an id without a test
    scripts/trace.py --list    also print which tests carry which id

A name carries an id when it stands between underscores: `test_C5_decide__at_expiry__denied`, `invariant_C2_…`.
"""

import argparse
import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolchain import ROOT

TABLE = ROOT / "tests" / "threats.toml"
THREATS, HEALTH_RULES = 134, 24
ID = re.compile(r"(?<![A-Za-z0-9])([A-Z]\d{1,2})(?![A-Za-z0-9])")
SOLIDITY = re.compile(r"^\s*function\s+((?:test|invariant|check)\w*)\s*\(", re.MULTILINE)


def names(folder: Path) -> Iterator[str]:
    """Yield `file::test` for every test under `folder`, Python and Solidity, planted failures left out."""
    for path in sorted(folder.rglob("*")):
        if "planted" in path.parts or path.suffix not in (".py", ".sol"):
            continue
        text = path.read_text()
        if path.suffix == ".sol":
            found = SOLIDITY.findall(text)
        elif path.name.startswith("test_") or path.name.endswith("_test.py"):
            nodes = ast.walk(ast.parse(text))
            found = [node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
            found = [name for name in found if name.startswith("test")]
        else:
            continue
        yield from (f"{path.relative_to(folder)}::{name}" for name in found)


def carried(tests: Iterator[str]) -> dict[str, list[str]]:
    """Return the tests by the ids that their names carry."""
    found: dict[str, list[str]] = defaultdict(list)
    for test in tests:
        for identifier in ID.findall(test.split("::")[1].replace("_", " ")):
            found[identifier].append(test)
    return found


def mistakes(table: dict[str, Any], tests: dict[str, list[str]]) -> list[str]:
    """Return what is wrong, one sentence each."""
    found = []
    finished = set(table["finished"])
    rows = {name: row for name, row in table.items() if isinstance(row, dict)}
    for name, row in rows.items():
        state = row["state"]
        known = state == "tested" or re.fullmatch(r"(not applicable|later): \S.+", state) or state.startswith("later: ")
        if not known:
            found.append(f"{name} has the unknown state {state!r}")
        elif state == "tested" and row["domain"] in finished and not tests.get(name):
            found.append(f"{name} has no test: {row['case']}")
        elif state.startswith("later: ") and state.removeprefix("later: ") in finished:
            found.append(f"{name} waits for {state.removeprefix('later: ')}, which is finished")
    found += [f"{name} stands in {tests[name][0]} and not in the table" for name in sorted(tests.keys() - rows.keys())]
    health = sum(name.startswith("H") for name in rows)
    if (len(rows) - health, health) != (THREATS, HEALTH_RULES):
        found.append(f"the table has {len(rows) - health} threats and {health} health rules")
    return found


def report(table: dict[str, Any], tests: dict[str, list[str]], *, everything: bool) -> None:
    """Print the counts per domain."""
    rows = {name: row for name, row in table.items() if isinstance(row, dict)}
    for domain in dict.fromkeys(row["domain"] for row in rows.values()):
        mine = {name: row for name, row in rows.items() if row["domain"] == domain}
        wanted = [name for name, row in mine.items() if row["state"] == "tested"]
        with_test = sum(bool(tests.get(name)) for name in wanted)
        others = len(mine) - len(wanted)
        mark = "finished" if domain in table["finished"] else "to come"
        note = f", {others} not applicable or later" if others else ""
        print(f"  {domain:<13} {mark:<9} {with_test:>3} of {len(wanted)} ids have a test{note}")
        for name in mine if everything else ():
            print(f"    {name:<4} {len(tests.get(name, []))} {' '.join(tests.get(name, [])[:4])}")


def main() -> int:
    """Parse the arguments, report, and judge."""
    parser = argparse.ArgumentParser(description="Compare the threat model with the tests.")
    parser.add_argument("--list", action="store_true", help="print the tests of each id")
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--tests", type=Path, default=ROOT / "tests")
    arguments = parser.parse_args()
    table = tomllib.loads(arguments.table.read_text())
    tests = carried(names(arguments.tests))
    report(table, tests, everything=arguments.list)
    found = mistakes(table, tests)
    for sentence in found:
        print(f"Error: {sentence}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
