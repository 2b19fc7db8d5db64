"""Settings: where they come from, which goes first, and what is said of a wrong one."""

import ast
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.tools import run

from entrepot.encryption.keys import MasterKey
from entrepot.settings import Settings, SettingsError, load

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither the developer's environment nor the folder's file counts."""
    for name in [name for name in os.environ if name.startswith("ENTREPOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("file", [None, 2])
@pytest.mark.parametrize("variable", [None, 3])
@pytest.mark.parametrize("option", [None, 4])
def test_the_command_line_before_the_environment_before_the_file(
    monkeypatch: pytest.MonkeyPatch, file: int | None, variable: int | None, option: int | None
) -> None:
    if file is not None:
        Path("entrepot.toml").write_text(f"workers = {file}\ngrace = 5\n")
    if variable is not None:
        monkeypatch.setenv("ENTREPOT_WORKERS", str(variable))
    found = load(workers=option)
    assert found.workers == (option or variable or file or 1)
    assert found.grace == (30 if file is None else 5)


@pytest.mark.parametrize("way", ["option", "variable"])
def test_file_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str) -> None:
    Path("entrepot.toml").write_text("workers = 2")
    other = tmp_path / "other.toml"
    other.write_text("workers = 7")
    if way == "variable":
        monkeypatch.setenv("ENTREPOT_CONFIG", str(other))
    assert load(other if way == "option" else None).workers == 7


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("worker", "workers"),
        ("Workers", "workers"),
        ("data_dir", "data"),
        ("logformat", "log_format"),
        ("max_request", "max_requests"),
        ("open_to_network", "dangerously_open_to_network"),
    ],
)
def test_unknown_setting(monkeypatch: pytest.MonkeyPatch, name: str, near: str) -> None:
    Path("entrepot.toml").write_text(f"{name} = 1")
    with pytest.raises(SettingsError, match=f"no setting {name}: did you mean {near}?"):
        load()
    Path("entrepot.toml").unlink()
    if name.islower():
        upper = f"ENTREPOT_{name.upper()}"
        monkeypatch.setenv(upper, "1")
        with pytest.raises(SettingsError, match=f"{upper}: did you mean ENTREPOT_{near.upper()}?"):
            load()


WRONG: dict[str, list[Any]] = {
    "workers": [0, -1, "many", 1.5, ""],
    "listen": ["", "5000", "localhost", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "a:b"],
    "grace": [0, -1, 0.5, "soon"],
    "max_requests": [-1],
    "max_header_bytes": [0, 1023],
    "upload_expiry": [0],
    "audit_retention": [-1, "ever"],
    "audit_copy": ["audit.jsonl", "file:", "syslog:", "syslog:host", "syslog:host:0x", "tcp:a:1"],
    "log_format": ["yaml", "JSON"],
    "log_level": ["loud"],
    "access_log": ["perhaps"],
    "redirect_listen": ["80", "127.0.0.1:"],
    "hsts": [-1],
    "mirror_hosts": ["hub.test", "=docker.io", "hub.test=", "hub.test=https://docker.io", "a b=c"],
    "outbound_allow": ["cluster", "10.0.0.1/8", "0.0.0.0/0"],
    "trusted_proxies": ["proxy", "10.0.0.1/8", "0.0.0.0/0", "::/0", "10.0.0.1 10.0.0.2"],
    "public_url": [
        "registry.example.org",
        "ftp://registry.example.org",
        "https://",
        "https://a/b",
        "https://a@b",
        "https://a:65536",
        "https://a b",
    ],
}


TOGETHER = [
    ({"tls_cert": "c"}, "tls_cert and tls_key belong together"),
    ({"tls_key": "k"}, "tls_cert and tls_key belong together"),
    ({"tls_client_ca": "a"}, "tls_client_ca is for TLS"),
    ({"redirect_listen": ":80"}, "redirect_listen is for TLS"),
    ({"hsts": 1}, "hsts is for TLS"),
    ({"storage_endpoint": "https://s3.test"}, "storage_endpoint is for a store of objects"),
    ({"storage_redirect": "all"}, "storage_redirect is for a store of objects"),
    (
        {"encryption_key": "k", "encryption_key_file": "f"},
        "encryption_key and encryption_key_file do not go together",
    ),
    (
        {"encryption_key_file": "f", "encryption_key_command": "c"},
        "encryption_key_file and encryption_key_command do not go together",
    ),
]


@pytest.mark.parametrize(("options", "said"), TOGETHER, ids=str)
def test_settings_that_do_not_go_together(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"^{said}"):
        load(**options)


@pytest.mark.parametrize(
    ("written", "proxies"),
    [
        ("", ()),
        ("127.0.0.1", ("127.0.0.1/32",)),
        ("10.0.0.0/8, ::1,", ("10.0.0.0/8", "::1/128")),
    ],
)
def test_a_list_in_the_environment_has_commas(
    monkeypatch: pytest.MonkeyPatch, written: str, proxies: tuple[str, ...]
) -> None:
    monkeypatch.setenv("ENTREPOT_TRUSTED_PROXIES", written)
    assert load().trusted_proxies == proxies


def test_a_list_in_the_file_is_one() -> None:
    Path("entrepot.toml").write_text("trusted_proxies = ['10.0.0.0/8', '::1']")
    assert load().trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_a_url_loses_its_slash() -> None:
    assert load(public_url="https://[::1]:5000/").public_url == "https://[::1]:5000"


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
@pytest.mark.parametrize("way", ["option", "variable", "file"])
def test_wrong_value(monkeypatch: pytest.MonkeyPatch, way: str, name: str, value: Any) -> None:
    if way == "variable":
        monkeypatch.setenv(f"ENTREPOT_{name.upper()}", str(value))
    elif way == "file":
        Path("entrepot.toml").write_text(f"{name} = {json.dumps(value)}")
    said = {
        "option": f"--{name.replace('_', '-')}",
        "variable": f"ENTREPOT_{name.upper()}",
        "file": f"{name} in entrepot.toml",
    }
    with pytest.raises(SettingsError, match=f"^{said[way]} is .*{re.escape(str(value))}.*: "):
        load(**({name: value} if way == "option" else {}))


KEY = MasterKey.new()


@pytest.mark.parametrize("way", ["encryption_key", "encryption_key_file", "encryption_key_command"])
def test_keys_of_encryption(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str) -> None:
    file = tmp_path / "keys"
    file.write_text(KEY.line)
    file.chmod(0o600)
    given = {"encryption_key": KEY.line, "encryption_key_file": str(file)}
    monkeypatch.setenv(f"ENTREPOT_{way.upper()}", given.get(way, f"cat {file}"))
    assert load().keyring().current == KEY
    assert KEY.line not in repr(load())


def test_nothing_is_encrypted_unless_a_key_was_given() -> None:
    assert load().keyring().current is None


@pytest.mark.parametrize(
    "written",
    ["", "Planted-and-no-key", f"{KEY.line},Planted"],
    ids=["empty", "no key", "a comma"],
)
def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch, written: str) -> None:
    """An empty one, too: it was meant to be one."""
    monkeypatch.setenv("ENTREPOT_ENCRYPTION_KEY", written)
    with pytest.raises(SettingsError, match=r"^encryption_key: ") as caught:
        load().keyring()
    assert "Planted" not in str(caught.value)


@pytest.mark.parametrize("content", ["workers", "workers = ", "workers = 1\nworkers = 2", "\x00"])
def test_file_that_is_not_toml(content: str) -> None:
    Path("entrepot.toml").write_text(content)
    with pytest.raises(SettingsError, match=r"entrepot\.toml is not TOML"):
        load()


def test_file_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match=r"cannot read none\.toml: No such file"):
        load(Path("none.toml"))


@pytest.mark.parametrize("address", ["0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"])
def test_it_listens_beyond_loopback_only_when_told_so(address: str) -> None:
    with pytest.raises(pytest.fail.Exception) as caught:
        run(sys.executable, "-m", "entrepot", "serve", "--listen", address, env=os.environ)
    assert "exit 2" in str(caught.value)
    assert "ENTREPOT_DANGEROUSLY_OPEN_TO_NETWORK=true" in str(caught.value)
    assert not Path("data").exists()


def test_the_guide_has_every_setting_as_it_is() -> None:
    lines = (ROOT / "docs" / "settings.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line[:1] == "|"]
    said = {name: text for each in Settings.__mro__ for name, text in documented(each)}
    assert sorted(rows[2:]) == sorted(
        [f"`{name}`", f"`ENTREPOT_{name.upper()}`", f"`{written(field.default)}`", said[name]]
        for name, field in Settings.model_fields.items()
    )


def documented(kind: type) -> Iterator[tuple[str, str]]:
    """The fields of a class with the strings below them.

    Pydantic can read them, too, but at each start of every command.
    """
    if not kind.__module__.startswith("entrepot."):
        return
    (found,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(found, ast.ClassDef)
    for field, below in pairwise(found.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, text


def written(default: Any) -> str:
    """As TOML has it, which has no word for nothing."""
    if default is None:
        return "none"
    return json.dumps(str(default) if isinstance(default, Path) else default)


KUBERNETES = {
    "ENTREPOT_SERVICE_HOST": "10.0.0.7",
    "ENTREPOT_SERVICE_PORT": "5000",
    "ENTREPOT_SERVICE_PORT_HTTP": "5000",
    "ENTREPOT_PORT": "tcp://10.0.0.7:5000",
    "ENTREPOT_PORT_5000_TCP": "tcp://10.0.0.7:5000",
    "ENTREPOT_PORT_5000_TCP_PROTO": "tcp",
    "ENTREPOT_PORT_5000_TCP_PORT": "5000",
    "ENTREPOT_PORT_5000_TCP_ADDR": "10.0.0.7",
    "ENTREPOT_CACHE_SERVICE_HOST": "10.0.0.8",
    "ENTREPOT_CACHE_PORT_5000_TCP": "tcp://10.0.0.8:5000",
}


@pytest.mark.parametrize("name", KUBERNETES)
def test_what_kubernetes_says_of_a_service_is_no_setting(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, KUBERNETES[name])
    assert load() == Settings()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"BACKUP_AT": "25:00"}, "write HH:MM"),
        ({"BACKUP_AT": "2:00"}, "write HH:MM"),
        ({"BACKUP_TO": "http://backups"}, "write s3://BUCKET/PREFIX"),
        ({"BACKUP_TO": "/mnt/backup", "BACKUP_REGION": "eu-1"}, "backup_region is for a bucket"),
    ],
)
def test_settings_of_backups_that_cannot_be(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], why: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"ENTREPOT_{name}", value)
    with pytest.raises(SettingsError, match=why):
        load()


def test_times_of_day_are_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_BACKUP_AT", "02:00, 14:30")
    assert load().backup_moments == (7200, 52_200)
    monkeypatch.setenv("ENTREPOT_BACKUP_AT", "")
    assert load().backup_moments == ()
