"""Pseudonyms.

mnemonics
  given published vectors                     → the published words, seeds and keys
  given a wrong word, count or checksum       → KeyMaterialError without the words
Wallet
  given different scopes                      → addresses, paths and opener keys all differ
  given the same mnemonic                     → the same ones
"""

import json
import pickle
import traceback
import unicodedata
import warnings

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger.errors import InputError, KeyMaterialError
from careledger.privacy.openers import Suite
from careledger.privacy.pseudonyms import (
    ACCOUNT_BRANCH,
    OPENER_BRANCH,
    Scope,
    Wallet,
    languages,
    mnemonic_of,
    mnemonic_seed,
    new_mnemonic,
)
from careledger.redact import Secret
from tests.shared_data import shared

CLINIC, LAB, INSURER = ("0x" + pair * 20 for pair in ("11", "22", "33"))
WORDS = b"test test test test test test test test test test test junk"


@pytest.fixture(scope="module")
def wallet() -> Wallet:
    return Wallet.from_mnemonic(Secret(WORDS))


def test_bip39__published_vectors__words_and_seeds():
    vectors = json.loads(shared("crypto", "bip39", "vectors.json").read_text())
    seen = 0
    for language, entries in vectors.items():
        if language not in languages():  # Portuguese has no word list in eth-account
            continue
        for entropy, words, seed, _root in entries:
            phrase = mnemonic_of(Secret(bytes.fromhex(entropy)), language=language).reveal().decode()
            assert unicodedata.normalize("NFKD", phrase).split() == unicodedata.normalize("NFKD", words).split()
            given_ = mnemonic_seed(Secret(words.encode()), passphrase=Secret(b"TREZOR"))
            assert given_.reveal().hex() == seed
            seen += 1
    assert seen == 126


def test_hd__published_vectors_of_ethers__keys_and_addresses():
    seen = 0
    for entry in json.loads(shared("crypto", "ethers", "hdnode.json").read_text()):
        seed = mnemonic_seed(
            Secret(entry["mnemonic"].encode()), passphrase=Secret((entry.get("password") or "").encode())
        )
        assert seed.reveal().hex() == entry["seed"][2:]
        for node in entry["hdnodes"]:
            key = Wallet(seed).key_at(node["path"])
            assert key.reveal().hex() == node["privateKey"][2:]
            if seen % 10 == 0:
                assert Account.from_key(key.reveal()).address.lower() == node["address"].lower()
            seen += 1
    assert seen == 1885


def test_key_at__well_known_development_mnemonic__its_first_address(wallet):
    key = wallet.key_at("m/44'/60'/0'/0/0")
    assert Account.from_key(key.reveal()).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@pytest.mark.parametrize(
    "phrase",
    [
        b"",
        b"test " * 11 + b"test",
        b"test " * 11 + b"junc",
        b"test " * 10 + b"junk",
        b"\xff\xfe",
        b"correct horse battery staple " * 3,
    ],
)
def test_S8_from_mnemonic__wrong__refused_without_the_words(phrase):
    with pytest.raises(KeyMaterialError) as caught:
        Wallet.from_mnemonic(Secret(phrase))
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    shown = "".join(str(f.locals) for f in frames.stack if "careledger/privacy" in f.filename)
    shown += "".join(traceback.format_exception(caught.value)) + caught.value.why
    assert "junk" not in shown and "horse" not in shown and "junc" not in shown and "test test" not in shown


def test_from_mnemonic__untidy_spaces_and_case__same_wallet(wallet):
    untidy = Wallet.from_mnemonic(Secret(b"  " + WORDS.upper().replace(b" ", b"  ") + b"\n"))
    assert untidy.account(Scope.practice()) == wallet.account(Scope.practice())


def test_from_mnemonic__other_passphrase__other_wallet(wallet):
    other = Wallet.from_mnemonic(Secret(WORDS), passphrase=Secret(b"x"))
    assert other.account(Scope.practice()) != wallet.account(Scope.practice())


@pytest.mark.parametrize("words", [12, 15, 18, 21, 24])
def test_new_mnemonic__any_length__valid_and_fresh(words):
    one, two = new_mnemonic(words=words), new_mnemonic(words=words)
    assert one != two and len(one.reveal().split()) == words
    mnemonic_seed(one)


@pytest.mark.parametrize("language", languages())
def test_create__any_language__comes_back(language):
    made, phrase = Wallet.create(words=12, language=language)
    assert Wallet.from_mnemonic(phrase).account(Scope.practice()) == made.account(Scope.practice())


def test_new_mnemonic__unknown_length_or_language__refused():
    with pytest.raises(InputError):
        new_mnemonic(words=13)
    with pytest.raises(InputError):
        new_mnemonic(language="klingon")
    with pytest.raises(InputError):
        mnemonic_of(Secret(bytes(15)))


def scopes() -> list[Scope]:
    found = [Scope.practice(n) for n in range(3)]
    for party in (CLINIC, LAB, INSURER):
        found += [Scope.custodian(party), Scope.custodian(party, number=1), Scope.guardian_of(party)]
        found += [Scope.coverage(party, plan_year=y) for y in (2025, 2026)]
        found += [Scope.encounter(party, number=n) for n in range(5)]
    return found


def test_wallet__different_scopes__no_address_path_or_key_shared(wallet):
    all_ = scopes()
    accounts = [wallet.account(s) for s in all_]
    assert len({a.address for a in accounts}) == len({a.key.reveal() for a in accounts}) == len(all_)
    assert len({s.path() for s in all_}) == len(all_)
    openers = [wallet.opener(s, suite=Suite.X25519).public_key for s in all_]
    assert len(set(openers)) == len(all_)
    seeds = {a.key.reveal() for a in accounts}
    assert not seeds & {wallet.key_at(s.path(OPENER_BRANCH)).reveal() for s in all_}


def test_wallet__opener__differs_by_epoch_and_suite_and_comes_back(wallet):
    scope = Scope.custodian(CLINIC)
    again = Wallet.from_mnemonic(Secret(WORDS))
    assert wallet.opener(scope).public_key == again.opener(scope).public_key
    assert wallet.opener(scope, epoch=1).public_key != wallet.opener(scope).public_key
    hybrid, curve = wallet.opener(scope), wallet.opener(scope, suite=Suite.X25519)
    assert hybrid.public_key[-32:] != curve.public_key


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**64 - 1), st.binary(min_size=20, max_size=20))
def test_prop_scope__path__hardened_throughout_and_248_bits(number, party):
    scope = Scope.custodian("0x" + party.hex(), number=number)
    assert scope.path().startswith(ACCOUNT_BRANCH + "/") and scope.path().count("'") == 10
    joined = 0
    for index in scope.indices:
        assert 0 <= index < 1 << 31
        joined = joined << 31 | index
    assert joined == int.from_bytes(scope.digest, "big") >> 8


def test_scope__address_in_any_case__same_scope():
    lower = "0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert Scope.custodian(lower) == Scope.custodian("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
    with pytest.raises(InputError):
        Scope.custodian("0x12")
    with pytest.raises(InputError):
        Scope.practice(-1)
    with pytest.raises(KeyMaterialError):
        Wallet(Secret(bytes(64))).key_at("n/1")
    with pytest.raises(KeyMaterialError):
        Wallet(Secret(b"short"))


def test_account__signs_as_its_address(wallet):
    account = wallet.account(Scope.custodian(CLINIC))
    digest = b"\x11" * 32
    assert Account._recover_hash(digest, signature=account.sign_hash(digest)) == account.address
    raw = account.sign_transaction(
        {"to": LAB, "value": 1, "gas": 21000, "gasPrice": 1, "nonce": 0, "chainId": 1, "data": b""}
    )
    assert Account.recover_transaction(raw) == account.address
    data = {
        "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "Note": [{"name": "n", "type": "uint256"}]},
        "domain": {"name": "CareLedger"},
        "primaryType": "Note",
        "message": {"n": 1},
    }
    signature = account.sign_typed(data)
    assert len(signature) == 65
    assert Account.recover_message(encode_typed_data(full_message=data), signature=signature) == account.address


def test_S8_wallet__repr_and_pickle__reveal_nothing(wallet):
    account = wallet.account(Scope.custodian(CLINIC))
    assert repr(wallet) == "<wallet>" and account.key.reveal().hex() not in repr(account)
    assert "11" * 20 not in repr(Scope.custodian(CLINIC)) and "2026" not in repr(Scope.coverage(LAB, plan_year=2026))
    for thing in (wallet, account):
        with pytest.raises(TypeError):
            pickle.dumps(thing)


def test_wallet__hd_functions__no_warning_and_no_global_switch(wallet):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Wallet.create(words=12)
        wallet.account(Scope.practice())
    assert Account._use_unaudited_hdwallet_features is False
