"""``careledger directory`` on a kept demo: the whole pairing as typed, what it prints, how it ends, who sees what.

docs/directory.md → its commands, typed into a shell in the kept folder, do what the page says
pair, answer, complete → codes on stdout alone, pictures on request, digits compared, exit codes
find, list, merge, split, history, remove, share, unshare, rotate → as the SDK; exit 3 where nothing is paired
fhir inspect --directory → who is not paired on stdout alone, exit 3
"""

import io
import json
import os
import pty
import re
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careledger.chain.anvil import find_anvil
from careledger.directory import PairingAnswer, PairingOffer
from tests.cli.conftest import PROGRAM, ROOT, Result
from tests.cli.kept import Kept, clean_environment, keep

Cli = Callable[..., Result]
pytestmark = [pytest.mark.skipif(find_anvil() is None, reason="no Anvil"), pytest.mark.xdist_group("kept-demo")]
SYSTEM = "urn:oid:2.16.840.1.113883.19.5"
CARD = "urn:oid:2.16.756.5.30.1.123.100.1.1.1"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    found = keep(tmp_path_factory.mktemp("directory"), "kept")
    yield found
    found.end()


@pytest.fixture
def as_left(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the kept folder as the demo says one should, with what it left there."""
    monkeypatch.chdir(kept.folder)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    return kept.folder


@pytest.fixture
def there(kept: Kept, as_left: Path) -> Path:
    """Stand in the kept folder, each test with a directory of its own."""
    for file in kept.folder.glob("directory/*"):
        file.unlink()
    return kept.folder


@pytest.fixture
def ana(kept: Kept) -> str:
    return next(line.split()[4] for line in kept.commands if "consents list" in line)


def yes(result: Result) -> Result:
    assert result.code == 0, result.err
    return result


def named(value: str, system: str = SYSTEM) -> list[str]:
    return ["--system", system, "--value", value]


def offered(cli: Cli, value: str, *more: str) -> str:
    return yes(cli("directory", "pair", *named(value), "--as", "hospital", *more)).out.strip()


def paired(cli: Cli, value: str, *more: str) -> str:
    answer = yes(cli("directory", "answer", offered(cli, value), "--as", "ana", "--small", *more)).out.strip()
    done = cli("directory", "complete", answer, "--checked", "document-seen", "--yes", "--as", "hospital")
    return yes(done).out.strip()


# AS THE PAGE SAYS


def test_page__typed_into_a_shell__does_what_it_says(as_left: Path) -> None:
    (typed,) = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "directory.md").read_text(), re.M | re.S)
    program = " ".join(f"'{part}'" for part in PROGRAM)
    script = f'set -euo pipefail\ncareledger() {{ {program} "$@"; }}\n{typed}'
    environment = clean_environment(as_left) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", script], cwd=as_left, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    _, profile, *lines = done.stdout.splitlines()
    ben = lines[0]
    assert profile == "ben" and lines[:3] == [ben, ben, ben], "completed, found, merged"
    assert lines[3:5] == ["not paired", ben], "split"
    new, history = lines[5], [line.split("\t") for line in lines[6:-2]]
    assert new != ben
    assert [line[2] for line in history] == ["paired", "merged", "split", "paired again"]
    assert history[-1][5:8] == [new, ben, "known-personally"]
    assert lines[-1] == new and len(lines[-2]) == 66, "removed, rotated"
    assert "no account is paired" in done.stderr and "MRN-4713" not in done.stderr and "Ben" not in done.stderr
    for name in ("code.png", "answer.png"):
        assert (as_left / name).read_bytes().startswith(b"\x89PNG")
        assert stat.S_IMODE((as_left / name).stat().st_mode) == 0o600
        (as_left / name).unlink()


# PAIRING


def test_pair__json__facts_and_nothing_of_the_person(cli: Cli, there: Path) -> None:
    result = yes(cli("directory", "pair", *named("MRN-1"), "--name", "Lindenhof", "--as", "hospital", "--json"))
    found = result.json
    assert set(found) == {"uri", "organisation", "name", "expiresAt", "chainId", "suite"}
    offer = PairingOffer.from_uri(found["uri"])
    assert (offer.name, offer.organisation, offer.expires_at) == (
        "Lindenhof",
        found["organisation"],
        found["expiresAt"],
    )
    assert "MRN-1" not in result.out + result.err


def test_pair__stdin_and_qr__identifier_stays_off_the_command_line(
    cli: Cli, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    assert cli("directory", "pair", *named("-"), "--as", "hospital").code == 1
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"MRN-2\r\n")))
    result = yes(cli("directory", "pair", *named("-"), "--as", "hospital", "--qr"))
    drawn = [line for line in result.err.splitlines() if "█" in line]
    assert len(drawn) > 25 and "\x1b" not in result.err and "█" not in result.out
    assert result.out.startswith("CARELEDGER:OFFER/")


@pytest.mark.parametrize("command", [
    ("answer", "-", "--as", "ana"), ("complete", "-", "--checked", "document-seen", "--as", "hospital"),
    ("find", *named("-"), "--as", "hospital"),
])  # fmt: skip
def test_stdin__not_utf_8__one_sentence(
    cli: Cli, there: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\0"), "utf-8", "strict"))
    result = cli("directory", *command)
    assert result.code == 1 and result.err.startswith("Error: what came on stdin is not text in UTF-8.")


def test_pair__on_a_terminal__code_is_drawn_white_on_black_if_it_fits(there: Path) -> None:
    def typed(columns: int) -> str:
        child, parent = pty.fork()
        if child == 0:
            os.environ["COLUMNS"] = str(columns)
            os.execv(sys.executable, [*PROGRAM, "directory", "pair", *named("MRN-3"), "--as", "hospital"])
        found = b""
        try:
            while piece := os.read(parent, 1 << 16):
                found += piece
        except OSError:  # how Linux says that the other side has gone
            pass
        os.waitpid(child, 0)
        return found.decode()

    assert typed(100).count("\x1b[97;40m") > 25
    narrow = typed(50)
    assert "columns wide" in narrow and "--png FILE" in narrow and "\x1b[97" not in narrow


def test_answer__who_asks_and_digits__desk_compares_them(cli: Cli, there: Path, ana: str) -> None:
    offer = offered(cli, "MRN-4", "--name", "Lindenhof", "--label", "Ana Beispiel")
    result = yes(cli("directory", "answer", offer, "--as", "ana", "--json"))
    answer = PairingAnswer.from_uri(result.json["uri"])
    assert (answer.account, answer.check) == (ana, result.json["check"]) == (result.json["account"], answer.check)
    assert "Answers Lindenhof (0x" in result.err and answer.check in result.err
    complete = ["directory", "complete", answer.uri, "--checked", "document-seen", "--as", "hospital"]
    wrong = cli(*complete, "--check", "000 000" if answer.check != "000 000" else "111 111")
    assert wrong.code == 1 and "not those the wallet shows" in wrong.err
    asked = cli(*complete)
    assert asked.code == 1 and f"show {answer.check}?" in asked.err
    assert cli("directory", "find", *named("MRN-4"), "--as", "hospital").code == 3
    assert yes(cli(*complete, "--check", answer.check.replace(" ", ""))).out == f"{ana}\n"
    entry = yes(cli(*complete, "--yes", "--json")).json
    assert entry["account"] == ana and entry["label"] == "Ana Beispiel" and entry["checked"] == "document-seen"


def test_answer__hospital_nobody_vouches_for_or_wrong_code__refused(cli: Cli, there: Path) -> None:
    offer = yes(cli("directory", "pair", *named("MRN-5"), "--as", "hospital")).out.strip()
    assert cli("directory", "answer", offer[:-9], "--as", "ana").code == 1
    assert "has no wallet" not in cli("directory", "answer", offer, "--as", "ana", "--small").err
    assert cli("directory", "answer", offer, "--as", "hospital", "--number", "-1").code == 2
    mine = yes(cli("directory", "answer", offer, "--as", "ana", "--small", "--number", "7")).out.strip()
    late = cli("directory", "complete", mine, "--checked", "seen", "--as", "hospital", "--yes")
    assert late.code == 2 and "is no IdentityCheck" in late.err
    other = cli("directory", "complete", mine, "--checked", "document-seen", "--as", "clinic", "--yes")
    assert other.code == 1 and "no open offer" in other.err


def test_png__file_is_there__refused_before_anything(cli: Cli, there: Path, tmp_path: Path) -> None:
    picture = tmp_path / "code.png"
    picture.write_text("mine")
    for command in (["pair", *named("MRN-6"), "--as", "hospital"], ["answer", "x", "--as", "ana"]):
        result = cli("directory", *command, "--png", str(picture))
        assert result.code == 1 and "there already" in result.err
    assert picture.read_text() == "mine" and not list(there.glob("directory/*"))


# ASKING AND CORRECTING


def test_find_list_history__as_the_sdk__exit_3_where_there_is_none(cli: Cli, there: Path, ana: str) -> None:
    assert paired(cli, "MRN-7") == ana
    held = "0x52908400098527886E0F7030069857D2E4169EE7"
    enter = ["--account", held, "--checked", "register-extract", "--kind", "partner", "--as", "hospital"]
    assert yes(cli("directory", "enter", *named("76010", "https://www.gs1.org/gln"), *enter)).out.strip() == held
    assert yes(cli("directory", "find", *named(" MRN-7 "), "--as", "hospital")).out == f"{ana}\n"
    for wrong in (named("mrn-7"), named("MRN-7", CARD), [*named("MRN-7"), "--kind", "partner"]):
        result = cli("directory", "find", *wrong, "--as", "hospital")
        assert (result.code, result.out) == (3, "") and "MRN-7" not in result.err
    result = cli("directory", "find", *named("MRN-0"), "--as", "hospital", "--json")
    assert result.code == 3 and json.loads(result.err)["error"] == "NotPaired" and "MRN-0" not in result.err
    rows = [line.split("\t") for line in yes(cli("directory", "list", "--as", "hospital")).out.splitlines()]
    assert [(row[0], row[2], row[4]) for row in rows] == [("partner", "76010", held), ("patient", "MRN-7", ana)]
    assert len(yes(cli("directory", "list", "--kind", "partner", "--as", "hospital", "--json")).json) == 1
    told = yes(cli("directory", "history", "--as", "hospital", "--json")).json
    assert [line["act"] for line in told] == ["paired", "entered"]
    assert cli("directory", "history", "--system", SYSTEM, "--as", "hospital").code == 2


def test_merge_split_remove__typed__each_asks_or_answers(cli: Cli, there: Path, ana: str) -> None:
    paired(cli, "MRN-8")
    card = named("807", CARD)
    into = ["--into-system", SYSTEM, "--into-value", "MRN-8", "--as", "hospital"]
    assert yes(cli("directory", "merge", *card, *into)).out == f"{ana}\n"
    found = yes(cli("directory", "find", *card, "--as", "hospital", "--json")).json
    assert [each["value"] for each in found["also"]] == ["MRN-8"]
    apart = ["--from-system", SYSTEM, "--from-value", "MRN-8", "--as", "hospital"]
    assert yes(cli("directory", "split", *card, *apart)).out == f"not paired\n{ana}\n"
    again = cli("directory", "split", *card, *apart)
    assert again.code == 3 and "807" not in again.err
    asked = cli("directory", "remove", *named("MRN-8"), "--as", "hospital")
    assert asked.code == 1 and "Forget" in asked.err and "MRN-8" not in asked.err
    assert yes(cli("directory", "remove", *named("MRN-8"), "--yes", "--as", "hospital")).out == f"{ana}\n"
    assert cli("directory", "remove", *named("MRN-8"), "--yes", "--as", "hospital").code == 3
    gone = yes(cli("directory", "history", "--as", "hospital")).out.splitlines()
    assert all("MRN-8" not in line for line in gone) and "(removed)" in gone[-1]
    assert len(yes(cli("directory", "history", *named("MRN-8"), "--as", "hospital")).out.splitlines()) == 4


def test_share_unshare_rotate__by_published_key__opens_and_no_more(cli: Cli, there: Path, ana: str) -> None:
    paired(cli, "MRN-9")
    by_role = {row["subject"]["address"] for row in cli("participants", "list", "--role", "provider", "--json").json}
    hospital = PairingOffer.from_uri(offered(cli, "x")).organisation
    (clinic,) = by_role - {hospital}
    theirs = ["directory", "find", *named("MRN-9"), "--organisation", hospital, "--as", "clinic"]
    refused = cli(*theirs)
    assert refused.code == 1 and "does not open with this key" in refused.err
    key = yes(cli("directory", "share", "--with", clinic, "--as", "hospital")).out.strip()
    assert yes(cli(*theirs)).out == f"{ana}\n"
    assert yes(cli("directory", "rotate", "--as", "hospital")).out.split()[-1] == key
    assert yes(cli(*theirs)).code == 0
    assert cli("directory", "unshare", key, "--as", "hospital").code == 1, "it asks"
    assert yes(cli("directory", "unshare", key, "--yes", "--as", "hospital")).out.strip() == key
    assert cli(*theirs).code == 1
    assert yes(cli("directory", "find", *named("MRN-9"), "--as", "hospital")).out == f"{ana}\n"


def test_S8_directory__logged_in_full__no_person_no_words_no_key_on_stderr(cli: Cli, there: Path) -> None:
    words = (there / "keys" / "ana.words").read_text().split()
    debug = ["-v", "debug"]
    offer = yes(cli("directory", "pair", *named("MRN-10"), "--label", "Ana Beispiel", "--as", "hospital", *debug))
    answer = yes(cli("directory", "answer", offer.out.strip(), "--as", "ana", *debug))
    complete = ["directory", "complete", answer.out.strip(), "--checked", "document-seen", "--yes", "--as", "hospital"]
    told = [offer.err, answer.err, yes(cli(*complete, *debug)).err]
    told.append(yes(cli("directory", "find", *named("MRN-10"), "--as", "hospital", *debug)).err)
    gone = cli("directory", "remove", *named("MRN-11"), "--yes", "--as", "hospital", *debug)
    assert gone.code == 3 and "Traceback" in gone.err
    for text in (*told, gone.err):
        assert not any(secret in text for secret in ("MRN-10", "MRN-11", "Ana Beispiel", " ".join(words[:3])))


def test_W1_directory__hostile_label_and_name__shown_and_not_obeyed(cli: Cli, there: Path, ana: str) -> None:
    hostile = "Ana\x1b[2J\u202e"
    enter = ["--account", ana, "--checked", "vouched-for", "--label", hostile, "--as", "hospital"]
    yes(cli("directory", "enter", *named("MRN-12\u202e"), *enter))
    shown = (
        yes(cli("directory", "list", "--as", "hospital")).out + yes(cli("directory", "history", "--as", "hospital")).out
    )
    assert "Ana\\u001b[2J\\u202e" in shown and "MRN-12\\u202e" in shown
    assert "\x1b" not in shown and "\u202e" not in shown
    assert cli("directory", "pair", *named("x"), "--name", hostile, "--as", "hospital").code == 1


def test_directory__misuse__exit_2_and_what_was_meant(cli: Cli, there: Path) -> None:
    for arguments, said in (
        (["find", "--system", SYSTEM], "--value"),
        (["find", *named("x"), "--kind", "patiant", "--as", "hospital"], "Did you mean patient"),
        (["complete", "x", "--as", "hospital"], "--checked"),
        (["mrge"], "merge"),
        (["unshare", "0x12", "--as", "hospital"], "32 bytes"),
    ):
        result = cli("directory", *arguments)
        assert (result.code, result.out) == (2, "") and said in result.err, arguments
    nobody = cli("directory", "list")
    assert nobody.code == 1 and "as whom" in nobody.err
    closed = cli("directory", "list", "--as", "relayer")
    assert closed.code == 1 and "cannot open sealed files" in closed.err
    assert cli("directory", "pair", *named("x", "no uri"), "--as", "hospital").code == 1


# READERS


def test_inspect__with_directory__the_unpaired_by_name_on_stdout_alone(
    cli: Cli, there: Path, ana: str, tmp_path: Path
) -> None:
    paired(cli, "MRN-4711")
    person = {"resourceType": "Patient", "id": "q", "identifier": [{"system": SYSTEM, "value": "MRN-13"}],
              "name": [{"text": "Ben\x1b[2J\u202e Beispiel"}]}  # fmt: skip
    lab = {"resourceType": "Observation", "subject": {"reference": "Patient/q"}}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": person}, {"resource": lab}]}
    file = tmp_path / "labs.json"
    file.write_text(json.dumps(bundle))
    plain = yes(cli("fhir", "inspect", str(file)))
    assert "MRN-13" not in plain.out + plain.err and "Ben" not in plain.out

    result = cli("fhir", "inspect", "--directory", "--as", "hospital", str(file))
    assert result.code == 3
    assert "MRN-13" not in result.err and "Ben" not in result.err
    why = "no identifier of the patient is paired with an account"
    last = result.out.splitlines()[-1]
    assert (
        last == f"Ben\\u001b[2J\\u202e Beispiel\t{SYSTEM}\tMRN-13\t2\t{why}" and "Not paired: 2 resources" in result.out
    )
    assert "\x1b" not in result.out and "\u202e" not in result.out

    whole = cli("fhir", "inspect", "--directory", "--as", "hospital", "--json", str(file))
    assert whole.code == 3 and "\x1b" not in whole.out
    assert whole.json[0]["entries"][1]["unmatched"]["identifiers"] == [{"system": SYSTEM, "value": "MRN-13"}]
    seed = str(ROOT / "seeds" / "patients" / "ana-beispiel.json")
    hers = yes(cli("fhir", "inspect", "--directory", "--as", "hospital", "--no-validate", "--json", seed)).json[0]
    accounts = {entry["account"] for entry in hers["entries"]}
    assert accounts == {ana, None} and all(entry["unmatched"] is None for entry in hers["entries"])
    debug = cli("fhir", "inspect", "--directory", "--as", "hospital", "-v", "debug", str(file))
    assert "MRN-13" not in debug.err and "Ben" not in debug.err
