"""Sealing.

seal, open_
  given any size around a segment's end       → Tink opens ours, ours opens Tink's
  given the content back                      → hash and sizes are right, memory stays small
given a sealed file that was
  flipped in any bit                          → SealedDamaged, nothing unverified released
  cut, extended, reordered                    → SealedDamaged
  swapped with another record's or version's  → SealedDamaged
open_file
  given damage in the last segment            → no file
"""

import hashlib
import io
import os
import random
import subprocess
import sys
import traceback

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careledger.errors import InputError, SealedDamaged
from careledger.privacy import sealing
from careledger.privacy.padding import padded_size
from careledger.privacy.sealing import (
    HEADER_BYTES,
    SEGMENT_BYTES,
    TAG_BYTES,
    OpeningStream,
    new_key,
    open_,
    open_file,
    record_binding,
    seal,
    seal_file,
)
from careledger.redact import Secret

FIRST = SEGMENT_BYTES - HEADER_BYTES - TAG_BYTES
NEXT = SEGMENT_BYTES - TAG_BYTES
BOUNDARIES = sorted(
    {0, 1, 15, 16, 17, 4095, 4096}
    | {FIRST + d for d in (-1, 0, 1)}
    | {FIRST + NEXT + d for d in (-1, 0, 1)}
    | {SEGMENT_BYTES, 3 * SEGMENT_BYTES + 7}
)
BOUND = record_binding(b"\x07" * 32, version=1)


def sealed(data: bytes, key: Secret, bound: bytes = BOUND, *, padded: bool = True) -> bytes:
    out = io.BytesIO()
    seal(io.BytesIO(data), out, key, bound, padded=padded)
    return out.getvalue()


def opened(data: bytes, key: Secret, bound: bytes = BOUND, *, padded: bool = True) -> bytes:
    out = io.BytesIO()
    open_(io.BytesIO(data), out, key, bound, padded=padded)
    return out.getvalue()


def refused(data: bytes, key: Secret, original: bytes, bound: bytes = BOUND, *, padded: bool = True) -> bytes:
    """Assert the damage is found, and that what was released before is a true beginning of the content."""
    out = io.BytesIO()
    with pytest.raises(SealedDamaged):
        open_(io.BytesIO(data), out, key, bound, padded=padded)
    assert original.startswith(out.getvalue())
    return out.getvalue()


class _Kept(io.BytesIO):
    """Tink closes what it writes to; the bytes are wanted afterwards."""

    def close(self) -> None:
        pass


def tink_primitive(key: Secret):
    tink = pytest.importorskip("tink")
    from tink import secret_key_access, streaming_aead
    from tink.proto import aes_gcm_hkdf_streaming_pb2, common_pb2, tink_pb2

    streaming_aead.register()
    params = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingParams(
        ciphertext_segment_size=SEGMENT_BYTES, derived_key_size=32, hkdf_hash_type=common_pb2.SHA256
    )
    proto = aes_gcm_hkdf_streaming_pb2.AesGcmHkdfStreamingKey(version=0, key_value=key.reveal(), params=params)
    data = tink_pb2.KeyData(
        type_url="type.googleapis.com/google.crypto.tink.AesGcmHkdfStreamingKey",
        value=proto.SerializeToString(),
        key_material_type=tink_pb2.KeyData.SYMMETRIC,
    )
    entry = tink_pb2.Keyset.Key(key_data=data, status=tink_pb2.ENABLED, key_id=1, output_prefix_type=tink_pb2.RAW)
    keyset = tink_pb2.Keyset(primary_key_id=1, key=[entry])
    handle = tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)
    return handle.primitive(streaming_aead.StreamingAead)


@pytest.mark.parametrize("size", BOUNDARIES)
def test_seal__at_segment_ends__tink_opens_it(size):
    key, data = new_key(), os.urandom(size)
    ours = sealed(data, key, padded=False)
    with tink_primitive(key).new_decrypting_stream(io.BytesIO(ours), BOUND) as stream:
        assert stream.read() == data


@pytest.mark.parametrize("size", BOUNDARIES)
def test_open__given_tinks_stream__same_content(size):
    key, data, theirs = new_key(), os.urandom(size), _Kept()
    with tink_primitive(key).new_encrypting_stream(theirs, BOUND) as stream:
        stream.write(data)
    assert opened(theirs.getvalue(), key, padded=False) == data


def test_seal__padded__tink_opens_to_content_marker_and_zeros():
    key, data = new_key(), b"blood pressure 120/80"
    with tink_primitive(key).new_decrypting_stream(io.BytesIO(sealed(data, key)), BOUND) as stream:
        assert stream.read() == data + b"\x80" + bytes(4096 - len(data) - 1)


@pytest.mark.parametrize("size", BOUNDARIES)
@pytest.mark.parametrize("padded", [True, False])
def test_seal__any_size__opens_with_right_hash_and_sizes(size, padded):
    key, data, out, back = new_key(), os.urandom(size), io.BytesIO(), io.BytesIO()
    info = seal(io.BytesIO(data), out, key, BOUND, padded=padded, with_cid=True)
    raw = out.getvalue()
    again = open_(io.BytesIO(raw), back, key, BOUND, padded=padded)
    assert back.getvalue() == data
    assert info.content_hash == again.content_hash == hashlib.sha256(data).digest()
    assert info.plain_size == again.plain_size == size
    assert info.sealed_size == again.sealed_size == len(raw)
    assert info.sealed_hash == hashlib.sha256(raw).digest()
    assert info.cid is not None and info.cid.startswith("bafkrei") and again.cid is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 3 * SEGMENT_BYTES), st.booleans(), st.integers(0, 2**32))
def test_prop_R9_seal__any_size_and_ending__round_trips(size, padded, seed):
    data = random.Random(seed).randbytes(size)
    data = data[: size // 2] + b"\x80" + bytes(size // 3) if seed % 3 == 0 else data
    key = new_key()
    assert opened(sealed(data, key, padded=padded), key, padded=padded) == data


def test_R10_seal__sizes_of_one_bucket__same_sealed_size():
    key = new_key()
    assert len({len(sealed(bytes(n), key)) for n in (0, 1, 300, 4000, 4095)}) == 1
    assert len(sealed(bytes(100_000), key)) == padded_size(100_000) + HEADER_BYTES + TAG_BYTES


def test_R5_H12_open__every_byte_of_a_small_file_flipped__refused_with_nothing_released():
    key, data = new_key(), b"x" * 200
    good = sealed(data, key, padded=False)
    assert opened(good, key, padded=False) == data
    for place in range(len(good)):
        for bit in (0, 7):
            bad = bytearray(good)
            bad[place] ^= 1 << bit
            assert refused(bytes(bad), key, data, padded=False) == b""


def test_R5_H12_open__bits_of_a_large_file_flipped__refused():
    key, data = new_key(), os.urandom(2 * SEGMENT_BYTES + 100)
    good = sealed(data, key)
    places = {0, 1, 40, SEGMENT_BYTES - 1, SEGMENT_BYTES, 2 * SEGMENT_BYTES, len(good) - 1}
    for place in sorted(places):
        bad = bytearray(good)
        bad[place] ^= 1
        released = refused(bytes(bad), key, data)
        assert len(released) <= max(0, place // SEGMENT_BYTES * NEXT)


@pytest.mark.parametrize("keep", [0, 1, 39, 40, 41, 55, 56, 1000, SEGMENT_BYTES, SEGMENT_BYTES + 16, 2 * SEGMENT_BYTES])
def test_R5_open__cut_anywhere__refused(keep):
    key, data = new_key(), os.urandom(2 * SEGMENT_BYTES + 100)
    refused(sealed(data, key)[:keep], key, data)


def test_R5_open__cut_at_the_end_of_content_with_full_last_segment__refused():
    key, data = new_key(), os.urandom(FIRST + NEXT)
    good = sealed(data, key, padded=False)
    assert len(good) == 2 * SEGMENT_BYTES
    refused(good[:SEGMENT_BYTES], key, data, padded=False)


@pytest.mark.parametrize("more", [1, 15, 16, 17, SEGMENT_BYTES])
def test_R5_open__extended__refused(more):
    key, data = new_key(), os.urandom(SEGMENT_BYTES + 10)
    good = sealed(data, key)
    refused(good + os.urandom(more), key, data)
    refused(good + good[:more], key, data)


def test_R5_open__segments_reordered_repeated_or_dropped__refused():
    key, data = new_key(), os.urandom(FIRST + 3 * NEXT)
    good = sealed(data, key, padded=False)
    parts = [good[i : i + SEGMENT_BYTES] for i in range(0, len(good), SEGMENT_BYTES)]
    for order in ([0, 2, 1, 3], [0, 1, 1, 3], [0, 1, 3], [0, 3], [0, 1, 2, 3, 3], [0, 1, 2]):
        refused(b"".join(parts[i] for i in order), key, data, padded=False)


def test_H13_open__swapped_between_records_versions_or_keys__refused():
    key, data = new_key(), b"of record one"
    one, two = record_binding(b"\x01" * 32), record_binding(b"\x02" * 32)
    of_one, of_two = sealed(data, key, one), sealed(b"of record two", key, two)
    assert opened(of_one, key, one) == data
    assert refused(of_two, key, data, one) == b"" == refused(of_one, key, data, two)
    assert refused(of_one, key, data, record_binding(b"\x01" * 32, version=2)) == b""
    assert refused(of_one, new_key(), data, one) == b""
    head_of_two = of_two[:HEADER_BYTES] + of_one[HEADER_BYTES:]
    assert refused(head_of_two, key, data, one) == b""


def test_R11_seal__same_key_and_content_again__new_salt_prefix_and_bytes():
    key = new_key()
    files = [sealed(b"same", key) for _ in range(200)]
    assert len({f[1:33] for f in files}) == len({f[33:40] for f in files}) == 200
    assert len({f[HEADER_BYTES:] for f in files}) == 200


def test_R11_headers__a_million__no_salt_twice():
    """A file's key follows from its salt (HKDF), so a million headers stand for a million derived keys.

    Derived keys themselves are counted over 2,000 files below; no AEAD call is made here.
    """
    seen = {hash(sealing.new_header()[1:33]) for _ in range(1_000_000)}
    assert len(seen) >= 999_999  # Python's 64-bit hash of the salt: one clash by chance in 37 million runs


def test_R11_derived_keys__two_thousand_files_under_one_key__all_different():
    key, derived = new_key(), []

    class Spy:
        def __init__(self, raw: bytes) -> None:
            derived.append(bytes(raw))

    original, sealing.AESGCM = sealing.AESGCM, Spy
    try:
        for _ in range(2000):
            sealing._Cipher(key, BOUND, sealing.new_header())
    finally:
        sealing.AESGCM = original
    assert len(set(derived)) == 2000 and key.reveal() not in derived


def test_R11_nonces__a_hundred_thousand_segments_of_one_file__all_different():
    cipher = sealing._Cipher(new_key(), BOUND, sealing.new_header())
    nonces = {cipher.nonce(i, last) for i in range(100_000) for last in (False, True)}
    assert len(nonces) == 200_000 and {len(n) for n in nonces} == {12}


def test_R11_content_keys__a_hundred_thousand__all_different():
    assert len({new_key().reveal() for _ in range(100_000)}) == 100_000


@pytest.mark.parametrize("size", [0, 1, 5000, 2 * SEGMENT_BYTES + 3])
def test_opening_stream__read_in_odd_pieces__same_content(size):
    key, data = new_key(), os.urandom(size)
    with OpeningStream(io.BytesIO(sealed(data, key)), key, BOUND) as stream:
        got = b"".join(iter(lambda: stream.read(100_003), b""))
        assert stream.info is not None and stream.info.content_hash == hashlib.sha256(data).digest()
    assert got == data
    assert OpeningStream(io.BytesIO(sealed(data, key)), key, BOUND).readall() == data


def test_R5_opening_stream__damaged_last_segment__raises_before_its_end():
    key, data = new_key(), os.urandom(SEGMENT_BYTES + 500)
    bad = bytearray(sealed(data, key))
    bad[-1] ^= 1
    stream, got = OpeningStream(io.BytesIO(bytes(bad)), key, BOUND), b""
    with pytest.raises(SealedDamaged, match="segment 1"):
        while piece := stream.read(1 << 16):
            got += piece
    assert got == data[: len(got)] and len(got) <= FIRST


def test_R5_R6_open_file__damaged_anywhere__no_file_and_old_one_untouched(tmp_path):
    key, data = new_key(), os.urandom(2 * SEGMENT_BYTES)
    source, out = tmp_path / "sealed", tmp_path / "plain"
    (tmp_path / "in").write_bytes(data)
    seal_file(tmp_path / "in", source, key, BOUND)
    (tmp_path / "in").unlink()
    good = source.read_bytes()
    for bad in (good[:-1], good + b"x", good[:-1] + bytes([good[-1] ^ 1]), b"", b"not sealed" * 10):
        source.write_bytes(bad)
        with pytest.raises(SealedDamaged):
            open_file(source, out, key, BOUND)
        assert [p.name for p in tmp_path.iterdir()] == ["sealed"]
    out.write_bytes(b"older")
    with pytest.raises(SealedDamaged):
        open_file(source, out, key, BOUND)
    assert out.read_bytes() == b"older"
    source.write_bytes(good)
    info = open_file(source, out, key, BOUND, expected_hash=hashlib.sha256(data).digest())
    assert out.read_bytes() == data and info.plain_size == len(data) and out.stat().st_mode & 0o777 == 0o600


def test_open_file__sound_but_other_content_than_committed__no_file(tmp_path):
    key = new_key()
    (tmp_path / "in").write_bytes(b"version 1")
    seal_file(tmp_path / "in", tmp_path / "sealed", key, BOUND)
    with pytest.raises(SealedDamaged, match="not the one committed to"):
        open_file(tmp_path / "sealed", tmp_path / "out", key, BOUND, expected_hash=bytes(32))
    assert not (tmp_path / "out").exists()


def test_open__sealed_without_padding__says_so():
    key = new_key()
    with pytest.raises(SealedDamaged, match="does not end in padding"):
        opened(sealed(b"text", key, padded=False), key)


def test_seal__key_or_binding_of_wrong_size__refused():
    with pytest.raises(InputError, match="32 bytes, this one has 16"):
        sealed(b"", Secret(bytes(16)))
    with pytest.raises(InputError):
        record_binding(b"short")


class _Dribble(io.RawIOBase):
    """A source and sink that take at most seven bytes at a time."""

    def __init__(self, data: bytes = b"") -> None:
        self.data, self.place = bytearray(data), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        piece = self.data[self.place : self.place + min(7, len(buffer))]
        buffer[: len(piece)] = piece
        self.place += len(piece)
        return len(piece)

    def write(self, data) -> int:
        self.data += bytes(data[:7])
        return min(7, len(data))


def test_seal__source_and_sink_that_dribble__nothing_lost():
    key, data, out = new_key(), os.urandom(20_000), _Dribble()
    seal(_Dribble(data), out, key, BOUND)
    back = _Dribble()
    open_(_Dribble(bytes(out.data)), back, key, BOUND)
    assert bytes(back.data) == data


class _ReadOnly:
    """A source with ``read`` alone."""

    def __init__(self, data: bytes) -> None:
        self.inner = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self.inner.read(size)


def test_seal__source_without_readinto__works():
    key, out = new_key(), io.BytesIO()
    seal(_ReadOnly(b"abc" * 1000), out, key, BOUND)
    assert opened(out.getvalue(), key) == b"abc" * 1000


def test_seal__sink_fails__error_goes_through_and_threads_end():
    class Full(io.RawIOBase):
        def write(self, data) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        seal(io.BytesIO(bytes(5 << 20)), Full(), new_key(), BOUND)


def test_S8_sealing__errors_with_locals__show_no_key_and_no_content():
    key = Secret(b"\xa7" * 32, "content key")
    data = b"HIV positive " * 100_000
    bad = bytearray(sealed(data, key))
    bad[-1] ^= 1
    with pytest.raises(SealedDamaged) as caught:
        opened(bytes(bad), key)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    inside = [f for f in frames.stack if "careledger/privacy" in f.filename]
    shown = "".join(str(f.locals) for f in inside) + str(caught.value) + caught.value.why
    assert inside and "HIV" not in shown and "a7a7" not in shown and r"\xa7\xa7" not in shown
    assert "a7" not in repr(sealing._Cipher(key, BOUND, sealing.new_header())).split(" at ")[0]
    info = open_(io.BytesIO(sealed(data, key)), io.BytesIO(), key, BOUND)
    assert str(len(data)) not in repr(info) and info.content_hash.hex() not in repr(info)


MEMORY = r"""
import re, sys
from pathlib import Path
from careledger.privacy.sealing import seal_file, open_file, new_key
folder, key = Path(sys.argv[1]), new_key()
def high():  # of this process alone; getrusage's figure outlives exec and would show the parent's
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
base = high()
seal_file(folder / "in", folder / "sealed", key, b"r")
open_file(folder / "sealed", folder / "out", key, b"r")
print(base, high())
"""


def test_R9_seal_file__given_256_mb__memory_stays_small(tmp_path):
    with (tmp_path / "in").open("wb") as out:
        out.truncate(256 << 20)
    done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True)
    base, peak = map(int, done.stdout.split())
    assert peak < 100_000 and peak - base < 40_000, (base, peak)
    assert (tmp_path / "out").stat().st_size == 256 << 20


@pytest.mark.deep
def test_R9_seal_file__given_1_gb__memory_stays_small(tmp_path):
    with (tmp_path / "in").open("wb") as out:
        out.truncate(1 << 30)
    done = subprocess.run([sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[1]) < 100_000
