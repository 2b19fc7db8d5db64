"""CRI-O and podman: a registries.conf for each registry, the places in it as they are asked.

All but the last are mirrors, the last is the location, which is asked in any case. A cache is told
by the path which registry is meant, since nothing else tells it.
Source: containers-registries.conf(5), containers-registries.conf.d(5), containers-certs.d(5).
"""

from collections.abc import Mapping, Sequence

from entrepot.oci.errors import OCIError
from entrepot.oci.image_name import DOCKER
from entrepot.oci.names import Repository
from entrepot.upstream.copies import Copy, Registry, Role, Trust
from entrepot.upstream.nodes.heading import heading
from entrepot.upstream.place import UpstreamError

CONFIGS = "etc/containers/registries.conf.d"
CERTS = "etc/containers/certs.d"
CRIO_NOTE = "CRI-O reads this when it is told to: systemctl reload crio."
PODMAN_NOTE = (
    "podman, buildah and skopeo read this for each pull. For one user alone the files go to "
    "~/.config/containers/registries.conf.d and ~/.config/containers/certs.d."
)
_SHORT = "50-short-names.conf"


def files(
    chains: Mapping[Registry, Sequence[Copy]], trust: Trust, *, short_names: bool = False
) -> dict[str, str]:
    """Text by path; with `short_names` an image without a host is one of Docker Hub.

    Raises `UpstreamError`.
    """
    found: dict[str, str] = {}
    for upstream, copies in chains.items():
        name = str(upstream).replace(":", "_").replace("/", "_")
        found[f"{CONFIGS}/50-{name}.conf"] = _registry(upstream, copies, trust)
        for each in filter(trust.has_ca, copies):
            found[f"{CERTS}/{each.at.host}/ca.crt"] = trust.ca
    if short_names:
        if Registry(DOCKER) not in chains:
            raise UpstreamError("short names are those of docker.io: name it, too")
        found[f"{CONFIGS}/{_SHORT}"] = f'unqualified-search-registries = ["{DOCKER}"]\n'
    return found


def _registry(upstream: Registry, copies: Sequence[Copy], trust: Trust) -> str:
    *mirrors, last = copies
    lines = [*heading(upstream, copies), "[[registry]]", f'prefix = "{upstream}"']
    lines += _location(upstream, last, trust)
    for each in mirrors:
        lines += ["", "[[registry.mirror]]", *_location(upstream, each, trust)]
        lines.append('pull-from-mirror = "all"')
    return "\n".join(lines) + "\n"


def _location(upstream: Registry, copy: Copy, trust: Trust) -> list[str]:
    tells = copy.role == Role.CACHE and not copy.at.path
    parts = [str(copy.at), _in_path(upstream.host, copy) if tells else "", upstream.path]
    lines = [f'location = "{"/".join(part for part in parts if part)}"']
    return [*lines, "insecure = true"] if trust.is_plain(copy) else lines


def _in_path(host: str, copy: Copy) -> str:
    """A path that is none would fail each pull, also where the registry itself is well."""
    try:
        return str(Repository.parse(host))
    except OCIError:
        raise UpstreamError(
            f"{host} cannot stand in a path, which is how {copy} would be asked for it: "
            f"write the path that it has there, as in --cache {copy}/PATH"
        ) from None
