"""Which places are asked for an image, and in what order."""

import pytest

from entrepot.oci.image_name import Image
from entrepot.upstream.copies import Copies, Copy, Registry, Role, Trust
from entrepot.upstream.place import UpstreamError

OWN, BACKUP, CACHE = map(Registry.parse, ("r.test", "backup.test/m", "cache.test:5000"))

ORDER: dict[str, tuple[Copies, list[str]]] = {
    "a replica is one of the registry": (
        Copies(replicas=(BACKUP,)),
        ["primary r.test", "replica backup.test/m"],
    ),
    "a cache goes before the registry": (
        Copies(caches=(CACHE,)),
        ["cache cache.test:5000", "upstream r.test"],
    ),
    "a cache goes after replicas": (
        Copies(replicas=(BACKUP,), caches=(CACHE,)),
        ["primary r.test", "replica backup.test/m", "cache cache.test:5000"],
    ),
    "or before": (
        Copies(replicas=(BACKUP,), caches=(CACHE,), cache_first=True),
        ["cache cache.test:5000", "primary r.test", "replica backup.test/m"],
    ),
    "another is the primary": (
        Copies(BACKUP, caches=(CACHE,)),
        ["primary backup.test/m", "cache cache.test:5000", "upstream r.test"],
    ),
    "the registry is named as the primary": (
        Copies(OWN, replicas=(BACKUP,)),
        ["primary r.test", "replica backup.test/m"],
    ),
    "the registry is named as a replica": (
        Copies(BACKUP, replicas=(OWN,)),
        ["primary backup.test/m", "replica r.test"],
    ),
    "the registry is not asked": (
        Copies(replicas=(BACKUP,), caches=(CACHE,), sealed=True),
        ["replica backup.test/m", "cache cache.test:5000"],
    ),
    "a replica that is a cache, too": (
        Copies(replicas=(BACKUP,), caches=(CACHE, BACKUP), cache_first=True),
        ["cache cache.test:5000", "primary r.test", "replica backup.test/m"],
    ),
    "sealed, and named all the same": (
        Copies(OWN, caches=(CACHE,), sealed=True),
        ["primary r.test", "cache cache.test:5000"],
    ),
}


@pytest.mark.parametrize("case", ORDER)
def test_order(case: str) -> None:
    copies, wanted = ORDER[case]
    assert [f"{each.role} {each}" for each in copies.of(OWN)] == wanted


def test_nobody_is_asked_twice() -> None:
    with pytest.raises(UpstreamError, match=r"backup.test/m is named twice"):
        Copies(BACKUP, replicas=(OWN, BACKUP))
    assert not Copies()


@pytest.mark.parametrize(
    ("text", "host", "path", "server"),
    [
        ("r.test", "r.test", "", "r.test"),
        ("r.test:5000/a/b", "r.test:5000", "a/b", "r.test:5000"),
        ("localhost", "localhost", "", "localhost"),
        ("[::1]:5000", "[::1]:5000", "", "[::1]:5000"),
        ("docker.io", "docker.io", "", "registry-1.docker.io"),
        ("docker.io/library", "docker.io", "library", "registry-1.docker.io"),
    ],
)
def test_registries(text: str, host: str, path: str, server: str) -> None:
    found = Registry.parse(text)
    assert (found.host, found.path, found.server, str(found)) == (host, path, server, text)


@pytest.mark.parametrize(
    "text",
    ["", "cache", "https://r.test", "r.test/", "r.test/Up", 'r.test/"', "r.test:1x", "a b.c"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(UpstreamError, match="is no HOST"):
        Registry.parse(text)


def test_what_an_image_is_called_there() -> None:
    image = Image.parse("nginx:1")
    assert Copy(Role.REPLICA, BACKUP).repository(image) == "m/library/nginx"
    assert Copy(Role.CACHE, CACHE).repository(image) == "library/nginx"


@pytest.mark.parametrize(
    ("host", "ca", "plain"),
    [
        ("r.test", "", False),
        ("plain.test", "", True),
        ("plain.test", "PEM", True),
        ("127.0.0.1:5000", "", True),
        ("127.0.0.1:5000", "PEM", False),
        ("localhost", "", True),
    ],
)
def test_who_is_asked_without_tls(host: str, ca: str, plain: bool) -> None:
    copy = Copy(Role.REPLICA, Registry.parse(host))
    trust = Trust(ca, ("plain.test",))
    assert trust.is_plain(copy) is plain
    assert trust.has_ca(copy) is (bool(ca) and not plain)
    assert not trust.has_ca(Copy(Role.UPSTREAM, copy.at))
