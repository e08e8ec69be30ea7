"""The repository agrees with itself: one set of compiler settings, locks without hosts, no hidden failures."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def solc():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["careledger"]["solc"]


def test_foundry_toml__has_the_compiler_settings_of_pyproject(solc):
    profile = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]

    assert profile["solc"] == f".build/solc/solc-v{solc['version']}"
    assert profile["evm_version"] == solc["evm_version"]
    assert (profile["optimizer"], profile["optimizer_runs"]) == (True, solc["optimizer_runs"])
    assert profile["via_ir"] is False  # contracts under test come as artifacts, whatever their pipeline
    assert (profile["bytecode_hash"], profile["cbor_metadata"]) == ("none", False)


def test_ape_config__has_the_compiler_settings_of_pyproject(solc):
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    solidity = config["solidity"]

    assert solidity["version"] == solc["version"]
    assert solidity["evm_version"] == config["foundry"]["evm_version"] == solc["evm_version"]
    assert (solidity["optimize"], solidity["optimization_runs"]) == (True, solc["optimizer_runs"])
    assert solidity["via_ir"] == solc["via_ir"]


def test_package_json_and_solhint__name_the_compiler_version(solc):
    package = json.loads((ROOT / "package.json").read_text())
    solhint = json.loads((ROOT / ".solhint.json").read_text())

    assert package["devDependencies"]["solc"] == solc["version"]
    assert solhint["rules"]["compiler-version"] == ["error", solc["version"]]


def test_sources__are_for_exactly_that_compiler(solc):
    sources = sorted((ROOT / "contracts").rglob("*.sol"))

    other = [path.name for path in sources if f"pragma solidity {solc['version']};" not in path.read_text()]

    assert sources
    assert other == []


@pytest.mark.parametrize("name", ["requirements.lock", "package-lock.json"])
def test_lock_files__name_no_host(name):
    assert re.findall(r"https?://[^\s\"']+", strip_funding((ROOT / name).read_text())) == []


def strip_funding(text):
    """Leave out the funding and homepage addresses that npm copies from the packages; they fetch nothing."""
    return re.sub(r'"(url|funding|homepage)":\s*"[^"]*"', "", text)


def test_H19_toolchain_versions__are_pinned_by_hash():
    lock = (ROOT / "requirements.lock").read_text()
    packages = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    requirements = re.findall(r"^[a-z0-9][^\s;]*==[^\s;]+", lock, re.MULTILINE | re.IGNORECASE)

    assert len(requirements) > 100
    assert all(re.search(rf"^{re.escape(name)}[^\n]*\\\n    --hash=", lock, re.MULTILINE) for name in requirements)
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []


def test_npm_wrappers__are_started_nowhere():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    tools = [ROOT / name for name in tracked if name.startswith(("scripts/", ".ci/", ".github/", "Makefile"))]

    starters = [
        str(path) for path in tools if re.search(r"(?<!`node_modules/)\.bin/(forge|anvil|cast)\b", path.read_text())
    ]

    assert starters == []


def test_bootstrap__when_everything_is_installed__says_and_does_nothing():
    answer = subprocess.run(
        [sys.executable, "scripts/bootstrap.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert (answer.returncode, answer.stdout, answer.stderr) == (0, "", "")


def test_deployables__stay_below_the_size_limit():
    answer = subprocess.run(
        [sys.executable, "scripts/build.py", "--sizes"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_workflows__when_they_use_an_action__name_the_commit_and_its_version():
    used = [
        line.strip()
        for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))
        for line in path.read_text().splitlines()
        if "uses:" in line
    ]

    assert used
    pinned = re.compile(r"- uses: [\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+")
    assert [line for line in used if not pinned.fullmatch(line)] == []
