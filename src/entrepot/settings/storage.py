"""`StorageSettings`: where large blobs lie, if not in the folder. Next: `settings`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from entrepot import addresses
from entrepot.blobstore.place import Addressing, Place


class StorageSettings(BaseModel):
    """The settings of a store of objects, a part of all of them."""

    model_config = ConfigDict(defer_build=True)  # only the whole is ever made

    storage_url: str = ""
    """s3://BUCKET/PREFIX, gs://… or az://… for large blobs; where empty they lie in the folder."""
    storage_endpoint: str = ""
    """https://HOST[:PORT] of that store, where it is not the provider's own."""
    storage_region: str = ""
    """Its region, where the environment does not say it."""
    storage_ca: Path | None = None
    """File with CAs in PEM that its certificate may be from, beside the system's."""
    storage_addressing: Addressing = "auto"
    """Where S3's URLs have the bucket: in the path, virtual (before the host), or as it suits."""
    storage_redirect: tuple[str, ...] = ()
    """all, or networks of clients that reach the store and get blobs from it, by a redirect."""
    storage_redirect_seconds: int = Field(default=900, ge=60, le=7 * 24 * 3600)
    """How long the URL of such a redirect is good."""
    storage_memory: int = Field(default=1024**3, ge=64 * 1024**2)
    """Bytes of uploads that wait in a worker's memory for the store; beyond them it says 429."""

    @field_validator("storage_url")
    @classmethod
    def _check_place(cls, value: str) -> str:
        if value:
            Place.parse(value)
        return value

    @field_validator("storage_redirect")
    @classmethod
    def _check_redirect(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value in (("all",), ("none",)):
            return value[: value[0] == "all"]
        return tuple(str(addresses.network(text)) for text in value if text)

    @field_validator("storage_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        return addresses.url(value) if value else value

    @field_validator("storage_redirect", mode="before")
    @classmethod
    def _split_redirect(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_storage(self) -> "StorageSettings":
        for name in ("endpoint", "region", "ca", "redirect"):
            if not self.storage_url and getattr(self, f"storage_{name}"):
                raise ValueError(f"storage_{name} is for a store of objects: give storage_url, too")
        return self

    @property
    def place(self) -> Place | None:
        """Where large blobs lie, if not in the folder."""
        if not self.storage_url:
            return None
        return replace(
            Place.parse(self.storage_url),
            endpoint=self.storage_endpoint,
            region=self.storage_region,
            ca=self.storage_ca,
            addressing=self.storage_addressing,
            signed_seconds=self.storage_redirect_seconds,
            memory=self.storage_memory,
        )
