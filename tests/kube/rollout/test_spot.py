"""Which container is meant, and where its image comes from."""

from typing import Any

import pytest
from tests.kube.rollout.documents import HOST, workload

from entrepot.kube.rollout.spot import PlanError, choose, host_for, spots

APP, OTHER = f"{HOST}/team/app:1", f"{HOST}/team/other:1"
ENVOY = "envoyproxy/envoy:v1"


def chosen(found: Any, *names: str, repository: str = "") -> tuple[list[str], str]:
    some, where = choose(spots(found), names, repository, HOST)
    return [each.container for each in some], where


@pytest.mark.parametrize(
    ("images", "names", "repository", "wanted"),
    [
        ({"web": APP}, (), "", (["web"], "team/app")),
        ({"web": "old.example/team/app:1"}, (), "", (["web"], "team/app")),
        ({"web": APP, "proxy": ENVOY}, (), "", (["web"], "team/app")),
        ({"web": APP, "side": OTHER}, (), "team/other", (["side"], "team/other")),
        ({"web": APP, "side": OTHER}, ("side",), "", (["side"], "team/other")),
        ({"web": APP, "proxy": ENVOY}, ("proxy",), "team/proxy", (["proxy"], "team/proxy")),
        ({"web": APP, "work": APP}, ("web", "work"), "", (["web", "work"], "team/app")),
    ],
)
def test_who_is_meant(
    images: dict[str, str], names: tuple[str, ...], repository: str, wanted: Any
) -> None:
    assert chosen(workload(images=images), *names, repository=repository) == wanted


@pytest.mark.parametrize(
    ("images", "names", "repository", "says"),
    [
        ({"web": APP, "work": APP}, (), "", "several containers may be meant: say --container"),
        ({"web": APP, "work": APP}, (), "team/app", "several containers may be meant"),
        ({"a": ENVOY, "b": ENVOY}, (), "", "no container is surely meant: say --container"),
        ({"web": APP}, (), "team/other", f"there is web ({APP})"),
        ({"web": APP}, ("wbe",), "", f"there is no container wbe; there is web ({APP})"),
        ({"web": APP, "side": OTHER}, ("web", "side"), "", "say --repository: the images are"),
        ({"web": "Not/A/Name"}, (), "", "say --repository"),
        ({"web": "\x1b[2J"}, (), "", "say --repository: the images are web (\\x1b[2J)"),
    ],
)
def test_nothing_is_guessed(
    images: dict[str, str], names: tuple[str, ...], repository: str, says: str
) -> None:
    with pytest.raises(PlanError) as refused:
        chosen(workload(images=images), *names, repository=repository)
    assert says in str(refused.value)


def test_init_containers_count() -> None:
    """Those migrate a database by the same image mostly, and must not stay behind unseen."""
    found = workload(images={"web": APP}, init={"migrate": APP})
    with pytest.raises(PlanError, match="several containers may be meant"):
        chosen(found)
    assert chosen(found, "migrate", "web") == (["migrate", "web"], "team/app")
    assert [each.path for each in spots(found)] == [
        "/spec/template/spec/initContainers/0",
        "/spec/template/spec/containers/0",
    ]


@pytest.mark.parametrize(
    ("image", "wanted"),
    [
        ("mirror.internal:5000/team/app:1", "mirror.internal:5000"),
        (f"{HOST}/team/other:1", "login.example"),
        ("team/app:1", "login.example"),
        ("Not/A/Name", "login.example"),
    ],
)
def test_the_registry_is_called_as_before(image: str, wanted: str) -> None:
    [spot] = spots(workload(images={"web": image}))
    assert host_for(spot, "team/app", "login.example") == wanted
