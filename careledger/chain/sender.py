"""Sending, once: from a call to a receipt, whatever the node, the network or this process does meanwhile.

Each act has a key. Its nonce and signed bytes are on disk before anything is sent, and only those bytes are ever sent
for it; so the same key twice, a restart after a kill, or an answer that was lost never act twice.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, overload

from careledger.chain.abi import decode_log
from careledger.chain.broadcast import Broadcaster
from careledger.chain.calls import Act, Call
from careledger.chain.connection import Connection
from careledger.chain.fees import FeePolicy
from careledger.chain.journal import Entry, Intent, Journal, Variant, content_digest
from careledger.chain.refusals import Meaning, meaning_of
from careledger.chain.reverts import contract_error, revert_data
from careledger.chain.rpc import NodeRefused
from careledger.chain.signers import Signer
from careledger.chain.watch import Found, OnReorg, Watcher, replaced_error
from careledger.errors import (
    CareLedgerError,
    ContractError,
    InputError,
    InsufficientFunds,
    KeyReused,
    NodeError,
    TransactionError,
    WrongChain,
)  # fmt: skip
from careledger.redact import PersonalText
from careledger.steps import step
from careledger.values import BlockHash, Prepared, Receipt, TxHash, Wait, address, from_hex, keccak, to_hex

__all__ = ["Act", "Call", "FeePolicy", "Sender"]


class Sender:
    """Sends the transactions of one account on one chain, from many threads, and processes with the same journal.

    Args:
        connection: The chain.
        signer: The account.
        journal: Where acts are kept; its scope and sender must be this chain and account.
        policy: Fees.
        poll: The longest pause between two questions about a waiting transaction, in seconds.
        timeout: Seconds a call waits before it raises ``Pending``.
        patience: Seconds to go on sending while the node fails.
        on_reorg: Told hash and block when a block that held a transaction vanished.

    Raises:
        WrongChain: The journal belongs to another chain.
        InputError: The journal belongs to another account.
    """

    def __init__(
        self,
        connection: Connection,
        signer: Signer,
        journal: Journal,
        *,
        policy: FeePolicy | None = None,
        poll: float = 1.0,
        timeout: float = 180.0,
        patience: float = 30.0,
        on_reorg: OnReorg | None = None,
    ) -> None:
        if journal.scope != connection.scope:
            raise WrongChain(f"the journal is of chain {journal.scope}, the node is on {connection.scope}")
        if journal.sender != signer.address.lower():
            raise InputError(f"the journal is of {journal.sender}, the signer of {signer.address}")
        self.connection, self.signer, self.journal = connection, signer, journal
        self.policy = policy or FeePolicy()
        self._timeout = timeout
        self._broadcaster = Broadcaster(connection, journal, patience=patience)
        self._watcher = Watcher(
            connection, journal, self._broadcaster, policy=self.policy, resign=self._resign, poll=poll,
            on_reorg=on_reorg,
        )  # fmt: skip
        self._nonce: tuple[float, int] | None = None
        self._lock = threading.Lock()
        if connection.is_dev:
            connection.rolled_back.add(self)
            connection.rolled_back.add_journal(journal)

    @property
    def address(self) -> str:
        """The account."""
        return self.signer.address

    # SUBMITTING

    @overload
    def submit(
        self, call: Call, *, key: str, wait: Wait = ..., dry_run: Literal[False] = ..., content: Any = ...,
        note: Any = ..., timeout: float | None = ...,
    ) -> Receipt[None]: ...  # fmt: skip
    @overload
    def submit(
        self, call: Call, *, key: str, wait: Wait = ..., dry_run: Literal[True], content: Any = ..., note: Any = ...,
        timeout: float | None = ...,
    ) -> Prepared: ...  # fmt: skip
    @overload
    def submit(
        self, call: Call, *, key: str, wait: Wait = ..., dry_run: bool, content: Any = ..., note: Any = ...,
        timeout: float | None = ...,
    ) -> Receipt[None] | Prepared: ...  # fmt: skip
    def submit(
        self,
        call: Call,
        *,
        key: str,
        wait: Wait = "included",
        dry_run: bool = False,
        content: Any = None,
        note: Any = None,
        timeout: float | None = None,
    ) -> Receipt[None] | Prepared:
        """Do something on chain, once.

        Args:
            call: What to do.
            key: The act's own name in the business, such as a claim's number. The same key with the same content
                returns the first result.
            wait: Until when to wait: ``sent``, ``included`` or ``final``.
            dry_run: Only say what it would cost.
            content: What makes the act the same, where the calldata differs at each attempt (a fresh salt): JSON or
                bytes. The calldata itself when not given.
            note: JSON to keep beside it in the journal, found again by ``entry``.
            timeout: Seconds to wait; the sender's own when not given.

        Returns:
            The receipt, or for a dry run a ``Prepared``.

        Raises:
            ContractError: The contract refused, before or after it was sent.
            KeyReused: The key was used before for other content.
            InsufficientFunds: The account cannot pay the gas.
            Pending: Not included, or not final, within the time. Call again with the same key.
            Replaced: Another transaction took its nonce; ``winner`` is its hash.
            NodeError: The node failed. Call again with the same key.
        """
        if dry_run:
            return self.prepare(call)
        digest = self.digest(call, content)
        entry = self.known(key, digest)
        repeated = entry is not None
        if entry is None:
            entry = self._take(call, key, digest, note)
            repeated = not entry.fresh
        if entry.state == "signed":
            self._broadcaster.send(entry, first=entry.fresh)
        return self.settle(entry, wait, timeout=timeout, repeated=repeated)

    def submit_many(
        self,
        acts: Iterable[Act],
        *,
        wait: Wait = "included",
        flight: int = 100,
        window: int | None = 1000,
        progress: Callable[[int], None] | None = None,
    ) -> list[Receipt[None] | CareLedgerError]:
        """Do many things, each once: signed and stored by flights while the flight before is on its way.

        Args:
            acts: What to do, in the order of their nonces.
            wait: Until when to wait, for all of them.
            flight: How many to send in one request; nodes commonly take 100.
            window: How many may wait to be mined before the next flight starts; None for no bound.
            progress: Told how many have been sent so far.

        Returns:
            One receipt or error for each act, in order; one refused does not hold up the others.
        """
        from careledger.chain.flights import Flights

        return Flights(self, wait=wait, flight=flight, window=window, progress=progress).run(list(acts))

    def prepare(self, call: Call) -> Prepared:
        """Say what a call would cost and what would be sent; nothing is signed or stored.

        Raises:
            ContractError: The contract would refuse.
            InsufficientFunds: The account cannot pay.
        """
        gas = self.gas_for(call)
        max_fee, priority = self.policy.first(self.connection.fees())
        tx = self._transaction(call.as_json(gas), self.chain_nonce(), max_fee, priority)
        shown = {**tx, "data": to_hex(tx["data"]), "from": self.address, "type": 2}
        return Prepared(gas=gas, cost_wei=gas * max_fee, transaction=shown, calldata=to_hex(call.data))

    def entry(self, key: str) -> Entry | None:
        """Return what the journal knows of a key: state, nonce, hashes, note."""
        return self.journal.get(key)

    def recover(self, *, wait: Wait = "sent") -> list[Receipt[None] | CareLedgerError]:
        """Take up what an earlier run left behind: send stored bytes again where the node has lost them.

        Returns:
            One receipt or error for each act that was not final.
        """
        results: list[Receipt[None] | CareLedgerError] = []
        for entry in self.journal.unfinished():
            try:
                if entry.state != "included" and not self._broadcaster.is_known(entry.newest.hash):
                    self._broadcaster.send(entry, first=False)
                goal: Wait = "included" if entry.state == "included" and wait == "sent" else wait
                results.append(self.settle(entry, goal, repeated=True))
            except (ContractError, TransactionError, NodeError) as error:
                results.append(error)
        return results

    def forget_rolled_back(self) -> int:
        """Forget the acts that a development chain forgot when it was set back to a snapshot.

        Raises:
            InputError: On any other chain, where acts do not vanish.
        """
        if not self.connection.is_dev:
            raise InputError("only a development chain can be set back")
        with self._lock:
            self._nonce = None
        return self.journal.forget_from(self.connection.nonce(self.address))

    # WHAT IS SENT

    def digest(self, call: Call, content: Any = None) -> str:
        """Return the digest that tells whether two acts under one key are the same."""
        if content is not None:
            return content_digest("content", content)
        head = f"call:{(call.to or '').lower()}:{call.value}:".encode()
        return hashlib.sha256(head + call.data).hexdigest()

    def known(self, key: str, digest: str) -> Entry | None:
        """Return the entry of a key to go on with; None where the act is still to be done.

        Raises:
            KeyReused: The key was used for other content.
            Replaced: Its nonce was taken by another transaction.
        """
        return self.usable(self.journal.get(key), key, digest)

    def usable(self, entry: Entry | None, key: str, digest: str) -> Entry | None:
        """Return an entry that the journal has, if it can be gone on with; raises as ``known``."""
        if entry is None or entry.state == "failed":
            return None
        if entry.digest != digest:
            raise self._reused(key)
        if entry.state == "replaced":
            raise replaced_error(entry.newest, entry.outcome["winner"])
        return entry

    def _reused(self, key: str) -> KeyReused:
        return KeyReused(
            f"key {'<personal>' if isinstance(key, PersonalText) else repr(key)} was used before for other content",
            why="A key stands for one act, so that repeating it never acts twice.",
            fix="Use another key for another act, or the same content for the same one.",
        )

    def _take(self, call: Call, key: str, digest: str, note: Any) -> Entry:
        """Store an act with its nonce and signed bytes."""
        stored = call.as_json(self.gas_for(call))
        sign = self.signing()
        entry = self.journal.take([Intent(key, digest, stored, note)], chain_nonce=self.chain_nonce(), sign=sign)[0]
        step("sender.signed")
        return entry

    def gas_for(self, call: Call) -> int:
        """Return the gas limit of a call, estimated where it is not given.

        Raises:
            ContractError: The contract would refuse.
            InsufficientFunds: The account cannot pay.
        """
        if call.to is not None:
            address(call.to, confirm_unchecked=True)
        if call.gas is not None:
            return call.gas
        try:
            answer = self.connection.rpc.request("eth_estimateGas", [self.wire(call)])
        except NodeRefused as refusal:
            raise self.refused(refusal) from None
        return self.policy.limit(int(answer, 16))

    def wire(self, call: Call) -> dict[str, Any]:
        """Return a call as JSON-RPC writes it."""
        tx: dict[str, Any] = {"from": self.address, "data": to_hex(call.data), "value": hex(call.value)}
        return tx | ({"to": call.to} if call.to else {})

    def refused(self, refusal: NodeRefused) -> CareLedgerError:
        """Turn a node's refusal to run a call into what it means."""
        found = revert_data(refusal.error)
        if found is not None:
            return contract_error(found, catalogue=self.connection.catalogue, message=refusal.node_message)
        if meaning_of(refusal.node_message) is Meaning.POOR:
            return InsufficientFunds(
                f"{self.address} cannot pay for this", why=refusal.node_message[:200], fix="Send it ether."
            )
        return refusal

    def chain_nonce(self) -> int:
        """Return the account's count including the node's pool, asked at most once a second."""
        with self._lock:
            kept = self._nonce
        if kept and time.monotonic() - kept[0] < 1.0:
            return kept[1]
        found = self.connection.nonce(self.address, block="pending")
        with self._lock:
            self._nonce = (time.monotonic(), found)
        return found

    def _transaction(self, call: Mapping[str, Any], nonce: int, max_fee: int, priority: int) -> dict[str, Any]:
        return {
            "chainId": self.connection.chain_id, "nonce": nonce, "maxPriorityFeePerGas": priority,
            "maxFeePerGas": max_fee, "gas": call["gas"], "to": call["to"], "value": int(call["value"]),
            "data": from_hex(call["data"]),
        }  # fmt: skip

    def signing(self) -> Callable[[Mapping[str, Any], int], Variant]:
        """Return the function that signs stored calls at the fees of now."""
        max_fee, priority = self.policy.first(self.connection.fees())
        return lambda call, nonce: self._sign(call, nonce, max_fee, priority)

    def _sign(self, call: Mapping[str, Any], nonce: int, max_fee: int, priority: int) -> Variant:
        raw = self.signer.sign_transaction(self._transaction(call, nonce, max_fee, priority))
        return Variant(to_hex(keccak(raw)), raw, max_fee, priority, nonce)

    def _resign(self, entry: Entry, max_fee: int, priority: int) -> Entry:
        """Store another form of an act: the same call and nonce, other fees."""
        if entry.nonce is None:
            return entry
        return self.journal.add_variant(entry, self._sign(entry.call, entry.nonce, max_fee, priority))

    # WHAT CAME OF IT

    def settle(
        self, entry: Entry, wait: Wait, *, timeout: float | None = None, repeated: bool = False
    ) -> Receipt[None]:
        """Wait for an entry and return its receipt.

        Raises:
            ContractError: It was mined and reverted.
            Pending: Not within the time.
            Replaced: Another transaction took its nonce.
        """
        if entry.state == "final":
            return self.finish(entry, Found(entry.outcome["receipt"], final=True, reorgs=0), repeated)
        if wait == "sent":
            return Receipt(
                value=None,
                tx=TxHash(entry.newest.hash),
                block=None,
                status="sent",
                gas=0,
                cost_wei=0,
                repeated=repeated,
            )
        found = self._watcher.wait(entry, wait, self._timeout if timeout is None else timeout)
        return self.finish(entry, found, repeated)

    def finish(self, entry: Entry, found: Found, repeated: bool) -> Receipt[None]:
        """Turn a node's receipt into ours.

        Raises:
            ContractError: It reverted. Once that is final, the key may be tried again.
        """
        receipt = found.receipt
        if int(receipt["status"], 16) == 0:
            raise self._reverted(entry, found)
        used = int(receipt["gasUsed"], 16)
        events = tuple(decode_log(item, catalogue=self.connection.catalogue) for item in receipt["logs"])
        return Receipt(
            value=None, tx=TxHash(receipt["transactionHash"]), block=int(receipt["blockNumber"], 16),
            status="final" if found.final else "included", gas=used,
            cost_wei=used * int(receipt.get("effectiveGasPrice") or "0x0", 16), events=events,
            block_hash=BlockHash(receipt["blockHash"]), reorgs=found.reorgs, repeated=repeated,
        )  # fmt: skip

    def _reverted(self, entry: Entry, found: Found) -> CareLedgerError:
        """Return why a mined transaction reverted, by running it again on the state before its block."""
        receipt = found.receipt
        if found.final:
            self.journal.mark([receipt["transactionHash"]], "failed", [{"receipt": receipt}], only_from=("final",))
        number = int(receipt["blockNumber"], 16)
        call = entry.call
        tx = {"from": self.address, "data": call["data"], "value": hex(int(call["value"])), "gas": hex(call["gas"])}
        tx |= {"to": call["to"]} if call["to"] else {}
        for block in (number - 1, number):
            try:
                self.connection.rpc.request("eth_call", [tx, hex(block)])
            except NodeRefused as refusal:
                if (data := revert_data(refusal.error)) is not None:
                    return contract_error(data, catalogue=self.connection.catalogue, message=refusal.node_message)
            except NodeError:
                break
        out_of_gas = int(receipt["gasUsed"], 16) >= call["gas"]
        return TransactionError(
            f"transaction {receipt['transactionHash']} was mined and reverted",
            why="It ran out of gas." if out_of_gas else "Run again it does not fail: the state before it was another.",
            fix="Give a higher gas limit." if out_of_gas else "Call again.",
        )


def sent_receipt(entry: Entry, repeated: bool) -> Receipt[None]:
    """Return the receipt of what is only sent."""
    tx = TxHash(entry.newest.hash)
    return Receipt(value=None, tx=tx, block=None, status="sent", gas=0, cost_wei=0, repeated=repeated)
