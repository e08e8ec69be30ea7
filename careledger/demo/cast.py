"""Who plays in the demo: fictional parties, each with a key of its own."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.chain.local import LocalChain
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


def assemble(care: CareLedger, chain: LocalChain, *, start: int = 1) -> Cast:
    """Give everybody a key; the patient's account holds no ether and never sends."""
    wallet, phrase = Wallet.create()
    hospital = _player("hospital", care, chain.signer(start + 1), "organisation", opens=True)
    scope = Scope.custodian(hospital.party.address)
    signer = Signer.from_key(wallet.account(scope).key)
    opener = wallet.opener(scope, suite=Suite.MLKEM768_X25519)
    ana = Player("Ana", PartyRef("person", signer.address), signer, care.as_(signer, opener=opener), opener)
    boss = care.sender.signer
    governor = Player("governor", PartyRef("organisation", boss.address), boss, care)
    return Cast(
        governor=governor,
        board=_player("medical board", care, chain.signer(start), "organisation"),
        hospital=hospital,
        clinic=_player("clinic", care, chain.signer(start + 2), "organisation", opens=True),
        doctor=_player("Dr Roe", care, chain.signer(start + 3), "person", opens=True),
        officer=_player("privacy officer", care, chain.signer(start + 4), "person"),
        relayer=_player("relayer", care, chain.signer(start + 5), "organisation"),
        thief=_player("thief", care, chain.signer(start + 6), "person", opens=True),
        ana=ana,
        wallet=wallet,
        phrase=phrase,
    )


def _player(name: str, care: CareLedger, signer: Signer, kind: str, *, opens: bool = False) -> Player:
    opener = from_seed(new_seed()) if opens else None
    party = PartyRef(kind, signer.address, name)  # type: ignore[arg-type]
    return Player(name, party, signer, care.as_(signer, opener=opener), opener)
