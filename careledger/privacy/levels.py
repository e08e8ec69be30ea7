"""Positional trees on disk: every level persisted, so that one leaf of millions is proved without hashing them anew.

A file is a head, then the levels bottom up, each a run of 32-byte nodes without its padding. It holds nothing that does
not follow from the leaves, so a lost one is built again. Many leaves of one tree share the nodes of one proof.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from sha3 import keccak_256  # type: ignore[import-untyped]

from careledger.errors import FormatError, InputError, NotFound
from careledger.privacy.files import private_folder, write_whole
from careledger.privacy.merkle import MAX_DEPTH, ZERO, PositionalTree, position_leaf
from careledger.privacy.streams import write

__all__ = ["TreeFile", "root_of_many"]

_MAGIC: Final = b"careledger/tree/v1\0\0\0\0\0\0"
_HEAD: Final = len(_MAGIC) + 8
_NODE: Final = 32


class TreeFile:
    """A positional tree in a file; see :class:`careledger.privacy.merkle.PositionalTree` for what it is.

    Args:
        path: The file, written by :meth:`write`.

    Raises:
        NotFound: There is no such file.
        FormatError: It is no tree, or was cut.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open("rb") as file:
                head, total = file.read(_HEAD), os.fstat(file.fileno()).st_size
        except FileNotFoundError:
            raise NotFound("there is no such tree file", fix="Build it again from its leaves.") from None
        self.size = int.from_bytes(head[-8:], "big")
        self.depth = (self.size - 1).bit_length() if self.size else 0
        self._starts, place = [], _HEAD
        for count in self._counts():
            self._starts.append(place)
            place += count * _NODE
        if not head.startswith(_MAGIC) or not self.size or self.depth > MAX_DEPTH or place != total:
            raise FormatError("this is no tree file, or it was cut", fix="Build it again from its leaves.")

    @staticmethod
    def write(path: Path, leaves: Iterable[bytes]) -> bytes:
        """Build the tree over some leaves, put it in place whole or not at all, and return its root."""
        tree = PositionalTree(leaves)

        def work(sink: BinaryIO) -> bytes:
            write(sink, memoryview(_MAGIC + len(tree).to_bytes(8, "big")))
            for level in tree.levels:
                write(sink, memoryview(level))
            return tree.root

        private_folder(path.parent)
        return write_whole(path, work)

    def __len__(self) -> int:
        return self.size

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        with self._path.open("rb") as file:
            return self._node(file, self.depth, 0)

    def proof(self, index: int) -> list[bytes]:
        """Return the siblings, bottom up, of the leaf at this index; reads as many nodes as the tree is deep.

        Raises:
            NotFound: There is no leaf at this index.
        """
        self._require(index)
        with self._path.open("rb", buffering=0) as file:
            return [self._node(file, level, (index >> level) ^ 1) for level in range(self.depth)]

    def proof_of_many(self, indexes: Iterable[int]) -> list[bytes]:
        """Return the nodes that prove several leaves together: level by level, those that do not follow from others.

        Raises:
            NotFound: There is no leaf at one of them.
        """
        places = sorted(set(indexes))
        for index in places:
            self._require(index)
        found = []
        with self._path.open("rb") as file:
            for level in range(self.depth):
                known = set(places)
                found += [self._node(file, level, place ^ 1) for place in places if place ^ 1 not in known]
                places = sorted({place >> 1 for place in places})
        return found

    def _require(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise NotFound(f"there is no leaf {index} in a tree of {self.size}", fix="Leaves are counted from 0.")

    def _counts(self) -> list[int]:
        """Return how many nodes each level has, bottom up."""
        counts = [self.size]
        for _ in range(self.depth):
            counts.append((counts[-1] + 1) // 2)
        return counts

    def _node(self, file: BinaryIO, level: int, place: int) -> bytes:
        if place >= self._count(level):
            return _filler(level)
        file.seek(self._starts[level] + place * _NODE)
        return file.read(_NODE)

    def _count(self, level: int) -> int:
        end = self._starts[level + 1] if level < self.depth else self._starts[level] + _NODE
        return (end - self._starts[level]) // _NODE


def root_of_many(leaves: Mapping[int, bytes], nodes: Sequence[bytes], *, size: int) -> bytes | None:
    """Return the root that some leaves and the nodes of their common proof lead to; None where they do not fit.

    Args:
        leaves: Leaf values by index, 32 bytes each.
        nodes: What :meth:`TreeFile.proof_of_many` gave.
        size: How many leaves the tree has.

    Raises:
        InputError: There is no leaf.
    """
    if not leaves:
        raise InputError("a proof is about at least one leaf", fix="Give the leaves.")
    depth = (size - 1).bit_length()
    if min(leaves) < 0 or max(leaves) >= size or depth > MAX_DEPTH or any(len(node) != _NODE for node in nodes):
        return None
    level = {index: position_leaf(index, value) for index, value in leaves.items()}
    given, digest = iter(nodes), keccak_256
    for _ in range(depth):
        above: dict[int, bytes] = {}
        for place in sorted(level):
            if place >> 1 in above:
                continue
            sibling = level.get(place ^ 1) or next(given, None)
            if sibling is None:
                return None
            left, right = (sibling, level[place]) if place & 1 else (level[place], sibling)
            above[place >> 1] = digest(left + right).digest()
        level = above
    return level[0] if next(given, None) is None else None


def _filler(level: int) -> bytes:
    """Return the node over leaves that are not there, so many levels up."""
    node = ZERO
    for _ in range(level):
        node = keccak_256(node + node).digest()
    return node
