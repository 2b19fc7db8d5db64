"""`Making` and `Loading`: places of which one is a bundle, for as long as a command lasts."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from entrepot.cli.size import show_size

if TYPE_CHECKING:
    from entrepot.oci.digest import Digest
    from entrepot.upstream.bundle import Bundle
    from entrepot.upstream.bundle_record import Record
    from entrepot.upstream.opened import At, Places
    from entrepot.upstream.place import Source, Target
    from entrepot.upstream.registry import RegistryRepository


class Making:
    """Images go into a bundle, which is there at the end or not at all."""

    def __init__(
        self, places: "Places", path: Path, since: "Sequence[Record]", *, replace: bool
    ) -> None:
        from entrepot.upstream.bundle import NewBundle

        self.source = places.source
        self._path, self._bundle = path, NewBundle(path, since, replace=replace)
        self.sentence = ""
        """What was made."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._bundle.abandon()

    def target(self, at: "At") -> "Target":
        """An image of it."""
        return self._bundle.at(at.name)

    def finish(self) -> None:
        """Have it under its name."""
        record = self._bundle.finish()
        size = show_size(sum(each.size for each in record.blobs.values()))
        left = [
            f"{show_size(sum(held.size for held in each.blobs.values()))} more are in {each}"
            for each in record.earlier
        ]
        self.sentence = "; ".join([f"{self._path} is made: {size} of layers", *left])


class Loading:
    """Images come out of a bundle, and go below one prefix of a registry."""

    def __init__(self, places: "Places", bundle: "Bundle", base: str) -> None:
        self._places, self._bundle, self._base = places, bundle, base
        self.finish = places.finish

    def source(self, at: "At") -> "tuple[Source, str]":
        """An image of it."""
        return self._bundle.at(at.name), at.name

    def target(self, at: "At") -> "Target":
        """A repository; those are beside it into which earlier bundles were loaded."""
        from entrepot.upstream.bundle import Loaded

        return Loaded(self._places.repository(at), self._beside)

    def _beside(self, digest: "Digest") -> "Iterator[RegistryRepository]":
        from entrepot.upstream.opened import At

        for name in self._bundle.holders(digest):
            yield self._places.repository(At.parse(f"{self._base}{name}"))
