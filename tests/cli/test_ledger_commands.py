"""consents, records, participants and tx on a kept demo: what they print, how they end, what they leave."""

import base64
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from careledger import ConsentReceipt, profiles
from careledger.chain.anvil import find_anvil
from tests.cli.conftest import Result
from tests.cli.kept import Kept, keep

Cli = Callable[..., Result]
pytestmark = [pytest.mark.skipif(find_anvil() is None, reason="no Anvil"), pytest.mark.xdist_group("kept-demo")]
SWITZERLAND = "756000"
SEEDS = Path(__file__).resolve().parents[2] / "seeds"
NOBODY = "0x52908400098527886E0F7030069857D2E4169EE7"
NO_RECORD = "0x" + "11" * 32


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    found = keep(tmp_path_factory.mktemp("ledger"), "kept")
    yield found
    found.end()


@dataclass
class People:
    """Addresses of the demo's parties."""

    ana: str
    hospital: str
    clinic: str
    doctor: str


@pytest.fixture
def there(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in the kept folder as the demo says one should, each test with files of its own."""
    monkeypatch.chdir(kept.folder)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    return kept.folder


@pytest.fixture
def people(cli: Cli, there: Path, kept: Kept) -> People:
    ana = next(line.split()[4] for line in kept.commands if "consents list" in line)
    by_role = [row["subject"]["address"] for row in cli("participants", "list", "--json").json]
    return People(ana, *by_role[:3])


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


def yes(result: Result) -> Result:
    assert result.code == 0, result.err
    return result


def draft(cli: Cli, people: People, file: Path, *more: str) -> Result:
    return cli(
        "consents", "draft", str(file), "--patient", people.ana, "--to-organisation", people.clinic, "--purpose",
        "TREAT", "--receipt", str(file.with_suffix(".receipt")), *more,
    )  # fmt: skip


def agree(cli: Cli, people: People, files: Path, *more: str) -> str:
    """Draft, sign as the patient, carry as the relayer; return the directive's id."""
    terms, signed = files / "terms.json", files / "signed.json"
    yes(draft(cli, people, terms, *more))
    yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
    return yes(cli("consents", "grant", "--signed", str(signed), "--as", "relayer")).out.strip()


def ask(cli: Cli, people: People, *classes: str, more: tuple[str, ...] = ()) -> Result:
    named = [part for each in classes for part in ("--class", each)]
    return cli(
        "consents", "decide", "--patient", people.ana, "--actor", people.doctor, "--as-organisation", people.clinic,
        "--jurisdiction", SWITZERLAND, "--purpose", "treat", *named, *more,
    )  # fmt: skip


def seal(cli: Cli, people: People, file: Path, *more: str) -> Result:
    return cli("records", "seal", str(file), "--about", people.ana, "--as", "clinic", *more)


# CONSENTS


def test_consents__drafted_signed_granted_revoked__each_decision_follows(cli: Cli, people: People, files: Path) -> None:
    before = ask(cli, people, "labs")
    assert before.code == 3 and before.out == "denied: REVOKED (basis NONE)\n"
    directive = agree(cli, people, files, "--class", "labs", "--class", "Care_Plans")
    assert len(directive) == 66
    assert yes(ask(cli, people, "labs", "care-plans")).out == "allowed: DIRECTIVE (basis DIRECTIVE)\n"
    both = ask(cli, people, "labs", "notes", more=("--json",))
    assert both.code == 3 and both.json["because"] == "NOT_GRANTED", both.err
    live = yes(cli("consents", "list", "--patient", people.ana, "--json")).json
    assert [row["id"] for row in live] == [directive] and live[0]["state"] == "live"
    assert live[0]["permits"] == ["CARE_PLANS", "LABS"]
    recipient = ["--to-organisation", people.clinic, "--purpose", "TREAT"]
    shown = yes(cli("consents", "show", "--patient", people.ana, *recipient)).out
    assert "permits\tlabs, care-plans" in shown and "state\tlive" in shown

    asked = yes(cli("consents", "revoke", "--patient", people.ana, *recipient, "--draft"))
    (files / "end.json").write_text(asked.out)
    yes(cli("consents", "sign", str(files / "end.json"), "--as", "ana", "--out", str(files / "ended.json")))
    ended = yes(cli("consents", "revoke", "--signed", str(files / "ended.json"), "--as", "relayer", "--key", "end/1"))
    again = yes(cli("consents", "revoke", "--signed", str(files / "ended.json"), "--as", "relayer", "--key", "end/1"))
    assert ended.out == again.out
    assert ask(cli, people, "labs").code == 3
    assert cli("consents", "list", "--patient", people.ana).out == ""
    assert "revoked" in yes(cli("consents", "list", "--patient", people.ana, "--all")).out


def test_consents_draft__words_terms_and_receipt__each_in_its_place(cli: Cli, people: People, files: Path) -> None:
    terms, receipt = files / "t.json", files / "t.receipt"
    for language, word in (("en", "You let"), ("de", "Sie erlauben"), ("zh", "您允许")):
        terms.unlink(missing_ok=True), receipt.unlink(missing_ok=True)
        result = yes(draft(cli, people, terms, "--class", "hiv", "--language", language))
        assert word in result.err and result.out == ""
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600
    kept, typed = json.loads(receipt.read_text()), json.loads(terms.read_text())
    assert kept["salt"][2:] not in terms.read_text() and kept["document"]["pii_processing"]["language"] == "zh"
    assert typed["primaryType"] == "ConsentGrant" and typed["message"]["permits"] == ["hiv"]
    assert draft(cli, people, terms).code == 1, "neither terms nor receipt are written over"
    receipt.rename(files / "kept")
    assert draft(cli, people, terms).code == 1 and not receipt.exists(), "no receipt without its terms"
    result = draft(cli, people, files / "u.json", "--language", "xx")
    assert result.code == 2 and not (files / "u.json").exists()
    result = cli("consents", "draft", "--patient", people.ana, "--to", NOBODY, "--purpose", "HPAYMT")
    assert yes(result).json["message"]["recipientKind"] == "person"


def test_consents_receipt__shown_in_three_languages_and_verified__as_the_chain_has_it(
    cli: Cli, people: People, files: Path, there: Path
) -> None:
    directive = agree(cli, people, files, "--class", "labs")
    receipt, page = files / "terms.receipt", files / "page.html"
    for language, word in (("en", "You let"), ("de", "Laborwerte"), ("zh", "化验结果")):
        assert word in yes(cli("consents", "show", "--receipt", str(receipt), "--language", language)).out
    assert yes(cli("consents", "show", "--receipt", str(receipt), "--json")).json["record_id"] == directive
    written = yes(cli("consents", "show", "--receipt", str(receipt), "--html", str(page), "--language", "de"))
    assert written.out == "" and '<html lang="de">' in page.read_text() and stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "is there already" in cli("consents", "show", "--receipt", str(receipt), "--html", str(page)).err
    assert cli("consents", "show", "--receipt", str(receipt), "--language", "fr").code == 2
    assert cli("consents", "show", "--receipt", str(receipt), "--patient", people.ana).code == 2
    assert cli("consents", "show", "--receipt", str(files / "nowhere")).code == 1

    sealed = files / "sealed.receipt"
    ConsentReceipt.load(receipt).save(sealed, recipients=[profiles.load("clinic", there).seed_opener().recipient()])
    assert (
        "Laborwerte" in yes(cli("consents", "show", "--receipt", str(sealed), "--language", "de", "--as", "clinic")).out
    )
    assert cli("consents", "show", "--receipt", str(sealed), "--as", "relayer").code == 1
    assert yes(cli("consents", "verify", str(receipt), "--json")).json["state"] == "live"
    changed = json.loads(receipt.read_text())
    changed["document"]["pii_processing"]["purposes"][0]["purpose"] = "HRESCH"
    (files / "changed").write_text(json.dumps(changed))
    other = cli("consents", "verify", str(files / "changed"))
    assert other.code == 3 and "state\tnot on chain" in other.out
    assert "holds no consent receipt" in cli("consents", "verify", str(files / "terms.json")).err


def test_consents_fhir__read_signed_granted_exported__the_same_comes_back(
    cli: Cli, people: People, files: Path
) -> None:
    seed, folder, out = SEEDS / "consents" / "ana-lindenhof.json", files / "terms", files / "out.json"
    read = [
        "consents",
        "read",
        str(seed),
        "--patient",
        people.ana,
        "--party",
        f"Organization/lindenhof=person:{people.doctor}",
    ]
    refused = cli(*read, "--terms", str(folder))
    assert refused.code == 1 and "Consent.provision.provision[1].data[0]" in refused.err and not folder.exists()
    accept = ["--accept", "Consent.provision.provision.data", "--terms", str(folder)]
    assert yes(cli(*read, *accept)).out.splitlines() == [str(folder / "grant-1.json")]
    assert stat.S_IMODE((folder / "grant-1.receipt").stat().st_mode) == 0o600
    assert "is there already" in cli(*read, *accept).err
    yes(cli("consents", "sign", str(folder / "grant-1.json"), "--as", "ana", "--out", str(files / "signed.json")))
    directive = yes(cli("consents", "grant", "--signed", str(files / "signed.json"), "--as", "relayer")).out.strip()
    assert "Lindenhof Clinic" in yes(cli("consents", "show", "--receipt", str(folder / "grant-1.receipt"))).out
    for version in ("R4", "R5"):
        yes(cli("consents", "export", str(out), "--patient", people.ana, "--version", version))
        again = yes(cli("consents", "read", str(out), "--json")).json
        mine = [each for each in again if each["provenance"]["directive_id"] == directive]
        assert mine[0]["unexpressed"] == [] and mine[0]["directives"][0]["denies"] == ["MENTAL_HEALTH"]
        assert "is there already" in cli("consents", "export", str(out), "--patient", people.ana).err
        out.unlink()
    recipient = ["--to", people.doctor, "--purpose", "TREAT"]
    (files / "end.json").write_text(yes(cli("consents", "revoke", "--patient", people.ana, *recipient, "--draft")).out)
    yes(cli("consents", "sign", str(files / "end.json"), "--as", "ana", "--out", str(files / "ended.json")))
    yes(cli("consents", "revoke", "--signed", str(files / "ended.json"), "--as", "relayer"))


def test_consents_grant__dry_run_then_key__nothing_then_once(cli: Cli, people: People, files: Path) -> None:
    terms, signed = files / "terms.json", files / "signed.json"
    yes(draft(cli, people, terms, "--class", "vitals"))
    yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
    carry = ["consents", "grant", "--signed", str(signed), "--as", "relayer"]
    dry = yes(cli(*carry, "--dry-run"))
    assert dry.out.startswith("0x0dc2ac34") and "Nothing was sent" in dry.err
    assert ask(cli, people, "vitals").code == 3
    first, again = yes(cli(*carry, "--key", "MRN-4711")), yes(cli(*carry, "--key", "MRN-4711"))
    assert first.out == again.out and ask(cli, people, "vitals").code == 0
    assert yes(cli(*carry, "--key", "MRN-4711", "--json")).json["repeated"] is True
    yes(draft(cli, people, files / "other.json", "--class", "notes"))
    other = files / "other-signed.json"
    yes(cli("consents", "sign", str(files / "other.json"), "--as", "ana", "--out", str(other)))
    reused = cli("consents", "grant", "--signed", str(other), "--as", "relayer", "--key", "MRN-4711")
    assert reused.code == 1 and "MRN-4711" in reused.err

    listed = yes(cli("tx", "list", "--as", "relayer"))
    assert "MRN-4711" not in listed.out + listed.err and "<8 characters>\tfinal" in listed.out
    assert "MRN-4711" in yes(cli("tx", "list", "--as", "relayer", "--keys")).out
    shown = yes(cli("tx", "show", "MRN-4711", "--as", "relayer", "--json")).json
    assert shown["state"] == "final" and shown["gas"] > 20_000 and shown["block"] > 0
    assert yes(cli("tx", "show", shown["hash"], "--as", "relayer", "--json")).json["key"] == "<8 characters>"
    assert cli("tx", "show", "nothing", "--as", "relayer").code == 1


def test_H7_consents_grant__within_days__waits_in_the_tray(cli: Cli, people: People, files: Path) -> None:
    terms, signed = files / "terms.json", files / "signed.json"
    yes(draft(cli, people, terms, "--class", "immunizations"))
    yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
    calm = ["consents", "grant", "--signed", str(signed), "--within-days", "7", "--as", "relayer"]
    assert yes(cli(*calm, "--json")).json == {"waiting": 1}
    assert yes(cli(*calm, "--json")).json == {"waiting": 1}
    carried = yes(cli("tx", "carry", "--as", "relayer", "--json")).json
    assert carried == {"carried": 0, "failed": 0, "waiting": 1}
    assert ask(cli, people, "immunizations").code == 3
    assert "0 would be" in yes(cli("tx", "carry", "--dry-run", "--as", "relayer")).err
    assert cli("tx", "carry", "--key", "x", "--as", "relayer").code == 2
    assert cli("consents", "grant", str(terms), "--within-days", "7", "--as", "ana").code == 2


def test_consents_grant__signature_or_terms_tampered__refused_before_sending(
    cli: Cli, people: People, files: Path
) -> None:
    terms, signed = files / "terms.json", files / "signed.json"
    yes(draft(cli, people, terms, "--class", "labs"))
    yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
    whole = json.loads(signed.read_text())

    def changed(**message: object) -> Result:
        wider = {**whole["terms"], "message": {**whole["terms"]["message"], **message}}
        (files / "wide.json").write_text(json.dumps({**whole, "terms": wider}))
        return cli("consents", "grant", "--signed", str(files / "wide.json"), "--as", "relayer")

    assert "is not by" in changed(permits=["labs", "hiv"]).err
    assert changed(expiresAt=2**39).code == 1
    elsewhere = {**whole["terms"], "domain": {**whole["terms"]["domain"], "chainId": 1}}
    (files / "far.json").write_text(json.dumps({**whole, "terms": elsewhere}))
    far = cli("consents", "grant", "--signed", str(files / "far.json"), "--as", "relayer")
    assert far.code == 1 and "another contract or chain" in far.err
    assert cli("consents", "sign", str(files / "far.json"), "--as", "ana").code == 1
    assert "to grant, not to revoke" in cli("consents", "revoke", "--signed", str(signed), "--as", "relayer").err
    for text in ("", "{", "[]", "{}", '{"terms": 1, "signature": "0x"}', '{"terms": {}, "signature": "zz"}'):
        (files / "bad.json").write_text(text)
        bad = cli("consents", "grant", "--signed", str(files / "bad.json"), "--as", "relayer")
        assert bad.code == 1 and "defect" not in bad.err, text
    thief = json.loads(signed.read_text()) | {"signer": people.doctor}
    (files / "thief.json").write_text(json.dumps(thief))
    assert "is not by" in cli("consents", "grant", "--signed", str(files / "thief.json"), "--as", "relayer").err


def test_consents_deny__standing__reported_and_ended(cli: Cli, people: People, files: Path) -> None:
    agree(cli, people, files, "--class", "imaging")
    assert ask(cli, people, "imaging").code == 0
    for number, what in enumerate((["--class", "imaging"], ["--nothing"])):
        asked = yes(cli("consents", "deny", "--patient", people.ana, *what, "--draft"))
        terms, signed = files / f"deny{number}.json", files / f"denied{number}.json"
        terms.write_text(asked.out)
        yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
        assert len(yes(cli("consents", "deny", "--signed", str(signed), "--as", "relayer")).out.strip()) == 66
        answer = ask(cli, people, "imaging")
        assert answer.code == (0 if number else 3) and ("STANDING_DENIAL" in answer.out) is (number == 0)


def test_guardians_end__of_somebody_else__said(cli: Cli, people: People) -> None:
    for more in ([], ["--dry-run"]):
        result = cli("guardians", "end", people.hospital, NOBODY, "--as", "hospital", *more)
        assert result.code == 1 and f"Error: {NOBODY} is no guardian of {people.hospital}." in result.err


def test_guardians__appointed_and_ended_by_parcel__relayer_pays(cli: Cli, people: People, files: Path) -> None:
    appoint = ["guardians", "appoint", people.ana, people.hospital, "--purpose", "TREAT", "--as", "ana"]
    assert cli(*appoint).code == 1, "a patient without ether"
    for command, alive in ((appoint, 1), (["guardians", "end", people.ana, people.hospital, "--as", "ana"], 0)):
        made = yes(cli(*command, "--out", str(files), "--json")).json["parcels"]
        yes(cli("participants", "carry", *made, "--as", "relayer"))
        live = yes(cli("guardians", "list", people.ana, "--json")).json
        assert sum(row["guardian"]["address"] == people.hospital for row in live) == alive


def test_participants__epoch_raised_by_parcel__what_was_signed_is_void(cli: Cli, people: People, files: Path) -> None:
    terms, signed = files / "terms.json", files / "signed.json"
    yes(draft(cli, people, terms, "--class", "labs"))
    yes(cli("consents", "sign", str(terms), "--as", "ana", "--out", str(signed)))
    made = yes(cli("participants", "raise-epoch", "--as", "ana", "--out", str(files), "--json")).json["parcels"]
    yes(cli("participants", "carry", *made, "--as", "relayer"))
    void = cli("consents", "grant", "--signed", str(signed), "--as", "relayer")
    assert void.code == 1 and "Error: " in void.err and "defect" not in void.err


def test_participants__handed_to_a_new_key_and_back__old_one_does_nothing(cli: Cli, people: People) -> None:
    relayer = yes(cli("whoami", "--as", "relayer", "--json")).json["account"]
    hand = ["participants", "change-controller"]
    assert cli(*hand, relayer, "--as", "clinic").code == 1, "asks first"
    yes(cli(*hand, relayer, "--as", "clinic", "--yes"))
    refused = cli(*hand, people.clinic, "--as", "clinic", "--yes")
    assert refused.code == 1 and "Error: " in refused.err
    yes(cli(*hand, people.clinic, "--subject", people.clinic, "--as", "relayer", "--yes"))
    assert people.clinic in yes(cli("participants", "show", people.clinic)).out


def test_consents__as_the_profile_itself__patient_without_ether_is_told(cli: Cli, people: People, files: Path) -> None:
    yes(draft(cli, people, files / "own.json", "--class", "labs"))
    for command in (["grant", str(files / "own.json")], ["deny", "--class", "hiv"]):
        result = cli("consents", *command, "--as", "ana")
        assert result.code == 1 and "Error: " in result.err and "defect" not in result.err
    mine = ["--patient", people.hospital, "--to", people.doctor, "--purpose", "TREAT"]
    own = files / "hospital.json"
    yes(cli("consents", "draft", str(own), *mine, "--class", "labs", "--receipt", str(files / "r")))
    assert cli("consents", "grant", str(own), "--as", "clinic").code == 1, "only the patient itself sends bare terms"
    granted = yes(cli("consents", "grant", str(own), "--as", "hospital", "--key", "own/1")).out
    revoke = ["consents", "revoke", *mine[2:], "--as", "hospital"]
    ended = yes(cli(*revoke, "--key", "end-own/1")).out
    assert len(ended.strip()) == 66 and granted
    assert yes(cli(*revoke, "--key", "end-own/1")).out == ended
    assert "revoked" in yes(cli("consents", "show", *mine)).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("decide --patient ANA --actor ANA --purpose treet --class labs", "Did you mean TREAT"),
        ("decide --patient ANA --actor ANA --purpose TREAT --class labz", "Did you mean labs"),
        ("decide --patient ANA --actor ANA --purpose TREAT", "what is to be read"),
        ("decide --patient ana.eth --actor ANA --purpose TREAT --class labs", "names are not looked up"),
        ("decide --patient LOWER --actor ANA --purpose TREAT --class labs", "carries no checksum"),
        ("decide --patient ANA --actor ANA --purpose TREAT --class labs --as-role provider", "--jurisdiction"),
        ("decide --patient ANA --actor ANA --purpose TREAT --class labs --as-role doctr", "is no Role"),
        (
            "decide --patient ANA --actor ANA --purpose TREAT --class labs --jurisdiction 99999999999",
            "4294967295",
        ),
        ("show --patient ANA --purpose TREAT", "exactly one recipient"),
        ("show --patient ANA --purpose TREAT --to ANA --to-organisation ANA", "exactly one recipient"),
        ("grant --as relayer", "one thing to grant"),
        ("revoke --as relayer", "which directive"),
        ("revoke --as relayer --signed x --purpose TREAT", "alone"),
        ("deny --as relayer", "what is denied"),
        ("deny --as relayer --nothing --class hiv", "what is denied"),
    ],
)
def test_consents__misuse__exit_2_and_what_was_meant(cli: Cli, people: People, arguments: str, said: str) -> None:
    words = {"ANA": people.ana, "LOWER": people.ana.lower()}
    result = cli("consents", *(words.get(part, part) for part in arguments.split()))
    assert result.code == 2 and result.out == "" and said in result.err


# RECORDS


def test_records__sealed_shared_opened_unshared_shredded(cli: Cli, people: People, files: Path) -> None:
    file, out = files / "note.txt", files / "out.txt"
    file.write_text("a note with an escape \x1b[31m")
    named = ["--class", "notes", "--reader", people.doctor, "--key", "doc/1"]
    dry = yes(seal(cli, people, file, *named, "--dry-run"))
    assert dry.out.startswith("0x") and "Nothing was sent" in dry.err
    record = yes(seal(cli, people, file, *named)).out.strip()
    assert yes(seal(cli, people, file, *named)).out.strip() == record, "the same command seals nothing twice"
    assert yes(cli("records", "open", record, "--as", "dr-roe")).out == file.read_text()
    whole = yes(cli("records", "open", record, "--as", "dr-roe", "--json")).json
    assert base64.b64decode(whole["content_base64"]) == file.read_bytes() and whole["classes"] == ["notes"]

    refused = cli("records", "open", record, "--as", "hospital", "--out", str(out))
    assert refused.code == 1 and "is not shared" in refused.err and not out.exists()
    assert yes(cli("records", "share", record, "--with", people.hospital, "--as", "clinic")).out.strip() == record
    assert yes(cli("records", "open", record, "--as", "hospital", "--out", str(out))).out.strip() == str(out)
    assert out.read_bytes() == file.read_bytes()
    assert "is there already" in cli("records", "open", record, "--as", "hospital", "--out", str(out)).err
    yes(cli("records", "open", record, "--as", "hospital", "--out", str(out), "--replace"))
    yes(cli("records", "unshare", record, "--from", people.hospital))
    assert cli("records", "open", record, "--as", "hospital").code == 1
    assert cli("records", "unshare", record, "--from", people.hospital).code == 1

    assert "CURRENT" in yes(cli("records", "status", record)).out
    assert record in yes(cli("records", "list", "--author", people.clinic, "--status", "current")).out
    shred = ["records", "shred", record, "--as", "clinic"]
    assert cli(*shred).code == 2 and cli(*shred, "--basis", "patient-request").code == 1, "neither basis nor yes"
    assert cli(*shred, "--basis", "none", "--yes").code == 2
    assert yes(cli(*shred, "--basis", "patient-request", "--dry-run")).out.startswith("0x")
    assert yes(cli("records", "open", record, "--as", "dr-roe")).out
    yes(cli(*shred, "--basis", "patient-request", "--yes"))
    gone = cli("records", "open", record, "--as", "dr-roe", "--out", str(files / "gone"))
    assert gone.code == 1 and "shredded" in gone.err and not (files / "gone").exists()
    assert yes(cli("records", "status", record, "--json")).json["basis"] == "PATIENT_REQUEST"
    found = yes(cli("records", "list", "--status", "shredded", "--json")).json
    assert record in [row["id"] for row in found]


def test_records__superseded_and_entered_in_error__says_so(cli: Cli, people: People, files: Path) -> None:
    file, newer = files / "first.txt", files / "second.txt"
    file.write_text("the first version")
    newer.write_text("the second version")
    record = yes(seal(cli, people, file, "--class", "notes", "--reader", people.doctor)).out.strip()
    again = ["records", "supersede", record, str(newer), "--about", people.ana, "--class", "notes", "--as", "clinic"]
    assert "Nothing was sent" in yes(cli(*again, "--dry-run")).err
    second = yes(cli(*again, "--reader", people.doctor)).out.strip()
    opened = yes(cli("records", "open", record, "--as", "dr-roe"))
    assert opened.out == file.read_text() and "Warning" in opened.err
    assert yes(cli("records", "open", second, "--as", "dr-roe")).out == newer.read_text()
    assert yes(cli("records", "status", record, "--json")).json["status"] == "SUPERSEDED"
    assert "needs a yes" in cli("records", "mark-error", second, "--as", "clinic").err
    assert "is known neither" in cli("records", "mark-error", "0x" + "1" * 64, "--as", "clinic").err
    yes(cli("records", "mark-error", second, "--as", "clinic", "--yes"))
    assert "entered in error" in yes(cli("records", "open", second, "--as", "dr-roe")).err


def test_records_seal__misuse__nothing_kept(cli: Cli, people: People, files: Path) -> None:
    (files / "x.bin").write_bytes(b"\x00\x01")
    assert cli("records", "seal", str(files / "none"), "--about", people.ana, "--as", "clinic").code == 1
    assert "class" in seal(cli, people, files / "x.bin").err
    assert seal(cli, people, files / "x.bin", "--class", "labz").code == 2
    no_key = seal(cli, people, files / "x.bin", "--class", "labs", "--reader", NOBODY)
    assert no_key.code == 1 and "encryption key" in no_key.err
    foreign = seal(cli, people, files / "x.bin", "--class", "labs", "--author", people.hospital)
    assert foreign.code == 1 and "Why:" in foreign.err
    assert cli("records", "status", NO_RECORD).code == 1
    assert cli("records", "status", "0x12").code == 2
    assert cli("records", "open", NO_RECORD, "--as", "clinic").code == 1
    assert "cannot open" in cli("records", "open", NO_RECORD, "--as", "relayer").err


def test_records_open__damaged_bytes__no_file(cli: Cli, people: People, files: Path, there: Path) -> None:
    (files / "y.txt").write_text("y" * 2000)
    record = yes(seal(cli, people, files / "y.txt", "--class", "labs")).out.strip()
    newest = max((path for path in (there / "store").rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime_ns)
    before = newest.read_bytes()
    newest.chmod(0o600)
    newest.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    result = cli("records", "open", record, "--as", "clinic", "--out", str(files / "z"))
    assert result.code == 1 and sorted(path.name for path in files.iterdir()) == ["y.txt"]
    piped = cli("records", "open", record, "--as", "clinic")
    assert (piped.code, piped.out) == (1, "")
    newest.write_bytes(before)
    assert yes(cli("records", "open", record, "--as", "clinic")).out == "y" * 2000
    os.mkfifo(files / "pipe")
    result = cli("records", "open", record, "--as", "clinic", "--out", str(files / "pipe"), "--replace")
    assert result.code == 1 and "no plain file" in result.err and (files / "pipe").is_fifo()


def test_records_open__terminal__shows_text_and_obeys_nothing(
    cli: Cli, people: People, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (files / "note.txt").write_text("one\n\x1b[2J" + "long " * 1000)
    (files / "x.bin").write_bytes(b"\xff\x00")
    note, binary = (
        yes(seal(cli, people, files / name, "--class", "notes")).out.strip() for name in ("note.txt", "x.bin")
    )
    monkeypatch.setattr("careledger.cli.records._is_terminal", lambda: True)
    shown = yes(cli("records", "open", note, "--as", "clinic")).out
    assert shown.startswith("one\n") and "\x1b" not in shown and shown.count("long") == 1000
    refused = cli("records", "open", binary, "--as", "clinic")
    assert refused.code == 1 and refused.out == "" and "--out" in refused.err


def test_records_log__parts_of_the_custodian__in_order(cli: Cli, people: People) -> None:
    lines = yes(cli("records", "log", people.hospital)).out.splitlines()
    assert [line.split("\t")[:3] for line in lines] == [["1", "1", "4"], ["2", "5", "7"]]
    found = yes(cli("records", "log", "--as", "hospital", "--json")).json
    assert found["custodian"] == people.hospital and [part["first"] for part in found["parts"]] == [1, 5]
    assert yes(cli("records", "log", NOBODY)).out == ""


# PARTICIPANTS AND TX


def test_participants__credentials_and_keys(cli: Cli, people: People) -> None:
    assert len(yes(cli("participants", "list", "--role", "provider")).out.splitlines()) == 2
    assert cli("participants", "list", "--jurisdiction", "1").out == ""
    named = ["--role", "practitioner", "--jurisdiction", SWITZERLAND]
    shown = yes(cli("participants", "show", people.doctor, *named, "--json")).json
    assert shown["credentials"][0]["active"] and shown["key"]["suite"] == "MLKEM768_X25519"
    assert cli("participants", "show", people.clinic, *named).code == 1, "it never had this one"
    nobody = cli("participants", "show", people.ana)
    assert nobody.code == 3 and f"controller\t{people.ana}" in nobody.out
    digest = yes(cli("participants", "key", "publish", "--as", "clinic")).out.strip()
    assert digest == yes(cli("participants", "show", people.clinic, "--json")).json["key"]["hash"] or len(digest) == 66
    assert cli("participants", "key", "publish", "--as", "relayer").code == 1, "it has no opener"
    assert "Did you mean provider" in cli("participants", "list", "--role", "provder").err


def test_tx_resume__nothing_open__says_so(cli: Cli, people: People) -> None:
    yes(cli("tx", "resume", "--as", "relayer", "--wait", "final"))
    dry = yes(cli("tx", "resume", "--as", "relayer", "--dry-run"))
    assert dry.out == "" and "0 would be taken up" in dry.err
    assert yes(cli("tx", "list", "--as", "relayer", "--open")).out == ""
    assert cli("tx", "resume", "--as", "relayer", "--key", "x").code == 2
    assert cli("tx", "list").code == 1, "nobody is named"


def test_commands__node_away__exit_4(cli: Cli, people: People) -> None:
    for command in (["consents", "list"], ["tx", "list"]):
        result = cli(*command, "--as", "relayer", "--rpc", "http://127.0.0.1:9", "--json")
        assert result.code == 4 and json.loads(result.err)["retry"], result.err
