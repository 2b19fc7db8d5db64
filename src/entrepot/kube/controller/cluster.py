"""`Cluster`: the API server, through lightkube: documents go in and come out."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
from lightkube import AsyncClient
from lightkube.core.exceptions import ApiError, ConfigError
from lightkube.generic_resource import create_global_resource
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import (
    ControllerRevision,
    DaemonSet,
    Deployment,
    ReplicaSet,
    StatefulSet,
)
from lightkube.resources.batch_v1 import CronJob, Job
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import Namespace, Pod, Secret, ServiceAccount, ServiceAccountToken
from lightkube.types import PatchType

from entrepot.kube.controller.access import GROUP, KIND, PLURAL, VERSION

MANAGER = "entrepot-controller"
"""Under this name fields are applied."""

_PullAccess = create_global_resource(GROUP, VERSION, KIND, PLURAL)
_KINDS: dict[str, Any] = {
    each.__name__: each
    for each in (
        ControllerRevision,
        CronJob,
        DaemonSet,
        Deployment,
        Job,
        Lease,
        Pod,
        ReplicaSet,
        Secret,
        ServiceAccount,
        StatefulSet,
    )
}
_PAGE = 500


class ClusterError(Exception):
    """The API server did not do what it was asked to; the message says why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """Of its answer; 0 where there was none."""


class Cluster:
    """What the controller reads and writes. Everything raises `ClusterError`."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    @classmethod
    def open(cls) -> "Cluster":
        """Of the pod's service account, or of a kubeconfig."""
        with _told("reading the kubeconfig"):
            return cls(AsyncClient(field_manager=MANAGER, timeout=httpx2.Timeout(10)))

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.aclose()

    async def accesses(self) -> list[dict[str, Any]]:
        """Every `PullAccess`."""
        return await self._all(_PullAccess, f"{GROUP}/{VERSION}", KIND)

    async def namespaces(self) -> list[dict[str, Any]]:
        """Every namespace."""
        return await self._all(Namespace, "v1", "Namespace")

    async def every(self, kind: str) -> list[dict[str, Any]]:
        """Every object of a kind, in all namespaces."""
        with _told(f"listing every {kind}"):
            listed = self._client.list(_KINDS[kind], namespace="*", chunk_size=_PAGE)
            return [_document(each, kind) async for each in listed]

    async def find(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """One object; None where there is none."""
        try:
            with _told(f"reading {kind} {name} of {namespace}"):
                found = await self._client.get(_KINDS[kind], name, namespace=namespace)
        except ClusterError as error:
            if error.status == 404:
                return None
            raise
        return _document(found, kind)

    async def apply(self, document: dict[str, Any], *, force: bool = False) -> None:
        """Have these fields of an object; `force` takes them from whoever else set them."""
        kind, metadata = document["kind"], document["metadata"]
        with _told(f"applying {kind} {metadata['name']} of {metadata['namespace']}"):
            await self._client.patch(
                _KINDS[kind],
                metadata["name"],
                document,
                namespace=metadata["namespace"],
                patch_type=PatchType.APPLY,
                force=force,
            )

    async def merge(self, kind: str, namespace: str, name: str, patch: dict[str, Any]) -> None:
        """Change an object; with a resourceVersion only the one that was read."""
        with _told(f"changing {kind} {name} of {namespace}"):
            await self._client.patch(
                _KINDS[kind], name, patch, namespace=namespace, patch_type=PatchType.MERGE
            )

    async def replace(self, kind: str, document: dict[str, Any]) -> None:
        """Make an object, or the next version of the one that was read."""
        metadata = document["metadata"]
        made = _KINDS[kind].from_dict(document)
        with _told(f"writing {kind} {metadata['name']} of {metadata['namespace']}"):
            if "resourceVersion" in metadata:
                await self._client.replace(made)
            else:
                await self._client.create(made)

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        """Remove an object; one that is gone is no error."""
        try:
            with _told(f"deleting {kind} {name} of {namespace}"):
                await self._client.delete(_KINDS[kind], name, namespace=namespace)
        except ClusterError as error:
            if error.status != 404:
                raise

    async def tell(self, access: str, status: dict[str, Any]) -> None:
        """Say how a `PullAccess` stands."""
        with _told(f"writing the status of {access}"):
            await self._client.patch(
                _PullAccess.Status, access, {"status": status}, patch_type=PatchType.MERGE
            )

    async def token(self, namespace: str, account: str, audience: str) -> str:
        """A token of a service account for an audience, good for an hour."""
        wanted = ServiceAccountToken(
            metadata=ObjectMeta(name=account, namespace=namespace),
            spec=TokenRequestSpec(audiences=[audience], expirationSeconds=3600),
        )
        with _told(f"asking a token of {namespace}/{account} for {audience}"):
            made = await self._client.create(wanted, account, namespace=namespace)
        return str(made.to_dict()["status"]["token"])

    async def _all(self, resource: Any, version: str, kind: str) -> list[dict[str, Any]]:
        with _told(f"listing every {kind}"):
            listed = self._client.list(resource, chunk_size=_PAGE)
            return [
                {**each.to_dict(), "apiVersion": version, "kind": kind} async for each in listed
            ]


def _document(found: Any, kind: str) -> dict[str, Any]:
    """With what lists leave out."""
    resource = _KINDS[kind]._api_info.resource  # noqa: SLF001 - lightkube has no other way
    version = f"{resource.group}/{resource.version}" if resource.group else resource.version
    return {**found.to_dict(), "apiVersion": version, "kind": kind}


@contextmanager
def _told(doing: str) -> Iterator[None]:
    """Translate what lightkube raises."""
    try:
        yield
    except ApiError as error:
        why = error.status.message or f"the answer was {error.response.status_code}"
        raise ClusterError(f"{doing}: {why}", error.response.status_code) from None
    except (httpx2.HTTPError, ConfigError, OSError) as error:
        raise ClusterError(f"{doing}: {str(error) or type(error).__name__}") from None
