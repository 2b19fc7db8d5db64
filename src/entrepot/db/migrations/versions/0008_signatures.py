"""Who signed what, and whose signatures count."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[7])
