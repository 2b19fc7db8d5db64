"""Pulls by way of mirrors: who is asked, in what order, with which password."""

import base64
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.auth.oidc.elsewhere import CA, Elsewhere, Says, elsewhere
from tests.content import dump, image
from tests.registry import free_port

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.kube.doctor.replay import Asked, Pull
from entrepot.oci.image_name import Image

IMAGE = Image.parse("r.test/app:1")
PAIR = Credential("s", "r.test", "u", "p")
BASIC = "Basic " + base64.b64encode(b"u:p").decode()
WANTS = Says(status=401, headers={"www-authenticate": "Basic"})
EMPTY = Says(dump(image()))
MANIFEST, TWICE = "/v2/app/manifests/1", "/v2/app/manifests/1?ns=r.test"


def pulled(*endpoints: Endpoint, credential: Credential | None = None) -> tuple[Any, list[Asked]]:
    found, asked = Pull(IMAGE, "", endpoints, lambda _: ssl.create_default_context()).by(credential)
    return found, asked


@contextmanager
def party(says: Says | None = None, **more: Any) -> Iterator[tuple[Elsewhere, Endpoint]]:
    """It, and how a node asks it that knows its CA."""
    with elsewhere(**more) as found:
        found.says |= {MANIFEST: says, TWICE: says} if says else {}
        config = image()["config"]["digest"]
        found.says |= {f"/v2/app/blobs/{config}{q}": Says() for q in ("", "?ns=r.test")}
        yield found, Endpoint(f"127.0.0.1:{found.port}", "app", ca=CA)


def causes(asked: list[Asked]) -> list[Cause | str | None]:
    return [each.found.cause if each.found else "-" for each in asked]


def test_a_mirror_that_has_it_is_enough() -> None:
    with party(EMPTY) as (mirror, one), party(EMPTY) as (server, two):
        found, asked = pulled(one, two)
    assert (found.cause, causes(asked)) == (None, [None])
    assert (bool(mirror.asked), server.asked) == (True, [])


def test_one_after_another() -> None:
    away = Endpoint(f"127.0.0.1:{free_port()}", "app")
    parts = Endpoint("m.invalid", "app", tags=False)
    with party() as (_, empty), party(EMPTY) as (_, server):
        found, asked = pulled(away, parts, empty, server)
    assert found.cause is None
    assert causes(asked) == [Cause.REFUSED, "-", Cause.REPOSITORY_MISSING, None]
    assert str(asked[0]) == f"https://{away.server}/v2: refused"
    assert str(asked[1]) == "https://m.invalid/v2: not asked for what the pod names"
    assert str(asked[3]) == f"https://{server.server}/v2: has it"


def test_where_none_has_it_the_server_tells() -> None:
    away = Endpoint(f"127.0.0.1:{free_port()}", "app")
    with party(WANTS) as (_, server):
        found, asked = pulled(away, server, credential=PAIR)
    assert (found.cause, found.credential) == (Cause.CREDENTIAL_REFUSED, PAIR)
    assert causes(asked) == [Cause.REFUSED, Cause.CREDENTIAL_REFUSED]


def test_a_server_that_has_no_ca_of_its_own_after_a_404() -> None:
    with party() as (_, at):
        found, asked = pulled(at, Endpoint(at.server, "app"))
    assert causes(asked) == [Cause.REPOSITORY_MISSING, Cause.UNKNOWN_CA]
    assert found.cause is Cause.REPOSITORY_MISSING


def test_a_mirror_is_told_whose_image_it_is() -> None:
    with party(EMPTY) as (mirror, at):
        named = Endpoint(at.server, "app", ca=CA, namespace="r.test")
        assert pulled(named)[0].cause is None
    assert {each.path.partition("?")[2] for each in mirror.asked} == {"ns=r.test"}


def test_a_node_that_knows_no_ca() -> None:
    with party(EMPTY) as (_, at):
        found, _ = pulled(Endpoint(at.server, "app"))
    assert found.cause is Cause.UNKNOWN_CA


@pytest.mark.parametrize("plain", [True, False])
def test_no_password_goes_where_nobody_knows(plain: bool) -> None:
    with party(WANTS, tls=not plain) as (other, at):
        unsafe = Endpoint(at.server, "app", plain=plain, unverified=not plain)
        found, _ = pulled(unsafe, credential=PAIR)
    assert found.cause is None, "nothing is known to be wrong"
    assert "no password goes to" in found.notes[0]
    assert [each.headers["authorization"] for each in other.asked] == [None]


def test_a_password_goes_where_the_node_sends_it() -> None:
    with party(WANTS) as (other, at):
        pulled(at, credential=PAIR)
    assert other.asked[-1].headers["authorization"] == BASIC


def test_a_runtime_that_keeps_passwords_from_mirrors() -> None:
    with party(WANTS) as (other, at), party(EMPTY) as (_, server):
        foreign = Endpoint(at.server, "app", ca=CA, foreign=True)
        found, asked = pulled(foreign, server, credential=PAIR)
    assert (found.cause, causes(asked)) == (None, [Cause.NO_CREDENTIAL, None])
    assert [each.headers["authorization"] for each in other.asked] == [None]


@pytest.mark.parametrize(("pins", "cause"), [(True, Cause.LAYER_MISSING), (False, None)])
def test_a_mirror_that_lacks_a_part(pins: bool, cause: Cause | None) -> None:
    hollow = Says(dump(image(b"lost")))
    with party(hollow) as (_, at), party(EMPTY) as (_, server):
        found, _ = pulled(Endpoint(at.server, "app", ca=CA, pins=pins), server)
    assert found.cause is cause
