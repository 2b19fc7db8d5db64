"""Room: whether what a client is about to send fits, on the disk and into its project.

This spares the bytes. For a project only the transaction that makes the link decides (`db.quotas`);
and a disk's last megabytes are not for pushes, so that deleting, which writes too, goes on.
"""

import os
from dataclasses import replace
from functools import partial

from entrepot.blobstore.store import RESERVE
from entrepot.db import quotas
from entrepot.distribution.registry import Registry
from entrepot.oci.digest import Digest
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository


def check_disk(registry: Registry) -> None:
    """Raise UNAVAILABLE (507) where the disk is as good as full."""
    if registry.disk is None:
        return
    found = os.statvfs(registry.disk)
    if found.f_bavail * found.f_frsize < RESERVE:
        raise full()


def full() -> OCIError:
    """The error for a disk without room."""
    return OCIError(
        Code.UNAVAILABLE, "the registry's disk is full: make room, then push again", status=507
    )


async def check(
    registry: Registry, repository: Repository, size: int, digest: Digest | None = None
) -> None:
    """Raise UNAVAILABLE where the disk is full, DENIED where so many bytes do not fit the project.

    What it has already always fits; where the digest is not said yet, that may be so if anything
    of it is as large.
    """
    check_disk(registry)
    project = await registry.guard.directory.project(repository)
    if project is None or project.quota is None:
        return
    read = registry.database.read
    usage = await read(partial(quotas.find, project=project.name))
    if usage.left is None or size <= usage.left:
        return
    if digest is not None:
        known = await read(partial(quotas.has, project=project.name, digest=str(digest)))
    else:
        known = await read(partial(quotas.has_one_of, project=project.name, size=size))
    if not known:
        raise quotas.refused(replace(usage, bytes=usage.bytes + size), size)
