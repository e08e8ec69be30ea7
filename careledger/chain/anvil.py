"""Anvil as a child that cannot outlive its parent: found, started on a free port, stopped whatever happens."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from careledger.errors import InputError, NodeUnavailable

__all__ = ["HOW_TO_GET", "Anvil", "find_anvil"]

HOW_TO_GET = (
    "Run npm install @foundry-rs/anvil in this folder or one above it, or install Foundry (getfoundry.sh), or set "
    "CARELEDGER_ANVIL."
)
"""What helps where it is not found, in a checkout or not."""

_PR_SET_PDEATHSIG = 1
_START_SECONDS = 20.0
_PLATFORMS = {
    ("Linux", "x86_64"): "linux-amd64", ("Linux", "aarch64"): "linux-arm64", ("Darwin", "x86_64"): "darwin-amd64",
    ("Darwin", "arm64"): "darwin-arm64", ("Windows", "AMD64"): "win32-amd64",
}  # fmt: skip


def find_anvil(given: str | Path | None = None) -> Path | None:
    """Find the Anvil binary: as given, ``CARELEDGER_ANVIL``, ``node_modules`` upward from here, then the PATH.

    The npm package's own wrapper is passed over: it leaves Anvil behind when it is killed.

    Raises:
        InputError: The one given, or named by the environment, does not exist.
    """
    named = given or os.environ.get("CARELEDGER_ANVIL")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise InputError(f"there is no Anvil at {path.name}", fix="Correct the path, or leave it out.")
        return path
    kind = _PLATFORMS.get((platform.system(), platform.machine()))
    program = "anvil.exe" if platform.system() == "Windows" else "anvil"
    for folder in [Path.cwd(), *Path.cwd().parents] if kind else []:
        path = folder / "node_modules" / "@foundry-rs" / f"anvil-{kind}" / "bin" / program
        if path.is_file():
            return path
    found = shutil.which("anvil")
    return Path(found) if found and "node_modules/.bin" not in found else None


class Anvil:
    """One running Anvil.

    Args:
        binary: The program.
        arguments: Its options, without host and port.
        port: Where to listen; a free one when not given.
        log: A file for what it prints; nowhere when not given.
    """

    def __init__(self, binary: Path, arguments: list[str], *, port: int | None = None, log: Path | None = None) -> None:
        self._reserved = socket.socket()
        self.port = port or _reserve_port(self._reserved)
        self._command = [str(binary), "--host", "127.0.0.1", "--port", str(self.port), *arguments]
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._stop = threading.Event()
        self._started = threading.Event()
        self._trouble: Exception | None = None
        self._keeper = threading.Thread(target=self._keep, name="careledger-anvil", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start it and wait until it listens.

        Raises:
            NodeUnavailable: It ended, or did not listen in time.
        """
        self._keeper.start()
        self._started.wait()
        if self._trouble is not None:
            raise NodeUnavailable(f"Anvil cannot be started ({type(self._trouble).__name__})") from None
        atexit.register(self.stop)
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end and self.pid is not None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
                return
            time.sleep(0.02)
        self.stop()
        raise NodeUnavailable(
            "Anvil ended or did not listen", why="The port may be taken, or an option is not known to this version.",
            fix="Try again, or look at its log.",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop it; calling this twice does no harm. A forked child must not stop its parent's."""
        process = self._process
        self._stop.set()
        self._reserved.close()
        if process is None or process.poll() is not None or self._owner != os.getpid():
            return
        process.terminate()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        atexit.unregister(self.stop)

    def _keep(self) -> None:
        """Start the child and stay: Linux sends the death signal when the starting *thread* ends, not the process."""
        self._owner = os.getpid()
        try:
            with self._log.open("ab") if self._log else contextlib.nullcontext(subprocess.DEVNULL) as out:
                self._process = subprocess.Popen(
                    self._command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                    start_new_session=True, preexec_fn=_die_with_parent(self._owner),
                )  # fmt: skip
        except OSError as error:
            self._trouble = error
        finally:
            self._started.set()
        self._stop.wait()


def _die_with_parent(parent: int) -> Callable[[], None] | None:
    """Return what the child runs before it becomes Anvil: ask the kernel for SIGKILL when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def ask() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask


def _reserve_port(held: socket.socket) -> int:
    """Bind a socket to a free port, so that nobody takes it before Anvil does: whoever did would answer in its place.

    On Linux two sockets that ask for SO_REUSEADDR, as Anvil's does, may have one port while one of them listens;
    elsewhere it has to be let go.
    """
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port = int(held.getsockname()[1])
    if not sys.platform.startswith("linux"):
        held.close()
    return port
