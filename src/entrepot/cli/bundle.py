"""`entrepot bundle`: images in one file, carried to where no network leads."""

from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.options import Json, fail
from entrepot.cli.pairs import pairs
from entrepot.cli.transfers import (
    Ca,
    Jobs,
    ListFile,
    PlainHttp,
    Platforms,
    Referrers,
    Replace,
    Terms,
    listed,
    places,
    run,
)

app = typer.Typer(no_args_is_help=True, help="Images in one file, for places without a network.")

File = Annotated[Path, typer.Argument(help="The bundle, an OCI layout in a tar.")]


@app.command()
def create(
    bundle: File,
    image: Annotated[list[str] | None, typer.Argument(help="Images to have in it.")] = None,
    *,
    file: ListFile = None,
    platform: Platforms = None,
    referrers: Referrers = True,
    jobs: Jobs = 4,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write images into a bundle, with their signatures; all of them, or no file is made.

    Examples: `entrepot bundle create site.tar docker.io/library/nginx:1.29 quay.io/team/app:2`,
    `entrepot bundle create site.tar -f deployment.yaml --platform linux/amd64`
    """
    from entrepot.upstream.opened import At

    with places(ca, plain_http, replace=replace) as opened:
        found = [At.parse(each) for each in listed(image, file)]
        if not found:
            fail("say which images: entrepot bundle create FILE IMAGE..., or -f FILE")
        chosen = pairs(found, f"oci-archive:{bundle}")
        terms = Terms(tuple(platform or ()), referrers=referrers, whole=True)
        run(opened, chosen, terms, jobs, as_json=as_json)


@app.command()
def load(
    bundle: File,
    target: Annotated[str, typer.Argument(help="HOST[/PREFIX] of a registry.")],
    *,
    jobs: Jobs = 4,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    as_json: Json = False,
) -> None:
    """Push what is in a bundle; each image keeps its repository and tag, behind the prefix.

    Run it again after a break: only what is missing moves.

    Example: `entrepot bundle load site.tar registry.example.com/mirror`
    """
    from entrepot.upstream.opened import At

    with places(ca, plain_http, replace=False) as opened:
        at = At("oci-archive", str(bundle), "")
        source, _ = opened.source(at)
        named = [name for name in source.tags() if "/" in name]
        if not named:
            fail(f"{bundle} has no image that says its repository: entrepot copy may name them", 1)
        found = [At(at.kind, at.where, name) for name in named]
        chosen = pairs(found, f"{target.rstrip('/')}/")
        run(opened, chosen, Terms((), referrers=True, whole=False), jobs, as_json=as_json)


@app.command("list")
def list_images(bundle: File, *, as_json: Json = False) -> None:
    """List the images in a bundle.

    Example: `entrepot bundle list site.tar`
    """
    from entrepot.cli.output import show_list
    from entrepot.upstream.opened import At

    with places(None, None, replace=False) as opened:
        source, _ = opened.source(At("oci-archive", str(bundle), ""))
        rows = [{"image": name} for name in source.tags()]
    show_list(rows, {"image": "image"}, as_json=as_json)
