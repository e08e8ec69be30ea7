"""What a guardian is asked to sign after a phone was lost, and the one sitting in which it signs for all accounts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.errors import InputError
from careledger.privacy.documents import open_document, seal_document
from careledger.privacy.openers import Opener, Recipient
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.recovery.kits import Sheet, Ward
from careledger.recovery.papers import broken, digits, read, recipient_from_json, recipient_to_json
from careledger.resources.base import SignedTerms, Terms
from careledger.values import Address, address, from_hex, to_hex

__all__ = ["Approval", "Approvals", "Request", "Wanted", "approval_terms", "sign"]

_APPROVAL: Final = (
    ("subject", "address"), ("newController", "address"), ("recoveries", "uint16"), ("deadline", "uint40"),
)  # fmt: skip


def approval_terms(domain: Domain, subject: str, controller: str, recoveries: int, deadline: int) -> Terms:
    """Return what a guardian signs for one account: RecoveryApproval(subject, newController, recoveries, deadline)."""
    message = {"subject": subject, "newController": controller, "recoveries": recoveries, "deadline": deadline}
    return Terms(TypedData(domain, {"RecoveryApproval": _APPROVAL}, "RecoveryApproval", message))


@dataclass(frozen=True)
class Wanted:
    """One account of a request: which new key is to control it."""

    ward: Ward
    controller: Address = field(repr=False)
    recoveries: int
    """The account's count of recoveries, which the approval names."""
    deadline: int
    """Last second to carry it: a Monday, 00:00 UTC, as of everybody's acts that week."""

    def to_json(self) -> dict[str, Any]:
        """Return every field: keep it sealed."""
        return {
            "ward": self.ward.to_json(), "controller": self.controller, "recoveries": self.recoveries,
            "deadline": self.deadline,
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Wanted:
        """Read what ``to_json`` gave; raises KeyError, TypeError or ValueError where it is something else."""
        counts = [int(data[name]) for name in ("recoveries", "deadline")]
        return cls(Ward.from_json(data["ward"]), address(data["controller"]), *counts)


@dataclass(frozen=True)
class Request:
    """What one guardian is asked: all accounts at once. Travels sealed, as it names them together."""

    domain: Domain
    """Of the registry that signatures are for."""
    owner: Recipient = field(repr=False)
    """The new wallet's key, which the approvals are sealed to."""
    wanted: tuple[Wanted, ...]

    KIND: Final = "recovery-request"
    FORMAT: Final = "careledger-recovery-request-fields-v1"

    @property
    def digits(self) -> str:
        """What the guardian and the person who asks read to each other: by voice or face, not by the same channel."""
        pairs = sorted(f"{item.ward.subject}{item.controller}" for item in self.wanted)
        return digits("request", self.owner.key_hash.hex(), *pairs)

    def in_words(self) -> str:
        """Return what a guardian is to know before it signs."""
        count = len(self.wanted)
        return (
            f"Somebody asks you to give {count} account{'s' if count > 1 else ''} to a new phone. Speak with the person"
            f" you are a guardian for, and sign only if they read you these digits: {self.digits}"
        )

    def sealed_to(self, guardian: Recipient) -> str:
        """Return the request sealed for the guardian."""
        domain = self.domain
        fields = {
            "format": self.FORMAT, "owner": recipient_to_json(self.owner),
            "domain": [domain.name, domain.version, domain.chain_id, domain.verifying_contract],
            "wanted": [item.to_json() for item in self.wanted],
        }  # fmt: skip
        return seal_document(json.dumps(fields).encode(), self.KIND, recipients=[guardian])

    @classmethod
    def unsealed(cls, text: str, opener: Opener) -> Request:
        """Open what ``sealed_to`` gave.

        Raises:
            FormatError: It is something else.
            NotARecipient: It is for another guardian.
            SealedDamaged: It was changed.
        """
        data = read(open_document(text, cls.KIND, opener=opener), cls.FORMAT)
        try:
            name, version, chain_id, contract = data["domain"]
            domain = Domain(str(name), str(version), int(chain_id), address(contract))
            wanted = tuple(Wanted.from_json(item) for item in data["wanted"])
            return cls(domain, recipient_from_json(data["owner"]), wanted)
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("request") from None


@dataclass(frozen=True)
class Approval:
    """One guardian's signature for one account, with the proof of being its guardian."""

    wanted: Wanted
    signature: bytes = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """Return every field: keep it sealed."""
        return {"wanted": self.wanted.to_json(), "signature": to_hex(self.signature)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Approval:
        """Read what ``to_json`` gave; raises KeyError, TypeError or ValueError where it is something else."""
        return cls(Wanted.from_json(data["wanted"]), from_hex(data["signature"]))


@dataclass(frozen=True)
class Approvals:
    """What comes of a sitting: a signature for each account. Travels sealed to the new wallet."""

    approvals: tuple[Approval, ...]

    KIND: Final = "recovery-approvals"
    FORMAT: Final = "careledger-recovery-approvals-fields-v1"

    def sealed_to(self, owner: Recipient) -> str:
        """Return the approvals sealed for the new wallet."""
        fields = {"format": self.FORMAT, "approvals": [item.to_json() for item in self.approvals]}
        return seal_document(json.dumps(fields).encode(), self.KIND, recipients=[owner])

    @classmethod
    def unsealed(cls, text: str, opener: Opener) -> Approvals:
        """Open what ``sealed_to`` gave.

        Raises:
            FormatError: It is something else.
            NotARecipient: They are for another wallet.
            SealedDamaged: They were changed.
        """
        data = read(open_document(text, cls.KIND, opener=opener), cls.FORMAT)
        try:
            return cls(tuple(Approval.from_json(item) for item in data["approvals"]))
        except (KeyError, TypeError, ValueError, AttributeError, InputError):
            raise broken("sheet of approvals") from None


def sign(wallet: Wallet, request: Request, *, sheets: Sequence[Sheet] = ()) -> Approvals:
    """Sign, as a guardian, for every account of a request: one sitting. Ask the person first; see ``in_words``.

    Args:
        wallet: The guardian's.
        request: As opened with the guardian's own key.
        sheets: The guardian's own sheets, where it has them: an account that is on none of them is refused.

    Raises:
        InputError: An account is not this guardian's to give back, or two accounts would get one key.
    """
    controllers = {item.controller for item in request.wanted}
    if len(controllers) != len(request.wanted):
        raise InputError(
            "two accounts would get one key", why="One key for two accounts joins them for everybody to see.",
            fix="Have the request made again.",
        )  # fmt: skip
    here = request.domain.chain_id, request.domain.verifying_contract
    known = {
        (ward.subject, ward.root)
        for sheet in sheets
        for ward in sheet.wards
        if (sheet.chain_id, sheet.registry) == here
    }
    found = []
    for item in request.wanted:
        signer = Signer.from_key(wallet.account(item.ward.scope).key)
        if signer.address != item.ward.guardian or (sheets and (item.ward.subject, item.ward.root) not in known):
            raise InputError(
                "this request names an account that you are no guardian of",
                why="It was made for another guardian, or is no honest one.",
                fix="Speak with the person you are a guardian for.",
            )
        terms = approval_terms(request.domain, item.ward.subject, item.controller, item.recoveries, item.deadline)
        found.append(Approval(item, terms.signed_by(signer).signature))
    return Approvals(tuple(found))


def signed_terms(domain: Domain, approval: Approval) -> SignedTerms[Terms]:
    """Return an approval as signed terms; whose signature it is can be asked of them."""
    item = approval.wanted
    terms = approval_terms(domain, item.ward.subject, item.controller, item.recoveries, item.deadline)
    return SignedTerms(terms, approval.signature, item.ward.guardian)


def book_recipient(wallet: Wallet) -> Recipient:
    """Return the key a wallet's papers are sealed to."""
    return wallet.opener(Scope.book()).recipient()
