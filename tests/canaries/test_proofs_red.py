"""Each rule that the model checker proves, broken on purpose: the properties named have to be lost.

A proof that would hold of any code says nothing about ours. In a scratch copy one line of a core is changed, and the
real command runs on the properties that this has to cost: each must be open. `make prove` proves them of the real code.
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
EXTERNAL = re.compile(r"    function (\w+)\([^{]*external pure \{.*?\n    \}\n\n?", re.DOTALL)
OPEN = re.compile(r"Assertion violation happens here.*?Spec\.sol:(\d+):", re.DOTALL)
BROKEN = [
    ("Directives", "Directives", "time >= expiresAt", "time > expiresAt", {"liveIffWithinWindow"}),
    ("Directives", "Directives", "time < notBefore", "time <= notBefore", {"liveFromTheFirstSecond"}),
    ("Directives", "Directives", "if (revoked) return", "if (revoked && time == 0) return", {"withdrawnIffRevoked"}),
    ("Directives", "Classes", FOLD, "asked & permitted", {"nothingDeniedIsGranted"}),
    ("Directives", "Classes", FOLD, "asked & ~denied", {"nothingIsGrantedThatNobodyPermits"}),
    ("Directives", "Classes", FOLD, "permitted & ~denied", {"nothingIsGrantedThatWasNotAsked"}),
    ("Directives", "Classes", FOLD, f"{FOLD} & 6", {"nothingElseIsWithheld"}),
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
    ("Recoveries", "Recoveries", "return time > lapsesAt", "return time < lapsesAt", {"lapsedForEver"}),
    ("Recoveries", "Recoveries", "largerQuorum >= quorum", "largerQuorum > 0", {"waitsOfADayToNinety"}),
    ("BreakGlass", "BreakGlass", "judgedAt + SUSPENSION", "judgedAt + WINDOW", {"laterEndsNoEarlier"}),
    ("BreakGlass", "BreakGlass", "judgedAt + SUSPENSION", "2 * SUSPENSION - judgedAt", {"laterEndsNoEarlier"}),
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


def narrow(text, names):
    """The specification with these properties only, as an open one takes the model checker long."""
    return EXTERNAL.sub(lambda match: match[0] if match[1] in names else "", text)


def opened(folder, spec):
    """Properties of the specification with an assertion that is not proved."""
    engine = "bmc" if spec == "Classes" else "chc"
    file = f"tests/proofs/smt/{spec}Spec.sol"
    command = [*toolchain.node_command(), "scripts/smt.js", file, f"{spec}Spec", engine]
    answer = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, env=toolchain.environment()
    )
    report = json.loads(answer.stdout)
    assert report["errors"] == []
    lines = (folder / file).read_text().splitlines()
    places = [int(match[1]) for message in report["open"] if (match := OPEN.search(message))]
    return {re.findall(r"function (\w+)\(", "\n".join(lines[:place]))[-1] for place in places}


@pytest.mark.parametrize("library, spec, whole, broken, lost", BROKEN, ids=[f"{item[1]}: {item[3]}" for item in BROKEN])
def test_canary_smt__given_a_rule_broken__loses_its_property(project, library, spec, whole, broken, lost):
    core = project / "contracts" / "libraries" / f"{library}.sol"
    text = core.read_text()
    assert text.count(whole) == 1, f"{whole} stands {text.count(whole)} times in {library}.sol"
    core.write_text(text.replace(whole, broken))
    said = project / "tests" / "proofs" / "smt" / f"{spec}Spec.sol"
    said.write_text(narrow(said.read_text(), lost))
    if spec == "Classes":  # sets of eight: what is false of 64 takes the model checker minutes to refute
        for path in (core, said):
            path.write_text(path.read_text().replace("uint64", "uint8"))

    assert opened(project, spec) == lost
