"""The trees at the head of the unit tests: read them, and write one from the tests of a module.

A line says *given* a state, *when* somebody does something, *it* has this outcome; a line that is none of these names
the function. A leaf's name is its path, joined by double underscores; the threats it answers stand
behind it in brackets:

    grant
      given a grant
        when another version is named
          it reverts (C2)           → test_C2_grant__given_a_grant__when_another_version_is_named__reverts

    python tests/unit/trees.py tests/unit/test_x.py    writes the tree of the module's tests into its docstring
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ID = re.compile(r"[A-Z]\d{1,2}")
LEAF = re.compile(r"^it (?P<words>.*?)(?: \((?P<ids>[A-Z0-9, ]+)\))?$")


def names_of(path: Path) -> list[str]:
    """The names of a module's tests, in order."""
    found = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    return [node.name for node in found if node.name.startswith("test_")]


def leaves(tree: str) -> Iterator[str]:
    """The test names that a tree asks for."""
    stack: list[tuple[int, str]] = []
    for line in textwrap.dedent(tree).splitlines():
        depth = len(line) - len(line.lstrip())
        text = line.strip()
        stack = [item for item in stack if item[0] < depth]
        leaf = LEAF.match(text)
        if not text or (not stack and text.split(" ")[0] in ("given", "when", "it")):
            continue
        if leaf is None:
            stack.append((depth, text))
            continue
        ids = [item.strip() for item in (leaf["ids"] or "").split(",") if item.strip()]
        path = [step.replace(" ", "_") for _, step in stack]
        yield "_".join(["test", *ids, "__".join([*path, leaf["words"].replace(" ", "_")])])


def split(name: str) -> tuple[list[str], list[str]]:
    """The ids and the steps of a test's name."""
    parts = name.removeprefix("test_").split("_")
    ids = []
    while parts and ID.fullmatch(parts[0]):
        ids.append(parts.pop(0))
    return ids, "_".join(parts).split("__")


def write(names: list[str]) -> str:
    """The tree of some tests; branches that come again are joined to the first of their name."""
    root: dict[str, dict] = {}
    for name in names:
        ids, steps = split(name)
        *path, outcome = [step.replace("_", " ") if at else step for at, step in enumerate(steps)]
        node = root
        for step in path:
            node = node.setdefault(step, {})
        carried = f" ({', '.join(ids)})" if ids else ""
        node[f"it {outcome}{carried}"] = {}
    lines: list[str] = []

    def walk(node: dict[str, dict], depth: int) -> None:
        for step, below in node.items():
            lines.append("  " * depth + step)
            walk(below, depth + 1)

    walk(root, 0)
    return "\n".join(lines)


def tree_of(path: Path) -> str:
    """The tree in a module's docstring: what follows its first paragraph."""
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    return text.partition("\n\n")[2]


def main() -> None:
    """Write the trees of the modules given."""
    for name in sys.argv[1:]:
        path = Path(name)
        source = path.read_text()
        old = ast.get_docstring(ast.parse(source), clean=False)
        title = (old or "").strip().partition("\n\n")[
            0
        ] or f"{path.stem.removeprefix('test_').replace('_', ' ').capitalize()}."
        if old is not None:
            source = source[source.index('"""', 3) + 3 :].lstrip("\n")
        path.write_text(f'"""{title}\n\n{write(names_of(path))}\n"""\n\n{source}')


if __name__ == "__main__":
    main()
