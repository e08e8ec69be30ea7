"""Exit codes, output, errors, interrupts: what holds for every command."""

import io
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careledger import cli as command_line
from careledger import errors
from careledger.cli import output
from tests.cli.conftest import PROGRAM, ROOT, Result
from tests.cli.probe import HOSTILE, SECRET

pytestmark = pytest.mark.usefixtures("probe")
Cli = Callable[..., Result]
GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
ID = "0x" + "ab" * 32
HERE = str(ROOT / "tests" / "cli")
PROBED = [
    PROGRAM[0],
    "-c",
    "import sys; from careledger import cli; cli.NOUNS += (cli.Noun('probe', 'probe', ''),);sys.exit(cli.main())",
]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["config"], 0),
        ([], 2),
        (["keys"], 2),
        (["nonsense"], 2),
        (["config", "--nonsense"], 2),
        (["config", "a", "b"], 2),
        (["config", "--network"], 2),
        (["chain", "start", "--port", "many"], 2),
        (["probe", "ask", ID, "--yes"], 0),
        (["probe", "ask", ID], 3),
        (["probe", "ask", "0x12"], 2),
        (["probe", "fail", "NodeUnavailable"], 4),
        (["probe", "fail", "Pending"], 4),
        (["probe", "fail", "StorageError"], 1),
        (["probe", "fail", "NotFound"], 1),
        (["probe", "fail", "Misuse"], 2),
        (["probe", "fail", "bug"], 1),
        (["probe", "fail", "file"], 1),
        (["probe", "fail", "interrupt"], 130),
        (["chain", "status"], 3),
    ],
)
def test_exit_code__each_outcome__as_fixed(cli: Cli, arguments: list[str], code: int) -> None:
    result = cli(*arguments)
    assert result.code == code
    assert "Traceback" not in result.err + result.out


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (["confg"], "careledger config"),
        (["keys", "lst"], "careledger keys list"),
        (["config", "--jsn"], "--json"),
        (["config", "--netwrok", "x"], "--network"),
        (["config", "--network", "sepola"], None),
        (["whoami", "--network", "sepola", "--as", "nobody"], None),
    ],
)
def test_misuse__slip__says_what_was_meant(cli: Cli, arguments: list[str], guess: str | None) -> None:
    result = cli(*arguments)
    if guess is not None:
        assert (result.code, result.out) == (2, "")
        assert "Did you mean" in result.err and guess in result.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["fhir", "inspect", ""], ["keys", "backup", "", "--as", "ann"], ["records", "open", "0x" + "1" * 64, "--out="],
        ["keys", "import", "x", "--", ""],
    ],
)  # fmt: skip
def test_misuse__empty_argument__never_this_folder(cli: Cli, place: Path, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "") and "an argument is empty" in result.err
    assert not list(place.iterdir())


@pytest.mark.parametrize("name", ["EmergencyRegistry_State", "Module_NotSignedBy", "GuardianRegistry_Missing"])
def test_error__of_a_contract__in_words_then_as_on_chain(name: str) -> None:
    kind = getattr(errors, name)
    error = kind(f"{name}(step=4)", why=kind.__doc__, fix="Mend it.")
    first, second, _ = output.error_lines(error).splitlines()
    assert first.startswith("Error: the contract refused, as a") and name not in first and first.endswith(".")
    assert second == f"Why:   Its error is {name}(step=4)."
    assert json.loads(output.error_object(error, 1))["error"] == name


def test_error__three_lines__on_stderr_only(cli: Cli) -> None:
    result = cli("probe", "fail", "NotFound")
    assert result.out == ""
    lines = result.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["Error", "Why", "Try"]
    assert lines[1:] == ["Why:   it is so.", "Try:   try it so."]


@pytest.mark.parametrize(
    "arguments", [["probe", "fail", "NodeUnavailable", "--json"], ["probe", "--json"], ["x", "--json"]]
)
def test_error__json__one_object_on_stderr(cli: Cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    found = json.loads(result.err)
    assert result.out == "" and found["exit"] == result.code
    assert set(found) == {"error", "message", "why", "fix", "retry", "exit"}


def test_error__defect__says_so_without_its_text(cli: Cli) -> None:
    result = cli("probe", "fail", "bug")
    assert "unexpected ValueError" in result.err and SECRET not in result.err


def test_error__debug__shows_the_traceback(cli: Cli) -> None:
    assert "Traceback" in cli("probe", "fail", "NotFound", "-v", "debug").err
    assert cli("probe", "fail", "NotFound", "-v", "loud").code == 2


def test_log__environment__same_as_flag(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "info:" not in cli("probe", "fail", "NotFound").err
    monkeypatch.setenv("CARELEDGER_LOG", "info")
    assert "info: password <password>" in cli("probe", "fail", "NotFound").err
    monkeypatch.setenv("CARELEDGER_LOG", "nonsense")
    assert cli("probe", "fail", "NotFound").code == 2


def test_write__done__id_alone_on_stdout(cli: Cli) -> None:
    result = cli("probe", "pay", "12.50 USD", GOOD, "--yes")
    assert (result.code, result.out, result.err) == (0, "paid 12.50 USD\n", "")


def test_write__dry_run__sends_nothing_and_says_the_cost(cli: Cli) -> None:
    result = cli("probe", "pay", "12.50 USD", GOOD, "--dry-run")
    assert result.out == "0x00\n" and "Nothing was sent" in result.err


def test_write__nobody_to_ask__refused(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    result = cli("probe", "pay", "12.50 USD", GOOD)
    assert result.code == 1 and "Add --yes" in result.err


# THREATS


@pytest.mark.parametrize("arguments", [["probe", "show"], ["probe", "show", "--json"], ["probe", "fail", "NotFound"]])
@pytest.mark.parametrize("extra", [[], ["-v", "info"]])
def test_W1_output__hostile_text__shown_and_not_obeyed(cli: Cli, arguments: list[str], extra: list[str]) -> None:
    result = cli(*arguments, *extra)
    text = result.out + result.err
    assert "<b>Ann" in text
    assert not any(c in text for c in "\x1b\u202e\r\x00\u200b")


@pytest.mark.parametrize("hostile", [HOSTILE, "\x1b]0;x\x07", "a\nError: b", "\ud800", "--\x1b[31m", "-\u202e"])
def test_W1_misuse__hostile_arguments__shown_and_not_obeyed(cli: Cli, hostile: str) -> None:
    for arguments in (
        [hostile],
        ["keys", hostile],
        ["keys", "show", hostile],
        ["explain", hostile],
        ["config", hostile],
    ):
        result = cli(*arguments)
        assert result.code == 2
        assert not any(c in result.err for c in "\x1b\u202e\r\x00\x07\u200b")
        assert len(result.err.splitlines()) <= 3


@pytest.mark.parametrize(
    "text",
    ["1,000.5 USD", "1e18 USD", "-1 USD", "1.0000001 USDC", "1", "USD", "", "1 USD ", "0x10 USD", "1.2.3 USD", "٣ USD"],
)
def test_W3_amount__not_plain_digits__refused_with_a_reason(cli: Cli, text: str) -> None:
    result = cli("probe", "pay", "--yes", "--", text, GOOD)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: ") and "Try:" in result.err


@pytest.mark.parametrize(
    "text", [GOOD.lower(), GOOD[:-1] + "D", "vitalik.eth", "0x5aAeb6", GOOD.replace("0", "O"), "\uff10x" + GOOD[2:]]
)
def test_W4_address__no_or_wrong_checksum_or_name__refused(cli: Cli, text: str) -> None:
    result = cli("probe", "pay", "1.00 USD", text, "--yes")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("Error: ")


def test_W5_yes__mainnet__still_needs_the_network_flag(cli: Cli, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    pay = ["probe", "pay", "1.00 USD", GOOD, "--yes"]
    monkeypatch.setenv("CARELEDGER_NETWORK", "ethereum")
    result = cli(*pay)
    assert result.code == 2 and "--network ethereum" in result.err
    assert cli(*pay, "--network", "ethereum").code == 0
    monkeypatch.delenv("CARELEDGER_NETWORK")
    (place / "careledger.toml").write_text('network = "ethereum"\n')
    assert cli(*pay).code == 2
    (place / "careledger.toml").write_text("chain_id = 1\n")
    assert cli(*pay).code == 2
    assert cli(*pay, "--network", "sepolia").code == 2
    (place / "careledger.toml").write_text("chain_id = 987654\n")
    assert cli(*pay).code == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_W6_signal__in_mid_command__one_sentence_and_nothing_left(place: Path, number: int, code: int) -> None:
    held = place / "held"
    process = subprocess.Popen(
        [*PROBED, "probe", "wait", str(held)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": HERE},
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "waiting\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert err.startswith("Error: ") and len(err.splitlines()) == 1
    assert not held.exists()


def test_W6_closed_pipe__in_mid_command__ends_without_complaint(place: Path) -> None:
    process = subprocess.Popen(
        [*PROBED, "probe", "flood"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": HERE},
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.read(5) == b"line\n"
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait(20) == 141
    assert err == b""


def test_W6_closed_pipe__small_output__not_zero(place: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PROGRAM, "networks", "list"], stdout=write, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    os.close(write)
    assert done.returncode == 141 and done.stderr == b""


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), ("2>&-", 0), (">/dev/full", 1)])
def test_output__closed_or_full__no_traceback(redirection: str, code: int) -> None:
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *PROGRAM, "config"], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_S8_log_and_errors__secret__absent(cli: Cli) -> None:
    for kind in ("bug", "NotFound", "KeyMaterialError"):
        for extra in ([], ["--json"], ["-v", "info"]):
            result = cli("probe", "fail", kind, *extra)
            assert SECRET not in result.out + result.err


WORDS = st.one_of(
    st.sampled_from(
        "config networks list explain profile create show use keys import whoami fhir inspect chain status --json --as "
        "--home -v debug --help --version -- - --network local --role --dry-run TREAT ../x".split()
    ),
    st.text(max_size=12),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=st.lists(WORDS, max_size=6))
def test_prop_main__any_arguments__an_exit_code_and_no_traceback(
    arguments: list[str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    arguments = [word for word in arguments if word not in ("--install-completion",)]
    if arguments[:2] == ["chain", "start"]:
        return
    result = cli(*arguments)
    assert result.code in (0, 1, 2, 3, 4)
    assert "an unexpected" not in result.err
    if "debug" not in arguments:
        assert "Traceback" not in result.err


def test_nouns__table__each_present_module_has_an_app() -> None:
    from importlib import import_module

    for noun in command_line.nouns():
        assert hasattr(import_module(noun.module), "app"), noun.name
