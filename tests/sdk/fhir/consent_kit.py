"""Consents as the tests write them, whom they name, and which of their leaves a reading says nothing about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from careledger import PartyRef
from careledger.formats.fhir.consent import ConsentReading, Effect, read_consent

HERE = Path(__file__).parent / "consents"
NOW = 1_768_500_000
"""2026-01-15T18:00:00Z."""
CLINIC, HOSPITAL, INSTITUTE = (PartyRef("organisation", f"0x{n:02x}" * 1 + f"{n:02x}" * 19) for n in (1, 2, 3))
DOCTOR, ANA = (PartyRef("person", "0x" + f"{n:02x}" * 20) for n in (4, 5))
WHO = {
    "Organization/clinic": CLINIC, "Organization/hospital": HOSPITAL, "Organization/institute": INSTITUTE,
    "Practitioner/doctor": DOCTOR, "Patient/ana": ANA,
}  # fmt: skip
ACTOR = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIAL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"


def read(tree: dict[str, Any], **more: Any) -> ConsentReading:
    return read_consent(tree, **{"resolve": lambda system, value: WHO.get(value), "now": NOW} | more)


def consent(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An active R4 Consent of Ana."""
    found = {"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/ana"}, **more}
    return found | ({"provision": provision} if provision is not None else {})


def actor(*references: str, role: str = "IRCP") -> list[dict[str, Any]]:
    coding = {"coding": [{"system": ACTOR, "code": role}]}
    return [{"role": coding, "reference": {"reference": reference}} for reference in references]


def purpose(*codes: str) -> list[dict[str, str]]:
    return [{"system": REASON, "code": code} for code in codes]


def label(*codes: str) -> list[dict[str, str]]:
    return [{"system": CONFIDENTIAL if code in "ULMNRV" else ACT, "code": code} for code in codes]


def permit(*who: str, to: tuple[str, ...] = ("TREAT",), **more: Any) -> dict[str, Any]:
    return {"type": "permit", "actor": actor(*who or ("Organization/clinic",)), "purpose": purpose(*to), **more}


def effects(reading: ConsentReading) -> dict[str, Effect]:
    return {item.location: item.effect for item in reading.unexpressed}


def types(*names: str) -> list[dict[str, str]]:
    return [{"system": "http://hl7.org/fhir/resource-types", "code": name} for name in names]


def policy(code: str) -> dict[str, Any]:
    return {"coding": [{"system": ACT, "code": code}]}


def pattern(version: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / version / f"{name}.json").read_bytes())
    return found


def leaves(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(f"{path}.{key}", child)
    elif isinstance(value, list) and value:
        for number, child in enumerate(value):
            yield from leaves(f"{path}[{number}]", child)
    else:
        yield path


def without_outcome(tree: dict[str, Any], reading: ConsentReading) -> list[str]:
    """The leaves that the reading says nothing about."""
    known = {*reading.used, *reading.kept, *(item.location for item in reading.unexpressed)}
    left = []
    for path in leaves("Consent", tree):
        around = {path[:at] for at, letter in enumerate(path) if letter in ".["} | {path}
        if not around & known:
            left.append(path)
    return left
