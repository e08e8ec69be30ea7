"""Terms in files are read with suspicion, whoever wrote the file.

given drafted terms of each kind, as a file
  every part of it exchanged for something else, in turn   → test_terms__any_part_exchanged__read_whole_or_one_sentence
  a code or a class is written otherwise than a draft does → test_terms__written_otherwise__refused
  its numbers are in text, as a wallet may write them      → test_terms__numbers_in_text__same_digest
"""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from careledger.chain.typed import Domain, TypedData
from careledger.cli.agreements import read_agreement
from careledger.cli.terms import read_terms
from careledger.client import CareLedger
from careledger.errors import CareLedgerError, FormatError
from careledger.resources import consents, credentials
from careledger.resources.base import Terms
from careledger.resources.consent_types import ConsentTerms
from careledger.resources.recipients import words_of
from careledger.resources.scope import classes_of
from careledger.values import ZERO_ADDRESS, checksum

ANA, CLINIC = checksum("0x" + "a1" * 20), checksum("0x" + "b2" * 20)
DOMAIN = Domain("CareLedger", "1", 31337, checksum("0x" + "c3" * 20))
ONE = {"recipientKind": "organisation", "recipient": CLINIC, "role": "none", "jurisdiction": 0}
ALL = {"recipientKind": "role", "recipient": ZERO_ADDRESS, "role": "provider", "jurisdiction": 756000}
GRANT: dict[str, Any] = {
    "patient": ANA, **ALL, "purpose": "TREAT", "permits": words_of(classes_of(["vitals", "labs"])), "denies": ["hiv"],
    "notBefore": 0, "expiresAt": 1_900_000_000, "limited": False, "receipt": b"\1" * 32, "replaces": 3, "epoch": 1,
    "deadline": 1_800_000_000,
}  # fmt: skip
ENDS = {"version": 1, "epoch": 1, "deadline": 1_800_000_000}
CREDENTIAL = {
    "issuer": CLINIC, "subject": ANA, "role": "practitioner", "jurisdiction": 756000, "notBefore": 1,
    "expiresAt": 1_900_000_000, "evidence": b"\2" * 32, "deadline": 1_800_000_000,
}  # fmt: skip
AFFILIATION = {"organisation": CLINIC, "practitioner": ANA, "since": 1, "until": 2, "deadline": 3}
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "ConsentGrant": (consents._GRANT, GRANT),
    "ConsentRevocation": (consents._REVOCATION, {"patient": ANA, **ONE, "purpose": "TREAT", "reason": 1, **ENDS}),
    "StandingDenial": (consents._DENIAL, {"patient": ANA, "denied": ["labs"], "emergencyDenied": [], **ENDS}),
    "CredentialTerms": (credentials._CREDENTIAL, CREDENTIAL),
    "AffiliationTerms": (credentials._AFFILIATION, AFFILIATION),
}
AGREED = {"CredentialTerms": "credential", "AffiliationTerms": "affiliation"}
PYTHON = re.compile(r"Error\b|NoneType|None|<class|object has no|invalid literal|unhashable|subscript|Encoder")
OTHER: tuple[Any, ...] = (
    None, "", "x", "0x", "é１", "1e3", "0x00", "0x" + "00" * 20, "-1", -1, 0, 1, 1.5, True, 2**40 - 1, 2**256,
    "9" * 5000, [], {}, [None], ["x"], {"x": None}, [[]], {"A" * 100_000: 1}, "\x1b[31m\n\0evil", "\ud800",
    "A" * 100_000,
)  # fmt: skip


def document(kind: str) -> dict[str, Any]:
    types, message = KINDS[kind]
    terms = TypedData(DOMAIN, {kind: types}, kind, message).to_json()
    return {"terms": terms, "signatures": []} if kind in AGREED else terms


def read(folder: Path, kind: str, value: Any) -> Terms:
    file = folder / "terms.json"
    file.write_text(json.dumps(value))
    care = cast(CareLedger, SimpleNamespace(
        consents=SimpleNamespace(domain=DOMAIN), participants=SimpleNamespace(domain=DOMAIN),
    ))  # fmt: skip
    return read_agreement(care, file, kind=AGREED[kind])[0] if kind in AGREED else read_terms(care, file)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


def exchanged(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    found = at = copy.deepcopy(value)
    for key in path[:-1]:
        at = at[key]
    if new is Ellipsis:
        del at[path[-1]]
    else:
        at[path[-1]] = at[path[-1]] * 2 if new is NotImplemented else new
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_terms__any_part_exchanged__read_whole_or_one_sentence(tmp_path: Path, kind: str) -> None:
    whole, refused = document(kind), 0
    assert read(tmp_path, kind, whole).typed.primary == kind
    for path in places(whole):
        for other in (*OTHER, Ellipsis):
            try:
                found = read(tmp_path, kind, exchanged(whole, path, other))
            except CareLedgerError as error:
                said = f"{error.message} {error.why} {error.fix}"
                assert not PYTHON.search(said) and len(said) < 500 and said.isprintable(), (path, other)
                assert error.fix, (path, other)
                refused += 1
                continue
            again = document(kind)
            (again["terms"] if kind in AGREED else again)["message"] = found.typed.to_json()["message"]
            assert read(tmp_path, kind, again) == found, (path, other)
            if isinstance(found, ConsentTerms):
                assert found.in_words("de")
    assert refused > 500


@pytest.mark.parametrize("name, value", [
    ("role", ""), ("role", "é１"), ("permits", ""), ("permits", ["labs", "labs"]),
    ("permits", GRANT["permits"][::-1]), ("denies", GRANT["denies"] * 2), ("denies", "hiv"),
    ("purpose", "treat"), ("recipient", CLINIC), ("recipientKind", "person"), ("recipientKind", "contract"),
    ("patient", ANA.lower()), ("receipt", "0x" + "AB" * 32), ("replaces", 2**40 - 1),
])  # fmt: skip
def test_terms__written_otherwise__refused(tmp_path: Path, name: str, value: Any) -> None:
    with pytest.raises(FormatError, match="these terms do not hold together"):
        read(tmp_path, "ConsentGrant", exchanged(document("ConsentGrant"), ("message", name), value))


def test_terms__numbers_in_text__same_digest(tmp_path: Path) -> None:
    whole = document("ConsentGrant")
    other = exchanged(exchanged(whole, ("message", "expiresAt"), "1900000000"), ("domain", "chainId"), "0x7a69")
    assert read(tmp_path, "ConsentGrant", other).typed.digest == read(tmp_path, "ConsentGrant", whole).typed.digest
