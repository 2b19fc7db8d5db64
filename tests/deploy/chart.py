"""The chart in `deploy/chart`: what it renders from values, and what its schema says of them."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from tests.tools import TOOLS, lacking, run, tool

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "chart"

IMAGE = {"repository": "registry.example.org/infra/entrepot"}
DATABASE = {"secret": {"name": "database"}}
STORAGE = {"url": "s3://images/registry", "secret": "bucket"}
PROXY = {"mode": "proxy", "proxies": ["10.0.0.0/8"]}
EVERYBODY = [{"ipBlock": {"cidr": "10.0.0.0/8"}}]

MATRIX: dict[str, dict[str, Any]] = {
    "minimal": {},
    "given claim": {"persistence": {"existingClaim": "old"}, "tls": {"secret": "mine"}},
    "ingress": {
        "host": "registry.example.org",
        "tls": PROXY,
        "ingress": {"enabled": True, "className": "nginx", "secret": "wildcard"},
        "admin": {"secret": {"name": "admin"}},
        "networkPolicy": {"from": EVERYBODY},
    },
    "several": {
        "replicas": 3,
        "host": "registry.example.org",
        "database": DATABASE,
        "storage": STORAGE,
        "encryption": {"secret": {"name": "key"}},
        "config": {"grace": 120, "workers": 2, "trash_days": 0.5, "sso_scopes": ["openid"]},
        "extraEnv": [{"name": "ENTREPOT_LOG_LEVEL", "value": "warning"}],
        "networkPolicy": {
            "database": {"to": [{"podSelector": {"matchLabels": {"app": "postgres"}}}]},
            "egress": [{"ports": [{"port": 8443}]}],
        },
    },
    "autoscaled": {
        "autoscaling": {"enabled": True},
        "database": {**DATABASE, "upgrade": True},
        "storage": STORAGE,
        "podDisruptionBudget": {"maxUnavailable": "25%"},
    },
    "backed up to a volume": {"backup": {"enabled": True}},
    "backed up to a bucket": {
        "replicas": 2,
        "database": DATABASE,
        "storage": STORAGE,
        "backup": {
            "enabled": True,
            "schedule": "@hourly",
            "timeZone": "Europe/Berlin",
            "url": "s3://backups/registry",
            "endpoint": "https://s3.example.org",
            "region": "eu-1",
            "secret": "both",
            "encryption": {"secret": {"name": "backup-key"}},
            "keep": 48,
        },
        "networkPolicy": {"backup": {"port": 9000}},
    },
    "asks other registries": {
        "config": {"outbound_allow": ["10.20.0.5/32"], "known_as": ["old.example.org"]},
        "networkPolicy": {
            "egress": [
                {
                    "to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}],
                    "ports": [{"port": 443, "protocol": "TCP"}],
                },
                {"to": [{"ipBlock": {"cidr": "10.20.0.5/32"}}], "ports": [{"port": 443}]},
            ]
        },
    },
    "database alone": {"database": DATABASE, "networkPolicy": {"enabled": False}},
}
"""Values that are accepted, with what an API server alone knows."""

OPERATORS: dict[str, dict[str, Any]] = {
    "cert-manager": {
        "host": "registry.example.org",
        "tls": {"mode": "cert-manager", "issuer": {"name": "ours"}, "names": ["registry.test"]},
    },
    "gateway": {
        "host": "registry.example.org",
        "gateway": {"enabled": True, "parentRefs": [{"name": "edge", "sectionName": "tls"}]},
    },
    "gateway that ends TLS": {
        "host": "registry.example.org",
        "tls": PROXY,
        "gateway": {"enabled": True, "parentRefs": [{"name": "edge"}]},
    },
    "monitored": {
        "monitoring": {
            "serviceMonitor": {"enabled": True},
            "rules": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboard": {"enabled": True},
        },
    },
}
"""Values whose objects want the definitions of somebody else."""

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Rendered:
    """The manifests of a release."""

    manifests: list[Manifest]

    def all(self, kind: str) -> list[Manifest]:
        return [manifest for manifest in self.manifests if manifest["kind"] == kind]

    def one(self, kind: str) -> Manifest:
        """The only one of its kind."""
        (found,) = self.all(kind)
        return found

    @property
    def pod(self) -> Manifest:
        """The registry's pod."""
        return dict(self.one("Deployment")["spec"]["template"]["spec"])

    @property
    def container(self) -> Manifest:
        """The registry's container."""
        (found,) = self.pod["containers"]
        return dict(found)

    @property
    def pods(self) -> list[Manifest]:
        """Templates of all pods: the registry's, and that of the job that makes backups."""
        jobs = [found["spec"]["jobTemplate"] for found in self.all("CronJob")]
        return [each["spec"]["template"] for each in (*self.all("Deployment"), *jobs)]

    @property
    def toml(self) -> str:
        """The registry's file of settings."""
        maps = [found["data"] for found in self.all("ConfigMap")]
        return next(str(data["entrepot.toml"]) for data in maps if "entrepot.toml" in data)


def render(
    values: Mapping[str, Any],
    release: str = "entrepot",
    *served: str,
    namespace: str = "images",
) -> Rendered:
    """What `helm template` makes of values, and the name of an image, for a cluster that serves
    these kinds, and Kubernetes' own.
    """
    said = run(
        tool("helm"),
        *("template", release, CHART, f"--namespace={namespace}", "--values=-"),
        *(f"--api-versions={kind}" for kind in served),
        text=json.dumps({"image": IMAGE, **values}),
    ).stdout
    return Rendered([found for found in yaml.safe_load_all(said) if found is not None])


def definitions() -> Path:
    """A folder with what defines the kinds of `OPERATORS`."""
    found = TOOLS / "definitions"
    if not (found / "fetched").exists():
        lacking(f"no {found} on this machine: run .ci/tools, it fetches them")
    return found


def refusal(values: Mapping[str, Any]) -> str:
    """Why Helm does not take values."""
    done = subprocess.run(
        [tool("helm"), "template", "entrepot", CHART, "--values=-"],
        input=json.dumps({"image": IMAGE, **values}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    return done.stderr
