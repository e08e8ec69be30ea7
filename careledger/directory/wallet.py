"""The wallet's side of pairing: whom it answers, and with which account. ``Wallet.answer`` is the way in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from careledger.chain.signatures import is_signed_by, signed_by_key
from careledger.chain.signers import Signer
from careledger.codes import Role
from careledger.directory.entries import EntryKind
from careledger.directory.pairing import PairingAnswer, PairingOffer, unexpired
from careledger.errors import InputError, WrongChain
from careledger.privacy.openers import DEFAULT_SUITE, Suite
from careledger.privacy.pseudonyms import KnownAccount, Scope, Wallet
from careledger.values import Address, PartyRef, address

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["ACCREDITED", "answer"]

ACCREDITED: Final = {
    EntryKind.PATIENT: (Role.PROVIDER, Role.CUSTODIAN, Role.PHARMACY, Role.INSURER),
    EntryKind.COVERAGE: (Role.INSURER,),
}
"""As what an organisation is to be accredited, in one of these roles, for a wallet to answer it."""


def answer(
    wallet: Wallet,
    offer: PairingOffer | str,
    *,
    care: CareLedger | None = None,
    chain_id: int | None = None,
    suite: str | None = None,
    accredited: bool = True,
    subject: PartyRef | KnownAccount | None = None,
    number: int = 0,
    epoch: int = 0,
    encryption: Suite = DEFAULT_SUITE,
) -> PairingAnswer:
    """Check an offer and answer it; see ``Wallet.answer``."""
    found = PairingOffer.from_uri(offer) if isinstance(offer, str) else offer
    _require_place(found, care, chain_id, suite)
    unexpired(found.expires_at)
    _require_signed(found, care)
    if care is not None and accredited:
        _require_accredited(found, care)
    own = scope_of(found, number=number)
    if subject is None:
        return _signed(wallet, found, own, None, encryption, epoch)
    if isinstance(subject, KnownAccount):
        account, noted = address(subject.subject), subject.scope
    else:
        account, noted = subject.address, own
    if care is None:
        return _signed(wallet, found, noted, account, encryption, epoch)
    # Led to by the subject alone after a recovery or claim; the relation's own where it was handed to that key.
    controller = care.participants.controller_of(PartyRef("person", account))
    for scope in dict.fromkeys((noted, Scope.successor(account, number=number), own)):
        given = _signed(wallet, found, scope, account, encryption, epoch)
        if is_signed_by(care.connection, controller, given.typed.digest, given.signature):
            return given
    raise InputError(
        f"no key of this wallet controls account {account}",
        why="It was handed to another key, or its recovery or claim is not carried yet.",
        fix="Have the recovery or claim carried first, or answer with the wallet that controls it.",
    )


def _signed(
    wallet: Wallet, offer: PairingOffer, scope: Scope, account: Address | None, encryption: Suite, epoch: int
) -> PairingAnswer:
    """Answer with the key and the opener of a scope, for its own account or for one that it controls."""
    signer = Signer.from_key(wallet.account(scope).key)
    key = wallet.opener(scope, suite=encryption, epoch=epoch).recipient(epoch=epoch)
    found = PairingAnswer.to(offer, account=account or Address(signer.address), recipient=key)
    return found.signed_by(signer)


def scope_of(offer: PairingOffer, *, number: int = 0) -> Scope:
    """Return the relation that an offer asks about; another number gives a fresh, unjoined account.

    Raises:
        InputError: A number is given for coverage, which has one account a plan year.
    """
    if offer.kind is EntryKind.COVERAGE:
        if number:
            raise InputError("coverage has one account for each plan year", fix="Leave the number out.")
        return Scope.coverage(offer.organisation, plan_year=offer.plan_year)
    return Scope.custodian(offer.organisation, number=number)


def _require_place(offer: PairingOffer, care: CareLedger | None, chain_id: int | None, suite: str | None) -> None:
    """Refuse an offer of another suite or chain than the wallet's."""
    if care is not None:
        chain_id, suite = care.connection.chain_id, care.suite.directory
    if chain_id is None or suite is None:
        raise InputError(
            "the wallet does not know which suite it is for",
            why="Without that it would answer for any chain and any contracts.",
            fix="Give care=..., or chain_id and suite.",
        )
    if (offer.chain_id, offer.suite) != (chain_id, address(suite, confirm_unchecked=True)):
        raise WrongChain(
            f"this code is for suite {offer.suite} on chain {offer.chain_id}",
            why=f"The wallet is for suite {suite} on chain {chain_id}.",
            fix="Ask the organisation which network it is on.",
        )


def _require_signed(offer: PairingOffer, care: CareLedger | None) -> None:
    """Refuse an offer that the organisation did not sign: by its key, or as the chain knows its controller."""
    own, digest = offer.organisation, offer.typed.digest
    if care is None:
        if not signed_by_key(own, digest, offer.signature):
            raise InputError(
                f"this code is not signed by the key of {own}",
                why="It was changed or forged, or the organisation acts through a contract or another key.",
                fix="Let the wallet ask the chain (care=...); if it says so too, answer nothing.",
            )
        return
    controller = care.participants.controller_of(PartyRef("organisation", own))
    if not is_signed_by(care.connection, controller, digest, offer.signature):
        raise InputError(
            f"this code is not signed by organisation {own}",
            why="It was changed, or somebody else made it.",
            fix="Answer nothing, and tell the organisation.",
        )


def _require_accredited(offer: PairingOffer, care: CareLedger) -> None:
    """Refuse an organisation that no accreditor vouches for now."""
    roles, who = ACCREDITED[offer.kind], PartyRef("organisation", offer.organisation)
    issued = care.sync().list("ParticipantRegistry.CredentialIssued", where={"subject": offer.organisation})
    held = {(int(event.args["role"]), int(event.args["jurisdiction"])) for event in issued}
    for role, jurisdiction in sorted(held):
        if Role(role) in roles and care.participants.is_active(who, role=Role(role), jurisdiction=jurisdiction):
            return
    words = ", ".join(role.word for role in roles)
    raise InputError(
        f"organisation {offer.organisation} holds no credential in force as {words}",
        why="Anybody can call themselves a hospital; an accreditor has to vouch for it.",
        fix="Answer nothing, unless you know the organisation otherwise (accredited=False).",
    )
