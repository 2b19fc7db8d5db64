"""Manifests read from bytes: whatever comes, it is a manifest or an `OCIError`."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.content import (
    CONFIG,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    FOREIGN,
    LAYER,
    OCI_INDEX,
    OCI_MANIFEST,
    Document,
    descriptor,
    digest,
    dump,
    image,
    index,
)
from tests.oci.attempt import attempt

from entrepot.oci import descriptor as descriptors
from entrepot.oci import manifest
from entrepot.oci.errors import Code
from entrepot.oci.manifest import Manifest

ANNOTATED = image(b"layer", annotations={"a": "b"}, artifactType="text/x")

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
fields = st.sampled_from(manifest.FIELDS)
parts = st.sampled_from(descriptors.FIELDS)


def read(content: bytes, declared: str = "") -> Manifest | None:
    """The manifest, None for a well-told error; any other exception fails the test."""
    found, code = attempt(Manifest.read, content, declared)
    assert code in {None, Code.MANIFEST_INVALID, Code.DIGEST_INVALID}
    return found


@given(st.one_of(st.binary(max_size=200), json_values.map(json.dumps).map(str.encode)))
def test_any_bytes(content: bytes) -> None:
    read(content)


@given(st.dictionaries(fields, json_values), st.sampled_from([ANNOTATED, index(ANNOTATED)]))
def test_any_document(changes: Document, document: Document) -> None:
    content = dump({**document, **changes})
    found = read(content)
    if found is not None:
        assert str(found.digest) == digest(content)
        assert Manifest.read(found.content, found.media_type) == found


@given(
    st.dictionaries(parts, json_values, min_size=1),
    st.sampled_from(["config", "layers", "subject", "manifests"]),
)
def test_any_descriptor(changes: Document, where: str) -> None:
    changed = {**descriptor(b"layer"), **changes}
    if where == "manifests":
        document: Document = {**index(), "manifests": [changed]}
    else:
        document = {**ANNOTATED, where: [changed] if where == "layers" else changed}
    read(dump(document))


@given(st.text(max_size=60))
def test_any_content_type(declared: str) -> None:
    found = read(dump(ANNOTATED), declared)
    if found is not None:
        assert declared.partition(";")[0].strip().lower() in {"", OCI_MANIFEST}


def test_image() -> None:
    subject = {"mediaType": OCI_INDEX, "digest": digest(b"subject", "sha512"), "size": 7}
    layers = [descriptor(b"one"), descriptor(b"far", FOREIGN), descriptor(b"two")]
    content = dump({**ANNOTATED, "layers": layers, "subject": subject})
    found = Manifest.read(content, "", "sha512")
    assert str(found.digest) == digest(content, "sha512")
    assert [part.size for part in found.blobs] == [2, 3, 3]
    assert (found.foreign, found.children, found.artifact_type) == (1, (), "text/x")
    assert found.subject is not None
    assert str(found.subject.digest) == subject["digest"]
    assert found.annotations == {"a": "b"}


def test_index() -> None:
    platform = {"os": "linux", "architecture": "arm64", "variant": "v8"}
    listed = {**descriptor(dump(image()), OCI_MANIFEST), "platform": platform}
    found = Manifest.read(dump({**index(), "manifests": [listed]}), "")
    assert [child.platform for child in found.children] == [("linux", "arm64")]
    assert (found.blobs, found.artifact_type) == ((), None)


@pytest.mark.parametrize(
    ("changes", "declared", "found"),
    [
        ({}, "", OCI_MANIFEST),
        ({"mediaType": None}, "", OCI_MANIFEST),
        ({"mediaType": ""}, DOCKER_MANIFEST, DOCKER_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST}, "", DOCKER_MANIFEST),
        ({"mediaType": DOCKER_MANIFEST}, OCI_MANIFEST, None),
        ({"mediaType": OCI_INDEX}, OCI_INDEX, None),
        ({"mediaType": DOCKER_LIST}, "", None),
        ({"mediaType": CONFIG}, "", None),
        ({}, LAYER, None),
        ({"mediaType": 5}, "", None),
        ({"schemaVersion": 2.5}, "", None),
        ({"schemaVersion": "2"}, "", None),
        ({"schemaVersion": None}, "", None),
        ({"schemaVersion": True}, "", None),
        ({"config": None}, "", None),
        ({"layers": None}, "", None),
        ({"layers": {}}, "", None),
        ({"annotations": {"a": 1}}, "", None),
        ({"annotations": []}, "", None),
        ({"artifactType": "none"}, "", None),
        ({"artifactType": ""}, "", OCI_MANIFEST),
        ({"subject": None}, "", OCI_MANIFEST),
        ({"subject": {}}, "", None),
        ({"unknown": [{}]}, "", OCI_MANIFEST),
    ],
    ids=str,
)
def test_document(changes: Document, declared: str, found: str | None) -> None:
    read_as = read(dump({**image(), **changes}), declared)
    assert (read_as and read_as.media_type) == found


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", -1),
        ("size", 2**63),
        ("size", 1.0),
        ("size", True),
        ("size", "1"),
        ("size", None),
        ("digest", None),
        ("digest", "sha256:0"),
        ("mediaType", None),
        ("mediaType", "text"),
        ("mediaType", "text/x; y=z"),
        ("mediaType", "text/x\r\nset-cookie: a=b"),
        ("mediaType", f"a/{'b' * 128}"),
        ("urls", "https://example.invalid"),
        ("urls", [1]),
        ("annotations", "none"),
        ("data", {}),
        ("platform", "linux"),
        ("platform", {"os": 1}),
        ("platform", {"architecture": []}),
    ],
    ids=str,
)
def test_descriptor_that_is_none(field: str, value: Any) -> None:
    assert read(dump({**image(), "config": {**descriptor(b"{}", CONFIG), field: value}})) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"\xff\xfe{\x00}\x00",
        b"[]",
        b'"text"',
        b"null",
        b"{",
        b"{}{}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 1}',
        b'{"a": {"b": 1, "b": 2}}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda content: repr(content[:20]),
)
def test_json_that_is_none(content: bytes) -> None:
    assert read(content) is None


@pytest.mark.parametrize("field", ["config.platform.os", "platform.os", "annotations", "unknown"])
def test_nesting_of_every_depth(field: str) -> None:
    """Whatever reads a value after the parser must be content with what the parser was."""
    for depth in range(800, 1000, 3):
        nested: Any = "[" * depth + "]" * depth
        content = dump({**index(image()), "x": 0}).decode()
        if field == "platform.os":
            content = content.replace('"size"', f'"platform": {{"os": {nested}}}, "size"')
        elif field == "config.platform.os":
            content = dump(image()).decode()
            content = content.replace('"size"', f'"platform": {{"os": {nested}}}, "size"', 1)
        else:
            content = content.replace('"x": 0', f'"{field}": {nested}')
        read(content.encode())
