"""Accounts held for people without keys: opened, listed with what expires, claimed; provisional ones joined later."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from careledger.chain.abi import encode
from careledger.chain.signers import Signer
from careledger.chain.typed import TypedData
from careledger.codes import CredentialStatus, HeldStatus, Role, Will
from careledger.errors import InputError, NotFound
from careledger.resources.base import SignedTerms, Terms, address_of
from careledger.resources.cards import ClaimCard
from careledger.resources.joining import Joining
from careledger.values import (
    Address,
    PartyRef,
    Prepared,
    Receipt,
    Wait,
    checksum,
    from_hex,
    keccak,
    to_hex,
)  # fmt: skip

__all__ = ["Expiry", "Held", "HeldAccount", "HeldEntry", "held_address"]

DAY = 86_400
OFFER_DAYS = 7
"""How long a signed claim may be carried to the chain at least."""

_CLAIM = (("subject", "address"), ("controller", "address"), ("deadline", "uint40"))
_KIND = keccak(
    b"HeldAccount(uint256 chainId,address registry,address steward,uint32 jurisdiction,address claimKey,bytes32 salt,"
    b"bool provisional)"
)


@dataclass(frozen=True)
class HeldAccount:
    """An account held for somebody without a key."""

    subject: PartyRef
    terms: dict[str, Any]
    """Steward, jurisdiction, claimKey, salt, provisional: what its address follows from."""
    card: ClaimCard | None = field(default=None, repr=False, compare=False)
    """The patient's card, where it was made by this very call: print it, hand it over, and keep no copy."""

    def to_json(self) -> dict[str, Any]:
        """Return subject and terms, without the card."""
        return {"subject": self.subject.to_json(), "terms": dict(self.terms)}


@dataclass(frozen=True)
class Expiry:
    """Something of a held account that ends by itself."""

    what: str
    """``directive``, ``guardianship`` or ``steward`` (the steward's own credential)."""
    at: int
    """When, in seconds since 1970."""
    about: Any = None
    """The directive, or the guardian."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return {"what": self.what, "at": self.at, "about": self.about}


@dataclass(frozen=True)
class HeldEntry:
    """A held account as it stands."""

    subject: PartyRef
    steward: PartyRef
    jurisdiction: int
    opened_at: int
    status: HeldStatus
    provisional: bool
    will: Will
    """On what expression of will it was opened."""
    expires: tuple[Expiry, ...] = ()
    """What of it ends by itself, the soonest first."""

    def to_json(self) -> dict[str, Any]:
        """Return every field, codes by name."""
        return {
            "subject": self.subject.to_json(), "steward": self.steward.to_json(), "jurisdiction": self.jurisdiction,
            "openedAt": self.opened_at, "status": self.status.name, "provisional": self.provisional,
            "will": self.will.name, "expires": [item.to_json() for item in self.expires],
        }  # fmt: skip


def held_address(terms: dict[str, Any], *, chain_id: int, registry: Address) -> Address:
    """Return the address that terms of a held account lead to, as the contract computes it."""
    kinds = ("bytes32", "uint256", "address", "address", "uint32", "address", "bytes32", "bool")
    values = (
        _KIND, chain_id, registry, terms["steward"], terms["jurisdiction"], terms["claimKey"], from_hex(terms["salt"]),
        terms["provisional"],
    )  # fmt: skip
    return checksum(to_hex(keccak(encode(kinds, values))[12:]))


class Held(Joining):
    """A steward's desk: accounts it holds for people without keys.

    Acts for such a patient are ``consents.grant_for``, ``revoke_for`` and ``deny_for``, ``guardians.appoint_for`` and
    ``share``; each says in what capacity it is done and on what will, and its evidence is committed to and kept sealed.

    Example:
        >>> card = care.held.new_card()  # print it first  # doctest: +SKIP
        >>> held = care.held.open(card, will=Will.PAPER, evidence=form_bytes).value  # doctest: +SKIP
    """

    # OPENING

    def new_card(self) -> ClaimCard:
        """Make the card of an account to be opened, so that it can be printed before anything is sent."""
        return ClaimCard.new(chain_id=self._care.connection.chain_id, suite=self._care.suite.directory)

    def open(
        self, card: ClaimCard | None = None, *, will: Will | str, evidence: bytes, steward: PartyRef | None = None,
        jurisdiction: int | None = None, provisional: bool = False, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[HeldAccount] | Prepared:  # fmt: skip
        """Open an account for a patient without a key. The card decides its address, so one card opens one account.

        Args:
            card: The patient's card, printed before; a new one is made when not given, and is then in ``value.card``
                and nowhere else: if this process dies before it is printed, nobody can ever claim the account.
            will: How the patient's will was expressed.
            evidence: The form, recording or order; a salted commitment goes on chain, the rest is kept sealed here.
            steward: The accredited steward that holds it; the signer's account when not given.
            jurisdiction: Where the steward is accredited; where it has its one credential when not given.
            provisional: True for an unknown emergency patient.
            key: The act's business key.
            wait: Until when to wait.
            dry_run: Only say what it would cost.

        Raises:
            InputError: There is no opener to seal the evidence with, or the jurisdiction has to be named.
            ParticipantRegistry_NotActive: The steward is not accredited there, or not now.
            ParticipantRegistry_NotController: The signer does not control the steward.
        """
        self._require_key()
        said = Will.of(will) if isinstance(will, str) else will
        holder = steward or PartyRef("organisation", self._care.me)
        made = card or self.new_card()
        name = key or f"open-held/{made.claim_key}"
        entry = self._care.sender.entry(name) if card is None else None
        known = entry.note if entry is not None and entry.state != "failed" else None
        where = jurisdiction if jurisdiction is not None else self._jurisdiction(holder)
        terms = known or {
            "steward": address_of(holder), "jurisdiction": where, "claimKey": made.claim_key,
            "salt": to_hex(made.salt), "provisional": provisional,
        }  # fmt: skip
        held = HeldAccount(self._subject(terms), terms, made if card is None and known is None else None)
        content = [terms["steward"], where, provisional, said.name, to_hex(keccak(evidence))]
        content += [made.claim_key] if card is not None else []
        return self._write(
            "openHeld", terms, self._act(said, evidence, key=name, dry_run=dry_run), value=lambda _: held, key=name,
            wait=wait, dry_run=dry_run, content=content, note=terms,
        )  # fmt: skip

    def _subject(self, terms: dict[str, Any]) -> PartyRef:
        found = held_address(terms, chain_id=self._care.connection.chain_id, registry=self.address)
        return PartyRef("person", found)

    def _jurisdiction(self, steward: PartyRef) -> int:
        """Return where a steward is accredited, if that is one place."""
        places = {
            int(event.args["jurisdiction"])
            for event in self._care.sync().list(
                "ParticipantRegistry.CredentialIssued", where={"subject": address_of(steward), "role": Role.STEWARD}
            )
        }
        live = [
            place
            for place in sorted(places)
            if self._care.participants.is_active(steward, role=Role.STEWARD, jurisdiction=place)
        ]
        if len(live) != 1:
            raise InputError(
                f"{steward.address} is accredited as a steward in {len(live)} jurisdictions",
                why="An account is held under the law of one.",
                fix="Give jurisdiction=…, such as 756000 for Switzerland." if live else "Ask the accreditor.",
            )
        return live[0]

    # LOOKING

    def get(self, subject: PartyRef) -> HeldEntry:
        """Return a held account as it stands.

        Raises:
            NotFound: It never was a held account of this suite.
        """
        found = self._care.sync().list("ParticipantRegistry.HeldAccountOpened", where={"subject": address_of(subject)})
        if not found:
            raise NotFound(f"{subject.address} never was a held account", fix="Check the address and the suite.")
        return self._entry(found[0].args)

    def list(
        self, steward: PartyRef | None = None, *, status: HeldStatus | None = HeldStatus.OPEN,
        within_days: int | None = None,
    ) -> list[HeldEntry]:  # fmt: skip
        """Return a steward's held accounts from the index, each as it stands, with what of it expires.

        Args:
            steward: Whose; the signer's account when not given.
            status: Only these; all of them when None.
            within_days: Only those of which something expires within so many days.
        """
        holder = steward or PartyRef("organisation", self._care.me)
        events = self._care.sync().list("ParticipantRegistry.HeldAccountOpened", where={"steward": address_of(holder)})
        entries = [self._entry(event.args) for event in events]
        soon = None if within_days is None else self.now() + within_days * DAY
        return [
            item
            for item in entries
            if (status is None or item.status is status)
            and (soon is None or any(each.at <= soon for each in item.expires))
        ]

    def _entry(self, opened: dict[str, Any] | Any) -> HeldEntry:
        subject, steward = PartyRef("person", opened["subject"]), PartyRef("organisation", opened["steward"])
        held = self._read("heldOf", address_of(subject))
        status = HeldStatus(int(held["status"]))
        expires = self._expires(subject, steward, int(held["jurisdiction"])) if status is HeldStatus.OPEN else ()
        return HeldEntry(
            subject, steward, int(held["jurisdiction"]), int(held["openedAt"]), status, bool(held["provisional"]),
            Will(int(opened["will"])), tuple(sorted(expires, key=lambda item: item.at)),
        )  # fmt: skip

    def _expires(self, subject: PartyRef, steward: PartyRef, jurisdiction: int) -> Iterator[Expiry]:
        for directive in self._care.consents.list(patient=subject):
            yield Expiry("directive", directive.expires_at, directive)
        for guardian in self._care.guardians.list(subject):
            yield Expiry("guardianship", guardian.until, guardian)
        credential = self._care.participants.credential(steward, role=Role.STEWARD, jurisdiction=jurisdiction)
        if credential.status is CredentialStatus.ACTIVE:
            yield Expiry("steward", credential.expires_at)

    def find(self, card: ClaimCard) -> HeldAccount:
        """Return the account a card belongs to: its words lead to it, with what the chain says.

        Raises:
            NotFound: No account of this suite was opened for it.
        """
        for event in self._care.sync().list("ParticipantRegistry.HeldAccountOpened"):
            terms = {
                "steward": event.args["steward"], "jurisdiction": int(event.args["jurisdiction"]),
                "claimKey": card.claim_key, "salt": to_hex(card.salt), "provisional": bool(event.args["provisional"]),
            }  # fmt: skip
            subject = self._subject(terms)
            if subject.address == event.args["subject"]:
                return HeldAccount(subject, terms)
        raise NotFound(
            "no account was opened for this card here",
            why="It belongs to another suite or chain, or it was printed and never opened.",
            fix="Ask whoever gave it out, and check the suite on it.",
        )

    # CLAIMING

    def sign_claim(self, held: HeldAccount, *, controller: Address, signer: Signer | ClaimCard) -> SignedTerms[Terms]:
        """Sign the claim of a held account with its card: the patient's own key controls it from then on."""
        message = {
            "subject": held.subject.address, "controller": controller, "deadline": self.deadline(OFFER_DAYS)
        }  # fmt: skip
        terms = Terms(TypedData(self.domain, {"HeldClaim": _CLAIM}, "HeldClaim", message))
        return terms.signed_by(signer.signer if isinstance(signer, ClaimCard) else signer)

    def claim(
        self, held: HeldAccount, signed: SignedTerms[Terms], *, key: str | None = None, wait: Wait = "included",
        dry_run: bool = False,
    ) -> Receipt[PartyRef] | Prepared:  # fmt: skip
        """The patient takes a held account over; anyone carries it. Every power of the steward ends, directives stay.

        Raises:
            ParticipantRegistry_NotHeld: It was claimed before, or never opened.
            Module_NotSignedBy: The signature is not by the card's key.
        """
        message = signed.terms.typed.message
        return self._write(
            "claimHeld", held.terms, message["controller"], message["deadline"], signed.signature,
            value=lambda _: held.subject, key=key or f"claim-held/{held.subject.address}/{message['controller']}",
            wait=wait, dry_run=dry_run, entry=False, content=[held.subject.address, message["controller"]],
        )  # fmt: skip
