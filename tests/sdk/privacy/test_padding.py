"""Padding.

padded_size
  it grows by at most 12 % above the floor, and never shrinks
  it reveals few distinct sizes
Unpadder
  given any content and any cuts              → the content comes back
  given no padding                            → SealedDamaged
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careledger.errors import SealedDamaged
from careledger.privacy.padding import FLOOR, Unpadder, padded_size


@given(st.integers(0, 1 << 45))
def test_prop_R10_padded_size__above_content_and_within_12_percent(size):
    padded = padded_size(size)
    assert padded > size
    assert padded == FLOOR or padded <= (size + 1) * 1.12
    assert padded_size(padded - 1) == padded
    assert padded_size(size + 1) >= padded


def test_R10_padded_size__over_all_sizes_to_a_megabyte__few_distinct():
    assert len({padded_size(n) for n in range(1 << 20)}) < 200


tricky = st.lists(st.sampled_from([b"\x80", b"\0", b"\0" * 40, b"\x80\0", b"text", b"\x80" * 3]), max_size=12).map(
    b"".join
)


@given(tricky, st.integers(0, 60), st.lists(st.integers(1, 30), min_size=1, max_size=8))
def test_prop_unpadder__any_content_in_any_cuts__comes_back(content, zeros, cuts):
    stream = content + b"\x80" + bytes(zeros)
    unpadder, out, place, turn = Unpadder(), b"", 0, 0
    while place < len(stream):
        size = cuts[turn % len(cuts)]
        for piece in unpadder.feed(memoryview(stream[place : place + size])):
            out += bytes(piece)
        place, turn = place + size, turn + 1
    unpadder.finish()
    assert out == content


@pytest.mark.parametrize("stream", [b"", b"text", b"\0\0", b"\x80x"])
def test_unpadder__given_no_padding__refused(stream):
    unpadder = Unpadder()
    assert b"".join(bytes(p) for p in unpadder.feed(memoryview(stream))) == stream
    with pytest.raises(SealedDamaged):
        unpadder.finish()
