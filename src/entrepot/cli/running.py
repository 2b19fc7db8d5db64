"""What runs in a cluster is deleted only by who has seen where, and says so."""

from typing import Annotated

import typer

from entrepot.cli.client import Client
from entrepot.cli.options import confirm

_TOLD = 10

EvenIfRunning = Annotated[
    bool,
    typer.Option("--even-if-running", help="Also what a connected cluster has; --yes is not that."),
]


def ask_first(client: Client, repository: str, reference: str = "", *, said: bool) -> bool:
    """Show which workloads have an image, and ask; whether they do. Nothing is asked where it was
    `said` that this is known.
    """
    if said:
        return True
    where = {"repository": repository, "reference": reference}
    uses = [each["words"] for each in client.get("/images/uses", **where)["items"]]
    if not uses:
        return False
    sign = ":" if reference else ""
    lines = [f"{repository}{sign}{reference} {each}" for each in uses[:_TOLD]]
    more = f"; and {len(uses) - _TOLD} more" if len(uses) > _TOLD else ""
    question = f"{'; '.join(lines)}{more}: delete it all the same?"
    confirm(question, yes=False, option="--even-if-running")
    return True
