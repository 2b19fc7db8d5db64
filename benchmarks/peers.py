"""Who is compared: how each server is configured and started. `server` runs one.

All store on disk with durable writes; registries serve blobs themselves. Entrepot runs as a user
runs it, with accounts, audit, access log and metrics: pushes come with name and password, and what
is pulled is public. The others ask nobody who they are, and write no access log.
"""

import json
import secrets
import shutil
import sys
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SUBJECT = "entrepot"
DEFAULT = (SUBJECT, "docker-registry", "nginx")
PASSWORD = secrets.token_hex()
"""Of Entrepot's admin, in this run only."""
PUBLIC, PRIVATE = "bench", "inner"
"""Entrepot's projects; the first holds all that is compared."""
OPTIONAL = ("distribution", "zot", "olareg")


@dataclass(frozen=True, slots=True)
class Peer:
    """A server that can be started on an empty folder."""

    name: str
    command: Callable[[Path, int], list[str]]
    """From its folder and its port; writes its configuration into the folder."""
    version: tuple[str, ...]
    """A command that prints its version."""
    registry: bool = True
    """Takes pushes; a static server does not."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables for what the environment does not say already."""
    workers: int = 1
    authorization: str = ""
    """A header's line, with which pushes are let in."""
    projects: dict[str, bool] = field(default_factory=dict)
    """What has to be made before there are pushes; by name, whether anyone may pull."""


def choose(
    named: dict[str, str], without: frozenset[str], workers: int
) -> tuple[list[Peer], list[str]]:
    """Return the peers to run, and the default ones whose program is not installed."""
    programs = {
        SUBJECT: sys.executable,
        "docker-registry": shutil.which("docker-registry") or "",
        "nginx": shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or "",
        **named,
    }
    wanted = {name: path for name, path in programs.items() if name not in without}
    peers = [_peer(name, path, workers) for name, path in wanted.items() if path]
    if workers == 1 and wanted.get("nginx"):
        peers.append(_nginx("nginx-2w", wanted["nginx"], 2))
    return peers, [name for name, path in wanted.items() if not path]


def _peer(name: str, program: str, workers: int) -> Peer:
    match name:
        case "entrepot":
            return _entrepot(program, workers)
        case "nginx":
            return _nginx(name, program, workers)
        case "docker-registry" | "distribution":
            return _distribution(name, program)
        case "zot":
            return _zot(program)
        case "olareg":
            return _olareg(program)
    raise ValueError(f"unknown peer {name!r}: {', '.join((*DEFAULT, *OPTIONAL))}")


def _entrepot(python: str, workers: int) -> Peer:
    base = (python, "-m", "entrepot")
    count = ["--workers", str(workers)] if workers > 1 else []

    def command(folder: Path, port: int) -> list[str]:
        listen = f"127.0.0.1:{port}"
        return [*base, "serve", "--data", str(folder / "data"), "--listen", listen, *count]

    basic = b64encode(f"admin:{PASSWORD}".encode()).decode()
    return Peer(
        SUBJECT,
        command,
        (*base, "version"),
        environment={"ENTREPOT_ADMIN_PASSWORD": PASSWORD},
        workers=workers,
        authorization=f"authorization: Basic {basic}\r\n",
        projects={PUBLIC: True, PRIVATE: False},
    )


def _nginx(name: str, program: str, workers: int) -> Peer:
    def command(folder: Path, port: int) -> list[str]:
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, workers=workers))
        (folder / "data").mkdir(exist_ok=True)
        return [program, "-p", str(folder), "-c", str(config)]

    return Peer(name, command, (program, "-v"), registry=False, workers=workers)


# Its workers must be able to read the files of whoever runs this: of root, `user root`.
NGINX = """\
daemon off;
user root;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/data;
        location = /v2/ {{ return 200; }}
        location /v2/bench/app/blobs/ {{ default_type application/octet-stream; }}
        location /v2/bench/app/manifests/ {{
            default_type application/vnd.oci.image.manifest.v1+json;
        }}
    }}
}}
"""


def _distribution(name: str, program: str) -> Peer:
    def command(folder: Path, port: int) -> list[str]:
        config = folder / "config.yml"
        config.write_text(DISTRIBUTION.format(folder=folder, port=port))
        return [program, "serve", str(config)]

    # Version 3 would otherwise look for a collector of traces.
    quiet = {"OTEL_TRACES_EXPORTER": "none"}
    return Peer(name, command, (program, "--version"), environment=quiet)


DISTRIBUTION = """\
version: 0.1
log:
  level: error
  accesslog: {{disabled: true}}
storage:
  cache: {{blobdescriptor: inmemory}}
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
  redirect: {{disable: true}}
http:
  addr: 127.0.0.1:{port}
  secret: of-this-run-only
"""


def _zot(program: str) -> Peer:
    def command(folder: Path, port: int) -> list[str]:
        config = folder / "config.json"
        settings = {
            "storage": {"rootDirectory": str(folder / "data"), "commit": True, "gc": False},
            "http": {"address": "127.0.0.1", "port": str(port)},
            "log": {"level": "error"},
        }
        config.write_text(json.dumps(settings))
        return [program, "serve", str(config)]

    return Peer("zot", command, (program, "--version"))


def _olareg(program: str) -> Peer:
    def command(folder: Path, port: int) -> list[str]:
        data = str(folder / "data")
        return [program, "serve", "--addr", "127.0.0.1", "--port", str(port), "--dir", data]

    return Peer("olareg", command, (program, "version"))
