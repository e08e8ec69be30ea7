"""Commitments.

commit
  given equal data and fresh salts            → unequal digests
  given the salt and all fields               → the digest solidity would compute
  given another domain, type or value         → another digest
  given a short salt or a misfit value        → InputError without the value
RecordOpening
  given one changed field                     → does not open
  given its JSON                              → the same opening
  given damaged JSON                          → FormatError without the salt
"""

import dataclasses
import hashlib
import io
import json
import os
import traceback

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st
from sha3 import keccak_256

from careledger.errors import FormatError, InputError
from careledger.privacy import commitments
from careledger.privacy.commitments import RecordOpening, commit, content_hash, new_salt
from careledger.redact import Secret

CLINIC = "0x" + "11" * 20
PATIENT, OTHER_PATIENT = "0x" + "22" * 20, "0x" + "33" * 20


def opening(content: bytes = b"{}", *, patient: str = PATIENT, salt: Secret | None = None) -> RecordOpening:
    return RecordOpening(
        salt=salt or new_salt(),
        author=CLINIC,
        patient=patient,
        classes=1 << 7 | 1 << 36,
        media_type="application/fhir+json",
        content_hash=content_hash(content),
    )


def test_commit__given_known_salt__equals_keccak_over_abi_encode():
    salt = Secret(bytes(range(32)), "salt")
    expected = keccak(
        encode(["bytes32", "bytes32", "uint64", "string"], [keccak(text="d.v1"), bytes(range(32)), 7, "x"])
    )
    assert commit("d.v1", salt, ("uint64", 7), ("string", "x")) == expected


def test_commit__given_other_domain__gives_other_digest():
    salt = new_salt()
    assert commit("a", salt, ("uint64", 7)) != commit("b", salt, ("uint64", 7))


@given(st.binary(max_size=64))
def test_prop_H2_commit__given_equal_data__gives_unequal_digests(data):
    digests = {commit("d", new_salt(), ("bytes", data)) for _ in range(4)}
    assert len(digests) == 4
    assert not digests & {hashlib.sha256(data).digest(), keccak(data), keccak(keccak(data))}


def test_commit__given_short_salt__refuses():
    with pytest.raises(InputError, match="32 bytes, this one has 31"):
        commit("d", Secret(bytes(31)), ("uint64", 1))


def test_S8_commit__given_misfit_value__error_shows_neither_value_nor_salt():
    salt, value = Secret(b"\x5a" * 32, "salt"), "Jane Roe, HIV positive"
    with pytest.raises(InputError) as caught:
        commit("d", salt, ("uint64", value))
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=False).format())
    assert "Jane" not in shown and "5a5a" not in shown and "ZZZZ" not in shown


def test_R1_record__same_document_by_two_patients__different_digests():
    mine, yours = opening(b"same"), opening(b"same", patient=OTHER_PATIENT)
    assert mine.content_hash == yours.content_hash
    assert mine.commitment != yours.commitment
    salt = new_salt()  # even where a broken generator gave one salt twice
    assert opening(salt=salt).commitment != opening(salt=salt, patient=OTHER_PATIENT).commitment


def _attack(digests: set[bytes], opening_: RecordOpening, salts: list[bytes], candidates: int) -> int:
    """Count hits of an attacker who knows everything but the salt and the content."""
    marker, hits = b"\xee" * 32, 0
    known = dataclasses.replace(opening_, salt=Secret(b"\xdd" * 32), content_hash=marker)
    template = encode(
        ["bytes32", "bytes32", "address", "address", "uint64", "string", "string", "bytes32"],
        [
            commitments.domain_tag(commitments.RECORD_DOMAIN),
            b"\xdd" * 32,
            known.author,
            known.patient,
            known.classes,
            known.media_type,
            known.canonicalisation,
            marker,
        ],
    )
    for salt in salts:
        before, after = template.replace(b"\xdd" * 32, salt).split(marker)
        for n in range(candidates):
            content = hashlib.sha256(b"result %d" % n).digest()
            hits += keccak_256(before + content + after).digest() in digests
            hits += content in digests
            hits += keccak_256(content).digest() in digests
    return hits


def test_R2_H2_dictionary__given_a_million_candidates__finds_none_of_1000_records():
    records = [opening(b"result %d" % n) for n in range(1000)]
    digests = {record.commitment for record in records}
    assert _attack(digests, records[0], [bytes(32)], 1_000_000) == 0
    # the attack itself works: with the salt it finds the record at once
    assert _attack(digests, records[3], [records[3].salt.reveal()], 10) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"salt": Secret(bytes(32))},
        {"author": OTHER_PATIENT},
        {"patient": OTHER_PATIENT},
        {"classes": 1},
        {"media_type": "application/dicom"},
        {"canonicalisation": "rfc8785"},
        {"content_hash": bytes(32)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_opening__given_one_changed_field__does_not_open(change):
    original = opening()
    assert original.opens(original.commitment)
    assert not dataclasses.replace(original, **change).opens(original.commitment)


@given(st.integers(0, 2**64 - 1), st.text(max_size=40), st.text(max_size=20), st.binary(min_size=32, max_size=32))
def test_prop_opening__given_its_json__comes_back_equal(classes, media_type, canonicalisation, digest):
    original = RecordOpening(
        salt=new_salt(),
        author=CLINIC,
        patient=PATIENT,
        classes=classes,
        media_type=media_type,
        content_hash=digest,
        canonicalisation=canonicalisation,
    )
    again = RecordOpening.from_json(original.to_json())
    assert again == original and again.commitment == original.commitment


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_opening__given_cut_json__refused_without_salt(cut):
    original = opening()
    with pytest.raises(FormatError) as caught:
        RecordOpening.from_json(original.to_json()[:cut])
    shown = "".join(traceback.format_exception(caught.value))
    assert original.salt.reveal().hex() not in shown
    assert json.loads(original.to_json())["salt"] not in shown


def test_S8_opening__repr__shows_no_salt_patient_classes_or_hash():
    original = opening()
    for text in (repr(original), str(original), f"{original}"):
        assert original.patient not in text and "fhir" not in text
        assert original.content_hash.hex() not in text and repr(original.content_hash) not in text
        assert str(original.classes) not in text


def test_opening__given_wrong_fields__refuses():
    with pytest.raises(InputError, match="author of a record opening"):
        dataclasses.replace(opening(), author="0x12")
    with pytest.raises(InputError, match="64 bits"):
        dataclasses.replace(opening(), classes=1 << 64)
    with pytest.raises(InputError, match="has 31"):
        dataclasses.replace(opening(), content_hash=bytes(31))


def test_content_hash__bytes_path_and_stream__agree(tmp_path):
    data = os.urandom(3 * (1 << 20) + 5)
    (tmp_path / "f").write_bytes(data)
    expected = hashlib.sha256(data).digest()
    assert content_hash(data) == content_hash(tmp_path / "f") == content_hash(io.BytesIO(data)) == expected
    assert opening(data).matches(tmp_path / "f") and not opening(data).matches(data + b"\n")
