"""One town and one chain for each test module; every test meets an owner of its own with three accounts."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from careledger import CareLedger
from tests.sdk.recovery.people import Family
from tests.sdk.resources.town import Town, build


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with CareLedger.local() as care:
        yield build(care)


@pytest.fixture
def family(town: Town, tmp_path: Path) -> Family:
    return Family(town, tmp_path)


@pytest.fixture
def guarded(family: Family) -> Family:
    """Guardians are set for all three accounts: two start a recovery, three prevail."""
    family.guard()
    return family
