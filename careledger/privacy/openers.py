"""Openers: what turns a wrap back into a content key. From a seed, a keystore file, or a callable (KMS, smart card).

Two HPKE suites (RFC 9180, base mode, HKDF-SHA256, AES-256-GCM), numbered as ParticipantRegistry numbers them. Keys
follow from a 32-byte seed by published rules: RFC 9180's DeriveKeyPair for X25519, X-Wing's expansion (SHAKE-256) for
ML-KEM-768 + X25519, so that other programs arrive at the same keys.
"""

from __future__ import annotations

import enum
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, runtime_checkable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from eth_hash.auto import keccak

from careledger.errors import FormatError, InputError, KeyMaterialError, SealedDamaged
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.files import read_private, write_private
from careledger.redact import Secret
from careledger.text import read_json

SEED_BYTES: Final = 32
"""Size of a seed for either suite."""

SCRYPT_N: Final = 1 << 17
"""Work factor of keystores: 128 MiB and about a third of a second, as OWASP advises."""

_MLKEM_PUBLIC: Final = 1184
_FORMAT: Final = "careledger-opener-v1"
_NONCE_BYTES: Final = 12

PrivateKey: TypeAlias = X25519PrivateKey | hpke.MLKEM768X25519PrivateKey
PublicKey: TypeAlias = X25519PublicKey | hpke.MLKEM768X25519PublicKey


class Suite(enum.IntEnum):
    """HPKE suite ids, equal to those on chain (``EncryptionKey.suite``)."""

    X25519 = 0x0001
    """DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""
    MLKEM768_X25519 = 0x0002
    """ML-KEM-768 with X25519 (X-Wing), HKDF-SHA256, AES-256-GCM: safe while either of the two is."""


DEFAULT_SUITE: Final = Suite.MLKEM768_X25519
"""Health data outlives today's cryptography, so the post-quantum hybrid."""

_HPKE: Final = {
    Suite.X25519: hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
    Suite.MLKEM768_X25519: hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM),
}
ENC_BYTES: Final = {Suite.X25519: 32, Suite.MLKEM768_X25519: 1120}
"""Size of HPKE's encapsulated key, which comes first in a wrap; then the key and a tag of 16."""
PUBLIC_BYTES: Final = {Suite.X25519: 32, Suite.MLKEM768_X25519: _MLKEM_PUBLIC + 32}
"""Size of a public key."""


@dataclass(frozen=True)
class Recipient:
    """Whom a content key is wrapped for: a public key as published in ParticipantRegistry."""

    public_key: bytes = field(repr=False)
    """The raw key: 32 bytes for X25519; 1,216 for the hybrid, ML-KEM first."""
    suite: Suite = DEFAULT_SUITE
    """Which suite the key is for."""
    epoch: int = 0
    """The account's key epoch, counted up at each rotation."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "suite", _suite(self.suite))
        if len(self.public_key) != PUBLIC_BYTES[self.suite] or not 0 <= self.epoch < 1 << 32:
            raise KeyMaterialError(
                f"the public key has {len(self.public_key)} bytes, {self.suite.name} has {PUBLIC_BYTES[self.suite]}",
                why="Key and suite do not belong together, or the key was cut.",
                fix="Read key, suite and epoch from the recipient's entry in the registry.",
            )

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key, as the registry stores it."""
        return bytes(keccak(self.public_key))

    def wrap(self, key: Secret, info: bytes) -> bytes:
        """Encrypt a key for this recipient: HPKE's encapsulated key followed by the ciphertext.

        Raises:
            KeyMaterialError: The public key is not a usable one (a point of low order, a malformed ML-KEM key).
        """
        try:
            return _HPKE[self.suite].encrypt(key.reveal(), _public(self.suite, self.public_key), info)
        except ValueError as error:
            raise KeyMaterialError(
                "the recipient's public key is not usable", fix="Ask the recipient to publish a new one."
            ) from error


@runtime_checkable
class Opener(Protocol):
    """Whatever opens wraps: a key in memory, a KMS, a card. Two properties and one method."""

    @property
    def suite(self) -> Suite:
        """Suite of the key."""
        ...

    @property
    def public_key(self) -> bytes:
        """The raw public key."""
        ...

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key; finds the wrap in a document."""
        ...

    def unwrap(self, wrap: bytes, info: bytes) -> Secret:
        """Return the wrapped key; raises SealedDamaged where it does not open."""
        ...


class SeedOpener:
    """An opener whose key lies in this process, made from a seed by :func:`from_seed`."""

    def __init__(self, private: PrivateKey, public_key: bytes, suite: Suite) -> None:
        self._private, self._public, self._suite = private, public_key, suite
        self._hash = bytes(keccak(public_key))

    @property
    def suite(self) -> Suite:
        """Suite of the key."""
        return self._suite

    @property
    def public_key(self) -> bytes:
        """The raw public key, for the registry."""
        return self._public

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key."""
        return self._hash

    def recipient(self, *, epoch: int = 0) -> Recipient:
        """Return the public side, to wrap keys for."""
        return Recipient(self._public, self._suite, epoch)

    def unwrap(self, wrap: bytes, info: bytes) -> Secret:
        """Return the wrapped key.

        Raises:
            SealedDamaged: The wrap was changed, or was made for another key, record or epoch.
        """
        try:
            return Secret(_HPKE[self._suite].decrypt(wrap, self._private, info), "content key")
        except (InvalidTag, ValueError) as error:
            raise unopened() from error

    def __repr__(self) -> str:
        return f"<opener {self._suite.name} 0x{self._hash.hex()[:8]}…>"

    def __reduce__(self) -> str:
        raise TypeError("an opener is not pickled")


class CallableOpener:
    """An opener whose key lies elsewhere: a function gets wrap and info, and returns the key's bytes.

    Args:
        unwrap: Performs HPKE's decryption (a KMS, a smart card, another process).
        public_key: The raw public key.
        suite: Its suite.
    """

    def __init__(self, unwrap: Callable[[bytes, bytes], bytes], *, public_key: bytes, suite: Suite) -> None:
        self._recipient = Recipient(public_key, suite)
        self._unwrap = unwrap

    @property
    def suite(self) -> Suite:
        """Suite of the key."""
        return self._recipient.suite

    @property
    def public_key(self) -> bytes:
        """The raw public key."""
        return self._recipient.public_key

    @property
    def key_hash(self) -> bytes:
        """keccak256 of the public key."""
        return self._recipient.key_hash

    def unwrap(self, wrap: bytes, info: bytes) -> Secret:
        """Return the wrapped key; what the function raises goes through, except InvalidTag."""
        try:
            return Secret(self._unwrap(wrap, info), "content key")
        except InvalidTag as error:
            raise unopened() from error


def unopened() -> SealedDamaged:
    """Return the error for a wrap that does not open with the key it names."""
    return SealedDamaged(
        "the wrap for this key does not open",
        why="It was changed, or made for another key, record or key epoch.",
        fix="Fetch the wraps again, or ask the author or custodian to wrap the key for you once more.",
    )


def new_seed() -> Secret:
    """Return a fresh random seed."""
    return Secret(secrets.token_bytes(SEED_BYTES), "opener seed")


def from_seed(seed: Secret, *, suite: Suite = DEFAULT_SUITE) -> SeedOpener:
    """Return the opener that follows from a seed; the same seed and suite always give the same key.

    Args:
        seed: 32 bytes.
        suite: The suite to make a key for.

    Raises:
        KeyMaterialError: The seed has another size.
    """
    if len(seed) != SEED_BYTES:
        raise KeyMaterialError(f"a seed has {SEED_BYTES} bytes, this one has {len(seed)}", fix="Take new_seed().")
    if _suite(suite) is Suite.X25519:
        private = X25519PrivateKey.from_private_bytes(_dhkem_scalar(seed))
        return SeedOpener(private, private.public_key().public_bytes_raw(), suite)
    expanded = Secret(hashlib.shake_256(seed.reveal()).digest(96), "key material")
    kem = MLKEM768PrivateKey.from_seed_bytes(expanded.reveal()[:64])
    curve = X25519PrivateKey.from_private_bytes(expanded.reveal()[64:])
    public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return SeedOpener(hpke.MLKEM768X25519PrivateKey(kem, curve), public, suite)


def from_callable(unwrap: Callable[[bytes, bytes], bytes], *, public_key: bytes, suite: Suite) -> CallableOpener:
    """Return an opener around a function of (wrap, info) that returns the key's bytes."""
    return CallableOpener(unwrap, public_key=public_key, suite=suite)


def _dhkem_scalar(seed: Secret) -> bytes:
    """RFC 9180 section 7.1.3, DeriveKeyPair for DHKEM(X25519, HKDF-SHA256)."""
    label = b"HPKE-v1" + b"KEM\x00\x20"
    extracted = HKDF.extract(SHA256(), None, label + b"dkp_prk" + seed.reveal())
    info = (32).to_bytes(2, "big") + label + b"sk"
    return HKDFExpand(algorithm=SHA256(), length=32, info=info).derive(extracted)


def _suite(value: int) -> Suite:
    try:
        return Suite(value)
    except ValueError as error:
        raise KeyMaterialError(
            f"suite 0x{int(value):04x} is not known here",
            why="Suites are 0x0001 (X25519) and 0x0002 (ML-KEM-768 with X25519).",
            fix="Upgrade, or ask the recipient for a key of one of these suites.",
        ) from error


def _public(suite: Suite, raw: bytes) -> PublicKey:
    if suite is Suite.X25519:
        return X25519PublicKey.from_public_bytes(raw)
    kem, curve = raw[:_MLKEM_PUBLIC], raw[_MLKEM_PUBLIC:]
    return hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(kem), X25519PublicKey.from_public_bytes(curve)
    )


def save_keystore(
    path: Path, seed: Secret, password: Secret, *, suite: Suite = DEFAULT_SUITE, work: int = SCRYPT_N
) -> SeedOpener:
    """Write a seed to an encrypted keystore file with mode 0600, and return its opener.

    Args:
        path: Where; an older file is overwritten.
        seed: 32 bytes.
        password: What opens the file.
        suite: The suite the seed is for.
        work: scrypt's N, a power of two.
    """
    opener = from_seed(seed, suite=suite)
    head: dict[str, Any] = {
        "format": _FORMAT,
        "kdf": {"n": work, "name": "scrypt", "p": 1, "r": 8, "salt": to_base64url(secrets.token_bytes(32))},
        "publicKey": to_base64url(opener.public_key),
        "suite": int(suite),
    }
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = _keystore_cipher(head["kdf"], password).encrypt(nonce, seed.reveal(), _bound(head))
    document = {**head, "cipher": {"name": "aes-256-gcm", "nonce": to_base64url(nonce), "text": to_base64url(sealed)}}
    write_private(path, json.dumps(document, sort_keys=True, separators=(",", ":")).encode())
    return opener


def from_keystore(path: Path, password: Secret) -> SeedOpener:
    """Open an encrypted keystore file.

    Args:
        path: The file; a plain one of this user's, closed to others.
        password: What it was saved with.

    Raises:
        NotFound: There is no such file.
        KeyMaterialError: It is a link, open to others, cut, changed, or the password is wrong.
    """
    head, nonce, sealed = _read_keystore(path)
    try:
        seed = Secret(_keystore_cipher(head["kdf"], password).decrypt(nonce, sealed, _bound(head)), "opener seed")
    except InvalidTag:
        raise KeyMaterialError(
            f"the keystore {path.name} does not open",
            why="The password is wrong, or the file was changed.",
            fix="Check the password; if it is right, restore the file from a backup.",
        ) from None
    return from_seed(seed, suite=_suite(head["suite"]))


def check_keystore(path: Path) -> None:
    """Refuse a keystore file that no password opens, without a password.

    Raises:
        NotFound: There is no such file.
        KeyMaterialError: It is a link, open to others, cut, or not of this format.
    """
    _read_keystore(path)


def _read_keystore(path: Path) -> tuple[dict[str, Any], bytes, bytes]:
    """Return what is bound, nonce and ciphertext of a keystore file, or refuse it."""
    try:
        document = read_json(read_private(path))
        if document["format"] != _FORMAT or document["cipher"]["name"] != "aes-256-gcm":
            raise FormatError(f"{path.name} is not of the format {_FORMAT}")
        kdf, cipher = document["kdf"], document["cipher"]
        n = kdf["n"] if isinstance(kdf["n"], int) else 0
        if kdf["name"] != "scrypt" or (kdf["r"], kdf["p"]) != (8, 1) or not 1 << 10 <= n <= 1 << 20 or n & (n - 1):
            raise FormatError(f"{path.name} asks for a key derivation that is not allowed")  # a file may not eat memory
        head = {name: document[name] for name in ("format", "kdf", "publicKey", "suite")}
        Recipient(from_base64url(head["publicKey"]), head["suite"])
        nonce, sealed = from_base64url(cipher["nonce"]), from_base64url(cipher["text"])
        if not from_base64url(kdf["salt"]) or (len(nonce), len(sealed)) != (12, SEED_BYTES + 16):
            raise FormatError("its salt, its nonce or its text has another size than this format's")
        return head, nonce, sealed
    except (ValueError, KeyError, TypeError, AttributeError, FormatError) as error:
        raise KeyMaterialError(
            f"{path.name} is not a keystore of this program, or it was cut",
            why=str(error) if isinstance(error, InputError) else f"It is not the JSON document {_FORMAT}.",
            fix="Restore the file from a backup, or make a new key and have it registered.",
        ) from None


def _keystore_cipher(kdf: dict[str, Any], password: Secret) -> AESGCM:
    scrypt = Scrypt(salt=from_base64url(kdf["salt"]), length=32, n=int(kdf["n"]), r=8, p=1)
    return AESGCM(scrypt.derive(password.reveal()))


def _bound(head: dict[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
