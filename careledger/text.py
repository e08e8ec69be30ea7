"""Text from outside and words that people mistype: shown so that a terminal does not obey it, and guessed at."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

__all__ = ["did_you_mean", "nearest", "shown"]

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
