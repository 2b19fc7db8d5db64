"""`entrepot tag diff`: what differs between two images, as one reads it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.options import Json
from entrepot.cli.output import printable, show_json
from entrepot.cli.repository import Name
from entrepot.cli.size import show_size
from entrepot.cli.tag_history import short

_KINDS = ("platforms", "configuration", "environment", "labels", "annotations")

Image = Annotated[str, typer.Argument(help="A tag, a digest, or 1.2~1: one move before.")]


def diff(
    ctx: typer.Context,
    repository: Name,
    old: Image,
    new: Image,
    *,
    platform: Annotated[
        str,
        typer.Option(
            help="Which images of two indexes.", show_default="linux/amd64, else the only one"
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Show what differs between two images: layers, configuration, environment, labels, sizes,
    platforms; packages, where an SBOM (SPDX or CycloneDX, JSON) is attached to both.

    A plus is only in the second, a minus only in the first.

    Examples: `entrepot tag diff team/app 1.0 1.1`, `entrepot tag diff team/app prod~1 prod
    --platform linux/arm64 --json`
    """
    asked = {"repository": repository, "old": old, "new": new, "platform": platform}
    found = connect(ctx).get("/tags/diff", **asked)
    if as_json:
        show_json(found)
        return
    for line in _lines(found):
        typer.echo(printable(line))


def _lines(found: Any) -> Iterator[str]:
    old, new = found["old"], found["new"]
    for_ = f", for {found['platform']}" if found["platform"] else ""
    yield f"{found['repository']}: from {old['name']} to {new['name']}{for_}"
    yield f"digest: {_arrow(short(old['digest']), short(new['digest']))}"
    if old["digest"] == new["digest"]:
        return
    yield f"size: {_arrow(show_size(old['size']), show_size(new['size']))}{_grown(old, new)}"
    yield from _layers(found["layers"])
    for kind in _KINDS:
        yield from _changes(kind, found[kind])
    yield from _packages(found["packages"])


def _arrow(old: str | None, new: str | None) -> str:
    return f"{old}, both" if old == new else f"{old} -> {new}"


def _grown(old: Any, new: Any) -> str:
    more = new["size"] - old["size"]
    return f" ({'+' if more > 0 else '-'}{show_size(abs(more))})" if more else ""


def _layers(layers: Any) -> Iterator[str]:
    size = show_size(sum(each["size"] for each in layers["shared"]))
    yield f"layers: {len(layers['shared'])} shared ({size})"
    for sign, kind in (("-", "removed"), ("+", "added")):
        for each in layers[kind]:
            line = f"  {sign} {short(each['digest'])}  {show_size(each['size'])}  {each['made_by']}"
            yield line.rstrip()


def _changes(kind: str, changes: list[Any]) -> Iterator[str]:
    if changes:
        yield f"{kind}:"
    for each in changes:
        name, old, new = each["name"], each["old"], each["new"]
        if old is None:
            yield f"  + {name}: {new}"
        elif new is None:
            yield f"  - {name}: {old}"
        else:
            yield f"  ~ {name}: {old} -> {new}"


def _packages(packages: Any) -> Iterator[str]:
    if packages["changes"] is not None:
        yield from _changes("packages", packages["changes"])
        if not packages["changes"]:
            yield "packages: the same"
    elif packages["trouble"]:
        yield f"packages: not known, since {packages['trouble']}"
    else:
        known = packages["old"] or packages["new"]
        which = ("the second" if packages["old"] else "the first") if known else "either"
        yield f"packages: not known, since no SBOM is attached to {which}"
