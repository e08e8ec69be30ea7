"""The values of the SDK: addresses, money, decisions, receipts (W3, W4)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careledger.errors import InputError
from careledger.redact import PersonalText
from careledger.values import Decision, Event, Money, PartyRef, Prepared, Receipt, address, bytes32, checksum, keccak

GOOD = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("1,000.5", "separators"), ("1e18", "powers"), ("-1", "sign"), ("+1", "sign"), ("", "digits"), (".5", "digits"),
        ("1.", "digits"), ("0x10", "digits"), ("NaN", "digits"), ("١", "digits"), ("1 000", "separators"),
        ("1_0", "digits"),
    ],
)  # fmt: skip
def test_W3_money__given_text_that_is_no_amount__refused_with_a_reason(text: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        Money(text, "USD")


def test_W3_money__given_seven_decimals_on_a_six_decimal_token__refused_with_a_reason() -> None:
    with pytest.raises(InputError, match="7 decimals, USDC has 6"):
        Money("0.0000001", "USDC")
    with pytest.raises(InputError, match="more decimals"):
        Money("0.01", "USD").units(1)


@pytest.mark.parametrize("amount", [1.5, 100, None, True])
def test_money__given_something_other_than_text__refused(amount: object) -> None:
    with pytest.raises(InputError):
        Money(amount, "USD")  # type: ignore[arg-type]


@given(st.integers(0, 2**256), st.integers(0, 18))
def test_prop_money__any_minor_amount__survives_text_and_json(minor: int, decimals: int) -> None:
    money = Money.of_minor(minor, "TOK", decimals=decimals)
    assert money.minor == minor
    assert Money(money.amount, "TOK", decimals) == money
    assert Money.from_json(json.loads(json.dumps(money.to_json()))) == money
    assert money.units(decimals) == minor


def test_money__given_other_currency__is_not_added() -> None:
    assert Money("1", "USD") + Money("2.50", "USD") == Money("3.50", "USD")
    with pytest.raises(InputError):
        Money("1", "USD") + Money("1", "EUR")
    with pytest.raises(InputError):
        Money("1", "USD") - Money("2", "USD")
    assert Money("5", "JPY").minor == 5


@pytest.mark.parametrize(
    "text", [GOOD[:-1] + "D", GOOD.replace("aA", "Aa"), GOOD[:-2], "vitalik.eth", "аbc", GOOD + " "]
)
def test_W4_address__given_wrong_checksum_or_a_name__refused(text: str) -> None:
    with pytest.raises(InputError):
        address(text)
    with pytest.raises(InputError):
        address(text, confirm_unchecked=True)


def test_W4_address__given_one_case__needs_confirmation() -> None:
    assert address(GOOD) == GOOD
    with pytest.raises(InputError, match="no checksum"):
        address(GOOD.lower())
    assert address(GOOD.lower(), confirm_unchecked=True) == GOOD
    assert address("0x" + GOOD[2:].upper(), confirm_unchecked=True) == GOOD


def test_keccak__given_known_input__known_digest() -> None:
    assert keccak(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_decision__asked_for_truth__raises_with_what_to_do() -> None:
    decision = Decision(allowed=True, because="GRANTED", basis="DIRECTIVE")
    with pytest.raises(TypeError, match=r"ask \.allowed"):
        bool(decision)


def test_party__given_label__label_is_in_no_repr_and_no_json() -> None:
    party = PartyRef("person", GOOD, PersonalText("Ana Example"))  # type: ignore[arg-type]
    assert "Ana" not in repr(party)
    assert "Ana" not in json.dumps(party.to_json())
    assert PartyRef.from_json(party.to_json()) == party


def test_receipt__through_json__is_the_same() -> None:
    event = Event("Counted", checksum(GOOD), {"by": GOOD, "n": 2**200, "parts": [1, "0xab"]}, 3, "0xaa", 0)  # type: ignore[arg-type]
    receipt = Receipt("id", "0xaa", 3, "final", 21000, 10**15, (event,))  # type: ignore[arg-type]
    assert Receipt.from_json(json.loads(json.dumps(receipt.to_json()))) == receipt
    assert receipt.event("Counted") is event
    assert str(receipt.cost) == "0.001000000000000000 ETH"
    with pytest.raises(InputError):
        receipt.event("Other")
    prepared = Prepared(1, 2, {"to": GOOD}, "0x")
    assert Prepared.from_json(prepared.to_json()) == prepared
    decision = Decision(allowed=False, because="X_WORD", basis="Y_WORD", denied=frozenset({"LABS_OTHER"}))
    assert Decision.from_json(json.loads(json.dumps(decision.to_json()))) == decision


@pytest.mark.parametrize("value", ["0x12", b"\x01", "zz" * 32, 5])
def test_bytes32__given_another_size__refused(value: object) -> None:
    with pytest.raises(InputError):
        bytes32(value)  # type: ignore[arg-type]
    assert bytes32(b"\xab" * 32) == bytes32("0x" + "AB" * 32)
