"""``care.directory``: an organisation's own sealed map from outside identifiers to accounts; never on chain."""

from __future__ import annotations

import builtins
import contextlib
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Final

from careledger.chain.signatures import is_signed_by
from careledger.directory import pairing
from careledger.directory.book import Link, not_paired
from careledger.directory.entries import Change, Entry, EntryKind, IdentityCheck, OutsideId
from careledger.directory.opened import Opened
from careledger.directory.pairing import PairingAnswer, PairingOffer
from careledger.directory.sealed import Rows
from careledger.errors import InputError, NotFound, NotPaired
from careledger.privacy.openers import Recipient
from careledger.resources.base import address_of
from careledger.values import ZERO_ADDRESS, PartyRef, keccak, to_hex

__all__ = ["Directory"]

MOST_MINUTES: Final = 24 * 60
_KEEP_SECONDS: Final = 86_400
"""How long an offer is remembered once it is over, so that a late or second answer is told what it is."""


class Directory(Opened):
    """The directory of one organisation. What is asked needs its opener; what is changed also a signer, who is noted.

    Example:
        >>> offer = care.directory.pair(system="urn:oid:2.16.840.1.113883.19.5", value="MRN-4711")  # doctest: +SKIP
        >>> care.directory.complete(wallet.answer(offer, care=care), checked="document-seen")  # doctest: +SKIP
        >>> ana = care.directory.find(system="urn:oid:2.16.840.1.113883.19.5", value="MRN-4711")  # doctest: +SKIP
    """

    # PAIRING

    def pair(
        self, *, system: str, value: str, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0,
        minutes: int = 15, name: str | None = None, label: str | None = None, again: bool = False,
    ) -> PairingOffer:  # fmt: skip
        """Make a code for a person's wallet to answer: signed by the organisation, and about the person nothing.

        Args:
            system: URI of the identifier's system.
            value: The identifier.
            kind: ``patient``, or ``coverage`` for an insurer's member.
            plan_year: For coverage.
            minutes: How long an answer is taken in, 1 to 1,440.
            name: What the organisation calls itself, at most 60 bytes; as the last time when not given.
            label: What the desk calls the person; stays in the sealed file.
            again: The identifier stands for an account already, and gets another: after a lost phone, say.

        Raises:
            InputError: The identifier is none, stands for an account already, or the signer does not act for the
                organisation.
            NotPaired: It is to be paired again, and never was.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        if id_.kind is EntryKind.PARTNER:
            raise InputError("a partner is entered, not paired", fix="Use care.directory.enter(..., kind='partner').")
        if not 0 < minutes <= MOST_MINUTES:
            raise InputError(f"a code is good for 1 to {MOST_MINUTES:,} minutes", fix="Give fewer minutes.")
        self._require_controller()
        own = self._own_name() if name is None else pairing.check_name(name)
        now = int(pairing.clock())
        offer = PairingOffer(
            self.organisation.address, own, id_.kind, plan_year, self._care.connection.chain_id,
            self._care.suite.directory, secrets.token_bytes(pairing.NONCE_BYTES), now + minutes * 60,
        ).signed_by(self._signer)  # fmt: skip
        with self._acting() as (rows, book):
            book.require_free(id_, again=again)
            offers = {name: each for name, each in _offers(rows).items() if each["expiresAt"] > now - _KEEP_SECONDS}
            offers[offer.nonce.hex()] = {
                "id": list(id_.parts[1:]), "expiresAt": offer.expires_at, "label": label, "again": again, "answer": None
            }  # fmt: skip
            rows.put("offers", content=offers)
            if own != rows.head["name"]:
                rows.change_head(name=own)
        return offer

    def complete(self, answer: PairingAnswer | str, *, checked: IdentityCheck | str) -> Entry:
        """Take in a wallet's answer, once the desk knows who the person is. The same answer again changes nothing.

        Compare ``answer.check`` with what the wallet shows, unless the answer was scanned from the person's own phone.

        Args:
            answer: What ``Wallet.answer`` returned, or its text.
            checked: How the person's identity was checked.

        Raises:
            FormatError: The text is no answer.
            InputError: It is for no open offer of this directory, over, answered otherwise, not signed by the
                account's controller; or the account is another person's here.
        """
        given = PairingAnswer.from_uri(answer) if isinstance(answer, str) else answer
        how = checked if isinstance(checked, IdentityCheck) else IdentityCheck.of(checked)
        expected = (self._care.connection.chain_id, self._care.suite.directory, self.organisation.address)
        if (given.chain_id, given.suite, given.organisation) != expected:
            raise _no_offer()
        self._require_signed(given)
        digest = to_hex(keccak(given.packed))
        with self._acting() as (rows, book):
            offers = _offers(rows)
            offer = offers.get(given.nonce.hex())
            if offer is None or offer["expiresAt"] != given.expires_at:
                raise _no_offer()
            kind, year, system, value = offer["id"]
            id_ = OutsideId.of(system, value, kind=kind, plan_year=int(year))
            if offer["answer"] is not None:
                if offer["answer"] != digest:
                    raise InputError(
                        "this offer was answered already, by another answer",
                        why="A code counts once.",
                        fix="If the person in front of you did not answer, remove the entry; then show a new code.",
                    )
                return book.entry(id_)
            pairing.unexpired(given.expires_at)
            link = Link(given.account, given.recipient, how, offer["label"], "paired", again=offer["again"])
            entry = book.link(id_, link)
            rows.put("offers", content={**offers, given.nonce.hex(): {**offer, "answer": digest, "label": None}})
        return entry

    def enter(
        self, *, system: str, value: str, account: PartyRef, checked: IdentityCheck | str,
        kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0, recipient: Recipient | None = None,
        label: str | None = None, again: bool = False,
    ) -> Entry:  # fmt: skip
        """Enter an account that no wallet answers for: one held for a patient, or a partner organisation's.

        Args:
            system: URI of the identifier's system.
            value: The identifier.
            account: The account.
            checked: How it was checked whose it is.
            kind: ``patient``, ``coverage`` or ``partner``.
            plan_year: For coverage.
            recipient: The key to seal to, if one is known that is not published on chain.
            label: What the desk calls the person or partner.
            again: The identifier stands for another account already, which this one replaces.

        Raises:
            InputError: The identifier stands for an account already, or the account for another identifier.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        how = checked if isinstance(checked, IdentityCheck) else IdentityCheck.of(checked)
        with self._acting() as (_, book):
            return book.link(id_, Link(address_of(account), recipient, how, label, "entered", again=again))

    # ASKING

    def find(
        self, *, system: str, value: str, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0
    ) -> PartyRef:
        """Return the account an identifier stands for.

        Raises:
            NotPaired: None; the value is not in the message.
        """
        return self.entry(system=system, value=value, kind=kind, plan_year=plan_year).party

    def entry(self, *, system: str, value: str, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0) -> Entry:
        """Return what an identifier stands for, and how that came about.

        Raises:
            NotPaired: It stands for nothing.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        with self._reading() as found:
            if found is None:
                raise not_paired(id_)
            return found[1].entry(id_)

    def opener_key(
        self, *, system: str, value: str, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0
    ) -> Recipient:
        """Return the key to seal to, for ``records.seal(readers=[...])``: the wallet gave it when it was paired.

        Raises:
            NotPaired: The identifier stands for nothing.
            NotFound: It was entered without a key.
        """
        found = self.entry(system=system, value=value, kind=kind, plan_year=plan_year).recipient
        if found is None:
            raise NotFound(
                "there is no key for this entry", why="It was entered without one.",
                fix="Use the key the account has published: participants.encryption_key.",
            )  # fmt: skip
        return found

    def list(self, *, kind: EntryKind | str | None = None) -> builtins.list[Entry]:
        """Return every entry, ordered by kind, system and value."""
        wanted = None if kind is None else EntryKind.of(kind)
        with self._reading() as found:
            entries = [] if found is None else [each for each in found[1].entries() if wanted in (None, each.id.kind)]
        return sorted(entries, key=lambda each: each.id.parts)

    def identifiers(self, account: PartyRef) -> builtins.list[OutsideId]:
        """Return the identifiers of whoever has an account now or had it before; empty for a stranger's."""
        with self._reading() as found:
            return [] if found is None else found[1].ids_of(address_of(account))

    @contextlib.contextmanager
    def finder(self) -> Iterator[Callable[[str, str], PartyRef | None]]:
        """Yield what finds patients' accounts by system and value, for many questions at one moment: None for none."""
        with self._reading() as found:

            def find(system: str, value: str) -> PartyRef | None:
                if found is None:
                    return None
                try:
                    return found[1].entry(OutsideId.of(system, value)).party
                except (InputError, NotPaired):  # what is no identifier is not paired either
                    return None

            yield find

    def history(
        self, *, system: str | None = None, value: str | None = None, kind: EntryKind | str = EntryKind.PATIENT,
        plan_year: int = 0,
    ) -> builtins.list[Change]:  # fmt: skip
        """Return who changed what and when, oldest first: everything, or what names one identifier, removed or not."""
        if (system is None) != (value is None):
            raise InputError("an identifier is a system and a value", fix="Give both, or neither for everything.")
        id_ = None if system is None or value is None else OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        with self._reading() as found:
            return [] if found is None else found[1].history(id_)

    # CORRECTING

    def merge(
        self, *, system: str, value: str, into: tuple[str, str], kind: EntryKind | str = EntryKind.PATIENT,
        plan_year: int = 0,
    ) -> Entry:  # fmt: skip
        """Say that two identifiers are one person: the first, paired or not, stands for what the other one stands for.

        Args:
            system: Of the identifier that gives way.
            value: Of the same.
            into: System and value of the one whose account stays.
            kind: Of both.
            plan_year: Of both.

        Raises:
            NotPaired: The one whose account is to stay has none.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        with self._acting() as (_, book):
            return book.merge(id_, id_.sibling(*into))

    def split(
        self, *, system: str, value: str, other: tuple[str, str], kind: EntryKind | str = EntryKind.PATIENT,
        plan_year: int = 0,
    ) -> tuple[Entry | None, Entry | None]:  # fmt: skip
        """Say that two identifiers are not one person: the merge that joined them is taken back.

        Returns:
            What each stands for now; None for one that was not paired before it was merged.

        Raises:
            NotPaired: One of them stands for nothing.
            InputError: They are not one.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        with self._acting() as (_, book):
            return book.split(id_, id_.sibling(*other))

    def remove(self, *, system: str, value: str, kind: EntryKind | str = EntryKind.PATIENT, plan_year: int = 0) -> None:
        """Forget an identifier. The history keeps that it was there, by a keyed tag, and which account it stood for.

        Raises:
            NotPaired: It stands for nothing.
        """
        id_ = OutsideId.of(system, value, kind=kind, plan_year=plan_year)
        with self._acting() as (_, book):
            book.remove(id_)

    # INTERNAL

    def _own_name(self) -> str:
        with self._reading() as found:
            return "" if found is None else str(found[0].head["name"])

    def _require_controller(self) -> None:
        """Refuse to sign for an organisation that the signer does not control: no wallet would believe it."""
        own = self.organisation
        controller = self._care.participants.controller_of(own)
        if controller != self._signer.address:
            raise InputError(
                f"{self._signer.address} does not act for organisation {own.address}",
                why=f"Its controller is {controller}, and wallets ask the chain.",
                fix="Sign with the controller's key.",
            )

    def _require_signed(self, answer: PairingAnswer) -> None:
        """Refuse an answer that the account's controller of now did not sign."""
        if answer.account in (ZERO_ADDRESS, self.organisation.address):
            raise InputError(
                "this answer names an account that is nobody's to pair", fix="Have the wallet answer again."
            )
        controller = self._care.participants.controller_of(PartyRef("person", answer.account))
        if not is_signed_by(self._care.connection, controller, answer.typed.digest, answer.signature):
            raise InputError(
                "this answer is not signed by its account",
                why="Neither the key of the account's controller nor its contract confirms the signature.",
                fix="Have the wallet answer again; if the account was handed to another key, with that key.",
            )


def _offers(rows: Rows) -> dict[str, Any]:
    """Return the offers that are remembered, by nonce."""
    return rows.get("offers") or {}


def _no_offer() -> InputError:
    return InputError(
        "this answer is for no open offer of this directory",
        why="It belongs to another organisation, suite or chain, or to an offer long over.",
        fix="Show the person a new code: careledger directory pair.",
    )
