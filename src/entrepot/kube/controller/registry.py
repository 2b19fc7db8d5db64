"""`Registry`: the admin API of a registry, as the controller calls it."""

import json
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2

from entrepot import __version__

Login = Callable[[], Awaitable[tuple[str, str]]]
"""Name and password to come with; asked again where they are refused."""

_PAGE = 500
_RESTS = 10.0
"""Seconds for which one that does not answer is asked nothing: hundreds of namespaces would each
wait for it, and hold up those of other registries.
"""


class RegistryError(Exception):
    """A registry did not do what it was asked to; the message says why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """Of its answer; 0 where there was none."""


class Registry:
    """One registry. Everything raises `RegistryError`."""

    def __init__(self, url: str, trust: ssl.SSLContext, login: Login) -> None:
        self.url = url
        self._login = login
        self._auth: tuple[str, str] | None = None
        self._away = ""
        """Why it could not be reached last."""
        self._rests_until = float("-inf")
        self._http = httpx2.AsyncClient(
            base_url=f"{url}/api/v1",
            headers={"user-agent": f"entrepot-controller/{__version__}"},
            verify=trust if url.startswith("https://") else False,
            timeout=20,
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def call(self, method: str, path: str, document: Any = None, **query: Any) -> Any:
        """One request; its document, None where there is none."""
        answer = await self._ask(method, path, document, query)
        if answer.status_code == 401:  # what let us in has ended
            self._auth = None
            answer = await self._ask(method, path, document, query)
        if answer.status_code == 204:
            return None
        found = _document(answer)
        if answer.is_success and found is not None:
            return found
        raise RegistryError(f"{self.url}: {_detail(answer, found)}", answer.status_code)

    async def every(self, path: str, **query: Any) -> AsyncIterator[Any]:
        """All entries of a list, page after page."""
        after = ""
        while True:
            page = await self.call("GET", path, after=after, limit=_PAGE, **query)
            for each in page["items"]:
                yield each
            if page["next"] is None:
                return
            after = page["next"]

    async def _ask(
        self, method: str, path: str, document: Any, query: dict[str, Any]
    ) -> httpx2.Response:
        if time.monotonic() < self._rests_until:
            raise RegistryError(self._away)
        if self._auth is None:
            self._auth = await self._login()
        try:
            return await self._http.request(
                method, path, json=document, params=query, auth=self._auth
            )
        except httpx2.HTTPError as error:
            why = f"cannot reach {self.url}: {str(error) or type(error).__name__}"
            if isinstance(error, (httpx2.TimeoutException, httpx2.ConnectError)):
                self._away, self._rests_until = why, time.monotonic() + _RESTS
            raise RegistryError(why) from None


def _document(answer: httpx2.Response) -> dict[str, Any] | None:
    """What it holds; None where it is nothing that an Entrepot says."""
    try:
        found = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _detail(answer: httpx2.Response, found: dict[str, Any] | None) -> str:
    if found is not None and "detail" in found:
        return str(found["detail"])
    return f"the answer was {answer.status_code}: is this an Entrepot?"
