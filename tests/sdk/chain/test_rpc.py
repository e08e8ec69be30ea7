"""JSON-RPC: every answer checked, every failure typed, deadlines kept (S1 for reads, S7, S8)."""

from __future__ import annotations

import json
import logging
import random
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from careledger.chain import schema
from careledger.chain.local import LocalChain
from careledger.chain.rpc import NodeRefused, Rpc, read_answer
from careledger.chain.transport import HttpTransport, transport_for
from careledger.errors import InputError, NodeError, NodeMisbehaved, NodeUnavailable
from tests.sdk.chain.faults import FAULTS, FaultProxy

LOGGER = "careledger"


@pytest.fixture(scope="module")
def proxy(local_chain: LocalChain) -> Iterator[FaultProxy]:
    with FaultProxy(str(local_chain.url), hang=0.6) as running:
        yield running


@pytest.mark.parametrize("method", ["eth_blockNumber", "eth_getLogs", "eth_chainId", "eth_getBalance"])
@pytest.mark.parametrize("fault", FAULTS)
def test_S1_read__given_fault_once__answers_right_or_refuses(
    fault: str, method: str, proxy: FaultProxy, local_chain: LocalChain
) -> None:
    known = {"eth_getLogs": [{"fromBlock": "0x0"}], "eth_getBalance": [local_chain.accounts[0], "latest"]}
    params: list[Any] = known.get(method, [])
    proxy.clear()
    proxy.queue[method] = [fault]
    rpc = Rpc(proxy.url, timeout=0.3, deadline=5)
    right = local_chain.rpc.request(method, params)
    if fault == "limit":
        with pytest.raises(NodeRefused) as caught:
            rpc.request(method, params)
        assert caught.value.code == -32005
    else:
        assert rpc.request(method, params) == right


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in ("dup", "limit")])
def test_S1_read__given_fault_for_ever__typed_error_within_the_deadline(fault: str, proxy: FaultProxy) -> None:
    proxy.clear()
    proxy.queue["eth_blockNumber"] = [fault] * 100
    rpc = Rpc(proxy.url, timeout=0.2, deadline=1.0)
    began = time.monotonic()
    with pytest.raises(NodeError):
        rpc.request("eth_blockNumber")
    assert time.monotonic() - began < 1.6


@pytest.mark.parametrize("fault", [f for f in FAULTS if f not in ("dup", "limit")])
def test_S1_send__given_fault__is_sent_once_only(fault: str, proxy: FaultProxy) -> None:
    proxy.clear()
    proxy.queue["eth_sendRawTransaction"] = [fault] * 100
    with pytest.raises(NodeError):
        Rpc(proxy.url, timeout=0.2, deadline=3).request("eth_sendRawTransaction", ["0x00"])
    assert len(proxy.seen) == 1


def test_read__given_two_nodes_and_the_first_away__asks_the_second(proxy: FaultProxy, local_chain: LocalChain) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    rpc = Rpc([dead, str(local_chain.url)], deadline=5)
    assert rpc.request("eth_chainId") == "0x7a69"
    assert rpc.name == str(local_chain.url)


def test_read__given_retry_after__waits_that_long(proxy: FaultProxy) -> None:
    proxy.clear()
    proxy.queue["eth_chainId"] = ["429"]
    began = time.monotonic()
    Rpc(proxy.url).request("eth_chainId")  # the proxy's 0.2 is no whole number of seconds: backoff serves
    assert 0 <= time.monotonic() - began < 2


def test_batch__given_one_refused__others_are_answered(local_chain: LocalChain) -> None:
    answers = local_chain.rpc.batch([("eth_chainId", []), ("no_such", []), ("eth_blockNumber", [])])
    assert answers[0] == "0x7a69"
    assert isinstance(answers[1], NodeRefused)
    assert answers[2].startswith("0x")


class _Dribble(threading.Thread):
    """Answers one byte at a time, for ever."""

    def __init__(self, head: bytes) -> None:
        super().__init__(daemon=True)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.head = head
        self.start()

    def run(self) -> None:
        connection, _ = self.server.accept()
        connection.recv(65536)
        try:
            connection.sendall(self.head)
            while True:
                connection.sendall(b" ")
                time.sleep(0.05)
        except OSError:
            return


def test_read__given_an_answer_that_never_ends__deadline_holds() -> None:
    node = _Dribble(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")
    rpc = Rpc(f"http://127.0.0.1:{node.server.getsockname()[1]}", timeout=5, deadline=0.6, attempts=1)
    began = time.monotonic()
    with pytest.raises(NodeUnavailable):
        rpc.request("eth_chainId")
    assert time.monotonic() - began < 1.5


def test_read__given_more_bytes_than_allowed__misbehaved(local_chain: LocalChain) -> None:
    rpc = Rpc(str(local_chain.url), max_response=100)
    with pytest.raises(NodeMisbehaved, match="more than 100"):
        rpc.request("eth_getBlockByNumber", ["latest", True])


def test_url__given_plain_http_to_another_machine__refused_unless_allowed() -> None:
    with pytest.raises(InputError, match="plain http"):
        Rpc("http://node.example")
    Rpc("http://node.example", allow_plain_http=True)
    Rpc("http://localhost:8545")
    for bad in ("ftp://x", "ws://127.0.0.1", "node", "http://[::1", ""):
        with pytest.raises(InputError):
            Rpc(bad)


def test_patient_read__given_public_node__warned_once_or_refused(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, LOGGER):
        rpc = Rpc("https://mainnet.infura.io/v3/SECRETKEY")
        rpc.before_patient_read()
        rpc.before_patient_read()
    assert len(caplog.records) == 1
    assert "SECRETKEY" not in caplog.text
    with pytest.raises(InputError, match="refused"):
        Rpc("https://mainnet.infura.io/v3/K", public_rpc="refuse").before_patient_read()
    Rpc("https://rpc.hospital.example", public_rpc="refuse").before_patient_read()


def test_S8_errors__given_keys_in_the_url_and_headers__show_neither() -> None:
    rpc = Rpc(
        "http://user:PASSWORD@127.0.0.1:9/v3/SECRETKEY?k=TOKEN", headers={"authorization": "Bearer HEADERKEY"},
        deadline=0.5,
    )  # fmt: skip
    with pytest.raises(NodeError) as caught:
        rpc.request("eth_chainId")
    import traceback

    shown = "".join(traceback.format_exception(caught.value)) + repr(rpc) + str(caught.value.why)
    assert not any(secret in shown for secret in ("PASSWORD", "SECRETKEY", "TOKEN", "HEADERKEY"))
    assert isinstance(
        transport_for("https://x.example/k", headers=None, allow_plain_http=False, max_response=1), HttpTransport
    )


# S7: MUTATED ANSWERS

_HASH = "0x" + "ab" * 32
_LOG = {
    "address": "0x" + "11" * 20, "topics": [_HASH], "data": "0x00", "blockNumber": "0x5", "blockHash": _HASH,
    "transactionHash": _HASH, "logIndex": "0x0", "removed": False,
}  # fmt: skip
_SAMPLES: list[tuple[str, list[Any], Any]] = [
    ("eth_blockNumber", [], "0x10"),
    ("eth_getLogs", [{"blockHash": _HASH}], [_LOG, _LOG]),
    ("eth_getTransactionReceipt", [_HASH],
     {"transactionHash": _HASH, "blockHash": _HASH, "blockNumber": "0x5", "gasUsed": "0x5208", "status": "0x1",
      "from": "0x" + "11" * 20, "logs": [_LOG]}),
    ("eth_call", [{}], "0x" + "00" * 64),
    ("eth_sendRawTransaction", ["0x"], _HASH),
    ("eth_getBlockByNumber", ["0x5", False],
     {"number": "0x5", "hash": _HASH, "parentHash": _HASH, "timestamp": "0x5", "logsBloom": "0x" + "00" * 256,
      "stateRoot": _HASH, "receiptsRoot": _HASH, "transactions": [_HASH]}),
]  # fmt: skip
_JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "0x",
    "0xzz",
    "latest",
    [],
    {},
    [None],
    {"a": 1},
    "0x" + "f" * 65,
    10**40,
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += _places(item, (*path, key))
    if isinstance(value, list):
        for at, item in enumerate(value):
            found += _places(item, (*path, at))
    return found


def _mutate(body: dict[str, Any], chance: random.Random) -> bytes:
    """Cut, flip or exchange a part of an answer."""
    kind = chance.randrange(4)
    if kind == 0:
        raw = json.dumps(body).encode()
        return raw[: chance.randrange(len(raw))]
    if kind == 1:
        raw_ = bytearray(json.dumps(body).encode())
        raw_[chance.randrange(len(raw_))] = chance.randrange(256)
        return bytes(raw_)
    places = [path for path in _places(body) if path]
    *parents, last = chance.choice(places)
    inner: Any = body
    for step in parents:
        inner = inner[step]
    if kind == 2 and isinstance(inner, dict):
        del inner[last]
    else:
        inner[last] = chance.choice(_JUNK)
    return json.dumps(body).encode()


@pytest.mark.parametrize("number", range(len(_SAMPLES)))
def test_S7_answers__given_10000_mutated_bodies__typed_error_or_a_value_of_the_right_shape(number: int) -> None:
    method, params, result = _SAMPLES[number]
    chance = random.Random(number)
    refused = 0
    for _ in range(10_000 // len(_SAMPLES) + 1):
        body = _mutate(json.loads(json.dumps({"jsonrpc": "2.0", "id": 7, "result": result})), chance)
        try:
            (value,) = read_answer(body, [(method, params)], [7], single=True)
        except NodeMisbehaved:
            refused += 1
            continue
        if isinstance(value, NodeRefused):
            continue
        parsed = json.loads(body)
        assert (parsed["id"], type(parsed["id"]), parsed["jsonrpc"]) == (7, int, "2.0")
        assert parsed.get("error") is None
        schema.check(method, params, value)
        _independent(method, value)
    assert refused > 1000 // len(_SAMPLES)


def _independent(method: str, value: Any) -> None:
    """Look at what the callers rely on, without the schema."""
    if method == "eth_blockNumber":
        int(value, 16)
    elif method == "eth_call":
        bytes.fromhex(value[2:])
    elif method == "eth_sendRawTransaction":
        assert len(bytes.fromhex(value[2:])) == 32
    elif method == "eth_getLogs":
        for log in value:
            assert log["blockHash"].lower() == _HASH
            assert all(len(bytes.fromhex(topic[2:])) == 32 for topic in log["topics"])
    elif method == "eth_getTransactionReceipt" and value is not None:
        assert value["transactionHash"].lower() == _HASH
        assert value["status"] in ("0x0", "0x1")
    elif method == "eth_getBlockByNumber" and value is not None:
        assert int(value["number"], 16) == 5


def test_S7_answers__given_nested_nonsense__typed_error() -> None:
    for body in (b"", b"null", b"[]", b"{}", b"[" * 5000, b'"x"', b"\xff\xfe", b'{"jsonrpc":"2.0","id":7}'):
        with pytest.raises(NodeMisbehaved):
            read_answer(body, [("eth_chainId", [])], [7], single=True)


def test_ipc__given_anvil_socket__answers(tmp_path: Any) -> None:
    path = tmp_path / "a.ipc"
    with LocalChain(engine="anvil", arguments=["--ipc", str(path)]):
        end = time.monotonic() + 5
        while not path.exists() and time.monotonic() < end:
            time.sleep(0.05)
        rpc = Rpc(str(path))
        assert rpc.request("eth_chainId") == "0x7a69"
        assert len(rpc.batch([("eth_blockNumber", []), ("eth_chainId", [])])) == 2
    with pytest.raises(NodeUnavailable):
        Rpc(str(tmp_path / "none.ipc"), deadline=0.5).request("eth_chainId")
