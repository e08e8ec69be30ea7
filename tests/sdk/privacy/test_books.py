"""Books: SQLite files whose rows are sealed.

given a book with a row
  it opens for its opener, and for one that was admitted        → test_book__its_opener_or_an_admitted_one__opens
  it does not open for another, nor without its key file        → test_book__another_opener_or_no_key__refused
  when a bit of the row is flipped, or it is moved
    it does not open                                            → test_H12_row__flipped_bit_by_bit_or_moved__refused
  it shows nothing of rows, keys and tags on disk or in repr    → test_S8_book__on_disk_and_in_repr__shows_nothing
  when a block fails
    nothing of it is there                                      → test_db__block_that_fails__leaves_nothing
  when two threads write
    each finds what the other left                              → test_db__two_writers__one_after_the_other
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from careledger.errors import InputError, KeyMaterialError, NotARecipient, SealedDamaged, StorageError
from careledger.privacy.books import Book
from careledger.privacy.openers import from_seed, new_seed

SCHEMA = "CREATE TABLE notes (place INTEGER PRIMARY KEY, tag BLOB, sealed BLOB);"
BOOK_ID = b"\x11" * 32
ROW = b"who read what and what for"
OPENER = from_seed(new_seed())


def book(folder: Path, **how: object) -> Book:
    return Book(folder, **{"book_id": BOOK_ID, "schema": SCHEMA, "opener": OPENER, **how})  # type: ignore[arg-type]


def write(found: Book, place: int, plain: bytes) -> None:
    with found.db(writes=True) as db:
        row = (place, found.key.tag(plain), found.key.seal(bytes([place]), plain))
        db.execute("INSERT INTO notes VALUES (?, ?, ?)", row)


def read(found: Book, place: int) -> bytes:
    with found.db() as db:
        (sealed,) = db.execute("SELECT sealed FROM notes WHERE place = ?", (place,)).fetchone()
    return found.key.open(bytes([place]), sealed)


def test_book__its_opener_or_an_admitted_one__opens(tmp_path: Path) -> None:
    write(book(tmp_path / "b"), 1, ROW)
    assert read(book(tmp_path / "b"), 1) == ROW
    other = from_seed(new_seed())
    book(tmp_path / "b").admit(other.recipient())
    assert read(book(tmp_path / "b", opener=other), 1) == ROW
    assert read(book(tmp_path / "b"), 1) == ROW


def test_book__another_opener_or_no_key__refused(tmp_path: Path) -> None:
    write(book(tmp_path / "b"), 1, ROW)
    with pytest.raises(NotARecipient, match="not for this key"):
        read(book(tmp_path / "b", opener=from_seed(new_seed())), 1)
    with pytest.raises(InputError, match="nothing to open"):
        read(book(tmp_path / "b", opener=None), 1)
    with pytest.raises(KeyMaterialError, match="another book's"):
        read(book(tmp_path / "b", book_id=b"\x12" * 32), 1)
    with pytest.raises(InputError, match="nobody to open it"):
        book(tmp_path / "fresh", opener=None)
    (tmp_path / "b" / "book.wraps").unlink()
    with pytest.raises(StorageError, match="what opens it is not"):
        book(tmp_path / "b")


def test_H12_row__flipped_bit_by_bit_or_moved__refused(tmp_path: Path) -> None:
    found = book(tmp_path / "b")
    sealed = found.key.seal(b"1", ROW)
    assert found.key.open(b"1", sealed) == ROW
    for place in range(len(sealed)):
        for bit in range(8):
            flipped = bytearray(sealed)
            flipped[place] ^= 1 << bit
            with pytest.raises(SealedDamaged):
                found.key.open(b"1", bytes(flipped))
    for moved in (b"2", b""):
        with pytest.raises(SealedDamaged):
            found.key.open(moved, sealed)
    for cut in (sealed[:-1], sealed[:12], sealed[:5], b""):
        with pytest.raises(SealedDamaged):
            found.key.open(b"1", cut)
    elsewhere = book(tmp_path / "c", book_id=b"\x13" * 32)
    with pytest.raises(SealedDamaged):
        elsewhere.key.open(b"1", sealed)


def test_S8_book__on_disk_and_in_repr__shows_nothing(tmp_path: Path) -> None:
    found = book(tmp_path / "b")
    write(found, 1, ROW)
    write(found, 2, ROW)
    with found.db() as db:
        tags = [row[0] for row in db.execute("SELECT tag FROM notes ORDER BY place")]
    assert tags[0] == tags[1] == found.key.tag(ROW) != found.key.tag(ROW + b"x")
    kept = b"".join(path.read_bytes() for path in (tmp_path / "b").iterdir())
    assert ROW not in kept and found._wraps().open(OPENER).reveal() not in kept
    assert ROW.decode() not in repr(found) + repr(found.key)
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "b").iterdir()} == {0}


def test_db__block_that_fails__leaves_nothing(tmp_path: Path) -> None:
    found = book(tmp_path / "b")
    with pytest.raises(ZeroDivisionError), found.db(writes=True) as db:
        db.execute("INSERT INTO notes VALUES (1, x'', x'')")
        1 / 0  # noqa: B018
    with found.db() as db:
        assert db.execute("SELECT count(*) FROM notes").fetchone() == (0,)
    with pytest.raises(StorageError, match="OperationalError"), found.db() as db:
        db.execute("SELECT * FROM nothing")
    (tmp_path / "b" / "book.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(StorageError, match="DatabaseError"), found.db() as db:
        db.execute("SELECT * FROM notes")


def test_db__two_writers__one_after_the_other(tmp_path: Path) -> None:
    def count_up() -> None:
        mine = book(tmp_path / "b")
        for _ in range(20):
            with mine.db(writes=True) as db:
                (last,) = db.execute("SELECT coalesce(max(place), 0) FROM notes").fetchone()
                db.execute("INSERT INTO notes VALUES (?, x'', x'')", (last + 1,))

    threads = [threading.Thread(target=count_up) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(tmp_path / "b" / "book.sqlite") as db:
        assert db.execute("SELECT count(*), max(place) FROM notes").fetchone() == (40, 40)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
