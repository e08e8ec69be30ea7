"""Parameters of one kind, read in one way: ``typer.Argument(parser=amount)``, ``typer.Option(parser=address_of)``."""

from __future__ import annotations

from careledger.errors import CareLedgerError, InputError, Misuse
from careledger.values import Address, Bytes32, Money, address, bytes32

__all__ = ["address_of", "amount", "bytes32_of"]


def _misuse(error: CareLedgerError) -> Misuse:
    return Misuse(error.message, why=error.why, fix=error.fix)


def amount(text: str) -> Money:
    """Read an amount with its currency, such as ``"120.00 USD"``, into ``Money`` (THREATS W3).

    Raises:
        Misuse: It is not digits with at most one point, and a currency that can express them.
    """
    parts = text.split(" ")
    if len(parts) != 2:
        raise Misuse("this is not an amount with its currency", fix='Write digits, a space and a code: "120.00 USD".')
    try:
        return Money(parts[0], parts[1])
    except InputError as error:
        raise _misuse(error) from None


def address_of(text: str) -> Address:
    """Read an address; one without checksum or with a wrong one is refused (THREATS W4).

    Raises:
        Misuse: It is not an address with its checksum.
    """
    try:
        return address(text)
    except InputError as error:
        raise _misuse(error) from None


def bytes32_of(text: str) -> Bytes32:
    """Read an id or hash of 32 bytes.

    Raises:
        Misuse: It is not 0x and 64 hex digits.
    """
    try:
        return bytes32(text)
    except InputError as error:
        raise _misuse(error) from None
