"""Code tables between FHIR Consent and directives: purposes, security labels, resource types, actions, our own URIs.

| of | from | where it is not exact |
|---|---|---|
| purpose | HL7 v3 ActReason, PurposeOfUse: the same codes | narrower codes: only a denial reaches them |
| class | HL7 v3 Confidentiality and ActCode sensitivity labels | a narrower label (OPIOIDUD) stands for its class |
| class | FHIR resource types, by the table of :mod:`careledger.formats.fhir.kinds` | several types |
| class | clinical codes, by the lists of :mod:`careledger.formats.fhir.sensitivity` | narrower |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from careledger.codes import DataClass, Purpose
from careledger.errors import InputError
from careledger.formats.fhir import kinds, sensitivity, version
from careledger.values import address

__all__ = [
    "ACCOUNT_SYSTEM",
    "ACTIONS",
    "ACT_CODE",
    "ACT_REASON",
    "ALL",
    "BREAK_THE_GLASS",
    "CONFIDENTIALITY",
    "DATA_CLASS",
    "DIRECTIVE_URN",
    "LABEL_OF",
    "NARROWER",
    "ORDINARY",
    "POLICY",
    "POLICY_CODES",
    "READING",
    "RECEIPT_SYSTEM",
    "RECIPIENT_ROLES",
    "ROLE_SYSTEM",
    "SENSITIVE",
    "TYPE_EXTENSION",
    "UNDER",
    "Classes",

    "by_code",
    "by_label",
    "by_type",
    "is_account",
    "is_system",
]  # fmt: skip

ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACTIONS: Final = "http://terminology.hl7.org/CodeSystem/consentaction"
_ALIASES: Final = {
    ACT_REASON: ("http://hl7.org/fhir/v3/ActReason", "urn:oid:2.16.840.1.113883.5.8"),
    ACT_CODE: ("http://hl7.org/fhir/v3/ActCode", "urn:oid:2.16.840.1.113883.5.4"),
    CONFIDENTIALITY: ("http://hl7.org/fhir/v3/Confidentiality", "urn:oid:2.16.840.1.113883.5.25"),
    ACTIONS: ("http://hl7.org/fhir/consentaction",),
}
"""Older names of the same code systems."""

POLICY: Final = "urn:careledger:policy:as-written"
"""The policy of a Consent that states one directive or standing denial and nothing else: its codes are meant without
those they subsume, and of whomever and whatever it does not name it says nothing."""
DATA_CLASS: Final = "urn:careledger:data-class"
"""Code system of the classes that no standard label means exactly; its codes are the words of ``DataClass``."""
ROLE_SYSTEM: Final = "urn:careledger:role"
"""Identifiers of everybody in a role: ``research-institution@756000``."""
RECEIPT_SYSTEM: Final = "urn:careledger:receipt"
"""Identifiers that are the salted commitment to a receipt, as the chain's event carries it."""
DIRECTIVE_URN: Final = "urn:careledger:directive:"
"""... ``eip155:CHAIN:CONTRACT:DIRECTIVE:VERSION``: where a directive stands (CAIP-2 for the chain)."""
ACCOUNT_SYSTEM: Final = "urn:ietf:rfc:3986"
"""Identifiers that are URIs; accounts are ``did:pkh:eip155:CHAIN:ADDRESS`` (CAIP-10)."""
TYPE_EXTENSION: Final = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type"
"""R4's Consent.provision.type in R5, as FHIR's cross-version extensions name it."""

ALL: Final = frozenset(DataClass)
ORDINARY: Final = frozenset(item for item in DataClass if not item.is_sensitive)
SENSITIVE: Final = ALL - ORDINARY

# PURPOSES

BREAK_THE_GLASS: Final = "BTG"
"""Access by override in an emergency: no purpose of its own here, but the emergency that an EmergencyRegistry opens."""
UNDER: Final[Mapping[Purpose, frozenset[Purpose]]] = {
    Purpose.HOPERAT: frozenset({
        Purpose.CAREMGT, Purpose.HDM, Purpose.HLEGAL, Purpose.HQUALIMP, Purpose.HSYSADMIN, Purpose.PATADMIN,
        Purpose.RECORDMGT,
    }),
    Purpose.HPAYMT: frozenset({Purpose.COVAUTH, Purpose.COVERAGE}),
    Purpose.HRESCH: frozenset({Purpose.BIORCH, Purpose.CLINTRCH}),
    Purpose.PATRQT: frozenset({Purpose.FAMRQT, Purpose.PWATRNY, Purpose.SUPNWK}),
    Purpose.PUBHLTH: frozenset({Purpose.DISASTER, Purpose.THREAT}),
}  # fmt: skip
"""Purposes that a denial of another denies as well (subsumption of HL7 v3 ActReason). TREAT subsumes ETREAT too, which
is left to be said: nobody closes an emergency by denying treatment."""
NARROWER: Final[Mapping[str, Purpose]] = {
    "CLINTRCHNPC": Purpose.CLINTRCH, "CLINTRCHPC": Purpose.CLINTRCH, "PRECLINTRCH": Purpose.CLINTRCH,
    "DSRCH": Purpose.HRESCH, "POARCH": Purpose.HRESCH, "TRANSRCH": Purpose.HRESCH, "CLMATTCH": Purpose.HPAYMT,
    "REMITADV": Purpose.HPAYMT, "ELIGDTRM": Purpose.COVERAGE, "ELIGVER": Purpose.COVERAGE, "ENROLLM": Purpose.COVERAGE,
    "MILDCRG": Purpose.COVERAGE, "CLINTRL": Purpose.TREAT, "COC": Purpose.TREAT, "POPHLTH": Purpose.TREAT,
    "ERTREAT": Purpose.ETREAT, "LABELING": Purpose.HSYSADMIN, "METAMGT": Purpose.HSYSADMIN,
    **dict.fromkeys(
        "DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HOUTCOMS HPRGRP MEMADMIN MILCDM PATSFTY PERFMSR SYSDEV HTEST "
        "TRAIN".split(), Purpose.HOPERAT,
    ),
}  # fmt: skip
"""PurposeOfUse codes that are no purpose here, and the purpose they belong to."""

# ACTIONS

READING: Final = frozenset({"access", "correct", "INFA", "INFAO", "INFASO", "IDSCL", "RESEARCH", "RSDID", "RSREID"})
"""Codes of actions and consent types that let somebody read; the rest speak of what is done afterwards."""

# ACTORS

RECIPIENT_ROLES: Final = frozenset({"IRCP", "PRCP", "TRC", "GRANTEE", "DELEGATEE"})
"""Roles of an actor that receives (v3 ParticipationType, consentperformer), in upper case."""

# POLICIES

POLICY_CODES: Final[Mapping[str, str]] = {
    "OPTIN": "permit", "OPTINR": "permit", "IMPLIED": "permit", "IMPLIEDD": "permit", "OPTOUT": "deny",
    "OPTOUTE": "deny", "EMRGONLY": "deny", "NOCONSENT": "deny",
}  # fmt: skip
"""What v3 ActConsentDirective codes say where no provision speaks."""

# CLASSES

_EXACT: Final[Mapping[str, frozenset[DataClass]]] = {
    "HIV": frozenset({DataClass.HIV}),
    **dict.fromkeys(("PSY", "MH"), frozenset({DataClass.MENTAL_HEALTH})),
    **dict.fromkeys(("ETH", "SUD"), frozenset({DataClass.SUBSTANCE_USE})),
    "BH": frozenset({DataClass.MENTAL_HEALTH, DataClass.SUBSTANCE_USE}),
    "GDIS": frozenset({DataClass.GENOMICS}),
    "SEX": frozenset({DataClass.REPRODUCTIVE, DataClass.SEXUAL_HEALTH}),
    **dict.fromkeys(("SDV", "VIO"), frozenset({DataClass.VIOLENCE})),
    **dict.fromkeys(("GENDER", "SOGI"), frozenset({DataClass.GENDER})),
    "SPI": SENSITIVE,
    "DEMO": frozenset({DataClass.DEMOGRAPHICS}),
}
"""ActCode sensitivity labels that mean a class, or several."""
_PARTLY: Final[Mapping[str, frozenset[DataClass]]] = {
    **dict.fromkeys(("DOB", "LIVARG", "MARST", "RACE", "REL"), frozenset({DataClass.DEMOGRAPHICS})),
    "DIA": frozenset({DataClass.CONDITIONS}),
    "DRGIS": frozenset({DataClass.MEDICATIONS}),
    "TBOO": SENSITIVE,
}
"""... and labels that mean a part of one; more of these are in the lists of ``sensitivity``."""
_CONFIDENTIALITY: Final[Mapping[str, frozenset[DataClass]]] = {
    **dict.fromkeys("ULMN", ORDINARY), **dict.fromkeys("RV", SENSITIVE)
}  # fmt: skip
LABEL_OF: Final[Mapping[DataClass, str]] = {
    DataClass.HIV: "HIV", DataClass.MENTAL_HEALTH: "PSY", DataClass.SUBSTANCE_USE: "ETH", DataClass.GENOMICS: "GDIS",
    DataClass.VIOLENCE: "SDV", DataClass.GENDER: "GENDER",
}  # fmt: skip
"""The label of a class that a standard label means exactly."""


@dataclass(frozen=True)
class Classes:
    """What some codes come to."""

    classes: frozenset[DataClass] = field(default=frozenset())
    is_exact: bool = True
    """False where the classes hold more than the codes say."""

    def __or__(self, other: Classes) -> Classes:
        return Classes(self.classes | other.classes, self.is_exact and other.is_exact)

    def __bool__(self) -> bool:
        return bool(self.classes)


def is_account(text: str) -> bool:
    """Whether a text is an address, checked where it carries a checksum."""
    try:
        return bool(address(text, confirm_unchecked=True))
    except InputError:
        return False


def is_system(found: str | None, wanted: str) -> bool:
    """Whether a coding's system is the one wanted, by its name of now or an older one."""
    return found == wanted or found in _ALIASES.get(wanted, ())


EVERY: Final = Classes(ALL)
"""What a rule speaks of that names no class."""


def by_label(system: str | None, code: str, *, permits: bool) -> Classes:
    """Return the classes of a security label; none where it says nothing about classes.

    Args:
        system: Its code system.
        code: The label.
        permits: In a permission the label of confidentiality is a high-water mark: R permits what is labelled N too
            (FHIR, Consent.provision.securityLabel).
    """
    if system == DATA_CLASS:
        found = next((item for item in DataClass if item.word == code), None)
        return Classes(frozenset({found})) if found is not None else Classes()
    if is_system(system, CONFIDENTIALITY):
        classes = _CONFIDENTIALITY.get(code, frozenset())
        if permits and classes:
            return Classes(classes | ORDINARY, code in "NRV")
        return Classes(classes, code in "NR")
    if not is_system(system, ACT_CODE):
        return Classes()
    if code in _EXACT:
        return Classes(_EXACT[code])
    found_by_list = frozenset(match.data_class for match in sensitivity.of_code(ACT_CODE, code))
    return Classes(_PARTLY.get(code, found_by_list), is_exact=False)


def by_code(system: str | None, code: str) -> Classes:
    """Return the sensitive classes that a clinical code is part of."""
    return Classes(frozenset(match.data_class for match in sensitivity.of_code(system, code)), is_exact=False)


def by_type(names: Iterable[str], fhir_version: str) -> tuple[Classes, list[str]]:
    """Return the classes of resource types, and the names that are of no class.

    Args:
        names: Types, all that one rule lists: a class is exact only where every type of it is there.
        fhir_version: ``4.0.1`` or ``5.0.0``: which types there are.
    """
    listed = frozenset(names)
    found, unknown = Classes(), []
    for name in sorted(listed):
        classes = _types().get(name, frozenset())
        if not classes:
            unknown.append(name)
        whole = len(classes) == 1 and all(types <= listed for types in _whole(classes, fhir_version))
        found |= Classes(classes, whole or not classes)
    return found, unknown


@cache
def _types() -> dict[str, frozenset[DataClass]]:
    """Return the classes that resources of each type may be of, by their type alone."""
    found = {name: frozenset({kind.data_class}) for name, kind in kinds.KINDS.items() if kind.data_class is not None}
    for name in ("Observation", "DiagnosticReport"):
        found[name] = kinds.categories() | found[name]
    return found


def _whole(classes: frozenset[DataClass], fhir_version: str) -> list[frozenset[str]]:
    """Return for each class every type of that FHIR version that may be of it."""
    return [
        frozenset(
            name for name, found in _types().items() if item in found and version.is_known(name, fhir_version[:1])
        )
        for item in classes
    ]
