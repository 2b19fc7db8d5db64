"""Purging what has lain in the trash long enough, a little in each transaction."""

from functools import partial

from entrepot.db import purge, trash
from entrepot.db.database import Database
from entrepot.db.trash import Item

_PAGE = 100
"""Manifests or links of one transaction."""


async def purge_ended(database: Database) -> int:
    """Purge all whose time is up, and that no cluster runs; how many things those were."""
    count = 0
    while items := await database.read(partial(trash.ended, limit=_PAGE)):
        ended = await database.write(partial(purge.expire, items=items), large=True)
        for item in ended:
            await purge_one(database, item)
        count += len(ended)
    return count


async def purge_one(database: Database, item: Item) -> None:
    """Purge something whose time is up."""
    step = partial(purge.purge, item=item, limit=_PAGE)
    while not await database.write(step, large=True):
        pass
