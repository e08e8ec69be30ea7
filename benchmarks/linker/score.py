"""How well the scorer does against chance.

One figure is the chance that the true one is ranked above a decoy, ties half: 50 % by guessing. It is the accuracy of a
linker that is shown one true pair and one false one and has to say which is which, so it is at equal prior and needs no
threshold; it equals the area under the ROC curve. The decoy is either anybody else in the region, or somebody as alike
as can be found in what a pseudonym shows by itself: whom it admits to what, what sorts of acts it does, and how many.
The other is how often the first of everybody in the region is the true one, where guessing finds one in thousands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import numpy as np

from linker import features, records
from linker.features import Array, Traits
from linker.records import Anchors
from linker.region import Region
from linker.scorer import Scorer
from linker.sight import Sight, look

__all__ = ["Case", "Fared", "Figure", "Linker", "Result", "Study", "measure"]

ALIKE: Final = 10
"""How many decoys that are alike."""
DECOYS: Final = 4
"""For each true pair that is learnt from, of either sort."""


@dataclass(frozen=True)
class Case:
    """One pseudonym or record against all pseudonyms."""

    rows: Array
    """Traits: a row for each pseudonym."""
    by_itself: Array
    """What each shows by itself, and what of that is in common."""
    true: Any
    """Numbers of those that belong to it."""
    false: Any
    """Numbers of all that do not."""
    person: int
    """Whose it is; of a record, of the first it is about."""

    def alike(self, true: int) -> Any:
        """Return the decoys most like a true one."""
        scale = np.maximum(self.by_itself.std(axis=0), 1e-9)
        far = (((self.by_itself[self.false] - self.by_itself[true]) / scale) ** 2).sum(axis=1)
        return self.false[np.argsort(far, kind="stable")[:ALIKE]]


class Study:
    """A region as a stranger reads it, with the truth beside it.

    Args:
        region: What came of a year.
    """

    def __init__(self, region: Region) -> None:
        self.region = region
        self.sight: Sight = look(region.ledger)
        self.traits = Traits(self.sight)
        self.anchors = Anchors(self.sight)
        self.owner = np.array([region.truth.owner[name] for name in self.traits.names])

    def pairs(self, *, most: int, seed: int, half: int | None = None) -> Iterator[Case]:
        """Yield pseudonyms that have a partner: so many of plain people, a quarter as many of each other kind.

        Args:
            most: How many of plain people at most.
            seed: Decides which.
            half: Only of people with an even number (0) or an odd one (1).
        """
        truth = self.region.truth
        kinds: dict[str, list[int]] = defaultdict(list)
        for who, person in enumerate(self.owner):
            if half is None or person % 2 == half:
                kinds["" if person in truth.plain else truth.kind[person]].append(who)
        for kind, members in sorted(kinds.items()):
            limit = max(1, most if not kind else most // 4)
            for who in Random(seed).sample(members, min(limit, len(members))):
                mine = self.owner == self.owner[who]
                mine[who] = False
                if mine.any():
                    rows = self.traits.compare(who)
                    itself = np.column_stack([rows[:, list(features.BY_ITSELF)], self.traits.own])
                    others = np.flatnonzero(self.owner != self.owner[who])
                    yield Case(rows, itself, np.flatnonzero(mine), others, int(self.owner[who]))

    def records(self, *, most: int, seed: int) -> Iterator[Case]:
        """Yield records and batches drawn at random."""
        for rows, true, false in self.anchors.each(self.region, most=most, seed=seed):
            yield Case(rows, rows[:, list(records.AUTHOR)], true, false, int(self.owner[true[0]]))


@dataclass(frozen=True)
class Linker:
    """Two scorers, each as good as it can be against its sort of decoy."""

    anybody: Scorer
    alike: Scorer

    @classmethod
    def learn(cls, cases: Iterable[Case], *, seed: int = 0) -> Linker:
        """Learn from cases whose truth is known."""
        rng = np.random.default_rng(seed)
        rows: tuple[list[Array], list[Array]] = ([], [])
        same: list[int] = []
        for case in cases:
            for true in case.true:
                same += [1, *[0] * DECOYS]
                for pile, decoys in zip(rows, (case.false, case.alike(true)), strict=True):
                    pile += [case.rows[true][None], case.rows[rng.choice(decoys, DECOYS)]]
        anybody, alike = (Scorer.learn(np.concatenate(pile), np.array(same)) for pile in rows)
        return cls(anybody, alike)


@dataclass(frozen=True)
class Fared:
    """How one true pair fared."""

    person: int
    anybody: float
    """Share of all others that are ranked below it."""
    alike: float
    """Share of those alike."""
    first: float
    """1 where the first of all is a true one."""
    guess: float
    """What guessing would make of that."""
    joins: tuple[tuple[float, ...], tuple[float, ...]]
    """How much each join adds to its log-odds over anybody's, and over that of those alike; by number, from 0."""


def measure(cases: Iterable[Case], linker: Linker, families: Sequence[int]) -> Iterator[Fared]:
    """Let the linker rank everybody in each case."""
    for case in cases:
        whole, near = linker.anybody.parts(case.rows), linker.alike.parts(case.rows)
        scores, among = whole.sum(axis=1), near.sum(axis=1)
        everybody = np.concatenate([case.true, case.false])
        winners = everybody[scores[everybody] == scores[everybody].max()]
        first = float(np.isin(winners, case.true).mean())
        usual = whole[case.false].mean(axis=0)
        for true in case.true:
            alike = case.alike(true)
            gains = whole[true] - usual, near[true] - near[alike].mean(axis=0)
            joins = tuple(tuple(np.bincount(families, weights=gain)) for gain in gains)
            yield Fared(
                case.person, _above(scores, true, case.false), _above(among, true, alike), first,
                len(case.true) / len(everybody), (joins[0], joins[1]),
            )  # fmt: skip


def _above(scores: Array, true: int, decoys: Any) -> float:
    mine, theirs = scores[true], scores[decoys]
    return float((theirs < mine).mean() + (theirs == mine).mean() / 2)


@dataclass(frozen=True)
class Figure:
    """A share with its uncertainty."""

    value: float
    error: float
    """Standard error, people as clusters."""

    @property
    def interval(self) -> tuple[float, float]:
        """95 %."""
        return self.value - 1.96 * self.error, self.value + 1.96 * self.error

    @classmethod
    def of(cls, found: Iterable[tuple[Any, float]]) -> Figure:
        """Take the mean over pairs, each with its person."""
        sums: dict[Any, list[float]] = defaultdict(list)
        for person, value in found:
            sums[person].append(value)
        totals = np.array([sum(item) for item in sums.values()])
        counts = np.array([len(item) for item in sums.values()])
        mean = totals.sum() / counts.sum()
        return cls(float(mean), float(((totals - mean * counts) ** 2).sum() ** 0.5 / counts.sum()))


@dataclass(frozen=True)
class Result:
    """The figures of some pairs."""

    name: str
    people: int
    anybody: Figure
    alike: Figure
    first: Figure
    guess: float
    joins: tuple[int, int]
    """The join that gives most away against anybody, and against those alike."""

    @classmethod
    def of(cls, name: str, fared: Iterable[tuple[int, Fared]]) -> Result:
        """Sum up pairs, each with the number of its region."""
        chosen = [((region, pair.person), pair) for region, pair in fared]
        joins = np.argmax(np.sum([pair.joins for _, pair in chosen], axis=0), axis=1)
        return cls(
            name, len({who for who, _ in chosen}), Figure.of((who, pair.anybody) for who, pair in chosen),
            Figure.of((who, pair.alike) for who, pair in chosen), Figure.of((who, pair.first) for who, pair in chosen),
            float(np.mean([pair.guess for _, pair in chosen])), (int(joins[0]), int(joins[1])),
        )  # fmt: skip
