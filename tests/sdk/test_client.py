"""The client: how it connects, and how it follows a development chain that is set back.

connect, given a connection
  with options for making one      it refuses            → test_connect__options_of_a_connection__refused
  with the id of another chain     it refuses            → test_connect__connection_of_another_chain__refused
  with the id of its chain         it connects           → test_connect__connection_and_its_chain__connects
revert, on either engine
  to before a record               every client goes on  → test_revert__acts_taken_back__every_client_goes_on
  the index                        takes events back, on Anvil → test_revert__indexed_events__come_back_as_removed
  a batch                          is anchored again     → test_revert__batch_taken_back__anchored_again
  far below what was final         an index in memory is read anew → test_revert__below_final__index_is_read_anew
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from careledger import CareLedger, DataClass, PartyRef, Purpose, errors
from careledger.chain.anvil import find_anvil
from careledger.chain.connection import Connection
from careledger.codes import RecordStatus
from careledger.privacy.openers import from_seed, new_seed

LABS = {DataClass.LABS}


@pytest.fixture(scope="module", params=["anvil", "in-process"])
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CareLedger]:
    if request.param == "anvil" and find_anvil() is None:
        pytest.skip("Anvil is not installed")
    with CareLedger.local(engine=request.param, home=tmp_path_factory.mktemp("local")) as care:
        yield care


def connect(local: CareLedger, home: Path, **how: object) -> CareLedger:
    return CareLedger.connect(local.connection, suite=local.suite.directory, home=home, **how)  # type: ignore[arg-type]


# CONNECTING


@pytest.mark.parametrize(
    ("how", "named"),
    [
        ({"finality": 8}, "finality cannot"),
        ({"allow_plain_http": True}, "allow_plain_http cannot"),
        ({"public_rpc": "refuse", "finality": 0}, "finality and public_rpc cannot"),
    ],
)
def test_connect__options_of_a_connection__refused(
    local: CareLedger, tmp_path: Path, how: dict[str, object], named: str
) -> None:
    with pytest.raises(errors.Misuse, match=named) as caught:
        connect(local, tmp_path, **how)
    assert "Connection(Rpc(url), finality=8)" in caught.value.fix


def test_connect__connection_of_another_chain__refused(local: CareLedger, tmp_path: Path) -> None:
    with pytest.raises(errors.WrongChain, match="not on 1"):
        connect(local, tmp_path, chain_id=1)


def test_connect__connection_and_its_chain__connects(local: CareLedger, tmp_path: Path) -> None:
    with connect(local, tmp_path, chain_id=local.connection.chain_id) as care:
        assert care.connection is local.connection
    deep = Connection(local.connection.rpc, finality=8)
    with CareLedger.connect(deep, suite=local.suite.directory, home=tmp_path) as care:
        assert not care.connection.is_final(care.connection.head().number)


# SET BACK


def test_revert__acts_taken_back__every_client_goes_on(local: CareLedger, tmp_path: Path) -> None:
    chain = local.chain
    assert chain is not None
    pat, opener = PartyRef("person", chain.signer(5).address), from_seed(new_seed())
    h = local.as_(chain.signer(1), opener=opener)
    other = connect(local, tmp_path, signer=chain.signer(2), opener=opener)
    me, you = PartyRef("organisation", h.me), PartyRef("organisation", other.me)
    h.records.seal(b"before", author=me, about=pat, classes=LABS)
    snapshot = chain.snapshot()
    first = h.records.seal(b"a", author=me, about=pat, classes=LABS)
    other.records.seal(b"a", author=you, about=pat, classes=LABS, key="a")
    newer = h.records.supersede(first.value.id, b"b", about=pat, classes=LABS)
    local.as_(chain.signer(5)).consents.grant(h.consents.draft(patient=pat, to=me, purpose=Purpose.TREAT))
    assert len(h.records.list(author=me)) == 3
    chain.revert(snapshot)
    assert len(h.records.list(author=me)) == 1
    with pytest.raises(errors.NotFound, match="not anchored"):
        h.records.read(first.value.id)
    assert not h.records.seal(b"c", author=me, about=pat, classes=LABS).repeated
    again = h.records.seal(b"a", author=me, about=pat, classes=LABS)
    assert again.value.id == first.value.id and not again.repeated
    assert h.records.supersede(first.value.id, b"b", about=pat, classes=LABS).value.id == newer.value.id
    assert h.records.status(newer.value.id).status is RecordStatus.CURRENT
    assert h.records.read(first.value.id) == b"a"
    assert not other.records.seal(b"a", author=you, about=pat, classes=LABS, key="a").repeated
    local.as_(chain.signer(5)).consents.grant(h.consents.draft(patient=pat, to=me, purpose=Purpose.TREAT))
    assert h.consents.get(pat, to=me, purpose=Purpose.TREAT).version == 1


def test_revert__indexed_events__come_back_as_removed(local: CareLedger) -> None:
    chain = local.chain
    assert chain is not None
    if chain.engine == "in-process":
        pytest.skip("in process every block counts as final at once")
    h, pat = local.as_(chain.signer(3), opener=from_seed(new_seed())), PartyRef("person", chain.signer(5).address)
    me = PartyRef("organisation", h.me)
    before = [event.cursor for event in h.events()]
    snapshot = chain.snapshot()
    h.records.seal(b"a", author=me, about=pat, classes=LABS)
    seen = list(h.events(after=before[-1] if before else None))
    chain.revert(snapshot)
    chain.mine(3)
    after = list(h.events(after=seen[-1].cursor))
    assert [(event.name, event.removed) for event in after] == [("RecordAnchored", True)]


def test_revert__batch_taken_back__anchored_again(local: CareLedger) -> None:
    chain = local.chain
    assert chain is not None
    h, pat = local.as_(chain.signer(4), opener=from_seed(new_seed())), PartyRef("person", chain.signer(5).address)
    me, snapshot = PartyRef("organisation", h.me), chain.snapshot()
    batch = h.records.seal_all([b"a", b"b", b"c"], author=me, about=pat, classes=LABS).value
    chain.revert(snapshot)
    again = h.records.seal_all([b"a", b"b", b"c"], author=me, about=pat, classes=LABS)
    assert [one.id for one in again.value] == [one.id for one in batch] and not again.repeated
    assert {h.records.status(one).status for one in again.value} == {RecordStatus.CURRENT}


def test_revert__below_final__index_is_read_anew(local: CareLedger) -> None:
    chain = local.chain
    assert chain is not None
    h, pat = local.as_(chain.signer(6), opener=from_seed(new_seed())), PartyRef("person", chain.signer(5).address)
    me, snapshot = PartyRef("organisation", h.me), chain.snapshot()
    h.records.seal(b"a", author=me, about=pat, classes=LABS)
    chain.mine(200)
    assert len(h.records.list(author=me)) == 1
    chain.revert(snapshot)
    h.records.seal(b"z", author=me, about=pat, classes=LABS)
    assert len(h.sync().list("RecordRegistry.RecordAnchored", author=h.me)) == 1
