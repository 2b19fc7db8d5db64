"""`heading`: the order of the places as a comment, for who reads the file later."""

from collections.abc import Sequence

from entrepot.upstream.copies import Copy, Registry


def heading(upstream: Registry, copies: Sequence[Copy]) -> list[str]:
    """Lines."""
    rows = [f"#   {number}. {each} ({each.role})" for number, each in enumerate(copies, 1)]
    return [f"# Images of {upstream} are asked for here, until one has them:", *rows, ""]
