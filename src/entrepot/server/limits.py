"""How long, and how much, one connection may take before it is cut off.

One sweeper keeps them for the whole process (sweeper.py), so a time-out may come late by its
interval.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one connection; all times are seconds."""

    header_bytes: int = 32768
    """Request line and headers together; more is answered 431."""

    header_timeout: float = 10.0
    """From the first byte of a request (or the connection) to the end of its headers; then 408."""

    body_timeout: float = 30.0
    """A request body may stand still this long while somebody waits for it; then it is cut."""

    keep_alive: float = 65.0
    """An idle connection is closed after this; longer than the 60 of common load balancers, so
    that the balancer closes first and never sends a request into a closing connection."""

    send_timeout: float = 60.0
    """A download of which the peer takes nothing for this long is cut."""

    sweep_interval: float = 0.5
    """How often the time-outs are looked at; the same for all connections of a server."""
