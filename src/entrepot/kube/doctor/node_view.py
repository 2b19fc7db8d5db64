"""`NodeView`: what files of a node say of a pull: whom the runtime asks, and what the kubelet adds.

Without it both are as where nothing is configured, and somebody has to say that nobody looked.
"""

import ssl
from dataclasses import dataclass, field, replace
from functools import cache

from entrepot import addresses
from entrepot.kube.doctor import containerd_hosts, crio_registries, node_provider
from entrepot.kube.doctor.cause import Cause
from entrepot.kube.doctor.containerd_hosts import ConfigError
from entrepot.kube.doctor.diagnosis import Case
from entrepot.kube.doctor.endpoint import Endpoint
from entrepot.kube.doctor.etc import Etc
from entrepot.kube.doctor.http import StoppedError, shown
from entrepot.kube.doctor.node_provider import NodeProvider
from entrepot.kube.doctor.pull import Try
from entrepot.kube.doctor.pull_secret import Credential
from entrepot.kube.kubectl import Kubectl, KubectlError
from entrepot.oci.image_name import Image

UNSEEN = "not looked at: the mirrors and credential providers of the nodes (--node-files DIR)"

_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_AUDIENCE = "request-serviceaccounts-token-audience"


@dataclass(slots=True)
class Given:
    """What the kubelet's plugins give for a pull."""

    credentials: list[Credential] = field(default_factory=list)
    failures: list[Try] = field(default_factory=list)


class NodeView:
    """Of one kind of node, by its files; tokens of service accounts are made by kubectl."""

    def __init__(self, etc: Etc, kubectl: Kubectl) -> None:
        self._etc = etc
        self._kubectl = kubectl
        self._providers = cache(lambda: node_provider.providers(etc))

    def endpoints(self, image: Image, runtime: str) -> tuple[Endpoint, ...]:
        """In the order in which the runtime asks them. Raises `ConfigError`, `BlockedError`."""
        crio = crio_registries.is_there(self._etc) and not self._is_containerd(runtime)
        try:
            read = crio_registries.endpoints if crio else containerd_hosts.endpoints
            found = read(self._etc, image)
            for each in found:
                addresses.server(each.server)
        except (AttributeError, TypeError, ValueError) as error:  # TOML of another shape
            name = "registries.conf" if crio else "hosts.toml or config.toml"
            raise ConfigError(f"{name} is not as it should be: {error}") from None
        return found

    def notes(self, runtime: str) -> list[str]:
        """What is odd about the files."""
        unread = containerd_hosts.unread(self._etc) if self._is_containerd(runtime) else ""
        return [unread] if unread else []

    def trusted(self) -> ssl.SSLContext:
        """What the node trusts by itself; what is trusted here, where its files do not say."""
        for name in _BUNDLES:
            if text := self._etc.text(name):
                return ssl.create_default_context(cadata=text)
        return ssl.create_default_context()

    def given(self, case: Case, image: Image) -> Given:
        """By the plugins that are for the image. Raises `ConfigError`."""
        found = Given()
        for each in self._providers():
            if each.means(image):
                try:
                    found.credentials.append(self._trade(each, case, image))
                except StoppedError as stop:
                    at = Credential(each.name, image.host, case.account, "", by_node=True)
                    at = replace(at, audience=each.audience)
                    found.failures.append(Try(at, stop.cause, stop.detail))
        return found

    def _trade(self, provider: NodeProvider, case: Case, image: Image) -> Credential:
        if not provider.is_ours:
            raise StoppedError(Cause.PROVIDER_UNSEEN, "it is not of those that can be run here")
        self._check_audience(provider, case)
        pod = case.pods[0] if case.pods else ""
        try:
            token = self._kubectl.token(case.namespace, case.account, provider.audience, pod)
        except KubectlError as error:
            raise StoppedError(Cause.PROVIDER_UNSEEN, shown(str(error))) from None
        return provider.trade(image, token, self._etc)

    def _check_audience(self, provider: NodeProvider, case: Case) -> None:
        """The API server gives a kubelet tokens only for audiences that it may ask for."""
        if not case.node.name:
            return
        user, groups = f"system:node:{case.node.name}", ("system:nodes", "system:authenticated")
        wanted = {"verb": _AUDIENCE, "resource": provider.audience, "namespace": case.namespace}
        try:
            may = self._kubectl.allows(user, groups, {**wanted, "name": case.account})
        except KubectlError:
            return
        if not may:
            raise StoppedError(Cause.AUDIENCE_FORBIDDEN)

    def _is_containerd(self, runtime: str) -> bool:
        if runtime:
            return runtime.startswith("containerd")
        return containerd_hosts.is_there(self._etc)
