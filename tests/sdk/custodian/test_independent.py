"""What a patient takes home is whole without us: a script without this package checks it against the chain.

given an accounting as it was opened, of a part that is about one pseudonym
  a script that knows docs/custodian.md alone says yes          → test_H17_accounting__script_of_its_own__says_yes
  and says no when one field was changed                        → test_H17_accounting__one_field_changed__says_no
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from careledger.chain.anvil import find_anvil
from careledger.codes import Basis, Purpose, Reason
from careledger.resources.access_entries import AccessEntry
from tests.sdk.custodian.houses import Houses
from tests.sdk.custodian.test_accounting import accounting

pytestmark = pytest.mark.skipif(find_anvil() is None, reason="no Anvil: the script needs a node with a URL")

SCRIPT = """
import base64, json, sys, urllib.request
from sha3 import keccak_256

assert "careledger" not in sys.modules
given = json.load(sys.stdin)
keccak = lambda data: keccak_256(data).digest()
word = lambda value: int(value).to_bytes(32, "big")
raw = lambda text: bytes.fromhex(text[2:]).rjust(32, b"\\0")
plain = lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
tag = lambda name: keccak(name.encode())

def leaf(e):
    subject = keccak(tag("careledger.access.subject.v1") + plain(e["subjectSalt"]) + raw(e["patient"]) + word(e["own"]))
    codes = [given["codes"][kind][e[kind]] for kind in ("purpose", "basis", "reason")]
    fields = [*codes, e["allowed"], e["block"], e["at"]]
    return keccak(
        tag("careledger.access.v1") + plain(e["salt"]) + word(e["entry"]) + subject + raw(e["record"]) + raw(e["actor"])
        + raw(e["acting"]) + b"".join(map(word, fields))
    )

def root(leaves):
    level, filler = [keccak(keccak(word(i) + each)) for i, each in enumerate(leaves)], bytes(32)
    while len(level) > 1:
        level += [filler] * (len(level) % 2)
        level = [keccak(level[i] + level[i + 1]) for i in range(0, len(level), 2)]
        filler = keccak(filler + filler)
    return "0x" + level[0].hex()

topic = keccak(b"LogAnchored(address,uint64,bytes32,uint64,uint64,bytes32)")
topics = ["0x" + topic.hex(), "0x" + raw(given["custodian"]).hex()]
query = {"address": given["registry"], "fromBlock": "0x0", "topics": topics}
body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_getLogs", "params": [query]}).encode()
ask = urllib.request.Request(given["node"], body, {"content-type": "application/json"})
last = json.load(urllib.request.urlopen(ask))["result"][-1]
first, final = int(last["data"][2:66], 16), int(last["data"][66:130], 16)
entries = [e for e in given["entries"] if first <= e["entry"] <= final]
whole = [e["entry"] for e in entries] == list(range(first, final + 1))
print("yes" if whole and root([leaf(e) for e in entries]) == last["topics"][3] else "no")
"""


def asked_of_the_script(houses: Houses, document: dict[str, Any]) -> str:
    chain = houses.town.care.chain
    assert chain is not None
    given = {
        **document, "node": chain.url, "registry": houses.hospital.care.records.address,
        "codes": {
            kind: {member.name: member.value for member in codes}
            for kind, codes in (("purpose", Purpose), ("basis", Basis), ("reason", Reason))
        },
    }  # fmt: skip
    command = [sys.executable, "-I", "-c", SCRIPT]
    return subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def document(houses: Houses) -> dict[str, Any]:
    """An accounting whose last part holds three entries about this pseudonym alone, one of them a refusal."""
    houses.custodian().anchor()
    ana = houses.town.patient()
    record = houses.seal(ana)
    houses.ask(record)
    houses.agree(ana)
    houses.ask(record)
    houses.ask(record)
    houses.custodian().anchor()
    found = accounting(houses, ana)
    assert [entry.allowed for entry in found.entries] == [False, True, True]
    return json.loads(json.dumps(found.to_json()))


def test_H17_accounting__script_of_its_own__says_yes(houses: Houses, document: dict[str, Any]) -> None:
    assert asked_of_the_script(houses, document) == "yes"
    assert [AccessEntry.from_json(entry).allowed for entry in document["entries"]] == [False, True, True]


@pytest.mark.parametrize("field", ["allowed", "at", "record", "actor", "purpose", "own"])
def test_H17_accounting__one_field_changed__says_no(houses: Houses, document: dict[str, Any], field: str) -> None:
    entry = document["entries"][1]
    changed = {
        "allowed": not entry["allowed"], "at": entry["at"] + 1, "record": "0x" + "11" * 32, "actor": "0x" + "22" * 20,
        "purpose": "HRESCH", "own": entry["own"] + 1,
    }  # fmt: skip
    entry[field] = changed[field]
    assert asked_of_the_script(houses, document) == "no"
