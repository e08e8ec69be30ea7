"""read_consent, element by element: what each of a provision's criteria comes to, and what is said of the rest.

times: days, months, zones, open ends, what is over         → test_read__times__…
actors: resolver, identifiers, bundles, roles, accounts     → test_read__actors__found_by_every_road
actions                                                     → test_read__actions__reading_alone_can_be_said
purposes                                                    → test_read__purposes__codes_and_what_they_subsume
no purpose, nobody named                                    → test_H6_read__no_purpose_or_nobody_named__no_wildcard
classes: labels, types, codes, and several together         → test_read__classes__exact_or_reported
policies and decisions                                      → test_read__policies__what_holds_otherwise
everybody is denied all but something                       → test_read__denied_all_but_one__standing_for_the_rest
a permission to whom nobody knows                           → test_read__permits_whom_nobody_knows__no_dissent_either
what is not in force                                        → test_read__not_in_force__nothing_becomes_of_it
what is no rule                                             → test_read__no_rule__kept_for_the_receipt
of STU3, of two versions, of nothing                        → test_read__another_shape__refused
nested thousands of levels deep                             → test_read__nested_thousands_deep__refused
of any other shape                                          → test_read__hostile_shapes__never_raise_anything_else
"""

from __future__ import annotations

from typing import Any

import pytest

from careledger import DataClass, PartyRef, Purpose, Role, RoleRef, errors
from careledger.formats.fhir.consent import ConsentReading, Effect, StandingDraft
from careledger.formats.fhir.consent_codes import ALL, ORDINARY, POLICY, SENSITIVE, TYPE_EXTENSION
from tests.sdk.fhir.consent_kit import (
    ACTION,
    CLINIC,
    DOCTOR,
    actor,
    consent,
    effects,
    label,
    pattern,
    permit,
    policy,
    purpose,
    read,
    types,
    without_outcome,
)


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


def test_H6_read__no_purpose_or_nobody_named__no_wildcard() -> None:
    for wide in (
        {"type": "permit", "actor": actor("Organization/clinic")},
        {"type": "permit", "purpose": purpose("TREAT")},
    ):
        reading = read(consent(wide))
        assert (reading.drafts, reading.widening) == ((), ())
        assert Effect.LESS in effects(reading).values()


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


def test_read__nested_thousands_deep__refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"provision": [deep]}
    with pytest.raises(errors.FormatError, match="nests more than 200 levels"):
        read({"resourceType": "Consent", "status": "active", "decision": "permit", **deep})


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
