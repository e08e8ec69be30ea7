"""An in-process chain with a suite for the session; organisations and people with fresh accounts, homes and keys."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from careledger import CareLedger, PartyRef, Wallet
from careledger.chain.abi import Catalogue
from careledger.chain.calls import Call
from careledger.chain.signers import KeySigner, Signer
from careledger.directory import Directory, PairingAnswer, PairingOffer, pairing
from careledger.privacy.openers import SeedOpener, Suite, from_seed, new_seed

ROOT = Path(__file__).resolve().parents[3]
MRN = "urn:oid:2.16.840.1.113883.19.5"
CARD = "urn:oid:2.16.756.5.30.1.123.100.1.1.1"
NAME = "Spital Beispiel"


@dataclass(frozen=True)
class Desk:
    """An organisation at its desk."""

    care: CareLedger
    ref: PartyRef
    signer: Signer
    opener: SeedOpener

    @property
    def directory(self) -> Directory:
        return self.care.directory

    @property
    def file(self) -> Path:
        (found,) = (self.care.home / "directory").glob("*.sqlite")
        return found

    def offer(self, value: str = "MRN-4711", **how: object) -> PairingOffer:
        return self.directory.pair(system=MRN, value=value, name=NAME, **how)  # type: ignore[arg-type]

    def pair(self, wallet: Wallet, value: str = "MRN-4711", *, number: int = 0, **how: object) -> str:
        """Go through the whole pairing, and return the account."""
        answer = reply(self, wallet, self.offer(value, **how), number=number)
        return self.directory.complete(answer, checked="document-seen").party.address


def reply(desk: Desk, wallet: Wallet, offer: PairingOffer | str, **how: object) -> PairingAnswer:
    """Answer as a wallet that knows the suite and asks nobody; small keys, for speed."""
    place = {"chain_id": desk.care.connection.chain_id, "suite": desk.care.suite.directory}
    given = {"encryption": Suite.X25519, **place, **how}
    return wallet.answer(offer, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def town() -> Iterator[CareLedger]:
    with CareLedger.local(engine="in-process") as care:
        yield care


@pytest.fixture
def desk_of(town: CareLedger, tmp_path: Path) -> Iterator[Callable[..., Desk]]:
    made: list[CareLedger] = []

    def make(name: str, *, signer: Signer | None = None, opener: SeedOpener | None = None) -> Desk:
        used, key = signer or KeySigner(secrets.token_bytes(32)), opener or from_seed(new_seed(), suite=Suite.X25519)
        care = CareLedger(
            town.connection, town.suite, signer=used, opener=key, home=tmp_path / name, store=town.store, poll=0.01
        )
        made.append(care)
        return Desk(care, PartyRef("organisation", used.address), used, key)

    yield make
    for care in made:
        care.close()


@pytest.fixture
def desk(desk_of: Callable[..., Desk]) -> Desk:
    return desk_of("hospital")


@pytest.fixture
def wallet() -> Wallet:
    return Wallet.create()[0]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set the clock of pairing."""

    def move(seconds: float) -> None:
        monkeypatch.setattr(pairing, "clock", lambda: seconds)

    return move


@pytest.fixture(scope="session")
def contract_wallet(town: CareLedger) -> Callable[[Signer, int], str]:
    """Deploy an ERC-1271 wallet of an owner that behaves in one of the ways of ``MockWallet.Mode``."""
    mock = Catalogue(ROOT / ".build" / "artifacts").load("MockWallet")

    def make(owner: Signer, mode: int = 0) -> str:
        data = mock.encode_deploy(owner.address)
        nonce = town.connection.nonce(town.signer.address)  # type: ignore[union-attr]
        receipt = town.sender.submit(Call(None, data), key=f"wallet/{owner.address}/{mode}/{nonce}")
        found = town.connection.rpc.request("eth_getTransactionReceipt", [receipt.tx])["contractAddress"]
        town.sender.submit(Call(found, mock.encode_call("behave", mode, "0x" + "00" * 20, b"")), key=f"behave/{found}")
        return str(PartyRef("contract", found).address)

    return make
