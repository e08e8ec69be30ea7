"""Signers: whatever can sign for one account. The key may lie in a file, a daemon, a vault, or behind a function.

A new kind needs two things only, ``address`` and ``sign_hash``; see ``Signer``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import coincurve

from careledger.chain import keyfiles, transactions
from careledger.chain.rpc import Rpc
from careledger.chain.typed import TypedData
from careledger.errors import FormatError, KeyMaterialError
from careledger.redact import Secret
from careledger.values import Address, address, from_hex, to_hex

__all__ = ["CallableSigner", "KeySigner", "RemoteSigner", "Signer"]

Words = Secret | str | Path | Callable[[], str]
Password = Secret | str | Callable[[], str] | None


class Signer(ABC):
    """Signs for one account.

    Example:
        >>> Signer.from_key("0x" + "01" * 32).address
        '0x1a642f0E3c3aF545E7AcBD38b07251B3990914F1'
    """

    @property
    @abstractmethod
    def address(self) -> Address:
        """The account."""

    @abstractmethod
    def sign_hash(self, digest: bytes) -> bytes:
        """Sign 32 bytes.

        Returns:
            65 bytes, r ‖ s ‖ v, with a low s and a v of 27 or 28.
        """

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """Sign an EIP-1559 transaction and return its bytes as a node takes them."""
        return transactions.signed(tx, self.sign_hash)

    def sign_typed(self, data: TypedData) -> bytes:
        """Sign EIP-712 typed data."""
        return self.sign_hash(data.digest)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address}>"

    # WHERE SIGNERS COME FROM

    @staticmethod
    def from_key(key: Secret | bytes | str) -> Signer:
        """Make a signer of a raw key: 32 bytes, or ``0x…`` hex.

        Raises:
            KeyMaterialError: It is no key.
        """
        return KeySigner(key)

    @staticmethod
    def from_keystore(path: str | Path, *, password: Password = None) -> Signer:
        """Make a signer of an encrypted key file (Web3 Secret Storage, version 3).

        Args:
            path: A file of your own that others may not read, not a link.
            password: The password or a function that fetches it; else the environment (``CARELEDGER_PASSWORD``,
                ``CARELEDGER_PASSWORD_FILE``), else a prompt on a terminal.

        Raises:
            KeyMaterialError: The file is cut, open to others, a link, not a keystore; or the password is wrong.
        """
        return KeySigner(keyfiles.read_keystore(Path(path), password))

    @staticmethod
    def from_mnemonic(words: Words, *, path: str = "m/44'/60'/0'/0/0", passphrase: Password = "") -> Signer:
        """Make a signer of a BIP-39 mnemonic.

        Args:
            words: The words, a file that holds them (a ``Path``), or a function that fetches them.
            path: The derivation path.
            passphrase: The mnemonic's own passphrase, if it has one.

        Raises:
            KeyMaterialError: The words or the path are not valid.
        """
        return KeySigner(keyfiles.derive(words, path, passphrase))

    @staticmethod
    def remote(url: str, address: str, *, headers: Mapping[str, str] | None = None, deadline: float = 20.0) -> Signer:
        """Make a signer of a daemon that answers ``eth_signTransaction`` and ``eth_signTypedData_v4``.

        Args:
            url: The daemon.
            address: The account to sign for.
            headers: Sent with every request, such as an authorisation; never shown.
            deadline: Seconds to wait for a signature. The journal is locked meanwhile.
        """
        return RemoteSigner(url, address, headers=headers, deadline=deadline)

    @staticmethod
    def from_callable(account: str, sign: Callable[[bytes], bytes]) -> Signer:
        """Make a signer of a function from 32 bytes to a 65-byte signature, such as a call to a vault."""
        return CallableSigner(account, sign)


class KeySigner(Signer):
    """A key in this process."""

    def __init__(self, key: Secret | bytes | str) -> None:
        raw = key.reveal() if isinstance(key, Secret) else _key_bytes(key)
        try:
            if len(raw) != 32:
                raise ValueError
            self.__key = coincurve.PrivateKey(raw)
        except ValueError:
            raise KeyMaterialError("this is not a private key", fix="Give 32 bytes, or 0x and 64 hex digits.") from None
        self._address = transactions.public_address(self.__key.public_key)

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def sign_hash(self, digest: bytes) -> bytes:
        """Sign 32 bytes; the same digest gives the same signature (RFC 6979), with a low s."""
        signature = self.__key.sign_recoverable(digest, hasher=None)
        return signature[:64] + bytes((signature[64] + 27,))

    def __reduce__(self) -> str:
        raise TypeError("a signer is not pickled")


def _key_bytes(key: bytes | str) -> bytes:
    if isinstance(key, bytes):
        return key
    try:
        return bytes.fromhex(key.removeprefix("0x"))
    except (ValueError, AttributeError):
        return b""


class CallableSigner(Signer):
    """A function that signs; what it returns is checked before it is used."""

    def __init__(self, account: str, sign: Callable[[bytes], bytes]) -> None:
        self._address = address(account, confirm_unchecked=True)
        self._sign = sign

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def sign_hash(self, digest: bytes) -> bytes:
        """Sign 32 bytes.

        Raises:
            KeyMaterialError: The function returned something that is not this account's signature.
        """
        return checked(self._sign(digest), digest, self._address)


def checked(signature: bytes, digest: bytes, account: Address) -> bytes:
    """Return a signature in the one accepted form, after making sure whose it is.

    Raises:
        KeyMaterialError: It is not this account's signature of this digest.
    """
    try:
        if len(signature) != 65:
            raise FormatError("not 65 bytes")
        proper = transactions.low_s(signature)
        if transactions.recover(digest, proper) == account:
            return proper
    except (FormatError, TypeError, OverflowError):
        pass
    raise KeyMaterialError(
        f"the signer did not sign as {account}",
        why="Its signature belongs to another key, or to something other than what was asked.",
        fix="Check which key it uses.",
    ) from None


class RemoteSigner(Signer):
    """A signing daemon; what it returns is read back and compared before it is used."""

    def __init__(self, url: str, account: str, *, headers: Mapping[str, str] | None, deadline: float) -> None:
        self._rpc = Rpc(url, headers=headers, deadline=deadline)
        self._address = address(account, confirm_unchecked=True)

    @property
    def address(self) -> Address:
        """The account."""
        return self._address

    def sign_hash(self, digest: bytes) -> bytes:
        """Refuse: a daemon signs what it can show to its owner, and a bare hash shows nothing.

        Raises:
            KeyMaterialError: Always.
        """
        raise KeyMaterialError("a remote signer does not sign bare hashes", fix="Sign a transaction or typed data.")

    def sign_transaction(self, tx: Mapping[str, Any]) -> bytes:
        """Have a transaction signed.

        Raises:
            KeyMaterialError: What came back is another transaction, or another account's.
            NodeError: The daemon does not answer.
        """
        answer = self._rpc.request("eth_signTransaction", [self._wire(tx)])
        text = answer.get("raw") if isinstance(answer, Mapping) else answer
        try:
            raw = from_hex(str(text))
            signed = transactions.decode(raw)
        except Exception:
            raise KeyMaterialError("the remote signer returned no transaction of the kind asked for") from None
        wanted = {**{name: tx.get(name) for name in transactions.FIELDS}, "from": self._address}
        data = tx.get("data", b"")
        wanted["data"] = from_hex(data) if isinstance(data, str) else data
        wanted["to"] = address(tx["to"], confirm_unchecked=True) if tx.get("to") else None
        if any(signed[name] != value for name, value in wanted.items()):
            raise KeyMaterialError("the remote signer signed another transaction than asked for")
        return raw

    def _wire(self, tx: Mapping[str, Any]) -> dict[str, Any]:
        """Return the transaction as JSON-RPC writes it."""
        data = tx.get("data", b"")
        wire = {name: hex(tx[name]) for name in transactions.FIELDS if isinstance(tx.get(name), int)}
        wire |= {"from": self._address, "data": to_hex(data) if isinstance(data, bytes) else data, "type": "0x2"}
        return wire | ({"to": tx["to"]} if tx.get("to") else {})

    def sign_typed(self, data: TypedData) -> bytes:
        """Have typed data signed.

        Raises:
            KeyMaterialError: What came back is not this account's signature of it.
        """
        answer = self._rpc.request("eth_signTypedData_v4", [self._address, data.to_json()])
        try:
            signature = from_hex(answer)
        except Exception:
            signature = b""
        return checked(signature, data.digest, self._address)
