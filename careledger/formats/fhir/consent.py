"""Read a FHIR Consent, R4 or R5, into directives to be signed; nothing in it is dropped silently.

>>> from careledger.formats.fhir.consent import read_consent
>>> reading = read_consent(resource, resolve=directory)  # doctest: +SKIP
>>> reading.accepted([])  # the drafts, or an error that names what narrows and cannot be said  # doctest: +SKIP
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from typing import Any, Final

from careledger.codes import Purpose
from careledger.errors import FormatError
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_leaves import Leaves
from careledger.formats.fhir.consent_model import (
    ConsentReading,
    Decision,
    DirectiveDraft,
    Effect,
    Provenance,
    StandingDraft,
    Statement,
    Unexpressed,
)
from careledger.formats.fhir.consent_outcome import Outcome
from careledger.formats.fhir.consent_parties import Parties, Recipient, Resolve, name_of
from careledger.formats.fhir.consent_rules import Rule, Rules, inverse, typed
from careledger.formats.fhir.strict import check_depth
from careledger.values import PartyRef, address

__all__ = ["ConsentReading", "DirectiveDraft", "Effect", "StandingDraft", "Statement", "Unexpressed", "read_consent"]

_R4: Final = frozenset({"patient", "scope", "dateTime", "performer", "organization", "policy", "policyRule"})
_R5: Final = frozenset({
    "subject", "date", "grantor", "grantee", "manager", "controller", "regulatoryBasis", "policyBasis", "policyText",
    "decision", "period",
})  # fmt: skip
_STU3: Final = frozenset({"consentingParty", "consentor", "except", "actor", "action", "securityLabel", "data"})
_KEPT: Final = (
    "id", "meta", "language", "identifier", "category", "scope", "dateTime", "date", "performer", "organization",
    "grantor", "grantee", "manager", "controller", "sourceReference", "policy", "policyRule", "policyBasis",
    "policyText", "regulatoryBasis", "verification",
)  # fmt: skip
"""Elements that are no rules: the receipt keeps them as they stand."""
_ATTACHMENT: Final = ("contentType", "language", "url", "size", "hash", "title", "creation", "height", "width", "pages",
                      "frames", "duration")  # fmt: skip
_OTHER_CONSENTS: Final = frozenset({"adr", "treatment"})
_ADVANCE: Final = frozenset({"acd", "dnr", "hcd", "polst"})
_LANGUAGES: Final = frozenset({"en", "de", "zh"})
_IGNORABLE: Final = ("extension", "id", "contained")


def read_consent(
    resource: Mapping[str, Any], *, resolve: Resolve | None = None,
    references: Mapping[str, Sequence[tuple[str | None, str]]] | None = None, everybody: Iterable[Recipient] = (),
    purposes: Iterable[Purpose] = (), patient: PartyRef | None = None, chain_id: int | None = None,
    now: int | None = None, zone: tzinfo = UTC,
) -> ConsentReading:  # fmt: skip
    """Read a Consent of R4 (4.0.1, 4.3.0) or R5.

    Args:
        resource: The parsed resource.
        resolve: Finds accounts: takes system and value of an identifier, or None and a reference such as
            ``Organization/f001``, or system and code of a role; returns a party or None. Accounts written as
            ``did:pkh:eip155:…`` and roles of our own need none.
        references: Identifiers of the resources that references lead to, where they are at hand, as in a Bundle.
        everybody: Whom a permission stands for that names nobody.
        purposes: What a permission is for that names no purpose.
        patient: Whose consent it is; as ``resolve`` finds it when not given.
        chain_id: The chain whose accounts count; any when not given.
        now: The time at which it is read, in seconds since 1970; what is over by then is not drafted.
        zone: Where days begin that are written without time.

    Returns:
        Drafts, a standing denial, statements, what is kept for the receipt, and all that cannot be said, each with its
        location and the effect of leaving it out.

    Raises:
        FormatError: It is no Consent, mixes R4 and R5, is of STU3, or nests more than 200 levels.
    """
    check_depth(resource, "this Consent")
    tree = dict(resource)
    version = _version(tree)
    leaves = Leaves(tree, "Consent")
    parties = Parties(resolve, references or {}, chain_id)
    subject = tree.get("patient" if version == "4.0.1" else "subject")
    if patient is None and isinstance(subject, dict):
        found = parties.find(subject)
        patient = PartyRef("person", found.address) if isinstance(found, PartyRef) else None
    rules = Rules(
        leaves, fhir_version=version, parties=parties, now=int(time.time()) if now is None else now, zone=zone,
        exact=_is_exact(tree), patient=patient,
    )  # fmt: skip
    reader = _Reader(leaves, rules, version)
    outcome = reader.read(tuple(everybody), frozenset(purposes))
    return reader.reading(outcome, patient)


# INTERNAL


def _version(tree: dict[str, Any]) -> str:
    if tree.get("resourceType") != "Consent":
        raise FormatError("this is no Consent", fix="Name a FHIR Consent, or a Bundle that holds one.")
    r4, r5 = _R4 & tree.keys(), _R5 & tree.keys()
    if isinstance(tree.get("provision"), list):
        r5 |= {"provision[]"}
    elif isinstance(tree.get("provision"), dict):
        r4 |= {"provision{}"}
    if _STU3 & tree.keys() and not r5:
        raise FormatError(
            "this Consent is of STU3", why="Its elements meant other things before R4.", fix="Convert it to R4 or R5."
        )
    if r4 and r5:
        raise FormatError(
            f"this Consent mixes elements of R4 ({', '.join(sorted(r4))}) and R5 ({', '.join(sorted(r5))})",
            why="The same rule means permit in one and deny in the other.",
            fix="Have it written in one version.",
        )
    return "5.0.0" if r5 else "4.0.1"


def _is_exact(tree: dict[str, Any]) -> bool:
    """Whether it states one directive, as our own do."""
    policies = tree.get("policy")
    uris = [item.get("uri") for item in policies if isinstance(item, dict)] if isinstance(policies, list) else []
    basis = tree.get("policyBasis")
    return codes.POLICY in [*uris, basis.get("url") if isinstance(basis, dict) else None]


class _Reader:
    """The elements around the provisions."""

    def __init__(self, leaves: Leaves, rules: Rules, version: str) -> None:
        self.leaves, self.rules, self.version, self.tree = leaves, rules, version, leaves.tree
        self.notice: dict[str, Any] = {}

    # RULES

    def read(self, everybody: tuple[Recipient, ...], purposes: frozenset[Purpose]) -> Outcome:
        self._keep()
        if not self._in_force():
            self.leaves.claim("Consent.provision")
            self.leaves.claim("Consent.decision")
            return Outcome(self.rules, None, everybody=everybody, purposes=purposes)
        default = self._within_period(self._default())
        if self.version == "4.0.1":
            for where, node in self.leaves.items("Consent", self.tree, "provision"):
                default = self._root(where, node, default)
        else:
            for where, node in self.leaves.items("Consent", self.tree, "provision"):
                said = typed(self.leaves, where, node, self.version)
                decision = said or (inverse(default.decision) if default and default.decision else None)
                if decision is None:
                    self._no_decision(where)
                self.rules.read(where, node, decision, default)
        outcome = Outcome(self.rules, default, everybody=everybody, purposes=purposes)
        self._emergency_only(outcome)
        self._rest()
        return outcome

    def _in_force(self) -> bool:
        """Whether anything holds of it at all: it is active, and about who may read."""
        status = self.tree.get("status")
        if isinstance(status, str):
            self.leaves.claim("Consent.status")
        if status != "active":
            self.rules.report("Consent.status", status, "only an active consent holds", Effect.NONE)
            return False
        for coding in self.leaves.codings("Consent", self.tree, "scope"):
            if coding.code in _OTHER_CONSENTS:
                why = "it consents to a treatment, or says what is wished for later; it does not say who may read"
                self.rules.report("Consent.scope", coding.code, why, Effect.NONE)
                return False
        categories = {coding.code for coding in self.leaves.codings("Consent", self.tree, "category")}
        if categories & _ADVANCE and not categories - _ADVANCE:
            why = "it says what is wished for later; it does not say who may read"
            self.rules.report("Consent.category", sorted(categories)[0], why, Effect.NONE)
            return False
        return True

    def _default(self) -> Rule | None:
        """Return what holds where no provision speaks: R5's decision, or a policy code."""
        said = self.tree.get("decision")
        if said in ("permit", "deny"):
            self.leaves.claim("Consent.decision")
            decision: Decision = "permit" if said == "permit" else "deny"
            return Rule("Consent.decision", decision)
        key = "policyRule" if self.version == "4.0.1" else "regulatoryBasis"
        for coding in self.leaves.codings("Consent", self.tree, key):
            if codes.is_system(coding.system, codes.ACT_CODE) and coding.code in codes.POLICY_CODES:
                found: Decision = "permit" if codes.POLICY_CODES[coding.code] == "permit" else "deny"
                default = Rule(f"Consent.{key}", found)
                if coding.code == "EMRGONLY":
                    glass = replace(default, decision="permit", outer=default, purposes=frozenset(), glass=True)
                    self.rules.found.append(glass)
                return default
        return None

    def _within_period(self, default: Rule | None) -> Rule | None:
        """Narrow the default to R5's period of the whole consent, in which all provisions lie."""
        found = self.leaves.period("Consent", self.tree, "period", self.rules.zone)
        if found is None:
            return default
        if found[1] is not None and found[1] <= self.rules.now:
            self.rules.report("Consent.period", self.tree["period"], "its time is over", Effect.NONE)
        return replace(default or Rule("Consent", None), start=max(found[0] or 0, 0), end=found[1])

    def _root(self, where: str, node: dict[str, Any], default: Rule | None) -> Rule | None:
        """Read R4's one provision; where it does not say what it decides, it frames the policy, or what is in it."""
        said = typed(self.leaves, where, node, self.version)
        narrows = set(node) - {"type", "provision", "period", "id", "extension"}
        if said is None and default is not None and (default.decision == "deny" or not narrows):
            self.rules.read(where, node, default.decision, None)
            return None
        if said is None and (narrows or not node.get("provision")):
            self._no_decision(where)
        self.rules.read(where, node, said, default)
        return default

    def _no_decision(self, where: str) -> None:
        why = "it does not say whether it permits or denies; nothing becomes of it but a frame for what is in it"
        self.rules.report(where, "a provision without a decision", why, Effect.MORE)

    def _emergency_only(self, outcome: Outcome) -> None:
        """Compare the category "emergency only" with what the rules come to."""
        for coding in self.leaves.codings("Consent", self.tree, "category"):
            standing = outcome.standing()
            says_so = standing is not None and standing.denied == codes.ALL and not standing.even_in_emergency
            if coding.code.upper() == "EMRGONLY" and not says_so:
                why = "its rules do not say that everything but an emergency is denied"
                self.rules.report(coding.path, coding.code, why, Effect.MORE)

    # WHAT IS NO RULE

    def _keep(self) -> None:
        """Put what is no rule into the notice: the receipt keeps it, committed to and never on chain."""
        tree = self.tree
        kept: dict[str, Any] = {}
        for key in _KEPT:
            if key in tree:
                kept[key] = tree[key]
                self.leaves.claim(f"Consent.{key}", "kept")
        self.leaves.claim("Consent.patient" if self.version == "4.0.1" else "Consent.subject")
        if "text" in tree:
            narrative = tree["text"] if isinstance(tree["text"], dict) else {}
            more = narrative.get("status") in ("additional", "extensions")
            why = "words for people are not interpreted" + (", and these may say more than the codes" if more else "")
            self.leaves.claim("Consent.text", "reported")
            self.rules.report("Consent.text", "a narrative", why, Effect.MORE if more else Effect.NONE)
        for where, attachment in self.leaves.items("Consent", tree, "sourceAttachment"):
            self.leaves.claim_keys(where, attachment, _ATTACHMENT, "kept")
            kept.setdefault("sourceAttachment", []).append(
                {key: attachment[key] for key in _ATTACHMENT if key in attachment}
            )
            if "data" in attachment:
                self.leaves.claim(f"{where}.data", "reported")
                why = "the form itself stays in the file; give it as evidence where somebody acts for the patient"
                self.rules.report(f"{where}.data", f"{len(str(attachment['data']))} characters", why, Effect.NONE)
        self.notice = {**self._fields(), "fhir": kept}

    def _fields(self) -> dict[str, Any]:
        """Return the fields of a consent record that the consent states (ISO/IEC TS 27560)."""
        tree = self.tree
        found: dict[str, Any] = {}
        uris = [item.get("uri") for _, item in self.leaves.items("Consent", tree, "policy")]
        uris += [item.get("url") for _, item in self.leaves.items("Consent", tree, "policyBasis")]
        named = [uri for uri in uris if isinstance(uri, str) and uri != codes.POLICY]
        if named:
            found["privacy_notice"] = named[0] if len(named) == 1 else named
        when = tree.get("dateTime" if self.version == "4.0.1" else "date")
        if isinstance(when, str):
            found["event_time"] = when
        givers = [name_of(item) for _, item in self.leaves.items("Consent", tree, _key(self.version, "performer"))]
        if givers:
            found["entity_id"] = givers[0]
        language = tree.get("language")
        if isinstance(language, str) and language in _LANGUAGES:
            found["language"] = language
        controllers = [item for _, item in self.leaves.items("Consent", tree, _key(self.version, "organization"))]
        if controllers:
            found["pii_controllers"] = [name_of(item) for item in controllers]
            found["parties"] = [
                {"party_id": name_of(item), "party_name": item.get("display"), "party_role": "pii-controller"}
                for item in controllers
            ]
        return found

    def _rest(self) -> None:
        """Report whatever nobody looked at."""
        for path, value in self.leaves.named("modifierExtension"):
            self.leaves.claim(path, "reported")
            why = "by FHIR's rules whoever does not know it must not use what it modifies"
            self.rules.report(path, value, why, Effect.MORE)
        for path, value in self.leaves.left():
            last = path.rpartition(".")[2].partition("[")[0]
            harmless = last in _IGNORABLE or last.startswith("_")
            why = (
                "it may be left out by FHIR's rules" if harmless else "it is not read here, and may narrow what is said"
            )
            self.rules.report(path, value, why, Effect.NONE if harmless else Effect.MORE)

    # WHAT BECAME OF IT

    def reading(self, outcome: Outcome, patient: PartyRef | None) -> ConsentReading:
        drafts = outcome.drafts()
        reports = self.rules.reports
        everywhere = {item.location for item in reports if item.effect is Effect.MORE and not item.rule}
        return ConsentReading(
            fhir_version=self.version,
            status=str(self.tree.get("status", "")),
            patient=patient,
            drafts=tuple(
                replace(item, blocked_by=tuple(sorted({*item.blocked_by, *everywhere}))) if item.permits else item
                for item in drafts
            ),
            standing=outcome.standing(),
            statements=tuple(outcome.statements),
            unexpressed=reports,
            notice=self.notice,
            provenance=_provenance(self.tree),
            used=self.leaves.by_outcome("used"),
            kept=self.leaves.by_outcome("kept"),
        )


def _key(version: str, r4: str) -> str:
    return {"performer": "grantor", "organization": "controller"}[r4] if version == "5.0.0" else r4


def _provenance(tree: dict[str, Any]) -> Provenance | None:
    """Return the directive that a consent of our own was made from."""
    found, receipt = None, ""
    identifiers = tree.get("identifier")
    for item in identifiers if isinstance(identifiers, list) else []:
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(value, str):
            continue
        if item.get("system") == codes.RECEIPT_SYSTEM:
            receipt = value
        if value.startswith(codes.DIRECTIVE_URN):
            found = value.removeprefix(codes.DIRECTIVE_URN).split(":")
    if found is None or len(found) != 5 or found[0] != "eip155" or not codes.is_account(found[2]):
        return None
    if not (found[1] + found[4]).isascii() or not (found[1] + found[4]).isdigit():
        return None
    contract = address(found[2], confirm_unchecked=True)
    number = "" if found[3] == "standing" else found[3]
    return Provenance(int(found[1]), contract, number, int(found[4]), receipt)
