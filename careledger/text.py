"""Text from outside: shown so that a terminal does not obey it, read so that it ends no process, guessed at."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import orjson

__all__ = ["did_you_mean", "nearest", "read_json", "shown"]

_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def shown(text: str, limit: int = 200) -> str:
    """Return outside text as one line that a terminal shows and does not obey.

    Control characters, marks that turn the direction of writing, and lone surrogates are spelt out.
    """
    cut = text if len(text) <= limit else text[:limit] + "..."
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _ESCAPED else c for c in cut)


def nearest(word: str, names: Iterable[str], *, most: int = 3) -> list[str]:
    """Return the names that somebody who typed ``word`` may have meant, best first; case does not count."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    # a megabyte of argument is nobody's slip, and comparing it would take minutes
    found = difflib.get_close_matches(word[:80].lower(), by_lower, n=most, cutoff=0.6)
    return [by_lower[name] for name in found]


def did_you_mean(word: str, names: Iterable[str], *, otherwise: str) -> str:
    """Return ``Did you mean a or b?``, or what to do otherwise where nothing is near."""
    found = nearest(word, names)
    return f"Did you mean {' or '.join(found)}?" if found else otherwise


def read_json(text: str | bytes) -> Any:
    """Return the value of some JSON from outside, with whole numbers of any size.

    How deep ``json`` descends is a setting of the process, which ``py_ecc`` raises to 100,000: its stack ends before
    that, and the process with it. ``orjson`` stops at 1,024 levels whatever is set, so it looks first.

    Raises:
        ValueError: It is not JSON in UTF-8, or nests deeper. The error does not carry the text, which may hold salts.
    """
    try:
        orjson.loads(text)
        return json.loads(text)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, at character {error.pos:,}") from None
    except RecursionError:
        raise ValueError("depth limit exceeded") from None
