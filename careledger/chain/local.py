"""A chain of one's own: Anvil where it is found, else in this process. The same helpers on both.

The accounts are the well-known development ones, worthless everywhere else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from careledger.chain.anvil import HOW_TO_GET, Anvil, find_anvil
from careledger.chain.connection import Connection
from careledger.chain.rpc import NodeRefused, Rpc, RpcLike
from careledger.chain.signers import Signer
from careledger.chain.tester import TesterRpc
from careledger.errors import InputError
from careledger.values import Address

__all__ = ["MNEMONIC", "LocalChain"]

log = logging.getLogger("careledger")

MNEMONIC = "test test test test test test test test test test test junk"
"""The mnemonic every Ethereum tool uses for development; its keys are public."""
_ETHER = 10**18

Engine = Literal["auto", "anvil", "in-process"]


class LocalChain:
    """A local chain; use it as a context manager, or call ``start`` and ``stop``.

    Args:
        engine: ``anvil``, ``in-process`` (py-evm), or ``auto``: Anvil if it is found.
        anvil: The Anvil binary, where it is not found by itself.
        chain_id: For Anvil; the in-process chain has its own.
        hardfork: Anvil's rules, such as ``prague`` or ``osaka``.
        accounts: How many development accounts hold ether.
        block_time: Seconds between blocks; each transaction gets a block at once when None.
        port: For Anvil; a free one when not given.
        arguments: More options for Anvil.
        log_file: Where Anvil's output goes.

    Example:
        >>> with LocalChain(engine="in-process") as chain:  # doctest: +SKIP
        ...     chain.connection.head().number
        0
    """

    def __init__(
        self,
        *,
        engine: Engine = "auto",
        anvil: str | Path | None = None,
        chain_id: int = 31337,
        hardfork: str = "prague",
        accounts: int = 20,
        block_time: float | None = None,
        port: int | None = None,
        arguments: list[str] | None = None,
        log_file: Path | None = None,
    ) -> None:
        binary = find_anvil(anvil) if engine != "in-process" else None
        if engine == "anvil" and binary is None:
            raise InputError(
                "Anvil is not found",
                why="It is looked for in CARELEDGER_ANVIL, in node_modules upward from here, and on the PATH.",
                fix=f"{HOW_TO_GET} Or take the in-process chain, which is in careledger[local].",
            )
        self.engine: Literal["anvil", "in-process"] = "anvil" if binary else "in-process"
        self._accounts = accounts
        self._signers: list[Signer] = []
        self._chain: Anvil | None = None
        self._rpc: RpcLike | None = None
        self._connection: Connection | None = None
        self.on_revert: list[Callable[[], Any]] = []
        """Called after the chain was set back, such as the ``forget_rolled_back`` of a sender of another connection."""
        if binary:
            options = ["--silent", "--chain-id", str(chain_id), "--hardfork", hardfork, "--accounts", str(accounts)]
            options += ["--mnemonic", MNEMONIC]
            options += ["--block-time", str(block_time)] if block_time else []
            self._chain = Anvil(binary, options + (arguments or []), port=port, log=log_file)

    @property
    def statement(self) -> str:
        """One sentence on what this chain is, for people."""
        if self._chain is not None:
            return f"local chain: Anvil at {self._chain.url}"
        return "local chain: in this process (py-evm), as Anvil was not found or not wanted; slower, gone at the end"

    def start(self) -> Self:
        """Start it.

        Raises:
            NodeUnavailable: Anvil does not start.
            InputError: The in-process chain is not installed.
        """
        if self._chain is not None:
            self._chain.start()
            self._rpc = Rpc(self._chain.url, timeout=60, deadline=120)
        else:
            self._rpc = TesterRpc()
            self._fund_accounts()
        log.info(self.statement)
        return self

    def stop(self) -> None:
        """Stop it; nothing stays behind."""
        if self._rpc is not None:
            self._rpc.close()
        if self._chain is not None:
            self._chain.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # WHAT IT OFFERS

    @property
    def url(self) -> str | None:
        """Where other programs reach it; None in process."""
        return self._chain.url if self._chain else None

    @property
    def pid(self) -> int | None:
        """Anvil's process; None in process."""
        return self._chain.pid if self._chain else None

    @property
    def rpc(self) -> RpcLike:
        """The connection to it.

        Raises:
            InputError: It has not been started.
        """
        if self._rpc is None:
            raise InputError("the local chain has not been started", fix="Call start, or use it in a with statement.")
        return self._rpc

    @property
    def connection(self) -> Connection:
        """The chain, for the rest of the SDK."""
        if self._connection is None:
            self._connection = Connection(self.rpc)
        return self._connection

    def signer(self, number: int = 0) -> Signer:
        """Return the signer of a development account, from 0."""
        while len(self._signers) <= number:
            path = f"m/44'/60'/0'/0/{len(self._signers)}"
            self._signers.append(Signer.from_mnemonic(MNEMONIC, path=path))
        return self._signers[number]

    @property
    def accounts(self) -> list[Address]:
        """The development accounts that hold ether."""
        return [self.signer(number).address for number in range(self._accounts)]

    # TIME AND STATE

    def snapshot(self) -> str:
        """Remember the state; return its name."""
        return str(self.rpc.request("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        """Set the chain back to a snapshot, which is used up by it.

        Every client and sender over ``connection`` follows: those of ``CareLedger.local`` and ``as_``, and of
        ``connect(chain.connection)``. Journals forget what the chain forgot, the index takes the blocks back, and a
        record whose anchor is gone is anchored again when it is sealed again. Where blocks below a final one go, as
        always in process, an index in memory is read anew: then no event comes back as removed, and cursors of before
        do not serve. Not followed: an index in a file in that case, clients of other connections or programs, what
        ``shred`` destroyed, and the log book and anchors that a custodian keeps in its home. ``on_revert`` is for
        everybody else.

        Raises:
            InputError: There is no such snapshot.
        """
        if self.rpc.request("evm_revert", [snapshot]) is not True:
            raise InputError("there is no such snapshot", why="Each serves once, and ends the later ones.")
        if self._connection is not None:
            self._connection.forget_rolled_back()
        for told in self.on_revert:
            told()

    def mine(self, blocks: int = 1) -> None:
        """Mine blocks, empty where nothing waits."""
        if self.engine == "anvil":
            self.rpc.request("anvil_mine", [hex(blocks), "0x1"])
            return
        for _ in range(blocks):
            self.rpc.request("evm_mine")

    def set_time(self, moment: int) -> None:
        """Mine a block at a moment in the future, in seconds since 1970; time goes on from there."""
        self.rpc.request("evm_setNextBlockTimestamp", [moment])
        self.mine()

    def increase_time(self, seconds: int) -> None:
        """Let time pass, and mine a block in which that is so."""
        self.rpc.request("evm_increaseTime", [seconds])
        if self.engine == "anvil":
            self.mine()

    def reorg(self, depth: int) -> None:
        """Replace the newest blocks by as many others, without what was in them."""
        self.rpc.request("anvil_reorg", [depth, []])

    def automine(self, on: bool) -> None:
        """Give each transaction a block at once, or let them wait for ``mine``."""
        self.rpc.request("evm_setAutomine", [on])

    @property
    def now(self) -> int:
        """The time of the newest block, in seconds since 1970."""
        return self.connection.head().timestamp

    def fund(self, account: str, wei: int = 100 * _ETHER) -> None:
        """Give an account ether: exactly this much on Anvil, this much more in process."""
        if self.engine == "anvil":
            self.rpc.request("anvil_setBalance", [account, hex(wei)])
            return
        rich = self.rpc.request("eth_accounts")[0]
        self.rpc.request("eth_sendTransaction", [{"from": rich, "to": account, "value": hex(wei), "gas": hex(21000)}])

    def _fund_accounts(self) -> None:
        """Give the development accounts ether from the tester's own, so that they are the same on both chains."""
        for account in self.accounts:
            try:
                self.fund(account, 10_000 * _ETHER)
            except NodeRefused as refusal:  # pragma: no cover - a chain handed in may be poor
                log.warning("a development account holds no ether: %s", refusal)
                return
