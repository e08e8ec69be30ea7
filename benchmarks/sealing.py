"""Sealing and opening, in MB/s, beside one-shot AES-256-GCM and age in the same run; and the memory it takes.

    python benchmarks/sealing.py [--quick] [--json] [--folder FOLDER]

One-shot AES-256-GCM works on bytes in memory, and neither hashes nor pads; from 100 MB on we are compared with its best
figure of the run, since a gigabyte in one piece suffers from memory that must be found first. Ours and age go from file
to file without waiting for the disk (no fsync), ours hashing the content and padding it. Rounds are interleaved and the
best of each counts, since other programs only ever make one slower. Ends with 1 where a limit is missed:
at 100 MB and above, sealing and opening at half of one-shot or more and ahead of age; peak memory below 100 MB.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from careledger.privacy.sealing import new_key, open_, seal

MB: Final = 1_000_000
ROUNDS: Final = {1: 30, 100: 12, 1000: 4}
"""Rounds for each size in MB: the smaller, the noisier."""
BOUND: Final = b"benchmark record 1"
RATIO: Final = 0.5
"""Least share of one-shot AES-256-GCM, from 100 MB on."""
PEAK_MB: Final = 100
"""Most memory of a process that seals and opens, whatever the size."""
WAYS: Final = ("one-shot AES-256-GCM", "careledger", "age (pyrage)")

MEMORY: Final = """
import re, sys
from pathlib import Path
from careledger.privacy.sealing import new_key, open_file, seal_file
folder, key = Path(sys.argv[1]), new_key()
seal_file(folder / "in", folder / "peak.sealed", key, b"r")
open_file(folder / "peak.sealed", folder / "peak.out", key, b"r")
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def seconds(work: Callable[[], Any]) -> float:
    """Return how long the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def one_shot(size: int) -> tuple[float, float]:
    """Encrypt and decrypt in one call each, in memory; return both times."""
    aead, nonce = AESGCM(secrets.token_bytes(32)), bytes(12)
    data = secrets.token_bytes(MB) * (size // MB)
    kept: list[bytes] = []
    sealing = seconds(lambda: kept.append(aead.encrypt(nonce, data, BOUND)))
    return sealing, seconds(lambda: aead.decrypt(nonce, kept[0], BOUND))


def ours(folder: Path) -> tuple[float, float]:
    """Seal and open from file to file; return both times."""
    key = new_key()

    def sealing() -> None:
        with (folder / "in").open("rb", buffering=0) as source, (folder / "sealed").open("wb", buffering=0) as sink:
            seal(source, sink, key, BOUND)

    def opening() -> None:
        with (folder / "sealed").open("rb", buffering=0) as source, (folder / "out").open("wb", buffering=0) as sink:
            open_(source, sink, key, BOUND)

    return _and_clear(folder, sealing, opening)


def age(folder: Path) -> tuple[float, float]:
    """Encrypt and decrypt with age from file to file; return both times."""
    identity = pyrage.x25519.Identity.generate()
    paths = {name: str(folder / name) for name in ("in", "sealed", "out")}
    return _and_clear(
        folder,
        lambda: pyrage.encrypt_file(paths["in"], paths["sealed"], [identity.to_public()]),
        lambda: pyrage.decrypt_file(paths["sealed"], paths["out"], [identity]),
    )


def _and_clear(folder: Path, sealing: Callable[[], None], opening: Callable[[], None]) -> tuple[float, float]:
    times = seconds(sealing), seconds(opening)
    if (folder / "out").stat().st_size != (folder / "in").stat().st_size:
        raise AssertionError("the content did not come back")
    for name in ("sealed", "out"):
        (folder / name).unlink()
    return times


def peak_memory(folder: Path) -> float:
    """Return the peak memory in MB of a fresh process that seals and opens the file."""
    command = [sys.executable, "-c", MEMORY, str(folder)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parent.parent
    )
    for name in ("peak.sealed", "peak.out"):
        (folder / name).unlink()
    return int(done.stdout) * 1024 / MB


def measure(size_mb: int, parent: Path | None) -> dict[str, Any]:
    """Return the best speeds in MB/s of each way at one size, the ratios and the peak memory."""
    size = size_mb * MB
    with tempfile.TemporaryDirectory(dir=parent, prefix="careledger-bench-") as name:
        folder = Path(name)
        with (folder / "in").open("wb") as out:
            for _ in range(size_mb):
                out.write(secrets.token_bytes(MB))
        rounds = [(one_shot(size), ours(folder), age(folder)) for _ in range(ROUNDS[size_mb])]
        speeds = {
            way: {act: round(size / MB / min(r[i][j] for r in rounds)) for j, act in enumerate(("sealing", "opening"))}
            for i, way in enumerate(WAYS)
        }
        peak = round(peak_memory(folder), 1)
    return {"mb": size_mb, "speeds": speeds, "peak_mb": peak}


def compare(results: list[dict[str, Any]]) -> None:
    """Add the ratios to each result."""
    for result in results:
        ours_, peer = result["speeds"][WAYS[1]], result["speeds"][WAYS[2]]
        alike = [r for r in results if r is result or min(r["mb"], result["mb"]) >= 100]
        floor = {act: max(r["speeds"][WAYS[0]][act] for r in alike) for act in ours_}
        result["of_one_shot"] = {act: round(ours_[act] / floor[act], 2) for act in ours_}
        result["of_age"] = {act: round(ours_[act] / peer[act], 2) for act in ours_}


def missed(results: list[dict[str, Any]]) -> list[str]:
    """Return one sentence for each limit that is missed."""
    found = []
    for result in results:
        if result["peak_mb"] >= PEAK_MB:
            found.append(f"{result['mb']} MB: peak memory {result['peak_mb']} MB, limit {PEAK_MB}")
        if result["mb"] < 100:
            continue
        for act in ("sealing", "opening"):
            if result["of_one_shot"][act] < RATIO:
                found.append(f"{result['mb']} MB: {act} at {result['of_one_shot'][act]} of one-shot, limit {RATIO}")
            if result["of_age"][act] <= 1:
                found.append(f"{result['mb']} MB: {act} at {result['of_age'][act]} of age, limit 1")
    return found


def show(results: list[dict[str, Any]], problems: list[str]) -> None:
    """Print the table, the ratio lines and the verdict."""
    print(f"{'MB/s':<22}" + "".join(f"{r['mb']:>7} MB {'':>9}" for r in results))
    print(f"{'':<22}" + "".join(f"{'seal':>9}{'open':>9} " for _ in results))
    for way in WAYS:
        cells = "".join(f"{r['speeds'][way]['sealing']:>9}{r['speeds'][way]['opening']:>9} " for r in results)
        print(f"{way:<22}{cells}")
    for label, name in (("of one-shot", "of_one_shot"), ("of age", "of_age")):
        print(f"{'ratio ' + label:<22}" + "".join(f"{r[name]['sealing']:>9}{r[name]['opening']:>9} " for r in results))
    print(f"{'peak memory (MB)':<22}" + "".join(f"{r['peak_mb']:>9}{'':>9} " for r in results))
    for problem in problems:
        print(f"MISSED {problem}")
    print(load())


def load() -> str:
    """Return how busy the machine is: ours uses two cores, and loses more than one-shot where they are not free."""
    return f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


def main() -> int:
    """Measure, print, and return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 and 100 MB only")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--folder", type=Path, help="where the files lie; default the temporary folder")
    given = parser.parse_args()
    results = [measure(size, given.folder) for size in sorted(ROUNDS) if size <= 100 or not given.quick]
    compare(results)
    problems = missed(results)
    if given.json:
        print(json.dumps({"results": results, "missed": problems, "machine": load()}, indent=2))
    else:
        show(results, problems)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
