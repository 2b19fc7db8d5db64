"""The lines of a backup's files, and what they say; each file is compared with its checksum, which
shows at its end. All of it raises `BackupError` where one is not as it was written.
"""

import hashlib
import json
from collections.abc import Iterator

from entrepot.oci.digest import Digest
from entrepot.oci.errors import OCIError
from entrepot.upkeep.backup.document import Backup, Part
from entrepot.upkeep.backup.vault import BackupError, LostError, Vault

NAMING = ("blob", "manifest")
"""Tables whose rows name content."""


def lines(vault: Vault, backup: Backup, name: str) -> Iterator[bytes]:
    """Of a file of its folder."""
    return _lines(vault, backup, f"{backup.folder}/{name}", backup.files[name].sha256)


def rows(vault: Vault, backup: Backup, table: str) -> Iterator[bytes]:
    """Of a table: a row each; none of one that its version had not."""
    found = backup.tables.get(table)
    for part in found.parts if found else ():
        yield from rows_of(vault, backup, part)


def rows_of(vault: Vault, backup: Backup, part: Part) -> Iterator[bytes]:
    """Of a part of a table."""
    return _lines(vault, backup, part.name, part.sha256)


def contents(vault: Vault, backup: Backup) -> Iterator[tuple[str, int]]:
    """Digests that it has, and their bytes; one that several repositories have comes again."""
    lost = frozenset(backup.lost)
    for table in NAMING:
        for part in backup.tables[table].parts:
            for digest, size in contents_of(vault, backup, part):
                if digest not in lost:
                    yield digest, size


def contents_of(vault: Vault, backup: Backup, part: Part) -> Iterator[tuple[str, int]]:
    """Digests that a part names, and their bytes."""
    for line in rows_of(vault, backup, part):
        try:
            row = json.loads(line)
            yield str(Digest.parse(row["digest"])), int(row["size"])
        except (OCIError, ValueError, KeyError, TypeError):
            raise BackupError(
                f"backup {backup.id} is damaged: its {part.name} has a wrong line"
            ) from None


def _lines(vault: Vault, backup: Backup, name: str, sha256: str) -> Iterator[bytes]:
    hashed, rest = hashlib.sha256(), b""
    shown = name.removeprefix(f"{backup.folder}/")
    try:
        for stride in vault.read(name):
            hashed.update(stride)
            *whole, rest = (rest + bytes(stride)).split(b"\n")
            yield from whole
    except FileNotFoundError:
        raise BackupError(f"backup {backup.id} is damaged: its {shown} is missing") from None
    except LostError as error:
        raise BackupError(f"backup {backup.id} is damaged: its {shown}: {error}") from None
    if rest or hashed.hexdigest() != sha256:
        raise BackupError(f"backup {backup.id} is damaged: its {shown} is not as it was written")
