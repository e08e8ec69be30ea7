"""Every code list of the SDK says exactly what the contracts say: order, numbers, signed words."""

import enum
import re
from pathlib import Path

import pytest

from careledger import codes
from careledger.errors import InputError
from careledger.values import keccak

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts"
SOURCES = [*sorted((CONTRACTS / "types").glob("*.sol")), CONTRACTS / "libraries" / "Directives.sol"]
INTERNAL = {"Standing"}  # how Directives.sol talks to itself
WORDS = (CONTRACTS / "libraries" / "Words.sol").read_text()


def solidity_enums() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source in SOURCES:
        text = re.sub(r"//[^\n]*", "", source.read_text())
        for name, body in re.findall(r"\benum\s+(\w+)\s*\{([^}]*)\}", text):
            found[name] = [word.strip() for word in body.split(",") if word.strip()]
    return found


ENUMS = {name: members for name, members in solidity_enums().items() if name not in INTERNAL}


def snake(name: str) -> str:
    return name if name.isupper() else re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


@pytest.mark.parametrize("name", sorted(ENUMS))
def test_codes__each_solidity_enum__same_names_and_numbers(name: str) -> None:
    mirror = getattr(codes, name)
    expected = {snake(word): at for at, word in enumerate(ENUMS[name]) if not word.startswith("Reserved")}
    assert {member.name: member.value for member in mirror} == expected


def test_codes__every_list__is_on_chain_or_a_word_table() -> None:
    mirrored = {name for name in codes.__all__ if issubclass(getattr(codes, name), enum.IntEnum)}
    assert mirrored == set(ENUMS) | {"DataClass"}


@pytest.mark.parametrize("name", codes.__all__)
def test_codes__every_member__is_documented(name: str) -> None:
    assert getattr(codes, name).__doc__
    assert all(member.doc for member in getattr(codes, name))


def table(name: str) -> list[tuple[str, str]]:
    body = re.search(rf"{name} =(.*?);", WORDS, re.DOTALL)
    assert body is not None
    # the last entry ends the statement, so its comment stands behind the semicolon
    text = body.group(1) + WORDS[body.end() - 1 : WORDS.index("\n", body.end())]
    return re.findall(r'hex"([0-9a-f]{64})"\s*;?\s*// (\S+)', text)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("_ORDINARY_TABLE", [m for m in codes.DataClass if not m.is_sensitive]),
        ("_SENSITIVE_TABLE", [m for m in codes.DataClass if m.is_sensitive]),
        ("_PURPOSE_TABLE", list(codes.Purpose)),
        ("_ROLE_TABLE", list(codes.Role)),
    ],
)
def test_words__each_table_of_the_contracts__hashes_our_words_in_order(name: str, members: list[codes._Code]) -> None:
    assert table(name) == [(keccak(m.word.encode()).hex(), m.word) for m in members]


def test_data_class__bits_of_the_tables__are_the_values() -> None:
    ordinary = [m for m in codes.DataClass if not m.is_sensitive]
    assert [m.value for m in ordinary] == list(range(16))
    assert [m.value for m in codes.DataClass if m.is_sensitive] == list(range(32, 40))


def test_recipient_words__the_constants_of_the_contract__are_our_words() -> None:
    for kind in codes.RecipientKind:
        assert f'keccak256("{kind.word}")' in WORDS


@pytest.mark.parametrize("text", ["mental-health", "MENTAL_HEALTH", "MentalHealth", " mental_health "])
def test_of__any_spelling__same_member(text: str) -> None:
    assert codes.DataClass.of(text) is codes.DataClass.MENTAL_HEALTH


def test_of__slip__says_what_is_near() -> None:
    with pytest.raises(InputError) as caught:
        codes.Role.of("insuror")
    assert caught.value.fix == "Did you mean insurer?"


def test_reason__allows__exactly_below_twenty() -> None:
    assert {r for r in codes.Reason if r.allows} == {r for r in codes.Reason if 0 < r < 20}
