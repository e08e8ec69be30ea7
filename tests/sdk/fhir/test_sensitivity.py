"""Sensitive classes: each published code of the US list for 42 CFR Part 2 is found, ordinary codes are not."""

from __future__ import annotations

import csv
import io
import json
from importlib.resources import files

import pytest

from careledger.codes import DataClass
from careledger.formats import fhir
from careledger.formats.fhir import sensitivity
from tests.shared_data import shared

SAMHSA = {
    "codes-drg.csv": "https://bluebutton.cms.gov/resources/variables/clm_drg_cd",
    "codes-icd-10-diagnosis.csv": "http://hl7.org/fhir/sid/icd-10-cm",
    "codes-icd-10-procedure.csv": "http://www.cms.gov/Medicare/Coding/ICD10",
    "codes-icd-9-diagnosis.csv": "http://hl7.org/fhir/sid/icd-9-cm",
    "codes-icd-9-procedure.csv": "http://www.cms.gov/Medicare/Coding/ICD9",
}
MISSED_AT_MOST = 0


def classes(system: str | None, code: str) -> set[DataClass]:
    return {m.data_class for m in sensitivity.of_code(system, code)}


def test_of_code__given_every_code_of_42_cfr_part_2_list__finds_substance_use() -> None:
    missed, total = [], 0
    for name, system in SAMHSA.items():
        with shared("definitions", "samhsa-sensitive-codes", name).open(newline="") as file:
            codes = [row[0].strip() for row in list(csv.reader(file, skipinitialspace=True))[1:] if row]
        total += len(codes)
        missed += [c for c in codes if DataClass.SUBSTANCE_USE not in classes(system, c.removeprefix("MS-DRG "))]
        dotless = [c.replace(".", "") for c in codes if "DRG" not in c]
        missed += [c for c in dotless if DataClass.SUBSTANCE_USE not in classes(system, c)]
    print(f"42 CFR Part 2: {total - len(missed)} of {total} codes found, missed: {missed}")
    assert total > 600
    assert len(missed) <= MISSED_AT_MOST, missed


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("http://hl7.org/fhir/sid/icd-10-cm", "F32.1", {DataClass.MENTAL_HEALTH}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "F17.210", set()),  # tobacco is outside the rule
        ("http://hl7.org/fhir/sid/icd-10", "B20", {DataClass.HIV}),
        ("urn:oid:2.16.840.1.113883.6.90", "Z21", {DataClass.HIV}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "O09.90", {DataClass.REPRODUCTIVE}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "O99.310", {DataClass.REPRODUCTIVE, DataClass.SUBSTANCE_USE}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "A51.0", {DataClass.SEXUAL_HEALTH}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "T74.11XA", {DataClass.VIOLENCE}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "F64.0", {DataClass.GENDER, DataClass.MENTAL_HEALTH}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "Z15.01", {DataClass.GENOMICS}),
        ("http://hl7.org/fhir/sid/icd-10-cm", "E11.9", set()),
        ("http://hl7.org/fhir/sid/icd-10-cm", "I10", set()),
        ("http://hl7.org/fhir/sid/icd-9-cm", "305.1", set()),
        ("http://hl7.org/fhir/sid/icd-9-cm", "042", {DataClass.HIV}),
        ("http://snomed.info/sct", "86406008", {DataClass.HIV}),
        ("http://snomed.info/sct", "8640600", set()),
        ("http://loinc.org", "81247-9", {DataClass.GENOMICS}),
        ("http://loinc.org", "4548-4", set()),
        ("http://www.whocc.no/atc", "N07BC01", {DataClass.SUBSTANCE_USE}),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "H0020", {DataClass.SUBSTANCE_USE}),
        ("https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets", "H2037", {DataClass.MENTAL_HEALTH}),
        ("http://hl7.org/fhir/sid/ndc", "12496-1202-03", {DataClass.SUBSTANCE_USE}),
        ("http://hl7.org/fhir/sid/ndc", "12496120203", {DataClass.SUBSTANCE_USE}),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "SDV", {DataClass.VIOLENCE}),
        ("http://terminology.hl7.org/CodeSystem/v3-ActCode", "AMB", set()),
        (None, "F10.20", {DataClass.SUBSTANCE_USE}),
        (None, "final", set()),
        ("http://example.org/own", "F10.20", set()),
    ],
)
def test_of_code__given_code__adds_its_classes(system: str | None, code: str, expected: set[DataClass]) -> None:
    assert classes(system, code) == expected


def test_read__given_label_code_and_drug_name__each_adds_its_class_and_names_the_list() -> None:
    source = {
        "resourceType": "MedicationRequest",
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}]},
        "medicationCodeableConcept": {"text": "Buprenorphine 8 MG / naloxone 2 MG"},
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/individual-genderIdentity"}],
        "reasonCode": [{"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "B20"}]}],
    }
    (found,) = fhir.read(io.BytesIO(json.dumps(source).encode()))
    assert found.data_classes == {
        DataClass.MEDICATIONS, DataClass.MENTAL_HEALTH, DataClass.SUBSTANCE_USE, DataClass.HIV, DataClass.GENDER,
    }  # fmt: skip
    assert "hiv by ICD-10 chapters" in found.reason
    assert "B20" not in found.reason


def test_read__given_unknown_code__keeps_the_ordinary_class() -> None:
    source = b'{"resourceType":"Condition","code":{"coding":[{"system":"http://example.org/own","code":"X1"}]}}'
    (found,) = fhir.read(io.BytesIO(source))
    assert found.data_classes == {DataClass.CONDITIONS}


def test_read__given_psychiatrist__professional_is_not_classed() -> None:
    source = b'{"resourceType":"PractitionerRole","specialty":[{"coding":[{"system":"http://snomed.info/sct",\
"code":"394587001"}]}]}'
    (found,) = fhir.read(io.BytesIO(source))
    assert found.data_classes == frozenset()


def test_tables__given_every_list__has_source_and_sound_codes() -> None:
    document = json.loads(files("careledger.formats.fhir").joinpath("data", "sensitive.json").read_bytes())
    assert all(source for _, source in sensitivity.listed())
    for entry in document["lists"]:
        codes = [c for group in entry["classes"].values() for c in group]
        if entry["system"] == "loinc":
            assert [c for c in codes if not _loinc_check(c)] == []
        if entry["system"] == "snomed":
            assert [c for c in codes if not _verhoeff(c)] == []
        for group in entry["classes"].values():
            assert len(group) == len(set(group)), entry["name"]


def _loinc_check(code: str) -> bool:
    number, digit = code.split("-")
    turned = number[::-1]
    total = sum(map(int, str(int(turned[0::2]) * 2) + turned[1::2]))
    return (10 - total % 10) % 10 == int(digit)


def _verhoeff(code: str) -> bool:
    """The check digit of SNOMED CT, by the dihedral group of ten."""

    def times(a: int, b: int) -> int:
        if a < 5:
            return (a + b) % 5 if b < 5 else 5 + (a + b - 5) % 5
        return 5 + (a - 5 - b) % 5 if b < 5 else (a - b) % 5

    permute = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
    check = 0
    for position, digit in enumerate(reversed(code)):
        value = int(digit)
        for _ in range(position):
            value = permute[value]
        check = times(check, value)
    return check == 0
