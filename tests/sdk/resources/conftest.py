"""One town for each test module; tests keep apart by meeting fresh patients."""

from collections.abc import Iterator

import pytest

from careledger import CareLedger
from tests.sdk.resources.town import Town, build


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with CareLedger.local() as care:
        yield build(care)
