"""`entrepot drill`: what a primary, a replica and others would serve, each really asked."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.test_clusters import entry
from tests.cli.desk import Desk
from tests.content import EMPTY, OCI_MANIFEST, digest, dump, image, index, put_blob, put_image
from tests.content import put_manifest as put
from tests.registry import free_port
from tests.upstream.peer import docker_registry
from tests.upstream.scripted import Asked, Say, scripted

from entrepot.auth.ca_folder import Folder
from entrepot.oci.digest import Digest
from entrepot.oci.image_name import Image
from entrepot.upstream.copies import Copies, Registry
from entrepot.upstream.drill import Found, State, compared

LAYERS = [Random(number).randbytes(50_000 + number) for number in range(20, 24)]
ONE, OTHER = (Digest.parse(f"sha256:{each * 64}") for each in "12")


@dataclass(frozen=True)
class Site:
    """An Entrepot with images, and a docker-registry that is its replica."""

    desk: Desk
    http: httpx.Client
    primary: str
    replica: str
    folder: Path

    def push(self, name: str, *layers: bytes) -> str:
        """At the primary alone."""
        put_image(self.http, f"team/{name}", "1", *layers)
        return f"{self.primary}/team/{name}:1"

    def copy(self, name: str, source: str = "") -> None:
        """To the replica."""
        target = f"{self.replica}/team/{name}:1"
        self.desk.good("copy", f"{self.primary}/team/{source or name}:1", target)

    def drill(self, *words: str) -> tuple[int, list[dict[str, Any]]]:
        done = self.desk.run("drill", *words, "--json")
        assert done.error == ""
        return done.status, json.loads(done.output)

    def blob(self, content: bytes) -> Path:
        """Where the replica has it."""
        name = digest(content)[7:]
        return self.folder / "data/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"


@pytest.fixture(scope="module")
def site(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("replica")
    with (
        docker_registry(folder) as replica,
        httpx.Client(base_url=desk.url, auth=ADMIN.pair) as http,
    ):
        yield Site(desk, http, http.base_url.netloc.decode(), replica, folder)


def states(rows: list[dict[str, Any]]) -> list[str]:
    return [each["state"] for each in rows[0]["copies"]]


def test_both_have_it(site: Site) -> None:
    name = site.push("both", LAYERS[0])
    site.copy("both")
    status, (found,) = site.drill(name, "--replica", site.replica, "--read-layers")
    assert status == 0
    assert (found["served_by"], found["then_served_by"]) == (site.primary, site.replica)
    assert found["without"] == [site.primary]
    one, other = found["copies"]
    assert (one["role"], other["role"]) == ("primary", "replica")
    assert one["digest"] == other["digest"] == digest(dump(image(LAYERS[0])))
    assert one["size"] == other["size"] == len(LAYERS[0] + EMPTY)


def test_the_replica_lacks_it(site: Site) -> None:
    status, rows = site.drill(site.push("lacks", LAYERS[0]), "--replica", site.replica)
    assert (status, states(rows)) == (1, ["ok", "missing"])
    assert rows[0]["then_served_by"] is None
    assert f"there is no {site.replica}/team/lacks:1" in rows[0]["copies"][1]["why"]
    status, rows = site.drill(rows[0]["image"], "--replica", site.replica, "--now")
    assert (status, rows[0]["then_served_by"]) == (0, site.primary)
    words = ("drill", rows[0]["image"], "--replica", site.replica)
    assert site.desk.good(*words, "--without", site.replica).splitlines()[0].split()[-2:] == [
        "without",
        site.replica,
    ]
    assert site.desk.good(*words, "--now").endswith("\nall 1 served now\n")


def test_the_tag_is_another_image_there(site: Site) -> None:
    name = site.push("moved", LAYERS[0])
    site.push("newer", LAYERS[1])
    site.copy("moved", "newer")
    status, rows = site.drill(name, "--replica", site.replica)
    assert (status, states(rows)) == (1, ["ok", "differs"])
    assert rows[0]["then_another"]
    why = f"it is {digest(dump(image(LAYERS[1])))}, and {digest(dump(image(LAYERS[0])))} at"
    assert rows[0]["copies"][1]["why"].startswith(why)
    pinned = f"{name.rpartition(':')[0]}@{digest(dump(image(LAYERS[0])))}"
    assert states(site.drill(pinned, "--replica", site.replica)[1]) == ["ok", "missing"]


def test_a_layer_is_not_there(site: Site) -> None:
    name = site.push("half", LAYERS[2])
    site.copy("half")
    site.blob(LAYERS[2]).unlink()
    status, rows = site.drill(name, "--replica", site.replica)
    assert (status, states(rows)) == (1, ["ok", "missing"])
    assert f"has no layer {digest(LAYERS[2])}" in rows[0]["copies"][1]["why"]


def test_a_layer_is_damaged(site: Site) -> None:
    """Who does not read it does not see that."""
    name = site.push("damaged", LAYERS[3])
    site.copy("damaged")
    site.blob(LAYERS[3]).write_bytes(bytes(len(LAYERS[3])))
    assert site.drill(name, "--replica", site.replica)[0] == 0
    status, rows = site.drill(name, "--replica", site.replica, "--read-layers")
    assert (status, states(rows)) == (1, ["ok", "fails"])
    assert "is not that: the source is damaged, or lies" in rows[0]["copies"][1]["why"]


def test_the_primary_is_away(site: Site) -> None:
    """The replica serves; what is asked of one that is away is not asked again for each image."""
    site.push("there", LAYERS[0])
    site.copy("there")
    away = f"127.0.0.1:{free_port()}"
    names = [f"{away}/team/there:1", f"{away}/team/nowhere:1"]
    status, rows = site.drill(*names, "--replica", site.replica)
    assert (status, states(rows)) == (1, ["unreachable", "ok"])
    assert rows[0]["then_served_by"] == rows[0]["served_by"] == site.replica
    done = site.desk.run("drill", *names, "--replica", site.replica)
    head, *lines, last = done.output.splitlines()
    assert head.split() == ["image", away, site.replica, "without", away]
    assert lines[0].split()[:3] == [names[0], "unreachable", "ok"]
    assert lines[0].split()[-1] == site.replica
    assert lines[1].split() == [names[1], "unreachable", "missing", "nobody"]
    assert lines[2].startswith(f"{away}: 2 images: unreachable, {away}: ")
    assert lines[3].startswith(f"{site.replica}: {names[1]}: missing, there is no ")
    assert last == f"1 of 2 not served, or another, without {away}"


def test_one_platform_of_several(site: Site) -> None:
    images = [image(LAYERS[0]), image(LAYERS[1])]
    for part in (EMPTY, *LAYERS[:2]):
        put_blob(site.http, "team/many", part)
    for each in images:
        put(site.http, "team/many", digest(dump(each)), each)
    root = index(*images)
    for listed, architecture in zip(root["manifests"], ("amd64", "arm64"), strict=True):
        listed["platform"] = {"os": "linux", "architecture": architecture}
    put(site.http, "team/many", "1", root)
    name = f"{site.primary}/team/many:1"
    words = (name, "--cache", f"127.0.0.1:{free_port()}", "--now")
    for platforms, size in ((["arm64"], len(LAYERS[1])), (["amd64", "arm64"], 100_041)):
        chosen = [word for each in platforms for word in ("--platform", f"linux/{each}")]
        status, rows = site.drill(*words, *chosen)
        assert (status, rows[0]["copies"][1]["size"]) == (0, size + len(EMPTY))
    status, rows = site.drill(*words, "--platform", "linux/s390x")
    assert (status, states(rows)) == (1, ["unreachable", "fails"])
    assert "has no linux/s390x, but linux/amd64, linux/arm64" in rows[0]["copies"][1]["why"]


def test_a_place_below_a_path_for_other_registries(site: Site) -> None:
    """As in a place without a network; images of others are not looked for there."""
    site.push("carried", LAYERS[0])
    target = f"{site.replica}/mirror/team/carried:1"
    site.desk.good("copy", f"{site.primary}/team/carried:1", target)
    status, rows = site.drill(
        *("far.test/team/carried:1", "other.test/team/carried:1", "--of", "far.test"),
        *("--primary", f"{site.replica}/mirror", "--no-upstream", "--now"),
    )
    assert (status, states(rows)) == (1, ["ok"])
    assert rows[0]["then_served_by"] == f"{site.replica}/mirror"
    assert rows[1]["copies"] == []


MANIFEST = dump(image(LAYERS[0]))


def test_a_cache_is_told_for_whom_and_asked_for_no_more_than_a_pull(desk: Desk) -> None:
    def answer(asked: Asked) -> Say:
        path, _, query = asked.path.partition("?")
        if path == "/token":
            return Say(200, b'{"token": "let-me-in"}')
        if asked.headers.get("authorization") != "Bearer let-me-in":
            realm = f'Bearer realm="http://{cache.address}/token",service="cache"'
            return Say(401, headers={"www-authenticate": realm})
        assert query == "ns=docker.io"
        if path == "/v2/library/nginx/manifests/1.29":
            return Say(200, MANIFEST, {"content-type": OCI_MANIFEST})
        for part in (EMPTY, LAYERS[0]):
            if path == f"/v2/library/nginx/blobs/{digest(part)}":
                return Say(200, part)
        return Say(404)

    with scripted(answer) as cache:
        words = ("nginx:1.29", "--cache", cache.address, "--no-upstream", "--json")
        done = desk.run("drill", *words)
        assert done.status == 0, done
        tokens = {each for each in cache.paths() if each.startswith("/token")}
        assert "/token?service=cache&scope=repository%3Alibrary%2Fnginx%3Apull" in tokens
        assert not any("push" in each for each in tokens)
        assert [each.partition("?")[0] for each in cache.paths("HEAD")] == [
            f"/v2/library/nginx/blobs/{digest(LAYERS[0])}"
        ]


def plain(asked: Asked) -> Say:
    if "/manifests/" in asked.path:
        return Say(200, MANIFEST, {"content-type": OCI_MANIFEST})
    return Say(200, EMPTY if asked.path.partition("?")[0].endswith(digest(EMPTY)) else LAYERS[0])


def test_a_ca_is_trusted_besides_those_of_the_system(
    desk: Desk, certificates: Folder, tmp_path: Path
) -> None:
    own = Folder(tmp_path / "own")
    assert desk.run("tls", "init", "--dir", str(own.path), "--name=127.0.0.1").status == 0
    system = {"SSL_CERT_FILE": str(certificates.ca.cert)}
    with scripted(plain, certificates.server) as public, scripted(plain, own.server) as private:
        words = ("drill", f"{public.address}/team/app:1", "--replica", private.address, "--json")
        done = desk.run(*words, "--ca", str(own.ca.cert), **system)
        assert (done.status, states(json.loads(done.output))) == (0, ["ok", "ok"])
        done = desk.run(*words, "--ca", str(certificates.ca.cert), **system)
    assert (done.status, states(json.loads(done.output))) == (1, ["ok", "unreachable"])
    assert "certificate verify failed" in json.loads(done.output)[0]["copies"][1]["why"]


def test_who_is_busy_or_refuses(desk: Desk) -> None:
    statuses = {"busy": 503, "closed": 403}
    with scripted(lambda asked: Say(statuses.get(asked.path.split("/")[2], 200))) as found:
        words = [f"{found.address}/{each}/app:1" for each in statuses]
        done = desk.run("drill", *words, "--cache", "127.0.0.1:1", "--now")
    assert done.status == 1
    assert "/busy/app:1: unreachable, " in done.output
    assert "/closed/app:1: fails, " in done.output


def test_what_a_cluster_runs(site: Site) -> None:
    site.push("running", LAYERS[0])
    site.copy("running")
    images = [
        entry("team/running", "1", host=site.primary, image=f"{site.primary}/team/running:1"),
        entry("team/old", "1", host=site.primary, state="rollback", container="old"),
        entry("x", "1", host="", image="0" * 64, container="by ID"),
    ]
    document = {"hosts": [site.primary], "images": images}
    site.desk.at.put("/clusters/prod/images", document).raise_for_status()
    status, rows = site.drill("--cluster", "prod", "--replica", site.replica)
    assert (status, [each["image"] for each in rows]) == (0, [f"{site.primary}/team/running:1"])
    said = site.desk.bad("drill", "--cluster", "none", "--replica", site.replica)
    assert said == "there is no cluster 'none': entrepot kube clusters lists them"


def test_from_a_file(site: Site, tmp_path: Path) -> None:
    listed = tmp_path / "images"
    listed.write_text(f"# ours\n{site.push('listed', LAYERS[0])}\n{site.push('too', LAYERS[1])}\n")
    site.copy("listed")
    site.copy("too")
    said = site.desk.good("drill", "-f", str(listed), "--replica", site.replica)
    assert said.endswith(f"\nall 2 served without {site.primary}\n")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("--replica b.test", "say which images: entrepot drill IMAGE..., -f FILE or --cluster"),
        ("r.test/app:1 --replica b.test --now --without b.test", "say one of them"),
        (
            "r.test/app:1 --replica b.test --without x.test",
            "x.test is not asked for any of these images: b.test, r.test are",
        ),
        ("r.test/app:1", "name a copy: one of --primary, --replica and --cache"),
        ("https://r.test --replica b.test", "'https://r.test' is no image"),
        ("r.test/app:1 --replica b", "'b' has no dot, no port"),
        ("r.test/app:1 --replica b.test --platform linux", "'linux' is no platform"),
        ("-f /no/such --replica b.test", "cannot read images from /no/such"),
        ("r.test/app:1 --replica b.test --ca /no/such", "cannot read /no/such"),
    ],
)
def test_what_cannot_be_asked(desk: Desk, line: str, says: str) -> None:
    assert says in desk.bad("drill", *line.split())


def test_what_is_the_same_everywhere_is_what_the_first_has() -> None:
    copies = Copies(caches=(Registry("c.test"),), replicas=(Registry("b.test"),))
    places = copies.of(Registry("r.test"))
    cases: dict[tuple[str | Digest, ...], tuple[list[str], str | None, str | None, bool]] = {
        (ONE, ONE, ONE): (["ok", "ok", "ok"], "r.test", "b.test", False),
        (ONE, OTHER, ONE): (["ok", "differs", "ok"], "r.test", "c.test", False),
        (ONE, OTHER, OTHER): (["ok", "differs", "differs"], "r.test", None, True),
        ("missing", OTHER, ONE): (["missing", "ok", "differs"], "b.test", "b.test", False),
        ("missing", "fails", "missing"): (["missing", "fails", "missing"], None, None, False),
    }
    for given, (states, now, then, another) in cases.items():
        found = [
            Found(copy, State(each))
            if isinstance(each, str)
            else Found(copy, State.OK, digest=each)
            for copy, each in zip(places, given, strict=True)
        ]
        drilled = compared(Image.parse("r.test/app:1"), found, frozenset({"r.test"}))
        assert [each.state for each in drilled.found] == states
        assert str(drilled.served_by or "") == (now or "")
        assert str(drilled.then or "") == (then or "")
        assert drilled.becomes_another is another
