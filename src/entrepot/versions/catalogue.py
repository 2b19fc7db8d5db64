"""`Catalogue`: what this process keeps of versions: their order, and what images say.

A cache and no authority: the log of changes says which order is to be made again. What an image
says never changes, since its digest names it; so that is forgotten only to make room.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from entrepot.db import image_sizes
from entrepot.db.changes import Kind
from entrepot.db.connection import Connection
from entrepot.db.database import Database
from entrepot.db.log import EVERYTHING
from entrepot.oci.names import Repository
from entrepot.versions import labels, ordering
from entrepot.versions.labels import Labels
from entrepot.versions.order import Order
from entrepot.versions.version import Scheme

MOST_TAGS = 200_000
"""Tags of all orders that are kept; about 100 MB."""

MOST_IMAGES = 20_000


class Image(NamedTuple):
    """What an image says, and its bytes; an index has those of all its platforms."""

    labels: Labels
    size: int | None
    """None where it is too large to be looked into."""


class Catalogue:
    """What lies ready in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._orders: OrderedDict[str, Order] = OrderedDict()
        self._stale: set[str] = set()
        self._images: OrderedDict[tuple[int, str], Image] = OrderedDict()
        database.log.subscribe(self._changed)

    def _changed(self, kind: str, repository: str) -> None:
        if kind == EVERYTHING:
            self._stale.update(self._orders)
        elif kind == Kind.ACCESS:  # perhaps channels, whose tags are no versions of mere text
            texts = (name for name, each in self._orders.items() if each.scheme is Scheme.TEXT)
            self._stale.update(texts)
        elif repository in self._orders:
            self._stale.add(repository)

    async def order(self, repository: Repository) -> Order | None:
        """The versions of a repository; None where there is none."""
        log, name = self._database.log, repository.name
        log.follow()
        known = self._orders.get(name)
        if known is not None and log.current and name not in self._stale:
            self._orders.move_to_end(name)
            return known
        mark = log.state
        found = await self._database.scan(
            partial(ordering.look, repository=repository, before=known)
        )
        log.follow()
        if log.current and log.state == mark:
            self._keep(name, found)
        return found

    def _keep(self, name: str, found: Order | None) -> None:
        self._stale.discard(name)
        self._orders.pop(name, None)
        if found is not None:
            self._orders[name] = found
        while sum(map(_tags, self._orders.values())) > MOST_TAGS:
            self._stale.discard(self._orders.popitem(last=False)[0])

    def images(
        self, db: Connection, place: tuple[int, Repository], digests: Sequence[str]
    ) -> dict[str, Image]:
        """By digest, some images of a repository; called in a thread, with its connection."""
        found = {each: known for each in digests if (known := self._images.get((place[0], each)))}
        asked = [digest for digest in dict.fromkeys(digests) if digest not in found]
        sizes = image_sizes.of(db, place[0], asked) if asked else {}
        for digest in asked:
            image = Image(labels.read(db, place[1], digest), sizes.get(digest))
            found[digest] = self._images[place[0], digest] = image
        while len(self._images) > MOST_IMAGES:
            self._images.popitem(last=False)
        return found


def _tags(order: Order) -> int:
    return len(order.entries) + len(order.names)
