"""`entrepot mirror-config`: what is printed, what is written, and what is refused."""

import json
import tomllib
from pathlib import Path

import pytest
from tests.cli.desk import Desk

HOSTS = "etc/containerd/certs.d/r.test/hosts.toml"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
COPIES = ("--replica", "backup.test", "--cache", "cache.test:5000")


@pytest.fixture
def desk(empty: Desk) -> Desk:
    """Nobody has to be logged in."""
    return empty


def test_it_is_printed_as_it_is_written(desk: Desk, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(CA)
    words = ("mirror-config", "containerd", "r.test", *COPIES, "--ca", str(ca))
    shown = desk.good(*words)
    document = desk.json(*words)
    node = tmp_path / "node"
    said = desk.good(*words, "--to", str(node))
    assert [each["path"] for each in document["files"]] == [
        f"/{HOSTS}",
        f"/{HOSTS.replace('hosts.toml', 'ca.crt')}",
    ]
    for each in document["files"]:
        path = node / each["path"][1:]
        assert path.read_text() == each["text"]
        assert f"# {each['path']}\n{each['text']}" in shown
        assert f"wrote {path}\n" in said
    assert [each["at"] for each in document["asked"]["r.test"]] == [
        "r.test",
        "backup.test",
        "cache.test:5000",
    ]
    assert tomllib.loads((node / HOSTS).read_text())["server"] == "https://cache.test:5000"
    assert document["note"] in shown
    assert document["note"] in said


def test_what_says_something_else_is_not_written_over(desk: Desk, tmp_path: Path) -> None:
    words = ("mirror-config", "containerd", "r.test", "--to", str(tmp_path / "node"))
    desk.good(*words, "--replica", "backup.test")
    again = desk.json(*words, "--replica", "backup.test")
    assert again["written"] == []
    before = (tmp_path / "node" / HOSTS).read_text()
    other = (*words, "r.test:5000", "--replica", "other.test")
    assert "hosts.toml is there and says something else: say --replace" in desk.bad(*other)
    assert (tmp_path / "node" / HOSTS).read_text() == before
    assert not (tmp_path / "node" / HOSTS.replace("r.test", "r.test_5000_")).exists()
    assert len(desk.json(*other, "--replace")["written"]) == 2
    assert "other.test" in (tmp_path / "node" / HOSTS).read_text()


def test_what_others_put_into_a_daemon_json_stays(desk: Desk, tmp_path: Path) -> None:
    daemon = tmp_path / "etc/docker/daemon.json"
    daemon.parent.mkdir(parents=True)
    daemon.write_text('{"log-driver": "journald", "registry-mirrors": ["https://old.test"]}')
    words: tuple[str, ...] = ("mirror-config", "docker", "docker.io", "--to", str(tmp_path))
    words += ("--cache", "cache.test:5000", "--plain-http", "cache.test:5000")
    assert "say --replace" in desk.bad(*words)
    desk.good(*words, "--replace")
    assert json.loads(daemon.read_text()) == {
        "log-driver": "journald",
        "registry-mirrors": ["http://cache.test:5000"],
        "insecure-registries": ["cache.test:5000"],
    }
    assert desk.json(*words)["written"] == []
    daemon.write_text("[")
    assert "daemon.json is there, and is no object of JSON: mend it" in desk.bad(*words)


def test_short_names(desk: Desk) -> None:
    words = ("mirror-config", "podman", "docker.io", "--cache", "cache.test:5000")
    assert "unqualified" not in desk.good(*words)
    *_, last = desk.json(*words, "--short-names")["files"]
    assert tomllib.loads(last["text"]) == {"unqualified-search-registries": ["docker.io"]}


ERRORS: dict[str, str] = {
    "containerd r.test": "name a copy: one of --primary, --replica and --cache",
    "containerd r.test --replica backup": "'backup' has no dot, no port",
    "containerd https://r.test --replica b.test": "'https://r.test' is no HOST[:PORT][/PATH]",
    "containerd r.test/team --replica b.test": "containerd knows hosts, and no paths: write r.test",
    "containerd r.test --replica b.test --replica b.test": "b.test is named twice",
    "containerd r.test --replica b.test --short-names": "leave --short-names",
    "containerd r.test --replica b.test --ca /no/such": "cannot read /no/such",
    "containerd r.test --replica b.test --ca {file}": "has no certificate in PEM",
    "crio r.test gcr.io --cache c.test/hub": "has a path, which stands for one registry",
    "podman r.test --cache c.test --short-names": "short names are those of docker.io",
    "docker docker.io r.test --cache c.test": "docker has mirrors for docker.io alone, and none",
    "docker docker.io --replica b.test": "docker asks docker.io last, whatever it is told",
    "docker docker.io --cache c.test --no-upstream": "docker asks docker.io last",
    "docker docker.io --cache c.test/hub": "docker takes no path in a mirror: write c.test",
    "containerd r.test --replica b.test --to {file}": "cannot write to",
}


@pytest.mark.parametrize("line", ERRORS)
def test_errors_name_what_mends_them(desk: Desk, line: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing")
    words = line.format(file=tmp_path / "file").split()
    assert ERRORS[line] in desk.bad("mirror-config", *words)
