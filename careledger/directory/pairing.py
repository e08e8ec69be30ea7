"""Pairing: the code an organisation shows, and what a wallet answers. Both are signed (EIP-712), neither goes on chain.

A code holds who asks, until when, and a random number: nothing about the person it is shown to. The answer holds the
account that the wallet derives for this relation alone. As text both are ``CARELEDGER:OFFER/…`` and
``CARELEDGER:ANSWER/…`` with base32 (RFC 4648), capital letters throughout, since QR codes hold those most compactly.
"""

from __future__ import annotations

import base64
import time
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final, Self

from careledger.chain.signatures import MAX_SIGNATURE_BYTES
from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.directory import qr
from careledger.directory.entries import EntryKind
from careledger.errors import FormatError, InputError, KeyMaterialError
from careledger.privacy.openers import PUBLIC_BYTES, Recipient, Suite
from careledger.values import Address, checksum, keccak, to_hex

__all__ = ["PairingAnswer", "PairingOffer", "check_name", "clock"]

NONCE_BYTES: Final = 32
NAME_BYTES: Final = 60
"""Of the organisation's name, in UTF-8: the code stays small."""

CHECK_DIGITS: Final = 20
"""Of what wallet and desk compare: about 66 bits."""

_SCHEME: Final = "CARELEDGER:"
_VERSION: Final = 1
_SUM_BYTES: Final = 4
_RELATIONS: Final = {1: EntryKind.PATIENT, 2: EntryKind.COVERAGE}
_WORDS: Final = {EntryKind.PATIENT: "custodian", EntryKind.COVERAGE: "coverage"}
"""The relation as a wallet shows it: the word of the scope it derives the account from."""
_OFFER: Final = (
    ("organisation", "address"), ("name", "string"), ("relation", "string"), ("planYear", "uint16"),
    ("nonce", "bytes32"), ("expiresAt", "uint40"),
)  # fmt: skip
_ANSWER: Final = (
    ("organisation", "address"), ("nonce", "bytes32"), ("expiresAt", "uint40"), ("account", "address"),
    ("keySuite", "uint16"), ("keyEpoch", "uint32"), ("keyHash", "bytes32"),
)  # fmt: skip

clock: Callable[[], float] = time.time
"""Seconds since 1970. Pairing happens between people, so this machine's clock counts and not the chain's."""


class _Code:
    """What offer and answer have in common: a text, a code to scan, and where a signature of it counts."""

    _word: ClassVar[str]

    @property
    def packed(self) -> bytes:
        """The bytes of the code."""
        raise NotImplementedError

    @property
    def uri(self) -> str:
        """The code as text."""
        data = self.packed + _sum(self.packed)
        return f"{_SCHEME}{self._word}/{base64.b32encode(data).decode().rstrip('=')}"

    def qr(self) -> str:
        """Return the code as lines for a terminal with light letters on a dark ground."""
        return qr.text(self.uri)

    def png(self, path: str | Path) -> None:
        """Write the code as a PNG, whole or not at all; an older file is replaced."""
        qr.png(self.uri, Path(path))

    @classmethod
    def _unpack(cls, text: str) -> bytes:
        """Return the bytes of a text, or refuse it."""
        try:
            upper = text.strip().upper()
            head, _, body = upper.partition("/")
            data = base64.b32decode(body + "=" * (-len(body) % 8))
            packed, same = data[:-_SUM_BYTES], base64.b32encode(data).decode().rstrip("=") == body
            if head == _SCHEME + cls._word and same and _sum(packed) == data[-_SUM_BYTES:]:
                return packed
        except (ValueError, AttributeError):
            pass
        raise _unreadable(cls._word)


def _sum(data: bytes) -> bytes:
    """Return what shows that a text was copied whole; against forgers there is the signature."""
    return keccak(data)[:_SUM_BYTES]


def _unreadable(word: str) -> FormatError:
    return FormatError(
        f"this is not a pairing {word.lower()}",
        why=f"It was cut or changed, or is not {_SCHEME}{word}/ and its letters.",
        fix="Scan the code again, or copy the whole line.",
    )


@dataclass(frozen=True)
class PairingOffer(_Code):
    """An organisation asks which account a person uses for it. It says nothing about the person."""

    organisation: Address
    name: str = field(repr=False)
    """What the organisation calls itself; only the account is proved."""
    kind: EntryKind
    """Patient or coverage: which account is asked for."""
    plan_year: int
    """For coverage; 0 otherwise."""
    chain_id: int
    suite: Address
    """The suite's directory (``SuiteDirectory``)."""
    nonce: bytes = field(repr=False)
    """32 random bytes: the answer belongs to this offer alone."""
    expires_at: int
    """Last second an answer is taken in."""
    signature: bytes = field(repr=False, default=b"")
    """The organisation's, over everything above."""

    _word: ClassVar[str] = "OFFER"

    @property
    def typed(self) -> TypedData:
        """What the organisation signs. The domain's contract lists contracts and takes no signatures."""
        message = {
            "organisation": self.organisation, "name": self.name, "relation": _WORDS[self.kind],
            "planYear": self.plan_year, "nonce": to_hex(self.nonce), "expiresAt": self.expires_at,
        }  # fmt: skip
        return TypedData(_domain(self.chain_id, self.suite), {"PairingOffer": _OFFER}, "PairingOffer", message)

    def signed_by(self, signer: Signer) -> Self:
        """Return the offer with the organisation's signature."""
        return replace(self, signature=signer.sign_typed(self.typed))

    @property
    def packed(self) -> bytes:
        """The bytes of the code: about 155, and the name."""
        name = self.name.encode()
        relation = next(number for number, kind in _RELATIONS.items() if kind is self.kind)
        head = bytes((_VERSION, relation)) + self.plan_year.to_bytes(2, "big") + self.chain_id.to_bytes(8, "big")
        return (
            head + _raw(self.suite) + _raw(self.organisation) + self.nonce + self.expires_at.to_bytes(5, "big")
            + bytes((len(name),)) + name + self.signature
        )  # fmt: skip

    @classmethod
    def from_uri(cls, text: str) -> PairingOffer:
        """Read a code; the signature is not checked yet, see ``Wallet.answer``.

        Raises:
            FormatError: It is no offer, or was cut.
        """
        data = _Reader(cls._unpack(text), cls._word)
        data.expect(_VERSION)
        relation, plan_year, chain_id = data.number(1), data.number(2), data.number(8)
        suite, organisation, nonce, expires_at = data.address(), data.address(), data.take(NONCE_BYTES), data.number(5)
        try:
            name = data.take(data.number(1)).decode()
            offer = cls(
                organisation, check_name(name), _RELATIONS[relation], plan_year, chain_id, suite, nonce, expires_at,
                data.signature(),
            )  # fmt: skip
        except (KeyError, UnicodeDecodeError, InputError):
            raise _unreadable(cls._word) from None
        if (offer.kind is EntryKind.COVERAGE) != bool(plan_year):
            raise _unreadable(cls._word)
        return offer


@dataclass(frozen=True)
class PairingAnswer(_Code):
    """A wallet's answer. Its ``repr`` does not show the account: with whom somebody deals is personal."""

    chain_id: int
    suite: Address
    organisation: Address
    """Whom it is for."""
    nonce: bytes = field(repr=False)
    """The offer's."""
    expires_at: int
    """The offer's."""
    account: Address = field(repr=False)
    """The account for this relation: its subject, whoever controls it now."""
    recipient: Recipient = field(repr=False)
    """The key that records are to be sealed to for this account."""
    signature: bytes = field(repr=False, default=b"")
    """By whoever controls the account."""

    _word: ClassVar[str] = "ANSWER"

    @classmethod
    def to(cls, offer: PairingOffer, *, account: Address, recipient: Recipient) -> PairingAnswer:
        """Draft an answer, to be signed; ``Wallet.answer`` checks the offer first and does all of it.

        Args:
            offer: What is answered.
            account: The account, by its subject; a contract wallet gives its own address.
            recipient: The key of an opener that the account's holder has.
        """
        return cls(
            offer.chain_id, offer.suite, offer.organisation, offer.nonce, offer.expires_at, account, recipient
        )  # fmt: skip

    @property
    def typed(self) -> TypedData:
        """What the account's controller signs."""
        message = {
            "organisation": self.organisation, "nonce": to_hex(self.nonce), "expiresAt": self.expires_at,
            "account": self.account, "keySuite": int(self.recipient.suite), "keyEpoch": self.recipient.epoch,
            "keyHash": to_hex(self.recipient.key_hash),
        }  # fmt: skip
        return TypedData(_domain(self.chain_id, self.suite), {"PairingAnswer": _ANSWER}, "PairingAnswer", message)

    def signed_by(self, signer: Signer) -> Self:
        """Return the answer with a signature; a contract wallet's owners sign ``typed.digest`` in their own way."""
        return replace(self, signature=signer.sign_typed(self.typed))

    @property
    def check(self) -> str:
        """Twenty digits that wallet and desk both show: alike, nobody has answered in between.

        Whoever sees an answer can try others until the digits are the same: with six, within a minute.
        """
        text = f"{int.from_bytes(keccak(self.typed.digest), 'big') % 10**CHECK_DIGITS:0{CHECK_DIGITS}d}"
        return " ".join(text[at : at + 4] for at in range(0, CHECK_DIGITS, 4))

    @property
    def packed(self) -> bytes:
        """The bytes of the code: about 210 with an X25519 key, 1,394 with the hybrid one."""
        key = self.recipient
        return (
            bytes((_VERSION,)) + self.chain_id.to_bytes(8, "big") + _raw(self.suite) + _raw(self.organisation)
            + self.nonce + self.expires_at.to_bytes(5, "big") + _raw(self.account) + key.suite.to_bytes(2, "big")
            + key.epoch.to_bytes(4, "big") + key.public_key + self.signature
        )  # fmt: skip

    @classmethod
    def from_uri(cls, text: str) -> PairingAnswer:
        """Read a code; ``Directory.complete`` checks it.

        Raises:
            FormatError: It is no answer, or was cut.
        """
        data = _Reader(cls._unpack(text), cls._word)
        data.expect(_VERSION)
        chain_id, suite, organisation = data.number(8), data.address(), data.address()
        nonce, expires_at, account = data.take(NONCE_BYTES), data.number(5), data.address()
        try:
            kind, epoch = Suite(data.number(2)), data.number(4)
            recipient = Recipient(data.take(PUBLIC_BYTES[kind]), kind, epoch)
        except (ValueError, KeyMaterialError):
            raise _unreadable(cls._word) from None
        return cls(chain_id, suite, organisation, nonce, expires_at, account, recipient, data.signature())


def check_name(name: str) -> str:
    """Return a name that an organisation can show.

    Raises:
        InputError: It is too long, or holds what a terminal or a phone might obey.
    """
    if not isinstance(name, str) or len(name.encode("utf-8", "replace")) > NAME_BYTES or any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in name
    ):  # fmt: skip
        raise InputError(
            f"an organisation's name has at most {NAME_BYTES} bytes in one line",
            why="It is shown by a phone, and marks that turn the direction of writing could make it another one.",
            fix="Give a shorter, plain name.",
        )
    return name


class _Reader:
    """Takes a code's bytes apart."""

    def __init__(self, data: bytes, word: str) -> None:
        self._data, self._at, self._word = data, 0, word

    def take(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        self._at += size
        if len(found) != size:
            raise _unreadable(self._word)
        return found

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def address(self) -> Address:
        return checksum(to_hex(self.take(20)))

    def expect(self, version: int) -> None:
        if self.number(1) != version:
            raise FormatError(
                f"this pairing {self._word.lower()} is of another version", fix="Upgrade, or ask the other side to."
            )

    def signature(self) -> bytes:
        """Return all that is left."""
        found = self._data[self._at :]
        if not 0 < len(found) <= MAX_SIGNATURE_BYTES:
            raise _unreadable(self._word)
        return found


def _domain(chain_id: int, suite: Address) -> Domain:
    return Domain("CareLedger Directory", "1", chain_id, suite)


def _raw(account: Address) -> bytes:
    return bytes.fromhex(account[2:])


def unexpired(expires_at: int) -> None:
    """Refuse what is past its last second.

    Raises:
        InputError: It is over.
    """
    over = clock() - expires_at
    if over > 0:
        raise InputError(f"this pairing code is over since {over:.0f} seconds", fix="Have the desk show a new one.")
