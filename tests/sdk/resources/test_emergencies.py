"""Breaking the glass through the package, on a local chain.

open
  it returns the emergency as the contract stores it       → test_open__by_a_practitioner__says_all_that_is_stored
list
  it finds the organisation's, each as it stands           → test_list__of_an_organisation__holds_what_was_judged
the event
  it says every field that is stored                       → test_H11_open__the_event_alone__says_all_that_is_stored
"""

from __future__ import annotations

from careledger import EmergencyReason, Verdict
from careledger.values import Receipt
from tests.sdk.resources.town import SWITZERLAND, Town


def opened(town: Town) -> Receipt:
    return town.doctor.care.emergencies.open(
        town.patient().party, practitioner=town.doctor.party, organisation=town.clinic.party,
        jurisdiction=SWITZERLAND, reason=EmergencyReason.UNCONSCIOUS,
    )  # fmt: skip


def test_open__by_a_practitioner__says_all_that_is_stored(town: Town) -> None:
    emergency = opened(town).value
    assert emergency.practitioner == town.doctor.party
    assert emergency.organisation == town.clinic.party.address
    assert (emergency.jurisdiction, emergency.number) == (SWITZERLAND, 1)
    assert (emergency.reason, emergency.verdict, emergency.appealed) == (
        EmergencyReason.UNCONSCIOUS, Verdict.UNREVIEWED, False,
    )  # fmt: skip
    assert (emergency.until, emergency.review_due) == (emergency.opened_at + 8 * 3600, emergency.opened_at + 72 * 3600)


def test_list__of_an_organisation__holds_what_was_judged(town: Town) -> None:
    first, second = opened(town).value, opened(town).value
    town.officer.care.emergencies.review(first, verdict=Verdict.JUSTIFIED, evidence=b"chart reviewed")
    verdicts = {e.id: (e.verdict, e.jurisdiction) for e in town.care.emergencies.list(organisation=town.clinic.party)}
    assert verdicts[first.id] == (Verdict.JUSTIFIED, SWITZERLAND)
    assert verdicts[second.id] == (Verdict.UNREVIEWED, SWITZERLAND)
    assert town.care.emergencies.list(organisation=town.hospital.party) == []


def test_H11_open__the_event_alone__says_all_that_is_stored(town: Town) -> None:
    receipt = opened(town)
    said, emergency = receipt.event("EmergencyOpened").args, receipt.value
    assert said == {
        "emergencyId": emergency.id, "patient": emergency.patient.address, "practitioner": town.doctor.party.address,
        "organisation": emergency.organisation, "jurisdiction": emergency.jurisdiction,
        "reason": emergency.reason.value, "number": emergency.number, "until": emergency.until,
        "reviewDue": emergency.review_due,
    }  # fmt: skip
