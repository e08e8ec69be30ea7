"""Install what CareLedger is built and tested with, from the lock files, into ./.venv and ./node_modules.

Needs Python 3.11 or newer and nothing else; a second run does nothing. `make` calls it before everything else.
An interrupted run is safe: a part counts as installed only when its stamp, written last, matches the lock files.
"""

import sys

if sys.version_info < (3, 11):  # before anything that an older Python would stumble over
    import os
    import shutil

    for name in ("python3.12", "python3.11", "python3.13"):
        if shutil.which(name):
            os.execvp(name, [name] + sys.argv)
    sys.exit(
        "CareLedger needs Python 3.11 or newer; this is %s (%s).\n"
        "Install one and say which: make PYTHON=python3.12 ..." % (sys.version.split()[0], sys.executable)
    )

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import toolchain
from toolchain import BUILD, NODE_MODULES, ROOT, VENV

LOG = BUILD / "install.log"
PYTHON_LOCKS = ("requirements.lock",)
NODE_LOCKS = ("package-lock.json", "package.json", ".npmrc")
STAMP = ".careledger-stamp"
# How pip and npm say that there is no network.
OFFLINE: tuple[str, ...] = ("Temporary failure", "Failed to establish", "NewConnectionError", "timed out")
OFFLINE += ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "No matching distribution")


class InstallFailed(RuntimeError):
    """A step of the installation failed; the message is what to tell the person at the keyboard."""


def digest(names: tuple[str, ...], *more: str) -> str:
    """Return one hash over the named files and `more`."""
    sha = hashlib.sha256()
    for name in names:
        sha.update(name.encode() + b"\0" + (ROOT / name).read_bytes() + b"\0")
    for item in more:
        sha.update(item.encode() + b"\0")
    return sha.hexdigest()


def python_digest() -> str:
    """Return what the environment's stamp must say: the lock, how we are installed, this Python, this folder."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        tables = tomllib.load(file)
    package = json.dumps([tables["build-system"], tables["project"]], sort_keys=True)
    return digest(PYTHON_LOCKS, package, f"{sys.version_info.major}.{sys.version_info.minor}", str(ROOT))


def is_current(folder: Path, wanted: str) -> bool:
    """Say whether `folder` was completely installed from the present lock files."""
    stamp = folder / STAMP
    return stamp.is_file() and stamp.read_text().strip() == wanted


def write_stamp(folder: Path, wanted: str) -> None:
    """Mark `folder` as complete; the rename makes it all or nothing."""
    fresh = folder / f"{STAMP}.new"
    fresh.write_text(wanted + "\n")
    fresh.replace(folder / STAMP)


def run(command: list[str], sentence: str, environment: dict[str, str] | None = None) -> None:
    """Run a command quietly, keep what it printed in the log, and turn a failure into one sentence.

    Raises:
        InstallFailed: The command failed or could not be started.
    """
    LOG.parent.mkdir(exist_ok=True)
    with LOG.open("a") as log:
        log.write(f"\n$ {' '.join(command)}\n")
        log.flush()
        try:
            code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=log, env=environment, check=False).returncode
        except OSError as error:
            raise InstallFailed(f"{sentence} ({error})") from error
    if code:
        tail = LOG.read_text(errors="replace").splitlines()[-12:]
        text = "\n".join(tail)
        if any(word in text for word in OFFLINE):
            text = "The network or the package registry cannot be reached; run the same command again later."
        raise InstallFailed(f"{sentence}\n{text}\nEverything that was printed: {LOG.relative_to(ROOT)}")


def stage(number: int, title: str) -> float:
    """Announce a stage and return when it began."""
    print(f"[{number}/3] {title} ...", end="", flush=True)
    return time.monotonic()


def done(began: float) -> None:
    """End the stage's line with its duration."""
    print(f" {time.monotonic() - began:.0f} s", flush=True)


def install_python() -> None:
    """Make .venv and install the locked packages and this project into it."""
    python = VENV / "bin" / "python"
    probe = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    found = ""
    if python.exists():
        found = subprocess.run([str(python), "-c", probe], capture_output=True, text=True, check=False).stdout.strip()
    if found != f"{sys.version_info.major}.{sys.version_info.minor}":
        run(
            [sys.executable, "-m", "venv", "--clear", str(VENV)],
            "The virtual environment could not be made. On Debian and Ubuntu the package python3-venv is needed.",
        )
    (VENV / STAMP).unlink(missing_ok=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet", "--no-deps"]
    run([*pip, "--require-hashes", "-r", "requirements.lock"], "The locked Python packages could not be installed.")
    run([*pip, "--no-build-isolation", "-e", "."], "CareLedger itself could not be installed into the environment.")


def npm_command() -> list[str]:
    """Return how to start npm: the system's beside a new enough Node.js, else the environment's own."""
    node = toolchain.node_command()
    if node and node[0] == shutil.which("node") and (npm := shutil.which("npm")):
        return [npm]
    if (VENV / "bin" / "npm").exists():
        return [str(VENV / "bin" / "npm")]
    raise InstallFailed("Neither the system nor the virtual environment has Node.js; delete .venv and run this again.")


def install_node() -> None:
    """Install the locked npm packages: Solidity compiler, OpenZeppelin, Forge, Anvil, solhint."""
    (NODE_MODULES / STAMP).unlink(missing_ok=True)
    run([*npm_command(), "ci", "--no-progress", "--loglevel=error"], "The locked npm packages could not be installed.")


def fetch_compiler() -> None:
    """Ask py-solc-x once for the native compiler; where it cannot be had, the npm one serves as well."""
    version = toolchain.solc_settings()["version"]
    program = f"import solcx; solcx.install_solc('{version}')"
    environment = {key: value for key, value in os.environ.items() if key != "SOLCX_BINARY_PATH"}
    if not (Path.home() / ".solcx" / f"solc-v{version}").exists():
        try:
            with LOG.open("a") as log:
                command = [str(VENV / "bin" / "python"), "-c", program]
                subprocess.run(command, stdout=log, stderr=log, env=environment, timeout=30, check=False)
        except subprocess.TimeoutExpired:
            pass
    toolchain.link_solc()


def install() -> bool:
    """Bring both folders up to date.

    Returns:
        Whether anything had to be done.
    """
    python_wanted, node_wanted = python_digest(), digest(NODE_LOCKS)
    link = toolchain.SOLC_FOLDER / f"solc-v{toolchain.solc_settings()['version']}"
    parts = [
        ("Python packages into .venv (one to two minutes)", is_current(VENV, python_wanted), install_python),
        ("npm packages into node_modules", is_current(NODE_MODULES, node_wanted), install_node),
        ("Solidity compiler", link.exists() and link.resolve().exists(), fetch_compiler),
    ]
    if all(current for _, current, _ in parts):
        return False
    LOG.unlink(missing_ok=True)
    for number, (title, current, work) in enumerate(parts, start=1):
        if current:
            continue
        began = stage(number, title)
        work()
        if work is install_python:
            write_stamp(VENV, python_wanted)
        elif work is install_node:
            write_stamp(NODE_MODULES, node_wanted)
        done(began)
    return True


def main() -> int:
    """Parse the arguments, install, and say in one line what went wrong if it did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stamp-only", action="store_true", help="take the folders as they are for complete")
    if parser.parse_args().stamp_only:
        write_stamp(VENV, python_digest())
        write_stamp(NODE_MODULES, digest(NODE_LOCKS))
        toolchain.link_solc()
        return 0
    try:
        install()
    except InstallFailed as error:
        print(f"\nError: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; the next run goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
