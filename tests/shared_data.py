"""Where the files of other people lie that some tests read; those tests skip by name where the folder is absent."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "shared" / "data"


def shared(*parts: str) -> Path:
    """Return a path under the shared data folder, or skip the calling test, naming what is missing."""
    path = ROOT.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"shared data not present: {'/'.join(parts)}")
    return path
