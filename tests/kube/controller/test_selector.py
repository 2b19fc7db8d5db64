"""Label selectors, as Kubernetes reads them."""

from typing import Any

import pytest

from entrepot.kube.controller.selector import Selector

LABELS = {"team": "a", "tier": "web"}


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "empty": ({}, True),
    "null": ({"matchLabels": None, "matchExpressions": None}, True),
    "a label": ({"matchLabels": {"team": "a"}}, True),
    "all labels": ({"matchLabels": LABELS}, True),
    "another value": ({"matchLabels": {"team": "b"}}, False),
    "one of two": ({"matchLabels": {"team": "a", "tier": "db"}}, False),
    "no such label": ({"matchLabels": {"zone": ""}}, False),
    "in": (expression("team", "In", "b", "a"), True),
    "not one of": (expression("team", "In", "b"), False),
    "in, without the label": (expression("zone", "In", "a"), False),
    "not in": (expression("team", "NotIn", "b"), True),
    "not in, but it is": (expression("team", "NotIn", "b", "a"), False),
    "not in, without the label": (expression("zone", "NotIn", "a"), True),
    "exists": (expression("team", "Exists"), True),
    "exists not": (expression("zone", "Exists"), False),
    "does not exist": (expression("zone", "DoesNotExist"), True),
    "does not exist, but it does": (expression("team", "DoesNotExist"), False),
    "both": ({"matchLabels": {"team": "a"}, **expression("tier", "In", "web")}, True),
    "only the label": ({"matchLabels": {"team": "a"}, **expression("tier", "In", "db")}, False),
    "only the expression": ({"matchLabels": {"team": "b"}, **expression("tier", "Exists")}, False),
}


@pytest.mark.parametrize("case", CASES)
def test_it_matches(case: str) -> None:
    document, expected = CASES[case]
    assert Selector.parse(document).matches(LABELS) is expected


def test_an_empty_label_is_there() -> None:
    assert Selector.parse(expression("zone", "Exists")).matches({"zone": ""})


def test_an_operator_that_does_not_exist() -> None:
    selector = Selector.parse(expression("team", "Like", "a"))
    with pytest.raises(ValueError, match="no operator Like"):
        selector.matches(LABELS)
