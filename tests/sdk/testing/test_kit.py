"""The plugin for integrators, used by the project itself: everybody is there, time passes, things go wrong, all undone.

people
  given a session              they are accredited, with keys    → test_people__at_first__are_who_they_are
  given another test           nothing of the one before is left                → test_people__in_another_test__…
  when asked by a wrong name   a name near it is offered                        → test_people__unknown_name__…
  when somewhere else          home and store are apart                         → test_people__elsewhere__keeps_apart
clock
  it goes forward, never back  → test_clock__forward__moves_the_chain · test_clock__back__is_refused
faults
  the node is away             the read is tried no second time by the kit      → test_faults__node_away__…
  the answer is lost           the transaction counts once                      → test_S1_faults__lost_answer__…
  the chain reorganises        what was in the blocks is sent again             → test_S9_faults__reorg__…
  the store refuses            nothing is anchored, the same call finishes      → test_R7_faults__store_refuses__…
  the process dies             the same call finishes after a restart           → test_R7_faults__crash__…
outcomes
  each is what it says         → test_outcome__…
the page about it
  its examples pass            → test_page__its_examples__pass_in_an_empty_folder
  its table is OUTCOMES        → test_page__its_table__is_outcomes
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from careledger import CareLedger, DataClass, EmergencyReason, Purpose, Reason, Role, errors
from careledger.testing import OUTCOMES, Clock, Crashed, Faults, People, Person
from careledger.values import Decision

LABS = {DataClass.LABS}
ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


def asked(
    people: People, patient: Person, *, actor: Person | None = None, house: Person | None = None,
    purpose: Purpose = Purpose.TREAT, classes: set[DataClass] = LABS,
) -> Decision:  # fmt: skip
    return people.hospital.care.consents.decide(
        patient=patient.party, actor=(actor or people.doctor).party, capacity=(house or people.clinic).party,
        jurisdiction=people.jurisdiction, purpose=purpose, classes=classes,
    )  # fmt: skip


def broken(people: People, doctor: Person, patient: Person) -> None:
    doctor.care.emergencies.open(
        patient.party, practitioner=doctor.party, organisation=people.clinic.party, jurisdiction=people.jurisdiction,
        reason=EmergencyReason.UNCONSCIOUS,
    )  # fmt: skip


# PEOPLE


def test_people__at_first__are_who_they_are(care: CareLedger, people: People) -> None:
    registry, here = care.participants, people.jurisdiction
    assert care.me == people.hospital.party.address
    for who, role in ((people.hospital, Role.PROVIDER), (people.clinic, Role.PROVIDER), (people.steward, Role.STEWARD)):
        assert registry.is_active(who.party, role=role, jurisdiction=here)
    assert registry.is_active(people.doctor.party, role=Role.PRACTITIONER, jurisdiction=here)
    assert registry.is_affiliated(organisation=people.clinic.party, practitioner=people.doctor.party)
    assert registry.encryption_key(people.clinic.party).public_key == people.clinic.opener.public_key
    assert not any(registry.is_active(people.stranger.party, role=role, jurisdiction=here) for role in Role if role)


@pytest.mark.parametrize("time", ["once", "twice"])
def test_people__in_another_test__are_as_at_first(care: CareLedger, people: People, time: str) -> None:
    terms = care.consents.draft(patient=people.stranger.party, to=people.clinic.party, purpose=Purpose.TREAT)
    assert terms.version == 1, "a directive of another test is still there"
    people.stranger.care.consents.grant(terms)
    assert care.consents.get(people.stranger.party, to=people.clinic.party, purpose=Purpose.TREAT).version == 1


def test_people__unknown_name__offers_one_that_is_near(people: People) -> None:
    with pytest.raises(errors.InputError, match="P-LAPST") as caught:
        people.patient("P-LAPST")
    assert "P-LAPSED" in caught.value.fix


def test_people__elsewhere__keeps_apart(people: People) -> None:
    away = people.elsewhere(people.clinic)
    assert away.care.me == people.clinic.care.me
    assert away.care.home != people.clinic.care.home
    record = people.hospital.care.records.seal(
        b"scan", author=people.hospital.party, about=people.patient().party, classes=LABS, readers=[people.clinic.party]
    ).value
    assert people.clinic.care.records.read(record.id) == b"scan"
    with pytest.raises(errors.NotFound):
        away.care.records.read(record.id)


# CLOCK


def test_clock__forward__moves_the_chain(care: CareLedger, clock: Clock, people: People) -> None:
    patient, before = people.patient("P-GRANTED"), clock.now
    assert asked(people, patient).allowed
    assert clock.forward(days=91) == clock.now >= before + 91 * 86_400
    assert asked(people, patient).because is Reason.EXPIRED


def test_clock__in_another_test__is_where_it_was(clock: Clock, people: People) -> None:
    patient = people.patient("P-GRANTED")
    assert people.hospital.care.consents.now() - clock.now <= 1
    assert asked(people, patient).allowed


def test_clock__back__is_refused(clock: Clock) -> None:
    with pytest.raises(errors.InputError, match="already"):
        clock.to(clock.now - 1)


# FAULTS


def test_faults__node_away__is_what_a_client_sees(care: CareLedger, faults: Faults, people: People) -> None:
    faults.node("away", method="eth_call")
    with pytest.raises(errors.NodeUnavailable):
        care.participants.controller_of(people.clinic.party)
    assert faults.met == [("eth_call", "away")]
    assert care.participants.controller_of(people.clinic.party) == people.clinic.party.address


def test_S1_faults__lost_answer__the_transaction_counts_once(faults: Faults, people: People) -> None:
    patient, consents = people.patient(), people.relayer.care.consents
    terms = consents.draft(patient=patient.party, to=people.clinic.party, purpose=Purpose.TREAT)
    signed = terms.signed_by(patient.signer)
    faults.lost_answer()
    assert consents.grant(signed, key="grant/1").value.version == 1
    assert ("eth_sendRawTransaction", "lost-answer") in faults.met
    assert consents.grant(signed, key="grant/1").value.version == 1, "the same key never acts twice"
    events = [e for e in people.hospital.care.events() if e.name == "DirectiveGranted"]
    assert len(events) == 1


def test_S9_faults__reorg__what_was_taken_back_is_not_there(faults: Faults, people: People) -> None:
    patient = people.patient("P-GRANTED")
    assert asked(people, patient).allowed
    faults.reorg(1)
    assert asked(people, patient).because is Reason.NOT_GRANTED


def test_R7_faults__store_refuses__the_same_call_finishes(care: CareLedger, faults: Faults, people: People) -> None:
    patient = people.patient()

    def seal() -> Any:
        return care.records.seal(
            b"letter", author=people.hospital.party, about=patient.party, classes=LABS, key="letter/1"
        ).value.id

    faults.store_refuses()
    with pytest.raises(errors.StorageError):
        seal()
    assert not [e for e in care.events() if e.name == "RecordAnchored"]
    assert care.records.read(seal()) == b"letter"


def test_R7_faults__crash__the_same_call_finishes_after_a_restart(faults: Faults, people: People) -> None:
    hospital, patient = people.hospital, people.patient()

    def seal(care: CareLedger) -> Any:
        return care.records.seal(
            b"letter", author=hospital.party, about=patient.party, classes=LABS, key="letter/2"
        ).value.id

    with faults.passed() as names:
        seal(people.elsewhere(hospital).care)
    assert "sender.signed" in names
    with pytest.raises(Crashed), faults.crash_at("sender.signed"):
        seal(hospital.care)
    again = hospital.restarted()
    assert again.records.read(seal(again)) == b"letter"
    assert len([e for e in again.events() if e.name == "RecordAnchored" and e.args["author"] == again.me]) == 2


def test_R5_faults__damage__is_refused(care: CareLedger, faults: Faults, people: People) -> None:
    about = people.patient().party
    record = care.records.seal(b"letter", author=people.hospital.party, about=about, classes=LABS).value
    faults.damage(care.store, record.cid)
    with pytest.raises((errors.SealedDamaged, errors.StorageError)):
        care.records.read(record.id)


# OUTCOMES


DECISIONS = {
    "P-GRANTED": Reason.DIRECTIVE,
    "P-ONE-CLASS": Reason.DIRECTIVE,
    "P-REVOKED": Reason.REVOKED,
    "P-LAPSED": Reason.EXPIRED,
    "P-DENY-ALL": Reason.STANDING_DENIAL,
    "P-NO-KEY": Reason.NOT_GRANTED,
    "P-STALE": Reason.NOT_GRANTED,
}


@pytest.mark.parametrize(("name", "reason"), DECISIONS.items())
def test_outcome__of_a_patient__decides_as_it_says(people: People, name: str, reason: Reason) -> None:
    assert asked(people, people.patient(name)).because is reason
    assert people[name] is people.patient(name)


def test_outcome__one_class__permits_no_other(people: People) -> None:
    assert not asked(people, people["P-ONE-CLASS"], classes={DataClass.LABS, DataClass.NOTES}).allowed


def test_outcome__emergency__opens_and_a_denial_keeps_closed(people: People) -> None:
    assert asked(people, people["P-EMERGENCY"], purpose=Purpose.ETREAT).because is Reason.BREAK_GLASS
    closed = people["P-DENY-EMERGENCY"]
    broken(people, people.doctor, closed)
    assert asked(people, closed, purpose=Purpose.ETREAT).because is Reason.EMERGENCY_DENIAL


def test_outcome__no_key__is_held_and_claimed_with_the_paper(people: People) -> None:
    patient, new, desk = people["P-NO-KEY"], people.someone(), people.relayer.care
    assert desk.participants.controller_of(patient.party) != new.party.address
    desk.held.claim(
        patient.held, desk.held.sign_claim(patient.held, controller=new.party.address, signer=patient.signer)
    )
    assert desk.participants.controller_of(patient.party) == new.party.address


def test_outcome__stale__signature_is_dead(people: People) -> None:
    patient, consents = people.patient(), people.relayer.care.consents
    terms = consents.draft(patient=patient.party, to=people.clinic.party, purpose=Purpose.TREAT)
    signed = terms.signed_by(patient.signer)
    people.chain.fund(patient.signer.address)
    patient.care.participants.raise_epoch(patient.party)
    with pytest.raises(errors.ContractError):
        consents.grant(signed)
    assert people["P-STALE"].care.participants.epoch(people["P-STALE"].party) == 1


@pytest.mark.parametrize("name", ["DR-SUSPENDED", "DR-EXPIRED"])
def test_outcome__of_a_doctor_without_licence__breaks_no_glass(people: People, name: str) -> None:
    doctor = people[name]
    with pytest.raises(errors.ContractError, match="NotAccredited"):
        broken(people, doctor, people.patient())
    assert asked(people, people["P-GRANTED"], actor=doctor).allowed, "the clinic answers for whom it keeps"
    people.clinic.care.participants.end_affiliation(organisation=people.clinic.party, practitioner=doctor.party)
    assert asked(people, people["P-GRANTED"], actor=doctor).because is Reason.CAPACITY_NOT_HELD


def test_outcome__of_a_doctor_elsewhere__acts_for_no_house_here(people: People) -> None:
    assert asked(people, people["P-GRANTED"], actor=people["DR-ELSEWHERE"]).because is Reason.CAPACITY_NOT_HELD


def test_outcome__misused__opens_no_other(people: People) -> None:
    doctor = people["DR-MISUSED"]
    with pytest.raises(errors.ContractError, match="Suspended"):
        broken(people, doctor, people.patient())


def test_outcome__no_key_of_a_house__nothing_is_sealed_to_it(care: CareLedger, people: People) -> None:
    with pytest.raises(errors.NotFound, match="no encryption key"):
        care.participants.encryption_key(people["O-NO-KEY"].party)


def test_outcome__overdue__has_a_missed_review(people: People) -> None:
    assert people.hospital.care.emergencies.desk(people["O-OVERDUE"].party).overdue == 1


def test_outcomes__each_is_tested_and_says_what_happens() -> None:
    source = inspect.getsource(inspect.getmodule(asked))
    for name, outcome in OUTCOMES.items():
        assert f'"{name}"' in source, f"no test knows {name}"
        assert outcome.name == name
        assert outcome.says[0].islower()


# THE PAGE


def test_page__its_examples__pass_in_an_empty_folder(tmp_path: Path) -> None:
    conftest, example, deep = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    (tmp_path / "conftest.py").write_text(conftest)
    (tmp_path / "test_reader.py").write_text(example)
    (tmp_path / "test_reorg.py").write_text(deep)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:ape_test", "-p", "no:cacheprovider", "--durations=0"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 passed" in done.stdout


def test_page__its_table__is_outcomes() -> None:
    rows = dict(re.findall(r"^\| `([A-Z-]+)` \| (.*?) \|$", PAGE, re.M))
    assert rows == {name: outcome.says for name, outcome in OUTCOMES.items()}
