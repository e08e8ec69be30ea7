"""Who is told when a development chain is set back to a snapshot: clients and senders weakly, journals by file."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from careledger.chain.journal import Journal

if TYPE_CHECKING:
    from careledger.chain.connection import Connection

__all__ = ["RolledBack"]


class _Told(Protocol):
    """Somebody who remembers something of the chain."""

    def forget_rolled_back(self) -> object:
        """Forget what the chain forgot."""


class RolledBack:
    """Everybody who uses one connection to a development chain, and the journals that were written over it.

    Journals outlive their senders: a client that was dropped before the chain was set back, and is made again after
    it, must not find the nonces of before.
    """

    def __init__(self) -> None:
        self._told: weakref.WeakSet[_Told] = weakref.WeakSet()
        self._journals: set[tuple[Path, str]] = set()
        self._lock = threading.Lock()

    def add(self, who: _Told) -> None:
        """Tell somebody, as long as it is there."""
        with self._lock:
            self._told.add(who)

    def add_journal(self, journal: Journal) -> None:
        """Have a journal forget, as long as its file is there."""
        with self._lock:
            self._journals.add((journal.path, journal.sender))

    def tell(self, connection: Connection) -> None:
        """Have everybody forget."""
        with self._lock:
            told, journals = list(self._told), sorted(self._journals)
        for path, sender in journals:
            if not path.exists():
                with self._lock:
                    self._journals.discard((path, sender))
                continue
            journal = Journal(path, scope=connection.scope, sender=sender)
            journal.forget_from(connection.nonce(sender))
            journal.close()
        for each in told:
            each.forget_rolled_back()
