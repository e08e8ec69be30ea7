"""What two parties agree on, as a file that goes from one to the other: terms, and the signatures so far."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from careledger.cli import output
from careledger.cli.terms import load_file
from careledger.codes import Role
from careledger.errors import FormatError, InputError
from careledger.privacy.files import write_private
from careledger.text import shown
from careledger.values import Address, address, from_hex, to_hex

if TYPE_CHECKING:
    from careledger.client import CareLedger
    from careledger.resources.base import SignedTerms, Terms

__all__ = ["add_signature", "read_agreement", "signature_of", "write_agreement"]

_KINDS: Final = {"CredentialTerms": "credential", "AffiliationTerms": "affiliation"}


def write_agreement(terms: Terms, out: Path | None) -> None:
    """Write terms that nobody has signed yet, to a file that is not there yet or to stdout."""
    found = {"terms": terms.typed.to_json(), "signatures": []}
    if out is None:
        output.data(found)
        return
    if out.exists():
        raise InputError(f"{shown(out.name)} is there already", fix="Give another file.")
    write_private(out, _text(found))


def read_agreement(care: CareLedger, file: Path, *, kind: str) -> tuple[Terms, dict[Address, bytes]]:
    """Read terms and who has signed them.

    Args:
        care: The suite they must be for.
        file: What ``write_agreement`` wrote.
        kind: ``credential`` or ``affiliation``.

    Raises:
        NotFound: There is no such file.
        FormatError: It holds something else, or terms that do not hold together.
        InputError: They are for another contract or chain, of another kind, or a signature is not by whom it names.
    """
    from careledger.resources import credentials

    classes: dict[str, Any] = {
        "credential": (credentials.CredentialTerms, credentials._CREDENTIAL),
        "affiliation": (credentials.AffiliationTerms, credentials._AFFILIATION),
    }
    made, types = classes[kind]
    found = load_file(file, make=f"careledger participants {kind} offer")
    typed = _typed(found, file, kind, types)
    if typed.domain != care.participants.domain:
        raise InputError(
            "these terms are for another contract or chain",
            why=f"They name {typed.domain}.",
            fix="Name the network and suite they were offered for.",
        )
    signatures: dict[Address, bytes] = {}
    try:
        for each in found["signatures"]:
            signatures[address(each["signer"])] = from_hex(each["signature"])
    except (KeyError, TypeError, InputError):
        raise FormatError(f"a signature in {shown(file.name)} cannot be read", fix="Have it signed again.") from None
    for signer, signature in signatures.items():
        if len(signature) == 65 and typed.signer_of(signature) != signer and not care.connection.code(signer):
            raise InputError(f"a signature is not by {signer}", fix="Have the terms signed again, unchanged.")
    return made(typed), signatures


def add_signature(care: CareLedger, file: Path, *, kind: str) -> Address:
    """Sign an agreement as the client's signer and write the signature into its file; return who signed."""
    from careledger.errors import Misuse

    if care.signer is None or str(file) == "-":
        raise Misuse("a signature goes into the file", fix="Give the file by its name.")
    terms, signatures = read_agreement(care, file, kind=kind)
    signed = terms.signed_by(care.signer)
    signatures[signed.signer] = signed.signature
    rows = [{"signer": who, "signature": to_hex(each)} for who, each in signatures.items()]
    write_private(file, _text({"terms": terms.typed.to_json(), "signatures": rows}))
    return signed.signer


def signature_of(
    care: CareLedger, terms: Terms, signatures: dict[Address, bytes], *, party: str
) -> SignedTerms[Any] | None:
    """Return the signature of a party named in the terms; None where it sends itself.

    Raises:
        InputError: It neither signed nor sends.
    """
    from careledger.resources.base import SignedTerms
    from careledger.values import PartyRef

    who = Address(terms.typed.message[party])
    controller = care.participants.controller_of(PartyRef("person", who))
    if controller in signatures:
        return SignedTerms(terms, signatures[controller], controller)
    if controller == care.me:
        return None
    raise InputError(f"the {party} has not signed yet", why=f"It is {who}.", fix="Let it sign the file.")


def _typed(found: dict[str, Any], file: Path, kind: str, types: Any) -> Any:
    """Return terms of one kind, once they are written as an offer of ours writes them."""
    from careledger.chain.typed import TypedData

    try:
        typed = TypedData.from_json(found.get("terms"))
    except InputError as error:
        raise _broken(file, kind, error.why) from None
    if _KINDS.get(typed.primary) != kind or dict(typed.types) != {typed.primary: types}:
        raise FormatError(f"{shown(file.name)} holds no terms of this kind", fix=_made(kind))
    try:
        typed.struct_hash  # noqa: B018 - refuses what does not fit its type
        for name in (name for name, of in types if of == "address"):
            address(typed.message[name])
    except InputError:
        raise _broken(file, kind, "An account or a number in them is none.") from None
    if typed.message.get("role", Role.NONE.word) not in {role.word for role in Role}:
        raise _broken(file, kind, "Their role is none that this program knows.")
    return typed


def _broken(file: Path, kind: str, why: str) -> FormatError:
    return FormatError(f"{shown(file.name)} holds no terms that hold together", why=why, fix=_made(kind))


def _made(kind: str) -> str:
    return f"Make it with: careledger participants {kind} offer."


def _text(found: dict[str, Any]) -> bytes:
    return (json.dumps(found, indent=2) + "\n").encode("ascii")
