"""Another reading of Consents, for the tests alone: what a consent says of one request, and what drafts come to.

The oracle knows R4 with typed provisions. A provision speaks of a request if what it says itself, or else inherits,
fits; an exception beats what it excepts from, and a denial beats a permission beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from careledger.codes import DataClass, Purpose
from careledger.formats.fhir.consent_model import ConsentReading
from careledger.values import PartyRef

Answer = Literal["permit", "deny"] | None
ORDINARY = frozenset(item for item in DataClass if not item.is_sensitive)
LABELS = {
    "N": ORDINARY, "R": frozenset(DataClass) - ORDINARY, "HIV": frozenset({DataClass.HIV}),
    "PSY": frozenset({DataClass.MENTAL_HEALTH}), "GDIS": frozenset({DataClass.GENOMICS}),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One class, asked for by somebody for a purpose; ``BTG`` is emergency treatment with an emergency open."""

    actor: str
    purpose: str
    asked: DataClass


def said(provision: dict[str, Any], question: Question, outer: dict[str, Any] | None = None) -> Answer:
    """What a provision says of a question."""
    inherited = {key: (outer or {}).get(key) for key in ("actor", "purpose", "securityLabel")}
    whole = inherited | {key: value for key, value in provision.items() if key in inherited}
    inner = {said(each, question, whole) for each in provision.get("provision", ())}
    if "deny" in inner:
        return "deny"
    if "permit" in inner:
        return "permit"
    return provision["type"] if _fits(whole, question, permits=provision["type"] == "permit") else None


def _fits(criteria: dict[str, Any], question: Question, *, permits: bool) -> bool:
    actors, purposes, labels = criteria["actor"], criteria["purpose"], criteria["securityLabel"]
    if actors is not None and question.actor not in {item["reference"]["reference"] for item in actors}:
        return False
    asked = {"BTG", "ETREAT"} if question.purpose == "BTG" else {question.purpose}  # BTG is under ETREAT in ActReason
    if purposes is not None and not asked & {item["code"] for item in purposes}:
        return False
    if labels is None:
        return True
    codes = {item["code"] for item in labels}
    classes = frozenset().union(*(LABELS[code] for code in codes))
    return question.asked in (classes | ORDINARY if permits and "R" in codes else classes)


def comes_to(reading: ConsentReading, who: PartyRef, question: Question, *, policy: bool) -> bool:
    """Whether drafts let it be read, as the contract decides; with a base policy that permits what nobody denies."""
    closed = reading.standing.even_in_emergency if reading.standing else frozenset()
    denied = reading.standing.denied if reading.standing else frozenset()
    purpose = Purpose.ETREAT if question.purpose == "BTG" else Purpose[question.purpose]
    mine = [item for item in reading.drafts if item.to == who and item.purpose == purpose]
    denies = frozenset().union(*(item.denies for item in mine))
    permits = frozenset().union(*(item.permits - item.denies for item in mine))
    if question.purpose == "BTG":
        return question.asked not in closed | (denies if who.kind == "person" else frozenset())
    return question.asked not in denied | denies and (policy or question.asked in permits)
