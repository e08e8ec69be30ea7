"""The demo: what it tells, what it refuses, and that what it prints at its end works when it is typed."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from careledger.chain import background
from careledger.chain.anvil import find_anvil
from careledger.errors import NotFound
from tests.cli.conftest import PROGRAM, ROOT, Result
from tests.cli.kept import clean_environment, keep
from tests.shared_data import shared

Cli = Callable[..., Result]
anvil = pytest.mark.skipif(find_anvil() is None, reason="no Anvil")
OUTCOMES = {"done", "refused", "attack failed"}


@anvil
def test_demo__kept__printed_commands_work_as_typed(tmp_path: Path) -> None:
    kept = keep(tmp_path / "a folder", "kept it")
    try:
        (enter,) = [line.strip() for line in kept.told.splitlines() if line.strip().startswith("cd ")]
        assert len(kept.commands) == 5 and all(line.startswith("careledger ") for line in kept.commands)
        open_to_others = [
            path for path in (kept.folder, *kept.folder.rglob("*"))
            if path.stat().st_mode & 0o077 and (kept.folder / "store") not in path.parents
        ]  # fmt: skip
        assert open_to_others == [], "all that is kept is its owner's alone"
        found = {}
        for line in kept.commands:
            typed = f"{enter} && {shlex.join(PROGRAM)} {line.removeprefix('careledger ')}"
            done = subprocess.run(
                ["bash", "-c", typed], cwd="/", env=clean_environment(tmp_path), capture_output=True, text=True,
                timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 0, (line, done.stderr)
            found[" ".join(line.split()[1:3])] = done.stdout
        assert "clinic" in found["whoami --as"] and "31337" in found["whoami --as"]
        (directive,) = found["consents list"].splitlines()
        assert directive.endswith("revoked") and "TREAT" in directive
        assert json.loads(found["records open"])["resourceType"]
        assert "CURRENT" in found["records status"]
        assert background.status(kept.folder) is None
        assert background._born(kept.pid) is None  # gone, or a zombie that this machine's init has yet to collect
    finally:
        kept.end()


def test_demo__json__one_object_with_scenes_steps_and_gas(cli: Cli, place: Path) -> None:
    result = cli("demo", "--json", "--engine", "in-process", "--out", "files")
    assert result.code == 0, result.err
    story = result.json
    assert [scene["title"].split(":")[0] for scene in story["scenes"]] == [
        "Accreditation", "Pairing", "Sealed records", "Consent", "Reading", "Break-glass", "Held", "Unknown",
        "Revocation", "Shredding", "Accounting", "Lost",
    ]  # fmt: skip
    for scene in story["scenes"]:
        steps = scene["steps"]
        assert {step["outcome"] for step in steps} <= OUTCOMES
        assert scene["gas"] == sum(step["gas"] or 0 for step in steps)
        attacks = [step for step in steps if step["outcome"] == "attack failed"]
        assert attacks and all(step["why"] for step in attacks), scene["title"]
        assert all(step["why"] for step in steps if step["outcome"] == "refused")
        assert all(re.fullmatch(r"0x[0-9a-f]{64}", step["tx"]) for step in steps if step["tx"])
    assert story["gas"] == sum(scene["gas"] for scene in story["scenes"]) > 0
    assert story["kept"] is None and story["outsider"]
    assert json.loads((place / "files" / "demo.json").read_text())["gas"] == story["gas"]
    events = json.loads((place / "files" / "audit-events.json").read_text())["entry"]
    assert {item["resource"]["resourceType"] for item in events} == {"AuditEvent"}
    assert len(events) == story["patient"]["accesses"] > 3


def test_demo__patient_of_synthea__told_in_lines(cli: Cli) -> None:
    file = min(shared("synthea-r4").glob("patient-*.json"), key=lambda path: path.stat().st_size)
    result = cli("demo", "--patient", str(file), "--engine", "in-process")
    assert result.code == 0, result.err
    assert file.name in result.out and "⚔" in result.out and "What a stranger saw" in result.out
    names = {part for name in json.loads(file.read_text())["entry"][0]["resource"]["name"] for part in name["given"]}
    assert not any(name in result.out for name in names)
    assert "careledger chain stop" not in result.out


@pytest.mark.parametrize("text", ["{", "[]", '{"resourceType": "Bundle", "type": "collection"}', ""])
def test_demo__file_of_something_else__exit_1_and_a_way_out(cli: Cli, place: Path, text: str) -> None:
    (place / "wrong.json").write_text(text)
    result = cli("demo", "--patient", "wrong.json", "--engine", "in-process")
    assert result.code == 1 and "Try:" in result.err and "defect" not in result.err
    assert result.out == "", "no chain was started for it"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--engine", "ganache"], 2, "there is no engine"),
        (["--keep", "--engine", "in-process"], 2, "cannot be kept"),
        (["--patient", "nowhere.json"], 1, "there is no file nowhere.json"),
        (["--out", "there"], 1, "is there already"),
        (["--keep", "--out", "full"], 1, "is there already"),
        (["--whatever"], 2, "there is no option"),
    ],
)
def test_demo__misuse__said_before_a_chain_starts(
    cli: Cli, place: Path, arguments: list[str], code: int, said: str
) -> None:
    (place / "there").write_text("a file")
    (place / "full").mkdir()
    (place / "full" / "something").touch()
    result = cli("demo", *arguments)
    assert (result.code, result.out) == (code, "") and said in result.err
    assert cli("demo", *arguments, "--json").code == code
    assert sorted(path.name for path in place.iterdir()) == ["full", "there"]


@anvil
def test_demo__no_anvil__keep_refused_and_nothing_left(cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELEDGER_ANVIL", "/nowhere/anvil")
    monkeypatch.setenv("PATH", "/nowhere")
    result = cli("demo", "--keep")
    assert result.code == 1 and "nvil" in result.err and "Try:" in result.err
    assert not (place / "careledger-out").exists(), "the same command can be given again"


@anvil
@pytest.mark.parametrize(("failure", "code"), [(NotFound("gone"), 1), (KeyboardInterrupt(), 130)])
def test_demo__keep_fails_midway__no_chain_left(
    cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, code: int
) -> None:
    seen = []

    def play(*_: object, **__: object) -> None:
        seen.append(background.status(place / "careledger-out"))
        raise failure

    monkeypatch.setattr("careledger.demo.play", play)
    assert cli("demo", "--keep").code == code
    assert seen[0] is not None and background._born(seen[0].pid) is None


def test_demo__kept_in_the_package__patient_file_is_there() -> None:
    assert (ROOT / "careledger" / "seeds" / "patients" / "ana-beispiel.json").is_file()
