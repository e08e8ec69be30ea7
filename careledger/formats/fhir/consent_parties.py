"""Who the actors of a FHIR Consent are: accounts and roles in our own URIs, or whom the caller's resolver knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from careledger.codes import Role
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_leaves import Coding, shortly
from careledger.values import Address, PartyRef, RoleRef

__all__ = ["Parties", "Recipient", "Resolve", "name_of"]

Recipient = PartyRef | RoleRef
Resolve = Callable[[str | None, str], PartyRef | RoleRef | None]
"""Takes system and value of an identifier, or None and a literal reference such as ``Organization/f001``."""


class Parties:
    """Finds accounts and roles."""

    def __init__(
        self, resolve: Resolve | None, references: Mapping[str, Sequence[tuple[str | None, str]]], chain_id: int | None
    ) -> None:
        self._resolve, self._references, self._chain_id = resolve, references, chain_id

    def find(self, reference: Mapping[str, Any]) -> Recipient | None:
        """Return whom a Reference means: by its identifier, by those of the resource it leads to, or as it stands."""
        identifier = reference.get("identifier")
        pairs: list[tuple[str | None, str]] = []
        if isinstance(identifier, dict) and isinstance(identifier.get("value"), str):
            system = identifier.get("system")
            pairs.append((system if isinstance(system, str) else None, identifier["value"]))
        literal = reference.get("reference")
        if isinstance(literal, str):
            pairs += [*self._references.get(literal, ()), (None, literal)]
        kind = reference.get("type")
        for system, value in pairs:
            found = self._ours(system, value, "organisation" if kind == "Organization" else "person")
            if found is None and self._resolve is not None:
                found = self._resolve(system, value)
            if isinstance(found, RoleRef) or (isinstance(found, PartyRef) and found.kind in ("person", "organisation")):
                return found
        return None

    def role(self, coding: Coding) -> Recipient | None:
        """Return whom the resolver knows by a role's code."""
        return self._resolve(coding.system, coding.code) if self._resolve is not None else None

    def _ours(self, system: str | None, value: str, kind: str) -> Recipient | None:
        if system == codes.ROLE_SYSTEM:
            word, _, jurisdiction = value.partition("@")
            role = next((item for item in Role if item and item.word == word), None)
            whole = jurisdiction.isascii() and jurisdiction.isdigit() and int(jurisdiction[:12]) < 1 << 32
            return RoleRef(role, int(jurisdiction[:12])) if role is not None and whole else None
        scheme, _, rest = value.partition("did:pkh:eip155:")
        chain, _, account = rest.partition(":")
        if system != codes.ACCOUNT_SYSTEM or scheme or not codes.is_account(account):
            return None
        if self._chain_id is not None and chain != str(self._chain_id):
            return None
        return PartyRef(kind, Address(account))  # type: ignore[arg-type]


def name_of(reference: Mapping[str, Any]) -> str:
    """Return how a Reference names whom it means."""
    identifier = reference.get("identifier")
    value = identifier.get("value") if isinstance(identifier, dict) else None
    return shortly(reference.get("reference") or value or reference.get("display") or "nobody")
