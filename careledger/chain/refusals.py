"""What a node's refusal of a transaction means, read from the words the kinds of nodes use."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

__all__ = ["Meaning", "meaning_of", "mined_hash"]


class Meaning(Enum):
    """What to do about a refusal."""

    KNOWN = "the node has it already"
    NONCE_USED = "another transaction has this nonce: ask by hash which"
    NONCE_TAKEN = "another transaction waits with this nonce"
    FEE_LOW = "more must be offered"
    POOR = "the sender cannot pay"
    INVALID = "no node will ever take it as it is"
    UNCLEAR = "nothing is certain"


# geth, Erigon, Nethermind, Besu, Reth, Anvil, Hardhat and eth-tester, in lower case; the first that is found counts.
_WORDS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (Meaning.KNOWN, ("already known", "already imported", "alreadyknown", "known transaction", "already exists")),
    (Meaning.NONCE_TAKEN, ("replacement transaction underpriced", "replacement_underpriced", "could not replace")),
    (Meaning.NONCE_USED, ("nonce too low", "nonce is too low", "nonce_too_low", "oldnonce")),
    (Meaning.POOR, ("insufficient funds", "insufficient_funds", "enough funds", "enough balance", "upfrontcost",
                    "insufficient balance", "up-front cost", "cannot afford")),
    (Meaning.FEE_LOW, ("underpriced", "less than block base fee", "below base fee", "fee too low", "feetoolow",
                       "lower than the block", "gas price below", "too low to be included")),
    (Meaning.INVALID, ("intrinsic gas", "exceeds block gas limit", "exceeds the block gas limit", "invalid sender",
                       "invalid chain", "chain id", "max initcode", "initcode size", "oversized data",
                       "tip above fee cap", "exceeds transaction gas limit", "gas limit too high")),
)  # fmt: skip


def meaning_of(message: str) -> Meaning:
    """Return what a refusal means by its message; whatever is not known is unclear, and looked into by hash."""
    text = message.lower()
    return next((meaning for meaning, words in _WORDS if any(word in text for word in words)), Meaning.UNCLEAR)


def mined_hash(error: Mapping[str, Any]) -> str | None:
    """Return the hash of a transaction that was mined although the node answered with an error, as Hardhat does."""
    data = error.get("data")
    found = data.get("txHash", data.get("transactionHash")) if isinstance(data, Mapping) else None
    return found.lower() if isinstance(found, str) and len(found) == 66 else None
