"""Run an ASGI app under uvicorn, with this room's protocol class.

uvicorn has the processes, signals, TLS, lifespan and the graceful stop; `server.protocol` has the
connections.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from entrepot.server import descriptors
from entrepot.server.alongside import Companion, Lifespan, as_task
from entrepot.server.certificates import CertificateError, Files, LiveContext
from entrepot.server.limits import Limits
from entrepot.server.protocol import RegistryProtocol
from entrepot.server.proxies import Proxies
from entrepot.server.redirect import Redirect, redirecting

BACKLOG = 2048
SILENCE = 30
"""Seconds after which a worker that does not answer its supervisor is killed, and another started.
One that starts answers once it has imported all it needs, which takes long where there is little
processor to be had: after uvicorn's five seconds it would be killed each time.
"""

_log = logging.getLogger("entrepot.tls")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run."""

    factory: Callable[[], Any]
    """Makes the app in each process; picklable, since workers are started afresh."""
    workers: int = 1
    grace: int = 30
    """Seconds that requests in flight have to finish after SIGTERM."""
    name: str = "entrepot"
    """What the answers' Server header says."""
    limits: Limits = field(default_factory=Limits)
    tls: Files | None = None
    """The certificate to serve; None for plain HTTP."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses and ranges that say who the client is."""
    hsts: int = 0
    """Seconds for which browsers shall come by https only; 0 says nothing."""


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(BACKLOG)
        found.set_inheritable(True)
    except OSError:
        found.close()
        raise
    return found


def run(plan: Plan, listener: socket.socket, redirect: Redirect | None = None) -> None:
    """Serve until SIGTERM or SIGINT; comes back once the requests in flight are answered."""
    # uvicorn raises the signal again for whoever called it; we called, and are done then.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    descriptors.widen()
    config = _config(plan)
    config.redirect = redirect
    config.limits = plan.limits
    if plan.workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
    else:
        _Supervisor(config, sockets=[listener]).run()


class _Supervisor(Multiprocess):
    """uvicorn's, which keeps so many workers running."""

    config: "_Config"

    def terminate_all(self) -> None:
        """Stop listening, too: else the kernel goes on taking connections that nobody serves."""
        for listener in self.sockets:
            listener.close()
        if self.config.redirect is not None:
            self.config.redirect.listener.close()
        super().terminate_all()

    def run(self) -> None:
        """Serve; where a worker could not even start, end as a single process would."""
        super().run()
        if any(process.exitcode == STARTUP_FAILURE for process in self.processes):
            sys.exit(STARTUP_FAILURE)


def _in_worker(factory: Callable[[], Any]) -> Any:
    """Make the app in a worker, which stops as by SIGTERM when its supervisor has died."""
    supervisor = multiprocessing.parent_process()

    def follow() -> None:
        assert supervisor is not None
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, name="entrepot-follow", daemon=True).start()
    return factory()


class _Config(uvicorn.Config):
    """uvicorn's, with what runs beside the app."""

    redirect: Redirect | None = None
    limits: Limits

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """What makes the loop of the process that serves."""
        from entrepot.server.loop import new_loop

        return partial(new_loop, self.limits.header_timeout)

    def load(self) -> None:
        """Make the app, the TLS context and the lifespan, in the process that serves."""
        super().load()
        companions: list[Companion] = []
        if isinstance(self.ssl, LiveContext):
            companions.append(partial(as_task, self.ssl.watch))
        if self.redirect is not None:
            companions.append(partial(redirecting, self.redirect))
        lifespan: Any = partial(Lifespan, companions=companions)
        self.lifespan_class = lifespan


def _config(plan: Plan) -> _Config:
    proxies = Proxies(plan.trusted_proxies) if plan.trusted_proxies else None
    protocol: Any = partial(RegistryProtocol, limits=plan.limits, proxies=proxies)
    return _Config(
        plan.factory if plan.workers == 1 else partial(_in_worker, plan.factory),
        factory=True,
        http=protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the protocol class does it, for trusted peers only
        headers=_headers(plan),
        backlog=BACKLOG,
        workers=plan.workers,
        timeout_graceful_shutdown=plan.grace,
        timeout_worker_healthcheck=SILENCE,
        ssl_certfile=plan.tls.cert if plan.tls else None,
        ssl_context_factory=partial(_live_context, plan.tls) if plan.tls else None,
    )


def _headers(plan: Plan) -> list[tuple[str, str]]:
    """Headers of every answer."""
    found = [("server", plan.name)]
    if plan.tls and plan.hsts:
        found.append(("strict-transport-security", f"max-age={plan.hsts}"))
    return found


def _live_context(files: Files, *_: Any) -> ssl.SSLContext:
    try:
        return LiveContext.of(files)
    except CertificateError as error:
        _log.error("cannot serve TLS: %s", error)  # the supervisor tries again
        raise SystemExit(1) from None
