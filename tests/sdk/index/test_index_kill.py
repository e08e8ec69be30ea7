"""Kill -9 at every step of indexing and of following a reorganisation, then restart: the database of a clean run.

given blocks to load and to follow
  when killed at any step                     → test_X1_sync__when_killed_at_any_step__restart_equals_clean_run
given a reorganisation
  when killed at any step of following it     → test_X2_sync__given_reorg__when_killed_at_any_step__equals_clean_run
  when it is any depth, at any offset         → test_X2_sync__given_reorg_of_depth__equals_clean_run
  when another follows                        → test_X2_sync__given_two_reorgs_in_a_row__equals_clean_run
  when another comes during the recovery      → test_X2_sync__when_killed_and_reorged_again__equals_clean_run
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from careledger.index import Options
from tests.sdk.index.campaign import WINDOW, built, copy_database, count_steps, folder, grown, kill_at, open_index
from tests.sdk.index.index_fakes import FakeChain

DEPTHS = [*range(1, 9), *(pytest.param(depth, marks=pytest.mark.deep) for depth in range(9, 65))]
TWICE = Options(window=20, pause=0.0)


@pytest.fixture
def memory() -> Iterator[Path]:
    with folder() as path:
        yield path


def run(chain: FakeChain, path: Path, options: Options = WINDOW) -> None:
    with open_index(chain, path, options) as index:
        assert index.sync().ready


def rows(chain: FakeChain, path: Path, options: Options = WINDOW) -> dict[str, object]:
    with open_index(chain, path, options) as index:
        index.sync()
        return index.dump()


def test_X1_sync__when_killed_at_any_step__restart_equals_clean_run(memory: Path) -> None:
    chain = grown()
    want = built(chain)
    passed = count_steps(lambda: run(chain, memory / "count.db"), memory / "steps")
    assert len(passed) > 80, "the campaign must reach loading, following, finality and the indexes"
    for step in range(1, len(passed) + 1):
        path = memory / f"{step}.db"
        kill_at(step, lambda path=path: run(chain, path))
        assert rows(chain, path) == want, f"killed at step {step}, {passed[step - 1]}"


@pytest.mark.parametrize("depth", [1, 3, *(pytest.param(depth, marks=pytest.mark.deep) for depth in (2, 5, 8, 11))])
def test_X2_sync__given_reorg__when_killed_at_any_step__equals_clean_run(memory: Path, depth: int) -> None:
    chain = grown()
    saved, path = memory / "saved.db", memory / "case.db"
    run(chain, saved)
    chain.reorg(depth)
    want = built(chain)
    copy_database(saved, path)
    passed = count_steps(lambda: run(chain, path), memory / "steps")
    assert passed.count("index.undo_committed") == depth
    for step in range(1, len(passed) + 1):
        copy_database(saved, path)
        kill_at(step, lambda: run(chain, path))
        assert rows(chain, path) == want, f"depth {depth}, killed at step {step}, {passed[step - 1]}"


@pytest.mark.parametrize("depth", DEPTHS)
def test_X2_sync__given_reorg_of_depth__equals_clean_run(memory: Path, depth: int) -> None:
    """Depths at several offsets: how many blocks the index has read since the reorganised ones were mined."""
    options = Options(window=depth + 6, pause=0.0)
    for offset in (0, 1, 5):
        for longer in (0, 2):
            chain = FakeChain().grow(depth + 12 + offset)
            with open_index(chain, ":memory:", options) as index:
                index.sync(to=chain.head - offset)
                chain.reorg(depth, longer=longer)
                index.sync()
                assert index.dump() == built(chain, options), f"depth {depth}, offset {offset}, longer by {longer}"
                assert index.status().undone == max(0, depth - offset)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 5), (5, 3), (8, 8)])
def test_X2_sync__given_two_reorgs_in_a_row__equals_clean_run(first: int, second: int) -> None:
    chain = FakeChain().grow(30)
    with open_index(chain, ":memory:", TWICE) as index:
        index.sync()
        for fork, depth in enumerate((first, second)):
            chain.reorg(depth, offset=fork + 1, fork=fork + 1)
            index.sync()
        assert index.dump() == built(chain, TWICE)


@pytest.mark.parametrize("stride", [7, pytest.param(1, marks=pytest.mark.deep)])
def test_X2_sync__when_killed_and_reorged_again__equals_clean_run(memory: Path, stride: int) -> None:
    chain = grown()
    saved, path = memory / "saved.db", memory / "case.db"
    run(chain, saved)
    chain.reorg(5)
    copy_database(saved, path)
    total = len(count_steps(lambda: run(chain, path), memory / "steps"))
    blocks = list(chain.blocks)
    for step in range(1, total + 1, stride):
        chain.blocks = list(blocks)
        copy_database(saved, path)
        kill_at(step, lambda: run(chain, path))
        chain.reorg(4, offset=2, fork=2)
        assert rows(chain, path) == built(chain), f"killed at step {step}, then reorganised again"
