"""Consent receipts: ISO/IEC TS 27560 records, pages that people read, and their standing on the chain.

document_of
  it has the sections and fields of the standard                     → test_document_of__fields_of_the_standard
  it states what a notice states, and nothing that nobody stated     → test_document_of__notice__placed_where_it_belongs
  when a party has no party_id
    it refuses                                                       → test_document_of__party_without_id__refused
agreement_of
  it reads back what was agreed                                      → test_prop_agreement_of__any_agreement__reads_back
  given a receipt of the first schema
    its commitment and its page are as they were                     → test_agreement_of__first_schema__stays_readable
  given another document
    it refuses                                                       → test_agreement_of__another_document__refused
in_words and in_html
  no code word stays untranslated, in any language                   → test_in_words__no_code_word_left
  dates and places are in the reader's form                          → test_in_words__dates_and_places__readers_form
  given hostile text from a notice
    the page shows it and runs nothing                               → test_in_html__hostile_notice__shown_not_run
verify
  given the receipt of a live directive
    it is verified, and follows what becomes of the directive        → test_verify__granted__follows_the_directive
  given a changed record, salt or limit
    it is not on the chain                                           → test_verify__changed__not_on_chain
  given a record that says other than its directive
    it names what differs                                            → test_verify__record_says_other__names_the_fields
save and load
  by key, by password, and as it lay open                            → test_load__sealed_or_open__comes_back
  given any part of it exchanged for something else
    it refuses, or every page and the commitment can be made → test_from_json__any_part_exchanged__whole_or_refused
  given a stranger, a wrong password, another file
    it refuses                                                       → test_load__stranger_or_other_file__refused
  it shows nothing                                                   → test_receipt__repr_and_sealed_file__show_nothing
"""

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careledger import ConsentReceipt, DataClass, Limits, PartyRef, Purpose, Role, RoleRef, errors
from careledger.codes import Basis, ConsentReason, Reason, Will
from careledger.privacy.commitments import new_salt
from careledger.privacy.openers import from_seed, new_seed
from careledger.redact import Secret
from careledger.resources.consent_record import PROCESSING, SCHEMA, Agreement, agreement_of, document_of
from careledger.resources.glossary import LANGUAGES
from tests.sdk.resources.town import SWITZERLAND, Town

ANA, CLINIC = "0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D"
NEW_YEAR, APRIL = 1_767_225_600, 1_775_001_600
AGREED = Agreement(
    PartyRef("person", ANA), RoleRef(Role.RESEARCH_INSTITUTION, SWITZERLAND), Purpose.HRESCH,
    frozenset({DataClass.LABS, DataClass.GENOMICS}), frozenset({DataClass.HIV}), NEW_YEAR, APRIL, 3,
    "0x" + "11" * 32, 31_337, CLINIC,
)  # fmt: skip
FIRST = {
    "document": {
        "schema_version": "ISO/IEC TS 27560:2023", "pii_principal_id": ANA,
        "recipient": {"recipientKind": "organisation", "recipient": CLINIC, "role": "none", "jurisdiction": 0},
        "purpose": "TREAT", "pii_information": ["labs"], "pii_excluded": ["hiv"], "valid_from": NEW_YEAR,
        "valid_until": APRIL, "consent_type": "explicit", "withdrawal": "at any time, by signature",
        "policy_url": "https://clinic.example/privacy",
    },
    "salt": "0x" + bytes(range(32)).hex(),
    "limits": {"author": "0x" + "0" * 40, "dataFrom": 0, "dataUntil": 0},
}  # fmt: skip
FIRST_COMMITMENT = "f70ab751f4cb7176c3fdeb8ec869a3636f8d0a24fa7fa5d9dc9ca18b908eb1ce"
"""What the first release committed to for this document, salt and limits."""


def receipt_of(agreed: Agreement = AGREED, limits: Limits | None = None, **notice: object) -> ConsentReceipt:
    document = document_of(agreed, event_time=NEW_YEAR, notice=notice)
    return ConsentReceipt(document, new_salt(), limits or Limits())


# THE RECORD


def test_document_of__fields_of_the_standard() -> None:
    found = receipt_of().document
    assert list(found) == [
        "schema_version", "receipt_id", "record_id", "pii_principal_id", "pii_processing", "party_identification",
        "event", "extension",
    ]  # fmt: skip
    (purpose,) = found["pii_processing"]["purposes"]
    assert (purpose["purpose"], purpose["lawful_basis"], purpose["jurisdiction"]) == (
        "HRESCH", "explicit-consent", SWITZERLAND,
    )  # fmt: skip
    assert purpose["pii_information"] == [
        {"pii_type": "labs", "pii_optional": False, "sensitive_pii_category": False, "special_pii_category": "health"},
        {"pii_type": "genomics", "pii_optional": False, "sensitive_pii_category": True,
         "special_pii_category": "genetic"},
    ]  # fmt: skip
    assert found["event"] == [{
        "event_time": "2026-01-01T00:00:00Z", "validity_duration": "2026-01-01T00:00:00Z/2026-04-01T00:00:00Z",
        "entity_id": ANA, "event_type": "explicit-consent", "event_state": "consent-given",
    }]  # fmt: skip
    assert {party["party_role"]: party["party_id"] for party in found["party_identification"]} == {
        "pii-principal": ANA, "recipient": f"research-institution@{SWITZERLAND}",
    }  # fmt: skip
    assert purpose["storage_locations"] is None and purpose["retention_period"] is None
    assert found["record_id"] == AGREED.directive_id and found["receipt_id"].startswith("urn:uuid:")


def test_document_of__notice__placed_where_it_belongs() -> None:
    notice = {name: f"stated {name}" for name in PROCESSING} | {
        "privacy_notice": "https://clinic.example/privacy", "language": "de", "study": "T-17",
        "parties": [{"party_id": CLINIC, "party_name": "Clinic", "party_role": "pii-controller"}],
        "pii_controllers": [CLINIC],
    }  # fmt: skip
    found = receipt_of(**notice).document
    (purpose,) = found["pii_processing"]["purposes"]
    assert {name: purpose[name] for name in PROCESSING} == {name: f"stated {name}" for name in PROCESSING}
    assert found["pii_processing"]["language"] == "de" and purpose["pii_controllers"] == [CLINIC]
    assert found["extension"]["study"] == "T-17"
    assert found["party_identification"][2]["party_name"] == "Clinic"


def test_document_of__party_without_id__refused() -> None:
    with pytest.raises(errors.InputError, match="has a party_id"):
        receipt_of(parties=[{"party_name": "Clinic"}])


classes = st.frozensets(st.sampled_from(list(DataClass)))
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex())
recipients = st.one_of(
    st.builds(PartyRef, st.sampled_from(["person", "organisation"]), addresses),
    st.builds(RoleRef, st.sampled_from([role for role in Role if role]), st.integers(0, 999_999)),
)


@given(
    to=recipients, purpose=st.sampled_from(list(Purpose)), permits=classes, denies=classes,
    start=st.integers(0, 253_402_300_799), end=st.integers(1, (1 << 40) - 1), version=st.integers(1, 1 << 39),
)  # fmt: skip
def test_prop_agreement_of__any_agreement__reads_back(to, purpose, permits, denies, start, end, version):
    agreed = replace(
        AGREED, to=to, purpose=purpose, permits=permits, denies=denies, not_before=start, expires_at=end,
        version=version,
    )  # fmt: skip
    receipt = ConsentReceipt.from_json(json.loads(json.dumps(receipt_of(agreed).to_json())))
    assert receipt.agreement == agreed
    assert all(receipt.in_words(language) and receipt.in_html(language) for language in LANGUAGES)


def test_agreement_of__first_schema__stays_readable() -> None:
    receipt = ConsentReceipt.from_json(FIRST)
    assert receipt.commitment.hex() == FIRST_COMMITMENT
    assert receipt.agreement == Agreement(
        PartyRef("person", ANA), PartyRef("organisation", CLINIC), Purpose.TREAT, frozenset({DataClass.LABS}),
        frozenset({DataClass.HIV}), NEW_YEAR, APRIL,
    )  # fmt: skip
    assert "Laborwerte" in receipt.in_words("de") and "jederzeit, durch Ihre Unterschrift" in receipt.in_words("de")


@pytest.mark.parametrize("document", [{}, {"schema_version": "3"}, {"schema_version": SCHEMA}, {"schema_version": []}])
def test_agreement_of__another_document__refused(document: dict[str, object]) -> None:
    with pytest.raises(errors.FormatError, match="no consent record") as caught:
        agreement_of(document)
    assert caught.value.fix


# PAGES

_EVERY_CODE = {
    word
    for codes in (Purpose, DataClass, Role, ConsentReason, Reason, Basis, Will)
    for code in codes
    for word in (code.word, code.name)
    if len(word) > 4 and word.upper() != "HIV"
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("to", [AGREED.to, PartyRef("organisation", CLINIC)])
def test_in_words__no_code_word_left(language: str, to: PartyRef | RoleRef) -> None:
    for permits in (frozenset(DataClass), frozenset({DataClass.LABS})):
        for purpose in Purpose:
            agreed = replace(AGREED, to=to, purpose=purpose, permits=permits, denies=frozenset({DataClass.CARE_PLANS}))
            text = receipt_of(agreed, Limits(CLINIC, NEW_YEAR, APRIL)).in_words(language)
            codes = {code for code in _EVERY_CODE if "-" in code or code.isupper()}
            left = {code for code in codes if re.search(rf"\b{re.escape(code)}\b", text)}
            assert not left, text
            for code in ("explicit-consent", "consent-given", "existing-records", "signature-at-any-time", "756000"):
                assert code not in text
            if language == "zh":
                bare = re.sub(r"0x[0-9a-fA-F]+|urn:uuid:[0-9a-f-]+|ISO/IEC TS 27560:2023; careledger 2|UTC", "", text)
                assert not re.search(r"[A-Za-z]", bare), bare


def test_in_words__dates_and_places__readers_form() -> None:
    receipt = receipt_of(storage_locations=[SWITZERLAND, 840_006])
    pages = {language: receipt.in_words(language) for language in LANGUAGES}
    assert (
        "From: 1 January 2026, 00:00 UTC" in pages["en"] and "Switzerland, United States (region no. 6)" in pages["en"]
    )
    assert "Von: 1. Januar 2026, 00:00 UTC" in pages["de"] and "Schweiz, Vereinigte Staaten" in pages["de"]
    assert "开始：2026年1月1日 00:00 UTC" in pages["zh"] and "瑞士、美国" in pages["zh"]
    assert "How long they are kept: not stated" in pages["en"]
    at_once = receipt_of(replace(AGREED, not_before=0))
    assert "From: 1 January 2026, 00:00 UTC" in at_once.in_words("en"), "what holds at once began when it was given"
    with pytest.raises(errors.InputError, match="there are no words for 'fr'"):
        receipt.in_html("fr")


def test_in_html__hostile_notice__shown_not_run() -> None:
    hostile = '<script>alert(1)</script><img src=x onerror="x">'
    page = receipt_of(privacy_notice=hostile, parties=[{"party_id": ANA, "party_name": hostile}]).in_html("en")
    assert "<script" not in page.lower() and "<img" not in page.lower()
    assert page.count("&lt;script&gt;") == 2
    assert "default-src 'none'" in page


# ON THE CHAIN


def test_verify__granted__follows_the_directive(town: Town) -> None:
    patient = town.patient()
    consents = town.care.consents
    terms = consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    assert terms.receipt.verify(town.care).state == "not on chain"
    town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    standing = terms.receipt.verify(town.care)
    assert (standing.state, standing.verified, standing.differs) == ("live", True, ())
    again = consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.grant(again.signed_by(patient.signer))
    assert terms.receipt.verify(town.care).state == "superseded"
    assert again.receipt.verify(town.care).state == "live"
    end = consents.draft_revocation(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.revoke_signed(end.signed_by(patient.signer))
    standing = again.receipt.verify(town.care)
    assert (standing.state, standing.verified) == ("revoked", True)


def test_verify__changed__not_on_chain(town: Town) -> None:
    patient = town.patient()
    terms = town.care.consents.draft(
        patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT,
        limits=Limits(author=town.hospital.party.address),
    )  # fmt: skip
    town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    receipt = terms.receipt
    assert receipt.verify(town.care).verified
    document = {**receipt.document, "receipt_id": "urn:uuid:other"}
    for changed in (
        replace(receipt, document=document),
        replace(receipt, salt=new_salt()),
        replace(receipt, limits=Limits()),
    ):
        assert changed.verify(town.care).state == "not on chain"
        assert not changed.verify(town.care).verified


def test_verify__record_says_other__names_the_fields(town: Town) -> None:
    patient = town.patient()
    terms = town.care.consents.draft(
        patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT, classes=[DataClass.LABS]
    )
    other = terms.call["word"] | DataClass.HIV.mask
    message = {**terms.typed.message, "permits": ["labs", "hiv"]}
    signed = replace(terms, call={**terms.call, "word": other}, typed=replace(terms.typed, message=message)).signed_by(
        patient.signer
    )
    town.relayer.care.consents.grant(signed)
    standing = terms.receipt.verify(town.care)
    assert (standing.differs, standing.verified) == (("permits",), False)


# KEEPING


def test_load__sealed_or_open__comes_back(tmp_path: Path) -> None:
    receipt, opener = receipt_of(limits=Limits(CLINIC, 5, 9)), from_seed(new_seed())
    password = Secret(b"correct horse", "password")
    receipt.save(tmp_path / "sealed", recipients=[opener.recipient()], password=password)
    (tmp_path / "open").write_text(json.dumps(receipt.to_json()))
    found = [
        ConsentReceipt.load(tmp_path / "sealed", opener=opener),
        ConsentReceipt.load(tmp_path / "sealed", password=password),
        ConsentReceipt.load(tmp_path / "open"),
    ]
    assert {item.commitment for item in found} == {receipt.commitment}
    assert (tmp_path / "sealed").stat().st_mode & 0o077 == 0


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*above, key)
        yield from places(inner, (*above, key))


def nested(levels: int) -> Any:
    found: Any = "x"
    for _ in range(levels):
        found = [found]
    return found


@pytest.mark.parametrize("other", [
    ..., None, "", "x", -1, 0, 1.5, True, 2**40, 2**256, 10**4000, [], {}, [[]], [None], [5], ["x"], {"x": None},
    [{"party_id": []}], "role@²", "provider@" + "9" * 5000, "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
    "0001-01-01", nested(30), nested(250), nested(1_000), "A" * 100_000,
], ids=itertools.count())  # fmt: skip
def test_from_json__any_part_exchanged__whole_or_refused(other: Any) -> None:
    parties = [{"party_id": CLINIC, "party_name": "Lindenhof"}]
    second = json.loads(json.dumps(receipt_of(parties=parties, service="a", fhir={"a": ["b"]}).to_json()))
    at_once = json.loads(json.dumps(receipt_of(replace(AGREED, not_before=0)).to_json()))
    for whole in (second, at_once, FIRST):
        for keys in places(whole):
            changed = at = json.loads(json.dumps(whole))
            for key in keys[:-1]:
                at = at[key]
            if other is ...:
                del at[keys[-1]]
            else:
                at[keys[-1]] = other
            try:
                found = ConsentReceipt.from_json(changed)
            except errors.FormatError:
                continue
            assert len(found.commitment) == 32 and found.agreement, keys
            assert found.in_words("zh") and found.in_html("de"), keys


def test_load__stranger_or_other_file__refused(tmp_path: Path) -> None:
    receipt_of().save(tmp_path / "sealed", recipients=[from_seed(new_seed()).recipient()])
    with pytest.raises(errors.NotARecipient):
        ConsentReceipt.load(tmp_path / "sealed")
    with pytest.raises(errors.NotARecipient):
        ConsentReceipt.load(tmp_path / "sealed", opener=from_seed(new_seed()))
    with pytest.raises(errors.InputError, match="is there already"):
        receipt_of().save(tmp_path / "sealed", password=Secret(b"x", "password"))
    for text in ("", "[]", "{}", '{"document": {}, "salt": "0x00", "limits": {}}', "\x00", "[" * 100_000):
        (tmp_path / "other").write_text(text)
        with pytest.raises(errors.FormatError, match="holds no consent receipt"):
            ConsentReceipt.load(tmp_path / "other")
    with pytest.raises(errors.NotFound):
        ConsentReceipt.load(tmp_path / "nowhere")


def test_receipt__repr_and_sealed_file__show_nothing(tmp_path: Path) -> None:
    receipt = receipt_of()
    receipt.save(tmp_path / "sealed", recipients=[from_seed(new_seed()).recipient()])
    for shown in (repr(receipt), (tmp_path / "sealed").read_text()):
        assert ANA not in shown and "labs" not in shown and receipt.salt.reveal().hex() not in shown
