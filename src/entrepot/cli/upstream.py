"""`entrepot upstream`: other registries that projects stand for, and keep images of."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import Client, connect
from entrepot.cli.duration import parse_duration, show_duration
from entrepot.cli.options import Json, Yes, confirm, fail
from entrepot.cli.output import Columns, Row, done, show_list, show_one, when
from entrepot.cli.password import FromStdin
from entrepot.cli.registry_login import Ca, Ecr, Google, read_ca, read_change, read_login
from entrepot.cli.size import parse_size, show_size
from entrepot.cli.warm import warm

app = typer.Typer(
    no_args_is_help=True,
    help="Upstreams: other registries whose images are fetched when asked for, and kept.",
)
app.command()(warm)


def _after(row: Row) -> str:
    return show_duration(row["tag_seconds"])


COLUMNS: Columns = {
    "project": "project",
    "registry": "url",
    "for": "hosts",
    "as": "login",
    "tags after": _after,
    "pulls left": "pulls_left",
    "trouble": "trouble",
}
ALL: Columns = {
    **COLUMNS,
    "since": when("trouble_since"),
    "allowed": "allow",
    "denied": "deny",
    "kept in any case": "pinned",
    "largest image": lambda row: show_size(row["largest"]),
    "all platforms": "everything",
    "logs in by": "kind",
    "own CA": lambda row: bool(row["ca"]),
    "made": when("created_at"),
    "by": "created_by",
}

Project = Annotated[str, typer.Argument(help="The project that stands for it, such as hub.")]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--for", help="A name by which nodes ask, such as docker.io; may be repeated."),
]
User = Annotated[str | None, typer.Option(help="Who logs in there; '' for nobody.")]
TagsAfter = Annotated[
    str | None,
    typer.Option(help="After how long a tag is compared again: 30s, 12h; at first it is 5m."),
]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="Only these of its repositories: library/*, team/app; may be repeated."),
]
Deny = Annotated[list[str] | None, typer.Option(help="But not these; may be repeated.")]
Pin = Annotated[
    list[str] | None,
    typer.Option(
        help="Never give these up when room is short: library/*, team/app:1.29*; repeatable."
    ),
]
Largest = Annotated[
    str | None, typer.Option(help="The largest image that is fetched: 10GiB; 0 for any.")
]
Platforms = Annotated[
    bool | None,
    typer.Option(
        "--all-platforms/--platforms-on-demand",
        help="Fetch all platforms with an image, or each when it is asked for.",
    ),
]


@app.command("list")
def list_upstreams(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List upstreams.

    Examples: `entrepot upstream list`, `entrepot upstream list --json`
    """
    show_list(connect(ctx).every("/upstreams"), COLUMNS, as_json=as_json)


@app.command()
def show(ctx: typer.Context, project: Project, *, as_json: Json = False) -> None:
    """Show an upstream, and what is wrong with it at present.

    Example: `entrepot upstream show hub`
    """
    show_one(connect(ctx).get(f"/upstreams/{project}"), ALL, as_json=as_json)


@app.command()
def add(
    ctx: typer.Context,
    project: Project,
    url: Annotated[str, typer.Argument(help="The registry itself: https://HOST[:PORT].")],
    *,
    hosts: Hosts = None,
    user: User = None,
    password_stdin: FromStdin = False,
    ca: Ca = None,
    tags_after: TagsAfter = None,
    allow: Allow = None,
    deny: Deny = None,
    pin: Pin = None,
    largest: Largest = None,
    platforms: Platforms = None,
    ecr: Ecr = False,
    google: Google = False,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt",
            help="Images that the project has count as kept from there: such as are not there, or "
            "are not pulled, are given up.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Have a project stand for another registry: what is pulled of it is fetched there, and kept.

    Who may pull of the project may pull all that its login may have there. A project that has
    images is taken with `--adopt` alone, as one does that stood for the registry before.

    Examples: `entrepot upstream add hub https://registry-1.docker.io --for docker.io`,
    `entrepot upstream add hub https://registry-1.docker.io --for docker.io --user team
    --password-stdin < token`,
    `entrepot upstream add quay https://quay.io --allow 'prometheus/*' --largest 5GiB`,
    `entrepot upstream add ecr https://123456789012.dkr.ecr.eu-west-1.amazonaws.com --ecr`,
    `entrepot upstream add gar https://europe-docker.pkg.dev --google --password-stdin < key.json`
    """
    wanted = _wanted(
        hosts=hosts,
        user=user,
        tags_after=tags_after,
        allow=allow,
        deny=deny,
        pin=pin,
        largest=largest,
        platforms=platforms,
    )
    wanted |= read_ca(ca)
    wanted |= read_login(url, user, stdin=password_stdin, ecr=ecr, google=google)
    client = connect(ctx)
    client.post("/upstreams", {"project": project, "url": url, "adopt": adopt, **wanted})
    made = _checked(client, project)
    names = ", ".join(made["hosts"])
    words = f"project {project} stands for {made['url']} ({names})"
    done(words + _but(made), made, as_json=as_json)


@app.command("set")
def set_upstream(
    ctx: typer.Context,
    project: Project,
    *,
    url: Annotated[str | None, typer.Option(help="Its address from now on.")] = None,
    hosts: Hosts = None,
    user: User = None,
    password_stdin: FromStdin = False,
    ca: Ca = None,
    tags_after: TagsAfter = None,
    allow: Allow = None,
    deny: Deny = None,
    pin: Pin = None,
    largest: Largest = None,
    platforms: Platforms = None,
    as_json: Json = False,
) -> None:
    """Change an upstream; what is not said stays.

    Examples: `entrepot upstream set hub --tags-after 1h`,
    `entrepot upstream set hub --user team --password-stdin < token`,
    `entrepot upstream set hub --allow ''`
    """
    wanted = _wanted(
        hosts=hosts,
        user=user,
        tags_after=tags_after,
        allow=allow,
        deny=deny,
        pin=pin,
        largest=largest,
        platforms=platforms,
    )
    if url is not None:
        wanted["url"] = url
    wanted |= read_ca(ca)
    wanted |= read_change(user, stdin=password_stdin, of="of the upstream's login")
    if not wanted:
        fail("say what to change: entrepot upstream set --help")
    client = connect(ctx)
    changed = client.patch(f"/upstreams/{project}", wanted)
    if wanted.keys() & _WAYS:
        changed = _checked(client, project)
    done(f"upstream {project} is changed{_but(changed)}", changed, as_json=as_json)


_WAYS = {"url", "login", "password", "ca"}


@app.command()
def check(ctx: typer.Context, project: Project, *, as_json: Json = False) -> None:
    """Ask a registry whether it answers, and takes its login; ends with 1 where it does not.

    Example: `entrepot upstream check hub`
    """
    found = _checked(connect(ctx), project)
    if found["trouble"] and not as_json:
        fail(f"nothing can be had of {project}: {found['trouble']}", 1)
    done(f"{found['url']} answers", found, as_json=as_json)
    raise typer.Exit(1 if found["trouble"] else 0)


def _checked(client: Client, project: str) -> Row:
    found: Row = client.post(f"/upstreams/{project}/check", {})
    return found


def _but(made: Row) -> str:
    return f"\nbut nothing can be had of it: {made['trouble']}" if made["trouble"] else ""


def _wanted(
    *,
    hosts: list[str] | None,
    user: str | None,
    tags_after: str | None,
    allow: list[str] | None,
    deny: list[str] | None,
    pin: list[str] | None,
    largest: str | None,
    platforms: bool | None,
) -> dict[str, Any]:
    """What was said, as the API takes it."""
    seconds = None if tags_after is None else parse_duration(tags_after, "--tags-after")
    given: dict[str, Any] = {
        "hosts": hosts,
        "login": user,
        "tag_seconds": seconds,
        "allow": _some(allow),
        "deny": _some(deny),
        "pinned": _some(pin),
        "everything": platforms,
    }
    found = {name: value for name, value in given.items() if value is not None}
    if largest is not None:
        found["largest"] = parse_size(largest, "--largest") or None
    return found


def _some(patterns: list[str] | None) -> list[str] | None:
    return None if patterns is None else [each for each in patterns if each]


@app.command()
def remove(
    ctx: typer.Context, project: Project, *, yes: Yes = False, as_json: Json = False
) -> None:
    """Have a project stand for nothing any more: it keeps its images, and takes pushes.

    Example: `entrepot upstream remove hub --yes`
    """
    confirm(f"fetch nothing into {project} any more?", yes=yes)
    connect(ctx).delete(f"/upstreams/{project}")
    done(f"{project} stands for no other registry any more", {"project": project}, as_json=as_json)
