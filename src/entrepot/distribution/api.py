"""The ASGI app of the API: route, answer, tell. Every error of every handler is told here.

Next: `router` reads the path, `guard` lets in; the handlers are in the table below.
"""

import errno
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from entrepot.blobstore.store import StoreError
from entrepot.db.connection import UnavailableError
from entrepot.distribution import (
    blobs,
    health,
    lists,
    manifests,
    mirrored,
    room,
    token,
    uploads,
)
from entrepot.distribution.asgi import Receive, Scope, Send
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.response import API_VERSION, Response, problem, respond
from entrepot.distribution.router import Kind, route
from entrepot.encryption.keys import EncryptionError
from entrepot.oci.errors import Code, OCIError

Handler: TypeAlias = Callable[[Registry, Request], Awaitable[Response]]

HANDLERS: dict[Kind, dict[str, Handler]] = {
    Kind.HOME: {"GET": health.home},
    Kind.LIVEZ: {"GET": health.livez},
    Kind.READYZ: {"GET": health.readyz},
    Kind.METRICS: {"GET": health.metrics_text},
    Kind.TOKEN: {"GET": token.get, "POST": token.post},
    Kind.KEYS: {"GET": token.keys},
    Kind.BASE: {"GET": health.base},
    Kind.CATALOG: {"GET": lists.catalog},
    Kind.TAGS: {"GET": lists.tag_list},
    Kind.REFERRERS: {"GET": lists.referrer_list},
    Kind.MANIFEST: {"GET": manifests.get, "PUT": manifests.put, "DELETE": manifests.delete},
    Kind.BLOB: {"GET": blobs.get, "DELETE": blobs.delete},
    Kind.UPLOADS: {"POST": uploads.post},
    Kind.UPLOAD: {
        "GET": uploads.get,
        "PATCH": uploads.patch,
        "PUT": uploads.put,
        "DELETE": uploads.delete,
    },
}
"""Which function answers which method; HEAD goes where GET goes."""

_SEALED = "this lies encrypted here, and cannot be decrypted; the registry's log says why"

_log = logging.getLogger("entrepot.api")


class Api:
    """Answers HTTP requests."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        self._registry.in_flight += 1
        try:
            await self._serve(Request(scope, receive), send)
        finally:
            self._registry.in_flight -= 1

    async def _serve(self, request: Request, send: Send) -> None:
        started = time.perf_counter()
        observer = self._registry.observer
        identity = request.identity = request.id or observer.request_id()
        response = await self._answer(request, identity)
        response.headers += [API_VERSION, (b"x-request-id", identity.encode())]
        sent = 0
        try:
            sent = await respond(response, request.scope, send)
        except (
            EncryptionError,
            StoreError,
        ) as error:  # an answer that does not end: the server cuts it off
            response.status = 500
            _log.error("an answer breaks off: %s", error, extra={"request": identity})
        finally:
            response.close()
            observer.answered(
                request.route.kind.value,
                time.perf_counter() - started,
                identity,
                request.client,
                request.method,
                request.target,
                response.status,
                sent,
                request.header(b"user-agent"),
            )
            if request.received:
                observer.metrics.received(request.route.kind.value, request.received)

    async def _answer(self, request: Request, identity: str) -> Response:
        try:
            self._check_load(request)
            request.route = route(request.scope["path"])
            request.route = await mirrored.meant(self._registry, request)
            handler = _handler(request)
            await self._registry.guard.admit(request)
            return await self._handle(handler, request)
        except OCIError as error:
            return problem(error)
        except ConnectionResetError as error:
            return problem(OCIError(Code.BLOB_UPLOAD_INVALID, f"the body was cut: {error}"))
        except (OSError, sqlite3.Error) as error:
            return problem(_failure(error, identity))
        except EncryptionError as error:
            _log.error("this cannot be decrypted: %s", error, extra={"request": identity})
            return problem(OCIError(Code.UNKNOWN, _SEALED))
        except Exception:  # noqa: BLE001 - the border: whatever it is, it is logged and told
            _log.exception("a request failed", extra={"request": identity})
            return problem(OCIError(Code.UNKNOWN))

    async def _handle(self, handler: Handler, request: Request) -> Response:
        """What the handler refuses, such as moving a tag, is a denial as much as the guard's."""
        try:
            return await handler(self._registry, request)
        except OCIError as error:
            if error.code is Code.DENIED:
                self._registry.guard.denied(request, error.message)
            raise

    def _check_load(self, request: Request) -> None:
        most = self._registry.most_in_flight
        if most and self._registry.in_flight > most and request.scope["path"].startswith("/v2"):
            raise OCIError(
                Code.TOOMANYREQUESTS,
                f"this worker answers {most} requests already: try again shortly",
                headers=((b"retry-after", b"1"),),
            )


def _handler(request: Request) -> Handler:
    methods = HANDLERS[request.route.kind]
    handler = methods.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        allowed = ", ".join(["HEAD", *methods] if "GET" in methods else methods)
        raise OCIError(
            Code.UNSUPPORTED,
            f"{request.method[:20]} is not supported here; use {allowed}",
            headers=((b"allow", allowed.encode()),),
        )
    return handler


def _failure(error: Exception, identity: str) -> OCIError:
    """A disk or database that fails, told without its inner details."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or "disk is full" in str(error):
        _log.error("the disk is full: %s", error, extra={"request": identity})
        return room.full()
    if isinstance(error, StoreError):
        _log.error("%s", error, extra={"request": identity})
        return OCIError(
            Code.UNAVAILABLE,
            "the registry's store of blobs does not answer: try again",
            headers=((b"retry-after", b"2"),),
        )
    if isinstance(error, UnavailableError):
        _log.error("the database is away: %s", error, extra={"request": identity})
        return OCIError(
            Code.UNAVAILABLE, "the database is away: try again", headers=((b"retry-after", b"1"),)
        )
    _log.error("storage failed", exc_info=error, extra={"request": identity})
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return OCIError(
            Code.UNAVAILABLE, "the database is busy: try again", headers=((b"retry-after", b"1"),)
        )
    return OCIError(Code.UNKNOWN)
