"""Who lives in the region: each with one wallet, some accounts, a way of life, and a way with the ledger.

The shares of the kinds are chosen, not measured: each is reported by itself, so that a reader may weigh them anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from careledger import DataClass, PartyRef, Scope, Signer, Wallet
from careledger.recovery.parcels import SPREAD_HOURS
from careledger.redact import Secret
from careledger.resources.cards import ClaimCard
from careledger.resources.held import HeldAccount
from careledger.values import Address
from linker.places import Places, Provider

__all__ = ["KINDS", "Account", "Kind", "Manner", "Person", "populate"]


@dataclass(frozen=True)
class Kind:
    """A way with the ledger."""

    name: str
    share: float
    """Of all people."""
    plain: bool = False
    """Whether it is the SDK with its defaults and a relayer, and nothing else."""


KINDS: Final = (
    Kind("separate", 0.32, plain=True),  # an occasion concerns the records of one custodian
    Kind("together", 0.14, plain=True),  # an occasion concerns those of all of them
    Kind("names classes", 0.06),  # permits single classes, wherever it consents
    Kind("denies", 0.08),  # denies single classes to everybody, at each custodian
    Kind("key", 0.06),  # publishes an encryption key for each account
    Kind("circle", 0.06),  # sets recovery guardians for each account
    Kind("held", 0.07),
    Kind("guarded", 0.05),  # a guardian acts for it
    Kind("phone lost", 0.02),  # ends what it signed, for all accounts in one sitting
    Kind("emergency", 0.04),  # unconscious once, known to two custodians
    Kind("recovered apart", 0.02),  # account by account, weeks between them; guardians' accounts for each
    Kind("recovered, ceremony", 0.02),  # the same, spread over some hours as careledger.recovery does by itself
    Kind("recovered at once", 0.02),  # the same guardians, one new key, some minutes
    Kind("pays, exchange", 0.02),  # each account pays for itself, funded from the exchange
    Kind("pays, purse", 0.02),  # ... all of them funded from one
)


@dataclass(frozen=True)
class Manner:
    """How clients behave: the SDK's defaults, unless a canary or a comparison wants it otherwise."""

    exact_times: bool = False
    """Starts, ends and deadlines to the second of drafting."""
    spread_days: float = 7.0
    """What can wait is carried at a random moment within so many days; 0 carries everything at once."""
    ceremony_hours: float = SPREAD_HOURS
    """Over how long a recovery ceremony spreads a round of acts."""
    one_relayer: bool = False
    """Each person keeps to one relayer, instead of drawing one for each act."""
    all_at_once: bool = False
    """Every occasion is carried to all custodians in one sitting, whatever it concerns."""
    one_account: bool = False
    """One account for all custodians."""
    one_salt: bool = False
    """One receipt for all consents of a person."""
    one_key: bool = False
    """One encryption key for all accounts of a person."""


@dataclass
class Account:
    """One of a person's pseudonyms."""

    custodian: Provider
    address: str
    signer: Signer | None
    """Of whoever controls it now; None while a steward holds it."""
    opened: bool = False
    steward: int | None = None
    """Which of the town's stewards holds it."""
    held: HeldAccount | None = None
    card: ClaimCard | None = None
    """What takes a held account over."""
    live: dict[tuple[str, int], int] = field(default_factory=dict)
    """End of each directive, signed or carried, by recipient and purpose."""

    @property
    def party(self) -> PartyRef:
        """As the SDK names it."""
        return PartyRef("person", Address(self.address))


@dataclass
class Person:
    """Somebody who lives here."""

    number: int
    town: int
    kind: Kind
    wallet: Wallet
    team: tuple[Provider, ...]
    """Practice, hospital, specialist."""
    accounts: list[Account] = field(default_factory=list)
    visits: float = 4.0
    """A year."""
    evening: float = 19.0
    """Hour at which it does such things at home."""
    relayer: int = 0
    masks: tuple[frozenset[DataClass], frozenset[DataClass]] | None = None
    """Classes it permits and denies, where it names them."""
    denies: frozenset[DataClass] = frozenset()
    """What nobody may read."""
    friends: list[Wallet] = field(default_factory=list)

    @property
    def guarded(self) -> bool:
        """Whether it sets recovery guardians."""
        return self.kind.name.startswith(("recovered", "circle"))

    def account_of(self, provider: Provider) -> Account | None:
        """Its pseudonym at a custodian."""
        return next((item for item in self.accounts if item.custodian is provider), None)


def populate(places: Places, rng: Random, count: int, manner: Manner) -> list[Person]:
    """Give everybody a home, a care team, a wallet and pseudonyms derived from it."""
    kinds = [kind for kind in KINDS for _ in range(max(2, round(kind.share * count)))][:count]
    kinds += [KINDS[0]] * (count - len(kinds))
    return [_person(places, rng, number, kind, manner) for number, kind in enumerate(kinds)]


def _person(places: Places, rng: Random, number: int, kind: Kind, manner: Manner) -> Person:
    town = rng.randrange(len(places.towns))
    hospital, laboratory, *rest = places.towns[town]
    practice = rng.choice([item for item in rest if item.sort == "practice"])
    specialist = rng.choice([item for item in rest if item.sort == "specialist"])
    main = hospital if rng.random() < 0.75 else places.university[0]
    person = Person(
        number, town, kind, Wallet(Secret(rng.randbytes(64), "seed")), (practice, main, specialist),
        visits=min(20.0, rng.lognormvariate(1.3, 0.5)), evening=rng.gauss(19.5, 2.0),
        relayer=rng.randrange(len(places.relayers)),
    )  # fmt: skip
    if kind.name == "denies":
        person.denies = frozenset(rng.sample([item for item in DataClass if item.is_sensitive], rng.randint(1, 3)))
    if kind.name == "names classes":
        ordinary = [item for item in DataClass if not item.is_sensitive]
        person.masks = (frozenset(rng.sample(ordinary, rng.randint(1, 5))), frozenset())
    person.friends = [Wallet(Secret(rng.randbytes(64), "seed")) for _ in range(3 if person.guarded else 0)]
    if kind.name == "guarded":
        person.friends.append(Wallet(Secret(rng.randbytes(64), "seed")))
    known = [practice, main, laboratory if rng.random() < 0.6 else places.university[1], specialist]
    keepers = known[: rng.choices((1, 2, 3, 4), (0.15, 0.4, 0.3, 0.15))[0]]
    if kind.name not in ("separate", "together") and len(keepers) < 2:
        keepers = known[:2]  # or there would be nothing to join
    for keeper in keepers:
        if kind.name == "held":
            # The hospital's steward opens what the hospital keeps, the welfare office the rest.
            person.accounts.append(Account(keeper, "", None, steward=0 if keeper.sort == "hospital" else 1))
            continue
        scope = Scope.custodian(keepers[0].who.party.address if manner.one_account else keeper.who.party.address)
        signer = Signer.from_key(person.wallet.account(scope).key)
        person.accounts.append(Account(keeper, signer.address, signer))
    return person
