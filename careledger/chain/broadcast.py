"""Stored bytes to the node, until it is certain that they are there. Nothing here signs anything."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Sequence
from typing import Any

from careledger.chain.connection import Connection
from careledger.chain.journal import Entry, Journal, Variant
from careledger.chain.refusals import Meaning, meaning_of, mined_hash
from careledger.chain.rpc import NodeRefused
from careledger.errors import InsufficientFunds, NodeError, NodeMisbehaved, NodeUnavailable, Pending, TransactionError
from careledger.steps import step
from careledger.values import to_hex

__all__ = ["Broadcaster"]

log = logging.getLogger("careledger")
_ATTEMPTS = 4


class Broadcaster:
    """Sends the bytes of journal entries.

    Args:
        connection: The chain.
        journal: Where the entries are.
        patience: Seconds to go on trying while the node fails.
    """

    def __init__(self, connection: Connection, journal: Journal, *, patience: float) -> None:
        self._connection, self._journal, self._patience = connection, journal, patience

    # ONE

    def send(self, entry: Entry, *, first: bool) -> None:
        """Send the newest form of an entry and note that a node has it.

        Args:
            entry: What to send.
            first: The bytes were stored by this call, and nobody can have sent them before.

        Raises:
            InsufficientFunds: The sender cannot pay. Where no node ever took it, the nonce is given back.
            TransactionError: The node says why no node would take it.
            NodeError: It is not certain that a node has it; calling again with the same key goes on.
        """
        variant = entry.newest
        certain = first
        if not first and not self._journal.doubt(variant.hash):
            raise Pending(f"transaction {variant.hash} was given up by another process", fix="Call again.")
        end = time.monotonic() + self._patience
        for attempt in range(_ATTEMPTS):
            trouble = self._try(entry, variant, certain)
            if trouble is None:
                return
            if certain:
                self._journal.doubt(variant.hash)
                certain = False
            pause = random.uniform(0.05, 0.25) * 2**attempt  # noqa: S311 - jitter
            if attempt + 1 == _ATTEMPTS or time.monotonic() + pause > end:
                raise trouble
            log.debug("sending the same bytes again: tx=%s", variant.hash)
            time.sleep(pause)

    def _try(self, entry: Entry, variant: Variant, certain: bool) -> NodeError | None:
        """Send once; return the trouble when it is not certain that the node has it."""
        step("sender.sending")
        try:
            answer = self._connection.rpc.request("eth_sendRawTransaction", [to_hex(variant.raw)])
            if answer.lower() == variant.hash:
                step("sender.accepted")
                self.note_sent([variant.hash])
                return None
            trouble: NodeError = NodeMisbehaved("the node answered with the hash of another transaction")
        except NodeRefused as refusal:
            if mined_hash(refusal.error) == variant.hash:
                self.note_sent([variant.hash])
                return None
            trouble = refusal
        except NodeError as error:
            trouble = error
        step("sender.troubled")
        return self._reconcile(entry, variant, trouble, certain)

    def _reconcile(self, entry: Entry, variant: Variant, trouble: NodeError, certain: bool) -> NodeError | None:
        """Find out by the own hash whether the node has it, whatever it answered."""
        try:
            if self.is_known(variant.hash):
                self.note_sent([variant.hash])
                return None
        except NodeError as error:
            return error
        return self._judge(entry, variant, trouble, certain) if isinstance(trouble, NodeRefused) else trouble

    def _judge(self, entry: Entry, variant: Variant, refusal: NodeRefused, certain: bool) -> NodeError | None:
        """Decide about a refusal of a transaction the node does not know."""
        meaning = meaning_of(refusal.node_message)
        if meaning in (Meaning.KNOWN, Meaning.NONCE_USED, Meaning.NONCE_TAKEN, Meaning.FEE_LOW):
            # The wait finds out: mined on a node that lags, replaced, or to be raised.
            self._journal.doubt(variant.hash)
            self.note_sent([variant.hash])
            return None
        if meaning is Meaning.POOR:
            self._give_up(entry, refusal, certain)
            raise InsufficientFunds(
                f"{self._journal.sender} cannot pay the gas of this transaction", why=refusal.node_message[:200],
                fix="Send it ether and call again with the same key.",
            ) from None  # fmt: skip
        if meaning is Meaning.INVALID:
            self._give_up(entry, refusal, certain)
            raise TransactionError(f"no node takes this transaction: {refusal.node_message[:200]}") from None
        return refusal

    def _give_up(self, entry: Entry, refusal: NodeRefused, certain: bool) -> None:
        """Free the nonce, if no node can have the bytes."""
        if certain:
            self._journal.release(entry, refusal.node_message[:200])
            step("sender.released")

    def is_known(self, tx_hash: str) -> bool:
        """Whether the node has a transaction, waiting or mined."""
        answers = self._connection.rpc.batch(
            [("eth_getTransactionByHash", [tx_hash]), ("eth_getTransactionReceipt", [tx_hash])]
        )
        return any(answer is not None and not isinstance(answer, NodeRefused) for answer in answers)

    def note_sent(self, hashes: Sequence[str]) -> None:
        """Note that a node has these transactions."""
        self._journal.mark(hashes, "sent", only_from=("signed",))
        step("sender.sent")

    # MANY

    def send_many(self, entries: Sequence[Entry]) -> tuple[list[str], dict[str, TransactionError | NodeError]]:
        """Send a flight in one request; whatever does not come through at once is sent one by one.

        Returns:
            The hashes the node took at once, still to be noted as sent, and what failed, by key.
        """
        if not entries:
            return [], {}
        step("sender.sending")
        try:
            calls = [("eth_sendRawTransaction", ["0x" + entry.newest.raw.hex()]) for entry in entries]
            answers: list[Any] = self._connection.rpc.batch(calls)
        except NodeError:
            answers = [None] * len(entries)
        step("sender.accepted")
        taken, rest = [], []
        for entry, answer in zip(entries, answers, strict=True):
            if isinstance(answer, str) and answer.lower() == entry.newest.hash:
                taken.append(entry.newest.hash)
            else:
                # Only a plain refusal of a first sending is certain not to have arrived.
                rest.append((entry, isinstance(answer, NodeRefused) and entry.fresh))
        return taken, self._one_by_one(rest)

    def _one_by_one(self, rest: Sequence[tuple[Entry, bool]]) -> dict[str, TransactionError | NodeError]:
        failed: dict[str, TransactionError | NodeError] = {}
        for entry, certain in rest:
            if any(isinstance(error, NodeUnavailable) for error in failed.values()):
                failed[entry.key] = NodeUnavailable("not sent, because the node went away", fix="Call again.")
                continue
            try:
                self.send(entry, first=certain)
            except (TransactionError, NodeError) as error:
                failed[entry.key] = error
        return failed
