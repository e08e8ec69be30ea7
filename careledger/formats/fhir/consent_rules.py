"""Read the provisions of a FHIR Consent into rules: permit or deny, to whom, for what, of which classes, when.

A nested provision is an exception to the one around it. What it says itself holds in place of what the outer one says
of the same; of the rest it inherits, and its period and data period lie within the outer ones. So the patterns of IHE's
Privacy Consent on FHIR are meant: "normal data for treatment, restricted data for break-glass".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any

from careledger.codes import Purpose
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_codes import Classes
from careledger.formats.fhir.consent_leaves import Coding, Leaves, shortly
from careledger.formats.fhir.consent_model import Decision, Effect, Unexpressed
from careledger.formats.fhir.consent_parties import Parties, Recipient
from careledger.formats.fhir.consent_provision import Provision
from careledger.values import ZERO_ADDRESS, Address, PartyRef

__all__ = ["Rule", "Rules", "inverse", "typed"]


@dataclass(frozen=True)
class Rule:
    """One provision, with what it inherits."""

    path: str
    decision: Decision | None
    """None where it does not say: then it only frames what is in it."""
    outer: Rule | None = field(default=None, repr=False)
    recipients: tuple[Recipient, ...] | None = None
    """None for everybody."""
    purposes: frozenset[Purpose] | None = None
    """None for every purpose."""
    glass: bool = False
    """It names break-the-glass among its purposes."""
    permits: Classes = codes.EVERY
    """Its classes as a permission has them: no more than it names, where that can be said."""
    denies: Classes = codes.EVERY
    """Its classes as a denial has them: no fewer than it names."""
    start: int = 0
    end: int | None = None
    author: Address = ZERO_ADDRESS
    data_from: int = 0
    data_until: int = 0
    own_actor: bool = False
    own_purpose: bool = False
    omitted: bool = False
    """Nothing comes of it; what stands in the way was reported."""
    blockers: tuple[str, ...] = ()
    """Locations of what narrows it and cannot be said."""

    @property
    def everyone(self) -> bool:
        """Whether it speaks of everybody and every purpose."""
        return self.recipients is None and self.purposes is None

    def within(self) -> Iterator[Rule]:
        """Yield the rules around it, innermost first."""
        rule = self.outer
        while rule is not None:
            yield rule
            rule = rule.outer


def inverse(decision: Decision) -> Decision:
    """Return the other decision."""
    return "deny" if decision == "permit" else "permit"


class Rules:
    """The provisions of one Consent, read in the order they stand."""

    def __init__(
        self, leaves: Leaves, *, fhir_version: str, parties: Parties, now: int, zone: tzinfo, exact: bool,
        patient: PartyRef | None,
    ) -> None:  # fmt: skip
        self.leaves, self.version, self.parties = leaves, fhir_version, parties
        self.now, self.zone, self.exact, self.patient = now, zone, exact, patient
        self.found: list[Rule] = []
        self._reports: dict[Unexpressed, None] = {}

    def report(self, location: str, says: Any, why: str, effect: Effect, *, rule: str = "") -> None:
        """Say that something is left out, and why; the same is said once."""
        self._reports.setdefault(Unexpressed(location, shortly(_text(says)), why, effect, rule))

    @property
    def reports(self) -> tuple[Unexpressed, ...]:
        """What was reported, in order."""
        return tuple(self._reports)

    def read(self, path: str, node: dict[str, Any], decision: Decision | None, outer: Rule | None) -> None:
        """Read a provision and those in it."""
        draft = Rule(path, decision, outer)
        if outer is not None:
            draft = replace(
                outer, path=path, decision=decision, outer=outer, own_actor=False, own_purpose=False, omitted=False
            )
        rule = Provision(self, path, node, draft).read()
        self.found.append(rule)
        for where, inner in self.leaves.items(path, node, "provision"):
            self.read(where, inner, self._decision(where, inner, decision), rule)

    def _decision(self, path: str, node: dict[str, Any], outer: Decision | None) -> Decision | None:
        """Return what a nested provision decides: R4 says it, R5 turns the outer decision round."""
        said = typed(self.leaves, path, node, self.version)
        if said is None and self.version == "4.0.1":
            self.report(
                path, "a nested provision without type", "it does not say whether it permits or denies", Effect.MORE
            )
        return said if said is not None or outer is None or self.version == "4.0.1" else inverse(outer)


def typed(leaves: Leaves, path: str, node: dict[str, Any], fhir_version: str) -> Decision | None:
    """Return the type a provision states: R4's element, or the extension that carries it in R5."""
    if fhir_version == "4.0.1":
        if node.get("type") in ("permit", "deny"):
            leaves.claim(f"{path}.type")
            return "permit" if node["type"] == "permit" else "deny"
        return None
    for where, extension in leaves.items(path, node, "extension"):
        if extension.get("url") == codes.TYPE_EXTENSION and extension.get("valueCode") in ("permit", "deny"):
            leaves.claim(where)
            return "permit" if extension["valueCode"] == "permit" else "deny"
    return None


def _text(says: Any) -> Any:
    return str(says) if isinstance(says, Coding) else says
