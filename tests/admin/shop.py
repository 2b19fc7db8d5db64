"""A project whose versions tests look at: images with labels are pushed to it, and said to run."""

import json
from typing import Any

import httpx
from tests.admin.office import Office, Person, fresh
from tests.content import Document, image, index, put_blob, put_manifest

HOST = "registry.test:5000"
LAYER = b"a layer"


class Shop:
    """A project of its own, with an owner who pushes."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.project = fresh("shop")
        self.app = f"{self.project}/app"
        self.owner: Person = office.person(f"owner:{self.project}/*")
        office.admin.at.post("/projects", {"name": self.project}).raise_for_status()
        self.http = httpx.Client(
            base_url=office.served.url, auth=(self.owner.name, self.owner.token), timeout=30
        )

    def push(self, *tags: str, labels: dict[str, str] | None = None, **more: Any) -> str:
        """Push an image that is told apart by its first tag; its digest."""
        made = self.image(tags[0], labels or {}, **more)
        digests = {self.tag(tag, made) for tag in tags}
        return digests.pop()

    def image(self, name: str, labels: dict[str, str], **more: Any) -> Document:
        """An image for linux/amd64, whose blobs are pushed."""
        platform = {"os": "linux", "architecture": more.pop("architecture", "amd64")}
        config = json.dumps({**platform, "config": {"Labels": {**labels, "name": name}}}).encode()
        layers = more.pop("layers", (LAYER,))
        for blob in (config, *layers):
            put_blob(self.http, self.app, blob)
        return image(*layers, config=config, **more)

    def index(self, *images: Document, **more: Any) -> Document:
        """An index of images, which are pushed."""
        listed = index(*images, **more)
        for child, manifest in zip(listed["manifests"], images, strict=True):
            put_manifest(self.http, self.app, child["digest"], manifest)
        return listed

    def tag(self, tag: str, document: Document) -> str:
        """Push a manifest under a tag; its digest."""
        answer = put_manifest(self.http, self.app, tag, document)
        return str(answer.headers["docker-content-digest"])

    def page(self, **asked: Any) -> Any:
        """The table's first page."""
        answer = self.owner.at.get("/versions", repository=self.app, **asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, **asked: Any) -> list[Any]:
        return list(self.page(**asked)["items"])

    def tags(self, **asked: Any) -> list[str]:
        return [row["tag"] for row in self.rows(**asked)]

    def resolve(self, version: str, **asked: Any) -> httpx.Response:
        return self.owner.at.get("/versions/resolve", repository=self.app, version=version, **asked)

    def next(self, **asked: Any) -> Any:
        answer = self.owner.at.get("/versions/next", repository=self.app, **asked)
        return answer.json()["tag"] if answer.status_code == 200 else answer

    def write(self, path: str, body: Any, **asked: Any) -> httpx.Response:
        return self.owner.at.request(
            "PUT", f"/versions/{path}", params={"repository": self.app, **asked}, json=body
        )

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.owner.at.post(path, {"repository": self.app, **body})

    def runs(self, tag: str, state: str = "running") -> None:
        """Have a cluster report that a workload has an image."""
        where = {"namespace": "web", "kind": "Deployment", "workload": "front", "container": "app"}
        named = {"image": f"{HOST}/{self.app}:{tag}", "host": HOST, "repository": self.app}
        entry = {**where, **named, "tag": tag, "state": state}
        report = {"hosts": [HOST], "images": [entry]}
        path = f"/clusters/{self.project}/images"
        self.office.admin.at.put(path, report).raise_for_status()
