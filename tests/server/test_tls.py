"""The same over TLS, and who the peer is."""

import hashlib
import random
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from tests.waiting import until

from entrepot.server.tls import distinguished_name

if TYPE_CHECKING:
    from tests.server.conftest import Respond, Serve

CONTENT = random.Random(3).randbytes((5 << 20) + 77)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def settings(authority: trustme.CA, tmp_path: Path) -> dict[str, Any]:
    """Options of uvicorn, and the context of a client without a certificate."""
    names = {name: str(tmp_path / name) for name in ("cert.pem", "key.pem", "ca.pem")}
    certificate = authority.issue_cert("localhost")
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(names["cert.pem"], append=number > 0)
    certificate.private_key_pem.write_to_path(names["key.pem"])
    authority.cert_pem.write_to_path(names["ca.pem"])
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return {
        "ssl_certfile": names["cert.pem"],
        "ssl_keyfile": names["key.pem"],
        "ssl_ca_certs": names["ca.pem"],
        "ssl_cert_reqs": ssl.CERT_OPTIONAL,
        "tls": client,
    }


def a_registry(respond: "Respond", path: Path, seen: list[Any]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        if scope["method"] == "PUT":
            digest, sizes = hashlib.sha256(), []

            def write(view: memoryview) -> None:
                digest.update(view)
                sizes.append(len(view))

            try:
                await scope["extensions"]["entrepot.receive_into"](write)
            finally:
                seen.append(sizes)
            await respond(send, digest.hexdigest().encode())
            return
        length = [(b"content-length", b"%d" % len(CONTENT))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        with path.open("rb") as file:
            await send({"type": "http.response.zerocopysend", "file": file})

    return app


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "blob"
    path.write_bytes(CONTENT)
    return path


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("known", [True, False], ids=["certificate", "no certificate"])
def test_extension(
    serve_both: "Serve",
    respond: "Respond",
    authority: trustme.CA,
    settings: dict[str, Any],
    path: Path,
    known: bool,
    version: str,
) -> None:
    seen: list[Any] = []
    context: ssl.SSLContext = settings["tls"]
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    own = authority.issue_cert("robot@example.org", organization_name="A, B", common_name="robot")
    if known:
        own.configure_cert(context)
    client = serve_both(a_registry(respond, path, seen), **settings).connect()
    assert client.get(method="HEAD").answer("HEAD").status == 200
    assert seen[0]["scheme"] == "https"
    tls = seen[0]["extensions"]["tls"]
    assert tls["server_cert"] in Path(settings["ssl_certfile"]).read_text()
    assert tls["client_cert_error"] is None
    assert tls["tls_version"] == {"TLSv1_2": 0x0303, "TLSv1_3": 0x0304}[version]
    assert isinstance(client.sock, ssl.SSLSocket)
    [number] = [
        cipher["id"] & 0xFFFF
        for cipher in context.get_ciphers()
        if cipher["name"] == (client.sock.cipher() or ("",))[0]
    ]
    assert tls["cipher_suite"] == number
    if known:
        leaf = own.cert_chain_pems[0].bytes().decode()
        assert tls["client_cert_chain"][0].split() == leaf.split()
        assert tls["client_cert_name"].startswith("CN=robot,")
        assert tls["client_cert_name"].endswith(r"O=A\, B")
    else:
        assert tls["client_cert_chain"] == []
        assert tls["client_cert_name"] is None


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("known", [True, False], ids=["certificate", "no certificate"])
def test_the_fast_path_knows_the_certificate(
    serve_both: "Serve",
    authority: trustme.CA,
    settings: dict[str, Any],
    known: bool,
    version: str,
) -> None:
    """In a resumed session, too."""
    seen: list[Any] = []

    def fast(*call: Any) -> tuple[bytes, bytes]:
        seen.append(call[4])
        return b"HTTP/1.1 200 OK\r\n", b"content-length: 0\r\n\r\n"

    async def unused(*_: Any) -> None:
        raise AssertionError

    context: ssl.SSLContext = settings["tls"]
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    own = authority.issue_cert("robot@example.org")
    if known:
        own.configure_cert(context)
    served = serve_both(unused, state={"entrepot.fast": fast}, **settings)
    first = served.connect()
    assert first.get().answer().status == 200
    assert isinstance(first.sock, ssl.SSLSocket)
    with resumed(served.port, context, first.sock.session) as second:
        second.sendall(b"GET / HTTP/1.1\r\nHost: t\r\n\r\n")
        assert second.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert second.session_reused
    der = ssl.PEM_cert_to_DER_cert(own.cert_chain_pems[0].bytes().decode())
    assert seen == [hashlib.sha256(der).hexdigest() if known else ""] * 2


def resumed(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLSocket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=60)
    return context.wrap_socket(sock, server_hostname="localhost", session=session)


def test_chain_begins_with_the_leaf(
    serve_both: "Serve",
    respond: "Respond",
    authority: trustme.CA,
    settings: dict[str, Any],
    path: Path,
) -> None:
    seen: list[Any] = []
    own = authority.create_child_ca().issue_cert("robot@example.org")
    own.configure_cert(settings["tls"])
    client = serve_both(a_registry(respond, path, seen), **settings).connect()
    client.get(method="HEAD").answer("HEAD")
    chain = seen[0]["extensions"]["tls"]["client_cert_chain"]
    sent = [blob.bytes().decode().split() for blob in own.cert_chain_pems]
    assert len(sent) == 2
    assert [certificate.split() for certificate in chain][:2] == sent


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ((), ""),
        (((("countryName", "NL"),), (("commonName", "a"),)), "CN=a,C=NL"),
        (((("commonName", "a"), ("userId", "b")),), "CN=a+UID=b"),
        (((("commonName", ' #a,+"\\<>; '),),), r"CN=\ #a\,\+\"\\\<\>\;\ "),
        (((("commonName", "#a"),),), r"CN=\#a"),
        (((("emailAddress", "a@b"),),), "emailAddress=a@b"),
    ],
)
def test_distinguished_name(subject: Any, name: str) -> None:
    assert distinguished_name(subject) == name


def test_file(
    serve_both: "Serve", respond: "Respond", settings: dict[str, Any], path: Path
) -> None:
    client = serve_both(a_registry(respond, path, []), **settings).connect()
    for _ in range(2):
        assert client.get().answer().body == CONTENT


@pytest.mark.parametrize("size", [10, 70_000, len(CONTENT)])
@pytest.mark.parametrize("form", ["length", "chunked"])
def test_upload(
    serve_both: "Serve",
    respond: "Respond",
    settings: dict[str, Any],
    path: Path,
    size: int,
    form: str,
) -> None:
    seen: list[Any] = []
    client = serve_both(a_registry(respond, path, seen), **settings).connect()
    body = CONTENT[:size]
    for _ in range(2):
        if form == "length":
            client.get("/", f"Content-Length: {size}", method="PUT").send(body)
        else:
            client.get("/", "Transfer-Encoding: chunked", method="PUT")
            client.send(b"%x\r\n%b\r\n0\r\n\r\n" % (size, body))
        assert client.answer().body == hashlib.sha256(body).hexdigest().encode()
        assert sum(seen[-1]) == size
        assert all(piece % 4096 == 0 and piece <= 1 << 20 for piece in seen[-1][:-1])


def test_stalled_and_cut_upload(
    serve_both: "Serve", respond: "Respond", settings: dict[str, Any], path: Path
) -> None:
    seen: list[Any] = []
    client = serve_both(a_registry(respond, path, seen), **settings).connect()
    client.get("/", f"Content-Length: {len(CONTENT)}", method="PUT").send(CONTENT[:100_000])
    time.sleep(0.4)
    client.send(b"x").sock.close()
    until(lambda: len(seen) > 1)
    assert sum(seen[1]) == 100_001
    assert seen[1][-1] < 4096


def test_early_answer(serve_both: "Serve", respond: "Respond", settings: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, b"no", 401)

    client = serve_both(app, **settings).connect()
    client.get("/", f"Content-Length: {1 << 40}", method="PUT").send(bytes(100_000))
    assert client.answer().status == 401
