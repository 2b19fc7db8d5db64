"""`Permission`: what the pods of a namespace may, as `entrepot kube connect --allow` writes it."""

import re
from dataclasses import dataclass

_NAME = r"[a-z0-9*?]([a-z0-9*?.-]{0,251}[a-z0-9*?])?"
_written = re.compile(
    rf"(?P<namespace>{_NAME})(/(?P<account>{_NAME}))?=(?P<role>[a-z]+):(?P<pattern>\S+)"
).fullmatch


@dataclass(frozen=True, slots=True)
class Permission:
    """Pods of these service accounts have this role on repositories of this pattern."""

    namespace: str
    """`*` and `?` stand for what they do everywhere."""
    account: str
    role: str
    pattern: str

    @classmethod
    def parse(cls, text: str) -> "Permission":
        """Read NAMESPACE=ROLE:PATTERN or NAMESPACE/ACCOUNT=ROLE:PATTERN. Raises ValueError."""
        found = _written(text)
        if found is None:
            raise ValueError(
                f"{text!r} is no permission: write NAMESPACE[/SERVICEACCOUNT]=ROLE:PATTERN, "
                "such as 'team-a=reader:team/*'"
            )
        return cls(found["namespace"], found["account"] or "*", found["role"], found["pattern"])

    @property
    def subject(self) -> str:
        """What the `sub` of their tokens must look like."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"
