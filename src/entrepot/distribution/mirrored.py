"""Mirrored names: nodes ask a mirror for another registry's images; here they lie in a project.

containerd says `?ns=docker.io`, CRI-O and podman put the host before the path; docker and kaniko
say nothing, and come by a host of ours that is for nothing else (`mirror_hosts`). All are read
once, at the edge, and from there on there is but our own name. A host is a key into the upstreams
that an admin made, and never an address to ask. Source: OCI Distribution Specification, "Registry
Proxying"; docs/cache.md.
"""

from dataclasses import replace
from urllib.parse import urlsplit

from entrepot.auth.directory import Directory
from entrepot.distribution.asgi import Header
from entrepot.distribution.registry import Registry
from entrepot.distribution.request import Request
from entrepot.distribution.router import Route
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import MAX_NAME, Repository

_HUB = "docker.io"
_LIBRARY = "library"


async def meant(registry: Registry, request: Request) -> Route:
    """The route to what is meant. Raises NAME_UNKNOWN for a registry that nobody stands for."""
    route, directory = request.route, registry.guard.directory
    hosts = await directory.hosts()
    stands_for = of_host(registry, request)
    if route.name is None or not (hosts or stands_for):
        return route
    asked = request.parameter("ns") if b"ns=" in request.scope["query_string"] else None
    if stands_for and not asked:
        asked, request.lasting = stands_for, False  # the same target means another by another host
    if asked in hosts:
        request.namespace = asked
    elif asked and not _is_own(registry, asked):
        if asked != request.header(b"host"):
            raise OCIError(Code.NAME_UNKNOWN, f"no project here stands for {asked[:MAX_NAME]!r}")
        request.lasting = False  # others come by other names
    name = await here(directory, route.name, request.namespace)
    if name != route.name:  # a client that may not see the project does not learn its name
        asked_for, host = route.name.name, request.namespace
        request.asked = f"{host}/{_below(hosts, host, asked_for)}" if host else asked_for
    return replace(route, name=name)


def _is_own(registry: Registry, host: str) -> bool:
    """Whether this registry itself goes by that name, whoever asks."""
    return host in {urlsplit(registry.public_url).netloc, *registry.known_as}


def of_host(registry: Registry, request: Request) -> str:
    """The registry that stands behind the host by which a client comes; "" for this one."""
    return registry.mirror_hosts.get(request.header(b"host"), "")


async def called(directory: Directory, text: str, namespace: str = "") -> Repository:
    """What a scope calls so, as clients write it, maybe of another registry. Raises
    NAME_INVALID.
    """
    hosts = await directory.hosts()
    first, _, rest = text.partition("/")
    if first in hosts:  # whose port is no part of a name
        return _long(hosts, hosts[first], Repository.parse(rest).name)
    return await here(directory, Repository.parse(text), namespace)


async def here(directory: Directory, name: Repository, namespace: str = "") -> Repository:
    """What a repository is called here that somebody asks for, maybe of another registry."""
    hosts = await directory.hosts()
    first, _, rest = name.name.partition("/")
    if namespace in hosts:
        return _long(hosts, hosts[namespace], _below(hosts, namespace, name.name))
    if rest and first in hosts:
        return _long(hosts, hosts[first], rest)
    if rest and first == hosts.get(_HUB):
        return _long(hosts, first, rest)
    return name


def _below(hosts: dict[str, str], host: str, path: str) -> str:
    """What that registry calls it, where the mirror is one with a path, which clients put before
    all names: its host, or the project of Docker Hub, whose names have two parts. Elsewhere what
    begins with the project's name may be somebody's image.
    """
    first, _, rest = path.partition("/")
    is_hub = "/" in rest and first == hosts[host] == hosts.get(_HUB)
    return rest if is_hub or (rest and first == host) else path


def _long(hosts: dict[str, str], project: str, path: str) -> Repository:
    """Docker Hub's short names mean those in `library/`."""
    short = "/" not in path and hosts.get(_HUB) == project
    text = f"{project}/{_LIBRARY}/{path}" if short else f"{project}/{path}"
    if len(text) > MAX_NAME:
        raise OCIError(Code.NAME_INVALID, f"{text[:MAX_NAME]!r} is longer than {MAX_NAME}")
    return Repository(text)


def headers(request: Request) -> list[Header]:
    """What says for which registry this answers, where it is for another one."""
    return [(b"oci-namespace", request.namespace.encode())] if request.namespace else []
