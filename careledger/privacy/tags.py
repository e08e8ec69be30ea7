"""Keyed tags: what stands for some values in a local list, so that the list itself gives nothing away."""

from __future__ import annotations

import hashlib
import hmac

from careledger.redact import Secret

__all__ = ["tag"]


def tag(key: Secret, *parts: str | bytes) -> bytes:
    """Return HMAC-SHA-256 over the parts, each behind its length in 8 bytes, so that no two lists of parts meet.

    Args:
        key: Random and of this list only, 32 bytes: without it nobody can try values.
        *parts: The values; text as UTF-8.
    """
    data = (part.encode() if isinstance(part, str) else part for part in parts)
    whole = b"".join(len(part).to_bytes(8, "big") + part for part in data)
    return hmac.digest(key.reveal(), whole, hashlib.sha256)
