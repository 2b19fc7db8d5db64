"""`prune`: the oldest backups of each registry go, and then the content that no other has.

Registries may share a place, and none is to push out what another has. A backup that goes loses its
`backup.json` first, so a prune that is killed leaves none that is half there. Content goes only
where every backup that stays could be read: nothing on doubt.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from entrepot.encryption.keys import EncryptionError
from entrepot.oci.layout import BLOBS
from entrepot.upkeep.backup import document, reading
from entrepot.upkeep.backup.document import FILE, FOLDER, PARTS, Backup
from entrepot.upkeep.backup.reading import NAMING
from entrepot.upkeep.backup.turn import Work, turn
from entrepot.upkeep.backup.vault import BackupError, BusyError, Vault
from entrepot.upkeep.moving.move import Show

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """Which backups stay, and which go, the oldest first."""

    keep: tuple[str, ...]
    remove: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was done."""

    kept: tuple[str, ...]
    removed: tuple[str, ...]
    contents: int
    """How many digests went."""
    bytes: int
    """Of those."""


def plan(whole: Mapping[str, str | None], keep: int, of: str = "") -> Plan:
    """The newest `keep` of each registry stay, which is one at least; or those of one go alone.

    `whole` says by ids, the oldest first, which registry a backup is of: None where it cannot be
    read, and so goes only where all that stay are newer.
    """
    found = defaultdict[str, list[str]](list)
    for id_, source in whole.items():
        if source is not None:
            found[source].append(id_)
    old = {id_ for source in found if of in ("", source) for id_ in found[source][: -max(keep, 1)]}
    oldest = next((id_ for id_, source in whole.items() if source and id_ not in old), "")
    gone = {id_ for id_, source in whole.items() if id_ in old or (not source and id_ < oldest)}
    keeps, goes = (tuple(i for i in whole if (i in gone) is is_gone) for is_gone in (False, True))
    return Plan(keeps, goes)


def prune(vault: Vault, keep: int, show: Show, *, of: str = "") -> Pruned:
    """Take away what is too old, `of` one registry or of all. Raises `BackupError`, `OSError`."""
    with turn(vault, Work.PRUNE) as mine:
        whole, unfinished = document.ids(vault)
        if not whole:  # one is being begun, perhaps: the next goes on from its content
            return Pruned((), (), 0, 0)
        sources = {id_: _source(vault, id_) for id_ in whole}
        if of and of not in sources.values():
            raise BackupError(f"no backup at {vault} is of {of}: see entrepot backup list")
        chosen = plan(sources, keep, of)
        needed = _needed(vault, chosen.keep)
        mine.check()
        vault.delete([f"{FOLDER}/{id_}/{FILE}" for id_ in chosen.remove])
        vault.settle()
        for id_ in (*chosen.remove, *unfinished):
            vault.delete([each.name for each in vault.files(f"{FOLDER}/{id_}")])
        contents, size = 0, 0
        parts = [f.name for f in vault.files(PARTS) if f.name not in needed]
        mine.check()
        vault.delete(parts)
        gone = [(f.name, f.size) for f in vault.files(BLOBS) if _is_unneeded(f.name, needed)]
        show.begin("deleting content that no backup needs", sum(s for _, s in gone), "bytes")
        for start in range(0, len(gone), _PAGE):
            page = gone[start : start + _PAGE]
            mine.check()
            vault.delete([name for name, _ in page])
            contents, size = contents + len(page), size + sum(each for _, each in page)
            show.add(sum(each for _, each in page))
    return Pruned(chosen.keep, chosen.remove, contents, size)


def _source(vault: Vault, id_: str) -> str | None:
    """Which registry a backup is of; None where it cannot be read."""
    try:
        return document.read(vault, id_).source
    except BackupError:
        return None


@dataclass(frozen=True, slots=True)
class Behind:
    """What became of older backups once one was made."""

    removed: tuple[str, ...] = ()
    stay: str = ""
    """Why others stay for now; the next one takes them away."""
    trouble: str = ""
    """Why they stay until somebody mends that."""


def prune_behind(made: Backup, vault: Vault, keep: int, show: Show) -> Behind:
    """Take away what is too old of its registry; nothing where that backup lacks content. It raises
    nothing: the backup is made, and to make another would change nothing.
    """
    if not keep or made.lost:
        return Behind()
    try:
        return Behind(prune(vault, keep, show, of=made.source).removed)
    except BusyError as error:
        return Behind(stay=str(error))
    except (BackupError, EncryptionError, OSError) as error:
        return Behind(trouble=str(error) or type(error).__name__)


def _needed(vault: Vault, keep: Sequence[str]) -> set[str]:
    """Digests and parts that backups have."""
    needed = set[str]()
    for id_ in keep:
        backup = document.read(vault, id_)
        for name, table in backup.tables.items():
            for part in table.parts:
                if part.name not in needed and name in NAMING:
                    found = reading.contents_of(vault, backup, part)
                    needed.update(digest for digest, _ in found)
                needed.add(part.name)
    return needed


def _is_unneeded(name: str, needed: set[str]) -> bool:
    """Whether a file is content of ours, and no backup has it."""
    digest = document.digest_at(name)
    return digest is not None and digest not in needed
