"""Room: whether what a client is about to send fits into its project, said before it is sent.

Only the transaction that makes the link decides (`db.quotas`); this spares the bytes.
"""

from dataclasses import replace
from functools import partial

from entrepot.db import quotas
from entrepot.distribution.registry import Registry
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository


async def check(
    registry: Registry, repository: Repository, size: int, digest: Digest | None = None
) -> None:
    """Raise DENIED where so many bytes cannot fit. What the project has already always fits; where
    the digest is not said yet, that may be so if anything of the project is as large.
    """
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
