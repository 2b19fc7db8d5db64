"""The files for the nodes: where each lies, and what their README says of them."""

import tomllib

import pytest

from entrepot.kube.node_files import NodeFiles

CA = "-----BEGIN CERTIFICATE-----\n"


@pytest.mark.parametrize(
    ("registry", "folder"),
    [("r.test", "r.test"), ("r.test:5000", "r.test_5000_"), ("10.0.0.1:443", "10.0.0.1_443_")],
)
def test_a_registry_with_a_ca_of_its_own(registry: str, folder: str) -> None:
    files = NodeFiles(registry, "r.test", CA).files()
    certs = f"etc/containerd/certs.d/{folder}"
    assert sorted(files) == sorted(
        [
            "README",
            "etc/kubernetes/entrepot/entrepot-credential-provider",
            "etc/kubernetes/entrepot/credential-provider.yaml",
            "etc/kubernetes/entrepot/ca.pem",
            f"{certs}/hosts.toml",
            f"{certs}/ca.crt",
            f"etc/containers/certs.d/{registry}/ca.crt",
        ]
    )
    hosts = tomllib.loads(files[f"{certs}/hosts.toml"])
    assert hosts == {
        "server": f"https://{registry}",
        "ca": f"/{certs}/ca.crt",
        "host": {
            f"https://{registry}": {
                "capabilities": ["pull", "resolve"],
                "ca": f"/{certs}/ca.crt",
            }
        },
    }
    assert "--image-credential-provider-bin-dir=/etc/kubernetes/entrepot\n" in files["README"]
    assert 'config_path = "/etc/containerd/certs.d"' in files["README"]


def test_a_registry_that_nodes_trust_anyway() -> None:
    files = NodeFiles("r.test", "r.test").files()
    assert [name for name in files if "certs.d" in name or "ca" in name.split("/")[-1]] == []
    assert "containerd" not in files["README"]
