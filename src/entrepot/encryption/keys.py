"""`Keyring`: the master keys, each with an id. The first one seals what is new; all of them open.

What is sealed says by which key, by its id. A key that came without one is called by its
fingerprint, and every key also answers to that: so one may be given a name later.
Next: `encryption.source`, where they come from.
"""

import base64
import binascii
import hashlib
import re
import secrets
from dataclasses import dataclass, field

SIZE = 32
"""Bytes of a key."""

_id = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII).fullmatch
_LEAST_DIFFERENT = 8
"""Different bytes in a key; 32 random ones have fewer less than once in 10^36 keys."""

_WANTED = "a key is 32 random bytes in base64 or hex: make one by `entrepot encryption new-key`"


class EncryptionError(Exception):
    """Something cannot be sealed or opened. The message says why and has no secret in it."""


class MalformedKeyError(EncryptionError):
    """What should be a key is none."""


class MissingKeyError(EncryptionError):
    """Something is sealed by a key that is not here."""

    def __init__(self, identity: str) -> None:
        super().__init__(f"the encryption key {identity} is not among those that were given")
        self.id = identity


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A key that seals envelopes."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """Read `KEY` or `ID:KEY`. Raises `MalformedKeyError`."""
        name, colon, written = text.strip().rpartition(":")
        secret = _decode(written)
        if colon and not _id(name):
            raise MalformedKeyError("the id of a key has letters, digits, dots and dashes")
        return cls(name or fingerprint(secret), secret)

    @classmethod
    def new(cls) -> "MasterKey":
        """A random one."""
        secret = secrets.token_bytes(SIZE)
        return cls(fingerprint(secret), secret)

    @property
    def encoded(self) -> str:
        """The secret in base64."""
        return base64.b64encode(self.secret).decode()

    @property
    def line(self) -> str:
        """As `parse` reads it, with the secret: to be shown once, to whoever made it."""
        return f"{self.id}:{self.encoded}"


def fingerprint(secret: bytes) -> str:
    """Tells keys apart and says nothing else of them."""
    return hashlib.sha256(b"entrepot key id\0" + secret).hexdigest()[:8]


def _decode(text: str) -> bytes:
    try:
        if len(text) == 2 * SIZE:
            secret = bytes.fromhex(text)
        else:
            plain = text.rstrip("=").replace("-", "+").replace("_", "/")
            secret = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise MalformedKeyError(_WANTED) from None
    if len(secret) != SIZE:
        raise MalformedKeyError(f"this one has {len(secret)} bytes; {_WANTED}")
    if len(set(secret)) < _LEAST_DIFFERENT:
        raise MalformedKeyError(f"this one is not random; {_WANTED}")
    return secret


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys, the current one first; with none of them, what is new is not sealed."""

    keys: tuple[MasterKey, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Keyring":
        """Read keys, one a line, the current one first; `#` begins a comment.

        Raises `MalformedKeyError`, which names the line.
        """
        keys: dict[str, MasterKey] = {}
        for number, line in enumerate(text.splitlines(), 1):
            written = line.partition("#")[0].strip()
            if not written:
                continue
            try:
                key = MasterKey.parse(written)
            except MalformedKeyError as error:
                raise MalformedKeyError(f"line {number}: {error}") from None
            if key.id in keys:
                raise MalformedKeyError(f"line {number}: there is a key {key.id} already")
            keys[key.id] = key
        if not keys:
            raise MalformedKeyError(f"there is no key; {_WANTED}")
        return cls(tuple(keys.values()))

    @property
    def current(self) -> MasterKey | None:
        """The key that seals."""
        return self.keys[0] if self.keys else None

    def find(self, identity: str) -> MasterKey:
        """The key with an id, or with this fingerprint. Raises `MissingKeyError`."""
        for key in self.keys:
            if key.id == identity:
                return key
        for key in self.keys:
            if fingerprint(key.secret) == identity:
                return key
        raise MissingKeyError(identity)

    def has(self, identity: str) -> bool:
        """Whether `find` finds one."""
        try:
            return bool(self.find(identity))
        except MissingKeyError:
            return False


NO_KEYS = Keyring()
"""Seals nothing, and opens nothing."""
