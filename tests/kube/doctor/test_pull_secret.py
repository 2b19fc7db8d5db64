"""Secrets as the kubelet reads them, and which credentials it takes for an image."""

import base64
import json
from typing import Any

import pytest

from entrepot.kube.doctor.matching import matches, matching
from entrepot.kube.doctor.pull_secret import Credential, PullSecret, State
from entrepot.oci.image_name import Image

JSON, OLD = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"
PAIR = {"username": "u", "password": "p"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def read(kind: str, document: Any) -> PullSecret:
    text = document if isinstance(document, str) else json.dumps(document)
    key = ".dockercfg" if kind == OLD else ".dockerconfigjson"
    return PullSecret.read("s", {"type": kind, "data": {key: encoded(text)}})


@pytest.mark.parametrize(
    ("kind", "document", "pattern", "user", "password"),
    [
        (JSON, {"auths": {"r.test": PAIR}}, "r.test", "u", "p"),
        (OLD, {"r.test": PAIR}, "r.test", "u", "p"),
        (JSON, {"auths": {"https://r.test/v1/": PAIR}}, "r.test", "u", "p"),
        (JSON, {"auths": {"http://r.test:5000": PAIR}}, "r.test:5000", "u", "p"),
        (JSON, {"auths": {"r.test/v2/team": PAIR}}, "r.test/team", "u", "p"),
        (JSON, {"auths": {"r.test/team": PAIR}}, "r.test/team", "u", "p"),
        (JSON, {"auths": {"r.test": {"auth": encoded("a:b:c")}}}, "r.test", "a", "b:c"),
        (JSON, {"auths": {"r.test": {**PAIR, "auth": encoded("a:b")}}}, "r.test", "a", "b"),
    ],
)
def test_what_is_in_one(kind: str, document: Any, pattern: str, user: str, password: str) -> None:
    found = read(kind, document)
    assert found.state is State.GOOD
    assert found.credentials == (Credential("s", pattern, user, password),)


def test_a_password_is_not_shown() -> None:
    assert "hush" not in repr(Credential("s", "r.test", "u", "hush"))


@pytest.mark.parametrize(
    ("kind", "document", "state", "why"),
    [
        ("Opaque", {"auths": {"r.test": PAIR}}, State.WRONG_TYPE, "its type is Opaque"),
        ("kubernetes.io/basic-auth", {}, State.WRONG_TYPE, "basic-auth"),
        (JSON, "nothing", State.MALFORMED, "it is no JSON"),
        (JSON, {"auths": "r.test"}, State.MALFORMED, "an object for each host"),
        (JSON, {"auths": {"r.test": "u:p"}}, State.MALFORMED, "an object for each host"),
        (JSON, {"auths": {"r.test": {"auth": "%"}}}, State.MALFORMED, "r.test is no base64"),
        (JSON, {"auths": {"r.test": {"auth": encoded("u")}}}, State.MALFORMED, "USER:PASSWORD"),
        (JSON, {"r.test": PAIR}, State.EMPTY, 'no "auths"'),
        (JSON, {}, State.EMPTY, 'no "auths"'),
    ],
)
def test_what_is_wrong_with_one(kind: str, document: Any, state: State, why: str) -> None:
    found = read(kind, document)
    assert found.state is state
    assert why in found.why
    assert found.credentials == ()


@pytest.mark.parametrize(
    ("pattern", "name", "wanted"),
    [
        ("r.test", "r.test/team/app", True),
        ("r.test/team", "r.test/team/app", True),
        ("r.test/team", "r.test/other/app", False),
        ("r.test", "r.test:5000/app", False),
        ("r.test:5000", "r.test:5000/app", True),
        ("r.test:5000", "r.test/app", False),
        ("*.test", "r.test/app", True),
        ("*.test", "a.r.test/app", False),
        ("r*.test", "r2.test/app", True),
        ("test", "r.test/app", False),
        ("r.test/team/app/more", "r.test/team/app", False),
    ],
)
def test_whether_a_pattern_means_an_image(pattern: str, name: str, wanted: bool) -> None:
    assert matches(pattern, name) is wanted


def credential(pattern: str, user: str) -> Credential:
    return Credential("s", pattern, user, "p")


def test_the_longest_goes_first() -> None:
    every = [credential("r.test", "b"), credential("r.test/team", "a"), credential("o.test", "c")]
    found = matching(Image.parse("r.test/team/app"), every)
    assert [each.user for each in found] == ["a", "b"]


def test_the_same_is_tried_once() -> None:
    every = [credential("r.test", "a"), credential("r.test/team", "a"), credential("r.test", "b")]
    found = matching(Image.parse("r.test/team/app"), every)
    assert [(each.user, each.pattern) for each in found] == [("a", "r.test/team"), ("b", "r.test")]


@pytest.mark.parametrize("pattern", ["index.docker.io", "docker.io"])
def test_docker_hub_has_two_names(pattern: str) -> None:
    assert matching(Image.parse("busybox"), [credential(pattern, "a")]) != []
    assert matching(Image.parse("r.test/busybox"), [credential(pattern, "a")]) == []
