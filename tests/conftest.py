"""One `pytest` runs everything: Python tests, ape-driven contract tests on Anvil, Forge's fuzz tests and invariants.

How it fits together:
- ape's own pytest plugin is not loaded (`-p no:ape_test` in pyproject.toml): it costs two seconds and connects to a
  chain in every session. The fixtures below (`chain`, `accounts`, `contracts`, `project`) import ape when a test first
  asks for one; each xdist worker then has one Anvil of its own on a free port. `ape test` loads ape's plugin and uses
  the same fixtures.
- A test that uses the chain runs between a snapshot and its return; session and module fixtures stay.
- `contracts.ConsentRegistry` is the committed artifact, compiled once: what is tested is what ships. `project` is ape's
  own view, which compiles again.
- `*.t.sol` files are collected by tests/forge/items.py, one item for each Solidity test.
- `@pytest.mark.deep` marks what takes minutes; `make deep` runs it, `make test` does not.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "scripts"))  # at the end: scripts/trace.py must not hide the standard library's

import toolchain  # noqa: E402

for _name, _value in toolchain.environment().items():
    os.environ[_name] = _value

pytest_plugins = ["careledger.testing", "tests.forge.items", "tests.gas.recorder"]

ARTIFACT_FOLDERS = (ROOT / "careledger" / "artifacts", ROOT / ".build" / "artifacts")


def pytest_configure(config: pytest.Config) -> None:
    """Start ape's own plugin when this is `ape test`; its options are known by then, the rest was blocked."""
    if "ape_test._cli" in sys.modules:
        from ape.pytest import plugin

        plugin.pytest_configure(config)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything that is not deep as quick, so that `-m quick` means what it says."""
    for item in items:
        if not item.get_closest_marker("deep"):
            item.add_marker("quick")


@pytest.fixture(scope="session")
def chain() -> Iterator[Any]:
    """ape's view of a chain of this worker's own: an Anvil on a free port."""
    import ape

    if ape.networks.connected:  # `ape test` has started one already
        yield ape.chain
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"host": f"http://127.0.0.1:{port}"}
    with ape.networks.parse_network_choice("ethereum:local:foundry", provider_settings=settings, disconnect_after=True):
        yield ape.chain


@pytest.fixture(scope="session")
def accounts(chain: Any) -> Any:
    """ape's funded test accounts."""
    import ape

    return ape.accounts.test_accounts


@pytest.fixture(scope="session")
def project(chain: Any) -> Any:
    """ape's project: compiles contracts/ again on first use; prefer `contracts`."""
    import ape

    return ape.project


class Contracts:
    """The artifacts as ape containers, by name: `contracts.ConsentRegistry.deploy(..., sender=owner)`."""

    def __getattr__(self, name: str) -> Any:
        from ape.contracts import ContractContainer
        from ethpm_types import ContractType

        for folder in ARTIFACT_FOLDERS:
            path = folder / f"{name}.json"
            if path.is_file():
                artifact = json.loads(path.read_text())
                kind = ContractType(
                    contractName=artifact["contractName"],
                    abi=artifact["abi"],
                    deploymentBytecode={"bytecode": artifact["bytecode"]},
                    runtimeBytecode={"bytecode": artifact["deployedBytecode"]},
                    devdoc=artifact["devdoc"],
                    userdoc=artifact["userdoc"],
                    methodIdentifiers=artifact["methodIdentifiers"],
                )
                container = ContractContainer(kind)
                setattr(self, name, container)
                return container
        raise AttributeError(f"no artifact {name}; run `make build`")


@pytest.fixture(scope="session")
def contracts(chain: Any) -> Contracts:
    """Every built contract as an ape container, from the committed artifacts (mocks from .build/artifacts)."""
    return Contracts()


@pytest.fixture(autouse=True)
def _isolation(request: pytest.FixtureRequest) -> Iterator[None]:
    """Undo what a test does to the chain, for tests that use it."""
    if "chain" not in request.fixturenames:
        yield
        return
    with request.getfixturevalue("chain").isolate():
        yield
