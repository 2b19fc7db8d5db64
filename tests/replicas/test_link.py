"""The link itself: what tests of faults rely on."""

import socket
import threading
from collections.abc import Iterator

import pytest
from tests.replicas.link import Link


@pytest.fixture
def link() -> Iterator[Link]:
    """A link to a server that echoes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_echo, args=(server,), daemon=True).start()
        with Link(server.getsockname()[1]) as found:
            yield found


def _echo(server: socket.socket) -> None:
    while True:
        try:
            peer, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_answer, args=(peer,), daemon=True).start()


def _answer(peer: socket.socket) -> None:
    with peer:
        try:
            while piece := peer.recv(1000):
                peer.sendall(piece)
        except OSError:
            pass


def connect(link: Link) -> socket.socket:
    return socket.create_connection(("127.0.0.1", link.port), timeout=60)


def asked(peer: socket.socket) -> bytes:
    peer.sendall(b"hello")
    return peer.recv(100)


def test_it_forwards(link: Link) -> None:
    with connect(link) as peer:
        assert asked(peer) == b"hello"


def test_cut_it_resets_and_refuses_until_it_is_mended(link: Link) -> None:
    with connect(link) as peer:
        assert asked(peer) == b"hello"
        link.cut()
        with pytest.raises(ConnectionResetError):
            peer.recv(100)
    with connect(link) as peer:
        assert peer.recv(100) == b""
    link.mend()
    with connect(link) as peer:
        assert asked(peer) == b"hello"


def test_silent_it_moves_nothing_and_loses_nothing(link: Link) -> None:
    with connect(link) as peer:
        assert asked(peer) == b"hello"
        link.silence()
        peer.sendall(b"later")
        peer.settimeout(0.3)
        with pytest.raises(TimeoutError):
            peer.recv(100)
        link.mend()
        peer.settimeout(60)
        assert peer.recv(100) == b"later"
