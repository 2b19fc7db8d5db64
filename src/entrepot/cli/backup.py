"""`entrepot backup`: copies of a whole registry in a folder or a bucket, and the way back."""

from dataclasses import asdict
from typing import Annotated

import typer

from entrepot import settings
from entrepot.cli import backup_restore
from entrepot.cli.ends import end_of
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import Columns, Row, done, show_list, when
from entrepot.cli.progress import shown
from entrepot.cli.size import show_size
from entrepot.cli.vaults import Addressed, Ca, Dest, Endpoint, KeyFile, Region, told, vault_of

app = typer.Typer(no_args_is_help=True, help="Backups, in a folder or a bucket, and the way back.")
app.command("restore")(backup_restore.restore)

LIST: Columns = {
    "id": "id",
    "made": when("created_at"),
    "tags": "tags",
    "contents": "contents",
    "size": lambda row: show_size(row["size"]),
    "added": lambda row: show_size(row["added"]),
    "lost": lambda row: len(row["lost"]) or None,
    "of": "source",
}


@app.command()
def create(
    dest: Dest = "",
    *,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Prune then: how many backups of this registry stay.")
    ] = None,
    look_at_all: Annotated[
        bool,
        typer.Option(
            "--look-at-all", help="Send again what is missing at DEST; else that is weekly."
        ),
    ] = False,
    anew: Annotated[
        bool,
        typer.Option("--anew", help="Also where DEST had backups, and is empty: it is mounted."),
    ] = False,
    key_file: KeyFile = None,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    data: Data = None,
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Make a backup of the whole registry, while it serves.

    It has all as it was at one moment. What DEST has already is not sent again. A backup that is
    cut is none; the next goes on from what was sent. Ends with 3 where some content is damaged in
    the registry itself: then all the rest is in the backup, and nothing is pruned; or where older
    ones cannot be pruned.

    Examples: `entrepot backup create`, `entrepot backup create /mnt/backup`,
    `entrepot backup create s3://backups/registry --keep 30`
    """
    from entrepot.upkeep.backup.create import create as make
    from entrepot.upkeep.backup.prune import prune_behind
    from entrepot.upkeep.backup.words import are, some

    with told("the backup is not finished; run it again to go on"):
        vault = vault_of(
            dest,
            key_file,
            endpoint=endpoint,
            region=region,
            ca=ca,
            addressing=addressing,
            config=config,
            makes=True,
        )
        here = settings.load(config, data=data)
        with shown() as show:
            source, keys = end_of(here), here.keyring()
            made = make(source, keys, vault, show, look_at_all=look_at_all, anew=anew)
            keep = keep or (0 if dest else here.backup_keep)
            behind = prune_behind(made, vault, keep, show)
    words = (
        f"backup {made.id} is made at {vault}: {some(made.tags, 'tag')}, {show_size(made.size)}, "
        f"of which {show_size(made.added)} are new"
    )
    words += f"; {are(len(behind.removed), 'older one')} gone" if behind.removed else ""
    words += f"; older ones stay for now: {behind.stay}" if behind.stay else ""
    words += f"\nolder ones cannot be pruned: {behind.trouble}" if behind.trouble else ""
    if made.lost:
        lost = are(len(made.lost), "content")
        words += _LOST.format(lost=lost, such="\n  ".join(made.lost[:10]))
    more = {"removed": behind.removed, "trouble": behind.trouble}
    done(words, {**made.summary(), **more}, as_json=as_json)
    raise typer.Exit(_LACKS if made.lost or behind.trouble else 0)


_LACKS = 3
_LOST = """
{lost} damaged in the registry, and not in the backup; entrepot check says more:
  {such}"""


@app.command("list")
def list_backups(
    dest: Dest = "",
    *,
    key_file: KeyFile = None,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """List the backups at a place, the oldest first.

    Examples: `entrepot backup list /mnt/backup`,
    `entrepot backup list s3://backups/registry --json`
    """
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.vault import BackupError

    with told("the backups cannot be listed"):
        vault = vault_of(
            dest,
            key_file,
            endpoint=endpoint,
            region=region,
            ca=ca,
            addressing=addressing,
            config=config,
        )
        found, faults = list[Row](), list[str]()
        for id_ in document.ids(vault)[0]:
            try:
                found.append(document.read(vault, id_).summary())
            except BackupError as error:
                faults.append(str(error))
    if not (found or faults or as_json):
        typer.echo(f"there is no backup at {vault}", err=True)
    show_list(found, LIST, as_json=as_json)
    if faults:
        fail("; ".join(faults), 1)


@app.command()
def verify(
    dest: Dest = "",
    *,
    backup: Annotated[str, typer.Option("--backup", help="Its id.", show_default="all")] = "",
    key_file: KeyFile = None,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Read every byte of backups, and compare it with its digest; ends with 1 where any is damaged.

    Examples: `entrepot backup verify /mnt/backup`,
    `entrepot backup verify s3://backups/registry --backup 20260131T020000.481516Z-3f9a`
    """
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.verify import verify as read_all
    from entrepot.upkeep.backup.words import some

    with told("the backups cannot be verified"):
        vault = vault_of(
            dest,
            key_file,
            endpoint=endpoint,
            region=region,
            ca=ca,
            addressing=addressing,
            config=config,
        )
        wanted = [] if backup else document.ids(vault)[0]
        wanted = wanted or [document.read(vault, backup).id]
        with shown() as show:
            found = read_all(vault, wanted, show)
    lines = [f"{each.what}: {each.why} ({', '.join(each.backups)})" for each in found.damaged]
    lines += [f"{id_} was pruned meanwhile" for id_ in found.pruned]
    lines.append(
        f"{some(len(found.backups), 'backup')}, {some(found.contents, 'content')}, "
        f"{show_size(found.bytes)}: {len(found.damaged)} damaged"
    )
    done("\n".join(lines), asdict(found), as_json=as_json)
    raise typer.Exit(1 if found.damaged else 0)


@app.command()
def prune(
    dest: Dest = "",
    *,
    keep: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="How many backups of each registry stay, the newest.",
            show_default="as the settings say",
        ),
    ] = None,
    of: Annotated[
        str,
        typer.Option(
            help="Of this registry alone, as `list` names it in its last column.",
            show_default="all",
        ),
    ] = "",
    key_file: KeyFile = None,
    endpoint: Endpoint = "",
    region: Region = "",
    ca: Ca = None,
    addressing: Addressed = "auto",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Take away the oldest backups of each registry, and the content that no other has.

    Examples: `entrepot backup prune /mnt/backup --keep 30`,
    `entrepot backup prune s3://backups/registry --keep 7 --json`
    """
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.prune import prune as take_away
    from entrepot.upkeep.backup.words import are

    with told("the pruning is not finished; run it again to go on"):
        vault = vault_of(
            dest,
            key_file,
            endpoint=endpoint,
            region=region,
            ca=ca,
            addressing=addressing,
            config=config,
        )
        if not keep:
            keep = 0 if dest else settings.load(config).backup_keep
        if not keep:
            fail("say how many backups stay: --keep")
        document.read(vault, "")  # where there is none the place is mistyped
        with shown() as show:
            found = take_away(vault, keep, show, of=of)
    words = (
        f"{are(len(found.removed), 'backup')} gone, {len(found.kept)} "
        f"{'stays' if len(found.kept) == 1 else 'stay'}; {show_size(found.bytes)} are free"
    )
    done(words, asdict(found), as_json=as_json)
