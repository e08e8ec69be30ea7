"""Kill -9 at every step of answering, receiving and anchoring, then the same call again.

given a process killed at its n-th step
  when nothing more happens     → no answer stands without entry and receipt, no record without receipt, and nothing is
                                  anchored that is not in the book
  when the same call is made    → the same entry and receipt, the record opens, everything is anchored once
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.custodian.houses import Houses

ROOT = Path(__file__).resolve().parents[3]


def _campaign(houses: Houses, folder: Path, mode: str) -> int:
    care = houses.town.care
    if care.chain is None or care.chain.url is None:
        pytest.skip("Anvil is not installed: an in-process chain does not outlive a killed process")
    program = Path(__file__).with_name("campaign.py")
    command = [sys.executable, "-W", "ignore", str(program), care.chain.url, care.suite.directory, str(folder), mode]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    result: dict[str, int] = json.loads(done.stdout)
    assert result["mismatches"] == 0, done.stderr[-3000:]
    return result["cases"]


def test_R7_answer__given_kill_at_every_step__same_entry_and_receipt(houses: Houses, tmp_path: Path) -> None:
    assert _campaign(houses, tmp_path, "answer") >= 3


def test_R7_answer__refusal_killed_at_every_step__same_entry_and_receipt(houses: Houses, tmp_path: Path) -> None:
    assert _campaign(houses, tmp_path, "refuse") >= 3


def test_R7_receive__given_kill_at_every_step__no_record_without_receipt(houses: Houses, tmp_path: Path) -> None:
    assert _campaign(houses, tmp_path, "receive") >= 3


def test_R7_anchor__given_kill_at_every_step__everything_anchored_once(houses: Houses, tmp_path: Path) -> None:
    assert _campaign(houses, tmp_path, "anchor") >= 10
