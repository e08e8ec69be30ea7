"""docs/onboarding.md, command by command, in a demo's folder: from a new key to a hospital that states its policy.

the page
  typed as it stands  → test_page__typed_in_a_kept_demo__accredits_a_hospital
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from careledger import profiles
from careledger.chain.anvil import find_anvil
from tests.cli.conftest import ROOT, Result
from tests.cli.kept import Kept, keep
from tests.cli.test_people import Shell

Cli = Callable[..., Result]
pytestmark = [pytest.mark.skipif(find_anvil() is None, reason="no Anvil"), pytest.mark.xdist_group("kept-demo")]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    found = keep(tmp_path_factory.mktemp("onboarding"), "kept")
    yield found
    found.end()


def test_page__typed_in_a_kept_demo__accredits_a_hospital(
    kept: Kept, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(kept.folder)
    monkeypatch.delenv("CARELEDGER_HOME")
    monkeypatch.setenv("CARELEDGER_PASSWORD_FILE", "password")
    for name in ("register.pdf", "diploma.pdf"):
        Path(name).write_bytes(b"%PDF-1.7 " + name.encode())
    (typed,) = re.findall(r"^```sh\n(.*?)^```", (ROOT / "docs" / "onboarding.md").read_text(), re.M | re.S)
    names = {"board": "medical-board", "officer": "privacy-officer", "lakeside": "lakeside", "lee": "dr-lee"}
    shell = Shell(cli, {}, lambda: None)
    for line in typed.splitlines():
        known = [(short, name) for short, name in names.items() if (kept.folder / "profiles" / f"{name}.json").exists()]
        shell.variables |= {short: profiles.load(name, kept.folder).signer().address for short, name in known}
        shell.run(line)
    assert "provider" in shell.told["participants show"].out.lower()
    assert "permit-unless-denied" in shell.told["consents policy show"].out.lower().replace("_", "-")
