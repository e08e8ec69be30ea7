"""Before a phone is lost: asking people to be guardians, and setting them for all accounts at once, each by itself.

invite → answer → guard: afterwards every account has a set of guardians of its own under fresh salts, whose members act
under accounts of their own for it, in an order of its own. On chain no two sets have anything in common.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from careledger.chain.signers import Signer
from careledger.errors import InputError, NotFound
from careledger.privacy.pseudonyms import KnownAccount, Scope, ScopeKind, Wallet
from careledger.privacy.walletbook import WalletBook
from careledger.recovery.kits import Guarded, Kit, Person, Sheet
from careledger.recovery.papers import Answer, Invitation
from careledger.recovery.parcels import SPREAD_HOURS, Parcel, due
from careledger.redact import PersonalText, Secret
from careledger.resources.guardian_sets import GuardianSet
from careledger.values import Address, PartyRef, Prepared, checksum, keccak, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Guarding", "accept", "answer", "guard", "invite", "keep_sheet"]

_TAG = b"careledger.ward-tag.v1"
_NONCE = "invitation/"


@dataclass(frozen=True)
class Guarding:
    """What :func:`guard` made. The kit and the sheets come first: save them, hand them out, then let it be carried."""

    kit: Kit = field(repr=False)
    """In the wallet's book already; seal a copy for a place away from the phone."""
    sheets: tuple[str, ...] = field(repr=False)
    """Sealed, one for each guardian in the order of the answers; to be handed out."""
    parcels: tuple[Parcel, ...] = field(repr=False)
    """One for each account, spread in time; for relayers."""


def invite(book: WalletBook, care: CareLedger, accounts: Sequence[KnownAccount]) -> Invitation:
    """Ask one person to be a guardian of accounts; another person gets another invitation.

    Args:
        book: The owner's papers; the accounts are noted in it.
        care: The suite.
        accounts: All that are to be given back in one ceremony; the same for every guardian.
    """
    if not accounts:
        raise InputError("there is no account to guard", fix="Name at least one.")
    book.add(*accounts)
    nonce = secrets.token_bytes(32)
    tags = [_tag(book.wallet, nonce, account.subject) for account in accounts]
    secrets.SystemRandom().shuffle(tags)
    invitation = Invitation(
        care.connection.chain_id, care.participants.address, tuple(tags), book.wallet.opener(Scope.book()).recipient()
    )  # fmt: skip
    book.add_key(f"{_NONCE}{nonce[:8].hex()}", Secret(nonce, "nonce"))
    return invitation


def answer(wallet: Wallet, invitation: Invitation, *, care: CareLedger | None = None) -> Answer:
    """Agree to be a guardian: an account for each tag, and the key to seal the sheet to.

    Args:
        wallet: The guardian's.
        invitation: As received; compare its ``digits`` with the owner's.
        care: The suite; the invitation must be for it, where it is given.
    """
    if care is not None:
        _require_here(care, invitation.chain_id, invitation.registry)
    accounts = {tag: Address(wallet.account(Scope.guardian_of(tag)).address) for tag in invitation.tags}
    return Answer(accounts, wallet.opener(Scope.book()).recipient())


def accept(book: WalletBook, text: str) -> Answer:
    """Open a guardian's sealed answer; compare its ``digits`` with the guardian's."""
    return Answer.unsealed(text, book.wallet.opener(Scope.book()))


def guard(
    book: WalletBook, care: CareLedger, accounts: Sequence[KnownAccount], *, answers: Sequence[Answer], quorum: int,
    larger_quorum: int | None = None, wait_days: int = 3, labels: Sequence[str] = (),
    spread_hours: float = SPREAD_HOURS,
) -> Guarding:  # fmt: skip
    """Make a set of guardians for every account, and ask relayers to set them.

    Where an account has guardians already, the new set is in force after their wait. Save the book (a backup) and hand
    out the sheets before the parcels are carried: without kit and sheets nobody can prove to be a guardian.

    Args:
        book: The owner's papers; the kit is put into it.
        care: The suite.
        accounts: Those of the invitations.
        answers: One from each guardian, 1 to 16.
        quorum: How many start a recovery.
        larger_quorum: How many prevail over an objection; all of them when not given.
        wait_days: How long a recovery waits, 1 to 90 days; an objection doubles it.
        labels: What the owner calls the guardians; never sent anywhere.
        spread_hours: Over how long the accounts' acts are spread.

    Raises:
        InputError: An answer does not fit the accounts, two answers are one guardian's, or the quorum is none.
        NotFound: An account has guardians that are not in the kit.
    """
    taken = [_by_subject(book, accounts, each) for each in answers]
    if len({each.guardian.key_hash for each in answers}) != len(answers):
        raise InputError("two of the answers are one guardian's", fix="Ask different people.")
    old = Kit.from_json(book.holdings.kit) if book.holdings.kit else None
    named = zip(answers, [*labels, *[""] * len(answers)], strict=False)
    people = [Person(each.guardian, PersonalText(label) if label else None) for each, label in named]
    everybody, numbers = _joined_people(old.people if old is not None else (), people)
    guarded = tuple(
        _set_for(account, taken, numbers, old, quorum=quorum, larger_quorum=larger_quorum, wait_days=wait_days)
        for account in accounts
    )
    current = [_current(care, account.subject, old) for account in accounts]
    kit = Kit(
        care.connection.chain_id, care.participants.address, everybody,
        (*_others(old, accounts), *guarded), _still_needed(old, accounts, current),
    )  # fmt: skip
    parcels = _requests(book.wallet, care, accounts, guarded, current, spread_hours)
    book.set_kit(kit.to_json())
    sheets = kit.sheets()
    return Guarding(kit, tuple(sheets[number].sealed_to() for number in numbers), parcels)


def keep_sheet(book: WalletBook, text: str) -> Sheet:
    """Open and keep a sheet, as the guardian it was sealed for; it goes into the guardian's backups.

    Raises:
        NotARecipient: It is another guardian's.
        InputError: It names accounts that this wallet has no key for.
    """
    sheet = Sheet.unsealed(text, book.wallet.opener(Scope.book()))
    for ward in sheet.wards:
        if book.wallet.account(ward.scope).address != ward.guardian:
            raise InputError("this sheet is for another wallet's accounts", fix="Ask the owner for yours.")
    book.add_duty(sheet.to_json())
    return sheet


# INTERNAL


def _tag(wallet: Wallet, nonce: bytes, subject: str) -> Address:
    """Return the tag of an account in one invitation: random to whoever has not the wallet."""
    key = wallet.key_at(Scope.book().path()).reveal()
    return checksum(to_hex(keccak(_TAG + key + nonce + subject.lower().encode())[12:]))


def _by_subject(book: WalletBook, accounts: Iterable[KnownAccount], given: Answer) -> Mapping[str, tuple[str, str]]:
    """Return tag and guardian account by subject, for the invitation that an answer belongs to."""
    nonces = [key.reveal() for name, key in book.holdings.keys.items() if name.startswith(_NONCE)]
    for nonce in nonces:
        tags = {account.subject: _tag(book.wallet, nonce, account.subject) for account in accounts}
        if set(tags.values()) == set(given.accounts):
            return {subject: (tag, given.accounts[tag]) for subject, tag in tags.items()}
    raise InputError(
        "an answer does not fit these accounts",
        why="It belongs to an invitation for other accounts, or to one from another wallet.",
        fix="Name the accounts as in the invitations, or invite again.",
    )


def _joined_people(before: Sequence[Person], now: Sequence[Person]) -> tuple[tuple[Person, ...], list[int]]:
    """Return all guardians there ever were, by key, and the numbers of those of now."""
    found = {person.guardian.key_hash: person for person in (*before, *now)}
    places = list(found)
    return tuple(found.values()), [places.index(person.guardian.key_hash) for person in now]


def _set_for(
    account: KnownAccount, taken: Sequence[Mapping[str, tuple[str, str]]], numbers: Sequence[int], old: Kit | None, *,
    quorum: int, larger_quorum: int | None, wait_days: int,
) -> Guarded:  # fmt: skip
    """Make one account's set, in an order of its own: the places tell nobody which sets have one guardian."""
    order = list(range(len(taken)))
    secrets.SystemRandom().shuffle(order)
    places = [taken[at][account.subject] for at in order]
    guardians = GuardianSet.of(
        [PartyRef("person", Address(guardian)) for _, guardian in places], quorum=quorum, larger_quorum=larger_quorum,
        wait_days=wait_days,
    )  # fmt: skip
    people, tags = tuple(numbers[at] for at in order), tuple(Address(tag) for tag, _ in places)
    scope = account.scope
    if scope.kind is ScopeKind.SUCCESSOR and old is not None:
        scope = old.scopes.get(Address(account.subject), scope)
    return Guarded(Address(account.subject), scope, guardians, people, tags)


def _current(care: CareLedger, subject: str, old: Kit | None) -> Guarded | None:
    """Return the set in force, which a change has to show."""
    found = care.participants.guardians_of(PartyRef("person", Address(subject)))
    if int(found.in_force, 16) == 0:
        return None
    known = old.find(subject, found.in_force) if old is not None else None
    if known is None:
        raise NotFound(
            f"the guardians in force of {subject} are not in the kit",
            why="A change has to show those before it.",
            fix="Restore the newest backup of this wallet.",
        )
    return known


def _others(old: Kit | None, accounts: Iterable[KnownAccount]) -> tuple[Guarded, ...]:
    """Return what the kit holds of accounts that are not changed now."""
    changed = {account.subject for account in accounts}
    return () if old is None else tuple(item for item in old.accounts if item.subject not in changed)


def _still_needed(
    old: Kit | None, accounts: Iterable[KnownAccount], current: Sequence[Guarded | None]
) -> tuple[Guarded, ...]:
    """Return the sets that are in force until the new ones are."""
    changed = {account.subject for account in accounts}
    kept = () if old is None else tuple(item for item in old.before if item.subject not in changed)
    return (*kept, *(item for item in current if item is not None))


def _requests(
    wallet: Wallet, care: CareLedger, accounts: Sequence[KnownAccount], guarded: Sequence[Guarded],
    current: Sequence[Guarded | None], hours: float,
) -> tuple[Parcel, ...]:  # fmt: skip
    start, found = care.participants.now(), []
    for account, item, before in zip(accounts, guarded, current, strict=True):
        signer = Signer.from_key(wallet.account(account.scope).key)
        subject = PartyRef("person", Address(account.subject))
        prepared = care.as_(signer).participants.set_guardians(
            subject, item.guardians, current=None if before is None else before.guardians, dry_run=True
        )
        assert isinstance(prepared, Prepared)  # noqa: S101 - a dry run
        request = care.forwarding.draft(prepared, by=PartyRef("person", signer.address))
        at = due(start, hours=hours, not_after=request.message["deadline"])
        found.append(Parcel.forward(care, request.signed_by(signer), not_before=at))
    return tuple(found)


def _require_here(care: CareLedger, chain_id: int, registry: str) -> None:
    """Refuse a paper of another suite or chain."""
    if (chain_id, registry) != (care.connection.chain_id, care.participants.address):
        raise InputError(
            "this paper is for another suite or chain", why=f"It names chain {chain_id}.", fix="Name its network."
        )
