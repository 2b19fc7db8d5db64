"""Where a rule may go and with whose login, and that one that hangs holds up nobody."""

import socket
import time
from pathlib import Path

import httpx
from tests.accounts import ADMIN, first_start
from tests.content import put_image
from tests.registry import serving as served_alone
from tests.upkeep.replication.conftest import Office, found, rule, standing, still
from tests.waiting import until

APP = "team/app"


def _trouble(folder: Path) -> str:
    return found(folder, "far").error or standing(folder, "far").error


def test_no_address_that_is_not_allowed(office: Office) -> None:
    near, far = office("near", outbound_allow=()), office("far")
    put_image(near.client, APP, "1.0", b"layer")
    rule(near.folder, "far", far.url)
    until(lambda: "ENTREPOT_OUTBOUND_ALLOW can allow its network" in _trouble(near.folder))
    assert far.client.get("/v2/_catalog").json()["repositories"] == []


def test_with_a_login(office: Office, tmp_path: Path) -> None:
    first_start(tmp_path / "far")
    far = office("far", dangerously_without_accounts=False)
    near = office("near")
    put_image(near.client, APP, "1.0", b"layer")
    put_image(near.client, APP, "2.0", b"other")
    rule(near.folder, "far", far.url, login=ADMIN.pair[0], secret=ADMIN.secret, deletions=True)
    still(near.folder, "far")
    with httpx.Client(base_url=far.url, auth=ADMIN.pair) as client:
        assert client.get(f"/v2/{APP}/tags/list").json()["tags"] == ["1.0", "2.0"]
        assert near.client.delete(f"/v2/{APP}/manifests/2.0").status_code == 202
        until(lambda: client.get(f"/v2/{APP}/tags/list").json()["tags"] == ["1.0"])


def test_with_a_wrong_login(office: Office, tmp_path: Path) -> None:
    first_start(tmp_path / "far")
    far = office("far", dangerously_without_accounts=False)
    near = office("near")
    put_image(near.client, APP, "1.0", b"layer")
    rule(near.folder, "far", far.url, login="admin", secret="a wrong password")
    until(lambda: "refuses" in _trouble(near.folder), lambda: _trouble(near.folder))
    assert "wrong password" not in _trouble(near.folder)


def test_one_that_hangs_holds_up_neither_others_nor_the_end(tmp_path: Path, peer: str) -> None:
    settings = {"outbound_allow": "127.0.0.0/8", "upkeep_pause": "0.2"}
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        served_alone(tmp_path / "near", **settings) as near,
    ):
        with httpx.Client(base_url=near.url) as client:
            put_image(client, APP, "1.0", b"layer")
        rule(near.data, "deaf", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        rule(near.data, "far", peer)
        still(near.data, "far")
        until(lambda: standing(near.data, "deaf").waiting == 1)
        began = time.monotonic()
        near.stop()
        assert time.monotonic() - began < 30, "half of the time that the deaf one has to answer"
