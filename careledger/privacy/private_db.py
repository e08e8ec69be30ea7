"""A private SQLite file, opened anew for each transaction: safe for threads, processes, forks and kills."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from careledger.errors import CareLedgerError

__all__ = ["make", "opened"]

_BUSY_SECONDS: Final = 30.0


def make(path: Path) -> None:
    """Make an empty file with mode 0600, if there is none; SQLite gives its companions the same mode."""
    if not path.exists():
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


@contextlib.contextmanager
def opened(path: Path, *, refusal: Callable[[sqlite3.Error], CareLedgerError]) -> Iterator[sqlite3.Connection]:
    """Open a file that is there: what a thread or a forked child shares with others is the file alone.

    Every commit is on disk when it returns, and what is deleted is overwritten.

    Args:
        path: The file.
        refusal: Makes the error to raise of one of SQLite's, whose text may hold values and goes no further.

    Raises:
        sqlite3.IntegrityError: A row breaks a rule of its table.
        CareLedgerError: What ``refusal`` made.
    """
    try:
        db = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", timeout=_BUSY_SECONDS, uri=True)
        try:
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA secure_delete=ON")
            yield db
        finally:
            db.close()
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        raise refusal(error) from None
