"""Every command explains itself, and docs/cli.md says what the commands say."""

import re
import subprocess
import sys

import pytest

from tests.cli.conftest import ROOT

SCRIPT = ROOT / "scripts" / "cli_reference.py"
GROUPS = re.compile(r"^Commands:$", re.MULTILINE)


def everything() -> list[tuple[str, str]]:
    sys.path.append(str(SCRIPT.parent))
    import cli_reference

    return cli_reference.everything()


def test_reference__docs__are_what_the_commands_say() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--check"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help__every_command__has_a_sentence_and_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    found = everything()
    assert len(found) > 15
    for path, text in found:
        first = text.split("\n\n")[1].strip()
        assert first and first[0].isupper(), path
        if not GROUPS.search(text):
            assert re.search(rf"Example:\s+{re.escape(path)}\b", text), path


def test_help__every_verb__shares_the_options_that_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for path, text in everything():
        if not GROUPS.search(text):
            assert all(option in text for option in ("--json", "--as", "--verbose", "--help")), path


def test_help__example__is_a_command_line_that_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option an example uses exists, and so does each verb."""
    commands = dict(everything())
    for path, text in commands.items():
        if GROUPS.search(text):
            continue
        example = " ".join(text[text.index("Example:") :].split("\n\n")[0].split())
        for option in re.findall(r" (--[a-z-]+)", example):
            assert option in text.replace(example, ""), (path, option)
