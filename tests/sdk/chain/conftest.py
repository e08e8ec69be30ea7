"""A local Anvil for the session, a counter on it, and senders of fresh accounts with journals of their own."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careledger.chain.abi import Artifact, Catalogue
from careledger.chain.anvil import find_anvil
from careledger.chain.connection import Connection
from careledger.chain.journal import Journal
from careledger.chain.local import LocalChain
from careledger.chain.rpc import Rpc
from careledger.chain.sender import Call, Sender
from careledger.chain.signers import KeySigner

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue(FIXTURES)


@pytest.fixture(scope="session")
def counter(catalogue: Catalogue) -> Artifact:
    return catalogue.load("Counter")


@pytest.fixture(scope="module")
def local_chain() -> Iterator[LocalChain]:
    if find_anvil() is None:
        pytest.skip("Anvil is not installed")
    with LocalChain(engine="anvil") as running:
        yield running


@pytest.fixture(scope="module")
def connection(local_chain: LocalChain, catalogue: Catalogue) -> Connection:
    return Connection(local_chain.rpc, catalogue=catalogue)


@pytest.fixture
def new_signer(local_chain: LocalChain) -> Callable[[], KeySigner]:
    def make() -> KeySigner:
        signer = KeySigner(secrets.token_bytes(32))
        local_chain.fund(signer.address)
        return signer

    return make


@pytest.fixture
def new_sender(connection: Connection, new_signer: Callable[[], KeySigner], tmp_path: Path) -> Callable[..., Sender]:
    numbers = itertools.count()

    def make(*, over: Connection | Rpc | None = None, signer: KeySigner | None = None, **how: object) -> Sender:
        own = connection if over is None else over if isinstance(over, Connection) else None
        if own is None:
            own = Connection(over, catalogue=connection.catalogue)  # type: ignore[arg-type]
        used = signer or new_signer()
        journal = Journal(tmp_path / f"j{next(numbers)}.sqlite", scope=own.scope, sender=used.address)
        return Sender(own, used, journal, **{"poll": 0.05, "timeout": 20, **how})  # type: ignore[arg-type]

    return make


@pytest.fixture
def sender(new_sender: Callable[..., Sender]) -> Sender:
    return new_sender()


@pytest.fixture(scope="module")
def counter_at(
    local_chain: LocalChain, connection: Connection, counter: Artifact, tmp_path_factory: pytest.TempPathFactory
) -> str:
    signer = local_chain.signer(0)
    journal = Journal(tmp_path_factory.mktemp("deploy") / "j.sqlite", scope=connection.scope, sender=signer.address)
    receipt = Sender(connection, signer, journal).submit(Call(None, counter.encode_deploy()), key="counter")
    return str(connection.rpc.request("eth_getTransactionReceipt", [receipt.tx])["contractAddress"])
