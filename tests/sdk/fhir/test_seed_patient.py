"""The fictional patient: whole, sound R4, every reference resolves, amounts add up."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from careledger.codes import DataClass
from careledger.formats import fhir

SEED = Path(__file__).resolve().parents[3] / "seeds" / "patients" / "ana-beispiel.json"
TREE = json.loads(SEED.read_bytes(), parse_float=Decimal)
WANTED = (
    "Patient Organization Practitioner PractitionerRole Encounter Condition Observation MedicationRequest Coverage "
    "Claim AllergyIntolerance Immunization Procedure DiagnosticReport DocumentReference CarePlan "
    "Consent ExplanationOfBenefit"
)


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["reference"]} if isinstance(node.get("reference"), str) else set()
        return own.union(*(references(v) for v in node.values())) if node else own
    return set().union(*(references(v) for v in node)) if isinstance(node, list) else set()


def test_seed__every_resource_validates_as_r4_and_every_reference_resolves() -> None:
    found = list(fhir.read(SEED))
    assert {r.reading for r in found if r.raw} == {"R4B model"}
    assert {r.fhir_version for r in found} == {"4.0.1"}
    assert references(TREE) <= {e["fullUrl"] for e in TREE["entry"]}
    assert set(WANTED.split()) <= {r.resource_type for r in found}
    assert len({r.id for r in found}) == len(found) == 58


def test_seed__sensitive_classes_are_found() -> None:
    counts = Counter(c for r in fhir.read(SEED) if r.raw for c in r.data_classes if c.is_sensitive)
    assert set(counts) == {DataClass.MENTAL_HEALTH, DataClass.HIV, DataClass.SUBSTANCE_USE, DataClass.GENOMICS}


def test_seed__amounts_add_up() -> None:
    by_type = {e["resource"]["resourceType"]: e["resource"] for e in TREE["entry"]}
    claim, decision, invoice = by_type["Claim"], by_type["ExplanationOfBenefit"], by_type["Invoice"]
    assert sum(i["net"]["value"] for i in claim["item"]) == claim["total"]["value"] == Decimal("495.50")
    sums: Counter[str] = Counter()
    for item in decision["item"]:
        for part in item["adjudication"]:
            sums[part["category"]["coding"][0]["code"]] += part["amount"]["value"]
    assert sums["eligible"] == sums["deductible"] + sums["copay"] + sums["benefit"]
    assert sums["benefit"] == decision["payment"]["amount"]["value"]
    assert invoice["totalNet"]["value"] == sums["deductible"] + sums["copay"]
