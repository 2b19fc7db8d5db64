"""Pulls of a project that demands signatures: by whom, what, and for how long an answer is kept."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.admin.office import Office, fresh, opened
from tests.content import (
    EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    descriptor,
    digest,
    dump,
    image,
    index,
    put_blob,
    put_image,
    put_manifest,
    try_manifest,
)
from tests.served import serving
from tests.signatures.keyless import ISSUER, Sigstore, statement
from tests.signatures.signed import (
    COSIGN_ARTIFACT,
    PrivateKey,
    curve,
    payload,
    pem,
    signature,
    signing,
    simple,
    tag_of,
)
from tests.signatures.test_judge import jws, leaf, of

from entrepot.signatures.evidence import JOSE
from entrepot.signatures.found import BUNDLE, NOTATION

KEY = curve()
BOTH = {"accept": f"{OCI_MANIFEST}, {OCI_INDEX}"}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder: Path = tmp_path_factory.mktemp("demanding")
    with opened(folder / "data") as office:
        yield office


class Project:
    """A project of the test's own, with a signer `ci`, a writer and a reader."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.name = fresh("project")
        self.app = f"{self.name}/app"
        self.admin = office.admin.at
        self.admin.post("/projects", {"name": self.name}).raise_for_status()
        self.writer = self.client(office.person(f"writer:{self.name}/*").token)
        reader = office.person(f"reader:{self.name}/*")
        self.readers_name, self.reader = reader.name, self.client(reader.token)
        self.know()

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def client(self, token: str) -> httpx.Client:
        """Someone with docker's eyes."""
        return httpx.Client(base_url=self.office.served.url, auth=("x", token), headers=BOTH)

    def know(self, key: PrivateKey = KEY, name: str = "ci") -> None:
        path = f"/signers/{self.name}/{name}"
        self.admin.put(path, {"key": {"pem": pem(key)}}).raise_for_status()

    def demand(self, *names: str, pattern: str = "") -> None:
        path = f"/demands?pattern={pattern or f'{self.name}/*'}"
        self.admin.put(path, {"signers": list(names)}).raise_for_status()

    def push(self, reference: str = "1") -> str:
        return put_image(self.writer, self.app, reference, b"layer")

    def sign(self, found: str, key: PrivateKey = KEY) -> None:
        """As cosign does it: by what the writer may do, beside the signatures that are there."""
        for part in (payload(found), EMPTY):
            put_blob(self.writer, self.app, part)
        path = f"/v2/{self.app}/manifests/{tag_of(found)}"
        kept = self.writer.get(path).json().get("layers", [])
        layer = simple(payload(found), signing(key))
        put_manifest(self.writer, self.app, tag_of(found), signature(*kept, layer))

    def gets(self, reference: str, method: str = "GET") -> int:
        """The status for the reader, twice the same: ready answers say nothing else."""
        statuses = {
            self.reader.request(method, f"/v2/{self.app}/manifests/{reference}").status_code
            for _ in range(3)
        }
        assert len(statuses) == 1
        return statuses.pop()


@pytest.fixture
def project(office: Office) -> Iterator[Project]:
    with closing(Project(office)) as found:
        yield found


def test_where_it_is_demanded_the_unsigned_is_refused_with_words(project: Project) -> None:
    found = project.push()
    assert project.gets("1") == 200
    project.demand("ci")
    assert project.gets("1") == project.gets(found) == project.gets("1", "HEAD") == 403
    error = project.reader.get(f"/v2/{project.app}/manifests/1").json()["errors"][0]
    assert error["code"] == "DENIED"
    assert f"has no good signature of ci, which project {project.name} demands" in error["message"]
    assert f"entrepot verify {project.app}@{found}" in error["message"]
    assert error["detail"] == {"digest": found, "signers": ["ci"]}
    assert project.gets("nothing") == 404


def test_signing_opens_it_and_whatever_ends_that_closes_it(project: Project) -> None:
    """An answer that lay ready outlives no signature, no signer and no demand."""
    found = project.push()
    project.demand("ci")
    assert project.gets("1") == 403
    project.sign(found)
    assert project.gets("1") == project.gets(found) == 200
    project.know(curve())  # another key by the same name
    assert project.gets("1") == 403
    project.know()
    assert project.gets("1") == 200
    project.admin.delete(f"/signers/{project.name}/ci").raise_for_status()
    assert project.gets("1") == 403
    project.know()
    assert project.gets("1") == 200
    path = f"/tags?repository={project.app}&tag={tag_of(found)}"
    project.admin.delete(path).raise_for_status()
    assert project.gets("1") == 403
    project.admin.delete(f"/demands?pattern={project.name}/*").raise_for_status()
    assert project.gets("1") == 200
    project.demand("ci")
    assert project.gets("1") == 403


def test_whoever_pushes_reads_what_they_are_to_sign(project: Project) -> None:
    found = project.push()
    project.demand("ci")
    for reference in ("1", found):
        path = f"/v2/{project.app}/manifests/{reference}"
        assert project.writer.head(path).status_code == 200
        assert project.writer.get(path).status_code == 200
        assert project.gets(reference) == 403  # what the writer got lies ready for nobody


def test_a_token_that_carries_pull_alone_is_a_pushers_still(project: Project) -> None:
    """cosign asks for `pull` before it signs."""
    project.push()
    project.demand("ci")
    for who, status in ((project.writer, 200), (project.reader, 403)):
        scope = f"repository:{project.app}:pull"
        answer = who.get("/token", params={"service": "x", "scope": scope})
        headers = {**BOTH, "authorization": f"Bearer {answer.json()['token']}"}
        path = f"{project.office.served.url}/v2/{project.app}/manifests/1"
        assert httpx.get(path, headers=headers).status_code == status


def test_who_may_only_read_by_a_limited_token_gets_no_more(project: Project) -> None:
    person = project.office.person(f"writer:{project.name}/*")
    limited = project.office.accounts.token(person.name, f"reader:{project.name}/*", name="limited")
    project.push()
    project.demand("ci")
    with project.client(limited.secret) as client:
        assert client.get(f"/v2/{project.app}/manifests/1").status_code == 403


def test_one_of_those_demanded_is_enough_and_every_demand_holds(project: Project) -> None:
    other, found = curve(), project.push()
    project.know(other, "release")
    project.demand("ci", "release")
    project.sign(found, other)
    assert project.gets("1") == 200
    project.demand("ci", pattern=project.app)
    assert project.gets("1") == 403
    project.sign(found)
    assert project.gets("1") == 200


def test_a_signers_signature_is_not_another_writers_to_take_away(project: Project) -> None:
    found = project.push()
    project.sign(found)
    lesser = signature(simple(payload(found), signing(curve())))
    answer = try_manifest(project.writer, project.app, tag_of(found), dump(lesser))
    assert answer.status_code == 403
    assert "moving a tag takes the role maintainer" in answer.text
    project.demand("ci")
    assert project.gets("1") == 200


def test_an_indexs_signature_covers_its_platforms(project: Project) -> None:
    child = image(config=EMPTY)
    put_blob(project.writer, project.app, EMPTY)
    inner = put_manifest(project.writer, project.app, digest(dump(child)), child)
    middle, outer = index(child), index(index(child))
    put_manifest(project.writer, project.app, digest(dump(middle)), middle)
    put_manifest(project.writer, project.app, "multi", outer)
    project.demand("ci")
    below = inner.headers["docker-content-digest"]
    assert project.gets(below) == project.gets("multi") == 403
    project.sign(digest(dump(outer)))
    assert project.gets("multi") == project.gets(below) == 200
    only_images = {"accept": OCI_MANIFEST}  # gets the platform by the index's tag
    answer = project.reader.get(f"/v2/{project.app}/manifests/multi", headers=only_images)
    assert answer.status_code == 200


def test_a_platforms_signature_does_not_cover_its_index(project: Project) -> None:
    child = image(config=EMPTY)
    put_blob(project.writer, project.app, EMPTY)
    put_manifest(project.writer, project.app, digest(dump(child)), child)
    put_manifest(project.writer, project.app, "multi", index(child))
    project.demand("ci")
    project.sign(digest(dump(child)))
    assert project.gets(digest(dump(child))) == 200
    assert project.gets("multi") == 403


def test_what_verifies_is_read_unsigned(project: Project) -> None:
    """Signatures under cosign's tag and as referrers, and attestations."""
    found = project.push()
    project.demand("ci")
    project.sign(found)
    assert project.gets(tag_of(found)) == 200
    statement = b"x" * 20_000
    put_blob(project.writer, project.app, statement)
    subject = {**descriptor(b""), "digest": found, "mediaType": OCI_MANIFEST}
    attached = image(statement, config=EMPTY, subject=subject, artifactType="application/spdx+json")
    put_manifest(project.writer, project.app, digest(dump(attached)), attached)
    assert project.gets(digest(dump(attached))) == 200
    answer = project.reader.get(f"/v2/{project.app}/referrers/{found}")
    assert digest(dump(attached)) in answer.text


def test_nothing_runs_because_it_calls_itself_a_signature(project: Project) -> None:
    """An image under cosign's tag, with its types, or with a subject, stays an image."""
    found = project.push()
    project.demand("ci")
    for part in (b"\x1f\x8b not json", b'{"rootfs": {}}'):
        put_blob(project.writer, project.app, part)
    subject = {**descriptor(b""), "digest": found, "mediaType": OCI_MANIFEST}
    layer = simple(b"\x1f\x8b not json", signing(KEY))
    config = descriptor(b'{"rootfs": {}}', "application/vnd.oci.image.config.v1+json")
    disguised = signature(layer, config=config, subject=subject, artifactType=COSIGN_ARTIFACT)
    put_manifest(project.writer, project.app, "sha256-" + "0" * 64 + ".sig", disguised)
    assert project.gets("sha256-" + "0" * 64 + ".sig") == 403
    assert project.gets(digest(dump(disguised))) == 403
    assert project.gets(found) == 403


def test_by_a_tag_of_its_own_even_an_attachment_has_to_be_signed(project: Project) -> None:
    found = project.push()
    project.demand("ci")
    project.sign(found)
    content = project.writer.get(f"/v2/{project.app}/manifests/{tag_of(found)}").json()
    put_manifest(project.writer, project.app, "stable", content)
    assert project.gets("stable") == 403
    assert project.gets(digest(dump(content))) == 200


def attach(project: Project, found: str, kind: str, layer: str, content: bytes) -> None:
    """A signature as a referrer."""
    for part in (content, EMPTY):
        put_blob(project.writer, project.app, part)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": descriptor(EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [descriptor(content, layer)],
        "subject": {"mediaType": OCI_MANIFEST, "digest": found, "size": 1},
    }
    put_manifest(project.writer, project.app, digest(dump(document)), document)


def test_a_keyless_signature_opens_it(project: Project) -> None:
    found, sigstore = project.push(), Sigstore()
    known = {"identity": "https://github.com/team/*", "issuer": ISSUER, "root": sigstore.root()}
    path = f"/signers/{project.name}/release"
    project.admin.put(path, {"identity": known}).raise_for_status()
    project.demand("release")
    elsewhere = sigstore.bundle(statement(found), identity="https://github.com/other/x")
    attach(project, found, BUNDLE, BUNDLE, elsewhere)
    assert project.gets("1") == 403
    attach(project, found, BUNDLE, BUNDLE, sigstore.bundle(statement(found)))
    assert project.gets("1") == 200


def test_an_answer_ends_with_the_certificate(project: Project) -> None:
    found = project.push()
    path = f"/signers/{project.name}/ops"
    known = of()
    project.admin.put(
        path, {"notation": {"ca": known.ca, "subject": known.subject}}
    ).raise_for_status()
    project.demand("ops")
    now = datetime.now(UTC)
    since, until = now - timedelta(days=1), now + timedelta(seconds=20)
    content = jws(found, certificate=leaf(since=since, until=until))
    attach(project, found, NOTATION, JOSE, content)
    assert project.gets("1") == 200
    deadline = time.monotonic() + 60
    while project.reader.get(f"/v2/{project.app}/manifests/1").status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert datetime.now(UTC) >= until.replace(microsecond=0)


def test_the_audit_knows_who_was_refused(project: Project) -> None:
    project.push()
    project.demand("ci")
    assert project.gets("1") == 403
    deadline = time.monotonic() + 60
    while not (rows := denials(project)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "no good signature of ci" in str(rows[0])
    assert rows[0]["actor"] == f"user:{project.readers_name}"


def denials(project: Project) -> list[dict[str, str]]:
    found = project.admin.get("/audit", repository=project.app, result="denied")
    rows: list[dict[str, str]] = found.json()["items"]
    return rows


def test_another_project_is_not_held_to_it(project: Project, office: Office) -> None:
    with closing(Project(office)) as other:
        other.push()
        project.demand("ci")
        assert other.gets("1") == 200


def test_another_process_keeps_no_answer_longer(project: Project, office: Office) -> None:
    found = project.push()
    with serving(office.served.folder, "own", dangerously_without_accounts=False) as other:

        def gets() -> int:
            path, auth = f"{other.url}/v2/{project.app}/manifests/1", project.reader.auth
            statuses = {httpx.get(path, auth=auth, headers=BOTH).status_code for _ in range(3)}
            assert len(statuses) == 1
            return statuses.pop()

        assert gets() == 200
        project.demand("ci")
        assert gets() == 403
        project.sign(found)
        assert gets() == 200
        project.admin.delete(f"/signers/{project.name}/ci").raise_for_status()
        assert gets() == 403
