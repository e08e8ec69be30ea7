"""Logs to rows: for each event a decoder is generated once from its ABI, which cuts the words out at fixed places.

Events whose data has no fixed layout go through ``eth_abi``. Every decoder refuses what a contract with this ABI
cannot have emitted (short or long data, dirty padding, other number of topics), so that such logs are quarantined.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from careledger.codec import CODEC
from careledger.index.schema import Shelf, storage_kind, wide_digits
from careledger.index.sources import Arg, canonical
from careledger.values import checksum

MAX_DATA = 131_072
"""Bytes of data above which a log is quarantined unread: no event of the suite comes near; a node may be hostile."""

EXACT_JSON = 2**53
"""JSON readers lose digits of integers from here on, so larger ones are written as text."""

Row = tuple[Any, ...]
Decoder = Callable[[bytes, bytes], Row]
"""Takes the indexed topics (without the first) and the data; returns the values of the typed columns."""


class Undecodable(Exception):
    """The log is not what its ABI says; the text is the reason kept beside it."""


def decoder(shelf: Shelf) -> Decoder:
    """Make the decoder of one event."""
    plain = [arg for arg in shelf.spec.args if not arg.indexed]
    if all(storage_kind(arg) not in ("string", "bytes", "json") for arg in plain):
        return _generate(shelf.spec.args)
    return _by_eth_abi(shelf.spec.args)


def _generate(args: Sequence[Arg]) -> Decoder:
    """Write, compile and return a function that slices static words.

    The source consists of fixed text and numbers only; names from the ABI never enter it.
    """
    checks: list[str] = []
    values: list[str] = []
    places = {"t": 0, "d": 0}
    for arg in args:
        word = "t" if arg.indexed else "d"
        at = places[word]
        places[word] += 32
        check, value = _word(arg, word, at)
        checks += [check] if check else []
        values.append(value)
    condition = " or ".join([f"len(t) != {places['t']}", f"len(d) != {places['d']}", *checks])
    source = f"def decode(t, d):\n if {condition}:\n  refuse(t, d)\n return ({''.join(v + ', ' for v in values)})\n"
    scope: dict[str, Any] = {"number": int.from_bytes, "refuse": _refuser(places["t"], places["d"]), "Z": bytes(32)}
    exec(compile(source, "<event decoder>", "exec"), scope)  # noqa: S102 - generated from numbers only, as dataclasses are
    made: Decoder = scope["decode"]
    return made


def _word(arg: Arg, name: str, at: int) -> tuple[str, str]:
    """Return the expressions that are true of a bad word (or empty) and that read a good one."""
    kind, end = storage_kind(arg), at + 32
    if kind == "address":
        return f"{name}[{at}:{at + 12}] != Z[:12]", f"'0x' + {name}[{at + 12}:{end}].hex()"
    if kind == "bool":
        return f"{name}[{at}:{end - 1}] != Z[:31] or {name}[{end - 1}] > 1", f"{name}[{end - 1}] == 1"
    if kind in ("hash", "fixed"):
        size = 32 if kind == "hash" else 24 if arg.type == "function" else int(arg.type[5:])
        check = f"{name}[{at + size}:{end}] != Z[:{32 - size}]" if size < 32 else ""
        return check, f"'0x' + {name}[{at}:{at + size}].hex()"
    if kind in ("int", "wide"):
        pad = 32 - int(arg.type[4:]) // 8
        value = f"number({name}[{at + pad}:{end}], 'big')"
        check = f"{name}[{at}:{at + pad}] != Z[:{pad}]" if pad else ""
        return check, value if kind == "int" else f"'%0{wide_digits(arg.type)}d' % {value}"
    limit = 1 << (int(arg.type[3:]) - 1)
    value = f"number({name}[{at}:{end}], 'big', signed=True)"
    return f"not {-limit} <= {value} < {limit}", value if kind == "sint" else f"str({value})"


def _refuser(topics: int, data: int) -> Callable[[bytes, bytes], None]:
    """Make the function that says why a log was refused."""

    def refuse(t: bytes, d: bytes) -> None:
        if len(t) != topics:
            raise Undecodable(f"{len(t) // 32} indexed values where the ABI has {topics // 32}")
        if len(d) != data:
            raise Undecodable(f"{len(d)} bytes of data where the ABI has {data}")
        raise Undecodable("a value outside the range of its type")

    return refuse


def _by_eth_abi(args: Sequence[Arg]) -> Decoder:
    """Make a decoder for data of no fixed layout."""
    indexed = [arg for arg in args if arg.indexed]
    plain = [arg for arg in args if not arg.indexed]
    topics = _generate(indexed)
    types = [arg.type for arg in plain]

    def decode(t: bytes, d: bytes) -> Row:
        head = iter(topics(t, b""))
        try:
            tail = iter([_stored(arg, value) for arg, value in zip(plain, CODEC.decode(types, d), strict=True)])
        except Undecodable:
            raise
        except Exception as error:  # eth_abi raises many kinds, OverflowError and UnicodeDecodeError among them
            raise Undecodable(f"the data does not follow the ABI: {type(error).__name__}") from None
        return tuple(next(head) if arg.indexed else next(tail) for arg in args)

    return decode


def _stored(arg: Arg, value: Any) -> Any:
    """Turn a value of eth_abi into what its column holds."""
    kind = storage_kind(arg)
    if kind == "wide":
        return f"{value:0{wide_digits(arg.type)}d}"
    if kind == "swide":
        return str(value)
    if kind in ("bytes", "fixed"):
        return "0x" + value.hex()
    if kind == "json":
        return orjson.dumps(_to_json(value)).decode()
    if kind == "string" and "\0" in value:
        raise Undecodable("text with a zero character, which not every database can keep")
    return value


def _to_json(value: Any) -> Any:
    """Make nested values fit for JSON without losing digits."""
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT_JSON:
        return str(value)
    return value


def to_args(shelf: Shelf, row: Sequence[Any]) -> dict[str, Any]:
    """Turn the stored values of an event into arguments by the ABI's names.

    Returns:
        Integers as ``int``, addresses with checksum, all bytes as ``0x`` hex, arrays as lists, structs as dicts.
    """
    return {arg.name: to_python(arg, value) for arg, value in zip(shelf.spec.args, row, strict=True)}


def to_python(arg: Arg, value: Any) -> Any:
    """Turn one stored value into the one a caller sees."""
    kind = storage_kind(arg)
    if kind in ("wide", "swide"):
        return int(value)
    if kind == "address":
        return _checksum(value)
    if kind == "bool":
        return bool(value)
    if kind == "json":
        return _from_json(arg.abi, orjson.loads(value))
    return value


def _from_json(abi: Mapping[str, Any], value: Any) -> Any:
    """Undo ``_to_json`` by the ABI: numbers back to ``int``, structs to dicts."""
    kind = str(abi["type"])
    if kind.endswith("]"):
        inner = {**abi, "type": kind[: kind.rindex("[")]}
        return [_from_json(inner, item) for item in value]
    if kind == "tuple":
        parts = abi["components"]
        return {str(part["name"]): _from_json(part, item) for part, item in zip(parts, value, strict=True)}
    if canonical(abi).startswith(("uint", "int")):
        return int(value)
    return _checksum(value) if kind == "address" else value


def to_column(arg: Arg, value: Any) -> Any:
    """Turn a value a caller filters by into what the column holds.

    Raises:
        ValueError: The value is not of the argument's type.
    """
    kind = storage_kind(arg)
    if kind in ("int", "sint", "wide", "swide", "bool"):
        number = int(value)
        if kind == "bool":
            return bool(number)
        if kind in ("int", "sint"):
            return number
        return f"{number:0{wide_digits(arg.type)}d}" if kind == "wide" else str(number)
    if kind == "string":
        return str(value)
    if kind == "json":
        raise ValueError("arrays and structs cannot be compared")
    if isinstance(value, (bytes, bytearray)):
        return "0x" + bytes(value).hex()
    text = str(getattr(value, "address", value)).lower()
    if not text.startswith("0x"):
        raise ValueError(f"{kind} values are written as 0x hex")
    return text


_checksum = lru_cache(maxsize=65_536)(checksum)
