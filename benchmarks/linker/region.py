"""A year in the region: who visits whom, what that leads to on the ledger, and the truth about whose it is."""

from __future__ import annotations

import heapq
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from careledger import EmergencyReason, Meaning, PartyRef, Purpose, Role, RoleRef, Verdict
from careledger.chain.tray import moment
from careledger.codes import LegalBasis, RecordStatus
from careledger.privacy.commitments import RecordOpening, new_salt
from careledger.privacy.merkle import PositionalTree, StandardTree
from careledger.resources.calendar import DAY, HOUR
from careledger.resources.record_types import BatchProof, amendment
from careledger.values import Bytes32, to_hex
from linker.acts import Acts
from linker.chain import GENESIS, Chain, Transaction
from linker.people import Account, Manner, Person, populate
from linker.places import JURISDICTION, Party, Provider, settle

__all__ = ["Region", "Truth", "live"]

PEOPLE_PER_TOWN: Final = 500
YEAR: Final = 365
_MEMORY: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - salts of evidence nobody will ask for


@dataclass
class Truth:
    """What the ledger does not say."""

    owner: dict[str, int] = field(default_factory=dict)
    """Number of the person behind each pseudonym."""
    kind: dict[int, str] = field(default_factory=dict)
    """Of each person."""
    plain: set[int] = field(default_factory=set)
    """People who use the SDK with its defaults and a relayer, and nothing else."""
    relations: dict[tuple[int, str], str] = field(default_factory=dict)
    """By which pseudonym a custodian knows a person."""
    records: dict[str, str] = field(default_factory=dict)
    """Whom the record behind each commitment anchored by itself is about."""
    batches: dict[str, list[str]] = field(default_factory=dict)
    """Whom the records of each batch are about, by root."""


@dataclass
class Region:
    """What came of a year: what a stranger sees, and the truth beside it."""

    ledger: list[Transaction]
    truth: Truth
    lost: int
    """Signed acts overtaken before they were carried."""


def live(people: int, *, seed: int, manner: Manner | None = None, days: int = YEAR) -> Region:
    """Let people live for a year.

    Args:
        people: How many; a town for every 500.
        seed: Decides everything but salts.
        manner: How clients behave; the SDK's defaults when not given.
        days: How long.
    """
    chosen = manner or Manner()
    with tempfile.TemporaryDirectory(prefix="region-", dir=_MEMORY) as home:
        return _Year(Chain(Path(home)), people, seed, chosen, days).run()


class _Year:
    """The clock, the calendar, and what happens when."""

    def __init__(self, chain: Chain, people: int, seed: int, manner: Manner, days: int) -> None:
        self.chain, self.days, self.rng = chain, days, Random(seed)
        self.places = settle(chain, self.rng, seed=seed, towns=max(1, round(people / PEOPLE_PER_TOWN)))
        self.begin = chain.clock = GENESIS + 7 * DAY
        self.people = populate(self.places, self.rng, people, manner)
        self.acts = Acts(chain, self.places, self.rng, manner, self.later)
        self.truth = Truth(
            self.acts.owner, {item.number: item.kind.name for item in self.people},
            {item.number for item in self.people if item.kind.plain},
        )  # fmt: skip
        self._queue: list[tuple[int, int, Callable[[], Any]]] = []
        self._made = 0
        self._written: dict[str, list[tuple[bytes, str]]] = defaultdict(list)
        self._reads: dict[str, int] = defaultdict(int)
        self._logged: dict[str, int] = defaultdict(int)

    def later(self, second: int, act: Callable[[], Any]) -> None:
        """Note what to do when."""
        self._made += 1
        heapq.heappush(self._queue, (second, self._made, act))

    def run(self) -> Region:
        """Live through it."""
        for person in self.people:
            self._plan(person)
        for day in range(self.days):
            for provider in self.places.providers:
                at = self.begin + day * DAY + 22 * HOUR + self.rng.randrange(HOUR)
                self.later(at, partial(self._close, provider))
        end = self.begin + self.days * DAY
        while self._queue and self._queue[0][0] <= end:
            second, _, act = heapq.heappop(self._queue)
            self.chain.clock = max(second, self.chain.clock)
            act()
        for person in self.people:
            for account in person.accounts:
                if account.opened:
                    self.truth.relations[person.number, account.custodian.who.party.address] = account.address
        return Region(self.chain.ledger, self.truth, self.acts.lost)

    # PLANS

    def _plan(self, person: Person) -> None:
        rng = self.rng
        for _ in range(max(1, round(rng.gauss(person.visits, person.visits**0.5)))):
            at = self._day() + int(rng.uniform(8, 17) * HOUR)
            self._plan_visit(person, self._whom(person), at)
        if rng.random() < 0.35:
            insurer = rng.choice(self.places.insurers).party
            purpose = rng.choice((Purpose.HPAYMT, Purpose.COVERAGE))
            self.later(self._evening(person), lambda: self._consent(person, insurer, purpose, days=365))
        if rng.random() < 0.1 and person.kind.name != "held":  # no steward grants to a role for research
            research = RoleRef(Role.RESEARCH_INSTITUTION, JURISDICTION)
            self.later(self._evening(person), lambda: self._consent(person, research, Purpose.HRESCH, days=365))
        kind = person.kind.name
        if kind == "emergency":
            self.later(self._day(0.3) + rng.randrange(DAY), lambda: self._emergency(person))
        if kind == "held" and rng.random() < 0.3:
            for account in person.accounts:
                self.later(self._evening(person, 0.5), partial(self._claim, person, account))
        if kind == "phone lost":
            lost = self._evening(person, 0.5)
            for place, account in enumerate(person.accounts):
                self.later(lost + 40 * place, partial(self._raise, person, account))
        if kind.startswith("recovered"):
            first, weeks = self._evening(person, 0.5), rng.uniform(3, 20) * DAY
            width = self.acts.manner.ceremony_hours / 24
            hours = [moment(first, within_days=width, rng=rng) for _ in person.accounts]
            for place, account in enumerate(person.accounts):
                at = first + int(place * (weeks if kind == "recovered apart" else 600))
                at = hours[place] if kind == "recovered, ceremony" else at
                self.later(at, partial(self._recover, person, account))

    def _day(self, least: float = 0.0) -> int:
        """The start of a day of the year, from a share of it on."""
        return self.begin + int(self.rng.uniform(least, 0.96) * self.days) * DAY

    def _evening(self, person: Person, least: float = 0.0) -> int:
        return self._day(least) + self._at_home(person)

    def _at_home(self, person: Person) -> int:
        """A second of the day at which it does such things."""
        return int(min(23.5, max(6.5, self.rng.gauss(person.evening, 1.5))) * HOUR)

    def _whom(self, person: Person) -> Provider:
        others = self.places.towns[person.town]
        team = [*person.team, self.rng.choice(others)]
        return self.rng.choices(team, (0.5, 0.2, 0.18, 0.12))[0]

    def _plan_visit(self, person: Person, provider: Provider, at: int) -> None:
        """Half of all visits are announced: consent is given at home some evenings before."""
        whom = provider.who.party if self.rng.random() < 0.75 else self.rng.choice(provider.staff).party
        ahead = self.rng.uniform(3, 10)
        home = at - at % DAY + self._at_home(person) - int(ahead) * DAY
        if self.rng.random() < 0.5 and home > self.begin:
            self.later(home, lambda: self._consent(person, whom, Purpose.TREAT, past=provider, wait=ahead - 1))
        else:
            self.later(at, lambda: self._consent(person, whom, Purpose.TREAT, past=provider, urgent=provider))
        self.later(at + HOUR, lambda: self._write(person, provider))

    # CONSENT

    def _together(self, person: Person) -> bool:
        """Whether one sitting of somebody is about all its accounts."""
        return person.kind.name == "together" or self.acts.manner.all_at_once

    def _consent(
        self, person: Person, to: PartyRef | RoleRef, purpose: Purpose, *, days: int = 90,
        past: Provider | None = None, wait: float = 7.0, urgent: Provider | None = None,
    ) -> None:  # fmt: skip
        """Let somebody read what custodians keep; one of them, or all in one sitting."""
        keepers = [item for item in person.accounts if item.custodian is not past] or person.accounts
        chosen = keepers if self._together(person) else [self.rng.choice(keepers)]
        desk = urgent.who if urgent and self.rng.random() < 0.6 else None
        for place, account in enumerate(chosen):
            give = partial(self._give, person, account, to, purpose, days, 0.0 if urgent else wait, desk)
            self.later(self._next_in_sitting(place), give)

    def _next_in_sitting(self, place: int) -> int:
        """The second at which somebody who is at it gets to the next account."""
        return self.chain.clock + place * self.rng.randint(20, 60)

    def _give(
        self, person: Person, account: Account, to: PartyRef | RoleRef, purpose: Purpose, days: int, wait: float,
        desk: Party | None = None,
    ) -> None:  # fmt: skip
        self.acts.open(person, account)
        name = to.address if isinstance(to, PartyRef) else f"{to.role.name} {to.jurisdiction}"
        ends = account.live.get((name, purpose), 0)
        if ends > self.chain.clock + 14 * DAY:
            return
        self.acts.grant(person, account, to, purpose, days=days, wait=wait, desk=desk)
        until = account.live[name, purpose]
        left = (until - self.chain.clock) / DAY
        if purpose is Purpose.TREAT and self.rng.random() < 0.5:
            before = self.rng.uniform(2, 12)
            at = until - int(before * DAY)
            at += self._at_home(person) - at % DAY
            self.later(at, lambda: self._renew(person, account, to, purpose, before))
        if self.rng.random() < 0.06:
            after = self.rng.uniform(min(8.0, left / 2), left)
            self.later(self.chain.clock + int(after * DAY), lambda: self._withdraw(person, account, to, purpose))

    def _renew(self, person: Person, account: Account, to: Any, purpose: Purpose, left: float) -> None:
        for place, other in enumerate(self._same(person, account, to, purpose)):
            again = partial(self._give, person, other, to, purpose, 90, max(0.0, left - 1))
            self.later(self._next_in_sitting(place), again)

    def _withdraw(self, person: Person, account: Account, to: Any, purpose: Purpose) -> None:
        for place, other in enumerate(self._same(person, account, to, purpose)):
            self.later(self._next_in_sitting(place), partial(self.acts.revoke, person, other, to, purpose))

    def _same(self, person: Person, account: Account, to: Any, purpose: Purpose) -> list[Account]:
        """The accounts that one sitting is about, where a directive for this recipient stands."""
        name = to.address if isinstance(to, PartyRef) else f"{to.role.name} {to.jurisdiction}"
        asked = person.accounts if self._together(person) else [account]
        return [item for item in asked if item.live.get((name, purpose), 0) > self.chain.clock]

    def _claim(self, person: Person, account: Account) -> None:
        if account.opened and account.steward is not None:
            self.acts.claim(person, account)

    def _raise(self, person: Person, account: Account) -> None:
        if account.opened:
            self.acts.raise_epoch(person, account)

    def _recover(self, person: Person, account: Account) -> None:
        if account.opened and self.acts.has_circle(account):
            self.acts.recover(person, account)

    def _emergency(self, person: Person) -> None:
        """A hospital's practitioner breaks the glass of both pseudonyms it is told; the officer reviews."""
        house = self.places.towns[person.town][0]
        doctor = self.rng.choice(house.staff)
        known = person.accounts[:2] if not self.acts.manner.one_account else person.accounts[:1]
        for place, account in enumerate(known):
            at = self.chain.clock + place * self.rng.randint(120, 900)
            self.later(at, partial(self._break_glass, person, account, house, doctor))

    def _break_glass(self, person: Person, account: Account, house: Provider, doctor: Party) -> None:
        self.acts.open(person, account)
        receipt = doctor.care.emergencies.open(
            account.party, practitioner=doctor.party, organisation=house.who.party, jurisdiction=JURISDICTION,
            reason=EmergencyReason.UNCONSCIOUS,
        )  # fmt: skip
        found: Any = receipt.value  # type: ignore[union-attr]
        self._put(house, account.address)
        self.later(
            self.chain.clock + self.rng.randint(1, 60) * HOUR,
            lambda: house.officer.care.emergencies.review(found, verdict=Verdict.JUSTIFIED, evidence=b"notes"),
        )

    # RECORDS

    def _write(self, person: Person, provider: Provider) -> None:
        """Write what a visit leaves, about the pseudonym this provider knows."""
        account = person.account_of(provider) or self.rng.choice(person.accounts)
        if not account.opened:
            self.acts.open(person, account)
        self._reads[provider.who.party.address] += self.rng.randint(1, 4)
        for _ in range(self.rng.randint(1, 2)):
            if self.rng.random() < 0.3:
                author = self.rng.choice(provider.staff)
                at = self.chain.clock + self.rng.randrange(6 * HOUR)
                self.later(at, partial(self._anchor, author, account.address))
            else:
                self._put(provider, account.address)

    def _put(self, provider: Provider, about: str) -> None:
        made = _commitment(provider.who, about)
        self._written[provider.who.party.address].append((made, about))

    def _anchor(self, author: Party, about: str) -> None:
        made = to_hex(_commitment(author, about))
        self._say(author, "anchor", author.party.address, Meaning.AUTHORED.value, made)
        self.truth.records[made] = about
        if self.rng.random() < 0.04:
            change = amendment(author.party.address, made, RecordStatus.SHREDDED, basis=LegalBasis.PATIENT_REQUEST)
            at = self.chain.clock + self.rng.randint(1, 60) * DAY
            self.later(at, lambda: self._say(author, "amend", change, BatchProof()))

    def _close(self, provider: Provider) -> None:
        """Anchor the day: one batch of records, one part of the log."""
        who = provider.who
        written = self._written.pop(who.party.address, [])
        if written:
            tree = StandardTree.of_commitments(made for made, _ in written)
            root = to_hex(tree.root)
            self._say(who, "anchorBatch", who.party.address, root, len(written), Meaning.AUTHORED.value)
            self.truth.batches[root] = [about for _, about in written]
            if self.rng.random() < 0.03:
                place = self.rng.randrange(len(written))
                change = amendment(who.party.address, to_hex(written[place][0]), RecordStatus.ENTERED_IN_ERROR)
                proof = BatchProof(Bytes32(root), tuple(Bytes32(to_hex(node)) for node in tree.proof(place)))
                self.later(self.chain.clock + DAY, lambda: self._say(who, "amend", change, proof))
        reads = self._reads.pop(who.party.address, 0)
        if reads:
            first = self._logged[who.party.address] + 1
            last = self._logged[who.party.address] = first + reads - 1
            part = PositionalTree([self.rng.randbytes(32) for _ in range(reads)])
            who.care.records.anchor_log(who.party, root=part.root, first=first, last=last)

    def _say(self, who: Party, function: str, *args: Any) -> None:
        who.care.records._write(function, *args, value=lambda _: None, key=None, wait="included", dry_run=False)


def _commitment(author: Party, about: str) -> bytes:
    return RecordOpening(new_salt(), author.party.address, about, 1, "application/fhir+json", bytes(32)).commitment
