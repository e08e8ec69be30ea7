"""Who plays in the demo: fictional parties, each with a key of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from careledger.chain.signers import Signer
from careledger.client import CareLedger
from careledger.privacy.openers import Opener, Suite, from_seed, new_seed
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.redact import Secret
from careledger.values import PartyRef

__all__ = ["Cast", "Player", "assemble"]

SWITZERLAND = 756_000
"""ISO 3166-1 numeric 756 × 1000: where the demo plays."""


@dataclass(frozen=True)
class Player:
    """Somebody with a key, and perhaps a key to open records."""

    name: str
    party: PartyRef
    signer: Signer
    care: CareLedger
    opener: Opener | None = None
    account: int | None = None
    """Number of its development account; None for the patient, whose key comes from her wallet."""
    seed: Secret | None = None
    """What its opener was made of."""


@dataclass(frozen=True)
class Cast:
    """Everybody."""

    governor: Player
    board: Player
    """The medical board that accredits."""
    hospital: Player
    """Writes the records and keeps them."""
    clinic: Player
    doctor: Player
    """Works at the clinic."""
    officer: Player
    """The clinic's privacy officer."""
    relayer: Player
    """Carries signatures and pays the gas; it can do nothing else."""
    thief: Player
    """Has a key, but none that counts."""
    ana: Player
    """The patient, under the one pseudonym the hospital knows."""
    wallet: Wallet
    phrase: Secret


def assemble(care: CareLedger, accounts: Callable[[int], Signer], *, start: int = 1) -> Cast:
    """Give everybody a key; the patient's account holds no ether and never sends.

    Args:
        care: The suite, governed by its signer.
        accounts: Development accounts by number.
        start: The first that may be used.
    """

    def player(name: str, number: int, kind: str, *, opens: bool = False) -> Player:
        signer, seed = accounts(start + number), new_seed() if opens else None
        opener = from_seed(seed) if seed else None
        party = PartyRef(kind, signer.address, name)  # type: ignore[arg-type]
        return Player(name, party, signer, care.as_(signer, opener=opener), opener, start + number, seed)

    wallet, phrase = Wallet.create()
    hospital = player("hospital", 1, "organisation", opens=True)
    scope = Scope.custodian(hospital.party.address)
    signer = Signer.from_key(wallet.account(scope).key)
    opener = wallet.opener(scope, suite=Suite.MLKEM768_X25519)
    boss = care.sender.signer
    return Cast(
        governor=Player("governor", PartyRef("organisation", boss.address), boss, care, account=0),
        board=player("medical board", 0, "organisation"),
        hospital=hospital,
        clinic=player("clinic", 2, "organisation", opens=True),
        doctor=player("Dr Roe", 3, "person", opens=True),
        officer=player("privacy officer", 4, "person"),
        relayer=player("relayer", 5, "organisation"),
        thief=player("thief", 6, "person", opens=True),
        ana=Player("Ana", PartyRef("person", signer.address), signer, care.as_(signer, opener=opener), opener),
        wallet=wallet,
        phrase=phrase,
    )
