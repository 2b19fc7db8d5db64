"""Where webhooks may lead (CVE-2020-13788 and its kin): whoever makes one names any address."""

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from tests.admin.office import Office, made, opened
from tests.upkeep.webhooks.receiver import receiving

from entrepot.addresses import network
from entrepot.auth.oidc.outbound import WEBHOOKS, Outbound, Resolve

LOOPBACK = network("127.0.0.1")

CLOSED = [
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "https://[fd00:ec2::254]/",
    "https://168.63.129.16/",
    "https://127.0.0.1/",
    "https://localhost/",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://192.168.0.1/",
    "https://172.16.0.1/",
    "https://100.64.0.1/",
    "https://2130706433/",
    "https://0x7f.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
]


def resolving(*rounds: Sequence[str]) -> Resolve:
    """A resolver that says something else each time."""
    answers = iter(rounds)

    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return next(answers)

    return resolve


async def refused(outbound: Outbound, url: str) -> str:
    with pytest.raises(Exception) as error:  # noqa: PT011 - of which kind is looked at below
        await outbound.deliver(url, b"{}", {})
    assert type(error.value).__name__ == "OutboundError"
    return str(error.value)


@pytest.mark.parametrize("url", CLOSED)
async def test_addresses_that_are_not_global(url: str) -> None:
    said = await refused(Outbound(rules=WEBHOOKS), url)
    assert "ENTREPOT_WEBHOOK_NETWORKS" in said or "no address" in said


@pytest.mark.parametrize(
    "url",
    ["ftp://hooks.test/", "file:///etc/passwd", "https://user:pw@hooks.test/", "gopher://x/", "x"],
)
async def test_what_is_no_address(url: str) -> None:
    outbound = Outbound((LOOPBACK,), resolving(["127.0.0.1"]), WEBHOOKS)
    assert "https://HOST" in await refused(outbound, url)


async def test_a_name_with_one_closed_address_is_refused_whole() -> None:
    outbound = Outbound((), resolving(["93.184.216.34", "10.0.0.7"]), WEBHOOKS)
    said = await refused(outbound, "https://hooks.test/")
    assert "10.0.0.7" not in said  # what names mean in here is nobody's business


async def test_a_name_that_changes_its_mind_changes_nothing() -> None:
    """It is resolved once, and the connection goes where the checked address is (rebinding)."""
    with receiving() as receiver:
        resolve = resolving(["127.0.0.1"], ["169.254.169.254"])
        outbound = Outbound((LOOPBACK,), resolve, WEBHOOKS)
        assert await outbound.deliver(f"http://hooks.test:{receiver.port}/", b"{}", {}) == 204
        (got,) = receiver.got
        assert got.headers["host"] == f"hooks.test:{receiver.port}"


async def test_http_goes_to_allowed_networks_alone() -> None:
    outbound = Outbound((LOOPBACK,), resolving(["93.184.216.34"]), WEBHOOKS)
    assert "https, not http" in await refused(outbound, "http://hooks.test/")


async def test_redirects_are_not_followed() -> None:
    """Not even to where it would be allowed, and no header goes there."""
    with receiving() as other:
        head = f"HTTP/1.1 307 x\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with receiving(lambda _: head) as receiver:
            assert (
                await Outbound((LOOPBACK,), rules=WEBHOOKS).deliver(receiver.url, b"x", {}) == 307
            )
        assert other.got == []


async def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NETRC", "/dev/null")
        await Outbound((LOOPBACK,), rules=WEBHOOKS).deliver(receiver.url, b"x", {})
        assert (len(proxy.got), len(receiver.got)) == (0, 1)


async def test_a_receiver_that_drips_is_cut_off() -> None:
    """A byte now and then keeps the time-out of a read from passing, but not the whole's."""
    rules = replace(WEBHOOKS, seconds=0.5)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    while not ended.wait(0.05):
                        connection.send(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        async with asyncio.timeout(30):
            assert "took longer" in await refused(Outbound((LOOPBACK,), rules=rules), url)
        ended.set()
        server.shutdown(socket.SHUT_RDWR)  # where it was cut off before it had come
        thread.join()


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> str:
    """All that the registry tells, and keeps, of a webhook with secrets in its address."""
    folder: Path = tmp_path_factory.mktemp("tried") / "data"
    body = b"HTTP/1.1 500 x\r\nX-Inner: planted-header\r\n\r\nplanted-body"
    with (
        receiving(lambda _: body) as receiver,
        opened(folder, webhook_networks=["127.0.0.1"]) as office,
    ):
        return told(office, f"{receiver.url}/planted-path?token=planted-token")


def told(office: Office, url: str) -> str:
    at = office.admin.at
    wanted = {
        "url": url,
        "pattern": "team/*",
        "format": "slack",
        "secret": "planted-secret-of-ours",
    }
    hook = made(at.post("/webhooks", wanted))
    assert hook.pop("secret") == "planted-secret-of-ours"
    path = f"/webhooks/{hook['id']}"
    asked = [at.post(f"{path}/test", None), at.get(path), at.get("/webhooks"), at.get("/audit")]
    asked += [at.get(f"{path}/deliveries"), at.post(f"{path}/rotate", {"secret": "short"})]
    assert asked[0].json()["status"] == 500
    return "".join([str(hook), *(each.text for each in asked)])


@pytest.mark.parametrize("what", ["header", "body", "path", "token", "secret"])
def test_nothing_of_its_answers_or_secrets_is_told(tried: str, what: str) -> None:
    assert f"planted-{what}" not in tried
