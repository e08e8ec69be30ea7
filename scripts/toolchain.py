"""Where the project's tools live: compiler, Node.js, Anvil and Forge, and the environment they run in.

Standard library only, so that `bootstrap.py` can use it before anything is installed. Every other script and the
tests ask here instead of searching by themselves.
"""

import os
import platform
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
NODE_MODULES = ROOT / "node_modules"
BUILD = ROOT / ".build"  # ape keeps its own cache here too; ours are the folders named below
SOLC_FOLDER = BUILD / "solc"  # what SOLCX_BINARY_PATH names
MINIMUM_NODE = 20


class ToolMissing(RuntimeError):
    """A tool is not where the lock files put it; the message says what to run."""


@cache
def solc_settings() -> dict[str, Any]:
    """Return `[tool.careledger.solc]` of pyproject.toml, the one place where the compiler is configured."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        table: dict[str, Any] = tomllib.load(file)["tool"]["careledger"]["solc"]
    return table


def _platform_binary(package: str) -> Path:
    """Return the real Foundry program of `package` for this machine.

    The locks bring the platform packages themselves, never npm's `@foundry-rs/forge`: the wrapper in that one exits 0
    even when tests fail. Where the locks have no package for the platform, an installed Foundry on PATH serves.
    """
    system = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}.get(platform.system(), "unknown")
    machine = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    suffix = ".exe" if system == "win32" else ""
    path = NODE_MODULES / "@foundry-rs" / f"{package}-{system}-{machine}" / "bin" / f"{package}{suffix}"
    if path.is_file():
        return path
    if (found := shutil.which(package)) and "node_modules" not in found:
        return Path(found)
    raise ToolMissing(f"{package} is not there for {system}-{machine}; run `make install`, or install Foundry.")


def forge() -> Path:
    """Return the path of the Forge program."""
    return _platform_binary("forge")


def anvil() -> Path:
    """Return the path of the Anvil program."""
    return _platform_binary("anvil")


def node_command() -> list[str] | None:
    """Return how to start Node.js: the system's when it is new enough, else the one in the virtual environment."""
    for candidate in (shutil.which("node"), str(VENV / "bin" / "node")):
        if not candidate or not Path(candidate).exists():
            continue
        answer = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        version = answer.stdout.strip().lstrip("v").split(".")[0]
        if answer.returncode == 0 and version.isdigit() and int(version) >= MINIMUM_NODE:
            return [candidate]
    return None


def link_solc() -> Path:
    """Offer one compiler to py-solc-x, ape and Forge: a native one when py-solc-x has it, else npm `solc`.

    Both write the same bytecode. The link is `.build/solc/solc-v<version>`, the name that py-solc-x looks for.
    """
    name = f"solc-v{solc_settings()['version']}"
    native = Path.home() / ".solcx" / name
    target = native if os.access(native, os.X_OK) and not native.is_dir() else ROOT / "scripts" / "solc"
    link = SOLC_FOLDER / name
    SOLC_FOLDER.mkdir(parents=True, exist_ok=True)
    if not link.is_symlink() or link.readlink() != target:
        fresh = link.with_name(f".{name}.{os.getpid()}")
        fresh.symlink_to(target)
        fresh.replace(link)
    return link


def environment() -> dict[str, str]:
    """Return the variables under which every tool runs: the direct binaries on PATH, the compiler's folder."""
    folders = [str(VENV / "bin")]
    for find in (anvil, forge):
        try:
            folders.append(str(find().parent))
        except ToolMissing:
            continue
    inherited = os.environ.get("PATH", "").split(os.pathsep)
    path = os.pathsep.join([*folders, *(entry for entry in inherited if entry not in folders)])
    # The system's Node.js goes before the environment's: it starts a tenth of a second sooner.
    node = node_command()
    variables = {
        "PATH": path,
        "SOLCX_BINARY_PATH": str(SOLC_FOLDER),
        "FOUNDRY_DISABLE_NIGHTLY_WARNING": "1",
        "FOUNDRY_OFFLINE": "true",
        "NO_UPDATE_NOTIFIER": "1",
        "PYTHONDONTWRITEBYTECODE": os.environ.get("PYTHONDONTWRITEBYTECODE", ""),
    }
    if node:
        variables["CARELEDGER_NODE"] = node[0]
    return {**os.environ, **variables}
