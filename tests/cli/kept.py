"""A demo that was kept: played once in a folder, its chain running until ``end``."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from careledger.chain import background
from tests.cli.conftest import PROGRAM


@dataclass
class Kept:
    """The folder, and what the demo printed."""

    folder: Path
    told: str
    pid: int

    @property
    def commands(self) -> list[str]:
        """The commands it printed to be typed, without the one that goes to the folder."""
        lines = [line.strip() for line in self.told.splitlines()]
        return [line for line in lines[lines.index(next(s for s in lines if s.startswith("cd "))) + 1 :] if line]

    @property
    def story(self) -> Any:
        """What demo.json says."""
        return json.loads((self.folder / "demo.json").read_text())

    def end(self) -> None:
        """Stop the chain, if it still runs."""
        background.stop(self.folder)


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment without settings of whoever runs the tests."""
    kept = ("CARELEDGER_ANVIL", "CARELEDGER_TIER")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CARELEDGER_") or name in kept}
    return clean | {"XDG_CONFIG_HOME": str(home / "config"), "XDG_DATA_HOME": str(home / "data")}


def keep(folder: Path, name: str) -> Kept:
    """Play the demo in ``folder/name``, named relatively as somebody would, and keep it."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [*PROGRAM, "demo", "--keep", "--out", name], cwd=folder, env=clean_environment(folder), capture_output=True,
        text=True, timeout=300, check=False,
    )  # fmt: skip
    running = background.status(folder / name)
    if done.returncode or running is None:
        background.stop(folder / name)
        raise AssertionError(f"demo --keep ended with {done.returncode}: {done.stderr}")
    return Kept(folder / name, done.stdout, running.pid)
