"""A pull done again as a runtime does it: each endpoint in its order, until one has the image.

A password goes to none whose certificate the node does not verify.
Source: containerd, core/remotes/docker, `Resolve`; containers/image, `newImageSource`.
"""

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.parts import Watch
from entrepot.kube.doctor.pull import Try, attempt
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.kube.doctor.said import OF_THE_NODE
from entrepot.oci.image_name import Image

Trust = Callable[[str], ssl.SSLContext]
"""What is trusted at a host."""

_PARTS = (Cause.LAYER_MISSING, Cause.LAYER_CORRUPT)
_FINAL = (None, Cause.NO_PLATFORM)


@dataclass(frozen=True, slots=True)
class Asked:
    """An endpoint, and how it answered; None where it is not asked for what the pod names."""

    endpoint: Endpoint
    found: Try | None

    def document(self) -> dict[str, Any]:
        """For programs."""
        at, found = self.endpoint, self.found
        cause = found and found.cause
        return {
            "url": at.base,
            "ca": list(at.ca_names),
            "lost": list(at.lost),
            "asked": found is not None,
            "cause": cause.name.lower() if cause else None,
            "detail": (found and found.detail) or None,
        }

    def __str__(self) -> str:
        at = self.endpoint
        trust = f" with {', '.join(at.ca_names)}" if at.ca_names else ""
        lost = f"; not among the files: {', '.join(at.lost)}" if at.lost else ""
        return f"{at.base}{trust}: {self._answer()}{lost}"

    def _answer(self) -> str:
        if self.found is None:
            return "not asked for what the pod names"
        cause, detail = self.found.cause, self.found.detail
        if cause is None:
            return "has it"
        return cause.name.lower().replace("_", " ") + (f" ({detail})" if detail else "")


@dataclass(frozen=True, slots=True)
class Pull:
    """Of an image, from endpoints in their order."""

    image: Image
    platform: str
    endpoints: Sequence[Endpoint]
    trust: Trust
    watch: Watch | None = None

    def by(self, credential: Credential | None) -> tuple[Try, list[Asked]]:
        """How it ends with a credential or none: as at the endpoint that was asked last."""
        asked: list[Asked] = []
        last = Try(credential, Cause.REGISTRY_FAILS, "no endpoint is asked for it")
        for endpoint in self.endpoints:
            if not endpoint.takes(self.image):
                asked.append(Asked(endpoint, None))
                continue
            last = self._ask(endpoint, credential)
            asked.append(Asked(endpoint, last))
            if last.cause in _FINAL or (endpoint.pins and last.cause in _PARTS):
                break
        return _telling(last, asked), asked

    def _ask(self, endpoint: Endpoint, credential: Credential | None) -> Try:
        context = self.trust(endpoint.server)
        if endpoint.ca:
            try:
                context.load_verify_locations(cadata=endpoint.ca)
            except ssl.SSLError:
                return Try(credential, Cause.UNKNOWN_CA, "what should be its CA is none")
        if endpoint.unverified:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        sent = credential if endpoint.is_safe else None
        found = attempt(self.image, sent, self.platform, context, self.watch, at=endpoint)
        if sent is credential or endpoint.foreign or found.cause is not Cause.NO_CREDENTIAL:
            return replace(found, credential=credential)
        note = f"no password goes to {endpoint.server} without a verified certificate"
        return Try(credential, notes=(*found.notes, note))


def _telling(last: Try, asked: Sequence[Asked]) -> Try:
    """The last, unless it only could not be reached where the same server has answered before, as
    where hosts.toml names a CA for a host, and none for the server of the same name.
    """
    if last.cause not in OF_THE_NODE:
        return last
    server = asked[-1].endpoint.server
    same = [each.found for each in asked if each.found and each.endpoint.server == server]
    return next((each for each in reversed(same) if each.cause not in OF_THE_NODE), last)
