"""Readers and the directory: whose each resource is, and who is not paired, by name, for the desk alone.

given a directory
  a patient by any of its identifiers, a reference within the Bundle, a logical one, a contained or conditional one
                                          → the account
  an identifier that is old, in another case or without a system           → not paired
  identifiers of two accounts, two Patients under one reference            → not paired, and why
  a reference from one Bundle to a Patient of another                      → not paired
  NDJSON parted by type, a stream, a patient after what is about it        → the account
  a resource about nobody, or about no patient                             → no match at all
given none → as before
"""

from __future__ import annotations

import gzip
import io
import json
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from careledger import PartyRef
from careledger.directory import Directory
from careledger.errors import FormatError
from careledger.formats import fhir
from careledger.formats.fhir import inspect as inspection
from tests.sdk.directory.conftest import CARD, MRN, Desk
from tests.shared_data import shared

SEED = Path(__file__).resolve().parents[3] / "seeds" / "patients" / "ana-beispiel.json"
ANA = PartyRef("person", "0x" + "a1" * 20)  # type: ignore[arg-type]
BEN = PartyRef("person", "0x" + "b2" * 20)  # type: ignore[arg-type]


@pytest.fixture
def directory(desk: Desk) -> Directory:
    desk.directory.enter(system=MRN, value="MRN-4711", account=ANA, checked="document-seen")
    desk.directory.enter(system=MRN, value="MRN-4712", account=BEN, checked="document-seen")
    return desk.directory


def patient(id_: str, *values: str, system: str | None = MRN, **more: Any) -> dict[str, Any]:
    given = [{"system": system, "value": value} if system else {"value": value} for value in values]
    name = [{"given": ["Ana"], "family": "Beispiel"}]
    return {"resourceType": "Patient", "id": id_, "identifier": given, "name": name, **more}


def lab(subject: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "subject": subject, **more}


def to(reference: str) -> dict[str, str]:
    return {"reference": reference}


def bundle(*resources: dict[str, Any], urls: bool = False) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [{"resource": each} for each in resources]
    for each in entries if urls else []:
        if "id" in each["resource"]:
            each["fullUrl"] = f"urn:uuid:{each['resource']['id']}"
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def read(directory: Directory, *documents: Any) -> list[Any]:
    """The accounts, or why not, of what a stream of documents holds; None for no match."""
    text = "\n".join(json.dumps(each) for each in documents).encode()
    found = fhir.read(io.BytesIO(text), validate=False, directory=directory)
    return [outcome(each) for each in found]


def outcome(resource: fhir.Resource) -> Any:
    match = resource.match
    return None if match is None else match.party or match.reason


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (patient("p", "MRN-4711"), ANA),
        (patient("p", "x", "MRN-4711"), ANA),
        (patient("p", "MRN-4711", "MRN-4712"), "identifiers of the patient are paired with different accounts"),
        (patient("p", "mrn-4711"), "no identifier of the patient is paired with an account"),
        (patient("p", "MRN-4711", system=None), "the patient is given without an identifier that names its system"),
        (patient("p"), "the patient is given without an identifier that names its system"),
        (patient("p", "MRN-4711", system="not a uri"), "no identifier of the patient is paired with an account"),
        (patient("p", identifier=[{"system": MRN, "value": "MRN-4711", "use": "old"}]),
         "the patient is given without an identifier that names its system"),
        (lab({"identifier": {"system": MRN, "value": "MRN-4711"}}), ANA),
        (lab({"identifier": {"system": MRN, "value": "MRN-4711"}, "type": "Patient", "reference": "Patient/far"}), ANA),
        (lab({"identifier": {"system": MRN, "value": "x"}}), "no identifier of the patient is paired with an account"),
        (lab({"identifier": {"system": MRN, "value": "MRN-4711"}, "type": "Group"}),
         "its patient is given without a reference or an identifier"),
        (lab(to("#p"), contained=[patient("p", "MRN-4711")]), ANA),
        (lab(to("#p"), contained=[patient("q", "MRN-4711")]), "the Patient it refers to is not in the file"),
        (lab(to(f"Patient?identifier={MRN}|MRN-4711")), ANA),
        (lab(to("Patient?identifier=https%3A%2F%2Fx.example%2FMRN%7C1")),
         "no identifier of the patient is paired with an account"),
        (lab(to("Patient/far")), "the Patient it refers to is not in the file"),
        (lab({"display": "Ana Beispiel"}), "its patient is given without a reference or an identifier"),
        (lab(to("Group/g")), None),
        (lab(to("https://x.example/fhir/Device/1")), None),
        ({"resourceType": "Medication"}, None),
        ({"resourceType": "Encounter", "subject": to("Group?identifier=x|y")}, None),
    ],
)  # fmt: skip
def test_read__one_resource__its_patient_or_why_not(
    directory: Directory, resource: dict[str, Any], expected: Any
) -> None:
    assert read(directory, resource) == [expected]


def test_read__bundle__references_lead_to_its_patients_in_any_order(directory: Directory) -> None:
    found = read(
        directory,
        bundle(lab(to("Patient/p")), lab(to("urn:uuid:q")), lab(to("Patient/p/_history/3")), patient("p", "MRN-4711"),
               patient("q", "MRN-4712"), {"resourceType": "Claim", "patient": to("Patient/q")}, urls=True),
    )  # fmt: skip
    assert found == [ANA, BEN, ANA, ANA, BEN, BEN, None]


def test_read__reference_and_identifier_disagree__not_paired(directory: Directory) -> None:
    both = lab({"reference": "Patient/p", "identifier": {"system": MRN, "value": "MRN-4712"}})
    same = lab({"reference": "Patient/p", "identifier": {"system": MRN, "value": "MRN-4711"}})
    other = lab({"reference": "Patient/p", "identifier": {"system": CARD, "value": "807"}})
    found = read(directory, bundle(patient("p", "MRN-4711"), both, same, other))
    assert found == [ANA, "identifiers of the patient are paired with different accounts", ANA, ANA, None]


def test_read__two_patients_under_one_reference__neither(directory: Directory) -> None:
    found = read(directory, bundle(patient("p", "MRN-4711"), patient("p", "MRN-4712"), lab(to("Patient/p"))))
    assert found == [ANA, BEN, "two Patients go by the reference it gives", None]
    assert read(directory, bundle(patient("p", "MRN-4711"), patient("p", "MRN-4711"), lab(to("Patient/p"))))[2] == ANA


def test_read__bundles__none_refers_into_another(directory: Directory, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(bundle(patient("p", "MRN-4711"))))
    (tmp_path / "b.json").write_text(json.dumps(bundle(lab(to("Patient/p")))))
    found = [outcome(each) for each in fhir.read(tmp_path, validate=False, directory=directory)]
    assert found == [ANA, None, "the Patient it refers to is not in the file", None]
    assert read(directory, bundle(patient("p", "MRN-4711")), bundle(lab(to("Patient/p"))))[2] == found[2]


def test_read__ndjson_parted_by_type__found_across_files_unless_two_claim_it(
    directory: Directory, tmp_path: Path
) -> None:
    (tmp_path / "Observation.ndjson").write_text(json.dumps(lab(to("Patient/p"))) + "\n")
    (tmp_path / "Patient.ndjson.gz").write_bytes(gzip.compress((json.dumps(patient("p", "MRN-4711")) + "\n").encode()))
    assert [outcome(each) for each in fhir.read(tmp_path, validate=False, directory=directory)] == [ANA, ANA]
    (tmp_path / "more.ndjson").write_text(json.dumps(patient("p", "MRN-4712")) + "\n")
    found = [outcome(each) for each in fhir.read(tmp_path, validate=False, directory=directory)]
    assert found == ["two Patients go by the reference it gives", ANA, BEN]


def test_read__seed__every_resource_about_ana_is_hers(directory: Directory) -> None:
    found = list(fhir.read(SEED, directory=directory))
    about = [each.match for each in found if each.match is not None]
    assert len(found) == 57 + 1 and {match.party for match in about} == {ANA}
    plain = list(fhir.read(SEED))
    assert [each.reason for each in plain] == [each.reason for each in found]
    assert all(each.match is None for each in plain)


def test_read__damaged_end__what_came_before_is_matched_and_the_error_comes_in_its_place(directory: Directory) -> None:
    text = json.dumps(bundle(patient("p", "MRN-4711"), lab(to("Patient/p")))).encode() + b'\n{"resourceType":'
    found: list[Any] = []
    with pytest.raises(FormatError):
        for each in fhir.read(io.BytesIO(text), directory=directory):
            found.append(outcome(each))
    assert found == [ANA, ANA, None]


# WHO IS NOT PAIRED


def _inspect(source: Any, directory: Directory | None, **how: Any) -> tuple[list[dict[str, Any]], inspection.Unmatched]:
    out, unmatched = io.StringIO(), inspection.Unmatched()
    inspection.write_json([source], out, directory=directory, unmatched=unmatched, **how)
    return json.loads(out.getvalue()), unmatched


def test_write_json__with_directory__two_more_keys_and_the_unpaired_by_name(directory: Directory) -> None:
    document = bundle(
        patient("p", "MRN-4711"), patient("q", "MRN-9", "9b"), lab(to("Patient/q")), {"resourceType": "Group"}
    )
    source = json.dumps(document).encode()
    (found,), unmatched = _inspect(io.BytesIO(source), directory, validate=False)
    entries = found["entries"]
    assert [each["account"] for each in (*entries, found)] == [ANA.address, None, None, None, None]
    assert [each["unmatched"] and each["unmatched"]["name"] for each in entries] == [
        None,
        "Ana Beispiel",
        "Ana Beispiel",
        None,
    ]
    assert entries[2]["unmatched"]["identifiers"] == [{"system": MRN, "value": "MRN-9"}, {"system": MRN, "value": "9b"}]
    why = "no identifier of the patient is paired with an account"
    assert list(unmatched) == [("Ana Beispiel", MRN, "MRN-9", why, 2), ("Ana Beispiel", MRN, "9b", why, 2)]
    assert unmatched.resources == 2
    (plain,), _ = _inspect(io.BytesIO(source), None, validate=False)
    assert list(plain) == [*inspection.KEYS, "line", "pointer", "reading", "entries"], (
        "nothing more without a directory"
    )
    assert all(found[key] == plain[key] for key in inspection.KEYS if key != "file")


def test_rows__with_directory__grouped_by_whether_it_is_known(directory: Directory) -> None:
    labs = [lab(to("Patient/p")) for _ in range(30)] + [lab(to("Patient/q")) for _ in range(30)]
    source = io.BytesIO(json.dumps(bundle(patient("p", "MRN-4711"), patient("q", "MRN-9"), *labs)).encode())
    rows = list(inspection.rows([source], validate=False, directory=directory, unmatched=inspection.Unmatched()))
    told = {(row.resource.resource_type, row.account): row.count for row in rows}  # type: ignore[union-attr]
    why = "unmatched: no identifier of the patient is paired with an account"
    assert told == {
        ("Patient", ANA.address): 1, ("Patient", why): 1, ("Observation", ANA.address): 30, ("Observation", why): 30,
        ("Bundle", "-"): 1,
    }  # fmt: skip


def test_S8_matching__reprs_and_logs__show_no_patient(directory: Directory, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    source = io.BytesIO(json.dumps(bundle(patient("q", "MRN-9"), lab(to("Patient/q")))).encode())
    found = list(fhir.read(source, directory=directory))
    told = " ".join([*map(repr, found), *(record.getMessage() for record in caplog.records)])
    assert not any(secret in told for secret in ("MRN-9", "Beispiel", MRN))


def test_read__bundle_of_a_megabyte__costs_little_more_than_reading_it(directory: Directory) -> None:
    path = max(shared("synthea-r4").glob("*.json"), key=lambda each: each.stat().st_size)
    list(fhir.read(path))  # the models are imported once
    seconds = []
    for known in (None, directory):
        started = time.process_time()
        found = list(fhir.read(path, directory=known))
        seconds.append(time.process_time() - started)
    matched = [each.match for each in found if each.match is not None]
    print(f"{path.stat().st_size:,} bytes, {len(found)} resources: {seconds[0]:.2f} s, matched {seconds[1]:.2f} s")
    assert matched and {match.reason for match in matched} == {"no identifier of the patient is paired with an account"}
    assert seconds[1] < 3 * seconds[0]
