"""Whom containerd asks, by files of a node."""

from pathlib import Path
from typing import Any

import pytest
from tests.kube.doctor.etc_folder import written

from entrepot.kube.containerd import hosts_toml
from entrepot.kube.doctor.containerd_hosts import ConfigError, endpoints, unread
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.node_files import NodeFiles
from entrepot.oci.image_name import Image

CERTS = "etc/containerd/certs.d"
IMAGE = Image.parse("r.test:5000/team/app:1")
ALONE = Endpoint("r.test:5000", "team/app")


def seen(folder: Path, files: dict[str, str], image: Image = IMAGE) -> tuple[Endpoint, ...]:
    return endpoints(written(folder, files), image)


def mirror(server: str, **more: Any) -> Endpoint:
    return Endpoint(server, "team/app", **{"namespace": "r.test:5000", **more})


TABLE: dict[str, tuple[dict[str, str], tuple[Endpoint, ...]]] = {
    "nothing": ({}, (ALONE,)),
    "of another host": ({f"{CERTS}/r.test/hosts.toml": 'server = "https://m.test"'}, (ALONE,)),
    "a mirror, then the server by itself": (
        {f"{CERTS}/r.test_5000_/hosts.toml": '[host."https://m.test"]'},
        (mirror("m.test"), ALONE),
    ),
    "mirrors in their order, and another server": (
        {
            f"{CERTS}/r.test:5000/hosts.toml": 'server = "https://s.test"\n'
            '[host."https://m.test"]\ncapabilities = ["pull"]\n[host."http://n.test:80"]'
        },
        (mirror("m.test", tags=False), mirror("n.test:80", plain=True), mirror("s.test")),
    ),
    "paths": (
        {
            f"{CERTS}/_default/hosts.toml": '[host."https://m.test/a"]\n'
            '[host."https://m.test/v2/b"]\noverride_path = true\n[host."https://m.test/v2"]'
        },
        (
            mirror("m.test", prefix="/a/v2"),
            mirror("m.test", prefix="/v2/b"),
            mirror("m.test"),
            ALONE,
        ),
    ),
    "trust": (
        {
            f"{CERTS}/_default/hosts.toml": '[host."https://m.test"]\n'
            'ca = ["m.crt", "/etc/x.crt"]\n[host."https://n.test"]\nskip_verify = true',
            f"{CERTS}/_default/m.crt": "PEM",
        },
        (
            mirror(
                "m.test",
                ca="PEM",
                ca_names=(f"/{CERTS}/_default/m.crt", "/etc/x.crt"),
                lost=("/etc/x.crt",),
            ),
            mirror("n.test", unverified=True),
            ALONE,
        ),
    ),
    "certificates alone": (
        {f"{CERTS}/r.test:5000/a.crt": "PEM"},
        (Endpoint("r.test:5000", "team/app", ca="PEM", ca_names=(f"/{CERTS}/r.test:5000/a.crt",)),),
    ),
    "another folder": (
        {
            "etc/containerd/config.toml": '[plugins."io.containerd.cri.v1.images".registry]\n'
            'config_path = "/etc/here:/etc/there"',
            "etc/there/r.test_5000_/hosts.toml": '[host."https://m.test"]',
            f"{CERTS}/r.test_5000_/hosts.toml": '[host."https://wrong.test"]',
        },
        (mirror("m.test"), ALONE),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_whom_it_asks(tmp_path: Path, name: str) -> None:
    files, wanted = TABLE[name]
    assert seen(tmp_path, files) == wanted


def test_docker_hub_by_its_names(tmp_path: Path) -> None:
    files = {f"{CERTS}/docker.io/hosts.toml": hosts_toml("registry-1.docker.io", "/x")}
    found = seen(tmp_path, files, Image.parse("busybox"))
    assert [(each.server, each.namespace) for each in found] == [("registry-1.docker.io", "")]


def test_what_connect_writes(tmp_path: Path) -> None:
    found = seen(tmp_path, NodeFiles("r.test:5000", "r.test", "PEM").files())
    assert {(each.server, each.ca, each.lost) for each in found} == {("r.test:5000", "PEM", ())}


def test_what_is_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"hosts.toml is no TOML"):
        seen(tmp_path, {f"{CERTS}/_default/hosts.toml": "]"})


def test_a_folder_that_is_not_read(tmp_path: Path) -> None:
    files = {"etc/containerd/config.toml": "version = 2", f"{CERTS}/_default/hosts.toml": "]"}
    assert seen(tmp_path, files) == (ALONE,)
    assert "has no config_path" in unread(written(tmp_path, {}))
