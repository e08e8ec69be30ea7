"""Money: exact amounts of a currency or token, never a float, never rounded."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any

from careledger.errors import InputError

__all__ = ["Money"]

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z][A-Za-z0-9.]{1,10}", re.ASCII)

# ISO 4217 minor units that are not two, for the currencies health systems bill in; tokens state their own decimals.
_MINOR_UNITS = {
    "BHD": 3, "CLP": 0, "ISK": 0, "JOD": 3, "JPY": 0, "KRW": 0, "KWD": 3, "OMR": 3, "PYG": 0, "TND": 3,
    "UGX": 0, "VND": 0, "XAF": 0, "XOF": 0, "USDC": 6, "USDT": 6, "EURC": 6, "DAI": 18, "ETH": 18,
}  # fmt: skip

# Wide enough for any uint256 with 36 decimals, so that nothing rounds.
_WIDE = Context(prec=160)


@dataclass(frozen=True)
class Money:
    """An amount of a currency or token, exact: a decimal string outside, an integer of minor units inside.

    Example:
        >>> Money("120", "USD")
        Money('120.00', 'USD')
        >>> Money("120.50", "USD").minor
        12050
    """

    amount: str
    """Digits with at most one point, such as ``"120.00"``; written out to the currency's decimals."""
    currency: str
    """ISO 4217 code or token symbol."""
    decimals: int = -1
    """Digits after the point; taken from the currency when it is not given (two where unknown)."""

    def __post_init__(self) -> None:
        if not isinstance(self.currency, str) or not _CURRENCY.fullmatch(self.currency):
            raise InputError("this is not a currency code or token symbol", fix="Give a code such as USD or USDC.")
        decimals = _MINOR_UNITS.get(self.currency.upper(), 2) if self.decimals == -1 else self.decimals
        if not isinstance(decimals, int) or not 0 <= decimals <= 36:
            raise InputError(f"{self.currency} cannot have {decimals} decimals", fix="Give 0 to 36 decimals.")
        object.__setattr__(self, "decimals", decimals)
        object.__setattr__(self, "amount", _canonical_amount(self.amount, self.currency, decimals))

    @property
    def minor(self) -> int:
        """The amount in the smallest unit, as contracts take it."""
        return int(self.amount.replace(".", ""))

    @classmethod
    def of_minor(cls, minor: int, currency: str, *, decimals: int = -1) -> Money:
        """Make money from an integer of the smallest unit.

        Raises:
            InputError: Negative, or not an integer.
        """
        if isinstance(minor, bool) or not isinstance(minor, int) or minor < 0:
            raise InputError("an amount in minor units is a whole number from 0", fix="Give a whole number.")
        places = cls("0", currency, decimals).decimals
        digits = str(minor).rjust(places + 1, "0")
        text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
        return cls(text, currency, decimals)

    def units(self, token_decimals: int) -> int:
        """Return the amount in units of a token with its own number of decimals.

        Raises:
            InputError: The token cannot express it exactly.
        """
        scaled = Decimal(self.minor).scaleb(token_decimals - self.decimals, context=_WIDE)
        if scaled != scaled.to_integral_value(context=_WIDE):
            raise InputError(
                f"{self} has more decimals than the token's {token_decimals}",
                why="Rounding an amount would change what was agreed.",
                fix="Give an amount the token can express.",
            )
        return int(scaled)

    def __add__(self, other: Money) -> Money:
        return Money.of_minor(self.minor + self._same(other).minor, self.currency, decimals=self.decimals)

    def __sub__(self, other: Money) -> Money:
        return Money.of_minor(self.minor - self._same(other).minor, self.currency, decimals=self.decimals)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def _same(self, other: Money) -> Money:
        if not isinstance(other, Money):
            raise TypeError("money is added to and compared with money only")
        if (self.currency, self.decimals) != (other.currency, other.decimals):
            raise InputError(f"{self.currency} and {other.currency} are not added or compared", fix="Convert first.")
        return other

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"

    def __repr__(self) -> str:
        return f"Money({self.amount!r}, {self.currency!r})"

    def to_json(self) -> dict[str, Any]:
        """Return the amount, the currency and the decimals."""
        return {"amount": self.amount, "currency": self.currency, "decimals": self.decimals}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Money:
        """Read what ``to_json`` wrote."""
        return cls(data["amount"], data["currency"], data.get("decimals", -1))


def _canonical_amount(amount: object, currency: str, decimals: int) -> str:
    """Check an amount as it was typed and write it out to the currency's decimals."""
    if not isinstance(amount, str):
        kind = type(amount).__name__
        raise InputError(
            f"an amount is given as text, not as {kind}",
            why="A float cannot hold most decimal amounts exactly.",
            fix='Write it in quotes: Money("120.00", "USD").',
        )
    match = _AMOUNT.fullmatch(amount)
    if match is None:
        raise InputError(f"{amount[:40]!r} is not an amount: {_why_not_amount(amount)}", fix="Write it like 1000.50.")
    whole, part = match.group(1), match.group(2) or ""
    if len(part) > decimals:
        raise InputError(
            f"{amount[:60]} has {len(part)} decimals, {currency} has {decimals}",
            why="Rounding an amount would change what was agreed.",
            fix=f"Give at most {decimals} decimals.",
        )
    if len(whole) > 78:
        raise InputError("the amount is larger than any contract can hold", fix="Check the number of digits.")
    whole = whole.lstrip("0") or "0"
    return f"{whole}.{part.ljust(decimals, '0')}" if decimals else whole


def _why_not_amount(text: str) -> str:
    """Name what is wrong with an amount, for a person to mend it."""
    if "," in text or "'" in text or " " in text:
        return "separators between thousands mean different numbers in different countries"
    if text.startswith(("-", "+")):
        return "amounts have no sign; give money back with the call for that"
    if "e" in text.lower():
        return "powers of ten are easily misread"
    return "only digits and one point are taken"
