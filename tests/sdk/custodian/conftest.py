"""One town and two houses for each test module; tests keep apart by meeting fresh patients."""

from collections.abc import Iterator

import pytest

from careledger import CareLedger
from tests.sdk.custodian.houses import Houses
from tests.sdk.resources.town import build


@pytest.fixture(scope="module")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Houses]:
    with CareLedger.local() as care:
        found = Houses.build(build(care), tmp_path_factory.mktemp("houses"))
        yield found
        found.close()
