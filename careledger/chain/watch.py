"""Waiting for stored transactions: found, raised, re-broadcast, replaced, taken back by a reorganisation."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from careledger.chain.broadcast import Broadcaster
from careledger.chain.connection import Connection
from careledger.chain.fees import FeePolicy
from careledger.chain.journal import Entry, Journal, Variant
from careledger.chain.rpc import NodeRefused
from careledger.errors import NodeError, Pending, Replaced, TransactionError
from careledger.steps import step
from careledger.values import Wait

__all__ = ["Found", "Watcher", "slim"]

log = logging.getLogger("careledger")
_FIRST_POLL = 0.004
_FIRST_TEND = 0.5  # seconds before asking why there is no receipt; then every two to ten
_LAGGING = 3  # how often in a row a nonce must look used by another before that is believed

OnReorg = Callable[[str, int], None]


@dataclass(frozen=True)
class Found:
    """A mined transaction of an entry."""

    receipt: Mapping[str, Any]
    """As the node gave it, without the bloom."""
    final: bool
    reorgs: int


def slim(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return a receipt without what is computed from the rest."""
    return {key: value for key, value in receipt.items() if key != "logsBloom"}


class Watcher:
    """Waits for one entry at a time; shared by threads.

    Args:
        connection: The chain.
        journal: Where the entries are.
        broadcaster: Sends bytes again.
        policy: When and how far fees are raised.
        resign: Makes another form of an entry with other fees, stored by the journal.
        poll: The longest pause between two questions, in seconds.
        on_reorg: Told the hash and the block when a block that held a transaction vanished.
    """

    def __init__(
        self,
        connection: Connection,
        journal: Journal,
        broadcaster: Broadcaster,
        *,
        policy: FeePolicy,
        resign: Callable[[Entry, int, int], Entry],
        poll: float,
        on_reorg: OnReorg | None = None,
    ) -> None:
        self._connection, self._journal, self._broadcaster = connection, journal, broadcaster
        self._policy, self._resign, self._poll, self._on_reorg = policy, resign, poll, on_reorg

    def wait(self, entry: Entry, wait: Wait, timeout: float) -> Found:
        """Wait until an entry is included, or final.

        Raises:
            Pending: Not within the time; calling again with the same key goes on waiting.
            Replaced: Another transaction took its nonce.
            NodeError: The node failed for longer than the connection allows.
        """
        return _Wait(self, entry, wait, timeout).run()

    # STEPS OF A WAIT

    def receipt(self, entry: Entry) -> dict[str, Any] | None:
        """Return the receipt of whichever form was mined."""
        calls = [("eth_getTransactionReceipt", [variant.hash]) for variant in entry.variants]
        if len(calls) == 1:
            found = self._connection.rpc.request(*calls[0])
            return slim(found) if found else None
        answers = self._connection.rpc.batch(calls)
        return next((slim(item) for item in answers if item is not None and not isinstance(item, NodeRefused)), None)

    def look(self, entry: Entry) -> tuple[bool, int]:
        """Return whether the node knows any form of an entry, and the account's count in the newest block."""
        calls: list[tuple[str, list[Any]]] = [("eth_getTransactionByHash", [v.hash]) for v in entry.variants]
        calls.append(("eth_getTransactionCount", [self._journal.sender, "latest"]))
        *known, count = self._connection.rpc.batch(calls)
        if isinstance(count, NodeRefused):
            raise count
        return any(item is not None and not isinstance(item, NodeRefused) for item in known), int(count, 16)

    def push(self, entry: Entry) -> None:
        """Send the same bytes again, and before them those of lower nonces that the node has lost or never had."""
        for lower in self._journal.unfinished(below=entry.nonce):
            if lower.state in ("signed", "sent") and not self._broadcaster.is_known(lower.newest.hash):
                self._try_send(lower)
        self._try_send(entry)

    def push_lower(self, entry: Entry, count: int) -> None:
        """Send what must be mined before an entry that the node knows but cannot mine yet."""
        if entry.nonce is not None and count < entry.nonce:
            for lower in self._journal.unfinished(below=entry.nonce):
                if lower.state != "included" and not self._broadcaster.is_known(lower.newest.hash):
                    self._try_send(lower)

    def _try_send(self, entry: Entry) -> None:
        try:
            self._broadcaster.send(entry, first=False)
        except (NodeError, TransactionError) as error:
            log.warning("re-broadcast failed, will be tried again: tx=%s error=%s", entry.newest.hash, error)

    def bump(self, entry: Entry) -> Entry:
        """Raise the fees of a waiting transaction and send that form; the same entry when the cap is reached."""
        newest = entry.newest
        fees = self._policy.next(newest.max_fee, newest.priority, self._connection.fees(fresh=True))
        if fees is None or len(entry.variants) > self._policy.max_bumps:
            return entry
        raised = self._resign(entry, *fees)
        step("sender.raised")
        if raised.newest != newest:
            log.info("fees raised: nonce=%s tx=%s", entry.nonce, raised.newest.hash)
            self._try_send(raised)
        return raised

    def is_below_market(self, entry: Entry) -> bool:
        """Whether no block can take an entry at the base fee of now."""
        return entry.newest.max_fee < self._connection.fees().base

    def included(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        """Note the block."""
        self._journal.mark([receipt["transactionHash"]], "included", [{"receipt": receipt}])
        step("sender.included")

    def final(self, entry: Entry, receipt: Mapping[str, Any]) -> None:
        """Note that no reorganisation can take it away."""
        self._journal.mark([receipt["transactionHash"]], "final", [{"receipt": receipt}])
        step("sender.final")

    def is_final(self, receipt: Mapping[str, Any]) -> bool:
        """Whether the block of a receipt is final, and still the one that the chain has."""
        return self._connection.is_final(int(receipt["blockNumber"], 16))

    def vanished(self, entry: Entry, block: int) -> None:
        """Note that the block is gone, tell the caller, and send the same bytes again."""
        log.warning("a reorganisation took a transaction back: tx=%s block=%d", entry.newest.hash, block)
        self._journal.mark([entry.newest.hash], "sent", [None], only_from=("included",))
        step("sender.vanished")
        if self._on_reorg:
            self._on_reorg(entry.newest.hash, block)

    def replaced(self, entry: Entry) -> Replaced:
        """Note that another transaction took the nonce, and name it."""
        winner = self.winner(entry)
        self._journal.mark([entry.newest.hash], "replaced", [{"winner": winner}], only_from=("signed", "sent"))
        step("sender.replaced")
        return replaced_error(entry.newest, winner)

    def winner(self, entry: Entry) -> str | None:
        """Find the transaction of the sender with the entry's nonce, by halving over the sender's count."""
        sender, nonce = self._journal.sender, entry.nonce
        if nonce is None:
            return None
        try:
            high = self._connection.head().number
            low = self._before(nonce, high)
            while low < high:
                middle = (low + high) // 2
                count = self._connection.nonce(sender, block=hex(middle))
                low, high = (low, middle) if count > nonce else (middle + 1, high)
            block = self._connection.rpc.request("eth_getBlockByNumber", [hex(low), True])
        except NodeError:  # a node without old state cannot tell
            return None
        for item in block["transactions"] if block else ():
            if item["from"].lower() == sender and int(item["nonce"], 16) == nonce:
                return str(item["hash"])
        return None

    def _before(self, nonce: int, head: int) -> int:
        """Return a block in which the nonce was still unused, from the head backwards: old state may be gone."""
        span = 8
        while span < head:
            if self._connection.nonce(self._journal.sender, block=hex(head - span)) <= nonce:
                return head - span
            span *= 4
        return 0


def replaced_error(variant: Variant, winner: str | None) -> Replaced:
    """Return the error for a transaction whose nonce another one took."""
    error = Replaced(
        f"transaction {variant.hash} was replaced by {winner or 'another one'}",
        why=f"Both have nonce {variant.nonce}; another program or wallet uses the same key.",
        fix="Look at what the other one did; then act again under another key if it is still wanted.",
    )
    error.winner = winner  # type: ignore[attr-defined]
    return error


class _Wait:
    """The state of one wait."""

    def __init__(self, watcher: Watcher, entry: Entry, wait: Wait, timeout: float) -> None:
        self._watcher, self._entry, self._goal = watcher, entry, wait
        self._start = time.monotonic()
        self._end = self._start + timeout
        self._timeout = timeout
        self._next_tend = self._start + _FIRST_TEND
        self._bumped = self._start
        self._used_by_other = 0
        self._reorgs = 0
        self._block: tuple[int, str] | None = None
        if entry.state == "included" and entry.outcome:
            known = entry.outcome["receipt"]
            self._block = (int(known["blockNumber"], 16), known["blockHash"])

    def run(self) -> Found:
        pause = _FIRST_POLL
        while True:
            receipt = self._watcher.receipt(self._entry)
            if receipt is None:
                self._missing()
            elif found := self._seen(receipt):
                return found
            if time.monotonic() + pause > self._end:
                raise self._pending()
            time.sleep(pause)
            pause = min(pause * 1.5, self._watcher._poll)

    def _seen(self, receipt: Mapping[str, Any]) -> Found | None:
        """Take note of a receipt; return it when the wait is over."""
        at = (int(receipt["blockNumber"], 16), receipt["blockHash"])
        if self._block is not None and at != self._block:
            self._reorgs += 1
            self._watcher.vanished(self._entry, self._block[0])
            self._block = None
        final = self._watcher.is_final(receipt)
        if self._block is None:
            if not final:  # else one note is enough
                self._watcher.included(self._entry, receipt)
            self._block = at
        if final:
            # asked again after the block became final: only now is it certain that it is that block which is
            again = self._watcher.receipt(self._entry) if self._goal == "final" else receipt
            if again is None or again["blockHash"] != receipt["blockHash"]:
                return None
            self._watcher.final(self._entry, receipt)
            return Found(receipt, final=True, reorgs=self._reorgs)
        return Found(receipt, final=False, reorgs=self._reorgs) if self._goal == "included" else None

    def _missing(self) -> None:
        """No receipt: perhaps just not yet, perhaps no more."""
        now = time.monotonic()
        if self._block is not None:
            self._reorgs += 1
            self._watcher.vanished(self._entry, self._block[0])
            self._block = None
            self._watcher.push(self._entry)
            self._next_tend = now + _FIRST_TEND
        elif now >= self._next_tend:
            self._tend(now)
            self._next_tend = now + min(10.0, max(_FIRST_TEND, 2 * (now - self._start) / 3))

    def _tend(self, now: float) -> None:
        """Ask why there is no receipt, and do what helps."""
        known, count = self._watcher.look(self._entry)
        nonce = self._entry.nonce
        if not known and nonce is not None and count > nonce:
            self._used_by_other += 1
            if self._used_by_other >= _LAGGING and self._watcher.receipt(self._entry) is None:
                raise self._watcher.replaced(self._entry)
            return
        self._used_by_other = 0
        if not known:
            log.warning("not in the node's pool, sending the same bytes again: tx=%s", self._entry.newest.hash)
            self._watcher.push(self._entry)
            if self._watcher.is_below_market(self._entry):
                self._entry = self._watcher.bump(self._entry)
            return
        self._watcher.push_lower(self._entry, count)
        if now - self._bumped >= self._watcher._policy.bump_after and count == nonce:
            self._entry = self._watcher.bump(self._entry)
            self._bumped = now

    def _pending(self) -> Pending:
        goal = "final" if self._block else "included"
        return Pending(
            f"transaction {self._entry.newest.hash} is not {goal} after {self._timeout:g} s",
            why="The chain is slow, or the fees offered have reached their cap.",
            fix="Call again with the same key: it goes on waiting and never acts twice.",
        )
