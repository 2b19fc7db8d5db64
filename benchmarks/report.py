"""docs/benchmarks.md: the bars and whether they hold, every figure, the machine, the method."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from string import Template
from typing import Any

from .bars import CASES, METRICS, Figure, Figures, Verdict
from .cases import Sample
from .peers import SUBJECT

Row = tuple[str, ...]
TIMES = "\N{MULTIPLICATION SIGN}"
BAR_HEADS = ("what", "bar", "Entrepot", "peer", "ratio", "holds")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmarks, as it is kept in JSON."""

    date: str
    command: str
    rounds: int
    workers: int
    machine: dict[str, str]
    problems: list[str]
    samples: list[Sample]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Run":
        """Return what `to_json` was made of."""
        return cls(**{**value, "samples": [Sample(**each) for each in value["samples"]]})


def bar_rows(verdicts: Iterable[Verdict]) -> Iterator[Row]:
    """Return one row for each bar, in the order of BAR_HEADS."""
    for verdict in verdicts:
        bar, unit = verdict.bar, METRICS[verdict.bar.metric][0]
        sign = "≥" if bar.higher else "≤"
        if verdict.peer:
            against = CASES[bar.other] if bar.other else bar.peer
            wanted = f"{sign} {bar.factor:g} {TIMES} {against}"
            peer, ratio = number(verdict.peer.median), f"{number(verdict.ratio)} {TIMES}"
        else:
            wanted, peer, ratio = f"{sign} {bar.factor:g}", "", ""
        holds = "yes" if verdict.holds else "no (within noise)" if verdict.close else "no"
        what = f"{CASES[bar.case]}: {unit}"
        yield what, wanted, number(verdict.subject.median), peer, ratio, holds


def case_table(case: str, found: Figures) -> tuple[Row, list[Row]]:
    """Return the heads and rows of one case: a row for each server, a column for each metric."""
    metrics = [each for each in METRICS if any(key[0] == case and key[2] == each for key in found)]
    servers = list(dict.fromkeys(key[1] for key in found if key[0] == case))
    rows = [
        (server, *(_cell(found.get((case, server, each))) for each in metrics))
        for server in sorted(servers, key=lambda name: (name != SUBJECT, name))
    ]
    return ("server", *(METRICS[each][0] for each in metrics)), rows


def markdown(run: Run, found: Figures, verdicts: list[Verdict]) -> str:
    """Return the whole page."""
    kept = sum(verdict.holds for verdict in verdicts)
    return PAGE.substitute(
        summary=f"{kept} of {len(verdicts)} bars hold.",
        bars=_table(BAR_HEADS, bar_rows(verdicts)),
        problems="".join(f"- Failed: {each}\n" for each in run.problems),
        figures="\n".join(_details(found)),
        machine="\n".join(f"| {name} | {value} |" for name, value in run.machine.items()),
        command=run.command,
        date=run.date,
        rounds=run.rounds,
    )


def number(value: float) -> str:
    """Return it with three digits that matter."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    digits = 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
    return f"{value:.{digits}f}"


def _cell(each: Figure | None) -> str:
    if each is None:
        return ""
    return f"**{number(each.median)}** ({number(each.low)} to {number(each.high)})"


def _details(found: Figures) -> Iterator[str]:
    for case, title in CASES.items():
        if any(key[0] == case for key in found):
            yield f"\n### {title[0].upper()}{title[1:]}\n"
            yield _table(*case_table(case, found))


def _table(heads: Row, rows: Iterable[Row]) -> str:
    return "\n".join([_line(heads), _line(("---",) * len(heads)), *map(_line, rows)])


def _line(cells: Row) -> str:
    return f"| {' | '.join(cells)} |"


PAGE = Template("""\
# Benchmarks

Made by `make bench`; do not edit. $summary

![Entrepot and its peers](benchmarks.svg)

## The bars

Rounds: $rounds; a figure is their median. *Ratio* is Entrepot's figure over the peer's. *Within
noise* marks a miss of less than 15 %: it is a miss all the same.

$bars
$problems
## The machine

| | |
| --- | --- |
$machine

`$command`, $date.

## How it is measured

- Every server runs on this one machine, on loopback, without TLS, each with a folder of its own on
  the same real disk, with durable writes. Entrepot runs as a user runs it, with accounts, audit,
  metrics and an access log; the others ask nobody who they are, and write no access log. nginx
  serves the same bytes as static files: the limit for downloads. `nginx` has as many workers as
  Entrepot, `nginx-2w` two.
- Entrepot's pushes and lists come with name and password in each request. What is compared is in a
  public project and pulled without login, unless the case says otherwise; the cases with a login
  are Entrepot's own, beside its answers without one. Tokens are made from a password that was
  checked a moment before. Its admin API is used before the start that is measured, not after.
- Case after case, each server in turn, another one first in every round; in every round all of
  them are started anew on empty folders. A table shows medians, with the least and the greatest.
- Only one server is asked at a time, while the others idle. The load generator shares the
  processors with it, as does whatever else the machine does. Its own CPU is in the tables.
- CPU is user and system time of the server's whole process tree, as the kernel counts it. Work
  that the kernel does for a sender on loopback is the sender's.
- Small GETs come from wrk, with 16 connections that stay open.
- Large bodies come from a memory file by sendfile, no two alike; chunked ones in chunks of 32 KiB,
  as docker sends them. A push is POST and PUT, or POST, chunked PATCH and PUT. Downloads are
  thrown away in the kernel, after one whose digest was compared. Warm ones follow an unmeasured
  one; for cold ones the file is dropped from the page cache, for all alike.
- A small image is a config of 512 bytes, a layer of 10 KiB and a manifest under a new tag: five
  requests.
- HEADs come from a process of their own, with 2 ms between them, while two pushes run: first two
  with a length, then two chunked ones. Run by root it has real-time priority, so that only the
  server's wait for a processor counts.
- Stalled downloads ask and read nothing. Stalled uploads announce the large body and send 4 MiB.
  Memory is resident memory of the tree, and again with shared pages divided among those who share
  them. The bar of memory after all of this is for each worker.
- Pages of lists have 100 entries from the middle of the list, so the shortest list has 200. Both
  servers of different length are asked in turn.
- Images that are backed up are those small ones, in 100 repositories. The next backup comes after
  1 % of the tags, anywhere, was pushed anew. CPU is that of `entrepot backup create`, with its
  start and without; the bucket's store is another process. Each round has new places for backups.
- Differences under 15 % are noise. On rented machines disks and memory may be slower in one
  minute than in the next: trust ratios before figures, and no single round.

## Every figure

Medians, with the least and the greatest. Lower is better, except for *a second* and *GB/s*;
*generator* is what the load generator itself took.
$figures
""")
