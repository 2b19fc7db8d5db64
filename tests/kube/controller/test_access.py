"""`PullAccess`, read."""

from typing import Any

import pytest
from tests.kube.controller.accesses import HOST, access, source

from entrepot.kube.controller.access import Source


def test_what_is_not_said() -> None:
    found = access()
    assert (found.name, found.uid, found.generation) == ("team", "uid-team", 3)
    assert found.secret == "entrepot-pull-team"
    assert found.service_accounts == ("default",)
    assert found.lifetime == 7200
    assert found.namespaces == ()
    assert found.selector is found.pod_templates is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("2h", 7200), ("99999s", 99999)]
)
def test_a_lifetime(text: str, seconds: float) -> None:
    assert access(lifetime=text).lifetime == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2d", "1h30m", "-1h", " 1h", "1.5h", "1h\n"])
def test_no_lifetime(text: str) -> None:
    with pytest.raises(ValueError, match="is no time such as 30m or 2h"):
        access(lifetime=text)


SOURCES: dict[str, tuple[dict[str, Any], Source]] = {
    "ours": (source(), Source(HOST, ("team/*",), f"https://{HOST}")),
    "a url": (
        source(url="http://10.0.0.1:5000"),
        Source(HOST, ("team/*",), "http://10.0.0.1:5000"),
    ),
    "a login": (
        source(login={"secret": "robot"}),
        Source(HOST, ("team/*",), f"https://{HOST}", login="robot"),
    ),
    "handed on": (
        {"host": "docker.io", "copy": {"secret": "hub"}},
        Source("docker.io", (), "https://docker.io", copied="hub"),
    ),
}


@pytest.mark.parametrize("case", SOURCES)
def test_a_source(case: str) -> None:
    said, expected = SOURCES[case]
    assert access(registries=[said]).sources == (expected,)


@pytest.mark.parametrize("url", ["http://a:b", "https://[zz]", "http://a\nb"])
def test_no_url(url: str) -> None:
    with pytest.raises(ValueError, match="is none: Invalid"):
        access(registries=[source(url=url)])


def test_sources_keep_their_order() -> None:
    found = access(registries=[source("b.test"), source("a.test")])
    assert [each.host for each in found.sources] == ["b.test", "a.test"]


COVERS: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing said": ({}, False),
    "its name": ({"namespaces": ["other", "team-a"]}, True),
    "a pattern": ({"namespaces": ["team-*"]}, True),
    "another pattern": ({"namespaces": ["team"]}, False),
    "its label": ({"namespaceSelector": {"matchLabels": {"pulls": "yes"}}}, True),
    "another label": ({"namespaceSelector": {"matchLabels": {"pulls": "no"}}}, False),
    "an empty selector": ({"namespaceSelector": {}}, True),
    "the name, not the label": (
        {"namespaces": ["team-a"], "namespaceSelector": {"matchLabels": {"pulls": "no"}}},
        True,
    ),
}


@pytest.mark.parametrize("case", COVERS)
def test_it_covers(case: str) -> None:
    spec, expected = COVERS[case]
    assert access(**spec).covers("team-a", {"pulls": "yes"}) is expected


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [(["default"], False), (["ci-*"], True), (["*"], True), (["a", "ci-web"], True), ([], False)],
    ids=str,
)
def test_it_serves(accounts: list[str], expected: bool) -> None:
    assert access(serviceAccounts=accounts).serves("ci-web") is expected
