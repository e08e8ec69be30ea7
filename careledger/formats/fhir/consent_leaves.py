"""Account for every leaf of a resource: what was used, what is kept, and, by construction, what nobody looked at."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, Literal

__all__ = ["AFTER_LAST", "Coding", "Leaves", "shortly"]

Outcome = Literal["used", "kept", "reported"]
AFTER_LAST: Final = 253_402_300_800
"""First second of the year 10000: the end of what ends with the last year that FHIR can write."""
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_CODING = ("system", "version", "code", "display", "userSelected")
_REFERENCE = ("reference", "type", "display")
_IDENTIFIER = ("use", "type", "system", "value", "period", "assigner")


@dataclass(frozen=True)
class Coding:
    """One code where it stands."""

    path: str
    system: str | None
    code: str
    display: str

    def __str__(self) -> str:
        """The code, and what it is called where that is said."""
        return f"{self.code} ({self.display})" if self.display else self.code


class Leaves:
    """A parsed resource and what became of each part of it, by location."""

    def __init__(self, tree: dict[str, Any], root: str) -> None:
        self.tree, self.root = tree, root
        self.outcomes: dict[str, Outcome] = {f"{root}.resourceType": "used"}

    def claim(self, path: str, outcome: Outcome = "used") -> None:
        """Say what became of everything at and below a location; the first word counts."""
        self.outcomes.setdefault(path, outcome)

    def claim_keys(self, path: str, node: dict[str, Any], keys: tuple[str, ...], outcome: Outcome = "used") -> None:
        """Say it of some members of an object, and of no others it may have."""
        for key in keys:
            if key in node:
                self.claim(f"{path}.{key}", outcome)

    def left(self) -> Iterator[tuple[str, Any]]:
        """Yield the largest parts none of whose leaves is accounted for, with their locations."""
        yield from self._left(self.root, self.tree)[1]

    def _left(self, path: str, value: Any) -> tuple[bool, list[tuple[str, Any]]]:
        """Return whether nothing below was accounted for, and what was not."""
        if path in self.outcomes:
            return False, []
        children = list(_children(path, value))
        if not children:
            return True, [(path, value)]
        below = [self._left(where, child) for where, child in children]
        if all(untouched for untouched, _ in below):
            return True, [(path, value)]
        return False, [item for _, items in below for item in items]

    def named(self, key: str) -> Iterator[tuple[str, Any]]:
        """Yield every member of one name, however deep, contained resources apart."""
        todo: list[tuple[str, Any]] = [(self.root, self.tree)]
        while todo:
            path, value = todo.pop()
            for where, child in _children(path, value):
                if where.endswith(f".{key}"):
                    yield where, child
                elif not where.endswith(".contained"):
                    todo.append((where, child))

    def by_outcome(self, outcome: Outcome) -> tuple[str, ...]:
        """Return the locations of one outcome, in the order they were accounted for."""
        return tuple(path for path, found in self.outcomes.items() if found == outcome)

    # ELEMENTS

    @staticmethod
    def items(path: str, node: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the objects of a member: itself, or those of a list, each with its location."""
        found = node.get(key)
        if isinstance(found, dict):
            yield f"{path}.{key}", found
        for number, item in enumerate(found if isinstance(found, list) else []):
            if isinstance(item, dict):
                yield f"{path}.{key}[{number}]", item

    def codings(self, path: str, node: dict[str, Any], key: str) -> Iterator[Coding]:
        """Yield the codes of a member that is Coding or CodeableConcept, and claim them."""
        for where, item in self.items(path, node, key):
            inner = list(self.items(where, item, "coding")) if "coding" in item else [(where, item)]
            for place, coding in inner:
                code = coding.get("code")
                if not isinstance(code, str):
                    continue
                self.claim_keys(place, coding, _CODING)
                system, display = coding.get("system"), coding.get("display")
                yield Coding(
                    place, system if isinstance(system, str) else None, code,
                    display if isinstance(display, str) else "",
                )  # fmt: skip
            if "coding" in item:
                self.claim_keys(where, item, ("text",))

    def claim_reference(self, path: str, node: dict[str, Any], outcome: Outcome = "used") -> None:
        """Claim the members of a Reference and of the Identifier in it."""
        self.claim_keys(path, node, _REFERENCE, outcome)
        for where, identifier in self.items(path, node, "identifier"):
            self.claim_keys(where, identifier, _IDENTIFIER, outcome)

    def period(self, path: str, node: dict[str, Any], key: str, zone: tzinfo) -> tuple[int | None, int | None] | None:
        """Return first second and first second after a Period, each None where it is open; None if it is unreadable.

        FHIR's end is inclusive: a day ends with its last second, a second with itself. Days begin in the zone given.
        """
        period = node.get(key)
        if not isinstance(period, dict):
            return None
        start, end = (_instants(period.get(name), zone) for name in ("start", "end"))
        if ("start" in period and start is None) or ("end" in period and end is None):
            return None
        self.claim_keys(f"{path}.{key}", period, ("start", "end"))
        return start[0] if start else None, end[1] if end else None


def shortly(value: Any, limit: int = 80) -> str:
    """Return what stands somewhere, in one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[:limit] + "..."


# INTERNAL


def _children(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{path}.{key}", child) for key, child in value.items())
    elif isinstance(value, list):
        yield from ((f"{path}[{number}]", child) for number, child in enumerate(value))


def _instants(text: Any, zone: tzinfo) -> tuple[int, int] | None:
    """Return first second and first second after what a FHIR date or dateTime names; None where it is neither."""
    if not isinstance(text, str):
        return None
    try:
        if _DATE_TIME.fullmatch(text):
            second = math.floor(datetime.fromisoformat(text).timestamp())
            return second, second + 1
        if not _DATE.fullmatch(text):
            return None
        year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
        first = datetime(year, month or 1, day or 1, tzinfo=zone)
        if day:
            after = first + timedelta(days=1) if text != "9999-12-31" else None
        elif month:
            after = datetime(year + month // 12, month % 12 + 1, 1, tzinfo=zone) if text != "9999-12" else None
        else:
            after = datetime(year + 1, 1, 1, tzinfo=zone) if year < 9999 else None
        return int(first.timestamp()), int(after.timestamp()) if after else AFTER_LAST
    except (ValueError, OverflowError):
        return None
