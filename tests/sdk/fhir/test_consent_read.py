"""read_consent: FHIR Consents of R4 and R5 into drafts, and what no directive can say.

every element
  of the published examples is used, kept or reported  → test_read__published_examples__every_leaf_accounted_for
  that nobody foresaw is reported, and blocks                 → test_prop_read__foreign_element__reported_and_blocks
  a modifier extension anywhere is                            → test_read__modifier_extension__reported_anywhere
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
elements
  times: days, months, zones, open ends, what is over         → test_read__times__…
  actors: resolver, identifiers, bundles, roles, accounts     → test_read__actors__found_by_every_road
  actions                                                     → test_read__actions__reading_alone_can_be_said
  purposes                                                    → test_read__purposes__codes_and_what_they_subsume
  classes: labels, types, codes, and several together         → test_read__classes__exact_or_reported
  policies and decisions                                      → test_read__policies__what_holds_otherwise
  everybody is denied all but something                       → test_read__denied_all_but_one__standing_for_the_rest
  a permission to whom nobody knows                           → test_read__permits_whom_nobody_knows__no_dissent_either
  what is not in force                                        → test_read__not_in_force__nothing_becomes_of_it
  what is no rule                                             → test_read__no_rule__kept_for_the_receipt
  of STU3, of two versions, of nothing                        → test_read__another_shape__refused
  of any other shape                                          → test_read__hostile_shapes__never_raise_anything_else
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger import DataClass, PartyRef, Purpose, Role, RoleRef, errors
from careledger.formats.fhir.consent import ConsentReading, Effect, StandingDraft, read_consent
from careledger.formats.fhir.consent_codes import ALL, ORDINARY, POLICY, SENSITIVE, TYPE_EXTENSION
from careledger.formats.fhir.consent_model import without_indices
from tests.sdk.fhir.consent_oracle import LABELS, Question, comes_to, said
from tests.shared_data import shared

HERE = Path(__file__).parent / "consents"
NOW = 1_768_500_000
"""2026-01-15T18:00:00Z."""
CLINIC, HOSPITAL, INSTITUTE = (PartyRef("organisation", f"0x{n:02x}" * 1 + f"{n:02x}" * 19) for n in (1, 2, 3))
DOCTOR, ANA = (PartyRef("person", "0x" + f"{n:02x}" * 20) for n in (4, 5))
WHO = {
    "Organization/clinic": CLINIC, "Organization/hospital": HOSPITAL, "Organization/institute": INSTITUTE,
    "Practitioner/doctor": DOCTOR, "Patient/ana": ANA,
}  # fmt: skip
ACTOR = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIAL = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
ACTION = "http://terminology.hl7.org/CodeSystem/consentaction"


def read(tree: dict[str, Any], **more: Any) -> ConsentReading:
    return read_consent(tree, **{"resolve": lambda system, value: WHO.get(value), "now": NOW} | more)


def consent(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """An active R4 Consent of Ana."""
    found = {"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/ana"}, **more}
    return found | ({"provision": provision} if provision is not None else {})


def actor(*references: str, role: str = "IRCP") -> list[dict[str, Any]]:
    coding = {"coding": [{"system": ACTOR, "code": role}]}
    return [{"role": coding, "reference": {"reference": reference}} for reference in references]


def purpose(*codes: str) -> list[dict[str, str]]:
    return [{"system": REASON, "code": code} for code in codes]


def label(*codes: str) -> list[dict[str, str]]:
    return [{"system": CONFIDENTIAL if code in "ULMNRV" else ACT, "code": code} for code in codes]


def permit(*who: str, to: tuple[str, ...] = ("TREAT",), **more: Any) -> dict[str, Any]:
    return {"type": "permit", "actor": actor(*who or ("Organization/clinic",)), "purpose": purpose(*to), **more}


def effects(reading: ConsentReading) -> dict[str, Effect]:
    return {item.location: item.effect for item in reading.unexpressed}


# EVERY ELEMENT


def leaves(path: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, child in value.items():
            yield from leaves(f"{path}.{key}", child)
    elif isinstance(value, list) and value:
        for number, child in enumerate(value):
            yield from leaves(f"{path}[{number}]", child)
    else:
        yield path


def without_outcome(tree: dict[str, Any], reading: ConsentReading) -> list[str]:
    """The leaves that the reading says nothing about."""
    known = {*reading.used, *reading.kept, *(item.location for item in reading.unexpressed)}
    left = []
    for path in leaves("Consent", tree):
        around = {path[:at] for at, letter in enumerate(path) if letter in ".["} | {path}
        if not around & known:
            left.append(path)
    return left


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


def pattern(version: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / version / f"{name}.json").read_bytes())
    return found


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


# ELEMENTS


@pytest.mark.parametrize(
    "period, window",
    [
        ({"start": "2026-03-01", "end": "2026-03-31"}, (1_772_323_200, 1_775_001_600)),
        ({"start": "2026-03", "end": "2026-03"}, (1_772_323_200, 1_775_001_600)),
        ({"end": "2026"}, (0, 1_798_761_600)),
        ({"start": "2026-03-01T00:00:00+01:00", "end": "2026-03-31T23:59:59Z"}, (1_772_319_600, 1_775_001_600)),
        ({"start": "1964-01-01"}, (0, None)),
        ({"end": "9999-12-31"}, (0, 253_402_300_800)),
    ],
)
def test_read__times__as_fhir_means_them(period: dict[str, str], window: tuple[int, int | None]) -> None:
    (draft,) = read(consent(permit(period=period))).drafts
    assert (draft.not_before, draft.expires_at) == window


def test_read__times__in_the_zone_of_the_clinic() -> None:
    from zoneinfo import ZoneInfo

    found = read(consent(permit(period={"start": "2026-03-01"})), zone=ZoneInfo("Europe/Zurich"))
    assert found.drafts[0].not_before == 1_772_319_600


def test_read__times__over_or_unreadable__no_draft_or_blocked() -> None:
    over = read(consent(permit(period={"end": "2025"})))
    assert over.drafts == () and effects(over)["Consent.provision.period"] is Effect.NONE
    for period in ({"start": "soon"}, {"start": "2026-13"}, {"end": "2026-03-01T10:00:00"}, {"start": 5}):
        (draft,) = read(consent(permit(period=period))).drafts
        assert draft.blocked_by == ("Consent.provision.period",), period
    before = read(consent(permit(dataPeriod={"start": "1964"})))
    assert before.drafts[0].blocked_by == ("Consent.provision.dataPeriod",), "no directive begins before 1970"
    apart = permit(dataPeriod={"end": "2020"}, provision=[{"type": "permit", "dataPeriod": {"start": "2022"}}])
    assert Effect.NONE in effects(read(consent(apart))).values()


def test_read__actors__found_by_every_road() -> None:
    did = {
        "type": "Organization",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"did:pkh:eip155:1:{CLINIC.address}"},
    }
    everybody = {"type": "Group", "identifier": {"system": "urn:careledger:role", "value": "pharmacy@756000"}}
    by_identifier = {"identifier": {"system": "https://gln", "value": "7601"}}
    roads: list[tuple[dict[str, Any], dict[str, Any], Any]] = [
        ({"reference": "Organization/clinic"}, {}, CLINIC),
        (did, {"resolve": None}, CLINIC),
        (did, {"resolve": None, "chain_id": 1}, CLINIC),
        (everybody, {"resolve": None}, RoleRef(Role.PHARMACY, 756_000)),
        (by_identifier, {"resolve": lambda s, v: CLINIC if s == "https://gln" and v == "7601" else None}, CLINIC),
        (
            {"reference": "urn:uuid:5"},
            {
                "references": {"urn:uuid:5": [("https://gln", "7601")]},
                "resolve": lambda s, v: CLINIC if v == "7601" else None,
            },
            CLINIC,
        ),
    ]  # fmt: skip
    for reference, how, expected in roads:
        tree = consent(permit() | {"actor": [{"reference": reference}]})
        assert [draft.to for draft in read(tree, **how).drafts] == [expected], reference
    nobody: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"reference": "Organization/unknown"}, {}),
        (did, {"resolve": None, "chain_id": 5}),
        ({"identifier": {"system": "urn:careledger:role", "value": "wizard@756000"}}, {"resolve": None}),
        ({"identifier": {"system": "urn:careledger:role", "value": "pharmacy@\u0665"}}, {"resolve": None}),
        ({"display": "the clinic"}, {"resolve": None}),
        ({"reference": "Organization/clinic"}, {"resolve": lambda s, v: PartyRef("contract", CLINIC.address)}),
    ]
    for reference, how in nobody:
        for type_, effect in (("permit", Effect.LESS), ("deny", Effect.MORE)):
            tree = consent(permit() | {"type": type_, "actor": [{"reference": reference}]})
            reading = read(tree, **how)
            assert reading.drafts == () and effect in effects(reading).values(), (reference, type_)
    own = read(consent(permit("Patient/ana")))
    assert own.drafts == () and not own.widening, "the patient's own request is always allowed"
    assert read(consent(permit("Patient/ana") | {"type": "deny"})).widening
    role = {"role": {"coding": [{"system": "https://role.example", "code": "pharmacist"}]}}
    pharmacies = RoleRef(Role.PHARMACY, 756_000)
    by_role = read(
        consent(permit() | {"actor": [role]}), resolve=lambda s, v: pharmacies if v == "pharmacist" else None
    )
    assert by_role.drafts[0].to == pharmacies
    held = read(consent(permit(actor=[*actor("Organization/clinic"), *actor("Organization/hospital", role="CST")])))
    assert held.drafts[0].blocked_by == ("Consent.provision.actor[1]",), "a directive holds at every custodian"
    wrote = read(consent(permit(actor=[*actor("Organization/clinic"), *actor("Practitioner/doctor", role="AUT")])))
    assert wrote.drafts[0].author == DOCTOR.address


def test_read__actions__reading_alone_can_be_said() -> None:
    def with_action(type_: str, *codes: str) -> ConsentReading:
        action = [{"coding": [{"system": ACTION, "code": code}]} for code in codes]
        return read(consent(permit(to=("CAREMGT",), action=action) | {"type": type_}))

    assert with_action("permit", "access").drafts and not with_action("permit", "access").unexpressed
    for code in ("use", "disclose", "collect", "correct"):
        reading = with_action("permit", "access", code)
        assert len(reading.drafts) == 1 and set(effects(reading).values()) == {Effect.LESS}, code
    assert with_action("permit", "disclose").drafts == ()
    assert not with_action("deny", "access", "use", "disclose").widening
    assert with_action("deny", "disclose").drafts == () and with_action("deny", "disclose").widening
    assert set(effects(with_action("deny", "correct")).values()) == {Effect.NONE}


def test_read__purposes__codes_and_what_they_subsume() -> None:
    def purposes(type_: str, *codes: str) -> tuple[set[str], set[Effect]]:
        reading = read(consent(permit(to=codes) | {"type": type_}))
        return {draft.purpose.name for draft in reading.drafts}, set(effects(reading).values())

    for item in Purpose:
        assert purposes("permit", item.name) == ({item.name}, set())
    assert purposes("permit", "DSRCH") == (set(), {Effect.LESS})
    assert purposes("deny", "DSRCH") == ({"HRESCH"}, {Effect.LESS})
    assert purposes("deny", "HRESCH") == ({"HRESCH", "BIORCH", "CLINTRCH"}, set())
    assert purposes("deny", "TREAT") == ({"TREAT"}, {Effect.MORE})
    assert purposes("permit", "NOSUCH") == (set(), {Effect.LESS})
    assert purposes("deny", "NOSUCH") == (set(), {Effect.MORE})
    assert purposes("permit", "PurposeOfUse") == (set(), {Effect.LESS})
    assert len(purposes("deny", "PurposeOfUse")[0]) == len(Purpose)
    named = read(consent(permit(to=("PurposeOfUse",))), purposes=[Purpose.CAREMGT])
    assert [draft.purpose for draft in named.drafts] == [Purpose.CAREMGT]
    person = read(consent({"type": "deny", "actor": actor("Practitioner/doctor"), "purpose": purpose("BTG")}))
    assert [(draft.to, draft.purpose) for draft in person.drafts] == [(DOCTOR, Purpose.ETREAT)]
    glass = read(consent({"type": "deny", "purpose": purpose("BTG"), "securityLabel": label("R")}))
    assert glass.standing == StandingDraft(frozenset(), SENSITIVE) and not glass.unexpressed


def types(*names: str) -> list[dict[str, str]]:
    return [{"system": "http://hl7.org/fhir/resource-types", "code": name} for name in names]


MEDICATION_TYPES = ("MedicationAdministration", "MedicationDispense", "MedicationRequest", "MedicationStatement")
LOINC_HIV = [{"coding": [{"system": "http://loinc.org", "code": "7917-8"}]}]


MORE, LESS = Effect.MORE, Effect.LESS
CASES: list[tuple[dict[str, Any], str, Effect | None, str, Effect | None]] = [
    ({}, "all", None, "all", None),
    ({"securityLabel": label("N")}, "ordinary", None, "ordinary", None),
    ({"securityLabel": label("R")}, "all", None, "sensitive", None),
    ({"securityLabel": label("V")}, "all", None, "sensitive", LESS),
    ({"securityLabel": label("M")}, "ordinary", MORE, "ordinary", LESS),
    ({"securityLabel": label("HIV", "GDIS")}, "genomics hiv", None, "genomics hiv", None),
    ({"securityLabel": label("SEX")}, "reproductive sexual-health", None, "reproductive sexual-health", None),
    ({"securityLabel": label("SPI")}, "sensitive", None, "sensitive", None),
    ({"securityLabel": label("OPIOIDUD")}, "substance-use", MORE, "substance-use", LESS),
    ({"securityLabel": label("N", "CEL")}, "ordinary", LESS, "ordinary", MORE),
    ({"class": types("AllergyIntolerance")}, "allergies", None, "allergies", None),
    ({"class": types("MedicationRequest")}, "medications", MORE, "medications", LESS),
    ({"class": types(*MEDICATION_TYPES)}, "medications", None, "medications", None),
    ({"class": types("AllergyIntolerance", "Practitioner")}, "allergies", LESS, "allergies", MORE),
    ({"code": LOINC_HIV}, "hiv", MORE, "hiv", LESS),
    ({"securityLabel": label("N"), "class": types("AllergyIntolerance")}, "allergies", None, "allergies", LESS),
    (
        {"securityLabel": label("PSY"), "class": types("AllergyIntolerance")}, "allergies mental-health", MORE,
        "mental-health", LESS,
    ),
]  # fmt: skip
"""Criteria; what a permission of them permits and a denial of them denies, each with the effect of what is not said."""


@pytest.mark.parametrize("criteria, permits, over, denies, under", CASES)
def test_read__classes__exact_or_reported(
    criteria: dict[str, Any], permits: str, over: Effect | None, denies: str, under: Effect | None
) -> None:
    sets = {"all": ALL, "ordinary": ORDINARY, "sensitive": SENSITIVE}
    for type_, words, effect in (("permit", permits, over), ("deny", denies, under)):
        reading = read(consent(permit(to=("CAREMGT",), **criteria) | {"type": type_}))
        (draft,) = reading.drafts
        expected = sets.get(words, frozenset(DataClass.of(word) for word in words.split() if words not in sets))
        assert (draft.permits or draft.denies) == expected, type_
        assert {item.effect for item in reading.unexpressed} == ({effect} if effect else set()), type_
        assert bool(draft.blocked_by) == (type_ == "permit" and effect is Effect.MORE)


def policy(code: str) -> dict[str, Any]:
    return {"coding": [{"system": ACT, "code": code}]}


def test_read__policies__what_holds_otherwise() -> None:
    opted_in = read(consent(policyRule=policy("OPTIN")))
    assert [(item.decision, item.location) for item in opted_in.statements] == [("permit", "Consent.policyRule")]
    assert effects(opted_in) == {"Consent.policyRule": Effect.LESS} and opted_in.standing is None
    opted_out = read(consent(policyRule=policy("OPTOUT")))
    assert opted_out.standing == StandingDraft(ALL, ALL) and not opted_out.unexpressed
    emergency = read(consent(policyRule=policy("EMRGONLY"), category=[policy("EMRGONLY")]))
    assert emergency.standing == StandingDraft(ALL, frozenset()) and not emergency.unexpressed
    assert (
        effects(read(consent(permit(), category=[policy("EMRGONLY")])))["Consent.category[0].coding[0]"] is Effect.MORE
    )
    but_one = read(consent(permit(), policyRule=policy("OPTOUT")))
    assert but_one.standing is None and but_one.drafts[0].blocked_by == ("Consent.policyRule",)
    untyped = read(consent({"actor": actor("Organization/clinic")}, policyRule=policy("OPTIN")))
    assert untyped.drafts == () and effects(untyped)["Consent.provision"] is Effect.MORE
    assert len(read(consent({"actor": actor("Organization/clinic")}, policyRule=policy("OPTOUT"))).drafts) == len(
        Purpose
    )
    r5 = {"resourceType": "Consent", "status": "active", "subject": {"reference": "Patient/ana"}}
    typed = {"extension": [{"url": TYPE_EXTENSION, "valueCode": "deny"}], "actor": actor("Practitioner/doctor")}
    assert len(read(r5 | {"provision": [typed]}).drafts) == len(Purpose)
    assert read(r5 | {"provision": [{"actor": actor("Practitioner/doctor")}]}).widening
    whole = read(r5 | {"decision": "deny", "period": {"end": "2030"}})
    assert whole.standing is None and effects(whole)["Consent.decision.period"] is Effect.MORE
    ours = read(consent(permit(), policyRule=policy("OPTOUT"), policy=[{"uri": POLICY}]))
    assert not ours.unexpressed and ours.drafts[0].blocked_by == ()


def test_read__denied_all_but_one__standing_for_the_rest() -> None:
    inner = permit(securityLabel=label("HIV"))
    reading = read(consent({"type": "deny", "provision": [inner]}))
    assert reading.standing is not None and reading.standing.denied == ALL - {DataClass.HIV}
    assert reading.standing.even_in_emergency == ALL
    assert effects(reading) == {"Consent.provision": Effect.MORE}, (
        "HIV is denied to everybody else, which cannot be said"
    )
    everyone = read(consent({"type": "deny", "provision": [{"type": "permit", "securityLabel": label("N")}]}))
    assert everyone.standing == StandingDraft(SENSITIVE, SENSITIVE) and not everyone.widening


def test_read__permits_whom_nobody_knows__no_dissent_either() -> None:
    tree = pattern("r5", "by-class")
    reading = read(tree, resolve=None)
    assert (reading.drafts, reading.standing) == ((), None), "an unknown clinic does not make it a denial to everybody"
    assert effects(reading)["Consent.decision"] is Effect.MORE
    assert without_outcome(tree, reading) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"status": "inactive"}, {"status": "draft"}, {"status": None},
        {"scope": {"coding": [{"code": "treatment"}]}}, {"scope": {"coding": [{"code": "adr"}]}},
        {"category": [{"coding": [{"code": "dnr"}]}]},
    ],
)  # fmt: skip
def test_read__not_in_force__nothing_becomes_of_it(changed: dict[str, Any]) -> None:
    reading = read(consent(permit()) | changed)
    assert (reading.drafts, reading.standing, reading.widening) == ((), None, ())
    assert Effect.NONE in effects(reading).values()


def test_read__no_rule__kept_for_the_receipt() -> None:
    tree = pattern("r4", "by-time") | {
        "language": "de", "sourceAttachment": {"title": "Formular", "data": "AAAA"},
        "verification": [{"verified": True, "verifiedWith": {"reference": "Patient/ana"}}],
    }  # fmt: skip
    notice = read(tree).notice
    assert notice["privacy_notice"] == "https://hospital.example/privacy/2026" and notice["language"] == "de"
    assert (notice["event_time"], notice["entity_id"]) == ("2026-01-15", "Patient/ana")
    assert notice["pii_controllers"] == ["Organization/hospital"]
    assert notice["fhir"]["sourceReference"] == {"reference": "DocumentReference/signed-form"}
    assert notice["fhir"]["sourceAttachment"] == [{"title": "Formular"}] and "AAAA" not in repr(notice)
    assert notice["fhir"]["verification"][0]["verified"] is True
    assert effects(read(tree))["Consent.sourceAttachment.data"] is Effect.NONE
    spoken = consent(permit(), text={"status": "additional", "div": "<div>but not on Sundays</div>"})
    assert effects(read(spoken))["Consent.text"] is Effect.MORE


@pytest.mark.parametrize(
    "tree, message",
    [
        ({"resourceType": "Patient"}, "this is no Consent"),
        ({"resourceType": "Consent", "except": []}, "of STU3"),
        (consent(permit(), decision="deny"), "mixes elements of R4 (patient, provision{}) and R5 (decision)"),
    ],
)
def test_read__another_shape__refused(tree: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.FormatError) as caught:
        read(tree)
    assert message in caught.value.message


def test_read__hostile_shapes__never_raise_anything_else() -> None:
    bad: list[Any] = [
        None,
        [],
        {},
        "x",
        5,
        [None],
        [[]],
        [{"coding": "x"}],
        {"coding": [{"code": 5}]},
        [{"reference": []}],
    ]
    keys = "actor action purpose securityLabel class code dataPeriod data period expression provision type".split()
    for key in keys:
        for value in bad:
            for tree in (
                consent(permit() | {key: value}),
                consent({key: value}),
                {**pattern("r5", "by-time"), "provision": [{key: value}]},
            ):
                reading = read(tree)
                assert without_outcome(tree, reading) == []
                assert reading.to_json()
    for key in (
        "status",
        "patient",
        "scope",
        "category",
        "policyRule",
        "policy",
        "text",
        "sourceAttachment",
        "identifier",
        "performer",
    ):
        for value in bad:
            tree = consent(permit()) | {key: value}
            assert without_outcome(tree, read(tree)) == [], (key, value)
