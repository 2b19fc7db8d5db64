"""`entrepot kube connect` on a real cluster: the plan, what it makes, and no trace in the end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.command import Done
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.site import Site

ALLOW = ("--allow", "team-a=reader:team/*", "--allow", "team-a/builder=writer:team/*")
KINDS = ("clusterrole", "clusterrolebinding")


@pytest.fixture
def operator(cluster: Cluster, site: Site, tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(cluster, site, tmp_path)
    yield operator
    done = operator.kube("disconnect", "--yes")
    assert done.status == 0, done.error


def ours(operator: Operator) -> list[str]:
    label = "--selector=app.kubernetes.io/managed-by=entrepot"
    found = operator.cluster.get(",".join(KINDS), label)["items"]
    return [f"{each['kind']} {each['metadata']['name']}" for each in found]


def signs(done: Done) -> list[str]:
    assert done.status == 0, done.error
    return [line[0] for line in done.output.splitlines() if line[1:2] == " "]


def test_a_plan_changes_nothing(operator: Operator) -> None:
    done = operator.kube("connect", *ALLOW, "--dry-run")
    assert signs(done) == ["+"] * 5
    assert f"+ registry issuer {operator.cluster.control_plane.url} with 1 key" in done.output
    assert "+ registry system:serviceaccount:team-a:*: reader on team/*" in done.output
    assert operator.said("issuer", "list") == []
    assert ours(operator) == []
    asked = operator.kube("connect", *ALLOW)
    assert asked.status == 2
    assert "Say --yes" in asked.error
    assert operator.said("trust", "list") == []


def test_said_again_it_changes_what_is_different(operator: Operator) -> None:
    assert signs(operator.kube("connect", *ALLOW, "--yes")) == ["+"] * 5
    again = operator.kube("connect", *ALLOW, "--yes")
    assert signs(again) == ["="] * 5
    assert again.output.endswith("all is so already\n")
    fewer = ("--allow", "team-a=writer:team/*")
    assert sorted(signs(operator.kube("connect", *fewer, "--yes"))) == ["-", "=", "=", "=", "~"]
    [rule] = operator.said("trust", "list")
    assert rule["claims"] == {"sub": "system:serviceaccount:team-a:*"}
    assert rule["grants"] == [{"role": "writer", "pattern": "team/*"}]
    name = f"entrepot-pull:{operator.site.address}"
    operator.cluster.kubectl("delete", "clusterrole", name)
    assert sorted(signs(operator.kube("connect", *fewer, "--yes"))) == ["+", "=", "=", "="]


def test_nothing_is_left_of_it(operator: Operator) -> None:
    operator.kube("connect", *ALLOW, "--yes")
    assert ours(operator) != []
    assert signs(operator.kube("disconnect", "--dry-run")) == ["-"] * 5
    assert signs(operator.kube("disconnect", "--yes")) == ["-"] * 5
    assert ours(operator) == []
    assert operator.said("trust", "list") == []
    assert operator.said("issuer", "list") == []
    assert operator.said("grant", "list", "--subject", "workload:kube.test") == []
    assert operator.kube("disconnect", "--yes").output == "all is so already\n"


def test_what_others_made_stays(operator: Operator) -> None:
    operator.kube("connect", *ALLOW, "--yes")
    issuer = operator.cluster.control_plane.url
    rule = ("--audience", "x", "--claim", "sub=me", "--grant", "reader:own/*")
    operator.said("trust", "add", "own", "--issuer", issuer, *rule)
    done = operator.kube("disconnect", "--yes")
    assert signs(done) == ["-"] * 4, "the issuer is needed"
    assert [each["name"] for each in operator.said("trust", "list")] == ["own"]
    operator.said("issuer", "remove", issuer, "--yes")
    name = f"entrepot-pull:{operator.site.address}"
    operator.cluster.kubectl("create", "clusterrole", name, "--verb=get", "--resource=pods")
    try:
        done = operator.kube("connect", *ALLOW, "--yes")
        assert done.status == 1
        assert "was made by somebody else, and is left alone" in done.error
        assert operator.said("issuer", "list") == []
    finally:
        operator.cluster.kubectl("delete", "clusterrole", name)
