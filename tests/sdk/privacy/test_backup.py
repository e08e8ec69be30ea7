"""Wallet backup.

given a password or a recipient's key         → everything comes back
given a wrong password, a stranger's key, a changed or cut document → a typed error that shows nothing
given backups of one or of many things        → the same size
"""

import json

import pytest

from careledger.errors import FormatError, InputError, KeyMaterialError, NotARecipient, SealedDamaged
from careledger.privacy.backup import Backup, open_backup, seal_backup
from careledger.privacy.commitments import RecordOpening, new_salt
from careledger.privacy.openers import Suite, from_seed, new_seed
from careledger.privacy.pseudonyms import Scope, Wallet
from careledger.redact import Secret

PASSWORD, WORK = Secret(b"correct horse"), 1 << 12


@pytest.fixture
def backup() -> Backup:
    _, phrase = Wallet.create(words=12)
    opening = RecordOpening(
        salt=new_salt(),
        author="0x" + "11" * 20,
        patient="0x" + "22" * 20,
        classes=5,
        media_type="text/plain",
        content_hash=bytes(32),
    )
    return Backup(mnemonic=phrase, keys={"old phone": new_seed()}, openings=(opening,), receipts=('{"n":1}',))


def test_backup__password_or_key__everything_comes_back(backup):
    device, guardian = from_seed(new_seed()), from_seed(new_seed(), suite=Suite.X25519)
    text = seal_backup(backup, password=PASSWORD, recipients=[device.recipient(), guardian.recipient()], work=WORK)
    for again in (open_backup(text, password=PASSWORD), *(open_backup(text, opener=o) for o in (device, guardian))):
        assert again == backup
    assert again.mnemonic is not None and backup.mnemonic is not None
    scope = Scope.practice()
    assert Wallet.from_mnemonic(again.mnemonic).account(scope) == Wallet.from_mnemonic(backup.mnemonic).account(scope)


def test_S8_backup__document_and_repr__show_nothing(backup):
    text = seal_backup(backup, password=PASSWORD, work=WORK)
    assert backup.mnemonic is not None
    for secret in (backup.mnemonic.reveal().decode().split()[0], "old phone", '"n":1', "22" * 20):
        assert f" {secret} " not in text and f'"{secret}"' not in text
    assert repr(backup) == "Backup()"


def test_R10_backup__of_little_or_more__same_size(backup):
    assert len(seal_backup(Backup(), password=PASSWORD, work=WORK)) == len(
        seal_backup(backup, password=PASSWORD, work=WORK)
    )


def test_backup__wrong_password_or_stranger__refused(backup):
    owner = from_seed(new_seed(), suite=Suite.X25519)
    text = seal_backup(backup, password=PASSWORD, recipients=[owner.recipient()], work=WORK)
    with pytest.raises(KeyMaterialError, match="does not open"):
        open_backup(text, password=Secret(b"guess"))
    with pytest.raises(NotARecipient):
        open_backup(text, opener=from_seed(new_seed(), suite=Suite.X25519))
    with pytest.raises(NotARecipient, match="neither"):
        open_backup(text)
    with pytest.raises(KeyMaterialError, match="without a password"):
        open_backup(seal_backup(backup, recipients=[owner.recipient()]), password=PASSWORD)
    with pytest.raises(InputError, match="never be opened"):
        seal_backup(backup)


def test_H12_backup__changed_or_cut__refused(backup):
    text = seal_backup(backup, password=PASSWORD, work=WORK)
    for cut in (0, 1, 100, -1):
        with pytest.raises(FormatError):
            open_backup(text[:cut], password=PASSWORD)
    other = json.loads(seal_backup(backup, password=PASSWORD, work=WORK))
    mine = json.loads(text)
    for name, error in (("sealed", SealedDamaged), ("name", KeyMaterialError), ("roads", KeyMaterialError)):
        with pytest.raises(error):
            open_backup(json.dumps({**mine, name: other[name]}), password=PASSWORD)
    for n in (1 << 30, 3000, True, "4096"):
        lock = {**mine["roads"]["password"], "n": n}
        with pytest.raises(FormatError):
            open_backup(json.dumps({**mine, "roads": {**mine["roads"], "password": lock}}), password=PASSWORD)
