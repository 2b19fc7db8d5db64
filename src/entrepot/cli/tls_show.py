"""`entrepot tls show`: whose certificates they are, and how long they last."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot import settings
from entrepot.cli.options import Config, Json, fail

if TYPE_CHECKING:
    from cryptography import x509

SOON = 30
"""Days before the end from which it complains."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One certificate of a file, or a file that has none."""

    file: str
    subject: str = ""
    names: tuple[str, ...] = ()
    issuer: str = ""
    ends: str = ""
    days_left: int | None = None
    problem: str = ""


def show(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Certificates in PEM.",
            show_default="those that are configured, and those in --dir",
        ),
    ] = None,
    *,
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the CA.")] = Path("tls"),
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show subject, names, issuer and end of certificates, and whether their keys fit.

    Ends with 1 where one ends within 30 days, or its key is another's.

    Examples: `entrepot tls show`, `entrepot tls show /etc/entrepot/server.crt --json`
    """
    pairs = [(file, _beside(file)) for file in files] if files else _known(directory, config)
    if not pairs:
        fail(f"there are no certificates in {directory}: name files, or a folder with --dir")
    found = [shown for pair in pairs for shown in _look(*pair)]
    for shown in found:
        typer.echo(json.dumps(asdict(shown)) if as_json else _text(shown))
    raise typer.Exit(1 if any(shown.problem for shown in found) else 0)


def _known(directory: Path, config: Path | None) -> list[tuple[Path, Path | None]]:
    """The files of the settings, and those of the CA's folder."""
    try:
        chosen = settings.load(config)
    except settings.SettingsError as error:
        fail(str(error))
    found: dict[Path, Path | None] = {}
    if chosen.tls_cert is not None:
        found[chosen.tls_cert] = chosen.tls_key
    if chosen.tls_client_ca is not None:
        found[chosen.tls_client_ca] = None
    for pattern in ("*.crt", "clients/*/client.cert"):
        for file in sorted(directory.glob(pattern)):
            found.setdefault(file, _beside(file))
    return list(found.items())


def _beside(file: Path) -> Path | None:
    """The key of a certificate, where it lies beside it."""
    key = file.with_suffix(".key")
    return key if key != file and key.exists() else None


def _look(file: Path, key: Path | None) -> Iterator[Shown]:
    from entrepot.auth import pem

    try:
        certificates = pem.certificates(file)
        if key is not None:
            pem.check_pair(file, key)
    except pem.PemError as error:
        yield Shown(str(file), problem=str(error))
        return
    for certificate in certificates:
        yield _shown(file, certificate)


def _shown(file: Path, certificate: "x509.Certificate") -> Shown:
    from entrepot.auth import pem

    left = pem.days_left(certificate)
    problem = "" if left >= SOON else "it has ended" if left < 0 else "it ends soon"
    return Shown(
        str(file),
        certificate.subject.rfc4514_string(),
        tuple(pem.names(certificate)),
        certificate.issuer.rfc4514_string(),
        certificate.not_valid_after_utc.isoformat(),
        left,
        f"{problem}: renew it" if problem else "",
    )


def _text(shown: Shown) -> str:
    lines = [shown.file]
    if shown.days_left is not None:
        lines += [
            f"subject  {shown.subject}",
            f"names    {', '.join(shown.names)}",
            f"issuer   {shown.issuer}",
            f"ends     {shown.ends[:10]}, in {shown.days_left} days",
        ]
    if shown.problem:
        lines.append(f"PROBLEM  {shown.problem}")
    return "\n  ".join(lines)
