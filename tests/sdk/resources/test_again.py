"""Acts that may come again: the same call twice acts once, and acts once more when something else came in between.

an act repeated while it stands                     → test_repeated__while_it_stands__acts_once
an act done, undone, and meant again                → test_repeated__after_it_was_undone__acts_again
the same with a business key                        → test_repeated__with_a_key__never_acts_twice
each act that can be undone                         → test_each__done_undone_and_done__is_so_on_chain
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from careledger import GuardianSet, Purpose, Role, Rule
from careledger.codes import CredentialStatus, StatusReason
from careledger.testing import People

WHERE = {"role": Role.PRACTITIONER, "jurisdiction": 756_000}


def set_status(people: People, status: CredentialStatus, **how: str) -> str:
    receipt = people.board.care.participants.set_credential_status(
        people.doctor.party, status=status, reason=StatusReason.REQUESTED, **WHERE, **how
    )
    return receipt.tx


def test_repeated__while_it_stands__acts_once(people: People) -> None:
    first = set_status(people, CredentialStatus.SUSPENDED)
    assert set_status(people, CredentialStatus.SUSPENDED) == first


def test_repeated__after_it_was_undone__acts_again(people: People) -> None:
    made = []
    for _ in range(3):
        made += [set_status(people, CredentialStatus.SUSPENDED), set_status(people, CredentialStatus.SUSPENDED)]
        assert not people.board.care.participants.is_active(people.doctor.party, **WHERE)
        made += [set_status(people, CredentialStatus.ACTIVE)]
        assert people.board.care.participants.is_active(people.doctor.party, **WHERE)
    assert len(set(made)) == 6


def test_repeated__with_a_key__never_acts_twice(people: People) -> None:
    first = set_status(people, CredentialStatus.SUSPENDED, key="case/1")
    set_status(people, CredentialStatus.ACTIVE)
    assert set_status(people, CredentialStatus.SUSPENDED, key="case/1") == first
    assert people.board.care.participants.is_active(people.doctor.party, **WHERE)


def controllers(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    who, other = people.someone(), people.someone()
    accounts, clients = [who.party.address, other.party.address], [who.care, other.care]

    def act(turn: int) -> object:
        return clients[turn].participants.change_controller(who.party, to=accounts[1 - turn])

    return act, lambda: accounts.index(who.care.participants.controller_of(who.party)) == 1


def guardians(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    who, registry = people.someone(), people.someone()
    sets = [GuardianSet.of([each.party], quorum=1) for each in (who, registry)]
    own = who.care.participants
    own.set_guardians(who.party, sets[1])

    def act(turn: int) -> object:
        return own.set_guardians(who.party, sets[turn], current=sets[1])

    return act, lambda: own.guardians_of(who.party).next == sets[0].commitment


def officers(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    desk, names = people.clinic.care.emergencies, [people.doctor, people.officer]

    def act(turn: int) -> object:
        return desk.name_privacy_officer(people.clinic.party, officer=names[turn].party)

    return act, lambda: desk.desk(people.clinic.party).officer == people.doctor.party.address


def policies(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    consents, rules = people.hospital.care.consents, [Rule.PERMIT_UNLESS_DENIED, Rule.DENY_UNLESS_GRANTED]
    which = {"jurisdiction": 756_000, "purpose": Purpose.CAREMGT}

    def act(turn: int) -> object:
        return consents.state_policy(
            people.hospital.party, as_role=Role.PROVIDER, rule=rules[turn], legal_reference="a law", **which
        )

    return act, lambda: consents.policy(people.hospital.party, **which).rule is rules[0]


def intervals(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    records, seconds = people.hospital.care.records, [3_600, 7_200]

    def act(turn: int) -> object:
        return records.state_interval(people.hospital.party, seconds=seconds[turn])

    return act, lambda: int(records.log_of(people.hospital.party)["intervalSeconds"]) == 3_600


def keys(people: People) -> tuple[Callable[[int], object], Callable[[], object]]:
    who, registry = people.clinic, people.clinic.care.participants
    openers = [people.someone().opener, people.someone().opener]

    def act(turn: int) -> object:
        return registry.publish_key(openers[turn], subject=who.party)

    return act, lambda: registry.encryption_key(who.party).public_key == openers[0].public_key


@pytest.mark.parametrize("made", [controllers, guardians, officers, policies, intervals, keys])
def test_each__done_undone_and_done__is_so_on_chain(people: People, made: Callable[..., object]) -> None:
    act, is_first = made(people)
    for turn in (0, 1, 0, 1, 0):
        assert act(turn).tx == act(turn).tx, "a repeated call acts once"
        assert is_first() is (turn == 0)
