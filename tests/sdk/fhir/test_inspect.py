"""``careledger fhir inspect``.

given good files
  it exits 0; --json gives one array with seven keys everywhere
given a bad file among good ones
  it exits 1, says one sentence, and still shows the good ones
given no file
  it exits 2
given hostile text
  it is shown, not obeyed
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from careledger.cli.fhir import app
from careledger.codes import DataClass
from careledger.formats import fhir
from careledger.formats.fhir.inspect import KEYS
from tests.shared_data import shared

SEED = Path(__file__).resolve().parents[3] / "seeds" / "patients" / "ana-beispiel.json"
run = CliRunner()


def as_json(*arguments: str) -> tuple[int, list[dict[str, object]]]:
    result = run.invoke(app, ["inspect", "--json", *arguments])
    return result.exit_code, json.loads(result.stdout)


def test_inspect__given_seed__json_has_seven_keys_everywhere() -> None:
    code, (found,) = as_json(str(SEED))
    assert code == 0
    entries = found["entries"]
    assert isinstance(entries, list) and len(entries) == 57
    for one in (found, *entries):
        assert all(key in one for key in KEYS)
        assert one["file"] == str(SEED) and one["reason"]
    assert found["resourceType"] == "Bundle" and found["fhirVersion"] == "4.0.1" and found["becomes"] is None
    union = {c for e in entries for c in e["dataClasses"] or ()}
    assert found["dataClasses"] == [c.word for c in DataClass if c.word in union]
    assert {"mental-health", "hiv", "substance-use", "genomics"} <= union


def test_inspect__given_seed__prints_no_name() -> None:
    for arguments in (["--json"], ["--all"], []):
        result = run.invoke(app, ["inspect", str(SEED), *arguments])
        assert result.exit_code == 0
        assert not any(word in result.stdout for word in ("Ana Beispiel", "Roe", "MRN-4711", "1984", "Specimen Lane"))


def test_inspect__given_ndjson__object_per_line(tmp_path: Path) -> None:
    path = tmp_path / "x.ndjson"
    path.write_text(
        '{"resourceType":"Patient","id":"a"}\n{"resourceType":"Claim","patient":{"reference":"Patient/a"}}\nx\n'
    )
    code, found = as_json(str(path))
    assert code == 1
    assert [(o["line"], o["resourceType"], o["subject"]) for o in found] == [
        (1, "Patient", "Patient/a"), (2, "Claim", "Patient/a"), (3, None, None),
    ]  # fmt: skip


def test_inspect__given_bad_file_among_good__shows_the_good_and_exits_1(tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(SEED.read_bytes()[:9000])
    code, found = as_json(str(tmp_path / "missing.json"), str(bad), str(SEED))
    assert code == 1 and len(found) == 3
    assert [o["resourceType"] for o in found] == [None, None, "Bundle"]
    assert "There is no file" in str(found[0]["reason"]) and "was cut off" in str(found[1]["reason"])
    assert "entries" not in found[1]
    result = run.invoke(app, ["inspect", str(bad), str(SEED)])
    assert result.exit_code == 1
    assert result.stderr.count("Error:") == 1
    assert "transaction of 57 entries" in " ".join(result.stdout.split())


def test_inspect__given_no_file_or_unknown_option__is_misuse() -> None:
    assert run.invoke(app, ["inspect"]).exit_code == 2
    assert run.invoke(app, ["inspect", "--jsn", str(SEED)]).exit_code == 2


def test_inspect__given_folder__every_file(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "a.json").write_text('{"resourceType":"Patient"}')
    (tmp_path / "in" / "b.json").write_text("nonsense")
    code, found = as_json(str(tmp_path))
    assert code == 1 and [o["resourceType"] for o in found] == ["Patient", None]
    (tmp_path / "none").mkdir()
    assert as_json(str(tmp_path / "none"))[0] == 1


def test_inspect__given_stdin__reads_it() -> None:
    result = run.invoke(app, ["inspect", "--json", "-"], input=b'{"resourceType":"Patient","id":"x"}')
    assert result.exit_code == 0 and json.loads(result.stdout)[0]["subject"] == "Patient/x"


def test_inspect__given_large_bundle__groups_and_all_lists_each() -> None:
    grouped = run.invoke(app, ["inspect", "--no-validate", str(SEED)]).stdout
    every = run.invoke(app, ["inspect", "--no-validate", "--all", str(SEED)]).stdout
    assert grouped.count("Observation") < every.count("Observation") == 15


def test_W1_inspect__given_hostile_text__shows_it_and_obeys_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    text = "Patient/\x1b[31m\u202e\nx[bold]<script>"
    path.write_text(json.dumps({"resourceType": "Condition", "subject": {"reference": text}}))
    result = run.invoke(app, ["inspect", str(path)])
    flat = "".join(result.stdout.split())
    assert "\x1b" not in result.stdout and "\u202e" not in result.stdout
    assert "\\u001b[31m\\u202e\\u000ax[bold]<script>" in flat
    _, (found,) = as_json(str(path))
    assert found["subject"] == text


def test_inspect__given_synthea_of_a_megabyte__takes_about_a_second() -> None:
    path = max(shared("synthea-r4").glob("*.json"), key=lambda p: p.stat().st_size)
    list(fhir.read(path))  # the models are imported once
    started = time.process_time()
    count = sum(1 for _ in fhir.read(path))
    seconds = time.process_time() - started
    print(f"{path.stat().st_size:,} bytes, {count} resources, validated: {seconds:.2f} s")
    assert seconds < 3


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_inspect__given_examples__every_file_is_named(version: str) -> None:
    code, found = as_json("--no-validate", str(shared("fhir-examples", version)))
    assert code == 0
    assert len(found) == len(list(shared("fhir-examples", version).rglob("*.json")))
    assert all(o["resourceType"] and o["reason"] for o in found)
