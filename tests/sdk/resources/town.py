"""A small town on a local chain: board, hospital, clinic with a doctor, relayer, and fresh patients on demand."""

from __future__ import annotations

from dataclasses import dataclass

from careledger import CareLedger, PartyRef, Role, Scope, Signer, Wallet
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.values import address

SWITZERLAND = 756_000


@dataclass(frozen=True)
class Townsman:
    """Somebody with a key."""

    party: PartyRef
    signer: Signer
    care: CareLedger
    opener: SeedOpener


@dataclass(frozen=True)
class Town:
    """Everybody, accredited."""

    care: CareLedger
    board: Townsman
    hospital: Townsman
    clinic: Townsman
    doctor: Townsman
    officer: Townsman
    steward: Townsman
    relayer: Townsman
    stranger: Townsman

    def patient(self) -> Townsman:
        """A patient nobody has met, under the pseudonym for the hospital; it has no ether."""
        wallet, _ = Wallet.create()
        scope = Scope.custodian(self.hospital.party.address)
        signer, opener = Signer.from_key(wallet.account(scope).key), wallet.opener(scope)
        return Townsman(
            PartyRef("person", address(signer.address)), signer, self.care.as_(signer, opener=opener), opener
        )


def build(care: CareLedger) -> Town:
    """Accredit everybody."""
    chain = care.chain
    assert chain is not None

    def who(number: int, kind: str) -> Townsman:
        signer, opener = chain.signer(number), from_seed(new_seed())
        return Townsman(PartyRef(kind, signer.address), signer, care.as_(signer, opener=opener), opener)

    town = Town(
        care, who(1, "organisation"), who(2, "organisation"), who(3, "organisation"), who(4, "person"),
        who(5, "person"), who(6, "organisation"), who(7, "organisation"), who(8, "person"),
    )  # fmt: skip
    for role in (Role.PROVIDER, Role.PRACTITIONER, Role.STEWARD):
        care.participants.admit_accreditor(town.board.party, role=role, jurisdiction=SWITZERLAND)
    accredit(town, town.hospital, Role.PROVIDER)
    accredit(town, town.clinic, Role.PROVIDER)
    accredit(town, town.doctor, Role.PRACTITIONER)
    accredit(town, town.steward, Role.STEWARD)
    terms = care.participants.offer_affiliation(organisation=town.clinic.party, practitioner=town.doctor.party)
    care.participants.affiliate(
        terms, organisation=terms.signed_by(town.clinic.signer), practitioner=terms.signed_by(town.doctor.signer)
    )
    town.clinic.care.emergencies.name_privacy_officer(town.clinic.party, officer=town.officer.party)
    return town


def accredit(town: Town, who: Townsman, role: Role) -> None:
    """Give somebody a credential that both sides signed, carried by the relayer."""
    offer = town.care.participants.offer_credential(
        who.party, issuer=town.board.party, role=role, jurisdiction=SWITZERLAND, evidence=b"diploma"
    )
    town.relayer.care.participants.issue_credential(
        offer, issuer=offer.signed_by(town.board.signer), subject=offer.signed_by(who.signer)
    )
