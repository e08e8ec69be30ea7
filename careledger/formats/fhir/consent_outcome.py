"""Make drafts of rules: one directive for each recipient and purpose, one standing denial, and reports of the rest.

What the contract does decides what can be said. A standing denial holds for everybody and every purpose, has no end,
and beats every permission. A directive has one recipient, one purpose, one window; its limits narrow what it permits
and never what it denies. An emergency opens to every accredited practitioner, but for what is denied in emergencies and
for what the directive for this person denies. Where nobody says anything, a custodian's base policy may permit.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from careledger.codes import DataClass, Purpose
from careledger.formats.fhir import consent_codes as codes
from careledger.formats.fhir.consent_model import DirectiveDraft, Effect, StandingDraft, Statement
from careledger.formats.fhir.consent_parties import Recipient
from careledger.formats.fhir.consent_rules import Rule, Rules
from careledger.values import ZERO_ADDRESS, PartyRef, RoleRef

__all__ = ["Outcome"]

_Key = tuple[Recipient, Purpose]
Classes = frozenset[DataClass]
NOTHING: Classes = frozenset()


@dataclass
class _Cell:
    """What the rules say of one recipient and purpose."""

    permits: list[Rule] = field(default_factory=list)
    denies: list[Rule] = field(default_factory=list)


class Outcome:
    """What becomes of the rules of one consent."""

    def __init__(
        self, rules: Rules, default: Rule | None, *, everybody: Iterable[Recipient], purposes: Iterable[Purpose]
    ) -> None:
        self._rules, self._default = rules, default
        self._everybody, self._any_purpose = tuple(everybody), frozenset(purposes)
        self._cells: dict[_Key, _Cell] = {}
        self._of: dict[str, list[_Key]] = {}
        self._left_open: set[Recipient] = set()
        self._closing: list[Rule] = []
        self._opening: list[Rule] = []
        self._denied: Classes = NOTHING
        self._standing_rules: list[str] = []
        self.statements: list[Statement] = []
        for rule in self._all():
            if rule.decision == "permit":
                self._permit(rule)
            elif rule.decision == "deny":
                self._deny(rule)

    def standing(self) -> StandingDraft | None:
        """Return the standing denial, if there is one."""
        closed = self._closed()
        if not self._denied | closed:
            return None
        return StandingDraft(self._denied, closed, tuple(self._standing_rules))

    def drafts(self) -> list[DirectiveDraft]:
        """Return the directives, in the order their recipients were named."""
        return [draft for key, cell in self._cells.items() if (draft := self._draft(key, cell)) is not None]

    def _closed(self) -> Classes:
        """Return what is denied in emergencies: what a rule denies there, but for what rules within it permit."""
        found = NOTHING
        for rule in self._closing:
            within = [each.permits.classes for each in self._opening if _is_within(each, rule)]
            found |= rule.denies.classes - NOTHING.union(*within)
        return found

    def _all(self) -> list[Rule]:
        """Return the rules that say something, outer ones first."""
        found = self._rules.found if self._default is None else [self._default, *self._rules.found]
        return [rule for rule in found if self._holds(rule)]

    def _holds(self, rule: Rule) -> bool:
        return not rule.omitted and (rule.end is None or rule.end > self._rules.now)

    # PERMISSIONS

    def _permit(self, rule: Rule) -> None:
        report = self._rules.report
        only_glass = rule.glass and not rule.purposes
        if rule.recipients is None and (rule.glass or rule.purposes is None):
            if _is_whole(rule):
                self._opening.append(rule)
            elif self._closed():
                why = "an emergency is denied for good or not at all; here it stays denied"
                report(rule.path, "permits a part of emergencies", why, Effect.LESS)
        if rule.recipients is None and not only_glass:
            self.statements.append(self._statement(rule))
            why = "a directive names whom it permits; to everybody only a custodian's base policy speaks"
            if self._everybody:
                why = "it is permitted to those that everybody stands for here, and to no others"
            report(rule.path, f"permits everybody: {_classes(rule.permits.classes)}", why, Effect.LESS)
        elif only_glass and rule.recipients is not None:
            effect = Effect.LESS if self._closed() else Effect.NONE
            report(rule.path, "break the glass for one alone", "an emergency opens to all or to nobody", effect)
        if only_glass:
            return
        if rule.purposes is None and rule is not self._default:
            why = "a directive names one purpose; it stands for those that were named for it"
            report(f"{rule.path}.purpose", "every purpose", why if self._any_purpose else _NO_PURPOSE, Effect.LESS)
        targets = rule.recipients if rule.recipients is not None else self._everybody
        if not targets and rule.recipients is not None:
            report(rule.path, "permits whom the outer one names", "nobody of them is known", Effect.LESS)
        purposes = rule.purposes if rule.purposes is not None else self._any_purpose
        for key in ((to, purpose) for to in targets for purpose in sorted(purposes)):
            self._cells.setdefault(key, _Cell()).permits.append(rule)
            self._of.setdefault(rule.path, []).append(key)

    def _statement(self, rule: Rule) -> Statement:
        purposes = rule.purposes or NO_PURPOSES
        return Statement(rule.path, "permit", _classes(rule.permits.classes), purposes, rule.permits.classes)

    # DENIALS

    def _deny(self, rule: Rule) -> None:
        outer = rule.outer
        if rule.everyone:
            self._deny_everybody(rule)
        elif outer is not None and outer.path in self._of and _excepts(rule, outer):
            for key in self._of[outer.path]:
                self._cells[key].denies.append(rule)
        elif rule.recipients is None:
            self._deny_purposes(rule)
        elif not rule.recipients:
            says = f"denies {_classes(rule.denies.classes)}"
            self._rules.report(rule.path, says, "nobody of those whom it denies is known", Effect.MORE)
        else:
            self._deny_named(rule, rule.recipients)

    def _deny_everybody(self, rule: Rule) -> None:
        """Deny for every purpose: a standing denial, but for what the rules within it permit."""
        within = [each for each in self._rules.found if each.decision == "permit" and _is_within(each, rule)]
        reopened: Classes = NOTHING
        named: list[Rule] = []
        for each in within:
            if each.everyone and _is_whole(each) and self._holds(each):
                reopened |= each.permits.classes
            elif each.purposes or not each.glass:
                named.append(each)  # also what nothing comes of: the consent permits it, so this is no plain dissent
        left = rule.denies.classes - reopened
        conflict = left & NOTHING.union(*(each.permits.classes for each in named))
        if rule is self._default:
            self.statements.append(Statement(rule.path, "deny", "what is not permitted"))
            if named:
                left, conflict = NOTHING, left
        if conflict and not self._rules.exact:
            why = (
                "a standing denial would end what this consent permits, since a denial beats a permission; "
                "without one, the base policy of a custodian may permit it to others"
            )
            self._rules.report(rule.path, f"denies everybody else: {_classes(conflict)}", why, Effect.MORE)
        if not left:
            return
        if rule.end is not None:
            why = "a standing denial has no end; this denial is left out as a whole"
            self._rules.report(f"{rule.path}.period", "an end", why, Effect.MORE)
            return
        if rule.start > self._rules.now:
            self._rules.report(f"{rule.path}.period", "a beginning", "a standing denial begins at once", Effect.LESS)
        self._denied |= left - conflict
        self._closing.append(rule)
        self._standing_rules.append(rule.path)

    def _deny_purposes(self, rule: Rule) -> None:
        """Deny everybody some purposes: in an emergency it can be said, otherwise to those that are named only."""
        purposes = rule.purposes or NO_PURPOSES
        if (rule.glass or Purpose.ETREAT in purposes) and rule.end is not None:
            why = "a denial of emergencies has no end; this one is left out"
            self._rules.report(f"{rule.path}.period", "an end", why, Effect.MORE)
        elif rule.glass or Purpose.ETREAT in purposes:
            self._closing.append(rule)
            self._standing_rules.append(rule.path)
        if purposes:
            why = "a standing denial holds for every purpose, and a directive for one recipient"
            says = f"denies everybody {', '.join(sorted(item.word for item in purposes))}"
            self._rules.report(rule.path, says, why, Effect.MORE)
            self._deny_named(rule, self._everybody)

    def _deny_named(self, rule: Rule, targets: Iterable[Recipient]) -> None:
        purposes = frozenset(Purpose) if rule.purposes is None else rule.purposes
        if rule.glass:
            purposes |= {Purpose.ETREAT}
        for to in targets:
            if not self._rules.exact:
                self._what_a_denial_leaves(rule, to, purposes)
            for purpose in sorted(purposes):
                self._cells.setdefault((to, purpose), _Cell()).denies.append(rule)

    def _what_a_denial_leaves(self, rule: Rule, to: Recipient, purposes: frozenset[Purpose]) -> None:
        """Report, once for each recipient, who reads in spite of a directive that denies."""
        if isinstance(to, RoleRef):
            says, why = f"denies the role {to.role.word}", "who asks as an organisation is not held to one for its role"
        elif to.kind == "organisation" and Purpose.ETREAT in purposes:
            says = "denies an organisation in emergencies too"
            why = "an emergency opens in spite of a directive for an organisation; to a person alone it can be denied"
        else:
            return
        if to not in self._left_open:
            self._left_open.add(to)
            self._rules.report(f"{rule.path}.actor", says, why, Effect.MORE)

    # ONE DIRECTIVE

    def _draft(self, key: _Key, cell: _Cell) -> DirectiveDraft | None:
        permits = self._same_window(cell.permits)
        denies = NOTHING
        for rule in cell.denies:
            again = [each for each in permits if _is_within(each, rule)]
            denies |= rule.denies.classes - NOTHING.union(*(each.permits.classes for each in again))
        allowed = NOTHING.union(*(rule.permits.classes for rule in permits))
        if not allowed | denies:
            return None
        to, purpose = key
        if permits:
            first = permits[0]
            start, end = first.start, first.end
            self._compare(first, cell.denies)
        else:
            first = cell.denies[0]
            ends = [rule.end for rule in cell.denies]
            start = min(rule.start for rule in cell.denies)
            end = None if None in ends else max(item for item in ends if item is not None)
        author, since, until = (first.author, first.data_from, first.data_until) if permits else (ZERO_ADDRESS, 0, 0)
        blockers = {place for rule in permits for place in rule.blockers}
        rules = tuple(dict.fromkeys(rule.path for rule in (*permits, *cell.denies)))
        return DirectiveDraft(
            to, purpose, allowed, denies, start, end, author, since, until, rules=rules,
            blocked_by=tuple(sorted(blockers)),
        )  # fmt: skip

    def _same_window(self, permits: list[Rule]) -> list[Rule]:
        """Return the permissions that have window and limits of the first; a directive has one of each."""
        if not permits:
            return []
        for rule in permits:
            if _window(rule) != _window(permits[0]):
                why = "for this recipient and purpose another directive stands here, with another time or other limits"
                self._rules.report(rule.path, _classes(rule.permits.classes), why, Effect.LESS)
        return [rule for rule in permits if _window(rule) == _window(permits[0])]

    def _compare(self, permit: Rule, denies: list[Rule]) -> None:
        """Report denials whose time is not that of the directive they stand in."""
        for rule in denies:
            where, end, until = f"{rule.path}.period", rule.end or _NEVER, permit.end or _NEVER
            if rule.start > permit.start or end < until:
                self._rules.report(where, "a shorter time", "a directive denies as long as it holds", Effect.LESS)
            if rule.start < permit.start or end > until:
                self._rules.report(where, "a longer time", "a denial ends with its directive", Effect.MORE)


NO_PURPOSES: frozenset[Purpose] = frozenset()
_NEVER = 1 << 40
_NO_PURPOSE = "a directive names one purpose, and none was named for it"


def _window(rule: Rule) -> tuple[int, int | None, str, int, int]:
    return rule.start, rule.end, rule.author, rule.data_from, rule.data_until


def _classes(found: Classes) -> str:
    if found == codes.ALL:
        return "everything"
    parts = ["all ordinary classes"] if found >= codes.ORDINARY else []
    rest = found - codes.ORDINARY if parts else found
    return ", ".join([*parts, *(item.word for item in sorted(rest))]) or "nothing"


def _excepts(rule: Rule, outer: Rule) -> bool:
    """Whether a denial takes something from the directives of the permission around it, and says no more than that."""
    if outer.decision != "permit" or rule.own_actor or rule.own_purpose or rule.glass:
        return False
    if outer.recipients is None or outer.purposes is None:
        return False
    persons = all(isinstance(to, PartyRef) and to.kind == "person" for to in outer.recipients)
    return persons or Purpose.ETREAT not in outer.purposes


def _is_whole(rule: Rule) -> bool:
    """Whether a rule reopens for good what one around it denies: it has no limits, and no time of its own."""
    outer = rule.outer
    same_time = (rule.start, rule.end) == ((outer.start, outer.end) if outer is not None else (0, None))
    return same_time and not (rule.blockers or rule.data_from or rule.data_until) and rule.author == ZERO_ADDRESS


def _is_within(rule: Rule, outer: Rule) -> bool:
    return any(each is outer for each in rule.within())
