"""New versions reach a cluster by hand and by one command, and go back; no visitor notices."""

import json
import ssl
from pathlib import Path

import httpx
import pytest
from tests.accounts import Credential
from tests.clients.client import Reach
from tests.clients.helm import Helm
from tests.cluster.cluster import Cluster
from tests.cluster.operator import Operator
from tests.cluster.shop import FAILS, HIDES, Shop, Visits, chart, outcome
from tests.cluster.site import Site

from entrepot.kube.inventory import SOURCES, report


@pytest.fixture(scope="module")
def operator(cluster: Cluster, site: Site, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(cluster, site, tmp_path_factory.mktemp("operator"))


@pytest.fixture
def shop(cluster: Cluster, site: Site, operator: Operator, namespace: str, tmp_path: Path) -> Shop:
    return Shop(cluster, site, operator, namespace, tmp_path)


def test_by_hand(shop: Shop, cluster: Cluster, operator: Operator) -> None:
    """`kubectl set image` with what `entrepot version resolve` says, and `kubectl rollout undo`."""
    reporter = shop.site.accounts.robot(shop.namespace, "reporter:*")
    old = shop.push("1.0.0")
    shop.push("1.1.0-rc.1")
    new = shop.push("1.1.0")
    with Visits.of(shop.open(old)) as visits:
        found = shop.resolved("^1")
        image = f"{shop.site.address}/{shop.repository}:{found['tag']}@{found['digest']}"
        assert image == new
        shop.kubectl("set", "image", "deployment/web", f"web={image}")
        shop.rolled_out()
        visits.until_all_see("1.1.0")
        tell(cluster, shop, reporter)
        assert stands(operator, shop) == {"1.1.0": "deployed", "1.0.0": "kept"}
        rows = operator.said("kube", "images", "-n", shop.namespace)
        assert {(row["image"], row["state"]) for row in rows} == {
            (new, "running"),
            (old, "rollback"),
        }
        shop.kubectl("rollout", "undo", "deployment/web")
        shop.rolled_out()
        visits.until_all_see("1.0.0")
    assert visits.failures == []
    assert set(visits.pages) == {"200 1.0.0", "200 1.1.0"}
    assert shop.images() == [old]
    tell(cluster, shop, reporter)
    assert stands(operator, shop) == {"1.0.0": "deployed", "1.1.0": "kept"}
    operator.said("kube", "forget", "test", "--yes")


def stands(operator: Operator, shop: Shop) -> dict[str, str]:
    """By release, its state in the table of versions; what is deployed is so in the shop alone."""
    rows = operator.said("version", "list", shop.repository, "--no-pre")
    where = [each for row in rows for each in row["where"]]
    assert where == [f"test:{shop.namespace}/web"]
    return {row["version"]: row["state"] for row in rows}


def tell(cluster: Cluster, shop: Shop, reporter: Credential) -> None:
    """Report what runs in the shop, as a controller does, once the old pods are gone."""

    def settled() -> bool:
        return len(cluster.get("pods", f"--namespace={shop.namespace}")["items"]) == 2

    cluster.until("the old pods are gone", settled)
    listed = {
        kind: json.loads(cluster.kubectl("get", "--raw", path))["items"]
        for kind, path in SOURCES.items()
    }
    ours = [each for each in report(listed) if each["namespace"] == shop.namespace]
    trust = ssl.create_default_context(cafile=str(shop.site.ca))
    url = f"https://{shop.site.address}/api/v1/clusters/test/images"
    httpx.put(url, json={"images": ours}, auth=reporter.pair, verify=trust).raise_for_status()


def test_by_helm(shop: Shop, cluster: Cluster, site: Site, tmp_path: Path) -> None:
    """A chart that lies in the registry, too; `helm upgrade` and `helm rollback`."""
    helm = Helm(tmp_path / "helm", Reach(site.address, site.ca))
    helm.env["KUBECONFIG"] = str(cluster.kubeconfig)
    helm.login(site.address, site.pusher)
    helm("package", chart(tmp_path / "chart"), "--destination", tmp_path)
    charts = f"oci://{site.address}/{shop.namespace}/charts"
    helm("push", *helm.reach, tmp_path / "web-1.0.0.tgz", charts)
    source = [f"{charts}/web", "--version", "^1", *helm.reach, "--namespace", shop.namespace]

    def upgrade(version: str) -> None:
        found = shop.resolved(version)
        values = {**found, "repository": f"{site.address}/{shop.repository}"}
        given = [f"--set=image.{key}={values[key]}" for key in ("repository", "tag", "digest")]
        helm("upgrade", "--install", "web", *source, *given, "--wait", "--timeout=150s")

    old, new = shop.push("1.0.0"), shop.push("1.1.0")
    upgrade("~1.0")
    assert shop.images() == [old]
    with Visits.of(shop.address) as visits:
        upgrade("~1.1")
        visits.until_all_see("1.1.0")
        assert shop.images() == [new]
        helm("rollback", "web", "1", "--namespace", shop.namespace, "--wait", "--timeout=150s")
        visits.until_all_see("1.0.0")
    assert visits.failures == []
    assert shop.images() == [old]


def test_by_one_command(shop: Shop, other_site: Site) -> None:
    """There, not again, and back where a version does not start."""
    old, new = shop.push("1.0.0"), shop.push("1.1.0")
    shop.push("1.2.0", FAILS)
    other_site.accounts.project(shop.namespace, public=True)
    shop.push("1.0.0", to=other_site)
    with Visits.of(shop.open(old.partition("@")[0])) as visits:
        done = shop.set_image("web", "--version", "~1.1", "--dry-run")
        assert (done.status, outcome(done)["outcome"]) == (0, "planned")
        assert shop.images() == [old.partition("@")[0]]

        done = shop.set_image("web", "--version", "~1.1", "--timeout", "150s")
        assert (done.status, outcome(done)["outcome"]) == (0, "done"), done
        assert "2 of 2 pods are ready with web:1.1.0\n" in done.error
        assert shop.images() == [new]
        done = shop.set_image("web", "--version", "1.1.0")
        assert (done.status, outcome(done)["outcome"]) == (0, "same"), done

        done = shop.set_image("web", "--version", "~1.2", "--patience", "3s")
        assert (done.status, outcome(done)["outcome"]) == (1, "undone"), done
        why = outcome(done)["why"]
        assert "ended with 3" in why["words"]
        assert why["log"] == ["no configuration"]
        assert shop.images() == [new]

        elsewhere = ("--registry", other_site.address, "--patience", "1s")
        done = shop.set_image("web", "--version", "~1.2", *elsewhere)
        assert (done.status, outcome(done)["outcome"]) == (1, "undone"), done
        finding = outcome(done)["why"]["finding"]
        assert finding["cause"] == "digest_missing", finding
        assert shop.images() == [new]
    assert visits.failures == []
    history = shop.kubectl("rollout", "history", "deployment/web")
    assert f"--version '~1.1': {shop.repository}:1.1.0" in history
    done = shop.set_image("web", "--version", "~7")
    assert (done.status, done.output) == (1, "")


def test_what_never_gets_ready_is_left_where_one_wishes(shop: Shop) -> None:
    old, new = shop.push("1.0.0"), shop.push("1.1.0", HIDES)
    shop.open(old)
    done = shop.set_image("web", "--version", "^1", "--timeout", "4s", "--no-undo")
    assert (done.status, outcome(done)["outcome"]) == (3, "failed"), done
    assert outcome(done)["why"]["words"].startswith("not through after 4 s: 0 of 2 pods are ready")
    assert shop.images() == [new]
    done = shop.set_image("web", "--version", "^1", "--timeout", "2s")
    assert (done.status, outcome(done)["outcome"]) == (3, "failed"), "what is so is not undone"
    done = shop.set_image("web", "--version", "1.0.0", "--timeout", "150s")
    assert (done.status, outcome(done)["outcome"]) == (0, "done"), done


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_the_other_kinds(shop: Shop, kind: str) -> None:
    """A StatefulSet does not come back by itself from what never was ready."""
    named = {"serviceName": "web", "replicas": 1} if kind == "StatefulSet" else {}
    old, new = shop.push("1.0.0"), shop.push("1.1.0")
    shop.push("1.2.0", FAILS)
    shop.open(old, kind, **named)
    target = f"{kind.lower()}/web"
    done = shop.set_image(target, "--version", "~1.1")
    assert (done.status, outcome(done)["outcome"]) == (0, "done"), done
    done = shop.set_image(target, "--version", "~1.2", "--patience", "1s", "--timeout", "100s")
    assert (done.status, outcome(done)["outcome"]) == (1, "undone"), done
    assert shop.images(kind) == [new]
    shop.rolled_out(kind)
    history = shop.kubectl("rollout", "history", target)
    assert f"--version '~1.1': {shop.repository}:1.1.0" in history
