"""Signers and demands over the admin API; what it says of an image's signatures."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from tests.admin.office import Office, fresh, problem
from tests.content import EMPTY, put_blob, put_image, put_manifest
from tests.signatures.keyless import BUILD, ISSUER, Sigstore, authority
from tests.signatures.signed import curve, payload, pem, signature, signing, simple, tag_of

KEY = curve()
CI = {"key": {"pem": pem(KEY)}}
IDENTITY = {"identity": BUILD, "issuer": ISSUER, "root": Sigstore().root()}
NOTATION = {"ca": authority(KEY).public_bytes(Encoding.PEM).decode(), "subject": "CN=ci"}


@pytest.fixture
def project(office: Office) -> str:
    name = fresh("signed")
    office.admin.at.post("/projects", {"name": name}).raise_for_status()
    return name


@pytest.mark.parametrize(
    "said",
    [CI, {"identity": IDENTITY}, {"notation": NOTATION}],
    ids=["key", "identity", "notation"],
)
def test_a_signer_is_named_shown_changed_and_removed(
    office: Office, project: str, said: Any
) -> None:
    at, path = office.admin.at, f"/signers/{project}/ci"
    made = at.put(path, said)
    assert made.status_code == 200, made.text
    (kind,) = said
    assert made.json()["pattern"] == f"{project}/*"
    assert (made.json()["kind"], made.json()[kind]) == (kind, said[kind])
    changed = at.put(path, {**CI, "pattern": f"{project}/app"}).json()
    assert at.get("/signers", project=project).json()["items"] == [changed]
    assert at.delete(path).status_code == 204
    assert problem(at.delete(path), 404) == f"project {project} has no signer 'ci'"
    rows = at.get("/audit", limit=1000).json()["items"]
    told = [each["action"] for each in rows if each["reference"] == f"signer:{project}/ci"]
    assert sorted(told) == ["signer", "signer", "signer delete"]


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, "give exactly one of key, identity, notation"),
        ({**CI, "notation": NOTATION}, "give exactly one of"),
        ({"key": {"pem": "x"}}, "this is no public key in PEM"),
        ({"identity": {**IDENTITY, "root": "{}"}}, "no trusted root of sigstore"),
        ({"identity": {**IDENTITY, "identity": ""}}, "identity"),
        ({"notation": {**NOTATION, "subject": ""}}, "subject"),
        ({**CI, "pattern": "*"}, "* is not in project"),
        ({**CI, "pattern": "elsewhere/app"}, "elsewhere/app is not in project"),
        ({**CI, "pattern": "../x"}, "is no pattern"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_what_is_no_signer(office: Office, project: str, said: Any, why: str) -> None:
    assert why in problem(office.admin.at.put(f"/signers/{project}/ci", said), 422)
    assert office.admin.at.get("/signers", project=project).json()["items"] == []


def test_a_demand_names_signers_that_are_there(office: Office, project: str) -> None:
    at, path = office.admin.at, f"/demands?pattern={project}/*"
    assert "name one first" in problem(at.put(path, {}), 404)
    at.put(f"/signers/{project}/ci", CI).raise_for_status()
    assert "has no signer release" in problem(at.put(path, {"signers": ["release"]}), 404)
    made = at.put(path, {}).json()
    assert (made["pattern"], made["signers"]) == (f"{project}/*", ["ci"])
    assert made in at.get("/demands").json()["items"]
    assert at.delete(path).status_code == 204
    assert "nothing is demanded" in problem(at.delete(path), 404)
    assert "may mean several projects" in problem(at.put("/demands?pattern=*", {}), 422)


def test_owners_see_and_set_what_is_theirs(office: Office, project: str) -> None:
    owner, reader = office.person(f"owner:{project}/*"), office.person(f"reader:{project}/*")
    assert owner.at.put(f"/signers/{project}/ci", CI).status_code == 200
    assert [each["project"] for each in owner.at.get("/signers").json()["items"]] == [project]
    assert reader.at.get("/signers").json()["items"] == []
    assert reader.at.put(f"/signers/{project}/ci", CI).status_code == 403
    assert reader.at.put(f"/demands?pattern={project}/*", {}).status_code == 403


def test_a_project_goes_with_its_signers(office: Office, project: str) -> None:
    at = office.admin.at
    at.put(f"/signers/{project}/ci", CI).raise_for_status()
    at.put(f"/demands?pattern={project}/*", {}).raise_for_status()
    assert at.delete(f"/projects/{project}").status_code == 204
    assert at.get("/signers", project=project).json()["items"] == []
    assert all(each["project"] != project for each in at.get("/demands").json()["items"])


def test_what_an_image_is_signed_with(office: Office, project: str) -> None:
    at, app = office.admin.at, f"{project}/app"
    with office.served.client.__class__(base_url=office.served.url) as client:
        client.headers["authorization"] = at.authorization
        found = put_image(client, app, "1", b"layer")
        for part in (payload(found), EMPTY):
            put_blob(client, app, part)
        good, other = (simple(payload(found), signing(key)) for key in (KEY, curve()))
        put_manifest(client, app, tag_of(found), signature(good, other))
    asked = {"repository": app, "digest": "1"}
    before = at.get("/signatures", **asked).json()
    assert (before["digest"], before["signers"], before["pullable"]) == (found, [], True)
    assert [each["verdicts"] for each in before["signatures"]] == [[], []]
    at.put(f"/signers/{project}/ci", CI).raise_for_status()
    after = at.get("/signatures", **asked).json()
    assert after["signers"] == ["ci"]
    first, second = (each["verdicts"] for each in after["signatures"])
    assert first == [{"signer": "ci", "good": True, "why": ""}]
    assert second[0]["why"] == "another key made it, or what it signs was changed"
    at.put(f"/signers/{project}/other", {"key": {"pem": pem(curve())}}).raise_for_status()
    at.put(f"/demands?pattern={app}", {"signers": ["other"]}).raise_for_status()
    assert at.get("/signatures", **asked).json()["pullable"] is False
    for wrong, status in (("2", 404), ("sha256:x", 422)):
        answer = at.get("/signatures", repository=app, digest=wrong)
        assert answer.status_code == status
