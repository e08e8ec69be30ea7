"""Times that people sign, on a calendar everybody shares.

A second that two acts have in common says that one sitting made them, and joins two pseudonyms of one person. So what a
draft chooses by itself ends with a week, a day or an hour (UTC) that the acts of many others end with too.
"""

from __future__ import annotations

from typing import Final

__all__ = ["AT_ONCE", "DAY", "HOUR", "WEEK", "last_day_to_carry", "whole"]

HOUR: Final = 3_600
DAY: Final = 86_400
WEEK: Final = 7 * DAY
AT_ONCE: Final = 0
"""First second of what holds from the block on that it is carried in."""

_MONDAY: Final = 4 * DAY
"""1970-01-05, 00:00 UTC, was a Monday."""


def whole(end: int, *, start: int) -> int:
    """Return the latest common end that is not later than asked.

    Args:
        end: Wanted end, in seconds since 1970; at least a day after ``start``.
        start: First second of what ends.

    Returns:
        The start of a Monday for what lasts four weeks or more, of a day from one week on, of an hour below: shorter
        than asked by less than that.
    """
    length = end - start
    unit, origin = (WEEK, _MONDAY) if length >= 4 * WEEK else (DAY, 0) if length >= WEEK else (HOUR, 0)
    return end - (end - origin) % unit


def last_day_to_carry(days: int, *, now: int) -> int:
    """Return a deadline for carrying what is signed now: the first Monday, 00:00 UTC, at least ``days`` away."""
    wanted = now + days * DAY
    return wanted + (_MONDAY - wanted) % WEEK
