"""The wheel has what an integrator needs, and nothing else: artifacts and types, no tests, no contracts, no scripts."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_wheel__holds_every_artifact(names):
    artifacts = {f"careledger/artifacts/{path.name}" for path in (ROOT / "careledger" / "artifacts").glob("*.json")}

    assert artifacts
    assert artifacts <= set(names)


def test_wheel__holds_the_package_and_its_licence_only(names):
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"careledger"}
    assert "careledger/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
