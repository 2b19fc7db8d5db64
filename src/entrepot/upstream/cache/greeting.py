"""`greet`: whether a registry answers and takes our login, before anybody pulls.

Source: OCI Distribution Specification, "Determining Support".
"""

import asyncio

from entrepot.oci.names import Repository
from entrepot.upstream.cache.remote import Remote
from entrepot.upstream.place import RefusedError, UpstreamError
from entrepot.upstream.readable import ReadableRepository

PATIENCE = 20.0
"""Seconds for which somebody waits at a desk."""


async def greet(remote: Remote) -> str:
    """Why nothing can be had of it; "" where it answers."""
    try:
        asked = remote.ask(Repository(remote.row.project), _greeted)
        await asyncio.wait_for(asked, PATIENCE)
    except TimeoutError:
        return f"{remote.host} has not answered within {PATIENCE:g} s"
    except UpstreamError as error:
        return remote.trouble or str(error)
    return remote.trouble


def _greeted(there: ReadableRepository) -> None:
    """Who names no repository may be refused, and have what is public all the same."""
    try:
        answer = there.http.ask("GET", "/v2/", "")
    except RefusedError as error:
        if error.login:
            raise
        return
    if answer.status != 200 or "text/html" in answer.headers.get("content-type", ""):
        raise UpstreamError(f"{there.http.host} answers, but not as a registry does")
