"""The tray: signed acts that can wait, each carried at a moment drawn at random, so that no sitting shows on the chain.

One SQLite file beside the journal. The moment of an act is drawn once and kept; carrying goes through the sender under
the act's own key. So a kill at any step, or the same act laid in twice, never carries anything twice, nor draws again.
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final

import sqlalchemy as sa

from careledger.chain.calls import Call
from careledger.chain.journal_store import make_engine, make_private
from careledger.chain.sender import Sender
from careledger.errors import CareLedgerError, ContractError, InputError, KeyReused
from careledger.privacy.files import private_folder
from careledger.steps import step
from careledger.values import Receipt, from_hex, to_hex

__all__ = ["Tray", "Waiting", "moment"]

DAY: Final = 86_400
MARGIN: Final = 3_600
"""Seconds before the last one to carry an act at which it is carried at the latest."""

_meta = sa.MetaData()
_waiting = sa.Table(
    "waiting", _meta,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("digest", sa.String, nullable=False),
    sa.Column("call", sa.String, nullable=False),
    sa.Column("content", sa.String, nullable=False),
    sa.Column("note", sa.String, nullable=False),
    sa.Column("due", sa.Integer, nullable=False, index=True),
    sa.Column("state", sa.String, nullable=False),
)  # fmt: skip


def moment(now: int, *, within_days: float, not_after: int | None = None, rng: Random | None = None) -> int:
    """Draw when to carry something: any second of the days ahead is as likely as any other.

    Args:
        now: The second it is.
        within_days: How long it can wait.
        not_after: The last second at which it can be carried; an hour is kept free before it.
        rng: Where chance comes from; the system's when not given.
    """
    end = now + int(within_days * DAY)
    if not_after is not None:
        end = min(end, not_after - MARGIN)
    return now + (rng or secrets.SystemRandom()).randrange(max(1, end - now))


@dataclass(frozen=True)
class Waiting:
    """One act in the tray."""

    key: str
    due: int
    """The second at which it is to be carried."""
    state: str
    """``waiting``, ``carried``, or ``refused`` by the contract."""


class Tray:
    """The tray of one sender on one chain.

    Args:
        path: The file; made, readable by its owner only, when it does not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        private_folder(self.path.parent)
        make_private(self.path)
        self._engine = make_engine(self.path)
        self._lock = threading.RLock()
        with self._write() as db:
            _meta.create_all(db)

    @classmethod
    def in_folder(cls, folder: Path, *, scope: str, sender: str) -> Tray:
        """Open the tray of a sender on a chain, one file for each pair."""
        return cls(folder / f"{scope.replace(':', '-')}-{sender.lower()}.sqlite")

    def put(
        self, call: Call, *, key: str, digest: str, now: int, within_days: float, not_after: int | None = None,
        content: Any = None, note: Any = None,
    ) -> Waiting:  # fmt: skip
        """Lay an act in; the same act again keeps the moment it has.

        Args:
            call: What to do.
            key: The act's business key.
            digest: What tells whether two acts under one key are the same.
            now: The second it is.
            within_days: How long it can wait.
            not_after: The last second at which it can be carried.
            content: As for ``Sender.submit``.
            note: As for ``Sender.submit``.

        Raises:
            InputError: It can no longer be carried, or cannot wait at all.
            KeyReused: The key is in the tray for other content.
        """
        if within_days <= 0 or (not_after is not None and not_after - MARGIN <= now):
            raise InputError(
                "this act cannot wait",
                why="It has to be carried within the hour, or is already too late.",
                fix="Carry it at once, or sign it anew.",
            )
        with self._lock, self._write() as db:
            found = self._get(db, key)
            if found is not None and found.digest != digest:
                raise KeyReused("this key lies in the tray for other content", fix="Use another key for another act.")
            if found is None or found.state == "refused":
                due = moment(now, within_days=within_days, not_after=not_after)
                stored = {"to": call.to, "data": to_hex(call.data), "value": str(call.value)}
                values = {
                    "digest": digest, "call": _json(stored), "content": _json(content), "note": _json(note), "due": due,
                    "state": "waiting",
                }  # fmt: skip
                db.execute(sa.delete(_waiting).where(_waiting.c.key == key))
                db.execute(sa.insert(_waiting).values(key=key, **values))
                return Waiting(key, due, "waiting")
            return Waiting(key, int(found.due), str(found.state))

    def waiting(self) -> list[Waiting]:
        """Return what has not been carried, the next first."""
        with self._lock, self._engine.connect() as db:
            rows = db.execute(sa.select(_waiting).where(_waiting.c.state == "waiting").order_by(_waiting.c.due))
            return [Waiting(row.key, int(row.due), row.state) for row in rows]

    def carry(self, sender: Sender, *, now: int) -> list[Receipt[None] | CareLedgerError]:
        """Carry what is due, in an order drawn at random.

        Returns:
            One receipt or error for each act. What the contract refuses leaves the tray; what the node did not take
            stays in it.
        """
        with self._lock, self._engine.connect() as db:
            due = (_waiting.c.state == "waiting") & (_waiting.c.due <= now)
            rows = list(db.execute(sa.select(_waiting).where(due)))
        secrets.SystemRandom().shuffle(rows)
        return [self._carry(sender, row) for row in rows]

    def _carry(self, sender: Sender, row: Any) -> Receipt[None] | CareLedgerError:
        stored = json.loads(row.call)
        call = Call(stored["to"], from_hex(stored["data"]), int(stored["value"]))
        content, note = json.loads(row.content), json.loads(row.note)
        try:
            found = sender.submit(call, key=row.key, content=content, note=note)
        except CareLedgerError as error:
            if isinstance(error, ContractError):
                self._settle(row.key, "refused")
            return error
        step("tray.carried")
        self._settle(row.key, "carried")
        return found

    def _settle(self, key: str, state: str) -> None:
        with self._lock, self._write() as db:
            db.execute(sa.update(_waiting).where(_waiting.c.key == key).values(state=state, call="{}"))

    def _get(self, db: sa.Connection, key: str) -> Any:
        return db.execute(sa.select(_waiting).where(_waiting.c.key == key)).one_or_none()

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._engine.begin() as db:
            yield db


def _json(value: Any) -> str:
    return json.dumps(value, default=lambda item: to_hex(bytes(item)))
