"""`entrepot serve`: what it says at the start, and what it says when it cannot."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cli.command import Done
from tests.crash.connection import Connection
from tests.registry import StartRegistry
from tests.warm import entrepot

from entrepot import __version__
from entrepot.db import engine
from entrepot.encryption.keys import MasterKey
from entrepot.oci.digest import Digest


@pytest.fixture
def taken() -> Iterator[str]:
    """An address at which someone else listens."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


def refused(done: Done) -> str:
    """What it said when it ended at once, on one line and without a trace of its inner life."""
    assert done.status == 2, done
    assert done.output == ""
    assert done.error.startswith("entrepot: ")
    assert done.error.count("\n") == 1
    return done.error


def serve(*arguments: str, cwd: Path, **env: str) -> Done:
    return entrepot("serve", "--listen", "127.0.0.1:0", *arguments, cwd=cwd, **env)


def test_a_port_that_is_taken(taken: str, tmp_path: Path) -> None:
    done = entrepot("serve", "--listen", taken, cwd=tmp_path)
    said = refused(done)
    assert f"cannot listen on {taken}: Address already in use; try another --listen" in said
    assert not (tmp_path / "data").exists()


def test_an_unknown_setting(tmp_path: Path) -> None:
    said = refused(serve(cwd=tmp_path, ENTREPOT_WORKRES="2"))
    assert "there is no setting ENTREPOT_WORKRES: did you mean ENTREPOT_WORKERS?" in said
    (tmp_path / "entrepot.toml").write_text("lisen = '127.0.0.1:1'\n")
    assert "there is no setting lisen: did you mean listen?" in refused(serve(cwd=tmp_path))


@pytest.mark.parametrize(
    ("set_", "said"),
    [
        ({"issuer": "https://a"}, "sso_issuer and sso_client_id belong together"),
        ({"client_id": "x"}, "sso_issuer and sso_client_id belong together"),
        ({"issuer": "login", "client_id": "x"}, "ENTREPOT_SSO_ISSUER is login: "),
        ({"issuer": "https://a", "client_id": "x", "ca": "none.pem"}, "cannot read none.pem"),
        ({"issuer": "https://a", "client_id": "x", "ca": "/etc/hostname"}, "ENTREPOT_SSO_CA is"),
    ],
    ids=str,
)
def test_a_provider_that_cannot_be(tmp_path: Path, set_: dict[str, str], said: str) -> None:
    env = {f"ENTREPOT_SSO_{name.upper()}": value for name, value in set_.items()}
    assert said in refused(entrepot("serve", cwd=tmp_path, stdin="", **env))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--workers", "0"], "--workers is 0: "),
        (["--listen", "5000"], "HOST:PORT"),
        (["--config", "missing.toml"], "cannot read missing.toml: No such file or directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_setting_that_cannot_be(arguments: list[str], said: str, tmp_path: Path) -> None:
    assert said in refused(serve(*arguments, cwd=tmp_path))


@pytest.mark.parametrize("listen", ["0.0.0.0:0", ":0", "[::]:0"])
def test_beyond_loopback_only_where_the_danger_is_accepted(listen: str, tmp_path: Path) -> None:
    said = refused(entrepot("serve", "--listen", listen, cwd=tmp_path))
    assert "can be reached from other machines" in said
    assert "ENTREPOT_DANGEROUSLY_OPEN_TO_NETWORK=true" in said


def file_in_the_way(folder: Path) -> str:
    (folder / "data").write_text("a file")
    return "File exists"


def folder_where_the_database_is(folder: Path) -> str:
    (folder / "data" / engine.FILE).mkdir(parents=True)
    return "unable to open database file"


def no_database(folder: Path) -> str:
    (folder / "data").mkdir()
    (folder / "data" / engine.FILE).write_bytes(b"something else" * 1000)
    return "file is not a database"


def file_where_blobs_are(folder: Path) -> str:
    (folder / "data").mkdir()
    (folder / "data" / "blobs").write_text("a file")
    return "File exists"


def newer_schema(folder: Path) -> str:
    engine.prepare(folder / "data")
    with sqlite3.connect(folder / "data" / engine.FILE) as db:
        db.execute("pragma user_version = 77")
    db.close()
    return "has schema 77, this Entrepot knows"


SPOILERS = [
    file_in_the_way,
    folder_where_the_database_is,
    no_database,
    file_where_blobs_are,
    newer_schema,
]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_a_folder_that_cannot_be_used(spoil: Callable[[Path], str], tmp_path: Path) -> None:
    why = spoil(tmp_path)
    said = refused(serve(cwd=tmp_path))
    assert why in said
    assert str(tmp_path / "data") in said


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_the_banner_leads_to_the_registry(host: str, tmp_path: Path) -> None:
    serving = subprocess.Popen(
        [sys.executable, "-m", "entrepot", "serve", "--listen", f"{host}:0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert serving.stdout is not None
    try:
        first, second = serving.stdout.readline(), serving.stdout.readline()
        start, _, address = first.rstrip("\n").partition(" listens on http://")
        assert start == f"Entrepot {__version__}"
        assert second == f"its data lies in {tmp_path / 'data'}\n"
        assert address.startswith(f"{host}:")
        with Connection(address) as at:
            assert b"log in first" in at.expect(401, "GET", "/v2/_catalog").body
    finally:
        serving.terminate()
        assert serving.wait(60) == 0
        output = serving.stdout.read()
        serving.communicate()
    assert f"docker login {address}" in output
    assert "log in as admin with the password" in output


def test_one_option_goes_before_the_environment_and_that_before_the_file(
    start_registry: StartRegistry, tmp_path: Path
) -> None:
    (tmp_path / "registry-1").mkdir()
    (tmp_path / "registry-1" / "entrepot.toml").write_text(
        "data = 'nowhere'\nmax_header_bytes = 2000\nworkers = 1\n"
    )
    registry = start_registry(max_header_bytes=1024)
    assert registry.data.exists()
    assert not (tmp_path / "registry-1" / "nowhere").exists()
    with Connection(registry.address) as at:
        assert at.ask("GET", "/v2/", headers={"X-Long": "x" * 1500}).status == 431


def test_check_where_there_is_no_registry(tmp_path: Path) -> None:
    said = refused(entrepot("check", cwd=tmp_path))
    assert f"there is no registry in {tmp_path / 'data'}: name its folder with --data" in said
    assert list(tmp_path.iterdir()) == []


def test_check_of_another_version(tmp_path: Path) -> None:
    why = newer_schema(tmp_path)
    assert why in refused(entrepot("check", cwd=tmp_path))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_registry_that_cannot_start_does_not_end_with_success(
    workers: str, tmp_path: Path
) -> None:
    """The folder is fine until a worker wants to use it."""
    (tmp_path / "data" / "generation").mkdir(parents=True)
    done = serve("--workers", workers, cwd=tmp_path)
    assert done.status == 3
    assert "Application startup failed" in done.error


def test_keys_that_are_not_here(start_registry: StartRegistry, tmp_path: Path) -> None:
    """What lies there could not be read, so it does not start; nor does `check` call it damaged."""
    old, new = MasterKey.new(), MasterKey.new()
    registry = start_registry(encryption_key=old.line)
    with Connection(registry.address) as at:
        at.expect(201, "POST", f"/v2/a/b/blobs/uploads/?digest={Digest.of(b'x')}", b"x")
    registry.stop()
    wrong = {
        f"was encrypted by the key {old.id}, which is not among those": ["", new.line],
        f"the key {old.id} does not open with the key that has this id": [
            MasterKey(old.id, new.secret).line
        ],
    }
    for said, given in wrong.items():
        for key in given:
            env = {"ENTREPOT_ENCRYPTION_KEY": key} if key else {}
            for command in ("serve", "check"):
                done = entrepot(command, "--data", str(registry.data), cwd=tmp_path, **env)
                assert said in refused(done)
    both = {"ENTREPOT_ENCRYPTION_KEY": f"{new.line},{old.line}"}
    assert entrepot("check", "--data", str(registry.data), cwd=tmp_path, **both).status == 0


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KEY", "Planted", "encryption_key: line 1: this one has 5 bytes; a key"),
        ("KEY", "", "encryption_key: there is no key"),
        ("KEY_FILE", "loose", "chmod 600 loose"),
        ("KEY_FILE", "none", "cannot read encryption_key_file none: No such file"),
        ("KEY_COMMAND", "sh -c 'echo Planted; exit 3'", "encryption_key_command failed with 3"),
        ("KEY_COMMAND", "echo Planted", "encryption_key_command: line 1: this one has 5"),
    ],
)
def test_keys_that_are_none(tmp_path: Path, variable: str, value: str, said: str) -> None:
    loose = tmp_path / "loose"
    loose.write_text(MasterKey.new().line)
    loose.chmod(0o644)
    told = refused(serve(cwd=tmp_path, **{f"ENTREPOT_ENCRYPTION_{variable}": value}))
    assert said in told
    assert "Planted" not in told
    assert not (tmp_path / "data").exists()
