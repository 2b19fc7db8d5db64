"""Conditional requests. Source: RFC 9110, section 13."""

from entrepot.distribution.request import Request


def etag(digest: str) -> str:
    """The entity tag of content: its digest, which never lies."""
    return f'"{digest}"'


def not_modified(request: Request, digest: str) -> bool:
    """Whether the client has this content already (If-None-Match, compared weakly)."""
    header = request.header(b"if-none-match")
    if not header:
        return False
    given = {text.strip().removeprefix("W/") for text in header.split(",")}
    return "*" in given or etag(digest) in given or digest in given


def range_applies(request: Request, digest: str) -> bool:
    """Whether a Range is meant for this content (If-Range, compared strongly)."""
    condition = request.header(b"if-range")
    return not condition or condition.strip() == etag(digest)
