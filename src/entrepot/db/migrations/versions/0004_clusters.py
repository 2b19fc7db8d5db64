"""What runs in clusters."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[3])
