"""What is written for nodes is read as the doctor reads nodes: the same places in that order."""

from pathlib import Path

import pytest
from tests.kube.doctor.etc_folder import written

from entrepot.kube.doctor import containerd_hosts, crio_registries
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.oci.image_name import Image
from entrepot.upstream.copies import Copies, Registry, Trust
from entrepot.upstream.nodes import containerd, registries
from entrepot.upstream.place import UpstreamError

CA = "-----BEGIN CERTIFICATE-----\n"
TRUST = Trust(CA, ("cache.test:5000",))

OWN, BACKUP, CACHE = map(Registry.parse, ("r.test", "backup.test/m", "cache.test:5000"))
COPIES: dict[str, Copies] = {
    "replica": Copies(replicas=(BACKUP,)),
    "cache": Copies(caches=(CACHE,)),
    "cache first": Copies(replicas=(BACKUP,), caches=(CACHE,), cache_first=True),
    "all": Copies(replicas=(BACKUP,), caches=(CACHE,)),
    "another primary": Copies(BACKUP, caches=(CACHE,)),
    "sealed": Copies(replicas=(BACKUP,), caches=(CACHE,), sealed=True),
    "one alone": Copies(caches=(CACHE,), sealed=True),
}
IMAGES = ("r.test/team/app:1", "r.test:5000/team/app:1", "docker.io/library/nginx:1", "nginx:1")


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("text", IMAGES)
def test_containerd(name: str, text: str, tmp_path: Path) -> None:
    image = Image.parse(text)
    upstream = Registry(image.host)
    chain = COPIES[name].of(upstream)
    files = containerd.files({upstream: chain}, TRUST)
    found = containerd_hosts.endpoints(written(tmp_path, files), image)
    assert list(found) == [
        Endpoint(
            server=copy.at.server,
            repository=image.repository,
            prefix=f"/v2/{copy.at.path}" if copy.at.path else "/v2",
            plain=copy.at == CACHE,
            ca=CA if TRUST.has_ca(copy) else "",
            ca_names=(f"/{_folder(files)}/ca.crt",) if TRUST.has_ca(copy) else (),
            namespace="" if copy.at == upstream else image.host,
        )
        for copy in chain
    ]
    assert all(each.takes(image) for each in found)


def _folder(files: dict[str, str]) -> str:
    return next(path for path in files if path.endswith("/hosts.toml")).rpartition("/")[0]


@pytest.mark.parametrize("name", COPIES)
@pytest.mark.parametrize("text", [each for each in IMAGES if ":5000" not in each])
def test_crio_and_podman(name: str, text: str, tmp_path: Path) -> None:
    image = Image.parse(text)
    upstream = Registry(image.host)
    chain = COPIES[name].of(upstream)
    files = registries.files({upstream: chain}, TRUST)
    found = crio_registries.endpoints(written(tmp_path, files), image)
    assert list(found) == [
        Endpoint(
            server=copy.at.server,
            repository={
                BACKUP: f"m/{image.repository}",
                CACHE: f"{image.host}/{image.repository}",
            }.get(copy.at, image.repository),
            ca=CA if TRUST.has_ca(copy) else "",
            ca_names=(f"/{registries.CERTS}/{copy.at.host}/ca.crt",) if TRUST.has_ca(copy) else (),
            unverified=copy.at == CACHE,
            foreign=copy.at != upstream,
            pins=True,
        )
        for copy in chain
    ]
    assert all(each.takes(image) for each in found)


def test_a_port_cannot_stand_in_a_path(tmp_path: Path) -> None:
    """So podman cannot be told of such a cache; a replica has no need of it."""
    upstream = Registry.parse("r.test:5000")
    with pytest.raises(UpstreamError, match=r"as in --cache cache.test:5000/PATH"):
        registries.files({upstream: COPIES["cache"].of(upstream)}, TRUST)
    files = registries.files({upstream: COPIES["replica"].of(upstream)}, TRUST)
    found = crio_registries.endpoints(written(tmp_path, files), Image.parse("r.test:5000/a/b:1"))
    assert [each.server for each in found] == ["r.test:5000", "backup.test"]


def test_a_part_of_a_registry(tmp_path: Path) -> None:
    """Only CRI-O and podman can tell it apart."""
    part = Registry.parse("r.test/team")
    copies = Copies(replicas=(BACKUP,), caches=(CACHE,))
    etc = written(tmp_path, registries.files({part: copies.of(part)}, Trust()))
    assert crio_registries.is_there(etc)
    found = crio_registries.endpoints(etc, Image.parse("r.test/team/app:1"))
    assert [f"{each.server}/{each.repository}" for each in found] == [
        "r.test/team/app",
        "backup.test/m/team/app",
        "cache.test:5000/r.test/team/app",
    ]
    (other,) = crio_registries.endpoints(etc, Image.parse("r.test/other/app:1"))
    assert other.server == "r.test"


def test_several_registries_have_a_file_each(tmp_path: Path) -> None:
    names = [Registry.parse(each) for each in ("docker.io", "gcr.io", "r.test")]
    chains = {each: Copies(caches=(CACHE,)).of(each) for each in names}
    etc = written(tmp_path, registries.files(chains, Trust(), short_names=True))
    written(tmp_path, containerd.files(chains, Trust()))
    for each in names:
        image = Image.parse(f"{each}/team/app:1")
        wanted = [CACHE.server, each.server]
        assert [x.server for x in crio_registries.endpoints(etc, image)] == wanted
        assert [x.server for x in containerd_hosts.endpoints(etc, image)] == wanted
