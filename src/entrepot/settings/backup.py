"""`BackupSettings`: where backups are, and when the server makes them. Next: `settings`."""

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from entrepot import addresses
from entrepot.blobstore.place import SCHEMES, Addressing, Place
from entrepot.configuration import SettingsError
from entrepot.encryption import source
from entrepot.encryption.keys import Keyring
from entrepot.encryption.source import SourceError

_moment = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII).fullmatch


class BackupSettings(BaseModel):
    """The settings of backups, a part of all of them."""

    model_config = ConfigDict(defer_build=True)  # only the whole is ever made

    backup_to: str = ""
    """Folder, or s3://BUCKET/PREFIX, gs://… or az://…, where backups are made; none where empty."""
    backup_endpoint: str = ""
    """https://HOST[:PORT] of that store, where it is not the provider's own."""
    backup_region: str = ""
    """Its region, where the environment does not say it."""
    backup_ca: Path | None = None
    """File with CAs in PEM that its certificate may be from, beside the system's."""
    backup_addressing: Addressing = "auto"
    """Where S3's URLs have the bucket: in the path, virtual (before the host), or as it suits."""
    backup_at: tuple[str, ...] = ("02:00",)
    """Times of day, in UTC, when the server makes one; where empty, when somebody asks for it."""
    backup_keep: int = Field(default=30, ge=0)
    """How many backups of this registry stay; 0 for all."""
    backup_key_file: Path | None = None
    """File with the keys that backups are sealed by, the current one first."""

    @field_validator("backup_to")
    @classmethod
    def _check_backup_to(cls, value: str) -> str:
        if "://" in value:
            Place.parse(value)
        return value

    @field_validator("backup_endpoint")
    @classmethod
    def _check_backup_endpoint(cls, value: str) -> str:
        return addresses.url(value) if value else value

    @field_validator("backup_at", mode="before")
    @classmethod
    def _split_times(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("backup_at")
    @classmethod
    def _check_times(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(text for text in value if text)
        if not all(map(_moment, found)):
            raise ValueError("write HH:MM, or several with commas between them")
        return found

    @model_validator(mode="after")
    def _check_backups(self) -> "BackupSettings":
        bucket = self.backup_to.partition("://")[0] in SCHEMES
        for name in ("endpoint", "region", "ca"):
            if not bucket and getattr(self, f"backup_{name}"):
                raise ValueError(f"backup_{name} is for a bucket, and backup_to names none")
        return self

    @property
    def backup_moments(self) -> tuple[int, ...]:
        """`backup_at`, in seconds after midnight."""
        parts = (text.split(":") for text in self.backup_at)
        return tuple(int(hours) * 3600 + int(minutes) * 60 for hours, minutes in parts)

    @property
    def backup_options(self) -> Place:
        """The endpoint and so on; the bucket is `backup_to`'s."""
        return Place(
            "",
            "",
            endpoint=self.backup_endpoint,
            region=self.backup_region,
            ca=self.backup_ca,
            addressing=self.backup_addressing,
        )

    def backup_keyring(self) -> Keyring:
        """The keys of backups: reads their file. Raises `SettingsError`."""
        try:
            return source.load(None, self.backup_key_file, "")
        except SourceError as error:
            text = str(error).replace("encryption_key_file", "backup_key_file")
            raise SettingsError(text) from None
