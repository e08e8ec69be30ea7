"""How long the command line takes to say its help, beside an empty Python; the aim is under 0.3 s."""

import os
import statistics
import subprocess
import sys
import time

ROUNDS = 11
CALL = "import sys; from careledger.cli import main; sys.exit(main())"
CASES = {
    "python -c pass": ["-c", "pass"],
    "careledger --help": ["-c", CALL, "--help"],
    "careledger keys --help": ["-c", CALL, "keys", "--help"],
    "careledger config": ["-c", CALL, "config"],
    "careledger explain TREAT": ["-c", CALL, "explain", "TREAT"],
}


def once(arguments: list[str]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main() -> None:
    """Interleave the rounds, so that a busy machine is unfair to nobody, and print medians."""
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, arguments in CASES.items():
            times[name].append(once(arguments))
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores, median and best of {ROUNDS}")
    for name, found in times.items():
        print(f"{name:28} {statistics.median(found) * 1000:6.0f} ms {min(found) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
