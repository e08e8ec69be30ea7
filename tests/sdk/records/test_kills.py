"""Kill -9 at every step of sealing, superseding and shredding, then the same call again.

given a process killed at its n-th step
  when nothing more happens     → whatever is anchored can be read
  when the same call is made    → everything is done, once, and nothing is left over
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from careledger.client import CareLedger

ROOT = Path(__file__).resolve().parents[3]


def _campaign(town: CareLedger, folder: Path, mode: str) -> dict[str, int]:
    if town.chain is None or town.chain.url is None:
        pytest.skip("Anvil is not installed: an in-process chain does not outlive a killed process")
    program = Path(__file__).with_name("campaign.py")
    command = [sys.executable, "-W", "ignore", str(program), town.chain.url, town.suite.directory, str(folder), mode]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, int] = json.loads(done.stdout)
    assert result["mismatches"] == 0, done.stderr[-3000:]
    return result


@pytest.mark.parametrize("mode", ["seal", "supersede", "correct"])
def test_R7_seal__given_kill_at_every_step__restart_finishes_and_nothing_is_anchored_without_bytes(
    town: CareLedger, tmp_path: Path, mode: str
) -> None:
    assert _campaign(town, tmp_path, mode)["cases"] >= 9


def test_R7_seal_all__given_kill_at_every_step__restart_finishes(town: CareLedger, tmp_path: Path) -> None:
    assert _campaign(town, tmp_path, "all")["cases"] >= 20


def test_R7_H3_shred__given_kill_at_every_step__second_call_finishes(town: CareLedger, tmp_path: Path) -> None:
    assert _campaign(town, tmp_path, "shred")["cases"] >= 5
