"""How long a secret is good, and what it may at most, as the command line writes them."""

from typing import Annotated

import typer

from entrepot.cli.duration import parse_duration
from entrepot.cli.options import fail

Expires = Annotated[str, typer.Option(help="How long it is good: 30d, 12h, or never.")]
Overlap = Annotated[str, typer.Option(help="How long older ones stay good; 0s ends them at once.")]

NEVER = "never"


def parse_expiry(text: str) -> int | None:
    """Seconds; None for ever."""
    return None if text == NEVER else parse_duration(text, "--expires")


def parse_overlap(text: str) -> int:
    """Seconds."""
    return parse_duration("0s" if text == "0" else text, "--overlap")


def parse_allowance(text: str, option: str) -> dict[str, str]:
    """ROLE:PATTERN as the API takes it, which checks both."""
    role, colon, pattern = text.partition(":")
    if not colon:
        fail(f"{option} is {text!r}: write ROLE:PATTERN, such as 'writer:team/*'")
    return {"role": role, "pattern": pattern}
