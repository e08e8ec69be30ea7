"""What readers and patients sign to custodians, off chain: a request for a record, a request for an accounting.

Both are EIP-712 typed data of the record registry's domain and travel as JSON documents, in a file or over any
transport. Nothing of them goes on chain. What need not be signed goes beside it: a public key that the signature names
by its hash, and openings of limited directives, which the chain compares with what it holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson

from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.codes import DataClass, Purpose, Role
from careledger.errors import FormatError, InputError
from careledger.privacy.commitments import new_salt
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import Recipient, Suite
from careledger.resources.access_entries import Acting
from careledger.resources.base import SignedTerms, Terms
from careledger.resources.recipients import RoleRef, words_of
from careledger.resources.scope import LimitsOpening, classes_of
from careledger.values import ZERO_ADDRESS, Address, PartyRef, RecordId, address, bytes32, from_hex, to_hex

__all__ = [
    "AHEAD_SECONDS", "FRESH_SECONDS", "AccessRequest", "AccountingRequest", "SignedAccountingRequest", "SignedRequest",
    "object_of", "read_signed", "signed_json",
]  # fmt: skip

FRESH_SECONDS: Final = 900
"""How long a signed request is taken: a quarter of an hour from its ``issuedAt``."""
AHEAD_SECONDS: Final = 120
"""How far ``issuedAt`` may be ahead of whoever reads it: the difference that clocks are allowed."""

REQUEST_FORMAT: Final = "careledger-access-request-v1"
ACCOUNTING_REQUEST_FORMAT: Final = "careledger-accounting-request-v1"

_REQUEST: Final = (
    ("custodian", "address"), ("record", "bytes32"), ("actor", "address"), ("capacity", "string"),
    ("organisation", "address"), ("role", "string"), ("jurisdiction", "uint32"), ("purpose", "string"),
    ("classes", "string[]"), ("keyHash", "bytes32"), ("nonce", "bytes32"), ("issuedAt", "uint40"),
)  # fmt: skip
_ACCOUNTING: Final = (
    ("custodian", "address"), ("patient", "address"), ("requester", "address"), ("purpose", "string"),
    ("since", "uint40"), ("keyHash", "bytes32"), ("nonce", "bytes32"), ("issuedAt", "uint40"),
)  # fmt: skip


# DOCUMENTS


def signed_json(signed: SignedTerms[Any]) -> dict[str, Any]:
    """Return terms with their signature as JSON data."""
    return {
        "terms": signed.terms.typed.to_json(), "signature": to_hex(signed.signature), "signer": signed.signer
    }  # fmt: skip


def read_signed(
    data: Mapping[str, Any], domain: Domain, *, name: str, fields: Sequence[tuple[str, str]]
) -> tuple[TypedData, bytes, Address]:
    """Return typed data, signature and signer of what ``signed_json`` wrote; whose signature it is, is asked later.

    Raises:
        FormatError: It is something else.
        InputError: It was signed for another contract or chain.
    """
    try:
        typed = TypedData.from_json(data["terms"])
        signature, signer = from_hex(data["signature"]), address(data["signer"])
        if typed.primary != name or dict(typed.types) != {name: tuple(fields)}:
            raise KeyError(name)
        typed.struct_hash  # noqa: B018 - refuses what does not fit its type
    except (InputError, KeyError, TypeError, ValueError, AttributeError):
        raise FormatError(
            f"this holds no signed {name}", why="It was cut or changed, or is another document.", fix="Ask for it anew."
        ) from None
    if typed.domain != domain:
        raise InputError(
            f"this {name} was signed for another contract or chain",
            why=f"It names {str(typed.domain.verifying_contract)[:42]} on chain {str(typed.domain.chain_id)[:20]}.",
            fix="Use the network and suite it was signed for.",
        )
    return typed, signature, signer


def object_of(text: bytes) -> Mapping[str, Any]:
    """Return the JSON object that was sealed; nothing of it is in the error.

    Raises:
        FormatError: It is none.
    """
    try:
        found = orjson.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FormatError("what is sealed in this answer is no answer", fix="Ask the custodian again.")
    return found


def _formatted(data: Any, wanted: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or data.get("format") != wanted:
        raise FormatError(f"this is no document of the format {wanted}", fix="Give the file as it was made.")
    return data


def _key_json(key: Recipient | None) -> dict[str, Any]:
    if key is None:
        return {}
    return {"key": {"suite": int(key.suite), "publicKey": to_base64url(key.public_key)}}


def _key_of(data: Mapping[str, Any]) -> Recipient | None:
    if "key" not in data:
        return None
    try:
        return Recipient(from_base64url(data["key"]["publicKey"]), Suite(data["key"]["suite"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise FormatError("the key beside this request is none", fix="Leave it out, or give it as published.") from None


# A RECORD


@dataclass(frozen=True)
class AccessRequest(Terms):
    """What a reader asks of a custodian: this record, as whom, what for, sealed to this key."""

    key: Recipient | None = field(default=None, compare=False)
    """The reader's public key, where it has published none."""
    openings: tuple[LimitsOpening, ...] = field(default=(), compare=False, repr=False)
    """What opens limited directives: for the person first, then for the capacity."""

    @classmethod
    def of(
        cls, domain: Domain, *, custodian: PartyRef, record: str, actor: PartyRef, acting: Acting, purpose: Purpose,
        classes: Iterable[DataClass], key_hash: bytes, issued_at: int, key: Recipient | None = None,
        openings: Iterable[LimitsOpening] = (),
    ) -> AccessRequest:  # fmt: skip
        """Draft a request with a fresh nonce. No class means the whole record, whatever is in it."""
        capacity, role, jurisdiction = acting.capacity, acting.role, acting.jurisdiction
        if isinstance(capacity, RoleRef):
            role, jurisdiction = capacity.role, capacity.jurisdiction
        house = isinstance(capacity, PartyRef) and capacity.kind == "organisation"
        message = {
            "custodian": custodian.address, "record": bytes32(record), "actor": actor.address,
            "capacity": "role" if isinstance(capacity, RoleRef) else capacity.kind,
            "organisation": capacity.address if isinstance(capacity, PartyRef) and house else ZERO_ADDRESS,
            "role": role.word, "jurisdiction": jurisdiction, "purpose": purpose.name,
            "classes": words_of(frozenset(classes)), "keyHash": to_hex(key_hash),
            "nonce": to_hex(new_salt().reveal()), "issuedAt": issued_at,
        }  # fmt: skip
        typed = TypedData(domain, {"AccessRequest": _REQUEST}, "AccessRequest", message)
        return cls(typed, key, tuple(openings))

    def signed_by(self, signer: Signer) -> SignedRequest:
        """Sign it."""
        return SignedRequest(self, signer.sign_typed(self.typed), signer.address)

    @property
    def _m(self) -> Mapping[str, Any]:
        return self.typed.message

    @property
    def digest(self) -> bytes:
        """What the request is known by, 32 bytes: the digest that was signed."""
        return self.typed.digest

    @property
    def custodian(self) -> PartyRef:
        """Who is asked."""
        return PartyRef("organisation", self._m["custodian"])

    @property
    def record(self) -> RecordId:
        """What is asked for."""
        return RecordId(bytes32(self._m["record"]))

    @property
    def actor(self) -> PartyRef:
        """Who asks."""
        return PartyRef("person", self._m["actor"])

    @property
    def acting(self) -> Acting:
        """As whom."""
        m, kind = self._m, self._m["capacity"]
        role = next((item for item in Role if item.word == m["role"]), None)
        if kind == "person" and role is Role.NONE:
            return Acting(self.actor)
        if kind == "organisation" and role is not None:
            return Acting(PartyRef("organisation", m["organisation"]), role, m["jurisdiction"])
        if kind == "role" and role is not None:
            return Acting(RoleRef(role, m["jurisdiction"]))
        raise FormatError("this request does not say as whom it is made", fix="Draft it again.")

    @property
    def purpose(self) -> Purpose:
        """What for."""
        return Purpose[self._m["purpose"]]

    @property
    def classes(self) -> frozenset[DataClass]:
        """Which classes at most; empty for the whole record."""
        return classes_of(self._m["classes"])

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key the answer is to be sealed to."""
        return from_hex(self._m["keyHash"])

    @property
    def issued_at(self) -> int:
        """When it was signed, in seconds since 1970."""
        return int(self._m["issuedAt"])


@dataclass(frozen=True)
class SignedRequest(SignedTerms[AccessRequest]):
    """A request with its signature, as it goes to the custodian."""

    def to_json(self) -> dict[str, Any]:
        """Return the document. It names who reads what: it is not secret, and not for everybody."""
        openings = [item.to_json() for item in self.terms.openings]
        return {
            "format": REQUEST_FORMAT, **signed_json(self), **_key_json(self.terms.key),
            **({"openings": openings} if openings else {}),
        }  # fmt: skip

    @classmethod
    def from_json(cls, data: Any, domain: Domain) -> Self:
        """Read what ``to_json`` wrote.

        Raises:
            FormatError: It is something else.
            InputError: It was signed for another contract or chain.
        """
        found = _formatted(data, REQUEST_FORMAT)
        typed, signature, signer = read_signed(found, domain, name="AccessRequest", fields=_REQUEST)
        try:
            openings = tuple(LimitsOpening.from_json(item) for item in found.get("openings", ()))
        except (KeyError, TypeError, ValueError, InputError):
            raise FormatError("the openings beside this request are none", fix="Draft it again.") from None
        terms = AccessRequest(typed, _key_of(found), openings)
        try:
            terms.acting, terms.purpose, terms.classes, terms.custodian, terms.actor  # noqa: B018 - refuses what is none
        except (InputError, KeyError):
            raise FormatError("this request names what this release does not know", fix="Draft it again.") from None
        return cls(terms, signature, signer)


# AN ACCOUNTING


@dataclass(frozen=True)
class AccountingRequest(Terms):
    """What a patient, its guardian or its steward asks of a custodian: everything its log holds about a pseudonym."""

    key: Recipient | None = field(default=None, compare=False)
    """The requester's public key, where it has published none."""

    @classmethod
    def of(
        cls, domain: Domain, *, custodian: PartyRef, patient: PartyRef, requester: PartyRef, purpose: Purpose,
        since: int, key_hash: bytes, issued_at: int, key: Recipient | None = None,
    ) -> AccountingRequest:  # fmt: skip
        """Draft a request with a fresh nonce; ``since`` is the first second of interest, 0 for everything."""
        message = {
            "custodian": custodian.address, "patient": patient.address, "requester": requester.address,
            "purpose": purpose.name, "since": since, "keyHash": to_hex(key_hash),
            "nonce": to_hex(new_salt().reveal()), "issuedAt": issued_at,
        }  # fmt: skip
        return cls(TypedData(domain, {"AccountingRequest": _ACCOUNTING}, "AccountingRequest", message), key)

    def signed_by(self, signer: Signer) -> SignedAccountingRequest:
        """Sign it."""
        return SignedAccountingRequest(self, signer.sign_typed(self.typed), signer.address)

    @property
    def digest(self) -> bytes:
        """What the request is known by, 32 bytes."""
        return self.typed.digest

    @property
    def custodian(self) -> PartyRef:
        """Who is asked."""
        return PartyRef("organisation", self.typed.message["custodian"])

    @property
    def patient(self) -> PartyRef:
        """Whose accesses."""
        return PartyRef("person", self.typed.message["patient"])

    @property
    def requester(self) -> PartyRef:
        """Who asks: the patient itself, or whoever acts for it."""
        return PartyRef("person", self.typed.message["requester"])

    @property
    def purpose(self) -> Purpose:
        """PATRQT, FAMRQT or PWATRNY: for which a guardian has to be appointed."""
        return Purpose[self.typed.message["purpose"]]

    @property
    def since(self) -> int:
        """The first second of interest, in seconds since 1970; 0 for everything."""
        return int(self.typed.message["since"])

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key the accounting is to be sealed to."""
        return from_hex(self.typed.message["keyHash"])

    @property
    def issued_at(self) -> int:
        """When it was signed, in seconds since 1970."""
        return int(self.typed.message["issuedAt"])


@dataclass(frozen=True)
class SignedAccountingRequest(SignedTerms[AccountingRequest]):
    """A request for an accounting with its signature, as it goes to the custodian."""

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {"format": ACCOUNTING_REQUEST_FORMAT, **signed_json(self), **_key_json(self.terms.key)}

    @classmethod
    def from_json(cls, data: Any, domain: Domain) -> Self:
        """Read what ``to_json`` wrote; errors as for ``SignedRequest``."""
        found = _formatted(data, ACCOUNTING_REQUEST_FORMAT)
        typed, signature, signer = read_signed(found, domain, name="AccountingRequest", fields=_ACCOUNTING)
        terms = AccountingRequest(typed, _key_of(found))
        try:
            terms.purpose, terms.custodian, terms.patient, terms.requester  # noqa: B018 - refuses what is none
        except (InputError, KeyError):
            raise FormatError("this request names what this release does not know", fix="Draft it again.") from None
        return cls(terms, signature, signer)
