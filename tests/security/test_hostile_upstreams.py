"""Upstreams that do harm with what they answer: memory, time, and others' logins.

They are asked as a server asks them; what becomes of that in a cache is in `tests.upstream.cache`.
"""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import httpx2
import pytest
from tests.content import OCI_MANIFEST, digest, dump, image
from tests.upstream.scripted import Answer, Asked, Say, Scripted, scripted

from entrepot.addresses import network
from entrepot.auth.ca_folder import Folder
from entrepot.oci.digest import Digest
from entrepot.oci.names import Repository
from entrepot.upstream.access import Access, Credential
from entrepot.upstream.answer import Answer as Answered
from entrepot.upstream.guarded import Way
from entrepot.upstream.http import Http
from entrepot.upstream.place import Blob, RefusedError, UnreachableError, UpstreamError
from entrepot.upstream.registry import RegistryRepository

MANIFEST = dump(image(b"layer"))
FOUND = {"content-type": OCI_MANIFEST, "docker-content-digest": digest(MANIFEST)}
LOGIN = Credential("alice", "secret-of-alice")
LOCAL = (network("127.0.0.0/8"),)
DEEP = b"[" * 100_000


@contextmanager
def asking(address: str, slow: float = 30.0) -> Iterator[RegistryRepository]:
    ways = {"http://": Way("http", ssl.create_default_context(), LOCAL, slow=slow)}
    with closing(Http(f"http://{address}", LOGIN, attempts=1, timeout=30, ways=ways)) as http:
        yield RegistryRepository(http, Repository("team/app"))


@contextmanager
def upstream(answer: Answer) -> Iterator[tuple[RegistryRepository, Scripted]]:
    with scripted(answer) as server, asking(server.address) as repository:
        yield repository, server


def origin(asked: Asked) -> str:
    return f"http://{asked.headers['host']}"


def test_cve_2020_15157_where_a_redirect_leads_nobody_logs_in() -> None:
    """It names a token service of its own, which would be given the password of the registry."""

    def elsewhere(asked: Asked) -> Say:
        home = asked.path.partition("?")[2]
        return Say(401, headers={"www-authenticate": f'Bearer realm="{home}/token",service="x"'})

    with scripted(elsewhere) as other:

        def leads(asked: Asked) -> Say:
            return Say(307, headers={"location": f"http://{other.address}/?{origin(asked)}"})

        with upstream(leads) as (repository, server):
            with pytest.raises(RefusedError):
                repository.manifest("1")
            assert [each.path for each in server.asked] == ["/v2/team/app/manifests/1"]
        assert [each.headers.get("authorization") for each in other.asked] == [None]


@pytest.mark.parametrize("challenge", ["Bearer " + "a" * 60_000, 'Bearer a="' + 'a="' * 20_000])
def test_a_huge_challenge_takes_no_time(challenge: str) -> None:
    with upstream(lambda _: Say(401, headers={"www-authenticate": challenge})) as (repository, _):
        began = time.thread_time()
        with pytest.raises(UpstreamError):
            repository.manifest("1")
        assert time.thread_time() - began < 5


TOKENS: dict[str, Say] = {
    "endless": Say(200, b" " * 9_000_000),
    "compressed": Say(200, gzip.compress(b" " * 50_000_000), {"content-encoding": "gzip"}),
    "a list": Say(200, b"[]"),
    "deep": Say(200, DEEP),
    "a number": Say(200, b'{"token": 1}'),
    "another header": Say(200, b'{"token": "a\\r\\nx: y"}'),
    "no ASCII": Say(200, '{"token": "é"}'.encode()),
    "long": Say(200, b'{"token": "%b"}' % (b"a" * 100_000)),
}


@pytest.mark.parametrize("says", TOKENS.values(), ids=TOKENS)
def test_what_is_no_token_is_refused(says: Say) -> None:
    def answer(asked: Asked) -> Say:
        if asked.path.startswith("/token"):
            return says
        return Say(401, headers={"www-authenticate": f'Bearer realm="{origin(asked)}/token"'})

    with upstream(answer) as (repository, server):
        with pytest.raises(UpstreamError):
            repository.manifest("1")
        assert len(server.asked) == 2


def test_what_is_compressed_is_not_undone() -> None:
    """A few kilobytes would be gigabytes of memory."""
    headers = {**FOUND, "content-encoding": "gzip"}
    compressed = Say(200, gzip.compress(MANIFEST), headers)
    with upstream(lambda _: compressed) as (repository, _), pytest.raises(UpstreamError):
        repository.manifest("1")


@pytest.mark.parametrize(
    ("body", "link", "pages"),
    [
        (DEEP, "", 1),
        (b'{"tags": 1}', "", 1),
        (b'{"tags": ["%b"]}' % (b"a" * 1000), "", 1),
        (b'{"tags": ["a"]}', "<http://[>; rel=next", 1),
        (b'{"tags": ["a"]}', "</v2/team/app/tags/list?n=1>; rel=next", 5),
        (b'{"tags": [%b"a"]}' % (b'"a",' * 10_000), "<?n=1>; rel=next", 1),
    ],
    ids=["deep", "no list", "a long name", "a link that is none", "endless", "endless and large"],
)
def test_lists_that_cannot_be_read_or_never_end(body: bytes, link: str, pages: int) -> None:
    with upstream(lambda _: Say(200, body, {"link": link} if link else {})) as (repository, server):
        with pytest.raises(UpstreamError, match=r"cannot be read|never ends"):
            repository.tags(5)
        assert len(server.asked) == pages


def test_what_is_pushed_by_https_goes_nowhere_else_without_it(certificates: Folder) -> None:
    """As where a proxy ends TLS, and the registry behind it says where to go on."""
    with scripted(lambda _: Say(201)) as plain:

        def leads(_: Asked) -> Say:
            return Say(202, headers={"location": f"http://{plain.address}/uploads/1"})

        with (
            scripted(leads, certificates.server) as server,
            closing(Http(f"https://{server.address}", ca=str(certificates.ca.cert))) as http,
        ):
            there = RegistryRepository(http, Repository("team/app"))
            with pytest.raises(UpstreamError, match=f"from https to 'http://{plain.address}/"):
                there.put_blob(Blob(Digest.of(b"secret"), 6), iter([b"secret"]))
        assert plain.asked == []


@pytest.mark.parametrize("location", ["http://[", "http://\x7f/", "ftp://a.test/", "/v2/again", ""])
def test_redirects_that_lead_nowhere(location: str) -> None:
    with upstream(lambda _: Say(307, headers={"location": location})) as (repository, server):
        with pytest.raises(UpstreamError):
            repository.manifest("1")
        assert len(server.asked) <= 5


def test_a_digest_that_is_none_is_not_believed() -> None:
    headers = {**FOUND, "docker-content-digest": "../../../v2/_catalog"}
    with upstream(lambda _: Say(200, b"", headers)) as (repository, _):
        assert repository.glance("1") == ""
        with pytest.raises(UpstreamError, match="invalid digest"):
            repository.look("1")


def test_cookies_are_not_kept() -> None:
    headers = {**FOUND, "set-cookie": "a=b; Path=/"}
    with upstream(lambda _: Say(200, MANIFEST, headers)) as (repository, server):
        for _ in range(2):
            repository.manifest("1")
        assert [each.headers.get("cookie") for each in server.asked] == [None, None]


def test_what_is_remembered_of_logins_is_bounded() -> None:
    """Whoever pulls names repositories, and each has a scope of its own."""

    def fetch(*_: object) -> Answered:
        return Answered(200, httpx2.Headers(), b'{"token": "x"}')

    access = Access("https://up.test", None, fetch)
    for number in range(1100):
        assert access.renew(str(number), None, 'Bearer realm="https://up.test/token"')
    assert access.shown("0") is None
    assert access.shown("1099") == "Bearer x"


def drip(head: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(b"a")
            time.sleep(0.02)

    return answer


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nx: ",
        b"HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
    ],
    ids=["the status", "a header", "the body", "between chunks"],
)
def test_who_answers_byte_by_byte_is_not_waited_for(head: bytes) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=dripping, args=(server, drip(head)))
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        slowly = pytest.raises(UnreachableError, match="less than 1024 bytes a second")
        with asking(address, slow=0.3) as repository, slowly:
            repository.manifest("1")
        thread.join()


def dripping(server: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    """Until the other end has gone."""
    connection, _ = server.accept()
    with connection:
        try:
            answer(connection)
        except OSError:
            return
