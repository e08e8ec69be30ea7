"""``CareLedger``: one object for a suite on a chain, as one party sees it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import platformdirs

from careledger.chain.abi import artifacts
from careledger.chain.connection import Connection
from careledger.chain.deploy import Deployment, deploy
from careledger.chain.fees import FeePolicy
from careledger.chain.journal import Journal
from careledger.chain.local import LocalChain
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Sender
from careledger.chain.signers import Signer
from careledger.chain.suite import Suite
from careledger.chain.tray import Tray
from careledger.errors import CareLedgerError, InputError, Misuse
from careledger.index import Index, IndexedEvent, Options, ReorgTooDeep, Source
from careledger.privacy.files import private_folder
from careledger.privacy.openers import Opener
from careledger.resources.consents import Consents
from careledger.resources.emergencies import Emergencies
from careledger.resources.forwarding import Forwarding
from careledger.resources.guardians import Guardians
from careledger.resources.held import Held
from careledger.resources.participants import Participants
from careledger.resources.records import Records
from careledger.storage import Store
from careledger.values import Address, Receipt

if TYPE_CHECKING:
    from careledger.directory import Directory

__all__ = ["CareLedger"]

APP = "careledger"


class CareLedger:
    """A suite on a chain, as one party sees it. Make it with :meth:`connect` or :meth:`local`.

    ``participants``, ``guardians``, ``emergencies``, ``consents`` and ``records`` are its resources; ``forwarding``
    carries acts of accounts without ether; ``directory`` knows whom outside identifiers mean; ``events`` reads what
    happened. Thread-safe.

    Example:
        >>> with CareLedger.local(engine="in-process") as care:  # doctest: +SKIP
        ...     care.suite.release, care.suite.unmodified
        ('0.1.0', True)
    """

    def __init__(
        self,
        connection: Connection,
        suite: Suite,
        *,
        signer: Signer | None = None,
        opener: Opener | None = None,
        home: Path,
        store: Store,
        index_url: str = ":memory:",
        policy: FeePolicy | None = None,
        poll: float = 1.0,
        chain: LocalChain | None = None,
        owned: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.connection, self.suite, self.signer, self.opener = connection, suite, signer, opener
        self.home, self.store, self.chain = home, store, chain
        self._index_url, self._policy, self._poll = index_url, policy, poll
        self._owned = owned
        self._sender: Sender | None = None
        self._index: Index | None = None
        self._lock = threading.RLock()
        self._retired: dict[str, bool] = {}
        self._tray: Tray | None = None
        self.within_days: float | None = None
        """How many days acts may wait in the tray; None where they are sent at once. See :meth:`at_ease`."""
        connection.rolled_back.add(self)
        self.participants = Participants(self)
        self.guardians = Guardians(self)
        self.emergencies = Emergencies(self)
        self.consents = Consents(self)
        self.records = Records(self)
        self.forwarding = Forwarding(self)
        self.held = Held(self)

    # WHERE IT COMES FROM

    @classmethod
    def connect(
        cls,
        rpc: str | list[str] | Connection,
        *,
        suite: str,
        signer: Signer | None = None,
        opener: Opener | None = None,
        chain_id: int | None = None,
        home: str | Path | None = None,
        store: str | Store | None = None,
        index: str = ":memory:",
        accept_modified: bool = False,
        allow_plain_http: bool = False,
        public_rpc: Literal["warn", "allow", "refuse"] = "warn",
        finality: int | None = None,
        policy: FeePolicy | None = None,
    ) -> CareLedger:
        """Connect to a suite on a chain, having compared its code.

        Args:
            rpc: The node's URL, several of them, an IPC path, or a connection, which has its node and finality already.
            suite: Address of the ``SuiteDirectory``.
            signer: Who acts; reading works without.
            opener: Who opens sealed records; reading the chain works without.
            chain_id: The chain it must be.
            home: Where the journal is kept; the user's data folder when not given.
            store: Where sealed records lie: a folder or any fsspec URL; a folder in ``home`` when not given.
            index: Where the index is kept: ``:memory:``, a file, or an SQLAlchemy URL.
            accept_modified: Go on although code differs from this package's release.
            allow_plain_http: Allow http to a node that is not on this machine.
            public_rpc: What to do when questions about patients would go to a public node.
            finality: Blocks behind the head that count as final; the chain's own rule when not given.
            policy: Fees.

        Raises:
            NodeError: The node does not answer, or not as a node.
            Misuse: An option is for making a connection, and one was given.
            WrongChain: The node is on another chain.
            SuiteError: No suite is there, or its code differs (``SuiteModified``).
        """
        if isinstance(rpc, Connection):
            connection = rpc
            options = {
                "finality": finality is not None, "allow_plain_http": allow_plain_http,
                "public_rpc": public_rpc != "warn",
            }  # fmt: skip
            if given := [name for name, is_given in options.items() if is_given]:
                raise Misuse(
                    f"{' and '.join(given)} cannot be applied to a connection that is made already",
                    why="They say how a connection is made.",
                    fix="Give the node's URL, or make the connection so: Connection(Rpc(url), finality=8).",
                )
            connection.require_chain(chain_id)
        else:
            node = Rpc(rpc, allow_plain_http=allow_plain_http, public_rpc=public_rpc)
            connection = Connection(node, chain_id, finality=finality)
        found = Suite.read(connection, suite)
        found.require(accept_modified=accept_modified)
        folder = Path(home) if home is not None else Path(platformdirs.user_data_dir(APP))
        return cls(
            connection, found, signer=signer, opener=opener, home=folder, store=_store(store, folder), index_url=index,
            policy=policy,
        )  # fmt: skip

    @classmethod
    def local(
        cls,
        *,
        engine: Literal["auto", "anvil", "in-process"] = "auto",
        home: str | Path | None = None,
        store: str | Store | None = None,
        instance: str = "local",
        **options: Any,
    ) -> CareLedger:
        """Start a local chain with a fresh suite on it; the first development account governs it.

        Args:
            engine: ``anvil``, ``in-process`` (py-evm, needs ``careledger[local]``), or whichever is there.
            home: Where journal and store are kept; a temporary folder, removed by ``close``, when not given.
            store: As for :meth:`connect`.
            instance: Name of the deployment.
            **options: For ``LocalChain``.
        """
        owned = tempfile.TemporaryDirectory(prefix="careledger-") if home is None else None
        folder = Path(owned.name) if owned else Path(home or ".")
        chain = LocalChain(engine=engine, **options).start()
        try:
            signer = chain.signer(0)
            sender = _sender(chain.connection, signer, folder, None, 0.05)
            made: Deployment = deploy(sender, instance=instance)
            suite = Suite.read(chain.connection, made.directory)
            care = cls(
                chain.connection, suite, signer=signer, home=folder, store=_store(store, folder), poll=0.05,
                chain=chain, owned=owned,
            )  # fmt: skip
            care._sender = sender
            return care
        except BaseException:
            chain.stop()
            if owned:
                owned.cleanup()
            raise

    def as_(self, signer: Signer | None = None, *, opener: Opener | None = None) -> CareLedger:
        """Return the same suite as another party sees it; chain, store and home are shared."""
        return CareLedger(
            self.connection, self.suite, signer=signer or self.signer, opener=opener or self.opener, home=self.home,
            store=self.store, index_url=self._index_url, policy=self._policy, poll=self._poll,
        )  # fmt: skip

    def at_ease(self, *, within_days: float = 7) -> CareLedger:
        """Return the same party where it is in no hurry: what it is asked to do lies in the tray until its moment.

        The moment of each act is drawn at random from the days ahead, so that two acts of one sitting do not stand side
        by side on the chain. What can wait is what others signed: grants, guardianships, encryption keys and forward
        requests; for these a write returns what was prepared, not a receipt, and :meth:`carry_due` sends it.
        Everything else is sent at once, revocations and denials first of all.

        Args:
            within_days: How long acts may wait; a signature's own deadline is kept in any case.

        Example:
            >>> relayer.at_ease().consents.grant(signed)  # doctest: +SKIP
            >>> relayer.carry_due()  # doctest: +SKIP
        """
        if not within_days > 0:
            raise InputError("acts wait for more than no time", fix="Use the client itself for what is urgent.")
        calm = self.as_()
        calm._sender, calm._tray, calm.within_days = self.sender, self.tray, within_days
        return calm

    @property
    def tray(self) -> Tray:
        """What waits to be carried by this party, kept on disk."""
        with self._lock:
            if self._tray is None:
                self._tray = Tray.in_folder(self.home / "tray", scope=self.connection.scope, sender=self.me)
            return self._tray

    def carry_due(self) -> list[Receipt[None] | CareLedgerError]:
        """Send what waits in the tray and whose moment has come; call it every few minutes.

        Returns:
            One receipt or error for each act. What the contract refuses leaves the tray; what the node did not take
            stays for the next call.
        """
        return self.tray.carry(self.sender, now=self.consents.now())

    # ACTING

    @property
    def sender(self) -> Sender:
        """What sends this party's transactions, with its journal.

        Raises:
            InputError: There is no signer.
        """
        with self._lock:
            if self._sender is None:
                if self.signer is None:
                    raise InputError(
                        "there is nobody to sign", why="This client only reads.", fix="Connect with signer=..."
                    )
                self._sender = _sender(self.connection, self.signer, self.home, self._policy, self._poll)
            return self._sender

    @property
    def me(self) -> Address:
        """The signer's account."""
        return Address(self.sender.address)

    @cached_property
    def directory(self) -> Directory:
        """The signer's own sealed map from outside identifiers to accounts."""
        from careledger.directory import Directory

        return Directory(self)

    def require_open(self, contract: str) -> None:
        """Refuse to make an entry in a contract that has been retired.

        Raises:
            ContractError: ``Module_Retired``, as the contract itself would say.
        """
        with self._lock:
            if contract not in self._retired:
                listing = self.suite[contract]
                artifact = artifacts().load(contract)
                self._retired[contract] = bool(self.connection.read(artifact, listing.address, "isRetired"))
            if self._retired[contract]:
                from careledger.chain.reverts import contract_error

                selector = artifacts().load("Errors")
                entry = next(item for item in selector.errors if item.name == "Module_Retired")
                at = bytes.fromhex(self.suite[contract].address[2:]).rjust(32, b"\0")
                raise contract_error(entry.selector + at)

    def forget_rolled_back(self) -> None:
        """Forget what was learnt of a development chain since the snapshot it was set back to."""
        with self._lock:
            self._retired.clear()

    # READING

    @property
    def index(self) -> Index:
        """The local index of the suite's events, synced by :meth:`sync`."""
        with self._lock:
            if self._index is None:
                names = [item for item in self.suite.listings if item.name != "ERC2771Forwarder"]
                found = [
                    Source(item.name, item.address, artifacts().load(item.name).abi, item.created_at) for item in names
                ]
                options = Options(trust_shorter=self.connection.is_dev)
                self._index = Index(self.connection.rpc, found, self._index_url, options=options)
            return self._index

    def sync(self) -> Index:
        """Bring the index up to the chain's head and return it."""
        self.connection.rpc.before_patient_read()
        try:
            self.index.sync()
        except ReorgTooDeep:
            if not self.connection.is_dev or self._index_url != ":memory:":
                raise
            with self._lock:  # a development chain was set back below what was final: read it anew
                self.index.close()
                self._index = None
            self.index.sync()
        return self.index

    def events(
        self, *, after: str | None = None, finality: Literal["included", "final"] = "included"
    ) -> Iterator[IndexedEvent]:
        """Yield the suite's events in order, reversals included; ``event.cursor`` is where to go on.

        Args:
            after: The cursor of the last event handled; from the first event when not given.
            finality: ``final`` never reverses.
        """
        return self.sync().events(after=after, finality=finality)

    # ENDING

    def close(self) -> None:
        """Let go of index, chain and temporary folder; what was kept stays kept."""
        with self._lock:
            if self._index is not None:
                self._index.close()
                self._index = None
            if self.chain is not None:
                self.chain.stop()
            if self._owned is not None:
                self._owned.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<CareLedger suite {self.suite.directory} on chain {self.connection.chain_id}>"


def _store(store: str | Store | None, home: Path) -> Store:
    if isinstance(store, Store):
        return store
    if store is None:
        return Store(private_folder(home / "store"))
    return Store(store)


def _sender(connection: Connection, signer: Signer, home: Path, policy: FeePolicy | None, poll: float) -> Sender:
    journal = Journal.in_folder(home / "journal", scope=connection.scope, sender=signer.address)
    return Sender(connection, signer, journal, policy=policy, poll=poll)
