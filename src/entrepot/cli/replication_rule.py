"""`entrepot replication add` and `set`: what a rule is. Next: `replication` shows and runs them."""

from typing import Annotated, Any

import typer

from entrepot.cli.client import connect
from entrepot.cli.duration import parse_duration
from entrepot.cli.options import Json, fail
from entrepot.cli.output import done
from entrepot.cli.password import FromStdin
from entrepot.cli.registry_login import Ca, Ecr, Google, read_ca, read_change, read_login
from entrepot.cli.size import parse_size

Name = Annotated[str, typer.Argument(help="The rule's name, such as office.")]
Tag = Annotated[list[str] | None, typer.Option(help="Only such tags: v*, latest; may be repeated.")]
Versions = Annotated[str | None, typer.Option(help="Only such versions: ^1.2, '>=2'.")]
Rate = Annotated[str | None, typer.Option(help="At most so many bytes a second: 10MiB; 0 for any.")]
Every = Annotated[
    str | None,
    typer.Option(help="How often all is compared; at first it is 24h, or 5m where it pulls."),
]
User = Annotated[str | None, typer.Option(help="Who logs in there.")]
REFERRERS = "Copy signatures and the like with their images."
DELETIONS = "Delete what was copied where the source does."


def add(
    ctx: typer.Context,
    name: Name,
    url: Annotated[str, typer.Argument(help="The other registry: https://HOST[:PORT].")],
    pattern: Annotated[
        str, typer.Argument(help="Repositories, by their names at the source: team/*, team/app, *.")
    ],
    *,
    pull: Annotated[bool, typer.Option("--pull", help="Copy from there, not to there.")] = False,
    target: Annotated[
        str | None, typer.Option(help="What comes before the names at the other end.")
    ] = None,
    tag: Tag = None,
    versions: Versions = None,
    referrers: Annotated[bool, typer.Option(help=REFERRERS)] = True,
    deletions: Annotated[bool, typer.Option("--deletions", help=DELETIONS)] = False,
    rate: Rate = None,
    every: Every = None,
    user: User = None,
    password_stdin: FromStdin = False,
    ca: Ca = None,
    ecr: Ecr = False,
    google: Google = False,
    as_json: Json = False,
) -> None:
    """Have images copied from now on: first what is there, then each change as it comes.

    Examples: `entrepot replication add office https://registry.office.example 'team/*' --user bot
    --password-stdin < password`,
    `entrepot replication add base https://quay.io prometheus/prometheus --pull --versions '>=3'
    --target mirror`,
    `entrepot replication add far https://far.example '*' --deletions --rate 10MiB`,
    `entrepot replication add gar https://europe-docker.pkg.dev 'team/*' --target my-project/images
    --google --password-stdin < key.json`
    """
    wanted = {
        "name": name,
        "url": url,
        "pattern": pattern,
        "direction": "pull" if pull else "push",
        **_said(target=target, tags=tag, versions=versions, referrers=referrers, login=user),
        **_said(deletions=deletions),
        **read_ca(ca),
        **_pace(rate, every),
        **read_login(url, user, stdin=password_stdin, ecr=ecr, google=google),
    }
    made = connect(ctx).post("/replications", wanted)
    way = "from" if pull else "to"
    words = f"{pattern} is copied {way} {made['url']} from now on"
    how = f"entrepot replication show {name} says how that goes"
    done(f"{words}; {how}", made, as_json=as_json)


def set_replication(
    ctx: typer.Context,
    name: Name,
    *,
    url: Annotated[str | None, typer.Option(help="Its address from now on.")] = None,
    tag: Tag = None,
    versions: Versions = None,
    referrers: Annotated[bool | None, typer.Option(help=REFERRERS)] = None,
    deletions: Annotated[bool | None, typer.Option(help=DELETIONS)] = None,
    rate: Rate = None,
    every: Every = None,
    user: User = None,
    password_stdin: FromStdin = False,
    ca: Ca = None,
    as_json: Json = False,
) -> None:
    """Change a rule; what is not said stays. All of it is compared soon.

    Which repositories it copies, where to and in which direction stays: make another rule for that.

    Examples: `entrepot replication set office --rate 5MiB`,
    `entrepot replication set office --user bot --password-stdin < password`,
    `entrepot replication set office --tag '' --versions ''`
    """
    wanted = {
        **_said(url=url, versions=versions, referrers=referrers, deletions=deletions, login=user),
        **_said(tags=None if tag is None else [each for each in tag if each]),
        **read_ca(ca),
        **_pace(rate, every),
    }
    wanted |= read_change(user, stdin=password_stdin, of="of the rule's login")
    if not wanted:
        fail("say what to change: entrepot replication set --help")
    changed = connect(ctx).patch(f"/replications/{name}", wanted)
    done(f"replication {name} is changed", changed, as_json=as_json)


def _said(**given: Any) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _pace(rate: str | None, every: str | None) -> dict[str, Any]:
    found = _said(every=None if every is None else parse_duration(every, "--every"))
    if rate is not None:
        found["rate"] = parse_size(rate, "--rate") or None
    return found
