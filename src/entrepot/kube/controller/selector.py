"""`Selector`: a label selector of Kubernetes. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Selector:
    """All that it demands has to be so; an empty one matches everything."""

    labels: Labels
    expressions: tuple[Mapping[str, Any], ...] = ()

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> "Selector":
        """As matchLabels and matchExpressions say."""
        return cls(
            dict(document.get("matchLabels") or {}), tuple(document.get("matchExpressions") or ())
        )

    def matches(self, labels: Labels) -> bool:
        """Whether an object with these labels is meant."""
        return self.labels.items() <= labels.items() and all(
            _holds(each, labels) for each in self.expressions
        )


def _holds(expression: Mapping[str, Any], labels: Labels) -> bool:
    found = labels.get(expression["key"])
    values = expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return found in values
        case "NotIn":
            return found not in values
        case "Exists":
            return found is not None
        case "DoesNotExist":
            return found is None
        case unknown:
            raise ValueError(f"a selector has no operator {unknown}")
