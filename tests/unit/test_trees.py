"""Each leaf of a tree has a test, and each test a leaf."""

from pathlib import Path

import pytest

from tests.unit.trees import leaves, names_of, split, tree_of

HERE = Path(__file__).parent
MODULES = sorted(path for path in HERE.glob("test_*.py") if path.name != "test_trees.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_H19_tree__when_leaves_and_tests_are_compared__are_the_same(path):
    wanted = list(leaves(tree_of(path)))
    assert sorted(wanted) == sorted(names_of(path))
    assert len(set(wanted)) == len(wanted)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_tree__when_names_are_read__each_says_function_then_given_then_when_then_outcome(path):
    for name in names_of(path):
        _, steps = split(name)
        kinds = [step.split("_")[0] for step in steps[1:-1]]
        assert kinds in (["given"], ["when"], ["given", "when"]), name
        assert steps[0] and steps[-1], name


def test_leaves__when_a_tree_is_written_and_read__gives_the_same_names():
    from tests.unit.trees import write

    names = [name for path in MODULES for name in names_of(path)]
    for path in MODULES:
        assert sorted(leaves(write(names_of(path)))) == sorted(names_of(path))
    assert len(names) > 300
