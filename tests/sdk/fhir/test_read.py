"""Reading: single resources, Bundles of every type, NDJSON, folders, gzip.

given a Bundle
  it yields each entry with its exact bytes, and the Bundle last
  it is never held: memory does not grow with the number of entries
  it does not matter where resourceType stands
  a Bundle inside an entry is read as well
given NDJSON
  it yields a resource per line, and goes on after a bad line
  it is known by its content as well as by its name
given several Patients, or none
  patient_of refuses
"""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from pathlib import Path

import ijson
import pytest

from careledger.codes import DataClass
from careledger.errors import FormatError, NotFound
from careledger.formats import fhir
from careledger.formats.fhir import Becomes
from tests.shared_data import shared

SEED = Path(__file__).resolve().parents[3] / "seeds" / "patients" / "ana-beispiel.json"
PATIENT = b'{"resourceType": "Patient", "id": "p"}'


def bundle(*resources: bytes, kind: bytes = b"collection", tail: bool = False) -> bytes:
    entries = b", ".join(b'{"resource": ' + r + b"}" for r in resources)
    head = b'"resourceType": "Bundle", "type": "' + kind + b'"'
    body = b'"entry": [' + entries + b"]"
    return b"{" + (body + b", " + head if tail else head + b", " + body) + b"}"


def test_read__given_bundle__yields_exact_bytes_and_bundle_last() -> None:
    odd = b'{ "resourceType":"Observation" ,"valueQuantity":{"value":2.00},\n"subject":{"reference":"Patient/p"}}'
    source = bundle(PATIENT, odd)
    found = list(fhir.read(io.BytesIO(source)))
    assert [r.resource_type for r in found] == ["Patient", "Observation", "Bundle"]
    assert found[1].raw == odd
    assert all(source[r.span[0] : sum(r.span)] == r.raw for r in found[:2])
    assert found[2].span == (0, len(source))
    assert [r.pointer for r in found] == ["/entry/0/resource", "/entry/1/resource", ""]


@pytest.mark.parametrize(
    "kind",
    "document message transaction transaction-response batch batch-response history searchset collection "
    "subscription-notification".split(),
)
def test_read__given_bundle_of_each_type__yields_entries(kind: str) -> None:
    found = list(fhir.read(io.BytesIO(bundle(PATIENT, kind=kind.encode()))))
    assert len(found) == 2
    assert found[-1].becomes is (Becomes.RECORD if kind == "document" else None)
    assert kind in found[-1].reason


def test_read__given_response_entries_without_resource__yields_bundle_only() -> None:
    source = b'{"resourceType":"Bundle","type":"batch-response","entry":[{"response":{"status":"204"}}]}'
    assert [r.resource_type for r in fhir.read(io.BytesIO(source))] == ["Bundle"]


def test_read__given_resource_type_last__yields_the_same() -> None:
    assert [r.raw for r in fhir.read(io.BytesIO(bundle(PATIENT, tail=True)))] == [PATIENT, b""]


def test_read__given_list_resource_with_entry__is_no_bundle() -> None:
    source = b'{"entry": [{"item": {"reference": "Patient/p"}}], "resourceType": "List"}'
    assert [r.resource_type for r in fhir.read(io.BytesIO(source))] == ["List"]


def test_read__given_bundle_in_entry__reads_it_with_pointer_and_span() -> None:
    source = bundle(bundle(PATIENT, kind=b"searchset"), kind=b"batch-response")
    found = list(fhir.read(io.BytesIO(source)))
    assert [r.pointer for r in found] == ["/entry/0/resource/entry/0/resource", "/entry/0/resource", ""]
    assert source[found[0].span[0] : sum(found[0].span)] == PATIENT


def test_read__given_bundle__takes_the_version_of_the_entry_that_shows_it() -> None:
    r5 = b'{"resourceType":"Encounter","status":"completed","actualPeriod":{"start":"2026"}}'
    assert {r.fhir_version for r in fhir.read(io.BytesIO(bundle(PATIENT, r5)))} == {"5.0.0"}
    assert {r.fhir_version for r in fhir.read(io.BytesIO(bundle(PATIENT)))} == {"4.0.1 or 5.0.0"}


def test_read__given_forty_megabytes__memory_stays_bounded() -> None:
    class Endless(io.RawIOBase):
        """A Bundle of 40 MB that is made while it is read."""

        left = 20_000

        def __init__(self) -> None:
            self.rest = b'{"resourceType":"Bundle","type":"collection","entry":['

        def read(self, size: int = -1) -> bytes:
            while len(self.rest) < size and self.left:
                self.left -= 1
                text = b"x" * 2_000
                self.rest += b'{"resource":{"resourceType":"Patient","implicitRules":"' + text + b'"}}'
                self.rest += b"," if self.left else b"]}"
            got, self.rest = self.rest[:size], self.rest[size:]
            return got

    tracemalloc.start()
    count = sum(1 for _ in fhir.read(Endless(), validate=False))  # type: ignore[arg-type]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 20_001
    assert peak < 12 << 20, f"{peak:,} bytes at the peak of 40 MB read"


def test_read__given_ndjson__goes_on_after_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_bytes(PATIENT + b"\n\nnonsense\n" + bundle(PATIENT) + b'\r\n{"a": 1}\n' + PATIENT)
    found = list(fhir.read(path))
    assert [(r.line, r.resource_type) for r in found] == [
        (1, "Patient"), (3, None), (4, "Patient"), (4, "Bundle"), (5, None), (6, "Patient"),
    ]  # fmt: skip
    whole = path.read_bytes()
    assert all(whole[r.span[0] : sum(r.span)] == r.raw == PATIENT for r in found if r.resource_type == "Patient")


def test_read__given_ndjson_without_its_name__reads_every_line() -> None:
    found = list(fhir.read(io.BytesIO(PATIENT + b"\n" + PATIENT + b"\n")))
    assert [(r.line, r.raw) for r in found] == [(None, PATIENT), (2, PATIENT)]


def test_read__given_gzip_and_byte_order_mark__reads(tmp_path: Path) -> None:
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(PATIENT))
    (tmp_path / "b.json").write_bytes(b"\xef\xbb\xbf" + PATIENT)
    (tmp_path / "c.ndjson.gz").write_bytes(gzip.compress(PATIENT + b"\n" + PATIENT))
    (tmp_path / "d.txt").write_bytes(b"not looked at")
    assert [r.raw for r in fhir.read(tmp_path)] == [PATIENT] * 4


def test_read__given_contained_coverage__adds_its_class() -> None:
    source = b'{"resourceType":"ExplanationOfBenefit","contained":[{"resourceType":"Coverage"}]}'
    (found,) = fhir.read(io.BytesIO(source))
    assert found.data_classes == {DataClass.CLAIMS, DataClass.COVERAGE}


def test_read__given_subject_by_identifier__shows_neither_number_nor_name() -> None:
    source = b'{"resourceType":"Condition","subject":{"identifier":{"value":"MRN-1"},"display":"Ana"}}'
    (found,) = fhir.read(io.BytesIO(source))
    assert found.subject is None
    assert "without a reference" in found.reason
    assert "MRN-1" not in repr(found) and "Ana" not in repr(found)


def test_resource__repr__shows_no_id_and_no_reference(tmp_path: Path) -> None:
    mrn = "4711-0815"
    about = {"resourceType": "Condition", "id": mrn, "subject": {"reference": f"urn:uuid:{mrn}"}}
    entry = {"fullUrl": f"urn:uuid:{mrn}", "resource": about}
    (tmp_path / "b.json").write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [entry]}))
    found = list(fhir.read(tmp_path / "b.json"))
    assert any(each.id == mrn and each.full_url and each.subject for each in found)
    assert mrn not in repr(found)


def test_repr__given_seed__holds_nothing_personal() -> None:
    text = "".join(repr(r) for r in fhir.read(SEED))
    assert not any(word in text for word in ("Ana", "MRN-4711", "1984-02-29", "Specimen Lane"))


def test_patient_of__given_seed__finds_the_patient_all_are_about() -> None:
    resources = list(fhir.read(SEED))
    patient = fhir.patient_of(resources)
    assert patient.identifiers[0].system == "urn:oid:2.16.840.1.113883.19.5"
    assert str(patient.identifiers[0].value) == "MRN-4711"
    about = {r.subject for r in resources if r.subject} - {patient.subject}
    assert about == {patient.full_url} and about < patient.references


def test_patient_of__given_none_or_two__refuses() -> None:
    with pytest.raises(NotFound, match="no Patient"):
        fhir.patient_of(io.BytesIO(b'{"resourceType":"Organization"}'))
    with pytest.raises(FormatError, match="2 Patients"):
        fhir.patient_of(io.BytesIO(bundle(PATIENT, PATIENT)))


def test_read__given_synthea__agrees_with_ijson_and_json() -> None:
    for path in sorted(shared("synthea-r4").glob("*.json"))[:6]:
        with path.open("rb") as file:
            expected = list(ijson.items(file, "entry.item.resource"))
        source = path.read_bytes()
        found = list(fhir.read(path, validate=False))
        assert found[-1].resource_type == "Bundle" and len(found) == len(expected) + 1
        for resource, other in zip(found, expected, strict=False):
            assert source[resource.span[0] : sum(resource.span)] == resource.raw
            assert resource.resource_type == other["resourceType"]
            assert json.loads(resource.raw, parse_float=str) == json.loads(
                json.dumps(other, default=str), parse_float=str
            ) or "value" in str(other)
        assert fhir.patient_of(found).resource_type == "Patient"
        assert {r.fhir_version for r in found} == {"4.0.1"}
