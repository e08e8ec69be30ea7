"""What the sender is asked to do: a call, and a call with its key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from careledger.values import to_hex

__all__ = ["Act", "Call"]


@dataclass(frozen=True)
class Call:
    """What a transaction does."""

    to: str | None
    """The contract or account; None creates a contract."""
    data: bytes = b""
    value: int = 0
    """Wei sent along."""
    gas: int | None = None
    """The gas limit; estimated when None, which costs one request and finds refusals before anything is sent."""

    def as_json(self, gas: int) -> dict[str, Any]:
        """Return the call as the journal keeps it."""
        return {"to": self.to, "data": to_hex(self.data), "value": str(self.value), "gas": gas}


@dataclass(frozen=True)
class Act:
    """A call with the name it has in the business, for ``submit_many``; members as the keywords of ``submit``."""

    call: Call
    key: str
    content: Any = None
    note: Any = None
