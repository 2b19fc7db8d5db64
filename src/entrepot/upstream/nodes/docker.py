"""docker: mirrors in its daemon.json, which it has for Docker Hub alone, and asks last itself.

Source: docker/cli, dockerd, "registry-mirrors"; moby, registry/config.go, `ValidateMirror`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from entrepot.oci.image_name import DOCKER
from entrepot.upstream.copies import Copy, Registry, Trust
from entrepot.upstream.place import UpstreamError

DAEMON = "etc/docker/daemon.json"
CERTS = "etc/docker/certs.d"
NOTE = (
    "docker reads this when it is told to: systemctl reload docker. It does not say for which "
    "registry it asks, so each place must have Docker Hub's images by their own names, such as "
    "library/nginx: a cache has them under a host of its mirror_hosts (docs/cache.md)."
)


def files(chains: Mapping[Registry, Sequence[Copy]], trust: Trust) -> dict[str, str]:
    """Text by path. Raises `UpstreamError`."""
    if others := [str(each) for each in chains if each != Registry(DOCKER)]:
        raise UpstreamError(
            f"docker has mirrors for docker.io alone, and none for {others[0]}: give that name to "
            "several addresses (in DNS, or at a load balancer), or pull with podman or containerd"
        )
    (copies,) = chains.values()
    *mirrors, last = copies
    if last.at != Registry(DOCKER):
        raise UpstreamError(
            "docker asks docker.io last, whatever it is told: name no replicas of it without a "
            "--primary, and leave --no-upstream away"
        )
    for each in mirrors:
        if each.at.path:
            raise UpstreamError(f"docker takes no path in a mirror: write {each.at.host}")
    found = {DAEMON: _daemon(mirrors, trust)}
    return found | {f"{CERTS}/{x.at.host}/ca.crt": trust.ca for x in mirrors if trust.has_ca(x)}


def _daemon(mirrors: Sequence[Copy], trust: Trust) -> str:
    schemes = [("http" if trust.is_plain(each) else "https", each) for each in mirrors]
    document: dict[str, Any] = {"registry-mirrors": [f"{s}://{each}" for s, each in schemes]}
    if plain := [each.at.host for each in mirrors if trust.is_plain(each)]:
        document["insecure-registries"] = plain
    return _text(document)


def merged(text: str, found: str) -> str:
    """What is in a daemon.json already, with what was found for it. Raises `UpstreamError`."""
    try:
        before = json.loads(text)
        return _text({**before, **json.loads(found)})
    except (ValueError, TypeError):
        raise UpstreamError(f"/{DAEMON} is there, and is no object of JSON: mend it") from None


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2) + "\n"
