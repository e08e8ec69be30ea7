"""The content store.

cid_of, digest_of
  given published CIDs                        → recomputed from the bytes
  given any other kind or spelling            → InputError
Store, on a folder and in memory
  put, get, fetch, has, delete, list          → the same bytes; the same file once
  given other bytes, a cut file, no answer    → StorageError within the deadline, no partial file
  given names from outside                    → no path is made of them
"""

import hashlib
import io
import os
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiformats import CID, multihash

from careledger.errors import InputError, Misuse, NotFound, StorageError
from careledger.storage import PIECE, Store, cid_of, digest_of
from tests.shared_data import shared


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path) -> Store:
    if request.param == "folder":
        return Store(tmp_path / "store", deadline=5)
    return Store(f"memory://{tmp_path.name}", deadline=5)


def path_of(store: Store, cid: str) -> Path:
    return Path(store._path(cid))


# ---------------------------------------------------------------- ids


def test_cid__published_blocks__all_recomputed():
    """Blocks of ipld/codec-fixtures in dag-cbor, dag-json and dag-pb: their digest gives the CID in their name."""
    seen = 0
    for path in sorted(shared("crypto", "cid").rglob("*")):
        if path.is_file():
            named, digest = CID.decode(path.stem), hashlib.sha256(path.read_bytes()).digest()
            assert named.codec.name == path.suffix[1:] and named.hashfun.name == "sha2-256"
            assert named.raw_digest == digest
            built = CID(named.base.name, named.version, named.codec.name, multihash.wrap(digest, "sha2-256"))
            assert str(built) == path.stem
            with pytest.raises(InputError):  # our store names raw blocks only: every one of these is refused
                digest_of(path.stem)
            raw = cid_of(digest)  # and the same bytes as a raw block differ in the codec alone
            assert digest_of(raw) == digest and CID.decode(raw).codec.name == "raw"
            seen += 1
    assert seen > 150


def test_cid_negative__bytes_a_decoder_must_refuse__stored_as_bytes_and_never_decoded():
    """The store has no DAG decoder to fool: such bytes are a raw block like any other, their DAG names are refused."""
    import json

    store, seen = Store("memory://negative"), 0
    for path in sorted(shared("crypto", "cid-negative").rglob("decode/*.json")):
        for case in json.loads(path.read_text()):
            data = bytes.fromhex(case["hex"])
            cid = store.put(io.BytesIO(data))
            assert store.get(cid).read() == data
            wrapped = multihash.wrap(hashlib.sha256(data).digest(), "sha2-256")
            with pytest.raises(InputError):
                store.get(str(CID("base32", 1, path.parts[-3], wrapped)))
            seen += 1
    assert seen >= 3


def test_cid__known_value__empty_and_hello():
    assert cid_of(hashlib.sha256(b"").digest()) == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    assert cid_of(hashlib.sha256(b"hello").digest()) == "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"


@given(st.binary(min_size=32, max_size=32))
def test_prop_cid__digest__comes_back(digest):
    assert digest_of(cid_of(digest)) == digest and len(cid_of(digest)) == 59


GOOD = "bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq"
DIGEST = hashlib.sha256(b"hello").digest()
HOSTILE = [
    "",
    "b",
    "../../x",
    "../" * 18 + "etc/x",
    "name\nwith newline",
    GOOD + "\n",
    GOOD[:-1],
    GOOD + "a",
    GOOD.upper(),
    GOOD.replace("b", "B", 1),
    "bafkrei" + "/" * 52,
    "bafkrei" + "é" * 52,
    GOOD[:-1] + "r",  # other padding bits, the same digest
    str(CID("base58btc", 1, "raw", multihash.wrap(DIGEST, "sha2-256"))),
    str(CID("base32", 1, "dag-pb", multihash.wrap(DIGEST, "sha2-256"))),
    str(CID("base58btc", 0, "dag-pb", multihash.wrap(DIGEST, "sha2-256"))),
    str(CID("base32", 1, "raw", multihash.wrap(DIGEST, "sha3-256"))),
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_R9_every_call__hostile_name__refused_before_any_path(store, name):
    for call in (
        store.get,
        store.has,
        store.delete,
        lambda n: list(store.stream(n)),
        lambda n: store.fetch(n, Path("x")),
    ):
        with pytest.raises(InputError, match="content id"):
            call(name)


# ---------------------------------------------------------------- keeping


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 9 * PIECE])
def test_R9_put_get_fetch__any_size__same_bytes(store, tmp_path, size):
    data = os.urandom(size)
    cid = store.put(io.BytesIO(data))
    assert cid == cid_of(hashlib.sha256(data).digest()) and store.has(cid)
    with store.get(cid) as stream:
        assert stream.read() == data
    assert b"".join(store.stream(cid)) == data
    assert store.fetch(cid, tmp_path / "out") == size and (tmp_path / "out").read_bytes() == data


def test_put__same_bytes_twice__kept_once(store):
    cid = store.put(io.BytesIO(b"same"))
    assert store.put(io.BytesIO(b"same")) == cid and list(store.list()) == [cid]


def test_list_and_delete__several_files__each_named_then_gone(store):
    cids = {store.put(io.BytesIO(bytes([n]))) for n in range(5)}
    assert set(store.list()) == cids
    for cid in cids:
        assert store.delete(cid) and not store.delete(cid) and not store.has(cid)
        with pytest.raises(NotFound):
            store.get(cid)
    assert list(store.list()) == []


def test_list__empty_store__nothing(store):
    assert list(store.list()) == [] and store.clean() == 0


def test_writer__left_without_commit__nothing_stored(store):
    with store.writer() as out:
        out.write(b"half")
    assert list(store.list()) == [] and store.clean(older_than=0) == 0


def test_put__source_fails_half_way__nothing_stored(store):
    class Fails(io.RawIOBase):
        def __init__(self) -> None:
            self.turns = 0

        def readinto(self, buffer) -> int:
            self.turns += 1
            if self.turns > 2:
                raise OSError("line cut")
            return len(buffer)

    with pytest.raises(OSError, match="line cut"):
        store.put(Fails())
    assert list(store.list()) == [] and store.clean(older_than=0) == 0


def test_clean__leftover_of_a_killed_writer__removed_once_old(tmp_path):
    store = Store(tmp_path)
    (tmp_path / ".careledger-dead.part").write_bytes(b"half")
    cid = store.put(io.BytesIO(b"whole"))
    assert store.clean() == 0 and store.clean(older_than=0) == 1
    assert list(store.list()) == [cid] and not (tmp_path / ".careledger-dead.part").exists()


def test_put__folder__file_closed_to_others_and_no_leftover(tmp_path):
    store = Store(tmp_path / "s")
    cid = store.put(io.BytesIO(b"x"))
    assert [p.name for p in (tmp_path / "s").rglob("*") if p.is_file()] == [cid]
    assert path_of(store, cid).stat().st_mode & 0o077 == 0


# ---------------------------------------------------------------- distrust


@pytest.mark.parametrize("change", ["flip", "cut", "extend", "empty", "other file"])
def test_R6_get_and_fetch__store_answers_other_bytes__error_and_no_file(store, tmp_path, change):
    data = os.urandom(2 * PIECE)
    cid = store.put(io.BytesIO(data))
    other = {
        "flip": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[:-1],
        "extend": data + b"x",
        "empty": b"",
        "other file": os.urandom(10),
    }[change]
    with store._fs.open(store._path(cid), "wb") as out:
        out.write(other)
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(StorageError, match="other bytes"):
        store.get(cid)
    with pytest.raises(StorageError, match="other bytes"):
        store.fetch(cid, folder / "file")
    assert list(folder.iterdir()) == []
    with pytest.raises(StorageError):
        list(store.stream(cid))


class Stalling(io.RawIOBase):
    """Answers a byte now and then, or never."""

    def __init__(self, pause: float, data: bytes) -> None:
        self.pause, self.data, self.over = pause, data, threading.Event()

    def read(self, size: int = -1) -> bytes:
        self.over.wait(self.pause)
        piece, self.data = self.data[:1], self.data[1:]
        return piece


@pytest.mark.parametrize("pause", [60, 0.05], ids=["never answers", "drips"])
def test_R6_fetch__store_stalls__error_within_the_deadline_and_no_file(tmp_path, monkeypatch, pause):
    store = Store(tmp_path / "s", deadline=0.5)
    cid = store.put(io.BytesIO(b"x" * 1000))
    source = Stalling(pause, b"x" * 1000)
    monkeypatch.setattr(store, "_open", lambda _cid: source)
    started = time.monotonic()
    with pytest.raises(StorageError, match=r"within 0\.5 s") as caught:
        store.fetch(cid, tmp_path / "out")
    assert time.monotonic() - started < 3 and not (tmp_path / "out").exists()
    assert str(caught.value.retry) == "after 5 s"
    source.over.set()


def test_R6_has__store_never_answers__error_within_the_deadline(tmp_path, monkeypatch):
    store, over = Store(tmp_path, deadline=0.3), threading.Event()
    monkeypatch.setattr(store._fs, "exists", lambda _path: over.wait(60), raising=False)
    try:
        with pytest.raises(StorageError, match="did not look up a file within"):
            store.has(GOOD)
    finally:
        over.set()


def test_get__store_refuses__storage_error_without_path(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def refuse(_cid: str):
        raise PermissionError(13, "Permission denied", "/secret/place")

    monkeypatch.setattr(store, "_open", refuse)
    with pytest.raises(StorageError, match="Permission denied") as caught:
        store.get(GOOD)
    assert "/secret" not in str(caught.value)


def test_store__writing_where_a_file_is_in_the_way__storage_error(tmp_path):
    (tmp_path / "f").write_bytes(b"")
    with pytest.raises(StorageError):
        Store(tmp_path / "f").put(io.BytesIO(b"x"))


@pytest.mark.parametrize("url", ["s3://bucket/x", "simplecache::s3://bucket/x"])
def test_store__driver_not_installed__says_which_package(monkeypatch, url):
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as where it is not installed
    store = Store(url)  # whoever does not read or write needs no driver
    for call in (store.locate, lambda: store.put(io.BytesIO(b"x")), lambda: store.get(GOOD)):
        with pytest.raises(InputError) as caught:
            call()
        assert caught.value.message == "s3 needs the package s3fs" and "pip install s3fs" in caught.value.fix


def test_store__unknown_kind__misuse_without_the_url():
    with pytest.raises(Misuse) as caught:
        Store("zz://key:secret@x").locate()
    assert caught.value.message == "zz is no kind of store known here"


def test_store__url_its_driver_cannot_read__storage_error():
    with pytest.raises(StorageError):
        Store("github://x").locate()


def test_store__deadline_of_nothing__refused(tmp_path):
    with pytest.raises(InputError):
        Store(tmp_path, deadline=0)


def test_stream__reader_stops_early__threads_end(tmp_path):
    store = Store(tmp_path)
    cid = store.put(io.BytesIO(os.urandom(5 * PIECE)))
    before = threading.active_count()
    for _ in range(20):
        pieces = store.stream(cid)
        next(pieces)
        pieces.close()
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before
