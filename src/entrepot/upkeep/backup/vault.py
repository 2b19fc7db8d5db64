"""`Vault`: the place of backups, which keeps files under names. Next: `folder`, `bucket`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeAlias

from entrepot.blobstore.place import SCHEMES, Place
from entrepot.blobstore.store import lacking
from entrepot.encryption.keys import NO_KEYS, Keyring

Bytes: TypeAlias = bytes | memoryview


class BackupError(Exception):
    """Why it cannot be done, and what to do, in words for the operator."""


class BusyError(BackupError):
    """Somebody else is at it; later it goes."""


class LostError(Exception):
    """Bytes are missing, or do not match their digest."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of a vault."""

    name: str
    """From the vault's root on, with slashes."""
    size: int
    at: float
    """When it was written, by the vault's own clock: seconds since 1970."""


class Vault(Protocol):
    """Its methods block, may be called from any thread, and raise OSError, mostly `StoreError`."""

    @property
    def asked_from(self) -> int:
        """From so many bytes on it pays to ask for a file's size before it is put once more."""

    def is_bare(self) -> bool:
        """Whether there is nothing at all, as where a disk is to be mounted, and is not."""

    def put(self, name: str, strides: Iterable[Bytes], size: int) -> None:
        """Write a file of so many bytes. It is there as a whole, or not at all where `strides`
        raises.
        """

    def read(self, name: str) -> Iterator[memoryview]:
        """The bytes of a file, each stride good until the next. Raises FileNotFoundError, and
        `LostError` where it can be seen that they are not what was written.
        """

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""

    def files(self, folder: str) -> Iterator[File]:
        """All files below a folder; none where there is none."""

    def delete(self, names: list[str]) -> None:
        """Take files away; one that has gone already is no error."""

    def settle(self) -> None:
        """Make all that was put durable."""


def get(vault: Vault, name: str) -> bytes:
    """A small file. Raises FileNotFoundError."""
    return b"".join(bytes(stride) for stride in vault.read(name))


def vault_at(where: str, options: Place, keyring: Keyring = NO_KEYS) -> Vault:
    """The vault at a folder or a URL, with the endpoint and so on of `options`; where there are
    keys, that of backups which are sealed by them.

    Raises `BackupError`, `StoreError`.
    """
    found = _plain(where, options)
    if keyring.current is None:
        return found
    from entrepot.upkeep.backup.sealed import SealedVault

    return SealedVault(found, keyring, keyring.current)


def _plain(where: str, options: Place) -> Vault:
    if where.partition("://")[0] not in SCHEMES:
        if "://" in where:
            raise BackupError(
                f"{where} is no place for backups: name a folder, s3://, gs:// or az://"
            )
        from entrepot.upkeep.backup.folder import FolderVault

        return FolderVault(Path(where))
    try:
        named = Place.parse(where)
    except ValueError as error:
        raise BackupError(f"{where} is no place for backups: {error}") from None
    place = replace(options, scheme=named.scheme, bucket=named.bucket, prefix=named.prefix)
    try:
        from entrepot.upkeep.backup.bucket import BucketVault
    except ImportError:
        raise lacking(place) from None
    return BucketVault(place)
