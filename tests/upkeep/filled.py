"""A registry with something of everything in it, and whether another has all of that."""

from random import Random

import httpx
from tests.accounts import ADMIN, Accounts
from tests.content import digest, image, index, put_blob, put_image, put_manifest
from tests.registry import MANIFESTS, Registry

BIG = Random(4).randbytes(3_000_000)
APP = "team/app"


class Filled:
    """What was pushed, and who may come."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.accounts = Accounts(registry.data)
        self.http = httpx.Client(base_url=registry.url, auth=ADMIN.pair, timeout=30)
        self.digests: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}

    def fill(self) -> None:
        made = self.http.post("/api/v1/projects", json={"name": "team"})
        assert made.status_code == 201, made.text
        self.reader = self.accounts.user("reader", "reader:team/*")
        self.robot = self.accounts.robot("ci", "writer:team/*")
        self.token = self.accounts.token("reader")
        self.accounts.webhook("0000000a", "team/*")
        self.accounts.upstream("hub")
        quota = self.http.put("/api/v1/quotas/team", json={"bytes": 10**9})
        assert quota.status_code < 300, quota.text
        for number, layer in enumerate((b"small", BIG, Random(5).randbytes(100_000)), 1):
            self.digests[f"{number}"] = put_image(self.http, APP, f"{number}", layer)
            self.blobs[put_blob(self.http, APP, layer)] = layer
        both = index(image(b"small"), image(BIG))
        self.digests["all"] = put_manifest(self.http, APP, "all", both).headers[
            "docker-content-digest"
        ]
        subject = {"mediaType": MANIFESTS.split(", ")[1], "digest": self.digests["2"], "size": 1}
        put_image(self.http, APP, "sbom", b"an sbom", subject=subject)
        put_image(self.http, APP, "gone", Random(6).randbytes(50_000))
        assert self.http.delete(f"/v2/{APP}/manifests/gone").status_code == 202

    def begin_as(self, other: "Filled") -> None:
        """This registry's folder is a copy of another one's, which was filled."""
        self.reader, self.robot, self.token = other.reader, other.robot, other.token
        self.digests, self.blobs = dict(other.digests), dict(other.blobs)

    def push(self, tag: str, layer: bytes) -> None:
        """One more."""
        self.digests[tag] = put_image(self.http, APP, tag, layer)
        self.blobs[digest(layer)] = layer

    def digest_of(self, size: str) -> str:
        """A blob's that is small, or large."""
        return digest(b"small" if size == "small" else BIG)

    def check_served(self, new: Registry) -> None:
        """All of it is there, and may be used on."""
        new.start()
        try:
            with httpx.Client(base_url=new.url, auth=ADMIN.pair, timeout=30) as http:
                self.pull(http)
                put_image(http, APP, "after", b"pushed at the new place")
                trash = http.get("/api/v1/trash", params={"repository": APP}).json()["items"]
                assert [each["reference"] for each in trash] == ["gone"]
                hook = http.get("/api/v1/webhooks/0000000a").json()
                assert hook["url"] == "https://127.0.0.1:9/hook"
                hub = http.get("/api/v1/upstreams/hub").json()
                assert (hub["login"], hub["has_password"]) == ("bot", True)
                restored = http.post(f"/api/v1/trash/{trash[0]['id']}/restore")
                assert restored.status_code < 300, restored.text
            for each in (self.reader, self.robot, self.token):
                status = httpx.get(f"{new.url}/v2/{APP}/tags/list", auth=each.pair).status_code
                assert status == 200, each.name
            new.stop()
        finally:
            new.kill()

    def pull(self, http: httpx.Client) -> None:
        for tag, wanted in self.digests.items():
            found = http.get(f"/v2/{APP}/manifests/{tag}", headers={"accept": MANIFESTS})
            assert found.headers["docker-content-digest"] == wanted
        for wanted, content in self.blobs.items():
            found = http.get(f"/v2/{APP}/blobs/{wanted}", follow_redirects=True)
            assert found.content == content
        sbom = http.get(f"/v2/{APP}/referrers/{self.digests['2']}").json()
        assert len(sbom["manifests"]) == 1
