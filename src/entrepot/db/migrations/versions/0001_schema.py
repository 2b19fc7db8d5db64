"""The registry itself."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[0])
