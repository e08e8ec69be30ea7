"""Published vectors, run through the very functions the package uses.

What cannot be run, because `cryptography` offers no door to it: HPKE's PSK, Auth and AuthPSK modes and export-only
suites; every encryption after a context's first (its HPKE is single-shot); encrypting with a given ephemeral key. The
vectors' first encryptions carry associated data, which the public `Suite.decrypt` does not take, so they are opened
through `_decrypt_with_aad`, the function underneath it.
"""

import json

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from careledger.privacy import openers
from careledger.privacy.openers import Suite
from careledger.redact import Secret
from tests.shared_data import shared


def load(*parts: str):
    return json.loads(shared("crypto", *parts).read_text())


def h(text: str) -> bytes:
    return bytes.fromhex(text)


def test_hpke__derive_key_pair_for_x25519__equals_rfc_9180():
    seen = 0
    for vector in load("hpke", "rfc9180-vectors.json"):
        if vector["kem_id"] == 0x20:
            opener = openers.from_seed(Secret(h(vector["ikmR"])), suite=Suite.X25519)
            assert openers._dhkem_scalar(Secret(h(vector["ikmR"]))).hex() == vector["skRm"]
            assert opener.public_key.hex() == vector["pkRm"]
            seen += 1
    assert seen == 10


def test_hpke__first_encryption_of_base_mode__opens():
    aeads = {1: hpke.AEAD.AES_128_GCM, 2: hpke.AEAD.AES_256_GCM, 3: hpke.AEAD.CHACHA20_POLY1305}
    ran, left = [], []
    for vector in load("hpke", "rfc9180-vectors.json"):
        name = (vector["mode"], vector["kem_id"], vector["aead_id"])
        if vector["mode"] != 0 or vector["aead_id"] not in aeads:
            left.append(name)
            continue
        if vector["kem_id"] == 0x20:
            kem, key = hpke.KEM.X25519, X25519PrivateKey.from_private_bytes(h(vector["skRm"]))
        else:
            kem = hpke.KEM.P256
            key = ec.derive_private_key(int(vector["skRm"], 16), ec.SECP256R1())
        ours = name == (0, 0x20, 2)
        suite = openers._HPKE[Suite.X25519] if ours else hpke.Suite(kem, hpke.KDF.HKDF_SHA256, aeads[name[2]])
        first = vector["encryptions"][0]
        sealed = h(vector["enc"]) + h(first["ct"])
        opened = openssl.hpke._decrypt_with_aad(suite, sealed, key, h(vector["info"]), h(first["aad"]))
        assert opened == h(first["pt"])
        with pytest.raises(InvalidTag):
            openssl.hpke._decrypt_with_aad(suite, sealed, key, h(vector["info"]) + b"x", h(first["aad"]))
        ran.append(name)
    assert (0, 0x20, 2) in ran and len(ran) == 5
    assert len(left) == 14


def test_wycheproof__aes_gcm__through_the_aead_of_sealing():
    ran = {"valid": 0, "invalid": 0, "refused": 0}
    for group in load("wycheproof", "aes_gcm_test.json")["testGroups"]:
        for case in group["tests"]:
            aead, nonce = AESGCM(h(case["key"])), h(case["iv"])
            sealed, aad = h(case["ct"]) + h(case["tag"]), h(case["aad"])
            if not 8 <= len(nonce) <= 128:  # sealing's nonces have 12 bytes; `cryptography` refuses these sizes
                with pytest.raises(ValueError):
                    aead.decrypt(nonce, sealed, aad)
                ran["refused"] += 1
                continue
            out = memoryview(bytearray(len(sealed) - 16))
            if case["result"] == "valid":
                aead.decrypt_into(nonce, sealed, aad, out)
                assert bytes(out) == h(case["msg"])
                back = bytearray(len(sealed))
                aead.encrypt_into(nonce, h(case["msg"]), aad, back)
                assert bytes(back) == sealed
            else:
                with pytest.raises(InvalidTag):
                    aead.decrypt_into(nonce, sealed, aad, out)
            ran[case["result"]] += 1
    assert sum(ran.values()) == 190 and ran["valid"] > 100 and ran["invalid"] > 20


def test_wycheproof__x25519__through_the_exchange_of_hpke():
    ran = 0
    for group in load("wycheproof", "x25519_test.json")["testGroups"]:
        for case in group["tests"]:
            private, public = X25519PrivateKey.from_private_bytes(h(case["private"])), h(case["public"])
            shared_ = h(case["shared"])
            if shared_ == bytes(32):  # points of low order: refused, as RFC 9180 demands
                with pytest.raises(ValueError):
                    private.exchange(X25519PublicKey.from_public_bytes(public))
            else:
                assert private.exchange(X25519PublicKey.from_public_bytes(public)) == shared_
            ran += 1
    assert ran == 311


def test_wycheproof__hkdf_sha256__through_the_kdf_of_sealing():
    ran = 0
    for group in load("wycheproof", "hkdf_sha256_test.json")["testGroups"]:
        for case in group["tests"]:
            if case["result"] == "invalid":
                with pytest.raises(ValueError):
                    HKDF(algorithm=SHA256(), length=case["size"], salt=h(case["salt"]), info=h(case["info"]))
            else:
                kdf = HKDF(algorithm=SHA256(), length=case["size"], salt=h(case["salt"]), info=h(case["info"]))
                assert kdf.derive(h(case["ikm"])) == h(case["okm"])
            ran += 1
    assert ran == 52
