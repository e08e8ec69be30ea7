"""Text from outside does nothing but be read.

given some JSON
  its whole numbers keep every digit                        → test_read_json__a_large_number__keeps_every_digit
  it nests deeper than anybody's stack, whatever is set     → test_read_json__nested_deeper_than_a_stack__refused
  it nests deeper than this process allows                  → test_read_json__nested_deeper_than_allowed__refused
  what it holds is not in the error                         → test_read_json__broken__does_not_repeat_it
given the files and papers that users hand over
  none of them ends the process                             → test_readers__nested_deeper_than_a_stack__one_sentence
given the package
  nothing from outside is read another way                  → test_package__reads_outside_json_one_way
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import careledger
from careledger.text import read_json

OWN_STORES = {"chain/abi.py", "chain/journal.py", "chain/journal_store.py", "chain/tray.py",
              "directory/sealed.py", "resources/catalogue.py", "text.py"}  # fmt: skip
"""Who reads only what this program wrote, in places of its own."""

READERS = """
import sys
from pathlib import Path

sys.setrecursionlimit(100_000)  # what py_ecc does when it is imported
deep, file = "[" * 99_000 + "]" * 99_000, Path(sys.argv[1])
file.write_text(deep)
file.chmod(0o600)

from careledger.chain.keyfiles import read_keystore
from careledger.cli.papers import opened_fields
from careledger.cli.terms import load_file
from careledger.errors import CareLedgerError
from careledger.formats import fhir
from careledger.privacy.commitments import RecordOpening
from careledger.privacy.documents import open_document
from careledger.privacy.merkle import StandardTree
from careledger.privacy.openers import from_keystore
from careledger.privacy.wraps import Wraps
from careledger.recovery import papers
from careledger.redact import Secret
from careledger.resources.consent_receipt import ConsentReceipt
from careledger.resources.joining import LinkOpening

password = Secret(b"a password", "password")
for read in (
    lambda: read_keystore(file, password),
    lambda: opened_fields(deep),
    lambda: load_file(file),
    lambda: list(fhir.read(file)),
    lambda: RecordOpening.from_json(deep),
    lambda: open_document(deep, "evidence", password=password),
    lambda: StandardTree.load(deep),
    lambda: from_keystore(file, password),
    lambda: Wraps.from_json(deep),
    lambda: papers.read(deep, "careledger-recovery-v1"),
    lambda: ConsentReceipt.load(file),
    lambda: LinkOpening.read(deep.encode()),
):
    try:
        read()
    except CareLedgerError as error:
        print(error.message)
"""


def test_read_json__a_large_number__keeps_every_digit() -> None:
    assert read_json(f'{{"amount": {2**256 - 1}}}') == {"amount": 2**256 - 1}


@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
def test_read_json__nested_deeper_than_a_stack__refused(opening: str, closing: str) -> None:
    assert read_json(opening * 200 + "1" + closing * 200)
    for deep in (1_025, 200_000):
        with pytest.raises(ValueError, match="depth limit"):
            read_json(opening * deep + "1" + closing * deep)


def test_read_json__nested_deeper_than_allowed__refused() -> None:
    usual = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(600)
        with pytest.raises(ValueError, match="depth limit"):
            read_json("[" * 1_000 + "]" * 1_000)
    finally:
        sys.setrecursionlimit(usual)


def test_read_json__broken__does_not_repeat_it() -> None:
    with pytest.raises(ValueError) as caught:
        read_json('{"salt": "ZmlzaA", }')
    error: BaseException | None = caught.value
    while error is not None and not error.__suppress_context__:
        error = error.__context__
    assert "ZmlzaA" not in f"{error} {vars(error)}"


def test_readers__nested_deeper_than_a_stack__one_sentence(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", READERS, str(tmp_path / "deep.json")], capture_output=True, text=True, timeout=60
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert len(found.stdout.splitlines()) == READERS.count("    lambda: ")


def test_package__reads_outside_json_one_way() -> None:
    root = Path(careledger.__file__).parent
    found = {
        str(path.relative_to(root))
        for path in root.rglob("*.py")
        if re.search(r"(?<![\w.])json\.loads?\(", path.read_text())
    }
    assert found == OWN_STORES
