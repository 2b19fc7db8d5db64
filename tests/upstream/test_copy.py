"""`entrepot copy` and `entrepot bundle`: between real registries, folders and archives."""

import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import (
    EMPTY,
    OCI_MANIFEST,
    descriptor,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_manifest,
    try_manifest,
)
from tests.registry import MANIFESTS
from tests.tools import tool
from tests.upstream.scripted import scripted
from tests.upstream.test_faults import silent_of_signatures

LAYERS = [Random(number).randbytes(200_000 + number) for number in range(3)]
SIGNATURE = b'{"signed": true}'


@pytest.fixture(scope="module")
def http(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as client:
        yield client


@pytest.fixture(scope="module")
def pushed(http: httpx.Client) -> str:
    """An index of two platforms, of which one is signed, once as a referrer, once by a tag."""
    name = "team/app"
    images = [image(LAYERS[0], LAYERS[1]), image(LAYERS[0], LAYERS[2])]
    for part in (EMPTY, SIGNATURE, *LAYERS):
        put_blob(http, name, part)
    for each in images:
        put_manifest(http, name, digest(dump(each)), each)
    root = index(*images)
    for entry, architecture in zip(root["manifests"], ("amd64", "arm64"), strict=True):
        entry["platform"] = {"os": "linux", "architecture": architecture}
    put_manifest(http, name, "1.2", root)
    subject = descriptor(dump(images[0]), images[0]["mediaType"])
    put_manifest(http, name, "signature", image(SIGNATURE, subject=subject))
    assert http.delete(f"/v2/{name}/manifests/signature").status_code == 202
    tag = digest(dump(root)).replace(":", "-") + ".sig"
    put_manifest(http, name, tag, image(SIGNATURE, annotations={"made": "by cosign"}))
    return f"{http.base_url.netloc.decode()}/{name}:1.2"


def served(address: str, repository: str, reference: str, **given: object) -> httpx.Response:
    url = f"http://{address}/v2/{repository}/manifests/{reference}"
    return httpx.get(url, headers={"accept": MANIFESTS}, **given)  # type: ignore[arg-type]


def test_to_another_registry_with_what_refers_to_it(desk: Desk, peer: str, pushed: str) -> None:
    (done,) = desk.json("copy", pushed, f"{peer}/mirror/app:1.2")
    root = served(peer, "mirror/app", "1.2")
    assert digest(root.content) == done["digest"]
    assert done["moved"] == done["size"] == sum(map(len, LAYERS)) + len(EMPTY + SIGNATURE)
    for child in root.json()["manifests"]:
        found = served(peer, "mirror/app", child["digest"])
        assert digest(found.content) == child["digest"]
        for layer in found.json()["layers"]:
            blob = httpx.get(f"http://{peer}/v2/mirror/app/blobs/{layer['digest']}")
            assert digest(blob.content) == layer["digest"]
    signed = root.json()["manifests"][0]["digest"].replace(":", "-")
    assert len(served(peer, "mirror/app", signed).json()["manifests"]) == 1
    cosign = done["digest"].replace(":", "-") + ".sig"
    assert served(peer, "mirror/app", cosign).json()["annotations"] == {"made": "by cosign"}


def test_again_moves_nothing(desk: Desk, peer: str, pushed: str) -> None:
    desk.good("copy", pushed, f"{peer}/again/app:1.2")
    (done,) = desk.json("copy", pushed, f"{peer}/again/app:1.3")
    assert (done["moved"], served(peer, "again/app", "1.3").status_code) == (0, 200)


def test_what_another_repository_of_the_registry_has_is_mounted(desk: Desk, pushed: str) -> None:
    host = pushed.partition("/")[0]
    (done,) = desk.json("copy", pushed, f"{host}/other/app:1.2")
    assert (done["moved"], done["blobs"]) == (0, 5)


def test_one_platform_is_no_index(desk: Desk, peer: str, pushed: str) -> None:
    desk.good("copy", pushed, f"{peer}/arm/app:1.2", "--platform", "linux/arm64")
    found = served(peer, "arm/app", "1.2").json()
    assert [each["digest"] for each in found["layers"]] == [digest(LAYERS[0]), digest(LAYERS[2])]
    assert "the image has no linux/s390x, but linux/amd64, linux/arm64" in desk.bad(
        "copy", pushed, f"{peer}/arm/app:1.3", "--platform", "linux/s390x"
    )


@pytest.fixture(scope="module")
def nested(http: httpx.Client) -> str:
    """An index of indexes, of which one lists the platforms of 32 bits."""
    name = "team/nested"
    images = [image(each) for each in LAYERS]
    for part in (EMPTY, *LAYERS):
        put_blob(http, name, part)
    for each in images:
        put_manifest(http, name, digest(dump(each)), each)
    below, wide = index(*images[:2]), index(images[2])
    for entry, variant in zip(below["manifests"], ("v6", "v7"), strict=True):
        entry["platform"] = {"os": "linux", "architecture": "arm", "variant": variant}
    wide["manifests"][0]["platform"] = {"os": "linux", "architecture": "amd64"}
    inner = index(below)
    for each in (below, inner, wide):
        put_manifest(http, name, digest(dump(each)), each)
    put_manifest(http, name, "1", index(inner, wide))
    return f"{http.base_url.netloc.decode()}/{name}:1"


def test_platforms_of_indexes_inside_others(desk: Desk, peer: str, nested: str) -> None:
    desk.good("copy", nested, f"{peer}/nested/app:1", "--platform", "linux/arm/v7")
    assert served(peer, "nested/app", "1").content == dump(image(LAYERS[1]))
    desk.good(
        *("copy", nested, f"{peer}/nested/app:2"),
        *("--platform", "linux/arm", "--platform", "linux/amd64"),
    )
    listed = served(peer, "nested/app", "2").json()["manifests"]
    wanted = [digest(dump(image(each))) for each in LAYERS]
    assert [each["digest"] for each in listed] == wanted
    assert [each["platform"].get("variant") for each in listed] == ["v6", "v7", None]
    assert "has no linux/arm64, but linux/amd64, linux/arm/v6, linux/arm/v7" in desk.bad(
        "copy", nested, f"{peer}/nested/app:3", "--platform", "linux/arm64"
    )


def test_a_bundle_and_a_drill_know_them(desk: Desk, peer: str, nested: str, tmp_path: Path) -> None:
    bundle = str(tmp_path / "nested.tar")
    desk.good("bundle", "create", bundle, nested)
    (row,) = desk.json("bundle", "list", bundle)
    assert row["platforms"] == ["linux/amd64", "linux/arm/v6", "linux/arm/v7"]
    desk.good("copy", nested, f"{peer}/team/nested:1")
    (row,) = desk.json("drill", nested, "--replica", peer, "--platform", "linux/arm")
    sizes = {each["size"] for each in row["copies"]}
    assert sizes == {len(EMPTY + LAYERS[0] + LAYERS[1])}


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_there_and_back(desk: Desk, peer: str, pushed: str, kind: str, tmp_path: Path) -> None:
    place = f"{kind}:{tmp_path / 'layout'}"
    (out,) = desk.json("copy", pushed, f"{place}:{pushed}")
    (back,) = desk.json("copy", f"{place}:{pushed}", f"{peer}/{kind}/app:1.2")
    assert back["digest"] == out["digest"] == digest(served(peer, f"{kind}/app", "1.2").content)
    assert (back["manifests"], back["blobs"]) == (out["manifests"], out["blobs"])


def test_skopeo_reads_what_was_written(desk: Desk, pushed: str, tmp_path: Path) -> None:
    desk.good("copy", pushed, f"oci:{tmp_path / 'folder'}:app")
    done = subprocess.run(
        [tool("skopeo"), "inspect", "--raw", f"oci:{tmp_path / 'folder'}:app"],
        capture_output=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["manifests"]) == 2


def test_all_tags(desk: Desk, peer: str, pushed: str) -> None:
    repository = pushed.rpartition(":")[0]
    done = desk.json("copy", repository, f"{peer}/all/app", "--all-tags", "--no-referrers")
    tags = httpx.get(f"http://{peer}/v2/all/app/tags/list").json()["tags"]
    assert sorted(tags) == sorted(each["target"].rpartition(":")[2] for each in done)
    assert "1.2" in tags


def test_an_image_whose_signatures_nobody_tells(desk: Desk, tmp_path: Path) -> None:
    with scripted(silent_of_signatures) as found:
        pair = f"{found.address}/team/app:1", f"oci:{tmp_path / 'folder'}:app"
        assert "503; --no-referrers copies it alone" in desk.bad("copy", *pair)
        desk.good("copy", *pair, "--no-referrers")


def test_a_repository_without_tags(desk: Desk, peer: str, pushed: str, http: httpx.Client) -> None:
    host = pushed.partition("/")[0]
    desk.good("copy", pushed, f"{host}/team/emptied:1", "--no-referrers")
    assert http.delete("/v2/team/emptied/manifests/1").status_code == 202
    said = desk.bad("copy", f"{host}/team/emptied", f"{peer}/x", "--all-tags")
    assert f"{host}/team/emptied has no tags" in said


def test_a_bundle_is_carried_over(desk: Desk, peer: str, pushed: str, tmp_path: Path) -> None:
    manifests = tmp_path / "deployment.yaml"
    pod = {"spec": {"initContainers": [], "containers": [{"name": "app", "image": pushed}]}}
    manifests.write_text(json.dumps({"kind": "Deployment", "spec": {"template": pod}}))
    bundle = tmp_path / "site.tar"
    (made,) = desk.json("bundle", "create", str(bundle), "-f", str(manifests))
    assert [each["image"] for each in desk.json("bundle", "list", str(bundle))][-1] == pushed
    (loaded,) = [
        each
        for each in desk.json("bundle", "load", str(bundle), f"{peer}/gap")
        if each["target"] == f"{peer}/gap/team/app:1.2"
    ]
    assert loaded["digest"] == made["digest"] == digest(served(peer, "gap/team/app", "1.2").content)
    assert "is there already" in desk.bad("bundle", "create", str(bundle), pushed)


def test_no_bundle_is_half_there(desk: Desk, pushed: str, tmp_path: Path) -> None:
    bundle = tmp_path / "site.tar"
    host = pushed.partition("/")[0]
    done = desk.run("bundle", "create", str(bundle), pushed, f"{host}/team/none:1")
    assert done.status == 1
    assert f"there is no {host}/team/none:1, or you may not see it" in done.error
    assert list(tmp_path.glob("*")) == []


def test_docker_archives(desk: Desk, peer: str, http: httpx.Client, tmp_path: Path) -> None:
    """As docker saves them, layers plain; skopeo reads what we write, and we what it writes."""
    layer = tmp_path / "layer.tar"
    with tarfile.open(layer, "w") as tar:
        (tmp_path / "hello").write_text("hello")
        tar.add(tmp_path / "hello", "hello")
    diff = digest(layer.read_bytes())
    config = {"os": "linux", "architecture": "amd64", "config": {}}
    text = json.dumps({**config, "rootfs": {"type": "layers", "diff_ids": [diff, diff]}}).encode()
    archive = tmp_path / "saved.tar"
    with tarfile.open(archive, "w") as tar:
        (tmp_path / "config.json").write_bytes(text)
        tar.add(tmp_path / "config.json", "config.json")
        tar.add(layer, "one/layer.tar")
        link = tarfile.TarInfo("two/layer.tar")
        link.type, link.linkname = tarfile.SYMTYPE, "../one/layer.tar"
        tar.addfile(link)
        entry = {
            "Config": "config.json",
            "RepoTags": ["team/saved:1"],
            "Layers": ["one/layer.tar", "two/layer.tar"],
        }
        (tmp_path / "manifest.json").write_text(json.dumps([entry]))
        tar.add(tmp_path / "manifest.json", "manifest.json")
    (done,) = desk.json("copy", f"docker-archive:{archive}", f"{peer}/saved/app:1")
    (same,) = desk.json("copy", f"docker-archive:{archive}:team/saved:1", f"{peer}/saved/app:2")
    full = f"docker-archive:{archive}:docker.io/team/saved:1"  # as podman calls it
    (again,) = desk.json("copy", full, f"{peer}/saved/app:3")
    assert done["digest"] == same["digest"] == again["digest"]
    assert "has no image 'saved:1'" in desk.bad(
        "copy", f"docker-archive:{archive}:saved:1", f"{peer}/saved/app:4"
    )
    found = served(peer, "saved/app", "1").json()
    assert found["config"]["digest"] == digest(text)
    assert found["layers"][0] == found["layers"][1]
    back = tmp_path / "again.tar"
    desk.good("copy", f"{peer}/saved/app:1", f"docker-archive:{back}:team/again:1")
    skopeo = subprocess.run(
        [tool("skopeo"), "inspect", "--config", "--raw", f"docker-archive:{back}"],
        capture_output=True,
        check=True,
    )
    assert digest(skopeo.stdout) == digest(text)


def test_a_docker_archive_has_images_alone(desk: Desk, pushed: str, tmp_path: Path) -> None:
    """No signatures beside them, which a reader would take for further images."""
    archive = tmp_path / "signed.tar"
    by_digest = (
        f"{pushed.rpartition(':')[0]}@{desk.json('copy', pushed, f'{pushed}x')[0]['digest']}"
    )
    for image_, names in ((pushed, [pushed]), (by_digest, [])):
        place = f"docker-archive:{archive}"
        desk.good("copy", image_, place, "--platform", "linux/amd64", "--replace")
        with tarfile.open(archive) as tar:
            listed = tar.extractfile("manifest.json")
            assert listed is not None
            (entry,) = json.loads(listed.read())
        assert entry["RepoTags"] == names  # docker load takes no digest there


def test_an_image_keeps_its_digest_of_another_algorithm(
    desk: Desk, peer: str, http: httpx.Client, tmp_path: Path
) -> None:
    for part in (EMPTY, LAYERS[0]):
        put_blob(http, "team/long", part)
    subject = dump(image(LAYERS[0]))
    found = digest(subject, "sha512")
    put = try_manifest(http, "team/long", f"{found}?tag=1", subject)
    assert put.headers["oci-tag"] == "1"
    referring = image(subject={**descriptor(subject, OCI_MANIFEST), "digest": found})
    put_manifest(http, "team/long", digest(dump(referring)), referring)
    host = desk.url.partition("://")[2]
    (done,) = desk.json("copy", f"{host}/team/long:1", f"{host}/other/long:1")
    (_,) = desk.json("copy", f"{host}/team/long:1", f"{peer}/other/long:1")
    assert done["digest"] == found
    answer = http.head("/v2/other/long/manifests/1", headers={"accept": MANIFESTS})
    assert answer.headers["docker-content-digest"] == found
    assert served(peer, "other/long", "1").content == subject
    stand_in = served(peer, "other/long", f"sha512-{found.partition(':')[2][:64]}")
    assert [each["digest"] for each in stand_in.json()["manifests"]] == [digest(dump(referring))]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["team/none:1", "{peer}/x:1"], "there is no"),
        (["{peer}/no/such:1", "{peer}/x:1"], "is not copied: there is no {peer}/no/such:1"),
        (["oci:", "{peer}/x:1"], "names no file: write oci:PATH[:NAME]"),
        (["oci:/no/such", "{peer}/x:1"], "there is no /no/such"),
        (["https://a/b", "{peer}/x:1"], "is no image"),
        (["{peer}/x:1"], "say what to copy, and then where to"),
        (["{peer}/a:1", "{peer}/b:1", "{peer}/x:1"], "several images cannot become one"),
        (["-f", "/no/such.yaml", "{peer}/"], "cannot read images from /no/such.yaml"),
    ],
)
def test_what_cannot_be_copied(desk: Desk, peer: str, words: list[str], says: str) -> None:
    host = desk.url.partition("://")[2]
    given = [each.format(peer=peer) for each in words]
    given = [f"{host}/{each}" if each.startswith("team/") else each for each in given]
    assert says.format(peer=peer) in desk.bad("copy", *given)


def test_a_ca_that_is_not_there_is_named(desk: Desk) -> None:
    said = desk.bad("copy", "up.test/team/app:1", "oci:there", "--ca", "nope.pem")
    assert said.startswith("cannot read nope.pem: ")
