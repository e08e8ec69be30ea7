"""A public chain is an open system: what leaves a house is encrypted and signed, and nothing personal is in it.

seal
  it leaves no plaintext in store, home or calldata        → test_H18_seal__leaves_no_plaintext_anywhere
  it is signed by its author, or refused                   → test_H18_anchor__unsigned_by_author__refused
open
  given no consent
    it is refused with the reason, though the key would open it → test_H8_open__no_consent__refused_with_reason
    it opens once the patient has agreed                   → test_H8_open__after_consent__opens_for_that_purpose
events
  it finds no word of the patient's file in any of them    → test_H24_events__hold_no_word_of_the_file
template
  it ships, and names what has to be answered              → test_H24_dpia_template__ships
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from careledger import DataClass, Meaning, Purpose, errors
from tests.sdk.resources.town import SWITZERLAND, Town

ROOT = Path(__file__).resolve().parents[3]
NOTE = b"Ana Beispiel, born 1984-02-29, MRN-4711: depression, single episode (F32.1), citalopram 20 mg."
WORDS = (b"Beispiel", b"1984-02-29", b"MRN-4711", b"F32.1", b"citalopram", b"depression")


def seal(town: Town):
    patient = town.patient()
    town.clinic.care.participants.publish_key(town.clinic.opener, subject=town.clinic.party)
    return town.hospital.care.records.seal(
        NOTE, author=town.hospital.party, about=patient.party, classes={DataClass.NOTES}, readers=[town.clinic.party]
    )


def test_H18_seal__leaves_no_plaintext_anywhere(town: Town) -> None:
    receipt = seal(town)
    assert town.clinic.care.records.read(receipt.value.id) == NOTE
    kept = [path.read_bytes() for path in town.care.home.rglob("*") if path.is_file()]
    sent = town.care.connection.rpc.request("eth_getTransactionByHash", [receipt.tx])["input"]
    assert len(kept) > 3
    for place in [*kept, bytes.fromhex(sent[2:])]:
        assert not [word for word in WORDS if word in place]


def test_H18_anchor__unsigned_by_author__refused(town: Town) -> None:
    record = seal(town).value
    with pytest.raises(errors.RecordRegistry_NotController) as caught:
        town.stranger.care.records._write(
            "anchor", town.clinic.party.address, Meaning.AUTHORED.value, record.commitment, value=lambda _: None,
            key="forged", wait="included", dry_run=False,
        )  # fmt: skip
    assert caught.value.values["subject"] == town.clinic.party.address


def reading(town: Town, record, purpose: Purpose = Purpose.TREAT) -> bytes:
    return town.clinic.care.records.read(
        record.id, as_=town.doctor.party, purpose=purpose, capacity=town.clinic.party, jurisdiction=SWITZERLAND
    )


def test_H8_open__no_consent__refused_with_reason(town: Town) -> None:
    with pytest.raises(errors.AccessDenied, match="not allowed: not granted") as caught:
        reading(town, seal(town).value)
    assert (caught.value.exit_code, caught.value.decision.denied) == (3, {DataClass.NOTES})


def test_H8_open__after_consent__opens_for_that_purpose(town: Town) -> None:
    patient = town.patient()
    town.clinic.care.participants.publish_key(town.clinic.opener, subject=town.clinic.party)
    record = town.hospital.care.records.seal(
        NOTE, author=town.hospital.party, about=patient.party, classes={DataClass.NOTES}, readers=[town.clinic.party]
    ).value
    terms = town.care.consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    assert reading(town, record) == NOTE
    with pytest.raises(errors.AccessDenied, match="not allowed: not granted"):
        reading(town, record, Purpose.HRESCH)


def test_H24_events__hold_no_word_of_the_file(town: Town) -> None:
    seal(town)
    told = json.dumps([event.to_json() for event in town.care.events()])
    assert "BatchAnchored" in told or "RecordAnchored" in told
    assert not [word for word in WORDS if word.decode() in told or word.hex() in told]


def test_H24_dpia_template__ships() -> None:
    text = (ROOT / "docs" / "dpia.md").read_text()
    for question in ("on what basis", "erasure", "third countries", "Residual risks"):
        assert question in text
