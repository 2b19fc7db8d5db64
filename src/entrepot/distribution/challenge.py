"""The challenge: where a client is to log in, and for what.

Source: Docker Registry v2 authentication, "Token Authentication Specification"; RFC 6750.
`login_required` is a registered word of OpenID Connect.
"""

from collections.abc import Container

from entrepot.addresses import read_host
from entrepot.auth.login import RefusedError
from entrepot.auth.roles import Action
from entrepot.auth.tokens import AUDIENCE, BLOBS, CATALOG
from entrepot.distribution.request import Request
from entrepot.distribution.router import Kind
from entrepot.oci.errors import Code, OCIError
from entrepot.oci.names import Repository

TOKEN_PATH = "/token"  # noqa: S105 - a path

_SCOPES = {
    Action.PULL: "pull",
    Action.PUSH: "pull,push",
    Action.MOVE: "pull,push",
    Action.DELETE: "delete",
}
"""What a client has to ask for; docker wants to pull what it pushes, too."""


CATALOG_SCOPE = f"{CATALOG}:*"
MOUNT_SCOPE = f"{BLOBS}:mount"
"""For a mount that does not say from where: a token is good for named repositories alone else."""


def scope_of(repository: Repository | str, action: Action) -> str:
    """What to ask a token for, to do this."""
    return f"repository:{repository}:{_SCOPES[action]}"


def scopes_of(request: Request, action: Action) -> str:
    """What to ask a token for, for this request; a mount reads from elsewhere, too."""
    own = scope_of(request.asked or request.route.repository, action)
    if request.route.kind is not Kind.UPLOADS or request.parameter("mount") is None:
        return own
    source = request.parameter("from")
    if not source:
        return f"{own} {MOUNT_SCOPE}"
    try:
        return f"{own} {scope_of(Repository.parse(source), Action.PULL)}"
    except OCIError:
        return own


class Challenge:
    """Makes the errors that make clients log in."""

    def __init__(self, public_url: str = "", mirrors: Container[str] = ()) -> None:
        """`mirrors` are hosts whose clients must come back to the same one."""
        self._public_url = public_url
        self._mirrors = mirrors

    def origin(self, request: Request) -> str:
        """Scheme and host under which the client came, or is to come."""
        host = request.header(b"host")
        if self._public_url and host not in self._mirrors:
            return self._public_url.rstrip("/")
        return f"{request.scope['scheme']}://{host if read_host(host) else 'localhost'}"

    def wanted(self, request: Request, scope: str = "") -> OCIError:
        """Log in first. Whoever showed a token that anyone gets reads why that does not suffice:
        containerd, which shows the word to those who look at a pod, would only try again else.
        """
        error = "" if request.session.access is None else "login_required"
        return self._error(request, "log in first", scope, error)

    def insufficient(self, request: Request, scope: str) -> OCIError:
        """The token is good, but for less: ask for a better one."""
        text = "this token does not carry that, or you may not"
        return self._error(request, text, scope, "insufficient_scope")

    def refusal(self, request: Request, error: Exception) -> OCIError:
        """What they brought is not good. Too many tries are 429."""
        if isinstance(error, RefusedError) and error.wait:
            after = (b"retry-after", b"%d" % error.wait)
            return OCIError(Code.TOOMANYREQUESTS, str(error), headers=(after,))
        return self._error(request, str(error), "", "invalid_token")

    def _error(self, request: Request, text: str, scope: str, error: str = "") -> OCIError:
        words = [f'realm="{self.origin(request)}{TOKEN_PATH}"', f'service="{AUDIENCE}"']
        if scope:
            words.append(f'scope="{scope}"')
        if error:
            words.append(f'error="{error}"')
        value = f"Bearer {','.join(words)}".encode("latin-1")
        return OCIError(Code.UNAUTHORIZED, text, headers=((b"www-authenticate", value),))
