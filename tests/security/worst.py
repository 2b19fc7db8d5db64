"""The worst documents that fit into the largest manifest, each bad in a way of its own."""

from collections.abc import Callable

from tests.content import CONFIG, EMPTY, OCI_MANIFEST, descriptor, dump, image, index

from entrepot.oci.manifest import MAX_BYTES

HEAD = dump(image(unknown="@"))


def fill(
    piece: bytes, *, joined: bytes = b",", around: tuple[bytes, bytes] = (b"[", b"]")
) -> bytes:
    """An image whose unknown field holds a piece as often as there is room."""
    room = MAX_BYTES - len(HEAD) - 10
    many = joined.join([piece] * (room // (len(piece) + len(joined))))
    return HEAD.replace(b'"@"', around[0] + many + around[1])


def keys(value: bytes) -> bytes:
    """An object with as many keys as there is room for."""
    pairs = b",".join(
        b'"%x":%b' % (n, value) for n in range((MAX_BYTES - 1000) // (11 + len(value)))
    )
    return HEAD.replace(b'"@"', b"{" + pairs + b"}")


def parts(place: str) -> bytes:
    """As many descriptors as there is room for, none of which is here."""
    short = b'{"mediaType":"a/b","size":0,"digest":"sha256:%064x"}'
    many = b",".join(short % n for n in range((MAX_BYTES - 1000) // 118))
    document = image(unknown="@") if place == "layers" else index(unknown="@")
    empty = f'"{place}": []'.encode()
    return dump(document).replace(empty, f'"{place}": ['.encode() + many + b"]")


def same_part() -> bytes:
    """The same layer, which is here, again and again."""
    one = dump({**descriptor(EMPTY, CONFIG)})
    many = b",".join([one] * ((MAX_BYTES - 1000) // (len(one) + 1)))
    return HEAD.replace(b'"layers": []', b'"layers": [' + many + b"]")


def data() -> bytes:
    """Embedded content of megabytes, wrong only in its digest."""
    config = {**descriptor(EMPTY, OCI_MANIFEST), "data": "A" * (MAX_BYTES - 1000)}
    return dump({**image(), "config": {**config, "size": (MAX_BYTES - 1000) // 4 * 3}})


WORST: dict[str, Callable[[], bytes]] = {
    "lists": lambda: fill(b"[]"),
    "objects": lambda: fill(b"{}"),
    "lists in lists": lambda: fill(b"[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"),
    "small numbers": lambda: fill(b"1"),
    "floats": lambda: fill(b"1.5e300"),
    "long numbers": lambda: fill(b"7" * 4299),
    "short texts": lambda: fill(b'""'),
    "escapes": lambda: fill(b"\\u00e9", joined=b"", around=(b'"', b'"')),
    "surrogates": lambda: fill(b"\\ud83d\\ude00", joined=b"", around=(b'"', b'"')),
    "keys": lambda: keys(b"1"),
    "deep": lambda: fill(b"[", joined=b"", around=(b"", b"")),
    "spaces": lambda: fill(b" ", joined=b"", around=(b'"x"', b"")),
    "layers": lambda: parts("layers"),
    "manifests": lambda: parts("manifests"),
    "the same layer": same_part,
    "data": data,
    "one text": lambda: fill(b"x", joined=b"", around=(b'"', b'"')),
    "bad at the end": lambda: b'{"a": [' + b"{}," * 1_390_000 + b"]}",
}
