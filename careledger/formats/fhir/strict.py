"""Parse JSON for reading, strictly: what two programs could read differently is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from careledger.errors import FormatError

MAX_DEPTH = 200
"""Levels of nesting. The deepest published FHIR example has fewer than 40; a parser's stack ends near 1,000."""


class _Twice(ValueError):
    """A member name occurs twice in one object."""


def parse(raw: bytes, name: str) -> Any:
    """Return the value of some JSON, with numbers as the text they were written as.

    Numbers are not needed here, and as text they keep their precision and cost nothing however long they are.

    Args:
        raw: One JSON value, in UTF-8, as the scanner gave it: that one counts the levels.
        name: What messages call the source.

    Raises:
        FormatError: It is not JSON, not UTF-8, or a member occurs twice.
    """
    try:
        return _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        message = f"{name} is not UTF-8, at byte {error.start:,} of a value."
        raise FormatError(message, why="FHIR JSON is UTF-8.") from error
    except _Twice as error:
        raise FormatError(
            f"{name} has the member {str(error)[:40]!r} twice in one object.",
            why="Programs disagree on which of the two counts.",
        ) from error
    except json.JSONDecodeError as error:
        raise FormatError(f"{name} is not JSON: {error.msg} at character {error.pos:,} of a value.") from error
    except ValueError as error:
        raise FormatError(f"{name} is not JSON: {error}.") from error


def check_depth(value: Any, name: str) -> None:
    """Refuse a value that was parsed elsewhere and nests deeper than ``MAX_DEPTH``.

    Python's own limit guards nothing: libraries raise it to 100,000.

    Raises:
        FormatError: It does.
    """
    level = [value]
    for _ in range(MAX_DEPTH):
        children = (each.values() if isinstance(each, Mapping) else each for each in level)
        level = [child for each in children for child in each if isinstance(child, (Mapping, list))]
        if not level:
            return
    raise too_deep(name)


def too_deep(name: str) -> FormatError:
    """Return the error for what nests deeper than ``MAX_DEPTH``."""
    return FormatError(f"{name} nests more than {MAX_DEPTH} levels.", why="FHIR needs few.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        raise _Twice(next(k for k, _ in pairs if k in seen or seen.add(k)))  # type: ignore[func-returns-value]
    return found


def _constant(word: str) -> Any:
    raise ValueError(f"{word} is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str, parse_constant=_constant)
