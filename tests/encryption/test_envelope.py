"""An envelope opens whole, unchanged and in its own place, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.encryption.envelope import OVERHEAD, BrokenSealError, Context, seal, unseal
from entrepot.encryption.keys import MasterKey

KEY = MasterKey.new()
PLACE = ("manifest", "sha256:00")
VALUE = b"what nobody shall read"

PLACES: list[Context] = [
    ("manifest", "sha256:01"),
    ("blob", "sha256:00"),
    ("manifest",),
    ("manifestsha256:00",),
    ("manifests", "ha256:00"),
    ("manifest", "sha256:00", ""),
    ("", "manifest", "sha256:00"),
    ("sha256:00", "manifest"),
    (),
]


@given(st.binary(max_size=5000), st.lists(st.text(max_size=20), max_size=3).map(tuple))
def test_round_trip(value: bytes, place: Context) -> None:
    sealed = seal(KEY, place, value)
    assert len(sealed) == len(value) + OVERHEAD
    assert unseal(KEY, place, sealed) == value


def test_two_envelopes_of_one_value_have_nothing_in_common() -> None:
    first, second = seal(KEY, PLACE, VALUE), seal(KEY, PLACE, VALUE)
    assert first[1:25] != second[1:25]
    assert first[25:] != second[25:]
    assert VALUE not in first


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_another_place(place: Context) -> None:
    with pytest.raises(BrokenSealError):
        unseal(KEY, place, seal(KEY, PLACE, VALUE))


def test_another_key() -> None:
    other = MasterKey(KEY.id, MasterKey.new().secret)
    with pytest.raises(BrokenSealError, match=KEY.id) as caught:
        unseal(other, PLACE, seal(KEY, PLACE, VALUE))
    assert "manifest sha256:00" in str(caught.value)


def test_each_byte_counts() -> None:
    sealed = seal(KEY, PLACE, VALUE)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(BrokenSealError):
            unseal(KEY, PLACE, bytes(changed))


def test_cut_or_longer() -> None:
    sealed = seal(KEY, PLACE, VALUE)
    for length in range(len(sealed)):
        with pytest.raises(BrokenSealError):
            unseal(KEY, PLACE, sealed[:length])
    with pytest.raises(BrokenSealError):
        unseal(KEY, PLACE, sealed + b"\0")


def test_what_was_never_sealed() -> None:
    with pytest.raises(BrokenSealError):
        unseal(KEY, PLACE, b'{"schemaVersion": 2}')
