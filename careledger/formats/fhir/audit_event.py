"""Accesses as FHIR AuditEvent, R4 (4.0.1) and R5 (5.0.0), in the codes of IHE Basic Audit Log Patterns (BALP).

A release follows BALP's *Privacy Disclosure at Source*. A refusal has the codes of BALP's *Authorization Decision by
Consent* and not its profile, which has no place for the record that was asked for. Parties are named by what the
ledger knows: ``did:pkh`` of a chain account (CAIP-10), as identifiers; whoever has names adds them from a directory.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson

from careledger.codes import Basis, Reason
from careledger.errors import InputError
from careledger.values import Address, PartyRef

if TYPE_CHECKING:
    from careledger.resources.access_entries import AccessEntry

__all__ = ["PROFILE", "FhirVersion", "audit_event", "audit_events", "bundle", "ndjson"]

FhirVersion = Literal["4.0.1", "5.0.0"]

PROFILE: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit.PrivacyDisclosure.Source"
"""What an R4 event about a release conforms to."""

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_SCT: Final = "http://snomed.info/sct"
_TERMS: Final = "http://terminology.hl7.org/CodeSystem/"
_SEVERITY: Final = "http://hl7.org/fhir/issue-severity"
_URI: Final = "urn:ietf:rfc:3986"
_NETWORK_URI: Final = "5"
"""``network-type`` 5: the address is a URI."""

_EXPORT: Final = (_DCM, "110106", "Export")
_ALERT: Final = (_DCM, "110113", "Security Alert")
_DISCLOSE: Final = (_TERMS + "iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event")
_DECISION: Final = ("https://profiles.ihe.net/ITI/BALP/CodeSystem/AuthZsubType", "AuthZ-Consent", None)
_SOURCE: Final = (_DCM, "110153", "Source Role ID")
_DESTINATION: Final = (_DCM, "110152", "Destination Role ID")
_CUSTODIAN: Final = (_SCT, "159541003", "Record keeping/library clerk")
_AUTHORIZER: Final = (_SCT, "429577009", "Patient Advocate")
_AUTHSERVER: Final = (_TERMS + "extra-security-role-type", "authserver", "authorization server")
_RECEIVER: Final = (_TERMS + "v3-ParticipationType", "IRCP", "information recipient")
_PROVIDER: Final = (_TERMS + "v3-RoleClass", "PROV", "healthcare provider")
_PERSON: Final = (_TERMS + "audit-entity-type", "1", "Person")
_OBJECT: Final = (_TERMS + "audit-entity-type", "2", "System Object")
_PATIENT: Final = (_TERMS + "object-role", "1", "Patient")
_REPORT: Final = (_TERMS + "object-role", "3", "Report")
_SERVER: Final = (_TERMS + "security-source-type", "4", "Application Server")
_SECURITY: Final = (_TERMS + "security-source-type", "6", "Security Server")
_BREAK_GLASS: Final = (_TERMS + "v3-ActReason", "BTG", "break the glass")

_Code = tuple[str, str, str | None]


def audit_events(
    entries: Iterable[AccessEntry], *, custodian: PartyRef, chain_id: int, registry: Address,
    version: FhirVersion = "4.0.1",
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield one AuditEvent for each entry, refusals alike.

    Args:
        entries: Entries with their subjects, as an accounting holds them.
        custodian: Whose log they are from.
        chain_id: The chain the log is anchored on.
        registry: The record registry there, which names records.
        version: ``4.0.1`` or ``5.0.0``.

    Raises:
        InputError: Another version.
        NotFound: An entry does not tell whom it is about.
    """
    if version not in ("4.0.1", "5.0.0"):
        raise InputError(f"there is no AuditEvent of FHIR {version[:20]!r} here", fix="Use 4.0.1 or 5.0.0.")
    for entry in entries:
        yield audit_event(entry, custodian=custodian, chain_id=chain_id, registry=registry, version=version)


def audit_event(
    entry: AccessEntry, *, custodian: PartyRef, chain_id: int, registry: Address, version: FhirVersion = "4.0.1"
) -> dict[str, Any]:
    """Return one entry as an AuditEvent; arguments and errors as for ``audit_events``."""
    writer = _Event(entry, custodian, chain_id, registry, r5=version == "5.0.0")
    return writer.r5_event() if writer.r5 else writer.r4_event()


def bundle(events: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Return events as a Bundle of the type ``collection``."""
    entries = [
        {"fullUrl": f"urn:uuid:{uuid.UUID(event['id'][:32], version=5)}", "resource": event} for event in events
    ]  # fmt: skip
    return {"resourceType": "Bundle", "type": "collection", **({"entry": entries} if entries else {})}


def ndjson(events: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """Yield events as lines of NDJSON (``application/fhir+ndjson``)."""
    for event in events:
        yield orjson.dumps(event) + b"\n"


def _coding(code: _Code) -> dict[str, Any]:
    system, word, display = code
    return {"system": system, "code": word} | ({"display": display} if display else {})


def _concept(code: _Code) -> dict[str, Any]:
    return {"coding": [_coding(code)]}


class _Event:
    """One entry on its way to FHIR."""

    def __init__(self, entry: AccessEntry, custodian: PartyRef, chain_id: int, registry: Address, *, r5: bool) -> None:
        self.entry, self.r5 = entry, r5
        self._chain, self._registry = chain_id, registry
        self.custodian = self._party(custodian.address, "Organization")
        self.patient = self._party(entry.patient, "Patient")

    # PARTIES

    def _did(self, account: str) -> str:
        return f"did:pkh:eip155:{self._chain}:{account}"

    def _party(self, account: str, kind: str | None = None) -> dict[str, Any]:
        """Name a party by its account; the type of resource only where the entry says it."""
        found = {"identifier": {"system": _URI, "value": self._did(account)}}
        return ({"type": kind} if kind else {}) | found

    def _agent(
        self, kind: _Code, who: dict[str, Any], *, requestor: bool = False, online: bool = False
    ) -> dict[str, Any]:
        address = who["identifier"]["value"]
        network: dict[str, Any] = {}
        if online:
            uri = {"networkUri": address}
            network = uri if self.r5 else {"network": {"address": address, "type": _NETWORK_URI}}
        return {"type": _concept(kind), "who": who, "requestor": requestor, **network}

    def _agents(self) -> list[dict[str, Any]]:
        """Return who took part: BALP's slices, source or decision first."""
        entry, capacity = self.entry, self.entry.acting.capacity
        house = capacity if isinstance(capacity, PartyRef) and capacity.kind == "organisation" else None
        own = entry.actor == entry.patient
        actor = self._party(entry.actor, "Patient" if own else None)
        receiver = self._party(house.address, "Organization") if house else actor
        user = self._agent(_RECEIVER, actor, requestor=True)
        user |= {"authorization" if self.r5 else "purposeOfUse": self._purposes()}
        if not isinstance(capacity, PartyRef):
            user["role"] = [{"text": f"{capacity.role.word} in {capacity.jurisdiction}"}]
        if not entry.allowed:
            found = [self._agent(_AUTHSERVER, self.custodian), user]
            return [*found, self._agent(_PROVIDER, receiver)] if house else found
        found = [
            self._agent(_SOURCE, self.custodian, online=True), self._agent(_DESTINATION, receiver, online=True), user,
            self._agent(_CUSTODIAN, self.custodian),
        ]  # fmt: skip
        if entry.basis in (Basis.DIRECTIVE, Basis.OWN):
            found.append(self._agent(_AUTHORIZER, self.patient))
        return found

    def _purposes(self) -> list[dict[str, Any]]:
        purpose = self.entry.purpose
        found = [_concept((_TERMS + "v3-ActReason", purpose.name, None)) | {"text": purpose.doc}]
        return [*found, _concept(_BREAK_GLASS)] if self.entry.basis is Basis.BREAK_GLASS else found

    # WHAT IS COMMON

    @property
    def _said(self) -> str:
        """The outcome in words: basis of a release, reason of a refusal."""
        entry = self.entry
        if entry.allowed:
            return f"Released: {entry.basis.doc} ({entry.reason.doc})."
        if entry.reason is Reason.NONE:
            return "Refused: the record holds more classes than were asked for."
        return f"Refused: {entry.reason.doc}."

    @property
    def _recorded(self) -> str:
        return datetime.fromtimestamp(self.entry.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def _record(self) -> dict[str, Any]:
        return {"identifier": {"system": self._did(self._registry), "value": self.entry.record}}

    def _details(self) -> list[dict[str, Any]]:
        values = {"log entry": self.entry.entry, "decided at block": self.entry.block}
        if self.r5:
            return [{"type": {"text": name}, "valueInteger": value} for name, value in values.items()]
        return [{"type": name, "valueString": str(value)} for name, value in values.items()]

    # VERSIONS

    def r4_event(self) -> dict[str, Any]:
        """Return it in R4."""
        entry, allowed = self.entry, self.entry.allowed
        return {
            "resourceType": "AuditEvent",
            "id": entry.leaf.hex(),
            **({"meta": {"profile": [PROFILE]}} if allowed else {}),
            "type": _coding(_EXPORT if allowed else _ALERT),
            "subtype": [_coding(_DISCLOSE if allowed else _DECISION)],
            "action": "R" if allowed else "E",
            "recorded": self._recorded,
            "outcome": "0" if allowed else "8",
            "outcomeDesc": self._said,
            "purposeOfEvent": self._purposes(),
            "agent": self._agents(),
            "source": {"observer": self.custodian, "type": [_coding(_SERVER if allowed else _SECURITY)]},
            "entity": [
                {"what": self.patient, "type": _coding(_PERSON), "role": _coding(_PATIENT)},
                {
                    "what": self._record(), "type": _coding(_OBJECT), "role": _coding(_REPORT),
                    "detail": self._details(),
                },
            ],
        }  # fmt: skip

    def r5_event(self) -> dict[str, Any]:
        """Return it in R5: category and code for type and subtype, outcome with detail, authorization for purpose."""
        entry, allowed = self.entry, self.entry.allowed
        outcome = (_SEVERITY, "success", "Operation Successful") if allowed else (_SEVERITY, "error", "Error")
        return {
            "resourceType": "AuditEvent",
            "id": entry.leaf.hex(),
            "category": [_concept(_EXPORT if allowed else _ALERT)],
            "code": _concept(_DISCLOSE if allowed else _DECISION),
            "action": "R" if allowed else "E",
            "recorded": self._recorded,
            "outcome": {"code": _coding(outcome), "detail": [{"text": self._said}]},
            "authorization": self._purposes(),
            "patient": self.patient,
            "agent": self._agents(),
            "source": {"observer": self.custodian, "type": [_concept(_SERVER if allowed else _SECURITY)]},
            "entity": [
                {"what": self.patient, "role": _concept(_PATIENT)},
                {"what": self._record(), "role": _concept(_REPORT), "detail": self._details()},
            ],
        }
