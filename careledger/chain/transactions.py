"""The bytes of an EIP-1559 transaction: coded, signed, read back. Small and direct, because every send passes here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import coincurve

from careledger.errors import FormatError
from careledger.values import Address, checksum, from_hex, keccak

__all__ = ["FIELDS", "decode", "low_s", "public_address", "recover", "signed", "signing_hash"]

FIELDS = ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "gas", "to", "value", "data")
"""The members of a transaction here, in the order they are coded; the access list is always empty."""
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_EMPTY_LIST = b"\xc0"
_SHORT = [bytes((0x80 + size,)) for size in range(56)]


def _rlp(data: bytes) -> bytes:
    """Code a byte string."""
    size = len(data)
    if size == 1 and data[0] < 0x80:
        return data
    if size < 56:
        return _SHORT[size] + data
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xB7 + len(length),)) + length + data


def _rlp_int(value: int) -> bytes:
    return _rlp(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _rlp_list(body: bytes) -> bytes:
    size = len(body)
    if size < 56:
        return bytes((0xC0 + size,)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0xF7 + len(length),)) + length + body


def _body(tx: Mapping[str, Any]) -> bytes:
    """Code the members that are signed."""
    numbers = b"".join([_rlp_int(tx[name]) for name in FIELDS[:5]])
    to = tx.get("to")
    target = b"\x94" + bytes.fromhex(to[2:]) if to else b"\x80"
    data = tx.get("data", b"")
    raw = from_hex(data) if isinstance(data, str) else data
    return b"".join((numbers, target, _rlp_int(tx.get("value", 0)), _rlp(raw), _EMPTY_LIST))


def signed(tx: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> bytes:
    """Return the bytes a node takes.

    Args:
        tx: The members in ``FIELDS``; quantities as integers, ``data`` as bytes or hex.
        sign: From 32 bytes to a signature of 65, r ‖ s ‖ v with v of 27 or 28.
    """
    body = _body(tx)
    signature = sign(keccak(b"\x02" + _rlp_list(body)))
    r, s = (int.from_bytes(signature[at : at + 32], "big") for at in (0, 32))
    return b"\x02" + _rlp_list(b"".join((body, _rlp_int(signature[64] - 27), _rlp_int(r), _rlp_int(s))))


def signing_hash(tx: Mapping[str, Any]) -> bytes:
    """Return the 32 bytes that a key signs for a transaction."""
    return keccak(b"\x02" + _rlp_list(_body(tx)))


def recover(digest: bytes, signature: bytes) -> Address:
    """Return the account whose key made a signature.

    Raises:
        FormatError: Not a signature in the one form contracts accept: 65 bytes, low s, v of 27 or 28.
    """
    s = int.from_bytes(signature[32:64], "big")
    if len(signature) != 65 or signature[64] not in (27, 28) or not 0 < s <= _HALF_ORDER:
        raise FormatError("this is not a signature of 65 bytes with a low s and a v of 27 or 28")
    try:
        key = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes((signature[64] - 27,)), digest, hasher=None
        )
    except Exception:
        raise FormatError("no key can have made this signature") from None
    return public_address(key)


def public_address(key: coincurve.PublicKey) -> Address:
    """Return the account of a public key."""
    return checksum("0x" + keccak(key.format(compressed=False)[1:])[-20:].hex())


def low_s(signature: bytes) -> bytes:
    """Return a signature with v of 27 or 28 and a low s; both halves of the order sign alike, one is accepted."""
    r, s, v = signature[:32], int.from_bytes(signature[32:64], "big"), signature[64]
    v = v + 27 if v in (0, 1) else v
    if s > _HALF_ORDER:
        s, v = _ORDER - s, 55 - v
    return r + s.to_bytes(32, "big") + bytes((v,))


def decode(raw: bytes) -> dict[str, Any]:
    """Read the bytes of a signed transaction.

    Returns:
        The members of ``FIELDS`` (``data`` as bytes), ``from`` and ``hash``.

    Raises:
        FormatError: Not a signed EIP-1559 transaction with an empty access list.
    """
    import rlp  # type: ignore[import-untyped]

    try:
        if raw[:1] != b"\x02":
            raise FormatError("this is not an EIP-1559 transaction")
        items = rlp.decode(raw[1:])
        *members, access, parity, r, s = items
        if len(members) != 8 or list(access):
            raise FormatError("this transaction has other members than ours")
        tx: dict[str, Any] = {
            name: member if name in ("to", "data") else int.from_bytes(member, "big")
            for name, member in zip(FIELDS, members, strict=True)
        }
        tx["to"] = checksum("0x" + tx["to"].hex()) if tx["to"] else None
        signature = r.rjust(32, b"\0") + s.rjust(32, b"\0") + bytes((27 + int.from_bytes(parity, "big"),))
    except (rlp.exceptions.RLPException, ValueError, TypeError, AttributeError) as error:
        raise FormatError("this is not a signed transaction") from error
    return {**tx, "from": recover(signing_hash(tx), signature), "hash": "0x" + keccak(raw).hex()}
