"""`Backup`: what `backup.json` says. It is written last, and has the checksum of every other file
of its backup, and its own.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, Self, TypeVar

from entrepot.oci import layout
from entrepot.oci.digest import HEX_LENGTH, Digest
from entrepot.oci.errors import OCIError
from entrepot.upkeep.backup.vault import BackupError, LostError, Vault, get

T = TypeVar("T")

FORMAT = 1
"""Of backups. What reads one refuses a higher number."""

FILE = "backup.json"
FOLDER = "backups"
PARTS = "parts"

_id = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z-[0-9a-f]{4}").fullmatch
_STAMP, _MOMENT = "%Y%m%dT%H%M%S.%fZ", 23
"""How an id begins, and the characters of that."""
_NEXT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sum:
    """What a file of a backup comes to."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows of a table, in a file that all backups share in which these rows are the same."""

    sha256: str
    """Of the file, by which it is named."""
    size: int
    rows: int
    last: tuple[Any, ...]
    """The key of the last row, in the table's order (`db.stretches`)."""
    mark: str
    """What the rows came to in the database: while that is so the part is good."""
    content: int = 0
    """Bytes of the content that its rows name, of blobs."""

    @property
    def name(self) -> str:
        """Where it lies."""
        return f"{PARTS}/{self.sha256}.jsonl"


@dataclass(frozen=True, slots=True)
class Rows:
    """A table in a backup."""

    rows: int
    highest: int
    """The highest number that a row was ever given, where the database gives them; else 0."""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """A whole backup."""

    id: str
    """Which begins with the moment, so that ids sort by time."""
    created_at: str
    """RFC 3339; whatever came before is in it."""
    looked_at: str
    """RFC 3339; when all that lies at its place was looked at last."""
    source: str
    """Which registry it is of."""
    version: str
    """Of the Entrepot that made it."""
    schema: int
    """Of the database that its tables are from."""
    keys: tuple[str, ...]
    """Ids of the master keys that some values in the tables are sealed by."""
    lost: tuple[str, ...]
    """Digests that the registry itself had not whole: they are in the tables, and not here."""
    contents: int
    """How many digests it has."""
    size: int
    """Bytes of those."""
    added: int
    """Bytes that were sent for it."""
    tags: int
    tables: dict[str, Rows]
    files: dict[str, Sum]
    """All others of its folder, by their names there."""

    @property
    def folder(self) -> str:
        """Where its files are."""
        return f"{FOLDER}/{self.id}"

    def summary(self) -> dict[str, Any]:
        """All but its tables and files."""
        names = (each.name for each in fields(self) if each.name not in {"tables", "files"})
        return {"format": FORMAT, **{name: getattr(self, name) for name in names}}

    def dump(self) -> bytes:
        """The file."""
        document = {"format": FORMAT, **asdict(self)}
        return json.dumps({**document, "checksum": _checksum(document)}).encode()

    @classmethod
    def parse(cls, text: bytes, id_: str) -> Self:
        """Read it. Raises `BackupError`."""
        try:
            document = json.loads(text)
            checksum, number = document.pop("checksum"), document.pop("format")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise BackupError(f"backup {id_} is damaged: its {FILE} cannot be read") from None
        if number != FORMAT:
            raise BackupError(f"backup {id_} has format {number}, this Entrepot knows {FORMAT}")
        if checksum != _checksum({"format": number, **document}) or document.get("id") != id_:
            raise BackupError(f"backup {id_} is damaged: its {FILE} is not as it was written")
        document["keys"], document["lost"] = tuple(document["keys"]), tuple(document["lost"])
        document["tables"] = {name: _rows(each) for name, each in document["tables"].items()}
        document["files"] = {name: Sum(**each) for name, each in document["files"].items()}
        return cls(**document)


def _rows(document: dict[str, Any]) -> Rows:
    parts = (Part(**{**each, "last": tuple(each["last"])}) for each in document["parts"])
    return Rows(document["rows"], document["highest"], tuple(parts))


def _checksum(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def new_id(now: datetime, last: str = "") -> str:
    """Of a backup of this moment, to the microsecond, or just behind the `last` one: two must not
    change places, though the clock went back.
    """
    if last:
        now = max(now, datetime.strptime(last[:_MOMENT], _STAMP).replace(tzinfo=UTC) + _NEXT)
    return f"{now.astimezone(UTC):{_STAMP}}-{secrets.token_hex(2)}"


def place_of(digest: str) -> str:
    """Where content lies. The digest is checked: it must never lead anywhere else."""
    return layout.place_of(Digest.parse(digest))


def digest_at(name: str) -> str | None:
    """Whose place a file has; None where it has none."""
    folder, _, rest = name.partition("/")
    algorithm, _, hexadecimal = rest.partition("/")
    if folder != layout.BLOBS or algorithm not in HEX_LENGTH:
        return None
    try:
        return str(Digest.parse(f"{algorithm}:{hexadecimal}"))
    except OCIError:
        return None


def ids(vault: Vault) -> tuple[list[str], list[str]]:
    """Of backups, the oldest first: those that are whole, and those that were not finished."""
    seen: dict[str, bool] = {}
    for file in vault.files(FOLDER):
        _, id_, name = file.name.split("/", 2)
        if _id(id_):
            seen[id_] = seen.get(id_, False) or name == FILE
    whole = sorted(id_ for id_, is_whole in seen.items() if is_whole)
    return whole, sorted(seen.keys() - set(whole))


def read(vault: Vault, id_: str) -> Backup:
    """A backup by its id, or the newest by "". Raises `BackupError`."""
    if not id_:
        whole, _ = ids(vault)
        if not whole:
            sealed = next(vault.files(f"sealed/{FOLDER}"), None)
            more = ", but some that are sealed: give --key-file" if sealed else ""
            raise BackupError(f"there is no backup at {vault}{more}")
        id_ = whole[-1]
    try:
        if not _id(id_):
            raise FileNotFoundError(id_)
        return Backup.parse(get(vault, f"{FOLDER}/{id_}/{FILE}"), id_)
    except FileNotFoundError:
        raise BackupError(
            f"there is no backup {id_} at {vault}: see entrepot backup list"
        ) from None
    except LostError as error:
        raise BackupError(f"backup {id_} is damaged: its {FILE}: {error}") from None


def paged(found: Iterable[T], size: int) -> Iterator[tuple[T, ...]]:
    """So many at a time."""
    rest = iter(found)
    while page := tuple(islice(rest, size)):
        yield page
