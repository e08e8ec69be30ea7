"""read_consent: FHIR Consents of R4 and R5 into drafts, and what no directive can say.

every element
  of the published examples is used, kept or reported  → test_read__published_examples__every_leaf_accounted_for
  that nobody foresaw is reported, and blocks                 → test_prop_read__foreign_element__reported_and_blocks
  a modifier extension anywhere is                            → test_read__modifier_extension__reported_anywhere
  that is of another kind of value is reported, or refused    → test_read__any_value_exchanged__read_or_refused
never more than the consent says
  given any tree of provisions that reads without a report
    it permits nothing that the consent does not              → test_prop_read__any_tree__never_permits_more
    neither a base policy nor an emergency reads what the
    consent denies                                            → test_prop_read__any_tree__never_loses_a_denial
    also in the long run                                      → test_prop_read__any_tree__neither_for_long
  given a tree with recipient and purpose in each provision
    it permits exactly what the consent does                  → test_prop_read__named_throughout__permits_the_same
the patterns of IHE Privacy Consent on FHIR
  come to these directives in R4 and R5                       → test_read__pattern__comes_to_these_directives
  are valid for the models of their version                   → test_read__pattern__is_valid_fhir
  have window and limits                                      → test_read__pattern_by_time__has_window_and_limits
  to everybody stand for whom the caller names                → test_read__pattern_to_everybody__named_by_the_caller
accepted
  without the names of what narrows                           → test_accepted__not_named__refused
  with them                                                   → test_accepted__named__gives_the_drafts
  with a name that stands for nothing                         → test_accepted__unknown_name__refused
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger import DataClass, PartyRef, Purpose, Role, RoleRef, errors
from careledger.formats.fhir.consent import ConsentReading, Effect
from careledger.formats.fhir.consent_codes import ALL, ORDINARY, SENSITIVE
from careledger.formats.fhir.consent_model import without_indices
from tests.sdk.fhir.consent_kit import (
    ANA,
    CLINIC,
    HERE,
    HOSPITAL,
    WHO,
    actor,
    consent,
    effects,
    label,
    pattern,
    permit,
    purpose,
    read,
    without_outcome,
)
from tests.sdk.fhir.consent_oracle import LABELS, Question, comes_to, said
from tests.shared_data import shared

SEEDS = Path(__file__).resolve().parents[3] / "seeds" / "consents"

# EVERY ELEMENT


def examples() -> list[Path]:
    return [path for version in ("r4", "r5") for path in sorted(shared("fhir-examples", version, "Consent").iterdir())]


def test_read__published_examples__every_leaf_accounted_for() -> None:
    found = examples()
    assert len(found) == 16
    for path in found:
        tree = json.loads(path.read_bytes())
        reading = read(tree, now=1_450_000_000)
        assert without_outcome(tree, reading) == [], path.name
        assert reading.fhir_version == ("4.0.1" if path.parent.parent.name == "r4" else "5.0.0")
        assert all(item.why and item.effect in Effect for item in reading.unexpressed)


def places(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a tree that something may be added to."""
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from places(child)
    elif isinstance(value, list):
        for child in value:
            yield from places(child)


names = st.text("abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=12).map(lambda text: f"x{text}")
values = st.one_of(st.text(max_size=5), st.booleans(), st.lists(st.just({"code": "x"}), max_size=2), st.just({}))


@given(at=st.integers(0, 10_000), name=names, value=values, version=st.sampled_from(["r4", "r5"]))
def test_prop_read__foreign_element__reported_and_blocks(at: int, name: str, value: Any, version: str) -> None:
    tree = json.loads((HERE / version / "by-time.json").read_bytes())
    provision = tree["provision"] if version == "r4" else tree["provision"][0]
    inside = list(places(provision))
    inside[at % len(inside)][name] = value
    reading = read(tree)
    assert without_outcome(tree, reading) == []
    found = [item for item in reading.unexpressed if item.location.endswith(f".{name}")]
    assert [item.effect for item in found] == [Effect.MORE]
    with pytest.raises(errors.InputError, match=f".{name}"):
        reading.accepted(["Consent.decision"] if version == "r5" else [])


@pytest.mark.parametrize("where", ["verification", "policy", "provision"])
def test_read__modifier_extension__reported_anywhere(where: str) -> None:
    extension = [{"url": "https://clinic.example/only-on-mondays", "valueBoolean": True}]
    tree = consent(permit(), policy=[{"uri": "https://a.example"}], verification=[{"verified": True}])
    next(places(tree[where]))["modifierExtension"] = extension
    found = [item for item in read(tree).widening if "modifierExtension" in item.location]
    assert len(found) == 1 and read(tree).drafts[0].blocked_by == (found[0].location,)


@pytest.mark.parametrize("other", [None, [], {}, 5, "", [[]], [{}], {"a": 1}, True, "\ud800"], ids=repr)
def test_read__any_value_exchanged__read_or_refused(other: Any) -> None:
    for path in [*examples(), *sorted(HERE.rglob("*.json")), *sorted(SEEDS.iterdir())]:
        whole = json.loads(path.read_bytes())
        for keys in addresses(whole):
            tree = at = copy.deepcopy(whole)
            for key in keys[:-1]:
                at = at[key]
            at[keys[-1]] = other
            try:
                assert read(tree, now=1_450_000_000).to_json(), (path.name, keys)
            except errors.FormatError as error:
                assert error.message and error.why + error.fix, (path.name, keys)


def addresses(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every member and item in a tree, by its keys; of a long list the first two."""
    items = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*above, key)
        yield from addresses(inner, (*above, key))


# NEVER MORE

PURPOSES = ("TREAT", "HRESCH", "HMARKT", "ETREAT", "BTG")
ACTORS = ("Organization/clinic", "Practitioner/doctor")


@st.composite
def provisions(draw: st.DrawFn, depth: int = 0, *, named: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"type": draw(st.sampled_from(["permit", "deny"]))}
    if named or draw(st.booleans()):
        found["actor"] = actor(*draw(st.lists(st.sampled_from(ACTORS), min_size=1, max_size=1 if named else 2)))
    if named or draw(st.booleans()):
        codes = PURPOSES[:3] if named else PURPOSES
        found["purpose"] = purpose(*draw(st.lists(st.sampled_from(codes), min_size=1, max_size=1 if named else 3)))
    if draw(st.booleans()):
        found["securityLabel"] = label(*draw(st.lists(st.sampled_from(sorted(LABELS)), min_size=1, max_size=2)))
    if depth < 3:
        inner = draw(st.lists(provisions(depth + 1, named=named), max_size=2))
        found |= {"provision": inner} if inner else {}
    return found


def questions() -> Iterator[tuple[PartyRef, Question]]:
    some = (DataClass.LABS, DataClass.HIV, DataClass.MENTAL_HEALTH, DataClass.GENOMICS, DataClass.VIOLENCE)
    for who in ACTORS:
        for to in PURPOSES:
            for asked in some:
                yield WHO[who], Question(who, to, asked)


def require_no_more_permitted(provision: dict[str, Any]) -> None:
    reading = read(consent(provision))
    for who, question in questions():
        if question.purpose != "BTG" and comes_to(reading, who, question, policy=False):
            assert said(provision, question) == "permit" or reading.widening, (question, reading)


def require_no_denial_lost(provision: dict[str, Any]) -> None:
    reading = read(consent(provision))
    for who, question in questions():
        if said(provision, question) == "deny":
            assert not comes_to(reading, who, question, policy=True) or reading.widening, (question, reading)


few = settings(max_examples=60, deadline=None)


@few
@given(provisions())
def test_prop_read__any_tree__never_permits_more(provision: dict[str, Any]) -> None:
    require_no_more_permitted(provision)


@few
@given(provisions())
def test_prop_read__any_tree__never_loses_a_denial(provision: dict[str, Any]) -> None:
    require_no_denial_lost(provision)


@few
@given(provisions(named=True))
def test_prop_read__named_throughout__permits_the_same(provision: dict[str, Any]) -> None:
    reading = read(consent(provision))
    for who, question in questions():
        if question.purpose == "BTG":
            continue
        answer = comes_to(reading, who, question, policy=False)
        if said(provision, question) == "permit":
            assert answer or Effect.LESS in effects(reading).values(), (question, reading)
        else:
            assert not answer, (question, reading)


@pytest.mark.deep
@settings(max_examples=5000, deadline=None)
@given(provisions())
def test_prop_read__any_tree__neither_for_long(provision: dict[str, Any]) -> None:
    require_no_more_permitted(provision)
    require_no_denial_lost(provision)


# THE PATTERNS


def short(reading: ConsentReading) -> list[str]:
    """Drafts in one line each: to, purpose, permits - denies."""
    names = {party: name.partition("/")[2] for name, party in WHO.items()}
    sets = {ALL: "all", ORDINARY: "ordinary", SENSITIVE: "sensitive", frozenset(): "nothing"}

    def classes(found: frozenset[DataClass]) -> str:
        if found in sets:
            return sets[found]
        rest = ["ordinary"] if found > ORDINARY else []
        return "+".join([*rest, *(item.word for item in sorted(found - ORDINARY if rest else found))])

    lines = [f"{names[d.to]} {d.purpose.name} {classes(d.permits)} - {classes(d.denies)}" for d in reading.drafts]
    if reading.standing is not None:
        lines.append(
            f"everybody {classes(reading.standing.denied)}, even {classes(reading.standing.even_in_emergency)}"
        )
    return lines


PATTERNS: dict[str, tuple[list[str], set[str]]] = {
    "deny-all-but-break-glass": (["everybody all, even nothing"], set()),
    "normal-and-break-glass-to-restricted": ([], set()),
    "by-author": (["clinic TREAT all - nothing"], set()),
    "by-class": (["clinic TREAT ordinary+hiv - notes"], set()),
    "by-time": (["clinic TREAT all - nothing"], set()),
    "by-data-object": (["clinic TREAT all - nothing"], {"provision.data"}),
    "by-encounter": (["clinic TREAT all - nothing"], {"provision.data"}),
    "for-research": (["institute HRESCH ordinary - nothing"], set()),
    "deny-one-organisation": (
        [f"clinic {item.name} nothing - all" for item in Purpose], {"provision.actor"},
    ),
    "basic-treat": ([], set()),
    "basic-reject": ([], {"provision", "provision.purpose"}),
    "normal-not-restricted": (["clinic TREAT ordinary - sensitive"], set()),
    "normal-focused-psy": (["clinic TREAT ordinary - nothing", "doctor TREAT mental-health - nothing"], set()),
    "not-authored-by": (["clinic TREAT all - nothing"], {"provision.provision.data"}),
    "not-timeframe": (["clinic TREAT all - nothing"], {"provision.provision.dataPeriod"}),
}  # fmt: skip
"""What each comes to, and what of it narrows and cannot be said."""
DEFAULT_DENIES = PATTERNS.keys() - {"deny-all-but-break-glass", "deny-one-organisation", "basic-reject"}
"""In R5 a permission stands under a decision that denies everybody else, which no directive can say."""


@pytest.mark.parametrize("version", ["r4", "r5"])
@pytest.mark.parametrize("name", PATTERNS)
def test_read__pattern__comes_to_these_directives(name: str, version: str) -> None:
    tree = pattern(version, name)
    reading = read(tree)
    drafts, widening = PATTERNS[name]
    assert short(reading) == drafts
    expected = {f"Consent.{place}" for place in widening}
    if version == "r5" and name in DEFAULT_DENIES:
        expected.add("Consent.decision")
    assert {without_indices(item.location) for item in reading.widening} == expected
    assert without_outcome(tree, reading) == []
    assert reading.patient == ANA


@pytest.mark.parametrize("version", ["r4", "r5"])
def test_read__pattern__is_valid_fhir(version: str) -> None:
    from fhir.resources.consent import Consent as R5
    from fhir.resources.R4B.consent import Consent as R4

    assert {path.stem for path in (HERE / version).iterdir()} == set(PATTERNS)
    for name in PATTERNS:
        (R4 if version == "r4" else R5).model_validate(pattern(version, name))


def test_read__pattern_by_time__has_window_and_limits() -> None:
    (timed,) = read(pattern("r4", "by-time")).drafts
    assert (timed.not_before, timed.expires_at) == (1_579_046_400, 4_102_444_800), "15 January 2020 to the end of 2099"
    assert (timed.data_from, timed.data_until) == (1_640_995_200, 1_672_531_200), "2022"
    (authored,) = read(pattern("r4", "by-author")).drafts
    assert (authored.author, authored.expires_at) == (HOSPITAL.address, None)


def test_read__pattern_to_everybody__named_by_the_caller() -> None:
    reading = read(pattern("r4", "basic-treat"), everybody=[CLINIC, RoleRef(Role.PHARMACY, 756_000)])
    assert [(draft.to, draft.purpose) for draft in reading.drafts] == [
        (to, code)
        for to in (CLINIC, RoleRef(Role.PHARMACY, 756_000))
        for code in (Purpose.TREAT, Purpose.HPAYMT, Purpose.HOPERAT)
    ]
    assert effects(reading)["Consent.provision"] is Effect.LESS and not reading.widening
    rejected = read(pattern("r4", "basic-reject"), everybody=[CLINIC])
    assert len(rejected.drafts) == 12 and all(draft.denies == ALL for draft in rejected.drafts)
    assert effects(rejected)["Consent.provision"] is Effect.MORE


# ACCEPTING


def test_accepted__not_named__refused() -> None:
    reading = read(pattern("r5", "by-data-object"))
    with pytest.raises(errors.InputError, match="2 things that no directive can say") as caught:
        reading.accepted([])
    assert "Consent.decision" in caught.value.message and "Consent.provision[0].data[0]" in caught.value.message
    with pytest.raises(errors.InputError, match="1 thing that"):
        reading.accepted(["Consent.decision"])


def test_accepted__named__gives_the_drafts() -> None:
    reading = read(pattern("r5", "by-data-object"))
    for names in (["Consent.decision", "Consent.provision[0].data[0]"], ["Consent.decision", "Consent.provision.data"]):
        assert reading.accepted(names) == reading.drafts
    denials = read(pattern("r4", "deny-one-organisation"))
    assert denials.widening and denials.accepted([]) == denials.drafts, "a denial alone is never in the way"


def test_accepted__unknown_name__refused() -> None:
    with pytest.raises(errors.InputError, match=r"nothing that widens access stands at Consent.provision.action"):
        read(pattern("r4", "by-data-object")).accepted(["Consent.provision.action"])
