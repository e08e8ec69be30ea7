"""Finding a wallet's accounts again by its words alone: those the ledger has seen, towards parties it knows.

A backup's list is better: it also has what no event names yet, and counters. This is for whoever has only the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from careledger.privacy.pseudonyms import KnownAccount, Scope, Wallet

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["find_accounts"]

GAP: Final = 3
"""So many numbers in a row that nobody has seen end a count."""
_FIRST_YEAR: Final = 2024


def find_accounts(
    care: CareLedger, wallet: Wallet, *, parties: Iterable[str] | None = None, years: range | None = None
) -> list[KnownAccount]:
    """Return the accounts a wallet controls, of those that events name; asked of the local index: nobody learns of it.

    Args:
        care: The suite.
        wallet: The wallet, from its words.
        parties: Custodians, insurers and providers it may have dealt with; everybody accredited when not given.
        years: Plan years to try; 2024 to next year when not given.
    """
    seen, accredited, moved = _read(care)
    this_year = datetime.fromtimestamp(care.participants.now(), UTC).year
    plan_years = years if years is not None else range(_FIRST_YEAR, this_year + 2)
    found: list[KnownAccount] = []
    for party in dict.fromkeys(accredited if parties is None else parties):
        found += _counted(wallet, seen, lambda n, p=party: Scope.custodian(p, number=n))  # type: ignore[misc]
        found += _counted(wallet, seen, lambda n, p=party: Scope.encounter(p, number=n))  # type: ignore[misc]
        yearly = (wallet.known(Scope.coverage(party, plan_year=year)) for year in plan_years)
        found += [known for known in yearly if known.subject.lower() in seen]
    found += _counted(wallet, seen, Scope.practice)
    for subject, controllers in moved.items():
        for number in range(len(controllers) + 1):
            scope = Scope.successor(subject, number=number)
            if wallet.account(scope).address.lower() in controllers:
                found.append(KnownAccount(scope, subject))
    now_by = {subject.lower(): controllers[-1] for subject, controllers in moved.items()}
    mine = {
        known.subject: known
        for known in found
        if now_by.get(known.subject.lower(), known.subject.lower()) == wallet.account(known.scope).address.lower()
    }
    return list(mine.values())


def _counted(wallet: Wallet, seen: set[str], scope: Callable[[int], Scope]) -> Iterator[KnownAccount]:
    """Yield the accounts of a counted scope, until some numbers in a row are unknown."""
    number, missed = 0, 0
    while missed < GAP:
        known = wallet.known(scope(number))
        if known.subject.lower() in seen:
            missed = 0
            yield known
        else:
            missed += 1
        number += 1


def _read(care: CareLedger) -> tuple[set[str], list[str], dict[str, list[str]]]:
    """Return all addresses that events name, who is accredited, and who has controlled which subject, in order."""
    seen: set[str] = set()
    accredited: list[str] = []
    moved: dict[str, list[str]] = {}
    for event in care.events():
        named = [value for value in event.args.values() if isinstance(value, str) and len(value) == 42]
        seen.update(value.lower() for value in named)
        if event.name == "CredentialIssued":
            accredited.append(event.args["subject"])
        elif event.name == "ControllerChanged":
            moved.setdefault(event.args["subject"], []).append(event.args["newController"].lower())
    return seen, accredited, moved
