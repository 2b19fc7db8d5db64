"""Keys of encryption are found nowhere: in no log, answer, metric, audit or data, nor by `ps`."""

import base64
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.content import digest, put_image
from tests.files import contents
from tests.registry import Registry, serving
from tests.warm import entrepot

from entrepot.encryption.keys import MasterKey

PASSWORD = "Password-of-the-admin-1"
LAYER = b"layer" * 50_000
WAYS = ("KEY", "KEY_FILE", "KEY_COMMAND")


class Guarded:
    """A registry with two keys, and what would give them away."""

    def __init__(self, registry: Registry, keys: tuple[MasterKey, ...]) -> None:
        self.registry = registry
        self.keys = keys

    def shown(self, content: bytes | str) -> list[str]:
        """Forms of a key, or of a part of it, that are in there."""
        found = content.encode() if isinstance(content, str) else content
        return [form.hex() for key in self.keys for form in forms(key.secret) if form in found]

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.registry.url, auth=("admin", PASSWORD), timeout=30)


def forms(secret: bytes) -> tuple[bytes, ...]:
    """Half a key is too much."""
    return (
        secret[:16],
        secret[16:],
        secret.hex().encode()[:32],
        base64.b64encode(secret)[:20],
        base64.b64encode(secret)[22:40],
        repr(secret).encode()[10:40],
    )


@pytest.fixture(scope="module", params=WAYS)
def guarded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("keys")
    keys = (MasterKey.new(), MasterKey.new())
    file = folder / "keys"
    file.write_text("".join(f"{key.line}\n" for key in keys))
    file.chmod(0o600)
    given = {
        "KEY": ",".join(key.line for key in keys),
        "KEY_FILE": str(file),
        "KEY_COMMAND": f"cat '{file}'",
    }[request.param]
    with serving(
        folder / "registry",
        afresh=True,
        dangerously_without_accounts=False,
        admin_password=PASSWORD,
        log_level="debug",
        workers=2,
        **{f"encryption_{request.param.lower()}": given},
    ) as registry:
        found = Guarded(registry, keys)
        file.unlink()  # read once, at the start
        use(found)
        yield found


def use(guarded: Guarded) -> None:
    """Push, pull, and have something fail to be decrypted."""
    with guarded.client() as client:
        put_image(client, "team/app", "1", LAYER, config=b"{}")
        path = f"/v2/team/app/blobs/{digest(LAYER)}"
        assert client.get(path).content == LAYER
        files = (guarded.registry.data / "blobs").rglob("*")
        (file,) = (path for path in files if path.is_file())
        file.write_bytes(bytes(file.stat().st_size))
        assert client.get(path).status_code == 500
        assert client.post("/api/v1/keys/rotate").status_code == 201


def test_answers(guarded: Guarded) -> None:
    with guarded.client() as client:
        for path in ("encryption", "audit", "audit/export", "keys", "openapi.json"):
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 200
            assert not guarded.shown(f"{answer.headers} {answer.text}"), path
        for path in ("/metrics", "/readyz", "/", "/.well-known/jwks.json"):
            assert not guarded.shown(client.get(path).text), path


def test_logs(guarded: Guarded) -> None:
    log = guarded.registry.log.read_bytes()
    assert b"is not as it was written" in log
    assert not guarded.shown(log)


def test_processes(guarded: Guarded) -> None:
    """Of the registry, its workers, and whatever else runs."""
    seen = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if folder.name != str(os.getpid()):
            seen += 1
            assert not guarded.shown(line), line
    assert seen > 2


def test_the_data(guarded: Guarded) -> None:
    """Neither the keys, nor the half of one."""
    files = dict(contents(guarded.registry.data))
    assert any(path.suffix == ".sqlite" for path in files)
    for path, content in files.items():
        assert not guarded.shown(content), path


def test_the_command_line(guarded: Guarded) -> None:
    """Also where what was given is wrong: nearly a key, or one with something behind it."""
    for key in guarded.keys:
        for wrong in (key.encoded[:-2], f"{key.encoded}xx", f"a b:{key.encoded}", key.line * 2):
            for name in ("serve", "check"):
                done = entrepot(
                    name, cwd=guarded.registry.log.parent, ENTREPOT_ENCRYPTION_KEY=wrong
                )
                assert done.status == 2
                assert not guarded.shown(done.output + done.error)
