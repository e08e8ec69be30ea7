"""One town for each test module; a doctor to break the glass, a steward with a key to seal evidence."""

from collections.abc import Iterator

import pytest

from careledger import CareLedger
from tests.sdk.resources.town import Town, build


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with CareLedger.local() as care:
        yield build(care)
