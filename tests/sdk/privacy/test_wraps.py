"""Wraps and the shelf.

Wraps
  given a recipient                           → opens; canonical JSON comes back
  given anyone else                           → NotARecipient, in one sentence
  given another record, suite, epoch or bit   → SealedDamaged
  rewrap, destroy                             → access added, access gone
Shelf
  given a shredded record                     → no key, salt or plaintext in any file, unreadable for ever
  given a restore from backup                 → stays unreadable, is shredded again
"""

import dataclasses
import io
import json
import shutil

import pytest

from careledger.errors import FormatError, InputError, NotARecipient, NotFound, SealedDamaged
from careledger.privacy.commitments import RecordOpening, content_hash, new_salt
from careledger.privacy.openers import Suite, from_seed, new_seed
from careledger.privacy.sealing import new_key, open_, record_binding, seal
from careledger.privacy.wraps import Shelf, Wraps
from careledger.redact import Secret
from careledger.storage import Store

RECORD, OTHER = b"\x01" * 32, b"\x02" * 32
BOTH = pytest.mark.parametrize("suite", list(Suite))


def opener(suite: Suite = Suite.X25519):
    return from_seed(new_seed(), suite=suite)


@BOTH
def test_wraps__given_recipient__opens_and_json_comes_back(suite):
    key, clinic = new_key(), opener(suite)
    wraps = Wraps(RECORD).add(key, clinic.recipient(epoch=3))
    again = Wraps.from_json(wraps.to_json())
    assert again == wraps and again.open(clinic) == key
    assert json.loads(wraps.to_json())["wraps"][0]["suite"] == int(suite)
    assert len(wraps.wraps[0].sealed) == {Suite.X25519: 80, Suite.MLKEM768_X25519: 1168}[suite]


@BOTH
def test_wraps__given_someone_else__not_a_recipient_in_one_sentence(suite):
    wraps = Wraps(RECORD).add(new_key(), opener(suite).recipient())
    with pytest.raises(NotARecipient) as caught:
        wraps.open(opener(suite))
    assert "is not shared with this key" in caught.value.message and "." not in caught.value.message
    assert str(caught.value.retry) == "ask the author or custodian"


@BOTH
def test_H12_wraps__every_byte_of_the_wrap_flipped__refused(suite):
    clinic = opener(suite)
    wraps = Wraps(RECORD).add(new_key(), clinic.recipient())
    wrap = wraps.wraps[0]
    for place in range(len(wrap.sealed)):
        bad = bytearray(wrap.sealed)
        bad[place] ^= 1 << place % 8
        with pytest.raises(SealedDamaged):
            dataclasses.replace(wraps, wraps=(dataclasses.replace(wrap, sealed=bytes(bad)),)).open(clinic)


def test_H12_wraps__every_byte_of_the_document_flipped__refused_or_not_a_recipient():
    clinic = opener()
    text = Wraps(RECORD).add(new_key(), clinic.recipient()).to_json().encode()
    for place in range(len(text)):
        bad = bytearray(text)
        bad[place] ^= 1
        with pytest.raises((FormatError, SealedDamaged, NotARecipient)):
            Wraps.from_json(bytes(bad).decode("latin-1")).open(clinic)


@BOTH
def test_H13_wraps__moved_to_another_record_or_epoch__refused(suite):
    clinic = opener(suite)
    wraps = Wraps(RECORD).add(new_key(), clinic.recipient(epoch=1))
    with pytest.raises(SealedDamaged, match="does not open"):
        Wraps(OTHER, wraps.wraps).open(clinic)
    with pytest.raises(SealedDamaged):
        dataclasses.replace(wraps, wraps=(dataclasses.replace(wraps.wraps[0], epoch=2),)).open(clinic)


def test_H13_wraps__two_readers_wraps_exchanged__refused():
    one, two = opener(), opener()
    wraps = Wraps(RECORD).add(new_key(), one.recipient()).add(new_key(), two.recipient())
    a, b = wraps.wraps
    swapped = (dataclasses.replace(a, sealed=b.sealed), dataclasses.replace(b, sealed=a.sealed))
    for reader in (one, two):
        with pytest.raises(SealedDamaged):
            dataclasses.replace(wraps, wraps=swapped).open(reader)


def test_wraps__suite_in_document_differs_from_key__not_a_recipient():
    clinic = opener(Suite.X25519)
    wraps = Wraps(RECORD).add(new_key(), clinic.recipient())
    other = dataclasses.replace(wraps.wraps[0], suite=Suite.MLKEM768_X25519)
    with pytest.raises(NotARecipient):
        dataclasses.replace(wraps, wraps=(other,)).open(clinic)


def test_H4_rewrap_and_destroy__access_added_then_gone():
    key, clinic, patient = new_key(), opener(Suite.MLKEM768_X25519), opener(Suite.X25519)
    wraps = Wraps(RECORD).add(key, clinic.recipient()).rewrap(clinic, patient.recipient())
    assert wraps.open(patient) == key == wraps.open(clinic)
    assert wraps.recipients() == sorted([clinic.key_hash, patient.key_hash])
    wraps = wraps.destroy(clinic.key_hash)
    assert wraps.open(patient) == key
    with pytest.raises(NotARecipient):
        wraps.open(clinic)
    with pytest.raises(NotFound):
        wraps.destroy(clinic.key_hash)


def test_add__same_recipient_again__replaces():
    clinic = opener()
    first, second = new_key(), new_key()
    wraps = Wraps(RECORD).add(first, clinic.recipient()).add(second, clinic.recipient(epoch=1))
    assert len(wraps.wraps) == 1 and wraps.open(clinic) == second


@pytest.mark.parametrize("change", ["order", "space", "extra", "twice", "epoch", "unknown suite", "cut"])
def test_from_json__not_canonical__refused(change):
    wraps = Wraps(RECORD).add(new_key(), opener().recipient()).add(new_key(), opener().recipient())
    data, text = json.loads(wraps.to_json()), wraps.to_json()
    if change == "order":
        data["wraps"].reverse()
    elif change == "extra":
        data["comment"] = "x"
    elif change == "twice":
        data["wraps"][1] = data["wraps"][0]
    elif change == "epoch":
        data["wraps"][0]["epoch"] = True
    elif change == "unknown suite":
        data["wraps"][0]["suite"] = 9
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    text = {"space": text.replace(":", ": ", 1), "cut": text[:-5]}.get(change, text)
    with pytest.raises(FormatError):
        Wraps.from_json(text)


def test_wraps__ids_and_keys_of_wrong_size__refused(tmp_path):
    with pytest.raises(InputError):
        Wraps(b"short")
    with pytest.raises(InputError):
        Wraps(RECORD).add(Secret(b"short"), opener().recipient())
    with pytest.raises(InputError):
        Shelf(tmp_path).load(b"../../../etc/passwd")


# ---------------------------------------------------------------- shelf

PLAINTEXT = b"Jane Roe, HIV positive since 2019, viral load undetectable"


class Kept:
    """A sealed record with wraps, opening and content in folders, as a custodian keeps it."""

    def __init__(self, folder) -> None:
        self.folder, self.clinic, self.key, self.salt = folder, opener(), new_key(), new_salt()
        self.shelf = Shelf(folder / "shelf", tombstones=folder / "tombstones" / "shredded")
        self.store = Store(folder / "content")
        with self.store.writer() as out:
            seal(io.BytesIO(PLAINTEXT), out, self.key, record_binding(RECORD))
            self.cid = out.commit()
        self.opening = RecordOpening(
            salt=self.salt,
            author="0x" + "11" * 20,
            patient="0x" + "22" * 20,
            classes=1,
            media_type="text/plain",
            content_hash=content_hash(PLAINTEXT),
        )
        self.shelf.save(Wraps(RECORD).add(self.key, self.clinic.recipient()))
        self.shelf.save_opening(RECORD, self.opening, self.key)

    def read(self) -> bytes:
        out, key = io.BytesIO(), self.shelf.load(RECORD).open(self.clinic)
        open_(self.store.get(self.cid), out, key, record_binding(RECORD))
        assert self.shelf.load_opening(RECORD, key).opens(self.opening.commitment)
        return out.getvalue()

    def hits(self, *, everything: bool = False) -> list[str]:
        """Name the files that hold the key, the salt, the plaintext, or (with everything) any wrap, in any spelling."""
        wanted = [PLAINTEXT, self.key.reveal(), self.salt.reveal()]
        wanted += [w.hex().encode() for w in wanted] + [self.opening.to_json().encode()]
        if everything:
            wanted += [b'"sealed"', self.clinic.key_hash.hex().encode()]
        files = [p for p in self.folder.rglob("*") if p.is_file()]
        return [p.name for p in files if any(w in p.read_bytes() for w in wanted)]


@pytest.fixture
def kept(tmp_path) -> Kept:
    record = Kept(tmp_path)
    assert record.read() == PLAINTEXT and record.hits() == []
    assert list(record.shelf) == [RECORD]
    return record


def test_H3_H4_shred__every_file_scanned__no_key_salt_wrap_or_plaintext(kept):
    handle = next((kept.folder / "shelf").rglob("*.wraps")).open("rb")  # shows the old blocks even after removal
    kept.shelf.shred(RECORD)
    kept.store.delete(kept.cid)
    assert kept.hits(everything=True) == []
    assert not handle.read() and list(kept.shelf) == [] and list(kept.store.list()) == []
    with pytest.raises(NotFound, match="was shredded"):
        kept.read()
    with pytest.raises(NotFound, match="was shredded"):
        kept.shelf.save(Wraps(RECORD).add(kept.key, kept.clinic.recipient()))
    with pytest.raises(NotFound, match="was shredded"):
        kept.shelf.save_opening(RECORD, kept.opening, kept.key)


def test_H3_shred__holder_of_the_plaintext__cannot_match_the_digest(kept):
    commitment = kept.opening.commitment
    kept.shelf.shred(RECORD)
    assert kept.opening.matches(PLAINTEXT)
    guess = dataclasses.replace(kept.opening, salt=new_salt())
    assert not guess.opens(commitment)


def test_R8_shred__shelf_and_content_restored_from_backup__stays_unreadable(kept):
    backup = kept.folder.parent / f"{kept.folder.name}-backup"
    shutil.copytree(kept.folder, backup)
    kept.shelf.shred(RECORD)
    kept.store.delete(kept.cid)
    for part in ("shelf", "content"):
        shutil.copytree(backup / part, kept.folder / part, dirs_exist_ok=True)
    assert kept.hits(everything=True)  # the restore did bring the wraps back
    with pytest.raises(NotFound, match="was shredded"):
        kept.read()
    assert kept.hits(everything=True) == []


def test_R8_sweep__after_restore__shreds_again_and_counts(kept):
    backup = kept.folder.parent / f"{kept.folder.name}-backup"
    shutil.copytree(kept.folder, backup)
    kept.shelf.shred(RECORD)
    shutil.rmtree(kept.folder / "tombstones")  # the tombstones are lost as well: the chain still knows
    shutil.copytree(backup / "shelf", kept.folder / "shelf", dirs_exist_ok=True)
    assert kept.shelf.sweep() == 0
    assert kept.shelf.sweep(also=[RECORD]) == 1
    assert kept.hits(everything=True) == [] and kept.shelf.is_shredded(RECORD)
    assert kept.shelf.sweep() == 0


def test_H4_save__after_destroy__the_old_wrap_is_overwritten(kept):
    reader = opener()
    kept.shelf.save(kept.shelf.load(RECORD).add(kept.key, reader.recipient()))
    path = next((kept.folder / "shelf").rglob("*.wraps"))
    with path.open("rb") as old:
        kept.shelf.save(kept.shelf.load(RECORD).destroy(reader.key_hash))
        assert reader.key_hash.hex().encode() not in old.read()
    with pytest.raises(NotARecipient):
        kept.shelf.load(RECORD).open(reader)
    assert path.stat().st_mode & 0o777 == 0o600


def test_shelf__file_of_another_record_put_in_place__refused(kept):
    path = next((kept.folder / "shelf").rglob("*.wraps"))
    path.write_text(Wraps(OTHER).to_json())
    with pytest.raises(FormatError, match="another record"):
        kept.shelf.load(RECORD)
    with pytest.raises(NotFound):
        kept.shelf.load(OTHER)


def test_H12_shelf__opening_damaged_or_of_another_key__refused(kept):
    with pytest.raises(SealedDamaged):
        kept.shelf.load_opening(RECORD, new_key())
    path = next((kept.folder / "shelf").rglob("*.opening"))
    bad = bytearray(path.read_bytes())
    bad[100] ^= 1
    path.write_bytes(bytes(bad))
    with pytest.raises(SealedDamaged):
        kept.shelf.load_opening(RECORD, kept.key)
