"""The API server, read without kubectl: that takes a fifth of a second of CPU to start, and what
waits for something asks several times a second.
"""

import json
import ssl
import time
from typing import Any

import httpx
import pytest
from tests.cluster.certificates import Certificates
from tests.waiting import SECONDS

_CORE = ("pod", "service", "serviceaccount", "secret", "event")
_GROUPS = {
    **dict.fromkeys(_CORE, "api/v1"),
    **dict.fromkeys(("deployment", "statefulset", "daemonset"), "apis/apps/v1"),
    **dict.fromkeys(("job", "cronjob"), "apis/batch/v1"),
}
_OF_NO_NAMESPACE = {"node": "api/v1/nodes", "pullaccess": "apis/entrepot.dev/v1alpha1/pullaccesses"}
_BUSY = {0, 429, 500, 502, 503, 504}
"""What a server says that is there again in a moment, or whose etcd stood still."""
_PARAMETERS = {"--selector": "labelSelector", "--field-selector": "fieldSelector"}


def url(kind: str, *words: str) -> httpx.URL | None:
    """What `kubectl get` would ask for, with these words; None for those that are not read here."""
    namespace, names, parameters = "default", [], {}
    for word in words:
        flag, _, value = word.partition("=")
        if flag == "--namespace":
            namespace = value
        elif flag in _PARAMETERS:
            parameters[_PARAMETERS[flag]] = value
        elif not word.startswith("-"):
            names.append(word)
        else:
            return None
    one = kind if kind in _GROUPS or kind in _OF_NO_NAMESPACE else kind.removesuffix("s")
    if one in _GROUPS:
        path = f"{_GROUPS[one]}/namespaces/{namespace}/{one}s"
    elif one in _OF_NO_NAMESPACE:
        path = _OF_NO_NAMESPACE[one]
    else:
        return None
    return httpx.URL("/" + "/".join([path, *names]), params=parameters)


class Api:
    """Asks as the administrator."""

    def __init__(self, server: str, certificates: Certificates) -> None:
        trusted = ssl.create_default_context(cafile=str(certificates.ca))
        trusted.load_cert_chain(*certificates.pair("reader", group="system:masters"))
        once = httpx.Limits(max_keepalive_connections=0)  # the server may be another the next time
        self._http = httpx.Client(base_url=server, verify=trusted, timeout=30, limits=once)

    def close(self) -> None:
        self._http.close()

    def get(self, asked: httpx.URL) -> Any:
        """An object, or a list of them; the test fails where there is none."""
        deadline = time.monotonic() + SECONDS
        while True:
            status, said = self._ask(asked)
            if status == 200:
                return json.loads(said)
            busy = status in _BUSY and time.monotonic() < deadline
            if not busy:
                pytest.fail(f"{asked}: {said}")
            time.sleep(0.2)

    def _ask(self, asked: httpx.URL) -> tuple[int, str]:
        """Status and text of the answer; 0 where there is none."""
        try:
            answer = self._http.get(asked)
        except httpx.TransportError as error:
            return 0, f"the API server does not answer: {error}"
        return answer.status_code, answer.text
