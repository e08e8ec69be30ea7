"""The small turns between Python values and ABI values, shared by calls, events, errors and typed data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from careledger.errors import InputError
from careledger.redact import Secret
from careledger.values import checksum, from_hex, keccak, to_hex

__all__ = ["json_value", "selector", "to_abi_value", "type_of"]


def selector(signature: str) -> bytes:
    """Return the first four bytes of a signature's hash, which name a function or an error."""
    return keccak(signature.encode("ascii"))[:4]


def type_of(component: Mapping[str, Any]) -> str:
    """Return a component's type as a signature writes it, with tuples spelled out."""
    kind: str = component["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(type_of(item) for item in component["components"])
    return f"({inner}){kind[5:]}"


def to_abi_value(component: Mapping[str, Any], value: Any) -> Any:
    """Turn a Python value into what the coder takes: hex into bytes, enums into numbers, structs into tuples.

    Raises:
        InputError: The value cannot be of this type.
    """
    kind: str = component["type"]
    if kind.endswith("]"):
        return _list(component, kind, value)
    if kind == "tuple":
        return _struct(component["components"], value, component.get("name", ""))
    if isinstance(value, Secret):
        value = value.reveal()
    if isinstance(value, Enum):
        value = value.value
    if kind.startswith("bytes") and isinstance(value, str):
        value = from_hex(value)
    if kind.startswith("bytes") and kind != "bytes" and isinstance(value, bytes) and len(value) != int(kind[5:]):
        name = component.get("name") or "value"
        raise InputError(f"{name} has {len(value)} bytes, {kind} is meant", fix="Give all of its bytes.")
    if kind == "address" and not isinstance(value, str) and hasattr(value, "address"):
        value = value.address
    if kind.startswith(("uint", "int")) and (isinstance(value, bool) or not isinstance(value, int)):
        raise InputError(f"{component.get('name') or 'value'} is not a whole number", fix="Give an int.")
    return value


def _list(component: Mapping[str, Any], kind: str, value: Any) -> list[Any]:
    """Turn each element of an array."""
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise InputError(f"{component.get('name') or 'value'} is not a list", fix="Give a list or tuple.")
    inner = {**component, "type": kind[: kind.rindex("[")]}
    return [to_abi_value(inner, item) for item in value]


def _struct(components: Sequence[Mapping[str, Any]], value: Any, name: str) -> tuple[Any, ...]:
    """Turn a mapping, dataclass or sequence into a tuple in the struct's order."""
    if is_dataclass(value) and not isinstance(value, type):
        value = {item.name.rstrip("_"): getattr(value, item.name) for item in fields(value)}
    if isinstance(value, Mapping):
        missing = [item["name"] for item in components if item["name"] not in value]
        unknown = set(value) - {item["name"] for item in components}
        if missing or unknown:
            wrong = ", ".join([f"{item} missing" for item in missing] + [f"{item} unknown" for item in sorted(unknown)])
            raise InputError(f"{name or 'the struct'} does not fit: {wrong}")
        value = [value[item["name"]] for item in components]
    if len(value) != len(components):
        raise InputError(f"{name or 'the struct'} has {len(components)} fields, not {len(value)}")
    return tuple(to_abi_value(item, part) for item, part in zip(components, value, strict=True))


def json_value(component: Mapping[str, Any], value: Any) -> Any:
    """Turn a decoded value into one that JSON knows: bytes as hex, addresses with checksum, structs as dicts."""
    kind: str = component["type"]
    if kind.endswith("]"):
        inner = {**component, "type": kind[: kind.rindex("[")]}
        return [json_value(inner, item) for item in value]
    if kind == "tuple":
        return {
            item.get("name") or f"_{at}": json_value(item, part)
            for at, (item, part) in enumerate(zip(component["components"], value, strict=True))
        }
    if kind == "address":
        return checksum(value)
    return to_hex(value) if isinstance(value, bytes) else value
