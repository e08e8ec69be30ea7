"""One chain for each worker, the suite deployed once, a snapshot around every test."""

from collections.abc import Iterator

import pytest

from careledger.audit.rebuild import Row, RowKey, rebuild
from tests.chainkit import Person
from tests.told import check, happened, unsaid
from tests.unit.recoveries import WAIT, approve
from tests.words import DAY
from tests.world import NAMES, NO_TERMS, Circle, World, new_world


@pytest.fixture(scope="session")
def settled() -> World:
    """The suite with accredited people, before any test."""
    return new_world()


@pytest.fixture(scope="session")
def rows(settled: World) -> dict[RowKey, Row]:
    """The state of the settled world from its events."""
    rows = rebuild(happened(settled))
    assert unsaid(settled, rows) == []
    return rows


@pytest.fixture
def world(settled: World, rows: dict[RowKey, Row]) -> Iterator[World]:
    """The settled world; what a test does to it must be told whole by its events (H11), and is undone."""
    before, since = settled.engine.snapshot(), len(settled.engine.told)
    try:
        yield settled
        check(settled, rows, since)
    finally:
        settled.engine.revert(before)


def _person(name: str) -> None:
    @pytest.fixture(name=name)
    def somebody(world: World) -> Person:
        return getattr(world, name)

    globals()[name] = somebody


for _name in NAMES.split():
    _person(_name)


# RECOVERIES


@pytest.fixture
def family() -> Circle:
    """Three guardians: two start the wait, three prevail over an objection."""
    return Circle([Person(f"guardian {i}") for i in range(3)], quorum=2, larger=3, wait=WAIT)


@pytest.fixture
def others() -> Circle:
    """Another circle: what a thief would set."""
    return Circle([Person(f"other {i}") for i in range(2)], quorum=1, larger=1, wait=DAY)


@pytest.fixture
def fresh() -> Person:
    """The patient's new key."""
    return Person("fresh key")


@pytest.fixture
def given_guardians(world, patient, family):
    world.participants.setGuardians(patient, NO_TERMS, family.terms, sender=patient)


@pytest.fixture
def given_waiting(world, patient, family, fresh, given_guardians):
    """Two of three approved at START."""
    approve(world, patient, fresh, family, 0)
    approve(world, patient, fresh, family, 1)
