"""A registry's lists, page after page: each names the next one in a `Link`.

Source: OCI Distribution Specification, "Listing Tags"; RFC 8288.
"""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urljoin

from entrepot.oci.errors import OCIError
from entrepot.upstream.http import Http
from entrepot.upstream.place import UnclearError, UnknownError, UpstreamError, parsed

T = TypeVar("T")

MANY, SIZE = 1000, 1000
"""Pages of a list, and names on each; most registries give fewer than they are asked for."""
_LONGEST_NAME = 255
_SECONDS = 600.0

_next = re.compile(r'<([^<>]+)>\s*;\s*rel="?next"?').search


def read(
    http: Http,
    path: str,
    scope: str,
    page: Callable[[Any], list[T]],
    *,
    what: str,
    whose: object,
    most: int = MANY,
) -> list[T]:
    """All of a list, of which a function reads a page's JSON; `what` it lists, and `whose`.

    Raises `UnknownError` where there is none, `UpstreamError`.
    """
    found: list[T] = []
    end = time.monotonic() + _SECONDS
    for _ in range(most):
        if len(found) > most * SIZE or time.monotonic() > end:
            break
        answer = http.ask("GET", path, scope)
        if answer.status == 404:
            raise UnknownError(f"there is no repository {whose}, or you may not see it")
        if "json" not in answer.headers.get("content-type", "json"):
            raise UnclearError(f"{whose}: its list of {what} is a page of something else")
        with readable(whose, what):
            found += page(parsed(answer.body))
            link = _next(answer.headers.get("link", ""))
            if link is None:
                return found
            path = urljoin(answer.url, link[1]).removeprefix(http.origin)
    raise UpstreamError(f"{whose}: its list of {what} never ends")


@contextmanager
def readable(whose: object, what: str) -> Iterator[None]:
    """Says of a list that is none whose it is."""
    try:
        yield
    except (OCIError, ValueError, KeyError, TypeError, AttributeError):
        raise UpstreamError(f"{whose}: its list of {what} cannot be read") from None


def names(page: Any, what: str) -> list[str]:
    """Those of one page. Raises ValueError, KeyError, TypeError."""
    found = [str(each) for each in page[what] or ()]
    if any(len(each) > _LONGEST_NAME for each in found):
        raise ValueError("nothing is called so")
    return found
