"""Signers and key files (K8, S8), typed data against the vectors of ethers."""

from __future__ import annotations

import json
import logging
import os
import pickle
import secrets
import traceback
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from careledger.chain import transactions
from careledger.chain.local import MNEMONIC
from careledger.chain.signers import Signer
from careledger.chain.typed import Domain, TypedData
from careledger.errors import InputError, KeyMaterialError
from careledger.redact import Secret
from tests.sdk.chain.faults import FaultProxy
from tests.shared_data import shared

KEY = bytes.fromhex("64f9e72be153b999887f9edb4f1b1ad18de75ae17f858259f161d71ce79cdf61")
PASSWORD = "correct horse"


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    path = tmp_path / "clinic.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, iterations=2)))
    path.chmod(0o600)
    return path


def _shown(error: BaseException) -> str:
    return (
        "".join(traceback.format_exception(error)) + repr(error) + getattr(error, "why", "") + getattr(error, "fix", "")
    )


def test_from_keystore__given_right_password__signs_as_its_account(keystore: Path) -> None:
    signer = Signer.from_keystore(keystore, password=lambda: PASSWORD)
    assert signer.address == Account.from_key(KEY).address


def test_from_keystore__given_environment__password_is_found(keystore: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARELEDGER_PASSWORD", PASSWORD)
    assert Signer.from_keystore(keystore).address == Account.from_key(KEY).address


def _cut(path: Path) -> None:
    path.write_text(path.read_text()[:200])


def _foreign(path: Path) -> None:
    path.write_text("{}")


def _damaged(path: Path) -> None:
    store = json.loads(path.read_text())
    store["crypto"]["kdfparams"]["salt"] = "zz"
    path.write_text(json.dumps(store))


def _open(path: Path) -> None:
    path.chmod(0o644)


def _gone(path: Path) -> None:
    path.unlink()


def _link(path: Path) -> None:
    path.rename(path.with_name("real.json"))
    path.symlink_to(path.with_name("real.json"))


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _huge(path: Path) -> None:
    path.write_text(" " * 100_000)


@pytest.mark.parametrize("spoil", [_cut, _foreign, _damaged, _open, _gone, _link, _folder, _huge])
def test_K8_from_keystore__given_spoilt_file__key_material_error_without_secrets(spoil: object, keystore: Path) -> None:
    cipher = json.loads(keystore.read_text())["crypto"]["ciphertext"]
    spoil(keystore)  # type: ignore[operator]
    with pytest.raises(KeyMaterialError) as caught:
        Signer.from_keystore(keystore, password=PASSWORD)
    shown = _shown(caught.value)
    assert not any(secret in shown for secret in (PASSWORD, KEY.hex(), cipher))


@pytest.mark.parametrize(
    "change",
    [
        {"p": 1 << 20}, {"n": 1 << 20, "p": 2}, {"n": 1 << 40}, {"r": 1 << 20}, {"dklen": 10**9}, {"dklen": 31},
        {"kdf": "pbkdf2", "prf": "hmac-sha256", "c": 10**10},
    ],
)  # fmt: skip
def test_K8_from_keystore__given_costly_derivation__refused_at_once(change: dict[str, Any], keystore: Path) -> None:
    store = json.loads(keystore.read_text())
    store["crypto"]["kdf"] = change.pop("kdf", "scrypt")
    store["crypto"]["kdfparams"] |= change
    keystore.write_text(json.dumps(store))
    with pytest.raises(KeyMaterialError, match="not allowed"):
        Signer.from_keystore(keystore, password=PASSWORD)


@pytest.mark.parametrize("kdf", ["scrypt", "pbkdf2"])
def test_from_keystore__given_either_derivation__opens(kdf: str, tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, kdf=kdf, iterations=4)).replace('"crypto"', '"Crypto"'))
    path.chmod(0o600)
    assert Signer.from_keystore(path, password=PASSWORD).address == Account.from_key(KEY).address


def test_from_keystore__given_iv_with_its_zeros_left_out__opens(
    keystore: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter([b"\7" * 16, b"\0" + b"\1" * 15])
    monkeypatch.setattr("eth_keyfile.keyfile.Random.get_random_bytes", lambda _size: next(drawn))
    store = Account.encrypt(KEY, PASSWORD, iterations=2)
    assert len(store["crypto"]["cipherparams"]["iv"]) == 30
    keystore.write_text(json.dumps(store))
    assert Signer.from_keystore(keystore, password=PASSWORD).address == Account.from_key(KEY).address


def test_K8_from_keystore__given_wrong_password__says_so_without_it(keystore: Path) -> None:
    wrong = secrets.token_hex(8)
    with pytest.raises(KeyMaterialError, match="password") as caught:
        Signer.from_keystore(keystore, password=wrong)
    assert wrong not in _shown(caught.value)


def test_from_mnemonic__given_known_words__known_account(tmp_path: Path) -> None:
    path = tmp_path / "words"
    path.write_text(MNEMONIC + "\n")
    path.chmod(0o600)
    for words in (MNEMONIC, Secret(MNEMONIC.encode()), path, lambda: MNEMONIC):
        assert Signer.from_mnemonic(words).address == "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert Signer.from_mnemonic(MNEMONIC, path="m/44'/60'/0'/0/1").address.startswith("0x70997970")
    for bad in ({"words": MNEMONIC + " test"}, {"words": MNEMONIC, "path": "44/x"}):
        with pytest.raises(KeyMaterialError) as caught:
            Signer.from_mnemonic(**bad)  # type: ignore[arg-type]
        assert "junk" not in _shown(caught.value)


@pytest.mark.parametrize("key", [b"", b"\0" * 32, b"\xff" * 32, "0x12", "zz", "0x" + "12" * 33])
def test_from_key__given_no_key__key_material_error(key: bytes | str) -> None:
    with pytest.raises(KeyMaterialError) as caught:
        Signer.from_key(key)
    assert not key or (key.hex() if isinstance(key, bytes) else key) not in str(caught.value)


def test_S8_signer__shown_or_pickled__holds_no_key(caplog: pytest.LogCaptureFixture) -> None:
    signer = Signer.from_key(KEY)
    with caplog.at_level(logging.DEBUG):
        shown = f"{signer!r} {signer} {vars(signer)!r}"
        signer.sign_hash(b"\1" * 32)
    assert KEY.hex() not in shown + caplog.text
    with pytest.raises(TypeError):
        pickle.dumps(signer)


def test_sign_transaction__beside_eth_account__same_bytes() -> None:
    chance = secrets.SystemRandom()
    signer = Signer.from_key(KEY)
    for _ in range(200):
        tx = {
            "chainId": chance.randrange(1, 2**40), "nonce": chance.randrange(2**16), "gas": chance.randrange(2**30),
            "maxPriorityFeePerGas": chance.randrange(2**20), "maxFeePerGas": chance.randrange(2**60),
            "to": chance.choice([None, signer.address]), "value": chance.randrange(2**90),
            "data": secrets.token_bytes(chance.choice([0, 1, 31, 55, 56, 300])),
        }  # fmt: skip
        theirs = Account.sign_transaction({**tx, "type": 2, "to": tx["to"] or b""}, KEY).raw_transaction
        raw = signer.sign_transaction(tx)
        assert raw == bytes(theirs)
        decoded = transactions.decode(raw)
        assert {name: decoded[name] for name in tx} == tx
        assert decoded["from"] == signer.address


def test_sign_transaction__given_ethers_vectors__same_bytes() -> None:
    checked = 0
    for case in json.loads(shared("crypto", "ethers", "typed-transactions.json").read_text()):
        given = case["tx"]
        if given.get("type") != 2 or given.get("accessList"):
            continue
        number = lambda name, of=given: int(str(of.get(name, 0)), 0)  # noqa: E731
        tx = {name: number(name) for name in ("chainId", "nonce", "maxPriorityFeePerGas", "maxFeePerGas", "value")}
        tx |= {"gas": number("gasLimit"), "to": given.get("to"), "data": given.get("data") or "0x"}  # type: ignore[dict-item]
        assert "0x" + Signer.from_key(case["key"]).sign_transaction(tx).hex() == case["signed"]
        checked += 1
    assert checked > 50


def test_typed_data__given_ethers_vectors__same_digests() -> None:
    cases = json.loads(shared("crypto", "ethers", "eip712.json").read_text())
    for case in cases:
        parts = {"types": case["types"], "domain": case["domain"], "primaryType": case["primaryType"]}
        data = TypedData.from_json({**parts, "message": case["data"]})
        assert "0x" + data.digest.hex() == case["digest"], case["name"]
        assert TypedData.from_json(json.loads(json.dumps(data.to_json()))).digest == data.digest
        assert data.signer_of(Signer.from_key(KEY).sign_typed(data)) == Account.from_key(KEY).address
    assert len(cases) > 600


def test_typed_data__given_missing_or_unknown_member__refused() -> None:
    types = {"Grant": (("to", "address"), ("until", "uint40"))}
    for message in ({"to": "0x" + "11" * 20}, {"to": "0x" + "11" * 20, "until": 1, "x": 2}, {"to": 1, "until": True}):
        with pytest.raises(InputError):
            _ = TypedData(Domain("x"), types, "Grant", message).digest


def test_K1_recover__given_malleable_forms__refused() -> None:
    signature = Signer.from_key(KEY).sign_hash(b"\1" * 32)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high = (order - int.from_bytes(signature[32:64], "big")).to_bytes(32, "big")
    for other in (signature[:32] + high + bytes((55 - signature[64],)), signature[:64], signature[:64] + b"\0"):
        with pytest.raises(InputError):
            transactions.recover(b"\1" * 32, other)


def test_from_callable__given_another_keys_signature__refused() -> None:
    own, other = Signer.from_key(KEY), Signer.from_key(b"\2" * 32)
    assert Signer.from_callable(own.address, own.sign_hash).sign_hash(b"\1" * 32) == own.sign_hash(b"\1" * 32)
    for bad in (other.sign_hash, lambda _: b"", lambda _: b"\0" * 65):
        with pytest.raises(KeyMaterialError):
            Signer.from_callable(own.address, bad).sign_hash(b"\1" * 32)


class _Daemon(FaultProxy):
    """Signs whatever it likes."""

    answer: str | dict[str, str] = ""

    def forward(self, body: bytes) -> bytes:
        return json.dumps({"jsonrpc": "2.0", "id": json.loads(body)["id"], "result": self.answer}).encode()


def test_remote__given_another_transaction_signed__refused() -> None:
    own, other = Signer.from_key(KEY), Signer.from_key(b"\2" * 32)
    tx = {"chainId": 1, "nonce": 0, "maxPriorityFeePerGas": 1, "maxFeePerGas": 2, "gas": 21000, "to": other.address,
          "value": 1, "data": b""}  # fmt: skip
    typed = TypedData(Domain("x", chain_id=1), {"A": (("n", "uint256"),)}, "A", {"n": 2**60})
    with _Daemon("") as daemon:
        signer = Signer.remote(daemon.url, own.address)
        daemon.answer = "0x" + own.sign_transaction(tx).hex()
        assert signer.sign_transaction(tx) == own.sign_transaction(tx)
        daemon.answer = {"raw": "0x" + own.sign_transaction(tx).hex()}
        assert signer.sign_transaction(tx) == own.sign_transaction(tx)
        for wrong in (own.sign_transaction({**tx, "value": 2}), other.sign_transaction(tx), b"\2\1"):
            daemon.answer = "0x" + wrong.hex()
            with pytest.raises(KeyMaterialError):
                signer.sign_transaction(tx)
        daemon.answer = "0x" + own.sign_typed(typed).hex()
        assert signer.sign_typed(typed) == own.sign_typed(typed)
        daemon.answer = "0x" + other.sign_typed(typed).hex()
        with pytest.raises(KeyMaterialError):
            signer.sign_typed(typed)
        with pytest.raises(KeyMaterialError):
            signer.sign_hash(b"\1" * 32)
    assert os.environ.get("CARELEDGER_PASSWORD") is None
