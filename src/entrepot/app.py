"""The wiring: settings become one ASGI app. The only module that knows every room.

The rooms are furnished at the lifespan's start, in the process that serves: a connection to a
database must not be made in one process and used in another.
"""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot import addresses
from entrepot.addresses import Network
from entrepot.admin import asgi
from entrepot.auth import tokens
from entrepot.auth.directory import Directory
from entrepot.auth.login import Login
from entrepot.auth.oidc.outbound import WEBHOOKS, Outbound, Resolver
from entrepot.auth.providers import Providers
from entrepot.auth.trail import Trail
from entrepot.blobstore.stores import store_at
from entrepot.db.database import Database
from entrepot.db.news import News
from entrepot.db.terms import Terms
from entrepot.db.trash import DAY
from entrepot.distribution.api import Api
from entrepot.distribution.asgi import App, Receive, Scope, Send
from entrepot.distribution.begun import Begun
from entrepot.distribution.challenge import Challenge
from entrepot.distribution.fast import Fast
from entrepot.distribution.guard import Guard
from entrepot.distribution.redirects import Redirects
from entrepot.distribution.registry import Registry
from entrepot.distribution.resolved import Resolved
from entrepot.encryption.keys import NO_KEYS, Keyring
from entrepot.observe import access, logs
from entrepot.observe.metrics import Metrics
from entrepot.observe.observer import Observer
from entrepot.settings import Settings
from entrepot.upkeep.backup.order import Order, lines_of
from entrepot.upkeep.backup.scheduled import Scheduled
from entrepot.upkeep.encryption_jobs import begin_rekeying, encryption_jobs
from entrepot.upkeep.job import Job
from entrepot.upkeep.jobs import jobs
from entrepot.upkeep.replication.replicator import Replicator
from entrepot.upkeep.runner import Runner
from entrepot.upkeep.webhooks.pace import Pace
from entrepot.upkeep.webhooks.sender import Outlet, Sender
from entrepot.upstream.cache.cache import Cache
from entrepot.versions.catalogue import Catalogue

if TYPE_CHECKING:
    from entrepot.auth.oidc.provider import Provider

_log = logging.getLogger("entrepot")


class Entrepot:
    """The ASGI app. `lifespan` must run; every server does that."""

    def __init__(
        self, settings: Settings, shared: Path | None = None, keyring: Keyring | None = None
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._shared = shared
        self._api: App | None = None
        self._admin: App | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif scope["type"] == "http":
            assert self._api is not None, "the server did not run the lifespan"
            assert self._admin is not None
            app = self._admin if scope["path"].startswith(asgi.PREFIX) else self._api
            await app(scope, receive, send)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        keyring = self._settings.keyring() if self._keyring is None else self._keyring
        async with furnish(self._settings, self._shared, keyring) as registry:
            self._api, self._admin = Api(registry), asgi.Admin(registry)
            state = scope.get("state", {})
            state["entrepot.fast"] = Fast(registry)
            state["entrepot.refused"] = registry.observer.refused
            state["entrepot.stopping"] = registry.news.close
            _spare_the_collector()
            _log.info("process %d serves", os.getpid())
            await send({"type": "lifespan.startup.complete"})
            await asyncio.to_thread(tokens.prepare)
            await receive()
        _log.info("process %d has finished what was under way, and stops", os.getpid())
        await send({"type": "lifespan.shutdown.complete"})


def _spare_the_collector() -> None:
    """What was imported stays; and requests make few cycles, so they are looked for rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


@contextlib.asynccontextmanager
async def furnish(
    settings: Settings, shared: Path | None = None, keyring: Keyring = NO_KEYS
) -> AsyncIterator[Registry]:
    """A registry with everything it needs running, for as long as the block lasts.

    Several processes over one data folder add their metrics up in a `shared` folder. The keys
    are read once for all of them: who starts them does it.
    """
    # Also where neither metadata nor blobs lie there: processes of one machine meet in it.
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    database = settings.metadata(keyring).database()
    store = store_at(settings.data, settings.place, keyring)
    store.prepare()
    alone = settings.workers == 1 and not settings.database_url
    observer = Observer(Metrics(shared), access.AccessLog(), _form(settings))
    trail = Trail(database)
    terms = _terms(settings)
    registry = Registry(
        database,
        store,
        Resolved(database),
        Begun(database, alone=alone),
        _guard(settings, database, trail),
        observer,
        News(database.log),
        Catalogue(database),
        Outbound(tuple(map(addresses.network, settings.webhook_networks)), Resolver(), WEBHOOKS),
        Cache(
            database,
            store,
            trail,
            observer.metrics,
            allow=_outbound(settings),
            folder=settings.data,
            expiry=settings.upload_expiry,
            terms=terms.keep,
            alone=alone,
        ),
        public_url=settings.public_url,
        known_as=frozenset(settings.known_as),
        token_seconds=settings.token_seconds,
        upload_expiry=settings.upload_expiry,
        redirects=Redirects.parse(settings.storage_redirect),
        sparse=settings.sparse_manifests,
        disk=settings.data if settings.uses_disk else None,
        terms=terms,
        certificates=tuple(file for file in (settings.tls_cert, settings.tls_client_ca) if file),
        most_in_flight=settings.max_requests,
    )
    await begin_rekeying(database)
    runner = Runner(database, _jobs(settings, registry, keyring), observer.metrics)
    running = [runner.run(), _flush(observer), trail.run()]
    tasks = [asyncio.create_task(each) for each in running]
    try:
        yield registry
    finally:
        registry.news.close()
        await registry.cache.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await trail.close()
        await database.close()
        observer.flush()


def _jobs(settings: Settings, registry: Registry, keyring: Keyring) -> list[Job]:
    found = jobs(
        registry.database,
        registry.store,
        registry.observer.metrics,
        registry.terms,
        pause=settings.upkeep_pause,
        upload_expiry=settings.upload_expiry,
        token_seconds=settings.token_seconds,
        audit_days=settings.audit_retention,
        audit_copy=settings.audit_copy,
        scrub_days=settings.scrub_days,
        scrub_rate=settings.scrub_rate,
    )
    linger = settings.place is not None  # a client may have been given the URL of an object
    found += encryption_jobs(registry.database, registry.store, linger=linger)
    outlet = Outlet(registry.outbound, settings.public_url, _pace(settings))
    sender = Sender(registry.database, registry.news, registry.observer.metrics, outlet)
    replicator = Replicator(
        registry.database,
        registry.store,
        registry.news,
        registry.observer.metrics,
        allow=_outbound(settings),
        address=settings.public_url,
        keep=registry.terms.keep,
    )
    pause = settings.upkeep_pause
    found += [sender.job(pause), replicator.job(pause)]
    if settings.backup_to:
        backups = Scheduled(registry.database, _order(settings, keyring))
        found.append(backups.job(settings.backup_moments))
    return found


def _order(settings: Settings, keyring: Keyring) -> Order:
    return Order(
        settings.backup_to,
        settings.backup_options,
        settings.backup_keep,
        settings.data,
        settings.place,
        settings.database_url.get_secret_value() if settings.database_url else "",
        lines_of(keyring),
        lines_of(settings.backup_keyring()),
    )


def _pace(settings: Settings) -> Pace:
    return Pace(
        settings.webhook_retry_seconds,
        settings.webhook_retry_days * DAY,
        settings.webhook_log_days * DAY,
    )


def _terms(settings: Settings) -> Terms:
    return Terms(
        settings.collect_grace,
        settings.trash_days * DAY,
        settings.untagged_days * DAY,
        settings.orphan_days * DAY,
        settings.ran_days * DAY,
    )


def _outbound(settings: Settings) -> tuple[Network, ...]:
    return tuple(map(addresses.network, settings.outbound_allow))


def _guard(settings: Settings, database: Database, trail: Trail) -> Guard:
    directory = Directory(database)
    allow = _outbound(settings)
    everyone = settings.dangerously_without_accounts
    people = partial(provider, settings) if settings.sso_issuer else None
    providers = Providers(directory, allow, people)
    login = Login(database, directory, trail, providers)
    challenge = Challenge(settings.public_url)
    return Guard(database, directory, login, trail, challenge, everyone=everyone)


def provider(settings: Settings) -> "Provider":
    """Where people sign on, as the settings say. Raises ValueError, OSError, OutboundError."""
    from entrepot.auth.oidc.issuer import Issuer
    from entrepot.auth.oidc.outbound import trust
    from entrepot.auth.oidc.provider import Provider

    ca = settings.sso_ca.read_text("utf-8") if settings.sso_ca else None
    trust(ca)
    secret = settings.sso_client_secret
    return Provider(
        Issuer(settings.sso_issuer, ca),
        settings.sso_client_id,
        secret.get_secret_value() if secret else None,
        settings.sso_scopes,
        settings.sso_user_claim,
        settings.sso_groups_claim,
    )


async def _flush(observer: Observer) -> None:
    failing = False
    while True:
        await asyncio.sleep(access.FLUSH_SECONDS)
        try:
            observer.flush()
            failing = False
        except OSError as error:
            if not failing:  # told once, not twice a second
                text = "access log or metrics cannot be written: %s; it is tried again"
                _log.error(text, error)
            failing = True


def _form(settings: Settings) -> access.Form | None:
    if not settings.access_log:
        return None
    return access.as_json if logs_as_json(settings) else access.as_text


def logs_as_json(settings: Settings) -> bool:
    """Whether logs are for machines: said so, or nobody watches a terminal."""
    if settings.log_format == "auto":
        return not sys.stderr.isatty()
    return settings.log_format == "json"


def build(settings: Settings, shared: Path | None, keyring: Keyring) -> Entrepot:
    """The app for a process that serves; it sets up that process's logs."""
    logs.configure(as_json=logs_as_json(settings), level=settings.log_level)
    return Entrepot(settings, shared, keyring)
