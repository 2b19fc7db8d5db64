#!/usr/bin/python3 -IS
"""entrepot-credential-provider: the kubelet's plugin that pulls with no stored secret.

The kubelet gives it an image and the pod's service account token; it trades the token at the
registry for a password that pulls, and nothing else. It is one file that needs only Python 3.9 on
the node, is started for nearly every pull, and so imports no more than it needs. What it says on
standard error the kubelet logs; the pull then goes on without these credentials.
Source: KEP-2133, KEP-4412; credentialprovider.kubelet.k8s.io/v1; RFC 8693.
"""

from __future__ import annotations

import json
import sys
import time

_API = "credentialprovider.kubelet.k8s.io/v1"
_USER = "serviceaccount"
_TRIES, _TIMEOUT = 3, 10
_MOST = 64 * 1024
_FORM = (
    "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
    "&subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt"
    "&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Arefresh_token"
    "&subject_token="  # a JWT has no character that a form would escape
)


class ProviderError(Exception):
    """Why there are no credentials, in words for whoever reads the kubelet's log."""


class AwayError(ProviderError):
    """The registry may answer the next time."""


def main() -> int:
    """Answer the request on standard input; 1 where that cannot be."""
    try:
        options = _options(sys.argv[1:])
        answer = provide(json.load(sys.stdin), **options)
    except (ProviderError, ValueError) as error:
        sys.stderr.write(f"entrepot-credential-provider: {error}\n")
        return 1
    json.dump(answer, sys.stdout)
    return 0


def _options(words: list[str]) -> dict[str, str]:
    known = {"--ca": "ca", "--server": "server"}
    pairs = list(zip(words[::2], words[1::2]))  # noqa: B905 - strict came with Python 3.10
    if len(words) % 2 or not all(word in known for word, _ in pairs):
        raise ProviderError("its args are --ca FILE and --server HOST[:PORT], if any")
    return {known[word]: value for word, value in pairs}


def provide(
    request: dict[str, str], ca: str | None = None, server: str | None = None
) -> dict[str, object]:
    """The kubelet's answer for its request: a password for all that the pod may pull there."""
    if request.get("apiVersion") != _API or request.get("kind") != "CredentialProviderRequest":
        raise ProviderError(f"the request is not a CredentialProviderRequest of {_API}")
    token = request.get("serviceAccountToken")
    if not token:
        raise ProviderError(
            "the kubelet sent no service account token: the config needs tokenAttributes"
            " (Kubernetes 1.34, or 1.33 with KubeletServiceAccountTokenForCredentialProviders)"
        )
    host = request["image"].partition("/")[0]
    password, seconds = _patiently(server or host, token, ca)
    # A pull may begin as the cache ends, and take long.
    return {
        "apiVersion": _API,
        "kind": "CredentialProviderResponse",
        "cacheKeyType": "Registry",
        "cacheDuration": f"{seconds // 2}s",
        "auth": {host: {"username": _USER, "password": password}},
    }


def _patiently(server: str, token: str, ca: str | None) -> tuple[str, int]:
    for again in range(_TRIES):
        try:
            return _trade(server, token, ca)
        except AwayError:
            if again + 1 == _TRIES:
                raise
            time.sleep(again + 0.5)
    raise AssertionError


def _trade(server: str, token: str, ca: str | None) -> tuple[str, int]:
    import http.client
    import ssl

    try:
        context = ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ProviderError(f"cannot read the CA {ca}: {error}") from None
    connection = http.client.HTTPSConnection(server, timeout=_TIMEOUT, context=context)
    form = {"content-type": "application/x-www-form-urlencoded"}
    try:
        connection.request("POST", "/token", _FORM + token, form)
        answer = connection.getresponse()
        status, body = answer.status, answer.read(_MOST)
    except ssl.SSLCertVerificationError as error:
        raise ProviderError(
            f"the certificate of {server} is not trusted: {error.verify_message}"
            " (--ca FILE names its CA)"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise AwayError(f"cannot reach {server}: {why}") from None
    finally:
        connection.close()
    return _read(server, status, body)


def _read(server: str, status: int, body: bytes) -> tuple[str, int]:
    try:
        document = json.loads(body)
        if status == 200:
            return document["access_token"], int(document["expires_in"])
        why = document["errors"][0]["message"]
    except (ValueError, KeyError, IndexError, TypeError):
        why = "the answer was not what an Entrepot says"
    kind = AwayError if status >= 500 or status == 429 else ProviderError
    raise kind(f"{server} answered {status}: {why}")


if __name__ == "__main__":
    sys.exit(main())
