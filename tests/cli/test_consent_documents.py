"""consents read and export: what becomes of FHIR Consents, on the command line.

read
  the commands of docs/consents.md end as it says                     → test_docs__read_commands__end_as_the_page_says
  given something that narrows and cannot be said
    exit code 3, with where and why, also in JSON                     → test_read__narrows_and_cannot_be_said__exit_3
    accepted by its name, exit code 0                                 → test_read__accepted__exit_0
  given a denial of one organisation
    its purposes are one row                                          → test_read__denial_for_every_purpose__one_row
  given stdin, no Consent, a wrong option
    it says so                                                        → test_read__wrong_input__says_what
  given text that would command a terminal
    it is spelt out                                                   → test_read__hostile_text__spelt_out
fhir inspect
  points to it                                                        → test_fhir_inspect__consent__points_to_read
"""

import io
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ROOT / "tests" / "sdk" / "fhir" / "consents"
SEED = str(ROOT / "seeds" / "consents" / "ana-lindenhof.json")
LINDENHOF = "organisation:0x8617E340B3D01FA5F11F306F4090FD50E238070D"
KNOWN = ("--party", f"Organization/lindenhof={LINDENHOF}")
Cli = Callable[..., Result]


def documented() -> list[tuple[list[str], int]]:
    page = (ROOT / "docs" / "consents.md").read_text().split("## FHIR Consents")[1]
    found = re.findall(r"^careledger (consents read .*?) +# exit code (\d)$", page, re.M)
    return [(shlex.split(line), int(code)) for line, code in found]


def test_docs__read_commands__end_as_the_page_says(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert len(documented()) == 3
    for arguments, code in documented():
        assert cli(*arguments).code == code, arguments


def test_read__narrows_and_cannot_be_said__exit_3(cli: Cli) -> None:
    result = cli("consents", "read", SEED, *KNOWN)
    assert result.code == 3 and result.err == ""
    directive, left_out = [line.split("\t") for line in result.out.splitlines()]
    assert directive[:5] == ["directive", LINDENHOF, "TREAT", "all ordinary", "mental-health"]
    assert left_out[:3] == ["more access", "Consent.provision.provision[1].data[0]", "Encounter/V-1004"]
    (found,) = cli("consents", "read", SEED, *KNOWN, "--json").json
    assert [item["effect"] for item in found["unexpressed"]].count("more access") == 1
    assert "Consent.policy" in found["keptForReceipt"]


def test_read__accepted__exit_0(cli: Cli) -> None:
    for name in ("Consent.provision.provision[1].data[0]", "Consent.provision.provision.data"):
        assert cli("consents", "read", SEED, *KNOWN, "--accept", name).code == 0
    refused = cli("consents", "read", SEED, "--accept", "Consent.provision.period")
    assert refused.code == 1 and "nothing that widens access stands at Consent.provision.period" in refused.err


def test_read__denial_for_every_purpose__one_row(cli: Cli) -> None:
    file = str(PATTERNS / "r4" / "deny-one-organisation.json")
    result = cli("consents", "read", file, "--party", f"Organization/clinic={LINDENHOF}")
    assert result.code == 3, "in an emergency the organisation is let in all the same"
    assert result.out.splitlines()[0].split("\t")[:5] == ["directive", LINDENHOF, "every purpose", "-", "everything"]
    file = str(PATTERNS / "r4" / "basic-treat.json")
    everybody = cli("consents", "read", file, "--everybody", "role:pharmacy@756000", "--everybody", LINDENHOF)
    rows = [line.split("\t")[:3] for line in everybody.out.splitlines()[:2]]
    assert rows == [["directive", who, "TREAT, HPAYMT, HOPERAT"] for who in ("role:pharmacy@756000", LINDENHOF)]


def test_read__wrong_input__says_what(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Stdin:
        buffer = io.BytesIO(Path(SEED).read_bytes())

    monkeypatch.setattr("sys.stdin", Stdin())
    assert cli("consents", "read", "-").code == 3
    assert cli("consents", "read", "nowhere.json").code == 1
    (tmp_path / "patient.json").write_text(json.dumps({"resourceType": "Patient", "id": "a"}))
    assert "no Consent in this document" in cli("consents", "read", str(tmp_path / "patient.json")).err
    for option, value in (
        ("--party", "Organization/x"), ("--party", "x=wizard:0x"), ("--everybody", "role:wizard@756000"),
        ("--everybody", "role:pharmacy@x"), ("--purpose", "NOSUCH"), ("--patient", "0x00"),
    ):  # fmt: skip
        assert cli("consents", "read", SEED, option, value).code == 2, (option, value)
    assert cli("consents", "export", "--patient", LINDENHOF.partition(":")[2], "--version", "R6").code == 2


def test_read__hostile_text__spelt_out(cli: Cli, tmp_path: Path) -> None:
    tree = json.loads(Path(SEED).read_text())
    tree["provision"]["data"] = [{"meaning": "instance", "reference": {"reference": "Observation/\x1b[2Jx\u202e"}}]
    (tmp_path / "hostile.json").write_text(json.dumps(tree))
    result = cli("consents", "read", str(tmp_path / "hostile.json"))
    assert result.code == 3 and "\x1b" not in result.out and "\u202e" not in result.out


def test_fhir_inspect__consent__points_to_read(cli: Cli) -> None:
    assert "careledger consents read" in cli("fhir", "inspect", SEED).out.replace("\n", " ")
