"""What a stranger makes of a ledger: every call and event decoded, who is public, who is a pseudonym, who names what.

Nothing but transactions and logs is read here, and the suite's published ABIs to name them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from eth_abi.abi import default_codec
from eth_abi.exceptions import DecodingError

from careledger.chain.abi import artifacts
from careledger.chain.coding import json_value, selector, type_of
from careledger.values import checksum, to_hex
from linker.chain import Log, Transaction

__all__ = ["Mention", "Seen", "Sight", "look"]

_PUBLIC: Final = frozenset("issuer organisation practitioner newOfficer oldOfficer officer reviewer accreditor".split())
"""Fields whose accounts appear as themselves."""
_CREDENTIALED: Final = frozenset(("CredentialIssued", "PartnerNumbered"))
"""Events whose subject is a professional or an organisation."""


@dataclass(frozen=True)
class Mention:
    """One value in a call or event."""

    where: str
    """Contract or event, function and path: ``grantSigned.terms.receipt``."""
    kind: str
    """Its ABI type; ``sender`` and ``funder`` for what a transaction itself says."""
    value: Any
    """An address or bytes as hex, or a number."""

    @property
    def leaf(self) -> str:
        """The field's own name."""
        return self.where.rsplit(".", 1)[-1]


@dataclass(frozen=True)
class Seen:
    """One transaction as a stranger reads it."""

    tx: Transaction
    function: str
    """Empty for a transfer of ether or a call that no ABI names."""
    args: Mapping[str, Any]
    """Of the call; of the inner one where a request was forwarded."""
    mentions: tuple[Mention, ...]
    about: frozenset[str]
    """The pseudonyms it names."""
    signer: str
    """Whose forward request it carries; empty for any other."""


@dataclass
class Sight:
    """Everything decoded."""

    seen: list[Seen] = field(default_factory=list)
    public: set[str] = field(default_factory=set)
    """Accounts that appear as themselves, and contracts."""
    pseudonyms: list[str] = field(default_factory=list)
    """In order of appearance."""


def look(ledger: Iterable[Transaction]) -> Sight:
    """Decode a ledger."""
    sight = Sight()
    read = [(tx, *_call(tx), list(_events(tx))) for tx in ledger]
    for tx, _, _, _, mentions, events in read:
        sight.public.update(checksum(log.address) for log in tx.logs)
        if tx.to is not None and tx.data:
            sight.public.add(checksum(tx.to))
        for mention in mentions:
            if mention.kind == "address" and mention.leaf in _PUBLIC:
                sight.public.add(mention.value)
        for name, found in events:
            for mention in found:
                credentialed = name in _CREDENTIALED and mention.leaf == "subject"
                if mention.kind == "address" and (credentialed or mention.leaf in _PUBLIC):
                    sight.public.add(mention.value)
    known: dict[str, None] = {}
    for tx, function, args, signer, mentions, events in read:
        whole = [*mentions, *(item for _, found in events for item in found)]
        about = frozenset(
            item.value for item in whole
            if item.kind == "address" and item.leaf in ("patient", "subject") and item.value not in sight.public
        )  # fmt: skip
        known.update(dict.fromkeys(sorted(about)))
        sight.seen.append(Seen(tx, function, args, tuple(whole), about, signer))
    sight.pseudonyms = list(known)
    return sight


@lru_cache(maxsize=1)
def _functions() -> dict[bytes, Mapping[str, Any]]:
    found = {}
    for artifact in artifacts():
        for item in artifact.functions.values():
            signature = f"{item['name']}({','.join(type_of(entry) for entry in item['inputs'])})"
            found[selector(signature)] = item
    return found


def _call(tx: Transaction) -> tuple[str, dict[str, Any], str, list[Mention]]:
    """Return function, arguments, signer of a forward request, and all values of a call."""
    if tx.to is None:
        return "create", {}, "", []
    name, args, mentions = _decoded(tx.data)
    if name != "execute" or "request" not in args:
        return name, args, "", mentions
    request = args["request"]
    inner, inner_args, inner_mentions = _decoded(bytes.fromhex(request["data"][2:]))
    outer = [item for item in mentions if not item.where.endswith(".data")]
    return inner, inner_args, request["from"], [*outer, *inner_mentions]


def _decoded(data: bytes) -> tuple[str, dict[str, Any], list[Mention]]:
    item = _functions().get(data[:4])
    if item is None:
        return "", {}, list(_words(data)) if data else []
    try:
        values = default_codec.decode([type_of(entry) for entry in item["inputs"]], data[4:])
    except (DecodingError, OverflowError, ValueError):
        return "", {}, list(_words(data))
    args = {
        entry.get("name") or f"_{at}": json_value(entry, value)
        for at, (entry, value) in enumerate(zip(item["inputs"], values, strict=True))
    }
    mentions = [m for entry in item["inputs"] for m in _walk(entry, args[entry["name"]], item["name"])]
    return item["name"], args, mentions


def _words(data: bytes) -> Iterator[Mention]:
    """Yield every aligned word of a call that no ABI names."""
    for at in range(4, len(data) - 31, 32):
        word = data[at : at + 32]
        if not any(word[:12]) and any(word[12:20]):
            yield Mention("unknown.address", "address", checksum("0x" + word[12:].hex()))
        elif any(word[:12]):
            yield Mention("unknown.word", "bytes32", to_hex(word))


def _walk(item: Mapping[str, Any], value: Any, path: str) -> Iterator[Mention]:
    kind, name = item["type"], item.get("name") or "_"
    where = f"{path}.{name}"
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        for one in value:
            yield from _walk(inner, one, path)
    elif kind == "tuple":
        for part in item["components"]:
            yield from _walk(part, value[part["name"]], where)
    else:
        yield Mention(where, kind, value)


def _events(tx: Transaction) -> Iterator[tuple[str, list[Mention]]]:
    for log in tx.logs:
        yield _event(log)


def _event(log: Log) -> tuple[str, list[Mention]]:
    for entry in artifacts().events.get(log.topics[0], ()) if log.topics else ():
        args = entry.decode(log.topics, log.data)
        return entry.name, [m for item in entry.inputs for m in _walk(item, args[item["name"]], entry.name)]
    words = [log.data[at : at + 32] for at in range(0, len(log.data) - 31, 32)]
    return "", list(_words(bytes(4) + b"".join([*log.topics[1:], *words])))
