"""The proofs write storage by slot number; a moved variable must fail here, by name, and not somewhere in a proof."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PROOFS = {
    "Consent": {"DIRECTIVES": "_directives", "STANDING": "_standing"},
    "Participant": {
        "ACCOUNTS": "_accounts",
        "PARTNERS": "_partners",
        "NUMBERS": "_partnerNos",
        "ACCREDITATIONS": "_accreditations",
        "CREDENTIALS": "_credentials",
        "HELD": "_held",
    },
    "Record": {"RECORDS": "_records", "LOGS": "_logs"},
    "Emergency": {
        "LATEST": "_latest",
        "DESKS": "_desks",
        "CONDUCT": "_conduct",
        "SUSPENSIONS": "_suspensions",
        "EMERGENCIES": "_emergencies",
    },
    "Guardian": {"GUARDIANSHIPS": "_guardianships"},
}


@pytest.mark.parametrize("name", PROOFS)
def test_slots__in_a_proof__are_those_of_the_contract(name):
    artifact = json.loads((ROOT / f"careledger/artifacts/{name}Registry.json").read_text())
    slots = {item["label"]: int(item["slot"]) for item in artifact["storageLayout"]["storage"]}
    file = ROOT / "tests/proofs" / f"{'Emergency' if name == 'Guardian' else name}Proof.sol"
    said = dict(re.findall(r"uint256 private constant (\w+) = (\d+);", file.read_text()))
    assert {constant: int(said[constant]) for constant in PROOFS[name]} == {
        constant: slots[label] for constant, label in PROOFS[name].items()
    }
