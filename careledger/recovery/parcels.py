"""Parcels: single acts on their way to a relayer, each with the time it is not to be carried before.

The acts of one ceremony go out one by one, in random order and at random times, each in a transaction of its own, best
through several relayers. A parcel says nothing of the others.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from careledger.chain.abi import artifacts
from careledger.chain.calls import Call
from careledger.chain.tray import moment
from careledger.chain.typed import TypedData
from careledger.errors import ContractError, FormatError, InputError, Pending
from careledger.recovery.papers import broken, read
from careledger.resources.base import SignedTerms
from careledger.resources.forwarding import ForwardRequest
from careledger.values import Receipt, Wait, address, from_hex, keccak, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["GAP_SECONDS", "SPREAD_HOURS", "Parcel", "carry", "carry_all", "check", "due"]

FORMAT: Final = "careledger-parcel-v1"
SPREAD_HOURS: Final = 6
"""Over how many hours a round of acts is spread when nothing else is said."""
GAP_SECONDS: Final = (60, 900)
"""The pause between two parcels that one carrier carries: at random between these."""
_CARRIED: Final = (
    "approveRecovery", "executeRecovery", "claimHeld", "publishKeySigned", "appointGuardianSigned", "grantSigned",
    "revokeSigned", "denySigned",
)  # fmt: skip
"""What anyone may carry for anyone: doors that take a signature, or ask for none."""


def due(start: int, *, hours: float = SPREAD_HOURS, not_after: int) -> int:
    """Draw when one act is due: any second of the hours from a start is as likely, and an hour is left to carry it.

    Args:
        start: The second it is.
        hours: Over how long a round of acts is spread; 0 has all of them due at once.
        not_after: The last second at which the act can be carried: the deadline that was signed, or of the chain.
    """
    return moment(start, within_days=hours / 24, not_after=not_after) if hours > 0 else start


@dataclass(frozen=True)
class Parcel:
    """One act for a relayer: a call that carries its own authority, or a forward request."""

    chain_id: int
    to: str
    data: bytes = field(repr=False)
    not_before: int
    """Not to be carried before this second, since 1970."""
    key: str
    """The act's business key: random, so that a relayer's journal joins nothing."""
    request: dict[str, Any] | None = field(default=None, repr=False)
    """The forward request with its signature, where the act is the account's own."""

    @classmethod
    def call(cls, care: CareLedger, contract: str, function: str, *args: Any, not_before: int) -> Parcel:
        """Pack a call of a function that anyone may carry."""
        if function not in _CARRIED:
            raise InputError(f"{function} takes the sender's word", fix="Pack a forward request instead.")
        data = artifacts().load(contract).encode_call(function, *args)
        return cls(care.connection.chain_id, care.suite[contract].address, data, not_before, _key())

    @classmethod
    def forward(cls, care: CareLedger, signed: SignedTerms[ForwardRequest], *, not_before: int) -> Parcel:
        """Pack a forward request that the account signed."""
        request = {"terms": signed.terms.typed.to_json(), "signature": to_hex(signed.signature)}
        return cls(
            care.connection.chain_id, care.forwarding.address, signed.terms.message["data"], not_before, _key(), request
        )  # fmt: skip

    @property
    def business_key(self) -> str:
        """What the act is known by in a relayer's journal: of its content too, so that no other takes its place."""
        signature = self.request["signature"] if self.request is not None else ""
        return f"parcel/{self.key[:64]}/{keccak(self.data + str(signature).encode()).hex()[:16]}"

    def to_json(self) -> dict[str, Any]:
        """Return the parcel as a relayer gets it."""
        return {
            "format": FORMAT, "chainId": self.chain_id, "to": self.to, "data": to_hex(self.data),
            "notBefore": self.not_before, "key": self.key, "request": self.request,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: dict[str, Any] | str) -> Parcel:
        """Read what ``to_json`` gave.

        Raises:
            FormatError: It is something else.
        """
        found = read(data if isinstance(data, str) else json.dumps(data), FORMAT)
        try:
            if found["request"] is not None:
                TypedData.from_json(found["request"]["terms"])
                from_hex(found["request"]["signature"])
            return cls(
                int(found["chainId"]), address(found["to"]), from_hex(found["data"]), int(found["notBefore"]),
                str(found["key"]), found["request"],
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, InputError):
            raise broken("parcel") from None


def carry(care: CareLedger, parcel: Parcel, *, wait: Wait = "included") -> Receipt[None] | None:
    """Carry a parcel that is due; the same parcel twice acts once.

    Args:
        care: The relayer's client; it pays the gas.
        parcel: What to carry.
        wait: Until when to wait.

    Returns:
        The receipt; None where somebody else has carried the same act.

    Raises:
        Pending: It is not due yet.
        InputError: It is for another chain, or not for a contract of this suite, or not an act that anyone may carry.
        ContractError: The contract refuses it.
    """
    check(care, parcel)
    now = care.participants.now()
    if now < parcel.not_before:
        raise Pending(
            f"this parcel is not to be carried for another {_span(parcel.not_before - now)}",
            why="The acts of one ceremony are spread, so that their times do not join the accounts.",
            fix="Carry it then.",
        )
    key = parcel.business_key
    try:
        if parcel.request is None:
            return care.sender.submit(Call(parcel.to, parcel.data), key=key, wait=wait)
        receipt = care.forwarding.carry(_signed(parcel.request), key=key, wait=wait)
        assert isinstance(receipt, Receipt)  # noqa: S101 - not a dry run
        return receipt
    except ContractError as error:
        if type(error).__name__ == "ParticipantRegistry_AlreadyDone":
            return None
        raise


def carry_all(
    care: CareLedger, parcels: Iterable[Parcel], *, wait: Wait = "included", hurry: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Sequence[Parcel], Sequence[tuple[Parcel, ContractError | InputError]]]:  # fmt: skip
    """Carry what is due, one by one in random order, with a random pause of 1 to 15 minutes between two.

    Args:
        care: The relayer's client.
        parcels: Any number of them; those that are not due stay.
        wait: Until when to wait for each.
        hurry: Without pauses and whatever the times say: faster than a thief, and joined by its times.
        progress: Told how many of how many were carried.

    Returns:
        What is left because it is not due, and what the contract refused, or nobody should carry, with its reason: one
        such parcel does not stop the others.
    """
    now = care.participants.now()
    waiting: list[Parcel] = []
    due: list[Parcel] = []
    refused: list[tuple[Parcel, ContractError | InputError]] = []
    for parcel in parcels:
        (due if hurry or parcel.not_before <= now else waiting).append(parcel)
    secrets.SystemRandom().shuffle(due)
    for number, parcel in enumerate(due):
        if number and not hurry:
            low, high = GAP_SECONDS
            time.sleep(low + secrets.randbelow(high - low))
        try:
            carry(care, _at_once(parcel) if hurry else parcel, wait=wait)
        except (ContractError, InputError) as error:
            refused.append((parcel, error))
        if progress is not None:
            progress(number + 1, len(due))
    return waiting, refused


def check(care: CareLedger, parcel: Parcel) -> None:
    """Refuse whatever a relayer should not pay for.

    Raises:
        InputError: It is for another chain, or not for a contract of this suite, or not an act that anyone may carry.
    """
    if parcel.chain_id != care.connection.chain_id:
        raise InputError(f"this parcel is for chain {parcel.chain_id}", fix="Carry it there.")
    names = {listing.address: listing.name for listing in care.suite.listings}
    name = names.get(address(parcel.to))
    if parcel.request is not None:
        inner = _signed(parcel.request).terms
        if inner.typed.domain != care.forwarding.domain or inner.message["to"] not in names:
            name = None
    elif name is not None:
        artifact = artifacts().load(name)
        allowed = [artifact.selector_of(item) for item in _CARRIED if item in artifact.functions]
        name = name if parcel.data[:4] in allowed else None
    if name is None:
        raise InputError(
            "this is not an act that anyone may carry here",
            why="A parcel goes to a contract of this suite, through a door that takes a signature or asks for none.",
            fix="Check the suite, and who gave you the parcel.",
        )


# INTERNAL


def _key() -> str:
    return secrets.token_hex(16)


def _at_once(parcel: Parcel) -> Parcel:
    return Parcel(parcel.chain_id, parcel.to, parcel.data, 0, parcel.key, parcel.request)


def _signed(request: dict[str, Any]) -> SignedTerms[ForwardRequest]:
    try:
        terms = ForwardRequest(TypedData.from_json(request["terms"]))
        data = terms.typed.message["data"]
        message = {**terms.typed.message, "data": from_hex(data) if isinstance(data, str) else data}
        typed = TypedData(terms.typed.domain, terms.typed.types, terms.typed.primary, message)
        return SignedTerms(ForwardRequest(typed), from_hex(request["signature"]), address(message["from"]))
    except (KeyError, TypeError, InputError):
        raise FormatError("this forward request does not hold together", fix="Have it signed again.") from None


def _span(seconds: int) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3_600 else f"{-(-seconds // 60)} minutes"
