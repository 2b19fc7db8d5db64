"""`Copying`: content goes from a registry to a vault, what is not there already.

Every byte is compared with its digest on its way; what does not match never gets its name. What
cannot be read right is told, and holds up nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from entrepot.blobstore.store import Store, StoreError, is_damage
from entrepot.db import contents
from entrepot.db.connection import Connection
from entrepot.db.contents import Content
from entrepot.db.quarantine import Kept, Kind
from entrepot.db.sealed import Sealed
from entrepot.encryption import envelope
from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import Keyring
from entrepot.oci.digest import Digest
from entrepot.oci.ranges import Span
from entrepot.upkeep.backup.document import place_of
from entrepot.upkeep.backup.vault import BackupError, Bytes, LostError, Vault
from entrepot.upkeep.backup.verified import verified

_THREADS = 8
_MOST_MISSING = 20
"""Objects that may be missing from the store; then it is rather not the right one."""


@dataclass(slots=True)
class Pass:
    """What one pass over the rows came to."""

    added: int = 0
    """Bytes that were written."""
    there: dict[str, int] = field(default_factory=dict)
    """Digests that the vault has, of those that were seen, and their bytes."""
    lost: dict[str, str] = field(default_factory=dict)
    """Digests that could not be read right, and why."""
    lost_bytes: int = 0
    """Of those."""


class Copying:
    """The copying of one backup, in several passes. Of what is not known to be there the vault is
    asked, unless all that it has is known, or the bytes are so few that they are put once more.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        vault: Vault,
        told: Callable[[int], None],
        there: dict[str, int] | None,
    ) -> None:
        self.added = 0
        """Bytes that were written by all passes."""
        self._store = store
        self._keyring = keyring
        self._vault = vault
        self._told = told
        self._asks = there is None
        self._there = there if there is not None else {}

    def know(self, found: Iterable[tuple[str, int]]) -> None:
        """Digests that are there, and their bytes."""
        self._there.update(found)

    def copy(
        self, db: Connection, rows: Iterable[list[Content]], is_wanted: Callable[[], bool]
    ) -> Pass:
        """A pass over some rows; ends early when it is not wanted any more. Raises `StoreError`,
        `EncryptionError` for a missing key.
        """
        found, under_way = Pass(), deque[Future[tuple[Content, int, str]]]()
        with ThreadPoolExecutor(_THREADS, "entrepot-backup") as pool:
            for page in rows:
                for content in self._new(page, found):
                    kept = contents.find(db, content)
                    if kept is not None:
                        under_way.append(pool.submit(self._write, content, kept))
                    while len(under_way) > 2 * _THREADS:
                        self._end(under_way.popleft().result(), found)
                if not is_wanted():
                    break
            while under_way:
                self._end(under_way.popleft().result(), found)
        self.added += found.added
        return found

    def _new(self, page: list[Content], found: Pass) -> Iterator[Content]:
        """What is to be written. A manifest has a row in each of its repositories."""
        for content in page:
            if content.digest in found.there:
                continue
            if self._there.get(content.digest) == content.size:
                found.there[content.digest] = content.size
                self._told(content.size)
            else:
                yield content

    def _end(self, done: tuple[Content, int, str], found: Pass) -> None:
        content, added, why = done
        if why:
            # In another repository it may be whole, or may have been told.
            if content.digest not in found.there and content.digest not in found.lost:
                found.lost_bytes += content.size
                found.lost[content.digest] = why
            if len(found.lost) >= _MOST_MISSING and set(found.lost.values()) == {_MISSING}:
                raise BackupError(
                    f"{len(found.lost)} objects are missing: is this the right store? entrepot "
                    "check says what is missing"
                )
            return
        if content.digest not in found.there:  # two repositories may have it
            found.added += added
        if found.lost.pop(content.digest, None) is not None:
            found.lost_bytes -= content.size
        self._there[content.digest] = found.there[content.digest] = content.size

    def _write(self, content: Content, kept: Kept) -> tuple[Content, int, str]:
        """Copy it: bytes that were written, or why it cannot be read right."""
        if kept.empty:
            return content, 0, "its bytes are lost"
        digest, place = Digest.parse(content.digest), place_of(content.digest)
        if self._is_there(place, content.size):
            self._told(content.size)
            return content, 0, ""
        try:
            self._vault.put(place, verified(self._whole(kept), digest), content.size)
        except LostError as error:
            return content, 0, str(error)
        return content, content.size, ""

    def _is_there(self, place: str, size: int) -> bool:
        asks = self._asks and size >= self._vault.asked_from
        return asks and self._vault.size(place) == size

    def _whole(self, kept: Kept) -> Iterator[Bytes]:
        """Its bytes. Raises `LostError` where the registry has them no more: what the vault cannot
        do is another matter.
        """
        try:
            yield from self._strides(kept)
        except StoreError:
            raise
        except FileNotFoundError:
            raise LostError(_MISSING) from None
        except (EOFError, BrokenSealError) as error:
            raise LostError(str(error)) from None
        except OSError as error:
            if not is_damage(error):
                raise
            raise LostError(f"its object cannot be read: {error.strerror}") from None

    def _strides(self, kept: Kept) -> Iterator[Bytes]:
        if kept.content is not None:
            self._told(len(kept.content))
            yield self._opened(kept, kept.content)
        for piece in kept.pieces:
            for stride in self._store.read(piece, Span(0, piece.size)):
                self._told(len(stride))
                yield stride

    def _opened(self, kept: Kept, content: bytes) -> bytes:
        if kept.key is None:
            return content
        what = Sealed.MANIFEST if kept.kind is Kind.MANIFEST else Sealed.BLOB
        return envelope.unseal(self._keyring.find(kept.key), (what, kept.digest), content)


_MISSING = "its object is missing"
