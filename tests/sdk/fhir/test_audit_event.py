"""Accesses as FHIR AuditEvent, in R4 and R5.

given a release
  it validates, with BALP's codes for a disclosure at the source     → test_audit_event__release__codes_of_a_disclosure
given a refusal
  it says so by outcome and reason, with BALP's codes for a decision → test_audit_event__refusal__outcome_and_reason
given any basis, purpose and capacity
  it validates by the models of fhir.resources                       → test_audit_event__any_entry__validates
  its codes are those of the published code systems                  → test_audit_event__codes__are_published
given many
  a Bundle and NDJSON are read back as what they are                 → test_bundle_and_ndjson__read_back__version_known
given another version, or an entry that does not tell its subject
  it is refused                                                      → test_audit_event__of_what_cannot_be__refused
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fhir.resources import get_fhir_model_class as r5_model
from fhir.resources.R4B import get_fhir_model_class as r4b_model

from careledger import Basis, PartyRef, Purpose, Reason, Role, errors
from careledger.formats import fhir
from careledger.formats.fhir.audit_event import PROFILE, audit_event, audit_events, bundle, ndjson
from careledger.privacy.commitments import new_salt
from careledger.resources.access_entries import AccessEntry, Acting, Subject
from careledger.resources.consent_types import RoleRef
from careledger.values import RecordId, address
from tests.shared_data import shared

HOSPITAL = PartyRef("organisation", address("0x52908400098527886E0F7030069857D2E4169EE7"))
CLINIC = PartyRef("organisation", "0x" + "c1" * 20)  # type: ignore[arg-type]
DOCTOR = PartyRef("person", "0x" + "d0" * 20)  # type: ignore[arg-type]
ANA = PartyRef("person", "0x" + "a1" * 20)  # type: ignore[arg-type]
REGISTRY = PartyRef("contract", "0x" + "77" * 20).address  # type: ignore[arg-type]
RESEARCHERS = RoleRef(Role.RESEARCH_INSTITUTION, 756_000)
RECORD = RecordId("0x" + "ab" * 32)
WHERE: dict[str, Any] = {"custodian": HOSPITAL, "chain_id": 11155111, "registry": REGISTRY}


def entry(
    number: int = 7, *, purpose: Purpose = Purpose.TREAT, basis: Basis = Basis.DIRECTIVE,
    reason: Reason = Reason.DIRECTIVE, allowed: bool = True, actor: PartyRef = DOCTOR, capacity: Any = CLINIC,
) -> AccessEntry:  # fmt: skip
    subject = Subject(ANA.address, number, new_salt())
    return AccessEntry(
        number, RECORD, actor.address, Acting.of(actor, capacity, jurisdiction=756_000), purpose, basis, reason,
        allowed, 1234, 1_800_000_000, new_salt(), subject.digest, subject,
    )  # fmt: skip


def did(party: PartyRef) -> str:
    return f"did:pkh:eip155:11155111:{party.address}"


def valid(event: dict[str, Any], version: str) -> None:
    model = r4b_model("AuditEvent") if version == "4.0.1" else r5_model("AuditEvent")
    model.model_validate(json.loads(json.dumps(event)))


def code(concept: dict[str, Any]) -> str:
    return concept["coding"][0]["code"] if "coding" in concept else concept["code"]


@pytest.mark.parametrize("version", ["4.0.1", "5.0.0"])
def test_audit_event__release__codes_of_a_disclosure(version: Any) -> None:
    made = entry()
    event = audit_event(made, version=version, **WHERE)
    valid(event, version)
    r4 = version == "4.0.1"
    agents = {code(agent["type"]): agent for agent in event["agent"]}
    assert list(agents) == ["110153", "110152", "IRCP", "159541003", "429577009"]
    assert event["source"]["observer"] == agents["110153"]["who"]
    assert agents["110152"]["who"]["identifier"]["value"] == did(CLINIC)
    assert agents["IRCP"]["who"]["identifier"]["value"] == did(DOCTOR)
    assert [agent["requestor"] for agent in event["agent"]] == [False, False, True, False, False]
    assert [item["what"]["identifier"]["value"] for item in event["entity"]] == [did(ANA), RECORD]
    assert (event["id"], event["action"], event["recorded"]) == (made.leaf.hex(), "R", "2027-01-15T08:00:00Z")
    if r4:
        assert event["meta"] == {"profile": [PROFILE]}
        assert (code(event["type"]), code(event["subtype"][0]), event["outcome"]) == ("110106", "disclose", "0")
        assert code(event["purposeOfEvent"][0]) == "TREAT"
        assert [agents[slice_]["network"]["type"] for slice_ in ("110153", "110152")] == ["5", "5"]
        assert [(code(e["type"]), code(e["role"])) for e in event["entity"]] == [("1", "1"), ("2", "3")]
    else:
        assert (code(event["category"][0]), code(event["code"])) == ("110106", "disclose")
        assert event["outcome"]["code"]["code"] == "success" and code(event["authorization"][0]) == "TREAT"
        assert event["patient"]["identifier"]["value"] == did(ANA)
    assert "a patient's directive" in json.dumps(event)


@pytest.mark.parametrize("version", ["4.0.1", "5.0.0"])
@pytest.mark.parametrize("reason", [Reason.STANDING_DENIAL, Reason.NONE])
def test_audit_event__refusal__outcome_and_reason(version: Any, reason: Reason) -> None:
    event = audit_event(entry(reason=reason, basis=Basis.NONE, allowed=False), version=version, **WHERE)
    valid(event, version)
    assert [code(agent["type"]) for agent in event["agent"]] == ["authserver", "IRCP", "PROV"]
    said = "the patient denies these classes to everybody" if reason else "holds more classes than were asked for"
    assert said in json.dumps(event) and event["action"] == "E"
    if version == "4.0.1":
        assert "meta" not in event and event["outcome"] == "8"
        assert (code(event["type"]), code(event["subtype"][0])) == ("110113", "AuthZ-Consent")
    else:
        assert event["outcome"]["code"]["code"] == "error" and code(event["category"][0]) == "110113"


def test_audit_event__any_entry__validates() -> None:
    capacities = [(DOCTOR, None), (DOCTOR, CLINIC), (CLINIC, CLINIC), (DOCTOR, RESEARCHERS), (ANA, None)]
    for purpose, (actor, capacity) in itertools.product(Purpose, capacities):
        for version in ("4.0.1", "5.0.0"):
            valid(
                audit_event(entry(purpose=purpose, actor=actor, capacity=capacity), version=version, **WHERE), version
            )  # type: ignore[arg-type]
    for basis, reason in itertools.product(Basis, Reason):
        allowed = reason.allows
        valid(audit_event(entry(basis=basis, reason=reason, allowed=allowed), **WHERE), "4.0.1")
    glass = audit_event(entry(purpose=Purpose.ETREAT, basis=Basis.BREAK_GLASS, reason=Reason.BREAK_GLASS), **WHERE)
    assert [code(item) for item in glass["purposeOfEvent"]] == ["ETREAT", "BTG"]
    role = audit_event(entry(capacity=RESEARCHERS), **WHERE)["agent"][2]
    assert role["role"] == [{"text": "research-institution in 756000"}]
    own = audit_event(entry(actor=ANA, capacity=None, basis=Basis.OWN, reason=Reason.OWN), **WHERE)
    assert own["agent"][2]["who"]["type"] == "Patient"


def codes_in(system: dict[str, Any]) -> Iterator[str]:
    for item in system.get("concept", []):
        yield item["code"]
        yield from codes_in(item)


def test_audit_event__codes__are_published() -> None:
    folder = shared("definitions/fhir-r4-codesystems")
    known: dict[str, set[str]] = {}
    for path in folder.glob("CodeSystem-*.json"):
        system = json.loads(path.read_text())
        known[system["url"]] = set(codes_in(system))
    seen = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            if "system" in value and "code" in value:
                seen.add((value["system"], value["code"]))
            for item in value.values():
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)

    for purpose in Purpose:
        walk(audit_event(entry(purpose=purpose, basis=Basis.BREAK_GLASS, reason=Reason.BREAK_GLASS), **WHERE))
        walk(audit_event(entry(purpose=purpose, allowed=False, reason=Reason.REVOKED), **WHERE))
    compared = {pair for pair in seen if known.get(pair[0])}
    assert len(compared) >= len(Purpose) + 7 and not {pair for pair in compared if pair[1] not in known[pair[0]]}


def test_bundle_and_ndjson__read_back__version_known(tmp_path: Path) -> None:
    entries = [entry(1), entry(2, allowed=False, reason=Reason.EXPIRED), entry(3)]
    for version in ("4.0.1", "5.0.0"):
        events = list(audit_events(entries, version=version, **WHERE))  # type: ignore[arg-type]
        whole = bundle(events)
        (r4b_model if version == "4.0.1" else r5_model)("Bundle").model_validate(json.loads(json.dumps(whole)))
        (tmp_path / "a.json").write_text(json.dumps(whole))
        (tmp_path / "a.ndjson").write_bytes(b"".join(ndjson(events)))
        for name in ("a.json", "a.ndjson"):
            found = [item for item in fhir.read(tmp_path / name) if item.resource_type == "AuditEvent"]
            assert [item.fhir_version for item in found] == [version] * 3
            assert {item.becomes for item in found} == {"access log entry"}
    assert bundle([]) == {"resourceType": "Bundle", "type": "collection"}


def test_audit_event__of_what_cannot_be__refused() -> None:
    with pytest.raises(errors.InputError, match=r"no AuditEvent of FHIR '3.0.2'"):
        list(audit_events([entry()], version="3.0.2", **WHERE))  # type: ignore[arg-type]
    with pytest.raises(errors.NotFound, match="not told"):
        audit_event(entry().untold, **WHERE)
