"""Options that say where backups are, and how commands on them fail."""

import errno
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot import settings
from entrepot.blobstore.place import Addressing, Place
from entrepot.cli.options import fail

if TYPE_CHECKING:
    from entrepot.encryption.keys import Keyring
    from entrepot.upkeep.backup.vault import Vault

Dest = Annotated[
    str,
    typer.Argument(
        help="Folder, or s3://BUCKET/PREFIX, gs://…, az://…", show_default="as the settings say"
    ),
]
Endpoint = Annotated[
    str,
    typer.Option(help="https://HOST of a store that is one's own."),
]
Region = Annotated[str, typer.Option(help="The bucket's region, for S3.")]
Ca = Annotated[
    Path | None,
    typer.Option(help="Whom the store's certificate is of, PEM."),
]
Addressed = Annotated[
    Addressing,
    typer.Option(
        help="Where the bucket's name stands in a URL: auto, path or virtual.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(help="File with the keys that the backups are sealed by, the current one first."),
]
Which = Annotated[str, typer.Option("--backup", help="Its id.", show_default="the newest")]


def vault_of(
    dest: str,
    key_file: Path | None,
    *,
    endpoint: str,
    region: str,
    ca: Path | None,
    addressing: Addressing,
    config: Path | None,
    makes: bool = False,
) -> "Vault":
    """The place that the options name, or the settings; who makes backups may make a folder, too.
    Raises `SettingsError`, OSError.
    """
    from entrepot.upkeep.backup.vault import vault_at

    if endpoint and not endpoint.startswith(("https://", "http://")):
        fail(f"--endpoint is {endpoint!r}: write https://HOST[:PORT]")
    if (endpoint or region or ca or addressing != "auto") and "://" not in dest:
        why = f"{dest} is a folder" if dest else "name it, too"
        fail(f"--endpoint, --region, --ca and --addressing are for a bucket as DEST: {why}")
    if not dest:
        return _set(settings.load(config), key_file, makes=makes)
    _check(dest, makes=makes)
    options = Place("", "", endpoint=endpoint, region=region, ca=ca, addressing=addressing)
    return vault_at(dest, options, _ring(key_file))


def _set(here: settings.Settings, key_file: Path | None, *, makes: bool) -> "Vault":
    from entrepot.upkeep.backup.vault import vault_at

    if not here.backup_to:
        fail("name DEST, where the backups are, or set backup_to")
    _check(here.backup_to, makes=makes)
    keyring = _ring(key_file) if key_file else here.backup_keyring()
    return vault_at(here.backup_to, here.backup_options, keyring)


def _check(where: str, *, makes: bool) -> None:
    """A folder that is not there is mistyped, or not mounted. Raises OSError."""
    if "://" in where:
        return
    folder = Path(where).absolute()
    if folder.exists() and not folder.is_dir():
        fail(f"{folder} is no folder")
    if not folder.exists() and not makes:
        fail(f"there is no folder {folder}")


def _ring(key_file: Path | None) -> "Keyring":
    from entrepot.encryption import source

    try:
        return source.load(None, key_file, "")
    except source.SourceError as error:
        fail(str(error).replace("encryption_key_file", "--key-file"))


@contextmanager
def told(cut: str) -> Iterator[None]:
    """Say what went wrong: with 2 where something must be changed, with 1 where trying again may
    do.
    """
    from entrepot.blobstore.store import RefusedError
    from entrepot.db.schema import SchemaError
    from entrepot.encryption.keys import EncryptionError
    from entrepot.upkeep.backup.vault import BackupError, BusyError
    from entrepot.upkeep.moving.end import MoveError

    try:
        yield
    except BusyError as error:
        fail(str(error), 1)
    except (BackupError, MoveError, SchemaError, EncryptionError, settings.SettingsError) as error:
        fail(str(error))
    except (RefusedError, *_REFUSED) as error:
        fail(_words(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"{_words(error)}; {cut}", 1)


_REFUSED = (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What a disk says no to, now as later."""


def _words(error: Exception) -> str:
    """Of a file that cannot be used, which, and why."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        places = f"where the backups and the registry are, and in {tempfile.gettempdir()}"
        return f"{error.strerror}: make room {places}"
    if isinstance(error, PermissionError) and error.filename:
        return f"{error.filename}: {error.strerror}: run it as the user whose that is"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
