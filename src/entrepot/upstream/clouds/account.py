"""`Account`: as whom a registry is asked, and how one logs in there. Next: `login`."""

from typing import Protocol

from entrepot.db.upstreams import Kind


class Account(Protocol):
    """What upstreams and replications have in common."""

    @property
    def url(self) -> str:
        """https://HOST[:PORT] of the registry."""

    @property
    def kind(self) -> Kind:
        """How one logs in there."""

    @property
    def login(self) -> str:
        """A user's name, an access key's id; "" for nobody, or for the server's own identity."""

    @property
    def secret(self) -> str:
        """What goes with it: a password, a key."""

    @property
    def locked(self) -> str:
        """Why that cannot be opened; "" where it can."""
