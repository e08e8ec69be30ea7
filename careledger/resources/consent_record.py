"""The consent record: what was agreed, in the sections and by the field names of ISO/IEC TS 27560:2023.

==================  ======================================================================================
section             fields, with their clause
==================  ======================================================================================
record header       schema_version, record_id, pii_principal_id (6.3.3); receipt_id (6.4.5)
PII processing      privacy_notice (6.3.4.1), language (6.3.4.2), purposes (6.3.4.3), and of each: purpose (6.3.4.4),
                    purpose_type (.5), lawful_basis (.6), pii_information (.7), pii_controllers (.8),
                    collection_method (.9), processing_method (.10), storage_locations (.11), retention_period (.12),
                    processing_locations (.13), geographic_restrictions (.14), service (.15), jurisdiction (.16),
                    recipient_third_parties (.17), withdrawal_method (.18), privacy_rights (.19),
                    codes_of_conduct (.20), impact_assessment (.21), authority_party (.22)
PII information     pii_type (6.3.5.1), pii_optional (.3), sensitive_pii_category (.4), special_pii_category (.5)
party               party_id, party_address, party_email, party_url, party_phone, party_name, party_role,
identification      party_contact, party_type (6.3.6)
event               event_time (6.3.7.1), validity_duration (.2), entity_id (.3), event_type (.4), event_state (.6)
==================  ======================================================================================

The names are those that the W3C Data Privacy Vocabulary guide to TS 27560 gives. Left out on purpose: pii_attribute_id
(6.3.5.2), because a directive speaks of classes and never of one attribute; events after the first, because the chain
has them, and a document that is committed to cannot grow. A mandatory field that nobody stated is null, not invented.
What the standard has no field for, denied classes and the directive on the chain, is in ``extension.careledger``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Final

from careledger.codes import DataClass, Purpose
from careledger.errors import FormatError, InputError
from careledger.resources.glossary import LAST_SECOND
from careledger.resources.recipients import RoleRef, named, party_of, words_of
from careledger.resources.scope import classes_of
from careledger.values import Address, DirectiveId, PartyRef, address, bytes32

__all__ = ["FIRST_SCHEMA", "PROCESSING", "SCHEMA", "Agreement", "agreement_of", "document_of", "instant", "party_id"]

SCHEMA: Final = "ISO/IEC TS 27560:2023; careledger 2"
"""``schema_version`` of what is written."""
FIRST_SCHEMA: Final = "ISO/IEC TS 27560:2023"
"""... and of the first documents, which had their fields side by side; they stay readable."""
PROCESSING: Final = (
    "lawful_basis", "collection_method", "processing_method", "storage_locations", "retention_period",
    "processing_locations", "geographic_restrictions", "service", "jurisdiction", "withdrawal_method",
    "privacy_rights", "codes_of_conduct", "impact_assessment", "authority_party",
)  # fmt: skip
"""Fields of a purpose that a notice may state."""
_MANDATORY: Final = ("storage_locations", "retention_period", "jurisdiction")
_MOST_DEEP: Final = 24
"""Levels of a record's sections, which a page shows."""
_MOST_DEEP_NOTICE: Final = 256
"""... and of what a notice added in ``extension``, such as a FHIR Consent of at most 200."""
_GENETIC: Final = frozenset({DataClass.GENOMICS})


@dataclass(frozen=True)
class Agreement:
    """What a patient agreed to, as a directive has it."""

    patient: PartyRef
    to: PartyRef | RoleRef
    purpose: Purpose
    permits: frozenset[DataClass]
    denies: frozenset[DataClass]
    not_before: int
    """First second of validity; 0 = as soon as it is on the chain."""
    expires_at: int
    """First second after it."""
    version: int = 0
    """Of the directive; 0 where the document does not say."""
    directive_id: DirectiveId | None = None
    chain_id: int = 0
    contract: Address | None = None


def instant(seconds: int) -> str:
    """Return a second since 1970 as ISO 8601 in UTC.

    Raises:
        InputError: It is after the year 9999.
    """
    if not 0 <= seconds <= LAST_SECOND:
        raise InputError("this time is after the year 9999", fix="Choose an earlier end.")
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document_of(
    agreement: Agreement, *, event_time: int, notice: Mapping[str, Any] | None = None, receipt_id: str | None = None
) -> dict[str, Any]:
    """Return the consent record of an agreement, all that a receipt commits to.

    Args:
        agreement: What is agreed, naming its directive.
        event_time: When it was put to the patient, in seconds since 1970.
        notice: What else was stated: ``privacy_notice``, ``language``, any field of {PROCESSING}, ``pii_controllers``
            and ``recipient_third_parties`` as lists of ``party_id``, ``parties`` as a list of objects with
            ``party_…`` fields, ``event_time``, ``entity_id``, ``event_type``; anything else goes into ``extension``.
        receipt_id: The receipt's own id; a fresh UUID when not given.

    Raises:
        InputError: A party has no ``party_id``, or validity begins after the year 9999.
    """
    stated = dict(notice or {})
    recipient = party_id(agreement.to)
    purpose = {
        "purpose": agreement.purpose.name,
        "purpose_type": "http://terminology.hl7.org/CodeSystem/v3-ActReason",
        "lawful_basis": "explicit-consent",
        "pii_information": [_information(item) for item in sorted(agreement.permits)],
        "pii_controllers": stated.pop("pii_controllers", [recipient]),
        "collection_method": "existing-records",
        "processing_method": "read",
        **dict.fromkeys(_MANDATORY),
        "recipient_third_parties": stated.pop("recipient_third_parties", [recipient]),
        "withdrawal_method": "signature-at-any-time",
    }
    if isinstance(agreement.to, RoleRef):
        purpose["jurisdiction"] = agreement.to.jurisdiction
    purpose |= {name: stated.pop(name) for name in PROCESSING if name in stated}
    end = instant(agreement.expires_at) if agreement.expires_at <= LAST_SECOND else ".."
    event = {
        "event_time": stated.pop("event_time", instant(event_time)),
        "validity_duration": f"{instant(agreement.not_before or event_time)}/{end}",
        "entity_id": stated.pop("entity_id", agreement.patient.address),
        "event_type": stated.pop("event_type", "explicit-consent"),
        "event_state": "consent-given",
    }
    return {
        "schema_version": SCHEMA,
        "receipt_id": receipt_id or uuid.uuid4().urn,
        "record_id": agreement.directive_id,
        "pii_principal_id": agreement.patient.address,
        "pii_processing": {
            "privacy_notice": stated.pop("privacy_notice", None),
            "language": stated.pop("language", "en"),
            "purposes": [purpose],
        },
        "party_identification": _parties(agreement, stated.pop("parties", [])),
        "event": [event],
        "extension": {
            **stated,
            "careledger": {
                "chain_id": agreement.chain_id, "contract": agreement.contract,
                "directive_id": agreement.directive_id, "version": agreement.version, "to": named(agreement.to),
                "denies": words_of(agreement.denies), "not_before": agreement.not_before,
                "expires_at": agreement.expires_at,
            },
        },
    }  # fmt: skip


def agreement_of(document: Mapping[str, Any]) -> Agreement:
    """Return what a document says was agreed, whichever of the schemas it is written in.

    Raises:
        FormatError: It is no consent record of ours.
    """
    try:
        _require_shape(document)
        if document["schema_version"] == FIRST_SCHEMA:
            return _first(document)
        if document["schema_version"] == SCHEMA:
            return _second(document)
    except (KeyError, TypeError, ValueError, IndexError, StopIteration, InputError):
        pass
    raise FormatError(
        "this is no consent record that can be read here",
        why=f"Its schema_version is neither {SCHEMA!r} nor {FIRST_SCHEMA!r}, or a field of it is missing or none.",
        fix="Use the receipt as it was kept.",
    )


def party_id(to: PartyRef | RoleRef) -> str:
    """Return how a record numbers a party: by its account, or as ``role@jurisdiction``."""
    return to.address if isinstance(to, PartyRef) else f"{to.role.word}@{to.jurisdiction}"


# INTERNAL


def _require_shape(document: Mapping[str, Any]) -> None:
    """Refuse a record whose pages could not be written: parties and events that are none, or endless nesting.

    Raises:
        ValueError: It is one.
    """
    named_parties = document.get("party_identification", [])
    events = document["event"] if document["schema_version"] == SCHEMA else [{}]
    if not isinstance(named_parties, (list, tuple)) or not isinstance(events, (list, tuple)) or not events:
        raise ValueError("no list")
    if not all(isinstance(item, Mapping) for item in (*named_parties, *events)):
        raise ValueError("no object")
    for party in named_parties:
        if not isinstance(party["party_id"], str) or not isinstance(party.get("party_name", ""), (str, NoneType)):
            raise ValueError("no party")
    if _nests([value for name, value in document.items() if name != "extension"], _MOST_DEEP):
        raise ValueError("too deep")
    if _nests([document.get("extension")], _MOST_DEEP_NOTICE):
        raise ValueError("too deep")


def _nests(level: list[Any], most: int) -> bool:
    """Whether something nests deeper than so many levels."""
    for _ in range(most):
        inner = [each.values() if isinstance(each, Mapping) else each for each in level if _holds_more(each)]
        level = [value for each in inner for value in each]
    return bool(level)


def _holds_more(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple))


def _second(document: Mapping[str, Any]) -> Agreement:
    purpose, ours = document["pii_processing"]["purposes"][0], document["extension"]["careledger"]
    directive, contract = ours["directive_id"], ours["contract"]
    return Agreement(
        PartyRef("person", document["pii_principal_id"]), _recipient(ours["to"]), Purpose[purpose["purpose"]],
        _classes([item["pii_type"] for item in purpose["pii_information"]]), _classes(ours["denies"]),
        _whole(ours["not_before"]), _whole(ours["expires_at"]), _whole(ours["version"]),
        None if directive is None else DirectiveId(bytes32(directive)), _whole(ours["chain_id"], 256),
        None if contract is None else address(contract, confirm_unchecked=True),
    )  # fmt: skip


def _first(document: Mapping[str, Any]) -> Agreement:
    return Agreement(
        PartyRef("person", document["pii_principal_id"]), _recipient(document["recipient"]),
        Purpose[document["purpose"]], _classes(document["pii_information"]), _classes(document["pii_excluded"]),
        _whole(document["valid_from"]), _whole(document["valid_until"]),
    )  # fmt: skip


def _recipient(value: Any) -> PartyRef | RoleRef:
    """Return a recipient that is written as ``named`` writes it."""
    to = party_of(value)
    if named(to) != dict(value):
        raise ValueError("no recipient")
    if isinstance(to, RoleRef):
        _whole(to.jurisdiction, 32)
    return to


def _classes(value: Any) -> frozenset[DataClass]:
    if not isinstance(value, (list, tuple)):
        raise ValueError("no list")
    return classes_of(value)


def _whole(value: Any, bits: int = 40) -> int:
    """Return a whole number that fits its place in a directive."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << bits:
        raise ValueError("no such number")
    return value


def _information(item: DataClass) -> dict[str, Any]:
    """Return 6.3.5 of one class; all of it is special in the sense of GDPR Article 9(1)."""
    return {
        "pii_type": item.word, "pii_optional": False, "sensitive_pii_category": item.is_sensitive,
        "special_pii_category": "genetic" if item in _GENETIC else "health",
    }  # fmt: skip


def _parties(agreement: Agreement, stated: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return 6.3.6: patient, recipient, and whom else the notice names; what it says of the first two is kept."""
    to = agreement.to
    label = str(to.label) if isinstance(to, PartyRef) and to.label else None
    kind = to.kind if isinstance(to, PartyRef) else "role"
    blank = dict.fromkeys(("party_name", "party_address", "party_contact"))
    found: dict[str, dict[str, Any]] = {
        agreement.patient.address: {**blank, "party_role": "pii-principal", "party_type": "person"},
        party_id(to): {**blank, "party_name": label, "party_role": "recipient", "party_type": kind},
    }
    for party in stated:
        if not isinstance(party, Mapping) or not party.get("party_id"):
            raise InputError("a party of a consent record has a party_id", fix="Name it: {'party_id': ...}.")
        found.setdefault(str(party["party_id"]), {**blank, "party_role": None, "party_type": None}).update(party)
    return [{"party_id": number, **fields} for number, fields in found.items()]
