"""Addresses of receivers: how one is written, and how much of it is shown.

A query may carry a token, and the path of a chat's webhook is a secret; so neither is told to
anybody who looks. Where it leads is checked whenever something is sent (`auth.oidc.outbound`).
"""

from urllib.parse import urlsplit

from entrepot.upkeep.webhooks.message import Format

LONGEST = 2048


def check(url: str) -> str:
    """An address, if it is one. Raises ValueError."""
    text = "write https://HOST/PATH, with no user name in it"
    if len(url) > LONGEST or not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(text)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(text) from None
    named = parts.scheme in ("https", "http") and parts.hostname and port != 0
    if not named or "@" in parts.netloc or parts.fragment:
        raise ValueError(text)
    return url


def shown(url: str, form: str) -> str:
    """What of it is told."""
    parts = urlsplit(url)
    path = "/…" if form == Format.SLACK and parts.path.strip("/") else parts.path
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}{path}{query}"
