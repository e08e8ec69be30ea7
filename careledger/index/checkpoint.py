"""Order of everything: packed positions in the database, fixed-width cursors for consumers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from careledger.index.errors import IndexMisused

INDEX_BITS = 24
"""Width of a log's index in its block: 16.7 million logs, some fifty times what a 1-gigagas block can hold."""
NUMBER_BITS = 39
"""Width of a block number: 5.5e11 blocks. With ``INDEX_BITS`` 63 bits, so a signed 64-bit key holds both."""
INDEX_SPAN = 1 << INDEX_BITS
MAX_NUMBER = (1 << NUMBER_BITS) - 1

# 2**39 has 12 digits and 2**24 has 8; ten digits count undone blocks for longer than any chain will last.
_WIDTHS = (10, 12, 8)


def position(number: int, log_index: int) -> int:
    """Pack block number and log index into one key that sorts as the chain does.

    Args:
        number: Block number, 0 to ``MAX_NUMBER``.
        log_index: Index of the log in its block, 0 to ``INDEX_SPAN - 1``.

    Returns:
        A key below 2**63.

    Raises:
        ValueError: A part is outside its width.
    """
    if not (0 <= number <= MAX_NUMBER and 0 <= log_index < INDEX_SPAN):
        raise ValueError(f"block {number}, log {log_index} is outside the order key")
    return number << INDEX_BITS | log_index


def unpack(key: int) -> tuple[int, int]:
    """Split a position into (block number, log index)."""
    return key >> INDEX_BITS, key & (INDEX_SPAN - 1)


@dataclass(frozen=True, order=True)
class Cursor:
    """How far a consumer is: which undone blocks it knows of, and the next log it has not seen.

    Written as ``undone.number.next_index`` in fixed width, so that text order is reading order.
    """

    undone: int = 0
    """Serial number of the last undone block whose reversals were delivered."""
    number: int = 0
    """Block of the last event delivered."""
    next_index: int = 0
    """Logs of that block below this index were delivered."""

    def __str__(self) -> str:
        return ".".join(f"{part:0{width}d}" for part, width in zip(self._parts(), _WIDTHS, strict=True))

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor back.

        Raises:
            IndexMisused: The text is not a cursor of this index.
        """
        parts = text.split(".")
        fits = len(parts) == len(_WIDTHS) and all(
            len(part) == width and part.isascii() and part.isdigit() for part, width in zip(parts, _WIDTHS, strict=True)
        )
        if not fits:
            raise IndexMisused(
                f"{text[:60]!r} is not a cursor.",
                why="a cursor is three fixed-width numbers joined by points.",
                fix="Pass the cursor of an event as it came, or None to begin at the first.",
            )
        return cls(*map(int, parts))

    @property
    def position(self) -> int:
        """The first position not yet delivered."""
        return position(self.number, self.next_index)

    def _parts(self) -> tuple[int, int, int]:
        return self.undone, self.number, self.next_index
