"""Terms on their way between the desk, the patient's wallet and the chain: as files, read back with suspicion."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careledger.cli import output
from careledger.codes import Purpose, Role
from careledger.errors import FormatError, InputError, Misuse, NotFound
from careledger.text import read_json, shown
from careledger.values import Address, PartyRef, from_hex, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger
    from careledger.resources.base import SignedTerms, Terms
    from careledger.resources.consent_types import ConsentTerms, RoleRef

__all__ = ["load_file", "read_signed", "read_terms", "recipient", "write_signed", "write_terms"]

_MAX_BYTES: Final = 1 << 20
_KINDS: Final = {"ConsentGrant": "grant", "ConsentRevocation": "revoke", "StandingDenial": "deny"}


def recipient(
    person: Address | None,
    organisation: Address | None,
    role: Role | None,
    jurisdiction: int,
    *,
    names: tuple[str, str, str] = ("--to", "--to-organisation", "--to-role"),
) -> PartyRef | RoleRef:
    """Return the one recipient that options name.

    Raises:
        Misuse: None is named, or more than one; or a role without its jurisdiction.
    """
    from careledger.resources.consent_types import RoleRef

    if sum(item is not None for item in (person, organisation, role)) != 1:
        raise Misuse("there is exactly one recipient", fix=f"Give one of {', '.join(names)}.")
    if person is not None:
        return PartyRef("person", person)
    if organisation is not None:
        return PartyRef("organisation", organisation)
    if not jurisdiction or role is None:
        raise Misuse("a role is held somewhere", fix="Add --jurisdiction, such as 756000 for Switzerland.")
    return RoleRef(role, jurisdiction)


# FILES


def write_terms(terms: Terms, out: Path | None) -> None:
    """Write the EIP-712 object that wallets sign, to a file that is not there yet or to stdout."""
    _write(terms.typed.to_json(), out)


def write_signed(signed: SignedTerms[Any], out: Path | None) -> None:
    """Write terms with their signature, to a file that is not there yet or to stdout."""
    found = {
        "terms": signed.terms.typed.to_json(), "signature": to_hex(signed.signature), "signer": signed.signer
    }  # fmt: skip
    _write(found, out)


def _write(value: Mapping[str, Any], out: Path | None) -> None:
    if out is None:
        output.data(value)
        return
    try:
        with out.open("x", encoding="ascii") as file:
            file.write(json.dumps(value, indent=2) + "\n")
    except FileExistsError:
        raise InputError(f"{shown(out.name)} is there already", fix="Give another file.") from None


def read_terms(care: CareLedger, file: Path, *, kind: str | None = None) -> Terms:
    """Read terms that were drafted before.

    Args:
        care: The suite they must be for.
        file: The EIP-712 object, or what ``write_signed`` wrote; ``-`` is stdin.
        kind: What they must be: ``grant``, ``revoke`` or ``deny``; any of them when None.

    Raises:
        NotFound: There is no such file.
        FormatError: It holds something else.
        InputError: They are for another contract or chain, or of another kind.
    """
    found = load_file(file)
    return _terms(care, found.get("terms", found), kind)


def read_signed(care: CareLedger, file: Path, *, kind: str) -> SignedTerms[Any]:
    """Read terms with their signature; a signature by a plain key is checked against who is said to have signed.

    Raises:
        NotFound: There is no such file.
        FormatError: It holds something else.
        InputError: They are for another contract or chain, of another kind, or signed by somebody else than it says.
    """
    from careledger.resources.base import SignedTerms
    from careledger.values import address

    found = load_file(file)
    try:
        terms, signature = _terms(care, found["terms"], kind), from_hex(found["signature"])
        signer = address(found["signer"]) if "signer" in found else terms.typed.signer_of(signature)
    except (KeyError, TypeError):
        raise FormatError(
            f"{shown(file.name)} holds no signed terms", fix="Make it with: careledger consents sign."
        ) from None
    if len(signature) == 65 and terms.typed.signer_of(signature) != signer:
        code = care.connection.rpc.request("eth_getCode", [signer, "latest"])
        if code in ("0x", None):
            raise InputError(f"this signature is not by {signer}", fix="Have the terms signed again, unchanged.")
    return SignedTerms(terms, signature, signer)


def load_file(file: Path, *, make: str = "careledger consents draft") -> dict[str, Any]:
    """Read a JSON object of at most a megabyte; ``-`` is stdin.

    Args:
        file: Where it is.
        make: The command that makes such a file.

    Raises:
        NotFound: There is no such file.
        FormatError: It is no JSON object.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_MAX_BYTES)
        else:
            with file.open("rb") as opened:
                data = opened.read(_MAX_BYTES)
        found = read_json(data)
    except FileNotFoundError:
        raise NotFound(f"there is no file {shown(file.name)}", fix="Check the path.") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise FormatError(f"{shown(file.name)} holds no terms", fix=f"Make it with: {make}.")
    return found


def _terms(care: CareLedger, data: Any, kind: str | None) -> Terms:
    """Return terms, once they are those of this suite and of the kind wanted."""
    from careledger.chain.typed import TypedData
    from careledger.resources import consents
    from careledger.resources.base import Terms

    types = {
        "ConsentGrant": consents._GRANT, "ConsentRevocation": consents._REVOCATION, "StandingDenial": consents._DENIAL
    }  # fmt: skip
    try:
        typed = TypedData.from_json(data)
    except InputError as error:
        raise _broken(error.why, fix="Make them with: careledger consents draft.") from None
    name = _KINDS.get(typed.primary)
    if name is None or dict(typed.types) != {typed.primary: types[typed.primary]}:
        raise FormatError("these are no terms of a consent", fix="Make them with: careledger consents draft.")
    if kind is not None and name != kind:
        raise InputError(f"these are terms to {name}, not to {kind}", fix=f"Use: careledger consents {name}.")
    if typed.domain != care.consents.domain:
        raise InputError(
            "these terms are for another contract or chain",
            why=f"They name {typed.domain}.",
            fix="Name the network and suite they were drafted for.",
        )
    try:
        typed.struct_hash  # noqa: B018 - refuses what does not fit its type
        message = _drafted(typed.message)
        found = _BUILDERS[name](typed) if name in _BUILDERS else Terms(typed)
    except (InputError, KeyError, ValueError, TypeError, StopIteration):
        raise _broken("A code, an account or a number in them is none that this program knows.") from None
    if message != typed.message:
        raise _broken("Something in them is not written as a draft writes it, so nobody could carry them.")
    return found


def _broken(why: str, *, fix: str = "Draft them again.") -> FormatError:
    return FormatError("these terms do not hold together", why=why, fix=fix)


def _drafted(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the message that a draft of ours writes for what this one says: what is signed is what is carried.

    Raises:
        InputError, KeyError, ValueError, StopIteration: There is no such party, code or class.
    """
    from careledger.codes import ConsentReason
    from careledger.resources import consent_types as consents
    from careledger.resources.scope import classes_of, scope_word
    from careledger.values import bytes32

    found = {**message, "patient": PartyRef("person", message["patient"]).address}
    if "purpose" in message:
        to, purpose = consents.party_of(message), Purpose[message["purpose"]]
        scope_word(to, purpose)
        found |= {**consents.named(to), "purpose": purpose.name}
    for name in {"permits", "denies", "denied", "emergencyDenied"} & message.keys():
        found[name] = consents.words_of(classes_of(message[name]))
    if "reason" in message:
        found["reason"] = ConsentReason(message["reason"]).value
    if "receipt" in message:
        found["receipt"] = bytes32(message["receipt"])
        if (not message["permits"] and not message["denies"]) or message["replaces"] + 1 >= 1 << 40:
            raise ValueError("it permits and denies nothing, or no version can follow")
    return found


def _grant_of(typed: Any) -> ConsentTerms:
    """Return a grant's terms from what was signed alone; the receipt stays where it was drafted."""
    from careledger.redact import Secret
    from careledger.resources import consent_types as consents
    from careledger.resources.scope import Limits, classes_of, mask_of, pack_directive, scope_word

    m = typed.message
    to, purpose = consents.party_of(m), Purpose[m["purpose"]]
    permits, denies = classes_of(m["permits"]), classes_of(m["denies"])
    version, start, end = int(m["replaces"]) + 1, int(m["notBefore"]), int(m["expiresAt"])
    word = pack_directive(mask_of(permits), mask_of(denies), start, end, 2 if m["limited"] else 0, version)
    call = {"patient": m["patient"], "scope": scope_word(to, purpose), "word": word, "receipt": m["receipt"]}
    return consents.ConsentTerms(
        typed, call, consents.ConsentReceipt({}, Secret(b"", "salt"), Limits()), PartyRef("person", m["patient"]), to,
        purpose, permits, denies, start, end, version,
    )  # fmt: skip


_BUILDERS: Final[Mapping[str, Callable[[Any], Terms]]] = {"grant": _grant_of}
