"""docs/benchmarks.svg: the main figures as bars, one small panel each, with their spread."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from .bars import Figures

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "entrepot"
mpl.rcParams["svg.fonttype"] = "none"
mpl.rcParams["font.size"] = 9

from matplotlib import pyplot as plt  # noqa: E402 - the back end is chosen first

COLOURS = {
    "entrepot": "#1f6f8b",
    "docker-registry": "#c56a3d",
    "nginx": "#8a8f98",
    "nginx-2w": "#b9bdc4",
    "distribution": "#8e6bb0",
    "zot": "#6a994e",
    "olareg": "#d4a72c",
}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: a metric in several cases."""

    title: str
    metric: str
    cases: dict[str, str]
    """Labels by case."""
    log: bool = False


TRANSFERS = {"get-1": "one", "get-4": "4 at once", "get-cold": "one, cold"}
PUSHES = {
    "push-1": "one",
    "push-4": "4 at once",
    "push-chunked-1": "chunked",
    "push-chunked-4": "4 chunked",
}
PANELS = (
    Panel(
        "Small GETs a second (log)", "rate", {"manifest": "manifest", "blob": "4 KiB blob"}, True
    ),
    Panel("Download of 1 GiB, GB/s", "gb_s", TRANSFERS),
    Panel("Push of 1 GiB, GB/s", "gb_s", PUSHES),
    Panel(
        "µs CPU a small GET (log)", "cpu_us", {"manifest": "manifest", "blob": "4 KiB blob"}, True
    ),
    Panel("Download, CPU-s per GiB", "cpu_gib", TRANSFERS),
    Panel("Push, CPU-s per GiB", "cpu_gib", PUSHES),
    Panel("Small images pushed a second", "rate", {"small-push": "8 at once"}),
    Panel("HEAD under two pushes, ms (log)", "p99_ms", {"head": "p99"}, True),
    Panel("Memory, MB", "mb", {"stalled-uploads": "64 stalled uploads", "memory": "after all"}),
)


def draw(found: Figures, target: Path) -> None:
    """Draw all panels into a file."""
    figure, grid = plt.subplots(3, 3, figsize=(11, 8.5), layout="constrained")
    for axes, panel in zip(grid.flat, PANELS, strict=True):
        _panel(axes, panel, found)
    shown = {peer for _, peer, _ in found}
    handles = [
        Rectangle((0, 0), 1, 1, color=colour) for peer, colour in COLOURS.items() if peer in shown
    ]
    labels = [peer for peer in COLOURS if peer in shown]
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    figure.savefig(target, metadata={"Date": None})
    plt.close(figure)


def _panel(axes: Axes, panel: Panel, found: Figures) -> None:
    for place, case in enumerate(panel.cases):
        peers = [peer for peer in COLOURS if (case, peer, panel.metric) in found]
        width = 0.8 / max(2, len(peers))
        for number, peer in enumerate(peers):
            each = found[case, peer, panel.metric]
            spread = [[each.median - each.low], [each.high - each.median]]
            left = place + (number - (len(peers) - 1) / 2) * width
            axes.bar(left, each.median, width, color=COLOURS[peer], yerr=spread, ecolor="#333")
    axes.set_title(panel.title, fontsize=10)
    axes.set_xticks(range(len(panel.cases)), list(panel.cases.values()))
    if panel.log:
        axes.set_yscale("log")
        axes.set_ylim(bottom=axes.get_ylim()[0] / 3)
    axes.spines[["top", "right"]].set_visible(False)
