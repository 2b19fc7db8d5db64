"""`SealedVault`: any vault, where every file lies encrypted, below `sealed/`.

    a line of JSON, filled up to 512 bytes: which key, the file's own key wrapped by that, its size
    the content in segments (`encryption.segments`), bound to the file's name

Names and about the sizes are to be seen, so whoever knows an image's digest can see whether it is
there. Plain backups of the same place are another matter: neither sees the other.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from entrepot.encryption.envelope import BrokenSealError
from entrepot.encryption.keys import Keyring, MasterKey
from entrepot.encryption.segments import (
    CONTENT,
    STRIDE,
    TAG,
    DataKey,
    Opener,
    Sealer,
    content_size,
    stored_size,
    stretches,
)
from entrepot.upkeep.backup.vault import BackupError, Bytes, File, LostError, Vault

FOLDER = "sealed"
HEAD = 512
_FORMAT = 1


class SealedVault:
    """Seals by the first key of its ring, and opens by any."""

    def __init__(self, vault: Vault, keyring: Keyring, key: MasterKey) -> None:
        self._vault = vault
        self._keyring = keyring
        self._key = key

    def __str__(self) -> str:
        return str(self._vault)

    @property
    def asked_from(self) -> int:
        """As below."""
        return self._vault.asked_from

    def is_bare(self) -> bool:
        """As below."""
        return self._vault.is_bare()

    def put(self, name: str, strides: Iterable[Bytes], size: int) -> None:
        """Write a file by a key of its own."""
        key = DataKey.new(name)
        head = _head(self._key, key, size)
        self._vault.put(f"{FOLDER}/{name}", _sealed(head, strides, key), HEAD + stored_size(size))

    def read(self, name: str) -> Iterator[memoryview]:
        """The bytes of a file. Raises `LostError` where they do not open, `MissingKeyError`."""
        stored = _Gathered(self._vault.read(f"{FOLDER}/{name}"))
        try:
            head = _Head.parse(bytes(stored.take(HEAD)))
            key = DataKey.unwrap(self._keyring.find(head.key), name, head.data_key)
            opener, room = Opener(key, head.size), memoryview(bytearray(STRIDE))
            for part in stretches(0, head.size, head.size):
                yield opener.open(part, stored.take(part.stop - part.start), room)
        except BrokenSealError as error:
            raise LostError(str(error)) from None
        if stored.take(1):
            raise LostError("it is longer than it was")

    def size(self, name: str) -> int | None:
        """Bytes of a file's content; None where there is none."""
        stored = self._vault.size(f"{FOLDER}/{name}")
        return None if stored is None else content_size(max(stored - HEAD, 0))

    def files(self, folder: str) -> Iterator[File]:
        """All files below a folder, with the bytes of their content."""
        for file in self._vault.files(f"{FOLDER}/{folder}"):
            size = content_size(max(file.size - HEAD, 0))
            yield File(file.name.removeprefix(f"{FOLDER}/"), size, file.at)

    def delete(self, names: list[str]) -> None:
        """Take files away."""
        self._vault.delete([f"{FOLDER}/{name}" for name in names])

    def settle(self) -> None:
        """Make all that was put durable."""
        self._vault.settle()


@dataclass(frozen=True, slots=True)
class _Head:
    key: str
    data_key: bytes
    size: int

    @classmethod
    def parse(cls, text: bytes) -> "_Head":
        try:
            found = json.loads(text)
            if found["entrepot"] != _FORMAT:
                raise LostError(f"it has format {found['entrepot']}, this Entrepot knows {_FORMAT}")
            data_key = base64.b64decode(found["data_key"], validate=True)
            return cls(str(found["key"]), data_key, int(found["size"]))
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise LostError("its first line is not as it was written") from None


def _head(key: MasterKey, data_key: DataKey, size: int) -> bytes:
    wrapped = base64.b64encode(data_key.wrap(key)).decode()
    found = {"entrepot": _FORMAT, "key": key.id, "size": size, "data_key": wrapped}
    text = json.dumps(found).encode()
    if len(text) >= HEAD:
        raise BackupError(f"the key's id {key.id!r} is too long")
    return text.ljust(HEAD - 1) + b"\n"


def _sealed(head: bytes, strides: Iterable[Bytes], key: DataKey) -> Iterator[Bytes]:
    """What is stored. One segment always waits: the last one is sealed as such."""
    yield head
    sealer, waiting, room = Sealer(key), bytearray(), memoryview(bytearray(CONTENT + TAG))
    for stride in strides:
        waiting += stride
        start = 0
        with memoryview(waiting) as whole:
            while len(waiting) - start > CONTENT:
                with whole[start : start + CONTENT] as segment:
                    yield room[: sealer.seal(segment, room)]
                start += CONTENT
        del waiting[:start]
    yield room[: sealer.seal(memoryview(waiting), room, last=True)]


class _Gathered:
    """A stream, in pieces of the size that is asked for."""

    def __init__(self, strides: Iterator[memoryview]) -> None:
        self._strides = strides
        self._waiting = bytearray()

    def take(self, size: int) -> memoryview:
        """So many bytes, or what is left of them."""
        while len(self._waiting) < size and (stride := next(self._strides, None)) is not None:
            self._waiting += stride
        found = bytes(self._waiting[:size])
        del self._waiting[:size]
        return memoryview(found)
