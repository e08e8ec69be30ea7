"""Start Halmos beside a newer `rich` than it was written for.

Halmos 0.3.3 clears a live display before there is one; rich 14.1 and later, which ape needs, raise IndexError there.
This file can go when Halmos allows rich 14.3.
"""

import sys

from halmos.__main__ import main
from rich.console import Console

_clear = Console.clear_live


def clear_live(console: Console) -> None:
    """Clear the live display if one is open."""
    if console._live_stack:
        _clear(console)


Console.clear_live = clear_live  # type: ignore[method-assign, assignment]

if __name__ == "__main__":
    sys.exit(main())
