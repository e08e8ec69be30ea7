"""The values that contracts are called with: directives, scopes, requests and terms, as tests write them."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any

from careledger.codes import DataClass, Purpose
from careledger.values import keccak
from tests.chainkit import NOTHING, ROOT, START, ZERO, at

_SOURCES = [*(ROOT / "contracts" / "types").glob("*.sol"), *(ROOT / "contracts" / "libraries").glob("*.sol")]


def enum(name: str) -> Any:
    """A Solidity enum of the suite, by its name."""
    for path in _SOURCES:
        found = re.search(rf"^ *enum {name} \{{(.*?)\n *\}}", path.read_text(), re.MULTILINE | re.DOTALL)
        if found:
            return IntEnum(name, re.findall(r"\w+", re.sub(r"//.*", "", found[1])), start=0)
    raise LookupError(name)


Role, Capacity, Will, StatusReason = enum("Role"), enum("Capacity"), enum("Will"), enum("StatusReason")
CredentialStatus, HeldStatus, RecoveryStep = enum("CredentialStatus"), enum("HeldStatus"), enum("RecoveryStep")
ConsentReason, Reason, Basis, Rule = enum("ConsentReason"), enum("Reason"), enum("Basis"), enum("Rule")
EmergencyReason, Verdict, EmergencyStep = enum("EmergencyReason"), enum("Verdict"), enum("EmergencyStep")
RecordStatus, LegalBasis, Meaning = enum("RecordStatus"), enum("LegalBasis"), enum("Meaning")

SWISS = 756000
CALIFORNIA = 840006
DAY, YEAR = 86_400, 365 * 86_400
ORDINARY = 0xFFFF
SENSITIVE = 0xFF << 32
KNOWN = ORDINARY | SENSITIVE
LABS, NOTES, HIV = DataClass.LABS.mask, DataClass.NOTES.mask, DataClass.HIV.mask
GENOMICS = DataClass.GENOMICS.mask
LIMITED = 2
PERSON, ORGANISATION, ROLE = 1, 2, 3
KINDS = {PERSON: "person", ORGANISATION: "organisation", ROLE: "role"}
EVIDENCE = "0x" + keccak(b"a form, salted").hex()
RECEIPT = "0x" + keccak(b"a consent receipt, salted").hex()
PAPER = {"will": 2, "evidence": EVIDENCE}
BY_LAW = {"will": 4, "evidence": EVIDENCE}
NO_LIMITS = {"author": ZERO, "dataFrom": 0, "dataUntil": 0, "document": NOTHING}


def digest(text: str) -> str:
    """A commitment to nothing in particular."""
    return "0x" + keccak(text.encode()).hex()


def h32(value: int) -> str:
    """A word as hex."""
    return f"0x{value:064x}"


def word(
    permits: int = ORDINARY, denies: int = SENSITIVE, *, starts: int = START, ends: int = START + YEAR, flags: int = 0,
    version: int = 1,
) -> int:  # fmt: skip
    """A directive in one word."""
    return permits | denies << 64 | starts << 128 | ends << 168 | flags << 208 | version << 216


def recipient(kind: int, who: Any = None, *, role: int = 0, jurisdiction: int = 0) -> int:
    """A recipient in one word."""
    return kind << 208 | role << 192 | jurisdiction << 160 | int(at(who) or "0x0", 16)


def person(who: Any) -> int:
    """A person as recipient."""
    return recipient(PERSON, who)


def organisation(who: Any) -> int:
    """An organisation as recipient."""
    return recipient(ORGANISATION, who)


def role(of: int, jurisdiction: int = SWISS) -> int:
    """A role in a jurisdiction as recipient."""
    return recipient(ROLE, role=int(of), jurisdiction=jurisdiction)


def scope(to: int, purpose: int = Purpose.TREAT) -> str:
    """A recipient for a purpose."""
    return h32(to | int(purpose) << 216)


def terms(
    patient: Any, to: int, purpose: int = Purpose.TREAT, *, receipt: str = RECEIPT, **said: Any
) -> dict[str, Any]:
    """What a patient agrees to."""
    return {"patient": at(patient), "scope": scope(to, purpose), "word": word(**said), "receipt": receipt}


def request(
    patient: Any, actor: Any, capacity: int | None = None, *, purpose: int = Purpose.TREAT, classes: int = LABS,
    as_role: int = Role.Provider, jurisdiction: int = SWISS, custodian: Any = ZERO, author: Any = ZERO, since: int = 0,
    until: int = 0, person_limits: Any = None, capacity_limits: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """A question to decide; as the person itself unless another capacity is given."""
    return {
        "patient": at(patient), "actor": at(actor), "capacity": h32(person(actor) if capacity is None else capacity),
        "organisationRole": int(as_role), "jurisdiction": jurisdiction, "custodian": at(custodian),
        "purpose": int(purpose), "classes": classes, "author": at(author), "dataFrom": since, "dataUntil": until,
        "personLimits": person_limits or NO_LIMITS, "capacityLimits": capacity_limits or NO_LIMITS,
    }  # fmt: skip


def credential(issuer: Any, subject: Any, of: int, **changed: Any) -> dict[str, Any]:
    """What issuer and subject agree on."""
    return {
        "issuer": at(issuer), "subject": at(subject), "role": int(of), "jurisdiction": SWISS, "notBefore": START,
        "expiresAt": START + 2 * YEAR, "evidence": EVIDENCE, "deadline": START + DAY, **changed,
    }  # fmt: skip


def affiliation(house: Any, practitioner: Any, **changed: Any) -> dict[str, Any]:
    """What organisation and practitioner agree on."""
    return {
        "organisation": at(house), "practitioner": at(practitioner), "since": START, "until": START + YEAR,
        "deadline": START + DAY, **changed,
    }  # fmt: skip


def held_terms(steward: Any, claim_key: Any, **changed: Any) -> dict[str, Any]:
    """What fixes a held account's address."""
    return {
        "steward": at(steward), "jurisdiction": SWISS, "claimKey": at(claim_key), "salt": digest("salt"),
        "provisional": False, **changed,
    }  # fmt: skip


def guardianship(patient: Any, guardian: Any, **changed: Any) -> dict[str, Any]:
    """What appointer and patient agree on."""
    return {
        "patient": at(patient), "guardian": at(guardian), "purposes": Purpose.PATRQT.mask | Purpose.FAMRQT.mask,
        "until": START + 300 * DAY, "depth": 0, "replaces": 0, **changed,
    }  # fmt: skip


def amendment(
    author: Any, commitment: str, status: int, *, replacement: str = NOTHING, basis: int = 0
) -> dict[str, Any]:
    """A change of a record's status."""
    return {
        "author": at(author), "commitment": commitment, "status": status, "replacement": replacement, "basis": basis,
    }  # fmt: skip
