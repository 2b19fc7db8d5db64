"""Signing keys: what was signed before a rotation is good after it, or ends at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from tests.accounts import ADMIN, Accounts
from tests.admin.office import At, Office, made, opened, problem
from tests.registry import StartRegistry


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Office]:
    """A registry of the test's own: its keys are everybody's."""
    with opened(tmp_path / "data") as office:
        yield office


def signed(office: Office) -> str:
    query = {"scope": "repository:team/app:pull,push"}
    answer = office.served.client.get("/token", params=query, auth=("x", office.admin.token))
    return str(answer.json()["token"])


def good(office: Office, token: str) -> bool:
    headers = {"authorization": f"Bearer {token}"}
    status = office.served.client.get("/v2/", headers=headers).status_code
    assert status in (200, 401)
    return status == 200


def keys(office: Office) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = office.admin.at.get("/keys").json()["items"]
    return found


def published(office: Office) -> KeySet:
    document = office.served.client.get("/.well-known/jwks.json").json()
    assert all("d" not in each for each in document["keys"])
    return KeySet.import_key_set(document)


def test_a_token_signed_before_a_rotation_is_good_after_it(alone: Office) -> None:
    [first] = keys(alone)
    before = signed(alone)
    new = made(alone.admin.at.post("/keys/rotate", None))
    assert new["retired_at"] is None
    after = signed(alone)
    assert good(alone, before)
    assert good(alone, after)
    shown = keys(alone)
    assert [each["id"] for each in shown] == [new["id"], first["id"]]
    assert shown[0]["retired_at"] is None
    assert shown[1]["retired_at"] >= new["created_at"]
    assert set(shown[0]) == {"id", "created_at", "retired_at"}
    ring = published(alone)
    for token, number in ((before, first["id"]), (after, new["id"])):
        found = jwt.decode(token, ring, algorithms=["ES256"])
        assert (found.header["kid"], found.claims["sub"]) == (number, "user:admin")


def test_older_keys_are_dropped_at_once_on_demand(alone: Office) -> None:
    before = signed(alone)
    made(alone.admin.at.post("/keys/rotate", None))
    between = signed(alone)
    assert good(alone, before)
    new = made(alone.admin.at.post("/keys/rotate?now=true", None))
    assert not good(alone, before)
    assert not good(alone, between)
    assert good(alone, signed(alone))
    assert [each["id"] for each in keys(alone)] == [new["id"]]
    assert len(published(alone).keys) == 1


def test_who_may_not_rotates_nothing(office: Office) -> None:
    auditor, owner = office.person("auditor:*"), office.person("owner:*")
    before = keys(office)
    problem(owner.at.get("/keys"), 403)
    problem(owner.at.post("/keys/rotate", None), 403)
    problem(auditor.at.post("/keys/rotate?now=true", None), 403)
    problem(office.admin.at.post("/keys/rotate?now=perhaps", None), 422)
    assert auditor.at.get("/keys").json()["items"] == before == keys(office)


def test_all_workers_follow_a_rotation_at_once(start_registry: StartRegistry) -> None:
    registry = start_registry(
        workers=2, dangerously_without_accounts=False, admin_password=ADMIN.secret
    )
    shown = ("x", Accounts(registry.data).token("admin").secret)
    none = httpx.Limits(max_keepalive_connections=0)  # so that each worker is asked
    with httpx.Client(base_url=registry.url, limits=none) as client:

        def everywhere(token: str) -> set[int]:
            headers = {"authorization": f"Bearer {token}"}
            return {client.get("/v2/", headers=headers).status_code for _ in range(24)}

        def sign() -> str:
            return str(client.get("/token", auth=shown).json()["token"])

        admin = At(client, f"Bearer {shown[1]}")
        first = sign()
        assert everywhere(first) == {200}
        for _ in range(3):
            made(admin.post("/keys/rotate", None))
            assert everywhere(sign()) == everywhere(first) == {200}
        made(admin.post("/keys/rotate?now=true", None))
        assert everywhere(first) == {401}
        assert everywhere(sign()) == {200}
