"""`Transfers`: several images at once from place to place, with a bar for each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from entrepot.cli import context
from entrepot.cli.bars import Bars, bars
from entrepot.cli.hosts import read_ca
from entrepot.cli.options import fail
from entrepot.cli.output import show_json
from entrepot.cli.pairs import Pair
from entrepot.cli.size import show_size

if TYPE_CHECKING:
    from entrepot.upstream.copying import Copied, Copier
    from entrepot.upstream.opened import At, Login, Places
    from entrepot.upstream.place import Source, Target

Platforms = Annotated[
    list[str] | None,
    typer.Option("--platform", help="Only this platform, as linux/amd64; may be said again."),
]
Referrers = Annotated[
    bool, typer.Option("--referrers/--no-referrers", help="With signatures, SBOMs and the like.")
]
Jobs = Annotated[int, typer.Option(min=1, max=64, help="Blobs that move at once.")]
Ca = Annotated[Path | None, typer.Option("--ca", help="File with a private CA to trust.")]
PlainHttp = Annotated[
    list[str] | None, typer.Option("--plain-http", help="A HOST[:PORT] to ask without TLS.")
]
Replace = Annotated[bool, typer.Option("--replace", help="Write over an archive that is there.")]
ListFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--file",
        "-f",
        help="File with images: one a line, or Kubernetes manifests; - for standard input; may be "
        "said again.",
    ),
]

_IMAGES_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What of each image is wanted."""

    platforms: tuple[str, ...]
    referrers: bool
    whole: bool
    """Whether all images are written, or none."""


@contextmanager
def places(ca: Path | None, plain: Sequence[str] | None, *, replace: bool) -> "Iterator[Places]":
    """Those of one command; what goes wrong in them ends it."""
    from entrepot.upstream.opened import Places
    from entrepot.upstream.place import UpstreamError

    if ca is not None:
        read_ca(ca)  # TLS would not say which file it was
    try:
        found = Places(
            logins(), ca=str(ca) if ca else None, plain=tuple(plain or ()), replace=replace
        )
        try:
            yield found
        finally:
            found.close()
    except UpstreamError as error:
        fail(str(error), 1)
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}", 1)


def logins() -> "Login":
    """As docker and podman know them; else by our own login. The files are read once."""
    from entrepot.upstream.access import Credential
    from entrepot.upstream.logins import Logins

    known, (_, contexts) = Logins(), context.read()
    own = {each.url.partition("://")[2]: each.token for each in contexts.values() if each.token}

    def login(host: str, repository: str) -> Credential | None:
        found = known.of(host, repository)
        return found or (Credential(bearer=own[host]) if host in own else None)

    return login


def listed(images: Sequence[str] | None, files: Sequence[Path] | None) -> list[str]:
    """Images that are named, and those that files name. Raises `UpstreamError`."""
    from entrepot.upstream.image_list import images_in

    named = [image for file in files or () for image in images_in(file)]
    return list(dict.fromkeys([*(images or ()), *named]))


class Opened(Protocol):
    """Where images are, for as long as one command lasts."""

    def source(self, at: "At") -> "tuple[Source, str]":
        """Where to read, and the reference there; any thread may ask."""

    def target(self, at: "At") -> "Target":
        """Where to write; any thread may ask."""

    def finish(self) -> None:
        """All is copied."""


def run(opened: Opened, pairs: Sequence[Pair], terms: Terms, jobs: int, *, as_json: bool) -> None:
    """Copy them and say what was done; ends with 1 where one could not be copied."""
    from entrepot.upstream.copying import Copier

    copier, done, failed = Copier(jobs), dict[int, dict[str, Any]](), list[str]()
    with bars(len(pairs), as_json=as_json) as shown, ThreadPoolExecutor(_IMAGES_AT_ONCE) as pool:
        begun = {
            pool.submit(_copy, opened, copier, pair, terms, shown): number
            for number, pair in enumerate(pairs)
        }
        for each in as_completed(begun):
            number = begun[each]
            found = _result(each, pairs[number], failed)
            if found is not None:
                done[number] = found
                if not as_json:
                    typer.echo(_sentence(found))
    copier.close()
    for line in failed:
        typer.echo(f"entrepot: {line}", err=True)
    if not (failed and terms.whole):
        opened.finish()
    if as_json:
        show_json([done[number] for number in sorted(done)])
    if failed:
        raise typer.Exit(1)


def _result(each: Any, pair: Pair, failed: list[str]) -> dict[str, Any] | None:
    from entrepot.upstream.place import ReferrersError, UpstreamError

    try:
        copied: Copied = each.result()
    except UpstreamError as error:
        alone = "; --no-referrers copies it alone" if isinstance(error, ReferrersError) else ""
        failed.append(f"{pair.source} is not copied: {error}{alone}")
        return None
    return {
        "source": str(pair.source),
        "target": str(pair.target),
        "digest": str(copied.digest),
        "manifests": copied.manifests,
        "blobs": copied.blobs,
        "size": copied.size,
        "moved": copied.moved,
    }


def _sentence(found: dict[str, Any]) -> str:
    moved = f"{show_size(found['moved'])} of {show_size(found['size'])} moved"
    return f"{found['source']} -> {found['target']} {found['digest']}: {moved}"


def _copy(opened: Opened, copier: "Copier", pair: Pair, terms: Terms, shown: Bars) -> "Copied":
    from entrepot.upstream.chosen import Platform
    from entrepot.upstream.copying import plan

    source, reference = opened.source(pair.source)
    target = opened.target(pair.target)
    platforms = [Platform.parse(each) for each in terms.platforms]
    with shown.one(str(pair.source)) as begin:
        found = plan(source, reference, platforms, referrers=terms.referrers)
        return copier.copy(found, source, target, pair.tag, begin(found.size))
