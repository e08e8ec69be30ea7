"""One local chain with a suite for the session; people with fresh accounts, homes, stores and keys of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from careledger.chain.signers import KeySigner
from careledger.client import CareLedger
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.storage import Store
from careledger.values import PartyRef


@dataclass
class Person:
    """Somebody with an account, a key to open with, and a home of their own."""

    care: CareLedger
    ref: PartyRef
    opener: SeedOpener
    signer: KeySigner

    @property
    def home(self) -> Path:
        return self.care.home

    def stored(self) -> list[Path]:
        """The sealed files."""
        return [path for path in (self.home / "store").rglob("bafk*") if path.is_file()]


@pytest.fixture(scope="session")
def town() -> Iterator[CareLedger]:
    with CareLedger.local() as care:
        yield care


@pytest.fixture
def person(town: CareLedger, tmp_path: Path) -> Iterator[Callable[..., Person]]:
    made: list[CareLedger] = []

    def make(name: str = "", *, home: Path | None = None, signer: KeySigner | None = None) -> Person:
        used = signer or KeySigner(secrets.token_bytes(32))
        assert town.chain is not None
        town.chain.fund(used.address)
        folder = home or tmp_path / (name or f"p{len(made)}")
        opener = from_seed(new_seed())
        care = CareLedger(
            town.connection, town.suite, signer=used, opener=opener, home=folder, store=Store(folder / "store"),
            poll=0.05,
        )  # fmt: skip
        made.append(care)
        return Person(care, PartyRef("person", used.address), opener, used)

    yield make
    for care in made:
        care.close()


@pytest.fixture
def dr(person: Callable[..., Person]) -> Person:
    return person("dr")


@pytest.fixture
def ana() -> PartyRef:
    return PartyRef("person", "0x" + secrets.token_hex(20))  # type: ignore[arg-type]


@pytest.fixture
def ben() -> PartyRef:
    return PartyRef("person", "0x" + secrets.token_hex(20))  # type: ignore[arg-type]
