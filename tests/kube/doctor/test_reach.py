"""Ways in which a registry is out of reach, each for real."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from tests.registry import free_port

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.reach import trouble

CA = trustme.CA()
TRUSTED = ssl.create_default_context()
CA.configure_trust(TRUSTED)
PAST = datetime.now(UTC) - timedelta(days=1)


@contextmanager
def listening(name: str, **more: Any) -> Iterator[str]:
    """TLS with a certificate for this name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CA.issue_cert(name, **more).configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with suppress(OSError):
                plain, _ = server.accept()
                with plain, suppress(OSError):
                    context.wrap_socket(plain, server_side=True).close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize(
    ("name", "more", "context", "cause"),
    [
        ("127.0.0.1", {}, TRUSTED, None),
        ("127.0.0.1", {}, ssl.create_default_context(), Cause.UNKNOWN_CA),
        ("127.0.0.2", {}, TRUSTED, Cause.WRONG_NAME),
        ("r.test", {}, TRUSTED, Cause.WRONG_NAME),
        ("127.0.0.1", {"not_after": PAST}, TRUSTED, Cause.EXPIRED_CERTIFICATE),
    ],
)
def test_certificates(
    name: str, more: dict[str, Any], context: ssl.SSLContext, cause: Cause | None
) -> None:
    with listening(name, **more) as server:
        assert trouble(server, context, seconds=60) is cause


def test_nothing_listens() -> None:
    assert trouble(f"127.0.0.1:{free_port()}", TRUSTED) is Cause.REFUSED


def test_no_such_name() -> None:
    assert trouble("registry.invalid", TRUSTED) is Cause.UNRESOLVED


def test_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        assert trouble(where, TRUSTED, seconds=0.2) is Cause.TIMED_OUT
