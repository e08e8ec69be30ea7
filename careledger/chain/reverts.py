"""Revert data into exceptions: one class per on-chain error, named as on chain, with its reason and its remedy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from eth_abi.exceptions import DecodingError

from careledger.chain.abi import Catalogue, ErrorEntry, artifacts
from careledger.codec import CODEC
from careledger.errors import MEND_INPUT, NEVER, ContractError, FormatError, InputError, Retry, after, ask
from careledger.values import from_hex

__all__ = ["Panicked", "contract_error", "error_class", "explain", "revert_data"]

_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")
# Solidity's panic codes: https://docs.soliditylang.org/en/v0.8.30/control-structures.html#panic-via-assert
_PANICS = {
    0x01: "an assertion failed", 0x11: "a sum left the range of its type", 0x12: "a division by zero",
    0x21: "a number is no member of its enum", 0x22: "a stored byte array is damaged", 0x31: "pop on an empty array",
    0x32: "an index beyond the array's end", 0x41: "too much memory", 0x51: "a call to an unset function",
}  # fmt: skip


class Panicked(ContractError):
    """A contract stopped at a check the compiler put there; a defect of the contract, or an input it never expects."""


@lru_cache(maxsize=4096)
def _make_class(name: str, why: str, fix: str) -> type[ContractError]:
    body = {"__doc__": why or f"The contract error {name}.", "__module__": "careledger.errors", "on_chain_fix": fix}
    return type(name, (ContractError,), body)


def error_class(name: str, *, catalogue: Catalogue | None = None) -> type[ContractError] | None:
    """Return the exception class of an on-chain error by its name, or None when no ABI lists it.

    The same name gives the same class each time, so ``except errors.Contract_Reason`` works.
    """
    entry = (catalogue or artifacts()).errors_by_name.get(name)
    return _make_class(entry.name, entry.why, entry.fix) if entry else None


def explain(name: str, *, catalogue: Catalogue | None = None) -> ErrorEntry | None:
    """Return what the artifacts say about an error: its signature, reason and remedy."""
    return (catalogue or artifacts()).errors_by_name.get(name)


def contract_error(data: bytes | str, *, catalogue: Catalogue | None = None, message: str = "") -> ContractError:
    """Return the exception for revert data. It never fails: data nobody knows is shown as it is.

    Args:
        data: What the EVM returned with the revert.
        catalogue: The errors to look among; the package's own when not given.
        message: What the node said, for a revert without data.
    """
    raw = from_hex(data) if isinstance(data, str) else data
    if len(raw) < 4:
        return ContractError(message or "the contract refused without a reason", why="A bare revert carries no data.")
    if raw[:4] == _ERROR_STRING:
        return _from_string(raw[4:])
    if raw[:4] == _PANIC:
        return _from_panic(raw[4:])
    entry = (catalogue or artifacts()).errors.get(raw[:4])
    if entry is None:
        return ContractError(
            f"the contract refused with an error this release does not know, 0x{raw[:4].hex()}",
            why="It comes from a contract outside the suite, or from another release.", args={"data": "0x" + raw.hex()},
        )  # fmt: skip
    return _from_entry(entry, raw[4:])


def _from_entry(entry: ErrorEntry, data: bytes) -> ContractError:
    """Build the exception of a known error."""
    try:
        values = entry.decode(data)
    except FormatError:
        values = {"data": "0x" + data.hex()}
    shown = ", ".join(f"{name}={_shown(name, value)}" for name, value in values.items())
    kind = _make_class(entry.name, entry.why, entry.fix)
    return kind(f"{entry.name}({shown})", args=values, why=entry.why, fix=entry.fix, retry=_retry(entry.retry))


def _from_string(data: bytes) -> ContractError:
    try:
        text = CODEC.decode(["string"], data)[0]
    except (DecodingError, OverflowError, UnicodeDecodeError):
        text = "a reason that cannot be read"
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:500])
    return ContractError(f"the contract refused: {clean}", args={"reason": clean})


def _from_panic(data: bytes) -> ContractError:
    code = int.from_bytes(data[:32], "big")
    what = _PANICS.get(code, "an unknown check failed")
    return Panicked(f"the contract panicked (0x{code:02x}): {what}", args={"code": code}, retry=NEVER)


def _shown(name: str, value: Any) -> str:
    """Show an argument; those that are points in time by their name also as a date."""
    if isinstance(value, int) and name.endswith(("At", "Until", "Before", "After")) and 10**9 <= value < 10**11:
        return f"{value} [{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC]"
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "…"


def _retry(text: str) -> Retry:
    """Read a ``@custom:retry`` tag; without one the input is to be mended."""
    word, _, rest = text.strip().partition(" ")
    if word == "never":
        return NEVER
    if word == "after" and rest.split()[:1] and rest.split()[0].isdigit():
        return after(float(rest.split()[0]))
    return ask(rest) if word == "ask" and rest else MEND_INPUT


def revert_data(error: Mapping[str, Any]) -> bytes | None:
    """Find the revert data in a node's JSON-RPC error object, wherever this kind of node puts it.

    Returns:
        The data (empty for a bare revert), or None when the error is not about a revert.
    """
    found = error.get("data")
    for _ in range(4):  # hardhat nests {"data": {"data": "0x…"}}; some nodes prefix "Reverted 0x…"
        if not isinstance(found, Mapping):
            break
        found = found.get("data", found.get("output", found.get("result")))
    if isinstance(found, str):
        text = found.removeprefix("Reverted ").strip()
        try:
            return from_hex(text)
        except InputError:
            pass
    message = str(error.get("message", "")).lower()
    reverted = "revert" in message or error.get("code") == 3
    return b"" if reverted else None
