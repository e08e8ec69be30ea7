"""Opening: every read recomputes content id, commitment and content hash, and asks the chain.

given a sealed record
  when a byte of ciphertext, wrap or opening is another  → refused before any output
  when it is no longer current                           → readable, with a warning
  when it is shared, unshared, wrapped anew              → exactly the right keys open it
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from careledger.codes import DataClass, RecordStatus
from careledger.errors import (
    CareLedgerError,
    ContractError,
    FormatError,
    InputError,
    NotARecipient,
    NotFound,
    SealedDamaged,
    SealError,
    StorageError,
)
from careledger.privacy.openers import from_seed, new_seed
from careledger.resources.record_types import RecordProof, SealedRecord
from careledger.storage import Store
from careledger.values import PartyRef
from tests.sdk.records.conftest import Person

LABS = {DataClass.LABS}
NOTE = b"haemoglobin 13.9 g/dl"


@pytest.fixture
def record(dr: Person, ana: PartyRef) -> SealedRecord:
    return dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value  # type: ignore[no-any-return]


def _flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def _refused(dr: Person, record: SealedRecord, out: Path) -> CareLedgerError:
    with pytest.raises((SealError, StorageError, FormatError)) as refusal:
        dr.care.records.fetch(record.id, out)
    assert not out.exists()
    assert list(out.parent.glob(".careledger-*")) == []
    with pytest.raises(type(refusal.value)), dr.care.records.open(record.id) as stream:
        stream.read(1)
    return refusal.value


def test_R5_H12_open__given_any_region_of_the_ciphertext_flipped__refused_before_output(
    dr: Person, record: SealedRecord, tmp_path: Path
) -> None:
    (path,) = dr.stored()
    size = path.stat().st_size
    for place in [*range(0, 40, 3), *range(40, size - 16, 131), *range(size - 16, size)]:
        _flip(path, place)
        assert isinstance(_refused(dr, record, tmp_path / "out"), StorageError)
        _flip(path, place)
    assert dr.care.records.read(record.id) == NOTE


def test_R5_H12_open__given_flipped_ciphertext_and_list_changed_to_match__refused(
    dr: Person, record: SealedRecord, tmp_path: Path
) -> None:
    (path,) = dr.stored()
    good = path.read_bytes()
    item = dr.care.records.desk.catalogue.get(record.id)
    assert item is not None
    for place in (0, 1, 33, 39, 40, 41, len(good) // 2, len(good) - 1):
        for bad in (good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :], good[:place], good + b"\0"):
            with dr.care.store.writer() as out:
                out.write(bad)
                dr.care.records.desk.catalogue.change(item, cid=out.commit())
            assert isinstance(_refused(dr, record, tmp_path / "out"), SealedDamaged)


@pytest.mark.parametrize("kind", ["wraps", "opening"])
def test_H12_open__given_any_part_of_wrap_or_opening_flipped__refused(
    dr: Person, record: SealedRecord, tmp_path: Path, kind: str
) -> None:
    (path,) = dr.home.rglob(f"*.{kind}")
    size = path.stat().st_size
    for place in range(0, size, max(1, size // 40)):
        _flip(path, place)
        _refused(dr, record, tmp_path / "out")
        _flip(path, place)
    assert dr.care.records.read(record.id) == NOTE


def test_H13_open__given_two_ciphertexts_swapped__both_refused(
    dr: Person, record: SealedRecord, ana: PartyRef, tmp_path: Path
) -> None:
    other = dr.care.records.seal(b"other", author=dr.ref, about=ana, classes=LABS).value
    list_ = dr.care.records.desk.catalogue
    first, second = list_.get(record.id), list_.get(other.id)
    assert first is not None
    assert second is not None
    list_.change(first, cid=second.cid)
    list_.change(second, cid=first.cid)
    assert isinstance(_refused(dr, record, tmp_path / "out"), SealedDamaged)
    assert isinstance(_refused(dr, other, tmp_path / "out"), SealedDamaged)


def test_H13_open__given_other_version__refused(dr: Person, record: SealedRecord, tmp_path: Path) -> None:
    list_ = dr.care.records.desk.catalogue
    item = list_.get(record.id)
    assert item is not None
    list_.change(item, version=2)
    assert isinstance(_refused(dr, record, tmp_path / "out"), SealedDamaged)


def test_open__given_wraps_and_opening_of_another_record__refused(
    dr: Person, record: SealedRecord, ana: PartyRef, tmp_path: Path
) -> None:
    other = dr.care.records.seal(b"other", author=dr.ref, about=ana, classes=LABS).value
    for kind in ("wraps", "opening"):
        (mine,) = dr.home.rglob(f"{record.id[2:]}.{kind}")
        (theirs,) = dr.home.rglob(f"{other.id[2:]}.{kind}")
        kept = mine.read_bytes()
        mine.write_bytes(theirs.read_bytes())
        _refused(dr, record, tmp_path / "out")
        mine.write_bytes(kept)


def test_R6_open__given_store_without_the_bytes__says_so_in_one_sentence(
    dr: Person, record: SealedRecord, tmp_path: Path
) -> None:
    dr.stored()[0].unlink()
    error = _refused(dr, record, tmp_path / "out")
    assert isinstance(error, StorageError)
    assert "does not have the sealed bytes" in error.message
    assert error.fix


def test_R6_open__given_store_that_never_answers__error_within_the_deadline(
    dr: Person, record: SealedRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading
    import time

    hang = threading.Event()
    slow = Store(dr.home / "store", deadline=0.3)
    monkeypatch.setattr(slow, "_open", lambda cid: hang.wait(30))
    dr.care.records.desk.store = slow
    begun = time.monotonic()
    assert isinstance(_refused(dr, record, tmp_path / "out"), StorageError)
    assert time.monotonic() - begun < 3
    hang.set()


def test_open__given_another_key__not_a_recipient(dr: Person, record: SealedRecord) -> None:
    with pytest.raises(NotARecipient):
        dr.care.records.read(record.id, as_=from_seed(new_seed()))
    dr.care.opener = None
    with pytest.raises(InputError):
        dr.care.records.read(record.id)


def test_open__given_unknown_or_unanchored_record__says_so(dr: Person, ana: PartyRef) -> None:
    with pytest.raises(NotFound, match="not kept here"):
        dr.care.records.read("0x" + "00" * 32)
    waiting = dr.care.records.prepare(NOTE, author=dr.ref, about=ana, classes=LABS)
    with pytest.raises(NotFound, match="not anchored"):
        dr.care.records.read(waiting.id)


def test_open__given_content_that_author_swapped_before_sealing__end_is_refused(
    dr: Person, record: SealedRecord
) -> None:
    import io
    from typing import BinaryIO, cast

    from careledger.privacy.sealing import record_binding, seal

    desk = dr.care.records.desk
    item = desk.catalogue.get(record.id)
    assert item is not None
    with dr.care.store.writer() as out:
        seal(io.BytesIO(b"lies"), cast(BinaryIO, out), desk.key(item, dr.opener), record_binding(item.id_bytes))
        desk.catalogue.change(item, cid=out.commit())
    with pytest.raises(SealedDamaged, match="not the one committed to"):
        dr.care.records.read(record.id)


# STANDING


def test_open__given_superseded_or_in_error__warns(dr: Person, record: SealedRecord, ana: PartyRef) -> None:
    with dr.care.records.open(record.id) as stream:
        assert (stream.warning, stream.state.status) == (None, RecordStatus.CURRENT)
    newer = dr.care.records.supersede(record.id, b"newer", about=ana, classes=LABS).value
    with dr.care.records.open(record.id) as stream:
        assert stream.read() == NOTE
        assert "newer version" in (stream.warning or "")
    state = dr.care.records.mark_error(newer.id).value
    assert state.status is RecordStatus.ENTERED_IN_ERROR
    with dr.care.records.open(newer.id) as stream:
        assert "in error" in (stream.warning or "")
    assert [s.status for s in dr.care.records.list(author=dr.ref)] == [
        RecordStatus.SUPERSEDED, RecordStatus.ENTERED_IN_ERROR,
    ]  # fmt: skip
    assert [s.id for s in dr.care.records.list(author=dr.ref, status=RecordStatus.SUPERSEDED)] == [record.id]


def test_supersede__given_same_call_again__returns_first_result(
    dr: Person, record: SealedRecord, ana: PartyRef
) -> None:
    first = dr.care.records.supersede(record.id, b"newer", about=ana, classes=LABS, key="v2")
    again = dr.care.records.supersede(record.id, b"newer", about=ana, classes=LABS, key="v2")
    assert (again.value, again.tx, again.repeated) == (first.value, first.tx, True)


def test_supersede__given_same_bytes_in_other_classes__is_a_correction_once(dr: Person, ana: PartyRef) -> None:
    old = dr.care.records.seal(b"HIV pos", author=dr.ref, about=ana, classes=LABS).value
    right = LABS | {DataClass.HIV}
    first = dr.care.records.supersede(old.id, b"HIV pos", about=ana, classes=right)
    again = dr.care.records.supersede(old.id, b"HIV pos", about=ana, classes=right)
    assert (again.value, again.tx, again.repeated) == (first.value, first.tx, True)
    with dr.care.records.open(first.value.id) as stream:
        assert stream.classes == right and stream.read() == b"HIV pos"
    assert dr.care.records.status(old.id).status is RecordStatus.SUPERSEDED
    assert dr.care.records.status(first.value.id).status is RecordStatus.CURRENT
    assert len(dr.stored()) == 2


def test_supersede__given_bytes_of_an_earlier_version__goes_back_to_them(dr: Person, ana: PartyRef) -> None:
    first = dr.care.records.seal(b"A", author=dr.ref, about=ana, classes=LABS).value
    second = dr.care.records.supersede(first.id, b"B", about=ana, classes=LABS).value
    third = dr.care.records.supersede(second.id, b"A", about=ana, classes=LABS).value
    again = dr.care.records.supersede(second.id, b"A", about=ana, classes=LABS)
    assert again.value == third and again.repeated and third.id not in (first.id, second.id)
    assert dr.care.records.read(third.id) == b"A"
    assert dr.care.records.status(third.id).status is RecordStatus.CURRENT


def test_supersede__given_version_that_is_not_current__refused_before_sealing(
    dr: Person, record: SealedRecord, ana: PartyRef
) -> None:
    dr.care.records.mark_error(record.id)
    with pytest.raises(ContractError) as refusal:
        dr.care.records.supersede(record.id, b"newer", about=ana, classes=LABS)
    assert type(refusal.value).__name__ == "RecordRegistry_BadTransition"
    assert len(dr.stored()) == 1


def test_H14_supersede__old_value_stays_readable_and_event_names_the_new(
    dr: Person, record: SealedRecord, ana: PartyRef
) -> None:
    receipt = dr.care.records.supersede(record.id, b"newer", about=ana, classes=LABS)
    event = receipt.event("RecordStatusChanged").args
    assert (event["recordId"], event["replacement"]) == (record.id, receipt.value.id)
    assert dr.care.records.read(record.id) == NOTE


def test_status__given_id_pair_proof_or_record__all_agree(
    dr: Person, record: SealedRecord, person: Callable[..., Person]
) -> None:
    auditor = person("auditor").care.records
    proof = dr.care.records.prove(record.id)
    states = [
        auditor.status(record.id), auditor.status((dr.ref, record.commitment)), auditor.status(proof),
        auditor.status(record),
    ]  # fmt: skip
    assert len(set(states)) == 1
    with pytest.raises(NotFound):
        auditor.status("0x" + "11" * 32)


def test_verify__given_other_content_or_other_id__refused(dr: Person, record: SealedRecord, ana: PartyRef) -> None:
    proof = dr.care.records.prove(record.id)
    assert dr.care.records.verify(proof, content=NOTE).id == record.id
    with pytest.raises(SealedDamaged):
        dr.care.records.verify(proof, content=b"other")
    waiting = dr.care.records.prepare(b"waiting", author=dr.ref, about=ana, classes=LABS)
    with pytest.raises(NotFound):
        dr.care.records.verify(dr.care.records.prove(waiting.id))
    with pytest.raises(NotFound):
        dr.care.records.verify(RecordProof(waiting.id, proof.opening))


# SHARING


def test_share__given_published_key__reader_opens_until_unshared(
    dr: Person, record: SealedRecord, person: Callable[..., Person]
) -> None:
    clinic = person("clinic")
    clinic.care.participants.publish_key(clinic.opener, subject=clinic.ref)
    with pytest.raises(NotARecipient):
        dr.care.records.read(record.id, as_=clinic.opener)
    dr.care.records.share(record.id, with_=clinic.ref)
    assert dr.care.records.read(record.id, as_=clinic.opener) == NOTE
    dr.care.records.unshare(record.id, from_=clinic.ref)
    with pytest.raises(NotARecipient):
        dr.care.records.read(record.id, as_=clinic.opener)
    with pytest.raises(NotFound):
        dr.care.records.unshare(record.id, from_=clinic.ref)
    assert dr.care.records.read(record.id) == NOTE


def test_share__given_somebody_without_a_wrap__refused(dr: Person, record: SealedRecord) -> None:
    stranger = from_seed(new_seed())
    with pytest.raises(NotARecipient):
        dr.care.records.share(record.id, with_=stranger.recipient(), as_=stranger)


def test_seal__given_readers_by_party_key_and_pair__each_opens(
    dr: Person, ana: PartyRef, ben: PartyRef, person: Callable[..., Person]
) -> None:
    clinic, lab, other = person("clinic"), from_seed(new_seed()), from_seed(new_seed())
    clinic.care.participants.publish_key(clinic.opener, subject=clinic.ref)
    readers = [clinic.ref, (ben, lab.public_key), other.recipient()]
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, readers=readers).value
    for opener in (dr.opener, clinic.opener, lab, other):
        assert dr.care.records.read(record.id, as_=opener) == NOTE


def test_rewrap__given_rotated_key__new_opens_and_old_does_not(
    dr: Person, record: SealedRecord, person: Callable[..., Person]
) -> None:
    clinic, new = person("clinic"), from_seed(new_seed())
    clinic.care.participants.publish_key(clinic.opener, subject=clinic.ref)
    dr.care.records.share(record.id, with_=clinic.ref)
    clinic.care.participants.publish_key(new, subject=clinic.ref)
    dr.care.records.rewrap(record.id, to=clinic.ref)
    assert dr.care.records.read(record.id, as_=new) == NOTE
    with pytest.raises(NotARecipient):
        dr.care.records.read(record.id, as_=clinic.opener)
