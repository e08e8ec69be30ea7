"""Each rule that the model checker proves, broken on purpose: the properties named have to be lost.

A proof that would hold of any code says nothing about ours. In a scratch copy one line of a core is changed, the real
command runs on the real specification, and the functions whose assertions are open are compared.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import toolchain  # noqa: E402

pytestmark = pytest.mark.deep
FOLD = "asked & permitted & ~denied"
OPEN = re.compile(r"Assertion violation.*?Spec\.sol:(\d+):", re.DOTALL)
BROKEN = [
    ("Directives", "Directives", "time >= expiresAt", "time > expiresAt", {"liveIffWithinWindow"}),
    ("Directives", "Directives", "time < notBefore", "time <= notBefore", {"liveFromTheFirstSecond"}),
    ("Directives", "Directives", "if (revoked) return", "if (revoked && time == 0) return", {"withdrawnIffRevoked"}),
    ("Directives", "Classes", FOLD, "asked & permitted", {"nothingDeniedIsGranted"}),
    ("Directives", "Classes", FOLD, "asked & ~denied", {"nothingIsGrantedThatNobodyPermits"}),
    ("Directives", "Classes", FOLD, "permitted & ~denied", {"nothingIsGrantedThatWasNotAsked"}),
    ("Directives", "Classes", FOLD, f"{FOLD} & ~1", {"nothingElseIsWithheld"}),
    ("Directives", "Classes", FOLD, "asked & permitted & (denied >> 1)", {"moreDenialsNeverGrantMore"}),
    ("Directives", "Classes", FOLD, "asked & ~denied & ~permitted", {"morePermissionsNeverGrantLess"}),
    ("Recoveries", "Recoveries", "objected ? once + waitSeconds : once", "once", {"completed"}),
    ("Recoveries", "Recoveries", "readyAt + (readyAt - quorumAt)", "readyAt", {"objectedTo"}),
    ("Recoveries", "Recoveries", "objected && !endorsed", "objected && endorsed", {"enoughApproved"}),
    ("Recoveries", "Recoveries", "count >= needed_", "count > 0", {"enoughApproved"}),
    ("Recoveries", "Recoveries", "time >= readyAt &&", "time + 1 >= readyAt &&", {"waited", "waitedTwice"}),
    ("Recoveries", "Recoveries", "readyAt != 0 && time", "time", {"waited", "waitedTwice"}),
    ("Recoveries", "Recoveries", "readyAt + LAPSE + 1", "readyAt + LAPSE", {"completed", "objectedTo"}),
    ("Recoveries", "Recoveries", "end > until ? end : until", "end", {"anotherFroze", "neverFrozenShorter"}),
    ("Recoveries", "Recoveries", ": begunAt) + LAPSE", ": begunAt) + 2 * LAPSE", {"thirtyDaysToCarryOut", "wasFrozen"}),
    ("Recoveries", "Recoveries", "return time > (readyAt", "return time < (readyAt", {"lapsedForEver"}),
    ("Recoveries", "Recoveries", "largerQuorum >= quorum", "largerQuorum > 0", {"waitsOfADayToNinety"}),
    ("BreakGlass", "BreakGlass", "unjustified + 1, time", "unjustified + 2, time", {"foundUnjustified"}),
    ("BreakGlass", "BreakGlass", "time + SUSPENSION", "suspendedUntil", {"foundUnjustified"}),
    ("BreakGlass", "BreakGlass", "unjustified == 1 ? 0 : suspendedUntil", "0", {"overturned"}),
    ("BreakGlass", "BreakGlass", "unjustified == 1 ? 0 : suspendedUntil", "suspendedUntil", {"overturned"}),
    ("BreakGlass", "BreakGlass", "WINDOW = 8 hours", "WINDOW = 73 hours", {"reviewedAfterItIsOver"}),
]  # fmt: skip
"""Library, specification, what stands in the library, what stands there instead, functions that have to be open."""


@pytest.fixture
def project(tmp_path):
    """The cores, the specifications and the command, with the installed compiler by link."""
    for name in ("scripts", "contracts/libraries", "tests/proofs/smt"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "node_modules").symlink_to(ROOT / "node_modules")
    return tmp_path


def opened(folder, spec):
    """Functions of the specification with an assertion that is not proved."""
    engine = "bmc" if spec == "Classes" else "chc"
    file = f"tests/proofs/smt/{spec}Spec.sol"
    command = [*toolchain.node_command(), "scripts/smt.js", file, f"{spec}Spec", engine]
    answer = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env=toolchain.environment()
    )
    report = json.loads(answer.stdout)
    assert report["errors"] == []
    lines = (folder / file).read_text().splitlines()
    found = set()
    for message in report["open"]:
        if (place := OPEN.search(message)) is not None:
            before = "\n".join(lines[: int(place[1])])
            found.add(re.findall(r"function (\w+)\(", before)[-1])
    return found


@pytest.mark.parametrize("library, spec, whole, broken, lost", BROKEN, ids=lambda value: str(value)[:40])
def test_canary_smt__given_a_rule_broken__loses_its_property(project, library, spec, whole, broken, lost):
    core = project / "contracts" / "libraries" / f"{library}.sol"
    text = core.read_text()
    assert text.count(whole) == 1, f"{whole} stands {text.count(whole)} times in {library}.sol"
    core.write_text(text.replace(whole, broken))

    assert opened(project, spec) >= lost


@pytest.mark.parametrize("spec", ["Directives", "Classes", "Recoveries", "BreakGlass"])
def test_canary_smt__given_the_rules_as_they_are__loses_nothing(project, spec):
    assert opened(project, spec) == set()
