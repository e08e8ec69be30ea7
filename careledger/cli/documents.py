"""JSON documents that go from one house to another: read with a limit, written to a file that is not there yet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import orjson

from careledger.cli import output
from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.files import write_private
from careledger.text import shown

__all__ = ["read_document", "write_document"]

_MOST: Final = 256 << 20
"""Bytes of the largest document: an accounting of some hundred thousand accesses."""


def read_document(file: Path) -> dict[str, Any]:
    """Read a JSON object; ``-`` is stdin.

    Raises:
        NotFound: There is no such file.
        FormatError: It is no JSON object, or too large.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with file.open("rb") as opened:
                data = opened.read(_MOST + 1)
        found = orjson.loads(data) if len(data) <= _MOST else None
    except (FileNotFoundError, IsADirectoryError):
        raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FormatError(f"{shown(file.name)} holds no document", fix="Give the JSON file as it was made.")
    return found


def write_document(value: Any, out: Path | None, *, replace: bool = False) -> None:
    """Write a JSON document to a private file that is not there yet, or to stdout.

    Raises:
        InputError: There is such a file.
    """
    if out is None:
        output.data(value)
        return
    if out.exists() and not replace:
        raise InputError(f"{shown(out.name)} is there already", fix="Give another file.")
    write_private(out, orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")
