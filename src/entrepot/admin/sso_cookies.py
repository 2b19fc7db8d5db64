"""Cookies that tie a single sign-on to the browser that began it.

What we must find again (state, verifier, nonce) is sealed into one; so nothing is kept of the many
who begin and never come back. Next: `sso`.
"""

from dataclasses import dataclass

from fastapi import Request, Response

SECONDS = 600
"""How long a sign-on may take."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie by its plain name."""

    name: str

    def of(self, request: Request, origin: str) -> str:
        """Its value, "" for none."""
        return request.cookies.get(self._full(origin), "")

    def put(self, response: Response, origin: str, value: str) -> None:
        """Have the browser keep it for as long as a sign-on may take."""
        self._set(response, origin, value, SECONDS)

    def drop(self, response: Response, origin: str) -> None:
        """Have the browser forget it."""
        self._set(response, origin, "", 0)

    def _set(self, response: Response, origin: str, value: str, seconds: int) -> None:
        # Lax: the provider's redirect brings it along, another site's form does not.
        response.set_cookie(
            self._full(origin),
            value,
            max_age=seconds,
            path="/",
            secure=_is_secure(origin),
            httponly=True,
            samesite="lax",
        )

    def _full(self, origin: str) -> str:
        """Over https no other host of the domain can set it (RFC 6265bis, 4.1.3.2)."""
        return f"__Host-{self.name}" if _is_secure(origin) else self.name


STATE = Cookie("entrepot-sso")
"""What a sign-on under way must find again, sealed."""
PROOF = Cookie("entrepot-sso-proof")
"""What the button of the page must come with."""


def _is_secure(origin: str) -> bool:
    return origin.startswith("https://")
