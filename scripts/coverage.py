"""Measure what the tests reach, and fail below what tests/coverage.toml demands: `make coverage`.

    scripts/coverage.py              both parts
    scripts/coverage.py --contracts  lines and branches of the contracts, by the unit tests (under a minute)
    scripts/coverage.py --package    lines and branches of the package, by the tests of SDK and command line (minutes)

The contracts are measured on a scratch copy with probes (scripts/probes.py), compiled by the quick pipeline. A line is
reached when every statement that begins on it ran; a branch is one outcome of one condition. A file that several
contracts inherit or use counts once.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import build
import mutate
import toolchain
from probes import Probe, plant, reached
from toolchain import ROOT

DEMANDS = ROOT / "tests" / "coverage.toml"
PYTEST = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]

Place = tuple[str, int]


@dataclass(frozen=True)
class Tally:
    """Lines and branches of one file or of all: how many there are, and how many were reached."""

    file: str
    lines: int
    lines_reached: int
    branches: int
    branches_reached: int

    @property
    def line_share(self) -> float:
        """Reached lines in per cent."""
        return 100 * self.lines_reached / max(1, self.lines)

    @property
    def branch_share(self) -> float:
        """Reached branches in per cent."""
        return 100 * self.branches_reached / self.branches if self.branches else 100.0

    def __str__(self) -> str:
        lines = f"{self.lines_reached:>5} of {self.lines:<5}{self.line_share:>6.1f} %"
        return f"  {self.file:<42}{lines}  {self.branches_reached:>5} of {self.branches:<5}{self.branch_share:>6.1f} %"


def measure(suite: list[str]) -> tuple[list[Probe], set[Probe]]:
    """Run tests against contracts with probes; return all probes and those reached.

    Raises:
        SystemExit: A test failed: what it reached after that, nobody knows.
        BuildFailed: The contracts do not compile.
    """
    with tempfile.TemporaryDirectory(prefix="careledger-coverage-") as name:
        folder = Path(name).resolve()
        mutate.scratch(folder)
        probes = plant(folder)
        looked = folder / ".build" / "probes"
        looked.mkdir(parents=True)
        environment = {
            **toolchain.environment(),
            "CARELEDGER_SCRATCH": str(folder),
            "CARELEDGER_PROBES": str(looked),
            "PYTHONPATH": str(folder),
        }
        for command in ([sys.executable, "scripts/build.py", "--mutant"], [*PYTEST, *suite]):
            answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment, check=False)
            if answer.returncode:
                sys.exit(
                    f"Error: {' '.join(command[1:])} fails on contracts with probes:\n{answer.stdout[-3000:]}"
                    f"{answer.stderr[-3000:]}"
                )
        print(answer.stdout.strip().splitlines()[-1])
        addresses = (address for path in looked.iterdir() for address in path.read_text().split())
        return probes, reached(addresses, probes)


def explained(missing: list[Probe], entries: list[dict[str, str]]) -> tuple[set[Probe], list[str]]:
    """Return the probes that cannot be reached, by the table, and what is wrong with the table."""
    known, wrong = set(), []
    for entry in entries:
        wanted = tuple(entry[key] for key in ("file", "function", "text", "outcome"))
        found = [probe for probe in missing if (probe.file, probe.function, probe.text, probe.outcome) == wanted]
        known.update(found)
        if len(found) != 1:
            wrong.append(f"{DEMANDS.name} explains {' | '.join(wanted)}, which is {len(found)} places not reached")
        if len(entry["reason"]) < 30:
            wrong.append(f"{DEMANDS.name} gives no reason for {' | '.join(wanted)}")
    return known, wrong


def tally(file: str, probes: list[Probe], hit: set[Probe]) -> Tally:
    """Count lines and branches of some probes."""
    lines: dict[Place, bool] = {}
    branches = [probe for probe in probes if probe.outcome != "ran"]
    for probe in probes:
        if probe.outcome == "ran":
            place = (probe.file, probe.line)
            lines[place] = lines.get(place, True) and probe in hit
    return Tally(file, len(lines), sum(lines.values()), len(branches), sum(probe in hit for probe in branches))


def contracts(demands: dict[str, Any]) -> list[str]:
    """Measure the contracts, print the table, and return what is wrong."""
    print("Contracts, by " + " ".join(demands["contracts"]["tests"]), flush=True)
    probes, hit = measure(demands["contracts"]["tests"])
    if not hit:
        return ["no probe was reached: nothing was measured"]
    missing = [probe for probe in probes if probe not in hit]
    known, wrong = explained(missing, demands.get("exception", []))
    counted = [probe for probe in probes if probe not in known]
    print(f"  {'file':<42}{'lines':<24}branches")
    for file in dict.fromkeys(probe.file for probe in probes):
        print(tally(file, [probe for probe in counted if probe.file == file], hit))
    total = tally("all", counted, hit)
    print(total)
    print(f"  Left out: {len(known)} that {DEMANDS.relative_to(ROOT)} explains.")
    for probe in sorted(set(missing) - known, key=lambda probe: (probe.file, probe.line)):
        print(f"  {probe}")
    for kind, share in (("lines", total.line_share), ("branches", total.branch_share)):
        if share < demands["contracts"][kind]:
            wrong.append(
                f"the tests reach {share:.2f} % of the contracts' {kind}, wanted {demands['contracts'][kind]} %"
            )
    return wrong


def package(demands: dict[str, Any], cores: str) -> list[str]:
    """Measure the package, let pytest-cov print the table, and return what is wrong."""
    wanted = demands["package"]
    print("Package, by " + " ".join(wanted["tests"]), flush=True)
    spread = ["-n", cores, "--dist", "loadgroup"] if int(cores) > 1 else []
    report = ["--cov=careledger", "--cov-branch", "--cov-report=term-missing:skip-covered"]
    report += [f"--cov-fail-under={wanted['covered']}"]
    command = [*PYTEST, *spread, *report, "-k", wanted["only"], *wanted["tests"]]
    environment = {**toolchain.environment(), "COVERAGE_FILE": str(toolchain.BUILD / "coverage")}
    answer = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    return ["a test failed, or too little of the package was reached: see above"] if answer.returncode else []


def main() -> int:
    """Parse the arguments, measure, judge."""
    parser = argparse.ArgumentParser(description="What the tests reach of the contracts and of the package.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--contracts", action="store_true", help="only the contracts")
    choice.add_argument("--package", action="store_true", help="only the package")
    parser.add_argument("--cores", default="1", help="workers for the tests of the package")
    arguments = parser.parse_args()
    demands = tomllib.loads(DEMANDS.read_text())
    try:
        wrong = [] if arguments.package else contracts(demands)
    except build.BuildFailed as error:
        wrong = [str(error)]
    if not arguments.contracts:
        wrong += package(demands, arguments.cores)
    for sentence in wrong:
        print(f"Error: {sentence}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
