"""`Logins`: how to log in to a registry, as docker and podman have written it down.

Source: docker/cli, "Credential store options"; containers-auth.json(5).
"""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from entrepot.upstream.access import Credential
from entrepot.upstream.place import UpstreamError

_DOCKER = {"docker.io": "https://index.docker.io/v1/"}
"""What Docker Hub is called there."""
_TOKEN_USER = "<token>"  # noqa: S105 - a name, by which helpers mark identity tokens
_SECONDS = 30


class Logins:
    """What the files of this person say; the first that knows a host counts."""

    def __init__(self, files: tuple[Path, ...] | None = None) -> None:
        found = usual() if files is None else files
        self._documents = [_read(path) for path in found if path.is_file()]

    def of(self, host: str, repository: str = "") -> Credential | None:
        """For a host, or the longest part of a repository's path that has its own."""
        for document in self._documents:
            for key in _keys(host, repository):
                if found := _in(document, key):
                    return found
        return None


def usual() -> tuple[Path, ...]:
    """Where docker, podman, skopeo and buildah have them."""
    environment = os.environ
    home = Path(environment.get("HOME", "/"))
    docker = Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    runtime = environment.get("XDG_RUNTIME_DIR")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    named = environment.get("REGISTRY_AUTH_FILE")
    return (
        *([Path(named)] if named else []),
        *([Path(runtime) / "containers/auth.json"] if runtime else []),
        config / "containers/auth.json",
        docker,
    )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text())
        return {str(key): value for key, value in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise UpstreamError(f"cannot read the logins in {path}: {error}") from None


def _keys(host: str, repository: str) -> Iterator[str]:
    """Podman may have a login for a part of a registry; docker has one for a host."""
    path = repository
    while path:
        yield f"{host}/{path}"
        path = path.rpartition("/")[0]
    yield host
    if host in _DOCKER:
        yield _DOCKER[host]
    yield f"https://{host}"


def _in(document: Mapping[str, Any], key: str) -> Credential | None:
    helper = (document.get("credHelpers") or {}).get(key)
    entry = (document.get("auths") or {}).get(key)
    if helper:
        return _ask(helper, key)
    if entry is None:
        return None
    store = document.get("credsStore")
    return _written(entry, key) or (_ask(store, key) if store else None)


def _written(entry: Mapping[str, Any], key: str) -> Credential | None:
    """What stands in the file itself; a name and a password as secrets of Kubernetes have them."""
    if entry.get("identitytoken"):
        return Credential(identity_token=str(entry["identitytoken"]))
    if entry.get("auth"):
        try:
            text = base64.b64decode(entry["auth"], validate=True).decode()
        except ValueError:
            raise UpstreamError(f"the login of {key} is no base64: log in there again") from None
        user, _, password = text.partition(":")
        return Credential(user, password)
    if entry.get("username"):
        return Credential(str(entry["username"]), str(entry.get("password") or ""))
    return None


def _ask(helper: str, key: str) -> Credential | None:
    """Source: docker/docker-credential-helpers, "Development"."""
    if not helper.replace("-", "").replace("_", "").isalnum():
        raise UpstreamError(f"{helper!r} is no name of a credential helper")
    command = f"docker-credential-{helper}"
    try:
        done = subprocess.run(
            [command, "get"],
            input=key,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            return None  # it knows none, or cannot say; the registry then refuses, and names itself
        found = json.loads(done.stdout)
        user, secret = str(found["Username"]), str(found["Secret"])
    except FileNotFoundError:
        raise UpstreamError(f"the login of {key} is kept by {command}, which is missing") from None
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        raise UpstreamError(f"{command} gives no login for {key}") from None
    return Credential(identity_token=secret) if user == _TOKEN_USER else Credential(user, secret)
