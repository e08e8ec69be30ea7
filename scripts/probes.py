"""Put probes into a scratch copy of the contracts, so that a run of the tests tells what it reached.

A probe is a look at the balance of an address with the probe's number. That is all a pure function can leave behind:
pyrevm's `db_accounts` knows every address ever looked at, in calls that were undone or reverted too. The rules of the
contracts stay what they are; gas and size do not.

Each statement gets a probe, and each condition two, one for false and one for true: the condition of `if`, `for`,
`while`, `? :`, `require` and `assert`, and in place of `a && b` and `a || b` each of `a` and `b`. Assembly is one
statement.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import build
from toolchain import ROOT

Node = dict[str, Any]
BASE = 0xC0FE << 144
"""The address of the first probe: far from precompiles, and from any that a key or a contract has."""
BRANCHING = ("IfStatement", "ForStatement", "WhileStatement", "DoWhileStatement")
KIT = f"""// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev No balance is that large. The comparison keeps the optimiser from leaving the look out.
function _look(uint256 probe) view {{
    assembly ("memory-safe") {{
        if eq(balance(add({BASE:#x}, probe)), not(0)) {{ invalid() }}
    }}
}}

/// @dev A look, called as if it were pure.
function probeRan(uint256 probe) pure {{
    function(uint256) view look = _look;
    function(uint256) pure quiet;
    assembly ("memory-safe") {{ quiet := look }}
    quiet(probe);
}}

function probeWas(uint256 probe, bool outcome) pure returns (bool) {{
    probeRan(outcome ? probe + 1 : probe);
    return outcome;
}}
"""


@dataclass(frozen=True, eq=False)
class Probe:
    """One thing that a test should reach."""

    file: str
    line: int
    function: str
    text: str
    """The condition, or the first line of the statement."""
    outcome: str
    """`ran`, `false` or `true`."""

    def __str__(self) -> str:
        never = "never ran" if self.outcome == "ran" else f"never {self.outcome}"
        return f"{self.file}:{self.line} {self.function}: {never}: {self.text}"


@dataclass
class Source:
    """One file while probes are put into it; offsets are those of the compiler, in bytes."""

    file: str
    raw: bytes
    probes: list[Probe]
    """Of all files so far: a probe's number is its place here."""
    function: str = ""
    edits: list[tuple[int, int, int, str]] = field(default_factory=list)

    def visit(self, node: Any) -> None:
        """Put the probes of everything below a node of the syntax tree."""
        if isinstance(node, list):
            for item in node:
                self.visit(item)
        if not isinstance(node, dict):
            return
        kind = node.get("nodeType")
        if kind in ("FunctionDefinition", "ModifierDefinition"):
            self.function = node["name"] or node["kind"]
        if kind in ("Block", "UncheckedBlock"):
            for item in node["statements"]:
                self._statement(item, braces=False)
        if kind in BRANCHING:
            for part in ("trueBody", "falseBody", "body"):
                self._statement(node.get(part), braces=True)
        for condition in conditions(node):
            self._condition(condition)
        for child in node.values():
            self.visit(child)

    def _statement(self, node: Node | None, *, braces: bool) -> None:
        if node is None or node["nodeType"] in ("Block", "UncheckedBlock"):
            return
        start, end = span(node)
        text, _, _ = self.raw[start:end].decode().partition("\n")
        number = self._add(start, text.strip(), "ran")
        tail = self.raw[end:]
        if tail.lstrip().startswith(b";"):  # the compiler does not count it to the statement
            end += tail.index(b";") + 1
        self._wrap(start, end, f"{'{ ' if braces else ''}probeRan({number}); ", " }" if braces else "")

    def _condition(self, node: Node) -> None:
        start, end = span(node)
        text = " ".join(self.raw[start:end].decode().split())
        number = self._add(start, text, "false")
        self._add(start, text, "true")
        self._wrap(start, end, f"probeWas({number}, ", ")")

    def _add(self, start: int, text: str, outcome: str) -> int:
        line = self.raw.count(b"\n", 0, start) + 1
        self.probes.append(Probe(self.file, line, self.function, text, outcome))
        return len(self.probes) - 1

    def _wrap(self, start: int, end: int, before: str, after: str) -> None:
        turn = len(self.edits)  # what was wrapped first is outside
        self.edits += [(start, 1, turn, before), (end, 0, -turn, after)]

    def written(self) -> bytes:
        """Return the file with its probes."""
        raw = self.raw
        for at, _, _, text in sorted(self.edits, reverse=True):
            raw = raw[:at] + text.encode() + raw[at:]
        home = "../" * (self.file.count("/") - 1) or "./"
        return raw + f'\nimport {{probeRan, probeWas}} from "{home}Probes.sol";\n'.encode()


def span(node: Node) -> tuple[int, int]:
    """Return where a node begins and ends."""
    start, length, _ = (int(part) for part in node["src"].split(":"))
    return start, start + length


def conditions(node: Node) -> Iterator[Node]:
    """Yield the conditions that a node decides on, without what lies deeper."""
    kind, operator = node.get("nodeType"), node.get("operator")
    if kind in (*BRANCHING, "Conditional") and node.get("condition"):
        yield from simple(node["condition"])
    elif kind == "BinaryOperation" and operator in ("&&", "||"):
        yield from simple(node["leftExpression"])
        yield from simple(node["rightExpression"])
    elif kind == "FunctionCall" and node["expression"].get("name") in ("require", "assert"):
        yield from simple(node["arguments"][0])


def simple(node: Node) -> Iterator[Node]:
    """Yield a condition itself; nothing for `&&` and `||`, whose two sides say what the whole was."""
    kind, operator = node["nodeType"], node.get("operator")
    if kind == "TupleExpression" and len(node["components"]) == 1:
        yield from simple(node["components"][0])
    elif kind == "UnaryOperation" and operator == "!":
        yield from simple(node["subExpression"])
    elif kind != "BinaryOperation" or operator not in ("&&", "||"):
        yield node


def plant(folder: Path) -> list[Probe]:
    """Put probes into the contracts of a scratch copy, mocks apart, and return them by number."""
    probes: list[Probe] = []
    trees = build.compile_trees(build.product_sources())
    for file in sorted(trees):
        if file.startswith("contracts/"):
            source = Source(file, (ROOT / file).read_bytes(), probes)
            source.visit(trees[file]["ast"])
            if source.edits:
                (folder / file).write_bytes(source.written())
    (folder / "contracts" / "Probes.sol").write_text(KIT)
    return probes


def reached(addresses: Iterable[str], probes: list[Probe]) -> set[Probe]:
    """Return the probes among the addresses that were looked at."""
    numbers = (int(address, 16) - BASE for address in addresses)
    return {probes[number] for number in numbers if 0 <= number < len(probes)}
