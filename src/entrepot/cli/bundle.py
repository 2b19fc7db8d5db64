"""`entrepot bundle`: images in one file, carried to where no network leads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot.cli.bundling import Loading, Making
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, Row, show_json, show_list
from entrepot.cli.pairs import Pair, pairs
from entrepot.cli.progress import shown
from entrepot.cli.size import show_size
from entrepot.cli.transfers import (
    Ca,
    Jobs,
    ListFiles,
    PlainHttp,
    Platforms,
    Referrers,
    Replace,
    Terms,
    listed,
    places,
    run,
)

if TYPE_CHECKING:
    from entrepot.upstream.bundle import Bundle

app = typer.Typer(no_args_is_help=True, help="Images in one file, for places without a network.")

File = Annotated[Path, typer.Argument(help="The bundle, an OCI layout in a tar.")]


def _left(row: Row) -> str | None:
    return show_size(row["left_out"]) if row["left_out"] else None


COLUMNS: Columns = {
    "image": "image",
    "digest": lambda row: row["digest"][:19],
    "platforms": "platforms",
    "size": lambda row: show_size(row["size"]),
    "left out": _left,
    "which is in": "earlier",
}


@app.command()
def create(
    bundle: File,
    image: Annotated[list[str] | None, typer.Argument(help="Images to have in it.")] = None,
    *,
    file: ListFiles = None,
    platform: Platforms = None,
    referrers: Referrers = True,
    since: Annotated[
        list[Path] | None,
        typer.Option(
            help="An earlier bundle, or its list of contents: what it has is left out; may be "
            "said again."
        ),
    ] = None,
    jobs: Jobs = 4,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Write images into a bundle, with their signatures; all of them, or no file is made.

    Examples: `entrepot bundle create site.tar docker.io/library/nginx:1.29 quay.io/team/app:2`,
    `entrepot bundle create site.tar -f deployment.yaml --platform linux/amd64`,
    `helm template web ./chart | entrepot bundle create site.tar -f -`,
    `entrepot bundle create site-2.tar -f images.txt --since site.tar`
    """
    from entrepot.upstream.bundle_record import Record
    from entrepot.upstream.opened import At

    with places(ca, plain_http, replace=replace) as opened:
        found = [At.parse(each) for each in listed(image, file)]
        if not found:
            fail("say which images: entrepot bundle create FILE IMAGE..., or -f FILE")
        records = [Record.at(each) for each in since or ()]
        terms = Terms(tuple(platform or ()), referrers=referrers, whole=True)
        chosen = pairs(found, f"oci-archive:{bundle}")
        with Making(opened, bundle, records, replace=replace) as making:
            run(making, chosen, terms, jobs, as_json=as_json)
        if not as_json:
            typer.echo(making.sentence)


@app.command()
def load(
    bundle: File,
    target: Annotated[str, typer.Argument(help="HOST[/PREFIX] of a registry.")],
    *,
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of", metavar="HOST[:PORT]", help="Only images of this registry; may be said again."
        ),
    ] = None,
    jobs: Jobs = 4,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    as_json: Json = False,
) -> None:
    """Push what is in a bundle; each image keeps its repository and tag, behind the prefix.

    Run it again after a break: only what is missing moves. A bundle that was made with --since
    wants what that one has to be there.

    Examples: `entrepot bundle load site.tar registry.example.com/mirror`,
    `entrepot bundle load site.tar registry.example.com/mirror-quay --of quay.io`
    """
    from entrepot.upstream.opened import At

    with places(ca, plain_http, replace=False) as opened:
        found = _opened(bundle)
        chosen = pairs(
            [At("oci-archive", str(bundle), name) for name in _named(found, of)],
            f"{target.rstrip('/')}/",
        )
        _check(chosen)
        loading = Loading(opened, found, f"{target.rstrip('/')}/")
        run(loading, chosen, Terms((), referrers=True, whole=False), jobs, as_json=as_json)


@app.command("list")
def list_images(
    bundle: File,
    *,
    contents: Annotated[
        bool,
        typer.Option("--contents", help="Print what a later `bundle create --since` wants of it."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the images in a bundle, and what of them an earlier one has.

    Examples: `entrepot bundle list site.tar`,
    `entrepot bundle list site.tar --contents > site.contents`
    """
    from entrepot.upstream.bundle_record import Record

    with places(None, None, replace=False):
        if contents:
            typer.echo(Record.at(bundle).text)
            return
        found = _opened(bundle)
        rows = [_row(found, name) for name in found.names()]
    show_list(rows, COLUMNS, as_json=as_json)


@app.command()
def verify(bundle: File, *, as_json: Json = False) -> None:
    """Read all of a bundle, and compare it with its digests; ends with 1 where it is not whole.

    Examples: `entrepot bundle verify site.tar`, `entrepot bundle verify site.tar --json`
    """
    with places(None, None, replace=False):
        found = _opened(bundle)
        plans = [found.plan(name) for name in found.names()]
    blobs = {blob.digest: blob for each in plans for blob in each.blobs}
    with shown() as bar:
        bar.begin(f"reading {bundle}", sum(each.size for each in blobs.values()), "bytes")
        damaged = dict[str, str]()
        for digest, blob in blobs.items():
            if why := found.damaged(blob):
                damaged[str(digest)] = why
            bar.add(blob.size)
    if as_json:
        show_json({"images": len(plans), "blobs": len(blobs), "damaged": damaged})
    else:
        for why in damaged.values():
            typer.echo(why)
        typer.echo(f"{len(plans)} images, {len(blobs)} blobs: {len(damaged)} damaged")
    if damaged:
        raise typer.Exit(1)


def _check(chosen: "list[Pair]") -> None:
    """One prefix is for images of many registries: no two of them may come to the same name."""
    by_target = {each.target: each.source.name for each in chosen}
    for each in chosen:
        other = by_target[each.target]
        if other != each.source.name:
            fail(
                f"{each.source.name} and {other} would both become {each.target}: load the images "
                "of each registry behind a prefix of its own, by --of"
            )


def _named(bundle: "Bundle", hosts: list[str] | None) -> list[str]:
    """Names of its images, of all registries or of these."""
    by_name = {name: name.partition("/")[0] for name in bundle.names()}
    for host in hosts or ():
        if host not in by_name.values():
            known = ", ".join(sorted(set(by_name.values())))
            fail(f"the bundle has no image of {host}, but of {known}")
    return [name for name, host in by_name.items() if not hosts or host in hosts]


def _opened(path: Path) -> "Bundle":
    from entrepot.upstream.bundle import Bundle

    found = Bundle(path)
    if not found.names():
        fail(f"{path} has no image that says its repository: entrepot copy may name them", 1)
    return found


def _row(bundle: "Bundle", name: str) -> dict[str, Any]:
    from entrepot.upstream.chosen import platforms_of

    plan = bundle.plan(name)
    left = [(blob, bundle.elsewhere(blob.digest)) for blob in plan.blobs]
    return {
        "image": name,
        "digest": str(plan.root.digest),
        "platforms": platforms_of(bundle.at(name), plan.root),
        "size": plan.size,
        "left_out": sum(blob.size for blob, earlier in left if earlier),
        "earlier": sorted({str(earlier) for _, earlier in left if earlier}),
    }
