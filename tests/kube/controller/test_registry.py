"""What is no registry of ours, or none at all, is told of like any other trouble."""

import ssl
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.auth.oidc.elsewhere import Elsewhere, Says, elsewhere
from tests.registry import free_port

from entrepot.kube.controller.registry import Registry, RegistryError

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
