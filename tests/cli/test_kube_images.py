"""What runs, as the commands show it; and that they ask before they delete it."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.accounts import ADMIN
from tests.admin.test_clusters import HOST, entry
from tests.cli.desk import Desk
from tests.content import put_image

APP = "fruit/app"


@pytest.fixture
def pusher(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.url, auth=ADMIN.pair, timeout=30) as client:
        yield client


def report(desk: Desk, *images: dict[str, Any], cluster: str = "prod") -> None:
    document = {"hosts": [HOST], "images": images}
    desk.at.put(f"/clusters/{cluster}/images", document).raise_for_status()


def test_what_runs(desk: Desk, pusher: httpx.Client) -> None:
    found = put_image(pusher, APP, "1.0.0", b"apple")
    put_image(pusher, APP, "1.1.0", b"pear")
    report(
        desk,
        entry(APP, "1.0.0", digest=found, pinned=True),
        entry("library/x", host="docker.io", image="x", container="side"),
        entry(APP, "none", state="waiting", container="cron"),
        entry("gone", container="gone", workload="gone"),
    )
    report(desk, entry(APP, "1.1.0", namespace="team-b"), cluster="dev")
    text = desk.good("kube", "images", "--cluster", "prod", "-n", "team-a")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    web = "prod team-a Deployment/web"
    assert lines == [
        "cluster namespace workload container image digest marks",
        f"prod team-a Deployment/gone gone {HOST}/gone:1 - missing, unpinned",
        f"{web} cron {HOST}/{APP}:none - missing, unpinned, waiting",
        f"{web} main {HOST}/{APP}:1.0.0 {found[:19]} newer: 1.1.0",
        f"{web} side x - unpinned, foreign",
    ]
    rows = desk.json("kube", "images", "--marks", "newer, foreign")
    assert [row["container"] for row in rows] == ["main", "side"]
    assert [row["cluster"] for row in desk.json("kube", "images", "--repo", APP)] == [
        "dev",
        "prod",
        "prod",
    ]
    assert desk.bad("kube", "images", "--marks", "missing,old") == (
        "--marks has old: use missing, unpinned, foreign, newer, rollback"
    )
    report(desk)
    assert desk.json("kube", "images", "--cluster", "prod") == []
    past = desk.good("kube", "images", "--cluster", "prod", "--past", "--marks", "newer")
    assert "newer: 1.1.0, gone" in past


def test_clusters(desk: Desk, pusher: httpx.Client) -> None:
    report(desk, entry(APP), cluster="old")
    assert re.search(r"old +1 +20\S+ \S+ +user:admin\n", desk.good("kube", "clusters"))
    assert "Say --yes" in desk.bad("kube", "forget", "old")
    assert desk.good("kube", "forget", "old", "--yes") == "cluster old is forgotten\n"
    assert "old" not in [each["name"] for each in desk.json("kube", "clusters")]
    said = desk.bad("kube", "forget", "old", "--yes")
    assert said == "there is no cluster 'old': entrepot kube clusters lists them"


def test_deleting_asks_first(desk: Desk, pusher: httpx.Client) -> None:
    """Also who has said --yes, which is for what does not run."""
    app = "fruit/asked"
    put_image(pusher, app, "1", b"plum")
    put_image(pusher, app, "2", b"kiwi")
    report(desk, entry(app, "1"), cluster="asked")
    says = "runs in asked: team-a/Deployment/web: delete it all the same? Say --even-if-running"
    assert desk.bad("tag", "delete", app, "1", "--yes").startswith(f"{app}:1 {says}")
    assert desk.bad("repository", "delete", app, "--yes").startswith(f"{app} {says}")
    assert desk.json("tag", "delete", app, "2", "--yes")["trash"]
    gone = desk.json("repository", "delete", app, "--yes", "--even-if-running")
    purge = ("trash", "purge", str(gone["trash"]), "--yes")
    assert "even_if_running" in desk.bad(*purge)
    desk.good("trash", "restore", str(gone["trash"]))
    assert "is deleted" in desk.good("tag", "delete", app, "1", "--yes", "--even-if-running")
    gone = desk.json("repository", "delete", app, "--yes", "--even-if-running")
    desk.good("trash", "purge", str(gone["trash"]), "--yes", "--even-if-running")
