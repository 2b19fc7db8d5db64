"""`Ward`: a namespace full of pods that do not pull, each for a reason of its own."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from tests.accounts import Credential
from tests.auth.oidc.elsewhere import AUTHORITY, Elsewhere, Says, elsewhere
from tests.cli.command import Done
from tests.cluster.cluster import Cluster
from tests.cluster.pod import SLEEPS, pod
from tests.cluster.policed import deployment, policed, unwanted
from tests.cluster.site import Site
from tests.content import OCI_MANIFEST, digest, dump, image, index, put_image, put_manifest
from tests.registry import free_port
from tests.warm import entrepot

NAME = "ward"
HEALTHY = ("healthy", "public", "second-is-good")
CONFIGURED = "kubernetes.io/dockerconfigjson"
ARM = b'{"architecture": "arm64", "os": "linux"}'
ROTTEN = dump({"rootfs": {"type": "layers", "diff_ids": [digest(b"sound")]}})
CONFIG = dump({"rootfs": {"type": "layers", "diff_ids": [digest(b"lost")]}})
PAST = datetime.now(UTC) - timedelta(days=1)
FULL = "node-full"
"""A node without a kubelet, whose disk is full."""


class Ward:
    """Its pods, and the doctor who comes."""

    def __init__(self, cluster: Cluster, site: Site, ca: Path) -> None:
        self.cluster = cluster
        self.site = site
        self._ca = ca

    def developer(self) -> Path:
        """A kubeconfig of someone who may see pods, and nothing else."""
        where = f"--namespace={NAME}"
        self.cluster.kubectl("create", "role", "looks", "--verb=get", "--resource=pods", where)
        bound = ("--role=looks", "--user=developer", where)
        self.cluster.kubectl("create", "rolebinding", "looks", *bound)
        plane = self.cluster.control_plane
        return plane.certificates.kubeconfig(plane.url, "developer")

    def fill_disk(self) -> None:
        """Say of `FULL` that it is so; where no kubelet says it again it is soon unknown."""
        full = {"type": "DiskPressure", "status": "True", "reason": "KubeletHasDiskPressure"}
        lost = {"type": "Ready", "status": "Unknown"}  # else that is found out between two looks
        status = json.dumps({"status": {"conditions": [full, lost]}})
        self.cluster.kubectl("patch", "node", FULL, "--subresource=status", "--patch", status)

    def doctor(self, *words: str, kubeconfig: Path | None = None) -> Done:
        config = str(kubeconfig or self.cluster.kubeconfig)
        contexts = str(self._ca.with_name("contexts.json"))
        given = ("kube", "doctor", *words, "--ca", str(self._ca))
        return entrepot(*given, KUBECONFIG=config, ENTREPOT_CONTEXTS=contexts)

    def says(self, *words: str, kubeconfig: Path | None = None) -> tuple[int, list[dict[str, Any]]]:
        """Its exit code, and what it finds."""
        self.fill_disk()
        done = self.doctor(*words, "--json", kubeconfig=kubeconfig)
        assert done.output, done.error
        return done.status, json.loads(done.output)

    def await_trouble(self, names: set[str]) -> None:
        """Return when the kubelet has failed with all of them."""

        def failing() -> bool:
            found = self.cluster.get("pods", f"--namespace={NAME}")["items"]
            return names <= {each["metadata"]["name"] for each in found if _waits(each)}

        self.cluster.until("all fail", failing, 240, NAME)


def _waits(pod: Any) -> bool:
    fine = {"ContainerCreating", "PodInitializing", ""}
    statuses = pod["status"].get("containerStatuses", ())
    return any(s["state"].get("waiting", {}).get("reason", "") not in fine for s in statuses)


@contextmanager
def filled(cluster: Cluster, site: Site, folder: Path) -> Iterator[Ward]:
    """A ward whose pods all fail already."""
    ca = folder / "ca.pem"
    ca.write_text(site.ca.read_text() + AUTHORITY.cert_pem.bytes().decode())
    ward = Ward(cluster, site, ca)
    with ExitStack() as ends:
        ends.enter_context(cluster.namespace(NAME))
        ends.enter_context(cluster.namespace(f"{NAME}-next-door"))
        ends.enter_context(policed(cluster, site))
        _furnish(site)
        _secrets(cluster, site)
        pods = _pods(site, dict(_others(cluster, ca, ends)))
        cluster.apply(_account())
        cluster.apply(*(_placed(each) for each in pods))
        cluster.apply({**_account(), "imagePullSecrets": [{"name": "good"}]})
        _full_node(cluster, ends)
        _deployments(cluster, site)
        names = {each["metadata"]["name"] for each in pods}
        ward.await_trouble(names - {*HEALTHY, "disk-pressure"})
        unwanted(cluster, site)
        for name in HEALTHY:
            ready = ("--for=condition=Ready", "--timeout=150s")
            cluster.kubectl("wait", f"--namespace={NAME}", f"pod/{name}", *ready)
        yield ward


def _furnish(site: Site) -> None:
    site.push("ward/app", "1.0")
    site.accounts.project("yard", public=True)
    site.push("yard/app")
    with httpx.Client(
        base_url=site.registry.url, auth=site.pusher.pair, verify=site.registry.verify
    ) as client:
        put_image(client, "ward/arm", "image", b"arm", config=ARM)
        entries = index(image(b"arm", config=ARM))
        entries["manifests"][0]["platform"] = {"os": "linux", "architecture": "arm64"}
        put_manifest(client, "ward/arm", "1", entries)


def _others(cluster: Cluster, ca: Path, ends: ExitStack) -> Iterator[tuple[str, str]]:
    """Registries that are out of order, by what is wrong with them."""
    host = cluster.network.host
    known: dict[str, dict[str, Any]] = {
        "unknown-ca": {},
        "wrong-name": {"name": "other.test"},
        "expired-certificate": {"not_after": PAST},
        "plain-http": {"tls": False},
        "busy": {},
    }
    for name, more in known.items():
        party = ends.enter_context(elsewhere(**{"name": host, "host": host, **more}))
        address = f"{host}:{party.port}"
        if name != "unknown-ca":
            cluster.node.trust(address, ca)
        if name in ("busy", "unknown-ca"):
            _scripted(party)
        yield name, address
    silent = ends.enter_context(socket.create_server((host, 0)))
    yield "timed-out", f"{host}:{silent.getsockname()[1]}"
    yield "refused", f"{host}:{free_port()}"
    yield "unresolved", "registry.invalid"


def _scripted(party: Elsewhere) -> None:
    """429, 500, and images whose layers are lost, or other than they should be."""
    hollow, rotten = image(b"lost", config=CONFIG), image(b"sound", config=ROTTEN)
    found = Says(dump(hollow), headers={"content-type": OCI_MANIFEST})
    bad = Says(dump(rotten), headers={"content-type": OCI_MANIFEST})
    party.says |= {
        "/v2/": Says(),
        "/v2/busy/manifests/1": Says(status=429, headers={"retry-after": "7"}),
        "/v2/fails/manifests/1": Says(status=500),
        "/v2/hollow/manifests/1": found,
        f"/v2/hollow/manifests/{digest(found.body)}": found,
        f"/v2/hollow/blobs/{digest(CONFIG)}": Says(CONFIG),
        "/v2/rotten/manifests/1": bad,
        f"/v2/rotten/manifests/{digest(bad.body)}": bad,
        f"/v2/rotten/blobs/{digest(ROTTEN)}": Says(ROTTEN),
        f"/v2/rotten/blobs/{digest(b'sound')}": Says(b"soond"),
    }


def _secrets(cluster: Cluster, site: Site) -> None:
    here, reader = site.address, site.reader("ward", "ward/*")
    stranger = site.reader("stranger", "elsewhere/*")
    late = site.accounts.robot("late", "reader:ward/*", expires_at=PAST.timestamp())
    wrong = Credential("ward", "wrong")
    made = {
        "good": _auths(here, reader),
        "stranger": _auths(here, stranger),
        "late": _auths(here, late),
        "wrong": _auths(here, wrong),
        "wrong-path": _auths(f"{here}/ward", Credential("nobody", "wrong")),
        "other-host": _auths(cluster.network.host, reader),
        "malformed": {"auths": {here: {"auth": base64.b64encode(b"no colon").decode()}}},
        "empty": {here: {"username": "u", "password": "p"}},
    }
    secrets = [_secret(name, document) for name, document in made.items()]
    secrets.append(_secret("opaque", _auths(here, reader), kind="Opaque"))
    secrets.append(_secret("next-door", _auths(here, reader), namespace=f"{NAME}-next-door"))
    cluster.apply(*secrets)


def _auths(host: str, credential: Credential) -> Any:
    name, secret = credential.pair
    return {"auths": {host: {"username": name, "password": secret}}}


def _secret(name: str, document: Any, kind: str = CONFIGURED, namespace: str = NAME) -> Any:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": kind,
        "stringData": {".dockerconfigjson": json.dumps(document)},
    }


def _account() -> dict[str, Any]:
    """One that names no secret yet."""
    named = {"name": "grown", "namespace": NAME}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": named}


def _pods(site: Site, others: dict[str, str]) -> list[Any]:
    app, ward = f"{site.address}/ward/app", f"{site.address}/ward"
    by_secret = {
        "healthy": ["good"],
        "second-is-good": ["wrong", "good"],
        "secret-missing": ["nowhere"],
        "secret-elsewhere": ["next-door"],
        "secret-type": ["opaque"],
        "secret-malformed": ["malformed"],
        "secret-empty": ["empty"],
        "secret-other-host": ["other-host"],
        "credential-expired": ["late"],
        "credential-refused": ["wrong"],
        "both-refused": ["wrong", "wrong-path"],
        "no-right": ["stranger"],
    }
    by_image = {
        "repository-missing": f"{ward}/ap:1.0",
        "tag-missing": f"{app}:1.1",
        "digest-missing": f"{app}@sha256:{'0' * 64}",
        "no-platform": f"{ward}/arm:1",
        "invalid-name": f"{site.address}/Ward/App:1",
    }
    elsewhere = {name: f"{address}/team/app:1" for name, address in others.items()}
    busy = {
        "too-many": f"{others['busy']}/busy:1",
        "registry-fails": f"{others['busy']}/fails:1",
        "layer-missing": f"{others['busy']}/hollow:1",
        "layer-corrupt": f"{others['busy']}/rotten:1",
    }
    del elsewhere["busy"]
    elsewhere["unknown-ca"] = f"{others['unknown-ca']}/hollow:1"
    never = pod("never-pulled", f"{app}:1.0", command=SLEEPS, secrets=["good"])
    on_the_full_node: dict[str, Any] = {
        "command": SLEEPS,
        "secrets": ["good"],
        "nodeName": FULL,
        "tolerations": [{"operator": "Exists"}],  # it is not thrown out after a while
    }
    never["spec"]["containers"][0] |= {"image": f"{app}:none", "imagePullPolicy": "Never"}
    return [
        *(pod(n, f"{app}:1.0", command=SLEEPS, secrets=s) for n, s in by_secret.items()),
        *(pod(n, i, command=SLEEPS, secrets=["good"]) for n, i in by_image.items()),
        *(pod(n, i, command=SLEEPS) for n, i in (elsewhere | busy).items()),
        pod("public", f"{site.address}/yard/app:1", command=SLEEPS),
        pod("no-credential", f"{app}:1.0", command=SLEEPS),
        pod("pod-older", f"{app}:1.0", command=SLEEPS, serviceAccountName="grown"),
        pod("disk-pressure", f"{app}:1.0", **on_the_full_node),
        never,
    ]


def _placed(pod: Any) -> Any:
    """Each container asks the registry, whatever the node has by then."""
    for container in pod["spec"]["containers"]:
        container.setdefault("imagePullPolicy", "Always")
    return {**pod, "metadata": {**pod["metadata"], "namespace": NAME}}


def _full_node(cluster: Cluster, ends: ExitStack) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": FULL}})
    ends.callback(cluster.kubectl, "delete", "node", FULL)


def _deployments(cluster: Cluster, site: Site) -> None:
    strict = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    cluster.kubectl("patch", "namespace", f"{NAME}-next-door", "--patch", json.dumps(strict))
    app = f"{site.address}/ward/app:1.0"
    cluster.apply(
        deployment("account-missing", pod("x", app, serviceAccountName="nobody"), NAME),
        deployment("forbidden", pod("x", app), f"{NAME}-next-door"),
        deployment("tag-missing", pod("x", f"{app}1", secrets=["good"]), NAME, replicas=2),
    )
