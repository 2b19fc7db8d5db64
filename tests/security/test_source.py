"""What the source must never do: run what it reads, or fetch what a client tells it to."""

import ast
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.content import EMPTY, FOREIGN, descriptor, image, put_blob, put_manifest

import entrepot

SOURCE = sorted(Path(entrepot.__file__).parent.rglob("*.py"))

RUNS_WHAT_IT_READS = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "yaml", "dbm", "runpy"}
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "system", "popen", "import_module"}
READS_YAML = {"kube/doctor/node_provider.py", "upstream/image_list.py"}
"""What a node's files and manifests are written in, by what makes plain values alone, or none."""
WRITES_MARSHAL = {"db/stretches.py"}
"""To compare what it comes to: it reads none."""
IMPORTS_BY_NAME = {"cli/nouns.py"}
"""From a table of its own, which nobody else writes."""
UNSAFE_YAML = {"load", "load_all", "full_load", "full_load_all", "unsafe_load", "unsafe_load_all"}
GOES_OUT = {
    *("httpx", "httpx2", "httpcore", "httpcore2", "requests", "aiohttp", "urllib3", "authlib"),
    *("urllib.request", "http.client", "ftplib"),
}
MAY_GO_OUT = {
    "auth/oidc/answer.py": {"httpx2"},
    "auth/oidc/outbound.py": {"httpx2"},
    "cli/client.py": {"httpx2"},
    "kube/controller/access.py": {"httpx2"},
    "kube/controller/cluster.py": {"httpx2"},
    "kube/controller/metrics.py": {"aiohttp"},
    "kube/controller/registry.py": {"httpx2"},
    "kube/credential_provider.py": {"http.client"},
    "kube/doctor/http.py": {"httpx2"},
    "upstream/clouds/google_way.py": {"httpx2"},
    "upstream/guarded.py": {"httpx2", "httpcore2"},
    "upstream/http.py": {"httpx2"},
}
"""The server's ways out, which check where they go (`outbound`, and `guarded`, by which `http` goes
to upstreams); commands', to registries they name; what runs on nodes and at a shell, to the
registry that the pod's image names; the controller, to its cluster and to what a PullAccess names
(`access` only reads URLs, and `metrics` only answers). No server imports those.
"""
CONNECTS = {"kube/doctor/reach.py"}


def names(tree: ast.AST) -> Iterator[str]:
    """What is imported, called, or read as an attribute of a call."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.func.id
            elif isinstance(node.func, ast.Attribute) and not is_pattern(node.func):
                yield node.func.attr


def is_pattern(function: ast.Attribute) -> bool:
    return isinstance(function.value, ast.Name) and function.value.id == "re"


def inside(file: Path) -> str:
    return file.relative_to(Path(entrepot.__file__).parent).as_posix()


def test_the_source_is_here() -> None:
    assert len(SOURCE) > 50


@pytest.mark.parametrize("file", SOURCE, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_cve_2026_32590_nothing_that_was_read_is_run(file: Path) -> None:
    found = set(names(ast.parse(file.read_text())))
    if inside(file) in READS_YAML:
        assert found & {"safe_load", "safe_load_all", "compose_all"}
        assert not found & UNSAFE_YAML
        found.remove("yaml")
    if inside(file) in WRITES_MARSHAL:
        found -= {"marshal", "marshal.dumps"}
    if inside(file) in IMPORTS_BY_NAME:
        found.remove("import_module")
    assert not found & (RUNS_WHAT_IT_READS | RUNS_TEXT)
    assert not {name.partition(".")[0] for name in found} & RUNS_WHAT_IT_READS


@pytest.mark.parametrize("file", SOURCE, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_cve_2020_15157_nothing_is_fetched(file: Path) -> None:
    found = set(names(ast.parse(file.read_text())))
    assert found & GOES_OUT == MAY_GO_OUT.get(inside(file), set())
    assert not {name.partition(".")[0] for name in found} & (GOES_OUT - found)
    connects = found & {"create_connection", "open_connection", "urlopen"}
    assert bool(connects) == (inside(file) in CONNECTS)


def test_cve_2020_15157_foreign_layers(client: httpx.Client, repository: str) -> None:
    """Whoever listens where a layer's URL points hears nothing, at push or at pull."""
    with socket.create_server(("127.0.0.1", 0)) as trap:
        trap.settimeout(0.3)
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/layer"
        layer = {**descriptor(b"far", FOREIGN), "urls": [url, "file:///etc/passwd"]}
        put_blob(client, repository, EMPTY)
        document = {**image(), "layers": [layer], "annotations": {"url": url}}
        put_manifest(client, repository, "t", document)
        assert client.get(f"/v2/{repository}/manifests/t").status_code == 200
        assert client.get(f"/v2/{repository}/blobs/{layer['digest']}").status_code == 404
        with pytest.raises(TimeoutError):
            trap.accept()
        socket.create_connection(trap.getsockname()[:2]).close()
        trap.accept()[0].close()  # the trap works
