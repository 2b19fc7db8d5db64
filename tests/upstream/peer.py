"""docker-registry, as the other registry."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.registry import free_port
from tests.tools import tool


@contextmanager
def docker_registry(folder: Path, login: str = "") -> Iterator[str]:
    """Its address; with `login` (a line of htpasswd) it asks who comes."""
    address = f"127.0.0.1:{free_port()}"
    config = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {
            "filesystem": {"rootdirectory": str(folder / "data")},
            "delete": {"enabled": True},
        },
        "http": {"addr": address},
    }
    folder.mkdir(parents=True, exist_ok=True)
    if login:
        (folder / "htpasswd").write_text(login + "\n")
        config["auth"] = {"htpasswd": {"realm": "peer", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    command = [str(tool("docker-registry")), "serve", str(folder / "config.yml")]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _await(address, folder / "log")
        yield address
    finally:
        process.kill()
        process.wait()


def _await(address: str, log: Path) -> None:
    for _ in range(600):
        try:
            httpx.get(f"http://{address}/v2/")
        except httpx.ConnectError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"docker-registry does not start: {log.read_text()}")
