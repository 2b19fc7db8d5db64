"""docs/cache.md, replication.md, failover.md and backup.md, followed over registries made here.

What takes the internet, a cloud or a cluster is left out here by what it begins with, and held to
`--help` by `tests/cli/test_documents`.
"""

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.accounts import ADMIN
from tests.cli.desk import Desk, furnished
from tests.cli.guide import follow, steps
from tests.cluster.guide import page
from tests.content import EMPTY, image, put_blob, put_manifest
from tests.registry import free_port
from tests.upstream.clouds.google_cloud import Google, private_key
from tests.upstream.test_copy import served

from entrepot.auth.ca_folder import Folder

IMAGES = (
    ("team/app", "1.2"),
    ("team/web", "7"),
    ("base/debian", "13"),
    ("library/nginx", "1.29"),
    ("prometheus/node-exporter", "v1.9.0"),
)
DEPLOYMENT = """\
kind: Deployment
spec: {template: {spec: {containers: [IMAGES]}}}
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A registry that may ask others on this machine, with images; an admin is logged in."""
    folder = tmp_path_factory.mktemp("guides")
    with furnished(folder, outbound_allow=("127.0.0.0/8",)) as desk:
        desk.login()
        with httpx.Client(base_url=desk.url, auth=ADMIN.pair) as http:
            for name, tag in IMAGES:
                layer = name.encode()
                put_blob(http, name, EMPTY)
                put_blob(http, name, layer)
                put_manifest(http, name, tag, image(layer))
        yield desk


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where somebody follows a page."""
    found = tmp_path / "work"
    found.mkdir()
    monkeypatch.chdir(found)
    return found


def write(path: Path, *images: str) -> None:
    """Manifests that name images."""
    path.write_text(DEPLOYMENT.replace("IMAGES", ", ".join(f"{{image: {x!r}}}" for x in images)))


def test_cache(desk: Desk, peer: str, work: Path, certificates: Folder) -> None:
    write(work / "deployment.yaml", "nginx:1.29")
    (work / "old-ca.pem").write_text(certificates.ca.cert.read_text())
    for name in ("token", "secret-key"):
        (work / name).write_text("secret")
    key = Google(private_key()).service_key(token_uri="https://oauth2.googleapis.com/token")
    (work / "key.json").write_text(json.dumps(key))
    host = desk.url.removeprefix("http://")
    for name, tag in IMAGES[3:]:
        desk.good("copy", f"{host}/{name}:{tag}", f"{peer}/{name}:{tag}")
    made = set[str]()
    warm = []
    for step in steps(page("cache.md", {})):
        words = step.split()
        if not step.startswith("entrepot "):
            continue
        if words[1:3] == ["upstream", "add"]:
            if words[3] in made:  # the page has another way to make the same
                desk.good("upstream", "remove", words[3], "--yes")
            made.add(words[3])
        if words[2] == "warm":
            for name in ("hub", "quay"):
                desk.good("upstream", "set", name, "--url", f"http://{peer}", "--user", "")
            warm.append(follow(desk, step, work))
            continue
        follow(desk, step, work)
    assert {"hub", "quay", "ghcr", "old", "ecr", "public"} <= made
    assert [said.count(" are kept\n") for said in warm] == [2, 1]
    assert "registry.example.com" in next((work / "node").rglob("hosts.toml")).read_text()
    shown = {each["project"]: each for each in desk.json("upstream", "list")}
    assert "library/*" in shown["hub"]["pinned"]


def test_replication(desk: Desk, peer: str, work: Path) -> None:
    (work / "password").write_text("secret")
    text = page("replication.md", {"https://registry.office.example": f"http://{peer}"})
    said = {step: follow(desk, step, work) for step in steps(text)}
    assert len(said) >= 6
    assert (
        "team/app" in said["entrepot replication list"]
        or "team/*" in said["entrepot replication list"]
    )
    done = desk.run("replication", "run", "office", "--wait")
    assert (done.status, done.output) == (0, "replication office is in step: 2 tags\n"), done
    assert all(served(peer, name, tag).status_code == 200 for name, tag in IMAGES[:2])
    assert served(peer, "base/debian", "13").status_code == 404
    desk.good("replication", "remove", "office", "--yes")


def test_a_replication_that_does_not_get_on_is_not_waited_for(desk: Desk) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    desk.good("replication", "add", "gone", gone, "team/*")
    done = desk.run("replication", "run", "gone", "--wait")
    desk.good("replication", "remove", "gone", "--yes")
    assert done.status == 1
    assert "replication gone is not in step: 2 tags wait; " in done.error
    assert "Connection refused" in done.error


def test_failover(desk: Desk, peer: str, work: Path) -> None:
    host = desk.url.removeprefix("http://")
    there = {
        "registry.example.com": host,
        "backup.example.com": peer,
        "cache.local:5000": f"127.0.0.1:{free_port()}",
    }
    copied, other = (f"{host}/{name}:{tag}" for name, tag in IMAGES[1:3])
    desk.good("copy", copied, f"{peer}/team/web:7")
    write(work / "deployment.yaml", copied, other)
    followed = []
    text = page("failover.md", there).partition("## In a Kubernetes cluster\n")[0]
    for step in steps(text):  # the other half is followed in a cluster
        if step.startswith("entrepot mirror-config"):
            followed.append(follow(desk, step, work))
        elif step.startswith("entrepot drill -f deployment.yaml"):
            done = desk.run(*step.split()[1:])
            assert (done.status, "1 of 2 not served" in done.output) == (1, True), done
            followed.append(done.output)
    assert len(followed) >= 7


def test_backup(desk: Desk, work: Path) -> None:
    data, vault, new = str(desk.served.folder), str(work / "vault"), str(work / "new")
    followed = []
    for step in steps(page("backup.md", {})):
        if not step.startswith("entrepot backup") or ("s3://" in step and "create" in step):
            continue
        whole = " restore " in step and "--only" not in step
        there = step.replace("s3://backups/registry", vault).replace("/mnt/backup", vault)
        there = there.replace("/srv/old", data)  # where a registry was whose backups may go
        followed.append(follow(desk, there.replace("/srv/entrepot", new if whole else data), work))
    assert len(followed) >= 6
    assert re.search(r"backup \S+ is restored to ", "".join(followed))


def test_drill_through_a_cache_that_wants_a_login(desk: Desk, peer: str, tmp_path: Path) -> None:
    """Its names for repositories are others than those that it is asked by."""
    host = desk.url.removeprefix("http://")
    login = base64.b64encode(":".join(ADMIN.pair).encode()).decode()
    (tmp_path / ".docker").mkdir()
    known = json.dumps({"auths": {host: {"auth": login}}})
    (tmp_path / ".docker" / "config.json").write_text(known)
    desk.good("copy", f"{host}/team/app:1.2", f"{peer}/drilled/app:1")
    desk.good("upstream", "add", "drilled", f"http://{peer}", "--for", "drilled.example")
    words = ("drilled.example/drilled/app:1", "--cache", host, "--no-upstream", "--now")
    assert "all 1 served now" in desk.good("drill", *words, "--platform", "linux/amd64")
