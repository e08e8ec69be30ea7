"""Around a ceremony: objecting to one that nobody wanted, and what is left to do once the accounts are back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from careledger.chain.signers import Signer
from careledger.index import IndexedEvent
from careledger.privacy.pseudonyms import KnownAccount, Scope, Wallet
from careledger.privacy.walletbook import WalletBook
from careledger.recovery.ceremony import Ceremony
from careledger.recovery.kits import Kit
from careledger.recovery.parcels import SPREAD_HOURS, Parcel, due
from careledger.resources.guardian_sets import RecoveryState
from careledger.values import Address, PartyRef, Prepared, checksum, keccak, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Left", "changed_since", "objections", "openers", "remaining", "settle", "unwanted"]

_ACTS: Final = (
    ("ConsentRegistry.DirectiveGranted", "patient", "a consent given"),
    ("ConsentRegistry.DirectiveRevoked", "patient", "a consent ended"),
    ("ConsentRegistry.StandingDenialSet", "patient", "standing denials changed"),
    ("ParticipantRegistry.EncryptionKeyPublished", "subject", "a key to seal to published"),
    ("ParticipantRegistry.ControllerChanged", "subject", "handed to another key"),
    ("ParticipantRegistry.GuardiansChanged", "subject", "recovery guardians changed"),
    ("GuardianRegistry.GuardianAppointed", "patient", "a guardian appointed"),
    ("GuardianRegistry.GuardianshipEnded", "patient", "a guardianship ended"),
)  # fmt: skip


@dataclass(frozen=True)
class Left:
    """One thing that is left to do for one account."""

    subject: Address = field(repr=False)
    id: str
    """What ``Ceremony.tick`` takes once it is done elsewhere."""
    what: Literal["recover", "publish", "rewrap", "look"]
    do: str
    """In a sentence."""

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return dict(vars(self))


# THE OWNER OBJECTS


def unwanted(care: CareLedger, accounts: Iterable[KnownAccount], *, own: Ceremony | None = None) -> list[RecoveryState]:
    """Return recoveries of one's accounts that are under way and not of one's own ceremony: look every few days.

    Args:
        care: The suite.
        accounts: The accounts to watch.
        own: A ceremony of one's own.
    """
    mine = {(item.subject, item.controller) for item in own.accounts} if own is not None else set()
    found = [
        state
        for account in accounts
        for state in care.participants.recoveries(PartyRef("person", Address(account.subject)))
    ]
    return [state for state in found if (state.subject.address, state.to) not in mine]


def objections(
    care: CareLedger, wallet: Wallet, accounts: Sequence[KnownAccount], *, own: Ceremony | None = None,
    hours: float = 0,
) -> tuple[Parcel, ...]:  # fmt: skip
    """Object to every recovery of one's accounts that one did not ask for: a parcel for each, for relayers.

    Each counts once: the wait doubles, and the larger quorum, or the quorum and an accreditor, prevails.

    Args:
        care: The suite.
        wallet: The wallet whose keys control the accounts.
        accounts: The accounts.
        own: A ceremony of one's own, which is not objected to.
        hours: Over how long they are spread; at once when not given, as a wait may be ending.
    """
    by_subject = {account.subject: account for account in accounts}
    running = [state for state in unwanted(care, accounts, own=own) if not state.objected]
    start, found = care.participants.now(), []
    for state in running:
        signer = Signer.from_key(wallet.account(by_subject[state.subject.address].scope).key)
        prepared = care.as_(signer).participants.object_to_recovery(state.subject, to=state.to, dry_run=True)
        assert isinstance(prepared, Prepared)  # noqa: S101 - a dry run
        request = care.forwarding.draft(prepared, by=PartyRef("person", signer.address))
        at = due(start, hours=hours, not_after=request.message["deadline"])
        found.append(Parcel.forward(care, request.signed_by(signer), not_before=at))
    return tuple(found)


# ONCE THE ACCOUNTS ARE BACK


def settle(book: WalletBook, care: CareLedger, ceremony: Ceremony, *, kit: Kit | None = None) -> None:
    """Write what is back into the new wallet's book: its accounts with the keys of now, and the kit as it is."""
    book.add(*ceremony.known_accounts(care))
    if kit is not None:
        book.set_kit(kit.to_json())


def openers(
    care: CareLedger, wallet: Wallet, accounts: Sequence[KnownAccount], *, hours: float = SPREAD_HOURS
) -> tuple[Parcel, ...]:
    """Publish the new keys to seal to, of accounts whose published key is another: a parcel for each, for relayers."""
    start, found = care.participants.now(), []
    for account in (item for item in accounts if not _has_key(care, wallet, item)):
        opener = wallet.opener(account.scope)
        terms = care.participants.draft_key(opener, subject=PartyRef("person", Address(account.subject)))
        signed = terms.signed_by(Signer.from_key(wallet.account(account.scope).key))
        message = terms.typed.message
        at = due(start, hours=hours, not_after=message["deadline"])
        found.append(
            Parcel.call(
                care, "ParticipantRegistry", "publishKeySigned", message["subject"], message["suite"],
                opener.public_key, message["deadline"], signed.signature, not_before=at,
            )
        )  # fmt: skip
    return tuple(found)


def remaining(
    care: CareLedger, ceremony: Ceremony, *, lost_at: int | None = None, kit: Kit | None = None
) -> list[Left]:
    """Return all that is left to do, account by account; empty once nothing is, by the chain or by ``Ceremony.tick``.

    Args:
        care: The suite.
        ceremony: The ceremony.
        lost_at: When the phone was lost, in seconds since 1970: what was done to the accounts since is to be looked at.
        kit: The kit, which says with whom each account deals.
    """
    scopes = kit.scopes if kit is not None else {}
    left: list[Left] = []
    for item, standing in zip(ceremony.accounts, ceremony.status(care), strict=True):
        if standing.state != "done":
            left.append(Left(item.subject, "recover", "recover", standing.do))
            continue
        account = KnownAccount(Scope.successor(item.subject), item.subject)
        if not _has_key(care, ceremony.wallet, account):
            left.append(Left(item.subject, "publish", "publish", "Publish the new key to seal to (recovery.openers)."))
        scope = scopes.get(item.subject)
        who = checksum(to_hex(scope.party)) if scope is not None and any(scope.party) else "each custodian"
        again = f"Ask {who} to wrap its records for the new key (records.rewrap)"
        left.append(
            Left(item.subject, "rewrap", "rewrap", f"{again}, and to pair the account anew (Wallet.answer, subject).")
        )
        for event, what in changed_since(care, item.subject, lost_at) if lost_at is not None else ():
            line = f"Since the loss there was {what}, in block {event.block}: end it if it was not you."
            left.append(Left(item.subject, f"look/{event.block}/{event.index}", "look", line))
    return [item for item in left if item.id not in ceremony.ticked.get(item.subject, ())]


def changed_since(care: CareLedger, subject: Address, lost_at: int) -> list[tuple[IndexedEvent, str]]:
    """Return what was done with an account since a time: what a thief did there stands until its owner ends it."""
    index = care.sync()
    found = [
        (event, what)
        for name, whose, what in _ACTS
        for event in index.list(name, where={whose: subject})
        if event.timestamp >= lost_at
    ]
    return sorted(found, key=lambda item: (item[0].block, item[0].index))


def _has_key(care: CareLedger, wallet: Wallet, account: KnownAccount) -> bool:
    stored = care.participants._read("encryptionKeyOf", account.subject)
    return bool(stored["keyHash"] == to_hex(keccak(wallet.opener(account.scope).public_key)))
