"""Who may do what, and who did."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[1])
