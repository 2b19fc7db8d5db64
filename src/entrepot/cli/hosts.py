"""Where a registry is, as options say it: its host and its CA."""

from pathlib import Path

from entrepot.cli.options import fail, read_text


def parse_host(text: str, option: str) -> str:
    """HOST or HOST:PORT, as images begin with it."""
    if not text or "/" in text or not text.isascii() or any(map(str.isspace, text)):
        fail(f"{option} is {text!r}: write HOST or HOST:PORT, without https://")
    return text


def read_ca(path: Path) -> str:
    """The certificates of a file in PEM."""
    return read_text(path, "ascii")
