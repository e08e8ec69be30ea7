"""A wallet with its papers, saved into a store and brought back on an empty machine.

save_backup
  given a folder or memory          → one file under a name that says nothing     → test_H7_save__name_and_bytes__…
  given little or much              → the same size                               → test_R10_save__…
  given three before it             → the oldest goes, once the new one is read back
  given a kill at any step          → every backup that was there opens, and the next one is made
  given a store that keeps garbage  → it says so, and the older ones stay
restore
  given password, key or shares     → a wallet that signs, opens records and knows its papers
  given nothing but the store       → the newest that opens; of several wallets none
  given the wrong password, another's key, too few or wrong shares → one sentence that shows nothing
  given a damaged or cut file       → one sentence; an intact older one is taken, with a warning
put_back
  given newer papers                → both are joined, and it warns
  given another wallet's book       → refused
WalletBook
  given two processes               → no number is given twice
  given a cut file                  → one sentence
"""

import io
import itertools
import json
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from careledger import Scope, Signer, Store, Wallet, steps
from careledger.errors import FormatError, InputError, KeyMaterialError, NotARecipient, NotFound, StorageError
from careledger.privacy.backups import find_backups, put_back, restore, save_backup
from careledger.privacy.commitments import RecordOpening, new_salt
from careledger.privacy.documents import Split, roads_of
from careledger.privacy.openers import from_seed, new_seed
from careledger.privacy.pseudonyms import KnownAccount
from careledger.privacy.sealing import new_key
from careledger.privacy.walletbook import WalletBook
from careledger.privacy.wraps import Wraps
from careledger.redact import Secret

PASSWORD, WORK = Secret(b"five words of my own"), 1 << 10
CLINIC, INSURER = "0x" + "11" * 20, "0x" + "22" * 20


def opening() -> RecordOpening:
    return RecordOpening(
        salt=new_salt(), author=CLINIC, patient=INSURER, classes=5, media_type="text/plain", content_hash=bytes(32)
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def book(tmp_path: Path) -> WalletBook:
    wallet, _ = Wallet.create()
    found = WalletBook(tmp_path / "wallet", wallet)
    found.add(Scope.custodian(CLINIC), Scope.coverage(INSURER, plan_year=2026))
    found.next_encounter(CLINIC)
    found.add_receipt('{"consent":1}')
    found.add_opening(opening())
    found.add_key("old phone", new_seed())
    found.set_kit("kit")
    found.add_duty("sheet")
    return found


def save(book: WalletBook, store: Store, **how: object):
    return save_backup(book, store, **{"password": PASSWORD, "work": WORK, **how})


# SAVING


@pytest.mark.parametrize("url", ["folder", "memory://wallet-backups"])
def test_H7_save__name_and_bytes__say_nothing(book: WalletBook, tmp_path: Path, url: str) -> None:
    store = Store(tmp_path / url if url == "folder" else url)
    first, second = save(book, store), save(book, store)
    assert first.cid != second.cid
    text = store.get(first.cid).read().decode()
    fields = json.loads(text)
    assert sorted(fields) == ["format", "name", "roads", "sealed"]
    device = from_seed(new_seed())
    sealed = save(book, store, recipients=[device.recipient()])
    assert device.key_hash.hex() not in store.get(sealed.cid).read().decode()
    assert roads_of(store.get(sealed.cid).read().decode(), "backup") == {"password", "wraps"}
    assert repr(book) == "<wallet book>"


def test_R10_save__of_little_or_more__same_size(book: WalletBook, store: Store, tmp_path: Path) -> None:
    little = WalletBook(tmp_path / "other", Wallet.create()[0])
    sizes = {len(store.get(save(each, store).cid).read()) for each in (book, little)}
    assert len(sizes) == 1


def test_save__and_restore__leave_no_file_open(book: WalletBook, store: Store, monkeypatch) -> None:
    read, honest = [], Store.get

    def noting(self: Store, cid: str):
        read.append(honest(self, cid))
        return read[-1]

    monkeypatch.setattr(Store, "get", noting)
    restore(store, save(book, store).cid, password=PASSWORD)
    assert [file.closed for file in read] == [True, True]


def test_save__fourth__removes_the_first(book: WalletBook, store: Store) -> None:
    saved = [save(book, store) for _ in range(4)]
    assert [item.serial for item in saved] == [1, 2, 3, 4]
    assert [item.removed for item in saved] == [0, 0, 0, 1]
    assert sorted(store.list()) == sorted(item.cid for item in saved[1:])


def test_save__two_stores__each_keeps_its_own(book: WalletBook, store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "elsewhere")
    for _ in range(3):
        save(book, store, keep=2)
        save(book, other, keep=2)
    assert len(list(store.list())) == len(list(other.list())) == 2


def test_save__no_road_back__refused(book: WalletBook, store: Store) -> None:
    with pytest.raises(InputError, match="could never be opened"):
        save_backup(book, store)
    assert not list(store.list())


def test_save__store_keeps_garbage__says_so_and_older_ones_stay(book: WalletBook, store: Store, monkeypatch) -> None:
    first = save(book, store, keep=1)
    honest = Store.get

    def lying(self: Store, cid: str):
        honest(self, cid).close()
        return io.BytesIO(b"other bytes")

    monkeypatch.setattr(Store, "get", lying)
    with pytest.raises(StorageError, match="as it was written"):
        save(book, store, keep=1)
    monkeypatch.undo()
    assert restore(store, first.cid, password=PASSWORD).backup.serial == 1


def test_save__kill_at_every_step__older_ones_open_and_the_next_is_made(book: WalletBook, store: Store) -> None:
    first = save(book, store, keep=1)
    died = 0
    for at in range(1, 20):
        child = os.fork()
        if not child:
            steps.arm(crash_at=at)
            save(book, store, keep=1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert find_backups(store, password=PASSWORD), f"no backup opens after step {at}"
        if not os.WIFSIGNALED(status):
            break
        assert os.WTERMSIG(status) == signal.SIGKILL
        died += 1
    assert died >= 5
    newest = save(book, store, keep=1)
    found = find_backups(store, password=PASSWORD)
    assert found[-1][0] == newest.cid
    assert newest.serial > first.serial
    assert found[-1][1].receipts == ('{"consent":1}',)


# RESTORING


def test_restore__password_key_or_shares__is_a_whole_wallet(book: WalletBook, store: Store, tmp_path: Path) -> None:
    device, split = from_seed(new_seed()), Split.new(2, 3)
    saved = save(book, store, recipients=[device.recipient()], split=split)
    scope, digest, key = Scope.custodian(CLINIC), bytes(range(32)), new_key()
    wraps = Wraps(digest).add(key, book.wallet.opener(scope).recipient())
    roads = ({"password": PASSWORD}, {"opener": device}, {"shares": split.shares[1:]}, {"shares": split.shares[:2]})
    for number, road in enumerate(roads):
        back = restore(Store(tmp_path / "store"), saved.cid, **road)
        signer = Signer.from_key(back.wallet.account(scope).key)
        assert signer.sign_hash(digest) == Signer.from_key(book.wallet.account(scope).key).sign_hash(digest)
        assert wraps.open(back.wallet.opener(scope)) == key
        there = WalletBook(tmp_path / f"empty-{number}", back.wallet)
        assert put_back(there, back).warning is None
        assert there.holdings == book.holdings
        assert there.next_encounter(CLINIC).number == 1
        assert there.account(back.wallet.account(scope).address).scope == scope


def test_restore__nothing_named__takes_the_newest_that_opens(book: WalletBook, store: Store, tmp_path: Path) -> None:
    save(book, store)
    book.add_receipt('{"consent":2}')
    newest = save(book, store)
    save(WalletBook(tmp_path / "stranger", Wallet.create()[0]), store, password=Secret(b"another's"))
    store.put(io.BytesIO(b"something sealed that is no backup"))
    back = restore(store, password=PASSWORD)
    assert (back.cid, back.backup.serial, back.warning) == (newest.cid, 2, None)
    assert '{"consent":2}' in back.backup.receipts
    with pytest.raises(NotFound, match="opens this way"):
        restore(store, password=Secret(b"a guess"))


def test_restore__another_wallet_planted_for_the_same_key__not_taken(
    book: WalletBook, store: Store, tmp_path: Path
) -> None:
    trusted = from_seed(new_seed())
    ours = save(book, store, password=None, recipients=[trusted.recipient()])
    thief = WalletBook(tmp_path / "thief", Wallet.create()[0])
    for _ in range(3):
        planted = save(thief, store, password=None, recipients=[trusted.recipient()])
    assert planted.serial > ours.serial
    with pytest.raises(InputError, match="2 different wallets") as refused:
        restore(store, opener=trusted)
    assert ours.cid in str(refused.value.fix)
    back = restore(store, ours.cid, opener=trusted)
    assert back.wallet.account(Scope.book()) == book.wallet.account(Scope.book())


def test_restore__words_kept__come_back(store: Store, tmp_path: Path) -> None:
    wallet, phrase = Wallet.create(words=12)
    save(WalletBook(tmp_path / "w", wallet), store, mnemonic=phrase)
    assert restore(store, password=PASSWORD).backup.mnemonic == phrase


def test_K8_restore__wrong_road__one_sentence_that_shows_nothing(book: WalletBook, store: Store) -> None:
    split, other = Split.new(2, 3), Split.new(2, 3)
    saved = save(book, store, split=split, recipients=[from_seed(new_seed()).recipient()])
    mistyped = Secret(split.shares[0].reveal().replace(b" ", b" academic ", 1))
    cases = (
        (KeyMaterialError, {"password": Secret(b"a guess")}, "does not open"),
        (NotARecipient, {"opener": from_seed(new_seed())}, "with this key"),
        (KeyMaterialError, {"shares": split.shares[:1]}, "too few"),
        (KeyMaterialError, {"shares": (split.shares[0], other.shares[1])}, "do not give a key"),
        (KeyMaterialError, {"shares": (split.shares[0], split.shares[0])}, "do not give a key"),
        (KeyMaterialError, {"shares": other.shares}, "does not open|do not give a key"),
        (KeyMaterialError, {"shares": (mistyped, split.shares[1])}, "do not give a key"),
        (KeyMaterialError, {"shares": (Secret(b"\xff"), split.shares[1])}, "do not give a key"),
    )
    for error, road, words in cases:
        with pytest.raises(error, match=words) as caught:
            restore(store, saved.cid, **road)
        shown = f"{caught.value.message} {caught.value.why} {caught.value.fix}"
        words_given = split.shares[0].reveal().decode().split()
        pairs = [f"{first} {second}" for first, second in itertools.pairwise(words_given)]
        assert not [secret for secret in ("a guess", *pairs) if secret in shown]
    plain = save(book, store)
    with pytest.raises(KeyMaterialError, match="without shares"):
        restore(store, plain.cid, shares=split.shares)


def test_H12_restore__damaged_or_cut__refused_or_an_older_one_with_a_warning(book: WalletBook, store: Store) -> None:
    older, newest = save(book, store), save(book, store)
    path = next(Path(store._root).rglob(newest.cid))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(StorageError, match="other bytes"):
        restore(store, newest.cid, password=PASSWORD)
    back = restore(store, password=PASSWORD)
    assert back.cid == older.cid
    assert back.warning is not None and "may be a newer backup" in back.warning
    cut = store.put(io.BytesIO(store.get(older.cid).read()[:-100]))
    with pytest.raises(FormatError, match="not a sealed backup"):
        restore(store, cut, password=PASSWORD)


def test_put_back__newer_papers_are_here__joins_and_warns(book: WalletBook, store: Store) -> None:
    save(book, store)
    old = restore(store, password=PASSWORD)
    subject = "0x" + "33" * 20
    book.add(KnownAccount(Scope.successor(subject), subject))
    book.next_encounter(CLINIC)
    save(book, store)
    before = book.holdings
    told = put_back(book, old)
    assert told.warning == (
        "Backup 1 is older than what was here, as of backup 2: both were joined, and nothing is gone."
    )
    assert book.holdings == before
    assert book.next_encounter(CLINIC).number == 2


def test_put_back__another_wallets_book__refused(book: WalletBook, store: Store, tmp_path: Path) -> None:
    save(book, store)
    with pytest.raises(InputError, match="another wallet's"):
        put_back(WalletBook(tmp_path / "x", Wallet.create()[0]), restore(store, password=PASSWORD))


# THE BOOK


def test_K9_next_encounter__many_threads_and_processes__no_number_twice(tmp_path: Path) -> None:
    wallet, _ = Wallet.create()
    children = []
    for number in range(2):
        if not (child := os.fork()):
            given = [WalletBook(tmp_path / "b", wallet).next_encounter(CLINIC).number for _ in range(10)]
            (tmp_path / f"given-{number}").write_text(json.dumps(given))
            os._exit(0)
        children.append(child)
    with ThreadPoolExecutor(4) as pool:
        mine = list(pool.map(lambda _: WalletBook(tmp_path / "b", wallet).next_encounter(CLINIC).number, range(10)))
    for child in children:
        assert os.waitpid(child, 0)[1] == 0
    for number in range(2):
        mine += json.loads((tmp_path / f"given-{number}").read_text())
    assert sorted(mine) == list(range(30))


def test_book__cut_file__one_sentence(book: WalletBook) -> None:
    path = next(book._path.parent.glob("*.json"))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(FormatError, match="not a sealed wallet-book"):
        _ = book.holdings


def test_book__same_key_name_for_another_key__refused(book: WalletBook) -> None:
    with pytest.raises(InputError, match="another key"):
        book.add_key("old phone", new_seed())
    with pytest.raises(NotFound, match="no account"):
        book.account(CLINIC)
