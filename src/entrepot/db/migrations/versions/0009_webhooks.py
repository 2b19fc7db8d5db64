"""Who is told of changes."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[8])
