"""How directives, credentials and times are shown to people; ``--json`` has everything instead."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from careledger.values import PartyRef

if TYPE_CHECKING:
    from careledger.resources.access_entries import AccessEntry
    from careledger.resources.consent_types import Directive, RoleRef
    from careledger.resources.credentials import Credential

__all__ = ["access_row", "credential_row", "directive_row", "minute"]


def minute(seconds: int) -> str:
    """Return a time of the chain, in seconds since 1970, to the minute in UTC; ``-`` for 0, which is none."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds else "-"


def directive_row(item: Directive, now: int) -> dict[str, Any]:
    """Return a directive as people read it; ``state`` is live, not yet, over or revoked at the second ``now``."""
    over, early = item.expires_at <= now, item.not_before > now
    return {
        "id": item.id,
        "patient": item.patient.address,
        "to": _who(item.to),
        "purpose": item.purpose.word,
        "permits": [code.word for code in sorted(item.permits)],
        "denies": [code.word for code in sorted(item.denies)],
        "from": minute(item.not_before),
        "until": minute(item.expires_at),
        "version": item.version,
        "state": "revoked" if item.revoked else "over" if over else "not yet" if early else "live",
    }


def _who(to: PartyRef | RoleRef) -> str:
    return f"{to.kind} {to.address}" if isinstance(to, PartyRef) else f"role {to.role.word} in {to.jurisdiction}"


def credential_row(found: Credential) -> dict[str, Any]:
    """Return a credential as people read it."""
    return {
        "subject": found.subject.address,
        "role": found.role.word,
        "jurisdiction": found.jurisdiction,
        "status": found.status.word,
        "in force": found.active,
        "until": minute(found.expires_at),
        "issuer": found.issuer,
    }


def access_row(entry: AccessEntry) -> dict[str, Any]:
    """Return an entry of an access log as people read it; ``for`` is the organisation or role it was asked for."""
    capacity = entry.acting.capacity
    acting: str | None = None
    if not isinstance(capacity, PartyRef):
        acting = f"{capacity.role.word} in {capacity.jurisdiction}"
    elif capacity.kind == "organisation":
        acting = capacity.address
    return {
        "number": entry.own,
        "at": minute(entry.at),
        "actor": entry.actor,
        "for": acting,
        "purpose": entry.purpose.name,
        "record": entry.record,
        "outcome": "allowed" if entry.allowed else "denied",
        "because": entry.reason.name,
        "basis": entry.basis.name,
        "entry": entry.entry,
        "block": entry.block,
    }
