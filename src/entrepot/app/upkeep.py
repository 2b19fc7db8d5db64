"""The upkeep: its jobs, as the settings say; loaded once the server answers."""

from entrepot.db.trash import DAY
from entrepot.distribution.registry import Registry
from entrepot.encryption.keys import Keyring
from entrepot.settings import Settings
from entrepot.upkeep.backup.order import Order, lines_of
from entrepot.upkeep.backup.scheduled import Scheduled
from entrepot.upkeep.encryption_jobs import encryption_jobs
from entrepot.upkeep.job import Job
from entrepot.upkeep.jobs import jobs
from entrepot.upkeep.replication.replicator import Replicator
from entrepot.upkeep.runner import Runner
from entrepot.upkeep.webhooks.pace import Pace
from entrepot.upkeep.webhooks.sender import Outlet, Sender


def runner(
    settings: Settings, registry: Registry, keyring: Keyring, backup_keyring: Keyring
) -> Runner:
    """Does all jobs that a process may do. The keys are of the registry, and of its backups."""
    found = _jobs(settings, registry, keyring, backup_keyring)
    return Runner(registry.database, found, registry.observer.metrics)


def _jobs(
    settings: Settings, registry: Registry, keyring: Keyring, backup_keyring: Keyring
) -> list[Job]:
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
        allow=settings.outbound,
        address=settings.public_url,
        keep=registry.terms.keep,
        disk=registry.disk,
    )
    pause = settings.upkeep_pause
    found += [sender.job(pause), replicator.job(pause)]
    if settings.backup_to:
        backups = Scheduled(registry.database, _order(settings, keyring, backup_keyring))
        found.append(backups.job(settings.backup_moments))
    return found


def _order(settings: Settings, keyring: Keyring, backup_keyring: Keyring) -> Order:
    return Order(
        settings.backup_to,
        settings.backup_options,
        settings.backup_keep,
        settings.data,
        settings.place,
        settings.database_url.get_secret_value() if settings.database_url else "",
        lines_of(keyring),
        lines_of(backup_keyring),
    )


def _pace(settings: Settings) -> Pace:
    return Pace(
        settings.webhook_retry_seconds,
        settings.webhook_retry_days * DAY,
        settings.webhook_log_days * DAY,
    )
