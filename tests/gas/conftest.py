"""The settled world on a node of its own, and people by name."""

from collections.abc import Iterator

import pytest

from tests.gas.stories import node_world
from tests.world import World


@pytest.fixture(scope="session")
def on_node() -> Iterator[World]:
    """The suite on Anvil, settled."""
    with node_world() as world:
        yield world


@pytest.fixture
def world(on_node: World) -> Iterator[World]:
    """The settled world; what a test does to it is undone."""
    before = on_node.engine.snapshot()
    yield on_node
    on_node.engine.revert(before)
