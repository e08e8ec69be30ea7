"""Calls, events and errors coded by artifacts, and reverts as exceptions by name (S6)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from careledger import errors
from careledger.chain.abi import Artifact, Catalogue, encode
from careledger.chain.coding import type_of
from careledger.chain.connection import Connection
from careledger.chain.local import LocalChain
from careledger.chain.reverts import Panicked, contract_error, error_class, explain, revert_data
from careledger.chain.sender import Call, Sender
from careledger.errors import ContractError, FormatError, InputError, NodeMisbehaved, NotFound
from careledger.values import checksum, keccak, to_hex

FIXTURES = Path(__file__).parent / "fixtures"


def test_S6_refusal__given_every_error__is_an_exception_with_its_arguments(
    sender: Sender, connection: Connection, counter: Artifact, counter_at: str, catalogue: Catalogue
) -> None:
    def refused(how: int) -> ContractError:
        with pytest.raises(ContractError) as caught:
            connection.call(counter_at, counter.encode_call("refuse", how), sender=sender.address)
        return caught.value

    limit = refused(0)
    assert type(limit) is error_class("Counter_LimitReached", catalogue=catalogue)
    assert limit.values["reachedAt"] == 1_900_000_000
    assert "2030-03-17 17:46 UTC" in str(limit)
    assert limit.why == "Thrown when the limit has been reached by then."
    assert str(limit) == f"{limit.message}: {limit.why} {limit.fix}", "one line with reason and remedy"
    assert (limit.fix, str(limit.retry)) == ("Ask for a higher limit.", "ask the governor")
    point = refused(1)
    assert type(point).__name__ == "Counter_BadPoint"
    assert point.values == {
        "point": {"x": 7, "tag": "0x" + b"tag".ljust(32, b"\0").hex()},
        "witnesses": ["0x" + "00" * 20, sender.address],
        "why": "why not",
    }
    assert refused(2).values == {"reason": "plain words"}
    panic = refused(3)
    assert isinstance(panic, Panicked)
    assert panic.values == {"code": 1}
    assert "without a reason" in str(refused(4)) or "revert" in str(refused(4)).lower()


def test_S6_submit__given_refusal_before_sending__nothing_is_stored(
    sender: Sender, counter: Artifact, counter_at: str
) -> None:
    with pytest.raises(ContractError) as caught:
        sender.submit(Call(counter_at, counter.encode_call("refuse", 0)), key="a")
    assert type(caught.value).__name__ == "Counter_LimitReached"
    assert sender.entry("a") is None


def test_S6_submit__given_mined_and_reverted__is_decoded_and_may_be_tried_again(
    sender: Sender, counter: Artifact, counter_at: str
) -> None:
    with pytest.raises(ContractError) as caught:
        sender.submit(Call(counter_at, counter.encode_call("refuse", 1), gas=200_000), key="a")
    assert type(caught.value).__name__ == "Counter_BadPoint"
    assert sender.entry("a").state == "failed"  # type: ignore[union-attr]
    assert sender.submit(Call(counter_at, counter.encode_call("refuse", 9)), key="a").status == "final"
    assert sender.connection.nonce(sender.address) == 2


def test_events__given_receipt__are_decoded(sender: Sender, counter: Artifact, counter_at: str) -> None:
    receipt = sender.submit(Call(counter_at, counter.encode_call("increment", "héllo")), key="a")
    event = receipt.event("Counted")
    assert event.contract == checksum(counter_at)
    assert (event.args["by"], event.args["note"]) == (sender.address, "héllo")
    assert event.args["point"] == {"x": event.args["count"], "tag": to_hex(keccak("héllo".encode()))}
    assert list(event.args) == ["by", "count", "note", "point"]
    assert json.loads(json.dumps(receipt.to_json()))["events"][0]["name"] == "Counted"


def test_calls__given_structs__are_coded_from_dicts_and_tuples(
    connection: Connection, counter: Artifact, counter_at: str
) -> None:
    points = [{"x": 1, "tag": b"\1" * 32}, (2, "0x" + "02" * 32)]
    answer = connection.read(counter, counter_at, "sum", points)
    assert answer == {"total": 3, "last": "0x" + "02" * 32}
    for bad in (
        [{"x": 1}],
        [{"x": 1, "tag": b"", "y": 0}],
        [(1, b"\1" * 31)],
        [(True, b"\1" * 32)],
        [(-1, b"\1" * 32)],
        "no",
    ):
        with pytest.raises(InputError):
            counter.encode_call("sum", bad)
    with pytest.raises(InputError):
        counter.encode_call("sum")
    with pytest.raises(NotFound):
        counter.encode_call("nothing")


def test_read__given_no_contract_there__misbehaved(connection: Connection, counter: Artifact) -> None:
    nobody = "0x" + "77" * 20
    with pytest.raises(NodeMisbehaved, match="not its result"):
        pytest.fail(f"answered {connection.read(counter, nobody, 'count')!r}, code {connection.code(nobody)!r}")


def test_read__given_ape_in_the_process__no_contract_there_is_misbehaved_all_the_same() -> None:
    """ape has eth_abi read missing numbers as zero, in the whole process; before and after ours is loaded."""
    for first, second in (("ape.utils.abi", "careledger.chain.abi"), ("careledger.chain.abi", "ape.utils.abi")):
        program = f"""
import {first}, {second}
from pathlib import Path
from careledger.chain.abi import Catalogue
from careledger.errors import NodeMisbehaved
counter = Catalogue(Path({str(FIXTURES)!r})).load("Counter")
for answer in (b"", bytes(31)):
    try:
        print(counter.decode_output("count", answer))
    except NodeMisbehaved as error:
        print("refused")
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.stdout.split() == ["refused", "refused"], done.stderr


def test_domain__given_contract__is_its_own(connection: Connection, counter_at: str) -> None:
    domain = connection.domain(checksum(counter_at))
    assert (domain.name, domain.version, domain.chain_id) == ("Counter", "1", connection.chain_id)


def test_contract_error__given_any_bytes__never_fails(catalogue: Catalogue) -> None:
    limit = catalogue.errors_by_name["Counter_LimitReached"].selector
    for data in (b"", b"\1", b"\1\2\3\4", limit, limit + b"\1", bytes.fromhex("08c379a0") + b"\xff" * 64,
                 bytes.fromhex("4e487b71"), bytes.fromhex("4e487b71") + b"\xff" * 32):  # fmt: skip
        assert isinstance(contract_error(data, catalogue=catalogue), ContractError)


def test_W1_contract_error__given_hostile_words__control_characters_are_gone() -> None:
    error = contract_error(bytes.fromhex("08c379a0") + encode(["string"], ["\x1b[31mred\n\u202eevil"]))
    assert "\x1b" not in str(error)
    assert "\n" not in str(error)
    assert "\u202e" not in str(error)


@pytest.mark.parametrize(
    ("error", "data"),
    [
        ({"code": 3, "message": "execution reverted", "data": "0x1234"}, b"\x12\x34"),
        ({"code": -32603, "message": "x", "data": {"message": "y", "data": "0x12"}}, b"\x12"),
        ({"code": -32015, "message": "VM execution error.", "data": "Reverted 0x12"}, b"\x12"),
        ({"code": -32000, "message": "execution reverted"}, b""),
        ({"code": -32000, "message": "header not found"}, None),
        ({}, None),
    ],
)
def test_revert_data__given_each_kind_of_node__is_found(error: dict[str, object], data: bytes | None) -> None:
    assert revert_data(error) == data


def test_explain__given_name__signature_reason_and_remedy(catalogue: Catalogue) -> None:
    entry = explain("Counter_LimitReached", catalogue=catalogue)
    assert entry is not None
    assert (entry.signature, entry.contract) == ("Counter_LimitReached(uint256,uint40)", "Counter")
    assert explain("Counter_Nothing", catalogue=catalogue) is None
    assert error_class("Counter_LimitReached", catalogue=catalogue) is error_class(
        "Counter_LimitReached", catalogue=catalogue
    )


def test_catalogue__given_damaged_file__format_error(tmp_path: Path) -> None:
    (tmp_path / "Bad.json").write_text("{")
    (tmp_path / "Empty.json").write_text("{}")
    (tmp_path / "Unlinked.json").write_text(json.dumps({"contractName": "U", "abi": [], "bytecode": "0x__$ab$__"}))
    catalogue = Catalogue(tmp_path)
    for name in catalogue.names():
        with pytest.raises(FormatError):
            catalogue.load(name)
    for name in ("Missing", "../x"):
        with pytest.raises(NotFound):
            catalogue.load(name)


def _sample(component: Mapping[str, Any]) -> Any:
    """Return a value of a type, other than its default."""
    kind = component["type"]
    if kind.endswith("]"):
        return [_sample({**component, "type": kind[: kind.rindex("[")]})] * (int(kind[:-1].rpartition("[")[2] or 2))
    if kind == "tuple":
        return tuple(_sample(item) for item in component["components"])
    if kind.startswith("bytes"):
        return b"\1" * int(kind[5:] or 40)
    return {"address": "0x" + "12" * 20, "bool": True, "string": "text"}.get(kind, 7)


def test_S6_errors__given_every_error_of_every_artifact__is_decoded_by_name_with_its_values() -> None:
    suite = Catalogue()
    if not suite.errors:
        pytest.skip("the artifacts are not built")
    for entry in suite.errors.values():
        values = [_sample(item) for item in entry.inputs]
        error = contract_error(entry.selector + encode([type_of(item) for item in entry.inputs], values))
        assert type(error).__name__ == entry.name
        assert list(error.values) == [item["name"] or f"_{at}" for at, item in enumerate(entry.inputs)]
        if "_" in entry.name:
            assert getattr(errors, entry.name) is type(error)


def test_in_process__given_refusal__same_exception(catalogue: Catalogue, counter: Artifact, tmp_path: Path) -> None:
    from careledger.chain.journal import Journal

    with LocalChain(engine="in-process", accounts=2) as chain:
        connection = Connection(chain.rpc, catalogue=catalogue)
        signer = chain.signer(0)
        sender = Sender(connection, signer, Journal(tmp_path / "j", scope=connection.scope, sender=signer.address))
        made = sender.submit(Call(None, counter.encode_deploy()), key="deploy")
        at = connection.rpc.request("eth_getTransactionReceipt", [made.tx])["contractAddress"]
        for how in ({}, {"gas": 200_000}):
            with pytest.raises(ContractError) as caught:
                sender.submit(Call(at, counter.encode_call("refuse", 0), **how), key="r")  # type: ignore[arg-type]
            assert type(caught.value).__name__ == "Counter_LimitReached"
            assert caught.value.values["count"] == 0
        event = sender.submit(Call(at, counter.encode_call("increment", "x")), key="i").event("Counted")
        assert (event.args["count"], event.args["by"]) == (1, signer.address)
        logs = connection.logs({"address": at, "fromBlock": 0, "toBlock": "latest"})
        assert len(logs) == 1
        assert connection.logs({"blockHash": logs[0]["blockHash"]})[0]["transactionHash"] == event.tx
