"""What is said of versions, and how they are read."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[5])
