"""Read the elements of one provision, each of which narrows its rule or is reported as what no directive can say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from careledger.codes import Purpose
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_codes import Classes
from careledger.formats.fhir.consent_leaves import Coding
from careledger.formats.fhir.consent_model import Effect
from careledger.formats.fhir.consent_parties import Recipient, name_of
from careledger.values import ZERO_ADDRESS, PartyRef

if TYPE_CHECKING:
    from careledger.formats.fhir.consent_rules import Rule, Rules

__all__ = ["Provision"]


class Provision:
    """One provision being read; ``rule`` narrows as its elements are."""

    def __init__(self, rules: Rules, path: str, node: dict[str, Any], rule: Rule) -> None:
        self.rules, self.leaves, self.path, self.node, self.rule = rules, rules.leaves, path, node, rule
        self.permits = rule.decision == "permit"

    def read(self) -> Rule:
        """Read every element that narrows the rule."""
        self._period()
        self._actors()
        self._actions()
        self._purposes()
        self._classes()
        self._data_period()
        self._data()
        if "expression" in self.node:
            self._narrowing("expression", self.node["expression"], "an expression is no part of a directive")
        return self.rule

    # WHAT CANNOT BE SAID

    def _narrowing(self, key: str, says: Any, why: str) -> None:
        """Report something that narrows: a permission without it is wider, a denial without it is left out whole."""
        where = f"{self.path}.{key}"
        self.leaves.claim(where, "reported")
        if self.permits:
            self.rules.report(where, says, why, Effect.MORE, rule=self.path)
            self._set(blockers=(*self.rule.blockers, where))
        elif self.rule.decision == "deny":
            self.rules.report(where, says, f"{why}; this denial is left out as a whole", Effect.MORE)
            self._set(omitted=True, blockers=(*self.rule.blockers, where))
        else:
            self.rules.report(where, says, f"{why}, and it frames what is in it", Effect.MORE)
            self._set(blockers=(*self.rule.blockers, where))

    def _one_of_many(self, where: str, says: Any, why: str) -> None:
        """Report one of several alternatives: a permission without it is narrower, a denial as well."""
        effect = Effect.LESS if self.permits else Effect.MORE
        self.rules.report(where, says, why, effect)

    def _approximate(self, where: str, says: Any, why: str) -> None:
        """Report that a class holds more than was named: a permission is wider, a denial too, which is safe."""
        if self.permits:
            self.rules.report(where, says, why, Effect.MORE, rule=self.path)
            self._set(blockers=(*self.rule.blockers, where))
        else:
            self.rules.report(where, says, why, Effect.LESS)

    def _set(self, **changed: Any) -> None:
        self.rule = replace(self.rule, **changed)

    # ELEMENTS

    def _period(self) -> None:
        if "period" not in self.node:
            return
        found = self.leaves.period(self.path, self.node, "period", self.rules.zone)
        if found is None:
            self._narrowing("period", self.node["period"], "its times cannot be read")
            return
        start, end = max(found[0] or 0, self.rule.start), found[1]
        ends = [item for item in (end, self.rule.end) if item is not None]
        self._set(start=start, end=min(ends) if ends else None)
        if self.rule.end is not None and self.rule.end <= max(self.rules.now, start):
            self.rules.report(f"{self.path}.period", self.node["period"], "its time is over", Effect.NONE)
            self._set(omitted=True)

    def _actors(self) -> None:
        actors = list(self.leaves.items(self.path, self.node, "actor"))
        if not actors:
            return
        recipients: list[Recipient] = []
        receives = False
        for where, actor in actors:
            roles = list(self.leaves.codings(where, actor, "role"))
            words = {role.code.upper() for role in roles}
            reference = next(iter(self.leaves.items(where, actor, "reference")), None)
            if words & {"CST", "CUST", "CUSTODIAN"}:
                says = f"{roles[0].code} {name_of(reference[1]) if reference is not None else ''}"
                self._narrowing(where[len(self.path) + 1 :], says, "a directive holds at every custodian")
            elif words & {"AUT", "AUTHOR"}:
                self._author(where, reference)
            elif roles and not words & codes.RECIPIENT_ROLES and reference is not None:
                receives = True
                self.leaves.claim(where, "reported")
                says = f"{roles[0].code} {name_of(reference[1])}"
                self._one_of_many(where, says, "the role does not say that this actor receives")
            else:
                receives = True
                recipients += self._recipient(where, actor, roles, reference)
        if receives:
            self._set(recipients=tuple(dict.fromkeys(recipients)), own_actor=True)
            if not recipients:
                self._set(omitted=True)

    def _recipient(
        self, where: str, actor: dict[str, Any], roles: list[Coding], reference: tuple[str, dict[str, Any]] | None
    ) -> list[Recipient]:
        if reference is None:
            found = next((party for party in map(self.rules.parties.role, roles) if party is not None), None)
            if found is None:
                self.leaves.claim(where, "reported")
                self._one_of_many(where, " ".join(role.code for role in roles), "no accredited role is known for it")
            return [found] if found is not None else []
        place, named = reference
        found = self.rules.parties.find(named)
        if found is None:
            self.leaves.claim_reference(place, named, "reported")
            self._one_of_many(where, name_of(named), "no account is known for this actor")
            return []
        self.leaves.claim_reference(place, named)
        if found == self.rules.patient and not self.rules.exact:
            if not self.permits:
                self.rules.report(where, name_of(named), "a patient's own request is always allowed", Effect.MORE)
            return []
        if "PractitionerRole" in str(named.get("reference") or named.get("type") or ""):
            self._approximate(where, name_of(named), "a directive to a person holds in each of its roles")
        return [found]

    def _author(self, where: str, reference: tuple[str, dict[str, Any]] | None) -> None:
        found = self.rules.parties.find(reference[1]) if reference is not None else None
        key = where[len(self.path) + 1 :]
        says = name_of(reference[1]) if reference is not None else "no reference"
        if not isinstance(found, PartyRef):
            self._narrowing(key, says, "no account is known for this author")
        elif not self.permits:
            self._narrowing(key, says, "a denial holds whoever wrote what is asked for")
        elif self.rule.author not in (ZERO_ADDRESS, found.address):
            self.rules.report(where, says, "a directive is limited to one author, and names another", Effect.LESS)
            self.leaves.claim(where, "reported")
        else:
            self.leaves.claim(where)
            self._set(author=found.address)

    def _actions(self) -> None:
        found = list(self.leaves.codings(self.path, self.node, "action"))
        if not found and "action" not in self.node:
            return
        reading = codes.READING if self.permits else codes.READING - {"correct"}
        reads = any(coding.code in reading for coding in found)
        for coding in found:
            if coding.code in codes.READING - {"correct"}:
                continue
            if self.permits:
                why = "a directive lets somebody read; what is done otherwise is outside of it"
                self.rules.report(coding.path, coding, why, Effect.LESS)
            elif coding.code in ("correct", "collect"):
                self.rules.report(coding.path, coding, "no directive lets anybody do it", Effect.NONE)
            elif not reads:
                self.rules.report(coding.path, coding, "a directive denies reading only", Effect.MORE)
        if not reads:
            self._set(omitted=True)

    def _purposes(self) -> None:
        found = list(self.leaves.codings(self.path, self.node, "purpose"))
        if not found:
            return
        purposes: set[Purpose] = set()
        glass = False
        for coding in found:
            is_reason = codes.is_system(coding.system, codes.ACT_REASON)
            if is_reason and coding.code == codes.BREAK_THE_GLASS:
                glass = True
            elif is_reason and coding.code == "PurposeOfUse":
                purposes |= set(Purpose)
            elif is_reason and coding.code in Purpose.__members__:
                purposes |= self._purpose(coding, Purpose[coding.code])
            elif is_reason and coding.code in codes.NARROWER and not self.permits:
                wider = codes.NARROWER[coding.code]
                purposes.add(wider)
                self.rules.report(coding.path, coding, f"all of {wider.word} is denied for it", Effect.LESS)
            else:
                self._one_of_many(coding.path, coding, "it is no purpose that a directive can name")
        every = purposes == set(Purpose)
        self._set(purposes=None if every else frozenset(purposes), glass=glass, own_purpose=True)
        if not purposes and not glass:
            self._set(omitted=True)

    def _purpose(self, coding: Coding, purpose: Purpose) -> set[Purpose]:
        if self.permits or self.rules.exact:
            return {purpose}
        if purpose is Purpose.TREAT:
            why = "by its code system it holds for emergency treatment too, which is denied only where that is said"
            self.rules.report(coding.path, coding, why, Effect.MORE)
        return {purpose, *codes.UNDER.get(purpose, ())}

    def _classes(self) -> None:
        """Read security labels, types and codes: alternatives within each, all of which have to be met."""
        labels = self._labels()
        types = self._types()
        clinical = self._codes()
        given = [item for item in (labels, types, clinical) if item is not None]
        if not given:
            outer = self.rule.outer
            if self.permits and outer is not None and outer.decision != "permit" and not self.rule.permits.is_exact:
                self._approximate(self.path, "the classes of the provision around it", "they cannot be said exactly")
            return
        if len(given) == 1:
            self._set(permits=given[0][0], denies=given[0][1])
        else:
            self._both(given)
        if not (self.rule.permits if self.permits else self.rule.denies):
            self._set(omitted=True)

    def _both(self, given: list[tuple[Classes, Classes]]) -> None:
        """Combine criteria that have to be met together: normal data of some types can be said, and little else."""
        normal = Classes(codes.ORDINARY)
        first, rest = given[0], given[1:]
        if self.permits and first[0] == normal and len(rest) == 1:
            found = Classes(rest[0][0].classes & codes.ORDINARY, rest[0][0].is_exact)
            self._set(permits=found, denies=found)
            return
        permits = first[0]
        for more in rest:
            permits |= more[0]
        denies = min((item[1] for item in given), key=lambda item: len(item.classes))
        where = f"{self.path}.securityLabel" if "securityLabel" in self.node else f"{self.path}.code"
        self._set(permits=Classes(permits.classes, False), denies=Classes(denies.classes, False))
        self._approximate(where, "labels, types and codes together", "a directive has no data of two kinds at once")

    def _labels(self) -> tuple[Classes, Classes] | None:
        found = list(self.leaves.codings(self.path, self.node, "securityLabel"))
        if not found:
            return None
        permits, denies = Classes(), Classes()
        for coding in found:
            one = codes.by_label(coding.system, coding.code, permits=self.permits)
            permits |= codes.by_label(coding.system, coding.code, permits=True)
            denies |= codes.by_label(coding.system, coding.code, permits=False)
            if not one:
                self._one_of_many(coding.path, coding, "it is the label of no class")
            elif not one.is_exact:
                self._approximate(coding.path, coding, f"the label is narrower than {_words(one)}")
        return permits, denies

    def _types(self) -> tuple[Classes, Classes] | None:
        keys = ("class",) if self.rules.version == "4.0.1" else ("resourceType", "documentType")
        found = [coding for key in keys for coding in self.leaves.codings(self.path, self.node, key)]
        if not found:
            return None
        ours = [coding for coding in found if coding.system == codes.DATA_CLASS]
        total = Classes()
        for coding in ours:
            total |= codes.by_label(coding.system, coding.code, permits=self.permits)
        names = [coding.code.rpartition("/")[2] for coding in found if coding not in ours]
        whole, unknown = codes.by_type(names, self.rules.version)
        for coding in found:
            if coding in ours:
                continue
            one, _ = codes.by_type([coding.code.rpartition("/")[2]], self.rules.version)
            if coding.code.rpartition("/")[2] in unknown:
                self._one_of_many(coding.path, coding, "it is the type of no class")
            elif not whole.is_exact and not one.is_exact:
                self._approximate(coding.path, coding, f"a directive speaks of {_words(one)}, other types of it too")
        total |= whole
        return total, total

    def _codes(self) -> tuple[Classes, Classes] | None:
        found = list(self.leaves.codings(self.path, self.node, "code"))
        if not found:
            return None
        total = Classes()
        for coding in found:
            one = codes.by_code(coding.system, coding.code)
            total |= one
            if one:
                self._approximate(coding.path, coding, f"a directive speaks of all of {_words(one)}")
            else:
                self._one_of_many(coding.path, coding, "a directive speaks of classes, and this code is on no list")
        return total, total

    def _data_period(self) -> None:
        if "dataPeriod" not in self.node:
            return
        says = self.node["dataPeriod"]
        if not self.permits:
            self._narrowing("dataPeriod", says, "a denial holds whatever the time of the data")
            return
        found = self.leaves.period(self.path, self.node, "dataPeriod", self.rules.zone)
        if found is None or (found[0] or 0) < 0 or (found[1] is not None and found[1] <= 0):
            self._narrowing("dataPeriod", says, "its times cannot be read, or are before 1970")
            return
        since = max(found[0] or 0, self.rule.data_from)
        until = min((item for item in (found[1], self.rule.data_until) if item), default=0)
        self._set(data_from=since, data_until=until)
        if until and until <= since:
            self.rules.report(f"{self.path}.dataPeriod", says, "no time is left within the outer one", Effect.NONE)
            self._set(omitted=True)

    def _data(self) -> None:
        for where, item in self.leaves.items(self.path, self.node, "data"):
            reference = next(iter(self.leaves.items(where, item, "reference")), None)
            if item.get("meaning") == "authoredby":
                self._author(where, reference)
            else:
                says = name_of(reference[1]) if reference is not None else item
                self._narrowing(where[len(self.path) + 1 :], says, "a directive speaks of classes, not of single data")


def _words(found: Classes) -> str:
    return ", ".join(item.word for item in sorted(found.classes))
