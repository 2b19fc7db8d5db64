"""`Nearer`: a repository of the other registry, of which as little is asked as can be."""

from collections.abc import Callable

from entrepot.oci.digest import Digest
from entrepot.oci.manifest import Manifest
from entrepot.upstream.referring import attached, stand_in
from entrepot.upstream.registry import RegistryRepository

_FEW = 10
"""Tags of a page."""

Held = Callable[[str], Manifest | None]
"""From a digest to a manifest that is here."""


class Nearer(RegistryRepository):
    """What is here is read here; what was `seen` in a list of its tags is asked for no more."""

    def __init__(
        self, there: RegistryRepository, held: Held, seen: frozenset[str] | None, *, in_order: bool
    ) -> None:
        """`in_order` says that it lists its tags in the order of their bytes, as Entrepot does."""
        super().__init__(there.http, there.name)
        self.listed, self._held, self._in_order = seen, held, in_order

    def manifest(self, reference: str) -> Manifest:
        """See `Source`."""
        held = self._held(reference) if ":" in reference else None
        return held or super().manifest(reference)

    def named_after(self, digest: Digest) -> list[str]:
        """See `Source`; where tags are listed in order, one page has them."""
        names = attached(digest)
        if self.listed is not None or not self._in_order or not names:
            return super().named_after(digest)
        page = self.tags_behind(stand_in(digest), _FEW)
        if len(page) == _FEW and page[-1] < names[-1]:
            return super().named_after(digest)
        return [name for name in names if name in page]
