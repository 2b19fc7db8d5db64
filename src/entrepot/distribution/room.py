"""Room: whether what a client is about to send fits, on the disk and into its project.

This spares the bytes. For a project only the transaction that makes the link decides (`db.quotas`);
and a disk's last megabytes are not for pushes, so that deleting, which writes too, goes on.
"""

from functools import partial

from entrepot.blobstore.store import has_room
from entrepot.db import quotas
from entrepot.distribution.registry import Registry
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


def check_disk(registry: Registry) -> None:
    """Raise UNAVAILABLE (507) where the disk is as good as full."""
    if registry.disk is not None and not has_room(registry.disk):
        raise full()


def full() -> OCIError:
    """The error for a disk without room."""
    return OCIError(
        Code.UNAVAILABLE, "the registry's disk is full: make room, then push again", status=507
    )


async def check(
    registry: Registry, repository: Repository, size: int, digest: Digest | None = None
) -> None:
    """Raise UNAVAILABLE where the disk is full, DENIED where the project has no room for it."""
    check_disk(registry)
    project = await registry.guard.directory.project(repository)
    if project is None or project.quota is None:
        return
    known = str(digest) if digest is not None else ""
    await registry.database.read(
        partial(quotas.check, project=project.name, size=size, digest=known)
    )
