"""`entrepot serve`: run the registry."""

import contextlib
import socket
import sqlite3
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from entrepot import __version__, settings
from entrepot.addresses import Address
from entrepot.cli.exposure import certificate_files, check_certificate, check_exposure
from entrepot.cli.options import Config, Data, fail
from entrepot.cli.provider import check_provider
from entrepot.db.connection import UnavailableError
from entrepot.db.place import Place
from entrepot.db.schema import SchemaError
from entrepot.encryption.keys import Keyring
from entrepot.settings import Settings

_BANNER = """\
Entrepot {version} listens on {scheme}://{address}
its data lies in {data}{blobs}

  docker login {address}
  docker build -t {address}/team/app:1.0.0 .
  docker push {address}/team/app:1.0.0
"""

_FIRST = """\
  This is the first start: log in as admin with the password
      {password}
  It is not shown again. Change it by `entrepot user password admin`.
"""


def serve(
    *,
    data: Data = None,
    listen: Annotated[
        str | None, typer.Option(help="HOST:PORT to listen on.", show_default="127.0.0.1:5000")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve.", show_default="1")
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Certificate to serve, with its chain.", show_default="none")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(help="Key of the certificate.", show_default="none")
    ] = None,
    config: Config = None,
) -> None:
    """Run the registry until SIGTERM or Ctrl-C; requests in flight are finished first.

    Every setting can also be given as `ENTREPOT_…` or in `entrepot.toml`: see docs/settings.md.

    Examples: `entrepot serve`, `entrepot serve --data /srv/entrepot --workers 4`,
    `entrepot serve --listen :443 --tls-cert tls/server.crt --tls-key tls/server.key`
    """
    try:
        chosen = settings.load(
            config,
            data=data,
            listen=listen,
            workers=workers,
            tls_cert=tls_cert,
            tls_key=tls_key,
        )
        keyring = chosen.keyring()
        chosen.backup_keyring()
    except settings.SettingsError as error:
        fail(str(error))
    check_exposure(chosen)
    check_certificate(chosen)
    check_provider(chosen)
    with ExitStack() as stack:
        listener = stack.enter_context(_socket(chosen.listen, "--listen"))
        plain = None
        if chosen.redirect_listen:
            plain = _socket(chosen.redirect_listen, "ENTREPOT_REDIRECT_LISTEN")
            stack.enter_context(plain)
        place = _prepare(chosen, keyring)
        password = None if chosen.dangerously_without_accounts else _admit_admin(chosen, place)
        address = chosen.address._replace(port=listener.getsockname()[1])
        typer.echo(
            _BANNER.format(
                version=__version__,
                scheme="https" if chosen.tls_cert else "http",
                address=address,
                data=_whereabouts(chosen, place),
                blobs=f", large blobs in {chosen.place}" if chosen.place else "",
            )
        )
        if password:
            typer.echo(_FIRST.format(password=password))
        _run(chosen, keyring, listener, plain)


def _socket(address: str, setting: str) -> socket.socket:
    from entrepot.server import run

    try:
        return run.bind(*Address.parse(address))
    except OSError as error:
        why = error.strerror or error
        fail(f"cannot listen on {address}: {why}; try another {setting}")


def _whereabouts(chosen: Settings, place: Place) -> str:
    folder = str(chosen.data.absolute())
    return folder if str(place) == folder else f"{place} and {folder}"


def _prepare(chosen: Settings, keyring: Keyring) -> Place:
    """Make the folders and the database where they are missing; see that the store takes objects
    and has those of the database, and that the keys of what lies there are here.
    """
    from entrepot.blobstore.store import StoreError
    from entrepot.blobstore.stores import store_at
    from entrepot.db import keyed, moving
    from entrepot.encryption.keys import EncryptionError
    from entrepot.upkeep import misplaced

    try:
        place = chosen.metadata(keyring)
        place.prepare()
        store = store_at(chosen.data, chosen.place, keyring)
        store.prepare()
        with contextlib.closing(place.connect()) as db:
            keyed.check(db)
            moving.check(db)
            misplaced.check(db, store)
    except (SchemaError, StoreError, EncryptionError, settings.SettingsError) as error:
        fail(str(error))
    except UnavailableError as error:
        fail(f"cannot reach {place}: {error}; see ENTREPOT_DATABASE_URL")
    except (OSError, sqlite3.Error) as error:
        why = error.strerror if isinstance(error, OSError) else error
        fail(f"cannot use {chosen.data.absolute()}: {why}; name a folder with --data")
    return place


def _admit_admin(chosen: Settings, place: Place) -> str | None:
    """At the first start, make the user admin; the password, if it was made up."""
    from entrepot.auth import bootstrap

    given = chosen.admin_password
    with contextlib.closing(place.connect()) as db:
        try:
            return bootstrap.furnish(db, given.get_secret_value() if given else None)
        except ValueError as error:
            fail(f"ENTREPOT_ADMIN_PASSWORD: {error}")


def _run(
    chosen: Settings, keyring: Keyring, listener: socket.socket, plain: socket.socket | None
) -> None:
    from entrepot import app
    from entrepot.observe import logs, tally
    from entrepot.server.limits import Limits
    from entrepot.server.redirect import Redirect
    from entrepot.server.run import Plan, run

    shared = chosen.data / tally.FOLDER if chosen.workers > 1 else None
    if shared is not None:
        tally.prepare(shared)
    logs.configure(as_json=chosen.logs_as_json, level=chosen.log_level)
    limits = Limits(
        header_bytes=chosen.max_header_bytes,
        header_timeout=chosen.header_timeout,
        body_timeout=chosen.body_timeout,
        keep_alive=chosen.keep_alive_timeout,
        send_timeout=chosen.send_timeout,
    )
    factory = partial(app.build, chosen, shared, keyring)
    plan = Plan(
        factory,
        chosen.workers,
        chosen.grace,
        limits=limits,
        tls=certificate_files(chosen),
        trusted_proxies=chosen.trusted_proxies,
        hsts=chosen.hsts,
    )
    port = listener.getsockname()[1]
    run(plan, listener, Redirect(plain, port, chosen.public_url) if plain is not None else None)
