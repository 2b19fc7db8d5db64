"""`entrepot tag`: what the tags of a repository point to, and since when. Next: `tag_history`."""

import typer

from entrepot.cli import tag_diff, tag_float, tag_history, tag_immutable
from entrepot.cli.client import connect
from entrepot.cli.options import Json, Yes, confirm
from entrepot.cli.output import Columns, done, show_list, when
from entrepot.cli.repository import Name, way_back
from entrepot.cli.running import EvenIfRunning, ask_first

app = typer.Typer(no_args_is_help=True, help="Tags: what they point to, and pointed to.")
app.add_typer(tag_immutable.app, name="immutable")
app.add_typer(tag_float.app, name="float")
app.command()(tag_history.history)
app.command()(tag_history.resolve)
app.command()(tag_diff.diff)
app.command()(tag_history.rollback)

COLUMNS: Columns = {
    "tag": "name",
    "digest": "digest",
    "type": "media_type",
    "pushed": when("pushed_at"),
    "floats with": "floats_with",
}


@app.command("list")
def list_tags(ctx: typer.Context, repository: Name, *, as_json: Json = False) -> None:
    """List the tags of a repository, with what they point to and since when.

    Example: `entrepot tag list team/app --json`
    """
    rows = connect(ctx).every("/tags", repository=repository)
    show_list(rows, COLUMNS, as_json=as_json)


@app.command()
def delete(
    ctx: typer.Context,
    repository: Name,
    tag: tag_history.Tag,
    *,
    reason: tag_history.Reason = "",
    yes: Yes = False,
    even_if_running: EvenIfRunning = False,
    as_json: Json = False,
) -> None:
    """Delete a tag, into the trash; its manifest stays, and so do other tags of it.

    Where a connected cluster has it, it is told where, and asked once more.

    Examples: `entrepot tag delete team/app 1.0 --yes`, `entrepot tag delete team/app 1.0 --yes
    --even-if-running`
    """
    client = connect(ctx)
    confirm(f"delete the tag {repository}:{tag}?", yes=yes)
    known = ask_first(client, repository, tag, said=even_if_running)
    where = {"repository": repository, "tag": tag, "even_if_running": known, "reason": reason}
    gone = client.call("DELETE", "/tags", params=where)
    done(f"{repository}:{tag} is deleted{way_back(gone)}", gone, as_json=as_json)
