"""What may go wrong in a test, on demand: the node, the chain, the store, the process. And its clock."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

from careledger import steps
from careledger.chain.local import LocalChain
from careledger.chain.rpc import NodeRefused, RpcLike
from careledger.errors import InputError, NodeMisbehaved, NodeUnavailable, StorageError
from careledger.storage import Cid, Store

__all__ = ["Clock", "Crashed", "Faults"]

Kind = Literal["away", "lost-answer", "refuses", "nonsense"]

_SENDING: Final = "eth_sendRawTransaction"


class Crashed(BaseException):
    """The process died here; catch it with ``pytest.raises``, then go on with ``person.restarted()``."""


class Clock:
    """The chain's time. It only goes forward, and is back where it was in the next test."""

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain

    @property
    def now(self) -> int:
        """The time of the newest block, in seconds since 1970."""
        return self._chain.now

    def forward(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> int:
        """Let time pass, and return what time it is then."""
        return self.to(self.now + int(days * 86_400 + hours * 3_600 + minutes * 60 + seconds))

    def to(self, moment: int) -> int:
        """Let it be a moment in the future, in seconds since 1970; the next block is a second later.

        Raises:
            InputError: It has passed.
        """
        if moment <= self.now:
            raise InputError(
                f"it is {self.now} already", why="A chain's time does not go back.", fix="Name a later one."
            )
        self._chain.set_time(moment)
        return self.now


@dataclass
class _Fault:
    method: str
    kind: Kind
    left: int


class Faults:
    """Faults that the next calls meet, each so many times; without any, all goes well.

    What a client sees is what it sees of a real node: an error of the same type at the same place.
    """

    def __init__(self, chain: LocalChain) -> None:
        self._chain = chain
        self._waiting: list[_Fault] = []
        self._store = 0
        self._lock = threading.Lock()
        self.met: list[tuple[str, str]] = []
        """Which method met which fault, in order."""

    # THE NODE

    def node(self, kind: Kind, *, method: str = "*", times: int = 1) -> None:
        """Let the next calls of a method fail.

        Args:
            kind: ``away``: no answer, nothing done. ``lost-answer``: done, and the answer lost on the way.
                ``refuses``: an error object, as of a node at its limit. ``nonsense``: an answer that cannot be used.
            method: A JSON-RPC method, or a pattern such as ``eth_get*``.
            times: How many calls.
        """
        with self._lock:
            self._waiting.append(_Fault(method, kind, times))

    def node_away(self, *, times: int = 1) -> None:
        """Let the node be away for the next calls, whatever they are."""
        self.node("away", times=times)

    def lost_answer(self, *, times: int = 1) -> None:
        """Let the next transactions be mined, and the answers of the node that took them be lost."""
        self.node("lost-answer", method=_SENDING, times=times)

    def reorg(self, depth: int = 1) -> None:
        """Take the newest blocks back, with what was in them; as many empty ones take their place.

        The clients of ``people`` count the newest block as final and do not send again what was in it; connect with a
        ``finality`` to test that (``docs/testing.md``).
        """
        self._chain.reorg(depth)

    # THE STORE

    def store_refuses(self, *, times: int = 1) -> None:
        """Let the next reads or writes of the store fail."""
        with self._lock:
            self._store += times

    def damage(self, store: Store, cid: str) -> None:
        """Flip one bit of a sealed file where it lies."""
        path = Path(store._path(cid))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    # THE PROCESS

    @contextmanager
    def crash_at(self, name: str) -> Iterator[None]:
        """Let the process die at a named step within: it raises ``Crashed``, and nothing after the step is done.

        Args:
            name: Of the step, such as ``records.batched`` or ``sender.*``; the first that fits.
        """

        def watch(passed: str) -> None:
            if fnmatchcase(passed, name):
                steps.arm()
                raise Crashed(passed)

        steps.arm(watch=watch)
        try:
            yield
        finally:
            steps.arm()

    @contextmanager
    def passed(self) -> Iterator[list[str]]:
        """Yield the names of the steps passed within, for choosing where to crash."""
        names: list[str] = []
        steps.arm(watch=names.append)
        try:
            yield names
        finally:
            steps.arm()

    def clear(self) -> None:
        """Forget what has not been met."""
        with self._lock:
            self._waiting.clear()
            self._store = 0

    # WHAT MEETS THEM

    def _take(self, method: str) -> Kind | None:
        with self._lock:
            for fault in self._waiting:
                if fault.left and fnmatchcase(method, fault.method):
                    fault.left -= 1
                    self.met.append((method, fault.kind))
                    return fault.kind
        return None

    def _take_store(self, what: str) -> None:
        with self._lock:
            if not self._store:
                return
            self._store -= 1
            self.met.append((what, "refuses"))
        raise StorageError(f"the store could not {what}", why="It refused, as the test asked.", fix="Try again.")


class FaultyRpc:
    """A connection whose calls meet what was asked for."""

    def __init__(self, behind: RpcLike, faults: Faults) -> None:
        self._behind, self._faults = behind, faults

    @property
    def name(self) -> str:
        """The node, as it may be shown."""
        return self._behind.name

    def request(self, method: str, params: Sequence[Any] = (), *, deadline: float | None = None) -> Any:
        """Ask one question."""
        kind = self._faults._take(method)
        if kind == "lost-answer":
            self._behind.request(method, params, deadline=deadline)
        if kind is not None:
            raise _error(kind, method)
        return self._behind.request(method, params, deadline=deadline)

    def batch(
        self, calls: Sequence[tuple[str, Sequence[Any]]], *, deadline: float | None = None
    ) -> list[Any | NodeRefused]:
        """Ask several at once; they meet one fault together."""
        kind = next((found for method, _ in calls if (found := self._faults._take(method))), None)
        if kind == "lost-answer":
            self._behind.batch(calls, deadline=deadline)
        if kind == "refuses":
            return [_refusal(method) for method, _ in calls]
        if kind is not None:
            raise _error(kind, calls[0][0])
        return self._behind.batch(calls, deadline=deadline)

    def before_patient_read(self) -> None:
        """Pass it on."""
        self._behind.before_patient_read()

    def close(self) -> None:
        """The chain behind it stays, for the next test."""


class FaultyStore(Store):
    """A store that refuses when asked to."""

    def __init__(self, url: str | Path, faults: Faults) -> None:
        super().__init__(url)
        self._faults = faults

    def put(self, source: BinaryIO) -> Cid:
        """Store a stream."""
        self._faults._take_store("write")
        return super().put(source)

    def writer(self) -> Any:
        """Return what writes a file."""
        self._faults._take_store("write")
        return super().writer()

    def get(self, cid: str) -> BinaryIO:
        """Return a file."""
        self._faults._take_store("read")
        return super().get(cid)


def _error(kind: Kind, method: str) -> Exception:
    if kind in ("away", "lost-answer"):
        return NodeUnavailable(
            f"the node did not answer {method}", why="It is away, as the test asked.", fix="Try again."
        )
    if kind == "refuses":
        return _refusal(method)
    return NodeMisbehaved(f"the node's answer to {method} cannot be used", why="As the test asked.", fix="Try again.")


def _refusal(method: str) -> NodeRefused:
    return NodeRefused(method, {"code": -32005, "message": "limit exceeded"})
