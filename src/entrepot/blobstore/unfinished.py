"""Multipart uploads that nobody finished: a killed process leaves its parts, which cost money.

S3 keeps them until they are aborted. Azure forgets such blocks after a week; Google Cloud Storage
does by a rule of the bucket (docs/storage.md).
"""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from entrepot.blobstore.clients import s3_session
from entrepot.blobstore.place import Place
from entrepot.blobstore.store import StoreError

_ours = re.compile(r"[0-9a-f]{2}/([0-9a-f]{32})").fullmatch
"""A key behind the prefix: in a shared bucket others may have uploads as well."""


def abandon(place: Place, seconds: float, is_open: Callable[[str], bool]) -> int:
    """Abort what was begun so long ago and is written by nobody; how many those were."""
    if place.scheme != "s3":
        return 0
    from botocore.exceptions import BotoCoreError, ClientError

    count = 0
    try:
        s3 = _client(place)
        for name, found in _old(s3, place, datetime.now(UTC) - timedelta(seconds=seconds)):
            if not is_open(name):
                s3.abort_multipart_upload(Bucket=place.bucket, **found)
                count += 1
    except (BotoCoreError, ClientError) as error:
        raise StoreError(f"looking for unfinished uploads in {place} failed: {error}") from None
    return count


def _client(place: Place) -> Any:
    from botocore.config import Config

    style = "path" if place.by_path else "virtual"
    return s3_session(place).client(
        "s3",
        endpoint_url=place.endpoint or None,
        verify=str(place.ca) if place.ca else None,
        config=Config(
            s3={"addressing_style": style},
            connect_timeout=5,
            read_timeout=20,
            max_pool_connections=1,
        ),
    )


def _old(s3: Any, place: Place, before: datetime) -> Iterator[tuple[str, dict[str, str]]]:
    """Ours that were begun before some moment: the object's name; the upload's key and id."""
    prefix = f"{place.prefix}/" if place.prefix else ""
    pages = s3.get_paginator("list_multipart_uploads").paginate(Bucket=place.bucket, Prefix=prefix)
    for page in pages:
        for found in page.get("Uploads", ()):
            ours = _ours(found["Key"].removeprefix(prefix))
            if ours and found["Initiated"] < before:
                yield ours[1], {"Key": found["Key"], "UploadId": found["UploadId"]}
