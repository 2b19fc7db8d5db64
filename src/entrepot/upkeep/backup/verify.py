"""`verify`: every byte of backups is read, and compared with what it should be."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from entrepot.oci.digest import Digest
from entrepot.upkeep.backup import document, reading
from entrepot.upkeep.backup.document import Backup, Part
from entrepot.upkeep.backup.past import DAMAGED
from entrepot.upkeep.backup.reading import NAMING
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
    pruned: list[str] = field(default_factory=list)
    """Ids of those that were taken away meanwhile: what only they had is no damage."""


def verify(vault: Vault, wanted: Sequence[str], show: Show) -> Verified:
    """Read these backups, each content once; what is damaged the next `create` sends again.
    Raises `OSError`, of which is `StoreError`.
    """
    found, backups = Verified(list(wanted)), _Reading(vault)
    for id_ in wanted:
        try:
            backups.backup(document.read(vault, id_))
        except BackupError as error:
            found.damaged.append(Damage(f"{document.FOLDER}/{id_}", str(error), (id_,)))
    needed, users = backups.needed, backups.users
    found.damaged += [
        Damage(name, why, tuple(dict.fromkeys(users[name])))
        for name, why in backups.damaged.items()
    ]
    show.begin("reading backups", sum(needed.values()), "bytes")
    for digest, why in _unlike(vault, needed, show):
        found.damaged.append(Damage(digest, why, tuple(dict.fromkeys(users[digest]))))
    _forgive_pruned(vault, found)
    found.contents, found.bytes = len(needed), sum(needed.values())
    _leave_marks(vault, found.damaged)
    return found


def _forgive_pruned(vault: Vault, found: Verified) -> None:
    if not found.damaged:
        return
    whole = set(document.ids(vault)[0])
    found.pruned = [id_ for id_ in found.backups if id_ not in whole]
    found.backups = [id_ for id_ in found.backups if id_ in whole]
    left = [replace(d, backups=tuple(b for b in d.backups if b in whole)) for d in found.damaged]
    found.damaged = [each for each in left if each.backups]


class _Reading:
    """What backups are made of; each file is read once."""

    def __init__(self, vault: Vault) -> None:
        self.needed: dict[str, int] = {}
        """Digests, and their bytes."""
        self.users: dict[str, list[str]] = defaultdict(list)
        """By digests and files, the ids of the backups that have them."""
        self.damaged: dict[str, str] = {}
        """Files that are not as they were written, and why."""
        self._vault = vault
        self._named: dict[str, dict[str, int]] = {}
        """By parts, what they name."""

    def backup(self, backup: Backup) -> None:
        """One of them."""
        for name in backup.files:
            self._read(f"{backup.folder}/{name}", backup, reading.lines(self._vault, backup, name))
        lost = frozenset(backup.lost)
        for table, rows in backup.tables.items():
            for part in rows.parts:
                for digest, size in self._part(backup, table, part).items():
                    if digest not in lost:
                        self.needed[digest] = size
                        self.users[digest].append(backup.id)

    def _part(self, backup: Backup, table: str, part: Part) -> dict[str, int]:
        if part.name in self._named:
            self.users[part.name].append(backup.id)
            return self._named[part.name]
        named = self._named[part.name] = {}
        if table in NAMING:
            contents = reading.contents_of(self._vault, backup, part)
            self._read(part.name, backup, (named.update([each]) for each in contents))
        else:
            self._read(part.name, backup, reading.rows_of(self._vault, backup, part))
        return named

    def _read(self, name: str, backup: Backup, lines: Iterator[object]) -> None:
        self.users[name].append(backup.id)
        try:
            for _ in lines:
                pass
        except BackupError as error:
            self.damaged[name] = str(error)


def _leave_marks(vault: Vault, damaged: Sequence[Damage]) -> None:
    """Have the next `create` send it again; who may only read here lets it be."""
    for each in damaged:
        name = document.place_of(each.what) if ":" in each.what else each.what
        if not name.startswith(f"{document.FOLDER}/"):
            why = each.why.encode()
            with suppress(OSError):
                vault.put(f"{DAMAGED}/{name}", [why], len(why))


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
