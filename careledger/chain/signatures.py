"""Whose signature it is, as the contracts ask: a key's own, or what the code at an address says (ERC-1271)."""

from __future__ import annotations

from typing import Final

from careledger.chain.abi import encode
from careledger.chain.coding import selector
from careledger.chain.connection import Connection
from careledger.chain.rpc import NodeRefused
from careledger.chain.transactions import recover
from careledger.errors import ContractError, FormatError
from careledger.values import Address

__all__ = ["MAX_SIGNATURE_BYTES", "is_signed_by", "signed_by_key"]

MAX_SIGNATURE_BYTES: Final = 2048
"""A contract wallet may ask for more than 65 bytes, such as several owners' signatures."""

_GAS: Final = 5_000_000
"""Enough for several owners or a passkey checked in code, and no more of a node's time than that."""
_MAGIC: Final = selector("isValidSignature(bytes32,bytes)").ljust(32, b"\0")
"""What a contract answers where a signature is good (ERC-1271), filled up to a word."""


def signed_by_key(signer: Address, digest: bytes, signature: bytes) -> bool:
    """Return whether the key of an account made a signature; of a contract wallet only the chain can tell."""
    try:
        return recover(digest, signature) == signer
    except FormatError:
        return False


def is_signed_by(connection: Connection, signer: Address, digest: bytes, signature: bytes) -> bool:
    """Return whether an account signed 32 bytes: by its key, else by what its code answers, as ``Module`` asks it.

    A contract that refuses, burns its gas or answers anything but the one word has not signed.

    Raises:
        NodeError: The node does not answer.
    """
    if signed_by_key(signer, digest, signature):
        return True
    if len(signature) > MAX_SIGNATURE_BYTES or not connection.code(signer):
        return False
    data = selector("isValidSignature(bytes32,bytes)") + encode(["bytes32", "bytes"], [digest, signature])
    try:
        return connection.call(signer, data, gas=_GAS, about_patient=True)[:32] == _MAGIC
    except (ContractError, NodeRefused):
        return False
