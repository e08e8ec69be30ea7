"""Parameters of one kind, read in one way: ``typer.Argument(parser=amount)``, ``typer.Option(parser=address_of)``."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from careledger.codes import Will
from careledger.errors import CareLedgerError, InputError, Misuse
from careledger.values import Address, Bytes32, Money, address, bytes32

__all__ = ["Evidence", "OnWill", "address_of", "amount", "bytes32_of", "code_of", "jurisdiction_option", "stated"]

C = TypeVar("C", bound=IntEnum)


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


def code_of(codes: type[C]) -> Callable[[Any], C]:
    """Return what reads a word or name of one of the code lists, such as ``labs`` or ``TREAT``.

    The word NONE, which says that nothing is said, is refused as the wrong ones are, with what was perhaps meant.
    """

    def read(text: Any) -> C:
        if isinstance(text, codes):
            return text
        try:
            member: C = codes.of(str(text))  # type: ignore[attr-defined]
        except InputError as error:
            raise _misuse(error) from None
        if member.name == "NONE":
            raise Misuse(
                f"this needs a {codes.__name__} that says something", fix=f"See: careledger explain {codes.__name__}."
            )
        return member

    read.__name__ = codes.__name__.lower()
    read.words = [member.word for member in codes if member.name != "NONE"]  # type: ignore[attr-defined]
    return read


def jurisdiction_option(help: str, *, least: int = 0, show_default: bool = True) -> Any:
    """Return the option ``--jurisdiction``: ISO 3166-1 number × 1000 and a part of the country, as the chain holds it.

    Args:
        help: What it is for.
        least: 1 where one has to be named.
        show_default: Whether help says what holds without.
    """
    return typer.Option(help=help, min=least, max=(1 << 32) - 1, show_default=show_default)


OnWill = Annotated[
    Any,
    typer.Option(
        "--will", parser=code_of(Will), metavar="WILL",
        help="As steward or guardian: on paper, spoken, or legal-authority.",
    ),
]  # fmt: skip
Evidence = Annotated[
    Path | None,
    typer.Option(
        "--evidence", help="The form, recording or order, with --will; - is stdin. A commitment goes on chain.",
        metavar="FILE",
    ),
]  # fmt: skip


def stated(will: Will | None, evidence: Path | None) -> dict[str, Any]:
    """Return ``will`` and ``evidence`` as the acts for somebody take them; nothing where the patient itself acts.

    Raises:
        Misuse: One is given without the other, or the will is a signature, which has a door of its own.
    """
    if (will is None) != (evidence is None):
        raise Misuse("a will has its evidence", fix="Give --will and --evidence, or neither as the patient itself.")
    if will is None or evidence is None:
        return {}
    if will is Will.SIGNATURE:
        raise Misuse("a signature is carried as such", fix="Give the signed file, or say how else it was expressed.")
    from careledger.cli.papers import read_bytes

    return {"will": will, "evidence": read_bytes(evidence)}
