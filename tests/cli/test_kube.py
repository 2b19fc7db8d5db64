"""`entrepot kube credential-provider`: the files for a node, and what the cluster must allow."""

import json
import shutil
from pathlib import Path

import pytest
from tests.cli.command import Done
from tests.warm import entrepot

NAME = "entrepot-credential-provider"
CONFIG = "credential-provider.yaml"


def install(folder: Path, *words: str) -> Done:
    return entrepot("kube", "credential-provider", "install", str(folder), *words)


def test_the_folder_of_a_node(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    done = install(folder, "--registry", "registry.example.com:5000")
    assert done.status == 0, done.error
    assert f"wrote {NAME}, {CONFIG} to {folder}" in done.output
    assert f"  --image-credential-provider-bin-dir={folder}\n" in done.output
    assert f"  --image-credential-provider-config={folder}/{CONFIG}\n" in done.output
    assert (folder / NAME).stat().st_mode & 0o777 == 0o755
    config = (folder / CONFIG).read_text()
    assert 'matchImages: ["registry.example.com:5000"]' in config
    assert 'serviceAccountTokenAudience: "registry.example.com:5000"' in config
    again = install(folder, "--registry", "registry.example.com:5000")
    assert again.output.startswith(f"all is in {folder} already\n")
    assert sorted(path.name for path in folder.iterdir()) == sorted([NAME, CONFIG])


def test_a_folder_that_is_copied_to_the_nodes(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("-----BEGIN CERTIFICATE-----\n")
    where = ("--node-folder", "/etc/kubernetes/entrepot", "--python", "/opt/bin/python3")
    words = ("--registry", "r.test", "--audience", "pulls", "--ca", str(ca), "--server", "10.0.0.1")
    done = install(tmp_path / "node", *words, *where, "--json")
    said = json.loads(done.output)
    assert said["written"] == [NAME, CONFIG, "ca.pem"]
    assert said["flags"] == [
        "--image-credential-provider-bin-dir=/etc/kubernetes/entrepot",
        f"--image-credential-provider-config=/etc/kubernetes/entrepot/{CONFIG}",
    ]
    config = (tmp_path / "node" / CONFIG).read_text()
    assert 'args: ["--ca", "/etc/kubernetes/entrepot/ca.pem", "--server", "10.0.0.1"]' in config
    assert 'serviceAccountTokenAudience: "pulls"' in config
    program = (tmp_path / "node" / NAME).read_text()
    assert program.startswith("#!/opt/bin/python3 -IS\n")


def test_another_config_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / CONFIG).write_text("providers: []\n")
    done = install(tmp_path, "--registry", "r.test")
    assert done.status == 1
    assert "says something else: say --replace" in done.error
    assert [path.name for path in tmp_path.iterdir()] == [CONFIG]
    assert install(tmp_path, "--registry", "r.test", "--replace").status == 0
    assert "r.test" in (tmp_path / CONFIG).read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--registry", "https://r.test"], "write HOST or HOST:PORT, without https://"),
        (["--registry", "r.test", "--server", "a b"], "write HOST or HOST:PORT"),
        (["--registry", "r.test", "--ca", "nowhere.pem"], "cannot read nowhere.pem"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(tmp_path: Path, words: list[str], why: str) -> None:
    done = install(tmp_path, *words)
    assert done.status == 2
    assert why in done.error
    assert not list(tmp_path.iterdir())


def test_what_the_cluster_must_allow() -> None:
    done = entrepot("kube", "credential-provider", "rbac", "--audience", "r.test:5000")
    role, binding = json.loads(done.output)["items"]
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["r.test:5000"],
            "verbs": ["request-serviceaccounts-token-audience"],
        }
    ]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [each["name"] for each in binding["subjects"]] == ["system:nodes"]


@pytest.mark.parametrize("command", ["connect", "disconnect"])
def test_a_cluster_that_is_not_there(command: str, tmp_path: Path) -> None:
    allow = ("--allow", "team=reader:team/*") if command == "connect" else ()
    words = ("kube", command, "--registry", "r.test", "--context", "nowhere", *allow)
    done = entrepot(*words, PATH="/nowhere")
    assert (done.status, done.error) == (
        1,
        "entrepot: there is no kubectl here: install it first\n",
    )
    if shutil.which("kubectl"):
        done = entrepot(*words, KUBECONFIG=str(tmp_path / "none"))
        assert done.status == 1
        assert 'context "nowhere" does not exist' in done.error


def test_permissions_are_read_before_anything_is_asked() -> None:
    done = entrepot("kube", "connect", "--registry", "r.test", "--allow", "team", PATH="/nowhere")
    assert done.status == 1
    assert "write NAMESPACE[/SERVICEACCOUNT]=ROLE:PATTERN" in done.error
