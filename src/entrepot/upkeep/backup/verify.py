"""`verify`: every byte of backups is read, and compared with what it should be."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

from entrepot.oci.digest import Digest
from entrepot.upkeep.backup import document
from entrepot.upkeep.backup.document import CONTENTS, Backup
from entrepot.upkeep.backup.vault import BackupError, LostError, Vault
from entrepot.upkeep.backup.verified import verified
from entrepot.upkeep.moving.move import Show

_THREADS = 4
_PAGE = 256


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it should be."""

    what: str
    """A digest, or a file of a backup."""
    why: str
    backups: tuple[str, ...]
    """Ids of those that it is a part of."""


@dataclass(slots=True)
class Verified:
    """What was read."""

    backups: list[str]
    contents: int = 0
    bytes: int = 0
    damaged: list[Damage] = field(default_factory=list)


def verify(vault: Vault, wanted: Sequence[str], show: Show) -> Verified:
    """Read these backups, each content once. Raises `OSError`, of which is `StoreError`."""
    found = Verified(list(wanted))
    needed: dict[str, int] = {}
    users: dict[str, list[str]] = defaultdict(list)
    for id_ in wanted:
        try:
            backup = document.read(vault, id_)
            for digest, size in document.contents(vault, backup):
                needed[digest] = size
                users[digest].append(id_)
        except BackupError as error:
            found.damaged.append(Damage(f"{document.FOLDER}/{id_}", str(error), (id_,)))
            continue
        found.damaged += _files(vault, backup)
    show.begin("reading backups", sum(needed.values()), "bytes")
    for digest, why in _unlike(vault, needed, show):
        found.damaged.append(Damage(digest, why, tuple(users[digest])))
    found.contents, found.bytes = len(needed), sum(needed.values())
    return found


def _files(vault: Vault, backup: Backup) -> Iterator[Damage]:
    for name in backup.files:
        try:
            for _ in document.lines(vault, backup, name) if name != CONTENTS else ():
                pass
        except BackupError as error:
            yield Damage(f"{backup.folder}/{name}", str(error), (backup.id,))


def _unlike(vault: Vault, needed: dict[str, int], show: Show) -> Iterator[tuple[str, str]]:
    """Digests that do not lie there whole, and why."""
    with ThreadPoolExecutor(_THREADS, "entrepot-verify") as pool:
        for page in document.paged(sorted(needed), _PAGE):
            whys = pool.map(partial(_fault, vault, show), page)
            yield from ((digest, why) for digest, why in zip(page, whys, strict=True) if why)


def _fault(vault: Vault, show: Show, digest: str) -> str:
    try:
        for stride in verified(vault.read(document.place_of(digest)), Digest.parse(digest)):
            show.add(len(stride))
    except FileNotFoundError:
        return "it is missing"
    except LostError as error:
        return str(error)
    return ""
