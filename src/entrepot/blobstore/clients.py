"""`Clients`: connections to an object store, by obstore, for each way of using it.

Credentials come from where the provider's own tools take them: the environment, files, the
machine's or the pod's identity. What a store says when it refuses is told by `told`, once, as a
`StoreError`.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import AzureStore, GCSStore, S3Store

from entrepot.blobstore.place import Place
from entrepot.blobstore.said import is_refusal, said
from entrepot.blobstore.store import RefusedError, StoreError

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

Client: TypeAlias = S3Store | GCSStore | AzureStore

STRIDE = 512 * 1024
"""Bytes that a reader gets at a time, about."""

_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)
_KEPT = timedelta(minutes=6)
"""How long credentials may be used without asking again: obstore asks five minutes before."""

logging.getLogger("botocore.credentials").setLevel(logging.WARNING)  # it tells each success


class Clients:
    """The same store, with the patience that each use of it wants. A client reads all CAs of the
    system, so one that a command does not use is not made.
    """

    def __init__(self, make: "Callable[[ClientConfig, RetryConfig], Client]") -> None:
        self._make = make

    @classmethod
    def open(cls, place: Place) -> "Clients":
        """Connections to a place; none is made before it is used. Raises `StoreError`."""
        found = cls(_maker(place))
        _ = found.writing  # what is wrong with the place is said now
        return found

    def made(self) -> "Clients":
        """Itself, with all of them: for whom a moment later is a bad time."""
        _ = self.reading, self.writing, self.asking, self.probing
        return self

    @cached_property
    def reading(self) -> Client:
        """Who reads slowly may take a day; a store that says nothing may not take long."""
        return self._make({"timeout": _DAY, "read_timeout": 20 * _SECOND}, _retry(20))

    @cached_property
    def writing(self) -> Client:
        """For a part to be sent as well: obstore has no limit on silence while it sends."""
        return self._make({"timeout": 60 * _SECOND}, _retry(30))

    @cached_property
    def asking(self) -> Client:
        """Small questions, before bytes are sent: a store that is silent then is told soon."""
        return self._make({"timeout": 10 * _SECOND}, _retry(8))

    @cached_property
    def probing(self) -> Client:
        """Says at once what is wrong."""
        return self._make({"timeout": 2 * _SECOND, "connect_timeout": 2 * _SECOND}, _retry(0))


def _retry(seconds: int) -> "RetryConfig":
    backoff: Any = {"max_backoff": timedelta(seconds=3)}
    return {
        "max_retries": 10 if seconds else 0,
        "retry_timeout": timedelta(seconds=seconds),
        "backoff": backoff,
    }


def _maker(place: Place) -> Callable[["ClientConfig", "RetryConfig"], Client]:
    """What makes a client; all have the same credentials."""
    kind, more = _kind(place)
    options: ClientConfig = {
        "allow_http": place.plain,
        "default_content_type": "application/octet-stream",
    }
    if place.ca is not None:
        options["root_certificate"] = place.ca.read_bytes()

    def make(patience: "ClientConfig", retry: "RetryConfig") -> Client:
        with told(f"using {place}"):
            found: Client = kind(
                place.bucket,
                prefix=place.prefix or None,
                client_options={**options, **patience},
                retry_config=retry,
                **more,
            )
        return found

    return make


def _kind(place: Place) -> tuple[Any, dict[str, Any]]:
    match place.scheme:
        case "s3":
            return S3Store, _s3(place)
        case "gs":
            return GCSStore, _given(base_url=place.endpoint)
        case _:
            return AzureStore, _given(endpoint=place.endpoint)


def _s3(place: Place) -> dict[str, Any]:
    endpoint = place.endpoint
    if endpoint and not place.by_path:
        endpoint = endpoint.replace("://", f"://{place.bucket}.", 1)
    return {
        **_given(endpoint=endpoint),
        "virtual_hosted_style_request": not place.by_path,
        **(_s3_environment(place) or _s3_login(place)),
    }


def _s3_environment(place: Place) -> dict[str, Any] | None:
    """Keys that stand in the environment and do not end: where boto3 looks first. To load it takes
    longer than a small backup does.
    """
    region = place.region or os.environ.get("AWS_DEFAULT_REGION")
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not (region and key and secret) or "AWS_CREDENTIAL_EXPIRATION" in os.environ:
        return None
    token = os.environ.get("AWS_SECURITY_TOKEN") or os.environ.get("AWS_SESSION_TOKEN")
    return _given(region=region, access_key_id=key, secret_access_key=secret, token=token)


def _s3_login(place: Place) -> dict[str, Any]:
    """What boto3 finds, and renews."""
    from obstore.auth.boto3 import Boto3CredentialProvider

    session = s3_session(place)
    return {
        **_given(region=place.region or session.region_name),
        "credential_provider": Boto3CredentialProvider(session, ttl=_KEPT),
    }


def s3_session(place: Place) -> Any:
    """boto3's way to credentials. Raises `StoreError` where there are none."""
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        session = boto3.Session(region_name=place.region or None)
        found = session.get_credentials()
    except BotoCoreError as error:
        raise RefusedError(f"credentials for {place}: {error}") from None
    if found is None:
        raise RefusedError(
            f"there are no credentials for {place}: give AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, a profile, or an identity of the machine or the pod"
        )
    return session


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value}


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Translate what obstore raises; FileNotFoundError passes, as it is ours as well."""
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        raise RefusedError(f"{doing} is not allowed: {said(error)}") from None
    except BaseError as error:
        kind = RefusedError if is_refusal(error) else StoreError
        raise kind(f"{doing} failed: {said(error)}") from None
