"""The jobs of encryption. Next: `rekey` for rows, `encrypt` for objects."""

from functools import partial

from entrepot.blobstore.store import Store
from entrepot.db import jobs
from entrepot.db.database import Database
from entrepot.upkeep.encrypt import encrypt
from entrepot.upkeep.job import Job, Run
from entrepot.upkeep.rekey import rekey

REKEY, ENCRYPT_OLD = NAMES = ("rekey", "encrypt-old")

_DAY = 24 * 3600.0


def encryption_jobs(database: Database, store: Store, *, linger: bool) -> list[Job]:
    """None where there is no key. `linger` where clients may have URLs of objects."""
    if database.keyring.current is None:
        return []
    return [
        Job(REKEY, partial(_rekey, database), _DAY, "Seals rows by the current key."),
        Job(
            ENCRYPT_OLD,
            partial(_encrypt, database, store, linger),
            None,
            "Encrypts blobs that came before there was a key.",
        ),
    ]


async def begin_rekeying(database: Database) -> None:
    """Have rows sealed anew at once: who starts may bring another key than was here before."""
    if database.keyring.current is not None:
        await database.note(partial(jobs.ask, name=REKEY))  # the first time it is due by itself


async def _rekey(database: Database, run: Run) -> None:
    found = await rekey(database, partial(_report, run))
    failed = f", {found.failed} do not open: see `entrepot check`" if found.failed else ""
    run.report(note=f"{found.rows} rows{failed}")


async def _encrypt(database: Database, store: Store, linger: bool, run: Run) -> None:
    found = await encrypt(database, store, partial(_report, run), linger=linger)
    failed = f", {found.failed} are damaged: see `entrepot check`" if found.failed else ""
    run.report(note=f"{found.blobs} blobs{failed}")


def _report(run: Run, done: int, total: int | None) -> None:
    run.report(done=done, total=total)
