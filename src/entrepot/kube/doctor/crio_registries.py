"""Where CRI-O asks for an image, by the registries.conf of a node: its mirrors, then the primary.

Source: containers-registries.conf(5), containers-certs.d(5); containers/image, docker_image_src.go.
"""

import tomllib
from collections.abc import Mapping
from typing import Any

from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.etc import Etc
from entrepot.oci.image_name import DOCKER, Image

_CONFIG = "/etc/containers/registries.conf"
_CERTS = ("/etc/containers/certs.d", "/etc/docker/certs.d")

Table = Mapping[str, Any]


class BlockedError(Exception):
    """The node pulls nothing from there."""


def endpoints(etc: Etc, image: Image) -> tuple[Endpoint, ...]:
    """In the order in which they are asked. Raises `ConfigError` and `BlockedError`."""
    table = _longest(_tables(etc), image.name)
    if table.get("blocked"):
        raise BlockedError(f"registries.conf blocks {_prefix(table)}")
    mirrors = table.get("mirror") or []
    pinned = bool(table.get("mirror-by-digest-only"))
    found = [_endpoint(etc, image, table, each, pinned=pinned) for each in mirrors]
    return (*found, _endpoint(etc, image, table, table))


def is_there(etc: Etc) -> bool:
    """Whether a node of these files runs CRI-O."""
    return any(map(etc.holds, ("/etc/crio", _CONFIG, f"{_CONFIG}.d")))


def _tables(etc: Etc) -> list[Table]:
    """What is in `registries.conf.d` goes before, by prefix."""
    found: dict[str, Table] = {}
    for name in (_CONFIG, *etc.each(f"{_CONFIG}.d", "*.conf")):
        try:
            document = tomllib.loads(etc.text(name) or "")
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"{name} is no TOML: {error}") from None
        found |= {_prefix(each): each for each in document.get("registry") or []}
    return list(found.values())


def _longest(tables: list[Table], name: str) -> Table:
    fitting = [each for each in tables if _means(_prefix(each), name)]
    return max(fitting, key=lambda each: len(_prefix(each)), default={})


def _prefix(table: Table) -> str:
    return str(table.get("prefix") or table.get("location") or "")


def _means(prefix: str, name: str) -> bool:
    if prefix.startswith("*."):
        return name.partition("/")[0].partition(":")[0].endswith(prefix[1:])
    return name == prefix or name.startswith(f"{prefix}/")


def _endpoint(etc: Etc, image: Image, table: Table, at: Table, *, pinned: bool = False) -> Endpoint:
    location, prefix = str(at.get("location") or ""), _prefix(table)
    known = len(image.host.partition(":")[0] if prefix.startswith("*.") else prefix)
    name = f"{location}{image.name[known:]}" if location else image.name
    host, _, repository = name.partition("/")
    which = str(at.get("pull-from-mirror") or ("digest-only" if pinned else "all"))
    names = tuple(each for folder in _CERTS for each in etc.each(f"{folder}/{host}", "*.crt"))
    return Endpoint(
        server=image.server if host in (image.host, DOCKER) else host,
        repository=repository,
        ca="\n".join(etc.text(each) or "" for each in names),
        ca_names=names,
        unverified=bool(at.get("insecure")),
        tags=which != "digest-only",
        digests=which != "tag-only",
        foreign=host != image.host,
        pins=True,
    )
