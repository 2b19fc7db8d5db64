"""OCI layouts that others wrote: names that are mere tags or none, platforms left out, links."""

import tarfile
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk
from tests.content import (
    EMPTY,
    FOREIGN,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    dump,
    image,
)
from tests.content import index as index_of
from tests.registry import MANIFESTS

ONE, OTHER = (image(b"layer", annotations={"is": name}) for name in ("one", "other"))
BOTH = index_of(ONE, OTHER)
for _entry, _name in zip(BOTH["manifests"], ("amd64", "arm64"), strict=True):
    _entry["platform"] = {"os": "linux", "architecture": _name}
ATTACHED = image(b"layer", subject=descriptor(dump(ONE), OCI_MANIFEST))


def entry(document: Document, name: str = "", full: str = "") -> Document:
    """As `index.json` lists it: by OCI's name and by containerd's, as `docker save` has both."""
    kinds = {"org.opencontainers.image.ref.name": name, "io.containerd.image.name": full}
    notes = {kind: value for kind, value in kinds.items() if value}
    return {**descriptor(dump(document), document["mediaType"]), "annotations": notes}


def layout(folder: Path, entries: list[Document], *documents: Document) -> Path:
    """One that has these manifests, with their configurations and layers."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for content in (EMPTY, b"layer", *map(dump, documents)):
        (blobs / digest(content)[7:]).write_bytes(content)
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    listed = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    (folder / "index.json").write_bytes(dump(listed))
    return folder


SAVED = [
    entry(ONE, "latest", "docker.io/library/one:latest"),
    entry(OTHER, "latest", "docker.io/library/other:latest"),
]
COLON = [entry(ONE, "app:1")]
TAGGED = [entry(ONE, "v1")]
FULL = [entry(ONE, "registry.test/team/one:3"), entry(ATTACHED)]
NAMELESS = [entry(ONE), entry(OTHER)]


@pytest.mark.parametrize(
    ("entries", "name", "target", "found", "at"),
    [
        pytest.param(
            SAVED, ":docker.io/library/other:latest", "a:1", OTHER, "a:1", id="containerd's name"
        ),
        pytest.param(SAVED[:1], ":latest", "b:1", ONE, "b:1", id="a mere tag that one image has"),
        pytest.param(COLON, ":app:1", "c:7", ONE, "c:7", id="a short name with its tag"),
        pytest.param(COLON, ":app:1", "d", ONE, "d:1", id="the tag of a short name"),
        pytest.param(FULL, ":registry.test/team/one:3", "e", ONE, "e:3", id="of a full one"),
        pytest.param(TAGGED, ":v1", "f", ONE, "f:v1", id="the tag as it is"),
        pytest.param(FULL, "", "g:1", ONE, "g:1", id="the only one that has a name"),
        pytest.param(NAMELESS, f":{digest(dump(OTHER))}", "h:1", OTHER, "h:1", id="by its digest"),
    ],
)
def test_which_image_is_meant(
    entries: list[Document],
    name: str,
    target: str,
    found: Document,
    at: str,
    desk: Desk,
    tmp_path: Path,
) -> None:
    folder = layout(tmp_path / "layout", entries, ONE, OTHER, ATTACHED)
    host = desk.url.partition("://")[2]
    (done,) = desk.json("copy", f"oci:{folder}{name}", f"{host}/meant/{target}")
    assert done["target"] == f"{host}/meant/{at}"
    repository, tag = at.split(":")
    url = f"{desk.url}/v2/meant/{repository}/manifests/{tag}"
    answer = httpx.get(url, headers={"accept": MANIFESTS}, auth=ADMIN.pair)
    assert (answer.status_code, answer.content) == (200, dump(found))


@pytest.mark.parametrize(
    ("entries", "name", "target", "says"),
    [
        pytest.param(
            SAVED,
            ":latest",
            "x/y:1",
            "several images, name one: docker.io/library/one:latest, docker.io/library/other:",
            id="a tag that two images have",
        ),
        pytest.param(
            NAMELESS, "", "x/y:1", f"name one: {digest(dump(ONE))}, sha256:", id="no names"
        ),
        pytest.param(TAGGED, ":v1", "x/", "says no repository", id="a tag is no repository"),
        pytest.param(
            TAGGED, ":other:7", "x/y:1", "has no image 'other:7' (it has: v1)", id="another name"
        ),
        pytest.param(
            [entry(BOTH, "v1")],
            ":v1",
            "x/y:1",
            "--platform copies what is there",
            id="a part lacks",
        ),
    ],
)
def test_which_is_not(
    entries: list[Document], name: str, target: str, says: str, desk: Desk, tmp_path: Path
) -> None:
    folder = layout(tmp_path / "layout", entries, ONE, BOTH)
    host = desk.url.partition("://")[2]
    assert says in desk.bad("copy", f"oci:{folder}{name}", f"{host}/{target}")


def test_a_platform_that_is_there_is_copied_of_an_index_that_lacks_others(
    desk: Desk, peer: str, tmp_path: Path
) -> None:
    folder = layout(tmp_path / "layout", [entry(BOTH, "v1")], ONE, BOTH)
    (done,) = desk.json(
        "copy", f"oci:{folder}:v1", f"{peer}/lacking/app:1", "--platform", "linux/amd64"
    )
    assert done["digest"] == digest(dump(ONE))


def test_a_layer_that_is_a_link_is_told(desk: Desk, peer: str, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", TAGGED, ONE)
    place = folder / "blobs" / "sha256" / digest(b"layer")[7:]
    place.rename(tmp_path / "elsewhere")
    place.symlink_to(tmp_path / "elsewhere")
    said = desk.bad("copy", f"oci:{folder}", f"{peer}/linked/app:1")
    assert "is a link, which may lead anywhere: copy the folder by `cp -rL` first" in said


def test_a_tar_of_a_folder_with_hard_links(desk: Desk, peer: str, tmp_path: Path) -> None:
    folder = layout(tmp_path / "layout", TAGGED, ONE)
    place = folder / "blobs" / "sha256" / digest(b"layer")[7:]
    (folder / "a").hardlink_to(place)  # which tar meets first, and has the bytes
    with tarfile.open(tmp_path / "layout.tar", "w") as tar:
        tar.add(folder, ".", recursive=False)
        for name in ("oci-layout", "index.json", "a", "blobs"):
            tar.add(folder / name, f"./{name}")
        assert any(each.islnk() for each in tar.getmembers())
    (done,) = desk.json("copy", f"oci-archive:{tmp_path / 'layout.tar'}", f"{peer}/hard/app:1")
    assert done["digest"] == digest(dump(ONE))


@pytest.mark.parametrize(
    ("kind", "name"), [("oci-archive", "index.json"), ("docker-archive", "manifest.json")]
)
def test_what_never_ends_is_damaged(kind: str, name: str, desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_text("{}")
    (tmp_path / name).write_text("[" * 100_000)
    with tarfile.open(tmp_path / "deep.tar", "w") as tar:
        for each in ("oci-layout", name):
            tar.add(tmp_path / each, each)
    said = desk.bad("copy", f"{kind}:{tmp_path / 'deep.tar'}", f"oci:{tmp_path / 'x'}:1")
    assert f"is damaged: its {name} cannot be read" in said


def test_a_docker_archive_of_half_an_image_is_not_made(desk: Desk, tmp_path: Path) -> None:
    half = image(b"layer")
    half["layers"].insert(0, descriptor(b"elsewhere", FOREIGN, urls=["https://far.test/layer"]))
    folder = layout(tmp_path / "layout", [entry(half, "v1")], half)
    said = desk.bad("copy", f"oci:{folder}", f"docker-archive:{tmp_path / 'half.tar'}:a:1")
    assert "has layers that lie elsewhere" in said
    assert not (tmp_path / "half.tar").exists()
