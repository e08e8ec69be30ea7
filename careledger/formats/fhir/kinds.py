"""The table of resource types: what each becomes, its ordinary data class, and where it names whom it is about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from careledger.codes import DataClass as D
from careledger.formats.fhir.model import Becomes as B

_VITAL_SIGNS = frozenset(
    "8867-4 9279-1 2708-6 59408-5 8310-5 8302-2 9843-4 29463-7 39156-5 85354-9 8480-6 8462-4 8478-0 8287-5 3141-9 "
    "55284-4 77606-2 59576-9 8289-1 85353-1 72514-3 8331-1".split()
)
"""LOINC codes of the FHIR vital signs profile and its neighbours (heart rate, blood pressure, weight, pain)."""

_CATEGORIES = {
    "laboratory": D.LABS,
    "lab": D.LABS,
    "vital-signs": D.VITALS,
    "imaging": D.IMAGING,
    "procedure": D.PROCEDURES,
    "exam": D.CONDITIONS,
    "survey": D.CONDITIONS,
    "social-history": D.CONDITIONS,
    "therapy": D.CARE_PLANS,
    "activity": D.VITALS,
    "rad": D.IMAGING,
    "genetics": D.GENOMICS,
    "ge": D.GENOMICS,
}
"""Codes of Observation.category and DiagnosticReport.category (HL7 observation-category, v2 table 0074)."""


@dataclass(frozen=True)
class Kind:
    """What a resource type is to CareLedger."""

    becomes: B | None
    data_class: D | None
    why: str
    """Why it becomes that, or nothing; the beginning of a sentence."""


def _record(data_class: D) -> Kind:
    return Kind(B.RECORD, data_class, f"holds {data_class.word.replace('-', ' ')}")


_PLAIN: dict[D, str] = {
    D.CONDITIONS: "AdverseEvent ClinicalImpression Condition DetectedIssue FamilyMemberHistory Flag "
    "QuestionnaireResponse RiskAssessment",
    D.MEDICATIONS: "MedicationAdministration MedicationDispense MedicationRequest MedicationStatement",
    D.ALLERGIES: "AllergyIntolerance",
    D.IMMUNIZATIONS: "Immunization ImmunizationEvaluation ImmunizationRecommendation",
    D.LABS: "BodyStructure Observation Specimen",
    D.GENOMICS: "GenomicStudy MolecularSequence",
    D.IMAGING: "ImagingSelection ImagingStudy Media",
    D.PROCEDURES: "Procedure",
    D.NOTES: "Communication CommunicationRequest Composition",
    D.CARE_PLANS: "CarePlan CareTeam Goal NutritionIntake NutritionOrder RequestGroup RequestOrchestration "
    "ServiceRequest Task VisionPrescription",
    D.DEVICES: "DeviceAssociation DeviceDispense DeviceMetric DeviceRequest DeviceUsage DeviceUseStatement "
    "SupplyDelivery SupplyRequest",
    D.CLAIMS: "Account",
    D.DOCUMENTS: "Binary Contract DiagnosticReport DocumentManifest DocumentReference",
    D.ENCOUNTERS: "EpisodeOfCare",
}

KINDS: dict[str, Kind] = {name: _record(c) for c, names in _PLAIN.items() for name in names.split()} | {
    "Patient": Kind(B.PARTICIPANT, D.DEMOGRAPHICS, "is a person to be paired with an account"),
    "Person": Kind(B.PARTICIPANT, D.DEMOGRAPHICS, "is a person to be paired with an account"),
    "RelatedPerson": Kind(B.PARTICIPANT, D.DEMOGRAPHICS, "is a person near the patient, a guardian perhaps"),
    "Practitioner": Kind(B.CREDENTIAL, None, "is a professional whom an accreditor vouches for"),
    "PractitionerRole": Kind(B.CREDENTIAL, None, "is an affiliation of a professional and an organisation"),
    "Organization": Kind(B.CREDENTIAL, None, "is an organisation that an accreditor vouches for"),
    "OrganizationAffiliation": Kind(B.CREDENTIAL, None, "is an affiliation of two organisations"),
    "Consent": Kind(B.CONSENT, None, "is a consent, to be signed as directives: see careledger consents read"),
    "Encounter": Kind(B.ENCOUNTER, D.ENCOUNTERS, "is a visit, to be confirmed under an account of its own"),
    "Claim": Kind(B.CLAIM, D.CLAIMS, "is a claim"),
    "ClaimResponse": Kind(B.CLAIM_DECISION, D.CLAIMS, "is an insurer's answer to a claim"),
    "ExplanationOfBenefit": Kind(B.CLAIM_DECISION, D.CLAIMS, "is an insurer's answer to a claim"),
    "Invoice": Kind(B.INVOICE, D.CLAIMS, "is a bill"),
    "ChargeItem": Kind(B.INVOICE, D.CLAIMS, "is a line of a bill"),
    "PaymentNotice": Kind(B.PAYMENT, D.CLAIMS, "tells of a payment"),
    "PaymentReconciliation": Kind(B.PAYMENT, D.CLAIMS, "tells which claims a payment settles"),
    "InsurancePlan": Kind(B.PLAN, None, "is an insurance product, about nobody"),
    "Coverage": Kind(B.COVERAGE, D.COVERAGE, "is a membership of a plan"),
    "CoverageEligibilityRequest": Kind(B.COVERAGE, D.COVERAGE, "asks whether a plan covers"),
    "CoverageEligibilityResponse": Kind(B.COVERAGE, D.COVERAGE, "answers whether a plan covers"),
    "EnrollmentRequest": Kind(B.COVERAGE, D.COVERAGE, "asks for membership of a plan"),
    "EnrollmentResponse": Kind(B.COVERAGE, D.COVERAGE, "answers about membership of a plan"),
    "EligibilityRequest": Kind(B.COVERAGE, D.COVERAGE, "asks whether a plan covers"),
    "EligibilityResponse": Kind(B.COVERAGE, D.COVERAGE, "answers whether a plan covers"),
    "Appointment": Kind(B.APPOINTMENT, D.ENCOUNTERS, "is an appointment"),
    "AppointmentResponse": Kind(B.APPOINTMENT, D.ENCOUNTERS, "answers an appointment"),
    "Schedule": Kind(B.APPOINTMENT, None, "offers times for appointments"),
    "Slot": Kind(B.APPOINTMENT, None, "is a time for an appointment"),
    "ResearchStudy": Kind(B.TRIAL, None, "is a study protocol"),
    "ResearchSubject": Kind(B.TRIAL_PARTICIPANT, D.CONDITIONS, "says that a person takes part in a study"),
    "AuditEvent": Kind(B.ACCESS, None, "tells of an access, to be written into a custodian's log"),
    "Bundle": Kind(None, None, "is a Bundle, whose resources are taken one by one"),
    "Provenance": Kind(None, None, "says who made another resource, and is sealed along with it"),
    "Permission": Kind(None, None, "states rules of a data holder, not the will of a patient"),
    "Medication": Kind(None, None, "describes a product, about nobody"),
    "Substance": Kind(None, None, "describes a substance, about nobody"),
    "Device": Kind(None, None, "describes a device, about nobody"),
    "Location": Kind(None, None, "describes a place, about nobody"),
    "HealthcareService": Kind(None, None, "describes a service on offer, about nobody"),
    "Group": Kind(None, None, "names a group, not one person"),
    "List": Kind(None, None, "lists other resources, which are taken one by one"),
    "OperationOutcome": Kind(None, None, "is a message of a server"),
    "MessageHeader": Kind(None, None, "is the envelope of a message"),
    "Parameters": Kind(None, None, "is the input or output of a server"),
    "Basic": Kind(None, None, "has no meaning that FHIR defines"),
    "Transport": Kind(None, None, "tells of a transport"),
}
"""Every type with a meaning here. The rest are terminology, conformance, and definitions, about nobody."""

OTHER = Kind(None, None, "is a definition or a message between systems, about nobody")

_SELF = frozenset({"Patient"})
_SUBJECT_KEYS = ("subject", "patient", "beneficiary", "individual", "for", "candidate", "source")
_NOT_SUBJECT = {"source": frozenset({"QuestionnaireResponse"})}


def kind_of(resource_type: str, tree: dict[str, Any]) -> Kind:
    """Return what a resource is, its content considered where the type alone does not say."""
    kind = KINDS.get(resource_type, OTHER)
    if resource_type in ("Observation", "DiagnosticReport"):
        return _record(_by_category(resource_type, tree))
    if resource_type == "Device" and isinstance(tree.get("patient"), dict):
        return _record(D.DEVICES)
    if resource_type == "Claim" and tree.get("use") in ("preauthorization", "predetermination"):
        return Kind(B.CLAIM, D.CLAIMS, f"is a claim for {tree['use']}, which asks before it bills")
    if resource_type == "Bundle" and tree.get("type") == "document":
        return Kind(B.RECORD, D.DOCUMENTS, "is a document, sealed whole; its resources are named as well")
    return kind


def categories() -> frozenset[D]:
    """Return the classes that an Observation or DiagnosticReport may be of, by its category."""
    return frozenset(_CATEGORIES.values()) | {D.LABS, D.DOCUMENTS}


def subject_of(resource_type: str, tree: dict[str, Any], full_url: str | None) -> str | None:
    """Return the reference to whom a resource is about, as written."""
    if resource_type in _SELF:
        found = tree.get("id")
        return f"{resource_type}/{found}" if isinstance(found, str) and found else full_url
    for key in _SUBJECT_KEYS:
        if key in tree and resource_type in _NOT_SUBJECT.get(key, {resource_type}):
            for reference in _references(tree[key]):
                return reference
    return next(iter(_indirect(resource_type, tree)), None)


def subject_given(resource_type: str, tree: dict[str, Any], reference: str | None) -> Iterator[Any]:
    """Yield the Identifiers by which a resource itself says whom it is about.

    They stand in the reference (a logical one, FHIR R4 section 2.3.0.2), in a contained Patient, or in a conditional
    reference (``Patient?identifier=system|value``).
    """
    if resource_type in _SELF:
        yield from _as_list(tree.get("identifier"))
        return
    for key in _SUBJECT_KEYS:
        if key in tree and resource_type in _NOT_SUBJECT.get(key, {resource_type}):
            for one in _as_list(tree[key]):
                if isinstance(one, dict) and one.get("type") in (None, "Patient"):
                    yield from _as_list(one.get("identifier"))
    if reference is not None and reference.startswith("#"):
        for one in _as_list(tree.get("contained")):
            if isinstance(one, dict) and one.get("resourceType") == "Patient" and one.get("id") == reference[1:]:
                yield from _as_list(one.get("identifier"))
    if reference is not None and reference.startswith("Patient?identifier="):
        system, _, value = unquote(reference.partition("=")[2].partition("&")[0]).partition("|")
        yield {"system": system, "value": value}


def has_hidden_subject(tree: dict[str, Any]) -> bool:
    """Whether the subject is given, but by an identifier or a name only, neither of which is shown."""
    return any(isinstance(tree.get(key), dict) and tree[key] for key in ("subject", "patient", "beneficiary"))


# INTERNAL


def _by_category(resource_type: str, tree: dict[str, Any]) -> D:
    codes = list(_codes(tree.get("category")))
    for code in codes:
        found = _CATEGORIES.get(code.lower())
        if found is not None:
            return found
    if resource_type == "DiagnosticReport":
        return D.LABS if not codes else D.DOCUMENTS
    return D.VITALS if any(c in _VITAL_SIGNS for c in _codes(tree.get("code"))) else D.LABS


def _codes(concept: Any) -> Iterator[str]:
    for one in concept if isinstance(concept, list) else [concept]:
        codings = one.get("coding") if isinstance(one, dict) else None
        for coding in codings if isinstance(codings, list) else []:
            if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                yield coding["code"]


def _as_list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]


def _references(node: Any) -> Iterator[str]:
    for one in _as_list(node):
        if isinstance(one, dict) and isinstance(one.get("reference"), str):
            yield one["reference"]


def _is_patient(reference: str) -> bool:
    return "Patient/" in reference


def _indirect(resource_type: str, tree: dict[str, Any]) -> Iterator[str]:
    """Yield patients named further down: who comes to an appointment, what an access was to, a person's links."""
    inner = {
        "Appointment": ("participant", "actor"),
        "AuditEvent": ("entity", "what"),
        "Person": ("link", "target"),
    }.get(resource_type)
    if resource_type in ("AppointmentResponse", "Provenance"):
        yield from (r for r in (*_references(tree.get("actor")), *_references(tree.get("target"))) if _is_patient(r))
    if resource_type == "Schedule":
        yield from (r for r in _references(tree.get("actor")) if _is_patient(r))
    if inner:
        items = tree.get(inner[0])
        for item in items if isinstance(items, list) else []:
            if isinstance(item, dict):
                yield from (r for r in _references(item.get(inner[1])) if _is_patient(r))
    if resource_type == "AuditEvent":
        agents = tree.get("agent")
        for agent in agents if isinstance(agents, list) else []:
            if isinstance(agent, dict):
                yield from (r for r in _references(agent.get("who")) if _is_patient(r))
