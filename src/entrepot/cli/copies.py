"""Options that say where copies of images are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import fail

if TYPE_CHECKING:
    from entrepot.upstream.copies import Copies

Primary = Annotated[
    str,
    typer.Option(
        metavar="HOST[:PORT][/PATH]",
        help="Where the images really are.",
        show_default="the registry that they are named after",
    ),
]
Replica = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST[:PORT][/PATH]", help="A copy of the primary; may be said again."),
]
Cache = Annotated[
    list[str] | None,
    typer.Option(
        metavar="HOST[:PORT][/PATH]",
        help="A cache in front of the registries; may be said again.",
    ),
]
CacheFirst = Annotated[
    bool, typer.Option("--cache-first", help="Ask caches before the primary, not after replicas.")
]
NoUpstream = Annotated[
    bool,
    typer.Option(
        "--no-upstream",
        help="Do not ask the registry itself at last, where it is not among these.",
    ),
]


def copies(
    primary: str,
    replica: Sequence[str] | None,
    cache: Sequence[str] | None,
    *,
    cache_first: bool,
    no_upstream: bool,
) -> "Copies":
    """What these options say together. Raises `UpstreamError`."""
    from entrepot.upstream.copies import Copies, Registry

    found = Copies(
        Registry.parse(primary) if primary else None,
        tuple(map(Registry.parse, replica or ())),
        tuple(map(Registry.parse, cache or ())),
        cache_first=cache_first,
        sealed=no_upstream,
    )
    if not found:
        fail("name a copy: one of --primary, --replica and --cache")
    return found
