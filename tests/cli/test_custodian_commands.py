"""custodian, emergencies, and the verbs of records that ask and check, on a kept demo: files between three parties.

a request, its answer, the record
  from signing to opening, each by a file                       → test_H8_request_answer_receive__by_files__record_opens
  a refusal ends with 3 on both sides                           → test_H8_answer__refused__exit_3_on_both_sides
the log
  due, anchor, prove, settle                                    → test_anchor__then_proof__receipt_settled
  a receipt too old is overdue, reported, answered              → test_report__then_omissions__answered
  a book is begun, an interval stated                           → test_begin_and_interval__own_log_of_another_house
the page
  typed as it stands                                            → test_page__typed_between_two_houses__does_what_it_says
accounting
  asked, answered, checked, shown, as FHIR                      → test_H11_accounting__asked_answered_checked_exported
  one that was changed ends with 3                              → test_H11_check_accounting__cut__exit_3_and_named
  somebody else's request ends with 3                           → test_accounting__of_a_stranger__exit_3
emergencies
  listed, reviewed, gone                                        → test_H10_worklist__reviewed__gone
  found unjustified, overturned by the accreditor               → test_H10_verdict__suspends__and_is_overturned
what cannot be read is said in a sentence                       → test_files__of_something_else__exit_1_and_a_way_out
"""

import json
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from careledger.chain.anvil import find_anvil
from careledger.chain.rpc import Rpc
from careledger.privacy.openers import new_seed, save_keystore
from careledger.redact import Secret
from tests.cli.conftest import ROOT, Result
from tests.cli.kept import Kept, keep
from tests.cli.test_people import Shell

Cli = Callable[..., Result]
pytestmark = [pytest.mark.skipif(find_anvil() is None, reason="no Anvil"), pytest.mark.xdist_group("kept-demo")]
SWITZERLAND = "756000"
NO_RECEIPT = "0x" + "11" * 32


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    found = keep(tmp_path_factory.mktemp("custodian"), "kept")
    yield found
    found.end()


@dataclass
class House:
    """The kept folder's parties, and a folder of this test's own for what they hand each other."""

    cli: Cli
    files: Path
    ana: str
    hospital: str
    clinic: str
    rpc: str
    suite: str

    def yes(self, *arguments: str) -> Result:
        result = self.cli(*arguments)
        assert result.code == 0, (arguments, result.err)
        return result

    def file(self, name: str) -> str:
        return str(self.files / name)

    def seal(self, name: str = "note") -> str:
        path = self.files / f"{name}.txt"
        path.write_text(f"the {name} of {self.files.name}")
        seal = ("records", "seal", str(path), "--about", self.ana, "--class", "notes", "--as", "hospital")
        return self.yes(*seal).out.strip()

    def agree(self) -> None:
        draft = ("consents", "draft", self.file("t.json"), "--patient", self.ana, "--purpose", "TREAT")
        self.yes(*draft, "--to-organisation", self.clinic)
        self.yes("consents", "sign", self.file("t.json"), "--as", "ana", "--out", self.file("s.json"))
        self.yes("consents", "grant", "--signed", self.file("s.json"), "--as", "relayer")

    def request(self, record: str, name: str = "request", *more: str) -> str:
        out = self.file(f"{name}.json")
        self.yes(
            "records", "request", record, "--custodian", self.hospital, "--as-organisation", self.clinic,
            "--jurisdiction", SWITZERLAND, "--purpose", "treat", "--as", "dr-roe", "--out", out, *more,
        )  # fmt: skip
        return out

    def ask(self, record: str, name: str = "request") -> Result:
        """Request, answer and receive."""
        asked, answer = self.request(record, name), self.file(f"{name}-answer.json")
        self.cli("custodian", "answer", asked, "--as", "hospital", "--out", answer)
        return self.cli("records", "receive", answer, "--request", asked, "--as", "dr-roe", "--json")

    def break_glass(self, reason: str = "unconscious") -> str:
        """Have the doctor open an emergency for the clinic; return its id."""
        what = ("--organisation", self.clinic, "--jurisdiction", SWITZERLAND, "--reason", reason)
        return self.yes("emergencies", "open", self.ana, *what, "--as", "dr-roe", "--yes").out.strip()

    def pass_time(self, seconds: int) -> None:
        Rpc(self.rpc).request("evm_increaseTime", [seconds])
        Rpc(self.rpc).request("evm_mine", [])


@pytest.fixture
def house(cli: Cli, kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.chdir(kept.folder)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    ana = next(line.split()[4] for line in kept.commands if "consents list" in line)
    whoami = {name: cli("whoami", "--as", name, "--json").json["account"] for name in ("hospital", "clinic")}
    files = tmp_path / "files"
    files.mkdir()
    settings = {row["name"]: row["value"] for row in cli("config", "--json").json}
    return House(cli, files, ana, whoami["hospital"], whoami["clinic"], settings["rpc"], settings["suite"])


# AS THE PAGE SAYS


def test_page__typed_between_two_houses__does_what_it_says(house: House, cli: Cli, tmp_path: Path) -> None:
    (typed,) = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "custodian.md").read_text(), re.M | re.S)
    assert typed.count("\n") == 9
    record = house.seal("page")
    house.agree()
    for name in ("request.json", "answer.json", "sealed", "ask.json", "accounting.json", "events.json"):
        typed = re.sub(rf"(?<=[ ]){re.escape(name)}(?=\s)", house.file(name), typed)
    shell = Shell(cli, {"record": record, "hospital": house.hospital, "clinic": house.clinic}, lambda: None)
    *lines, worklist = typed.splitlines()
    for line in lines:
        shell.run(line)
    last = cli(*worklist.replace("$clinic", house.clinic).split()[1:])
    assert last.code == (3 if "overdue" in last.out else 0), "other tests let time pass"
    assert shell.told["records open"].out.startswith("the page of")
    assert shell.told["records check-accounting"].err.startswith("complete up to entry")
    assert json.loads(Path(house.file("events.json")).read_text())["entry"]


# ANSWERING


def test_H8_request_answer_receive__by_files__record_opens(house: House) -> None:
    record = house.seal()
    house.agree()
    asked, answer, sealed = house.request(record), house.file("answer.json"), house.file("sealed")
    made = house.yes("custodian", "answer", asked, "--as", "hospital", "--out", answer, "--content", sealed)
    assert "allowed: DIRECTIVE" in made.err and stat.S_IMODE(Path(answer).stat().st_mode) == 0o600
    assert house.ana[2:].lower() not in Path(answer).read_text().lower()
    taken = house.yes("records", "receive", answer, "--request", asked, "--content", sealed, "--as", "dr-roe")
    assert taken.out.strip() == record and "allowed: DIRECTIVE" in taken.err
    assert house.yes("records", "open", record, "--as", "dr-roe").out.startswith("the note of")
    again = house.yes("custodian", "answer", asked, "--as", "hospital", "--json")
    assert again.json["receipt"] == json.loads(Path(answer).read_text())["receipt"]
    told = house.yes("custodian", "log", "--patient", house.ana, "--as", "hospital", "--json").json
    assert told[-1]["record"] == record and told[-1]["outcome"] == "allowed" and told[-1]["for"] == house.clinic


def test_H8_answer__refused__exit_3_on_both_sides(house: House) -> None:
    record = house.seal()
    asked = house.request(
        record, "research", "--actor", house.yes("whoami", "--as", "dr-roe", "--json").json["account"]
    )
    asked = house.request(record, "more", "--class", "labs")
    answer = house.file("answer.json")
    refused = house.cli("custodian", "answer", asked, "--as", "hospital", "--out", answer)
    assert refused.code == 3 and "denied" in refused.err
    got = house.cli("records", "receive", answer, "--request", asked, "--as", "dr-roe")
    assert (got.code, got.out) == (3, "") and "denied" in got.err
    listed = house.yes("records", "receipts", "--as", "dr-roe", "--json").json
    assert listed[-1]["outcome"] == "denied" and listed[-1]["record"] == record


def test_anchor__then_proof__receipt_settled(house: House) -> None:
    house.ask(house.seal())
    (mine,) = house.yes("records", "receipts", "--as", "dr-roe", "--json").json[-1:]
    left = house.yes("custodian", "due", "--as", "hospital", "--json").json["seconds"]
    assert 0 < left <= 86_400
    dry = house.yes("custodian", "anchor", "--as", "hospital", "--dry-run")
    assert "Nothing was sent" in dry.err
    part = house.yes("custodian", "anchor", "--as", "hospital").out.strip()
    assert part.isdigit() and "Nothing waits" in house.yes("custodian", "anchor", "--as", "hospital").err
    assert house.yes("custodian", "due", "--custodian", house.hospital, "--as", "relayer").out == ""
    proof = house.file("proof.json")
    house.yes("custodian", "prove", str(mine["entry"]), "--as", "hospital", "--out", proof)
    assert house.yes("records", "settle", proof, "--as", "dr-roe").out.strip() == mine["receipt"]
    wrong = {**json.loads(Path(proof).read_text()), "entry": 1}
    Path(proof).write_text(json.dumps(wrong))
    assert house.cli("records", "settle", proof, "--as", "dr-roe").code == 3


def test_report__then_omissions__answered(house: House) -> None:
    house.ask(house.seal())
    (mine,) = house.yes("records", "receipts", "--as", "dr-roe", "--json").json[-1:]
    early = house.cli("records", "report", mine["receipt"], "--as", "dr-roe", "--yes")
    assert early.code == 1 and "NotDue" in early.err + str(early.err)
    house.pass_time(90_000)
    assert house.cli("custodian", "due", "--as", "hospital").code == 3
    overdue = house.cli("records", "receipts", "--overdue", "--as", "dr-roe", "--json")
    assert overdue.code == 3 and mine["receipt"] in {row["receipt"] for row in overdue.json}
    assert house.cli("records", "report", NO_RECEIPT, "--as", "dr-roe", "--yes").code == 1
    house.yes("records", "report", mine["receipt"], "--as", "dr-roe", "--yes")
    assert house.cli("records", "log", house.hospital).code == 3
    answered = house.yes("custodian", "omissions", "--as", "hospital", "--json").json
    assert [(row["entry"], row["answered"]) for row in answered] == [(mine["entry"], True)]
    assert house.yes("records", "log", house.hospital).code == 0


def test_begin_and_interval__own_log_of_another_house(house: House) -> None:
    begun = house.yes("custodian", "begin", "--as", "clinic")
    assert begun.out.strip() == house.clinic and "log book is in" in begun.err
    assert house.yes("custodian", "interval", "7200", "--as", "clinic").out.strip() == "7200"
    assert house.yes("records", "log", "--as", "clinic", "--json").json["intervalSeconds"] == 7200
    assert house.cli("custodian", "interval", "60", "--as", "clinic").code == 2
    assert "Nothing waits" in house.yes("custodian", "anchor", "--as", "clinic").err


# ACCOUNTING


def accounting(house: House) -> str:
    asked, answer = house.file("ask.json"), house.file("accounting.json")
    opener = house.file("opener.json")
    password = Secret(Path("password").read_bytes(), "password")
    save_keystore(Path(opener), new_seed(), password, work=1 << 12)
    profile = json.loads(Path("profiles/ana.json").read_text())
    Path("profiles/ana.json").write_text(json.dumps({**profile, "opener": opener}))
    house.yes("records", "request-accounting", "--custodian", house.hospital, "--as", "ana", "--out", asked)
    house.yes("custodian", "accounting", asked, "--as", "hospital", "--out", answer)
    return answer


def test_H11_accounting__asked_answered_checked_exported(house: House) -> None:
    record = house.seal()
    house.ask(record)
    house.yes("custodian", "anchor", "--as", "hospital")
    answer = accounting(house)
    told = house.yes("records", "check-accounting", answer, "--as", "ana")
    assert told.err.startswith("complete up to entry") and told.out.splitlines()[-1].count(record) == 1
    whole = house.yes("records", "check-accounting", answer, "--as", "ana", "--json").json
    assert whole["check"]["complete"] and whole["check"]["entries"] == len(whole["entries"]) == whole["check"]["proved"]
    opened, events = house.file("opened.json"), house.file("events.json")
    house.yes(
        "records", "check-accounting", answer, "--as", "ana", "--fhir", "5.0.0", "--out", events, "--opened", opened
    )
    assert json.loads(Path(events).read_text())["entry"][0]["resource"]["category"]
    auditor = house.yes("records", "check-accounting", opened, "--fhir", "r4", "--ndjson", "--json")
    lines = [json.loads(line) for line in auditor.out.splitlines()]
    assert len(lines) == len(whole["entries"]) and {line["resourceType"] for line in lines} == {"AuditEvent"}
    inspected = house.yes("fhir", "inspect", events, "--json").out
    assert "AuditEvent" in inspected and "5.0.0" in inspected
    fewer = house.yes("records", "check-accounting", opened, "--hipaa", "--json").json
    assert fewer["entries"] == [], "treatment is not accounted for under 164.528"
    assert house.cli("records", "check-accounting", opened, "--fhir", "dstu2").code == 2
    for day in ("x", "9999-12-31"):
        asked = ("request-accounting", "--custodian", house.hospital, "--since", day, "--as", "ana")
        assert house.cli("records", *asked).code == 2


def test_H11_check_accounting__cut__exit_3_and_named(house: House) -> None:
    house.ask(house.seal())
    house.yes("custodian", "anchor", "--as", "hospital")
    opened = house.file("opened.json")
    house.yes("records", "check-accounting", accounting(house), "--as", "ana", "--opened", opened)
    data = json.loads(Path(opened).read_text())
    Path(opened).write_text(json.dumps({**data, "entries": data["entries"][:-1]}))
    cut = house.cli("records", "check-accounting", opened, "--json")
    assert cut.code == 3 and "Not shown: numbers" in cut.err and not cut.json["check"]["complete"]


def test_accounting__of_a_stranger__exit_3(house: House) -> None:
    asked = house.file("ask.json")
    house.yes(
        "records", "request-accounting", "--custodian", house.hospital, "--patient", house.ana, "--as", "dr-roe",
        "--out", asked,
    )  # fmt: skip
    refused = house.cli("custodian", "accounting", asked, "--as", "hospital")
    assert (refused.code, refused.out) == (3, "") and "does not act for this patient" in refused.err


# EMERGENCIES


def test_H10_worklist__reviewed__gone(house: House) -> None:
    evidence = house.files / "review.txt"
    evidence.write_text("seen")
    done = ("--as", "privacy-officer", "--verdict", "justified", "--evidence", str(evidence))
    left = house.cli("emergencies", "worklist", house.clinic, "--json")  # the demo leaves one, and its days pass
    assert left.code == (3 if any(row["standing"] == "overdue" for row in left.json) else 0)
    for row in left.json:
        house.yes("emergencies", "review", row["emergency"]["id"], *done)
    assert house.yes("emergencies", "worklist", house.clinic).out == ""
    made = house.break_glass()
    found = house.yes("emergencies", "worklist", house.clinic, "--json").json
    assert [(row["emergency"]["id"], row["standing"], row["accesses"]) for row in found] == [(made, "open", [])]
    review = ["emergencies", "review", made, "--as", "privacy-officer"]
    assert house.cli(*review, "--evidence", str(evidence)).code == 2
    assert house.cli(*review, "--verdict", "justified").code == 2
    early = house.cli("emergencies", "mark-overdue", made, "--as", "relayer")
    assert early.code == 1 and "Try:" in early.err
    with_log = ("emergencies", "worklist", house.clinic, "--log", house.hospital, "--as", "hospital")
    assert made in house.yes(*with_log).out
    house.yes("emergencies", "review", made, *done)
    assert house.yes(*with_log).out == ""


def test_H10_verdict__suspends__and_is_overturned(house: House) -> None:
    evidence = house.files / "review.txt"
    evidence.write_text("seen")
    officer, doctor = (
        house.yes("whoami", "--as", name, "--json").json["account"] for name in ("privacy-officer", "dr-roe")
    )
    house.yes("emergencies", "name-officer", officer, "--as", "clinic")
    assert house.cli("emergencies", "open", house.ana, "--as", "dr-roe").code == 2
    house.pass_time(9 * 3600)
    for place, said in (("756000", "needs a yes"), ("840000", "an account lacks the credential")):
        what = ("--organisation", house.clinic, "--jurisdiction", place, "--reason", "unconscious", "--as", "dr-roe")
        refused = house.cli("emergencies", "open", house.ana, *what)
        assert refused.code == 1 and said in refused.err
    made = house.break_glass("threat-to-life")
    judged = ("--evidence", str(evidence), "--yes", "--verdict")
    house.yes("emergencies", "review", made, *judged, "unjustified", "--as", "privacy-officer")
    suspended = house.cli("emergencies", "conduct", doctor)
    assert suspended.code == 3 and "unjustified" in suspended.out
    blocked = house.cli("emergencies", "conduct", doctor, "--json").json
    assert (blocked["unjustified"], blocked["suspended"], len(blocked["suspensions"])) == (1, True, 1)
    assert blocked["suspensions"] == [blocked["suspended_until"]]
    assert house.cli("emergencies", "settle", made, *judged, "justified", "--as", "privacy-officer").code == 1
    house.yes("emergencies", "settle", made, *judged, "justified", "--as", "medical-board")
    assert house.yes("emergencies", "conduct", doctor, "--json").json["suspensions"] == []
    for where in (("--patient", house.ana), ("--organisation", house.clinic)):
        listed = {row["id"]: row for row in house.yes("emergencies", "list", *where, "--json").json}
        assert (listed[made]["verdict"], listed[made]["appealed"]) == ("JUSTIFIED", True)
    assert made in house.yes("emergencies", "list", "--patient", house.ana).out


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "careledger-access-request-v1"}'])
def test_files__of_something_else__exit_1_and_a_way_out(house: House, text: str) -> None:
    file = house.file("wrong.json")
    Path(file).write_text(text)
    for command in (
        ("custodian", "answer", file, "--as", "hospital"), ("custodian", "accounting", file, "--as", "hospital"),
        ("records", "receive", file, "--request", file, "--as", "dr-roe"),
        ("records", "settle", file, "--as", "dr-roe"), ("records", "check-accounting", file),
    ):  # fmt: skip
        result = house.cli(*command)
        assert result.code == 1 and "Try:" in result.err and "defect" not in result.err, (command, result.err)
    assert house.cli("custodian", "answer", house.file("none"), "--as", "hospital").code == 1
