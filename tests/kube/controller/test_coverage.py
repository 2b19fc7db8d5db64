"""Which namespaces, accounts and workloads are meant."""

from typing import Any

from tests.kube.controller.accesses import access

from entrepot.kube.controller.coverage import Coverage

ONE = access("one", namespaces=["team-*"], podTemplates={"matchLabels": {"pulls": "ours"}})
TWO = access("two", namespaceSelector={"matchLabels": {"pulls": "yes"}}, serviceAccounts=["*"])


def namespace(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": labels, **more}}


def placed(name: str, where: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": where, "labels": labels or None}}


NAMESPACES = [
    namespace("team-b", {"pulls": "yes"}),
    namespace("team-a"),
    namespace("team-z", deletionTimestamp="2026-01-01T00:00:00Z"),
    namespace("other", {"pulls": "yes"}),
    {"metadata": {"name": "plain"}},
]
FOUND = Coverage.found([ONE, TWO], NAMESPACES)


def test_namespaces_that_stay() -> None:
    assert FOUND.of(ONE) == ["team-a", "team-b"]
    assert FOUND.of(TWO) == ["other", "team-b"]


def test_accounts() -> None:
    assert FOUND.account(placed("default", "team-a")) == {ONE.secret}
    assert FOUND.account(placed("default", "team-b")) == {ONE.secret, TWO.secret}
    assert FOUND.account(placed("ci", "team-b")) == {TWO.secret}
    assert FOUND.account(placed("ci", "team-a")) == set()
    assert FOUND.account(placed("default", "plain")) == set()


def test_nothing_is_meant_where_a_namespace_goes_or_is_not_known() -> None:
    assert FOUND.account(placed("default", "team-z")) == set()
    assert FOUND.account(placed("default", "team-unknown")) == set()


def test_workloads_by_their_label_where_it_says_so() -> None:
    assert FOUND.workload(placed("web", "team-b", pulls="ours")) == {ONE.secret}
    assert FOUND.workload(placed("web", "team-b", pulls="theirs")) == set()
    assert FOUND.workload(placed("web", "team-b")) == set()
    assert FOUND.workload(placed("web", "other", pulls="ours")) == set()


def test_nothing_refers_to_somebody_elses_secret() -> None:
    found = Coverage.found([ONE, TWO], NAMESPACES, {(ONE.name, "team-b")})
    assert found.account(placed("default", "team-b")) == {TWO.secret}
    assert found.workload(placed("web", "team-b", pulls="ours")) == set()
    assert found.account(placed("default", "team-a")) == {ONE.secret}
    assert found.of(ONE) == ["team-a", "team-b"], "it is still meant, and told so"
