"""Logins as docker and podman write them down."""

import json
from base64 import b64encode
from pathlib import Path

import pytest

from entrepot.upstream.access import Credential
from entrepot.upstream.logins import Logins, usual
from entrepot.upstream.place import UpstreamError


def auth(user: str, password: str) -> dict[str, str]:
    return {"auth": b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    ("document", "host", "repository", "found"),
    [
        ({"auths": {"a.test": auth("u", "p:q")}}, "a.test", "x/y", Credential("u", "p:q")),
        ({"auths": {"https://a.test": auth("u", "p")}}, "a.test", "x", Credential("u", "p")),
        (
            {"auths": {"https://index.docker.io/v1/": auth("u", "p")}},
            "docker.io",
            "library/nginx",
            Credential("u", "p"),
        ),
        (
            {"auths": {"a.test": auth("u", "p"), "a.test/x": auth("v", "q")}},
            "a.test",
            "x/y",
            Credential("v", "q"),
        ),
        (
            {"auths": {"a.test": {"identitytoken": "t"}}},
            "a.test",
            "x",
            Credential(identity_token="t"),
        ),
        (
            {"auths": {"a.test": {"username": "u", "password": "p"}}},
            "a.test",
            "x",
            Credential("u", "p"),
        ),
        ({"auths": {"a.test": auth("u", "p")}}, "b.test", "x", None),
        ({"auths": {"a.test": {}}}, "a.test", "x", None),
        ({}, "a.test", "x", None),
        ({"auths": {}, "credHelpers": {"a.test": "tested"}}, "a.test", "x", Credential("h", "s")),
        ({"auths": {"a.test": {}}, "credsStore": "tested"}, "a.test", "x", Credential("h", "s")),
        ({"credHelpers": {"a.test": "knows-nothing"}}, "a.test", "x", None),
    ],
)
def test_the_one_that_counts(
    document: object,
    host: str,
    repository: str,
    found: Credential | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    programs = {"tested": 'echo "{\\"Username\\": \\"h\\", \\"Secret\\": \\"s\\"}"'}
    for name, does in {**programs, "knows-nothing": "exit 1"}.items():
        program = tmp_path / f"docker-credential-{name}"
        program.write_text(f"#!/bin/sh\n{does}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    assert Logins((file, tmp_path / "none")).of(host, repository) == found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot read the logins"),
        ("[]", "cannot read the logins"),
        ('{"auths": {"a.test": {"auth": "%"}}}', "is no base64"),
        ('{"credHelpers": {"a.test": "not-there"}}', "docker-credential-not-there, which is mis"),
        ('{"credHelpers": {"a.test": "../evil"}}', "is no name of a credential helper"),
    ],
)
def test_what_cannot_be_read_is_told(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(text)
    with pytest.raises(UpstreamError, match=says):
        Logins((file,)).of("a.test")


def test_no_password_is_shown() -> None:
    assert "secret" not in repr(Credential("user", "secret", "secret", "secret"))


def test_where_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", "/x/auth.json")
    monkeypatch.setenv("DOCKER_CONFIG", "/x/docker")
    assert [str(usual()[0]), str(usual()[-1])] == ["/x/auth.json", "/x/docker/config.json"]
