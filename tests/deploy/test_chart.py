"""The chart: what it accepts, and that what it renders is safe, whole and understood."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.chart import (
    CHART,
    DATABASE,
    MATRIX,
    OPERATORS,
    PROXY,
    ROOT,
    STORAGE,
    Rendered,
    refusal,
    render,
)
from tests.tools import run, tool

from entrepot import settings
from entrepot.settings import Settings

ALL = {**MATRIX, **OPERATORS}


@pytest.fixture(params=ALL)
def rendered(request: pytest.FixtureRequest) -> Rendered:
    return render(ALL[request.param])


def test_lint() -> None:
    run(tool("helm"), "lint", "--strict", CHART)


WANTS = "unless database.secret.name and storage.url are given"

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "several over a folder": ({"replicas": 2}, f"'/replicas': value must be '1 {WANTS}'"),
    "several without a bucket": ({"replicas": 2, "database": DATABASE}, WANTS),
    "several without a database": ({"replicas": 2, "storage": STORAGE}, WANTS),
    "autoscaled over a folder": ({"autoscaling": {"enabled": True}}, WANTS),
    "none": ({"replicas": 0}, "/replicas"),
    "unknown": ({"persistance": {}}, "'persistance' not allowed"),
    "proxy that nobody named": ({"tls": {"mode": "proxy"}}, "/tls/proxies"),
    "issuer that nobody named": ({"tls": {"mode": "cert-manager"}}, "/tls/issuer/name"),
    "ingress without a host": ({"ingress": {"enabled": True}}, "/host"),
    "gateway without a parent": (
        {"host": "a.test", "gateway": {"enabled": True}},
        "/gateway/parentRefs",
    ),
    "gateway's parent without a name": (
        {"host": "a.test", "gateway": {"enabled": True, "parentRefs": [{}]}},
        "/gateway/parentRefs/0",
    ),
    "upgrade of SQLite": ({"database": {"upgrade": True}}, "/database/secret/name"),
    "bucket's secret alone": ({"storage": {"secret": "bucket"}}, "/storage/url"),
    "URL of no store": ({"storage": {"url": "ftp://images"}}, "/storage/url"),
    "password in the open": ({"config": {"admin_password": "x"}}, "name it in admin.secret"),
    "database in the open": ({"config": {"database_url": "x"}}, "name it in database.secret"),
    "key in the open": ({"config": {"encryption_key": "x"}}, "name it in encryption.secret"),
    "client's secret in the open": ({"config": {"sso_client_secret": "x"}}, "by valueFrom"),
    "folder elsewhere": ({"config": {"data": "/tmp"}}, "set by the chart"),
    "no image": ({"image": {"repository": ""}}, "image.repository"),
    "tag as a digest": ({"image": {"repository": "a", "digest": "1.0"}}, "/image/digest"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    values, why = REFUSED[case]
    assert why in refusal(values)


def test_secrets_are_refused_in_the_open() -> None:
    """Whatever the settings call a secret."""
    for name in settings.SECRETS:
        assert "secret" in refusal({"config": {name: "x"}})


def test_pod_security(rendered: Rendered) -> None:
    """The level `restricted`, and more."""
    for pod in (template["spec"] for template in rendered.pods):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"] + pod.get("initContainers", []):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]) == {"requests", "limits"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert rendered.one("ServiceAccount")["automountServiceAccountToken"] is False
    assert not {kind["kind"] for kind in rendered.manifests} & {"Role", "ClusterRole", "Secret"}


def test_settings_are_known(rendered: Rendered, tmp_path: Path) -> None:
    """The server itself reads what the chart writes."""
    file = tmp_path / "entrepot.toml"
    file.write_text(rendered.toml)
    settings.load_alone(file)
    names = [entry["name"] for entry in rendered.container["env"]]
    ours = {n.removeprefix("ENTREPOT_").lower() for n in names if n.startswith("ENTREPOT_")}
    assert "config" in ours
    assert ours - {"config"} <= set(Settings.model_fields)


def test_service_links_are_off(rendered: Rendered) -> None:
    """A service `entrepot` would become ENTREPOT_PORT, and the server would not start."""
    assert all(template["spec"]["enableServiceLinks"] is False for template in rendered.pods)


def test_no_secret_in_config_maps(rendered: Rendered) -> None:
    for name in settings.SECRETS:
        assert all(name not in str(found["data"]) for found in rendered.all("ConfigMap"))
    for entry in rendered.container["env"]:
        secret = entry["name"].removeprefix("ENTREPOT_").lower() in settings.SECRETS
        assert secret == ("secretKeyRef" in entry.get("valueFrom", {}))


def test_objects_find_each_other(rendered: Rendered) -> None:
    deployment, service = rendered.one("Deployment"), rendered.one("Service")
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    selectors = [
        service["spec"]["selector"],
        deployment["spec"]["selector"]["matchLabels"],
        *(
            found["spec"]["podSelector"]["matchLabels"]
            for found in rendered.all("NetworkPolicy")
            if not found["metadata"]["name"].endswith("-backup")
        ),
        *(
            found["spec"]["selector"]["matchLabels"]
            for found in rendered.all("PodDisruptionBudget")
        ),
    ]
    assert all(selector.items() <= labels for selector in selectors)
    (port,), (target,) = rendered.container["ports"], service["spec"]["ports"]
    assert port["name"] == target["targetPort"] == target["name"]
    assert port["containerPort"] == 5000
    mounts = {mount["name"] for mount in rendered.container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in rendered.pod["volumes"]}


def test_probes(rendered: Rendered) -> None:
    container = rendered.container
    scheme = container["ports"][0]["name"].upper()
    assert ("tls_cert" in rendered.toml) == (scheme == "HTTPS")
    for probe, path in {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}.items():
        asked = container[f"{probe}Probe"]["httpGet"]
        assert asked == {"path": path, "port": 5000, "scheme": scheme}


def test_there_is_time_to_end(rendered: Rendered) -> None:
    grace = tomllib.loads(rendered.toml).get("grace", Settings.model_fields["grace"].default)
    pause = rendered.container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert rendered.pod["terminationGracePeriodSeconds"] >= grace + pause + 5


def test_network_is_closed() -> None:
    """By itself nobody reaches it, and it reaches nothing but DNS."""
    policy = render({}).one("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy.get("ingress")
    (dns,) = policy["egress"]
    assert {port["port"] for port in dns["ports"]} == {53}
    assert dns["to"]


def test_network_opens_for_what_is_used() -> None:
    policy = render(MATRIX["several"]).one("NetworkPolicy")["spec"]
    ports = [[port["port"] for port in rule["ports"]] for rule in policy["egress"]]
    assert ports == [[53, 53], [5432], [443], [8443]]
    assert policy["egress"][1]["to"] == [{"podSelector": {"matchLabels": {"app": "postgres"}}}]
    policy = render(MATRIX["ingress"]).one("NetworkPolicy")["spec"]
    (rule,) = policy["ingress"]
    assert rule["from"] == [{"ipBlock": {"cidr": "10.0.0.0/8"}}]
    assert rule["ports"] == [{"port": 5000, "protocol": "TCP"}]


def test_one_over_a_volume() -> None:
    found = render({})
    assert found.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    claim = found.one("PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    (data,) = [volume for volume in found.pod["volumes"] if volume["name"] == "data"]
    assert data["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert not found.all("PodDisruptionBudget"), "it would hold up each drain of a node"


def test_several_without_a_volume() -> None:
    found = render(MATRIX["several"])
    spec = found.one("Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (3, "RollingUpdate")
    assert not found.all("PersistentVolumeClaim")
    assert found.one("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    assert found.container["envFrom"] == [{"secretRef": {"name": "bucket"}}]


def test_autoscaler_says_how_many() -> None:
    found = render(MATRIX["autoscaled"])
    deployment = found.one("Deployment")
    assert "replicas" not in deployment["spec"]
    target = found.one("HorizontalPodAutoscaler")["spec"]["scaleTargetRef"]
    assert target["name"] == deployment["metadata"]["name"]


def test_upgrade_of_the_database_stops_all() -> None:
    """No replica of the older version may be at work meanwhile."""
    found = render(MATRIX["autoscaled"])
    (upgrade,) = found.pod["initContainers"]
    assert upgrade["args"] == ["db", "upgrade"]
    assert found.one("Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert "initContainers" not in render(MATRIX["several"]).pod


def test_new_settings_start_new_pods() -> None:
    def checksum(**config: Any) -> Any:
        template = render({"config": config}).one("Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/config"]

    assert checksum(workers=1) == checksum(workers=1) != checksum(workers=2)


def test_route_passes_tls_through() -> None:
    assert render(OPERATORS["gateway"]).all("TLSRoute")
    assert render(OPERATORS["gateway that ends TLS"]).all("HTTPRoute")


def test_route_is_of_a_version_that_is_served() -> None:
    group = "gateway.networking.k8s.io"
    served = {version: f"{group}/{version}/TLSRoute" for version in ("v1", "v1alpha2")}

    def version(*kinds: str) -> str:
        found = render(OPERATORS["gateway"], "entrepot", *kinds).one("TLSRoute")
        return str(found["apiVersion"])

    assert version() == version(*served.values()) == version(served["v1"]) == f"{group}/v1"
    assert version(served["v1alpha2"]) == f"{group}/v1alpha2"


def test_certificate_has_all_names() -> None:
    found = render(OPERATORS["cert-manager"])
    spec = found.one("Certificate")["spec"]
    name = found.one("Service")["metadata"]["name"]
    assert set(spec["dnsNames"]) == {
        "registry.example.org",
        "registry.test",
        f"{name}.images.svc",
        f"{name}.images.svc.cluster.local",
    }
    (tls,) = [volume for volume in found.pod["volumes"] if volume["name"] == "tls"]
    assert tls["secret"]["secretName"] == spec["secretName"]


@pytest.mark.parametrize("release", ["a", "entrepot", "my-entrepot", "r" * 53])
def test_names_fit(release: str) -> None:
    for manifest in render(OPERATORS["monitored"], release).manifests:
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", manifest["metadata"]["name"])


def test_values_of_the_guide() -> None:
    """docs/kubernetes-install.md shows what the chart takes."""
    text = (ROOT / "docs" / "kubernetes-install.md").read_text()
    blocks = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        assert render(yaml.safe_load(block)).one("Deployment")


def test_digest_counts_before_the_tag() -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"repository": "registry.test/entrepot", "tag": "1", "digest": digest}
    assert render({"image": image}).container["image"] == f"registry.test/entrepot@{digest}"
    del image["digest"]
    assert render({"image": image}).container["image"] == "registry.test/entrepot:1"


def test_proxy_is_trusted() -> None:
    found = tomllib.loads(render({"tls": PROXY}).toml)
    assert found["trusted_proxies"] == ["10.0.0.0/8"]
