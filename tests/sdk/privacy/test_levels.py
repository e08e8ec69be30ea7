"""Positional trees on disk.

given a tree file
  it gives the root and every proof of the tree in memory      → test_tree_file__any_size__equals_tree_in_memory
  when it is read for one leaf of many
    it reads as many nodes as the tree is deep                 → test_proof__of_a_large_tree__reads_its_depth_only
  when several leaves are proved together
    it leads to the root, with fewer nodes than one by one     → test_prop_proof_of_many__any_leaves__leads_to_the_root
    it refuses another leaf, place, node or size               → test_root_of_many__anything_changed__another_or_none
  when it is cut, lengthened, no tree or not there
    it says so                                                 → test_tree_file__damaged__refused
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.levels import TreeFile, root_of_many
from careledger.privacy.merkle import PositionalTree


def leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(number.to_bytes(4, "big")).digest() for number in range(count)]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 33, 64, 100])
def test_tree_file__any_size__equals_tree_in_memory(tmp_path: Path, size: int) -> None:
    path, memory = tmp_path / "deep" / "a.tree", PositionalTree(leaves(size))
    assert TreeFile.write(path, leaves(size)) == memory.root
    tree = TreeFile(path)
    assert (tree.root, len(tree), tree.depth) == (memory.root, size, memory.depth)
    for index in range(size):
        assert tree.proof(index) == tree.proof_of_many([index]) == memory.proof(index)
    for index in (-1, size):
        with pytest.raises(NotFound, match="there is no leaf"):
            tree.proof(index)
        with pytest.raises(NotFound, match="there is no leaf"):
            tree.proof_of_many([0, index])


def test_proof__of_a_large_tree__reads_its_depth_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, count = tmp_path / "a.tree", 0
    root = TreeFile.write(path, leaves(5000))
    tree, read = TreeFile(path), TreeFile._node

    def counted(self: TreeFile, *args: object) -> bytes:
        nonlocal count
        count += 1
        return read(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(TreeFile, "_node", counted)
    proof = tree.proof(4999)
    assert count == len(proof) == 13
    assert PositionalTree.verify(root, depth=13, index=4999, value=leaves(5000)[4999], proof=proof)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 70).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1), min_size=1))))
def test_prop_proof_of_many__any_leaves__leads_to_the_root(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[int, set[int]]
) -> None:
    size, chosen = case
    path, values = tmp_path_factory.mktemp("t") / "a.tree", leaves(size)
    root = TreeFile.write(path, values)
    nodes = TreeFile(path).proof_of_many(chosen)
    assert root_of_many({index: values[index] for index in chosen}, nodes, size=size) == root
    assert len(nodes) <= sum(len(TreeFile(path).proof(index)) for index in chosen)


def test_root_of_many__anything_changed__another_or_none(tmp_path: Path) -> None:
    path, values = tmp_path / "a.tree", leaves(20)
    root, chosen = TreeFile.write(path, values), {3: values[3], 4: values[4], 17: values[17]}
    nodes = TreeFile(path).proof_of_many(chosen)
    assert root_of_many(chosen, nodes, size=20) == root
    changed = [
        ({**chosen, 3: values[5]}, nodes, 20), ({3: values[3], 5: values[4], 17: values[17]}, nodes, 20),
        (chosen, [*nodes[:-1], bytes(32)], 20), (chosen, nodes[:-1], 20), (chosen, [*nodes, bytes(32)], 20),
        (chosen, nodes, 40), (chosen, nodes, 17), ({3: values[3]}, nodes, 20), (chosen, [b"short", *nodes[1:]], 20),
    ]  # fmt: skip
    for proved, given_nodes, size in changed:
        assert root_of_many(proved, given_nodes, size=size) != root
    with pytest.raises(InputError):
        root_of_many({}, nodes, size=20)


def test_tree_file__damaged__refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tree"
    TreeFile.write(path, leaves(9))
    whole = path.read_bytes()
    for bad in (b"", whole[:-1], whole[:-32], whole + b"x", b"X" + whole[1:], whole[:25] + b"\xff" * 7 + whole[32:]):
        path.write_bytes(bad)
        with pytest.raises(FormatError, match="no tree file"):
            TreeFile(path)
    with pytest.raises(NotFound):
        TreeFile(tmp_path / "none.tree")
    with pytest.raises(InputError, match="at least one leaf"):
        TreeFile.write(path, [])
