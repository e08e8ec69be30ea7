"""Ethereum's 2048-bit log bloom as integers: what a block cannot contain, and what all its logs add up to. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from careledger.values import keccak

BITS = 2048


@lru_cache(maxsize=65_536)
def mask(item: bytes) -> int:
    """Return the three bits that an address (20 bytes) or topic (32 bytes) sets."""
    digest = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << (int.from_bytes(digest[at : at + 2], "big") & (BITS - 1))
    return bits


def may_contain(bloom: int, item: bytes) -> bool:
    """Tell whether the item may be in the bloom; ``False`` is certain."""
    bits = mask(item)
    return bloom & bits == bits


def of_logs(logs: Iterable[tuple[bytes, Iterable[bytes]]]) -> int:
    """Return the bloom of logs given as (address, topics)."""
    bits = 0
    for address, topics in logs:
        bits |= mask(address)
        for topic in topics:
            bits |= mask(topic)
    return bits
