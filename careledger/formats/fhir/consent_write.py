"""Write a directive or a standing denial as a FHIR Consent of R4 or R5 that reads back as the very same.

Standard codes are used wherever one means exactly the class; the rest has a code of its own (``urn:careledger:…``), so
that a program that does not know it permits less, never more. In R5 a permission stands under ``decision: deny``; a
denial alone has no decision, since "permit" would speak of everybody, and carries R4's type as an extension. The
receipt is named by its salted commitment; there is no hash of anything without salt.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal

from careledger.codes import DataClass
from careledger.errors import InputError
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_leaves import AFTER_LAST
from careledger.formats.fhir.consent_model import Decision, Provenance, StatedDenial, StatedDirective
from careledger.values import ZERO_ADDRESS, PartyRef, RoleRef

__all__ = ["Version", "to_consent"]

Version = Literal["4.0.1", "5.0.0"]
Tree = dict[str, Any]

_SCOPE: Final = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
_CATEGORY: Final = {"system": "http://loinc.org", "code": "59284-0", "display": "Consent Document"}
_RECEIVES: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}


def to_consent(stated: StatedDirective | StatedDenial, *, version: Version = "5.0.0") -> Tree:
    """Return a Consent resource, its elements in FHIR's order.

    Args:
        stated: What it says, of whom, and where it stands.
        version: ``4.0.1`` or ``5.0.0``.

    Raises:
        InputError: Another version; a time after the year 9999; or a standing denial that denies nothing.
    """
    if version not in ("4.0.1", "5.0.0"):
        raise InputError(f"there is no form of Consent for {version!r} here", fix="Use 4.0.1 or 5.0.0.")
    if isinstance(stated, StatedDirective):
        decision: Decision | None = "deny" if stated.draft.permits else None
        return _resource(stated, version, _directive(stated, version), decision)
    return _resource(stated, version, _denial(stated, version), None)


# INTERNAL


def _resource(
    stated: StatedDirective | StatedDenial, version: Version, provision: Tree, decision: Decision | None
) -> Tree:
    patient = _account(stated.patient, stated.provenance, "Patient")
    given = stated.given if isinstance(stated, StatedDirective) else None
    notice = stated.privacy_notice if isinstance(stated, StatedDirective) else None
    is_active = stated.is_active if isinstance(stated, StatedDirective) else True
    verification: Tree = {"verified": True}
    found: Tree = {
        "resourceType": "Consent",
        "identifier": _identifiers(stated.provenance),
        "status": "active" if is_active else "inactive",
    }
    if version == "4.0.1":
        verification["verifiedWith"] = patient
        if given is not None:
            verification["verificationDate"] = _instant(given)
        policies = [{"uri": codes.POLICY}, *([{"uri": notice}] if notice else [])]
        found |= {"scope": {"coding": [_SCOPE]}, "category": [{"coding": [_CATEGORY]}], "patient": patient}
        found |= {"dateTime": _instant(given)} if given is not None else {}
        found |= {"performer": [patient], "policy": policies, "verification": [verification], "provision": provision}
        return found
    verification["verifiedWith"] = patient
    if given is not None:
        verification["verificationDate"] = [_instant(given)]
    found |= {"category": [{"coding": [_CATEGORY]}], "subject": patient}
    found |= {"date": _instant(given)[:10]} if given is not None else {}
    found |= {"grantor": [patient], "policyBasis": {"url": codes.POLICY}}
    found |= {"policyText": [{"display": notice}]} if notice else {}
    found |= {"verification": [verification]}
    found |= {"decision": decision} if decision is not None else {}
    return found | {"provision": [provision]}


def _directive(stated: StatedDirective, version: Version) -> Tree:
    """Return the provision of a directive: what it permits, and within it what it denies; or what it denies alone."""
    draft = stated.draft
    type_: Decision = "permit" if draft.permits else "deny"
    found = _typed(type_, version, always=not draft.permits)
    found["period"] = _period(draft.not_before, draft.expires_at)
    found["actor"] = [{"role": {"coding": [_RECEIVES]}, "reference": _recipient(draft.to, stated.provenance)}]
    if draft.permits:
        found["action"] = [{"coding": [{"system": codes.ACTIONS, "code": "access"}]}]
    found["securityLabel"] = _labels(draft.permits or draft.denies, permits=bool(draft.permits))
    found["purpose"] = [_purpose(draft.purpose.name)]
    if not draft.permits:
        return found
    if draft.data_from or draft.data_until:
        found["dataPeriod"] = _period(draft.data_from, draft.data_until or None)
    if draft.author != ZERO_ADDRESS:
        author = _account(PartyRef("person", draft.author), stated.provenance, None)
        found["data"] = [{"meaning": "authoredby", "reference": author}]
    if draft.denies:
        found["provision"] = [_typed("deny", version) | {"securityLabel": _labels(draft.denies, permits=False)}]
    return found


def _denial(stated: StatedDenial, version: Version) -> Tree:
    """Return the provision of a standing denial, and within it what differs in an emergency."""
    denied, closed = stated.draft.denied, stated.draft.even_in_emergency
    if not denied | closed:
        raise InputError("this standing denial denies nothing", fix="There is no Consent to write.")
    glass = [_purpose(codes.BREAK_THE_GLASS)]
    if not denied:
        return _typed("deny", version, always=True) | {
            "securityLabel": _labels(closed, permits=False),
            "purpose": glass,
        }
    found = _typed("deny", version, always=True) | {"securityLabel": _labels(denied, permits=False)}
    inner = []
    if denied - closed:
        inner.append(
            _typed("permit", version, always=True)
            | {"securityLabel": _labels(denied - closed, permits=True), "purpose": glass}
        )
    if closed - denied:
        inner.append(
            _typed("deny", version, always=True)
            | {"securityLabel": _labels(closed - denied, permits=False), "purpose": glass}
        )
    return found | ({"provision": inner} if inner else {})


def _typed(decision: Decision, version: Version, *, always: bool = False) -> Tree:
    """Return the beginning of a provision; in R5 its type is an extension, where the nesting does not say it."""
    if version == "4.0.1":
        return {"type": decision}
    return {"extension": [{"url": codes.TYPE_EXTENSION, "valueCode": decision}]} if always else {}


def _labels(classes: frozenset[DataClass], *, permits: bool) -> list[Tree]:
    """Return codes that mean exactly these classes.

    In a permission R stands for everything up to it, so it serves where N stands beside it; a denial means it alone.
    """
    found: list[Tree] = []
    left = set(classes)
    if left >= codes.ORDINARY:
        found.append({"system": codes.CONFIDENTIALITY, "code": "N", "display": "normal"})
        left -= codes.ORDINARY
    if left == codes.SENSITIVE and (found or not permits):
        return [*found, {"system": codes.CONFIDENTIALITY, "code": "R", "display": "restricted"}]
    pair = {DataClass.REPRODUCTIVE, DataClass.SEXUAL_HEALTH}
    if left >= pair:
        found.append({"system": codes.ACT_CODE, "code": "SEX"})
        left -= pair
    for item in sorted(left):
        label = codes.LABEL_OF.get(item)
        found.append(
            {"system": codes.ACT_CODE, "code": label} if label else {"system": codes.DATA_CLASS, "code": item.word}
        )
    return found


def _purpose(code: str) -> Tree:
    return {"system": codes.ACT_REASON, "code": code}


def _recipient(to: PartyRef | RoleRef, provenance: Provenance) -> Tree:
    if isinstance(to, RoleRef):
        value = f"{to.role.word}@{to.jurisdiction}"
        return {"type": "Group", "identifier": {"system": codes.ROLE_SYSTEM, "value": value}}
    return _account(to, provenance, "Organization" if to.kind == "organisation" else "Practitioner")


def _account(who: PartyRef, provenance: Provenance, kind: str | None) -> Tree:
    """Return a reference to an account by its decentralised identifier (CAIP-10)."""
    value = f"did:pkh:eip155:{provenance.chain_id}:{who.address}"
    found: Tree = {"type": kind} if kind is not None else {}
    found["identifier"] = {"system": codes.ACCOUNT_SYSTEM, "value": value}
    return found | ({"display": str(who.label)} if who.label else {})


def _identifiers(provenance: Provenance) -> list[Tree]:
    number = provenance.directive_id or "standing"
    urn = f"{codes.DIRECTIVE_URN}eip155:{provenance.chain_id}:{provenance.contract}:{number}:{provenance.version}"
    found = [{"system": codes.ACCOUNT_SYSTEM, "value": urn}]
    if provenance.receipt:
        found.append({"system": codes.RECEIPT_SYSTEM, "value": provenance.receipt})
    return found


def _period(start: int, after: int | None) -> Tree:
    """Return a Period: its end is the last second that belongs to it, as FHIR's ends are inclusive."""
    found = {"start": _instant(start)} if start else {}
    return found | ({"end": _instant(after - 1)} if after is not None else {})


def _instant(seconds: int) -> str:
    if not 0 <= seconds < AFTER_LAST:
        raise InputError(
            "a time is after the year 9999",
            why="FHIR writes years of four digits.",
            fix="Grant it with an earlier end.",
        )
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
