"""What is no registry of ours, or none at all, is told of like any other trouble."""

import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.auth.oidc.elsewhere import Elsewhere, Says, elsewhere
from tests.kube.controller.accesses import access
from tests.registry import free_port

from entrepot.kube.controller import registry as module
from entrepot.kube.controller.registry import Registry, RegistryError
from entrepot.kube.controller.robots import Robots

PATH = "/api/v1/robots/a"


async def login() -> tuple[str, str]:
    return "who", "secret"


@pytest.fixture
def party() -> Iterator[Elsewhere]:
    with elsewhere(tls=False) as party:
        yield party


@pytest.fixture
async def registry(party: Elsewhere) -> AsyncIterator[Registry]:
    registry = Registry(party.url, ssl.create_default_context(), login)
    yield registry
    await registry.close()


OURS = "is this an Entrepot?"
ANSWERS: dict[str, tuple[Says, str]] = {
    "a page": (Says(b"<html>"), f"the answer was 200: {OURS}"),
    "nothing": (Says(b""), f"the answer was 200: {OURS}"),
    "a list": (Says(b"[]"), f"the answer was 200: {OURS}"),
    "no text": (Says(b"\xff\xfe"), f"the answer was 200: {OURS}"),
    "too deep": (Says(b"[" * 200_000), f"the answer was 200: {OURS}"),
    "elsewhere": (Says(b"", 301, {"location": "/b"}), f"the answer was 301: {OURS}"),
    "an error page": (Says(b"<html>", 502), f"the answer was 502: {OURS}"),
    "another's error": (Says(b'{"errors": []}', 404), f"the answer was 404: {OURS}"),
    "a problem": (Says(b'{"detail": "no such robot"}', 404), "no such robot"),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_it_says_why(case: str, party: Elsewhere, registry: Registry) -> None:
    party.says[PATH], why = ANSWERS[case]
    with pytest.raises(RegistryError) as refused:
        await registry.call("GET", "/robots/a")
    assert str(refused.value) == f"{party.url}: {why}"
    assert refused.value.status == party.says[PATH].status


async def test_a_document_or_none(party: Elsewhere, registry: Registry) -> None:
    party.says[PATH] = Says(b'{"name": "a"}')
    assert await registry.call("GET", "/robots/a") == {"name": "a"}
    party.says[PATH] = Says(b"", 204)
    assert await registry.call("GET", "/robots/a") is None


async def test_it_is_away() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    registry = Registry(url, ssl.create_default_context(), login)
    with pytest.raises(RegistryError, match=f"cannot reach {url}: ") as refused:
        await registry.call("GET", "/robots/a")
    assert refused.value.status == 0
    await registry.close()


class Clock:
    """What `time` is to a registry."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


async def test_what_does_not_answer_is_left_alone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cluster has hundreds of namespaces, which would each wait for it."""
    clock, logins = Clock(), 0
    monkeypatch.setattr(module, "time", clock)

    async def counted() -> tuple[str, str]:
        nonlocal logins
        logins += 1
        return "who", "secret"

    url = f"http://127.0.0.1:{free_port()}"
    registry = Registry(url, ssl.create_default_context(), counted)
    for _ in range(3):
        with pytest.raises(RegistryError, match=f"cannot reach {url}: ") as refused:
            await registry.call("GET", "/robots/a")
        assert refused.value.status == 0
        registry._auth = None  # who is asked comes anew
    assert logins == 1
    clock.now += module._RESTS
    with pytest.raises(RegistryError, match="cannot reach"):
        await registry.call("GET", "/robots/a")
    assert logins == 2
    await registry.close()


ODD: dict[str, Says] = {
    "a robot without grants": Says(
        b'{"name": "kube.home.team.a", "description": "made by the controller of cluster home: x"}'
    ),
    "a robot that is nothing": Says(b'{"description": null, "name": 7}'),
    "none": Says(b"{}"),
}


@pytest.mark.parametrize("case", ODD)
async def test_what_it_answers_cannot_be_read(
    case: str, party: Elsewhere, registry: Registry
) -> None:
    """It is told of as a trouble with this registry, and no other is held up by it."""
    robots = Robots(registry, "home")
    wanted = access(namespaces=["a"])
    party.says[f"/api/v1/robots/{robots.name('team', 'a')}"] = ODD[case]
    with pytest.raises(RegistryError, match=OURS.replace("?", "[?]")):
        await robots.credential(wanted, wanted.sources[0], "a", None)
    party.says["/api/v1/robots?after=&limit=500"] = Says(b'{"items": [{}], "next": null}')
    with pytest.raises(RegistryError, match=OURS.replace("?", "[?]")):
        await robots.forget(())
