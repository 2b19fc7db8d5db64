"""Channels, and what may be promoted into them."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[6])
