"""What people do on the ledger, through the SDK as it is shipped: drafted, signed by the wallet, carried by others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

from careledger import CareLedger, GuardianSet, PartyRef, Purpose, RoleRef, Scope, Signer, Will
from careledger.chain.calls import Call
from careledger.chain.tray import moment
from careledger.errors import ContractError
from careledger.resources.base import Terms
from careledger.resources.calendar import DAY
from careledger.resources.consent_types import ConsentTerms
from careledger.resources.scope import mask_of, pack_directive
from careledger.values import Prepared, keccak, to_hex
from linker.chain import Chain
from linker.people import Account, Manner, Person
from linker.places import JURISDICTION, Party, Places

__all__ = ["Acts"]

Carry = Callable[[CareLedger], Any]
ETHER = 10**18
GUARDED = (Purpose.TREAT, Purpose.CAREMGT, Purpose.FAMRQT)
"""For what guardians act here."""


class Acts:
    """The acts of people, each at the second it is; what is to be carried later goes to the schedule.

    Args:
        chain: The chain.
        places: Everybody public.
        rng: Decides what is left to chance.
        manner: How clients behave.
        later: Called with a second and what to do then.
    """

    def __init__(
        self, chain: Chain, places: Places, rng: Random, manner: Manner, later: Callable[[int, Callable[[], Any]], None]
    ) -> None:
        self.chain, self.places, self.rng, self.manner, self.later = chain, places, rng, manner, later
        self.sdk = chain.governor
        self.owner: dict[str, int] = {}
        """Whose each pseudonym is, opened ones only."""
        self._circles: dict[str, GuardianSet] = {}
        self._guardians: dict[str, Signer] = {}
        self._funded: set[str] = set()
        self.lost = 0
        """Signed acts that were overtaken before they were carried: another version, epoch or number by then."""

    # CARRYING

    def carry(self, person: Person, act: Carry, *, wait: float = 0.0, desk: Party | None = None) -> None:
        """Hand something signed to whoever carries it.

        Args:
            person: Whose it is.
            act: Carries it, given the client that pays.
            wait: Days it can wait; it is carried at a random moment within them.
            desk: Who carries it where it was signed at its desk.
        """
        number = person.relayer if self.manner.one_relayer else self.rng.randrange(len(self.places.relayers))
        care = (desk or self.places.relayers[number]).care
        days, now = min(wait, self.manner.spread_days), self.chain.clock
        when = moment(now, within_days=days, rng=self.rng) if days > 0 else now + self.rng.randint(10, 30)

        def carried() -> None:
            try:
                act(care)
            except ContractError:
                self.lost += 1

        self.later(when, carried)

    def _sign(self, terms: Terms, account: Account) -> Any:
        assert account.signer is not None
        if self.manner.exact_times:
            deadline = self.chain.clock + 7 * DAY
            terms = replace(terms, typed=replace(terms.typed, message={**terms.typed.message, "deadline": deadline}))
        return terms.signed_by(account.signer)

    def _pays(self, person: Person) -> bool:
        return person.kind.name.startswith("pays")

    def _own(self, person: Person, account: Account) -> CareLedger:
        """Return the client of an account that pays for itself, with ether on it."""
        assert account.signer is not None
        care = self.chain.client(account.signer)
        if account.address not in self._funded:
            self._funded.add(account.address)
            source = self.places.exchange
            if person.kind.name == "pays, purse":
                source = Signer.from_key(person.wallet.account(Scope.practice(9)).key).address
                self.chain.send(self.places.exchange, Call(source, value=ETHER // 10))
            self.chain.send(source, Call(account.address, value=ETHER // 100))
        return care

    def _forward(self, person: Person, signer: Signer, by: PartyRef, call: Prepared, *, wait: float = 0.0) -> None:
        """Have an act carried that has no signed door."""
        signed = self.sdk.forwarding.draft(call, by=by).signed_by(signer)
        self.carry(person, lambda care: care.forwarding.carry(signed), wait=wait)

    # ACCOUNTS

    def open(self, person: Person, account: Account) -> None:
        """Open a pseudonym, with what its owner does once: denials, guardians, a key."""
        if account.opened:
            return
        account.opened = True
        if account.steward is not None:
            self._open_held(person, account)
        self.owner[account.address] = person.number
        if person.denies:
            self.deny(person, account)
        if account.signer is None or self._pays(person):
            return
        if person.guarded:
            self._set_circle(person, account)
        if person.kind.name == "key":
            scope = "" if self.manner.one_key else account.custodian.who.party.address
            opener = person.wallet.opener(Scope.custodian(scope) if scope else Scope.practice())
            signed = self._sign(self.sdk.participants.draft_key(opener, subject=account.party), account)
            self.carry(person, lambda care: care.participants.publish_key_signed(signed), wait=7)
        if person.kind.name == "guarded":
            self._appoint(person, account)

    def _steward(self, person: Person, account: Account) -> Party:
        assert account.steward is not None
        return self.places.stewards[person.town][account.steward]

    def _open_held(self, person: Person, account: Account) -> None:
        steward = self._steward(person, account)
        account.card = steward.care.held.new_card()
        receipt = steward.care.held.open(
            account.card, steward=steward.party, jurisdiction=JURISDICTION, will=Will.PAPER, evidence=b"form"
        )
        account.held = receipt.value  # type: ignore[union-attr]
        account.address = account.held.subject.address

    def claim(self, person: Person, account: Account) -> None:
        """Take a held account over, with a key for it alone."""
        held, card = account.held, account.card
        assert held is not None and card is not None
        signer = Signer.from_key(person.wallet.account(Scope.successor(account.address)).key)
        signed = self.sdk.held.sign_claim(held, controller=signer.address, signer=card)

        def act(care: CareLedger) -> None:
            care.held.claim(held, signed)
            account.signer, account.steward = signer, None

        self.carry(person, act)

    def raise_epoch(self, person: Person, account: Account) -> None:
        """End what is signed and not yet carried, with a forward request: the door is not a signed one."""
        assert account.signer is not None
        call = self.chain.client(account.signer).participants.raise_epoch(account.party, dry_run=True)
        self._forward(person, account.signer, account.party, call)  # type: ignore[arg-type]

    # CONSENT

    def grant(
        self, person: Person, account: Account, to: PartyRef | RoleRef, purpose: Purpose, *, days: int = 90,
        wait: float = 0.0, desk: Party | None = None,
    ) -> None:  # fmt: skip
        """Grant, by whoever acts for the account."""
        classes, denies = person.masks or (None, None)
        terms = self.sdk.consents.draft(
            patient=account.party, to=to, purpose=purpose, classes=classes, denies=denies, for_days=days
        )
        if self.manner.exact_times:
            terms = _to_the_second(terms, self.chain.clock, days)
        if self.manner.one_salt:
            terms = _with_receipt(terms, keccak(str(person.number).encode()))
        account.live[_name(to), purpose] = terms.expires_at
        if account.steward is not None:
            self._steward(person, account).care.consents.grant_for(terms, will=Will.PAPER, evidence=b"form")
        elif account.address in self._guardians and purpose in GUARDED and self.rng.random() < 0.5:
            guardian = self._guardians[account.address]
            call = self.chain.client(guardian).consents.grant_for(
                terms, will=Will.SPOKEN, evidence=b"note", dry_run=True
            )
            self._forward(person, guardian, PartyRef("person", guardian.address), call)  # type: ignore[arg-type]
        elif self._pays(person):
            self._own(person, account).consents.grant(terms)
        else:
            signed = self._sign(terms, account)
            self.carry(person, lambda care: care.consents.grant(signed), wait=wait, desk=desk)

    def revoke(self, person: Person, account: Account, to: PartyRef | RoleRef, purpose: Purpose) -> None:
        """Revoke at once: whoever revokes wants no further reading."""
        account.live.pop((_name(to), purpose), None)
        if account.steward is not None:
            return
        if self._pays(person):
            self._own(person, account).consents.revoke(account.party, to=to, purpose=purpose)
            return
        signed = self._sign(self.sdk.consents.draft_revocation(account.party, to=to, purpose=purpose), account)
        self.carry(person, lambda care: care.consents.revoke_signed(signed))

    def deny(self, person: Person, account: Account) -> None:
        """Deny classes to everybody."""
        if account.signer is None:
            return
        if self._pays(person):
            self._own(person, account).consents.deny(account.party, classes=person.denies)
            return
        signed = self._sign(self.sdk.consents.draft_denial(account.party, classes=person.denies), account)
        self.carry(person, lambda care: care.consents.deny_signed(signed))

    # GUARDIANS AND RECOVERY

    def _appoint(self, person: Person, account: Account) -> None:
        wallet = person.friends[-1]
        guardian = Signer.from_key(wallet.account(Scope.guardian_of(account.address)).key)
        terms = self.sdk.guardians.draft(
            patient=account.party, guardian=PartyRef("person", guardian.address),
            purposes=GUARDED,
        )  # fmt: skip
        signed = self._sign(terms, account)

        def act(care: CareLedger) -> None:
            care.guardians.appoint(signed)
            self._guardians[account.address] = guardian

        self.carry(person, act, wait=7)

    def friends(self, person: Person, account: Account) -> list[Signer]:
        """Return who can give an account back: an account for it alone of each friend, or the same for all."""
        once = person.kind.name == "recovered at once"
        scope = Scope.practice() if once else Scope.guardian_of(account.address)
        return [Signer.from_key(wallet.account(scope).key) for wallet in person.friends[:3]]

    def _set_circle(self, person: Person, account: Account) -> None:
        if account.address in self._circles:
            return
        people = [PartyRef("person", signer.address) for signer in self.friends(person, account)]
        circle = self._circles[account.address] = GuardianSet.of(people, quorum=2)
        assert account.signer is not None
        call = self.chain.client(account.signer).participants.set_guardians(account.party, circle, dry_run=True)
        self._forward(person, account.signer, account.party, call, wait=7)  # type: ignore[arg-type]

    def recover(self, person: Person, account: Account) -> None:
        """Two friends sign; four days later the account has a new key."""
        circle = self._circles[account.address]
        once = person.kind.name == "recovered at once"
        scope = Scope.practice(1) if once else Scope.successor(account.address)
        new = Signer.from_key(person.wallet.account(scope).key)
        for index, friend in enumerate(self.friends(person, account)[:2]):
            signed = self.sdk.participants.sign_recovery(account.party, to=new.address, signer=friend)
            self.carry(person, partial(_approve, signed=signed, circle=circle, index=index))

        def end() -> None:
            def act(care: CareLedger) -> None:
                care.participants.execute_recovery(account.party, to=new.address, guardians=circle)
                account.signer = new

            self.carry(person, act)

        self.later(self.chain.clock + 4 * DAY, end)

    def has_circle(self, account: Account) -> bool:
        """Whether an account has recovery guardians on the chain."""
        found = self.sdk.participants._read("guardiansOf", account.address)
        return account.address in self._circles and int(found["inForce"], 16) != 0


def _approve(care: CareLedger, *, signed: Any, circle: GuardianSet, index: int) -> None:
    care.participants.approve_recovery(signed, guardians=circle, index=index)


def _name(to: PartyRef | RoleRef) -> str:
    return to.address if isinstance(to, PartyRef) else f"{to.role.name} {to.jurisdiction}"


def _with_receipt(terms: ConsentTerms, receipt: bytes) -> ConsentTerms:
    """Return terms under another receipt: what a client does that makes one for several consents."""
    typed = replace(terms.typed, message={**terms.typed.message, "receipt": receipt})
    return replace(terms, typed=typed, call={**terms.call, "receipt": to_hex(receipt)})


def _to_the_second(terms: ConsentTerms, now: int, days: int) -> ConsentTerms:
    """Return terms with the second of drafting in start and end: what a client does that rounds nothing."""
    message = {**terms.typed.message, "notBefore": now, "expiresAt": now + days * DAY}
    masks = mask_of(terms.permits), mask_of(terms.denies)
    word = pack_directive(*masks, now, now + days * DAY, 0, terms.version)
    typed = replace(terms.typed, message=message)
    return replace(terms, typed=typed, call={**terms.call, "word": word}, not_before=now, expires_at=now + days * DAY)
