"""FHIR Consents through the SDK to the deployed contract and back.

the patterns of IHE Privacy Consent on FHIR, in R4 and R5
  signed by the patient, the contract decides as the pattern says  → test_from_fhir__pattern__decides_as_it_says
  deny all except break glass  → …deny_all_but_break_glass…
  normal, and break glass to restricted  → …normal_and_break_glass_to_restricted…
from_fhir
  given something that narrows and was not accepted
    it refuses, naming it  → test_from_fhir__not_accepted__refused
    a denial that cannot be said, too  → test_from_fhir__opt_out_not_said__refused_by_its_place
    in one Consent of a Bundle, it refuses all  → test_from_fhir__opt_out_in_a_bundle__refuses_the_whole
    in every published example  → test_from_fhir__published_examples__nothing_narrowing_is_lost
  given a Consent of which nothing comes
    alone, it says so  → test_from_fhir__nothing_comes_of_it__says_so
    beside others, it is listed  → test_from_fhir__nothing_comes_of_one__listed
  given a standing denial of before
    two denials in one document come to one  → test_from_fhir__two_denials__come_to_one
    what was denied stays denied  → test_from_fhir__denied_before__stays_denied
  given a Bundle
    its identifiers lead to accounts, through the directory too  → test_from_fhir__bundle__identifiers_lead_to_accounts
  the receipt keeps what is no rule  → test_from_fhir__receipt__keeps_the_rest
  given nobody's consent, no Consent, no file
    it refuses  → test_from_fhir__nothing_to_draft__refused
to_fhir
  given a patient
    every live directive and the denial, which read back as granted  → test_to_fhir__patient__reads_back_as_granted
  given a limited directive
    it needs the receipt  → test_to_fhir__limited__needs_the_receipt
  given a revoked directive
    it is inactive  → test_to_fhir__revoked__inactive
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from careledger import ConsentReceipt, DataClass, Decision, EmergencyReason, Limits, PartyRef, Purpose, Reason, errors
from careledger.formats.fhir.consent import read_consent
from careledger.formats.fhir.consent_codes import ALL, ORDINARY, SENSITIVE
from careledger.resources.consent_documents import FhirDrafts
from tests.sdk.resources.town import SWITZERLAND, Town, Townsman
from tests.shared_data import shared

PATTERNS = Path(__file__).resolve().parents[1] / "fhir" / "consents"
LABS, NOTES, HIV, PSY = DataClass.LABS, DataClass.NOTES, DataClass.HIV, DataClass.MENTAL_HEALTH
YEAR_2022 = (1_640_995_200, 1_672_531_200)
VERSIONS = pytest.mark.parametrize("version", ["r4", "r5"])


def people(town: Town, patient: Townsman) -> Any:
    """Whom the patterns name."""
    known = {
        "Organization/clinic": town.clinic.party, "Organization/hospital": town.hospital.party,
        "Organization/institute": town.steward.party, "Practitioner/doctor": town.doctor.party,
        "Patient/ana": patient.party,
    }  # fmt: skip
    return lambda system, value: known.get(value)


def agree(town: Town, patient: Townsman, name: str, version: str, *accept: str, **how: Any) -> FhirDrafts:
    """Read a pattern, have the patient sign all that comes of it, and carry it to the chain."""
    path = PATTERNS / version / f"{name}.json"
    consents = town.relayer.care.consents
    accept = (
        *accept,
        *(["Consent.decision"] if version == "r5" and "decision" in widening(town, patient, path) else []),
    )
    drafts = town.care.consents.from_fhir(path, accept=accept, resolve=people(town, patient), **how)
    for terms in drafts.terms:
        consents.grant(terms.signed_by(patient.signer))
    for denial in drafts.denials:
        consents.deny_signed(denial.signed_by(patient.signer))
    return drafts


def widening(town: Town, patient: Townsman, path: Path) -> set[str]:
    (reading,) = town.care.consents.read_fhir(path, resolve=people(town, patient))
    return {item.location.removeprefix("Consent.") for item in reading.widening}


def ask(town: Town, patient: Townsman, *classes: DataClass, purpose: Purpose = Purpose.TREAT, **more: Any) -> Decision:
    """The doctor asks, for the clinic unless something else is said."""
    how = {"actor": town.doctor.party, "capacity": town.clinic.party, "jurisdiction": SWITZERLAND} | more
    return town.care.consents.decide(patient=patient.party, purpose=purpose, classes=classes, **how)


def break_glass(town: Town, patient: Townsman) -> None:
    town.doctor.care.emergencies.open(
        patient.party, practitioner=town.doctor.party, organisation=town.clinic.party, jurisdiction=SWITZERLAND,
        reason=EmergencyReason.THREAT_TO_LIFE,
    )  # fmt: skip


@VERSIONS
def test_from_fhir__deny_all_but_break_glass__only_the_emergency_opens(town: Town, version: str) -> None:
    patient = town.patient()
    agree(town, patient, "deny-all-but-break-glass", version)
    for classes in ([LABS], [HIV], list(DataClass)):
        for purpose in (Purpose.TREAT, Purpose.HRESCH, Purpose.ETREAT):
            assert ask(town, patient, *classes, purpose=purpose).because is Reason.STANDING_DENIAL
    break_glass(town, patient)
    assert ask(town, patient, *DataClass, purpose=Purpose.ETREAT).because is Reason.BREAK_GLASS
    assert ask(town, patient, LABS).because is Reason.STANDING_DENIAL


@VERSIONS
def test_from_fhir__normal_and_break_glass_to_restricted__each_opens_its_own(town: Town, version: str) -> None:
    patient = town.patient()
    drafts = agree(town, patient, "normal-and-break-glass-to-restricted", version, everybody=[town.clinic.party])
    assert [terms.purpose for terms in drafts.terms] == [Purpose.TREAT, Purpose.HPAYMT, Purpose.HOPERAT]
    for purpose in (Purpose.TREAT, Purpose.HPAYMT, Purpose.HOPERAT):
        assert ask(town, patient, *ORDINARY, purpose=purpose).because is Reason.DIRECTIVE
        assert ask(town, patient, LABS, HIV, purpose=purpose).granted == {LABS}
    assert ask(town, patient, LABS, purpose=Purpose.HRESCH).because is Reason.NOT_GRANTED
    assert ask(town, patient, HIV, purpose=Purpose.ETREAT).because is Reason.NOT_GRANTED
    break_glass(town, patient)
    assert ask(town, patient, *DataClass, purpose=Purpose.ETREAT).because is Reason.BREAK_GLASS


@VERSIONS
def test_from_fhir__by_author__only_that_authors_records_open(town: Town, version: str) -> None:
    patient = town.patient()
    (terms,) = agree(town, patient, "by-author", version).terms
    opened = {"receipts": [_empty(), terms.receipt]}
    assert ask(town, patient, LABS, author=town.hospital.party, **opened).because is Reason.DIRECTIVE
    assert ask(town, patient, LABS, author=town.clinic.party, **opened).because is Reason.OUTSIDE_LIMITS
    assert ask(town, patient, LABS, author=town.hospital.party).because is Reason.LIMITS_NOT_OPENED


@VERSIONS
def test_from_fhir__by_class__only_those_classes_open(town: Town, version: str) -> None:
    patient = town.patient()
    agree(town, patient, "by-class", version)
    assert ask(town, patient, LABS, HIV).because is Reason.DIRECTIVE
    assert ask(town, patient, LABS, NOTES).granted == {LABS}
    assert ask(town, patient, PSY).because is Reason.NOT_GRANTED


@VERSIONS
def test_from_fhir__by_time__opens_in_its_window_and_for_its_period(town: Town, version: str) -> None:
    patient = town.patient()
    (terms,) = agree(town, patient, "by-time", version).terms
    assert (terms.not_before, terms.expires_at) == (1_579_046_400, 4_102_444_800)
    opened = {"receipts": [_empty(), terms.receipt]}
    since, until = YEAR_2022
    assert ask(town, patient, LABS, data_from=since, data_until=until, **opened).because is Reason.DIRECTIVE
    for period in ((since - 1, until), (since, until + 1), (0, 0)):
        outside = ask(town, patient, LABS, data_from=period[0], data_until=period[1], **opened)
        assert outside.because is Reason.OUTSIDE_LIMITS


@VERSIONS
def test_from_fhir__by_data_object__opens_nothing_unless_accepted(town: Town, version: str) -> None:
    patient = town.patient()
    where = "Consent.provision.data[0]" if version == "r4" else "Consent.provision[0].data[0]"
    with pytest.raises(errors.InputError) as caught:
        agree(town, patient, "by-data-object", version)
    assert where in caught.value.message and "Observation" not in caught.value.message
    assert ask(town, patient, LABS).because is Reason.NOT_GRANTED
    agree(town, patient, "by-data-object", version, "Consent.provision.data")
    assert ask(town, patient, LABS).because is Reason.DIRECTIVE


@VERSIONS
def test_from_fhir__for_research__only_the_institute_for_research(town: Town, version: str) -> None:
    patient = town.patient()
    agree(town, patient, "for-research", version)
    institute = {"actor": town.steward.party, "capacity": PartyRef("organisation", town.steward.party.address)}
    from careledger import Role

    institute |= {"organisation_role": Role.STEWARD}
    assert ask(town, patient, *ORDINARY, purpose=Purpose.HRESCH, **institute).because is Reason.DIRECTIVE
    assert ask(town, patient, HIV, purpose=Purpose.HRESCH, **institute).because is Reason.NOT_GRANTED
    assert ask(town, patient, LABS, purpose=Purpose.TREAT, **institute).because is Reason.NOT_GRANTED
    assert ask(town, patient, LABS, purpose=Purpose.HRESCH).because is Reason.NOT_GRANTED


@VERSIONS
def test_from_fhir__deny_one_organisation__others_go_on(town: Town, version: str) -> None:
    patient = town.patient()
    from careledger import Role, Rule

    town.hospital.care.consents.state_policy(
        town.hospital.party, as_role=Role.PROVIDER, jurisdiction=SWITZERLAND, purpose=Purpose.TREAT,
        rule=Rule.PERMIT_UNLESS_DENIED, classes=ORDINARY, legal_reference="house rule", key=f"policy/{version}",
    )  # fmt: skip
    at_hospital = {"custodian": town.hospital.party}
    assert ask(town, patient, LABS, **at_hospital).because is Reason.BASE_POLICY
    where = "Consent.provision.actor"  # an emergency opens in spite of it, which has to be accepted
    drafts = agree(town, patient, "deny-one-organisation", version, where)
    assert {terms.purpose for terms in drafts.terms} == set(Purpose)
    assert all(terms.expires_at == 253_402_300_800 for terms in drafts.terms), "a denial that names no end has none"
    assert ask(town, patient, LABS, **at_hospital).because is Reason.DENIED_TO_CAPACITY
    hospital = {"actor": town.hospital.party, "capacity": town.hospital.party}
    assert ask(town, patient, LABS, **at_hospital, **hospital).because is Reason.BASE_POLICY


@VERSIONS
def test_from_fhir__normal_focused_psy__only_the_doctor_reads_it(town: Town, version: str) -> None:
    patient = town.patient()
    agree(town, patient, "normal-focused-psy", version)
    assert ask(town, patient, LABS, PSY).because is Reason.DIRECTIVE
    clinic = {"actor": town.clinic.party}
    assert ask(town, patient, LABS, **clinic).because is Reason.DIRECTIVE
    assert ask(town, patient, PSY, **clinic).because is Reason.NOT_GRANTED


def _empty() -> ConsentReceipt:
    """A receipt in the place of the person's, which has none."""
    from careledger.privacy.commitments import new_salt

    return ConsentReceipt({}, new_salt(), Limits())


# FROM FHIR


def test_from_fhir__not_accepted__refused(town: Town) -> None:
    patient = town.patient()
    path = PATTERNS / "r4" / "not-authored-by.json"
    with pytest.raises(errors.InputError, match=r"Consent\.provision\.provision\[0\]\.data\[0\]") as caught:
        town.care.consents.from_fhir(path, resolve=people(town, patient))
    assert caught.value.fix.startswith("Accept each by its name")


def opt_out(version: str, status: str = "active") -> dict[str, Any]:
    """A patient's objection to one custodian, as HL7's example of opting out: no directive can say it."""
    role = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "CST"}]}
    rule: dict[str, Any] = {"actor": [{"role": role, "reference": {"reference": "Organization/hospital"}}]}
    if version == "r5":
        return {"resourceType": "Consent", "status": status, "decision": "permit", "provision": [rule]}
    return {"resourceType": "Consent", "status": status, "provision": {"type": "deny", **rule}}


@VERSIONS
@pytest.mark.parametrize("told", [False, True], ids=["plain", "told-whom-and-for-what"])
def test_from_fhir__opt_out_not_said__refused_by_its_place(town: Town, version: str, told: bool) -> None:
    patient = town.patient()
    how: dict[str, Any] = {"everybody": [town.clinic.party], "purposes": [Purpose.TREAT]} if told else {}
    with pytest.raises(errors.InputError, match=r"Consent\.provision(\[0\])?\.actor\[0\]") as caught:
        town.care.consents.from_fhir(opt_out(version), patient=patient.party, **how)
    assert caught.value.why == "What narrows a consent is never left out by itself."


def test_from_fhir__opt_out_in_a_bundle__refuses_the_whole(town: Town) -> None:
    patient = town.patient()
    glass = {"type": "deny", "securityLabel": [_label("GDIS")]}
    said = {"resourceType": "Consent", "status": "active", "provision": glass}
    entries = [{"resource": said}, {"resource": opt_out("r4")}]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    with pytest.raises(errors.InputError, match="no directive can say"):
        town.care.consents.from_fhir(bundle, patient=patient.party)
    drafts = town.care.consents.from_fhir(bundle, patient=patient.party, accept=["Consent.provision.actor"])
    assert len(drafts.denials) == 1 and drafts.without_effect == (drafts.readings[1],)


def test_from_fhir__nothing_comes_of_it__says_so(town: Town) -> None:
    patient = town.patient()
    read = town.care.consents.from_fhir
    with pytest.raises(errors.InputError, match="nothing to sign comes of this Consent") as caught:
        read(opt_out("r4"), patient=patient.party, accept=["Consent.provision.actor"])
    assert "a directive holds at every custodian" in caught.value.why
    with pytest.raises(errors.InputError, match="nothing to sign comes of this Consent") as caught:
        read(opt_out("r4", "inactive"), patient=patient.party)
    assert caught.value.why == "at Consent.status only an active consent holds."


def test_from_fhir__nothing_comes_of_one__listed(town: Town) -> None:
    patient = town.patient()
    said = {
        "resourceType": "Consent",
        "status": "active",
        "provision": {"type": "deny", "securityLabel": [_label("HIV")]},
    }
    entries = [{"resource": said}, {"resource": opt_out("r4", "inactive")}]
    drafts = town.care.consents.from_fhir(
        {"resourceType": "Bundle", "type": "collection", "entry": entries}, patient=patient.party
    )
    assert len(drafts.denials) == 1 and [each.status for each in drafts.without_effect] == ["inactive"]


@VERSIONS
@pytest.mark.parametrize("told", [False, True], ids=["plain", "told-whom-and-for-what"])
def test_from_fhir__published_examples__nothing_narrowing_is_lost(town: Town, version: str, told: bool) -> None:
    patient = town.patient()
    how: dict[str, Any] = {"everybody": [town.clinic.party], "purposes": [Purpose.TREAT]} if told else {}
    for path in sorted(shared("fhir-examples", version, "Consent").glob("*.json")):
        readings = town.care.consents.read_fhir(path, patient=patient.party, **how)
        left = sorted(item.location for reading in readings for item in reading.widening)
        with pytest.raises(errors.InputError) as caught:
            town.care.consents.from_fhir(path, patient=patient.party, **how)
        expected = ", ".join(dict.fromkeys(left)) if left else "nothing to sign comes of"
        assert expected in caught.value.message, path.name


def test_from_fhir__denied_before__stays_denied(town: Town) -> None:
    patient = town.patient()
    first = town.care.consents.draft_denial(patient.party, classes=[HIV], even_in_emergency=[PSY])
    town.relayer.care.consents.deny_signed(first.signed_by(patient.signer))
    glass = {"type": "deny", "securityLabel": [_label("GDIS")]}
    tree = {"resourceType": "Consent", "status": "active", "provision": glass}
    drafts = town.care.consents.from_fhir(tree, patient=patient.party)
    message = drafts.denials[0].typed.message
    assert message["denied"] == ["genomics", "hiv"] and message["emergencyDenied"] == ["genomics", "mental-health"]


def test_from_fhir__two_denials__come_to_one(town: Town) -> None:
    patient = town.patient()
    both = [
        {"resourceType": "Consent", "status": "active", "provision": {"type": "deny", "securityLabel": [_label(code)]}}
        for code in ("HIV", "GDIS")
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": each} for each in both]}
    (denial,) = town.care.consents.from_fhir(bundle, patient=patient.party).denials
    town.relayer.care.consents.deny_signed(denial.signed_by(patient.signer))
    assert denial.typed.message["denied"] == ["genomics", "hiv"]


def _label(code: str) -> dict[str, str]:
    return {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": code}


def test_from_fhir__bundle__identifiers_lead_to_accounts(town: Town, tmp_path: Path) -> None:
    patient = town.patient()
    mrn, gln = "urn:oid:2.16.840.1.113883.19.5", "https://www.gs1.org/gln"
    by_gln = {"system": gln, "value": "76010"}
    consent = json.loads((PATTERNS / "r4" / "by-class.json").read_text())
    bundle = {
        "resourceType": "Bundle", "type": "collection", "entry": [
            {"resource": consent},
            {"resource": {"resourceType": "Patient", "id": "ana", "identifier": [{"system": mrn, "value": "4711"}]}},
            {"resource": {"resourceType": "Organization", "id": "clinic", "identifier": [by_gln]}},
        ],
    }  # fmt: skip
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    known = {(mrn, "4711"): patient.party, (gln, "76010"): town.clinic.party}
    drafts = town.care.consents.from_fhir(tmp_path / "bundle.json", resolve=lambda s, v: known.get((s, v)))
    assert [(terms.patient, terms.to) for terms in drafts.terms] == [(patient.party, town.clinic.party)]

    desk = town.hospital.care
    desk.directory.enter(
        system=gln, value="76010", account=town.clinic.party, kind="partner", checked="register-extract"
    )
    (reading,) = desk.consents.read_fhir(tmp_path / "bundle.json", patient=patient.party)
    assert [draft.to for draft in reading.drafts] == [town.clinic.party]


def test_from_fhir__receipt__keeps_the_rest(town: Town) -> None:
    patient = town.patient()
    (terms,) = agree(town, patient, "by-class", "r4").terms
    record = terms.receipt.document
    assert record["pii_processing"]["privacy_notice"] == "https://hospital.example/privacy/2026"
    assert record["event"][0]["event_time"] == "2026-01-15"
    assert record["extension"]["fhir"]["sourceReference"] == {"reference": "DocumentReference/signed-form"}
    assert terms.receipt.verify(town.care).verified
    page = terms.receipt.in_words("de")
    assert "Spital Beispiel" in page and "Erteilt am: 15. Januar 2026" in page


def test_from_fhir__nothing_to_draft__refused(town: Town, tmp_path: Path) -> None:
    read = town.care.consents.from_fhir
    with pytest.raises(errors.InputError, match="whose consent this is"):
        read({"resourceType": "Consent", "status": "active"})
    with pytest.raises(errors.NotFound, match="no Consent in this document"):
        read({"resourceType": "Patient", "id": "ana"})
    with pytest.raises(errors.NotFound):
        read(tmp_path / "nowhere.json")
    (tmp_path / "other.json").write_text("[]")
    with pytest.raises(errors.FormatError):
        read(tmp_path / "other.json")


# TO FHIR


@pytest.mark.parametrize("version", ["4.0.1", "5.0.0"])
def test_to_fhir__patient__reads_back_as_granted(town: Town, version: Any) -> None:
    patient, consents = town.patient(), town.care.consents
    wanted = [
        consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT),
        consents.draft(patient=patient.party, to=town.doctor.party, purpose=Purpose.HRESCH, classes=[LABS], denies=[]),
        consents.draft(patient=patient.party, to=town.hospital.party, purpose=Purpose.HMARKT, classes=[], denies=ALL),
    ]
    for terms in wanted:
        town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    denial = consents.draft_denial(patient.party, classes=SENSITIVE, even_in_emergency=[HIV])
    town.relayer.care.consents.deny_signed(denial.signed_by(patient.signer))

    bundle = consents.to_fhir(patient.party, version=version)
    readings = consents.read_fhir(bundle)
    assert all(reading.unexpressed == () and reading.patient == patient.party for reading in readings)
    found = {draft.to: draft for reading in readings for draft in reading.drafts}
    for terms in wanted:
        draft = found[terms.to]
        assert (draft.permits, draft.denies) == (terms.permits, terms.denies)
        assert (draft.purpose, draft.not_before, draft.expires_at) == (
            terms.purpose,
            terms.not_before,
            terms.expires_at,
        )
    standing = readings[-1].standing
    assert standing is not None and (standing.denied, standing.even_in_emergency) == (SENSITIVE, {HIV})
    provenance = readings[0].provenance
    assert provenance is not None and provenance.receipt == "0x" + wanted[0].receipt.commitment.hex()
    assert provenance.contract == consents.address and provenance.version == 1
    with pytest.raises(errors.NotFound, match="no live directive"):
        consents.to_fhir(town.patient().party, version=version)


def test_to_fhir__limited__needs_the_receipt(town: Town) -> None:
    patient, consents = town.patient(), town.care.consents
    limits = Limits(town.hospital.party.address, *YEAR_2022)
    terms = consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT, limits=limits)
    directive = town.relayer.care.consents.grant(terms.signed_by(patient.signer)).value
    with pytest.raises(errors.InputError, match="limits, which only its receipt knows"):
        consents.to_fhir(directive)
    for written in (consents.to_fhir(directive, receipts=[terms.receipt]), consents.to_fhir(terms.receipt)):
        (draft,) = read_consent(written, now=int(time.time())).drafts
        assert Limits(draft.author, draft.data_from, draft.data_until) == limits


def test_to_fhir__revoked__inactive(town: Town) -> None:
    patient, consents = town.patient(), town.care.consents
    terms = consents.draft(patient=patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.grant(terms.signed_by(patient.signer))
    end = consents.draft_revocation(patient.party, to=town.clinic.party, purpose=Purpose.TREAT)
    town.relayer.care.consents.revoke_signed(end.signed_by(patient.signer))
    written = consents.to_fhir(consents.get(patient.party, to=town.clinic.party, purpose=Purpose.TREAT))
    assert written["status"] == "inactive"
    assert consents.read_fhir(written)[0].drafts == ()
