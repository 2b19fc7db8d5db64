"""The chart in the cluster: taken by the API server; installed, upgraded and uninstalled."""

import json
import shutil
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests import seaweed as store
from tests.accounts import ADMIN
from tests.clients.carriers import Skopeo
from tests.clients.client import Reach
from tests.clients.image import GREETING, MIB, Image, make_image
from tests.cluster.access import Access, attached, secrets
from tests.cluster.cluster import Cluster
from tests.cluster.pod import Pods, pod
from tests.cluster.release import Release, restrict
from tests.cluster.site import Site
from tests.deploy.chart import MATRIX, OPERATORS, Manifest, definitions, render
from tests.replicas.link import Link
from tests.tools import tool
from tests.warm import entrepot


@pytest.mark.parametrize("case", MATRIX)
def test_api_server_takes_it(cluster: Cluster, namespace: str, case: str) -> None:
    """All objects, as the API server sees them, in a namespace that insists on `restricted`."""
    restrict(cluster, namespace)
    assert taken(cluster, namespace, render(MATRIX[case]).manifests)


@pytest.fixture(scope="module")
def _operators(cluster: Cluster) -> None:
    """The cluster knows what operators define; none of them is there."""
    files = f"--filename={definitions()}"
    cluster.kubectl("apply", "--server-side", files)
    cluster.kubectl("wait", "--for=condition=established", "--timeout=150s", files)


@pytest.mark.usefixtures("_operators")
@pytest.mark.parametrize("case", OPERATORS)
def test_api_server_takes_what_operators_define(
    cluster: Cluster, namespace: str, case: str
) -> None:
    assert taken(cluster, namespace, render(OPERATORS[case]).manifests)


def taken(cluster: Cluster, namespace: str, objects: Sequence[Manifest]) -> bool:
    """Whether the API server would make all of them there, and warns of nothing."""
    there = [
        {**found, "metadata": {**found["metadata"], "namespace": namespace}} for found in objects
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": there})
    strict = ["--dry-run=server", "--validate=strict", "--warnings-as-errors"]
    said = cluster.kubectl("create", *strict, "--filename=-", text=text)
    return said.count("created (server dry run)") == len(objects)


@pytest.fixture(scope="module")
def own(site: Site, own_image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The registry's own image, in the registry, where everybody may pull it."""
    site.accounts.project("infra", public=True)
    repository = f"{site.address}/infra/entrepot"
    skopeo = Skopeo(tmp_path_factory.mktemp("own"), Reach(site.address, site.ca))
    skopeo.login(site.address, site.pusher)
    skopeo.push(own_image, f"{repository}:1")
    return {"repository": repository, "tag": "1"}


@pytest.fixture
def release(
    cluster: Cluster, site: Site, namespace: str, own: dict[str, str], tmp_path: Path
) -> Release:
    """The chart, in the registry and not installed yet."""
    return Release(cluster, site, namespace, tmp_path, own)


@pytest.fixture
def volume(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """A folder on the node that is the registry's volume."""
    with volume_for(cluster, namespace, "entrepot", tmp_path / "volume") as folder:
        yield folder


@pytest.fixture
def backups(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Path]:
    """One for its backups."""
    with volume_for(cluster, namespace, "entrepot-backup", tmp_path / "backups") as folder:
        yield folder


@contextmanager
def volume_for(cluster: Cluster, namespace: str, claim: str, folder: Path) -> Iterator[Path]:
    """A folder on the node that is the only volume for a claim."""
    folder.mkdir()
    folder.chmod(0o777)
    spec = {
        "capacity": {"storage": "100Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "hostPath": {"path": str(folder)},
        "claimRef": {"namespace": namespace, "name": claim},
    }
    name = f"{namespace}-{claim}"
    named = {"metadata": {"name": name}, "spec": spec}
    cluster.apply({"apiVersion": "v1", "kind": "PersistentVolume", **named})
    yield folder
    cluster.kubectl("delete", "persistentvolume", name, "--wait=false")


KEPT = ("PersistentVolumeClaim/entrepot", "PersistentVolumeClaim/entrepot-backup")


@pytest.mark.usefixtures("volume")
def test_controller(cluster: Cluster, release: Release, namespace: str) -> None:
    """It logs in at the registry beside it, and gives a namespace its secret."""
    release.secret("ca", **{"ca.crt": release.ca.read_text()})
    release.secret("login", username=ADMIN.name, password=ADMIN.secret)
    release.install(
        persistence={"storageClass": ""},
        controller={"enabled": True, "cluster": "here", "replicas": 2, "ca": {"secret": "ca"}},
    )
    where = ("--namespace", namespace)
    rollout = ("rollout", "status", "deployment/entrepot-controller", "--timeout=150s")
    cluster.kubectl(*where, *rollout, within=160)
    access = Access(cluster, namespace)
    registry = {"host": release.address, "repositories": ["a/*"], "login": {"secret": "login"}}
    access.say(namespaces=[namespace], registries=[registry])
    access.ready()
    assert attached(cluster, namespace) == [access.secret]
    access.delete()
    cluster.until("it is taken back", lambda: access.secret not in secrets(cluster, namespace))
    release.uninstall("PersistentVolumeClaim/entrepot")


def test_one_over_a_volume(
    cluster: Cluster, release: Release, volume: Path, backups: Path, tmp_path: Path
) -> None:
    release.install(persistence={"storageClass": ""})
    skopeo, name = client(release, tmp_path), f"{release.address}/team/app:1"
    image = make_image(tmp_path / "image", tool("busybox"), MIB)
    pushed = skopeo.push(image, name)
    assert skopeo.pull(name).random == image.random
    assert greets(cluster, name, release.ca)

    before = release.pods
    small = {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}
    backup = {"enabled": True, "persistence": {"storageClass": ""}, "resources": small}
    release.upgrade(config={"trash_days": 3}, backup=backup)

    cluster.until("those before are gone", lambda: not release.pods & before)
    assert skopeo.pull(name).digest == pushed
    release.run("cronjob/entrepot-backup")
    release.uninstall(*KEPT)
    assert (volume / "entrepot.sqlite").exists()
    verified = entrepot("backup", "verify", str(backups))
    assert verified.status == 0, verified

    for each in volume.iterdir():
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    release.install(backup={**backup, "restore": True})
    skopeo = client(release, tmp_path / "again")
    assert skopeo.pull(f"{release.address}/team/app:1").digest == pushed
    release.uninstall(*KEPT)


def test_several(
    cluster: Cluster,
    release: Release,
    database_url: str,
    bucket: store.Bucket,
    tmp_path: Path,
) -> None:
    """An upgrade cuts nobody; one of the database stops all, and what was pushed is there."""
    host, url = cluster.network.host, urlsplit(database_url)
    assert url.port is not None
    with Link(url.port, host) as database, Link(bucket.port, host) as objects:
        there = url._replace(netloc=f"{url.username}@{host}:{database.port}")
        release.secret("database", url=there.geturl())
        release.secret("bucket", **store.CREDENTIALS)
        known = {"secret": {"name": "database"}}
        endpoint = f"http://{host}:{objects.port}"
        kept = {"url": bucket.url, "endpoint": endpoint, "region": "us-east-1", "secret": "bucket"}
        release.install(replicas=2, database=known, storage=kept)
        skopeo, name = client(release, tmp_path), f"{release.address}/team/app:1"
        image = make_image(tmp_path / "image", tool("busybox"), MIB)
        skopeo.push(image, name)
        assert bucket.keys()

        before = release.pods
        with pulling(release, "team/app", "1") as statuses:
            release.upgrade(config={"trash_days": 3})
        assert len(statuses) > 5
        assert set(statuses) == {"200"}
        assert release.pods - before

        release.upgrade(database={**known, "upgrade": True})
        assert skopeo.pull(name).random == image.random
        release.uninstall()


def client(release: Release, folder: Path) -> Skopeo:
    """One that is logged in."""
    skopeo = Skopeo(folder / "skopeo", Reach(release.address, release.ca))
    skopeo.login(release.address, ADMIN)
    return skopeo


@contextmanager
def pulling(release: Release, repository: str, tag: str) -> Iterator[list[str]]:
    """Pull a manifest, by a new connection each time; how that ended, each time."""
    found: list[str] = []
    done = threading.Event()
    url = f"https://{release.address}/v2/{repository}/manifests/{tag}"
    trust = ssl.create_default_context(cafile=str(release.ca))

    def pull() -> None:
        while not done.wait(0.05):
            try:
                answer = httpx.get(url, auth=ADMIN.pair, verify=trust, timeout=60)
                found.append(str(answer.status_code))
            except httpx.HTTPError as error:
                found.append(repr(error))

    thread = threading.Thread(target=pull)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def greets(cluster: Cluster, image: str, ca: Path) -> bool:
    """Whether a pod elsewhere runs an image of the registry in the cluster."""
    address = image.partition("/")[0]
    cluster.node.trust(address, ca)
    with cluster.namespace("apps") as namespace:
        pods = Pods(cluster, namespace)
        who = [f"--docker-username={ADMIN.name}", f"--docker-password={ADMIN.secret}"]
        create = ["create", "secret", "docker-registry", "entrepot"]
        pods.kubectl(*create, f"--docker-server={address}", *who)
        return GREETING in pods.run(pod("greets", image, secrets=["entrepot"]))
