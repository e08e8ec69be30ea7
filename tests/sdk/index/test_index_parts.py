"""The pure parts: intervals, order keys, cursors, blooms, table definitions, decoders against eth_abi."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_bloom import BloomFilter
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from careledger.index import IndexMisused, Source, bloom, schema, sources
from careledger.index.checkpoint import MAX_NUMBER, Cursor, position, unpack
from careledger.index.decode import Undecodable, decoder, to_args, to_column
from careledger.index.intervals import difference, segments, union
from careledger.index.sources import EventSpec, event_specs
from tests.sdk.index.index_fakes import ABI, CLINIC_ABI

INTERVALS = st.lists(st.tuples(st.integers(0, 40), st.integers(-1, 12)).map(lambda p: (p[0], p[0] + p[1])), max_size=8)


def _points(intervals: list[tuple[int, int]]) -> set[int]:
    return {n for first, last in intervals for n in range(first, last + 1)}


@given(INTERVALS, INTERVALS)
def test_prop_intervals__are_sets_of_blocks(a: list[tuple[int, int]], b: list[tuple[int, int]]) -> None:
    assert _points(union(a)) == _points(a)
    assert _points(difference(a, b)) == _points(a) - _points(b)
    for joined in (union(a), difference(a, b)):
        assert all(left[1] + 1 < right[0] for left, right in zip(union(joined), union(joined)[1:], strict=False))


@given(st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(0, 20), st.integers(0, 40))), INTERVALS, INTERVALS)
def test_prop_segments__cover_exactly_what_is_missing(wanted: Any, a: Any, b: Any) -> None:
    fetched = {"a": union(a), "b": union(b)}
    cut = segments(wanted, fetched)
    assert all(left.last < right.first for left, right in pairwise(cut))
    for key, want in wanted.items():
        missing = _points([want]) - _points(fetched.get(key, []))
        assert _points([(s.first, s.last) for s in cut if key in s.keys]) == missing


PLACE = st.tuples(st.integers(0, MAX_NUMBER), st.integers(0, 2**24 - 1))


@given(PLACE, PLACE | st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_prop_position__sorts_as_the_chain(a: tuple[int, int], b: tuple[int, int]) -> None:
    assert unpack(position(*a)) == a
    assert (position(*a) < position(*b)) == (a < b)
    assert position(*a) < 2**63


@given(*[st.tuples(st.integers(0, 10**10 - 1), st.integers(0, 10**12 - 1), st.integers(0, 10**8 - 1))] * 2)
def test_prop_cursor__text_sorts_as_it_reads(a: tuple[int, int, int], b: tuple[int, int, int]) -> None:
    first, second = Cursor(*a), Cursor(*b)
    assert Cursor.parse(str(first)) == first
    assert (str(first) < str(second)) == (first < second)


@pytest.mark.parametrize("text", ["", "1.2.3", "0000000000.000000000001", "0000000000.000000000001.0000000x", "٠" * 32])
def test_cursor_parse__given_other_text__refuses(text: str) -> None:
    with pytest.raises(IndexMisused):
        Cursor.parse(text)


@given(st.lists(st.binary(min_size=20, max_size=32), max_size=20))
def test_prop_bloom__equals_eth_bloom(items: list[bytes]) -> None:
    oracle = BloomFilter()
    for item in items:
        oracle.add(item)
    ours = bloom.of_logs((item, ()) for item in items)
    assert ours == int(oracle)
    assert all(bloom.may_contain(ours, item) for item in items)


# DECODERS

STATIC = ["address", "bool", "uint8", "uint40", "uint56", "uint64", "uint128", "uint256", "int8", "int64", "int72",
          "int256", "bytes1", "bytes4", "bytes32"]  # fmt: skip
DYNAMIC = ["string", "bytes", "uint256[]", "(uint256,address)[2]", "(string,bytes32[])", "bool[3]", "int128[2][]"]


def _value(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return st.lists(_value(inner), min_size=int(size or 0), max_size=int(size or 3))
    if kind.startswith("("):
        return st.tuples(*(_value(part) for part in kind[1:-1].split(",")))
    if kind == "address":
        return st.binary(min_size=20, max_size=20).map(lambda b: "0x" + b.hex())
    if kind == "bool":
        return st.booleans()
    if kind == "string":
        return st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
    if kind == "bytes":
        return st.binary(max_size=70)
    if kind.startswith("bytes"):
        return st.binary(min_size=int(kind[5:]), max_size=int(kind[5:]))
    bits = int(kind.lstrip("uint"))
    return st.integers(0, 2**bits - 1) if kind[0] == "u" else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _abi_input(name: str, kind: str, indexed: bool) -> dict[str, Any]:
    if not kind.startswith("("):
        return {"name": name, "type": kind, "indexed": indexed}
    body, _, suffix = kind[1:].partition(")")
    parts = [{"name": f"p{at}", "type": part} for at, part in enumerate(body.split(","))]
    return {"name": name, "type": "tuple" + suffix, "components": parts, "indexed": indexed}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return [_plain(item) for item in value.values()]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_prop_decode__given_any_event__equals_what_was_encoded(data: st.DataObject) -> None:
    topics = data.draw(st.lists(st.sampled_from(STATIC), max_size=3))
    plain = data.draw(st.lists(st.sampled_from(STATIC + data.draw(st.sampled_from([[], DYNAMIC]))), max_size=6))
    inputs = [_abi_input(f"t{at}", kind, True) for at, kind in enumerate(topics)]
    inputs += [_abi_input(f"d{at}", kind, False) for at, kind in enumerate(plain)]
    order = data.draw(st.permutations(inputs))
    shelf = schema.build(event_specs("C", [{"type": "event", "name": "E", "inputs": order}])).shelves[0]
    values = {item["name"]: data.draw(_value(sources.canonical(item))) for item in order}
    raw_topics = b"".join(
        encode([sources.canonical(item)], [values[item["name"]]]) for item in order if item["indexed"]
    )
    body = [item for item in order if not item["indexed"]]
    raw = encode([sources.canonical(item) for item in body], [values[item["name"]] for item in body])
    row = decoder(shelf)(raw_topics, raw)
    given_back = {name: _plain(value) for name, value in to_args(shelf, row).items()}
    assert given_back == {name: _plain(value) for name, value in values.items()}
    for arg, stored in zip(shelf.spec.args, row, strict=True):
        if not arg.type.endswith("]") and not arg.type.startswith("("):
            assert to_column(arg, values[arg.name]) == stored, "a filter by the value finds the row"


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=130))
def test_prop_decode__given_any_bytes__value_or_undecodable(topics: bytes, data: bytes) -> None:
    for shelf in schema.build(Source("L", "0x" + "11" * 20, ABI).events).shelves:
        try:
            row = decoder(shelf)(topics, data)
        except Undecodable as why:
            assert str(why)
        else:
            assert len(row) == len(shelf.columns)


# TABLES AND SOURCES


def test_schema__given_clashing_names__keeps_them_apart() -> None:
    names = ("position", "Value", "value", "", "fooBar")
    inputs = [{"name": name, "type": "uint8", "indexed": False} for name in names]
    events = [
        {"type": "event", "name": "E", "inputs": inputs},
        {"type": "event", "name": "E", "inputs": inputs[:2]},
        {"type": "event", "name": "L" * 90, "inputs": []},
        {"type": "event", "name": "Hidden", "inputs": [], "anonymous": True},
    ]
    built = schema.build(event_specs("Meta", events))
    tables = [shelf.table.name for shelf in built.shelves]
    assert len(set(tables)) == 3
    assert all(len(name) <= schema.NAME_LIMIT for name in tables)
    assert {shelf.columns for shelf in built.shelves} == {
        ("position_", "value", "value_", "arg3", "foo_bar"), ("position_", "value"), ()
    }  # fmt: skip
    assert schema.snake("HTTPServerID") == "http_server_id"


def test_schema__given_postgresql__every_table_compiles() -> None:
    for table in schema.build(Source("L", "0x" + "11" * 20, ABI).events).metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]


def test_sources__given_contradictions__refuses() -> None:
    one, other = "0x" + "11" * 20, "0x" + "22" * 20
    twice = [Source("A", one, ABI), Source("B", one, ABI)]
    unlike = [Source("A", one, ABI), Source("A", other, CLINIC_ABI)]
    for wrong in ([], twice, unlike):
        with pytest.raises(IndexMisused):
            sources.check(wrong)
    sources.check([Source("A", one, ABI), Source("A", other, ABI)])


ARTIFACTS = sorted((Path(__file__).resolve().parents[3] / "careledger" / "artifacts").glob("*.json"))

IGNORED: frozenset[str] = frozenset()
"""``Contract.Event`` of events that have no table on purpose, each with its reason beside it."""


def _events_of(path: Path) -> tuple[str, list[EventSpec], list[dict[str, Any]]]:
    artifact = json.loads(path.read_text())
    name = artifact.get("contractName", path.stem)
    abi = artifact.get("abi", [])
    return name, list(event_specs(name, abi)), [item for item in abi if item["type"] == "event"]


def test_schema__every_event_of_every_artifact__has_a_table_or_is_declared_ignored() -> None:
    if not ARTIFACTS:
        pytest.skip("no artifacts have been built")
    for path in ARTIFACTS:
        name, specs, declared = _events_of(path)
        shelves = schema.build(specs).shelves
        covered = {shelf.spec.shape for shelf in shelves}
        for item in declared:
            spec = event_specs(name, [{**item, "anonymous": False}])[0]
            ignored = f"{name}.{spec.name}" in IGNORED
            assert (spec.shape in covered) != ignored, f"{name}.{spec.shape} has neither table nor reason"
        for shelf in shelves:
            decoder(shelf)  # and each can be decoded
            assert shelf.spec.topic_count <= 4
