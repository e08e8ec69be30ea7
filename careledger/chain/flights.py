"""Many acts at once: flights of bounded size, one being signed while the one before is on its way."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from careledger.chain.calls import Act
from careledger.chain.journal import Entry, Intent
from careledger.chain.rpc import NodeRefused
from careledger.chain.watch import Found, slim
from careledger.errors import CareLedgerError, NodeError, NodeUnavailable
from careledger.steps import step
from careledger.values import Receipt, Wait

if TYPE_CHECKING:
    from careledger.chain.sender import Sender

__all__ = ["Flights"]

Result = Receipt[None] | CareLedgerError
_AHEAD = 3  # flights signed and not yet sent
_NOTE_EVERY = 1000
_STALLED = 2.0  # seconds without any new receipt, after which the rest are waited for one by one
_POLLS = (0.005, 0.5)  # shortest and longest pause between two questions for receipts


class Flights:
    """One run of ``Sender.submit_many``; arguments as there."""

    def __init__(
        self,
        sender: Sender,
        *,
        wait: Wait,
        flight: int,
        window: int | None,
        progress: Callable[[int], None] | None,
    ) -> None:
        self._sender, self._wait, self._flight = sender, wait, flight
        self._window, self._progress = window, progress
        self._entries: dict[str, Entry] = {}
        self._errors: dict[str, CareLedgerError] = {}
        self._sent = 0
        self._taken: list[str] = []

    def run(self, acts: Sequence[Act]) -> list[Result]:
        """Send all, then wait for all."""
        with ThreadPoolExecutor(1, thread_name_prefix="careledger-flight") as worker:
            under_way: deque[Future[None]] = deque()
            for part in _parts(acts, self._flight):
                ready = self._prepare(part)
                while len(under_way) >= _AHEAD:
                    under_way.popleft().result()
                if any(isinstance(error, NodeUnavailable) for error in list(self._errors.values())):
                    break
                under_way.append(worker.submit(self._send, ready))
            for future in under_way:
                future.result()
            self._note_sent()
        results = self._results()
        for act in acts:  # a node that went away stops the run: what was not begun says so
            if act.key not in results:
                results[act.key] = NodeUnavailable(
                    "not sent, because the node went away before it", fix="Call again: what was sent is not repeated."
                )
        return [results[act.key] for act in acts]

    # SENDING

    def _prepare(self, acts: Sequence[Act]) -> list[Entry]:
        """Store a flight with nonces and bytes; return what is to be sent of it."""
        known = self._sender.journal.get_many([act.key for act in acts])
        fresh: list[tuple[Act, str]] = []
        for act in acts:
            digest = self._sender.digest(act.call, act.content)
            try:
                entry = self._sender.usable(known.get(act.key), act.key, digest)
            except CareLedgerError as error:
                self._errors[act.key] = error
                continue
            if entry is None:
                fresh.append((act, digest))
            else:
                self._entries[act.key] = entry
        wanted = self._with_gas(fresh)
        taken: list[Entry] = []
        if wanted:
            sender = self._sender
            taken = sender.journal.take(wanted, chain_nonce=sender.chain_nonce(), sign=sender.signing())
            step("flight.signed")
        self._entries.update((entry.key, entry) for entry in taken)
        asked = dict.fromkeys(act.key for act in acts)
        return [e for key in asked if (e := self._entries.get(key)) and e.state == "signed"]

    def _with_gas(self, acts: Sequence[tuple[Act, str]]) -> list[Intent]:
        """Return the acts with their gas limits; those a contract would refuse become errors."""
        open_ = [act for act, _ in acts if act.call.gas is None]
        answers: list[Any] = self._sender.connection.rpc.batch(
            [("eth_estimateGas", [self._sender.wire(act.call)]) for act in open_]
        )
        limits: dict[str, int] = {}
        for act, answer in zip(open_, answers, strict=True):
            if isinstance(answer, NodeRefused):
                self._errors[act.key] = self._sender.refused(answer)
            else:
                limits[act.key] = self._sender.policy.limit(int(answer, 16))
        return [
            Intent(act.key, digest, act.call.as_json(act.call.gas or limits[act.key]), act.note)
            for act, digest in acts
            if act.key not in self._errors
        ]

    def _send(self, entries: Sequence[Entry]) -> None:
        """Send one flight, once few enough wait to be mined."""
        if entries and self._window is not None:
            self._hold(max(entry.nonce or 0 for entry in entries))
        taken, failed = self._sender._broadcaster.send_many(entries)
        self._errors.update(failed)
        self._taken += taken
        if len(self._taken) >= _NOTE_EVERY:
            self._note_sent()
        self._sent += len(entries)
        if self._progress:
            self._progress(self._sent)

    def _note_sent(self) -> None:
        """Note what the node took. Seldom, since each note waits for the disk; without it the bytes go out again."""
        if self._taken:
            self._sender._broadcaster.note_sent(self._taken)
            self._taken = []

    def _hold(self, nonce: int) -> None:
        """Wait until a nonce lies within the window above the chain's count: nodes drop or stall beyond theirs."""
        end = time.monotonic() + self._sender._timeout
        pause = _POLLS[0]
        window = self._window or 0
        while time.monotonic() < end:
            try:
                if nonce - self._sender.connection.nonce(self._sender.address) <= window:
                    return
            except NodeError:
                return  # sending will say so
            time.sleep(pause)
            pause = min(pause * 2, _POLLS[1])

    # WAITING

    def _results(self) -> dict[str, Result]:
        """Wait for what was sent, and return everything by key."""
        from careledger.chain.sender import sent_receipt

        results: dict[str, Result] = dict(self._errors)
        waiting = {key: entry for key, entry in self._entries.items() if key not in self._errors}
        if self._wait == "sent":
            return results | {key: sent_receipt(entry, not entry.fresh) for key, entry in waiting.items()}
        last, pause = time.monotonic(), _POLLS[0]
        while waiting and time.monotonic() - last < _STALLED:
            done = self._collect(waiting)
            results |= done
            for key in done:
                del waiting[key]
            if done:
                last, pause = time.monotonic(), _POLLS[0]
            elif waiting:
                time.sleep(pause)
                pause = min(pause * 2, _POLLS[1])
        return results | {key: self._settle(entry) for key, entry in waiting.items()}

    def _collect(self, waiting: dict[str, Entry]) -> dict[str, Result]:
        """Ask for the receipts of one flight and note those that are there."""
        found: list[tuple[Entry, Found]] = []
        for part in _parts(list(waiting.values()), self._flight):
            calls = [("eth_getTransactionReceipt", [entry.newest.hash]) for entry in part]
            try:
                answers: list[Any] = self._sender.connection.rpc.batch(calls)
            except NodeError:
                break
            for entry, answer in zip(part, answers, strict=True):
                if answer is not None and not isinstance(answer, NodeRefused):
                    final = self._sender.connection.is_final(int(answer["blockNumber"], 16))
                    if final or self._wait == "included":
                        found.append((entry, Found(slim(answer), final=final, reorgs=0)))
            if not found:
                break  # nonces are mined in order: the later ones are not there either
        self._note(found)
        return {entry.key: self._finish(entry, mined) for entry, mined in found}

    def _note(self, found: Sequence[tuple[Entry, Found]]) -> None:
        for final in (False, True):
            some = [(entry, mined.receipt) for entry, mined in found if mined.final is final]
            outcomes = [{"receipt": receipt} for _, receipt in some]
            state = "final" if final else "included"
            self._sender.journal.mark([entry.newest.hash for entry, _ in some], state, outcomes)  # type: ignore[arg-type]
        step("flight.noted")

    def _finish(self, entry: Entry, found: Found) -> Result:
        try:
            return self._sender.finish(entry, found, not entry.fresh)
        except CareLedgerError as error:
            return error

    def _settle(self, entry: Entry) -> Result:
        try:
            return self._sender.settle(entry, self._wait, repeated=not entry.fresh)
        except CareLedgerError as error:
            return error


def _parts(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[at : at + size] for at in range(0, len(items), size))
