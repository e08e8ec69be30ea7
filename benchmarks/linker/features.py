"""What a stranger compares about two pseudonyms: one number for each trait, for one against all others at once.

Traits come in families, one for each join of docs/trust.md that they rest on; so the score of a pair can be told apart
by the join that made it. Rare things count more: what two pseudonyms share weighs the logarithm of how few have it.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from careledger.values import checksum
from linker.joins import exact_joins
from linker.sight import Seen, Sight

__all__ = ["BY_ITSELF", "FAMILIES", "NAMES", "Array", "Traits"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400
WINDOWS: Final = (MINUTE, 10 * MINUTE, HOUR, 12 * HOUR, DAY, 3 * DAY, 7 * DAY)
"""How near two acts are, in seconds."""
Array = np.ndarray[Any, np.dtype[np.float64]]

_SHARED: Final = (
    # What is shared, and the join it rests on.
    ("steward", 2), ("emergency", 3), ("guardian", 4), ("circle", 5), ("controller", 6), ("payer", 7), ("key", 8),
    ("recipient", 11), ("recipient and purpose", 11), ("recipient in a day", 11), ("recipient in a week", 11),
    ("second", 12), ("day", 12), ("end", 12), ("deadline", 12), ("start", 12),
    ("classes", 13), ("denial", 13), ("length", 13), ("relayer", 13), ("kinds of acts", 13),
)  # fmt: skip
_NEAR: Final = tuple(
    (f"{what} within {seconds} s", number)
    for what, number in (("acts", 12), ("revocations", 12), ("rare acts", 12))
    for seconds in WINDOWS
)
_OTHER: Final = (
    ("town", 11), ("first act", 12), ("last act", 12), ("acts", 10), ("grants", 10), ("revocations", 10),
    ("hour of day", 13), ("same relayer, next number", 12),
)  # fmt: skip
NAMES: Final = tuple(name for name, _ in (*_SHARED, *_NEAR, *_OTHER))
FAMILIES: Final = tuple(number for _, number in (*_SHARED, *_NEAR, *_OTHER))
"""Of each trait: the number of its join."""
_OWN: Final = ("recipient", "recipient and purpose", "town", "classes", "kinds of acts")
BY_ITSELF: Final = tuple(NAMES.index(name) for name in _OWN)
"""Traits that rest on what each pseudonym shows by itself: whom it admits to what, and what sorts of acts it does."""

_CONSENT: Final = frozenset(("grant", "grantSigned", "grantFor"))
_REVOKE: Final = frozenset(("revoke", "revokeSigned", "revokeFor"))
_JOINED: Final = {4: "guardian", 5: "circle", 6: "controller", 7: "payer", 8: "key", 9: "payer"}


@dataclass
class _Times:
    """Moments, sorted, with the number of the pseudonym of each."""

    times: Array
    whose: Any

    @classmethod
    def of(cls, moments: Iterable[tuple[int, int]]) -> _Times:
        ordered = sorted(moments)
        return cls(np.array([t for t, _ in ordered], dtype=float), np.array([w for _, w in ordered], dtype=int))

    def near(self, moments: Array, count: int) -> Array:
        """Return for each pseudonym, and each window, how many of its moments lie so near to one of these."""
        sizes = len(WINDOWS)
        low = np.searchsorted(self.times, moments - WINDOWS[-1], "left")
        high = np.searchsorted(self.times, moments + WINDOWS[-1], "right")
        found = np.zeros(count * sizes)
        for moment, first, last in zip(moments, low, high, strict=True):
            window = np.searchsorted(WINDOWS, np.abs(self.times[first:last] - moment))
            found += np.bincount(self.whose[first:last] * sizes + window, minlength=count * sizes)
        return np.cumsum(found.reshape(count, sizes), axis=1)


@dataclass
class _Shared:
    """Who has what, by token; a token that few have weighs more."""

    holders: dict[Hashable, set[int]] = field(default_factory=lambda: defaultdict(set))
    tokens: dict[int, set[Hashable]] = field(default_factory=lambda: defaultdict(set))
    _arrays: dict[Hashable, Any] = field(default_factory=dict)

    def add(self, who: int, token: Hashable) -> None:
        self.holders[token].add(who)
        self.tokens[who].add(token)

    def with_all(self, who: int, count: int) -> Array:
        """Return for each pseudonym the weight of what it shares with this one."""
        found = np.zeros(count)
        for token in self.tokens.get(who, ()):
            others = self._arrays.get(token)
            if others is None:
                others = self._arrays[token] = np.fromiter(self.holders[token], dtype=int)
            if 1 < len(others) < count:
                found[others] += self.rarity(token, count)
        return found

    def rarity(self, token: Hashable, count: int) -> float:
        """Return what it weighs to have something."""
        return float(np.log(count / len(self.holders[token])))


class Traits:
    """Everything about all pseudonyms of a ledger, ready to be compared.

    Args:
        sight: The decoded ledger.
    """

    def __init__(self, sight: Sight) -> None:
        self.names = sight.pseudonyms
        self.count = len(self.names)
        self._number = {name: at for at, name in enumerate(self.names)}
        self._shared = {name: _Shared() for name, _ in _SHARED}
        self._acts: list[list[int]] = [[] for _ in self.names]
        self._kinds: list[Counter[str]] = [Counter() for _ in self.names]
        self._hours = np.zeros((self.count, 24))
        self._sent: dict[str, list[tuple[int, int]]] = defaultdict(list)
        moments: dict[str, list[tuple[int, int]]] = {"acts": [], "revocations": [], "rare acts": []}
        for item in sight.seen:
            for name in item.about:
                who = self._number[name]
                self._note(who, item, sight)
                moments["acts"].append((item.tx.time, who))
                if item.function in _REVOKE:
                    moments["revocations"].append((item.tx.time, who))
                elif item.function not in _CONSENT:
                    moments["rare acts"].append((item.tx.time, who))
        self._moments = {name: _Times.of(found) for name, found in moments.items()}
        self._own = {
            name: _by_pseudonym(found, self.count) for name, found in moments.items()
        }  # fmt: skip
        for join in exact_joins(sight):
            if join.number in _JOINED:
                for name in join.pseudonyms:
                    if name in self._number:
                        self._shared[_JOINED[join.number]].add(self._number[name], join)
        for who, kinds in enumerate(self._kinds):
            for kind in kinds:
                self._shared["kinds of acts"].add(who, kind)
        span = [item.tx.time for item in sight.seen if item.about]
        self._span = max(span, default=1) - min(span, default=0) + 1
        self._towns = self._town_vectors()
        self._prepare()

    def _prepare(self) -> None:
        """Work out once what every comparison needs."""
        self._counts = {
            name: np.array([len(item) for item in own], dtype=float) for name, own in self._own.items()
        }  # fmt: skip
        self._edges = [np.array([edge(item) for item in self._acts], dtype=float) for edge in (min, max)]
        self._amounts = [
            np.log1p([
                float(sum(kinds.values() if names is None else (kinds[name] for name in names)))
                for kinds in self._kinds
            ])
            for names in (None, _CONSENT, _REVOKE)
        ]  # fmt: skip
        rarities = [
            [sum(shared.rarity(token, self.count) for token in shared.tokens.get(who, ())) for who in range(self.count)]
            for shared in (self._shared["kinds of acts"], self._shared["classes"])
        ]
        self.own = np.column_stack([*self._amounts, *rarities])
        """What each shows by itself: how many acts, grants, revocations; how rare its sorts of acts and its classes."""
        self._hours /= np.maximum(np.linalg.norm(self._hours, axis=1, keepdims=True), 1e-9)
        self._neighbours: dict[int, list[int]] = defaultdict(list)
        for numbered in self._sent.values():
            for (number, one), (after, two) in itertools.pairwise(numbered):
                if after - number == 1 and one != two:
                    self._neighbours[one].append(two)
                    self._neighbours[two].append(one)

    def _note(self, who: int, item: Seen, sight: Sight) -> None:
        """Take down what one transaction says about a pseudonym."""
        tx, shared = item.tx, self._shared
        self._acts[who].append(tx.time)
        self._kinds[who][item.function] += 1
        self._hours[who, tx.time // HOUR % 24] += 1
        self._sent[tx.sender].append((tx.nonce, who))
        shared["second"].add(who, tx.time)
        shared["day"].add(who, tx.time // DAY)
        if tx.sender not in item.about and tx.sender not in sight.public:
            shared["relayer"].add(who, tx.sender)
        for mention in item.mentions:
            leaf, value = mention.leaf, mention.value
            if leaf == "steward":
                shared["steward"].add(who, value)
            elif leaf == "deadline":
                shared["deadline"].add(who, value)
            elif leaf in ("newDenied", "newEmergencyDenied") and value:
                shared["denial"].add(who, (leaf, value))
            elif leaf == "practitioner" and item.function == "openEmergency":
                shared["emergency"].add(who, value)
                shared["recipient"].add(who, value)
            elif leaf == "organisation" and item.function == "openEmergency":
                shared["recipient"].add(who, value)
            elif mention.where == "DirectiveGranted.scope":
                self._scope(who, int(value, 16), tx.time)
            elif mention.where == "DirectiveGranted.word":
                self._word(who, int(value), tx.time)

    def _scope(self, who: int, scope: int, time: int) -> None:
        recipient, purpose = scope & (1 << 216) - 1, scope >> 216
        self._shared["recipient"].add(who, _account(recipient))
        self._shared["recipient and purpose"].add(who, (recipient, purpose))
        for at in (time // DAY, time // DAY + 1):
            self._shared["recipient in a day"].add(who, (recipient, at))
        for at in (time // (7 * DAY), time // (7 * DAY) + 1):
            self._shared["recipient in a week"].add(who, (recipient, at))

    def _word(self, who: int, word: int, time: int) -> None:
        start, end = word >> 128 & (1 << 40) - 1, word >> 168 & (1 << 40) - 1
        self._shared["classes"].add(who, word & (1 << 128) - 1)
        self._shared["end"].add(who, end)
        self._shared["start"].add(who, start)
        self._shared["length"].add(who, (end - (start or time)) // DAY)

    def _town_vectors(self) -> Array:
        """Return for each pseudonym where its recipients' other visitors go, as a vector of length one."""
        tokens = {token: at for at, token in enumerate(self._shared["recipient"].holders)}
        has = np.zeros((self.count, max(1, len(tokens))))
        for token, at in tokens.items():
            visitors = list(self._shared["recipient"].holders[token])
            has[visitors, at] = 1 / np.log(2 + len(visitors))
        together = has.T @ has
        together /= np.maximum(np.linalg.norm(together, axis=0), 1e-9)
        found = has @ together
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9))

    # COMPARING

    def compare(self, who: int) -> Array:
        """Return the traits of one pseudonym against each: a row for each other, a column for each trait."""
        columns = [self._shared[name].with_all(who, self.count) for name, _ in _SHARED]
        for name, moments in self._moments.items():
            own = self._own[name][who]
            found = moments.near(own, self.count)
            chance = len(own) * np.outer(self._counts[name], np.array(WINDOWS) * 2 / self._span)
            columns += list(np.log1p(found / (chance + 0.02)).T)
        columns.append(self._towns @ self._towns[who])
        # How near the first and the last acts are, in hours; how far apart the amounts.
        columns += [-np.log1p(np.abs(edge - edge[who]) / HOUR) for edge in self._edges]
        columns += [-np.abs(amount - amount[who]) for amount in self._amounts]
        columns += [self._hours @ self._hours[who], self._next_numbers(who)]
        return np.stack(columns, axis=1)

    def _next_numbers(self, who: int) -> Array:
        """How often a gas payer's next transaction was about the other one."""
        found = np.zeros(self.count)
        for other in self._neighbours.get(who, ()):
            found[other] += 1
        return found


def _by_pseudonym(moments: Iterable[tuple[int, int]], count: int) -> list[Array]:
    found: list[list[int]] = [[] for _ in range(count)]
    for time, who in moments:
        found[who].append(time)
    return [np.array(item, dtype=float) for item in found]


def _account(recipient: int) -> str | int:
    account = recipient & (1 << 160) - 1
    return checksum(f"0x{account:040x}") if account else recipient
