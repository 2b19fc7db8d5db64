"""`entrepot upstream warm`: fetch images ahead, so that nobody waits for them."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot.cli import context
from entrepot.cli.bars import Bars, bars
from entrepot.cli.options import Json, fail
from entrepot.cli.output import show_json
from entrepot.cli.size import show_size
from entrepot.cli.transfers import Jobs, ListFiles, Platforms, listed

if TYPE_CHECKING:
    from entrepot.oci.image_name import Image
    from entrepot.upstream.readable import ReadableRepository

_IMAGES_AT_ONCE = 4


def warm(
    ctx: typer.Context,
    images: Annotated[
        list[str] | None, typer.Argument(help="Images, as pods name them: docker.io/library/nginx")
    ] = None,
    *,
    file: ListFiles = None,
    platform: Platforms = None,
    jobs: Jobs = 8,
    as_json: Json = False,
) -> None:
    """Have images fetched before anybody waits for them, all their platforms or some.

    The registry fetches them; next to nothing comes to where this runs. Ends with 1 where one of
    them could not be had.

    Examples: `entrepot upstream warm nginx:1.29 quay.io/team/app:2`,
    `entrepot upstream warm -f deployment.yaml --platform linux/amd64`
    """
    from entrepot.upstream.chosen import Platform
    from entrepot.upstream.place import UpstreamError

    try:
        wanted = _parsed(images or (), file)
        platforms = [Platform.parse(each) for each in platform or ()]
    except UpstreamError as error:
        fail(str(error))
    where = context.chosen((ctx.obj or {}).get("context"))
    done, failed = list[dict[str, Any]](), list[str]()
    with bars(len(wanted), as_json=as_json) as shown, _asking(where, jobs) as ask:
        with ThreadPoolExecutor(_IMAGES_AT_ONCE) as pool:
            begun = [pool.submit(ask, image, platforms, shown) for image in wanted]
        for image, each in zip(wanted, begun, strict=True):
            try:
                done.append(each.result())
            except UpstreamError as error:
                failed.append(f"{image} is not kept: {error}")
    _show(done, as_json=as_json)
    for line in failed:
        typer.echo(f"entrepot: {line}", err=True)
    if failed:
        raise typer.Exit(1)


def _show(done: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        show_json(done)
        return
    for each in done:
        typer.echo(f"{each['image']} {each['digest']}: {show_size(each['size'])} are kept")


def _parsed(images: Sequence[str], files: Sequence[Path] | None) -> "list[Image]":
    from entrepot.oci.image_name import Image, ImageError

    found = listed(images, files)
    if not found:
        fail("name images, or a file with images: -f deployment.yaml")
    try:
        return [Image.parse(text) for text in dict.fromkeys(found)]
    except ImageError as error:
        fail(f"{error}")


Ask = Callable[["Image", Any, Bars], dict[str, Any]]


@contextmanager
def _asking(where: context.Context, jobs: int) -> Iterator[Ask]:
    """What asks the registry for one image, as a node would that has it as a mirror."""
    from entrepot.upstream.access import Credential
    from entrepot.upstream.http import Http
    from entrepot.upstream.place import UnknownError, UpstreamError
    from entrepot.upstream.warming import PATIENCE, warm

    credential = Credential(bearer=where.token) if where.token else None
    own = where.url.partition("://")[2]
    https: dict[str, Http] = {}
    lock = Lock()
    pool = ThreadPoolExecutor(jobs)

    def ask(image: "Image", platforms: Any, shown: Bars) -> dict[str, Any]:
        there = _there(image, made(image))
        with shown.one(str(image)) as begin:
            try:
                found = warm(there, image.reference, platforms, pool, begin)
            except UnknownError as error:
                why = error.said or str(error)
                raise UpstreamError(f"{why} (entrepot upstream list)") from None
        return {
            "image": str(image),
            "digest": str(found.digest),
            "manifests": found.manifests,
            "blobs": found.blobs,
            "size": found.size,
        }

    def made(image: "Image") -> Http:
        namespace = "" if image.host == own else image.host
        with lock:
            if image.host not in https:
                https[image.host] = Http(
                    where.url, credential, where.ca, timeout=PATIENCE, namespace=namespace
                )
            return https[image.host]

    try:
        yield ask
    finally:
        pool.shutdown()
        for each in https.values():
            each.close()


def _there(image: "Image", http: Any) -> "ReadableRepository":
    from entrepot.oci.names import Repository
    from entrepot.upstream.readable import ReadableRepository

    return ReadableRepository(http, Repository.parse(image.repository))
