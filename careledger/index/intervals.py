"""Algebra of fetched block ranges: closed intervals of integers, sorted and disjoint. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Interval = tuple[int, int]
"""First and last block, both included."""


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Join intervals into the fewest sorted, disjoint, non-touching ones; empty ones (last < first) vanish."""
    joined: list[Interval] = []
    for first, last in sorted(pair for pair in intervals if pair[0] <= pair[1]):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def difference(whole: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """Return what of ``whole`` is in none of ``taken``."""
    rest: list[Interval] = []
    holes = union(taken)
    for first, last in union(whole):
        for low, high in holes:
            if high < first:
                continue
            if low > last:
                break
            if low > first:
                rest.append((first, low - 1))
            first = high + 1
        if first <= last:
            rest.append((first, last))
    return rest


def contains(intervals: Iterable[Interval], number: int) -> bool:
    """Tell whether a block lies in one of the intervals."""
    return any(first <= number <= last for first, last in intervals)


@dataclass(frozen=True)
class Segment:
    """A range of blocks that the same sources lack."""

    first: int
    last: int
    keys: tuple[str, ...]


def segments(wanted: Mapping[str, Interval], fetched: Mapping[str, Sequence[Interval]]) -> list[Segment]:
    """Cut what is missing into ranges, each with the sources that miss it, in order of blocks.

    Args:
        wanted: Range wanted of each source.
        fetched: Ranges each source has already.

    Returns:
        Disjoint segments in ascending order; together they are exactly what is missing.
    """
    gaps = {key: difference([want], fetched.get(key, ())) for key, want in wanted.items()}
    edges = sorted({edge for ranges in gaps.values() for first, last in ranges for edge in (first, last + 1)})
    found: list[Segment] = []
    for first, after in pairwise(edges):
        keys = tuple(sorted(key for key, ranges in gaps.items() if contains(ranges, first)))
        if keys:
            found.append(Segment(first, after - 1, keys))
    return found
