"""Base64url without padding, strict both ways: one text for one value."""

from __future__ import annotations

import base64
from typing import Any


def to_base64url(data: bytes) -> str:
    """Return the bytes as base64url text without ``=``."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: Any) -> bytes:
    """Return the bytes of base64url text; raises ValueError for any other spelling of them, and for what is no text."""
    if not isinstance(text, str):
        raise ValueError("not text")
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if to_base64url(data) != text:
        raise ValueError("not canonical base64url")
    return data
