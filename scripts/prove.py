"""Run the proofs: the compiler's model checker on pure cores (unbounded), Halmos on compiled code (loops bounded).

Halmos gets contracts as they ship, and libraries as Forge compiles them.

    scripts/prove.py            both
    scripts/prove.py --smt      the specifications listed in tests/proofs/proofs.toml
    scripts/prove.py --halmos   every check_… function of tests/proofs/*.sol

Both count what was proved. Fewer than recorded, or none, is a failure: a proof that did not run proves nothing.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import toolchain
from toolchain import BUILD, ROOT

TABLE = ROOT / "tests" / "proofs" / "proofs.toml"


def start(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's environment and return what it said."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=toolchain.environment(), check=False)


def smt(entries: list[dict[str, Any]]) -> list[str]:
    """Check each listed specification; return what failed, in sentences."""
    failures = []
    node = toolchain.node_command() or sys.exit("Error: there is no Node.js; run `make install`.")
    for entry in entries:
        began = time.monotonic()
        command = [*node, str(ROOT / "scripts" / "smt.js"), entry["file"], entry["contract"]]
        command += [entry.get("engine", "chc")]
        answer = start(command, ROOT)
        if answer.returncode:
            failures.append(f"{entry['contract']}: {answer.stderr.strip()[-2000:]}")
            continue
        report = json.loads(answer.stdout)
        proved = len(report["proved"])
        took, left = time.monotonic() - began, len(report["open"])
        print(f"  smt     {entry['contract']:<34} {proved:>3} proved, {left} open  {took:.1f} s")
        failures += [f"{entry['contract']}: {item}" for item in report["errors"] + report["open"]]
        if proved < entry["proved"] or proved == 0:
            failures.append(f"{entry['contract']}: {proved} properties proved, {entry['proved']} are recorded")
    if not entries:
        failures.append("no specification is listed for the model checker")
    return failures


def halmos(recorded: int, *, pattern: str = r"Proof$", folder: Path | None = None) -> list[str]:
    """Run Halmos on every contract whose name matches; return what failed, in sentences."""
    output = BUILD / "halmos.json"
    output.parent.mkdir(exist_ok=True)
    output.unlink(missing_ok=True)
    root = folder or ROOT
    toolchain.link_solc()
    command = [sys.executable, str(ROOT / "scripts" / "run_halmos.py"), "--root", str(root)]
    command += ["--match-contract", pattern, "--forge-build-out", ".build/forge/out"]
    command += ["--json-output", str(output), "--solver-timeout-assertion", "60000"]
    began = time.monotonic()
    answer = start(command, root)
    if not output.is_file():
        return [f"Halmos gave no result: {(answer.stdout + answer.stderr).strip()[-3000:]}"]
    results = json.loads(output.read_text())["test_results"]
    checks = [(suite.split(":")[-1], check) for suite, found in sorted(results.items()) for check in found]
    failures = []
    for suite, check in checks:
        if check["exitcode"] != 0:
            failures.append(f"{suite}.{check['name']} was not proved (exit code {check['exitcode']})")
    proved = len(checks) - len(failures)
    print(f"  halmos  {proved} of {len(checks)} proved  {time.monotonic() - began:.1f} s")
    if failures:
        failures.append(re.sub(r"\x1b\[[0-9;]*m", "", answer.stdout)[-3000:])
    if answer.returncode and not failures:
        failures.append(f"Halmos ended with {answer.returncode}: {(answer.stdout + answer.stderr)[-1500:]}")
    if proved < recorded or proved == 0:
        failures.append(f"Halmos proved {proved} properties, {recorded} are recorded")
    return failures


def main() -> int:
    """Parse the arguments, run, print the failures last."""
    parser = argparse.ArgumentParser(description="Run the proofs.")
    parser.add_argument("--smt", action="store_true", help="only the model checker")
    parser.add_argument("--halmos", action="store_true", help="only Halmos")
    parser.add_argument("--table", type=Path, default=TABLE, help="another table of proofs")
    arguments = parser.parse_args()
    table = tomllib.loads(arguments.table.read_text())
    both = arguments.smt == arguments.halmos
    failures = []
    if both or arguments.smt:
        failures += smt(table.get("smt", []))
    if both or arguments.halmos:
        entry = table.get("halmos", {})
        failures += halmos(entry.get("proved", 1), pattern=entry.get("contracts", r"Proof$"))
    for failure in failures:
        print(f"Error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
