"""EIP-712: typed data that a person can read in a wallet, its digest, and the domain a contract states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from careledger.chain.abi import encode
from careledger.chain.coding import to_abi_value
from careledger.chain.transactions import recover
from careledger.errors import InputError
from careledger.text import shown
from careledger.values import Address, address, bytes32, from_hex, keccak, to_hex

__all__ = ["Domain", "TypedData", "encode_type"]

Fields = Sequence[tuple[str, str]]
"""A struct's members in order, each ``(name, type)``."""

_DOMAIN_FIELDS = (
    ("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"),
    ("salt", "bytes32"),
)  # fmt: skip
_ELEMENTARY: Final = frozenset({
    "address", "bool", "string", "bytes", *(f"bytes{size}" for size in range(1, 33)),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in range(8, 257, 8)),
})  # fmt: skip
_ARRAY: Final = re.compile(r"(\[\d{0,9}\]){0,8}", re.ASCII)
_NUMBER: Final = re.compile(r"0x[0-9a-fA-F]{1,64}|-?(0|[1-9]\d{0,77})", re.ASCII)
_CONTRACT: Final = "verifyingContract"
_MOST_DEEP: Final = 32
"""Levels of structs and lists in a message."""
_SHOWN: Final = 60
"""Characters of a foreign name that an error repeats."""


@dataclass(frozen=True)
class Domain:
    """Where a signature counts: one contract, in one version, on one chain."""

    name: str | None = None
    version: str | None = None
    chain_id: int | None = None
    verifying_contract: Address | None = None
    salt: bytes | None = None

    def __str__(self) -> str:
        """Which contract on which chain."""
        chain = "no chain" if self.chain_id is None else f"chain {self.chain_id}"
        return f"{self.verifying_contract or 'no contract'} on {chain}"

    @property
    def members(self) -> dict[str, Any]:
        """The members that are set, by their EIP-712 names."""
        values = (self.name, self.version, self.chain_id, self.verifying_contract, self.salt)
        return {name: value for (name, _), value in zip(_DOMAIN_FIELDS, values, strict=True) if value is not None}

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """The type ``EIP712Domain`` of this domain."""
        return tuple((name, kind) for name, kind in _DOMAIN_FIELDS if name in self.members)

    @property
    def separator(self) -> bytes:
        """The domain's hash, as the contract computes it."""
        return _hash_struct("EIP712Domain", {"EIP712Domain": self.fields}, self.members)

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any]) -> Domain:
        """Read the decoded answer of a contract's ``eip712Domain()`` (ERC-5267).

        Args:
            answer: By name: ``fields``, ``name``, ``version``, ``chainId``, ``verifyingContract``, ``salt``.

        Raises:
            InputError: The contract uses extensions, which nothing here does.
        """
        if answer.get("extensions"):
            raise InputError("the contract's EIP-712 domain has extensions", fix="Use a contract of the suite.")
        mask = int(answer["fields"], 16)
        values = [answer[name] if mask >> at & 1 else None for at, (name, _) in enumerate(_DOMAIN_FIELDS)]
        if values[4] is not None:
            values[4] = bytes.fromhex(values[4][2:])
        return cls(*values)


@dataclass(frozen=True)
class TypedData:
    """What is signed: a domain, the struct types, and one struct with its values."""

    domain: Domain
    types: Mapping[str, Fields]
    """Struct types by name, without ``EIP712Domain``."""
    primary: str
    """The type of the message."""
    message: Mapping[str, Any]

    @property
    def struct_hash(self) -> bytes:
        """The message's own hash."""
        return _hash_struct(self.primary, self.types, self.message)

    @property
    def encoded(self) -> bytes:
        """The bytes whose hash is signed: 0x1901, the domain, the message."""
        return b"\x19\x01" + self.domain.separator + self.struct_hash

    @property
    def digest(self) -> bytes:
        """The 32 bytes that are signed."""
        return keccak(self.encoded)

    def signer_of(self, signature: bytes) -> Address:
        """Return the account that made a signature of this; of a contract wallet only the wallet can tell.

        Raises:
            FormatError: Not a signature in the one form contracts accept.
        """
        return recover(self.digest, signature)

    def to_json(self) -> dict[str, Any]:
        """Return the object that wallets take as ``eth_signTypedData_v4``; large numbers as decimal text."""
        types = {"EIP712Domain": self.domain.fields, **self.types}
        return {
            "types": {name: [{"name": n, "type": t} for n, t in fields] for name, fields in types.items()},
            "primaryType": self.primary,
            "domain": _for_wallet(self.domain.members),
            "message": _for_wallet(self.message),
        }

    @classmethod
    def from_json(cls, data: Any) -> TypedData:
        """Read the object that wallets take, from a file that anybody may have written.

        Raises:
            InputError: A part is missing, or is not of its type.
        """
        parts = _members(data, "it", ("types", "primaryType", "domain", "message"))
        types, given = _types(parts["types"]), parts["domain"]
        if not isinstance(given, Mapping) or not given.keys() <= {name for name, _ in _DOMAIN_FIELDS}:
            raise _no_typed_data("its domain is none that wallets know")
        primary, chain_id = _text(parts["primaryType"], "primaryType"), given.get("chainId")
        if primary not in types:
            raise _no_typed_data("its types say nothing of its primaryType")
        texts = {name: _text(given[name], name) for name in given if name != "chainId" and given[name] is not None}
        try:
            contract = address(texts[_CONTRACT], confirm_unchecked=True) if _CONTRACT in texts else None
            salt = from_hex(bytes32(texts["salt"])) if "salt" in texts else None
        except InputError:
            raise _no_typed_data("its domain has a contract or a salt that is none") from None
        domain = Domain(
            texts.get("name"), texts.get("version"), None if chain_id is None else _whole(chain_id, "chainId"),
            contract, salt,
        )  # fmt: skip
        return cls(domain, types, primary, _from_wallet(primary, types, parts["message"], "message"))


def _no_typed_data(why: str) -> InputError:
    return InputError("this is not EIP-712 typed data", why=f"{why[0].upper()}{why[1:]}.", fix="Use it as it was made.")


def _members(value: Any, what: str, names: Sequence[str]) -> Mapping[str, Any]:
    """Return an object that has these members and no others."""
    if not isinstance(value, Mapping):
        raise _no_typed_data(f"{what} is not a JSON object")
    for name in names:
        if name not in value:
            raise _no_typed_data(f"{what} has no {shown(name, _SHOWN)}")
    for name in value:
        if name not in names:
            raise _no_typed_data(f"{what} has a member {shown(str(name), _SHOWN)} that nothing speaks of")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise _no_typed_data(f"its {shown(name, _SHOWN)} is not text")
    return value


def _whole(value: Any, name: str) -> int:
    """Return a whole number as JSON has it, or in text, where wallets put large ones."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return int(value, 16 if value.startswith("0x") else 10)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _no_typed_data(f"its {shown(name, _SHOWN)} is not a whole number")
    return value


def _types(value: Any) -> dict[str, Fields]:
    """Return the struct types, once each member is of a type that EIP-712 knows or that is among them."""
    if not isinstance(value, Mapping):
        raise _no_typed_data("its types are not a JSON object")
    found: dict[str, Fields] = {}
    for name, fields in value.items():
        if not isinstance(fields, list):
            raise _no_typed_data(f"its type {shown(str(name), _SHOWN)} is not a list of members")
        pairs = []
        for field in fields:
            parts = _members(field, f"a member of type {shown(str(name), _SHOWN)}", ("name", "type"))
            pairs.append((_text(parts["name"], "member's name"), _text(parts["type"], "member's type")))
        if len({member for member, _ in pairs}) != len(pairs):
            raise _no_typed_data(f"its type {shown(str(name), _SHOWN)} names a member twice")
        found[name] = tuple(pairs)
    found.pop("EIP712Domain", None)
    for _, kind in (pair for fields in found.values() for pair in fields):
        base, bracket, rest = kind.partition("[")
        if (base not in found and base not in _ELEMENTARY) or not _ARRAY.fullmatch(bracket + rest):
            raise _no_typed_data(f"{shown(kind, _SHOWN)!r} is no type")
    return found


def _for_wallet(value: Any) -> Any:
    """Turn values into JSON a wallet reads without loss: JavaScript's numbers end at 2^53."""
    if isinstance(value, Mapping):
        return {key: _for_wallet(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_for_wallet(item) for item in value]
    if isinstance(value, bytes):
        return to_hex(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(int(value)) if abs(value) >= 2**53 else int(value)
    return value


def _from_wallet(kind: str, types: Mapping[str, Fields], value: Any, name: str, depth: int = 0) -> Any:
    """Turn decimal text back into numbers, by type."""
    if depth > _MOST_DEEP:
        raise _no_typed_data("its message nests deeper than anybody reads")
    if kind.endswith("]"):
        if not isinstance(value, list):
            raise _no_typed_data(f"its {shown(name, _SHOWN)} is not a list")
        return [_from_wallet(kind[: kind.rindex("[")], types, item, name, depth + 1) for item in value]
    if kind in types:
        parts = _members(value, f"its {shown(name, _SHOWN)}", [member for member, _ in types[kind]])
        return {each: _from_wallet(inner, types, parts[each], each, depth + 1) for each, inner in types[kind]}
    return _whole(value, name) if kind.startswith(("uint", "int")) else value


def encode_type(primary: str, types: Mapping[str, Fields]) -> str:
    """Return a struct's type as EIP-712 writes it: itself, then the structs it refers to, sorted.

    Raises:
        InputError: The struct is not among the types.
    """
    if primary not in types:
        raise InputError(f"no type {primary} is given")
    found: set[str] = set()
    todo = [primary]
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo.extend(base for _, kind in types[name] if (base := kind.partition("[")[0]) in types)
    order = [primary, *sorted(found - {primary})]
    return "".join(f"{name}({','.join(f'{kind} {field}' for field, kind in types[name])})" for name in order)


@lru_cache(maxsize=512)
def _type_hash(text: str) -> bytes:
    return keccak(text.encode("utf-8"))


def _hash_struct(name: str, types: Mapping[str, Fields], value: Mapping[str, Any]) -> bytes:
    """Return a struct's hash.

    Raises:
        InputError: A member is missing, unknown, or does not fit its type.
    """
    fields = types.get(name, ())
    missing = [field for field, _ in fields if field not in value]
    unknown = sorted(set(value) - {field for field, _ in fields})
    if missing or unknown:
        raise InputError(f"the values do not fit {name}: missing {missing}, unknown {unknown}")
    words = [_encode_member(kind, types, value[field], field) for field, kind in fields]
    return keccak(_type_hash(encode_type(name, types)) + b"".join(words))


def _encode_member(kind: str, types: Mapping[str, Fields], value: Any, name: str) -> bytes:
    """Return the 32 bytes of one member."""
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or (size and len(value) != int(size)):
            raise InputError(f"{name} is not a list as {kind} says")
        return keccak(b"".join(_encode_member(inner, types, item, name) for item in value))
    if kind in types:
        return _hash_struct(kind, types, value)
    if kind == "string":
        if not isinstance(value, str):
            raise InputError(f"{name} is not text")
        return keccak(value.encode("utf-8"))
    ready = to_abi_value({"type": kind, "name": name}, value)
    return keccak(ready) if kind == "bytes" else encode([kind], [ready])
