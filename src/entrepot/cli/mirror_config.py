"""`entrepot mirror-config`: what nodes are told, so that they pull from copies, too."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot.cli.copies import Cache, CacheFirst, NoUpstream, Primary, Replica, copies
from entrepot.cli.hosts import read_ca
from entrepot.cli.options import Json, fail
from entrepot.cli.output import show_json
from entrepot.cli.transfers import PlainHttp

if TYPE_CHECKING:
    from entrepot.upstream.copies import Copies, Registry, Trust


class Runtime(StrEnum):
    """Who pulls on the nodes."""

    CONTAINERD = "containerd"
    CRIO = "crio"
    DOCKER = "docker"
    PODMAN = "podman"


def mirror_config(
    runtime: Annotated[Runtime, typer.Argument(help="What pulls on the nodes.")],
    upstream: Annotated[
        list[str], typer.Argument(metavar="UPSTREAM...", help="HOST[:PORT] that images begin with.")
    ],
    *,
    primary: Primary = "",
    replica: Replica = None,
    cache: Cache = None,
    cache_first: CacheFirst = False,
    no_upstream: NoUpstream = False,
    ca: Annotated[
        Path | None,
        typer.Option(help="File with the CA of the copies.", show_default="those of the node"),
    ] = None,
    plain_http: PlainHttp = None,
    short_names: Annotated[
        bool,
        typer.Option(
            "--short-names", help="An image without a host is of docker.io (crio, podman)."
        ),
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(help="Folder to write the files to: / for this machine's.", metavar="FOLDER"),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Write over files that say something else.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print what nodes are told so that they pull from a replica or a cache, too, or write it.

    Asked are the primary, replicas, caches, and the registry itself at last; a replica without a
    primary is one of the registry itself. Next: `entrepot drill` tries it out.

    Examples: `entrepot mirror-config containerd registry.example.com --replica backup.example.com`,
    `entrepot mirror-config crio docker.io gcr.io quay.io --cache cache.local:5000 --to ./node`,
    `entrepot mirror-config podman registry.example.com --replica backup.example.com --cache
    cache.local:5000 --cache-first --ca ca.pem`,
    `entrepot mirror-config docker docker.io --cache cache.local:5000`
    """
    from entrepot.upstream.copies import Registry, Trust
    from entrepot.upstream.place import UpstreamError

    try:
        chosen = copies(primary, replica, cache, cache_first=cache_first, no_upstream=no_upstream)
        names = list(map(Registry.parse, upstream))
        trust = Trust(_pem(ca) if ca else "", tuple(plain_http or ()))
        found, note = _files(runtime, chosen, names, trust, short_names=short_names)
        written = None if to is None else _write(found, to, replace=replace)
    except UpstreamError as error:
        fail(str(error))
    if as_json:
        asked = {str(x): [_place(each) for each in chosen.of(x)] for x in names}
        files = [{"path": f"/{path}", "text": text} for path, text in found.items()]
        show_json({"asked": asked, "files": files, "written": written, "note": note})
    elif to is None:
        _show(found, note)
    else:
        _tell(found, written or [], to, note)


def _files(
    runtime: Runtime,
    chosen: "Copies",
    names: "list[Registry]",
    trust: "Trust",
    *,
    short_names: bool,
) -> tuple[dict[str, str], str]:
    from entrepot.upstream.nodes import containerd, docker, registries

    for each in chosen.caches if len(names) > 1 else ():
        if each.path:
            fail(f"{each} has a path, which stands for one registry: configure each by itself")
    chains = {each: chosen.of(each) for each in names}
    if runtime in (Runtime.CRIO, Runtime.PODMAN):
        note = registries.CRIO_NOTE if runtime == Runtime.CRIO else registries.PODMAN_NOTE
        return registries.files(chains, trust, short_names=short_names), note
    if short_names:
        fail(f"{runtime} takes images without a host for docker.io's anyway: leave --short-names")
    if runtime == Runtime.DOCKER:
        return docker.files(chains, trust), docker.NOTE
    return containerd.files(chains, trust), containerd.NOTE


def _pem(path: Path) -> str:
    text = read_ca(path)
    if "-----BEGIN CERTIFICATE-----" not in text:
        fail(f"{path} has no certificate in PEM")
    return text


def _place(each: Any) -> dict[str, str]:
    return {"role": str(each.role), "at": str(each)}


def _write(found: dict[str, str], to: Path, *, replace: bool) -> list[str]:
    """Which had to be written. What others put into a daemon.json stays there."""
    from entrepot.kube.provider_config import write
    from entrepot.upstream.nodes import docker

    try:
        there = {path: (to / path).read_text() for path in found if (to / path).exists()}
        if docker.DAEMON in there:
            found[docker.DAEMON] = docker.merged(there[docker.DAEMON], found[docker.DAEMON])
        others = [path for path, text in there.items() if text != found[path]]
        if others and not replace:
            fail(f"{to / others[0]} is there and says something else: say --replace", 1)
        return write(found, to)
    except OSError as error:
        fail(f"cannot write to {to}: {error.strerror or error}", 1)
    except UnicodeDecodeError as error:
        fail(f"cannot read what is in {to}: {error}", 1)


def _show(found: Mapping[str, str], note: str) -> None:
    for path, text in found.items():
        typer.echo(f"# /{path}\n{text}")
    typer.echo(f"# {note}")


def _tell(found: Mapping[str, str], written: list[str], to: Path, note: str) -> None:
    for path in found:
        typer.echo(f"{'wrote' if path in written else 'was so already:'} {to / path}")
    typer.echo(note)
