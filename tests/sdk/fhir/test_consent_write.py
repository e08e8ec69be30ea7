"""to_consent: directives and standing denials as FHIR Consents, and back.

round trips
  given any directive
    R4 and R5 read back as the very same, with its provenance  → test_prop_to_consent__any_directive__reads_back
  given any standing denial
    it reads back as the very same  → test_prop_to_consent__any_denial__reads_back
  given a consent of somebody else
    what was expressed of it stays through both  → test_to_consent__pattern_to_directive_and_back__the_same
what others read
  it validates with the models, in FHIR's order of elements  → test_to_consent__models__accept_it_in_order
  codes are the standard's wherever one means the class  → test_to_consent__labels__standard_where_exact
  the oracle of the tests reads no more of it than it permits  → test_prop_to_consent__another_reader__reads_no_more
  it names its receipt by the salted commitment, and has no hash  → test_to_consent__provenance__commitment_and_no_hash
refusals
  another version, a time no FHIR can write, a denial of nothing  → test_to_consent__cannot_be_written__refused
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.consent import Consent as R5
from fhir.resources.R4B.consent import Consent as R4
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger import DataClass, PartyRef, Purpose, Role, RoleRef, errors
from careledger.formats.fhir.consent import StandingDraft, read_consent
from careledger.formats.fhir.consent_codes import ALL, DATA_CLASS, ORDINARY, SENSITIVE
from careledger.formats.fhir.consent_model import DirectiveDraft, Provenance, StatedDenial, StatedDirective
from careledger.formats.fhir.consent_write import to_consent
from careledger.values import ZERO_ADDRESS, checksum
from tests.sdk.fhir.consent_kit import NOW, WHO, pattern
from tests.sdk.fhir.consent_oracle import LABELS, Question, said

VERSIONS = ("4.0.1", "5.0.0")
MODELS: dict[str, Any] = {"4.0.1": R4, "5.0.0": R5}
END = 253_402_300_800
ANA = PartyRef("person", "0x" + "05" * 20)
STANDS = Provenance(31_337, checksum("0x" + "0c" * 20), "0x" + "11" * 32, 3, "0x" + "22" * 32)

addresses = st.binary(min_size=20, max_size=20).map(lambda raw: checksum("0x" + raw.hex()))
classes = st.one_of(
    st.sampled_from([ALL, ORDINARY, SENSITIVE, frozenset()]), st.frozensets(st.sampled_from(list(DataClass)))
)
recipients = st.one_of(
    st.builds(PartyRef, st.sampled_from(["person", "organisation"]), addresses),
    st.builds(RoleRef, st.sampled_from([role for role in Role if role]), st.integers(0, (1 << 32) - 1)),
)


@st.composite
def directives(draw: st.DrawFn) -> DirectiveDraft:
    permits, denies = draw(classes), draw(classes)
    start = draw(st.one_of(st.just(0), st.integers(NOW, END - 2)))
    found = DirectiveDraft(
        draw(recipients), draw(st.sampled_from(list(Purpose))), permits, denies if permits else denies or ALL, start,
        draw(st.one_of(st.just(END), st.integers(max(start, NOW) + 1, END))),
    )  # fmt: skip
    if not permits:
        return found  # limits narrow what is permitted, and nothing is
    since = draw(st.one_of(st.just(0), st.integers(0, END - 2)))
    until = draw(st.one_of(st.just(0), st.integers(since + 1, END)))
    return replace(found, author=draw(st.one_of(st.just(ZERO_ADDRESS), addresses)), data_from=since, data_until=until)


@settings(max_examples=60, deadline=None)
@given(draft=directives(), version=st.sampled_from(VERSIONS), patient=addresses)
def test_prop_to_consent__any_directive__reads_back(draft: DirectiveDraft, version: Any, patient: Any) -> None:
    stated = StatedDirective(PartyRef("person", patient), draft, STANDS, given=NOW)
    reading = read_consent(json.loads(json.dumps(to_consent(stated, version=version))), now=NOW, chain_id=31_337)
    assert reading.accepted([]) == (draft,)
    assert reading.unexpressed == () and reading.standing is None
    assert (reading.patient, reading.provenance, reading.fhir_version) == (stated.patient, STANDS, version)


@settings(max_examples=60, deadline=None)
@given(denied=classes, closed=classes, version=st.sampled_from(VERSIONS))
def test_prop_to_consent__any_denial__reads_back(denied: Any, closed: Any, version: Any) -> None:
    if not denied | closed:
        return
    stated = StatedDenial(ANA, StandingDraft(denied, closed), replace(STANDS, directive_id="", receipt=""))
    reading = read_consent(to_consent(stated, version=version), now=NOW)
    assert reading.standing == stated.draft
    assert (reading.drafts, reading.unexpressed, reading.provenance) == ((), (), stated.provenance)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "name", ["by-author", "by-class", "by-time", "for-research", "normal-not-restricted", "normal-focused-psy"]
)
def test_to_consent__pattern_to_directive_and_back__the_same(name: str, version: Any) -> None:
    first = read_consent(pattern("r4", name), resolve=lambda system, value: WHO.get(value), now=NOW)
    for draft in first.accepted([]):
        ending = replace(draft, expires_at=draft.expires_at or END)
        written = to_consent(StatedDirective(ANA, ending, STANDS), version=version)
        assert read_consent(written, now=NOW).drafts == (ending,)
        again = to_consent(StatedDirective(ANA, read_consent(written, now=NOW).drafts[0], STANDS), version=version)
        assert again == written


def stated(permits: frozenset[DataClass], denies: frozenset[DataClass], **more: Any) -> StatedDirective:
    draft = DirectiveDraft(WHO["Organization/clinic"], Purpose.TREAT, permits, denies, NOW, NOW + 1000, **more)
    return StatedDirective(ANA, draft, STANDS, given=NOW, privacy_notice="https://hospital.example/privacy")


@pytest.mark.parametrize("version", VERSIONS)
def test_to_consent__models__accept_it_in_order(version: Any) -> None:
    limited = {"author": checksum("0x" + "0d" * 20), "data_from": 5, "data_until": 9}
    for one in (
        stated(ORDINARY, SENSITIVE, **limited),
        stated(frozenset({DataClass.LABS}), frozenset()),
        stated(frozenset(), ALL),
        replace(stated(ALL, frozenset()), is_active=False),
        StatedDenial(ANA, StandingDraft(SENSITIVE, frozenset({DataClass.HIV, DataClass.LABS})), STANDS),
    ):
        tree = to_consent(one, version=version)
        model = MODELS[version].model_validate(tree)
        assert list(json.loads(model.model_dump_json())) == list(tree), "elements stand in FHIR's order"
        assert tree["status"] == ("active" if getattr(one, "is_active", True) else "inactive")


def labels(tree: dict[str, Any]) -> tuple[list[str], list[str]]:
    provision = tree["provision"]
    inner = provision["provision"][0]["securityLabel"] if "provision" in provision else []
    return [item["code"] for item in provision["securityLabel"]], [item["code"] for item in inner]


def test_to_consent__labels__standard_where_exact() -> None:
    assert labels(to_consent(stated(ORDINARY, SENSITIVE), version="4.0.1")) == (["N"], ["R"])
    assert labels(to_consent(stated(ALL, frozenset()), version="4.0.1")) == (["N", "R"], [])
    only_sensitive, _ = labels(to_consent(stated(SENSITIVE, frozenset()), version="4.0.1"))
    assert "R" not in only_sensitive, "in a permission R stands for what is normal too"
    assert set(only_sensitive) == {"SEX", "GDIS", "PSY", "ETH", "HIV", "SDV", "GENDER"}
    tree = to_consent(stated(frozenset({DataClass.LABS, DataClass.SEXUAL_HEALTH}), frozenset()), version="4.0.1")
    assert {item["system"] for item in tree["provision"]["securityLabel"]} == {DATA_CLASS}


@settings(max_examples=40, deadline=None)
@given(permits=classes, denies=classes)
def test_prop_to_consent__another_reader__reads_no_more(permits: Any, denies: Any) -> None:
    if not permits | denies:
        return
    provision = to_consent(stated(permits, denies), version="4.0.1")["provision"]
    for each in (provision, *provision.get("provision", ())):
        each["securityLabel"] = [item for item in each["securityLabel"] if item["code"] in LABELS]
    known = LABELS["N"] | LABELS["HIV"] | LABELS["PSY"] | LABELS["GDIS"]
    provision["actor"] = [{"reference": {"reference": "Organization/clinic"}}]
    for item in known:
        if said(provision, Question("Organization/clinic", "TREAT", item)) == "permit":
            assert item in permits - (denies & (LABELS["HIV"] | LABELS["PSY"] | LABELS["GDIS"]))


@pytest.mark.parametrize("version", VERSIONS)
def test_to_consent__provenance__commitment_and_no_hash(version: Any) -> None:
    tree = to_consent(stated(ORDINARY, SENSITIVE), version=version)
    values = {item["system"]: item["value"] for item in tree["identifier"]}
    assert values["urn:careledger:receipt"] == STANDS.receipt
    assert values["urn:ietf:rfc:3986"] == (
        f"urn:careledger:directive:eip155:31337:{STANDS.contract}:{STANDS.directive_id}:3"
    )
    text = json.dumps(tree)
    assert '"hash"' not in text and "sourceAttachment" not in text
    assert tree["verification"][0]["verified"] is True


def test_to_consent__cannot_be_written__refused() -> None:
    with pytest.raises(errors.InputError, match=r"no form of Consent for '3\.0\.2'"):
        to_consent(stated(ORDINARY, SENSITIVE), version="3.0.2")  # type: ignore[arg-type]
    late = stated(ORDINARY, SENSITIVE)
    with pytest.raises(errors.InputError, match="after the year 9999"):
        to_consent(replace(late, draft=replace(late.draft, expires_at=END + 1)))
    with pytest.raises(errors.InputError, match="denies nothing"):
        to_consent(StatedDenial(ANA, StandingDraft(frozenset(), frozenset()), STANDS))
