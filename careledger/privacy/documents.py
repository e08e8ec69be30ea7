"""Sealed documents: a few pages sealed whole, with several roads back, any of which suffices.

A password; the keys of recipients; or shares of a key, k of n of them (SLIP-39). Size is padded, and neither whose
document it is nor for which keys it was sealed can be read off it: a key is tried on each wrap.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from careledger.errors import FormatError, InputError, KeyMaterialError, NotARecipient, SealedDamaged
from careledger.privacy.encoding import from_base64url, to_base64url
from careledger.privacy.openers import ENC_BYTES, SCRYPT_N, Opener, Recipient, Suite
from careledger.privacy.sealing import KEY_BYTES, TAG_BYTES, new_key, open_, seal
from careledger.redact import Secret
from careledger.text import read_json

MOST_BYTES: Final = 256 << 20
"""A larger document is not one of these, whatever it says."""
_MOST_SHARES: Final = 16


@dataclass(frozen=True)
class Split:
    """A key in n shares, any k of which give it back: mnemonics of 33 words (SLIP-39), to be kept by different people.

    The library is SLIP-39's reference implementation; it does not defend against somebody who measures this machine
    while it computes.
    """

    threshold: int
    """k: how many shares it takes."""
    shares: tuple[Secret, ...] = field(repr=False)
    """The n shares, UTF-8 words. Handed out, and kept nowhere else."""
    key: Secret = field(repr=False)

    @classmethod
    def new(cls, threshold: int, count: int) -> Split:
        """Make a fresh key and split it.

        Args:
            threshold: How many shares it takes, at least 2.
            count: How many there are, 16 at most.
        """
        from shamir_mnemonic.shamir import generate_mnemonics

        if not 2 <= threshold <= count <= _MOST_SHARES:
            raise InputError(
                f"{threshold} of {count} shares is not a split", fix="Take at least 2, of 16 at most, such as 2 of 3."
            )
        key = Secret(secrets.token_bytes(32), "share key")
        # The key is random: stretching it, which the exponent sets, would protect nothing.
        (words,) = generate_mnemonics(1, [(threshold, count)], key.reveal(), iteration_exponent=0)
        return cls(threshold, tuple(Secret(item.encode(), "share") for item in words), key)


def joined(shares: Sequence[Secret]) -> Secret:
    """Return the key that shares were made of.

    Raises:
        KeyMaterialError: Too few, from different splits, or a word is wrong. No word is in the message.
    """
    found = _joined(shares)
    if found is None:
        raise KeyMaterialError(
            "these shares do not give a key",
            why="There are too few of them, they belong to different splits, or a word is mistyped.",
            fix="Compare each word, and give as many shares as were said to be needed, each once.",
        )
    return found


def _joined(shares: Sequence[Secret]) -> Secret | None:
    """Return the key or None; nothing is raised with the words in reach of a traceback."""
    from shamir_mnemonic.shamir import combine_mnemonics
    from shamir_mnemonic.utils import MnemonicError

    try:
        words = [" ".join(share.reveal().decode().lower().split()) for share in shares]
        return Secret(combine_mnemonics(words), "share key")
    except (MnemonicError, UnicodeDecodeError, ValueError, IndexError):
        return None


def seal_document(
    plain: bytes, kind: str, *, password: Secret | None = None, recipients: Sequence[Recipient] = (),
    split: Split | None = None, work: int = SCRYPT_N,
) -> str:  # fmt: skip
    """Return bytes as a sealed JSON document.

    Args:
        plain: What to keep.
        kind: What it is, such as ``backup``; a document of one kind does not open as another.
        password: A road back by something one knows.
        recipients: Roads back by keys; each alone suffices.
        split: A road back by shares.
        work: scrypt's N, a power of two.

    Raises:
        InputError: There would be no road back.
    """
    if password is None and not recipients and split is None:
        raise InputError(
            f"a {kind} without password, recipient or shares could never be opened", fix="Give at least one."
        )
    key, name = new_key(), secrets.token_bytes(32)
    binding = _binding(kind, name)
    roads = {
        "password": None if password is None else _password_lock(password, key, binding, work),
        "shares": None if split is None else _lock(split.key, key, binding) | {"threshold": split.threshold},
        "wraps": sorted((_wrap(key, item, binding) for item in recipients), key=lambda item: item["sealed"]),
    }
    body = io.BytesIO()
    seal(io.BytesIO(plain), body, key, binding + _digest(roads))
    document = {
        "format": _format(kind), "name": to_base64url(name), "roads": roads, "sealed": to_base64url(body.getvalue())
    }  # fmt: skip
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def open_document(
    text: str, kind: str, *, password: Secret | None = None, opener: Opener | None = None, shares: Sequence[Secret] = ()
) -> bytes:
    """Open a sealed document by its password, by the key of one of its recipients, or by enough shares.

    Raises:
        FormatError: It is not such a document, or was cut.
        KeyMaterialError: The password or the shares are wrong, or the document has none.
        NotARecipient: The document has no wrap for this key.
        SealedDamaged: It was changed.
    """
    name, roads, sealed = _read(text, kind)
    binding = _binding(kind, name)
    if opener is not None:
        key = _unwrap(roads["wraps"], opener, binding, kind)
    elif password is not None:
        lock = _road(roads, "password", kind, fix="Open it with a recipient's key.")
        key = _unlock(_kek(password, lock), lock, binding, kind, "password")
    elif shares:
        lock = _road(roads, "shares", kind, fix="Open it with its password or a recipient's key.")
        if len(shares) < lock["threshold"]:
            raise KeyMaterialError(
                f"{len(shares)} of the shares of this {kind} is too few", fix=f"Give {lock['threshold']} of them."
            )
        key = _unlock(joined(shares), lock, binding, kind, "shares")
    else:
        raise NotARecipient("neither a password nor a key was given", fix="Give one of them.")
    plain = io.BytesIO()
    open_(io.BytesIO(sealed), plain, key, binding + _digest(roads))
    return plain.getvalue()


def roads_of(text: str, kind: str) -> frozenset[str]:
    """Return which roads lead back into a document: ``password``, ``shares``, ``wraps``.

    Raises:
        FormatError: It is not such a document, or was cut.
    """
    return frozenset(name for name, road in _read(text, kind)[1].items() if road)


# INTERNAL


def _format(kind: str) -> str:
    return f"careledger-{kind}-v1"


def _binding(kind: str, name: bytes) -> bytes:
    return f"careledger/{kind}/v1".encode() + name


def _digest(roads: dict[str, Any]) -> bytes:
    """Return what the content is bound to besides, so that no road can be added, changed or taken away."""
    return hashlib.sha256(json.dumps(roads, sort_keys=True, separators=(",", ":")).encode()).digest()


def _read(text: str, kind: str) -> tuple[bytes, dict[str, Any], bytes]:
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        document = read_json(text) if len(text) <= MOST_BYTES else {}
        roads, name = document["roads"], from_base64url(document["name"])
        if document["format"] == _format(kind) and len(name) == 32 and _sane(roads):
            return name, roads, from_base64url(document["sealed"])
    raise FormatError(
        f"this is not a sealed {kind}",
        why=f"It was cut, or is not of the format {_format(kind)}.",
        fix="Use another copy.",
    )


def _sane(roads: dict[str, Any]) -> bool:
    """Return whether the roads have the form this module writes; raises what indexing raises where they do not."""
    if sorted(roads) != ["password", "shares", "wraps"]:
        return False
    for road in (roads["password"], roads["shares"]):
        if road is not None and [len(from_base64url(road[part])) for part in ("nonce", "key")] != [12, 48]:
            return False
    if roads["password"] is not None:
        n = roads["password"]["n"]
        if type(n) is not int or not 1 << 10 <= n <= 1 << 20 or n & (n - 1):
            return False
        if len(from_base64url(roads["password"]["salt"])) != 32:
            return False
    if roads["shares"] is not None and type(roads["shares"]["threshold"]) is not int:
        return False
    sizes = [(Suite(wrap["suite"]), len(from_base64url(wrap["sealed"]))) for wrap in roads["wraps"]]
    return all(size == ENC_BYTES[suite] + KEY_BYTES + TAG_BYTES for suite, size in sizes)


def _road(roads: dict[str, Any], name: str, kind: str, *, fix: str) -> dict[str, Any]:
    road: dict[str, Any] | None = roads[name]
    if road is None:
        word = "a password" if name == "password" else name
        raise KeyMaterialError(f"this {kind} was made without {word}", fix=fix)
    return road


def _wrap(key: Secret, recipient: Recipient, binding: bytes) -> dict[str, Any]:
    """Wrap for a key without naming it; HPKE's ciphertext tells nobody whom it is for."""
    sealed = recipient.wrap(key, _info(recipient.suite, binding))
    return {"sealed": to_base64url(sealed), "suite": int(recipient.suite)}


def _info(suite: Suite, binding: bytes) -> bytes:
    return suite.to_bytes(2, "big") + binding


def _unwrap(wraps: list[dict[str, Any]], opener: Opener, binding: bytes, kind: str) -> Secret:
    for wrap in wraps:
        if wrap["suite"] == opener.suite:
            with contextlib.suppress(SealedDamaged):
                key = opener.unwrap(from_base64url(wrap["sealed"]), _info(opener.suite, binding))
                if len(key) == KEY_BYTES:
                    return key
    raise NotARecipient(
        f"this {kind} does not open with this key",
        why=f"None of its {len(wraps)} wraps is for it, or it was changed.",
        fix="Use the key it was sealed for.",
    )


def _password_lock(password: Secret, key: Secret, binding: bytes, work: int) -> dict[str, Any]:
    road = {"n": work, "salt": to_base64url(secrets.token_bytes(32))}
    return road | _lock(_kek(password, road), key, binding)


def _kek(password: Secret, road: dict[str, Any]) -> Secret:
    salt = from_base64url(road["salt"])
    return Secret(Scrypt(salt=salt, length=32, n=road["n"], r=8, p=1).derive(password.reveal()), "key")


def _lock(kek: Secret, key: Secret, binding: bytes) -> dict[str, Any]:
    nonce = secrets.token_bytes(12)
    locked = AESGCM(kek.reveal()).encrypt(nonce, key.reveal(), binding)
    return {"key": to_base64url(locked), "nonce": to_base64url(nonce)}


def _unlock(kek: Secret, road: dict[str, Any], binding: bytes, kind: str, by: str) -> Secret:
    try:
        cipher = AESGCM(kek.reveal())
        plain = cipher.decrypt(from_base64url(road["nonce"]), from_base64url(road["key"]), binding)
        return Secret(plain, "content key")
    except (InvalidTag, ValueError):
        wrong = "The password is" if by == "password" else "The shares are"
        raise KeyMaterialError(
            f"the {kind} does not open",
            why=f"{wrong} wrong, or the document was changed.",
            fix=f"Check the {by}, or open the {kind} by another road.",
        ) from None
