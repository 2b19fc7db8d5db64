"""`entrepot drill`: whether images would be there if a registry were not."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.copies import Cache, CacheFirst, NoUpstream, Primary, Replica, copies
from entrepot.cli.hosts import read_ca
from entrepot.cli.options import Json, fail
from entrepot.cli.output import Columns, Row, show_json, show_list
from entrepot.cli.progress import Bar, shown
from entrepot.cli.size import show_size
from entrepot.cli.transfers import Ca, ListFiles, PlainHttp, listed, logins

if TYPE_CHECKING:
    from entrepot.oci.image_name import Image
    from entrepot.upstream.copies import Copies, Copy
    from entrepot.upstream.drill import Drilled, Found, Show

_LIVE = ("running", "waiting")


def drill(
    ctx: typer.Context,
    image: Annotated[list[str] | None, typer.Argument(help="Images that have to be there.")] = None,
    *,
    file: ListFiles = None,
    cluster: Annotated[
        str, typer.Option(help="All that this connected cluster runs, as `kube images` has it.")
    ] = "",
    primary: Primary = "",
    replica: Replica = None,
    cache: Cache = None,
    cache_first: CacheFirst = False,
    no_upstream: NoUpstream = False,
    of: Annotated[
        list[str] | None,
        typer.Option(
            "--of",
            metavar="HOST[:PORT]",
            help="The copies have images of this registry; may be said again.",
            show_default="the primary, or all",
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST[:PORT]",
            help="Think this one away; may be said again.",
            show_default="the primary",
        ),
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Think nobody away: only whether images are served now.")
    ] = False,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            help="Platform of the nodes, as linux/amd64; may be said again.",
            show_default="linux, on what this machine is",
        ),
    ] = None,
    read_layers: Annotated[
        bool,
        typer.Option(
            "--read-layers", help="Read each layer whole, and compare it with its digest."
        ),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, max=64, help="Questions asked at once.")] = 8,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    as_json: Json = False,
) -> None:
    """Say which copies would serve images now, and what would fail if the primary were gone.

    Each copy is asked for all that a pull needs, as the nodes ask it that `entrepot mirror-config`
    has set up with the same options. Ends with 1 where an image would not be served, or as another
    one. Logins are those of docker and podman, and of `entrepot login`.

    Examples: `entrepot drill registry.example.com/team/app:1.2 --replica backup.example.com`,
    `entrepot drill -f deployment.yaml --replica backup.example.com --cache cache.local:5000`,
    `entrepot drill --cluster prod --primary registry.example.com --replica backup.example.com
    --read-layers`, `entrepot drill nginx:1.29 --cache cache.local:5000 --without docker.io --json`
    """
    from entrepot.upstream.chosen import Platform
    from entrepot.upstream.copies import Trust
    from entrepot.upstream.drill import Drill, Wanted
    from entrepot.upstream.place import UpstreamError

    try:
        chosen = copies(primary, replica, cache, cache_first=cache_first, no_upstream=no_upstream)
        images = _parsed([*listed(image, file), *_running(ctx, cluster)])
        places = {each: _places(chosen, of or (), each) for each in images}
        platforms = tuple(map(Platform.parse, platform or ())) or (Platform.here(),)
        trust = Trust(read_ca(ca) if ca else "", tuple(plain_http or ()))
        asking = Drill(logins(), trust, str(ca) if ca else None, jobs)
        gone = _gone(chosen, without or (), places, now=now)
        with shown() as bar:
            bar.begin("asking", sum(map(len, places.values())), "times")
            wanted = Wanted(platforms, read_layers)
            drilled = asking.run(places, wanted, gone, _watching(bar))
    except UpstreamError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot read the CA {ca}: {error.strerror or error}")
    if as_json:
        show_json([_document(each) for each in drilled])
    else:
        _show(drilled)
    if any(each.then is None for each in drilled):
        raise typer.Exit(1)


def _watching(bar: Bar) -> "Show":
    size, lock = 0, Lock()

    def show(answers: int, count: int) -> None:
        nonlocal size
        bar.add(answers)
        if count:
            with lock:
                size += count
                bar.tell(f"asking ({show_size(size)} read)")

    return show


def _running(ctx: typer.Context, cluster: str) -> list[str]:
    """What a cluster needs now; what only a rollback would need is not asked for."""
    if not cluster:
        return []
    client = connect(ctx)
    if cluster not in {each["name"] for each in client.get("/clusters")["items"]}:
        fail(f"there is no cluster {cluster!r}: entrepot kube clusters lists them", 1)
    rows = client.every("/images", cluster=cluster)
    found = [str(row["image"]) for row in rows if row["state"] in _LIVE]
    found = [each for each in found if _can_be_pulled(each)]
    return found or fail(f"the cluster {cluster} runs no image", 1)


def _can_be_pulled(text: str) -> bool:
    """Whether it is a name, and not what no registry can be asked for."""
    from entrepot.oci.image_name import Image, ImageError

    try:
        Image.parse(text)
    except ImageError:
        return False
    return True


def _parsed(texts: Sequence[str]) -> "list[Image]":
    """Each once."""
    from entrepot.oci.image_name import Image, ImageError

    found: dict[Image, None] = {}
    for text in texts:
        try:
            found[Image.parse(text)] = None
        except ImageError as error:
            fail(f"{text!r} is no image: {error}")
    return list(found) or fail("say which images: entrepot drill IMAGE..., -f FILE or --cluster")


def _places(chosen: "Copies", of: Sequence[str], image: "Image") -> "tuple[Copy, ...]":
    """A cache has whatever it is asked for; the others have images of some registries."""
    from entrepot.upstream.copies import Copies, Registry

    hosts = of or ([chosen.primary.host] if chosen.primary else [image.host])
    if image.host not in hosts:
        chosen = Copies(caches=chosen.caches, sealed=chosen.sealed)
    return chosen.of(Registry(image.host))


def _gone(
    chosen: "Copies",
    without: Sequence[str],
    places: "Mapping[Image, Sequence[Copy]]",
    *,
    now: bool,
) -> "Callable[[Image], frozenset[str]]":
    """Which hosts are thought away; one that nobody asks is a slip, and would prove nothing."""
    asked = sorted({copy.at.host for each in places.values() for copy in each})
    if now and without:
        fail("--now thinks nobody away, and --without somebody: say one of them")
    for host in without:
        if host not in asked:
            fail(f"{host} is not asked for any of these images: {', '.join(asked)} are")
    if now or without:
        return lambda _: frozenset(without)
    return lambda image: frozenset({chosen.primary.host if chosen.primary else image.host})


def _document(each: "Drilled") -> dict[str, Any]:
    return {
        "image": str(each.image),
        "served_by": str(each.served_by) if each.served_by else None,
        "without": sorted(each.gone),
        "then_served_by": str(each.then) if each.then else None,
        "then_another": each.becomes_another,
        "copies": [
            {
                "at": str(found.copy),
                "role": str(found.copy.role),
                "state": str(found.state),
                "why": found.why,
                "digest": str(found.digest) if found.digest else None,
                "size": found.size,
                "seconds": round(found.seconds, 3),
            }
            for found in each.found
        ],
    }


def _show(drilled: "Sequence[Drilled]") -> None:
    hosts = sorted({host for each in drilled for host in each.gone})
    names = dict.fromkeys(str(found.copy) for each in drilled for found in each.found)
    last = ("without these" if len(hosts) > 1 else f"without {hosts[0]}") if hosts else "served by"
    columns: Columns = {"image": "image", **{name: name for name in names}, last: _then}
    show_list(map(_row, drilled), columns, as_json=False)
    for line in _reasons(drilled):
        typer.echo(line)
    typer.echo(_sentence(drilled, f"without {', '.join(hosts)}" if hosts else "now"))


def _row(each: "Drilled") -> dict[str, Any]:
    cells = {str(found.copy): _cell(found) for found in each.found}
    return {"image": str(each.image), **cells, "drilled": each}


def _cell(found: "Found") -> str:
    return f"ok {found.seconds:.2f} s" if found.state == "ok" else str(found.state)


def _then(row: Row) -> str:
    each: Drilled = row["drilled"]
    if each.then is not None:
        return str(each.then)
    return "another image" if each.becomes_another else "nobody"


def _reasons(drilled: "Sequence[Drilled]") -> list[str]:
    """What is not well, told once where it is the same for many."""
    told: dict[tuple[str, str, str], list[str]] = {}
    for each in drilled:
        for found in (x for x in each.found if x.why):
            key = str(found.copy), str(found.state), found.why
            told.setdefault(key, []).append(str(each.image))
    return [
        f"{at}: {images[0] if len(images) == 1 else f'{len(images)} images'}: {state}, {why}"
        for (at, state, why), images in told.items()
    ]


def _sentence(drilled: "Sequence[Drilled]", ending: str) -> str:
    lost = [each for each in drilled if each.then is None]
    if not lost:
        return f"all {len(drilled)} served {ending}"
    return f"{len(lost)} of {len(drilled)} not served, or another, {ending}"
