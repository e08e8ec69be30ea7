"""The sealed file: what it shows to whoever has it, who opens it, and what happens to one that was changed.

given the file alone
  no identifier, no account and no name is in it, and nothing tells which rows belong together
  it and its companions are for the owner's eyes
given another opener           → one clear error; shared with it, it opens; unshared, it does not
given rotated keys             → every byte is new, everything is as it was, the history of removed values too
given a change anywhere        → refused, or without any effect
given a row put back as it was → refused
given two processes at once    → every act counts, none twice
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import shutil
import sqlite3
import stat
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from careledger import CareLedger, PartyRef, Wallet
from careledger.directory import Directory
from careledger.errors import (
    CareLedgerError,
    FormatError,
    InputError,
    NotARecipient,
    NotFound,
    NotPaired,
    SealedDamaged,
    StorageError,
)
from careledger.privacy.openers import Suite, from_seed, new_seed
from tests.sdk.directory.conftest import CARD, MRN, Desk

ONE = PartyRef("person", "0x" + "a1" * 20)  # type: ignore[arg-type]
TWO = PartyRef("person", "0x" + "b2" * 20)  # type: ignore[arg-type]


def fill(directory: Directory) -> None:
    directory.enter(system=MRN, value="MRN-4711", account=ONE, checked="document-seen", label="Ana Beispiel")
    directory.enter(system=MRN, value="MRN-4712", account=TWO, checked="document-seen")
    directory.merge(system=CARD, value="807560000", into=(MRN, "MRN-4711"))


def told(directory: Directory) -> list[object]:
    return [each.to_json() for each in (*directory.list(), *directory.history())]


def rows(file: Path) -> list[tuple[bytes, bytes, bytes]]:
    with closing(sqlite3.connect(file)) as db:
        query = "SELECT place, seal, content FROM seals JOIN contents USING (place) WHERE length(place) = 32"
        return db.execute(query + " ORDER BY place").fetchall()


def again(desk: Desk) -> Directory:
    """The directory as another process finds it."""
    return Directory(desk.care, desk.ref)


# AT REST


def test_file__filled__shows_nothing_of_anybody(desk: Desk) -> None:
    fill(desk.directory)
    desk.offer("MRN-9", label="Ben Beispiel")
    folder = desk.file.parent
    data = b"".join(path.read_bytes() for path in folder.iterdir())
    secrets = ["MRN-4711", "807560000", MRN, CARD, "Ana Beispiel", "Beispiel", "document", "patient", ONE.address[2:]]
    for secret in secrets:
        assert secret.encode() not in data and secret.lower().encode() not in data.lower()
    assert bytes.fromhex(ONE.address[2:]) not in data
    assert {len(content) % 256 for *_, content in rows(desk.file)} == {0}, "sizes are padded"
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_file__open__companions_are_private_too(desk: Desk) -> None:
    fill(desk.directory)
    with desk.directory._reading():
        names = {path.name.rpartition("-")[2]: path for path in desk.file.parent.iterdir()}
        assert {"wal", "shm"} <= set(names)
        assert {stat.S_IMODE(path.stat().st_mode) for path in names.values()} == {0o600}


def test_file__same_entries_in_two_directories__nothing_alike(desk_of: Callable[..., Desk]) -> None:
    desks = [desk_of("hospital"), desk_of("clinic")]
    for each in desks:
        fill(each.directory)
    one, two = (rows(each.file) for each in desks)
    assert len(one) == len(two) and not {place for place, *_ in one} & {place for place, *_ in two}


def test_directory__nothing_written__asks_answer_without_a_file(desk: Desk) -> None:
    assert desk.directory.list() == desk.directory.history() == desk.directory.openers() == []
    with pytest.raises(NotPaired):
        desk.directory.find(system=MRN, value="x")
    assert not (desk.care.home / "directory").exists()


def test_enter__file_locked_for_long__storage_error_without_values(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(desk.directory)
    monkeypatch.setattr("careledger.privacy.private_db._BUSY_SECONDS", 0.05)
    with closing(sqlite3.connect(desk.file)) as db:
        db.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="cannot be used: OperationalError") as caught:
            desk.directory.enter(system=MRN, value="MRN-5", account=TWO, checked="document-seen")
        assert caught.value.__cause__ is None and str(caught.value.retry) == "after 5 s"
        assert desk.directory.find(system=MRN, value="MRN-4711") == ONE, "reading goes on"


# OPENERS


def test_find__without_or_with_another_opener__one_clear_error(desk: Desk, desk_of: Callable[..., Desk]) -> None:
    fill(desk.directory)
    thief = desk_of("hospital").directory.of(desk.ref)
    for act in (
        thief.list,
        lambda: thief.find(system=MRN, value="MRN-4711"),
        lambda: thief.remove(system=MRN, value="x"),
    ):
        with pytest.raises(NotARecipient, match="does not open with this key") as caught:
            act()
        assert caught.value.why and "share" in caught.value.fix
    desk.care.opener = None
    with pytest.raises(InputError, match="is sealed"):
        again(desk).list()


def test_enter__without_signer__refused(desk: Desk) -> None:
    fill(desk.directory)
    desk.care.signer = None
    directory = Directory(desk.care, desk.ref)
    assert directory.find(system=MRN, value="MRN-4711") == ONE
    with pytest.raises(InputError, match="nobody to act"):
        directory.remove(system=MRN, value="MRN-4711")
    with pytest.raises(InputError, match="whose directory"):
        Directory(desk.care).list()


def test_share__second_opener__opens_until_unshared(desk: Desk, desk_of: Callable[..., Desk]) -> None:
    fill(desk.directory)
    second = from_seed(new_seed(), suite=Suite.MLKEM768_X25519)
    other = desk_of("hospital", opener=second).directory.of(desk.ref)
    with pytest.raises(NotARecipient):
        other.list()
    desk.directory.share(second.recipient())
    desk.directory.share(second.recipient())
    assert len(desk.directory.openers()) == 2
    assert told(other)[:3] == told(desk.directory)[:3]
    with pytest.raises(NotFound):
        desk.directory.unshare(b"\x01" * 32)
    before = desk.file.read_bytes()
    other.unshare(desk.opener.key_hash)  # the organisation's key was rotated: the next one takes the first away
    with pytest.raises(NotARecipient):
        desk.directory.list()
    assert other.find(system=MRN, value="MRN-4711") == ONE
    with pytest.raises(InputError, match="nobody could open"):
        other.unshare(second.key_hash)
    assert [each.act for each in other.history()][-2:] == ["shared", "unshared"]
    assert not any(content in before for *_, content in rows(desk.file)), "everything was sealed anew"


def test_share__party__its_published_key_is_asked_of_the_chain(
    town: CareLedger, desk: Desk, desk_of: Callable[..., Desk]
) -> None:
    fill(desk.directory)
    second = desk_of("hospital")
    with pytest.raises(NotFound, match="no encryption key"):
        desk.directory.share(second.ref)
    town.chain.fund(second.ref.address)  # type: ignore[union-attr]
    second.care.participants.publish_key(second.opener, subject=second.ref)
    assert desk.directory.share(second.ref).key_hash == second.opener.key_hash
    assert second.directory.of(desk.ref).find(system=MRN, value="MRN-4711") == ONE


def test_rotate__all_keys_new__everything_as_it_was(desk: Desk) -> None:
    fill(desk.directory)
    desk.directory.remove(system=MRN, value="MRN-4712")
    before, places = told(desk.directory), {place for place, *_ in rows(desk.file)}
    offer = desk.offer("MRN-5")
    desk.directory.rotate()
    desk.directory.rotate()
    after = told(again(desk))
    assert after[: len(before)] == before
    assert not places & {place for place, *_ in rows(desk.file)}
    gone = again(desk).history(system=MRN, value="MRN-4712")
    assert [each.act for each in gone] == ["entered", "removed"]
    answer = Wallet.create()[0].answer(offer, chain_id=offer.chain_id, suite=offer.suite)
    assert again(desk).complete(answer, checked="document-seen"), "an offer from before is still good"


# CHANGED FILES


def test_file__any_byte_changed__refused_or_without_effect(desk: Desk) -> None:
    fill(desk.directory)
    right, whole = told(again(desk)), desk.file.read_bytes()
    refused = 0
    for place in [*range(100), *range(100, len(whole), 61)]:
        data = bytearray(whole)
        data[place] ^= 0x41
        desk.file.write_bytes(data)
        try:
            assert told(again(desk)) == right
        except (SealedDamaged, NotARecipient, StorageError, FormatError):
            refused += 1
        except CareLedgerError as error:
            pytest.fail(f"byte {place}: {type(error).__name__} {error}")
        for companion in desk.file.parent.glob("*.sqlite-*"):
            companion.unlink()
    assert refused > 60
    desk.file.write_bytes(whole)
    assert told(again(desk)) == right


@pytest.mark.parametrize("size", [0, 50, 100, 4096, 8192, -4096, -1])
def test_file__cut__refused(desk: Desk, size: int) -> None:
    fill(desk.directory)
    data = desk.file.read_bytes()
    desk.file.write_bytes(data[:size])
    with pytest.raises(SealedDamaged, match="changed or cut") as caught:
        again(desk).list()
    assert "\n" not in str(caught.value)
    with pytest.raises(SealedDamaged):
        again(desk).enter(system=MRN, value="MRN-5", account=TWO, checked="document-seen")


def _execute(file: Path, *statements: tuple[str, tuple[object, ...]]) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        for statement, values in statements:
            assert db.execute(statement, values).rowcount


def test_file__row_or_line_taken_out_or_put_back__refused(desk: Desk) -> None:
    fill(desk.directory)
    older = rows(desk.file)
    desk.directory.enter(
        system=MRN,
        value="MRN-4711",
        account=PartyRef("person", "0x" + "c3" * 20),
        checked="known-personally",
        again=True,
    )  # type: ignore[arg-type]
    whole, (place, seal, content) = desk.file.read_bytes(), rows(desk.file)[0]
    newer = {row[0]: row for row in rows(desk.file)}
    old = next(row for row in older if newer[row[0]] != row)
    line = b"history" + (1).to_bytes(8, "big")
    for statements in (
        [("DELETE FROM seals WHERE place = ?", (place,)), ("DELETE FROM contents WHERE place = ?", (place,))],
        [("DELETE FROM seals WHERE place = ?", (line,)), ("DELETE FROM contents WHERE place = ?", (line,))],
        [("DELETE FROM contents WHERE place = ?", (place,))],
        [("UPDATE contents SET content = ? WHERE place = ?", (old[2], old[0]))],
        [
            ("UPDATE contents SET content = ? WHERE place = ?", (old[2], old[0])),
            ("UPDATE seals SET seal = ? WHERE place = ?", (old[1], old[0])),
        ],
        [("UPDATE seals SET place = ? WHERE place = ?", (bytes(32), place))],
        [("UPDATE seals SET seal = ? WHERE place = ?", (7, place))],
        [("UPDATE seals SET place = ? WHERE place = ?", (b"history" + bytes(8), line))],
        [
            ("INSERT INTO seals VALUES (?, ?)", (bytes(32), seal)),
            ("INSERT INTO contents VALUES (?, ?)", (bytes(32), content)),
        ],
        [("UPDATE head SET wraps = ?", (b"{}",))],
        [("UPDATE head SET wraps = ?", ("text",))],
        [("UPDATE head SET file_id = ?", (bytes(32),))],
        [("UPDATE head SET sealed = ?", (seal + content,))],
        [("DELETE FROM head", ())],
    ):
        desk.file.write_bytes(whole)
        _execute(desk.file, *statements)
        with pytest.raises(SealedDamaged):
            told(again(desk))


def test_file__foreign__refused_in_one_sentence(desk: Desk, desk_of: Callable[..., Desk]) -> None:
    fill(desk.directory)
    other = desk_of("other", opener=desk.opener)
    fill(other.directory)
    shutil.copy(other.file, desk.file)
    with pytest.raises(SealedDamaged, match="of another organisation, suite or chain"):
        again(desk).list()
    for content in (b"not a database at all" * 400, b""):
        desk.file.write_bytes(content)
        with pytest.raises(SealedDamaged, match="is another file"):
            again(desk).list()
    file = desk.file
    file.unlink()
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("CREATE TABLE records (id TEXT)")
    with pytest.raises(SealedDamaged, match="is another file"):
        again(desk).list()


def test_file__newer_format__refused_as_such(desk: Desk) -> None:
    fill(desk.directory)
    with closing(sqlite3.connect(desk.file)) as db:
        db.execute("PRAGMA user_version=2")
    with pytest.raises(CareLedgerError, match="newer than this program"):
        again(desk).list()


# AT ONCE


def _enter_many(directory: Directory, base: int, count: int) -> None:
    for number in range(base, base + count):
        party = PartyRef("person", f"0x{number:040x}")  # type: ignore[arg-type]
        directory.enter(system=MRN, value=f"MRN-{number}", account=party, checked="document-seen")


def test_enter__two_processes_at_once__every_act_counts(desk: Desk) -> None:
    fork = multiprocessing.get_context("fork")
    children = [fork.Process(target=_enter_many, args=(again(desk), 1000 * n, 12)) for n in (1, 2, 3)]
    for child in children:  # the file is not there yet: one of them makes it
        child.start()
    for child in children:
        child.join(60)
    assert [child.exitcode for child in children] == [0, 0, 0]
    directory = again(desk)
    assert len(directory.list()) == len(directory.history()) == 36
    assert [each.number for each in directory.history()] == list(range(1, 37))
    assert [path.name for path in desk.file.parent.iterdir()] == [desk.file.name], "nothing is left over"


def test_create__left_by_a_killed_process__cleared_when_it_is_old(desk: Desk) -> None:
    folder = desk.care.home / "directory"
    for name, age in ((".careledger-old", 7200), (".careledger-new", 60)):
        (folder / name).mkdir(parents=True)
        (folder / name / "part").write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    fill(desk.directory)
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".careledger-new"]


def test_reading__while_another_changes__of_one_moment(desk: Desk) -> None:
    fill(desk.directory)
    with desk.directory._reading() as found:
        assert found is not None
        again(desk).remove(system=MRN, value="MRN-4711")
        assert len(list(found[1].entries())) == 3
    assert len(desk.directory.list()) == 2


# THREATS


def test_S8_directory__logs_errors_and_tracebacks__show_no_person(
    desk: Desk, desk_of: Callable[..., Desk], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fill(desk.directory)
    directory, first, second, unknown = desk.directory, *(f"MRN-{number}" for number in (4711, 4712, 9999))
    shown: list[str] = []
    for act in (
        lambda: directory.find(system=MRN, value=unknown),
        lambda: directory.enter(system=MRN, value=first, account=TWO, checked="document-seen"),
        lambda: directory.enter(system=MRN, value=unknown, account=ONE, checked="document-seen"),
        lambda: directory.split(system=MRN, value=first, other=(MRN, second)),
        lambda: directory.merge(system=MRN, value=first, into=(MRN, unknown)),
        lambda: directory.remove(system=MRN, value=unknown),
        lambda: desk.offer(first),
        lambda: desk_of("hospital").directory.of(desk.ref).find(system=MRN, value=first),
    ):
        with pytest.raises(CareLedgerError) as caught:
            act()
        error = caught.value
        shown += ["".join(traceback.format_exception(error)), error.message, error.why, error.fix, repr(error)]
    shown += [record.getMessage() for record in caplog.records]
    shown += [repr(each) for each in (directory, directory._file, *directory.list(), *directory.history())]
    for secret in (first, second, unknown, "807560000", "Ana", ONE.address, ONE.address.lower()):
        assert not any(secret in text for text in shown)
