"""Output: prints what a command found, for people or for programs, and nothing else on stdout."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import chain, islice
from typing import Any, Final

import click

from wakecall.cli import escapes, table, times
from wakecall.cli.failures import Exit, Failure
from wakecall.cli.options import Options
from wakecall.cli.world import World

Json = Any
"""A document of JSON: an object, an array or a single value."""

Row = Mapping[str, Json]
_WIDE_AT_ONCE: Final = 1000
"""Rows whose widths are measured together; a longer list is laid out in parts."""

_COLORS: Final = {"✓": "green", "✕": "red", "○": "yellow"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: its name, and what it shows of an element.

    `value` returns a text, a number, a datetime or None; `shown` returns how people read it.
    """

    name: str
    value: Callable[[Row], Any]
    shown: Callable[[Row], str] | None = None
    is_free: bool = False
    """Whether the texts may be shortened on a terminal that is too narrow."""
    is_number: bool = False
    unit: str = ""
    """The unit of a number, with which the column's name ends where programs read it."""

    is_extra: bool = False
    """Whether the column is shown only by its name, with --columns."""

    is_for_programs: bool = False
    """Whether the column is left out of tables, if it is not named."""

    is_for_people: bool = False
    """Whether the column is shown in tables only, if it is not named."""

    @property
    def heading(self) -> str:
        """The name of the column where programs read it: `late_ms`."""
        return f"{self.name}_{self.unit}" if self.unit else self.name


class Output:
    """Where a command prints; `now` is the instant from which distances are shown."""

    def __init__(self, options: Options, zone: tzinfo | None, world: World) -> None:
        self.options = options
        self.zone = zone
        self.world = world
        self.is_terminal = world.shows_tables()

    @property
    def format(self) -> str:
        """The format of lists: as given, else a table for people and tabs for programs."""
        return self.options.output or ("table" if self.is_terminal else "tsv")

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self.world.clock()

    def hint(self, text: str) -> None:
        """Print what helps a person, on standard error, unless --quiet."""
        if not self.options.quiet:
            click.echo(escapes.printable(text), err=True)

    def line(self, text: str) -> None:
        """Print a line of data."""
        self._print(escapes.printable(text))

    def document(self, document: Json) -> None:
        """Print a document of the API as JSON, in one line for jsonl."""
        indent = None if self.options.output == "jsonl" else 2
        click.echo(escapes.document(document, indent=indent))

    def compact(self, document: Json) -> None:
        """Print a document of the API as JSON in one line."""
        click.echo(escapes.document(document))

    def content(self, content: bytes) -> None:
        """Print bytes as they are; on a terminal as a text with control characters escaped."""
        if not self.is_terminal:
            click.echo(content, nl=False)
            return
        text = content.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
        click.echo(escapes.lines(text), nl=not text.endswith("\n"))

    def one(self, document: Row, sentence: str, *, of: str = "id") -> None:
        """Print one thing: a sentence on a terminal, the document as JSON, else its id."""
        if self.options.is_json:
            self.document(document)
        elif self.format == "table":
            self.line(sentence)
        else:
            self.line(f"{document.get(of, '')}")

    def refuse_ids(self) -> None:
        """Raise Failure if only ids are wanted: what the command shows has none."""
        if self.format == "id":
            raise Failure(
                Exit.USAGE,
                "Wrong usage",
                "What this command shows has no ids.",
                "Print it with -o json, or without -o id.",
            )

    def fields(self, document: Row, fields: Sequence[tuple[str, Any]], *, of: str = "id") -> None:
        """Print the fields of one thing, one a line; those that are None are left out.

        `of` is the member that is printed with `-o id`.
        """
        if self.options.is_json:
            self.document(document)
            return
        if self.format == "id":
            self.line(f"{document.get(of, '')}")
            return
        present = [(name, value) for name, value in fields if value not in (None, "")]
        wide = max((len(name) for name, _ in present), default=0)
        for name, value in present:
            if self.format == "table":
                self.line(f"{name:<{wide}}  {self.text(value)}")
            else:
                _write_cells([name, self.plain(value)], self.format)

    def rows(self, found: Iterable[Row], columns: Sequence[Column], *, of: str = "id") -> int:
        """Print a list as it arrives; return its length.

        `of` is the member that is printed with `-o id`.
        """
        match self.format:
            case "json":
                return self._array(found)
            case "jsonl":
                return _count(found, self.document)
            case "id":
                return _count(found, lambda each: self.line(f"{each.get(of, '')}"))
            case "csv" | "tsv" as form:
                return self._separated(found, self._chosen(columns), form)
            case _:
                return self._tables(found, self._chosen(columns))

    def text(self, value: object) -> str:
        """Return a value as a person reads it."""
        if isinstance(value, datetime):
            return times.day_and_time(value, self.zone, self.now)
        return _plain(value)

    def plain(self, value: object) -> str:
        """Return a value as a program reads it."""
        if isinstance(value, datetime):
            return times.iso_in(value, self.zone)
        return _plain(value)

    def _chosen(self, columns: Sequence[Column]) -> list[Column]:
        if not self.options.columns:
            is_table = self.format == "table"
            shown = [each for each in columns if not each.is_extra]
            if is_table:
                return [each for each in shown if not each.is_for_programs]
            return [each for each in shown if not each.is_for_people]
        headings = {each.heading.lower(): each for each in columns}
        named = {each.name.lower(): each for each in columns} | headings
        wanted = [each.strip().lower() for each in self.options.columns.split(",")]
        unknown = [each for each in wanted if each not in named]
        if unknown:
            raise Failure(
                Exit.USAGE,
                "Wrong usage",
                f"There is no column {', '.join(unknown)}.",
                f"The columns are {', '.join(headings)}.",
            )
        return [named[each] for each in wanted]

    def _array(self, found: Iterable[Row]) -> int:
        """Print one array. An empty one is printed as well; a failure before it leaves nothing."""
        elements = list(found)
        self.document(elements)
        return len(elements)

    def _separated(self, found: Iterable[Row], columns: list[Column], form: str) -> int:
        arriving = iter(found)
        first = list(islice(arriving, 1))  # a failure comes before the header
        if not self.options.no_header:
            _write_cells([each.heading.lower() for each in columns], form)
        return _count(
            chain(first, arriving),
            lambda row: _write_cells([self.plain(each.value(row)) for each in columns], form),
        )

    def _tables(self, found: Iterable[Row], columns: list[Column]) -> int:
        count = 0
        left_out: tuple[str, ...] = ()
        limit = None if self.options.output == "table" else self.world.columns()
        for part in _parts(found):
            cells = [[self._cell(each, row) for each in columns] for row in part]
            laid_out = table.lay_out(
                [each.name.upper() for each in columns],
                cells,
                columns=limit,
                free=frozenset(each.name.upper() for each in columns if each.is_free),
                right=frozenset(each.name.upper() for each in columns if each.is_number),
            )
            skipped = 1 if self.options.no_header or count else 0
            for line in laid_out.lines[skipped:]:
                self._print(line)
            count += len(part)
            left_out = laid_out.left_out or left_out
        if left_out:
            self.hint(f"These columns do not fit: {', '.join(left_out)}. -o table shows all.")
        return count

    def _cell(self, column: Column, row: Row) -> str:
        if column.shown is not None:
            return column.shown(row)
        return self.text(column.value(row))

    def _print(self, line: str) -> None:
        """Print a line, on a terminal with the marks of success and failure in colour."""
        plain = self.options.no_color or self.world.around.environ.get("NO_COLOR")
        if plain or not self.is_terminal:
            click.echo(line)
            return
        for mark, color in _COLORS.items():
            line = line.replace(f"{mark} ", f"{click.style(mark, fg=color)} ")
        click.echo(line, color=True)


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ",".join(_plain(each) for each in value)
        case dict():
            return escapes.document(value)
        case _:
            return f"{value}"


def _write_cells(cells: list[str], form: str) -> None:
    if form != "csv":
        click.echo("\t".join(escapes.printable(each) for each in cells))
        return
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([escapes.cell(each) for each in cells])
    click.echo(written.getvalue(), nl=False)


def _parts(found: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in parts whose columns are measured together; an empty part if none came."""
    arriving = iter(found)
    part = list(islice(arriving, _WIDE_AT_ONCE))
    yield part
    while part := list(islice(arriving, _WIDE_AT_ONCE)):
        yield part


def _count(found: Iterable[Row], show: Callable[[Row], None]) -> int:
    count = 0
    for count, each in enumerate(found, 1):  # noqa: B007 - the number of the last one is wanted
        show(each)
    return count
