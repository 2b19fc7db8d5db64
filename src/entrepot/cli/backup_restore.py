"""`entrepot backup restore`: the whole registry, or some images of it, from a backup."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entrepot import settings
from entrepot.cli.ends import end_of
from entrepot.cli.options import Config, Data, Json, fail
from entrepot.cli.output import done
from entrepot.cli.progress import shown
from entrepot.cli.size import show_size
from entrepot.cli.vaults import (
    Addressed,
    Ca,
    Dest,
    Endpoint,
    KeyFile,
    Region,
    Which,
    told,
    vault_of,
)

if TYPE_CHECKING:
    from entrepot.upkeep.backup.vault import Vault


def restore(
    dest: Dest = "",
    *,
    backup: Which = "",
    without_damaged: Annotated[
        bool,
        typer.Option("--without-damaged", help="Also where content is damaged in the backup."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Of a registry that lives: a project, REPOSITORY or REPOSITORY:TAG; repeat it."
        ),
    ] = None,
    move_tags: Annotated[
        bool, typer.Option("--move-tags", help="With --only, also tags that point elsewhere now.")
    ] = False,
    if_empty: Annotated[
        bool, typer.Option("--if-empty", help="Do nothing where there is a registry already.")
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
    """Make a registry anew from a backup, in an empty database and an empty store; or bring some
    images back into one that lives.

    The settings say where that is, as for `entrepot serve`, which comes behind it. What was cut
    goes on when it is run again. Where the registry had encryption keys, these settings need them.

    With `--only` images come back beside the server, as if they were pushed, with their signatures
    and other referrers. Nothing is taken away. A project that is gone, and is named as a whole,
    comes back as it was, with its grants and rules.

    Examples: `entrepot backup restore /mnt/backup --data /srv/entrepot`,
    `entrepot backup restore s3://backups/registry --backup 20260131T020000.481516Z-3f9a`,
    `entrepot backup restore /mnt/backup --only team/app:1.2 --move-tags`
    """
    if only and (without_damaged or if_empty):
        fail("--without-damaged and --if-empty are for a whole registry, without --only")
    if move_tags and not only:
        fail("--move-tags is for --only")
    with told("the restore is not finished; run it again to go on"):
        vault = vault_of(
            dest,
            key_file,
            endpoint=endpoint,
            region=region,
            ca=ca,
            addressing=addressing,
            config=config,
        )
        there = settings.load(config, data=data)
        if only:
            words, found, lost = _merge(vault, backup, there, only, move_tags=move_tags)
        elif if_empty and _is_taken(there):
            database = str(end_of(there).place)
            words, lost = f"{database} holds a registry already", False
            found = {"database": database, "backup": None}
        else:
            words, found, lost = _whole(vault, backup, there, without_damaged=without_damaged)
    done(words, found, as_json=as_json)
    raise typer.Exit(1 if lost else 0)


Told = tuple[str, dict[str, Any], bool]
"""In words, as JSON, and whether something is lost."""


def _is_taken(there: settings.Settings) -> bool:
    from entrepot.upkeep.backup.restore import is_taken

    return is_taken(end_of(there))


def _whole(vault: "Vault", backup: str, there: settings.Settings, *, without_damaged: bool) -> Told:
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.older import opened
    from entrepot.upkeep.backup.restore import restore as make_anew
    from entrepot.upkeep.backup.words import are

    chosen, target = document.read(vault, backup), end_of(there)
    with shown() as show, opened(vault, chosen, show) as tables:
        found = make_anew(tables, target, there.keyring(), show, without_damaged=without_damaged)
    words = (
        f"backup {chosen.id} is restored to {target}: {found.rows} rows, {chosen.tags} tags, "
        f"{show_size(found.bytes)} of objects"
    )
    if found.paused:
        words += _PAUSED.format(names=", ".join(found.paused))
    missing = sorted({*tables.damaged, *chosen.lost})
    if missing:
        words += f"\n{are(len(missing), 'content')} lost, and pushed again healed:\n  "
        words += "\n  ".join(missing[:10])
    plain = {
        "backup": chosen.id,
        "database": str(target.place),
        "blobs": target.blobs,
        "rows": found.rows,
        "tags": chosen.tags,
        "bytes": found.bytes,
        "paused": found.paused,
        "lost": missing,
    }
    return words, plain, bool(missing)


_PAUSED = """
replications that push are paused, since what is there may be newer: {names}
  see docs/backup.md, then entrepot replication resume"""


def _merge(
    vault: "Vault",
    backup: str,
    here: settings.Settings,
    only: list[str],
    *,
    move_tags: bool,
) -> Told:
    from entrepot.upkeep.backup import document
    from entrepot.upkeep.backup.choice import Choice
    from entrepot.upkeep.backup.merge import merge
    from entrepot.upkeep.backup.older import opened
    from entrepot.upkeep.backup.words import some

    choices = [Choice.parse(text) for text in only]
    chosen, target, sparse = document.read(vault, backup), end_of(here), here.sparse_manifests
    with shown() as show, opened(vault, chosen, show) as tables:
        found = merge(tables, target, choices, show, move_tags=move_tags, sparse=sparse)
    images, tags = some(found.manifests, "manifest"), some(len(found.tags), "tag")
    lines = [f"{images} and {tags} of {chosen.id} are back"]
    for each in found.projects:
        grants = some(len(each.grants), "grant")
        lines.append(f"{each.project} is made anew as it was, with {grants}:")
        lines += [f"  {words}" for words in each.grants]
        lines += [f"  not {words}, who is not here" for words in each.skipped]
    why = "a rule or a channel holds it" if move_tags else "--move-tags"
    lines += [f"{tag} points elsewhere by now, and is left so: {why}" for tag in found.left]
    lines += [f"{digest} cannot be restored: {why}" for digest, why in found.lost.items()]
    return "\n".join(lines), {"backup": chosen.id, **asdict(found)}, bool(found.lost)
