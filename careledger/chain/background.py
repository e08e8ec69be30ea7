"""A local chain that outlives the command that started it: one Anvil, one file that says which process it is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from careledger.chain.anvil import HOW_TO_GET, find_anvil
from careledger.chain.local import MNEMONIC
from careledger.errors import FormatError, InputError, NodeUnavailable
from careledger.privacy.files import private_folder
from careledger.text import read_json, shown

__all__ = ["Running", "start", "status", "stop"]

FILE: Final = "chain.json"
_URL: Final = re.compile(r"http://127\.0\.0\.1:\d{1,5}", re.ASCII)
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Running:
    """A chain in the background."""

    pid: int
    born: str
    """When the system started the process; a later process of the same number was born later."""
    url: str
    chain_id: int

    def to_json(self) -> dict[str, Any]:
        """Return every field."""
        return asdict(self)


def status(home: Path) -> Running | None:
    """Return the chain that is running, or None; a file about a dead one counts as none.

    Raises:
        FormatError: The file is damaged.
    """
    try:
        found = _running(read_json((home / FILE).read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        found = None
    if found is None:
        raise FormatError(
            f"{FILE} in the data folder is damaged",
            why="It does not say which process the local chain is.",
            fix=f"Remove {shown(str(home / FILE))}; a chain that still runs is a process named anvil.",
        )
    return found if found.born and _born(found.pid) == found.born else None


def _running(data: Any) -> Running | None:
    """Return what the file says, once each field is what this program writes; else None."""
    kinds = {"pid": int, "born": str, "url": str, "chain_id": int}
    if not isinstance(data, dict) or {name: type(value) for name, value in data.items()} != kinds:
        return None
    found = Running(**data)
    return found if 0 < found.pid < 1 << 31 and found.chain_id > 0 and _URL.fullmatch(found.url) else None


def start(
    home: Path, *, port: int = 8545, chain_id: int = 31337, block_time: int | None = None
) -> tuple[Running, bool]:
    """Start a chain unless one runs already.

    Args:
        home: The data folder, where its file and log lie.
        port: Where it listens, on this machine only; 0 takes a free one.
        chain_id: Its chain id.
        block_time: Seconds between blocks; each transaction gets a block at once when None.

    Returns:
        The chain, and whether this call started it.

    Raises:
        InputError: Anvil is not found, or the port is taken.
        NodeUnavailable: It ended, or did not listen in time.
    """
    binary = find_anvil()
    if binary is None and status(home) is None:  # before there is a folder
        raise InputError(
            "Anvil is not found",
            why="It is looked for in CARELEDGER_ANVIL, in node_modules upward from here, and on the PATH.",
            fix=HOW_TO_GET,
        )
    private_folder(home)
    with _locked(home):
        if (running := status(home)) is not None:
            return running, False
        port = _free_port(port)
        options = ["--host", "127.0.0.1", "--port", str(port), "--silent", "--chain-id", str(chain_id)]
        options += ["--hardfork", "prague", "--accounts", "20", "--mnemonic", MNEMONIC]
        options += ["--block-time", str(block_time)] if block_time else []
        return _launch([str(binary), *options], home, port=port, chain_id=chain_id), True


def _launch(command: list[str], home: Path, *, port: int, chain_id: int) -> Running:
    """Start the process; whatever ends this early, an interrupt included, ends the process too."""
    file = home / FILE
    about = {"url": f"http://127.0.0.1:{port}", "chain_id": chain_id}

    def write_down() -> None:
        """In the child, before it becomes Anvil: even a starter killed at once leaves a file that names it."""
        _write(file, Running(pid=os.getpid(), born=_born(os.getpid()) or "", **about))  # type: ignore[arg-type]

    process: subprocess.Popen[bytes] | None = None
    try:
        with open(home / "chain.log", "wb", opener=_private) as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=write_down, cwd=home,
            )  # fmt: skip
        _wait_until_listening(process, port)
        running = status(home)
        if running is None or running.pid != process.pid:
            raise NodeUnavailable("Anvil ended while it was starting", fix="Look at chain.log in the data folder.")
        return running
    except BaseException:
        if process is not None:
            process.kill()
            process.wait()
        elif (begun := status(home)) is not None:  # interrupted between the start and its report
            with contextlib.suppress(ProcessLookupError):
                os.kill(begun.pid, signal.SIGKILL)
        file.unlink(missing_ok=True)
        raise


def stop(home: Path) -> Running | None:
    """Stop the chain; return what was stopped, or None where none ran. No other process is touched.

    Raises:
        FormatError: The file that names it is damaged.
    """
    private_folder(home)
    with _locked(home):
        running = status(home)
        if running is not None:
            for number, patience in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _STOP_SECONDS)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(running.pid, number)
                end = time.monotonic() + patience
                while _born(running.pid) == running.born and time.monotonic() < end:
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(running.pid, os.WNOHANG)
                    time.sleep(0.02)
                if _born(running.pid) != running.born:
                    break
        (home / FILE).unlink(missing_ok=True)
        return running


def _private(path: str, flags: int) -> int:
    """Open a file that is its owner's alone."""
    return os.open(path, flags, 0o600)


def _write(path: Path, running: Running) -> None:
    part = path.with_suffix(f".{running.pid}.part")
    with open(part, "w", encoding="ascii", opener=_private) as out:
        out.write(json.dumps(running.to_json()))
    part.replace(path)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise NodeUnavailable("Anvil ended or did not listen", fix="Look at chain.log in the data folder.")


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise InputError(
                f"port {port} is taken", why="Another program listens there.", fix="Give another with --port, or 0."
            ) from None
        return int(probe.getsockname()[1])


def _born(pid: int) -> str | None:
    """Return when a process was started, as its system counts it; None for one that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return None
    except OSError:
        return None
    else:
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in ("Z", "X") else fields[19]
    told = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return told.stdout.strip() or None


@contextlib.contextmanager
def _locked(home: Path) -> Iterator[None]:
    """Keep a second start or stop waiting until this one is done."""
    handle = os.open(home / "chain.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
