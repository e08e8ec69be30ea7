"""pytest plugin: the fixture `gas` records what a user story costs, under a sentence.

    def test_gas__grant(gas, ...):
        receipt = consents.grant(..., sender=patient)
        gas("patient grants consent to one clinic", receipt.gas_used)

Each xdist worker writes its own file in .build/gas; `scripts/gas.py` joins them and compares with
tests/gas/snapshot.json.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent.parent / ".build" / "gas"


def pytest_configure(config: pytest.Config) -> None:
    """Forget what an earlier session recorded; the workers have not started yet."""
    if not hasattr(config, "workerinput"):
        for file in FOLDER.glob("*.jsonl"):
            file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def gas() -> Callable[[str, int], None]:
    """Return `gas(sentence, used)`; a sentence belongs to one measurement."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.jsonl"
    seen: dict[str, int] = {}

    def record(sentence: str, used: int) -> None:
        assert seen.setdefault(sentence, int(used)) == int(used), f"two measurements called {sentence!r}"
        with path.open("a") as file:
            file.write(json.dumps({sentence: int(used)}) + "\n")

    return record
