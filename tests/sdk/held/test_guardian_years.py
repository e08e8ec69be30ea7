"""Guardians for a year at most, renewed every year, never past majority.

expiring
  it lists what ends soon, delegates included, the soonest first, and who renews   → test_C8_expiring__…
renew
  given a steward                     → same purposes, another year at most      → test_renew__steward__…
  given a patient without ether       → its signature, carried by anyone         → test_renew__patient_signs__…
  given a delegate                    → by its parent, within the parent's term  → test_C7_renew__delegate__…
  given a stranger                    → refused with the contract's reason
  given a stated majority             → ends before it; nothing is drafted beyond → test_C9_draft__…
  given majority reached, or ended    → refused, and the worklist says why       → test_C9_expiring__…
state_majority
  it is sealed, and on no chain       → test_state_majority__…
list
  given a claim of the account        → a new life: nobody is guardian any more  → test_C8_list__…
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from careledger import Purpose, Will, errors
from careledger.resources.calendar import DAY, WEEK
from tests.sdk.resources.town import Town

ORDER = {"will": Will.LEGAL_AUTHORITY, "evidence": b"guardianship order, ref. 12/2026"}
PURPOSES = {Purpose.PATRQT, Purpose.TREAT}


def ward(town: Town):
    return town.steward.care.held.open(**ORDER).value.subject


def appointed(town: Town, patient, *, days: int = 20, depth: int = 0, guardian=None):
    terms = town.steward.care.guardians.draft(
        patient=patient, guardian=(guardian or town.stranger).party, purposes=PURPOSES, for_days=days, depth=depth
    )
    town.steward.care.guardians.appoint_for(terms, **ORDER)
    return terms.call["until"]


def delegated(town: Town, patient, *, to, days: int = 10):
    terms = town.care.guardians.draft(patient=patient, guardian=to.party, purposes={Purpose.PATRQT}, for_days=days)
    town.stranger.care.guardians.appoint_for(terms, **ORDER)
    return terms.call["until"]


def day_in(town: Town, days: float) -> date:
    return (datetime.fromtimestamp(town.care.participants.now(), UTC) + timedelta(days=days)).date()


def test_C8_expiring__what_ends_soon__delegates_included_soonest_first(town: Town) -> None:
    patient = ward(town)
    parent = appointed(town, patient, days=25, depth=1)
    delegate = delegated(town, patient, to=town.doctor)
    lasting = appointed(town, patient, days=300, guardian=town.board)
    found = town.steward.care.guardians.expiring(within_days=30, patients=[patient])
    assert [(item.entry.until, item.by) for item in found] == [(delegate, "parent"), (parent, "steward")]
    assert [item.blocked for item in found] == [None, None]
    assert found[0].latest == parent
    mine = town.steward.care.guardians.expiring(within_days=301)
    assert [item.entry.until for item in mine if item.entry.patient == patient] == [delegate, parent, lasting]
    assert {item.entry.patient for item in town.stranger.care.guardians.expiring(within_days=30)} >= {patient}
    assert found[0].to_json()["entry"]["holds"] == ["PATRQT"]
    town.steward.care.guardians.end(patient=patient, guardian=town.stranger.party)
    left = town.steward.care.guardians.list(patient)
    assert [item.guardian.address for item in left] == [town.board.party.address]
    assert len(town.steward.care.guardians.list(patient, live=False)) == 3


def test_renew__steward__same_purposes_another_year_at_most(town: Town) -> None:
    patient = ward(town)
    before = appointed(town, patient, days=20, depth=1)
    receipt = town.steward.care.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    event = receipt.event("GuardianAppointed").args
    assert event["purposes"] == sum(item.mask for item in PURPOSES)
    assert (event["depth"], event["version"]) == (1, 2)
    year = town.care.participants.now() + 366 * DAY
    assert before < event["until"] <= year < event["until"] + WEEK + DAY
    assert receipt.event("ActedFor").args["will"] == Will.LEGAL_AUTHORITY.value
    with pytest.raises(errors.InputError, match="nothing to renew yet"):
        town.steward.care.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    with pytest.raises(errors.InputError, match="needs its evidence"):
        town.steward.care.guardians.renew(patient=patient, guardian=town.stranger.party, will=Will.PAPER)


def test_renew__patient_signs__carried_by_anyone(town: Town) -> None:
    ana = town.patient()
    terms = town.care.guardians.draft(
        patient=ana.party, guardian=town.doctor.party, purposes={Purpose.PATRQT}, for_days=20
    )
    town.relayer.care.guardians.appoint(terms.signed_by(ana.signer))
    again = town.care.guardians.draft_renewal(patient=ana.party, guardian=town.doctor.party)
    receipt = town.relayer.care.guardians.appoint(again.signed_by(ana.signer))
    assert receipt.event("GuardianAppointed").args["until"] == again.call["until"] > terms.call["until"]


def test_C7_renew__delegate__by_its_parent_within_the_parents_term(town: Town) -> None:
    patient = ward(town)
    end = appointed(town, patient, days=25, depth=1)
    delegated(town, patient, to=town.doctor, days=5)
    who = {"patient": patient, "guardian": town.doctor.party}
    receipt = town.stranger.care.guardians.renew(**who, **ORDER)
    assert receipt.event("GuardianAppointed").args["until"] <= end
    with pytest.raises(errors.InputError, match="nothing to renew yet"):
        town.stranger.care.guardians.renew(**who, **ORDER)
    town.steward.care.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    later = town.stranger.care.guardians.renew(**who, **ORDER)
    assert later.event("GuardianAppointed").args["until"] > end


def test_renew__stranger__refused_with_the_contracts_reason(town: Town) -> None:
    patient = ward(town)
    appointed(town, patient)
    with pytest.raises(errors.GuardianRegistry_NotAuthorised):
        town.clinic.care.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)


def test_C9_draft__beyond_a_stated_majority__refused_and_a_renewal_ends_before_it(town: Town) -> None:
    patient, steward = ward(town), town.steward.care
    steward.guardians.state_majority(patient, day_in(town, 100))
    appointed(town, patient, days=20)
    with pytest.raises(errors.InputError, match="outlast the ward's minority") as caught:
        steward.guardians.draft(patient=patient, guardian=town.doctor.party, purposes=PURPOSES, for_days=102)
    assert day_in(town, 100).isoformat() not in str(caught.value) + caught.value.why + caught.value.fix
    receipt = steward.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    majority = int(datetime.combine(day_in(town, 100), datetime.min.time(), UTC).timestamp())
    assert majority - WEEK < receipt.event("GuardianAppointed").args["until"] <= majority


def test_C9_expiring__majority_near_or_ended__says_why_it_cannot_be_renewed(town: Town) -> None:
    patient, steward = ward(town), town.steward.care
    appointed(town, patient, days=12)
    steward.guardians.state_majority(patient, day_in(town, 12))
    (line,) = steward.guardians.expiring(within_days=30, patients=[patient])
    assert line.blocked is not None and "majority" in line.blocked
    with pytest.raises(errors.InputError):
        steward.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    steward.guardians.end(patient=patient, guardian=town.stranger.party)
    assert steward.guardians.expiring(within_days=30, patients=[patient]) == []
    with pytest.raises(errors.NotFound, match="was ended"):
        steward.guardians.renew(patient=patient, guardian=town.stranger.party, **ORDER)
    with pytest.raises(errors.NotFound, match="is no guardian"):
        steward.guardians.get(patient, guardian=town.officer.party)


def test_state_majority__sealed_on_this_machine__and_on_no_chain(town: Town) -> None:
    patient, day = ward(town), date(2031, 5, 17)
    town.steward.care.guardians.state_majority(patient, day)
    assert town.steward.care.guardians.majority(patient) == day
    kept = list((town.care.home / "majority").glob("*.note"))
    assert not [path for path in kept if b"2031" in path.read_bytes()]
    bare = town.care.as_(town.steward.signer)
    bare.opener = None
    with pytest.raises(errors.InputError, match="no key"):
        bare.guardians.draft(patient=patient, guardian=town.doctor.party, purposes=PURPOSES)
    with pytest.raises(errors.InputError, match="no key"):
        bare.guardians.state_majority(patient, day)


def test_C8_list__claimed_account__is_a_new_life(town: Town) -> None:
    card = town.steward.care.held.new_card()
    patient = town.steward.care.held.open(card, **ORDER).value.subject
    appointed(town, patient)
    assert town.care.guardians.list(patient)
    own, held = town.patient(), town.care.held.find(card)
    town.relayer.care.held.claim(held, town.care.held.sign_claim(held, controller=own.signer.address, signer=card))
    assert town.care.guardians.list(patient, live=False) == []
