"""Find sensitive content by published codes: substance use, mental health, HIV, genomics and the other such classes.

The rule is conservative: a code that is on no list adds nothing, a code on a list always adds its class, wherever in
the resource it stands, contained resources included. Free text and attachments are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

import orjson

from careledger.codes import DataClass

_DOTTED_ICD10 = re.compile(r"[A-TV-Z][0-9][0-9A-Z]\.[0-9A-Z]{1,4}")
_WORD = re.compile(r"[a-z]+")
_DRUG_SYSTEMS = frozenset({"rxnorm", "ndc", "atc"})
_EXTENSION_KEYS = frozenset({"extension", "modifierExtension"})
_DRUG_KEYS = frozenset({"medicationCodeableConcept", "medication", "code", "concept"})


@dataclass(frozen=True)
class Match:
    """One class, and the published list that says so."""

    data_class: DataClass
    list_name: str


@dataclass(frozen=True)
class _System:
    """A code system: how its codes are compared, and which codes are on which list."""

    exact: dict[str, tuple[Match, ...]]
    ranges: tuple[tuple[str, str, Match], ...]


@dataclass(frozen=True)
class _Tables:
    systems: dict[str, _System]
    uris: dict[str, str]
    words: tuple[tuple[str, str], ...]
    names: tuple[tuple[tuple[str, ...], Match], ...]
    extensions: dict[str, tuple[Match, ...]]


def of_code(system: str | None, code: str) -> tuple[Match, ...]:
    """Return the sensitive classes of one code, none if it is on no list.

    Args:
        system: URI of the code system as written; None if the coding has none.
        code: The code, with or without its dots.
    """
    # a code of a megabyte is no code, and must not fill the cache
    return _of_code(system, code) if len(code) <= 64 and len(system or "") <= 256 else ()


def find(tree: Any, *, is_drug: bool) -> set[Match]:
    """Return every sensitive class found in a parsed resource, with the list that says so.

    Args:
        tree: The resource, as parsed JSON of any shape.
        is_drug: Whether the resource is about a drug, so that names in its concepts are compared with ingredients.
    """
    found: set[Match] = set()
    for key, node in _nodes(tree):
        code, system = node.get("code"), node.get("system")
        if not isinstance(system, str):
            system = None
        if isinstance(code, str):
            found.update(of_code(system, code))
        display = node.get("display")
        if isinstance(display, str) and system and _system_key(system[:256], "") in _DRUG_SYSTEMS:
            found.update(_of_name(display[:500]))
        if is_drug and key in _DRUG_KEYS:
            for text in (display, node.get("text")):
                found.update(_of_name(text[:500]) if isinstance(text, str) else ())
        if key in _EXTENSION_KEYS and isinstance(node.get("url"), str):
            found.update(_tables().extensions.get(node["url"][:256].rsplit("/", 1)[-1], ()))
    return found


def listed() -> list[tuple[str, str]]:
    """Return name and source of every list, for the documentation."""
    document = _document()
    return [(x["name"], x["source"]) for x in [*document["lists"], document["names"], document["extensions"]]]


# INTERNAL


@lru_cache(maxsize=8192)
def _of_code(system: str | None, code: str) -> tuple[Match, ...]:
    key = _system_key(system, code)
    if key is None:
        return ()
    table = _tables().systems[key]
    plain = code.strip().upper().replace(".", "")
    if key == "ndc":
        plain = _ndc(code)
    elif key == "ms-drg":
        plain = plain.removeprefix("MS-DRG").strip().lstrip("0")
    found = dict.fromkeys(table.exact.get(plain, ()))
    for low, high, match in table.ranges:
        if low <= plain[: len(low)] and plain[: len(high)] <= high and len(plain) >= len(low):
            found[match] = None
    return tuple(found)


@lru_cache(maxsize=1024)
def _system_key(system: str | None, code: str) -> str | None:
    tables = _tables()
    if system is None:
        return "icd-10" if _DOTTED_ICD10.fullmatch(code.strip().upper()) else None
    found = tables.uris.get(system.rstrip("/"))
    if found is None:
        lower = system.lower()
        found = next((key for word, key in tables.words if word in lower), None)
    return found


def _ndc(code: str) -> str:
    """Return labeller and product of a drug code as nine digits, whatever its hyphens."""
    parts = code.strip().split("-")
    if len(parts) > 1:
        return parts[0].zfill(5) + parts[1].zfill(4)
    return parts[0][:9]


@lru_cache(maxsize=4096)
def _of_name(text: str) -> tuple[Match, ...]:
    words = tuple(_WORD.findall(text.lower()))
    whole = " ".join(words)
    return tuple(m for name, m in _tables().names if all(w in words for w in name) and " ".join(name) in whole)


def _nodes(tree: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every object in a tree with the key it stands under."""
    todo: list[tuple[str, Any]] = [("", tree)] if isinstance(tree, (dict, list)) else []
    while todo:
        key, node = todo.pop()
        if isinstance(node, dict):
            yield key, node
            todo += [item for item in node.items() if isinstance(item[1], (dict, list))]
        else:
            todo += [(key, item) for item in node if isinstance(item, (dict, list))]


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(files(__package__).joinpath("data", "sensitive.json").read_bytes())
    return found


@cache
def _tables() -> _Tables:
    document = _document()
    exact: dict[str, dict[str, tuple[Match, ...]]] = {key: {} for key in document["systems"]}
    ranges: dict[str, list[tuple[str, str, Match]]] = {key: [] for key in document["systems"]}
    for entry in document["lists"]:
        key = entry["system"]
        by_prefix = document["systems"][key]["match"] == "prefix"
        for match, code in _pairs(entry):
            low, _, high = code.partition("-") if key != "loinc" else (code, "", "")
            if high:
                ranges[key].append((low, high, match))
            elif code.startswith("=") or not by_prefix:
                plain = code.removeprefix("=")
                exact[key][plain] = (*exact[key].get(plain, ()), match)
            else:
                ranges[key].append((code, code, match))
    systems = document["systems"]
    return _Tables(
        systems={key: _System(exact[key], tuple(ranges[key])) for key in systems},
        uris={uri.rstrip("/"): key for key, entry in systems.items() for uri in entry["uris"]},
        # longer words first, so that icd-10-pcs is not taken for icd-10
        words=tuple(sorted(((w, k) for k, e in systems.items() for w in e["words"]), key=lambda x: -len(x[0]))),
        names=tuple((tuple(_WORD.findall(name)), match) for match, name in _pairs(document["names"])),
        extensions={
            name: tuple(m for m, n in _pairs(document["extensions"]) if n == name)
            for _, name in _pairs(document["extensions"])
        },
    )


def _pairs(entry: dict[str, Any]) -> Iterator[tuple[Match, str]]:
    for word, codes in entry["classes"].items():
        match = Match(DataClass[word.upper().replace("-", "_")], entry["name"])
        for code in codes:
            yield match, code
