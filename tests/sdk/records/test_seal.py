"""Sealing: once by key, nothing personal outside the seal, any source, many by one root.

given content, an author and a patient
  when it is sealed                        → a commitment on chain, sealed bytes in the store, and nothing else
  when it is sealed again by the same key  → the first result
"""

from __future__ import annotations

import io
import json
import sqlite3
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from careledger.codes import DataClass, LegalBasis, Meaning, RecordStatus
from careledger.errors import ContractError, InputError, KeyReused, NotFound
from careledger.privacy.padding import padded_size
from careledger.resources.catalogue import _SCHEMA, Catalogue, Item
from careledger.resources.record_types import ToSeal
from careledger.values import PartyRef, to_hex
from tests.sdk.records.conftest import Person
from tests.shared_data import shared

LABS = {DataClass.LABS}
NOTE = b"potassium 4.1 mmol/l, drawn at nine"
PATIENT = {"resourceType": "Patient", "id": "a", "name": [{"family": "Beispiel"}]}
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
HIV = {
    "resourceType": "Observation", "status": "final", "subject": {"reference": "Patient/a"},
    "category": [{"coding": [{"system": CATEGORY, "code": "laboratory"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "75622-1"}]},
}  # fmt: skip


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_seal__given_bytes__reads_back_and_is_anchored(dr: Person, ana: PartyRef) -> None:
    receipt = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS)
    record = receipt.value
    assert dr.care.records.read(record.id) == NOTE
    event = receipt.event("RecordAnchored").args
    assert event == {
        "recordId": record.id, "author": dr.ref.address, "commitment": record.commitment,
        "meaning": Meaning.AUTHORED.value,
    }  # fmt: skip
    state = dr.care.records.status(record.id)
    assert (state.status, state.author, state.anchored_at > 0) == (RecordStatus.CURRENT, dr.ref.address, True)
    assert dr.care.records.get(record.id) == record
    assert [kept.id for kept in dr.care.records.kept()] == [record.id]


def test_seal__id__is_the_contracts(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert dr.care.records._read("recordIdOf", dr.ref.address, record.commitment) == record.id


def test_R1_seal__given_two_patients__digests_differ(dr: Person, ana: PartyRef, ben: PartyRef) -> None:
    first = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    second = dr.care.records.seal(NOTE, author=dr.ref, about=ben, classes=LABS).value
    third = dr.care.records.seal(NOTE, author=dr.ref, about=ben, classes=LABS, key="again").value
    assert len({first.commitment, second.commitment, third.commitment}) == 3
    assert len({first.cid, second.cid, third.cid}) == 3


def test_R3_anchor__given_anchored_record__is_refused_and_only_a_new_version_goes(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    with pytest.raises(ContractError) as refusal:
        dr.care.records._write(
            "anchor", dr.ref.address, 2, record.commitment, value=lambda _: None, key="over", wait="included",
            dry_run=False,
        )  # fmt: skip
    assert type(refusal.value).__name__ == "RecordRegistry_AlreadyAnchored"
    newer = dr.care.records.supersede(record.id, NOTE + b"!", about=ana, classes=LABS).value
    assert dr.care.records.status(record.id).status is RecordStatus.SUPERSEDED
    assert (newer.version, dr.care.records.read(newer.id)) == (2, NOTE + b"!")


def test_R4_seal__given_the_same_digest_by_another__author_loses_nothing(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    mallory = person("mallory")
    record = dr.care.records.prepare(NOTE, author=dr.ref, about=ana, classes=LABS)
    mallory.care.records._write(
        "anchor", mallory.ref.address, 1, record.commitment, value=lambda _: None, key=None, wait="included",
        dry_run=False,
    )  # fmt: skip
    mine = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert mine == record
    assert dr.care.records.status(record.id).author == dr.ref.address


# ONCE


@pytest.mark.parametrize("key", [None, "doc/88-1"])
def test_seal__given_same_content_again__returns_first_result(dr: Person, ana: PartyRef, key: str | None) -> None:
    first = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key=key)
    again = dr.care.records.seal(io.BytesIO(NOTE), author=dr.ref, about=ana, classes=LABS, key=key)
    assert (again.value, again.tx, again.repeated) == (first.value, first.tx, True)
    assert len(dr.stored()) == 1


def test_seal__given_journal__notes_record_and_cid_only(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1").value
    entry = dr.care.sender.entry("doc/1")
    assert entry is not None
    assert entry.note == {"record": record.id, "cid": record.cid}


def test_seal__given_key_of_other_content__raises_key_reused(dr: Person, ana: PartyRef, ben: PartyRef) -> None:
    seal = dr.care.records.seal
    seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1")
    for source, about, classes, readers in [
        (b"other", ana, LABS, []), (NOTE, ben, LABS, []), (NOTE, ana, {DataClass.NOTES}, []),
        (NOTE, ana, LABS, [dr.opener.recipient()]),
    ]:  # fmt: skip
        with pytest.raises(KeyReused):
            seal(source, author=dr.ref, about=about, classes=classes, readers=readers, key="doc/1")
    assert len(dr.stored()) == 1


def test_seal__given_key_of_another_act__raises_key_reused_before_sealing(dr: Person, ana: PartyRef) -> None:
    dr.care.participants.publish_key(dr.opener, subject=dr.ref, key="k")
    with pytest.raises(KeyReused):
        dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="k")
    assert dr.stored() == []


def test_seal__given_dry_run__says_cost_and_keeps_nothing(dr: Person, ana: PartyRef) -> None:
    prepared = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, dry_run=True)
    assert prepared.gas > 21_000
    assert dr.stored() == []
    assert list(dr.care.records.kept()) == []


def test_seal__given_another_author__contract_refuses(dr: Person, ana: PartyRef, ben: PartyRef) -> None:
    with pytest.raises(ContractError) as refusal:
        dr.care.records.seal(NOTE, author=ben, about=ana, classes=LABS)
    assert type(refusal.value).__name__ == "RecordRegistry_NotController"
    with pytest.raises(ContractError):
        dr.care.records.seal_all([NOTE], author=ben, about=ana, classes=LABS)
    assert (dr.stored(), list(dr.care.records.kept())) == ([], [])


def test_seal__given_one_key_in_many_threads__one_record(dr: Person, ana: PartyRef) -> None:
    with ThreadPoolExecutor(6) as pool:
        work = [
            pool.submit(dr.care.records.seal, NOTE, author=dr.ref, about=ana, classes=LABS, key="one") for _ in range(6)
        ]
        found = {job.result().value for job in work}
    assert len(found) == len(dr.stored()) == 1


def test_discard__given_prepared_record__is_gone_and_anchored_one_is_not(dr: Person, ana: PartyRef) -> None:
    waiting = dr.care.records.prepare(NOTE, author=dr.ref, about=ana, classes=LABS)
    assert dr.care.records.discard(waiting.id)
    assert not dr.care.records.discard(waiting.id)
    assert (dr.stored(), list(dr.home.rglob("*.wraps"))) == ([], [])
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    with pytest.raises(InputError, match="anchored"):
        dr.care.records.discard(record.id)
    assert dr.care.records.read(record.id) == NOTE


# WHAT IS IN IT


def test_seal__given_fhir__finds_classes_and_type(dr: Person, ana: PartyRef, tmp_path: Path) -> None:
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}, {"resource": HIV}]}
    path = tmp_path / "discharge.json"
    path.write_text(json.dumps(bundle))
    record = dr.care.records.seal(path, author=dr.ref, about=ana).value
    with dr.care.records.open(record.id) as stream:
        assert stream.media_type == "application/fhir+json"
        assert DataClass.DEMOGRAPHICS in stream.classes
        assert stream.read() == path.read_bytes()


@pytest.mark.parametrize(
    "source", [b"%PDF-1.7 ...", b"", b"{}", b'{"resourceType": "Basket"}', b'{"resourceType": "Patient"', b"<Patient/>"]
)
def test_seal__given_unknown_classes__asks_for_them(dr: Person, ana: PartyRef, source: bytes) -> None:
    with pytest.raises(InputError, match="class"):
        dr.care.records.seal(source, author=dr.ref, about=ana)
    assert dr.care.records.seal(source, author=dr.ref, about=ana, classes=LABS).value


def test_seal__given_nobody_to_open__refuses(dr: Person, ana: PartyRef) -> None:
    dr.care.opener = None
    with pytest.raises(InputError, match="nobody"):
        dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS)
    assert dr.stored() == []


def test_seal__given_no_opener_but_published_key__author_keeps_a_wrap(dr: Person, ana: PartyRef) -> None:
    dr.care.participants.publish_key(dr.opener, subject=dr.ref)
    dr.care.opener = None
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert dr.care.records.read(record.id, as_=dr.opener) == NOTE


def test_seal__given_reader_without_key__refuses_before_anything_is_kept(dr: Person, ana: PartyRef) -> None:
    with pytest.raises(NotFound):
        dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, readers=[ana])
    assert (dr.stored(), list(dr.care.records.kept())) == ([], [])


# WHAT SHOWS


def test_R10_seal__home_and_store_show_neither_patient_nor_type_nor_size(dr: Person, ana: PartyRef) -> None:
    content = b"%PDF-1.7 " + b"carcinoma " * 700
    record = dr.care.records.seal(
        content, author=dr.ref, about=ana, classes={DataClass.HIV}, media_type="application/pdf", key="MRN-4711"
    ).value
    assert record.sealed_size == padded_size(len(content)) + 40 + 16 * (1 + record.sealed_size // (1 << 20))
    seen = everything(dr.home / "records") + everything(dr.home / "store")
    for secret in (b"carcinoma", b"application/pdf", b"MRN-4711"):
        assert secret not in seen
    assert ana.address[2:].lower().encode() not in seen.lower()
    assert bytes.fromhex(ana.address[2:]) not in seen


@pytest.mark.parametrize("name", ["a\nb.json", "..x", "-rf", "ü.pdf", "a b;c.json"])
def test_R9_seal__given_odd_names__no_path_is_made_of_them(
    dr: Person, ana: PartyRef, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    path.write_bytes(NOTE)
    record = dr.care.records.seal(str(path), author=dr.ref, about=ana, classes=LABS).value
    assert dr.care.records.read(record.id) == NOTE
    assert not [p for p in dr.home.rglob("*") if name in p.name]


@pytest.mark.parametrize("name", ["", ".", "nothing", "a\0b", "../../nothing"])
def test_R9_seal__given_no_file__says_so(dr: Person, ana: PartyRef, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        dr.care.records.seal(tmp_path / name, author=dr.ref, about=ana, classes=LABS)


@pytest.mark.parametrize("size", [0, 1, 4095, 4096, 1 << 20, (8 << 20) + 1, 9_000_001])
def test_R9_seal__given_stream_that_cannot_be_read_twice__reads_back(dr: Person, ana: PartyRef, size: int) -> None:
    content = (b"0123456789abcdef" * (size // 16 + 1))[:size]

    class Once:
        def __init__(self) -> None:
            self.left = io.BytesIO(content)

        def read(self, count: int = -1) -> bytes:
            return self.left.read(min(count, 70_000) if count >= 0 else -1)

    record = dr.care.records.seal(Once(), author=dr.ref, about=ana, classes=LABS).value  # type: ignore[arg-type]
    assert dr.care.records.read(record.id) == content


def test_seal__given_text_stream__refuses(dr: Person, ana: PartyRef) -> None:
    with pytest.raises(InputError, match="text"):
        dr.care.records.seal(io.StringIO("text"), author=dr.ref, about=ana, classes=LABS)  # type: ignore[arg-type]


class Endless(io.RawIOBase):
    """So many bytes of noise without keeping them."""

    def __init__(self, size: int) -> None:
        self._left, self._block = size, bytes(range(256)) * 256

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._left, len(self._block))
        buffer[:count] = self._block[:count]
        self._left -= count
        return count


def _large(dr: Person, ana: PartyRef, size: int, out: Path) -> None:
    tracemalloc.start()
    try:
        record = dr.care.records.seal(Endless(size), author=dr.ref, about=ana, classes=LABS).value  # type: ignore[arg-type]
        assert dr.care.records.fetch(record.id, out) == size
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()
    assert out.stat().st_size == size


def test_R9_seal__given_large_stream__memory_is_bounded(dr: Person, ana: PartyRef, tmp_path: Path) -> None:
    _large(dr, ana, 160 << 20, tmp_path / "out")


@pytest.mark.deep
def test_R9_seal__given_a_gigabyte__memory_is_bounded(dr: Person, ana: PartyRef, tmp_path: Path) -> None:
    _large(dr, ana, 1 << 30, tmp_path / "out")


def test_seal__given_file_that_changes_meanwhile__refuses_and_keeps_nothing(
    dr: Person, ana: PartyRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "moving"
    path.write_bytes(NOTE)
    real = dr.care.records.desk.seal

    def late(content: Any, **how: Any) -> Any:
        path.write_bytes(NOTE + b"?")
        return real(content, **how)

    monkeypatch.setattr(dr.care.records.desk, "seal", late)
    with pytest.raises(InputError, match="changed"):
        dr.care.records.seal(path, author=dr.ref, about=ana, classes=LABS)
    assert (dr.stored(), list(dr.care.records.kept())) == ([], [])


# MANY AT ONCE


def test_seal_all__given_many__one_transaction_and_a_proof_each(dr: Person, ana: PartyRef, ben: PartyRef) -> None:
    sources = [b"record %d" % number for number in range(7)]
    given = [*sources[:6], ToSeal(sources[6], about=ben, classes={DataClass.HIV})]
    receipt = dr.care.records.seal_all(given, author=dr.ref, about=ana, classes=LABS, key="batch/1")
    event = receipt.event("BatchAnchored").args
    assert (event["size"], len(receipt.events)) == (7, 1)
    for record, source in zip(receipt.value, sources, strict=True):
        assert record.batch.root == event["root"]
        assert dr.care.records.read(record.id) == source
        proof = dr.care.records.prove(record.id)
        assert dr.care.records.verify(proof, content=source).status is RecordStatus.CURRENT
    assert proof.opening.patient == ben.address
    again = dr.care.records.seal_all(given, author=dr.ref, about=ana, classes=LABS, key="batch/1")
    assert (again.value, again.tx, again.repeated) == (receipt.value, receipt.tx, True)
    assert {s.id for s in dr.care.records.list(author=dr.ref)} == {record.id for record in receipt.value}


def test_seal_all__given_more_than_before__anchors_what_is_missing(dr: Person, ana: PartyRef) -> None:
    alone = dr.care.records.seal(b"0", author=dr.ref, about=ana, classes=LABS).value
    first = dr.care.records.seal_all([b"0", b"1", b"2"], author=dr.ref, about=ana, classes=LABS)
    more = dr.care.records.seal_all([b"1", b"2", b"3", b"3"], author=dr.ref, about=ana, classes=LABS)
    assert first.value[0] == alone
    assert (first.event("BatchAnchored").args["size"], more.event("BatchAnchored").args["size"]) == (2, 1)
    assert more.value[:2] == first.value[1:]
    assert more.value[2] == more.value[3]
    single = dr.care.records.seal(b"2", author=dr.ref, about=ana, classes=LABS)
    assert (single.value, single.tx, single.repeated) == (first.value[2], first.tx, True)


def test_seal_all__given_nothing_or_nobody__refuses(dr: Person, ana: PartyRef) -> None:
    with pytest.raises(InputError):
        dr.care.records.seal_all([], author=dr.ref, about=ana)
    with pytest.raises(InputError, match="nobody"):
        dr.care.records.seal_all([b"1"], author=dr.ref, classes=LABS)
    prepared = dr.care.records.seal_all([b"1"], author=dr.ref, about=ana, classes=LABS, dry_run=True)
    assert prepared.gas > 21_000


def test_seal_all__given_24_synthea_bundles__all_open_byte_identical(dr: Person, ana: PartyRef, tmp_path: Path) -> None:
    paths = sorted(shared("synthea-r4").glob("*.json"))
    assert len(paths) == 24
    records = dr.care.records.seal_all(paths, author=dr.ref, about=ana).value
    for path, record in zip(paths, records, strict=True):
        out = tmp_path / "out.json"
        dr.care.records.fetch(record.id, out)
        assert out.read_bytes() == path.read_bytes()
        assert DataClass.CONDITIONS.mask & dr.care.records.prove(record.id).opening.classes
    assert to_hex(bytes(32)) != records[0].batch.root


def test_seal__given_an_organisation_as_author__keeps_its_kind(dr: Person, ana: PartyRef) -> None:
    house = PartyRef("organisation", dr.ref.address)
    first = dr.care.records.seal(NOTE, author=house, about=ana, classes=LABS).value
    newer = dr.care.records.supersede(first.id, b"2", about=ana, classes=LABS).value
    assert first.author == newer.author == house
    assert [one.author for one in dr.care.records.kept()] == [house, house]


def test_catalogue__given_a_list_without_kinds__authors_are_persons(tmp_path: Path) -> None:
    old = _SCHEMA.replace(", author_kind TEXT NOT NULL DEFAULT 'person'", "")
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as db:
        db.execute(old)
    catalogue = Catalogue(tmp_path)
    catalogue.put(Item("0x" + "11" * 32, "0x" + "22" * 20, "0x" + "33" * 32))
    assert [item.author_kind for item in Catalogue(tmp_path)] == ["person"]


def test_seal__what_is_kept__is_for_its_owner_only(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    dr.care.records.shred(record.id, basis=LegalBasis.PATIENT_REQUEST)
    folder = dr.home / "records"
    for path in (folder, *folder.rglob("*"), dr.home / "journal"):
        assert path.stat().st_mode & 0o077 == 0, path
