"""Other registries that projects stand for."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[9])
