"""`entrepot tls`: what it makes, as openssl reads it, and what it says."""

import ipaddress
import json
import re
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.cli.command import Done
from tests.tools import run, tool
from tests.warm import entrepot

from entrepot.auth.authority import Authority
from entrepot.auth.ca_folder import Folder, Pair


def tls(*arguments: str, cwd: Path) -> Done:
    return entrepot("tls", *arguments, cwd=cwd)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """What `init` makes."""
    done = tls("init", "--name", "registry.test", "--name", "192.0.2.1", cwd=tmp_path)
    assert (done.status, done.error) == (0, "")
    return Folder(tmp_path / "tls")


def certificate(path: Path) -> x509.Certificate:
    [found] = x509.load_pem_x509_certificates(path.read_bytes())
    return found


def names(found: x509.Certificate) -> list[str]:
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in alternatives]


def lifetime(found: x509.Certificate) -> timedelta:
    return found.not_valid_after_utc - found.not_valid_before_utc


@pytest.mark.parametrize("purpose", ["sslserver", "sslclient"])
def test_openssl_accepts_them_for_one_purpose(folder: Folder, purpose: str) -> None:
    assert tls("client", "ci", cwd=folder.path.parent).status == 0
    verify = (tool("openssl"), "verify", "-x509_strict", "-CAfile", folder.ca.cert)
    files = {"sslserver": folder.server.cert, "sslclient": folder.client("ci").cert}
    for made_for, file in files.items():
        if made_for == purpose:
            assert run(*verify, "-purpose", purpose, file).stdout == f"{file}: OK\n"
        else:
            with pytest.raises(pytest.fail.Exception, match="unsuitable certificate purpose"):
                run(*verify, "-purpose", purpose, file)


def test_the_authority(folder: Folder) -> None:
    ca = certificate(folder.ca.cert)
    constraints = ca.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = ca.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature
    assert lifetime(ca) == timedelta(days=3650)
    assert re.fullmatch("CN=Entrepot CA [0-9a-f]{8} of registry.test", ca.subject.rfc4514_string())


def test_the_server(folder: Folder) -> None:
    ca, server = certificate(folder.ca.cert), certificate(folder.server.cert)
    assert names(server) == ["registry.test", "192.0.2.1"]
    assert lifetime(server) == timedelta(days=397)
    extensions = server.extensions
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH
    ]
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    own = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert issuer.key_identifier == own.key_identifier
    key = server.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"
    assert server.serial_number.bit_length() > 64
    assert server.serial_number != ca.serial_number


def test_keys_are_their_owners_only(folder: Folder) -> None:
    tls("client", "ci", cwd=folder.path.parent)
    for pair in (folder.ca, folder.server, folder.client("ci")):
        assert pair.key.stat().st_mode & 0o777 == 0o600
    everything = {path.name for path in folder.path.rglob("*") if path.is_file()}
    assert everything == {
        *("ca.crt", "ca.key", "server.crt", "server.key"),
        *("client.cert", "client.key"),
    }


def test_by_itself_it_is_for_this_machine(tmp_path: Path) -> None:
    done = tls("init", "--json", "--dir", "made/here", cwd=tmp_path)
    document = json.loads(done.output)
    assert document["names"][-3:] == ["localhost", "127.0.0.1", "::1"]
    assert {socket.gethostname(), "localhost"} & set(document["names"])
    assert document["certificate"] == "made/here/server.crt"
    found = certificate(tmp_path / document["certificate"])
    assert names(found) == document["names"]
    assert datetime.fromisoformat(document["ends"]) == found.not_valid_after_utc


def test_it_says_what_to_put_where(tmp_path: Path) -> None:
    said = tls("init", "--name", "registry.test", "--port", "443", cwd=tmp_path).output
    assert "entrepot serve --listen :443 --tls-cert tls/server.crt --tls-key tls/server.key" in said
    assert "tls/ca.crt /etc/docker/certs.d/registry.test/ca.crt" in said
    assert "tls/ca.crt /etc/containers/certs.d/registry.test/ca.crt" in said
    assert "/etc/containerd/certs.d/registry.test/hosts.toml" in said
    assert '[host."https://registry.test"]' in said
    said = tls("client", "node-1", cwd=tmp_path).output
    assert 'client = [["/etc/containerd/certs.d/HOST:PORT/client.cert", ' in said


@pytest.mark.parametrize(
    ("given", "at"),
    [
        (["--name", "::1"], "[::1]:5000"),
        (["--name", "192.0.2.1", "--port", "5001"], "192.0.2.1:5001"),
        (["--name", "*.registry.test", "--name", "registry.test"], "registry.test:5000"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_where_the_registry_is(given: list[str], at: str, tmp_path: Path) -> None:
    assert f"/etc/docker/certs.d/{at}/ca.crt" in tls("init", *given, cwd=tmp_path).output


@pytest.mark.parametrize(
    "name",
    ["registry.test:5000", "https://registry.test", "a b", "", "-a", "a..b", "192.0.2.0/24", "é"],
)
def test_a_name_that_is_none(name: str, tmp_path: Path) -> None:
    done = tls("init", "--name", name, cwd=tmp_path)
    assert done.status == 2
    assert "is neither a DNS name nor an IP address" in done.error
    assert not (tmp_path / "tls").exists()


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".", "a b", "a\n", "a" * 65, "é"])
def test_a_client_whose_name_is_none(name: str, folder: Folder) -> None:
    done = tls("client", "--", name, cwd=folder.path.parent)
    assert done.status == 2
    assert "cannot be a client's name" in done.error
    assert not (folder.path / "clients").exists()


def test_a_ca_is_not_replaced_by_chance(folder: Folder) -> None:
    before = folder.ca.cert.read_bytes(), folder.server.cert.read_bytes()
    done = tls("init", cwd=folder.path.parent)
    assert done.status == 2
    assert "`entrepot tls renew`" in done.error
    assert before == (folder.ca.cert.read_bytes(), folder.server.cert.read_bytes())
    assert tls("init", "--force", cwd=folder.path.parent).status == 0
    assert before[0] != folder.ca.cert.read_bytes()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [([], ["registry.test", "192.0.2.1"]), (["--name", "new.test"], ["new.test"])],
    ids=["its names", "other names"],
)
def test_renew(folder: Folder, given: list[str], wanted: list[str]) -> None:
    ca, old = folder.ca.cert.read_bytes(), certificate(folder.server.cert)
    assert tls("renew", "--days", "90", *given, cwd=folder.path.parent).status == 0
    new = certificate(folder.server.cert)
    assert folder.ca.cert.read_bytes() == ca
    assert names(new) == wanted
    assert lifetime(new) == timedelta(days=90)
    assert new.serial_number != old.serial_number
    run(tool("openssl"), "verify", "-CAfile", folder.ca.cert, folder.server.cert)


def test_renew_where_there_is_no_ca(tmp_path: Path) -> None:
    done = tls("renew", cwd=tmp_path)
    assert done.status == 2
    assert "cannot read tls/ca.crt: No such file or directory" in done.error


def test_nothing_outlives_its_ca(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "tls")
    authority = Authority.new("test", days=10)
    folder.ca.write(authority.own)
    folder.server.write(authority.server(["a.test"]))
    assert tls("renew", cwd=tmp_path).status == 0
    assert (
        certificate(folder.server.cert).not_valid_after_utc
        == certificate(folder.ca.cert).not_valid_after_utc
    )
    folder.ca.write(Authority.new("test", 30, datetime.now(UTC) - timedelta(days=31)).own)
    done = tls("client", "ci", cwd=tmp_path)
    assert done.status == 2
    assert "the CA in tls/ca.crt has ended" in done.error


def test_client(folder: Folder) -> None:
    done = tls("client", "ci", "--uri", "spiffe://example.org/ci", "--json", cwd=folder.path.parent)
    document = json.loads(done.output)
    assert document["certificate"] == "tls/clients/ci/client.cert"
    found = certificate(folder.client("ci").cert)
    assert found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "ci"
    assert names(found) == ["spiffe://example.org/ci"]
    again = tls("client", "ci", cwd=folder.path.parent)
    assert again.status == 2
    assert "--force" in again.error
    assert tls("client", "ci", "--force", cwd=folder.path.parent).status == 0
    assert certificate(folder.client("ci").cert).serial_number != found.serial_number


@pytest.mark.parametrize("uri", ["example", "spiffe://a b", ""])
def test_a_uri_that_is_none(uri: str, folder: Folder) -> None:
    done = tls("client", "ci", "--uri", uri, cwd=folder.path.parent)
    assert done.status == 2
    assert "is not a URI" in done.error


# What `show` says


def test_show(folder: Folder) -> None:
    tls("client", "ci", cwd=folder.path.parent)
    done = tls("show", "--json", cwd=folder.path.parent)
    assert done.status == 0
    ca, server, client = (json.loads(line) for line in done.output.splitlines())
    assert ca["subject"] == ca["issuer"] == server["issuer"] == client["issuer"]
    assert server["names"] == ["registry.test", "192.0.2.1"]
    assert [found["days_left"] for found in (server, client)] == [396, 396]
    assert client["subject"] == "CN=ci"
    assert {found["problem"] for found in (ca, server, client)} == {""}
    text = tls("show", "tls/server.crt", cwd=folder.path.parent).output
    assert "subject  CN=registry.test\n" in text
    assert ", in 396 days\n" in text


@pytest.mark.parametrize(
    ("days", "status", "problem"),
    [(32, 0, ""), (29, 1, "it ends soon: renew it"), (-1, 1, "it has ended: renew it")],
)
def test_show_of_one_that_ends(tmp_path: Path, days: int, status: int, problem: str) -> None:
    pair = Pair(tmp_path / "a.crt", tmp_path / "a.key")
    pair.write(Authority.new("test", 100, datetime.now(UTC) - timedelta(days=100 - days)).own)
    done = tls("show", "a.crt", "--json", cwd=tmp_path)
    assert (done.status, json.loads(done.output)["problem"]) == (status, problem)


def test_show_of_another_key(folder: Folder) -> None:
    folder.server.key.write_bytes(folder.ca.key.read_bytes())
    done = tls("show", "tls/server.crt", cwd=folder.path.parent)
    assert done.status == 1
    assert "PROBLEM  the key in tls/server.key is not that of the certificate" in done.output


def test_show_of_what_is_configured(folder: Folder) -> None:
    elsewhere = folder.path.parent / "elsewhere"
    elsewhere.mkdir()
    done = entrepot(
        *("tls", "show", "--json"),
        cwd=elsewhere,
        ENTREPOT_TLS_CERT=str(folder.server.cert),
        ENTREPOT_TLS_KEY=str(folder.ca.key),
    )
    assert done.status == 1
    assert "is not that of the certificate" in json.loads(done.output)["problem"]


def test_show_where_there_is_nothing(tmp_path: Path) -> None:
    done = tls("show", cwd=tmp_path)
    assert done.status == 2
    assert "there are no certificates in tls" in done.error
    done = tls("show", "none.crt", cwd=tmp_path)
    assert done.status == 1
    assert "cannot read none.crt: No such file or directory" in done.output


def test_addresses_are_addresses(tmp_path: Path) -> None:
    assert tls("init", "--name", "::1", "--name", "192.0.2.1", cwd=tmp_path).status == 0
    found = certificate(tmp_path / "tls" / "server.crt")
    alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.IPAddress) == [
        ipaddress.ip_address("::1"),
        ipaddress.ip_address("192.0.2.1"),
    ]
