"""`furnish`: a registry with all its rooms, as the settings say."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from entrepot import addresses
from entrepot.app.signing_on import guard
from entrepot.auth.oidc.outbound import WEBHOOKS, Outbound, Resolver
from entrepot.auth.trail import Trail
from entrepot.blobstore.stores import store_at
from entrepot.db.news import News
from entrepot.db.terms import Terms
from entrepot.db.trash import DAY
from entrepot.distribution.begun import Begun
from entrepot.distribution.redirects import Redirects
from entrepot.distribution.registry import Registry
from entrepot.distribution.resolved import Resolved
from entrepot.encryption.keys import Keyring
from entrepot.observe import access
from entrepot.observe.metrics import Metrics
from entrepot.observe.observer import Observer
from entrepot.settings import Settings
from entrepot.upstream.cache.cache import Cache
from entrepot.versions.catalogue import Catalogue

if TYPE_CHECKING:
    from entrepot.upkeep.runner import Runner

_log = logging.getLogger("entrepot")


@contextlib.asynccontextmanager
async def furnish(
    settings: Settings, shared: Path | None, keyring: Keyring, serves: asyncio.Event
) -> AsyncIterator[Registry]:
    """A registry with everything it needs running, for as long as the block lasts; the upkeep from
    when it serves.

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
        guard(settings, database, trail),
        observer,
        News(database.log),
        Catalogue(database),
        Outbound(tuple(map(addresses.network, settings.webhook_networks)), Resolver(), WEBHOOKS),
        Cache(
            database,
            store,
            trail,
            observer.metrics,
            allow=settings.outbound,
            folder=settings.data,
            expiry=settings.upload_expiry,
            terms=terms.keep,
            alone=alone,
        ),
        public_url=settings.public_url,
        known_as=frozenset(settings.known_as),
        mirror_hosts=settings.mirrors,
        token_seconds=settings.token_seconds,
        upload_expiry=settings.upload_expiry,
        redirects=Redirects.parse(settings.storage_redirect),
        sparse=settings.sparse_manifests,
        disk=settings.data if settings.uses_disk else None,
        terms=terms,
        certificates=tuple(file for file in (settings.tls_cert, settings.tls_client_ca) if file),
        most_in_flight=settings.max_requests,
    )
    if keyring.current is not None:
        from entrepot.upkeep.encryption_jobs import begin_rekeying

        await begin_rekeying(database)
    upkeep = _keep_up(settings, registry, keyring, settings.backup_keyring(), serves)
    tasks = [asyncio.create_task(each) for each in (upkeep, _flush(observer), trail.run())]
    for task in tasks:
        task.add_done_callback(_tell)
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


async def _keep_up(
    settings: Settings,
    registry: Registry,
    keyring: Keyring,
    backup_keyring: Keyring,
    serves: asyncio.Event,
) -> None:
    """Do the jobs. Nobody waits for them, and what they need was a fifth of what a start loaded: so
    they begin once the server answers, and are loaded by a thread.
    """
    await serves.wait()
    runner = await asyncio.to_thread(_load_upkeep)
    _spare_the_collector()
    await runner(settings, registry, keyring, backup_keyring).run()


def _load_upkeep() -> Callable[..., "Runner"]:
    from entrepot.app import upkeep

    return upkeep.runner


def _tell(task: asyncio.Task[None]) -> None:
    """None of them ends by itself; one that does would be missed by nobody for long."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("what runs beside the requests has ended: %s", error, exc_info=error)


def _spare_the_collector() -> None:
    """What was imported stays; and requests make few cycles, so they are looked for rarely."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _terms(settings: Settings) -> Terms:
    return Terms(
        settings.collect_grace,
        settings.trash_days * DAY,
        settings.untagged_days * DAY,
        settings.orphan_days * DAY,
        settings.ran_days * DAY,
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
    return access.as_json if settings.logs_as_json else access.as_text
