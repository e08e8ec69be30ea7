"""Run the linters and static analysers; zero findings, or each one explained in tests/slither.toml.

scripts/lint.py                          all
scripts/lint.py ruff mypy solhint slither    those named
"""

import argparse
import fnmatch
import json
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import toolchain
from toolchain import BUILD, ROOT, VENV

TRIAGE = ROOT / "tests" / "slither.toml"
Key = tuple[str, str, str]


def start(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command in the project's environment and return what it said."""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=toolchain.environment(), check=False)


def said(answer: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the output as one failure, or none when the command succeeded."""
    return [(answer.stdout + answer.stderr).strip()] if answer.returncode else []


def ruff(paths: list[str]) -> list[str]:
    """Style and common mistakes in Python, and one way of formatting imports."""
    return said(start([str(VENV / "bin" / "ruff"), "check", "--quiet", *(paths or ["."])]))


def mypy(paths: list[str]) -> list[str]:
    """Types, strictly."""
    return said(start([sys.executable, "-m", "mypy", "--no-error-summary", *paths]))


def solhint(paths: list[str]) -> list[str]:
    """Style and common mistakes in Solidity; a warning counts as an error."""
    globs = paths or ["contracts/**/*.sol"]
    command = [*(toolchain.node_command() or ["node"]), str(toolchain.NODE_MODULES / "solhint" / "solhint.js")]
    return said(start([*command, "--disc", "--noPoster", "--max-warnings", "0", *globs]))


def slither(paths: list[str]) -> list[str]:
    """Static analysis on Forge's build; every finding must be explained in the triage file."""
    output = BUILD / "slither.json"
    output.unlink(missing_ok=True)
    output.parent.mkdir(exist_ok=True)
    if paths:  # one file by itself, through the compiler
        command = [str(VENV / "bin" / "slither"), *paths, "--solc", str(toolchain.link_solc())]
        command += ["--compile-force-framework", "solc", "--solc-standard-json"]
    else:
        # A folder of its own, built from nothing: Slither reads every build-info file that it finds.
        shutil.rmtree(BUILD / "slither", ignore_errors=True)
        folders = ["--out", ".build/slither/out", "--cache-path", ".build/slither/cache"]
        built = start([sys.executable, "scripts/forge", "build", "contracts", "--build-info", "--quiet", *folders])
        if built.returncode:
            return said(built)
        command = [str(VENV / "bin" / "slither"), ".", "--foundry-compile-all", "--ignore-compile"]
    answer = start([*command, "--json", str(output), "--fail-none"])
    if not output.is_file():
        return [(answer.stdout + answer.stderr).strip()[-3000:]]
    report = json.loads(output.read_text())
    if not report.get("success"):
        return [str(report.get("error"))[-3000:]]
    findings = [(key(item), item) for item in report["results"].get("detectors", [])]
    explained = set() if paths else triage(TRIAGE)
    new = [item for k, item in findings if not any(matches(k, entry) for entry in explained)]
    failures = [f"{item['impact'].lower()} {item['check']}: {item['description'].strip()}" for item in new]
    stale = {entry for entry in explained if not any(matches(k, entry) for k, _ in findings)}
    return failures + [f"{TRIAGE.name} explains {' '.join(k)}, which Slither no longer reports" for k in sorted(stale)]


def matches(found: Key, entry: Key) -> bool:
    """Say whether an entry of the triage file explains a finding; `*` stands for any contract or function."""
    return all(fnmatch.fnmatchcase(actual, pattern) for actual, pattern in zip(found, entry, strict=True))


def key(item: dict[str, Any]) -> Key:
    """Return what identifies a finding without its line: check, contract, function."""
    for element in item.get("elements", []):
        parent = element.get("type_specific_fields", {}).get("parent", {})
        if element["type"] != "function" and parent.get("type") == "function":
            element, parent = parent, parent.get("type_specific_fields", {}).get("parent", {})
        if element["type"] == "function":
            return item["check"], parent.get("name", ""), element["name"]
        if element["type"] == "contract":
            return item["check"], element["name"], ""
        if parent.get("type") == "contract":
            return item["check"], parent["name"], element["name"]
    return item["check"], "", ""


def triage(path: Path) -> set[Key]:
    """Return the explained findings.

    Raises:
        ValueError: An entry has no reason.
    """
    entries = tomllib.loads(path.read_text()).get("finding", [])
    for entry in entries:
        if len(entry.get("reason", "")) < 20:
            raise ValueError(f"{path.name}: {entry.get('check')} in {entry.get('contract')} needs a reason")
    return {(entry["check"], entry["contract"], entry["function"]) for entry in entries}


LINTERS = {"ruff": ruff, "mypy": mypy, "solhint": solhint, "slither": slither}


def main() -> int:
    """Run the named linters, or all, and print the findings of each."""
    parser = argparse.ArgumentParser(description="Run the linters.")
    parser.add_argument("names", nargs="*", choices=[*LINTERS, []], help="which; all by default")
    parser.add_argument("--paths", nargs="*", default=[], help="other files than the project's (the canaries use it)")
    arguments = parser.parse_args()
    failed = False
    for name in arguments.names or LINTERS:
        began = time.monotonic()
        findings = LINTERS[name](arguments.paths)
        verdict = f"{len(findings)} findings" if findings else "clean"
        print(f"  {name:<8} {verdict}  {time.monotonic() - began:.1f} s", flush=True)
        for finding in findings:
            print(finding, file=sys.stderr)
        failed = failed or bool(findings)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
