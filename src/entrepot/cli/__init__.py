"""The command `entrepot`: one file per noun. A command says what it did, or how to mend it."""

from typing import Annotated

import typer

from entrepot.cli import (
    audit,
    backup,
    bad,
    bundle,
    certificate,
    changes,
    channel,
    check,
    copy,
    db,
    drill,
    encryption,
    gc,
    grant,
    group,
    issuer,
    jobs,
    key,
    kube,
    login,
    mirror_config,
    project,
    promote,
    quota,
    recover,
    report,
    repository,
    retention,
    robot,
    scrub,
    serve,
    signer,
    tag,
    tag_float,
    tag_immutable,
    tls,
    token,
    trash,
    trust,
    user,
    verify,
    version,
    webhook,
)

app = typer.Typer(
    name="entrepot",
    help="An image registry for Kubernetes: one process, a folder and SQLite.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("copy")(copy.copy)
app.add_typer(bundle.app, name="bundle")
app.command("mirror-config")(mirror_config.mirror_config)
app.command("drill")(drill.drill)
app.command("gc")(gc.gc)
app.add_typer(jobs.app, name="jobs")
app.command("login")(login.login)
app.command("logout")(login.logout)
app.command("whoami")(login.whoami)
app.add_typer(login.contexts, name="context")
app.add_typer(user.app, name="user")
app.add_typer(group.app, name="group")
app.add_typer(robot.app, name="robot")
app.add_typer(token.app, name="token")
app.add_typer(project.app, name="project")
app.add_typer(repository.app, name="repository")
app.add_typer(tag.app, name="tag")
tag.app.add_typer(tag_immutable.app, name="immutable")
tag.app.add_typer(tag_float.app, name="float")
app.command("changes")(changes.changes)
app.add_typer(channel.app, name="channel")
app.command("promote")(promote.promote)
app.command("approve")(promote.approve)
app.command("rollback")(promote.rollback)
app.add_typer(report.app, name="report")
app.add_typer(bad.app, name="bad")
app.add_typer(trash.app, name="trash")
app.add_typer(scrub.app, name="scrub")
app.add_typer(quota.app, name="quota")
app.add_typer(retention.app, name="retention")
app.add_typer(signer.app, name="signer")
app.command("verify")(verify.verify)
app.add_typer(grant.app, name="grant")
app.command("can")(grant.can)
app.add_typer(audit.app, name="audit")
app.add_typer(webhook.app, name="webhook")
app.add_typer(certificate.app, name="certificate")
app.add_typer(issuer.app, name="issuer")
app.add_typer(trust.app, name="trust")
app.add_typer(key.app, name="key")
app.add_typer(kube.app, name="kube")
app.add_typer(encryption.app, name="encryption")
app.add_typer(tls.app, name="tls")
app.add_typer(db.app, name="db")
app.add_typer(backup.app, name="backup")
app.command("recover")(recover.recover)
app.add_typer(version.app, name="version")


def _show_version(wanted: bool) -> None:
    if wanted:
        version.say()
        raise typer.Exit


@app.callback()
def entrepot(
    ctx: typer.Context,
    *,
    context: Annotated[
        str | None,
        typer.Option(help="Which registry, of those logged in to.", show_default="the last one"),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Say which Entrepot this is.", callback=_show_version),
    ] = False,
) -> None:
    """An image registry for Kubernetes: one process, a folder and SQLite."""
    ctx.obj = {"context": context}


def main() -> None:
    """The console script; `python -m entrepot` is called the same."""
    app(prog_name="entrepot")
