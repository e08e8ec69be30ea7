"""Input that is wrong, broken or meant to hurt: one clear sentence, never a crash, never obeyed.

given a file that cannot be read
  it says why in one sentence
given any JSON, or a real file with bytes changed
  only CareLedger's own errors come out
"""

from __future__ import annotations

import io
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger.errors import CareLedgerError, FormatError, NotFound
from careledger.formats import fhir
from careledger.formats.fhir import inspect as inspection

SEED = Path(__file__).resolve().parents[3] / "seeds" / "patients" / "ana-beispiel.json"

BAD = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\t ", "is empty"),
    "cut": (SEED.read_bytes()[:5000], "was cut off"),
    "cut-string": (b'{"resourceType":"Patient","id":"abc', "was cut off"),
    "words": (b"this is not json", "not JSON"),
    "xml": (b'<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"/>', "XML, which is not read"),
    "list": (b'[{"resourceType":"Patient"}]', "JSON list"),
    "no-type": (b'{"id":"x"}', "no resourceType"),
    "list-type": (b'{"resourceType":["Patient"]}', "no resourceType"),
    "utf16": ('{"resourceType":"Patient"}'.encode("utf-16"), "not in UTF-8"),
    "utf16-bare": ('{"resourceType":"Patient"}'.encode("utf-16-le"), "not in UTF-8"),
    "latin1": ('{"resourceType":"Patient","id":"é"}'.encode("latin-1"), "not UTF-8"),
    "deep": (b'{"resourceType":"Patient","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "nests more than"),
    "deep-objects": (b'{"resourceType":"Patient","x":' + b'{"x":' * 10_000 + b"1" + b"}" * 10_001, "nests more than"),
    "deep-bundle": (b'{"resourceType":"Bundle","entry":[{"resource":' * 300 + b"{}" + b"}]}" * 300, "nests more"),
    "token-word": (b"a" * 1_000_000, "not JSON"),
    "token-number": (b"1" * 1_000_000, "not JSON"),
    "token-string": (b'"' + b"a" * 1_000_000, "not JSON"),
    "token-key": (b'{"' + b"a" * 1_000_000 + b'":1}', "no resourceType"),
    "twice": (b'{"resourceType":"Patient","id":"a","id":"b"}', "twice"),
    "twice-inside": (b'{"resourceType":"Condition","code":{"text":"a","text":"b"}}', "twice"),
    "twice-type": (b'{"resourceType":"Bundle","type":"x","type":"y","entry":[]}', "twice"),
    "nan": (b'{"resourceType":"Observation","valueInteger":NaN}', "NaN"),
    "rest": (b'{"resourceType":"Patient"} and more', "goes on after the end"),
    "gzip-cut": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab", "gzip"),
    "gzip-junk": (b"\x1f\x8bjunkjunkjunkjunk", "gzip"),
    "entry-no-list": (b'{"resourceType":"Bundle","entry":{}}', "not a list"),
}


@pytest.mark.parametrize("kind", sorted(BAD))
def test_read__given_bad_file__says_so_in_one_sentence(kind: str, tmp_path: Path) -> None:
    content, words = BAD[kind]
    path = tmp_path / f"{kind}.json"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        list(fhir.read(path))
    assert words in str(caught.value)
    assert len(str(caught.value)) < 200 + len(str(path)) and "\n" not in str(caught.value)


def test_read__given_missing_file__not_found(tmp_path: Path) -> None:
    for name in ("missing.json", "nul\0.json", "x" * 5000):
        with pytest.raises(NotFound):
            list(fhir.read(tmp_path / name))


def test_read__given_unknown_type__says_so() -> None:
    for name in ('"Potato\\u001b[31m"', "7", '"patient"'):
        (found,) = fhir.read(io.BytesIO(b'{"resourceType":' + name.encode() + b"}"))
        assert found.becomes is None and found.resource_type is None
        assert "not a resource type" in found.reason


def test_read__given_megabyte_number__reads_it_as_text() -> None:
    source = b'{"resourceType":"Observation","valueQuantity":{"value":' + b"1" * 1_000_000 + b"}}"
    (found,) = fhir.read(io.BytesIO(source))
    assert found.raw == source


def test_read__given_entries_that_are_no_resources__names_each() -> None:
    entries = b'1,{},{"resource":7},{"resource":{}},{"resource":{"resourceType":[]}}'
    source = b'{"resourceType":"Bundle","entry":[' + entries + b"]}"
    found = list(fhir.read(io.BytesIO(source)))
    assert [r.is_readable for r in found] == [False] * 5 + [True]


HOSTILE = ["\x1b[31mred\x1b[0m", "a\u202eb", "a\nb", "\ud800", "[bold]x[/bold]", "a\u200bb", "\x9b31m"]


@pytest.mark.parametrize("text", HOSTILE)
def test_W1_shown__given_hostile_text__is_spelt_out(text: str) -> None:
    shown = inspection.shown(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert shown == text if text.isprintable() else "\\u" in shown


KEYS = (
    "resourceType entry resource contained meta profile security subject patient reference coding code system category "
    "identifier value extension url type status display text link response outcome fullUrl participant actor"
).split()
WORDS = ["Bundle", "Patient", "Observation", "Claim", "Consent", "Appointment", "F10.20", "document"]
keys = st.text(max_size=5) | st.sampled_from(KEYS)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=400, deadline=None)
@given(value=json_values, kind=st.sampled_from("Bundle Patient Consent Appointment AuditEvent Encounter".split()))
def test_prop_read__given_any_json__raises_only_our_errors(value: object, kind: str) -> None:
    for tree in (value, {**value, "resourceType": kind} if isinstance(value, dict) else {"entry": value}):
        for name in ("x.json", "x.ndjson"):
            try:
                found = list(fhir.read(io.BytesIO(json.dumps(tree).encode()), name=name))
            except CareLedgerError:
                continue
            assert all(set(inspection.KEYS) <= inspection.as_object(r).keys() for r in found)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_prop_read__given_any_bytes__raises_only_our_errors(data: bytes) -> None:
    for content in (data, b"{" + data, b'{"resourceType":"Bundle","entry":[' + data):
        try:
            list(fhir.read(io.BytesIO(content)))
        except CareLedgerError:
            continue


def test_read__given_mutated_seed__raises_only_our_errors() -> None:
    source = SEED.read_bytes()
    # its first entries, the Bundle closed after them, so that thousands of mutations take seconds
    end = fhir.patient_of(io.BytesIO(source)).span
    small = source[: sum(end)] + b"}]}"
    assert list(fhir.read(io.BytesIO(small)))[-1].resource_type == "Bundle"
    chance = random.Random(20261123)
    refused = 0
    for _ in range(4_000):
        changed = bytearray(small)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(changed))
            action = chance.randrange(4)
            if action == 0:
                changed[at] = chance.randrange(256)
            elif action == 1:
                del changed[at : at + chance.randint(1, 60)]
            elif action == 2:
                changed[at:at] = chance.choice(
                    [b'"', b"{", b"}", b"[", b"]", b"\\", b",", b":", b"\0", b"\xff", b"null"]
                )
            else:
                changed[at:at] = changed[: chance.randint(1, 200)]
        try:
            list(fhir.read(io.BytesIO(bytes(changed)), validate=False))
        except CareLedgerError:
            refused += 1
    assert 0 < refused < 4_000
