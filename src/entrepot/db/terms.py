"""`Terms`: after how long what goes by itself. The settings of the same names say more."""

from dataclasses import dataclass

from entrepot.db.trash import DAY, Keep


@dataclass(frozen=True, slots=True)
class Terms:
    """In seconds."""

    grace: float = DAY
    """How long a blob stays that no manifest needs: a push may still be under way."""
    trash: float = 0
    """How long what is deleted can be restored."""
    untagged: float = 0
    """How long a manifest stays that nothing keeps; 0 for ever."""
    orphaned: float = 0
    """How long one stays whose index or subject was deleted; 0 for ever."""
    ran: float = 30 * DAY
    """How long what a cluster had stays when its reports leave it out."""

    @property
    def keep(self) -> Keep:
        """How long the trash keeps what somebody deletes."""
        return Keep(self.trash)
