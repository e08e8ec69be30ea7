"""One chain for each worker, the suite deployed once, a snapshot around every test."""

from collections.abc import Iterator

import pytest

from tests.chainkit import Person
from tests.unit.recoveries import WAIT, approve
from tests.words import DAY
from tests.world import NAMES, NO_TERMS, Circle, World, new_world


@pytest.fixture(scope="session")
def settled() -> World:
    """The suite with accredited people, before any test."""
    return new_world()


@pytest.fixture
def world(settled: World) -> Iterator[World]:
    """The settled world; what a test does to it is undone."""
    before = settled.engine.snapshot()
    yield settled
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
