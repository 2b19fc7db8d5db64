"""`entrepot verify`: who signed an image, by its project's signers or by keys that one has."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json, fail, read_text
from entrepot.cli.output import Columns, Row, show_json, show_list

COLUMNS: Columns = {
    "signature": lambda row: row["manifest"][:19],
    "format": "format",
    "signer": "signer",
    "result": lambda row: "good" if row["good"] else "NOT GOOD",
    "why": "why",
}


def verify(
    ctx: typer.Context,
    image: Annotated[str, typer.Argument(help="The image: team/app:1.2, or with @sha256:…")],
    *,
    key: Annotated[
        list[Path] | None,
        typer.Option(help="File with a public key to verify by, here; may be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say who signed an image, and whether that is good; ends with 1 where no signature is.

    The registry verifies by the signers of the project. With --key this command does so by
    itself, and believes the registry nothing.

    Examples: `entrepot verify team/app:1.2`, `entrepot verify --key cosign.pub
    registry.example.com/team/app@sha256:…`, `entrepot verify team/app:1.2 --json`
    """
    client = connect(ctx)
    repository, reference = _parse(image, urlsplit(client.where.url).netloc)
    found = client.get("/signatures", repository=repository, digest=reference)
    if ":" in reference and found["digest"] != reference:
        fail(f"the registry answered for {found['digest']}, not for {reference}", 1)
    rows = list(_by_keys(found, key) if key else _by_signers(found))
    names = sorted({row["signer"] for row in rows if row["good"]})
    said = {"repository": repository, "digest": found["digest"], "good": bool(names)}
    said["trouble"] = found["trouble"]
    if as_json:
        show_json({**said, "signers": names, "signatures": rows})
    else:
        _tell(said, rows, names)
    raise typer.Exit(0 if names else 1)


def _parse(text: str, host: str) -> tuple[str, str]:
    from entrepot.oci.image_name import Image, ImageError

    try:
        image = Image.parse(f"localhost/{text.removeprefix(f'{host}/')}")
    except ImageError as error:
        fail(f"{text} is no image: {error}")
    return image.repository, image.reference


def _by_signers(found: Any) -> Iterator[Row]:
    for each in found["signatures"]:
        where = {"manifest": each["manifest"], "format": each["format"]}
        for verdict in each["verdicts"]:
            yield {**where, **verdict}
        if not each["verdicts"]:
            yield {**where, "signer": None, "good": False, "why": "the project names no signer"}


def _by_keys(found: Any, files: list[Path]) -> Iterator[Row]:
    from entrepot.signatures import evidence, terms
    from entrepot.signatures.judge import judge

    for file in files:
        try:
            known = terms.read("key", {"pem": read_text(file)})
        except ValueError as error:
            fail(f"{file}: {error}")
        for each in found["signatures"]:
            try:
                why = judge(known, evidence.read(each["evidence"]), found["digest"]).why
            except evidence.EvidenceError as error:
                why = str(error)
            where = {"manifest": each["manifest"], "format": each["format"]}
            yield {**where, "signer": str(file), "good": not why, "why": why}


def _tell(said: Row, rows: list[Row], names: list[str]) -> None:
    if rows:
        show_list(rows, COLUMNS, as_json=False)
    who = f"signed by {', '.join(names)}" if names else "no good signature"
    typer.echo(f"{said['repository']}@{said['digest']}: {who}")
    if said["trouble"]:
        typer.echo(f"there may be more signatures: {said['trouble']}", err=True)
