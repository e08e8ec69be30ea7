"""The custodian's book and its log on chain: numbered, anchored once, proved, held to its receipts.

the book
  it numbers entries, and each patient's own                     → test_book__numbers_entries_and_each_patients_own
  it is append-only, and shows nothing on disk                   → test_S8_book__append_only_and_sealed
  two processes write without gaps or doubles                    → test_book__two_processes__no_gap_and_no_double
  a row or leaf that was changed is noticed                      → test_H12_book__changed_row__noticed
anchoring
  it anchors what waits, once, and nothing where nothing waits   → test_anchor__entries_waiting__one_part_each_time
  the same key gives the first result                            → test_anchor__same_key__first_result
  a dry run says the price and leaves no plan                    → test_anchor__dry_run__leaves_no_plan
  it needs no opener                                             → test_anchor__without_opener__anchors_and_proves
  it says how long until the interval is over                    → test_due__interval_stated__counts_down
proving
  every entry is proved, also when the tree file is lost         → test_prove__any_entry__also_from_a_lost_tree
  leaves that are not those anchored are no proof                → test_prove__another_book__refused
a receipt
  it is settled by proof                                         → test_settle__proof_of_its_entry__settled
  given an honest custodian
    a reported omission is answered by itself                    → test_omission__honest_custodian__answered
  given a custodian that lies
    it stays open, and says what it is                           → test_omission__entry_never_logged__stays_open
  a receipt that waits too long is overdue                       → test_overdue__time_is_up__listed_until_settled
a book that lacks what the chain has
  it is refused, unless it is lost for good                      → test_book__lost__refused_until_begun_anew
"""

from __future__ import annotations

import multiprocessing
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from careledger import Basis, CareLedger, Custodian, PartyRef, Purpose, Reason, Signer, errors
from careledger.codes import OmissionStatus
from careledger.custodian.book import Draft, LogBook
from careledger.privacy.openers import SeedOpener, from_seed, new_seed
from careledger.resources.access import AccessReceipt
from careledger.resources.access_entries import AccessEntry, Acting
from careledger.resources.receipts import KeptReceipt
from careledger.storage import Store
from careledger.values import RecordId, from_hex, keccak, to_hex
from tests.sdk.custodian.houses import Houses
from tests.sdk.resources.town import Townsman

RECORD = RecordId("0x" + "ab" * 32)
DOCTOR = PartyRef("person", "0x" + "d0" * 20)  # type: ignore[arg-type]


def draft(patient: PartyRef, name: str, **how: Any) -> Draft:
    made = Draft(
        keccak(name.encode()), RECORD, patient.address, DOCTOR.address, Acting(DOCTOR), Purpose.TREAT, Basis.DIRECTIVE,
        Reason.DIRECTIVE, True, 5, 1_800_000_000,
    )  # fmt: skip
    return replace(made, **how)


def somebody(number: int) -> PartyRef:
    return PartyRef("person", "0x" + f"{number:040x}")  # type: ignore[arg-type]


# THE BOOK


@pytest.fixture
def opener() -> SeedOpener:
    return from_seed(new_seed())


def book_in(folder: Path, opener: SeedOpener | None) -> LogBook:
    return LogBook(folder, log_id=b"\x21" * 32, opener=opener)


def test_book__numbers_entries_and_each_patients_own(tmp_path: Path, opener: SeedOpener) -> None:
    book, (ana, ben) = book_in(tmp_path, opener), (somebody(1), somebody(2))
    made = book.write(*(draft(who, f"r{n}") for n, who in enumerate([ana, ben, ana, ana])))
    assert [(e.entry, e.own) for e in made] == [(1, 1), (2, 1), (3, 2), (4, 3)]
    assert len({e.leaf for e in made} | {e.salt for e in made}) == 8
    again = book_in(tmp_path, opener)
    assert list(again.all(since=1_800_000_000)) == list(again.all()) == made
    assert list(again.all(since=1_800_000_001)) == [] and list(again.about(ana.address)) == [made[0], made[2], made[3]]
    assert again.write(draft(ana, "r0"), draft(ben, "r9")) == [made[0], again.entry(5)]
    assert again.of_request(keccak(b"r3")) == made[3] and again.of_request(keccak(b"none")) is None
    (refused,) = again.write(draft(ana, "r0", allowed=False, reason=Reason.REVOKED, basis=Basis.NONE), again=True)
    assert (refused.entry, refused.own, refused.allowed) == (6, 4, False)
    assert again.write(draft(ana, "r0"), again=True) == [refused], "a refusal is the last word"
    (later,) = again.write(draft(ana, "r10", at=1))
    assert later.at == 1_800_000_000, "time does not run backwards in a log"
    assert again.leaves(1, 7) == [e.leaf for e in again.all()]
    with pytest.raises(errors.NotFound):
        again.leaves(7, 8)
    with pytest.raises(errors.NotFound):
        again.entry(8)


def test_S8_book__append_only_and_sealed(tmp_path: Path, opener: SeedOpener) -> None:
    book, ana = book_in(tmp_path, opener), somebody(0xA11A)
    (made,) = book.write(draft(ana, "r"))
    book.keep_receipt(1, DOCTOR.address, b"first")
    assert book.keep_receipt(1, DOCTOR.address, b"second") == (DOCTOR.address, b"first")
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    secrets = [made.salt.reveal(), from_hex(RECORD), from_hex(ana.address), from_hex(made.actor), keccak(b"r")]
    assert made.leaf in kept and not [word for word in secrets if word in kept]
    for change in ("UPDATE entries SET at = 0", "DELETE FROM entries", "UPDATE receipts SET signer = ''",
                   "DELETE FROM receipts"):  # fmt: skip
        with pytest.raises(errors.StorageError), book.sealed.db(writes=True) as db:
            db.execute(change)
    assert book.entry(1) == made


def _write(folder: str, opener_seed: bytes, who: int) -> None:
    from careledger.redact import Secret

    book = book_in(Path(folder), from_seed(Secret(opener_seed, "seed")))
    for number in range(15):
        book.write(draft(somebody(number % 3 + 1), f"{who}/{number}"), draft(somebody(9), f"both/{number}"))


def test_book__two_processes__no_gap_and_no_double(tmp_path: Path) -> None:
    seed = new_seed()
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_write, args=(str(tmp_path), seed.reveal(), n)) for n in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    found = list(book_in(tmp_path, from_seed(seed)).all())
    assert [e.entry for e in found] == list(range(1, 46)), "a request that both answer has one entry"
    for number in (1, 2, 3, 9):
        own = [e.own for e in found if e.patient == somebody(number).address]
        assert own == list(range(1, len(own) + 1))


def test_H12_book__changed_row__noticed(tmp_path: Path, opener: SeedOpener) -> None:
    book = book_in(tmp_path, opener)
    book.write(draft(somebody(1), "a"), draft(somebody(1), "b"))
    with sqlite3.connect(tmp_path / "book.sqlite") as db:
        db.execute("DROP TRIGGER entries_stay")
        (mine,) = db.execute("SELECT sealed FROM entries WHERE entry = 2").fetchone()
        db.execute("UPDATE entries SET sealed = ? WHERE entry = 1", (mine,))
        db.execute("UPDATE entries SET leaf = ? WHERE entry = 2", (keccak(b"x"),))
    with pytest.raises(errors.SealedDamaged, match="does not open"):
        book.entry(1)
    with pytest.raises(errors.SealedDamaged, match="whose leaf stands beside it"):
        book.entry(2)


# ANCHORING


@pytest.fixture
def keep(houses: Houses, tmp_path: Path) -> Iterator[Callable[..., Custodian]]:
    """Custodians with a fresh account and home each, and logs of their own."""
    made: list[CareLedger] = []
    chain = houses.town.care.chain
    assert chain is not None

    def new(*, home: Path | None = None, signer: Signer | None = None, opener: Any = "own", **how: Any) -> Custodian:
        import secrets

        used = signer or Signer.from_key(secrets.token_bytes(32))
        chain.fund(used.address)
        folder = home or tmp_path / f"k{len(made)}"
        care = CareLedger(
            houses.town.care.connection, houses.town.care.suite, signer=used,
            opener=from_seed(new_seed()) if opener == "own" else opener, home=folder, store=Store(folder / "store"),
            poll=0.05,
        )  # fmt: skip
        made.append(care)
        return Custodian(care, PartyRef("organisation", used.address), **how)

    yield new
    for care in made:
        care.close()


def fill(custodian: Custodian, count: int, *, name: str = "r") -> list[AccessEntry]:
    now = custodian.care.records.now()
    return custodian.book.write(*(draft(somebody(n % 3 + 1), f"{name}{n}", at=now) for n in range(count)))


def test_anchor__entries_waiting__one_part_each_time(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    assert custodian.anchor() is None and custodian.due() is None
    fill(custodian, 3)
    first = custodian.anchor()
    fill(custodian, 2, name="s")
    part = first.value  # type: ignore[union-attr]
    assert part == custodian.care.records.log_part(custodian.party, part.part) and part.anchored_at > 0
    second = custodian.anchor()
    assert [(r.value.part, r.value.first, r.value.last) for r in (first, second)] == [(1, 1, 3), (2, 4, 5)]  # type: ignore[union-attr]
    assert custodian.anchor() is None
    assert custodian.care.records.log_of(custodian.party)["lastEntry"] == 5


def test_anchor__same_key__first_result(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    fill(custodian, 2)
    first = custodian.anchor(key="day/1")
    fill(custodian, 2, name="s")
    again = custodian.anchor(key="day/1")
    assert again is not None and again.repeated and again.tx == first.tx and again.value == first.value  # type: ignore[union-attr]
    assert custodian.anchor(key="day/2").value.first == 3  # type: ignore[union-attr]


def test_anchor__dry_run__leaves_no_plan(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    fill(custodian, 2)
    prepared = custodian.anchor(dry_run=True)
    assert prepared.gas > 50_000 and custodian.book.plan_from(1) is None  # type: ignore[union-attr]
    assert not (custodian.folder / "trees").exists()
    fill(custodian, 1, name="s")
    assert custodian.anchor().value.last == 3  # type: ignore[union-attr]


def test_anchor__without_opener__anchors_and_proves(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    fill(custodian, 3)
    clerk = keep(home=custodian.care.home, signer=custodian.care.signer, opener=None)
    assert clerk.due() > 86_000  # type: ignore[operator]
    assert clerk.anchor().value.last == 3  # type: ignore[union-attr]
    assert clerk.prove(2).part == 1
    with pytest.raises(errors.InputError, match="nothing to open this book with"):
        clerk.book.entry(1)


def test_due__interval_stated__counts_down(houses: Houses, keep: Callable[..., Custodian]) -> None:
    custodian, chain = keep(), houses.town.care.chain
    assert chain is not None
    custodian.care.records.state_interval(custodian.party, seconds=3600)
    fill(custodian, 2)
    assert 3590 <= custodian.due() <= 3600  # type: ignore[operator]
    chain.increase_time(3700)
    assert -110 <= custodian.due() <= -90  # type: ignore[operator]
    custodian.anchor()
    assert custodian.due() is None


def test_prove__any_entry__also_from_a_lost_tree(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    for name, count in (("a", 5), ("b", 1), ("c", 8), ("d", 2)):
        fill(custodian, count, name=name)
        custodian.anchor()
    trees = custodian.folder / "trees"
    for lost in (False, True):
        if lost:
            shutil.rmtree(trees)
        for entry in custodian.book.all():
            proof = custodian.prove(entry)
            assert custodian.care.records.is_logged(
                custodian.party, part=proof.part, entry=entry.entry, leaf=entry.leaf,
                path=[from_hex(node) for node in proof.path],
            )  # fmt: skip
    (tree,) = trees.glob("*7-*")
    tree.write_bytes(tree.read_bytes()[:-64] + bytes(64))
    assert custodian.prove(9).part == 3, "a damaged tree is built anew"
    for number in (0, 17):
        with pytest.raises(errors.NotFound, match="is not anchored"):
            custodian.prove(number)


def test_prove__another_book__refused(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    fill(custodian, 3)
    custodian.anchor()
    shutil.rmtree(custodian.folder)
    other = keep(home=custodian.care.home, signer=custodian.care.signer, begin_anew=True)
    with pytest.raises(errors.NotFound, match="not all in this log book"):
        other.prove(2)
    shutil.rmtree(custodian.folder)
    book = LogBook(custodian.folder, log_id=other.book.sealed._id, opener=other.care.opener)
    book.write(*(draft(somebody(1), f"other/{n}") for n in range(3)))
    forged = keep(home=custodian.care.home, signer=custodian.care.signer, opener=other.care.opener)
    with pytest.raises(errors.StorageError, match="not those that were anchored"):
        forged.prove(2)


# RECEIPTS


def receipts(custodian: Custodian, entries: list[AccessEntry]) -> list[Any]:
    records, signer = custodian.care.records, custodian.care.signer
    assert signer is not None
    if not records.is_receipt_key(custodian.party, signer=signer.address):
        records.name_receipt_key(custodian.party, signer=signer.address)
    return [
        AccessReceipt.of(records.domain, custodian=custodian.party, entry=e, issued_at=e.at).signed_by(signer)
        for e in entries
    ]


def test_settle__proof_of_its_entry__settled(houses: Houses, ana: Townsman) -> None:
    clinic, record = houses.clinic.care.records, houses.seal(ana)
    kept = [houses.ask(record).receipt for _ in range(2)]
    custodian = houses.custodian()
    custodian.anchor()
    wrong = custodian.prove(kept[1].receipt.terms)
    assert not clinic.settle(kept[0], wrong)
    assert clinic.settle(kept[0], custodian.prove(kept[0].receipt.terms))
    standing = {item.id: item.settled for item in clinic.receipts()}
    assert (standing[kept[0].id], standing[kept[1].id]) == (True, False)
    stranger = replace(kept[0].receipt.terms, typed=replace(
        kept[0].receipt.terms.typed, message={**kept[0].receipt.terms.typed.message, "leaf": RECORD}
    ))  # fmt: skip
    with pytest.raises(errors.NotFound, match="is another one"):
        custodian.prove(stranger)


@pytest.fixture
def ana(houses: Houses) -> Townsman:
    return houses.town.patient()


def test_overdue__time_is_up__listed_until_settled(houses: Houses, ana: Townsman) -> None:
    clinic, chain = houses.clinic.care.records, houses.town.care.chain
    assert chain is not None
    kept = houses.ask(houses.seal(ana)).receipt
    assert kept.id not in {item.id for item in clinic.overdue()}
    chain.increase_time(86_500)
    assert kept.id in {item.id for item in clinic.overdue()}
    custodian = houses.custodian()
    custodian.anchor()
    assert kept.id in {item.id for item in clinic.overdue()}, "an anchor is no proof yet"
    assert clinic.settle(kept, custodian.prove(kept.receipt.terms))
    assert kept.id not in {item.id for item in clinic.overdue()}


def test_omission__honest_custodian__answered(houses: Houses, keep: Callable[..., Custodian]) -> None:
    custodian, chain = keep(), houses.town.care.chain
    assert chain is not None
    signed = receipts(custodian, fill(custodian, 3))
    chain.increase_time(90_000)
    reporter = houses.town.stranger.care.records
    reporter.report_omission(signed[0])
    reporter.report_omission(signed[2])
    assert custodian.care.records.log_of(custodian.party)["openOmissions"] == 2
    found = custodian.answer_omissions()
    assert [(o.entry, o.answered, o.why_not) for o in found] == [(1, True, ""), (3, True, "")]
    assert {reporter.omission(item.terms) for item in (signed[0], signed[2])} == {OmissionStatus.ANSWERED}
    assert custodian.answer_omissions() == []
    assert custodian.care.records.log_of(custodian.party)["openOmissions"] == 0


def test_omission__entry_never_logged__stays_open(houses: Houses, keep: Callable[..., Custodian]) -> None:
    custodian, chain = keep(), houses.town.care.chain
    assert chain is not None
    entries = fill(custodian, 2)
    now = entries[0].at
    lies = [
        replace(entries[1], entry=7), replace(entries[1], allowed=False), replace(entries[0], purpose=Purpose.HMARKT),
    ]  # fmt: skip
    signed = receipts(custodian, lies)
    signed += [
        AccessReceipt.of(custodian.care.records.domain, custodian=custodian.party, entry=entries[0], issued_at=now - 1)
        .signed_by(custodian.care.signer)  # type: ignore[arg-type]
    ]  # fmt: skip
    custodian.anchor()
    chain.increase_time(90_000)
    reporter = houses.town.stranger.care.records
    for item in signed:
        reporter.report_omission(item)
    found = custodian.answer_omissions()
    assert [o.answered for o in found] == [False] * 4
    assert [o.why_not for o in found] == [
        "There is no such entry in this book.", "Another leaf stands in this place of the book.",
        "Another leaf stands in this place of the book.",
        "The receipt names another time than the entry was written at.",
    ]  # fmt: skip
    assert {reporter.omission(item.terms) for item in signed} == {OmissionStatus.OPEN}
    assert reporter.log_of(custodian.party)["openOmissions"] == 4
    kept = KeptReceipt(signed[1], lies[1])
    assert not reporter.settle(kept, custodian.prove(2)), "the proof of the entry that stands there instead"


# LOSS


def test_book__lost__refused_until_begun_anew(keep: Callable[..., Custodian]) -> None:
    custodian = keep()
    fill(custodian, 3)
    custodian.anchor()
    backup = custodian.care.home.parent / "backup"
    shutil.copytree(custodian.folder, backup)
    fill(custodian, 2, name="s")
    custodian.anchor()
    home, signer, opener = custodian.care.home, custodian.care.signer, custodian.care.opener
    shutil.rmtree(custodian.folder)
    with pytest.raises(errors.StorageError, match="up to entry 5, and this book does not"):
        keep(home=home, signer=signer, opener=opener).anchor()
    shutil.copytree(backup, custodian.folder)
    with pytest.raises(errors.StorageError, match="up to entry 5, and this book does not"):
        keep(home=home, signer=signer, opener=opener).anchor()
    shutil.rmtree(custodian.folder)
    anew = keep(home=home, signer=signer, opener=opener, begin_anew=True)
    (entry,) = fill(anew, 1)
    assert (entry.entry, entry.own, anew.book.after) == (6, 1, 5)
    assert anew.anchor().value.part == 3  # type: ignore[union-attr]
    assert anew.prove(6).part == 3
    assert to_hex(entry.leaf) and keep(home=home, signer=signer, opener=opener).book.last == 6
