"""What a run has to show: every exact join listed, and nothing above chance + 5 points that no listed join explains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from linker import features, records
from linker.joins import Join
from linker.people import KINDS
from linker.score import Fared, Linker, Result, Study, measure

__all__ = ["GATED", "LIMIT", "problems", "results"]

LIMIT: Final = 0.55
"""Chance and five points."""
GATED: Final = "separate"
"""People whose occasions concern one custodian at a time, with the SDK's defaults and a relayer. All others do, beyond
the defaults, what a join of docs/trust.md is about."""


def results(
    studies: Sequence[Study], pairs: Linker, anchors: Linker, *, most: int, half: int | None = None
) -> list[Result]:
    """Measure people of each kind, and records, over some regions."""
    fared: list[tuple[int, Fared]] = []
    kinds: dict[tuple[int, int], str] = {}
    for number, study in enumerate(studies):
        kinds |= {(number, person): kind for person, kind in study.region.truth.kind.items()}
        cases = study.pairs(most=most, seed=number, half=half)
        fared += [(number, item) for item in measure(cases, pairs, features.FAMILIES)]
    found = []
    for kind in KINDS:
        chosen = [(number, item) for number, item in fared if kinds[number, item.person] == kind.name]
        if chosen:
            found.append(Result.of(kind.name, chosen))
    anchored = [
        (number, item)
        for number, study in enumerate(studies)
        for item in measure(study.records(most=most, seed=number), anchors, records.FAMILIES)
    ]
    return [*found, Result.of("a record", anchored)]


def problems(joins: Iterable[Join], found: Iterable[Result]) -> Iterator[str]:
    """Yield what is wrong, one sentence each."""
    for join in joins:
        if join.number is None:
            yield f"An identifier joins what docs/trust.md says nothing joins: {join}."
    for result in found:
        low = result.alike.interval[0]
        if result.name == GATED and low > LIMIT:
            yield (
                f"People whose occasions are separate are told from others alike in {result.alike.value:.1%} of pairs, "
                f"surely above {low:.1%}; the limit is {LIMIT:.0%}."
            )
