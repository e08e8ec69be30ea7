"""Who is there in a test: firms and professionals, accredited once a session; patients, each a fresh wallet."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from careledger.chain.connection import Connection
from careledger.chain.local import LocalChain
from careledger.chain.signers import KeySigner, Signer
from careledger.client import CareLedger
from careledger.codes import Role
from careledger.errors import InputError
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.testing.faults import Clock, Faults, FaultyRpc, FaultyStore
from careledger.values import PartyRef

if TYPE_CHECKING:
    from careledger.resources.held import HeldAccount
    from careledger.testing.outcomes import Outcome

__all__ = ["JURISDICTION", "People", "Person", "Region"]

JURISDICTION: Final = 756_000
"""Where everybody is accredited: ISO 3166-1 numeric 756 × 1000, Switzerland."""
_CAST: Final = (
    ("board", "organisation", None),
    ("hospital", "organisation", Role.PROVIDER),
    ("clinic", "organisation", Role.PROVIDER),
    ("doctor", "person", Role.PRACTITIONER),
    ("officer", "person", None),
    ("steward", "organisation", Role.STEWARD),
    ("relayer", "organisation", None),
    ("stranger", "person", None),
)
"""Name, kind, and as what each is accredited, in the order of the development accounts from 1."""
_ROLES: Final = (Role.PROVIDER, Role.PRACTITIONER, Role.STEWARD, Role.CUSTODIAN)


@dataclass
class Person:
    """Somebody with a key. ``care`` is the suite as this one sees it; it acts with it."""

    name: str
    party: PartyRef
    signer: Signer
    opener: SeedOpener
    _connect: Callable[[Person], CareLedger] = field(repr=False)
    wallet: Wallet | None = None
    """A patient's: it has an unjoined account for each custodian, of which ``party`` is the hospital's."""
    held: HeldAccount | None = None
    """A held patient's account; such a patient signs nothing, and ``signer`` is the key of its claim card."""

    @cached_property
    def care(self) -> CareLedger:
        """The suite as this party sees it."""
        return self._connect(self)

    def restarted(self) -> CareLedger:
        """Return a client as after a restart: nothing in memory, all that was kept on disk; ``care`` is it too."""
        if "care" in self.__dict__:
            self.care.close()
        self.__dict__["care"] = self._connect(self)
        return self.care

    def named(self, label: str) -> PartyRef:
        """Return the party with a name beside it, as terms show it."""
        return PartyRef(self.party.kind, self.party.address, label)  # type: ignore[arg-type]


class Region:
    """A chain with a suite and accredited people, that tests visit one after another and leave as it was."""

    def __init__(self, governor: CareLedger, keys: dict[str, tuple[Signer, SeedOpener]]) -> None:
        assert governor.chain is not None  # noqa: S101 - local() starts one
        self.governor, self.chain, self.keys = governor, governor.chain, keys

    @classmethod
    def found(cls, governor: CareLedger) -> Region:
        """Accredit everybody, and let happen what takes time.

        Args:
            governor: A fresh suite on a local chain, as whoever governs it sees it.
        """
        chain = governor.chain
        assert chain is not None  # noqa: S101 - local() starts one
        keys: dict[str, tuple[Signer, SeedOpener]] = {
            name: (chain.signer(number), from_seed(new_seed())) for number, (name, _, _) in enumerate(_CAST, start=1)
        }
        region = cls(governor, keys)
        with region._everybody(governor.home) as people:
            for role in _ROLES:
                governor.participants.admit_accreditor(people.board.party, role=role, jurisdiction=JURISDICTION)
            for name, _, of in _CAST:
                if of is not None:
                    people.accredit(getattr(people, name), of)
            people.affiliate(people.clinic, people.doctor)
            people.clinic.care.emergencies.name_privacy_officer(people.clinic.party, officer=people.officer.party)
            for one in (people.hospital, people.clinic, people.doctor):
                one.care.participants.publish_key(one.opener, subject=one.party)
        return region

    @contextmanager
    def visit(self, home: Path) -> Iterator[People]:
        """Lend the region to one test; what it does to the chain is undone."""
        before = self.chain.snapshot()
        try:
            with self._everybody(home) as people:
                yield people
        finally:
            self.chain.revert(before)

    @contextmanager
    def _everybody(self, home: Path) -> Iterator[People]:
        people = People(self, home)
        try:
            yield people
        finally:
            people.close()


class People:
    """Everybody in one test. What is done to the chain is undone after it; homes and stores are the test's own.

    They share one home and one store, as programs of one house do; ``people.elsewhere(person)`` gives one a home and a
    store apart.
    """

    jurisdiction: Final = JURISDICTION

    def __init__(self, region: Region, home: Path) -> None:
        self._region, self._home, self._open = region, home, list[CareLedger]()
        self.chain: LocalChain = region.chain
        self.faults = Faults(self.chain)
        self.clock = Clock(self.chain)
        self._connection = Connection(FaultyRpc(self.chain.rpc, self.faults))
        self._named: dict[str, Person] = {}
        home.mkdir(parents=True, exist_ok=True)

    # WHO IS ALWAYS THERE

    @cached_property
    def governor(self) -> Person:
        """Governs the suite: admits accreditors, lists contracts, retires them."""
        signer = self.chain.signer(0)
        return Person("governor", PartyRef("organisation", signer.address), signer, from_seed(new_seed()), self._client)

    @cached_property
    def board(self) -> Person:
        """A medical board, accreditor of providers, practitioners, stewards and custodians."""
        return self._known("board")

    @cached_property
    def hospital(self) -> Person:
        """A provider that keeps records; its encryption key is published."""
        return self._known("hospital")

    @cached_property
    def clinic(self) -> Person:
        """A provider that reads; its key is published, and ``officer`` reviews its emergencies."""
        return self._known("clinic")

    @cached_property
    def doctor(self) -> Person:
        """A practitioner affiliated with the clinic; its key is published."""
        return self._known("doctor")

    @cached_property
    def officer(self) -> Person:
        """The clinic's privacy officer."""
        return self._known("officer")

    @cached_property
    def steward(self) -> Person:
        """May hold accounts for patients without keys."""
        return self._known("steward")

    @cached_property
    def relayer(self) -> Person:
        """Carries what others signed and pays the gas."""
        return self._known("relayer")

    @cached_property
    def stranger(self) -> Person:
        """Holds ether and no credential."""
        return self._known("stranger")

    # WHO COMES FOR THE TEST

    def patient(self, name: str | None = None) -> Person:
        """Return a patient: a fresh one nobody has met, or one with a named outcome (see ``OUTCOMES``).

        A fresh one has a wallet of its own, and its ``party`` is the account for the hospital. It holds no ether: let
        ``relayer`` carry what it signs.

        Raises:
            InputError: There is no such outcome.
        """
        if name is not None:
            return self[name]
        wallet, _ = Wallet.create()
        scope = Scope.custodian(self.hospital.party.address)
        signer = Signer.from_key(wallet.account(scope).key)
        party = PartyRef("person", signer.address)
        return Person("patient", party, signer, wallet.opener(scope), self._client, wallet)

    def someone(self, kind: Literal["person", "organisation"] = "person") -> Person:
        """Return somebody new with ether and no credential."""
        wallet, _ = Wallet.create()
        signer = KeySigner(wallet.account(Scope.practice()).key)
        self.chain.fund(signer.address)
        return Person("someone", PartyRef(kind, signer.address), signer, wallet.opener(Scope.practice()), self._client)

    def __getitem__(self, name: str) -> Person:
        """Return somebody with a named outcome, the same one each time in a test.

        Raises:
            InputError: There is no such outcome.
        """
        if name not in self._named:
            from careledger.testing.outcomes import OUTCOMES
            from careledger.text import did_you_mean

            outcome: Outcome | None = OUTCOMES.get(name)
            if outcome is None:
                raise InputError(
                    f"nobody is called {name!r}", fix=did_you_mean(name, list(OUTCOMES), otherwise="See OUTCOMES.")
                )
            self._named[name] = dataclasses.replace(outcome.make(self), name=name)
        return self._named[name]

    def elsewhere(self, who: Person) -> Person:
        """Return the same party on another machine: a home and a store of its own."""
        home = self._home / f"elsewhere-{len(self._open)}"
        return Person(who.name, who.party, who.signer, who.opener, lambda one: self._client(one, home), who.wallet)

    # WHAT THEY DO TO EACH OTHER

    def accredit(self, who: Person, role: Role, *, for_days: int = 3650) -> None:
        """Give somebody a credential of the board; both sign, the relayer carries it."""
        offer = self.board.care.participants.offer_credential(
            who.party, issuer=self.board.party, role=role, jurisdiction=JURISDICTION, evidence=b"register extract",
            for_days=for_days,
        )  # fmt: skip
        self.relayer.care.participants.issue_credential(
            offer, issuer=offer.signed_by(self.board.signer), subject=offer.signed_by(who.signer)
        )

    def affiliate(self, organisation: Person, practitioner: Person) -> None:
        """Let a practitioner work for an organisation; both sign, the relayer carries it."""
        offer = self.relayer.care.participants.offer_affiliation(
            organisation=organisation.party, practitioner=practitioner.party, for_days=3650
        )
        self.relayer.care.participants.affiliate(
            offer, organisation=offer.signed_by(organisation.signer), practitioner=offer.signed_by(practitioner.signer)
        )

    # INTERNAL

    def _known(self, name: str) -> Person:
        kind = next(kind for each, kind, _ in _CAST if each == name)
        signer, opener = self._region.keys[name]
        return Person(name, PartyRef(kind, signer.address), signer, opener, self._client)  # type: ignore[arg-type]

    def _client(self, who: Person, home: Path | None = None) -> CareLedger:
        folder = home or self._home
        found = CareLedger(
            self._connection, self._region.governor.suite, signer=who.signer, opener=who.opener, home=folder,
            store=FaultyStore(folder / "store", self.faults), poll=0.02,
        )  # fmt: skip
        self._open.append(found)
        return found

    def close(self) -> None:
        """Close every client; nothing of a test is left."""
        self.faults.clear()
        for one in self._open:
            one.close()
