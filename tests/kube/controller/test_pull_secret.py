"""The pull secret: what is written is read again, and nothing else."""

import base64
import copy
import json
from typing import Any

import pytest
from tests.kube.controller.accesses import HOST, access, source

from entrepot.kube.controller.access import Source
from entrepot.kube.controller.pull_secret import (
    Credential,
    ForeignError,
    document,
    handed_on,
    read,
    wanted,
)

KEY = ".dockerconfigjson"
KNOWN = "entrepot.dev/credentials"
HUB = "https://index.docker.io/v1/"
OURS = Credential("robot/kube", "päss:word", "w1", expires=2_000_000_000.5, number=12)
CREDENTIALS = {HOST: OURS, "docker.io": Credential("hub", "secret", "w2")}
ACCESS = access()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def made() -> dict[str, Any]:
    return document(ACCESS, "team-a", CREDENTIALS)


def config(secret: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(secret["data"][KEY]))


def test_what_is_written_is_read() -> None:
    assert read(made()) == CREDENTIALS


def test_as_the_kubelet_reads_it() -> None:
    secret = made()
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    name, password = OURS.username, OURS.password
    assert config(secret)["auths"] == {
        HOST: {"username": name, "password": password, "auth": encoded(f"{name}:{password}")},
        HUB: {"username": "hub", "password": "secret", "auth": encoded("hub:secret")},
    }


def test_whose_it_is() -> None:
    metadata = made()["metadata"]
    assert (metadata["name"], metadata["namespace"]) == (ACCESS.secret, "team-a")
    (owner,) = metadata["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"]) == ("PullAccess", "team", ACCESS.uid)
    assert metadata["labels"]["entrepot.dev/pull-access"] == "team"


def test_no_password_is_in_its_metadata() -> None:
    """It is in each audit log that leaves the data of secrets out."""
    said = json.dumps(made()["metadata"], ensure_ascii=False)
    assert not [each for each in CREDENTIALS.values() if each.password in said]


def test_a_long_name_is_a_good_label() -> None:
    secret = document(access("a" * 200), "team-a", CREDENTIALS)
    assert len(secret["metadata"]["labels"]["entrepot.dev/pull-access"]) <= 63


def spoiled(known: Any = None, **auth: Any) -> dict[str, Any]:
    """With other things known of the one of `HOST`, or another entry."""
    secret = copy.deepcopy(made())
    if known is not None:
        secret["metadata"]["annotations"][KNOWN] = (
            known if isinstance(known, str) else _known(known)
        )
    whole = config(secret)
    whole["auths"][HOST] |= auth
    secret["data"][KEY] = encoded(json.dumps(whole))
    return secret


def _known(changes: dict[str, Any]) -> str:
    known = json.loads(made()["metadata"]["annotations"][KNOWN])
    known[HOST] |= changes
    return json.dumps(known)


def without(*path: str) -> dict[str, Any]:
    secret = copy.deepcopy(made())
    part = secret
    for each in path[:-1]:
        part = part[each]
    del part[path[-1]]
    return secret


SPOILED: dict[str, dict[str, Any]] = {
    "no annotation": without("metadata", "annotations", KNOWN),
    "no annotations": without("metadata", "annotations"),
    "no data": without("data"),
    "no config": without("data", KEY),
    "no base64": {**made(), "data": {KEY: "="}},
    "no JSON": {**made(), "data": {KEY: encoded("{")}},
    "no auths": {**made(), "data": {KEY: encoded("{}")}},
    "a list": {**made(), "data": {KEY: encoded('{"auths": []}')}},
    "not of the host": {**made(), "data": {KEY: encoded('{"auths": {"other.test": {}}}')}},
    "too deep": {**made(), "data": {KEY: encoded("[" * 100_000)}},
    "another password": spoiled(password="guess"),
    "another auth": spoiled(auth=encoded("a:b")),
    "a number for a name": spoiled(username=1),
    "nothing is known": spoiled("null"),
    "a word is known": spoiled('"word"'),
    "known too deep": spoiled("[" * 100_000),
    "a field more": spoiled({"more": 1}),
    "expires some day": spoiled({"expires": "tomorrow"}),
    "expires never": spoiled({"expires": 1e300}),
    "expires at no number": spoiled({"expires": float("nan")}),
    "expired before time began": spoiled({"expires": -1}),
    "no number": spoiled({"number": "12"}),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_one_holds_nothing(case: str) -> None:
    """So it is made anew; whoever may write there does not stop the controller."""
    assert read(SPOILED[case]) == {}


@pytest.mark.parametrize("labels", [None, {}, {"app.kubernetes.io/managed-by": "Helm"}], ids=str)
def test_somebody_elses(labels: dict[str, str] | None) -> None:
    secret = made()
    secret["metadata"]["labels"] = labels
    with pytest.raises(ForeignError, match="entrepot-pull-team of namespace team-a"):
        read(secret)


BASE = Source(HOST, ("a/*", "b/*"), f"https://{HOST}")
CHANGED: dict[str, str] = {
    "host": wanted(ACCESS, Source("b.test", BASE.repositories, BASE.url)),
    "url": wanted(ACCESS, Source(HOST, BASE.repositories, "http://a.test")),
    "repositories": wanted(ACCESS, Source(HOST, ("a/*",), BASE.url)),
    "lifetime": wanted(access(lifetime="1h"), BASE),
    "copied": wanted(ACCESS, BASE, {"username": "a", "password": "b"}),
}


def test_a_change_is_seen() -> None:
    words = [wanted(ACCESS, BASE), *CHANGED.values()]
    assert len(set(words)) == len(words)


def test_what_is_no_change() -> None:
    again = Source(HOST, ("b/*", "a/*"), BASE.url, login="other")
    renamed = access(namespaces=["more"], registries=[source("more.test")])
    assert wanted(renamed, again) == wanted(ACCESS, BASE)


def secret(**data: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "hub"},
        "data": {key: encoded(text) for key, text in data.items()},
    }


def docker(**auths: Any) -> dict[str, Any]:
    return secret(**{KEY: json.dumps({"auths": auths})})


PLAIN = {"username": "who", "password": "pass:word"}
AUTH = {"auth": encoded("who:pass:word")}
HANDED: dict[str, tuple[dict[str, Any], str]] = {
    "basic-auth": (secret(**PLAIN), HOST),
    "username and password": (docker(**{HOST: PLAIN}), HOST),
    "auth": (docker(**{HOST: AUTH}), HOST),
    "auth counts": (docker(**{HOST: {**AUTH, "username": "x", "password": "y"}}), HOST),
    "beside what is no text": (
        {**secret(**PLAIN), "data": {**secret(**PLAIN)["data"], "more": "/w=="}},
        HOST,
    ),
    "one of two": (docker(**{"a.test": {"auth": encoded("a:b")}, HOST: AUTH}), HOST),
    "Docker Hub": (docker(**{HUB: AUTH}), "docker.io"),
    "Docker Hub by its name": (docker(**{"docker.io": AUTH}), "docker.io"),
}


@pytest.mark.parametrize("case", HANDED)
def test_handed_on(case: str) -> None:
    assert handed_on(*HANDED[case]) == PLAIN


NOT_HANDED: dict[str, dict[str, Any]] = {
    "no data": {"metadata": {"name": "hub"}},
    "no password": secret(username="who"),
    "another host": docker(**{"a.test": AUTH}),
    "an empty entry": docker(**{HOST: {}}),
    "no base64": docker(**{HOST: {"auth": "="}}),
    "no JSON": secret(**{KEY: "{"}),
    "no auths": secret(**{KEY: "{}"}),
    "a list of auths": secret(**{KEY: '{"auths": []}'}),
    "no text": {"metadata": {"name": "hub"}, "data": {"username": "/w==", "password": "/w=="}},
}


@pytest.mark.parametrize("case", NOT_HANDED)
def test_nothing_to_hand_on(case: str) -> None:
    with pytest.raises(ValueError, match=f"secret hub has no credentials for {HOST}: make it of"):
        handed_on(NOT_HANDED[case], HOST)
