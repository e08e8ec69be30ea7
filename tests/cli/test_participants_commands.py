"""participants accreditor, credential, affiliation on a kept demo: files that go from one party to the other.

accreditor
  admitted, shown, dismissed                 → test_accreditor__admitted_and_dismissed__shown_as_it_stands
credential
  offered, signed by both, issued            → test_credential__signed_by_both__issued_once
  renewed, suspended, resumed, revoked       → test_credential__through_its_life__each_state_is_shown
  one side has not signed                    → test_credential__one_side_missing__says_who
  changed after a signature                  → test_credential__changed_after_signing__refused
affiliation
  offered, signed, started, ended            → test_affiliation__through_its_life__shown
files that are something else                → test_files__something_else__one_sentence
policy
  stated, shown, asked                       → test_policy__stated__…
completion
  of nouns, code words, profiles, networks   → test_completion__of_words__offers_what_fits
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careledger.chain.anvil import find_anvil
from tests.cli.conftest import Result
from tests.cli.kept import Kept, keep

Cli = Callable[..., Result]
pytestmark = [pytest.mark.skipif(find_anvil() is None, reason="no Anvil"), pytest.mark.xdist_group("kept-demo")]
HERE = ("--jurisdiction", "756000")
STRANGER = "0x52908400098527886E0F7030069857D2E4169EE7"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    found = keep(tmp_path_factory.mktemp("participants"), "kept")
    yield found
    found.end()


@pytest.fixture
def files(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(kept.folder)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def account(cli: Cli, profile: str) -> str:
    return str(yes(cli("whoami", "--as", profile, "--json")).json["account"])


def yes(result: Result) -> Result:
    assert result.code == 0, result.err
    return result


def offered(cli: Cli, file: Path, subject: str, *more: str, role: str = "practitioner") -> Path:
    named = ["--subject", subject, "--issuer", account(cli, "medical-board"), "--role", role, *HERE]
    yes(cli("participants", "credential", "offer", str(file), *named, *more))
    return file


def issued(cli: Cli, file: Path, profile: str) -> str:
    offered(cli, file, account(cli, profile))
    for each in (profile, "medical-board"):
        assert yes(cli("participants", "credential", "sign", str(file), "--as", each)).out.strip() == account(cli, each)
    return yes(cli("participants", "credential", "issue", str(file), "--as", "relayer")).out.strip()


def test_accreditor__admitted_and_dismissed__shown_as_it_stands(cli: Cli, files: Path) -> None:
    which = [STRANGER, "--role", "steward", *HERE]
    before = cli("participants", "accreditor", "show", *which)
    assert before.code == 3 and "admitted\tno" in before.out
    assert yes(cli("participants", "accreditor", "admit", *which, "--as", "governor")).out.strip() == STRANGER
    assert yes(cli("participants", "accreditor", "show", *which, "--json")).json["admitted"] is True
    dismiss = ["participants", "accreditor", "dismiss", *which, "--reason", "sanctioned"]
    soon = cli(*dismiss, "--on", "2026-01-01", "--as", "governor")
    assert soon.code == 1 and "defect" not in soon.err
    assert cli(*dismiss, "--on", "31.12.2030", "--as", "governor").code == 2
    yes(cli(*dismiss, "--on", "2030-12-31", "--as", "governor"))
    assert "2030-12-31 00:00 UTC" in yes(cli("participants", "accreditor", "show", *which)).out
    refused = cli("participants", "accreditor", "admit", *which, "--as", "clinic", "--key", "by-clinic")
    assert refused.code == 1 and "defect" not in refused.err


def test_credential__signed_by_both__issued_once(cli: Cli, files: Path) -> None:
    evidence = files / "register.txt"
    evidence.write_text("extract of the register")
    file = offered(cli, files / "terms.json", account(cli, "relayer"), "--evidence", str(evidence), role="provider")
    assert "extract" not in file.read_text()
    for each in ("medical-board", "relayer"):
        yes(cli("participants", "credential", "sign", str(file), "--as", each))
    issue = ["participants", "credential", "issue", str(file), "--as", "relayer"]
    assert yes(cli(*issue, "--dry-run")).out.startswith("0x")
    first = yes(cli(*issue)).out
    assert len(first.strip()) == 66 and yes(cli(*issue)).out == first, "the same file never acts twice"
    who = account(cli, "relayer")
    shown = yes(cli("participants", "show", who, "--json")).json["credentials"]
    assert [row["role"] for row in shown] == ["PROVIDER"] and shown[0]["active"] is True


def test_credential__through_its_life__each_state_is_shown(cli: Cli, files: Path) -> None:
    who = account(cli, "privacy-officer")
    credential = issued(cli, files / "life.json", "privacy-officer")
    which = ["--subject", who, "--role", "practitioner", *HERE]
    show = ["participants", "show", who, "--role", "practitioner", *HERE]
    until = yes(cli(*show, "--json")).json["credentials"][0]["expires_at"]
    assert yes(cli("participants", "credential", "renew", *which, "--days", "30", "--as", "medical-board")).out != ""
    renewed = yes(cli(*show, "--json")).json["credentials"][0]
    assert renewed["expires_at"] == until + 30 * 86_400 and renewed["id"] == credential
    why = ["--reason", "under-investigation", "--as", "medical-board"]
    yes(cli("participants", "credential", "suspend", *which, *why))
    assert cli(*show).code == 3
    yes(cli("participants", "credential", "resume", *which, "--as", "medical-board"))
    assert yes(cli(*show)).code == 0
    revoke = ["participants", "credential", "revoke", *which, "--reason", "sanctioned", "--as", "medical-board"]
    asked = cli(*revoke)
    assert asked.code == 1 and "--yes" in asked.err
    yes(cli(*revoke, "--yes"))
    assert "revoked" in cli(*show).out
    other = cli("participants", "credential", "resume", *which, "--as", "clinic", "--key", "by-clinic/1")
    assert other.code == 1 and "defect" not in other.err


def test_credential__one_side_missing__says_who(cli: Cli, files: Path) -> None:
    file = offered(cli, files / "half.json", account(cli, "clinic"))
    yes(cli("participants", "credential", "sign", str(file), "--as", "medical-board"))
    half = cli("participants", "credential", "issue", str(file), "--as", "relayer")
    assert half.code == 1 and "the subject has not signed yet" in half.err and account(cli, "clinic") in half.err
    yes(cli("participants", "credential", "issue", str(file), "--as", "clinic"))


def test_credential__changed_after_signing__refused(cli: Cli, files: Path) -> None:
    file = offered(cli, files / "changed.json", account(cli, "hospital"))
    for each in ("medical-board", "hospital"):
        yes(cli("participants", "credential", "sign", str(file), "--as", each))
    whole = json.loads(file.read_text())
    whole["terms"]["message"]["expiresAt"] = 2**39
    file.write_text(json.dumps(whole))
    refused = cli("participants", "credential", "issue", str(file), "--as", "relayer")
    assert refused.code == 1 and "is not by" in refused.err


def test_affiliation__through_its_life__shown(cli: Cli, files: Path) -> None:
    pair = ["--organisation", account(cli, "hospital"), "--practitioner", account(cli, "dr-roe")]
    show = ["participants", "affiliation", "show", *pair]
    assert cli(*show).code == 3
    file = files / "works.json"
    yes(cli("participants", "affiliation", "offer", str(file), *pair))
    for each in ("hospital", "dr-roe"):
        yes(cli("participants", "affiliation", "sign", str(file), "--as", each))
    assert len(yes(cli("participants", "affiliation", "start", str(file), "--as", "relayer")).out.strip()) == 66
    assert "affiliated\tyes" in yes(cli(*show)).out
    yes(cli("participants", "affiliation", "end", *pair, "--as", "dr-roe"))
    assert cli(*show, "--json").json["affiliated"] is False


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"terms": 1}', '{"terms": {}, "signatures": []}'])
def test_files__something_else__one_sentence(cli: Cli, files: Path, text: str) -> None:
    (files / "bad.json").write_text(text)
    for command in (("credential", "issue"), ("credential", "sign"), ("affiliation", "start")):
        bad = cli("participants", *command, str(files / "bad.json"), "--as", "relayer")
        assert bad.code == 1 and "defect" not in bad.err and "Traceback" not in bad.err
    assert cli("participants", "credential", "issue", str(files / "none.json"), "--as", "relayer").code == 1


def test_policy__stated__shown_and_beaten_by_nothing_but_the_patient(cli: Cli, files: Path) -> None:
    which = ["--jurisdiction", "756000", "--purpose", "CAREMGT"]
    shown = ["consents", "policy", "show", "--custodian", account(cli, "hospital"), *which]
    unstated = cli(*shown)
    assert unstated.code == 3 and "rule\tunstated" in unstated.out
    law = ["--rule", "permit-unless-denied", "--law", "EPDG Art. 9", "--class", "labs", "--as", "hospital"]
    assert yes(cli("consents", "policy", "state", *which, *law)).out.strip() == "PERMIT_UNLESS_DENIED"
    assert yes(cli(*shown, "--json")).json["classes"] == ["labs"]
    ask = ["consents", "decide", "--patient", STRANGER, "--actor", account(cli, "dr-roe"), "--class", "labs", *which]
    clinic = ["--as-organisation", account(cli, "clinic"), "--custodian", account(cli, "hospital")]
    assert "BASE_POLICY" in yes(cli(*ask, *clinic)).out
    thief = cli("consents", "policy", "state", *which, *law[:-1], "dr-roe")
    assert thief.code == 1 and "defect" not in thief.err


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("consents decide --purpose TRE", "TREAT"),
        ("consents decide --class gen", "genomics gender"),
        ("consents decide --as hosp", "hospital"),
        ("participants credential suspend --role pract", "practitioner"),
        ("consents grant --wait f", "final"),
        ("consents pol", "policy"),
        ("participants show --network sep", "sepolia"),
    ],
)
def test_completion__of_words__offers_what_fits(files: Path, line: str, offered: str) -> None:
    words = ["careledger", *line.split()]
    environment = {
        **os.environ, "_CARELEDGER_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    run = "import sys; from careledger.cli import main; sys.argv = ['careledger']; sys.exit(main())"
    done = subprocess.run([sys.executable, "-c", run], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split() == offered.split(), done.stderr
