"""The scene of a lost phone: guardians give all accounts back in one ceremony, and whoever found the phone loses."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from careledger import errors, recovery
from careledger.chain.signers import Signer
from careledger.codes import Purpose
from careledger.demo.scenes import Scenes
from careledger.errors import SealedDamaged
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.privacy.walletbook import WalletBook
from careledger.recovery import Ceremony, Parcel
from careledger.values import Address, PartyRef

__all__ = ["LostPhone"]

DAY = 86_400
WAIT_DAYS = 3
PLAN_YEAR = 2026


@dataclass
class _Somebody:
    """A wallet with its papers, in a folder of its own."""

    wallet: Wallet
    book: WalletBook

    @classmethod
    def new(cls, folder: Path) -> _Somebody:
        wallet, _ = Wallet.create()
        return cls(wallet, WalletBook(folder, wallet))

    def sits(self, sealed: str) -> str:
        """Sign for all accounts in one sitting, as a guardian."""
        request = recovery.Request.unsealed(sealed, self.wallet.opener(Scope.book()))
        sheets = [recovery.Sheet.from_json(text) for text in self.book.holdings.duties]
        return recovery.sign(self.wallet, request, sheets=sheets).sealed_to(request.owner)


class LostPhone(Scenes):
    """Dora's phone is gone, with the keys of three accounts that nobody can join."""

    def play(self) -> None:
        """Guardians are set; the phone is lost; whoever found it objects; the guardians prevail."""
        with tempfile.TemporaryDirectory(prefix="careledger-dora-") as folder:
            self._play(Path(folder))

    def _play(self, folder: Path) -> None:
        cast, story, care = self.cast, self.story, self.cast.relayer.care
        story.scene("Lost: a phone, and the keys of three accounts")
        dora = _Somebody.new(folder / "dora")
        guardians = [_Somebody.new(folder / f"guardian-{number}") for number in range(3)]
        scopes = (
            Scope.custodian(cast.hospital.party.address),
            Scope.custodian(cast.clinic.party.address),
            Scope.coverage(cast.relayer.party.address, plan_year=PLAN_YEAR),
        )
        accounts = [dora.wallet.known(scope) for scope in scopes]
        first = PartyRef("person", Address(accounts[0].subject))
        answers = []
        for guardian in guardians:
            invitation = recovery.invite(dora.book, care, accounts)
            sealed = recovery.answer(guardian.wallet, invitation, care=care).sealed_to(invitation.owner)
            answers.append(recovery.accept(dora.book, sealed))
        guarding = recovery.guard(dora.book, care, accounts, answers=answers, quorum=2, wait_days=WAIT_DAYS)
        for guardian, sheet in zip(guardians, guarding.sheets, strict=True):
            recovery.keep_sheet(guardian.book, sheet)
        gas = self._carry(guarding.parcels)
        story.step("Dora asks three friends to be guardians of her three accounts; two start a recovery.", also=gas)

        phone, kit = _Somebody.new(folder / "new-phone"), guarding.kit.sheets(before=True)
        ceremony = Ceremony.start(folder / "ceremony", phone.wallet, care, sheets=kit, spread_hours=0)
        gas = self._carry(self._signed(ceremony, guardians, (0, 1)))
        story.step("Her phone is gone. Two friends sign in one sitting each; relayers carry six approvals.", also=gas)
        old = [Signer.from_key(dora.wallet.account(scope).key) for scope in scopes]
        found = self.care.as_(old[0])
        self._fund(old[0].address)
        objection = found.participants.object_to_recovery(first, to=ceremony.accounts[0].controller)
        story.step("Whoever found the phone objects: for that account the wait doubles.", also=objection.gas or 0)
        self._wait(2 * WAIT_DAYS)
        story.attack(
            "Two friends carry the recovery out all the same.",
            lambda: care.participants.execute_recovery(
                first, to=ceremony.accounts[0].controller,
                guardians=guarding.kit.accounts[0].guardians,
            ),
            errors.ParticipantRegistry_NotReady,
        )  # fmt: skip
        gas = self._carry(self._signed(ceremony, guardians, (2,)))
        gas += self._carry(ceremony.executions(care))
        states = [item.state for item in ceremony.status(care)]
        if states != ["done"] * len(accounts):
            raise SealedDamaged(f"the ceremony ended as {', '.join(states)}")
        story.step("The third friend signs as well: all three accounts are hers again, each by itself.", also=gas)
        terms = care.consents.draft(patient=first, to=cast.thief.party, purpose=Purpose.TREAT)
        story.attack(
            "Whoever has the phone consents in her name.",
            lambda: care.consents.grant(terms.signed_by(old[0]), key="with-the-old-phone"),
            errors.Module_NotSignedBy,
        )

    def _signed(self, ceremony: Ceremony, guardians: list[_Somebody], who: Iterable[int]) -> list[Parcel]:
        """Let guardians sign, each once for all accounts; return what relayers are to carry."""
        care, found = self.cast.relayer.care, list[Parcel]()
        requests = ceremony.requests(care)
        for number in who:
            sealed = requests[number].sealed_to(ceremony.sheets[number].guardian)
            found += ceremony.add(care, guardians[number].sits(sealed))
        return found

    def _carry(self, parcels: Iterable[Parcel]) -> int:
        """Carry at once what relayers would spread over days; return the gas."""
        care = self.cast.relayer.care
        before = {entry.key for entry in care.sender.journal.entries(limit=100_000)}
        _, refused = recovery.carry_all(care, list(parcels), hurry=True)
        if refused:
            raise refused[0][1]
        made = [entry for entry in care.sender.journal.entries(limit=100_000) if entry.key not in before]
        return sum(int((entry.outcome or {}).get("receipt", {}).get("gasUsed", "0x0"), 16) for entry in made)

    def _fund(self, account: str) -> None:
        """Give whoever found the phone some of the local chain's ether, to pay for what it does."""
        rpc = self.care.connection.rpc
        rich = rpc.request("eth_accounts", [])[0]
        rpc.request("eth_sendTransaction", [{"from": rich, "to": account, "value": hex(10**18), "gas": hex(21_000)}])

    def _wait(self, days: int) -> None:
        """Let days pass on this local chain."""
        rpc = self.care.connection.rpc
        rpc.request("evm_increaseTime", [days * DAY + 60])
        rpc.request("evm_mine", [])
