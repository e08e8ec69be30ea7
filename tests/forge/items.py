"""pytest plugin: every `test…` and `invariant_…` function of a `*.t.sol` file is an item of its own.

A file is run by Forge once, when its first item runs; the other items read their result. All items share one xdist
group, because two Forge processes must not build into one folder at the same time.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
CONTRACT = re.compile(r"^\s*(abstract\s+)?contract\s+(\w+)", re.MULTILINE)
FUNCTION = re.compile(r"^\s*function\s+((?:test|invariant)\w*)\s*\(", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)


class ForgeFailure(Exception):
    """A Solidity test failed, or Forge did not run it."""


def functions(source: str) -> list[tuple[str, str]]:
    """Return (contract, function) of each test that stands in a concrete contract of `source`."""
    text = COMMENT.sub("", source)
    found = [(m.start(), "contract", m[2], bool(m[1])) for m in CONTRACT.finditer(text)]
    found += [(m.start(), "function", m[1], False) for m in FUNCTION.finditer(text)]
    tests, contract, abstract = [], "", True
    for _, kind, name, is_abstract in sorted(found):
        if kind == "contract":
            contract, abstract = name, is_abstract
        elif not abstract:
            tests.append((contract, name))
    return tests


def run(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Run one file through Forge and return its results by (contract, function).

    Raises:
        ForgeFailure: It does not compile, or Forge gave no results.
    """
    command = [sys.executable, str(ROOT / "scripts" / "forge"), "test", "--json"]
    command += ["--match-path", str(path.relative_to(ROOT))]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [line for line in answer.stdout.splitlines() if line.startswith("{")]
    try:
        suites = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise ForgeFailure((answer.stdout + answer.stderr)[-4000:]) from None
    results = {}
    for suite, outcome in suites.items():
        for signature, result in outcome["test_results"].items():
            results[(suite.split(":")[-1], signature.split("(")[0])] = result
    return results


class ForgeFile(pytest.File):
    """One `*.t.sol` file."""

    results: dict[tuple[str, str], dict[str, Any]] | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield one item for each test function."""
        for contract, name in functions(self.path.read_text()):
            item = ForgeItem.from_parent(self, name=f"{contract}::{name}")
            item.add_marker(pytest.mark.xdist_group("forge"))
            yield item

    def result(self, contract: str, name: str) -> dict[str, Any]:
        """Return one result, running the file on first use.

        Raises:
            ForgeFailure: Forge did not run this test.
        """
        if self.results is None:
            self.results = run(self.path)
        if (contract, name) not in self.results and (contract, "setUp") in self.results:
            raise ForgeFailure(f"setUp failed: {self.results[(contract, 'setUp')].get('reason')}")
        if (contract, name) not in self.results:
            raise ForgeFailure(f"Forge did not run {contract}.{name}; it ran {sorted(self.results)}")
        return self.results[(contract, name)]


class ForgeItem(pytest.Item):
    """One Solidity test."""

    def runtest(self) -> None:
        """Fail when Forge failed.

        Raises:
            ForgeFailure: With Forge's reason and counterexample.
        """
        contract, name = self.name.split("::")
        result = self.parent.result(contract, name)
        if result["status"] != "Success":
            example = result.get("counterexample")
            text = json.dumps(example, indent=1)[:3000] if example else ""
            raise ForgeFailure(f"{result.get('reason') or result['status']}\n{text}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> str:
        """Show Forge's words, without a Python traceback."""
        if isinstance(excinfo.value, ForgeFailure):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the item by its file and function."""
        return self.path, 0, self.name


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect Solidity test files."""
    if file_path.name.endswith(".t.sol") and "planted" not in file_path.parts:
        return ForgeFile.from_parent(parent, path=file_path)
    return None
