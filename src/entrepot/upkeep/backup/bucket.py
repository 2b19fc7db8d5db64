"""`BucketVault`: backups in a bucket of S3, Google Cloud Storage or Azure, by obstore."""

from collections.abc import Iterable, Iterator

import obstore

from entrepot.blobstore.clients import STRIDE, Clients, told
from entrepot.blobstore.multipart import ObjectPart, Shares
from entrepot.blobstore.place import Place
from entrepot.blobstore.store import StoreError
from entrepot.upkeep.backup.vault import Bytes, File

_PAGE = 1000


class BucketVault:
    """A file is an object, which a store shows when all of it is there."""

    asked_from = 64 * 1024
    """Up to there an answer takes as long as the bytes do."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._clients = Clients.open(place)
        self._shares = Shares(place.memory)

    def __str__(self) -> str:
        return str(self._place)

    def is_bare(self) -> bool:
        """Never: a bucket that is away is told as such."""
        return False

    def put(self, name: str, strides: Iterable[Bytes], size: int) -> None:
        """Write an object, in parts where it is large."""
        with ObjectPart(self._clients.writing, name, None, size, self._shares) as part:
            for stride in strides:
                part.write(memoryview(stride))
            if part.size != size:
                raise EOFError(f"{name} has {part.size} bytes, not {size}")
            part.seal()

    def read(self, name: str) -> Iterator[memoryview]:
        """The bytes of an object."""
        with told(f"reading {name}"):
            for stride in obstore.get(self._clients.reading, name).stream(STRIDE):
                yield memoryview(stride)

    def size(self, name: str) -> int | None:
        """Bytes of an object; None where there is none."""
        try:
            with told(f"looking for {name}"):
                return int(obstore.head(self._clients.reading, name)["size"])
        except FileNotFoundError:
            return None

    def files(self, folder: str) -> Iterator[File]:
        """All objects below a prefix."""
        try:
            with told(f"listing {self._place}"):
                for page in obstore.list(self._clients.reading, folder, chunk_size=_PAGE):
                    for each in page:
                        yield File(each["path"], each["size"], each["last_modified"].timestamp())
        except FileNotFoundError:
            raise StoreError(f"there is no {self._place}: make the bucket first") from None

    def delete(self, names: list[str]) -> None:
        """Take objects away."""
        for start in range(0, len(names), _PAGE):
            self._delete(names[start : start + _PAGE])

    def _delete(self, names: list[str]) -> None:
        try:
            with told(f"deleting from {self._place}"):
                obstore.delete(self._clients.writing, names)
        except FileNotFoundError:  # which of them it was is not said
            if len(names) > 1:
                for name in names:
                    self._delete([name])

    def settle(self) -> None:
        """Nothing: a store answers when it has an object."""
