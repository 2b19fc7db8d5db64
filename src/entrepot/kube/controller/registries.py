"""`Registries`: a client for each registry that a `PullAccess` names, and how it logs in there."""

import base64
import ssl
from pathlib import Path

from entrepot.kube.controller.access import Source
from entrepot.kube.controller.cluster import Cluster, ClusterError
from entrepot.kube.controller.registry import Login, Registry, RegistryError


def trust(ca: Path | None) -> ssl.SSLContext:
    """The CAs of the system, and one more. Raises OSError."""
    context = ssl.create_default_context()
    if ca is not None:
        context.load_verify_locations(ca)
    return context


class Registries:
    """Clients, each made once; `account` is the controller's own, in its own `namespace`."""

    def __init__(self, cluster: Cluster, namespace: str, account: str, ca: ssl.SSLContext) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._account = account
        self._ca = ca
        self._made: dict[tuple[str, str, str], Registry] = {}

    def at(self, source: Source) -> Registry:
        """The client for a source's registry."""
        key = source.url, source.host, source.login
        if key not in self._made:
            login = self._by_secret(source) if source.login else self._by_identity(source)
            self._made[key] = Registry(source.url, self._ca, login)
        return self._made[key]

    async def close(self) -> None:
        """Give all connections back."""
        for each in self._made.values():
            await each.close()

    def _by_identity(self, source: Source) -> Login:
        """As the controller's service account, which a trust rule of the registry means."""

        async def login() -> tuple[str, str]:
            try:
                token = await self._cluster.token(self._namespace, self._account, source.host)
            except ClusterError as error:
                raise RegistryError(str(error)) from None
            return self._account, token

        return login

    def _by_secret(self, source: Source) -> Login:
        """With the name and password in a secret beside the controller."""

        async def login() -> tuple[str, str]:
            where = f"secret {source.login} of namespace {self._namespace}"
            try:
                secret = await self._cluster.find("Secret", self._namespace, source.login)
            except ClusterError as error:
                raise RegistryError(str(error)) from None
            if secret is None:
                raise RegistryError(f"there is no {where}: make it of type basic-auth")
            data = secret.get("data") or {}
            try:
                name, password = (base64.b64decode(data[key]) for key in ("username", "password"))
            except KeyError as error:
                raise RegistryError(f"{where} has no {error}: make it of type basic-auth") from None
            try:
                return name.decode(), password.decode()
            except UnicodeDecodeError:
                raise RegistryError(f"{where} holds what is no text") from None

        return login
