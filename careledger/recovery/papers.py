"""Papers between an owner and those who are asked to be guardians: an invitation, and a sealed answer.

A guardian acts for each account under another account of its own, which follows from a **tag**: 20 random bytes in
place of the account's address. So an invitation names nobody, and nobody learns an account who has no sheet.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.errors import FormatError, InputError
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import Opener, Recipient, Suite
from careledger.text import read_json
from careledger.values import Address, address

__all__ = ["Answer", "Invitation", "broken", "digits", "read", "recipient_from_json", "recipient_to_json"]

MOST_BYTES: Final = 4 << 20


def digits(*parts: str) -> str:
    """Return 24 digits that two people read to each other, to see that both have the same paper."""
    number = int.from_bytes(hashlib.sha256("\n".join(parts).encode()).digest(), "big") % 10**24
    text = f"{number:024}"
    return " ".join(text[at : at + 4] for at in range(0, 24, 4))


def read(text: str | bytes, form: str) -> dict[str, Any]:
    """Return a paper's fields.

    Raises:
        FormatError: It is not such a paper, or was cut.
    """
    try:
        found = read_json(text) if len(text) <= MOST_BYTES else None
        if isinstance(found, dict) and found.get("format") == form:
            return found
    except ValueError:
        pass
    raise FormatError(f"this is not a {form}", why="It was cut, or is another paper.", fix="Fetch it again.")


def broken(form: str) -> FormatError:
    """Return the error for a paper whose fields do not fit."""
    return FormatError(f"this {form} does not hold together", fix="Have it made again.")


def recipient_to_json(key: Recipient) -> dict[str, Any]:
    """Return a public key as papers carry it."""
    return {"key": to_base64url(key.public_key), "suite": int(key.suite)}


def recipient_from_json(data: Mapping[str, Any]) -> Recipient:
    """Read a public key; raises ValueError, KeyError or TypeError where it is none."""
    return Recipient(from_base64url(data["key"]), Suite(data["suite"]))


# BEFORE: INVITATION AND ANSWER


@dataclass(frozen=True)
class Invitation:
    """Asks one person to be a guardian of some accounts, without naming them."""

    chain_id: int
    registry: Address
    tags: tuple[Address, ...]
    """One for each account, in random order."""
    owner: Recipient
    """What the answer is sealed to."""

    FORMAT: Final = "careledger-guardian-invitation-v1"

    @property
    def digits(self) -> str:
        """What both read to each other, so that nobody put another invitation in its place."""
        return digits("invitation", *self.tags, self.owner.key_hash.hex())

    def to_json(self) -> str:
        """Return the paper."""
        return json.dumps(
            {
                "format": self.FORMAT, "chainId": self.chain_id, "registry": self.registry, "tags": list(self.tags),
                "owner": recipient_to_json(self.owner),
            }
        )  # fmt: skip

    @classmethod
    def from_json(cls, text: str) -> Invitation:
        """Read what ``to_json`` gave.

        Raises:
            FormatError: It is something else.
        """
        data = read(text, cls.FORMAT)
        try:
            tags = tuple(address(tag) for tag in data["tags"])
            if not tags or len(set(tags)) != len(tags):
                raise ValueError("tags")
            return cls(int(data["chainId"]), address(data["registry"]), tags, recipient_from_json(data["owner"]))
        except (KeyError, TypeError, ValueError, InputError):
            raise broken("invitation") from None


@dataclass(frozen=True)
class Answer:
    """A guardian's yes: its account for each tag, and the key its sheet is sealed to. Travels sealed."""

    accounts: Mapping[Address, Address] = field(repr=False)
    """By tag."""
    guardian: Recipient

    KIND: Final = "guardian-answer"
    FORMAT: Final = "careledger-guardian-answer-fields-v1"

    @property
    def digits(self) -> str:
        """What both read to each other, so that nobody put another guardian in its place."""
        pairs = (f"{tag}{self.accounts[tag]}" for tag in sorted(self.accounts))
        return digits("answer", self.guardian.key_hash.hex(), *pairs)

    def sealed_to(self, owner: Recipient) -> str:
        """Return the answer sealed for the owner."""
        fields = {
            "format": self.FORMAT, "accounts": dict(self.accounts), "guardian": recipient_to_json(self.guardian)
        }  # fmt: skip
        return seal_document(json.dumps(fields).encode(), self.KIND, recipients=[owner])

    @classmethod
    def unsealed(cls, text: str, owner: Opener) -> Answer:
        """Open what ``sealed_to`` gave.

        Raises:
            FormatError: It is something else.
            NotARecipient: It answers another owner.
            SealedDamaged: It was changed.
        """
        data = read(open_document(text, cls.KIND, opener=owner), cls.FORMAT)
        try:
            accounts = {address(tag): address(account) for tag, account in data["accounts"].items()}
            if len(set(accounts.values())) != len(accounts):
                raise ValueError("accounts")
            return cls(accounts, recipient_from_json(data["guardian"]))
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("answer") from None
