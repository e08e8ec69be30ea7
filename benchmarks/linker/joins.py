"""Exact joins: whatever two pseudonyms share that is an identifier, by its number in docs/trust.md, or by none.

Every address, every 32-byte word and every byte string counts as an identifier unless it is listed here as something
else, so that a field added to a contract tomorrow is looked at without anybody thinking of it. Records are owners too:
an identifier that a record and a pseudonym share joins those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from linker.sight import Mention, Seen, Sight

__all__ = ["CROWD", "JOINS", "Join", "exact_joins"]

JOINS: Final = {
    1: "one account per custodian",
    2: "held account and steward",
    3: "emergency",
    4: "guardian and ward",
    5: "recovery guardians",
    6: "controller and subject",
    7: "gas payer",
    8: "encryption key",
    9: "an omission's reporter",
    10: "counts and times",
    11: "recipients in common",
    12: "one sitting",
    13: "habits",
    14: "author and time of a record",
}
"""The list of docs/trust.md, "Joins that exist"."""

CROWD: Final = 10
"""A gas payer or funder of so many pseudonyms tells nothing about any two of them."""

_BY_FIELD: Final = {
    "steward": 2, "guardian": 4, "parent": 4, "actor": 4, "endedBy": 4, "controller": 6, "newController": 6,
    "oldController": 6, "key": 8, "author": 14,
}  # fmt: skip
_FOR_OTHERS: Final = frozenset(("appointGuardianFor", "grantFor", "revokeFor", "denyFor", "endGuardianship"))
_MEANINGS: Final = frozenset(("scope", "word", "legalReference", "value", "gas", "nonce", "signature"))
"""Words that are read as what they mean: a recipient, a window, a number. A signature is of one message."""
_NOTHING: Final = frozenset(("0x" + "00" * 32, "0x" + "00" * 20, "0x"))
_RECORDS: Final = frozenset(("anchor", "anchorSigned", "anchorBatch", "anchorBatchSigned", "amend", "amendSigned"))


@dataclass(frozen=True)
class Join:
    """One identifier that several pseudonyms share, or a pseudonym and a record."""

    number: int | None
    """In docs/trust.md; None for one that is not listed there."""
    where: str
    """A field it stands in."""
    pseudonyms: tuple[str, ...]
    records: tuple[str, ...] = ()

    def __str__(self) -> str:
        name = f"join {self.number}, {JOINS[self.number]}" if self.number else "NOT LISTED in docs/trust.md"
        also = f" and {len(self.records)} records" if self.records else ""
        return f"{len(self.pseudonyms)} pseudonyms{also} share {self.where}: {name}"


def exact_joins(sight: Sight) -> list[Join]:
    """Return every identifier that joins a pseudonym with another or with a record; unlisted ones first."""
    pseudonyms = frozenset(sight.pseudonyms)
    stewards = frozenset(m.value for item in sight.seen for m in item.mentions if m.leaf == "steward")
    holders: dict[str, dict[str, Mention]] = defaultdict(dict)
    for item in sight.seen:
        owners = [*item.about, *_records(item)]
        for mention in [*item.mentions, *_payers(item)]:
            name = str(mention.value)
            own = name in item.about and mention.leaf in ("patient", "subject")
            if own or not _identifies(mention) or (name in sight.public and name not in stewards):
                continue
            # A steward appears as itself, and what it writes is not about whom it holds.
            for owner in item.about if name in stewards else owners:
                holders[name].setdefault(owner, mention)
            if name in pseudonyms:
                holders[name].setdefault(name, mention)
        if len(item.about) > 1:
            for owner in item.about:
                holders[f"{item.tx.sender} {item.tx.nonce}"][owner] = Mention(item.function, "transaction", "")
    crowds = _crowds(sight)
    for funder, account in _funded(sight):
        if funder not in crowds:
            holders[funder].setdefault(account, Mention("transfer.funder", "funder", funder))
    found = [_join(name in stewards, owners) for name, owners in holders.items()]
    return sorted(filter(None, found), key=lambda join: (join.number is not None, len(join.pseudonyms), join.where))


def _join(is_steward: bool, owners: dict[str, Mention]) -> Join | None:
    """Return what an identifier joins, if anything."""
    records = tuple(sorted(owner for owner in owners if owner.startswith("record ")))
    people = tuple(sorted(owner for owner in owners if owner not in records))
    if not people or len(owners) < 2:
        return None
    if len(people) >= CROWD and all(mention.kind in ("sender", "funder") for mention in owners.values()):
        return None
    numbers = {mention: _number(mention, is_steward) for mention in owners.values()}
    # What no listed join explains comes first; then what says more than who paid.
    mention = min(numbers, key=lambda m: (numbers[m] is not None, m.kind in ("sender", "funder"), numbers[m] or 0))
    return Join(numbers[mention], mention.where, people, records)


def _records(item: Seen) -> Iterator[str]:
    """Yield the records that a call is about."""
    if item.function in _RECORDS:
        for mention in item.mentions:
            if mention.leaf in ("commitment", "root", "replacement") and mention.value not in _NOTHING:
                yield f"record {mention.value}"


def _identifies(mention: Mention) -> bool:
    """Whether a value names somebody or something."""
    if mention.leaf in _MEANINGS or mention.value in _NOTHING:
        return False
    if mention.kind.startswith("uint"):
        return int(mention.value) >> 96 != 0
    return mention.kind in ("address", "sender") or mention.kind.startswith("bytes")


def _payers(item: Seen) -> Iterator[Mention]:
    """Yield who paid and whose request was carried, but for a pseudonym that does so for itself."""
    for who in (item.tx.sender, item.signer):
        if who and who not in item.about:
            yield Mention(f"{item.function}.sender", "sender", who)


def _funded(sight: Sight) -> Iterator[tuple[str, str]]:
    """Yield who sent ether to which pseudonym, or to the account that controls it."""
    controls: dict[str, set[str]] = defaultdict(set)
    for name in sight.pseudonyms:
        controls[name].add(name)
    for item in sight.seen:
        for mention in item.mentions:
            if mention.leaf in ("newController", "controller") and mention.value not in _NOTHING:
                controls[mention.value] |= item.about
    for item in sight.seen:
        if item.tx.value and item.tx.to in controls:
            for account in controls[item.tx.to]:
                yield item.tx.sender, account


def _crowds(sight: Sight) -> set[str]:
    """Return who sends ether to many, whoever they are: an exchange."""
    sent: dict[str, set[str]] = defaultdict(set)
    for item in sight.seen:
        if item.tx.value:
            sent[item.tx.sender].add(str(item.tx.to))
    return {sender for sender, accounts in sent.items() if len(accounts) >= CROWD}


def _number(mention: Mention, is_steward: bool) -> int | None:
    """Return which listed join a shared identifier is."""
    function = mention.where.partition(".")[0]
    if is_steward:
        return 2
    if mention.kind in ("sender", "funder"):
        return 9 if function == "reportOmission" else 4 if function in _FOR_OTHERS else 7
    if mention.leaf == "guardian" and ".proof." in mention.where:
        return 5
    return _BY_FIELD.get(mention.leaf)
