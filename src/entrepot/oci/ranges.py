"""Byte ranges: of a download (RFC 9110, section 14) and of an upload's chunk (OCI, "Chunked").

A `Span` is half open, like Python's own: `start` is in, `stop` is not.
"""

import re
from dataclasses import dataclass

from entrepot.oci.errors import Code, OCIError

_DOWNLOAD = re.compile(r"bytes=\s*(?:(\d{1,19})-(\d{0,19})|-(\d{1,19}))\s*", re.ASCII).fullmatch
_CHUNK = re.compile(r"(?:bytes[ =])?(\d{1,19})-(\d{1,19})(?:/(?:\*|\d{1,19}))?", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start


def parse_range(header: str, size: int) -> Span | None:
    """What a Range header asks of content of `size` bytes.

    None where it is to be ignored, as the RFC has it for other units, several ranges and
    nonsense. Raises RANGE_INVALID (416) where no byte of the content is in it; a range that ends
    before it begins counts as such, since the conformance suite asks for that.
    """
    match = _DOWNLOAD(header)
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        start, stop = max(0, size - int(suffix)), size
    else:
        start = int(first)
        stop = min(int(last) + 1, size) if last else size
    if start >= stop:
        raise OCIError(
            Code.RANGE_INVALID,
            f"{header} is outside of these {size} bytes",
            headers=((b"content-range", b"bytes */%d" % size),),
        )
    return Span(start, stop)


def parse_chunk(header: str) -> Span:
    """What a Content-Range header says of a chunk. Raises BLOB_UPLOAD_INVALID."""
    match = _CHUNK(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise OCIError(
            Code.BLOB_UPLOAD_INVALID,
            f"Content-Range {header[:60]!r} is not written first-last, both inclusive",
        )
    return Span(int(match[1]), int(match[2]) + 1)
