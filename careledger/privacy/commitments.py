"""Salted commitments: what the chain holds instead of health data, and the openings that prove them later.

A digest is ``keccak256(abi.encode(domain tag, salt, fields...))`` with a fresh 32-byte salt each time, so equal
data give unequal digests and nobody who lacks the salt can test a guess. The salt is the secret: destroy it and the
digest can no longer be matched, even by someone who holds the plaintext.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from eth_abi.abi import encode
from eth_abi.exceptions import EncodingError, ParseError
from eth_hash.auto import keccak
from eth_utils.address import is_address, to_checksum_address

from careledger.errors import FormatError, InputError
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.redact import Secret
from careledger.text import read_json

SALT_BYTES: Final = 32
"""256 bits: a dictionary of any size finds nothing (THREATS H2)."""

RECORD_DOMAIN: Final = "careledger.record.v1"
"""Domain of record commitments; its keccak256 is the first word hashed."""

EXACT_BYTES: Final = "bytes"
"""Canonicalisation id of content committed as the exact bytes read (in FHIR JSON decimals keep their digits)."""

_PIECE: Final = 1 << 20


def new_salt() -> Secret:
    """Return 32 fresh random bytes from the operating system, for one commitment only."""
    return Secret(secrets.token_bytes(SALT_BYTES), "salt")


def domain_tag(domain: str) -> bytes:
    """Return keccak256 of the domain's name: what keeps digests of different kinds apart."""
    return bytes(keccak(domain.encode()))


def commit(domain: str, salt: Secret, *fields: tuple[str, Any]) -> bytes:
    """Commit to values under a salt: ``keccak256(abi.encode(keccak256(domain), salt, values...))``.

    Args:
        domain: What kind of thing is committed to, for instance ``careledger.receipt.v1``.
        salt: 32 bytes, used for this commitment only; see :func:`new_salt`.
        *fields: Pairs of Solidity type and value, for instance ``("uint64", 5)``.

    Returns:
        The digest, 32 bytes.

    Raises:
        InputError: The salt has another length, or a value does not fit its type.

    Example:
        >>> salt = new_salt()
        >>> commit("careledger.note.v1", salt, ("uint64", 7)) == commit("careledger.note.v1", salt, ("uint64", 7))
        True
        >>> commit("careledger.note.v1", salt, ("uint64", 7)) == commit("careledger.note.v1", new_salt(), ("uint64", 7))
        False
    """
    if len(salt) != SALT_BYTES:
        raise InputError(
            f"a salt has {SALT_BYTES} bytes, this one has {len(salt)}",
            why="A short salt lets others find the committed values by trying them all.",
            fix="Take the salt from new_salt().",
        )
    digest = _digest(domain, salt, fields)
    if digest is None:
        raise InputError(
            f"the values do not fit the types {', '.join(kind for kind, _ in fields)}",
            why="A commitment is made over Solidity's ABI encoding.",
            fix="Give each value in the range and form of its type.",
        )
    return digest


def _digest(domain: str, salt: Secret, fields: tuple[tuple[str, Any], ...]) -> bytes | None:
    """Return the digest, or None where a value does not fit; no error leaves here, so no value is in a traceback."""
    kinds = ["bytes32", "bytes32", *(kind for kind, _ in fields)]
    try:
        return bytes(keccak(encode(kinds, [domain_tag(domain), salt.reveal(), *(value for _, value in fields)])))
    except (EncodingError, ParseError, ValueError, TypeError):
        return None


def content_hash(source: bytes | Path | BinaryIO) -> bytes:
    """Return the SHA-256 of the exact bytes, read in pieces of 1 MiB, so that files of any size fit in memory.

    Args:
        source: The bytes, the path of a file, or a binary stream (read to its end, left open).

    Returns:
        The hash, 32 bytes.
    """
    hasher = hashlib.sha256()
    for piece in _pieces(source):
        hasher.update(piece)
    return hasher.digest()


def _pieces(source: bytes | Path | BinaryIO) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, Path):
        with source.open("rb") as stream:
            yield from iter(lambda: stream.read(_PIECE), b"")
    else:
        yield from iter(lambda: source.read(_PIECE), b"")


@dataclass(frozen=True)
class RecordOpening:
    """Everything a record's commitment binds. Whoever holds it can prove what was anchored; keep it like a key.

    Its ``repr`` shows the canonicalisation only: patient, classes and media type would tell too much in a log.
    """

    salt: Secret = field(repr=False)
    """32 bytes, used for this record only."""
    author: str = field(repr=False)
    """The author's address, checksummed."""
    patient: str = field(repr=False)
    """The patient's pseudonym for this custodian, a checksummed address."""
    classes: int = field(repr=False)
    """Data classes as a bit set of 64 (``DataClass``)."""
    media_type: str = field(repr=False)
    """For instance ``application/fhir+json``."""
    content_hash: bytes = field(repr=False)
    """SHA-256 of the content in its canonical form, 32 bytes."""
    canonicalisation: str = EXACT_BYTES
    """How the content was brought into that form; ``bytes`` means not at all."""

    def __post_init__(self) -> None:
        for name in ("author", "patient"):
            value = getattr(self, name)
            if not is_address(value):
                raise InputError(
                    f"the {name} of a record opening is not an address",
                    fix="Give 20 bytes in hex; check the letters' case if it is a checksummed address.",
                )
            object.__setattr__(self, name, to_checksum_address(value))
        if not 0 <= self.classes < 1 << 64:
            raise InputError("data classes are a set of 64 bits", fix="Join members of DataClass only.")
        if len(self.content_hash) != 32:
            raise InputError(
                f"a content hash has 32 bytes, this one has {len(self.content_hash)}",
                fix="Take it from content_hash(), or from the SealedInfo of seal().",
            )

    @property
    def commitment(self) -> bytes:
        """The digest that is anchored, 32 bytes."""
        return commit(
            RECORD_DOMAIN,
            self.salt,
            ("address", self.author),
            ("address", self.patient),
            ("uint64", self.classes),
            ("string", self.media_type),
            ("string", self.canonicalisation),
            ("bytes32", self.content_hash),
        )

    def opens(self, commitment: bytes) -> bool:
        """Return whether this is the opening of that commitment."""
        return secrets.compare_digest(self.commitment, commitment)

    def matches(self, source: bytes | Path | BinaryIO) -> bool:
        """Return whether the content is the one committed to, compared as exact bytes."""
        return secrets.compare_digest(self.content_hash, content_hash(source))

    def to_json(self) -> str:
        """Return the opening as canonical JSON. It holds the salt: seal it or keep it where keys are kept."""
        return json.dumps(
            {
                "author": self.author,
                "canonicalisation": self.canonicalisation,
                "classes": f"0x{self.classes:016x}",
                "contentHash": f"0x{self.content_hash.hex()}",
                "format": "careledger-record-opening-v1",
                "mediaType": self.media_type,
                "patient": self.patient,
                "salt": to_base64url(self.salt.reveal()),
            },
            sort_keys=True,
            separators=(",", ":"),
        )

    @classmethod
    def from_json(cls, text: str) -> RecordOpening:
        """Read an opening written by :meth:`to_json`.

        Raises:
            FormatError: The text is not such an opening.
        """
        opening = cls._parse(text)
        if opening is None:
            raise FormatError(
                "this is not a record opening",
                why="A field is missing, of another form, or the format is not careledger-record-opening-v1.",
                fix="Use the text that to_json() gave, unchanged.",
            )
        return opening

    @classmethod
    def _parse(cls, text: str) -> RecordOpening | None:
        """Return the opening, or None; no error leaves here, so no salt is in a traceback."""
        try:
            fields = read_json(text)
            if fields["format"] != "careledger-record-opening-v1":
                return None
            return cls(
                salt=Secret(from_base64url(fields["salt"]), "salt"),
                author=fields["author"],
                patient=fields["patient"],
                classes=int(fields["classes"], 16),
                media_type=str(fields["mediaType"]),
                content_hash=bytes.fromhex(fields["contentHash"].removeprefix("0x")),
                canonicalisation=str(fields["canonicalisation"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, InputError):
            return None
