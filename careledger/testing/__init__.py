"""A pytest plugin for whoever builds on the SDK: a suite with people on it, a clock, and faults on demand.

Put ``pytest_plugins = ["careledger.testing"]`` into ``conftest.py`` and ask for what a test needs::

    def test_a_doctor_reads_nothing_of_whom_denies(care, people):
        answer = care.consents.decide(
            patient=people.patient("P-DENY-ALL").party, actor=people.doctor.party, capacity=people.clinic.party,
            jurisdiction=people.jurisdiction, purpose=Purpose.TREAT, classes={DataClass.LABS},
        )
        assert answer.because is Reason.STANDING_DENIAL

The chain is started, and everybody accredited, once a session; each test begins from that state, with a home of its
own. It runs in this process (``careledger[local]``); ``--careledger-engine=anvil`` takes Anvil, which is faster.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careledger.client import CareLedger
from careledger.testing.faults import Clock, Crashed, Faults
from careledger.testing.outcomes import OUTCOMES, Outcome
from careledger.testing.people import People, Person, Region

__all__ = ["OUTCOMES", "Clock", "Crashed", "Faults", "Outcome", "People", "Person"]


def pytest_addoption(parser: Any) -> None:
    """Add ``--careledger-engine``, and the ini option of the same meaning."""
    group = parser.getgroup("careledger")
    group.addoption(
        "--careledger-engine", choices=("auto", "anvil", "in-process"), default=None,
        help="What CareLedger's test chain runs on; the in-process one when not given.",
    )  # fmt: skip
    parser.addini("careledger_engine", "What CareLedger's test chain runs on.", default="in-process")


@pytest.fixture(scope="session")
def careledger_region(request: pytest.FixtureRequest) -> Iterator[Region]:
    """The chain with the suite and everybody accredited, made once a session."""
    engine = request.config.getoption("--careledger-engine") or request.config.getini("careledger_engine")
    with CareLedger.local(engine=engine) as governor:
        yield Region.found(governor)


@pytest.fixture
def people(careledger_region: Region, tmp_path: Path) -> Iterator[People]:
    """Everybody: ``people.hospital``, ``people.doctor``, fresh ones by ``people.patient()``, named ones by name."""
    with careledger_region.visit(tmp_path / "careledger") as found:
        yield found


@pytest.fixture
def care(people: People) -> CareLedger:
    """The suite as the hospital sees it, which is accredited as a provider and keeps records."""
    return people.hospital.care


@pytest.fixture
def clock(people: People) -> Clock:
    """The chain's time, to be moved forward."""
    return people.clock


@pytest.fixture
def faults(people: People) -> Faults:
    """What may go wrong, on demand: the node, the store, the process."""
    return people.faults
