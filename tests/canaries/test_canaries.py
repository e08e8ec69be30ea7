"""Red can be red: each runner and gate gets an input that must fail, through the very command that CI uses.

A runner that has stopped noticing is worse than none. Each canary plants one fault in a scratch project that has the
real scripts and settings, runs the command, and asks for a failing exit code and for the reason in its output.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
COPIED = ("scripts", "pyproject.toml", "foundry.toml", "ape-config.yaml", "package-lock.json", "contracts/mocks")
COPIED += ("tests/conftest.py", "tests/forge", "tests/gas/recorder.py", ".solhint.json", ".solhintignore")
COPIED += ("slither.config.json",)

HEADER = "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.30;\n\n"
TEST = HEADER + 'import {{Kit}} from "./forge/Kit.sol";\n\ncontract {name} is Kit {{\n    {body}\n}}\n'


@pytest.fixture
def project(tmp_path):
    """A scratch project: real scripts and settings, installed tools by link, one small contract."""
    for name in COPIED:
        source, target = ROOT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    for name in ("node_modules", ".venv"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "tests" / "slither.toml").write_text("")
    return Scratch(tmp_path)


class Scratch:
    """Plants files and runs commands in the scratch project."""

    def __init__(self, folder):
        self.folder = folder

    def plant(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, *words):
        command = [sys.executable, *words]
        answer = subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=300, check=False, env=environment()
        )
        return answer.returncode, answer.stdout + answer.stderr

    def must_fail(self, *words, saying):
        code, said = self.run(*words)
        assert code != 0, f"{words} passed on a planted fault:\n{said[-3000:]}"
        assert saying in said, f"{words} failed for another reason:\n{said[-3000:]}"


def environment():
    """The environment without this session's pytest and xdist variables, which would reach the inner session."""
    import os

    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "COV_"))}


def test_canary_pytest__given_failing_test__fails(project):
    project.plant("tests/test_red.py", "def test_red():\n    assert 1 + 1 == 3\n")

    project.must_fail("-m", "pytest", "-q", "-n", "2", "tests", saying="1 failed")


def test_canary_pytest__given_no_tests__fails(project):
    code, _ = project.run("-m", "pytest", "-q", "tests/gas")

    assert code == 5


@pytest.mark.parametrize(
    "command", [["-m", "pytest"], ["scripts/within.py", ".venv/bin/ape", "test"]], ids=["pytest", "ape"]
)
def test_canary_ape__given_wrong_expectation_on_chain__fails(project, command):
    shutil.copytree(ROOT / ".build" / "artifacts", project.folder / ".build" / "artifacts")
    planted = (
        "def test_red(contracts, accounts):\n"
        "    counter = contracts.CanaryCounter.deploy(1, sender=accounts[0])\n"
        "    counter.count(sender=accounts[0])\n"
        "    assert counter.totalOf() == 2\n"
    )
    project.plant("tests/test_red.py", planted)

    project.must_fail(*command, "tests/test_red.py", "-q", saying="1 failed")


def test_canary_forge__given_failing_test_and_invariant__fails(project):
    body = 'function test_red(uint8 x) public pure { vm.assertLe(x, 254, "red"); }'
    project.plant("tests/Red.t.sol", TEST.format(name="Red", body=body))

    project.must_fail("scripts/forge", "test", saying="1 failed")
    project.must_fail("-m", "pytest", "-q", "tests/Red.t.sol", saying="1 failed")


def test_canary_forge__given_no_matching_test__fails(project):
    project.plant("tests/Red.t.sol", TEST.format(name="Red", body="function test_green() public pure {}"))

    project.must_fail("scripts/forge", "test", "--match-test", "no_such_test", saying="no test ran")


def test_canary_halmos__given_false_check__fails(project):
    body = "function check_red(uint256 x) public pure { assert(x != 4711); }"
    project.plant("tests/RedProof.sol", TEST.format(name="RedProof", body=body))
    project.plant("tests/proofs/proofs.toml", "[halmos]\nproved = 1\n")

    project.must_fail("scripts/prove.py", "--halmos", saying="check_red(uint256) was not proved")


def test_canary_halmos__given_fewer_checks_than_recorded__fails(project):
    body = "function check_green(uint256 x) public pure { assert(x == x); }"
    project.plant("tests/GreenProof.sol", TEST.format(name="GreenProof", body=body))
    project.plant("tests/proofs/proofs.toml", "[halmos]\nproved = 2\n")

    project.must_fail("scripts/prove.py", "--halmos", saying="proved 1 properties, 2 are recorded")


SPEC = HEADER + "contract Spec {{\n    uint256 private _x;\n    function f() external {{ {body} }}\n}}\n"
ONE_SPEC = '[[smt]]\nfile = "tests/Spec.sol"\ncontract = "Spec"\nproved = {proved}\n'


def test_canary_smt__given_false_assertion__fails(project):
    project.plant("tests/Spec.sol", SPEC.format(body="if (_x < 3) _x++; assert(_x < 3);"))
    project.plant("tests/proofs/proofs.toml", ONE_SPEC.format(proved=1))

    project.must_fail("scripts/prove.py", "--smt", saying="Assertion violation happens here")


def test_canary_smt__given_false_assertion_to_the_bounded_engine__fails(project):
    project.plant("tests/Spec.sol", SPEC.format(body="assert(_x & 1 == 0);"))
    project.plant("tests/proofs/proofs.toml", ONE_SPEC.format(proved=1) + 'engine = "bmc"\n')

    project.must_fail("scripts/prove.py", "--smt", saying="Assertion violation happens here")


def test_canary_smt__given_fewer_properties_than_recorded__fails(project):
    project.plant("tests/Spec.sol", SPEC.format(body="_x = 1; assert(_x == 1);"))
    project.plant("tests/proofs/proofs.toml", ONE_SPEC.format(proved=2))

    project.must_fail("scripts/prove.py", "--smt", saying="1 properties proved, 2 are recorded")


def test_canary_slither__given_unexplained_finding__fails(project):
    body = "address public owner;\n    function end() external { selfdestruct(payable(tx.origin)); }"
    project.plant("contracts/Red.sol", HEADER + f"contract Red {{\n    {body}\n}}\n")

    project.must_fail("scripts/lint.py", "slither", saying="high suicidal")


def test_canary_slither__given_explanation_of_nothing__fails(project):
    entry = 'check = "timestamp"\ncontract = "Gone"\nfunction = "f"\nreason = "It was there once, and is not now."\n'
    project.plant("tests/slither.toml", f"[[finding]]\n{entry}")
    project.plant("contracts/Green.sol", HEADER + "contract Green {}\n")

    project.must_fail("scripts/lint.py", "slither", saying="no longer reports")


def test_canary_solhint__given_warning__fails(project):
    project.plant("contracts/Red.sol", HEADER + "contract Red {\n    uint a;\n}\n")

    project.must_fail("scripts/lint.py", "solhint", saying="explicit-types")


def test_canary_ruff__given_unused_import__fails(project):
    project.plant("careledger/red.py", '"""Red."""\n\nimport os\n')

    project.must_fail("scripts/lint.py", "ruff", saying="F401")


def test_canary_mypy__given_wrong_type__fails(project):
    project.plant("careledger/red.py", '"""Red."""\n\nx: int = "three"\n')

    project.must_fail("scripts/lint.py", "mypy", saying="Incompatible types in assignment")


@pytest.mark.parametrize(
    ("snapshot", "measured", "reason"),
    [
        ({"patient grants": 50_000}, {"patient grants": 55_000}, "+10.0%"),
        ({"patient grants": 50_000, "patient revokes": 30_000}, {"patient grants": 50_000}, "no test measured it"),
        ({}, {"patient grants": 50_000}, "not in the snapshot"),
    ],
)
def test_canary_gas__given_other_figures_than_the_snapshot__fails(project, snapshot, measured, reason):
    project.plant("tests/gas/snapshot.json", json.dumps(snapshot))
    project.plant(".build/gas/main.jsonl", json.dumps(measured))

    project.must_fail("scripts/gas.py", "--check", saying=reason)


def test_canary_gas__given_nothing_measured__fails(project):
    project.must_fail("scripts/gas.py", "--check", saying="no gas was measured")


def test_canary_size__given_a_byte_too_much__fails(project):
    entry = {"contractName": "Red", "sourceName": "contracts/Red.sol", "bytecode": "0x00"}
    project.plant("careledger/artifacts/Red.json", json.dumps({**entry, "deployedBytecode": "0x" + "00" * 22_001}))

    project.must_fail("scripts/build.py", "--sizes", saying="too large")


def test_canary_build__given_artifact_edited_by_hand__fails(project):
    project.plant("contracts/Small.sol", HEADER + "contract Small {\n    uint256 public constant X = 1;\n}\n")
    assert project.run("scripts/build.py")[0] == 0
    assert project.run("scripts/build.py", "--check")[0] == 0
    path = project.folder / "careledger" / "artifacts" / "Small.json"
    path.write_text(path.read_text().replace("60", "61", 1))

    project.must_fail("scripts/build.py", "--check", saying="differ from the sources: Small")


def test_canary_build__given_source_that_does_not_compile__fails(project):
    project.plant("contracts/Red.sol", HEADER + "contract Red { function f() external { x = 1; } }\n")

    project.must_fail("scripts/build.py", saying="Undeclared identifier")


def test_canary_mutation__given_tests_that_look_away__fails(project):
    body = "function test_blind() public { new CanaryCounter(1).count(); }"
    text = TEST.format(name="Blind", body=body).replace(
        "import", 'import {CanaryCounter} from "../contracts/mocks/CanaryCounter.sol";\nimport', 1
    )
    project.plant("tests/Blind.t.sol", text)
    target = (
        'file = "contracts/mocks/CanaryCounter.sol"\ntests = [["{python}", "scripts/forge", "test"]]\nscore = 0.9\n'
    )
    project.plant("tests/mutation.toml", f"[[target]]\n{target}")
    project.plant("careledger/__init__.py", "")

    project.must_fail("scripts/mutate.py", "--limit", "3", "--only", "CanaryCounter", saying="survived line")


GATE = (
    HEADER
    + """contract Gate {
    error Gate_Closed(uint256 x);

    function go(uint256 x) external pure returns (uint256) {
        if (x == 4711 || x > 9000) revert Gate_Closed(x);
        return x;
    }
}
"""
)
GATE_TEST = """from tests.chainkit import Revm, deploy, reverts


def test_go():
    gate = deploy(Revm(), "Gate", sender="0x" + "11" * 20)
    assert gate.go(3) == 3
    with reverts("Gate_Closed", x=9001):
        gate.go(9001)
"""
DEMANDS = """[contracts]
tests = ["tests/unit"]
lines = 100
branches = 100

[[exception]]
file = "contracts/Gate.sol"
function = "go"
text = "x > 9000"
outcome = "true"
reason = "Nobody would ever ask for so much, it was said."
"""


@pytest.fixture
def covered(project):
    """The project with a contract of which one branch of four is not tested."""
    shutil.copytree(ROOT / "careledger", project.folder / "careledger", ignore=shutil.ignore_patterns("artifacts"))
    shutil.copy2(ROOT / "tests" / "chainkit.py", project.folder / "tests" / "chainkit.py")
    project.plant("contracts/Gate.sol", GATE)
    project.plant("tests/unit/test_gate.py", GATE_TEST)
    project.plant("tests/coverage.toml", DEMANDS)
    return project


def test_canary_coverage__given_branch_without_a_test_and_exception_for_one_with__fails(covered):
    code, said = covered.run("scripts/coverage.py", "--contracts")

    assert code == 1
    assert "contracts/Gate.sol:8 go: never true: x == 4711" in said
    assert "explains contracts/Gate.sol | go | x > 9000 | true, which is 0 places not reached" in said
    assert "the tests reach 75.00 % of the contracts' branches, wanted 100 %" in said


def test_canary_coverage__given_failing_test__fails(covered):
    covered.plant("tests/unit/test_red.py", "def test_red():\n    assert 1 + 1 == 3\n")

    covered.must_fail("scripts/coverage.py", "--contracts", saying="1 failed")


def test_H19_canary_trace__given_id_without_a_test__fails(project):
    shutil.copy2(ROOT / "tests" / "threats.toml", project.folder / "tests" / "threats.toml")

    project.must_fail("scripts/trace.py", saying="Error: C1 has no test")


def test_H19_canary_trace__given_id_that_is_not_in_the_table__fails(project):
    shutil.copy2(ROOT / "tests" / "threats.toml", project.folder / "tests" / "threats.toml")
    project.plant("tests/test_red.py", "def test_C99_no_such_threat():\n    pass\n")

    project.must_fail("scripts/trace.py", saying="C99 stands in")
