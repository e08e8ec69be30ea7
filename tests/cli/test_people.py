"""docs/people.md, command by command, as it stands: held accounts, guardians by the year, backup, a lost phone.

given a town, and profiles of words for ana, her new phone and three guardians
  every line of every ``sh`` block ends with the code it says, 0 where it says none
  what the story comes to is asked of the chain afterwards
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from careledger import CareLedger, PartyRef, Purpose, Role, Scope, Secret, Signer, Wallet, Will, profiles, recovery
from careledger.chain.anvil import find_anvil
from careledger.chain.local import MNEMONIC
from careledger.cli.papers import write_paper
from careledger.cli.views import minute
from careledger.codes import HeldStatus
from careledger.privacy.openers import from_seed, new_seed, save_keystore
from careledger.privacy.pseudonyms import new_mnemonic
from careledger.privacy.walletbook import WalletBook
from careledger.recovery import Parcel
from tests.cli.conftest import Result
from tests.sdk.recovery.people import Family
from tests.sdk.resources.town import Town, Townsman, accredit, build

Cli = Callable[..., Result]
ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "people.md"
pytestmark = pytest.mark.skipif(find_anvil() is None, reason="no Anvil")


@pytest.fixture(scope="module")
def care(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CareLedger]:
    """A town on a chain that commands reach, with a profile for everybody in its folder."""
    folder = tmp_path_factory.mktemp("people")
    with CareLedger.local(engine="anvil", home=folder, store=folder / "store") as found:
        town = build(found)
        settings = {
            "home": ".", "store": "store", "rpc": found.chain.url, "suite": found.suite.directory, "network": "local",
            "chain_id": found.connection.chain_id,
        }  # fmt: skip
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items())
        (folder / "careledger.toml").write_text(lines)
        write_paper(folder / "password", "a password of the town")
        write_paper(folder / "keys" / "town.words", MNEMONIC)
        for name, number, who in (("clinic", 3, town.clinic), ("hospital", 6, town.steward), ("relayer", 7, None)):
            opener = folder / "keys" / f"{name}-opener.json"
            seed = new_seed()
            save_keystore(opener, seed, Secret(b"a password of the town"), work=1 << 10)
            path = f"m/44'/60'/0'/0/{number}"
            words = folder / "keys" / "town.words"
            profiles.save(profiles.Profile(name, mnemonic=words, path=path, opener=opener, home=folder), folder)
            if who is not None:
                who.care.participants.publish_key(from_seed(seed), subject=who.party)
        accredit(town, town.steward, Role.PROVIDER)
        for name in ("ana", "ben", "cleo", "dora"):
            words = folder / "keys" / f"{name}.words"
            write_paper(words, new_mnemonic(words=12).reveal())
            profiles.save(profiles.Profile(name, ("patient",), mnemonic=words, home=folder), folder)
        yield found


@pytest.fixture
def there(care: CareLedger, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(care.home)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    return care.home


def commands() -> list[str]:
    """The lines of the ``sh`` blocks of the page."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


class Shell:
    """As much of a shell as the page needs: variables, what a command printed, names by pattern, codes in comments."""

    def __init__(self, cli: Cli, variables: dict[str, str], passing: Callable[[], None]) -> None:
        self.cli, self.variables, self.passing = cli, variables, passing
        self.told: dict[str, Result] = {}

    def run(self, line: str) -> Result | None:
        if line.startswith("#"):
            self.passing()
            return None
        line, _, comment = line.partition("  # ")
        named = re.fullmatch(r"(\w+)=\$\((.*)\)", line)
        words: list[str] = []
        for word in shlex.split(named[2] if named else line):
            text = re.sub(r"\$(\w+)", lambda found: self.variables[found[1]], word)
            words += sorted(map(str, Path().glob(text))) if "*" in text else [text]
        assert words[0] == "careledger"
        done = self.cli(*words[1:])
        expected = int(comment.split(":")[0]) if comment else 0
        assert done.code == expected, f"{line}\n{done.out}{done.err}"
        if named:
            self.variables[named[1]] = done.out.split()[0]
        self.told[" ".join(word for word in words[1:4] if re.fullmatch(r"[a-z-]+", word))] = done
        return done


def digits_in(told: Result) -> list[str]:
    return re.findall(r"Digits of request-\d\.json: ([\d ]+)", told.err)


def test_people__the_page__runs_as_it_stands(cli: Cli, care: CareLedger, there: Path) -> None:
    for name in ("form.pdf", "order.pdf", "passport.pdf"):
        Path(name).write_bytes(b"%PDF-1.7 " + name.encode())
    steward = profiles.load("hospital", there)
    desk = care.as_(steward.signer(), opener=steward.seed_opener())
    hospital, clinic = desk.me, profiles.load("clinic", there).signer().address
    ana_old = profiles.load("ana", there).wallet()
    how = {"will": Will.LEGAL_AUTHORITY, "evidence": b"order"}
    ward = desk.held.open(**how).value.subject
    key = Signer.from_key(profiles.load("ben", there).wallet().account(Scope.guardian_of(ward.address)).key)
    helper = PartyRef("person", key.address)
    desk.guardians.appoint_for(
        desk.guardians.draft(patient=ward, guardian=helper, purposes={Purpose.PATRQT}, for_days=30), **how
    )
    acted = next(e for e in care.events() if e.name == "HeldAccountOpened" and e.args["subject"] == ward.address)
    ana = ana_old.account(Scope.custodian(hospital)).address
    mrn = {"system": "urn:oid:2.16.840.1.113883.19.5", "value": "MRN-4711"}
    desk.directory.complete(ana_old.answer(desk.directory.pair(**mrn), care=care), checked="document-seen")
    shell = Shell(
        cli,
        {
            "hospital": hospital, "clinic": clinic, "insurer": desk.suite.directory, "ana": ana, "ward": ward.address,
            "guardian": helper.address, "evidence": acted.args["evidence"],
        },
        lambda: care.chain.increase_time(3 * 86_400),
    )  # fmt: skip
    waits: list[str] = []
    for line in commands():
        done = shell.run(line)
        if done is not None and done.code == 4:
            waits.append(done.err)
        if done is not None and "recover start" in line:
            shell.variables["digits1"], shell.variables["digits2"], *_ = digits_in(done)

    assert len(waits) == 1 and "Nothing can be carried out yet of 3 accounts: the wait ends at 20" in waits[0]
    over = cli("participants", "recover", "execute", "--parcels", "none", "--as", "ana-new")
    assert over.code == 0 and "every account is back" in over.err
    assert care.held.get(PartyRef("person", shell.variables["held"])).status is HeldStatus.CLAIMED
    assert care.held.get(PartyRef("person", shell.variables["unknown"])).status is HeldStatus.CLOSED
    new = profiles.load("ana-new", there).wallet()
    book = WalletBook(there / "wallets", new)
    assert len(book.accounts) == 3
    for known in book.accounts:
        assert care.participants.controller_of(PartyRef("person", known.subject)) == new.account(known.scope).address
        assert care.participants.encryption_key(PartyRef("person", known.subject)).public_key == (
            new.opener(known.scope).public_key
        )
    told = shell.told["participants recover left"]
    assert f"Ask {hospital} to wrap its records" in told.out and f"Ask {clinic} to" in told.out
    assert f"Ask {ana}" not in told.out
    assert shell.variables["claimed"] == shell.variables["held"]
    claimed = desk.directory.opener_key(system=mrn["system"], value="MRN-4712")
    assert claimed.public_key == ana_old.opener(Scope.successor(shell.variables["held"])).public_key
    assert shell.variables["paired"] == ana
    published = care.participants.encryption_key(PartyRef("person", ana))
    assert desk.directory.opener_key(**mrn).public_key == published.public_key
    again = profiles.load("ana-again", there)
    assert again.wallet().account(Scope.book()) == ana_old.account(Scope.book())
    renewed = care.guardians.get(ward, guardian=helper)
    assert renewed.version == 2
    assert date.fromtimestamp(renewed.until) > date.fromtimestamp(care.participants.now()) + timedelta(days=300)


def test_people__page__has_a_command_of_every_verb() -> None:
    told = " ".join(commands())
    for verb in (
        "held open", "held list", "held claim", "held close", "held worklist", "held evidence", "held verify",
        "guardians invite", "guardians answer", "guardians set", "guardians keep", "guardians show", "recover start",
        "recover sign", "recover add", "recover status", "recover execute", "recover left", "recover object",
        "participants carry", "keys backup", "keys restore", "guardians expiring", "guardians renew",
        "guardians majority", "guardians list", "guardians appoint", "guardians end", "consents grant", "consents deny",
        "consents revoke",
    ):  # fmt: skip
        assert verb in told, verb


# WHAT GOES WRONG


def text_of(result: Result) -> str:
    return result.out + result.err


def test_K8_claim__wrong_card__one_sentence_without_its_words(cli: Cli, care: CareLedger, there: Path) -> None:
    Path("bad.txt").write_text("abandon ability able about above absent absorb abstract absurd abuse access accident")
    refused = cli("participants", "held", "claim", "bad.txt", "--parcel", "x", "--as", "ana")
    assert (refused.code, "abandon" in text_of(refused)) == (1, False)
    card = care.held.new_card()
    Path("unopened.txt").write_bytes(card.text.reveal())
    unknown = cli("participants", "held", "claim", "unopened.txt", "--parcel", "x", "--as", "ana", "--json")
    assert (unknown.code, json.loads(unknown.err)["error"]) == (1, "NotFound")
    Path("elsewhere.txt").write_bytes(card.text.reveal().replace(str(card.chain_id).encode(), b"1", 1))
    other = cli("participants", "held", "claim", "elsewhere.txt", "--parcel", "x", "--as", "ana")
    assert "another suite or chain" in other.err
    single = cli("participants", "held", "claim", "unopened.txt", "--parcel", "x", "--as", "hospital")
    assert single.code == 1


def test_held_open__no_evidence_or_taken_card__refused(cli: Cli, there: Path) -> None:
    how = ("participants", "held", "open", "--will", "paper", "--card", "fresh.txt", "--as", "hospital")
    assert "there is no file" in cli(*how, "--evidence", "nowhere.pdf").err
    Path("proof.pdf").write_bytes(b"proof")
    Path("fresh.txt").write_text("no card at all")
    assert "not a claim card" in cli(*how, "--evidence", "proof.pdf").err
    Path("fresh.txt").unlink()
    sealed = cli(*how, "--evidence", "proof.pdf", "--printer", clinic_of(there), "--qr", "card.svg")
    assert sealed.code == 2
    stranger = cli(*how[:-1], "clinic", "--evidence", "proof.pdf")
    assert stranger.code == 1 and "steward in 0 jurisdictions" in stranger.err
    assert not Path("fresh.txt").exists()
    asked = cli(*how, "--evidence", "proof.pdf", "--dry-run")
    assert asked.code == 0 and not Path("fresh.txt").exists()
    drawn = cli(*how, "--evidence", "proof.pdf", "--qr", "card.svg", "--key", "drawn")
    assert drawn.code == 0 and Path("card.svg").read_bytes().startswith(b"<?xml")
    again = cli(*how, "--evidence", "proof.pdf", "--key", "drawn")
    assert again.out == drawn.out
    assert Path("fresh.txt").stat().st_mode & 0o077 == 0
    printed = cli(
        "participants", "held", "open", "--will", "paper", "--card", "sealed.json", "--as", "hospital", "--evidence",
        "proof.pdf", "--printer", clinic_of(there),
    )  # fmt: skip
    assert printed.code == 0 and b"abandon" not in Path("sealed.json").read_bytes()


def clinic_of(folder: Path) -> str:
    return profiles.load("clinic", folder).signer().address


def test_recover_sign__digits_not_said_or_others__not_signed(cli: Cli, care: CareLedger, there: Path) -> None:
    family = Family(build_again(care), there / "family")
    family.guard()
    ceremony = family.ceremony()
    request = ceremony.requests(care)[0]
    Path("ask.json").write_text(request.sealed_to(ceremony.sheets[0].guardian))
    stranger = cli("participants", "recover", "sign", "ask.json", "--out", "no.json", "--digits", "1", "--as", "cleo")
    assert "does not open with this key" in stranger.err
    words = there / "keys" / "helper.words"
    profile = profiles.Profile("helper", mnemonic=words, home=there)
    write_paper(words, family.phrases[0].reveal())
    profiles.save(profile, there)
    how = ("participants", "recover", "sign", "ask.json", "--out", "signed.json", "--as", "helper")
    unsaid = cli(*how)
    assert unsaid.code == 2 and request.digits in unsaid.err
    assert cli(*how, "--digits", "0000 0000 0000 0000 0000 0000").code == 3
    assert not Path("signed.json").exists()
    assert cli(*how, "--digits", request.digits.replace(" ", "")).code == 0
    assert [len(item.approvals) for item in ceremony.accounts] == [0, 0, 0]
    ceremony.add(care, Path("signed.json").read_text())
    assert [len(item.approvals) for item in ceremony.accounts] == [1, 1, 1]


def test_recover_execute__below_the_quorum__says_what_is_awaited_and_until_when(
    cli: Cli, care: CareLedger, there: Path
) -> None:
    family = Family(build_again(care), there / "below")
    family.guard()
    write_paper(there / "keys" / "below.words", (words := new_mnemonic(words=12)).reveal())
    home = there / "below"
    profile = profiles.Profile("below", mnemonic=there / "keys" / "below.words", home=home)
    profiles.save(profile, there)
    wallet, sheets = Wallet.from_mnemonic(words), family.guarding.kit.sheets()
    ceremony = recovery.Ceremony.start(home / "ceremonies", wallet, care, sheets=sheets, spread_hours=0)
    execute = ("participants", "recover", "execute", "--parcels", "none", "--as", "below")
    unsigned = cli(*execute)
    assert (unsigned.code, unsigned.out) == (4, "")
    assert "yet of 3 accounts, with 0 of 2 approvals on the chain: have guardians sign." in unsigned.err
    family.carry(family.signed(ceremony, 0))
    until = minute(ceremony.status(care)[0].until)
    gathering = cli(*execute, "--json")
    assert (gathering.code, gathering.json) == (4, {"parcels": []})
    assert (
        f"with 1 of 2 approvals on the chain: have more guardians sign, and their parcels carried, until {until}."
        in (gathering.err)
    )
    offer = family.town.hospital.care.directory.pair(system="urn:mrn", value="below").uri
    early = cli("directory", "answer", offer, "--subject", family.accounts[0].subject, "--as", "below")
    assert early.code == 1 and f"no key of this wallet controls account {family.accounts[0].subject}" in early.err


def build_again(care: CareLedger) -> Town:
    """The same town once more: its parties as they are, nothing is accredited again."""
    chain = care.chain

    def who(number: int, kind: str) -> Townsman:
        signer, opener = chain.signer(number), from_seed(new_seed())
        return Townsman(PartyRef(kind, signer.address), signer, care.as_(signer, opener=opener), opener)

    kinds = (
        "organisation",
        "organisation",
        "organisation",
        "person",
        "person",
        "organisation",
        "organisation",
        "person",
    )
    return Town(care, *(who(number, kind) for number, kind in enumerate(kinds, 1)))


def test_carry__not_due_twice_or_nothing_that_may_be_carried__codes(cli: Cli, care: CareLedger, there: Path) -> None:
    family = Family(build_again(care), there / "carried")
    made = recovery.guard(family.book, care, family.accounts, answers=family.answers(), quorum=2, spread_hours=0)
    later = replace(made.parcels[0], not_before=care.participants.now() + 7_200)
    for number, parcel in enumerate((*made.parcels, later)):
        Path(f"p{number}.json").write_text(json.dumps(parcel.to_json()))
    carry = ("participants", "carry", "--as", "relayer")
    assert "1 of 1 parcels are due" in cli(*carry, "p0.json", "--dry-run").err
    Path("p6.json").write_text(json.dumps(replace(made.parcels[0], chain_id=1).to_json()))
    for more in (["--dry-run"], []):
        elsewhere = cli(*carry, "p6.json", "--hurry", *more)
        assert elsewhere.code == 1 and "this parcel is for chain 1" in elsewhere.err
        assert "1 parcels are due" not in elsewhere.err or "0 of 1" in elsewhere.err
    assert cli(*carry, "p3.json").code == 4
    one = cli(*carry, "p0.json", "p1.json", "--json")
    assert (one.code, one.json) == (4, {"carried": 1, "refused": 0, "before": 0, "left": 1})
    rest = cli(*carry, "p0.json", "p1.json", "--json")
    assert (rest.code, rest.json) == (0, {"carried": 1, "refused": 0, "before": 1, "left": 0})
    assert cli(*carry, "p0.json", "p1.json", "--json").json == {"carried": 0, "refused": 0, "before": 2, "left": 0}
    Path("p4.json").write_text('{"format": "careledger-parcel-v1"}')
    assert cli(*carry, "p4.json").code == 1
    assert cli(*carry, "p2.json", "--key", "mine").code == 2
    early = Parcel.call(
        care, "ParticipantRegistry", "executeRecovery", family.accounts[0].subject, family.accounts[1].subject,
        made.kit.accounts[0].guardians.call, not_before=0,
    )  # fmt: skip
    Path("p5.json").write_text(json.dumps(early.to_json()))
    refused = cli(*carry, "p5.json", "--hurry")
    assert refused.code == 1 and "NotTheGuardians" in refused.err


def test_backup__no_words_shares_or_wrong_password__one_sentence(
    cli: Cli, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("keys", "backup", "v2", "--shares", "2/3", "--as", "dora").code == 2
    assert cli("keys", "backup", "v2", "--shares", "two", "--shares-out", "s", "--as", "dora").code == 2
    saved = cli("keys", "backup", "v2", "--as", "dora", "--json")
    assert saved.json["number"] == 1
    monkeypatch.setenv("CARELEDGER_PASSWORD", "a guess")
    wrong = cli("keys", "restore", "v2", saved.json["backup"], "--name", "dora-2")
    assert (wrong.code, "a guess" in text_of(wrong)) == (1, False)
    assert "opens this way" in cli("keys", "restore", "v2", "--name", "dora-2").err
    monkeypatch.delenv("CARELEDGER_PASSWORD")
    assert "another wallet" in cli("keys", "restore", "v2", "--name", "ana").err
    assert cli("keys", "restore", "v2", "--name", "dora-2").out.split() == ["dora-2"]
    assert cli("keys", "restore", "v2", "--name", "dora-2").code == 0
    assert cli("participants", "recover", "status", "--as", "dora-2", "--json").code == 1


def test_guardians__dates_and_wills__misuse(cli: Cli, there: Path) -> None:
    somebody = clinic_of(there)
    for day in ("17.5.2031", "0001-01-01", "9999-12-31"):
        assert cli("guardians", "majority", somebody, day, "--as", "hospital").code == 2
    assert cli("guardians", "renew", somebody, somebody, "--will", "paper", "--as", "hospital").code == 2
    Path("order.pdf").write_bytes(b"order")
    on = ("--will", "paper", "--evidence", "order.pdf", "--as", "hospital")
    appoint = ("guardians", "appoint", somebody, somebody, "--purpose", "TREAT")
    assert cli(*appoint, "--out", "parcels", *on).code == 2
    assert cli(*appoint, "--will", "signature", "--evidence", "order.pdf", "--as", "hospital").code == 2
    revoke = ("consents", "revoke", "--to", somebody, "--purpose", "TREAT")
    assert cli(*revoke, *on).code == 2, "for whom?"
    assert cli(*revoke, "--patient", somebody, "--draft", *on).code == 2
    assert cli("consents", "deny", "--nothing", "--patient", somebody, *on).code == 2
    assert cli("consents", "grant", "--signed", "s.json", *on).code == 2
    assert cli("participants", "guardians", "invite", "i.json", "--coverage", somebody, "--as", "ben").code == 2
    assert cli("participants", "guardians", "invite", "i.json", "--as", "dora").code == 1
    assert cli("participants", "recover", "left", "--lost", "yesterday", "--as", "ben").code in (1, 2)
