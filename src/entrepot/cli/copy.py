"""`entrepot copy`: images from place to place: registries, folders, archives."""

from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import Json, fail
from entrepot.cli.pairs import pairs
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
    from entrepot.upstream.opened import At, Places


def copy(
    where: Annotated[
        list[str],
        typer.Argument(metavar="SOURCE... TARGET", help="What to copy, and where to, last."),
    ],
    *,
    all_tags: Annotated[bool, typer.Option(help="Every tag of the source's repository.")] = False,
    file: ListFiles = None,
    platform: Platforms = None,
    referrers: Referrers = True,
    jobs: Jobs = 4,
    ca: Ca = None,
    plain_http: PlainHttp = None,
    replace: Replace = False,
    as_json: Json = False,
) -> None:
    """Copy images between registries, OCI layouts and docker's archives: what is missing moves.

    A place is `HOST/REPOSITORY[:TAG]`, `oci:FOLDER[:NAME]`, `oci-archive:FILE[:NAME]` or
    `docker-archive:FILE[:NAME]`. A target that ends with / is one for many: each image keeps its
    repository and tag behind it. Logins are those of docker and podman, and of `entrepot login`.

    Examples: `entrepot copy docker.io/library/nginx:1.29 registry.example.com/base/nginx:1.29`,
    `entrepot copy old.example.com/team/app registry.example.com/team/app --all-tags`,
    `entrepot copy -f deployment.yaml registry.example.com/mirror/`,
    `entrepot copy registry.example.com/team/app:1.2 oci:./images`
    """
    from entrepot.upstream.opened import At

    *sources, target = where
    with places(ca, plain_http, replace=replace) as opened:
        found = [At.parse(each) for each in listed(sources, file)]
        if not found:
            fail("say what to copy, and then where to: entrepot copy SOURCE... TARGET")
        if all_tags:
            found = [tagged for each in found for tagged in _tagged(opened, each)]
            if not found:
                fail(f"{', '.join(sources)} has no tags", 1)
        chosen = pairs(found, target)
        if len({each.target for each in chosen}) < len(chosen):
            fail(f"several images cannot become one, {target}: end it with / to keep their names")
        kind = chosen[0].target.kind
        terms = Terms(
            tuple(platform or ()),
            referrers=referrers and kind != "docker-archive",  # which knows of images alone
            whole=kind.endswith("archive"),
        )
        run(opened, chosen, terms, jobs, as_json=as_json)


def _tagged(opened: "Places", at: "At") -> "list[At]":
    from entrepot.upstream.opened import At

    return [At(at.kind, at.where, tag) for tag in opened.tags(at)]
