"""Openers and keystores.

from_seed
  given published vectors                     → the published keys
  given the same seed                         → the same key; another suite another key
from_callable
  it behaves as the key itself would
keystore
  given the right password                    → the same opener
  given cut, changed, wrong password, open permissions, a link, another kind of file → KeyMaterialError, no key shown
"""

import json
import os
import pickle
import traceback

import pytest

from careledger.errors import KeyMaterialError, NotFound, SealedDamaged
from careledger.privacy.openers import (
    Opener,
    Recipient,
    Suite,
    from_callable,
    from_keystore,
    from_seed,
    new_seed,
    save_keystore,
)
from careledger.privacy.sealing import new_key
from careledger.redact import Secret

BOTH = pytest.mark.parametrize("suite", list(Suite))
PASSWORD = Secret(b"correct horse battery", "password")
WORK = 1 << 12


@BOTH
def test_from_seed__same_seed__same_key(suite):
    seed = new_seed()
    one, two = from_seed(seed, suite=suite), from_seed(seed, suite=suite)
    assert one.public_key == two.public_key and one.key_hash == two.key_hash and isinstance(one, Opener)
    key = new_key()
    assert two.unwrap(one.recipient().wrap(key, b"i"), b"i") == key
    with pytest.raises(SealedDamaged):
        two.unwrap(one.recipient().wrap(key, b"i"), b"j")


def test_from_seed__x_wing_first_published_vector__same_public_key():
    """First vector of draft-connolly-cfrg-xwing-kem, appendix C: the seed, and how its public key starts."""
    seed = Secret(bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26"))
    public = from_seed(seed, suite=Suite.MLKEM768_X25519).public_key
    assert public.hex().startswith("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5")
    assert len(public) == 1216


def test_from_seed__wrong_size__refused():
    with pytest.raises(KeyMaterialError, match="32 bytes, this one has 16"):
        from_seed(Secret(bytes(16)))


def test_from_callable__a_key_elsewhere__behaves_the_same():
    inside = from_seed(new_seed(), suite=Suite.X25519)
    outside = from_callable(
        lambda wrap, info: inside.unwrap(wrap, info).reveal(), public_key=inside.public_key, suite=Suite.X25519
    )
    key = new_key()
    assert isinstance(outside, Opener) and outside.key_hash == inside.key_hash and outside.suite == inside.suite
    assert outside.unwrap(inside.recipient().wrap(key, b"i"), b"i") == key
    with pytest.raises(SealedDamaged):
        outside.unwrap(b"\0" * 80, b"i")


@pytest.mark.parametrize("raw", [bytes(31), bytes(33), b""])
def test_recipient__wrong_size__refused(raw):
    with pytest.raises(KeyMaterialError, match="public key has"):
        Recipient(raw, Suite.X25519)


def test_recipient__unknown_suite__refused():
    with pytest.raises(KeyMaterialError, match="suite 0x0009"):
        Recipient(bytes(32), 9)  # type: ignore[arg-type]


def test_recipient__point_of_low_order_or_malformed_key__refused():
    for recipient in (Recipient(bytes(32), Suite.X25519), Recipient(b"\xff" * 1216, Suite.MLKEM768_X25519)):
        with pytest.raises(KeyMaterialError, match="not usable"):
            recipient.wrap(new_key(), b"")


@BOTH
def test_keystore__right_password__same_opener(tmp_path, suite):
    path = tmp_path / "clinic.json"
    saved = save_keystore(path, new_seed(), PASSWORD, suite=suite, work=WORK)
    assert path.stat().st_mode & 0o777 == 0o600
    assert from_keystore(path, PASSWORD).public_key == saved.public_key
    assert json.loads(path.read_text())["format"] == "careledger-opener-v1"


def failing(path, password=PASSWORD) -> str:
    """Return everything the refusal shows, local variables of our frames included."""
    with pytest.raises(KeyMaterialError) as caught:
        from_keystore(path, password)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inside = "".join(str(f.locals) for f in frames.stack if "careledger/privacy" in f.filename)
    return inside + "".join(traceback.format_exception(caught.value)) + caught.value.why + caught.value.fix


def test_K8_S8_keystore__wrong_password__refused_and_nothing_shown(tmp_path):
    seed = Secret(b"\xa7" * 32)
    save_keystore(tmp_path / "k", seed, PASSWORD, work=WORK)
    shown = failing(tmp_path / "k", Secret(b"wrong guess 4711"))
    assert "password is wrong" in shown
    for secret in ("wrong guess", "correct horse", "a7a7", r"\xa7\xa7"):
        assert secret not in shown


@pytest.mark.parametrize("cut", [0, 1, 100, -1])
def test_K8_keystore__cut__refused(tmp_path, cut):
    path = tmp_path / "k"
    save_keystore(path, new_seed(), PASSWORD, work=WORK)
    path.write_bytes(path.read_bytes()[:cut])
    assert "cut" in failing(path)


def test_K8_keystore__any_field_changed__refused(tmp_path):
    path = tmp_path / "k"
    save_keystore(path, new_seed(), PASSWORD, work=WORK)
    good = json.loads(path.read_text())
    changes = {
        "suite": 1,
        "publicKey": good["publicKey"][:-4] + "AAAA",
        "format": "v0",
        "kdf": {**good["kdf"], "n": WORK * 2},
        "cipher": {**good["cipher"], "text": "A" + good["cipher"]["text"][1:]},
    }
    for name, value in changes.items():
        path.write_text(json.dumps({**good, name: value}))
        failing(path)


@pytest.mark.parametrize("part", [
    "format", "publicKey", "suite", "kdf", "kdf.n", "kdf.name", "kdf.p", "kdf.r", "kdf.salt", "cipher", "cipher.name",
    "cipher.nonce", "cipher.text",
])  # fmt: skip
def test_K8_keystore__any_field_of_another_kind__refused(tmp_path, part):
    path = tmp_path / "k"
    save_keystore(path, new_seed(), PASSWORD, work=WORK)
    above, _, name = part.rpartition(".")
    for value in (..., None, [], {}, 5, 1.5, True, "", "x", "0x", "é１", "\ud800", "A" * 1000, [[]], 2**256):
        whole = json.loads(path.read_text())
        at = whole[above] if above else whole
        if value is ...:
            del at[name]
        else:
            at[name] = value
        (tmp_path / "other").write_text(json.dumps(whole))
        (tmp_path / "other").chmod(0o600)
        failing(tmp_path / "other")


def test_K8_keystore__asks_for_too_much_memory__refused_at_once(tmp_path):
    path = tmp_path / "k"
    save_keystore(path, new_seed(), PASSWORD, work=WORK)
    data = json.loads(path.read_text())
    for n in (1 << 30, 3000, 2):
        path.write_text(json.dumps({**data, "kdf": {**data["kdf"], "n": n}}))
        assert "not allowed" in failing(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o777, 0o610])
def test_K8_keystore__open_to_others__refused(tmp_path, mode):
    path = tmp_path / "k"
    save_keystore(path, new_seed(), PASSWORD, work=WORK)
    path.chmod(mode)
    assert "chmod 600" in failing(path)


def test_K8_keystore__symbolic_link__refused(tmp_path):
    save_keystore(tmp_path / "k", new_seed(), PASSWORD, work=WORK)
    (tmp_path / "link").symlink_to(tmp_path / "k")
    assert "symbolic link" in failing(tmp_path / "link")


def test_K8_keystore__folder_or_pipe__refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a key file" in failing(tmp_path / "pipe")
    (tmp_path / "folder").mkdir(mode=0o700)
    assert "not a key file" in failing(tmp_path / "folder")


def test_K8_keystore__missing__not_found(tmp_path):
    with pytest.raises(NotFound, match="no key file"):
        from_keystore(tmp_path / "none", PASSWORD)


def test_K8_save_keystore__onto_a_link__refused_and_target_untouched(tmp_path):
    (tmp_path / "target").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(KeyMaterialError, match="symbolic link"):
        save_keystore(tmp_path / "link", new_seed(), PASSWORD, work=WORK)
    assert (tmp_path / "target").read_text() == "mine"


def test_S8_opener__repr_and_pickle__reveal_nothing():
    opener = from_seed(new_seed(), suite=Suite.X25519)
    assert repr(opener) == f"<opener X25519 0x{opener.key_hash.hex()[:8]}…>"
    with pytest.raises(TypeError):
        pickle.dumps(opener)
    assert "X25519" in repr(opener.recipient()) and opener.public_key.hex() not in repr(opener.recipient())
