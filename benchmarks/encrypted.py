"""Large blobs that lie encrypted: the same server again, with a key, on a folder of its own."""

import secrets
from dataclasses import replace

from . import stock, transfers
from .content import Content
from .server import Server
from .stock import Stock


def download(server: Server, content: Content, kept: Stock) -> dict[str, float]:
    """Measure downloads of the large blob, beside the ones of the server that has no key."""
    with_key = {**server.peer.environment, "ENTREPOT_ENCRYPTION_KEY": secrets.token_hex(32)}
    peer = replace(server.peer, environment=with_key)
    encrypted = Server(peer, server.folder / "encrypted")
    try:
        encrypted.start()
        stock.fill(encrypted, kept, content)
        path = kept.large_path
        return transfers.download(encrypted, path, content.size, at_once=1, cold=False)
    finally:
        encrypted.remove()
