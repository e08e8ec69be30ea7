"""An owner with three accounts that nobody may join, three guardians, and the papers between them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from careledger import PartyRef, Scope, Secret, Signer, Wallet, recovery
from careledger.privacy.pseudonyms import KnownAccount
from careledger.privacy.walletbook import WalletBook
from careledger.recovery import Ceremony, Guarding, Kit, Parcel
from careledger.resources.calendar import DAY
from tests.sdk.resources.town import Town

WAIT = 3 * DAY
PLAN_YEAR = 2026


@dataclass
class Guardian:
    """Somebody who helps, with a wallet and papers of its own."""

    wallet: Wallet
    book: WalletBook

    def sign(self, request: str) -> str:
        """One sitting: open the request, sign for all accounts, seal for the new wallet."""
        opener = self.wallet.opener(Scope.book())
        found = recovery.Request.unsealed(request, opener)
        sheets = [recovery.Sheet.from_json(text) for text in self.book.holdings.duties]
        return recovery.sign(self.wallet, found, sheets=sheets).sealed_to(found.owner)


@dataclass
class Family:
    """The owner, before and after the loss, and three guardians."""

    town: Town
    folder: Path
    wallet: Wallet = field(init=False)
    book: WalletBook = field(init=False)
    accounts: tuple[KnownAccount, ...] = field(init=False)
    guardians: list[Guardian] = field(init=False)
    guarding: Guarding = field(init=False)
    made: int = 0
    phrases: list[Secret] = field(default_factory=list)
    """The guardians' words."""

    def __post_init__(self) -> None:
        self.wallet, self.book = self.somebody("owner")
        self.guardians = [Guardian(*self.somebody(f"guardian-{number}")) for number in range(3)]
        scopes = (
            Scope.custodian(self.town.hospital.party.address), Scope.custodian(self.town.clinic.party.address),
            Scope.coverage(self.town.steward.party.address, plan_year=PLAN_YEAR),
        )  # fmt: skip
        self.accounts = tuple(self.wallet.known(scope) for scope in scopes)

    def somebody(self, name: str) -> tuple[Wallet, WalletBook]:
        """Make a wallet with papers in a folder of its own."""
        self.made += 1
        wallet, phrase = Wallet.create(words=12)
        if name.startswith("guardian"):
            self.phrases.append(phrase)
        return wallet, WalletBook(self.folder / f"{name}-{self.made}", wallet)

    @property
    def care(self):
        """The relayer's client."""
        return self.town.relayer.care

    @property
    def parties(self) -> list[PartyRef]:
        """The accounts as parties."""
        return [PartyRef("person", account.subject) for account in self.accounts]

    def signer(self, number: int) -> Signer:
        """The old phone's key for an account."""
        return Signer.from_key(self.wallet.account(self.accounts[number].scope).key)

    # BEFORE

    def answers(self, accounts=None, guardians=None) -> list[recovery.Answer]:
        """Invite every guardian, and open what they answer."""
        found = []
        for guardian in guardians or self.guardians:
            invitation = recovery.invite(self.book, self.care, accounts or self.accounts)
            text = recovery.Invitation.from_json(invitation.to_json())
            answered = recovery.answer(guardian.wallet, text, care=self.care).sealed_to(text.owner)
            found.append(recovery.accept(self.book, answered))
        return found

    def guard(self, *, quorum: int = 2, wait_days: int = 3, accounts=None, guardians=None) -> Guarding:
        """Set the guardians, hand out the sheets, have it carried."""
        helpers = guardians or self.guardians
        self.guarding = recovery.guard(
            self.book, self.care, accounts or self.accounts, answers=self.answers(accounts, helpers), quorum=quorum,
            wait_days=wait_days, labels=["Ben", "Cleo"],
        )  # fmt: skip
        for guardian, sheet in zip(helpers, self.guarding.sheets, strict=True):
            recovery.keep_sheet(guardian.book, sheet)
        self.carry(self.guarding.parcels)
        return self.guarding

    # AFTER

    def ceremony(self, *, kit: Kit | None = None, name: str = "new phone", **how) -> Ceremony:
        """Begin a ceremony on a new phone, from the kit."""
        wallet, _ = self.somebody(name)
        sheets = (kit or self.guarding.kit).sheets(before=True)
        return Ceremony.start(self.folder / name, wallet, self.care, sheets=sheets, **{"spread_hours": 0, **how})

    def signed(self, ceremony: Ceremony, *numbers: int) -> list[Parcel]:
        """Have guardians sign in one sitting each; return the parcels."""
        found: list[Parcel] = []
        requests = ceremony.requests(self.care)
        for number in numbers:
            sheet = ceremony.sheets[number]
            approvals = self.guardians[number].sign(requests[number].sealed_to(sheet.guardian))
            found += ceremony.add(self.care, approvals)
        return found

    def carry(self, parcels) -> None:
        """Carry parcels at once, in random order; all of them are taken."""
        waiting, refused = recovery.carry_all(self.care, parcels, hurry=True)
        assert not waiting
        assert not refused, refused[0][1]

    def controllers(self) -> list[str]:
        """Who controls the accounts now."""
        return [self.town.care.participants.controller_of(party) for party in self.parties]

    def states(self, ceremony: Ceremony) -> list[str]:
        """Where the accounts stand."""
        return [item.state for item in ceremony.status(self.town.care)]

    def pass_time(self, seconds: int) -> None:
        """Let time pass on the chain."""
        self.town.care.chain.increase_time(seconds)
