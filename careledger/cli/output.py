"""What goes out: data on stdout, everything else on stderr, outside text never as commands to a terminal."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from careledger.errors import CareLedgerError, ContractError
from careledger.text import shown

__all__ = ["Progress", "data", "error_lines", "error_object", "lines", "note", "one_line", "progress", "table"]

_TEXT_LIMIT = 2000
_QUIET_SECONDS = 2.0
_PLAIN_EVERY = 5.0


def data(value: Any) -> None:
    """Write one JSON value to stdout, in ASCII, so that nothing in it moves a cursor."""
    from careledger.values import plain

    sys.stdout.write(json.dumps(plain(value), indent=2) + "\n")


def lines(texts: Sequence[Any], *, limit: int = _TEXT_LIMIT) -> None:
    """Write a line each to stdout, outside text spelt out and cut at a limit."""
    for text in texts:
        sys.stdout.write(shown(str(text), limit) + "\n")


def note(text: str) -> None:
    """Write a line for people to stderr."""
    sys.stderr.write(shown(text, _TEXT_LIMIT) + "\n")
    sys.stderr.flush()


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write rows: aligned under headings on a terminal, parted by tabs and without headings elsewhere."""
    cells = [[shown("-" if cell is None or cell == "" else str(cell), _TEXT_LIMIT) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        sys.stdout.writelines("\t".join(row) + "\n" for row in cells)
        return
    cells = [[heading.upper() for heading in headings], *cells]
    widths = [max(len(row[at]) for row in cells) for at in range(len(headings))]
    for row in cells:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write("  ".join(padded).rstrip() + "\n")


# ERRORS


def _sentence(text: str) -> str:
    line = shown(text.strip(), _TEXT_LIMIT)
    return line if not line or line[-1] in ".!?…" or line.endswith("...") else line + "."


_NOTICE: Final = "Thrown when "
"""How a contract's errors are described, in their ``@notice``."""


def _reason(error: CareLedgerError) -> str:
    """Return in one sentence what happened: for a contract's error, what its notice says, in words."""
    name = type(error).__name__
    if not _is_of_a_contract(error):
        return error.message
    if not error.why.startswith(_NOTICE):
        return f"the contract refused with {name}"
    return f"the contract refused, as {error.why.removeprefix(_NOTICE).rstrip('.')}"


def one_line(error: CareLedgerError) -> str:
    """Return what happened, and a contract's error as it is on chain after it."""
    return f"{_reason(error)}: {error.message}" if _is_of_a_contract(error) else error.message


def _is_of_a_contract(error: CareLedgerError) -> bool:
    return isinstance(error, ContractError) and error.message.startswith(f"{type(error).__name__}(")


def error_lines(error: CareLedgerError) -> str:
    """Return the three lines of an error; those without content are left out.

    What a contract refused is said in words first, and then as it is on chain, with its values.
    """
    why = f"Its error is {error.message}." if _is_of_a_contract(error) else error.why
    parts = (("Error: ", _reason(error)), ("Why:   ", why), ("Try:   ", error.fix))
    return "".join(f"{label}{_sentence(text)}\n" for label, text in parts if text)


def error_object(error: CareLedgerError, exit_code: int) -> str:
    """Return an error as one JSON object on one line."""
    found = {
        "error": type(error).__name__, "message": error.message, "why": error.why, "fix": error.fix,
        "retry": str(error.retry), "exit": exit_code,
    }  # fmt: skip
    return json.dumps(found) + "\n"


# PROGRESS


class Progress(Protocol):
    """Told how far the work has come."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Say that ``done`` of ``total`` are done."""


@contextmanager
def progress(what: str) -> Iterator[Progress]:
    """Show on stderr how far some work has come, once it has taken two seconds.

    On a terminal one line that renews itself; elsewhere one plain line every few seconds.
    """
    start = time.monotonic()
    last = start
    terminal = sys.stderr.isatty()
    drawn = False

    def tell(done: int, total: int | None = None) -> None:
        nonlocal last, drawn
        now = time.monotonic()
        every = 0.2 if terminal else _PLAIN_EVERY
        if now - start < _QUIET_SECONDS or now - last < every:
            return
        last, drawn = now, True
        left = ""
        if total and 0 < done <= total:
            left = f" of {total}, about {(now - start) / done * (total - done):.0f} s left"
        text = f"{what}: {done}{left}"
        sys.stderr.write(f"\r\x1b[K{shown(text)}" if terminal else f"{shown(text)}\n")
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if drawn and terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def as_mapping(value: Any) -> Mapping[str, Any]:
    """Return the JSON form of a value that has one, as a mapping."""
    from careledger.values import plain

    found = plain(value)
    return found if isinstance(found, dict) else {"value": found}
