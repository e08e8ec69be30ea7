"""QR codes (ISO/IEC 18004) of pairing codes: as text for a terminal, as PNG for a screen or paper."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from careledger.privacy.files import write_whole

if TYPE_CHECKING:
    import segno

__all__ = ["png", "text"]

_QUIET: Final = 4
"""Light modules around a code, as the standard asks for."""
_SCALE: Final = 6
"""Pixels of a module."""


def text(content: str) -> str:
    """Return a code as lines of half blocks, for light letters on a dark ground; light modules are the blocks."""
    out = io.StringIO()
    _make(content).terminal(out, border=_QUIET, compact=True)
    return out.getvalue()


def png(content: str, path: Path) -> None:
    """Write a code as a black and white PNG with mode 0600, whole or not at all."""

    def work(sink: BinaryIO) -> None:
        _make(content).save(sink, kind="png", scale=_SCALE, border=_QUIET)

    write_whole(path, work)


def _make(content: str) -> segno.QRCode:
    import segno

    # a screen does not get scratched, so the least correction; segno raises it where the size stays the same
    return segno.make(content, error="l", micro=False)
