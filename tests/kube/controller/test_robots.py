"""Robots at a real registry: made, renewed and removed, over its admin API."""

import ssl
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest
from tests.accounts import Credential as Login
from tests.admin.office import PASSWORD, Office, fresh, opened
from tests.content import put_image
from tests.kube.controller.accesses import access, source

from entrepot.kube.controller.access import PullAccess, Source
from entrepot.kube.controller.pull_secret import Credential
from entrepot.kube.controller.registry import Registry, RegistryError
from entrepot.kube.controller.robots import Robots

ADMIN = Login("admin", PASSWORD)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("robots") / "data") as office:
        with httpx.Client(base_url=office.served.url, auth=ADMIN.pair) as admin:
            put_image(admin, "team/app", "1")
            put_image(admin, "other/app", "1")
        yield office


class At:
    """The controller of a cluster at the registry, by a login."""

    def __init__(self, office: Office, *logins: Login, cluster: str = "") -> None:
        self.office = office
        self.cluster = cluster or fresh("cluster")
        self._logins = list(logins)
        self.registry = Registry(office.served.url, ssl.create_default_context(), self._login)
        self.robots = Robots(self.registry, self.cluster)

    async def _login(self) -> tuple[str, str]:
        """One after another, and the last one ever after."""
        return (self._logins.pop(0) if len(self._logins) > 1 else self._logins[0]).pair

    async def made(
        self,
        now: Credential | None = None,
        *repositories: str,
        namespace: str = "team-a",
        **spec: Any,
    ) -> Credential:
        wanted, where = asked(*repositories, **spec)
        return await self.robots.credential(wanted, where, namespace, now)

    def name(self, namespace: str = "team-a") -> str:
        return self.robots.name("team", namespace)

    def robot(self, namespace: str = "team-a") -> Any:
        return self.office.admin.at.get(f"/robots/{self.name(namespace)}").raise_for_status().json()

    def grants(self) -> list[tuple[str, str]]:
        return sorted((each["role"], each["pattern"]) for each in self.robot()["grants"])

    def lets_in(self, *credentials: Credential) -> list[bool]:
        return [self.office.lets_in(each.password, each.username) for each in credentials]

    def pulls(self, credential: Credential, repository: str) -> bool:
        path, pair = f"/v2/{repository}/manifests/1", (credential.username, credential.password)
        status = self.office.served.client.get(path, auth=pair).status_code
        assert status in (200, 403)
        return status == 200


def asked(*repositories: str, **spec: Any) -> tuple[PullAccess, Source]:
    found = access(registries=[source("registry.test", *repositories)], **spec)
    return found, found.sources[0]


@pytest.fixture
async def owner(office: Office) -> AsyncIterator[At]:
    """By a robot that owns team/*, as the guide says."""
    at = At(office, office.accounts.robot(fresh("owner"), "owner:team/*"))
    yield at
    await at.registry.close()


@pytest.fixture
async def admin(office: Office) -> AsyncIterator[At]:
    at = At(office, ADMIN)
    yield at
    await at.registry.close()


def lasts(secret: Any) -> float:
    """Seconds that a secret is good yet."""
    return datetime.fromisoformat(secret["expires_at"]).timestamp() - time.time()


async def test_the_first_one(owner: At) -> None:
    before = time.time()
    made = await owner.made(lifetime="10m")
    robot = owner.robot()
    assert owner.grants() == [("reader", "team/*")]
    assert "PullAccess team, namespace team-a" in robot["description"]
    (secret,) = robot["secrets"]
    assert made.number == secret["id"]
    assert made.expires is not None
    assert 0 <= made.expires - before - 600 < 60
    assert 540 < lasts(secret) <= 600
    assert owner.pulls(made, "team/app")
    assert not owner.pulls(made, "other/app")


async def test_the_one_before_stays_good(owner: At) -> None:
    first = await owner.made(lifetime="10m")
    second = await owner.made(first, lifetime="10m")
    assert first.number is not None
    assert second.number is not None
    assert second.number > first.number
    assert second.wanted == first.wanted
    assert owner.lets_in(first, second) == [True, True]
    assert all(540 < lasts(each) <= 600 for each in owner.robot()["secrets"])


async def test_one_that_never_arrived_ends(owner: At) -> None:
    first = await owner.made()
    lost = await owner.made(first)
    assert owner.lets_in(lost) == [True]
    third = await owner.made(first)
    assert owner.lets_in(first, lost, third) == [True, False, True]


async def test_where_the_cluster_has_none_older_ones_end_soon(owner: At) -> None:
    """At once would be too soon: a kubelet may be about to use it."""
    lost = [await owner.made() for _ in range(3)]
    last = await owner.made()
    assert owner.lets_in(*lost, last) == [True] * 4
    *older, newest = owner.robot()["secrets"]
    assert len(older) == 3
    assert all(lasts(each) <= 60 for each in older)
    assert lasts(newest) > 7000


async def test_other_repositories(owner: At) -> None:
    first = await owner.made(None, "team/app", "team/gone")
    second = await owner.made(first, "team/app", "team/more")
    assert owner.grants() == [("reader", "team/app"), ("reader", "team/more")]
    assert second.wanted != first.wanted
    assert owner.pulls(first, "team/app"), "the robot is the same"


async def test_more_than_reading_is_taken_back(office: Office, owner: At) -> None:
    first = await owner.made(None, "team/app")
    office.accounts.grant(f"robot:{owner.name()}", "writer:team/app", "reader:team/more")
    await owner.made(first, "team/app")
    assert owner.grants() == [("reader", "team/app")]


async def test_somebody_elses_robot_is_left_alone(office: Office, admin: At) -> None:
    office.accounts.robot(admin.name(), "reader:*")
    before = admin.robot()
    with pytest.raises(RegistryError, match="was made by somebody else, and is left alone"):
        await admin.made()
    assert admin.robot() == before


async def test_it_gives_no_more_than_it_has(owner: At) -> None:
    with pytest.raises(RegistryError) as refused:
        await owner.made(None, "other/*")
    assert refused.value.status == 403
    assert "other/*" in str(refused.value)
    assert owner.office.admin.at.get(f"/robots/{owner.name()}").status_code == 404


async def test_nor_later(owner: At) -> None:
    first = await owner.made()
    with pytest.raises(RegistryError, match=r"other/\*"):
        await owner.made(first, "other/*")
    assert owner.grants() == [("reader", "team/*")]
    assert owner.lets_in(first) == [True]


async def test_what_nothing_needs_goes(office: Office, admin: At) -> None:
    """Only of this cluster, and only what a controller made."""
    other = At(office, ADMIN, cluster=f"{admin.cluster}.too")
    kept, gone = await admin.made(namespace="kept"), await admin.made(namespace="gone")
    others = await other.made(namespace="gone")
    theirs = office.accounts.robot(admin.name("theirs"), "reader:team/*")

    assert await admin.robots.forget({admin.name("kept")}) == 1
    assert admin.lets_in(kept, gone, others) == [True, False, True]
    assert office.lets_in(theirs.secret)
    assert await admin.robots.forget({admin.name("kept")}) == 0
    await other.registry.close()


async def test_an_owner_forgets_its_own(owner: At) -> None:
    made = await owner.made()
    assert await owner.robots.forget(()) == 1
    assert owner.lets_in(made) == [False]


async def test_a_wrong_login(office: Office) -> None:
    at = At(office, Login("nobody", "guess"))
    with pytest.raises(RegistryError) as refused:
        await at.made()
    assert refused.value.status == 401
    assert str(refused.value).startswith(f"{office.served.url}: ")
    await at.registry.close()


async def test_a_login_that_ended_is_asked_anew(office: Office) -> None:
    at = At(office, Login("admin", "of yesterday"), ADMIN)
    assert at.lets_in(await at.made()) == [True]
    await at.registry.close()


async def test_a_name_is_never_too_long(admin: At) -> None:
    wheres = ("a", "a" * 63)
    names = [admin.robots.name("b" * size, each) for each in wheres for size in range(1, 254)]
    assert len(set(names)) == len(names)
    assert all(len(each) <= 128 and each.startswith(f"kube.{admin.cluster}.") for each in names)
