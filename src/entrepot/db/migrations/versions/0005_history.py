"""What a tag pointed to, and why it moved."""

from entrepot.db.migrations import run
from entrepot.db.schema import SCRIPTS

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the script of this version."""
    run(SCRIPTS[4])
