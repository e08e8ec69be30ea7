"""A command line of its own for each test: empty folder, empty home, no settings of whoever runs the tests."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from careledger import cli as command_line

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-c", "import sys; from careledger.cli import main; sys.exit(main())"]


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("CARELEDGER_") and name not in ("CARELEDGER_ANVIL", "CARELEDGER_TIER"):
            monkeypatch.delenv(name)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("CARELEDGER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "100")
    return work


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = command_line.main(list(arguments))
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the noun of tests/cli/probe.py, whose verbs do on purpose what others do by accident."""
    noun = command_line.Noun("probe", "tests.cli.probe", "For tests.")
    monkeypatch.setattr(command_line, "NOUNS", (*command_line.NOUNS, noun))
