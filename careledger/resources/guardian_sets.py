"""Who can give a lost account back, and how far a recovery has come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from careledger.chain.abi import encode
from careledger.errors import FormatError, InputError
from careledger.privacy.commitments import new_salt
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.merkle import StandardTree
from careledger.redact import Secret
from careledger.resources.base import address_of
from careledger.resources.calendar import DAY
from careledger.values import Address, Bytes32, PartyRef, address, bytes32, from_hex, keccak, to_hex

__all__ = ["LAPSE_SECONDS", "NO_GUARDIANS", "GuardianSet", "GuardiansState", "RecoveryState", "commitment_of"]

LAPSE_SECONDS: Final = 30 * DAY
"""A recovery that nobody carried out lapses thirty days after it was ready; without a quorum, after it was begun."""
NO_GUARDIANS: Final = {"root": bytes(32), "quorum": 0, "largerQuorum": 0, "waitSeconds": 0}


def commitment_of(terms: Mapping[str, Any]) -> Bytes32:
    """Return what the chain keeps of guardian terms: keccak256(abi.encode(root, quorum, largerQuorum, waitSeconds))."""
    root = terms["root"] if isinstance(terms["root"], bytes) else from_hex(terms["root"])
    if root == bytes(32):
        return Bytes32(to_hex(root))
    kinds = ("bytes32", "uint8", "uint8", "uint32")
    return bytes32(keccak(encode(kinds, (root, terms["quorum"], terms["largerQuorum"], terms["waitSeconds"]))))


@dataclass(frozen=True)
class GuardianSet:
    """Who can give an account back: guardians under a salted root, named only when they act."""

    guardians: tuple[Address, ...]
    salts: tuple[Secret, ...]
    quorum: int
    larger_quorum: int
    wait_seconds: int

    @classmethod
    def of(
        cls, guardians: Sequence[PartyRef], *, quorum: int, larger_quorum: int | None = None, wait_days: int = 3
    ) -> GuardianSet:
        """Make a set with fresh salts; the larger quorum is everybody when not given."""
        if not 0 < quorum <= (larger_quorum or len(guardians)) <= len(guardians) <= 16:
            raise InputError(
                f"{quorum} of {len(guardians)} guardians is not a quorum", fix="Name 1 to 16 guardians, quorum within."
            )
        salts = tuple(new_salt() for _ in guardians)
        accounts = tuple(address_of(item) for item in guardians)
        return cls(accounts, salts, quorum, larger_quorum or len(guardians), wait_days * DAY)

    @property
    def tree(self) -> StandardTree:
        """The tree over (index, guardian, salt)."""
        rows = [[i, a, s.reveal()] for i, (a, s) in enumerate(zip(self.guardians, self.salts, strict=True))]
        return StandardTree(rows, types=["uint8", "address", "bytes32"])

    @property
    def call(self) -> dict[str, Any]:
        """The terms as the contract takes them."""
        return {
            "root": self.tree.root, "quorum": self.quorum, "largerQuorum": self.larger_quorum,
            "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    def proof(self, index: int) -> dict[str, Any]:
        """The proof that guardian ``index`` is one."""
        return {
            "guardian": self.guardians[index], "index": index, "salt": self.salts[index].reveal(),
            "path": self.tree.proof(index),
        }  # fmt: skip

    @property
    def commitment(self) -> Bytes32:
        """What the chain keeps of it."""
        return commitment_of(self.call)

    def to_json(self) -> dict[str, Any]:
        """Return every field, salts included: keep it sealed."""
        return {
            "guardians": list(self.guardians), "salts": [to_base64url(salt.reveal()) for salt in self.salts],
            "quorum": self.quorum, "largerQuorum": self.larger_quorum, "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GuardianSet:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
        """
        try:
            salts = tuple(Secret(from_base64url(text), "salt") for text in data["salts"])
            guardians = tuple(address(text) for text in data["guardians"])
            counts = [int(data[name]) for name in ("quorum", "largerQuorum", "waitSeconds")]
            if len(salts) == len(guardians) and all(len(salt) == 32 for salt in salts):
                return cls(guardians, salts, *counts)
        except (KeyError, TypeError, ValueError, InputError):
            pass
        raise FormatError("this is no set of guardians", fix="Use what to_json() gave, unchanged.")


@dataclass(frozen=True)
class GuardiansState:
    """What the chain has of an account's guardians."""

    in_force: Bytes32
    """Commitment to those who can give the account back now; zeros for nobody."""
    next: Bytes32
    """Commitment to those who can from ``in_force_at`` on."""
    in_force_at: int

    @property
    def changing(self) -> bool:
        """Whether a change is waiting."""
        return self.in_force != self.next


@dataclass(frozen=True)
class RecoveryState:
    """A proposal to give a subject a new controller, as it stands; times in seconds since 1970."""

    id: Bytes32
    subject: PartyRef
    to: Address
    guardians: Bytes32
    """Commitment to the guardians it was begun by."""
    approvals: int
    """Bit i: guardian i approved."""
    count: int
    objected: bool
    endorsed: bool
    recoveries: int
    """The account's count of recoveries when it was begun."""
    begun_at: int
    quorum_at: int
    """0 while there is no quorum."""
    ready_at: int
    """When it may be carried out; 0 while there is no quorum."""

    def is_void(self, *, recoveries: int, now: int) -> bool:
        """Whether it does not count any more: overtaken by another recovery, or lapsed."""
        return self.recoveries != recoveries or now > (self.ready_at or self.begun_at) + LAPSE_SECONDS
