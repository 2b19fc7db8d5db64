"""What is expected of Entrepot, beside its peers or in plain figures; and whether it holds."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from .cases import Sample
from .peers import SUBJECT

METRICS = {
    "rate": ("a second", "higher"),
    "cpu_us": ("µs CPU each", "lower"),
    "times": ("times the CPU of one without login", "lower"),
    "load_us": ("µs CPU each, generator", "lower"),
    "gb_s": ("GB/s", "higher"),
    "cpu_gib": ("CPU-s per GiB", "lower"),
    "load_gib": ("CPU-s per GiB, generator", "lower"),
    "p50_ms": ("ms, median", "lower"),
    "p99_ms": ("ms, p99", "lower"),
    "mb": ("MB", "lower"),
    "pss_mb": ("MB, shared pages divided", "lower"),
    "cpu_s": ("CPU-s", "lower"),
    "work_s": ("CPU-s without start", "lower"),
    "seconds": ("s", "lower"),
}
"""The unit of each metric, and which way is better."""
CASES = {
    "manifest": "manifest by tag, 16 connections",
    "manifest-token": "the same with a registry token",
    "manifest-basic": "the same with name and password",
    "manifest-private": "the same of a private image, with a token",
    "token": "registry tokens, 16 connections",
    "blob": "4 KiB blob, 16 connections",
    "get-1": "download 1 GiB",
    "get-4": "download 1 GiB, 4 at once",
    "get-cold": "download 1 GiB, cold",
    "get-encrypted": "download 1 GiB that lies encrypted",
    "push-1": "push 1 GiB",
    "push-4": "push 1 GiB, 4 at once",
    "push-chunked-1": "push 1 GiB, chunked",
    "push-chunked-4": "push 1 GiB, chunked, 4 at once",
    "small-push": "push small images, 8 at once",
    "promotion": "promotions through gates, one after the other",
    "head": "HEAD manifest under two 1 GiB pushes",
    "catalog-short": "catalog page, 200 repositories",
    "catalog-long": "catalog page, 100,000 repositories",
    "tags-short": "tag page, 200 tags",
    "tags-long": "tag page, 100,000 tags",
    "versions": "page of versions, 10,000 tags",
    "versions-pushed": "the same after a push",
    "stalled-downloads": "64 stalled downloads, more memory",
    "stalled-uploads": "64 stalled uploads, more memory",
    "memory": "memory after all of this",
    "start": "start to first answer",
    "backup-folder": "first backup of 10,000 small images, to a folder",
    "backup-folder-next": "the next one after 1 % of them changed, to a folder",
    "backup-bucket": "first backup of 10,000 small images, to a bucket",
    "backup-bucket-next": "the next one after 1 % of them changed, to a bucket",
    "backup-start": "start of the command alone",
}
"""How each case is called in the report."""
NOISE = 1.15
"""Two measurements of the same thing may differ by this factor."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Bar:
    """Entrepot's figure is at least (or at most) `factor` times the peer's, or plainly `factor`."""

    case: str
    metric: str
    factor: float
    peer: str | None = None
    other: str = ""
    """Compare with this case, if it is not the same one."""

    @property
    def higher(self) -> bool:
        """Whether more is better."""
        return METRICS[self.metric][1] == "higher"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and what was measured."""

    bar: Bar
    subject: Figure
    peer: Figure | None

    @property
    def ratio(self) -> float:
        """Entrepot's median over the peer's, or over nothing."""
        return self.subject.median / self.peer.median if self.peer else self.subject.median

    @property
    def holds(self) -> bool:
        """Whether the median passes."""
        return self.passes(self.ratio, self.bar.factor)

    @property
    def close(self) -> bool:
        """Whether a miss is smaller than the noise, where the bar does not allow for it already."""
        if self.bar.other:
            return False
        slack = 1 / NOISE if self.bar.higher else NOISE
        return not self.holds and self.passes(self.ratio, self.bar.factor * slack)

    def passes(self, ratio: float, factor: float) -> bool:
        """Whether the ratio is on the better side of the factor."""
        return ratio >= factor if self.bar.higher else ratio <= factor


OLD, LIMIT = "docker-registry", "nginx"
BARS = (
    Bar("manifest", "rate", 25, OLD),
    Bar("manifest", "cpu_us", 1.6, LIMIT),
    Bar("manifest-token", "times", 1.1),
    Bar("manifest-basic", "times", 1.1),
    Bar("blob", "rate", 25, OLD),
    Bar("blob", "cpu_us", 2, LIMIT),
    *(
        Bar(case, metric, 1, LIMIT)
        for case in ("get-1", "get-4", "get-cold")
        for metric in ("gb_s", "cpu_gib")
    ),
    Bar("get-encrypted", "gb_s", 0.5, SUBJECT, other="get-1"),
    *(
        Bar(case, metric, factor, OLD)
        for case in ("push-1", "push-4", "push-chunked-1", "push-chunked-4")
        for metric, factor in (("gb_s", 2), ("cpu_gib", 0.5))
    ),
    Bar("small-push", "rate", 8, OLD),
    Bar("head", "p99_ms", 0.1, OLD),
    Bar("promotion", "p50_ms", 10),
    Bar("catalog-long", "p50_ms", NOISE, SUBJECT, other="catalog-short"),
    Bar("tags-long", "p50_ms", NOISE, SUBJECT, other="tags-short"),
    Bar("versions", "p50_ms", 50),
    Bar("versions-pushed", "p50_ms", 50),
    Bar("stalled-downloads", "mb", 10),
    Bar("stalled-uploads", "mb", 30),
    Bar("memory", "mb", 100),
    Bar("start", "seconds", 0.5),
    *(
        Bar(f"backup-{place}-next", metric, 0.05, SUBJECT, other=f"backup-{place}")
        for place in ("folder", "bucket")
        for metric in ("cpu_s", "work_s", "seconds")
    ),
)
Figures = dict[tuple[str, str, str], Figure]
"""By case, peer and metric."""


def figures(samples: Iterable[Sample]) -> Figures:
    """Return the median and the spread of every metric over the rounds."""
    values = defaultdict(list)
    for sample in samples:
        for metric, value in sample.values.items():
            values[sample.case, sample.peer, metric].append(value)
    return {key: Figure(median(each), min(each), max(each)) for key, each in values.items()}


def judge(found: Figures, workers: int) -> list[Verdict]:
    """Return a verdict for every bar of which all sides were measured."""
    verdicts = []
    for bar in BARS:
        subject = found.get((bar.case, SUBJECT, bar.metric))
        peer = found.get((bar.other or bar.case, bar.peer or "", bar.metric))
        if bar.case == "memory" and subject:
            subject = Figure(
                *(each / workers for each in (subject.median, subject.low, subject.high))
            )
        if subject and (peer or bar.peer is None):
            verdicts.append(Verdict(bar, subject, peer))
    return verdicts
