"""Redaction by type: what must never reach a log, a ``repr`` or a traceback says so by what it is."""

from __future__ import annotations

import hmac


class Secret:
    """Bytes that never show themselves: keys, salts, seeds, passwords.

    ``repr``, ``str`` and ``format`` print the kind only; pickling is refused; equality takes constant time.
    """

    __slots__ = ("_kind", "_value")

    def __init__(self, value: bytes, kind: str = "secret") -> None:
        self._value = bytes(value)
        self._kind = kind

    def reveal(self) -> bytes:
        """Return the bytes. The one door, so that every use can be found by searching for it."""
        return self._value

    def __repr__(self) -> str:
        return f"<{self._kind}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __len__(self) -> int:
        return len(self._value)

    def __reduce__(self) -> str:
        raise TypeError(f"a {self._kind} is not pickled")


class PersonalText(str):
    """Text that identifies a person (a name, a record number): usable as text, absent from ``repr``."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<personal>"
