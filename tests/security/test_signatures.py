"""A signature is worth what was signed, by whom the project knows; and nothing else makes it so."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.admin.office import Office, opened
from tests.content import EMPTY, OCI_MANIFEST, digest, dump, put_blob, put_image, put_manifest
from tests.distribution.test_signed_pulls import KEY, Project
from tests.signatures.keyless import by_key, statement
from tests.signatures.signed import (
    COSIGN_ARTIFACT,
    curve,
    payload,
    pem,
    signature,
    signing,
    simple,
    tag_of,
)

from entrepot.signatures.found import BUNDLE


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("signed")
    with opened(folder / "data") as office:
        yield office


@pytest.fixture
def project(office: Office) -> Iterator[Project]:
    with closing(Project(office)) as found:
        found.demand("ci")
        yield found


def put(project: Project, reference: str, document: dict[str, object], *parts: bytes) -> None:
    for part in (EMPTY, *parts):
        put_blob(project.writer, project.app, part)
    put_manifest(project.writer, project.app, reference or digest(dump(document)), document)


def test_zot_4202_a_signature_is_of_the_digest_that_it_signs(project: Project) -> None:
    """Lying beside another image, in whichever way, it signs nothing."""
    signed = project.push("signed")
    other = put_image(project.writer, project.app, "other", b"\x1f\x8b another")
    project.sign(signed)
    assert project.gets("signed") == 200
    layer = simple(payload(signed), signing(KEY))
    subject = {"mediaType": OCI_MANIFEST, "digest": other, "size": 1}
    put(project, tag_of(other), signature(layer))
    more = {"subject": subject, "artifactType": COSIGN_ARTIFACT}
    put(project, "", signature(layer, **more))
    bundle = by_key(KEY, statement(signed))
    descriptor = {"mediaType": BUNDLE, "digest": digest(bundle), "size": len(bundle)}
    put(project, "", signature(descriptor, subject=subject, artifactType=BUNDLE), bundle)
    said = project.admin.get("/signatures", repository=project.app, digest=other).json()
    assert len(said["signatures"]) == 3
    assert {each["verdicts"][0]["why"] for each in said["signatures"]} == {
        f"it signs another digest: {signed}"
    }
    assert project.gets("other") == 403


def test_another_projects_signer_is_nobody_here(project: Project, office: Office) -> None:
    key = curve()
    with closing(Project(office)) as other:
        other.know(key, "theirs")
        found = project.push()
        project.sign(found, key)
        assert project.gets("1") == 403
        path = f"/signers/{project.name}/theirs"
        theirs = office.person(f"owner:{other.name}/*")
        answer = theirs.at.put(path, {"key": {"pem": pem(key)}})
        assert answer.status_code == 403
        pattern = {"key": {"pem": pem(key)}, "pattern": f"{project.name}/*"}
        answer = theirs.at.put(f"/signers/{other.name}/theirs", pattern)
        assert answer.status_code == 422
    assert project.gets("1") == 403


def test_whoever_pushes_demands_and_names_nobody(project: Project, office: Office) -> None:
    writer = office.person(f"writer:{project.name}/*")
    key = {"key": {"pem": pem(curve())}}
    assert writer.at.put(f"/signers/{project.name}/ci", key).status_code == 403
    assert writer.at.delete(f"/signers/{project.name}/ci").status_code == 403
    assert writer.at.delete(f"/demands?pattern={project.name}/*").status_code == 403


def test_the_layers_of_another_digest_are_not_served_by_a_signed_index(project: Project) -> None:
    """An unsigned index that lists a signed image opens nothing but that image."""
    signed = project.push("signed")
    project.sign(signed)
    other = put_image(project.writer, project.app, "other", b"\x1f\x8b another")
    size = {
        each: int(
            project.writer.head(f"/v2/{project.app}/manifests/{each}").headers["content-length"]
        )
        for each in (signed, other)
    }
    mixed = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [
            {"mediaType": OCI_MANIFEST, "digest": each, "size": size[each]}
            for each in (signed, other)
        ],
    }
    put_manifest(project.writer, project.app, "mixed", mixed)
    assert project.gets("mixed") == project.gets(other) == 403
    assert project.gets(signed) == 200
