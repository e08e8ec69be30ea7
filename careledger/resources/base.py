"""What every resource of the SDK has: its contract, reads, and writes that act once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from careledger.chain.abi import Artifact, artifacts
from careledger.chain.calls import Call
from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.codes import Will
from careledger.errors import InputError
from careledger.resources.calendar import last_day_to_carry
from careledger.resources.evidence import Evidence, EvidenceShelf
from careledger.values import Address, PartyRef, Prepared, Receipt, Wait, address, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger

__all__ = ["Party", "Resource", "SignedTerms", "Terms", "address_of", "party"]

T = TypeVar("T")
TermsT = TypeVar("TermsT", bound="Terms")

Party = PartyRef
"""Whoever a call is about: always a ``PartyRef``, never a bare string."""


def party(text: str, *, kind: str = "person", label: str | None = None) -> PartyRef:
    """Make a party of an address that a person or file gave.

    Raises:
        InputError: Not an address, or its checksum is wrong.
    """
    return PartyRef(kind, address(text), label)  # type: ignore[arg-type]


def address_of(who: PartyRef) -> Address:
    """Return a party's subject address.

    Raises:
        InputError: It is not a ``PartyRef``.
    """
    if not isinstance(who, PartyRef):
        raise InputError(
            f"a party is a PartyRef, not {type(who).__name__}",
            why="A bare address says neither what it is nor whether somebody checked it.",
            fix="Use careledger.party(address, kind=...).",
        )
    return who.address


@dataclass(frozen=True)
class Terms:
    """What somebody is asked to sign: the typed data a wallet shows, and what it comes to."""

    typed: TypedData
    """What is signed (EIP-712)."""

    def signed_by(self: TermsT, signer: Signer) -> SignedTerms[TermsT]:
        """Sign the terms."""
        return SignedTerms(self, signer.sign_typed(self.typed), signer.address)


@dataclass(frozen=True)
class SignedTerms(Generic[TermsT]):
    """Terms with a signature: anyone may carry them to the chain."""

    terms: TermsT
    signature: bytes
    """65 bytes, or what a contract wallet takes (ERC-1271)."""
    signer: Address


class Resource:
    """One contract of the suite, as the SDK offers it."""

    contract: ClassVar[str]
    """Name in the suite."""

    def __init__(self, care: CareLedger) -> None:
        self._care = care

    @property
    def address(self) -> Address:
        """Where the contract is."""
        return self._care.suite[self.contract].address

    @property
    def artifact(self) -> Artifact:
        """ABI and documentation."""
        return artifacts().load(self.contract)

    @property
    def domain(self) -> Domain:
        """The EIP-712 domain signatures for this contract name."""
        return Domain(f"CareLedger {self.contract}", "1", self._care.connection.chain_id, self.address)

    def _read(self, function: str, *args: Any, about_patient: bool = True, block: int | str = "latest") -> Any:
        """Ask a view; whatever names a pseudonym counts as about a patient."""
        return self._care.connection.read(
            self.artifact, self.address, function, *args, about_patient=about_patient, block=block
        )

    def _write(
        self,
        function: str,
        *args: Any,
        value: Callable[[Receipt[None]], T],
        key: str | None,
        wait: Wait,
        dry_run: bool,
        content: Any = None,
        note: Any = None,
        entry: bool = True,
        not_after: int | None = None,
        base: str | None = None,
        stands: Callable[[], bool] | None = None,
    ) -> Receipt[T] | Prepared:
        """Send a call once; of a client at ease, lay what can wait into the tray instead.

        Args:
            function: Its name in the ABI.
            *args: Its arguments.
            value: What the receipt is about, from the receipt's events.
            key: The act's business key; when not given, ``base``.
            wait: Until when to wait.
            dry_run: Only say what it would cost.
            content: What makes the act the same where calldata differs at each attempt.
            note: JSON to keep beside it in the journal.
            entry: Whether this makes a new entry, which a retired contract does not take.
            not_after: The last second at which it can be carried, for what can wait until then.
            base: The business key where none is given; derived from the calldata by default: the same call acts once.
            stands: Asks the chain whether what this makes is so now. Where it was made under ``base`` and something
                else came after it, the same call acts again: suspended, resumed, and suspended once more.
        """
        if entry:
            self._care.require_open(self.contract)
        call = Call(self.address, self.artifact.encode_call(function, *args))
        sender = self._care.sender
        name = key or self._turn(base or f"{self.contract}.{function}/{to_hex(_digest(call))}", stands)
        if dry_run:
            return sender.prepare(call)
        if self._care.within_days is not None and not_after is not None:
            prepared = sender.prepare(call)
            self._care.tray.put(
                call, key=name, digest=sender.digest(call, content), now=self.now(),
                within_days=self._care.within_days, not_after=not_after, content=content, note=note,
            )  # fmt: skip
            return prepared
        receipt = sender.submit(call, key=name, wait=wait, content=content, note=note)
        return receipt.with_value(value(receipt))

    def _turn(self, base: str, stands: Callable[[], bool] | None) -> str:
        """Return the key of an act that may come again: of the last one made under ``base``, or the next."""
        if stands is None:
            return base
        entry, turn = self._care.sender.entry(base), 1
        while (later := self._care.sender.entry(f"{base}/{turn + 1}")) is not None:
            entry, turn = later, turn + 1
        if entry is not None and entry.state in ("included", "final") and not stands():
            turn += 1
        return base if turn == 1 else f"{base}/{turn}"

    @property
    def _shelf(self) -> EvidenceShelf:
        """Where this party keeps evidence."""
        return EvidenceShelf(self._care.home / "evidence", self._care.opener)

    def _evidence(self, evidence: bytes | None, *, keep: bool = True) -> str:
        """Commit to a piece of evidence under a fresh salt, kept under ``home`` so that it can be shown later."""
        found = Evidence.of(evidence or b"")
        if keep:
            self._shelf.keep(found)
        return found.commitment

    def _act(self, will: Will, evidence: bytes, *, key: str | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Say on what expression of will somebody acts for somebody else.

        Nothing is kept for a dry run, nor for an act that was done under its key before.
        """
        known = None if dry_run or key is None else self._care.sender.entry(key)
        keep = not dry_run and (known is None or known.state == "failed")
        return {"will": will.value, "evidence": self._evidence(evidence, keep=keep)}

    def now(self) -> int:
        """The time of the chain's head, or of this machine where that is later."""
        head = self._care.connection.head().timestamp
        return head if self._care.connection.is_dev else max(head, int(time.time()))

    def deadline(self, days: int) -> int:
        """The last second to carry what is signed now: at least so many days away, and the same for everybody."""
        return last_day_to_carry(days, now=self.now())


def _digest(call: Call) -> bytes:
    from careledger.values import keccak

    return keccak(call.data)[:16]
