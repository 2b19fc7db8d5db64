"""The command: ``python -m benchmarks --help``."""

import json
import shlex
import signal
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from . import backups, listings, machine, peers, plot, report, stock
from .bars import figures, judge
from .cases import BACKUPS, LISTINGS, Bench, Sample, run_round, select
from .content import Content
from .peers import SUBJECT

ROOT = Path(__file__).parent.parent
GIB = 1 << 30
EXAMPLES = """\
Measure Entrepot beside its peers and write docs/benchmarks.md and docs/benchmarks.svg.

\b
Everything, as it stands in docs/ (about 20 minutes):
    python -m benchmarks
Does it work at all (2 minutes, writes nothing):
    python -m benchmarks --quick
Manifests and all pushes, beside a further peer:
    python -m benchmarks --only manifest,push --peer distribution=/opt/registry
The page again from the figures of an earlier run:
    python -m benchmarks --from run.json --out docs
"""
app = typer.Typer(add_completion=False, rich_markup_mode=None)
console = Console(highlight=False)
if not console.is_terminal:
    console.width = 140


@app.command(help=EXAMPLES)
def main(
    only: Annotated[str, typer.Option(help="Cases, or how their names begin: manifest,push")] = "",
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 5,
    seconds: Annotated[float, typer.Option(min=1, help="Length of runs without an end.")] = 3,
    workers: Annotated[int, typer.Option(min=1, help="Of Entrepot, and of nginx.")] = 1,
    peer: Annotated[list[str], typer.Option(help="NAME=PROGRAM of a further peer.")] = [],  # noqa: B006
    without: Annotated[str, typer.Option(help="Peers to leave out: nginx")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="One short round of less.")] = False,
    folder: Annotated[Path, typer.Option("--dir", help="Where servers keep data.")] = ROOT
    / "build",
    json_file: Annotated[Path | None, typer.Option("--json", help="Keep all figures here.")] = None,
    source: Annotated[Path | None, typer.Option("--from", help="Figures kept earlier.")] = None,
    out: Annotated[Path | None, typer.Option(help="Where to write the page and the plot.")] = None,
) -> None:
    """Run what is asked for, print the tables, write the page."""
    # As Ctrl-C does: the servers are stopped and their folders removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if source:
        run = report.Run.from_json(json.loads(source.read_text()))
    else:
        named = dict(each.split("=", 1) for each in peer)
        chosen, missing = peers.choose(named, frozenset(without.split(",")), workers)
        for name in missing:
            console.print(f"[yellow]{name} is not installed, so nothing is compared with it")
        cases = [name for name in only.split(",") if name]
        run = _measure(chosen, cases, folder, 1 if quick else rounds, seconds, workers, quick)
        if not (only or quick or missing or without) and out is None:
            out = ROOT / "docs"
    if json_file:
        json_file.write_text(json.dumps(run.to_json(), indent=1))
    _show(run)
    if out:
        _write(run, out)


def _measure(
    chosen: list[peers.Peer],
    only: list[str],
    folder: Path,
    rounds: int,
    seconds: float,
    workers: int,
    quick: bool,
) -> report.Run:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if machine.mount(folder)[1] in {"tmpfs", "ramfs"}:
        raise typer.BadParameter(f"{folder} is memory, where durable writes cost nothing")
    facts = machine.describe(folder, chosen)
    begin, problems, samples = time.perf_counter(), list[str](), list[Sample]()

    def say(line: str) -> None:
        console.print(f"[dim]{time.perf_counter() - begin:6.0f} s[/] {line}", soft_wrap=True)
        if "[red]" in line:
            problems.append(line.partition("[red]")[2].replace("\n", " ")[:300])

    cases = select(only)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as place:
        if cases:
            content = Content(GIB // 4 if quick else GIB)
            bench = Bench(content, stock.prepare(content), 1 if quick else seconds)
            for turn in range(rounds):
                say(f"[bold]round {turn + 1} of {rounds}")
                samples += run_round(turn, chosen, cases, bench, Path(place), say)
        if not only or LISTINGS in only:
            long = listings.LONG // 20 if quick else listings.LONG
            samples += listings.measure(chosen, Path(place), rounds, long, say)
        if not only or BACKUPS in only:
            images = backups.IMAGES // 20 if quick else backups.IMAGES
            samples += backups.measure(chosen, Path(place), rounds, images, say)
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    date = datetime.now(UTC).date().isoformat()
    return report.Run(date, command, rounds, workers, facts, problems, samples)


def _show(run: report.Run) -> None:
    found = figures(run.samples)
    table = Table(*report.BAR_HEADS, title=f"{SUBJECT}: the bars, medians of {run.rounds} rounds")
    for row in report.bar_rows(judge(found, run.workers)):
        holds = row[-1]
        table.add_row(*row[:-1], f"[{'green' if holds == 'yes' else 'red'}]{holds}")
    console.print(table)


def _write(run: report.Run, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found = figures(run.samples)
    page = report.markdown(run, found, judge(found, run.workers))
    (out / "benchmarks.md").write_text(page)
    plot.draw(found, out / "benchmarks.svg")
    console.print(f"written: {out / 'benchmarks.md'}, {out / 'benchmarks.svg'}")


if __name__ == "__main__":
    app()
