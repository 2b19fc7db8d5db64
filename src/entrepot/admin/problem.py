"""Problems: every error of the admin API is problem+json (RFC 9457), and says what to do."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from entrepot.db.running import RunsError
from entrepot.oci.errors import OCIError
from entrepot.redaction import redacted

TITLES = {
    400: "Bad request",
    401: "Log in first",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    412: "Changed meanwhile",
    413: "Too large",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    503: "Unavailable",
}


class Problem(Exception):  # noqa: N818 - its name in the RFC
    """An error to be told to the client."""

    def __init__(
        self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more


def render(problem: Problem) -> Response:
    """The answer that tells it."""
    document = {
        "type": "about:blank",
        "title": TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        **problem.more,
    }
    return Response(
        redacted(json.dumps(document)),
        problem.status,
        problem.headers,
        media_type="application/problem+json",
    )


async def on_problem(_request: Request, error: Exception) -> Response:
    """One of ours."""
    assert isinstance(error, Problem)
    return render(error)


async def on_oci(_request: Request, error: Exception) -> Response:
    """An error that speaks as the distribution spec does."""
    assert isinstance(error, OCIError)
    if isinstance(error, RunsError):
        return render(runs(error))
    headers = {name.decode(): value.decode("latin-1") for name, value in error.headers}
    return render(Problem(error.status, error.message, headers))


def runs(error: RunsError) -> Problem:
    """The problem of something that runs, and so is deleted only by who says that they know."""
    detail = f"{error.says}: {error.way_out} first, or say even_if_running=true"
    return Problem(409, detail, **error.detail)


async def on_invalid(_request: Request, error: Exception) -> Response:
    """What the models refuse; values are not told back, for one may be a password."""
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "where": ".".join(str(part) for part in each["loc"]),
            "what": each["msg"].removeprefix("Value error, "),
        }
        for each in error.errors()
    ]
    detail = "; ".join(f"{each['where']}: {each['what']}" for each in errors)
    return render(Problem(422, detail, errors=errors))


async def on_failure(_request: Request, _error: Exception) -> Response:
    """What nobody foresaw; `asgi` logs it."""
    return render(Problem(500, "the registry failed to answer; its log says why"))


async def on_http(_request: Request, error: Exception) -> Response:
    """What the framework raises: unknown addresses, wrong methods."""
    assert isinstance(error, HTTPException)
    return render(Problem(error.status_code, str(error.detail), error.headers))
