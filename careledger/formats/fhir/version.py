"""Tell FHIR versions apart, by what a resource declares and by elements that only some versions have.

A version is claimed only if everything in the resource fits it and something in it does not fit the others. A word out
of place is not outvoted: then nothing is claimed.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import orjson

from careledger.formats.fhir.model import UNDECIDED

ALL = frozenset("345")
"""The versions compared: 3.0.2, 4.0.1 and 5.0.0, by their first digit."""
_NAMES = {"3": "3.0.2", "4": "4.0.1", "5": "5.0.0"}
_DECLARED = {"3.0": "3.0.2", "4.0": "4.0.1", "4.3": "4.3.0", "5.0": "5.0.0"}
_R4_GUIDES = tuple(f"hl7.org/fhir/us/{guide}" for guide in ("core/", "carin-bb/", "davinci-", "mcode/"))
"""Implementation guides of R4. Only a hint: US Core has an STU3 edition."""


def is_known(resource_type: str, in_version: str = "") -> bool:
    """Whether a version of FHIR, by its first digit, has this resource type; any version when none is named."""
    types = _table()["types"]
    return resource_type in types and in_version in types[resource_type][0]


def fitting(tree: dict[str, Any]) -> frozenset[str]:
    """Return the versions that a resource fits in every element, contained resources included.

    Args:
        tree: A parsed resource of any shape.

    Returns:
        A subset of {ALL}, empty if it fits none.
    """
    types, nodes = _table()["types"], _table()["nodes"]
    fits = ALL
    todo: list[tuple[dict[str, Any], int]] = []
    # FHIR allows no contained resources in contained ones, so this goes one level down
    for resource in (tree, *_objects(tree.get("contained"))):
        name = resource.get("resourceType")
        if isinstance(name, str) and name in types:
            mask, node = types[name]
            fits &= frozenset(mask)
            todo += [(resource, node)] if node is not None else []
    while todo and fits:
        value, number = todo.pop()
        for element, (shapes, child) in nodes[number].items():
            if element not in value:
                continue
            found = value[element]
            if shapes is not None:
                fits &= frozenset(v for v in fits if _has_shape(found, shapes.get(v, "")))
            if child is not None:
                todo += [(one, child) for one in _objects(found)]
    return fits


def declared(tree: dict[str, Any]) -> str | None:
    """Return the version a resource says it has: ``fhirVersion``, or a profile of one version's own."""
    words = tree.get("fhirVersion")
    for word in words if isinstance(words, list) else [words]:
        if isinstance(word, str) and word[:3] in _DECLARED:
            return _DECLARED[word[:3]]
    for profile in _profiles(tree):
        for short, name in _DECLARED.items():
            of_base = "hl7.org/fhir/StructureDefinition/" in profile and f"|{short}" in profile
            if of_base or f"hl7.org/fhir/{short}/" in profile:
                return name
    return None


def decide(tree: dict[str, Any], context: str | None = None) -> str | None:
    """Name the version of a resource.

    Args:
        tree: A parsed resource of any shape.
        context: The version of the Bundle around it, where that is known.

    Returns:
        A version, ``4.0.1 or 5.0.0``, or None if the resource fits no version and nothing around it says one.
    """
    said = declared(tree)
    if said:
        return said
    fits = fitting(tree)
    if fits >= {"4", "5"}:
        if any(guide in profile for profile in _profiles(tree) for guide in _R4_GUIDES):
            return _NAMES["4"]
        return context if context in ("4.0.1", "4.3.0", "5.0.0") else UNDECIDED
    if "4" in fits:
        return context if context == "4.3.0" else _NAMES["4"]
    if "5" in fits:
        return _NAMES["5"]
    return _NAMES["3"] if fits else context


# INTERNAL


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a value: itself, or those in a list."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]


def _has_shape(value: Any, shape: str) -> bool:
    if not shape:
        return False
    spelt, _, words = shape.partition(":")
    if isinstance(value, list) != spelt.endswith("*"):
        return False
    items = value if isinstance(value, list) else [value]
    if spelt[0] == "o":
        return all(isinstance(item, dict) for item in items)
    if any(isinstance(item, (dict, list)) for item in items):
        return False
    return not words or all(not isinstance(item, str) or item in words.split("|") for item in items)


def _profiles(tree: dict[str, Any]) -> list[str]:
    meta = tree.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    return [p for p in profiles if isinstance(p, str)] if isinstance(profiles, list) else []


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(files(__package__).joinpath("data", "versions.json").read_bytes())
    return found
