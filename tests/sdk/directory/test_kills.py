"""Kill -9 at every step of every act on a directory, then the same act again.

given a process killed at its n-th step
  when somebody looks           → everything is as before the act, or as after it
  when the same act is made     → it is as after it, and the history has one line of it
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


STEPS = {"pair": 6, "complete": 8, "merge": 7, "split": 7, "remove": 4, "share": 4, "rotate": 12}
"""The first act also makes the file; each row and each line of the history is a step of its own."""


def test_directory__given_kill_at_every_step__as_before_or_as_after(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("campaign.py")), str(tmp_path), *STEPS]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout) == {mode: {"steps": steps, "mismatches": 0} for mode, steps in STEPS.items()}, (
        done.stderr[-3000:]
    )
