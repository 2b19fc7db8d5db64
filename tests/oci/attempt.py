"""Parsing what may be wrong: the value or the error's code; any other exception fails the test."""

from collections.abc import Callable
from typing import TypeVar

from entrepot.oci.errors import Code, OCIError

T = TypeVar("T")


def attempt(parse: Callable[..., T], *arguments: object) -> tuple[T | None, Code | None]:
    """What came of it."""
    try:
        return parse(*arguments), None
    except OCIError as error:
        return None, error.code
