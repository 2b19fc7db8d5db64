"""Clients over TLS, with the very commands that `entrepot tls` prints, as root of this machine.

Docker believes whatever it meets on 127.0.0.0/8, so the registry gets an address of the block for
documentation, on the loopback interface.
"""

import contextlib
import shutil
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.clients.carriers import Crane, Oras
from tests.clients.containerd import Containerd
from tests.clients.docker import Docker, said_digest
from tests.clients.image import TAG, Image
from tests.clients.podman import Podman
from tests.registry import Registry, StartRegistry, free_port
from tests.tools import as_root, lacking, run, tool
from tests.warm import entrepot

from entrepot.db import certificates, engine

HOST = "192.0.2.77"
CERTS = ("/etc/docker/certs.d", "/etc/containers/certs.d", "/etc/containerd/certs.d")


@dataclass(frozen=True)
class Secured:
    """A registry, and what was said when its certificates were made."""

    registry: Registry
    folder: Path
    init: str
    client: str

    @property
    def address(self) -> str:
        return self.registry.address

    def trust(self, who: str, until: str) -> None:
        """Do what is printed for a client, from one line to another."""
        obey(between(self.init, who, until))

    def show_certificate(self, who: str, until: str) -> None:
        """Do what is printed for a client that has a certificate."""
        said = self.client.replace("HOST:PORT", self.address)
        obey(between(said, who, until))


def between(text: str, begin: str, end: str) -> str:
    block = text.partition(f"\n  {begin}")[2].partition("\n")[2].partition(f"\n  {end}")[0]
    assert "sudo install" in block, text
    return textwrap.dedent(block) if "<<" not in block else block


def obey(script: str) -> None:
    run("bash", "-euc", f'sudo() {{ "$@"; }}\n{script}')


@pytest.fixture
def address() -> Iterator[str]:
    """An address that only this machine has, and that is not in 127.0.0.0/8."""
    as_root("an address on the loopback interface")
    add: list[str | Path] = [tool("ip"), "address", "add", f"{HOST}/32", "dev", "lo"]
    if subprocess.run(add, capture_output=True, check=False).returncode:
        lacking("the loopback interface takes no further address here")
    try:
        yield f"{HOST}:{free_port()}"
    finally:
        run(tool("ip"), "address", "del", f"{HOST}/32", "dev", "lo")


@pytest.fixture
def secured(start_registry: StartRegistry, tmp_path: Path, address: str) -> Iterator[Secured]:
    """A registry where nobody may do anything without the certificate of `ci`."""
    folder = tmp_path / "tls"
    port = address.rpartition(":")[2]
    made = [
        entrepot("tls", *command, "--dir", str(folder))
        for command in (["init", "--name", HOST, "--port", port], ["client", "ci"])
    ]
    assert [done.status for done in made] == [0, 0], made
    registry = start_registry(
        listen=address,
        tls_cert=folder / "server.crt",
        tls_key=folder / "server.key",
        tls_client_ca=folder / "ca.crt",
        dangerously_without_accounts=False,
        admin_password="correct-horse-battery",
    )
    with contextlib.closing(engine.connect(registry.data)) as db:
        certificates.put(db, certificates.Rule("ci", "cn", "ci", "user:admin"), "test")
    registry.stop()
    registry.start()
    try:
        yield Secured(registry, folder, made[0].output, made[1].output)
    finally:
        for parent in CERTS:
            shutil.rmtree(Path(parent) / address, ignore_errors=True)


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(pytest.fail.Exception) as caught:
        work()
    return str(caught.value).lower()


UNKNOWN = ("x509", "certificate")
UNAUTHORIZED = (
    "unauthorized",
    "authentication required",
    "login_required",
    "no basic auth credentials",
    "401",
)


def says(text: str, words: tuple[str, ...]) -> bool:
    return any(word in text for word in words)


def test_docker(secured: Secured, docker: Docker, image: Image) -> None:
    reference = f"{secured.address}/team/docker:1"
    docker.build(image, reference)

    assert says(refused(lambda: docker("push", reference)), UNKNOWN)
    secured.trust("docker", "podman")
    assert says(refused(lambda: docker("push", reference)), UNAUTHORIZED)
    secured.show_certificate("docker", "podman")
    digest = said_digest(docker("push", reference))

    docker.forget(reference)
    got = docker.pull(reference)
    assert (got.digest, got.random) == (digest, image.random)


def test_podman(secured: Secured, podman: Podman, image: Image) -> None:
    reference = f"{secured.address}/team/podman:1"
    podman.build(image, reference)

    assert says(refused(lambda: podman("push", "--quiet", reference)), UNKNOWN)
    secured.trust("podman", "containerd")
    assert says(refused(lambda: podman("push", "--quiet", reference)), UNAUTHORIZED)
    secured.show_certificate("podman", "containerd")
    podman("push", "--quiet", reference)

    podman.forget(reference)
    podman("pull", "--quiet", reference)
    mounted = Path(podman("image", "mount", reference).strip())
    assert (mounted / "random").read_bytes() == image.random
    podman("image", "unmount", reference)


def test_containerd(secured: Secured, containerd: Containerd, image: Image) -> None:
    reference = f"{secured.address}/team/containerd:1"
    archive = shutil.make_archive(str(secured.folder / "image"), "tar", image.layout)
    containerd("images", "import", "--base-name", reference.rpartition(":")[0], archive)
    containerd("images", "tag", "--force", f"{reference.rpartition(':')[0]}:{TAG}", reference)
    hosts = ("--hosts-dir", "/etc/containerd/certs.d")

    assert says(refused(lambda: containerd("images", "push", *hosts, reference)), UNKNOWN)
    secured.trust("containerd", "crane")
    refusal = refused(lambda: containerd("images", "push", *hosts, reference))
    assert says(refusal, UNAUTHORIZED), refusal
    script = between(secured.client.replace("HOST:PORT", secured.address), "containerd", "curl")
    install, line = script.strip().splitlines()
    obey(install)
    with (Path(CERTS[2]) / secured.address / "hosts.toml").open("a") as file:
        file.write(f"{line}\n")
    containerd("images", "push", *hosts, reference)

    digest = containerd.digest(reference)
    containerd.forget(reference)
    containerd("images", "pull", *hosts, reference)
    assert containerd.digest(reference) == digest


def test_curl_and_openssl(secured: Secured) -> None:
    ca = secured.folder / "ca.crt"
    pair = secured.folder / "clients" / "ci"
    own = ("--cert", pair / "client.cert", "--key", pair / "client.key")
    ask = (tool("curl"), "--silent", "--show-error", "--fail", "--cacert", ca)
    assert "401" in refused(lambda: run(*ask, f"{secured.registry.url}/v2/"))
    assert run(*ask, *own, f"{secured.registry.url}/v2/").stdout == "{}"
    connect = (tool("openssl"), "s_client", "-connect", secured.address, "-CAfile", ca)
    for version in ("-tls1_2", "-tls1_3"):
        assert "Verify return code: 0 (ok)" in run(*connect, version).stdout
    assert "alert protocol version" in refused(
        lambda: run(*connect, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")
    )


def test_crane_and_oras(secured: Secured, crane: Crane, oras: Oras, image: Image) -> None:
    ca = secured.folder / "ca.crt"
    pair = secured.folder / "clients" / "ci"
    at = f"{secured.address}/team/oras:1"
    own = ("--cert-file", str(pair / "client.cert"), "--key-file", str(pair / "client.key"))
    options = [f"--to-{option[2:]}" if option[:2] == "--" else option for option in own]
    oras("cp", "--from-oci-layout", f"{image.layout}:{TAG}", "--to-ca-file", ca, *options, at)
    manifest = oras("manifest", "fetch", "--ca-file", ca, *own, at)
    assert manifest.encode() == image.manifest
    env = {**crane.env, "SSL_CERT_FILE": str(ca)}
    with pytest.raises(pytest.fail.Exception, match="UNAUTHORIZED"):
        run(tool("crane"), "ls", at.rpartition(":")[0], env=env)
