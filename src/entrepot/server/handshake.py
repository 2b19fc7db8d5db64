"""A handshake that fails so that the peer learns why.

asyncio and uvloop close at once and drop the alert that OpenSSL has written, so clients print
"EOF" where they could print "unknown certificate authority". Here the failure is told to the loop
only after the alert has gone out: until then it looks as if more had to be read.
"""

import logging
import ssl

from entrepot.server.refusal import bad_request

log = logging.getLogger("entrepot.tls")

PATIENCE = 8
"""How often the peer may send something after the alert, before it is cut off anyway."""

PLAIN = bad_request("plain HTTP, where TLS is spoken; ask by https")


class Handshake(ssl.SSLObject):
    """OpenSSL's connection, with the bytes that are to go out."""

    outgoing: ssl.MemoryBIO | None = None
    _failure: ssl.SSLError | None = None
    _told = False
    """An alert is on its way to the peer."""
    _calls = 0

    def do_handshake(self) -> None:
        """One step; called when something has arrived."""
        if self._failure is None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                self._fail(error)
            else:
                return
        assert self._failure is not None
        self._calls += 1
        if self._calls > PATIENCE or not self._told:
            raise self._failure
        raise ssl.SSLWantReadError

    def _fail(self, error: ssl.SSLError) -> None:
        self._failure = error
        if self.outgoing is None:
            return
        if error.reason == "HTTP_REQUEST":
            self.outgoing.write(PLAIN.head(b"") + PLAIN.body())
        if error.reason == "CERTIFICATE_VERIFY_FAILED":
            why = getattr(error, "verify_message", "") or error.reason
            log.warning("a client's certificate is refused: %s", why)
        self._told = self.outgoing.pending > 0
