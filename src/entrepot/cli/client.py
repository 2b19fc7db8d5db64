"""The client of the admin API: what every command but `serve` and the like talks through."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from entrepot import __version__
from entrepot.cli import context
from entrepot.cli.context import Context
from entrepot.cli.options import fail

if TYPE_CHECKING:
    import ssl

_PAGE = 500


class Client:
    """One registry, one caller. What goes wrong ends the command, with a word on how to mend it."""

    def __init__(self, where: Context, auth: tuple[str, str] | None = None) -> None:
        import httpx2

        self.where = where
        self._errors: type[Exception] = httpx2.HTTPError
        headers = {"user-agent": f"entrepot/{__version__}"}
        if where.token:
            headers["authorization"] = f"Bearer {where.token}"
        self._http = httpx2.Client(
            base_url=f"{where.url}/api/v1",
            headers=headers,
            auth=auth,
            verify=_trust(where),
            timeout=60,
        )

    def close(self) -> None:
        """Give the connection back."""
        self._http.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """An object, or a page of a list."""
        return self.call("GET", path, params=_given(parameters))

    def post(self, path: str, document: Any) -> Any:
        """Make something."""
        return self.call("POST", path, json=document)

    def put(self, path: str, document: Any = None) -> Any:
        """Set something."""
        return self.call("PUT", path, json=document)

    def patch(self, path: str, document: Any) -> Any:
        """Change something."""
        return self.call("PATCH", path, json=document)

    def delete(self, path: str) -> None:
        """Remove something."""
        self.call("DELETE", path)

    def every(self, path: str, **parameters: Any) -> Iterator[Any]:
        """All entries of a list, page after page."""
        after: str | None = None
        while True:
            page = self.get(path, after=after, limit=_PAGE, **parameters)
            yield from page["items"]
            after = page["next"]
            if after is None:
                return

    def call(self, method: str, path: str, **given: Any) -> Any:
        """One request; its document, None where there is none."""
        try:
            answer = self._http.request(method, path, **given)
        except self._errors as error:
            self._unreachable(error)
        if answer.status_code >= 400:
            fail(_problem(answer.status_code, answer.text), 1)
        return answer.json() if answer.content else None

    def _unreachable(self, error: Exception) -> NoReturn:
        from entrepot.upstream.place import reason

        fail(f"cannot reach {self.where.url}: {reason(error)}", 1)

    def stream(self, path: str, **parameters: Any) -> Iterator[bytes]:
        """The bytes of a long answer, as they come."""
        try:
            with self._http.stream("GET", path, params=_given(parameters)) as answer:
                if answer.status_code >= 400:
                    fail(_problem(answer.status_code, answer.read().decode()), 1)
                yield from answer.iter_bytes()
        except self._errors as error:
            self._unreachable(error)


def _given(parameters: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value not in (None, "")}


def _trust(where: Context) -> "ssl.SSLContext | bool":
    """The CAs to trust; reading them takes as long as a whole command, so only where they count."""
    if where.url.startswith("http://"):
        return False
    import ssl

    try:
        return ssl.create_default_context(cafile=where.ca)
    except OSError as error:
        fail(f"cannot read the CA {where.ca}: {error}")


def _problem(status: int, text: str) -> str:
    try:
        document = json.loads(text)
        detail = str(document["detail"])
    except (ValueError, KeyError, TypeError):
        return f"the answer was {status}: is this an Entrepot?"
    refusals = document.get("refusals", ())
    if len(refusals) > 1:
        return "\n".join([f"{document['what']}:", *map(_refusal, refusals)])
    if errors := document.get("errors"):
        return "; ".join(map(_error, errors))
    return f"{detail}: entrepot login URL -u NAME" if status == 401 else detail


def _error(error: dict[str, str]) -> str:
    """What is wrong with a value; nobody at a desk knows of a body."""
    what, where = error["what"], error["where"].removeprefix("body").removeprefix(".")
    return f"{where}: {what}" if where else what


def _refusal(gate: dict[str, str]) -> str:
    return f"  {gate['gate']}: {gate['says']}\n    {gate['how']}"


def connect(ctx: typer.Context) -> Client:
    """The client for the registry that the command line means, until the command ends."""
    client = Client(context.chosen((ctx.obj or {}).get("context")))
    ctx.call_on_close(client.close)
    return client
