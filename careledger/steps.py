"""The one hook of the kill campaigns: a named step at which a process can be made to die with SIGKILL.

``CARELEDGER_CRASH_AT=n`` kills the process at its n-th step; ``CARELEDGER_COUNT_STEPS=path`` writes one line for each
step passed, so that a campaign learns how many there are. Without either a step costs one comparison.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

__all__ = ["arm", "step"]

_lock = threading.Lock()
_passed = 0
_crash_at = int(os.environ.get("CARELEDGER_CRASH_AT") or 0)
_count_file = os.environ.get("CARELEDGER_COUNT_STEPS") or ""
_watch: Callable[[str], None] | None = None
_active = bool(_crash_at or _count_file)


def step(name: str) -> None:
    """Pass a step; in a campaign this may be where the process ends.

    Args:
        name: What has just been made durable, or is about to be sent, such as ``"sender.signed"``.
    """
    if _active:
        _pass(name)


def arm(*, crash_at: int = 0, count_file: str = "", watch: Callable[[str], None] | None = None) -> None:
    """Set the campaign from within, for a process that forks its cases instead of starting each anew.

    Args:
        crash_at: The number of the step to die at, counted from this call; 0 for none.
        count_file: Where to write the names of the steps passed; empty for nowhere.
        watch: Told the name of each step passed; what it raises, the step raises.
    """
    global _passed, _crash_at, _count_file, _active, _watch
    with _lock:
        _passed, _crash_at, _count_file, _watch = 0, crash_at, count_file, watch
        _active = bool(crash_at or count_file or watch)


def _pass(name: str) -> None:
    """Count, note and perhaps die. The lock makes the numbering exact where several threads pass steps."""
    global _passed
    with _lock:
        _passed += 1
        if _count_file:
            with Path(_count_file).open("a", encoding="utf-8") as file:
                file.write(f"{_passed} {name}\n")
        if _passed == _crash_at:
            os.kill(os.getpid(), signal.SIGKILL)
        watch = _watch
    if watch is not None:
        watch(name)
