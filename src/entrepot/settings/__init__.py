"""Settings: `ENTREPOT_*` in the environment, `entrepot.toml`, options of the command line.

The command line goes before the environment, the environment before the file. A setting that
nobody knows is an error, since a mistyped one that is silently ignored is worse. What the
environment and the file say is read by `configuration`.
"""

import os
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from entrepot import addresses
from entrepot.addresses import Address, Network
from entrepot.configuration import FILE, PREFIX, SettingsError, check_names, read, variables
from entrepot.db import place as metadata
from entrepot.encryption import source
from entrepot.encryption.keys import NO_KEYS, Keyring
from entrepot.encryption.source import SourceError
from entrepot.settings.backup import BackupSettings
from entrepot.settings.storage import StorageSettings

__all__ = ["FILE", "PREFIX", "Settings", "SettingsError", "load"]

SECRETS = ("admin_password", "database_url", "sso_client_secret", "encryption_key")
"""What no error may show."""


class Settings(StorageSettings, BackupSettings):
    """Every setting, with its default. docs/settings.md shows the same as a table."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=False)

    data: Path = Path("data")
    """Folder for the database and the blobs; made where it is missing."""
    listen: str = "127.0.0.1:5000"
    """HOST:PORT to listen on."""
    database_url: SecretStr | None = None
    """postgresql://… of the database; SQLite in the data folder where unset."""
    encryption_key: SecretStr | None = None
    """32 random bytes in base64 or hex, which encrypt what is new; of several the first does."""
    encryption_key_file: Path | None = None
    """The same in a file, one key a line, that no stranger may read."""
    encryption_key_command: str = ""
    """A command that prints the same, as the client of a vault does; it is run without a shell."""
    workers: PositiveInt = 1
    """Processes that serve, over one folder."""
    tls_cert: Path | None = None
    """File with the server's certificate, and its chain, in PEM; read again when it changes."""
    tls_key: Path | None = None
    """File with the key of the certificate."""
    tls_client_ca: Path | None = None
    """File with the CAs whose client certificates say who comes; a client may also have none."""
    redirect_listen: str = ""
    """HOST:PORT where plain HTTP is answered by a redirect to https."""
    hsts: int = Field(default=0, ge=0)
    """Seconds for which browsers shall come by https only; 0 says nothing to them."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses of proxies that end TLS: their X-Forwarded-For, -Proto and -Host are believed."""
    public_url: str = ""
    """https://HOST[:PORT] under which clients come, where it is not what they ask for."""
    known_as: tuple[str, ...] = ()
    """Hosts of registries whose own images these are too, for nodes that ask here as a mirror."""
    mirror_hosts: tuple[str, ...] = ()
    """Own hosts that stand for other registries, as docker needs it: hub.example.com=docker.io."""
    outbound_allow: tuple[str, ...] = ()
    """Networks beside the internet where identity providers and upstreams may be: 10.0.0.0/8."""
    dangerously_open_to_network: bool = False
    """Listen beyond loopback without TLS: passwords and images can be read on the way."""
    dangerously_without_accounts: bool = False
    """Ask nobody who they are: whoever comes may pull, push and delete."""
    admin_password: SecretStr | None = None
    """Password of the user admin, who is made at the first start; made up and shown where unset."""
    sso_issuer: str = ""
    """https://HOST… of the OpenID Connect provider where people sign on."""
    sso_client_id: str = ""
    """What this registry is called there."""
    sso_client_secret: SecretStr | None = None
    """The secret of that client; none for a public one."""
    sso_ca: Path | None = None
    """File with the provider's private CA in PEM, in place of the system's."""
    sso_scopes: tuple[str, ...] = ("openid", "profile", "email")
    """What to ask the provider for; some want one more to say groups."""
    sso_user_claim: str = "preferred_username"
    """The claim with the user's name; without one the e-mail address is it."""
    sso_groups_claim: str = "groups"
    """The claim with the groups."""
    token_seconds: int = Field(default=300, ge=60, le=24 * 3600)
    """How long a registry token is good, and so how long one lasts whose grant was taken back."""
    audit_retention: int = Field(default=365, ge=0)
    """Days for which the audit is kept; 0 for ever."""
    audit_copy: str = ""
    """Where each audit row is sent, too: file:PATH, syslog:/dev/log or syslog:HOST:PORT."""
    sparse_manifests: bool = False
    """Accept manifests whose blobs or platforms are not (all) in the repository."""
    upload_expiry: PositiveFloat = 24 * 3600
    """Seconds after which an upload that nobody goes on with is removed."""
    trash_days: float = Field(default=14, ge=0)
    """Days for which what is deleted can be restored; 0 for not at all."""
    collect_grace: PositiveFloat = 24 * 3600
    """Seconds for which a blob stays that no manifest needs; a push must not take longer."""
    untagged_days: float = Field(default=0, ge=0)
    """Days after which manifests go that no tag, index or subject keeps; 0 for never."""
    orphan_days: float = Field(default=14, ge=0)
    """Days after which they go whose index or subject was deleted; 0 for never."""
    ran_days: float = Field(default=30, ge=0)
    """Days for which an image is kept that a connected cluster had, and has no more."""
    scrub_days: float = Field(default=7, ge=0)
    """Days after which all that is stored is read again and compared with its digest; 0 for not."""
    scrub_rate: PositiveFloat = 20 * 1024 * 1024
    """Bytes a second at which that is read."""
    webhook_networks: tuple[str, ...] = ()
    """Networks beside the internet where webhooks may go, by http too, such as 10.0.0.0/8."""
    webhook_retry_seconds: PositiveFloat = 5
    """Seconds until a webhook's message that failed is sent again; each time twice as long."""
    webhook_retry_days: float = Field(default=3, ge=0)
    """Days after which a message that fails is dead: it is sent again when somebody says so."""
    webhook_log_days: PositiveFloat = 14
    """Days for which it can be seen what was sent, and how that went."""
    upkeep_pause: PositiveFloat = 60
    """Seconds between two runs of the jobs that collect, measure and forget."""
    max_requests: int = Field(default=10_000, ge=0)
    """Requests a worker answers at once before it says 429; 0 for no limit."""
    max_header_bytes: int = Field(default=32 * 1024, ge=1024)
    """Bytes of a request's head; beyond them the answer is 431."""
    header_timeout: PositiveFloat = 10
    """Seconds a client has to send a request's head."""
    body_timeout: PositiveFloat = 60
    """Seconds a request's body may stand still before the connection is cut."""
    send_timeout: PositiveFloat = 60
    """Seconds an answer may stand still because the client does not read."""
    keep_alive_timeout: PositiveFloat = 65
    """Seconds a connection may stay open with nothing to do."""
    grace: PositiveInt = 30
    """Seconds that requests in flight have to finish after SIGTERM."""
    access_log: bool = True
    """Log every request."""
    log_format: Literal["auto", "json", "text"] = "auto"
    """How to log: text on a terminal, else JSON, unless said otherwise."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What to log beside requests."""

    @field_validator("listen", "redirect_listen")
    @classmethod
    def _check_listen(cls, value: str, field: ValidationInfo) -> str:
        if value or field.field_name == "listen":
            Address.parse(value)
        return value

    @field_validator(
        "trusted_proxies",
        "outbound_allow",
        "webhook_networks",
        "known_as",
        "mirror_hosts",
        "sso_scopes",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @field_validator("mirror_hosts")
    @classmethod
    def _check_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            host, _, registry = text.partition("=")
            if not (addresses.read_host(host) and addresses.read_host(registry)):
                raise ValueError(f"write HOST[:PORT]=REGISTRY, not {text}")
        return value

    @field_validator("trusted_proxies", "outbound_allow", "webhook_networks")
    @classmethod
    def _check_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(addresses.network(text)) for text in value if text)

    @field_validator("public_url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        return addresses.url(value) if value else value

    @field_validator("database_url")
    @classmethod
    def _check_database(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value else ""
        if text and not text.startswith(("postgresql://", "postgres://")):
            raise ValueError("write postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
        return value

    @field_validator("audit_copy")
    @classmethod
    def _check_copy(cls, value: str) -> str:
        kind, _, where = value.partition(":")
        if value and (kind not in ("file", "syslog") or not where):
            raise ValueError("write file:PATH, syslog:/dev/log or syslog:HOST:PORT")
        if kind == "syslog" and not where.startswith("/"):
            Address.parse(where)
        return value

    @model_validator(mode="after")
    def _check_tls(self) -> "Settings":
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together: give both, or neither")
        for name in ("tls_client_ca", "redirect_listen", "hsts"):
            if self.tls_cert is None and getattr(self, name):
                raise ValueError(f"{name} is for TLS: give tls_cert and tls_key, too")
        return self

    @model_validator(mode="after")
    def _check_sso(self) -> "Settings":
        if bool(self.sso_issuer) != bool(self.sso_client_id):
            raise ValueError("sso_issuer and sso_client_id belong together: give both, or neither")
        if self.sso_issuer and self.dangerously_without_accounts:
            raise ValueError("sso_issuer is for accounts: leave dangerously_without_accounts away")
        return self

    @model_validator(mode="after")
    def _check_encryption(self) -> "Settings":
        names = ("encryption_key", "encryption_key_file", "encryption_key_command")
        given = [name for name in names if getattr(self, name) not in (None, "")]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} do not go together: give one of them")
        return self

    @property
    def uses_disk(self) -> bool:
        """Whether anything that must not be lost lies in the data folder."""
        return not (self.storage_url and self.database_url)

    def metadata(self, keyring: Keyring = NO_KEYS) -> metadata.Place:
        """Where the metadata is. Raises `SettingsError` where what it needs is not installed."""
        try:
            url = self.database_url.get_secret_value() if self.database_url else ""
            return metadata.find(self.data, url, keyring)
        except ImportError as error:
            raise SettingsError(
                f"PostgreSQL needs more: pip install 'entrepot[postgres]' ({error})"
            ) from None

    def keyring(self) -> Keyring:
        """The keys of what lies encrypted: reads their file, or runs their command.

        Raises `SettingsError`.
        """
        key = self.encryption_key
        try:
            text = None if key is None else key.get_secret_value()
            return source.load(text, self.encryption_key_file, self.encryption_key_command)
        except SourceError as error:
            raise SettingsError(str(error)) from None

    @property
    def outbound(self) -> tuple[Network, ...]:
        """`outbound_allow`, read."""
        return tuple(map(addresses.network, self.outbound_allow))

    @property
    def mirrors(self) -> dict[str, str]:
        """`mirror_hosts`, read: registries by hosts."""
        return {host: of for host, _, of in (each.partition("=") for each in self.mirror_hosts)}

    @property
    def logs_as_json(self) -> bool:
        """Whether logs are for machines: said so, or nobody watches a terminal."""
        if self.log_format == "auto":
            return not sys.stderr.isatty()
        return self.log_format == "json"

    @property
    def address(self) -> Address:
        """`listen`, read."""
        return Address.parse(self.listen)


def load_alone(file: Path) -> Settings:
    """The settings of a file as they are for another registry than that of the environment.

    Raises `SettingsError`.
    """
    return _made({}, {}, read(file))


def load(file: Path | None = None, **options: Any) -> Settings:
    """The settings in force. Options that are None were not given. Raises `SettingsError`."""
    given = {name: value for name, value in options.items() if value is not None}
    return _made(given, variables(), read(file))


def _made(given: dict[str, Any], named: dict[str, str], from_file: dict[str, Any]) -> Settings:
    """Options, the names of variables in the environment, and the file, in the order of rank."""
    check_names(named, from_file, list(Settings.model_fields))
    in_environment = {name: os.environ[variable] for name, variable in named.items()}
    try:
        return Settings(**{**from_file, **in_environment, **given})
    except ValidationError as error:
        first = error.errors()[0]
        why = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
        if not first["loc"]:  # several settings do not go together
            raise SettingsError(why) from None
        name = str(first["loc"][0])
        option = f"--{name.replace('_', '-')}"
        where = named.get(name) or (f"{name} in {FILE}" if name in from_file else option)
        value = "not shown here" if name in SECRETS else repr(first["input"])
        raise SettingsError(f"{where} is {value}: {why}") from None
