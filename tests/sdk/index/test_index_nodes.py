"""The index on real nodes: Anvil over HTTP, with its own reorganisations, and the in-process chain.

given Anvil
  when loaded, followed and reorganised      → test_index__given_anvil__when_reorganised__equals_clean_run
given the in-process chain
  when events come                           → test_index__given_tester__reads_events
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careledger.chain.anvil import Anvil, find_anvil
from careledger.chain.rpc import Rpc
from careledger.index import Index, Options, Source

# by its file: other packages, too, install a package named benchmarks
_SPEC = importlib.util.spec_from_file_location(
    "careledger_emitter", Path(__file__).resolve().parents[3] / "benchmarks" / "emitter.py"
)
assert _SPEC is not None and _SPEC.loader is not None
emitter = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(emitter)
artifact, deploy, emit = emitter.artifact, emitter.deploy, emitter.emit


@pytest.fixture(scope="module")
def node() -> Iterator[Rpc]:
    binary = find_anvil()
    if binary is None:
        pytest.skip("Anvil is not installed")
    anvil = Anvil(binary, ["--silent"])
    anvil.start()
    rpc = Rpc(anvil.url)
    yield rpc
    rpc.close()
    anvil.stop()


def _index(rpc: Any, address: str, options: Options) -> Index:
    return Index(rpc, [Source.from_artifact(artifact(), address)], options=options)


def test_index__given_anvil__when_reorganised__equals_clean_run(node: Rpc) -> None:
    options = Options(window=10)
    address = deploy(node)
    for start in range(0, 200, 10):
        emit(node, address, start, 10)
    with _index(node, address, options) as index:
        status = index.sync()
        assert (status.ready, status.events, status.quarantined) == (True, 200, 0)
        few = index.list("Paid", invoice_id__lt=20)
        assert [event.args["invoiceId"] for event in few] == [2, 3, 7, 8, 12, 13, 17, 18]
        assert index.get("Noted", id=4).args["text"] == "seen by the night shift"
        cursor = list(index.events())[-1].cursor
        for depth in (1, 3, 7):
            node.request("anvil_reorg", [depth, []])
            emit(node, address, 1_000 + depth, 2)
            index.sync()
            with _index(node, address, options) as clean:
                clean.sync()
                assert index.dump() == clean.dump(), f"depth {depth}"
        assert index.status().undone >= 11
        told = list(index.events(after=cursor))
        assert any(event.removed for event in told)


def test_index__given_anvil__takes_its_finalized_block(node: Rpc) -> None:
    address = deploy(node)
    emit(node, address, 0, 10)
    node.request("anvil_mine", ["0x64"])
    with _index(node, address, Options()) as index:
        status = index.sync()
        assert status.ready
        assert 0 < status.final < status.head
        assert [event.final for event in index.events(finality="final")] == [True] * 10


def test_index__given_tester__reads_events() -> None:
    from careledger.chain.tester import TesterRpc

    rpc = TesterRpc()
    address = deploy(rpc)
    emit(rpc, address, 0, 10)
    with _index(rpc, address, Options()) as index:
        status = index.sync()
        assert (status.ready, status.events, status.quarantined) == (True, 10, 0)
        emit(rpc, address, 10, 5)
        assert index.sync().events == 15
