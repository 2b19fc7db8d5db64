"""What commands print: JSON for programs, tables for people, one sentence for what was done."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import typer

Row = Mapping[str, Any]
Columns = Mapping[str, str | Callable[[Row], Any]]
"""By heading, the field to show, or what makes the cell from the row."""


def show_json(document: Any) -> None:
    """Print a document as JSON."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def show_list(rows: Iterable[Row], columns: Columns, *, as_json: bool) -> None:
    """Print a list: as one JSON array, or as a table."""
    found = list(rows)
    if as_json:
        show_json(found)
        return
    cells = [[_cell(_value(row, each)) for each in columns.values()] for row in found]
    if sys.stdout.isatty():
        _show_table(list(columns), cells)
    else:
        _show_plain(list(columns), cells)


def show_one(row: Row, columns: Columns, *, as_json: bool) -> None:
    """Print one object: as JSON, or a field a line."""
    if as_json:
        show_json(row)
        return
    width = max(map(len, columns))
    for heading, each in columns.items():
        typer.echo(f"{heading:<{width}}  {_cell(_value(row, each))}")


def done(sentence: str, document: Any, *, as_json: bool) -> None:
    """Say what was done."""
    if as_json:
        show_json(document)
    else:
        typer.echo(sentence)


def reveal(sentence: str, made: Row, *, user: str, url: str, as_json: bool) -> None:
    """Show a secret that was made just now, this once, and how docker logs in with it."""
    if as_json:
        show_json(made)
        return
    host = url.partition("://")[2]
    typer.echo(f"{sentence}. Nobody can show this again:\n\n    {made['secret']}\n")
    typer.echo(f"docker login {host} -u {user} --password-stdin")


def when(field: str) -> Callable[[Row], str]:
    """A cell with a moment, to the minute."""

    def cell(row: Row) -> str:
        value = row.get(field)
        if not value:
            return "-"
        moment = datetime.fromisoformat(value).astimezone(UTC)
        return moment.strftime("%Y-%m-%d %H:%M")

    return cell


def _value(row: Row, each: str | Callable[[Row], Any]) -> Any:
    return each(row) if callable(each) else row.get(each)


def _cell(value: Any) -> str:
    if value is None or value in ("", []):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return printable(str(value))


def printable(text: str) -> str:
    """A text that a terminal only shows, whoever wrote it."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _show_table(headings: list[str], cells: list[list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    if sum(_widths(headings, cells)) + 2 * (len(headings) - 1) > console.width:
        _show_plain(headings, cells)  # a name that is cut off could not be told the next command
        return
    table = Table(*headings, box=None, header_style="bold", pad_edge=False)
    for row in cells:
        table.add_row(*map(escape, row))
    console.print(table)


def _show_plain(headings: list[str], cells: list[list[str]]) -> None:
    widths = _widths(headings, cells)
    for row in [headings, *cells]:
        line = "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def _widths(headings: list[str], cells: list[list[str]]) -> list[int]:
    return [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
