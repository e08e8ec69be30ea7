"""Merkle trees.

StandardTree
  given OpenZeppelin's own dump               → the same bytes, root and proofs
  given any values                            → every proof verifies, every other value fails
  given a changed dump                        → FormatError
PositionalTree
  given a naive tree                          → the same root
  given a proof at another index              → refused
  given a million leaves                      → seconds
"""

import copy
import json
import os
import time

import pytest
from eth_abi import encode
from eth_utils import keccak
from hypothesis import given
from hypothesis import strategies as st

from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.merkle import PositionalTree, StandardTree, _layout, leaf_hash, position_leaf
from tests.shared_data import shared

word = st.binary(min_size=32, max_size=32)


def test_standard__given_openzeppelin_dump__same_bytes():
    text = shared("crypto", "merkle", "standard-v1.sorted.1_0_6.json").read_text().strip()
    tree = StandardTree([[letter] for letter in "abcdef"], types=["string"])
    assert tree.dumps() == text
    assert StandardTree.load(text).dumps() == text
    for i, letter in enumerate("abcdef"):
        assert StandardTree.verify(tree.root, types=["string"], value=[letter], proof=tree.proof(i))


def test_standard__given_openzeppelin_simple_dump__same_inner_nodes():
    data = json.loads(shared("crypto", "merkle", "simple-v1.sorted.1_0_6.json").read_text())
    leaves = sorted(bytes.fromhex(entry["value"][2:]) for entry in data["values"])
    assert ["0x" + node.hex() for node in _layout(leaves)] == data["tree"]


@given(st.lists(word, min_size=1, max_size=40, unique=True), st.data())
def test_prop_standard__every_leaf_proves_and_no_other_value_does(values, data):
    tree = StandardTree.of_commitments(values)
    for i, value in enumerate(values):
        assert StandardTree.verify(tree.root, types=["bytes32"], value=[value], proof=tree.proof(i))
    i = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(word.filter(lambda w: w != values[i]))
    assert not StandardTree.verify(tree.root, types=["bytes32"], value=[other], proof=tree.proof(i))
    assert StandardTree.load(tree.dumps()).root == tree.root


def test_standard__fast_path_for_commitments__equals_eth_abi():
    value = os.urandom(32)
    assert StandardTree.of_commitments([value]).root == keccak(keccak(encode(["bytes32"], [value])))
    assert leaf_hash(["bytes32"], [value]) == leaf_hash(["bytes32"], ["0x" + value.hex()])


def test_standard__mixed_types__round_trip_as_javascript_writes_them():
    values = [["0x" + "11" * 20, "5000000000000000000"], ["0x" + "22" * 20, 2**200]]
    tree = StandardTree(values, types=["address", "uint256"])
    again = StandardTree.load(json.dumps(tree.dump()))
    assert again.root == tree.root and again.dump() == tree.dump()
    assert tree.dump()["values"][1]["value"][1] == str(2**200)


def test_standard__inner_node_offered_as_leaf__refused():
    tree = StandardTree.of_commitments([bytes([n]) * 32 for n in range(4)])
    inner = bytes.fromhex(tree.dump()["tree"][1][2:])
    assert not StandardTree.verify(
        tree.root, types=["bytes32"], value=[inner], proof=[bytes.fromhex(tree.dump()["tree"][2][2:])]
    )


@pytest.mark.parametrize("field", ["tree", "values", "format", "leafEncoding"])
def test_standard_load__given_changed_dump__refused(field):
    dump = StandardTree.of_commitments([os.urandom(32) for _ in range(5)]).dump()
    changed = copy.deepcopy(dump)
    if field == "tree":
        changed["tree"][3] = "0x" + "00" * 32
    elif field == "values":
        changed["values"][2]["value"] = ["0x" + "00" * 32]
    elif field == "format":
        changed["format"] = "simple-v1"
    else:
        del changed["leafEncoding"]
    with pytest.raises(FormatError):
        StandardTree.load(changed)


def test_standard__no_leaves_or_misfit__refused():
    with pytest.raises(InputError, match="at least one leaf"):
        StandardTree([], types=["bytes32"])
    with pytest.raises(InputError):
        StandardTree([["x"]], types=["uint256"])
    with pytest.raises(NotFound):
        StandardTree.of_commitments([bytes(32)]).proof(1)


def naive_root(values: list[bytes], depth: int) -> bytes:
    level = [keccak(keccak(encode(["uint256", "bytes32"], [i, v]))) for i, v in enumerate(values)]
    level += [bytes(32)] * ((1 << depth) - len(level))
    while len(level) > 1:
        level = [keccak(a + b) for a, b in zip(level[::2], level[1::2], strict=True)]
    return level[0]


@given(st.lists(word, min_size=1, max_size=20), st.integers(0, 2))
def test_prop_positional__root_equals_naive_tree_and_every_index_proves(values, extra):
    depth = (len(values) - 1).bit_length() + extra
    tree = PositionalTree(values, depth=depth)
    assert tree.root == naive_root(values, depth)
    for i, value in enumerate(values):
        assert PositionalTree.verify(tree.root, depth=depth, index=i, value=value, proof=tree.proof(i))
        for j in range(1 << depth):
            if j != i:
                assert not PositionalTree.verify(tree.root, depth=depth, index=j, value=value, proof=tree.proof(i))


def test_positional__proof_of_other_length_or_range__refused():
    tree = PositionalTree([os.urandom(32) for _ in range(5)])
    value = os.urandom(32)
    assert not PositionalTree.verify(tree.root, depth=3, index=8, value=value, proof=tree.proof(0))
    assert not PositionalTree.verify(tree.root, depth=2, index=0, value=value, proof=tree.proof(0))
    assert not PositionalTree.verify(tree.root, depth=3, index=-1, value=value, proof=tree.proof(0))
    assert not PositionalTree.verify(tree.root, depth=3, index=0, value=b"short", proof=tree.proof(0))
    assert tree.depth == 3 and len(tree) == 5
    with pytest.raises(NotFound):
        tree.proof(5)
    with pytest.raises(InputError):
        PositionalTree([bytes(32)] * 5, depth=2)
    with pytest.raises(InputError):
        PositionalTree([b"short"])
    with pytest.raises(InputError):
        PositionalTree([])


def test_positional__padding_leaf__cannot_be_proved_as_a_value():
    tree = PositionalTree([os.urandom(32) for _ in range(3)])
    assert tree.proof(2)[0] == bytes(32)
    assert not PositionalTree.verify(tree.root, depth=2, index=3, value=bytes(32), proof=tree.proof(2))
    assert position_leaf(3, bytes(32)) != bytes(32)


def test_positional__given_200_000_leaves__within_seconds():
    values = [n.to_bytes(32, "big") for n in range(200_000)]
    started = time.perf_counter()
    tree = PositionalTree(values)
    assert time.perf_counter() - started < 10
    assert PositionalTree.verify(tree.root, depth=18, index=123_456, value=values[123_456], proof=tree.proof(123_456))


@pytest.mark.deep
def test_positional__given_a_million_leaves__within_a_minute():
    values = [n.to_bytes(32, "big") for n in range(1_000_000)]
    started = time.perf_counter()
    tree = PositionalTree(values)
    assert time.perf_counter() - started < 60
    assert PositionalTree.verify(tree.root, depth=20, index=999_999, value=values[-1], proof=tree.proof(999_999))
