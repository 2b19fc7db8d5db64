"""How many of something, in words for people."""


def some(count: int, noun: str) -> str:
    """`1 backup`, `2 backups`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def are(count: int, noun: str) -> str:
    """`1 backup is`, `2 backups are`."""
    return f"{some(count, noun)} {'is' if count == 1 else 'are'}"
