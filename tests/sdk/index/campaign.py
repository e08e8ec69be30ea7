"""Kill campaigns: each case is a fork that dies with SIGKILL, which is some thirty times faster than a new process."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from careledger import steps
from careledger.index import Index, Options
from tests.sdk.index.index_fakes import FakeChain, sources

MEMORY_DISK = Path("/dev/shm")
"""SIGKILL loses no written page, so campaigns need no disk: syncing to one would take two thirds of their time."""
WINDOW = Options(window=12, pause=0.0)


def open_index(chain: FakeChain, path: Path | str, options: Options = WINDOW, **more: object) -> Index:
    """Open an index of the fake chain."""
    return Index(chain, sources(), str(path), options=options, **more)  # type: ignore[arg-type]


def built(chain: FakeChain, options: Options = WINDOW) -> dict[str, object]:
    """Return the rows of an index built from nothing."""
    with open_index(chain, ":memory:", options) as index:
        index.sync()
        return index.dump()


def in_child(work: Callable[[], None]) -> int:
    """Run something in a fork; return its exit code, negative for a signal."""
    child = os.fork()
    if child == 0:  # pragma: no cover - the fork
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def count_steps(work: Callable[[], None], notes: Path) -> list[str]:
    """Run something in a fork and return the names of the steps it passed."""

    def counted() -> None:
        steps.arm(count_file=str(notes))
        work()

    notes.unlink(missing_ok=True)
    assert in_child(counted) == 0
    return [line.split()[1] for line in notes.read_text().splitlines()]


def kill_at(step: int, work: Callable[[], None]) -> None:
    """Run something in a fork that dies with SIGKILL at a step."""

    def armed() -> None:
        steps.arm(crash_at=step)
        work()

    assert in_child(armed) == -signal.SIGKILL


def copy_database(source: Path, target: Path) -> None:
    """Copy a database that nobody has open, with what SQLite keeps beside it."""
    for end in ("", "-wal", "-shm"):
        target.with_name(target.name + end).unlink(missing_ok=True)
        beside = source.with_name(source.name + end)
        if beside.exists():
            shutil.copy(beside, target.with_name(target.name + end))


@contextmanager
def folder() -> Iterator[Path]:
    """A folder in memory where there is one."""
    with TemporaryDirectory(dir=MEMORY_DISK if MEMORY_DISK.is_dir() else None) as name:
        yield Path(name)


def grown() -> FakeChain:
    """A chain longer than the window, with every kind of log."""
    return FakeChain().grow(24)
