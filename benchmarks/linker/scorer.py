"""The scorer: log-odds that two pseudonyms are one person's, as a sum over traits, each by its own steps.

Logistic regression with a ridge over the steps of each trait, learnt from a region whose truth is known and at equal
prior. Every trait's contribution can be read off, and with it the join that gave a pair away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

__all__ = ["Scorer"]

STEPS: Final = 8
RIDGE: Final = 3.0
ROUNDS: Final = 30
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Scorer:
    """A learnt scorer."""

    edges: tuple[Array, ...]
    """Of each trait's steps."""
    weights: tuple[Array, ...]
    """Log-odds of each step."""

    @classmethod
    def learn(cls, rows: Array, same: Array) -> Scorer:
        """Learn from pairs.

        Args:
            rows: A row for each pair, a column for each trait.
            same: 1 where both are one person's, else 0; either half weighs the same.
        """
        edges = tuple(_edges(rows[:, at]) for at in range(rows.shape[1]))
        sizes = [len(edge) + 1 for edge in edges]
        steps = np.concatenate(
            [np.eye(size)[np.searchsorted(edge, rows[:, at], "right")]
             for at, (edge, size) in enumerate(zip(edges, sizes, strict=True))],
            axis=1,
        )  # fmt: skip
        weight = np.where(same == 1, 0.5 / max(1, int((same == 1).sum())), 0.5 / max(1, int((same == 0).sum())))
        weight *= len(same)
        found = _fit(steps, same, weight)
        return cls(edges, tuple(np.split(found, np.cumsum(sizes)[:-1])))

    def parts(self, rows: Array) -> Array:
        """Return what each trait of each pair adds to its log-odds."""
        return np.stack(
            [weight[np.searchsorted(edge, rows[:, at], "right")]
             for at, (edge, weight) in enumerate(zip(self.edges, self.weights, strict=True))],
            axis=1,
        )  # fmt: skip

    def score(self, rows: Array) -> Array:
        """Return the log-odds of each pair."""
        return np.asarray(self.parts(rows).sum(axis=1))


def _edges(values: Array) -> Array:
    """Return where a trait's steps begin: halfway between its commonest value and the quantiles of all others.

    Halfway, because what is shared weighs a little more or less in another region.
    """
    known, counts = np.unique(values, return_counts=True)
    base = known[counts.argmax()]
    rest = values[values != base]
    if not len(rest):
        return np.zeros(0)
    typical = np.unique([base, *np.quantile(rest, np.linspace(0, 1, STEPS)), np.quantile(rest, 0.99)])
    return np.asarray((typical[1:] + typical[:-1]) / 2)


def _fit(steps: Array, same: Array, weight: Array) -> Array:
    """Return the weights of a ridge logistic regression, by Newton's method."""
    found = np.zeros(steps.shape[1])
    penalty = RIDGE * np.eye(steps.shape[1])
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(steps @ found, -30, 30)))
        slope = steps.T @ (weight * (same - chance)) - RIDGE * found
        curve = (steps * (weight * chance * (1 - chance))[:, None]).T @ steps + penalty
        move = np.linalg.solve(curve, slope)
        found = found + move
        if np.abs(move).max() < 1e-4:
            break
    return found
