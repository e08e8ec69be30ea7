"""The public side of the region: towns with their providers, practitioners and stewards, insurers, relayers."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from careledger import CareLedger, PartyRef, Role, Signer
from careledger.chain.calls import Call
from careledger.values import keccak
from linker.chain import Chain

__all__ = ["JURISDICTION", "Party", "Places", "Provider", "settle"]

JURISDICTION = 756_000
"""ISO 3166-1 numeric 756 × 1000."""
PRACTICES, SPECIALISTS = 5, 4
"""Of each town, beside its hospital and laboratory."""


@dataclass(frozen=True)
class Party:
    """Somebody who appears as itself."""

    party: PartyRef
    signer: Signer
    care: CareLedger


@dataclass(frozen=True)
class Provider:
    """An organisation that treats, and keeps its own records."""

    who: Party
    town: int
    """Number of its town; -1 for the whole region."""
    sort: str
    staff: tuple[Party, ...]
    officer: Party


@dataclass
class Places:
    """Everything public."""

    board: Party
    towns: list[list[Provider]] = field(default_factory=list)
    """By town: hospital, laboratory, practices, specialists."""
    university: list[Provider] = field(default_factory=list)
    stewards: list[tuple[Party, Party]] = field(default_factory=list)
    """By town: its hospital's, its welfare office's."""
    insurers: list[Party] = field(default_factory=list)
    relayers: list[Party] = field(default_factory=list)
    exchange: str = ""
    """Where people buy ether: its hot wallet."""

    @property
    def providers(self) -> list[Provider]:
        """All of them."""
        return [*self.university, *(item for town in self.towns for item in town)]


class _Founder:
    """Makes parties with keys of the region's seed, and accredits them."""

    def __init__(self, chain: Chain, seed: int) -> None:
        self.chain, self.seed = chain, seed
        self.made = 0
        self.board = self.party("organisation")

    def party(self, kind: str) -> Party:
        self.made += 1
        signer = Signer.from_key(keccak(f"region {self.seed} party {self.made}".encode()))
        return Party(PartyRef(kind, signer.address), signer, self.chain.client(signer))  # type: ignore[arg-type]

    def accredited(self, kind: str, *roles: Role) -> Party:
        who = self.party(kind)
        for role in roles:
            offer = self.board.care.participants.offer_credential(
                who.party, issuer=self.board.party, role=role, jurisdiction=JURISDICTION, for_days=1000
            )
            self.board.care.participants.issue_credential(offer, subject=offer.signed_by(who.signer))
        return who

    def provider(self, town: int, sort: str, staff: int) -> Provider:
        house, officer = self.accredited("organisation", Role.PROVIDER, Role.CUSTODIAN), self.party("person")
        people = tuple(self.accredited("person", Role.PRACTITIONER) for _ in range(staff))
        for one in people:
            terms = house.care.participants.offer_affiliation(
                organisation=house.party, practitioner=one.party, for_days=1000
            )
            house.care.participants.affiliate(terms, practitioner=terms.signed_by(one.signer))
        house.care.emergencies.name_privacy_officer(house.party, officer=officer.party)
        return Provider(house, town, sort, people, officer)


def settle(chain: Chain, rng: Random, *, seed: int, towns: int, relayers: int = 3) -> Places:
    """Found the towns: one board accredits everybody."""
    founder = _Founder(chain, seed)
    roles = (Role.PRACTITIONER, Role.PROVIDER, Role.CUSTODIAN, Role.STEWARD, Role.INSURER, Role.RESEARCH_INSTITUTION)
    for role in roles:
        chain.governor.participants.admit_accreditor(founder.board.party, role=role, jurisdiction=JURISDICTION)
    places = Places(founder.board)
    places.university = [founder.provider(-1, "hospital", 10), founder.provider(-1, "laboratory", 2)]
    for town in range(towns):
        places.towns.append([
            founder.provider(town, "hospital", 8),
            founder.provider(town, "laboratory", 1),
            *(founder.provider(town, "practice", rng.randint(1, 3)) for _ in range(PRACTICES)),
            *(founder.provider(town, "specialist", rng.randint(1, 3)) for _ in range(SPECIALISTS)),
        ])  # fmt: skip
        places.stewards.append(
            (founder.accredited("organisation", Role.STEWARD), founder.accredited("organisation", Role.STEWARD))
        )
    places.insurers = [founder.accredited("organisation", Role.INSURER) for _ in range(3)]
    founder.accredited("organisation", Role.RESEARCH_INSTITUTION)
    places.relayers = [founder.party("organisation") for _ in range(relayers)]
    places.exchange = founder.party("organisation").signer.address
    chain.evm.set_balance(places.exchange, 10**24)
    for _ in range(20):  # customers who have nothing to do with any of this
        chain.send(places.exchange, Call(founder.party("person").signer.address, value=10**17))
    return places
