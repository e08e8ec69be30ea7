"""What a privacy officer has to review, and what was read under it.

given emergencies of two organisations
  only its own unreviewed ones are listed, the most urgent first   → test_H10_worklist__own_unreviewed__urgent_first
given an emergency under which a record was read
  the readings are with it, from the reader's receipts
  or from a custodian's book                                       → test_H10_worklist__readings__from_receipts_or_book
when its time runs
  it is open, then due, then overdue, then gone when reviewed      → test_H10_worklist__time_runs__open_due_overdue
when a review was missed
  a later review or the accreditor's word ends it                  → test_H10_worklist__missed_then_judged__gone
"""

from __future__ import annotations

import json

import pytest

from careledger import DataClass, EmergencyReason, Purpose, Verdict, errors
from careledger.resources.emergencies import Emergency
from tests.sdk.custodian.houses import Houses
from tests.sdk.resources.town import SWITZERLAND, Townsman


@pytest.fixture
def ana(houses: Houses) -> Townsman:
    return houses.town.patient()


def broken(houses: Houses, patient: Townsman) -> Emergency:
    return houses.clinic.care.emergencies.open(
        patient.party,
        practitioner=houses.town.doctor.party,
        organisation=houses.town.clinic.party,
        jurisdiction=SWITZERLAND,
        reason=EmergencyReason.UNCONSCIOUS,
    ).value  # type: ignore[union-attr]


def judge(houses: Houses, emergency: Emergency, verdict: Verdict = Verdict.JUSTIFIED) -> None:
    houses.town.officer.care.emergencies.review(emergency, verdict=verdict, evidence=b"chart")


def listed(houses: Houses) -> list[tuple[str, str]]:
    found = houses.town.officer.care.emergencies.worklist(houses.town.clinic.party)
    return [(item.emergency.id, item.standing) for item in found]


def pass_time(houses: Houses, seconds: int) -> None:
    chain = houses.town.care.chain
    assert chain is not None
    chain.increase_time(seconds)
    chain.mine()


def test_H10_worklist__own_unreviewed__urgent_first(houses: Houses, ana: Townsman) -> None:
    first = broken(houses, ana)
    pass_time(houses, 60)
    second = broken(houses, houses.town.patient())
    assert listed(houses) == [(first.id, "open"), (second.id, "open")]
    emergencies = houses.town.officer.care.emergencies
    assert emergencies.worklist(houses.town.hospital.party) == []
    assert emergencies.find(first.id) == first
    with pytest.raises(errors.NotFound):
        emergencies.find("0x" + "12" * 32)
    judge(houses, first)
    judge(houses, second, Verdict.JUSTIFIED)
    assert listed(houses) == []


def test_H10_worklist__readings__from_receipts_or_book(houses: Houses, ana: Townsman) -> None:
    record = houses.seal(ana, classes=[DataClass.SUBSTANCE_USE])
    assert not houses.ask(record, Purpose.ETREAT).allowed
    emergency = broken(houses, ana)
    within = houses.ask(record, Purpose.ETREAT)
    assert within.allowed
    (mine,) = houses.clinic.care.emergencies.worklist(houses.town.clinic.party)
    assert [e.entry for e in mine.accesses] == [within.receipt.entry.entry]
    entries = houses.custodian().book.all()
    (theirs,) = houses.town.officer.care.emergencies.worklist(houses.town.clinic.party, accesses=entries)
    assert theirs.accesses == mine.accesses
    (bare,) = houses.town.care.emergencies.worklist(houses.town.clinic.party)
    assert bare.accesses == ()
    shown = json.dumps(mine.to_json())
    assert record.id in shown and "salt" not in shown and repr(ana.party.address) not in repr(mine.accesses)
    judge(houses, emergency)


def test_H10_worklist__time_runs__open_due_overdue(houses: Houses, ana: Townsman) -> None:
    emergency = broken(houses, ana)
    (item,) = houses.town.officer.care.emergencies.worklist(houses.town.clinic.party)
    assert item.standing == "open" and 0 < item.seconds <= emergency.review_due - emergency.opened_at
    pass_time(houses, emergency.until - emergency.opened_at)
    assert listed(houses) == [(emergency.id, "due")]
    pass_time(houses, emergency.review_due - emergency.until)
    assert listed(houses) == [(emergency.id, "overdue")]
    (item,) = houses.town.officer.care.emergencies.worklist(houses.town.clinic.party)
    assert item.seconds <= 0
    judge(houses, emergency)
    assert listed(houses) == []


def test_H10_worklist__missed_then_judged__gone(houses: Houses, ana: Townsman) -> None:
    emergency = broken(houses, ana)
    pass_time(houses, emergency.review_due - emergency.opened_at)
    houses.town.relayer.care.emergencies.mark_overdue(emergency)
    assert listed(houses) == [(emergency.id, "overdue")]
    with pytest.raises(errors.ContractError):
        broken(houses, houses.town.patient())
    found = houses.town.officer.care.emergencies.find(emergency.id)
    settle = houses.town.board.care.emergencies.settle_appeal
    first = settle(found, verdict=Verdict.JUSTIFIED, evidence=b"seen")
    again = settle(found, verdict=Verdict.JUSTIFIED, evidence=b"seen")
    assert again.repeated and again.tx == first.tx  # type: ignore[union-attr]
    with pytest.raises(errors.EmergencyRegistry_State, match="step=5"):  # appealed already
        settle(found, verdict=Verdict.UNJUSTIFIED, evidence=b"seen")
    assert listed(houses) == []
