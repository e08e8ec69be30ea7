"""The commands that need no chain, and the local chain itself."""

import contextlib
import json
import os
import pty
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from careledger.chain import background
from careledger.chain.anvil import find_anvil
from careledger.chain.signers import Signer
from tests.cli.conftest import PROGRAM, Result

Cli = Callable[..., Result]
PASSWORD = "a long enough password"
MNEMONIC = "test test test test test test test test test test test junk"
FIRST = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CARELEDGER_PASSWORD", PASSWORD)
    return PASSWORD


def private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


# CONFIG, NETWORKS, EXPLAIN


def test_config__each_source__said_with_the_value(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "careledger.toml").write_text('instance = "from-file"\nrpc = "http://127.0.0.1:1"\n')
    (place / ".env").write_text("CARELEDGER_WAIT=final\nOTHER=x\n")
    monkeypatch.setenv("CARELEDGER_NETWORK", "sepolia")
    found = {row["name"]: (row["value"], row["from"]) for row in cli("config", "--rpc", "/tmp/x.ipc", "--json").json}
    assert found["rpc"] == ("/tmp/x.ipc", "flag --rpc")
    assert found["network"] == ("sepolia", "environment CARELEDGER_NETWORK")
    assert found["wait"] == ("final", ".env")
    assert found["instance"] == ("from-file", "careledger.toml")
    assert found["log"] == ("silent", "default")
    assert cli("config", "rpc").out == "http://127.0.0.1:1\n"


def test_config__file_with_slip__exit_2_and_guess(cli: Cli, place: Path) -> None:
    (place / "careledger.toml").write_text('netwrok = "sepolia"\n')
    result = cli("config")
    assert result.code == 2 and "Did you mean network?" in result.err


@pytest.mark.parametrize("key", ["password", "mnemonic", "private_key"])
def test_S8_config__secret_in_file__refused_and_not_shown(cli: Cli, place: Path, key: str) -> None:
    (place / "careledger.toml").write_text(f'{key} = "hunter2hunter2"\n')
    result = cli("config")
    assert result.code == 2 and "hunter2" not in result.err + result.out


def test_S8_config__access_key_in_url__not_shown(cli: Cli, password: str) -> None:
    result = cli("config", "--rpc", "https://user:hunter2@node.example/v2/hunter3?key=hunter4", "--json")
    assert result.code == 0 and "hunter" not in result.out + result.err and password not in result.out
    assert "https://node.example" in result.out


def test_networks_list__settings_and_deployments__shown(cli: Cli, place: Path) -> None:
    (place / "careledger.toml").write_text('[networks.clinic]\nchain_id = 4711\ntest = true\nrpc = "/run/geth.ipc"\n')
    folder = place / "deployments" / "4711"
    folder.mkdir(parents=True)
    (folder / "main.json").write_text(json.dumps({"suite": FIRST, "chainId": 4711, "release": "1.0.0"}))
    row = next(row for row in cli("networks", "list", "--json").json if row["name"] == "clinic")
    assert (row["chain_id"], row["test"], row["rpc"]) == (4711, True, "/run/geth.ipc")
    assert row["instances"] == [{"instance": "main", "suite": FIRST, "release": "1.0.0"}]
    (folder / "main.json").write_text("[]")
    assert cli("networks", "list").code == 1


def test_whoami__unknown_network__exit_2_and_guess(cli: Cli) -> None:
    assert cli("profile", "create", "ana", "--role", "patient").code == 0
    result = cli("whoami", "--as", "ana", "--network", "sepola")
    assert result.code == 2 and "Did you mean sepolia" in result.err
    assert cli("whoami").code == 1
    assert "Did you mean ana?" in cli("whoami", "--as", "anna").err


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("NotGranted", "nothing speaks for these classes"),
        ("Reason.32", "nothing speaks for these classes"),
        ("treat", "treatment"),
        ("MENTAL_HEALTH", "mental health (sensitive)"),
        ("DirectiveGranted", "A directive is in force"),
        ("SuiteDirectory_NotListed", "Thrown when"),
        ("NodeUnavailable", "No answer within the deadline."),
        ("Role", "What a party is accredited as"),
    ],
)
def test_explain__any_kind_of_name__its_meaning(cli: Cli, name: str, meaning: str) -> None:
    assert meaning in cli("explain", name).out
    assert any(meaning in entry["meaning"] for entry in cli("explain", name, "--json").json)


def test_explain__every_error_of_the_contracts__has_reason_and_remedy(cli: Cli) -> None:
    from careledger.chain.abi import artifacts

    name = next(iter(artifacts().errors_by_name))
    (entry,) = cli("explain", name, "--json").json
    assert entry["meaning"] and entry["fix"] and entry["signature"]


def test_explain__unknown__exit_2_and_guess(cli: Cli) -> None:
    result = cli("explain", "DirectivGranted")
    assert result.code == 2 and "DirectiveGranted" in result.err


# PROFILES


def test_profile__created_used_shown__in_effect(cli: Cli, home: Path) -> None:
    assert cli("profile", "create", "clinic", "--role", "Provider", "--role", "custodian").out == "clinic\n"
    assert cli("profile", "create", "clinic").code == 1
    assert cli("profile", "use", "clinic").code == 0
    found = cli("whoami", "--json").json
    assert (found["profile"], found["from"], found["roles"]) == (
        "clinic", "careledger profile use", ["provider", "custodian"],
    )  # fmt: skip
    assert cli("profile", "list", "--json").json[0]["in use"] is True
    assert stat.S_IMODE((home / "profiles" / "clinic.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a\nb", "x" * 65])
def test_profile__name_that_is_no_file_name__refused(cli: Cli, name: str) -> None:
    for verb in ("create", "show", "use"):
        assert cli("profile", verb, "--", name).code == 2


def test_profile__slip_in_role__says_what_was_meant(cli: Cli) -> None:
    result = cli("profile", "create", "x", "--role", "insuror")
    assert result.code == 2 and "Did you mean insurer" in result.err


def test_profile__damaged__said(cli: Cli, home: Path) -> None:
    cli("profile", "create", "x")
    for text in ("{", "[]", '{"roles": ["king"]}', '{"roles": 1}', '{"keystore": 5}'):
        (home / "profiles" / "x.json").write_text(text)
        assert cli("profile", "show", "x").code == 1


@pytest.mark.parametrize("field", ["keystore", "mnemonic", "opener", "home", "path"])
@pytest.mark.parametrize("value", ["\x1b[31m\n\0evil", "a\0b", "", "\x85", 5, [], {}, True])
def test_profile__names_what_no_file_is_named__one_sentence(cli: Cli, home: Path, field: str, value: object) -> None:
    cli("profile", "create", "x")
    (home / "profiles" / "x.json").write_text(json.dumps({"name": "x", "roles": [], field: value}))
    for command in (("profile", "show", "x"), ("whoami", "--as", "x"), ("participants", "raise-epoch", "--as", "x")):
        result = cli(*command)
        assert result.code == 1 and result.err.startswith("Error: profile x is damaged."), (command, result.err)


def test_profile__relative_paths__go_from_the_data_folder(home: Path, place: Path) -> None:
    from careledger import profiles

    (place / "words").write_text("")
    file = profiles.save(profiles.Profile("x", mnemonic=Path("words"), home=Path("own")), home)
    assert profiles.load("x", home).mnemonic == place / "words" and profiles.load("x", home).home == place / "own"
    file.write_text(json.dumps({"mnemonic": "words", "home": "own"}))
    assert profiles.load("x", home).mnemonic == home / "words" and profiles.load("x", home).home == home / "own"


# KEYS


def test_keys__created_with_words__words_restore_the_account(cli: Cli, home: Path, place: Path, password: str) -> None:
    created = cli("keys", "create", "mine", "--words-file", "words.txt")
    assert created.code == 0
    account = created.out.strip()
    keystore = home / "keys" / "mine.json"
    assert {stat.S_IMODE(file.stat().st_mode) for file in (keystore, place / "words.txt")} == {0o600}
    assert json.loads(keystore.read_text())["crypto"]["kdf"] == "scrypt"
    assert Signer.from_keystore(keystore).address == account
    assert Signer.from_mnemonic(place / "words.txt").address == account
    words = (place / "words.txt").read_text().strip()
    assert len(words.split()) == 24
    assert words not in created.out + created.err
    assert cli("keys", "create", "mine").code == 1
    assert cli("keys", "create", "other", "--words-file", "words.txt").code == 1
    assert cli("profile", "create", "me", "--keystore", "mine").code == 0
    assert cli("whoami", "--as", "me", "--json").json["account"] == account


def test_keys__opener__opens_for_its_profile(cli: Cli, home: Path, password: str) -> None:
    from careledger import profiles
    from careledger.values import to_hex

    created = cli("keys", "create", "desk", "--opener")
    assert created.code == 0 and created.out.startswith("0x")
    assert cli("profile", "create", "me", "--opener", "desk").code == 0
    assert to_hex(profiles.load("me", home).seed_opener().key_hash) == created.out.strip()
    assert cli("keys", "list", "--json").json[0]["kind"] == "opener"


def test_keys_import__mnemonic_raw_key_keystore__same_account(cli: Cli, home: Path, place: Path, password: str) -> None:
    assert cli("keys", "import", "a", str(private(place / "w", MNEMONIC + "\n"))).out.strip() == FIRST
    raw = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
    result = cli("keys", "import", "b", str(private(place / "k", raw)))
    assert result.out.strip() == FIRST
    assert cli("keys", "import", "c", str(home / "keys" / "a.json")).out.strip() == FIRST
    assert [row["name"] for row in cli("keys", "list", "--json").json] == ["a", "b", "c"]
    for name in ("a", "b", "c"):
        shown = cli("keys", "show", name)
        assert FIRST in shown.out and raw[2:] not in shown.out + shown.err and "test test" not in shown.out


def test_S8_keys__no_command__takes_a_secret_as_argument(cli: Cli) -> None:
    for verb in ("create", "import"):
        text = cli("keys", verb, "--help").out
        assert not any(option in text for option in ("--password", "--private-key", "--mnemonic ", "--secret"))


def test_S8_keys__no_password_and_no_terminal__refused_without_a_file(cli: Cli, home: Path) -> None:
    result = cli("keys", "create", "x")
    assert result.code == 1 and not (home / "keys" / "x.json").exists()


@pytest.mark.parametrize("text", ["short", ""])
def test_keys__weak_password__refused(cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CARELEDGER_PASSWORD", text)
    assert cli("keys", "create", "x").code == 1
    assert not list((home / "keys").glob("*"))


def test_keys__words_on_a_terminal__shown_once_and_not_on_stdout(home: Path, place: Path) -> None:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        with (place / "out").open("wb") as out:
            os.dup2(out.fileno(), 1)
        os.execv(PROGRAM[0], [*PROGRAM, "keys", "create", "mine", "--words"])
    seen = b""
    for prompt, answer in ((b"New password", PASSWORD), (b"The same again", PASSWORD)):
        while prompt not in seen:
            seen += os.read(terminal, 4096)
        time.sleep(0.2)  # the prompt is written a moment before the echo is off
        os.write(terminal, answer.encode() + b"\n")
    with contextlib.suppress(OSError):  # Linux ends a terminal nobody holds with EIO
        while part := os.read(terminal, 4096):
            seen += part
    os.close(terminal)
    assert os.waitpid(pid, 0)[1] == 0
    lines = seen.decode().splitlines()
    words = next(line.strip() for line in lines if len(line.split()) == 24)
    assert PASSWORD not in seen.decode()
    account = (place / "out").read_text().strip()
    assert Signer.from_mnemonic(words).address == account
    assert words not in (home / "keys" / "mine.json").read_text()


def test_keys__words_without_terminal__refused(cli: Cli, home: Path, password: str) -> None:
    assert cli("keys", "create", "x", "--words").code == 1
    assert not list((home / "keys").glob("*"))


def test_K8_keys__cut_open_linked_missing__said_and_nothing_shown(
    cli: Cli, home: Path, place: Path, password: str
) -> None:
    secret = "deadbeef" * 8
    cases = {
        "open": place / "open",
        "cut": private(place / "cut", '{"crypto": {"ciphertext": "' + secret),
        "no-address": private(place / "no-address", json.dumps({"crypto": {"ciphertext": secret}})),
        "text": private(place / "text", f"not a key {secret}"),
        "words": private(place / "words", " ".join([secret] * 12)),
        "zero": private(place / "zero", "00" * 32),
        "folder": place,
        "missing": place / "missing",
        "link": place / "link",
    }
    cases["open"].write_text(secret)
    cases["open"].chmod(0o644)
    cases["link"].symlink_to(private(place / "target", secret))
    for name, path in cases.items():
        result = cli("keys", "import", name, str(path))
        assert result.code == 1, name
        assert secret not in result.out + result.err and result.err.startswith("Error: ")
        assert not (home / "keys" / f"{name}.json").exists()


ACCOUNT_DAMAGE: list[tuple[list[str], object]] = [
    (["crypto", "ciphertext"], None), (["crypto", "kdf"], None), (["crypto", "kdf"], "argon2"),
    (["crypto", "mac"], 5), (["crypto", "mac"], "ab"), (["crypto", "cipherparams", "iv"], "ab" * 17),
    (["crypto", "kdfparams", "salt"], []), (["crypto", "kdfparams", "n"], 3), (["crypto", "kdfparams", "p"], 1 << 20),
    (["crypto"], "x"), (["version"], 9),
]  # fmt: skip
OPENER_DAMAGE: list[tuple[list[str], object]] = [
    (["cipher"], None), (["format"], []), (["cipher", "nonce"], "AAAA"), (["cipher", "text"], 5),
    (["kdf", "salt"], 5), (["suite"], "x"), (["publicKey"], "AAAA"),
]  # fmt: skip


def test_K8_keys_import__keystore_no_password_opens__refused_without_one(
    cli: Cli, home: Path, place: Path, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("keys", "import", "a", str(private(place / "w", MNEMONIC))).code == 0
    assert cli("keys", "create", "o", "--opener").code == 0
    monkeypatch.delenv("CARELEDGER_PASSWORD")
    for name, damage in (("a", ACCOUNT_DAMAGE), ("o", OPENER_DAMAGE)):
        good = (home / "keys" / f"{name}.json").read_text()
        for path, value in damage:
            data = json.loads(good)
            inner = data
            for step in path[:-1]:
                inner = inner[step]
            inner[path[-1]] = value
            file = str(private(place / "k", json.dumps(data)))
            for arguments in (("keys", "import", "x", file), ("profile", "create", "x", "--keystore", file)):
                result = cli(*arguments)
                assert result.code == 1 and "defect" not in result.err, (path, value)
        assert not (home / "keys" / "x.json").exists()


@pytest.mark.parametrize("words", ["a", MNEMONIC.replace("junk", "test"), "deadbeef " * 12])
def test_profile__file_without_valid_words__refused_and_not_shown(cli: Cli, place: Path, words: str) -> None:
    result = cli("profile", "create", "x", "--mnemonic", str(private(place / "w", words)))
    assert result.code == 1 and result.err.startswith("Error: these words are not a valid mnemonic.")
    assert "deadbeef" not in result.err and cli("profile", "show", "x").code == 2


def test_K8_keys_show__link_or_open_file__refused(cli: Cli, home: Path, place: Path, password: str) -> None:
    cli("keys", "import", "a", str(private(place / "w", MNEMONIC)))
    file = home / "keys" / "a.json"
    file.chmod(0o644)
    assert cli("keys", "show", "a").code == 1
    file.chmod(0o600)
    (home / "keys" / "b.json").symlink_to(file)
    assert cli("keys", "show", "b").code == 1
    assert [row["name"] for row in cli("keys", "list", "--json").json] == ["a"]


def test_keys_backup_and_restore__no_such_kind_of_store__exit_2_before_a_password(cli: Cli) -> None:
    for arguments in (("backup", "zz://x", "--as", "ann"), ("restore", "zz://x", "--name", "q")):
        result = cli("keys", *arguments)
        assert result.code == 2 and result.err.startswith("Error: zz is no kind of store known here.")


# FHIR


def test_fhir_inspect__mounted__answers_in_json(cli: Cli, place: Path) -> None:
    (place / "p.json").write_text('{"resourceType": "Patient", "id": "p"}')
    (found,) = cli("fhir", "inspect", "p.json", "--json").json
    assert found["resourceType"] == "Patient"
    assert cli("fhir", "inspect", "absent.json").code == 1
    result = cli("fhir", "inspect", "p.json", "absent.json", "--json")
    assert result.code == 1 and len(result.json) == 2 and json.loads(result.err)["error"] == "FormatError"


# CHAIN

anvil = pytest.mark.skipif(find_anvil() is None, reason="no Anvil")


def alive(pid: int) -> bool:
    return background._born(pid) is not None


@anvil
def test_chain__start_status_stop__one_process_and_none_after(cli: Cli, home: Path) -> None:
    started = cli("chain", "start", "--port", "0", "--json").json
    try:
        assert alive(started["pid"])
        assert cli("chain", "start", "--port", "0", "--json").json == started
        assert cli("chain", "status", "--json").json["running"] == started
    finally:
        stopped = cli("chain", "stop", "--json").json
    assert stopped["stopped"] == started and not alive(started["pid"])
    assert cli("chain", "status").code == 3
    assert cli("chain", "stop").code == 0
    assert not (home / "chain.json").exists()


@pytest.mark.parametrize("field, value", [
    ("pid", -1), ("pid", 0), ("pid", 2**31), ("pid", True), ("pid", "\ud800"), ("pid", "1\0"), ("born", []),
    ("url", -1), ("url", "http://127.0.0.1:1\x1b[31m"), ("chain_id", "x"), ("chain_id", None), ("more", 1), ("", "["),
    ("", "[" * 100_000), ("", '{"a":' * 100_000 + "1" + "}" * 100_000), ("", ""), ("", "null"), ("", "\xff"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["status", "stop", "start"])
def test_chain__its_file_is_damaged__one_sentence(
    cli: Cli, home: Path, command: str, field: str, value: object
) -> None:
    home.mkdir()
    about = {"pid": os.getpid(), "born": "1", "url": "http://127.0.0.1:1", "chain_id": 1, field: value}
    (home / "chain.json").write_bytes(
        value.encode("latin-1") if isinstance(value, str) and not field else json.dumps(about).encode()
    )
    result = cli("chain", command)
    assert result.code == 1 and result.err.startswith("Error: chain.json in the data folder is damaged.")
    assert "Remove " in result.err and (home / "chain.json").exists()


@anvil
def test_chain_stop__number_taken_by_another_process__left_alone(cli: Cli, home: Path) -> None:
    other = subprocess.Popen(["sleep", "30"])
    try:
        home.mkdir()
        about = {"pid": other.pid, "born": "1", "url": "http://127.0.0.1:1", "chain_id": 1}
        (home / "chain.json").write_text(json.dumps(about))
        assert cli("chain", "stop").code == 0
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@anvil
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_W6_chain_start__interrupted__no_process_left(
    home: Path, place: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = place / "slow-anvil"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")  # never listens, so that the start can be interrupted
    slow.chmod(0o755)
    environment = {**os.environ, "CARELEDGER_ANVIL": str(slow)}
    process = subprocess.Popen([*PROGRAM, "chain", "start", "--port", "0"], stderr=subprocess.PIPE, env=environment)
    end = time.monotonic() + 20
    while background.status(home) is None and time.monotonic() < end:
        time.sleep(0.02)
    running = background.status(home)
    assert running is not None
    for _ in range(4):  # Python drops an interrupt that arrives in a finaliser; a person presses the keys again
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=5)
            break
    assert process.returncode in (130, 143)
    assert not alive(running.pid) and not (home / "chain.json").exists()


@anvil
def test_W6_chain_start__killed__stop_finds_the_process(cli: Cli, home: Path, place: Path) -> None:
    slow = place / "slow-anvil"
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    environment = {**os.environ, "CARELEDGER_ANVIL": str(slow)}
    process = subprocess.Popen([*PROGRAM, "chain", "start", "--port", "0"], env=environment)
    end = time.monotonic() + 20
    while background.status(home) is None and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.wait()
    running = background.status(home)
    assert running is not None
    assert cli("chain", "stop", "--json").json["stopped"]["pid"] == running.pid
    assert not alive(running.pid)


def test_chain_start__port_taken_or_no_anvil__said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        if find_anvil() is not None:
            result = cli("chain", "start", "--port", str(taken.getsockname()[1]))
            assert result.code == 1 and "is taken" in result.err
    monkeypatch.setenv("CARELEDGER_ANVIL", "/nowhere/anvil")
    assert cli("chain", "start").code == 1
