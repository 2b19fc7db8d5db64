"""Copies in other registries."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[10])
