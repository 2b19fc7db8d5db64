"""The few pages that a browser sees at a single sign-on. No scripts, nothing from elsewhere.

Whatever came from outside is escaped here, and the policy lets the browser run none of it.
"""

import base64
import hashlib
from html import escape
from string import Template

from fastapi.responses import HTMLResponse

_STYLE = "body{font:1rem/1.6 sans-serif;max-width:42rem;margin:4rem auto}pre{white-space:pre-wrap}"
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
}
"""Of every answer to a browser."""

_PAGE = Template(
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Entrepot</title>'
    f"<style>{_STYLE}</style><h1>$title</h1>$body</html>"
)
_WELCOME = Template(
    "<p>For docker, podman and the like, make a token; it takes the place of a password.</p>"
    '<form method="post" action="$action"><input type="hidden" name="code" value="$code">'
    "<button>Make a token</button></form>"
    "<p>For the command line: <code>entrepot login $origin --sso</code></p>"
)
_TOKEN = Template(
    "<p>This is your token, good for $days days. It is shown this once.</p><pre>$secret</pre>"
    "<p>Log in with it:</p><pre>docker login $host -u $name</pre>"
)


def refused(why: str, status: int = 403) -> HTMLResponse:
    """Nobody is signed on."""
    return _page("You are not signed on", f"<p>{escape(why)}</p>", status)


def welcome(name: str, action: str, code: str, origin: str) -> HTMLResponse:
    """Someone is; a token is only made when they ask for it."""
    return _page(f"You are {name}", _fill(_WELCOME, action=action, code=code, origin=origin))


def token(name: str, secret: str, days: int, origin: str) -> HTMLResponse:
    """The token that they asked for."""
    host = origin.partition("://")[2]
    body = _fill(_TOKEN, name=name, secret=secret, days=str(days), host=host)
    return _page(f"A token for {name}", body)


def _page(title: str, body: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.substitute(title=escape(title), body=body), status, HEADERS)


def _fill(template: Template, **words: str) -> str:
    return template.substitute({name: escape(word) for name, word in words.items()})
