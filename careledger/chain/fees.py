"""Fee arithmetic without any I/O: what to offer first, what to offer next, and where to stop."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.chain.connection import Fees
from careledger.errors import InputError

__all__ = ["FeePolicy"]

GWEI = 10**9


@dataclass(frozen=True)
class FeePolicy:
    """How much may be paid for gas, and how a waiting transaction is raised."""

    cap: int = 500 * GWEI
    """The most ever offered, in wei per unit of gas."""
    bump_permille: int = 1125
    """What a raise multiplies both fees by; nodes take a replacement from 1100 on."""
    bump_after: float = 45.0
    """Seconds a transaction waits before its fees are raised."""
    max_bumps: int = 8
    """How often they are raised at most."""
    gas_permille: int = 1200
    """The limit set is the estimate times this, since the state may have moved when it is mined."""

    def __post_init__(self) -> None:
        if self.bump_permille < 1100:
            raise InputError("a raise below 10 % is not taken by nodes", fix="Set bump_permille to 1100 or more.")

    def first(self, fees: Fees) -> tuple[int, int]:
        """Return ``(max_fee, priority)`` to begin with, within the cap."""
        max_fee = min(fees.max_fee, self.cap)
        return max_fee, min(fees.priority, max_fee)

    def next(self, max_fee: int, priority: int, fees: Fees) -> tuple[int, int] | None:
        """Return the fees of a replacement, or None where the cap leaves no room for one.

        Both fees rise by at least the policy's step, rounded up, and follow the market where it is higher.
        """
        least = tuple(-(-fee * self.bump_permille // 1000) for fee in (max_fee, max(priority, 1)))
        if least[0] > self.cap:
            return None
        wanted = min(max(least[0], fees.max_fee), self.cap)
        return wanted, min(max(least[1], fees.priority), wanted)

    def limit(self, estimate: int, block_limit: int | None = None) -> int:
        """Return the gas limit for an estimate."""
        wanted = estimate * self.gas_permille // 1000
        return max(estimate, min(wanted, block_limit)) if block_limit else wanted
