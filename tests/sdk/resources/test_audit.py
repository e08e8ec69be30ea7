"""What an auditor does with a node address and the suite's: rebuild the state from events, compare it with the views.

differences
  given a town on a node, from its deployment on
    they are none                                          → test_H11_differences__of_a_whole_town__are_none
    a field that events lead to otherwise is named         → test_H11_differences__of_a_town_told_in_part__are_named
told
  it refuses events that a reorganisation took back        → test_told__of_events_taken_back__refuses
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from careledger import DataClass, EmergencyReason, Meaning, errors
from careledger.audit.compare import Difference, differences, told
from careledger.audit.rebuild import Happened, rebuild
from careledger.chain.abi import artifacts
from careledger.codes import Verdict
from tests.sdk.resources.town import SWITZERLAND, Town

NAMES = ("ParticipantRegistry", "GuardianRegistry", "EmergencyRegistry", "ConsentRegistry", "RecordRegistry")


def contracts(town: Town) -> dict[str, str]:
    suite = town.care.suite
    return {str(suite[name].address): name for name in NAMES}


def asking(town: Town) -> Callable[..., Any]:
    where = {name: address for address, name in contracts(town).items()}

    def ask(contract: str, function: str, *args: Any) -> Any:
        return town.care.connection.read(artifacts().load(contract), where[contract], function, *args)

    return ask


def now(town: Town) -> int:
    return int(town.care.connection.rpc.request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)


@pytest.fixture(scope="module")
def lived(town: Town) -> Town:
    """The town after a day."""
    patient = town.patient()
    emergency = town.doctor.care.emergencies.open(
        patient.party, practitioner=town.doctor.party, organisation=town.clinic.party, jurisdiction=SWITZERLAND,
        reason=EmergencyReason.THREAT_TO_LIFE,
    ).value  # fmt: skip
    town.officer.care.emergencies.review(emergency, verdict=Verdict.UNJUSTIFIED, evidence=b"no threat was found")
    town.clinic.care.participants.publish_key(town.clinic.opener, subject=town.clinic.party)
    town.hospital.care.records.seal(
        b"a note", author=town.hospital.party, about=patient.party, classes={DataClass.NOTES},
        readers=[town.clinic.party], meaning=Meaning.AUTHORED,
    )  # fmt: skip
    return town


def events_of(town: Town) -> Iterable[Happened]:
    return told(town.care.events(), contracts=contracts(town))


def test_H11_differences__of_a_whole_town__are_none(lived: Town) -> None:
    rows = rebuild(events_of(lived))
    tables = {key[0] for key in rows}
    assert tables >= {"authority", "credential", "affiliation", "emergency", "conduct", "key", "record"}
    assert differences(rows, asking(lived), time=now(lived)) == []


def test_H11_differences__of_a_town_told_in_part__are_named(lived: Town) -> None:
    untold = [event for event in events_of(lived) if event.name != "EmergencyReviewed"]
    found = differences(rebuild(untold), asking(lived), time=now(lived))
    of_case = [item for item in found if item.row[0] == "emergency"]
    assert of_case == [
        Difference(of_case[0].row, "suspension", 0, 1),
        Difference(of_case[0].row, "verdict", Verdict.UNREVIEWED.value, Verdict.UNJUSTIFIED.value),
    ]
    assert {item.row[0] for item in found} == {"emergency", "emergencies"}, "the case, and the reason that waits for it"


def test_told__of_events_taken_back__refuses(town: Town) -> None:
    event = next(iter(town.care.events()))
    with pytest.raises(errors.InputError, match="took back"):
        list(told([replace(event, removed=True)], contracts=contracts(town)))
