"""Text from outside: read without harm, shown without being obeyed.

read_json
  whole numbers of any size are kept                    → test_read_json__large_numbers__are_kept
  what is no JSON is refused                            → test_read_json__no_json__is_refused
  deep nesting is refused where the limit was raised    → test_read_json__deep_nesting__ends_nothing
  and by every reader of documents                      → test_W1_readers__deep_nesting__one_sentence
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from careledger.text import read_json

ROOT = Path(__file__).resolve().parents[2]



def test_read_json__large_numbers__are_kept() -> None:
    assert read_json(f'{{"word": {2**255 + 1}}}') == {"word": 2**255 + 1}


@pytest.mark.parametrize("text", ["", "{", "nan", "NaN", '{"a": Infinity}', "\ufeff{}", b"\xff"])
def test_read_json__no_json__is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def in_a_process(program: str) -> str:
    start = "import sys; sys.setrecursionlimit(10**6); deep = '[' * 400_000\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", start + program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-500:]}"
    return done.stdout


def test_read_json__deep_nesting__ends_nothing() -> None:
    said = in_a_process(
        "from careledger.text import read_json\ntry:\n    read_json(deep)\nexcept ValueError:\n    print('refused')"
    )
    assert said == "refused\n"


READERS = """
import pathlib, tempfile
from careledger.errors import CareLedgerError
from careledger.privacy.wraps import Wraps
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.backup import open_backup
from careledger.privacy.merkle import StandardTree
from careledger.resources.consent_receipt import ConsentReceipt
from careledger.cli.terms import load_file
from careledger.redact import Secret

file = pathlib.Path(tempfile.mkdtemp()) / "deep.json"
file.write_text(deep)
readers = [
    lambda: Wraps.from_json(deep), lambda: RecordOpening.from_json(deep),
    lambda: open_backup(deep, password=Secret(b"password", "password")), lambda: ConsentReceipt.load(file),
    lambda: load_file(file),
]
for read in readers:
    try:
        read()
    except CareLedgerError as error:
        print(type(error).__name__)
"""


def test_W1_readers__deep_nesting__one_sentence() -> None:
    assert in_a_process(READERS).split() == ["FormatError"] * 5
