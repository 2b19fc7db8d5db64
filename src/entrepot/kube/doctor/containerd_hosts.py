"""Where containerd asks for an image, by the hosts.toml of a node: its mirrors, then the server.

Source: containerd, docs/hosts.md; core/remotes/docker/config, `ConfigureHosts`, `loadHostDir`.
"""

import posixpath
import tomllib
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.etc import Etc
from entrepot.oci.image_name import Image

_CONFIG = "/etc/containerd/config.toml"
_CERTS = "/etc/containerd/certs.d"
_PLUGINS = ("io.containerd.cri.v1.images", "io.containerd.grpc.v1.cri")

Table = Mapping[str, Any]


class ConfigError(Exception):
    """A file of the node cannot be read as what it should be."""


def endpoints(etc: Etc, image: Image) -> tuple[Endpoint, ...]:
    """In the order in which they are asked. Raises `ConfigError`."""
    folder = _folder(etc, image)
    if folder is None:
        return (Endpoint.of(image),)
    text = etc.text(f"{folder}/hosts.toml")
    if text is None:  # as docker has it: certificates alone
        given = {"ca": etc.each(folder, "*.crt")}
        return (_endpoint(etc, image, folder, f"https://{image.server}", given),)
    document = _parsed(f"{folder}/hosts.toml", text)
    hosts = document.get("host") or {}
    found = [_endpoint(etc, image, folder, url, table) for url, table in hosts.items()]
    server = document.get("server")
    last = _endpoint(etc, image, folder, str(server), document) if server else Endpoint.of(image)
    return tuple(dict.fromkeys((*found, last)))


def is_there(etc: Etc) -> bool:
    """Whether a node of these files runs containerd."""
    return etc.holds("/etc/containerd")


def unread(etc: Etc) -> str:
    """Why containerd reads no hosts.toml at all; "" where it does."""
    if etc.holds(_CERTS) and not _places(etc):
        return f"{_CONFIG} has no config_path for registries, so that {_CERTS} is not read"
    return ""


def _folder(etc: Etc, image: Image) -> str | None:
    host, colon, port = image.host.partition(":")
    names = [f"{host}_{port}_"] if colon else []
    for place in _places(etc):
        for name in (*names, image.host, "_default"):
            if etc.holds(f"{place}/{name}"):
                return f"{place}/{name}"
    return None


def _places(etc: Etc) -> list[str]:
    """Folders that containerd looks into; the usual one where nobody knows."""
    text = etc.text(_CONFIG)
    if text is None:
        return [_CERTS]
    plugins = _parsed(_CONFIG, text).get("plugins") or {}
    for name in _PLUGINS:
        if found := ((plugins.get(name) or {}).get("registry") or {}).get("config_path"):
            return str(found).split(":")
    return []


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is no TOML: {error}") from None


def _endpoint(etc: Etc, image: Image, folder: str, url: str, table: Table) -> Endpoint:
    parts = urlsplit(url if "://" in url else f"https://{url}")
    path = parts.path.rstrip("/")
    if not table.get("override_path") and not path.endswith("/v2"):
        path = f"{path}/v2"
    able = table.get("capabilities") or ["pull", "resolve", "push"]
    names = _names(table.get("ca"), folder)
    known = {name: etc.text(name) for name in names}
    return Endpoint(
        server=parts.netloc,
        repository=image.repository,
        prefix=path,
        plain=parts.scheme == "http",
        ca="\n".join(text for text in known.values() if text),
        ca_names=names,
        lost=tuple(name for name, text in known.items() if text is None),
        unverified=bool(table.get("skip_verify")),
        namespace=image.host if parts.netloc not in (image.host, image.server) else "",
        tags="resolve" in able,
        digests="pull" in able,
    )


def _names(written: Any, folder: str) -> tuple[str, ...]:
    """Paths are from the folder of the file, where they do not begin at the root."""
    each = [written] if isinstance(written, str) else written or []
    return tuple(posixpath.normpath(posixpath.join(folder, str(name))) for name in each)
