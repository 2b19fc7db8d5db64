"""Ranges of downloads and of chunks, beside what the RFC says in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oci.attempt import attempt

from entrepot.oci.errors import Code, OCIError
from entrepot.oci.ranges import Span, parse_chunk, parse_range

numbers = st.integers(0, 10**18)
sizes = st.integers(0, 10**15)
texts = st.one_of(st.text(max_size=40), st.text("bytes=0123456789-, ", max_size=30))


@given(numbers, numbers, sizes)
def test_first_and_last(first: int, last: int, size: int) -> None:
    wanted = range(first, min(last + 1, size))
    header = f"bytes={first}-{last}"
    if wanted:
        assert parse_range(header, size) == Span(wanted.start, wanted.stop)
    else:
        refuses(header, size)


@given(numbers, sizes)
def test_open_end(first: int, size: int) -> None:
    if first < size:
        assert parse_range(f"bytes={first}-", size) == Span(first, size)
    else:
        refuses(f"bytes={first}-", size)


@given(numbers, sizes)
def test_suffix(count: int, size: int) -> None:
    if min(count, size):
        assert parse_range(f"bytes=-{count}", size) == Span(size - min(count, size), size)
    else:
        refuses(f"bytes=-{count}", size)


def refuses(header: str, size: int) -> None:
    with pytest.raises(OCIError) as caught:
        parse_range(header, size)
    assert caught.value.code is Code.RANGE_INVALID
    assert caught.value.headers == ((b"content-range", f"bytes */{size}".encode()),)


@given(texts, sizes)
def test_any_header(header: str, size: int) -> None:
    span, code = attempt(parse_range, header, size)
    assert code in {None, Code.RANGE_INVALID}
    assert span is None or 0 <= span.start < span.stop <= size


@given(numbers, st.integers(0, 10**9), st.sampled_from(["", "bytes ", "bytes="]))
def test_chunk(first: int, more: int, unit: str) -> None:
    span = parse_chunk(f"{unit}{first}-{first + more}")
    assert (span.start, len(span)) == (first, more + 1)


@given(texts)
def test_any_chunk(header: str) -> None:
    span, code = attempt(parse_chunk, header)
    if span is None:
        assert code is Code.BLOB_UPLOAD_INVALID
    else:
        assert len(span) >= 1
        assert parse_chunk(f"{span.start}-{span.stop - 1}") == span


@pytest.mark.parametrize(
    "header",
    ["", "-", "1-", "-1", "5-4", "0-0-0", "a-b", "0-٣", "1e3-2e3", f"0-{'9' * 20}", "0-1,2-3"],
)
def test_no_chunk(header: str) -> None:
    with pytest.raises(OCIError):
        parse_chunk(header)
