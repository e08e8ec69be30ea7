"""Shredding: key, salt, wraps, opening and bytes are gone, and stay gone.

given a record that several can read
  when it is shredded              → no file holds key, salt or plaintext; the digest matches nothing any more
  when a backup is restored after  → unreadable, and destroyed on sight
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable

import pytest

from careledger.codes import DataClass, LegalBasis, RecordStatus
from careledger.errors import ContractError, InputError, KeyReused, NotFound
from careledger.privacy.encoding import to_base64url
from careledger.privacy.openers import from_seed, new_seed
from careledger.redact import Secret
from careledger.resources import desk as desk_module
from careledger.values import PartyRef
from tests.sdk.records.conftest import Person
from tests.sdk.records.test_seal import everything

LABS = {DataClass.LABS}
NOTE = b"diagnosis: nothing that anybody should know"
WHY = LegalBasis.PATIENT_REQUEST


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "batch"])
def test_H3_shred__no_file_holds_key_salt_plaintext_or_a_tag_of_them(
    dr: Person, ana: PartyRef, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    key, salt = Secret(secrets.token_bytes(32)), Secret(secrets.token_bytes(32))
    keys, salts = [key, Secret(secrets.token_bytes(32))], [salt, Secret(secrets.token_bytes(32))]
    monkeypatch.setattr(desk_module, "new_key", lambda: keys.pop(0))
    monkeypatch.setattr(desk_module, "new_salt", lambda: salts.pop(0))
    records = dr.care.records
    if batch:
        record, other = records.seal_all([NOTE, b"2"], author=dr.ref, about=ana, classes=LABS).value
    else:
        record = records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
        other = records.seal(b"2", author=dr.ref, about=ana, classes=LABS).value
    opening = records.prove(record.id).opening
    assert opening.opens(bytes.fromhex(record.commitment[2:]))
    item = records.desk.catalogue.get(record.id)
    assert item is not None
    tags = [item.key_tag, item.content_tag]
    (sealed,) = [path.read_bytes() for path in dr.stored() if path.name == record.cid]
    assert sealed[40:80] in everything(dr.home)
    receipt = records.shred(record.id, basis=WHY)
    assert (receipt.value.status, receipt.value.basis) == (RecordStatus.SHREDDED, WHY)
    seen = everything(dr.home)
    for secret in (key.reveal(), salt.reveal(), NOTE, NOTE[:12], sealed[40:80], opening.content_hash):
        for form in (secret, secret.hex().encode(), to_base64url(secret).encode()):
            assert form not in seen
    for tag in tags:
        assert str(tag).encode() not in seen
    with pytest.raises(NotFound, match="shredded"):
        records.read(record.id)
    with pytest.raises(NotFound, match="shredded"):
        records.prove(record.id)
    assert records.read(other.id) == b"2"


def test_H4_shred__every_wrap_is_destroyed(dr: Person, ana: PartyRef) -> None:
    readers = [from_seed(new_seed()) for _ in range(3)]
    record = dr.care.records.seal(
        NOTE, author=dr.ref, about=ana, classes=LABS, readers=[r.recipient() for r in readers]
    ).value
    dr.care.records.shred(record.id, basis=WHY)
    for opener in [dr.opener, *readers]:
        with pytest.raises(NotFound):
            dr.care.records.read(record.id, as_=opener)
        with pytest.raises(NotFound):
            dr.care.records.share(record.id, with_=opener.recipient(), as_=opener)
    assert list(dr.home.rglob("*.wraps")) == list(dr.home.rglob("*.opening")) == dr.stored() == []


def test_R8_shred__given_backup_restored__stays_unreadable_and_is_destroyed_on_sight(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    other = dr.care.records.seal(b"2", author=dr.ref, about=ana, classes=LABS).value
    backup = dr.home.parent / "backup"
    shutil.copytree(dr.home, backup)
    dr.care.records.shred(record.id, basis=WHY)
    back = person(home=backup, signer=dr.signer)
    back.care.opener = dr.opener
    with pytest.raises(NotFound, match="shredded"):
        back.care.records.read(record.id)
    assert record.cid not in {path.name for path in back.stored()}
    assert not list(backup.rglob(f"{record.id[2:]}.*"))
    assert back.care.records.read(other.id) == b"2"


def test_R8_sweep__given_backup_restored__destroys_what_the_chain_says_is_shredded(
    dr: Person, ana: PartyRef, person: Callable[..., Person]
) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    backup = dr.home.parent / "backup"
    shutil.copytree(dr.home, backup)
    dr.care.records.shred(record.id, basis=WHY)
    back = person(home=backup, signer=dr.signer)
    assert [back.care.records.sweep(), back.care.records.sweep(), dr.care.records.sweep()] == [1, 0, 0]
    assert (back.stored(), list(backup.rglob("*.wraps"))) == ([], [])


def test_shred__given_no_right_to__destroys_nothing(dr: Person, ana: PartyRef, person: Callable[..., Person]) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    mallory = person(home=dr.home)
    with pytest.raises(ContractError) as refusal:
        mallory.care.records.shred(record.id, basis=WHY)
    assert type(refusal.value).__name__ == "RecordRegistry_NotController"
    assert dr.care.records.read(record.id) == NOTE


def test_shred__given_dry_run_or_no_basis__destroys_nothing(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert dr.care.records.shred(record.id, basis=WHY, dry_run=True).gas > 21_000
    with pytest.raises(InputError):
        dr.care.records.shred(record.id, basis=LegalBasis.NONE)
    assert dr.care.records.read(record.id) == NOTE


def test_shred__given_same_call_again__returns_first_result(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    first = dr.care.records.shred(record.id, basis=WHY)
    again = dr.care.records.shred(record.id, basis=WHY)
    assert (again.value, again.tx, again.repeated) == (first.value, first.tx, True)


def test_shred__given_superseded_record__both_versions_can_go(dr: Person, ana: PartyRef) -> None:
    old = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    new = dr.care.records.supersede(old.id, b"2", about=ana, classes=LABS).value
    dr.care.records.shred(old.id, basis=LegalBasis.RETENTION_EXPIRED)
    assert dr.care.records.read(new.id) == b"2"
    dr.care.records.shred(new.id, basis=LegalBasis.RETENTION_EXPIRED)
    assert dr.stored() == []


def test_seal__given_key_of_shredded_record__key_reused_but_content_is_new(dr: Person, ana: PartyRef) -> None:
    keyed = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1").value
    plain = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    for record in (keyed, plain):
        dr.care.records.shred(record.id, basis=WHY)
    with pytest.raises(KeyReused, match="shredded"):
        dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1")
    anew = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert anew.id not in (keyed.id, plain.id)
    assert dr.care.records.read(anew.id) == NOTE


def test_seal__given_content_of_a_record_in_error__is_a_new_record_once(dr: Person, ana: PartyRef) -> None:
    wrong = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    dr.care.records.mark_error(wrong.id)
    anew = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS)
    again = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS)
    assert anew.value.id != wrong.id and not anew.repeated
    assert (again.value, again.tx, again.repeated) == (anew.value, anew.tx, True)
    assert dr.care.records.status(anew.value.id).status is RecordStatus.CURRENT
    assert dr.care.records.status(wrong.id).status is RecordStatus.ENTERED_IN_ERROR
    assert dr.care.records.read(wrong.id) == NOTE, "it stays readable, with a warning"


def test_seal_all__given_one_in_error__seals_that_one_anew(dr: Person, ana: PartyRef) -> None:
    sources = [b"one", b"two"]
    first = dr.care.records.seal_all(sources, author=dr.ref, about=ana, classes=LABS).value
    dr.care.records.mark_error(first[0].id)
    second = dr.care.records.seal_all(sources, author=dr.ref, about=ana, classes=LABS).value
    assert second[0].id != first[0].id and second[1].id == first[1].id


def test_seal__given_key_of_a_record_in_error__key_reused(dr: Person, ana: PartyRef) -> None:
    wrong = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1").value
    dr.care.records.mark_error(wrong.id)
    with pytest.raises(KeyReused, match="entered in error"):
        dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS, key="doc/1")


def test_seal__given_content_shredded_by_a_relayed_amendment__is_a_new_record(dr: Person, ana: PartyRef) -> None:
    record = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    signed = dr.care.records.sign_amendment(record, status=RecordStatus.SHREDDED, signer=dr.signer, basis=WHY)
    dr.care.records.amend_signed(signed)
    anew = dr.care.records.seal(NOTE, author=dr.ref, about=ana, classes=LABS).value
    assert anew.id != record.id and dr.care.records.read(anew.id) == NOTE
    assert len(dr.stored()) == 1, "what the chain says is shredded was destroyed here"
