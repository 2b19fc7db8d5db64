"""Names are resolved beside each other: one that hangs holds up no other."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from entrepot.auth.oidc.outbound import Resolver

ADDRESS = "192.0.2.1"
HUNG, ASKERS = 40, 400


async def test_names_that_hang_hold_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are, and ask; those who ask for one share what comes."""
    answers, asked = threading.Event(), list[str]()
    real = socket.getaddrinfo

    def find(host: str, port: int, **more: Any) -> list[Any]:
        if not host.endswith(".test"):  # of other servers in this process
            return real(host, port, **more)
        asked.append(host)
        if host.startswith("hung"):
            answers.wait(120)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ADDRESS, port))]

    monkeypatch.setattr(socket, "getaddrinfo", find)
    resolver = Resolver()
    names = [f"hung{number % HUNG}.test" for number in range(ASKERS)]
    waiting = [asyncio.create_task(resolver(name, 443)) for name in names]
    await asyncio.sleep(0)
    waiting[0].cancel()
    try:
        async with asyncio.timeout(60):
            assert await resolver("works.test", 443) == [ADDRESS]
    finally:
        answers.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert found[1:] == [[ADDRESS]] * (ASKERS - 1)
    assert len(asked) == HUNG + 1


async def test_who_fails_is_asked_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = list[str]()
    real = socket.getaddrinfo

    def find(host: str, port: int, **more: Any) -> list[Any]:
        if host != "away.test":
            return real(host, port, **more)
        asked.append(host)
        raise socket.gaierror("unknown")

    monkeypatch.setattr(socket, "getaddrinfo", find)
    resolver = Resolver()
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await resolver("away.test", 443)
    assert asked == ["away.test"] * 2
