"""Where bytes lie, what goes and when."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[2])
