"""One chain for each worker, the suite deployed once, a snapshot around every test."""

from collections.abc import Iterator

import pytest

from tests.chainkit import Person
from tests.world import NAMES, World, new_world


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
