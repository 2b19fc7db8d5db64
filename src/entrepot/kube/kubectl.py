"""`Kubectl`: the cluster of one context of a kubeconfig, through the kubectl that is there.

So whatever a kubeconfig can say of logging in works here, and nothing more is installed.
"""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SECONDS = 60


class KubectlError(Exception):
    """The cluster did not do what it was asked to; the message is kubectl's."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl; everything raises `KubectlError`."""

    context: str = ""
    """"" for the current one."""

    def raw(self, path: str) -> Any:
        """A document that the API server has at a path."""
        return json.loads(self._run("get", "--raw", path))

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """An object; None where there is none. Without a namespace it is in the context's."""
        where = ("--namespace", namespace) if namespace else ()
        text = self._run("get", kind, name, *where, "--ignore-not-found", "-o", "json")
        found: dict[str, Any] | None = json.loads(text) if text.strip() else None
        return found

    def every(self, kind: str, *selectors: str, namespace: str = "") -> list[dict[str, Any]]:
        """Objects of the namespace, or of the context's; of all where the namespace is `*`."""
        where = [f"--namespace={namespace}"] if namespace else []
        everywhere = ["--all-namespaces"] if namespace == "*" else where
        text = self._run("get", kind, *everywhere, *selectors, "-o", "json")
        found: list[dict[str, Any]] = json.loads(text)["items"]
        return found

    def token(self, namespace: str, account: str, audience: str, pod: str = "") -> str:
        """A token of a service account, for an audience; bound to a pod where one is named."""
        bound = ("--bound-object-kind", "Pod", "--bound-object-name", pod) if pod else ()
        where = ("--namespace", namespace, "--audience", audience)
        return self._run("create", "token", account, *where, *bound).strip()

    def allows(self, user: str, groups: Sequence[str], wanted: dict[str, str]) -> bool:
        """Whether someone may do something, in the words of `resourceAttributes`."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": user, "groups": list(groups), "resourceAttributes": wanted},
        }
        text = self._run("create", "-f", "-", "-o", "json", text=json.dumps(review))
        return bool(json.loads(text)["status"]["allowed"])

    def apply(self, document: dict[str, Any]) -> None:
        """Make an object, or make it so."""
        given = ("--server-side", "--field-manager=entrepot", "--force-conflicts", "-f", "-")
        self._run("apply", *given, text=json.dumps(document))

    def patch(self, kind: str, name: str, namespace: str, steps: list[dict[str, Any]]) -> None:
        """Change an object by a JSON Patch, of which all is done or nothing."""
        given = ("--namespace", namespace, "--type=json", f"--patch={json.dumps(steps)}")
        self._run("patch", kind, name, *given)

    def logs(self, pod: str, container: str, namespace: str, *options: str) -> str:
        """What a container has written."""
        return self._run(
            "logs", pod, f"--container={container}", f"--namespace={namespace}", *options
        )

    def delete(self, kind: str, name: str, namespace: str = "") -> None:
        """Remove an object; one that is gone is no error. It may take a while to go."""
        where = ("--namespace", namespace) if namespace else ()
        self._run("delete", kind, name, *where, "--ignore-not-found", "--wait=false")

    def _run(self, *words: str, text: str = "") -> str:
        context = ("--context", self.context) if self.context else ()
        command = ("kubectl", *context, f"--request-timeout={_SECONDS}s", *words)
        try:
            done = subprocess.run(
                command, input=text, capture_output=True, text=True, check=False, timeout=600
            )
        except FileNotFoundError:
            raise KubectlError("there is no kubectl here: install it first") from None
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl {words[0]} does not end") from None
        if done.returncode:
            raise KubectlError(done.stderr.strip() or f"kubectl {words[0]} failed")
        return done.stdout
