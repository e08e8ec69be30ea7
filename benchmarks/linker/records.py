"""Which pseudonym a record is about: what a stranger can make of author and second, since no event says it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import numpy as np

from careledger.values import checksum
from linker.features import Array
from linker.region import Region
from linker.sight import Sight

__all__ = ["AUTHOR", "FAMILIES", "Anchors"]

HOUR, DAY = 3_600, 86_400
NAMES: Final = (
    "admits the author", "admits its organisation", "granted to it before", "granted to it after",
    "carried by it", "emergency", "any act near", "acts",
)  # fmt: skip
FAMILIES: Final = (14, 14, 14, 14, 14, 3, 14, 10)
AUTHOR: Final = (0, 1, 7)
"""Traits that say only whom a pseudonym admits, and how often it acts."""


@dataclass(frozen=True)
class _Grant:
    who: int
    time: int
    end: int


@dataclass
class Anchors:
    """Records and batches as a stranger sees them, ready to be compared with all pseudonyms."""

    names: list[str]
    found: list[tuple[str, int, str]] = field(default_factory=list)
    """Author, second, commitment or root."""

    def __init__(self, sight: Sight) -> None:
        self.names = sight.pseudonyms
        self.found = []
        number = {name: at for at, name in enumerate(self.names)}
        self._house: dict[str, str] = {}
        self._grants: dict[str, list[_Grant]] = defaultdict(list)
        self._carried: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._glass: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._acts: list[list[int]] = [[] for _ in self.names]
        for item in sight.seen:
            values = {m.where: m.value for m in item.mentions}
            tx = item.tx
            if item.function in ("anchor", "anchorBatch"):
                made = item.args["commitment"] if item.function == "anchor" else item.args["root"]
                self.found.append((item.args["author"], tx.time, made))
            if "AffiliationStarted.practitioner" in values:
                self._house[values["AffiliationStarted.practitioner"]] = values["AffiliationStarted.organisation"]
            for name in item.about:
                who = number[name]
                self._acts[who].append(tx.time)
                self._carried[tx.sender].append((who, tx.time))
                if "DirectiveGranted.scope" in values:
                    account = checksum(f"0x{int(values['DirectiveGranted.scope'], 16) & (1 << 160) - 1:040x}")
                    end = int(values["DirectiveGranted.word"]) >> 168 & (1 << 40) - 1
                    self._grants[account].append(_Grant(who, tx.time, end))
                if "EmergencyOpened.organisation" in values:
                    self._glass[values["EmergencyOpened.organisation"]].append((who, tx.time))
        self._sizes = np.log1p([float(len(acts)) for acts in self._acts])
        moments = sorted((time, who) for who, acts in enumerate(self._acts) for time in acts)
        self._times = np.array([time for time, _ in moments])
        self._whose = np.array([who for _, who in moments])

    def compare(self, author: str, time: int) -> Array:
        """Return the traits of one record against each pseudonym."""
        count = len(self.names)
        house = self._house.get(author, author)
        rows = np.zeros((count, len(NAMES)))
        rows[:, 2:4] = rows[:, 6] = -np.log1p(365 * 24)
        for column, account in ((0, author), (1, house)):
            for grant in self._grants[account]:
                if grant.time <= time + DAY and grant.end > time:
                    rows[grant.who, column] = 1
        for grant in {*self._grants[author], *self._grants[house]}:
            column = 2 if grant.time <= time else 3
            near = -np.log1p(abs(grant.time - time) / HOUR)
            rows[grant.who, column] = max(rows[grant.who, column], near)
        for column, moments in ((4, self._carried[house]), (5, self._glass[house])):
            for who, at in moments:
                if abs(at - time) < DAY:
                    rows[who, column] = 1
        low, high = np.searchsorted(self._times, [time - 3 * DAY, time + DAY])
        for who, at in zip(self._whose[low:high], self._times[low:high], strict=True):
            rows[who, 6] = max(rows[who, 6], -np.log1p(abs(at - time) / HOUR))
        rows[:, 7] = self._sizes
        return rows

    def each(self, region: Region, *, most: int, seed: int) -> Iterator[tuple[Array, Any, Any]]:
        """Yield records drawn at random: traits against all, whom they are about, all others."""
        number = {name: at for at, name in enumerate(self.names)}
        truth = region.truth
        for author, time, made in Random(seed).sample(self.found, min(most, len(self.found))):
            about = [truth.records[made]] if made in truth.records else truth.batches.get(made, [])
            members = np.array(sorted({number[name] for name in about if name in number}), dtype=int)
            if len(members):
                yield self.compare(author, time), members, np.setdiff1d(np.arange(len(self.names)), members)
