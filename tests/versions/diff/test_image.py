"""An image as one looks at it, from documents as builders write them and as nobody should."""

from typing import Any

import pytest
from tests.content import CONFIG, descriptor, dump, image, index

from entrepot.oci.manifest import Manifest
from entrepot.versions.diff import document
from entrepot.versions.diff.document import UnreadableError
from entrepot.versions.diff.image import Image, choose, read_image, read_index


def manifest(document: dict[str, Any]) -> Manifest:
    return Manifest.read(dump(document), document["mediaType"])


def read(config: Any, *layers: bytes) -> Image:
    found = image(*layers, config=b"12345")
    return read_image(manifest(found), config)


def test_what_is_read() -> None:
    config = {
        "os": "linux",
        "architecture": "arm64",
        "rootfs": {"type": "layers"},
        "config": {
            "Entrypoint": ["/app", "--x"],
            "User": "app",
            "Cmd": None,
            "ExposedPorts": {"443/tcp": {}, "80/tcp": {}},
            "Env": ["PATH=/bin", "EMPTY=", "BARE", "A=1", "A=2=3"],
            "Labels": {"team": "build"},
        },
        "history": [
            {"created_by": "ADD rootfs.tar"},
            {"created_by": "ENV A=1", "empty_layer": True},
            {"created_by": "COPY app /" + "x" * 400},
        ],
    }
    found = read(config, b"one", b"two!")
    assert found.configuration == {
        "os": "linux",
        "architecture": "arm64",
        "Entrypoint": '["/app", "--x"]',
        "User": "app",
        "ExposedPorts": "443/tcp, 80/tcp",
    }
    assert found.environment == {"PATH": "/bin", "EMPTY": "", "BARE": "", "A": "2=3"}
    assert found.labels == {"team": "build"}
    assert [each.size for each in found.layers] == [3, 4]
    assert found.layers[0].made_by == "ADD rootfs.tar"
    assert found.layers[1].made_by == "COPY app /" + "x" * 290
    assert found.size == 3 + 4 + 5 + len(dump(image(b"one", b"two!", config=b"12345")))


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"config": [1]}, "config is no object"),
        ({"config": {"Env": "PATH=/bin"}}, "Env is no list of texts"),
        ({"config": {"Env": [1]}}, "Env is no list of texts"),
        ({"config": {"Labels": ["a"]}}, "Labels maps to no texts"),
        ({"config": {"Labels": {"a": 1}}}, "Labels maps to no texts"),
    ],
    ids=str,
)
def test_a_configuration_that_is_none(config: Any, told: str) -> None:
    with pytest.raises(UnreadableError, match=f"configuration is damaged: {told}"):
        read(config)


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        {"config": None, "history": None},
        {"history": "none", "config": {"Env": None}},
        {"history": [1, {"created_by": 2}]},
    ],
    ids=str,
)
def test_what_is_not_told(config: Any) -> None:
    found = read(config, b"layer")
    assert (found.configuration, found.environment, found.labels) == ({}, {}, {})
    assert [each.made_by for each in found.layers] == [""]


def test_images_of_an_index() -> None:
    arm, amd, attestation = image(b"arm"), image(b"amd"), image(b"attested")
    listed = index(arm, amd, attestation, arm)
    listed["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm", "variant": "v7"}
    listed["manifests"][1]["platform"] = {"os": "linux", "architecture": "amd64"}
    of = descriptor(dump(amd))["digest"]
    listed["manifests"][2]["platform"] = {"os": "unknown", "architecture": "unknown"}
    listed["manifests"][2]["annotations"] = {"vnd.docker.reference.digest": of}
    found = read_index(manifest(listed))
    digests = {each: descriptor(dump(each_))["digest"] for each, each_ in {"arm": arm}.items()}
    assert found.platforms == {
        "linux/arm/v7": digests["arm"],
        "linux/amd64": of,
        "unknown": digests["arm"],
    }
    assert found.attested == {of: descriptor(dump(attestation), CONFIG)["digest"]}


ARM, AMD, WIN = "linux/arm64", "linux/amd64", "windows/amd64"

CHOICES = [
    ({ARM, AMD}, {ARM, AMD}, "", AMD),
    ({ARM, AMD}, {ARM, AMD}, ARM, ARM),
    ({ARM, AMD}, {ARM}, "", ARM),
    ({ARM}, {ARM}, "", ARM),
]


@pytest.mark.parametrize(("ours", "theirs", "wanted", "chosen"), CHOICES)
def test_which_platform(ours: set[str], theirs: set[str], wanted: str, chosen: str) -> None:
    assert choose(ours, theirs, wanted) == chosen


@pytest.mark.parametrize(
    ("ours", "theirs", "wanted", "told"),
    [
        ({ARM, WIN}, {ARM, WIN}, "", "say for which platform; both are for: linux/arm64, windows"),
        ({ARM}, {AMD}, "", "both are for: none"),
        ({ARM, AMD}, {AMD}, ARM, "not both are for linux/arm64; for these they are: linux/amd64"),
    ],
)
def test_which_platform_is_not_known(
    ours: set[str], theirs: set[str], wanted: str, told: str
) -> None:
    with pytest.raises(UnreadableError, match=told):
        choose(ours, theirs, wanted)


@pytest.mark.parametrize(
    ("content", "told"),
    {
        b"": "is not JSON",
        b"\xff": "is not JSON",
        b"[]": "is no JSON object",
        b'"x"': "is no JSON object",
        b"[" * 100_000: "nested too deeply",
        b"[" * 400_001: "more than 400000 lists and objects",
    }.items(),
    ids=["empty", "no text", "list", "string", "deep", "many"],
)
def test_documents_that_are_none(content: bytes, told: str) -> None:
    with pytest.raises(UnreadableError, match=f"it .*{told}"):
        document.read(content, "it")
