"""`entrepot tls`: a private CA, and what it issues. Next: `tls_show` says how long it lasts."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli import tls_show, tls_trust
from entrepot.cli.options import Json, fail

if TYPE_CHECKING:
    from entrepot.auth.authority import Issued
    from entrepot.auth.ca_folder import Folder, Pair

app = typer.Typer(
    help="Make a private CA and certificates of it; see how long they last.", no_args_is_help=True
)

Dir = Annotated[Path, typer.Option("--dir", help="Folder of the CA.")]
Names = Annotated[
    list[str] | None,
    typer.Option("--name", help="DNS name or address of the registry; may be given several times."),
]
Days = Annotated[int, typer.Option(min=1, max=3650, help="Days that the certificate lasts.")]
Port = Annotated[int, typer.Option(min=1, max=65535, help="Port of the registry.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]


@app.command()
def init(
    *,
    directory: Dir = Path("tls"),
    name: Names = None,
    days: Days = 397,
    port: Port = 5000,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a private CA and a certificate for the server; say what to put where.

    Without `--name` it is for this machine's name, localhost, 127.0.0.1 and ::1.

    Examples: `entrepot tls init`, `entrepot tls init --name registry.example.org --port 443`
    """
    from entrepot.auth.authority import Authority
    from entrepot.auth.ca_folder import Folder

    folder = Folder(directory)
    if not force and (folder.ca.cert.exists() or folder.ca.key.exists()):
        fail(
            f"{directory} has a CA already: `entrepot tls renew` makes a new certificate of it; "
            "--force makes a new CA, which every client must then be told of"
        )
    names = name or _own_names()
    with _told():
        authority = Authority.new(names[0])
        server = authority.server(names, days)
        folder.ca.write(authority.own)
        folder.server.write(server)
    _say_server(folder, server, port, as_json=as_json)


@app.command()
def renew(
    *,
    directory: Dir = Path("tls"),
    name: Names = None,
    days: Days = 397,
    port: Port = 5000,
    as_json: Json = False,
) -> None:
    """Make a new certificate for the server by the CA that is there; a running server takes it.

    Without `--name` it is for the names that the old one has.

    Examples: `entrepot tls renew`, `entrepot tls renew --dir /etc/entrepot/tls --days 90`
    """
    from entrepot.auth import pem
    from entrepot.auth.ca_folder import Folder

    folder = Folder(directory)
    with _told():
        authority = folder.authority()
        names = name or pem.names(pem.certificates(folder.server.cert)[0])
        server = authority.server(names, days)
        folder.server.write(server)
    _say_server(folder, server, port, as_json=as_json)


@app.command()
def client(
    name: Annotated[str, typer.Argument(help="Who it says the client is: its common name.")],
    *,
    directory: Dir = Path("tls"),
    uri: Annotated[
        str | None,
        typer.Option(help="A URI in it, such as a SPIFFE id.", show_default="none"),
    ] = None,
    days: Days = 397,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make a client's certificate by the CA; say where docker, containerd and podman want it.

    Examples: `entrepot tls client ci`, `entrepot tls client node-1 --uri spiffe://example.org/n1`
    """
    from entrepot.auth.ca_folder import Folder

    folder = Folder(directory)
    with _told():
        issued = folder.authority().client(name, days, uri)
        pair = folder.client(name)
        if pair.cert.exists() and not force:
            fail(f"{name} has one in {pair.cert.parent} already: replace it by --force")
        pair.write(issued)
    if as_json:
        typer.echo(json.dumps(_document(folder, pair, issued)))
    else:
        typer.echo(f"{name} has a certificate in {pair.cert.parent}, {_until(issued)}.\n")
        typer.echo(tls_trust.of_client(folder.ca.cert, pair.cert, pair.key), nl=False)


app.command("show")(tls_show.show)


def _own_names() -> list[str]:
    """This machine's name, where that is one, and those that it calls itself."""
    from entrepot.auth.authority import server_name

    own = socket.gethostname()
    try:
        server_name(own)
    except ValueError:
        own = "localhost"
    return list(dict.fromkeys([own, "localhost", "127.0.0.1", "::1"]))


@contextmanager
def _told() -> Iterator[None]:
    """Say what went wrong."""
    from entrepot.auth.pem import PemError

    try:
        yield
    except (PemError, ValueError) as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write {error.filename}: {error.strerror}")


def _say_server(folder: "Folder", server: "Issued", port: int, *, as_json: bool) -> None:
    from entrepot.auth import pem

    if as_json:
        typer.echo(json.dumps(_document(folder, folder.server, server)))
        return
    names = pem.names(server.certificate)
    typer.echo(f"{folder.server.cert} is for {', '.join(names)}, {_until(server)}.\n")
    at = tls_trust.location(names, port)
    typer.echo(tls_trust.of_server(at, port, folder.ca, folder.server), nl=False)


def _document(folder: "Folder", pair: "Pair", issued: "Issued") -> dict[str, object]:
    from entrepot.auth import pem

    return {
        "ca": str(folder.ca.cert),
        "certificate": str(pair.cert),
        "key": str(pair.key),
        "names": pem.names(issued.certificate),
        "ends": issued.certificate.not_valid_after_utc.isoformat(),
    }


def _until(issued: "Issued") -> str:
    return f"until {issued.certificate.not_valid_after_utc:%Y-%m-%d}"
