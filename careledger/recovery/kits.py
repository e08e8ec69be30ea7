"""What is kept for the day a phone is lost: the owner's kit, and a sheet for each guardian.

A sheet holds one guardian's own salts and paths, and of the others nothing. Neither gives anybody anything to read:
records open with other keys, which are in neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.errors import InputError
from careledger.privacy.documents import Split, open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import SCRYPT_N, Opener, Recipient
from careledger.privacy.pseudonyms import Scope, ScopeKind
from careledger.recovery.papers import broken, read, recipient_from_json, recipient_to_json
from careledger.redact import PersonalText, Secret
from careledger.resources.guardian_sets import GuardianSet
from careledger.values import Address, Bytes32, address, bytes32, from_hex, to_hex

__all__ = ["Guarded", "Kit", "Person", "Sheet", "Ward"]

# KEPT BY A GUARDIAN


@dataclass(frozen=True)
class Ward:
    """One account, as one of its guardians knows it."""

    subject: Address = field(repr=False)
    tag: Address = field(repr=False)
    """Leads to the guardian's account for it: ``Scope.guardian_of(tag)``."""
    guardian: Address = field(repr=False)
    index: int
    salt: Secret = field(repr=False)
    path: tuple[Bytes32, ...] = field(repr=False)
    root: Bytes32 = field(repr=False)
    quorum: int
    larger_quorum: int
    wait_seconds: int

    @property
    def scope(self) -> Scope:
        """The scope of the guardian's account for this ward."""
        return Scope.guardian_of(self.tag)

    @property
    def terms(self) -> dict[str, Any]:
        """The guardians' terms as the contract takes them."""
        return {
            "root": self.root, "quorum": self.quorum, "largerQuorum": self.larger_quorum,
            "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    @property
    def proof(self) -> dict[str, Any]:
        """The proof of being one of them, as the contract takes it."""
        return {
            "guardian": self.guardian, "index": self.index, "salt": self.salt.reveal(),
            "path": [from_hex(node) for node in self.path],
        }  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return every field, the salt included: keep it sealed."""
        return {
            "subject": self.subject, "tag": self.tag, "guardian": self.guardian, "index": self.index,
            "salt": to_base64url(self.salt.reveal()), "path": list(self.path), "root": self.root,
            "quorum": self.quorum, "largerQuorum": self.larger_quorum, "waitSeconds": self.wait_seconds,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Ward:
        """Read what ``to_json`` gave; raises KeyError, TypeError or ValueError where it is something else."""
        subject, tag, guardian = (address(data[name]) for name in ("subject", "tag", "guardian"))
        counts = [int(data[name]) for name in ("index", "quorum", "largerQuorum", "waitSeconds")]
        salt, path = Secret(from_base64url(data["salt"]), "salt"), tuple(bytes32(node) for node in data["path"])
        if len(salt) != 32:
            raise ValueError("salt")
        return cls(subject, tag, guardian, counts[0], salt, path, bytes32(data["root"]), *counts[1:])


@dataclass(frozen=True)
class Sheet:
    """What one guardian keeps: how to prove, for each account, that it is a guardian."""

    chain_id: int
    registry: Address
    person: int
    """Which of the owner's guardians this is, from 0."""
    guardian: Recipient = field(repr=False)
    """The guardian's key, which requests are sealed to."""
    wards: tuple[Ward, ...]

    KIND: Final = "guardian-sheet"
    FORMAT: Final = "careledger-guardian-sheet-fields-v1"

    def sealed_to(self, reader: Recipient | None = None) -> str:
        """Return the sheet sealed for its guardian, or for an owner who lost everything and asks for it."""
        return seal_document(self.to_json().encode(), self.KIND, recipients=[reader or self.guardian])

    @classmethod
    def unsealed(cls, text: str, opener: Opener) -> Sheet:
        """Open what ``sealed_to`` gave.

        Raises:
            FormatError: It is something else.
            NotARecipient: It is another's.
            SealedDamaged: It was changed.
        """
        return cls.from_json(open_document(text, cls.KIND, opener=opener))

    def to_json(self) -> str:
        """Return the sheet unsealed: for a sealed book."""
        return json.dumps(
            {
                "format": self.FORMAT, "chainId": self.chain_id, "registry": self.registry, "person": self.person,
                "guardian": recipient_to_json(self.guardian), "wards": [ward.to_json() for ward in self.wards],
            },
            sort_keys=True,
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str | bytes) -> Sheet:
        """Read what ``to_json`` gave.

        Raises:
            FormatError: It is something else.
        """
        data = read(text, cls.FORMAT)
        try:
            wards = tuple(Ward.from_json(ward) for ward in data["wards"])
            guardian = recipient_from_json(data["guardian"])
            return cls(int(data["chainId"]), address(data["registry"]), int(data["person"]), guardian, wards)
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("sheet") from None


# KEPT BY THE OWNER


@dataclass(frozen=True)
class Person:
    """A guardian, as the owner knows it."""

    guardian: Recipient = field(repr=False)
    label: PersonalText | None = field(default=None, repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return every field: keep it sealed."""
        return {"guardian": recipient_to_json(self.guardian), "label": self.label}


@dataclass(frozen=True)
class Guarded:
    """One account with the set of its guardians. Only the tags' order tells which person stands at which place."""

    subject: Address = field(repr=False)
    scope: Scope = field(repr=False)
    """What the account is for: its custodian, insurer or provider, also once another key controls it."""
    guardians: GuardianSet = field(repr=False)
    people: tuple[int, ...]
    """Which person stands at which index."""
    tags: tuple[Address, ...] = field(repr=False)
    """By index."""

    def ward(self, person: int) -> Ward:
        """Return the account as one of its guardians knows it."""
        index, terms = self.people.index(person), self.guardians.call
        proof = self.guardians.proof(index)
        path = tuple(Bytes32(to_hex(node)) for node in proof["path"])
        return Ward(
            self.subject, self.tags[index], Address(proof["guardian"]), index, self.guardians.salts[index], path,
            Bytes32(to_hex(terms["root"])), terms["quorum"], terms["largerQuorum"], terms["waitSeconds"],
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return every field: keep it sealed."""
        return {
            "subject": self.subject, "scope": self.scope.to_json(), "guardians": self.guardians.to_json(),
            "people": list(self.people), "tags": list(self.tags),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Guarded:
        """Read what ``to_json`` gave; raises KeyError, TypeError or InputError where it is something else."""
        return cls(
            address(data["subject"]), Scope.from_json(data["scope"]), GuardianSet.from_json(data["guardians"]),
            tuple(int(number) for number in data["people"]), tuple(address(tag) for tag in data["tags"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Kit:
    """What an owner keeps for the day the phone is lost: accounts, guardians, salts. Sealed, away from the phone."""

    chain_id: int
    registry: Address
    people: tuple[Person, ...] = field(repr=False)
    """Everybody who is or was a guardian; the others are named by their places in it."""
    accounts: tuple[Guarded, ...] = field(repr=False)
    before: tuple[Guarded, ...] = field(repr=False, default=())
    """Sets that were in force when those of now were sent, and are until those have waited."""

    KIND: Final = "recovery-kit"
    FORMAT: Final = "careledger-recovery-kit-fields-v1"

    @property
    def scopes(self) -> dict[Address, Scope]:
        """What each account is for, by subject; without those of which only the key of now is known."""
        return {item.subject: item.scope for item in self.accounts if item.scope.kind is not ScopeKind.SUCCESSOR}

    def find(self, subject: str, commitment: str) -> Guarded | None:
        """Return the set of an account that the chain has under a commitment."""
        for item in (*self.accounts, *self.before):
            if item.subject.lower() == subject.lower() and item.guardians.commitment == commitment:
                return item
        return None

    def sheets(self, *, before: bool = False) -> tuple[Sheet, ...]:
        """Return each guardian's sheet, in the order of ``people``; ``before`` adds the sets not replaced yet."""
        held = (*self.accounts, *self.before) if before else self.accounts
        return tuple(
            Sheet(
                self.chain_id, self.registry, number, person.guardian,
                tuple(item.ward(number) for item in held if number in item.people),
            )
            for number, person in enumerate(self.people)
        )  # fmt: skip

    def sealed(
        self, *, password: Secret | None = None, recipients: Sequence[Recipient] = (), split: Split | None = None,
        work: int = SCRYPT_N,
    ) -> str:  # fmt: skip
        """Return the kit sealed, with as many roads back as given; for any storage."""
        text = self.to_json().encode()
        return seal_document(text, self.KIND, password=password, recipients=recipients, split=split, work=work)

    @classmethod
    def unsealed(
        cls, text: str, *, password: Secret | None = None, opener: Opener | None = None, shares: Sequence[Secret] = ()
    ) -> Kit:
        """Open what ``sealed`` gave.

        Raises:
            FormatError: It is something else.
            KeyMaterialError: Password or shares are wrong.
            NotARecipient: It was not sealed for this key.
            SealedDamaged: It was changed.
        """
        return cls.from_json(open_document(text, cls.KIND, password=password, opener=opener, shares=shares))

    def to_json(self) -> str:
        """Return the kit unsealed: for a sealed book."""
        return json.dumps(
            {
                "format": self.FORMAT, "chainId": self.chain_id, "registry": self.registry,
                "people": [person.to_json() for person in self.people],
                "accounts": [item.to_json() for item in self.accounts],
                "before": [item.to_json() for item in self.before],
            },
            sort_keys=True,
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str | bytes) -> Kit:
        """Read what ``to_json`` gave.

        Raises:
            FormatError: It is something else.
        """
        data = read(text, cls.FORMAT)
        try:
            people = tuple(
                Person(recipient_from_json(item["guardian"]), item["label"] and PersonalText(item["label"]))
                for item in data["people"]
            )
            accounts, before = (
                tuple(Guarded.from_json(item) for item in data[name]) for name in ("accounts", "before")
            )
            return cls(int(data["chainId"]), address(data["registry"]), people, accounts, before)
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("kit") from None
