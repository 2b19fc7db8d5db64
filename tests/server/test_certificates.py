"""Certificates that change while the registry serves: nothing is cut, nothing is left behind."""

import hashlib
import http.client
import logging
import random
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.registry import Registry, StartRegistry

from entrepot.auth.authority import Authority, Issued
from entrepot.auth.ca_folder import Folder, Pair
from entrepot.server.certificates import CertificateError, Files, LiveContext

WITHIN = 60.0


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new("test")


@pytest.fixture(scope="module")
def stranger() -> Authority:
    return Authority.new("test")


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> Folder:
    folder = Folder(tmp_path / "tls")
    folder.server.write(authority.server(["localhost", "127.0.0.1"]))
    folder.ca.write(authority.own)
    return folder


@pytest.fixture
def files(folder: Folder) -> Files:
    return Files(folder.server.cert, folder.server.key, folder.ca.cert)


def truncated(files: Files) -> str:
    content = files.cert.read_bytes()
    files.cert.write_bytes(content[: len(content) // 2])
    return f"{files.cert} holds no certificate in PEM"


def empty(files: Files) -> str:
    files.cert.write_bytes(b"")
    return f"{files.cert} holds no certificate in PEM"


def missing(files: Files) -> str:
    files.cert.unlink()
    return f"cannot read {files.cert}: No such file or directory"


def no_key(files: Files) -> str:
    files.key.write_bytes(files.cert.read_bytes())
    return f"{files.key} holds no private key in PEM"


def another_key(files: Files) -> str:
    files.key.write_bytes(Authority.new("test").server(["localhost"]).key_pem)
    return f"the key in {files.key} is not that of the certificate in {files.cert}"


def another_certificate(files: Files) -> str:
    files.cert.write_bytes(Authority.new("test").server(["localhost"]).certificate_pem)
    return f"the key in {files.key} is not that of the certificate in {files.cert}"


def encrypted_key(files: Files) -> str:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    return f"the key in {files.key} is encrypted: store it without a password"


def truncated_ca(files: Files) -> str:
    assert files.client_ca is not None
    content = files.client_ca.read_bytes()
    files.client_ca.write_bytes(content + content[: len(content) // 2])
    return f"{files.client_ca} holds no certificate in PEM, or a broken one"


def no_ca(files: Files) -> str:
    assert files.client_ca is not None
    files.client_ca.write_bytes(b"# none yet\n")
    return f"{files.client_ca} holds no certificate in PEM, or a broken one"


SPOILERS: list[Callable[[Files], str]] = [
    truncated,
    empty,
    missing,
    no_key,
    another_key,
    another_certificate,
    encrypted_key,
    truncated_ca,
    no_ca,
]


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_what_is_wrong_is_said(files: Files, spoil: Callable[[Files], str]) -> None:
    said = spoil(files)
    with pytest.raises(CertificateError) as caught:
        files.context()
    assert said in str(caught.value)


@pytest.mark.parametrize("spoil", SPOILERS, ids=lambda spoil: spoil.__name__)
def test_spoilt_files_change_nothing_and_are_told_once(
    files: Files, spoil: Callable[[Files], str], caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveContext.of(files)
    before = live.current
    said = spoil(files)
    for _ in range(3):
        live.look()
    assert live.current is before
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert said in caplog.text


def test_files_that_are_mended_are_taken(
    files: Files, authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    live = LiveContext.of(files)
    before = live.current
    another_key(files)
    live.look()
    Pair(files.cert, files.key).write(authority.server(["new.test"]))
    live.look()
    assert live.current is not before
    assert "new connections get the certificate of new.test, until 20" in caplog.messages[-1]


def test_nothing_is_done_where_nothing_changed(files: Files) -> None:
    live = LiveContext.of(files)
    before = live.current
    live.look()
    assert live.current is before


def test_old_versions_are_refused(files: Files) -> None:
    assert files.context().minimum_version == ssl.TLSVersion.TLSv1_2


# The registry as a process


def mounted(folder: Path, issued: Issued, ca: Authority) -> None:
    """As Kubernetes mounts a secret: files are links to ..data/…, which is a link that moves."""
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir(parents=True)
    for name, content in (
        ("tls.crt", issued.certificate_pem),
        ("tls.key", issued.key_pem),
        ("ca.crt", ca.own.certificate_pem),
    ):
        (version / name).write_bytes(content)
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(version.name)
    (folder / "..new").replace(folder / "..data")


def served_certificate(registry: Registry, *, sni: bool = True) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host, port = registry.address.split(":")
    with (
        socket.create_connection((host, int(port)), timeout=15) as raw,
        context.wrap_socket(raw, server_hostname="localhost" if sni else None) as sock,
    ):
        return sock.getpeercert(binary_form=True) or b""


def await_certificate(registry: Registry, issued: Issued) -> None:
    """Each worker finds it by itself: so ask often, with a name and without."""
    wanted = ssl.PEM_cert_to_DER_cert(issued.certificate_pem.decode())
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        if all(served_certificate(registry, sni=bool(n % 2)) == wanted for n in range(20)):
            return
        time.sleep(0.1)
    raise AssertionError(f"the old certificate is still served after {WITHIN} s")


def await_log(registry: Registry, line: str, times: int) -> None:
    """Workers look at their own pace: one of them may have answered all that was asked."""
    deadline = time.monotonic() + WITHIN
    while (found := registry.log.read_text().count(line)) < times and time.monotonic() < deadline:
        time.sleep(0.1)
    assert found == times


@pytest.mark.parametrize("workers", [1, 2])
def test_a_download_outlives_its_certificate(
    start_registry: StartRegistry, tmp_path: Path, authority: Authority, workers: int
) -> None:
    folder = tmp_path / "secret"
    names = ["localhost", "127.0.0.1"]
    mounted(folder, authority.server(names), authority)
    registry = start_registry(
        tls_cert=folder / "tls.crt", tls_key=folder / "tls.key", workers=workers
    )
    blob = random.Random(1).randbytes(32 << 20)
    digest = push_blob(registry, blob)
    host, port = registry.address.split(":")
    download = http.client.HTTPSConnection(host, int(port), context=context_of(registry))
    download.request("GET", f"/v2/team/app/blobs/{digest}")
    answer = download.getresponse()
    got = answer.read(1 << 20)

    renewed = authority.server(names)
    mounted(folder, renewed, authority)
    await_certificate(registry, renewed)

    assert got + answer.read() == blob
    download.request("GET", "/v2/")
    assert download.getresponse().read() == b"{}"
    download.close()
    await_log(registry, "new connections get the certificate of localhost, 127.0.0.1", workers)


def push_blob(registry: Registry, blob: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    url = f"{registry.url}/v2/team/app/blobs/uploads/?digest={digest}"
    answer = httpx.post(url, content=blob, verify=registry.verify, timeout=60)
    assert answer.status_code == 201, answer.text
    return digest


def context_of(registry: Registry) -> ssl.SSLContext:
    assert isinstance(registry.verify, ssl.SSLContext)
    return registry.verify


def status(registry: Registry, issued: Issued | None, folder: Path) -> int | str:
    """What a client of this certificate is answered; "refused" where the handshake fails."""
    context = ssl.create_default_context(cafile=folder / "ca.crt")
    if issued is not None:
        pair = Pair(folder / "own.crt", folder / "own.key")
        pair.write(issued)
        context.load_cert_chain(pair.cert, pair.key)
    try:
        return httpx.get(f"{registry.url}/v2/", verify=context, timeout=60).status_code
    except httpx.TransportError:
        return "refused"


def test_clients_of_a_ca_that_is_gone_are_refused(
    start_registry: StartRegistry, folder: Folder, authority: Authority, stranger: Authority
) -> None:
    """Though they come back with the session of a connection that was accepted."""
    ca = folder.path / "clients.crt"
    ca.write_bytes(authority.own.certificate_pem)
    registry = start_registry(
        tls_cert=folder.server.cert, tls_key=folder.server.key, tls_client_ca=ca
    )
    known, unknown = authority.client("ci"), stranger.client("ci")
    assert status(registry, None, folder.path) == 200
    assert status(registry, known, folder.path) == 200
    assert status(registry, unknown, folder.path) == "refused"
    resume = ssl.create_default_context(cafile=folder.ca.cert)
    pair = Pair(folder.path / "own.crt", folder.path / "own.key")
    pair.write(known)
    resume.load_cert_chain(pair.cert, pair.key)
    answer, session = ask(registry, resume, None)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert session is not None
    assert ask(registry, resume, session)[0]

    ca.write_bytes(stranger.own.certificate_pem)
    deadline = time.monotonic() + WITHIN
    while status(registry, unknown, folder.path) == "refused":
        assert time.monotonic() < deadline, "the new CA is not taken"
        time.sleep(0.1)

    assert status(registry, known, folder.path) == "refused"
    assert ask(registry, resume, session) == (b"", None)


def ask(
    registry: Registry, context: ssl.SSLContext, session: ssl.SSLSession | None
) -> tuple[bytes, ssl.SSLSession | None]:
    """What is answered, if anything is, and the session to come back with."""
    host, port = registry.address.split(":")
    with socket.create_connection((host, int(port)), timeout=15) as raw:
        try:
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as sock:
                sock.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answer = sock.recv(4096)
                return answer, sock.session if answer else None
        except (ssl.SSLError, ConnectionError):
            return b"", None


def test_it_does_not_start_with_spoilt_files(folder: Folder, tmp_path: Path) -> None:
    from tests.warm import entrepot

    folder.server.key.write_bytes(b"")
    done = entrepot(
        *("serve", "--listen", "127.0.0.1:0"),
        *("--tls-cert", str(folder.server.cert), "--tls-key", str(folder.server.key)),
        cwd=tmp_path,
    )
    assert done.status == 2
    assert f"cannot serve TLS: {folder.server.key} holds no private key in PEM" in done.error
    assert not (tmp_path / "data").exists()
